"""Nasty files through what compares real rows: figures or one line of error, no leak.

A file stands in every place that takes a table at once, so that one reading which gets
it wrong is enough to fail. Files that hold figures for every role are attacked, too.
"""

import pytest
from nasty_files import FILES

ROLES = ("--sensitive", "a", "--target", "b", "--risks")
ATTACKED = (
    "plain",
    "one row",
    "mixed types",
    "infinities",
    "huge exponents",
    "all missing",
    "constant",
    "newlines inside quotes",
    "parquet with lists",
    "parquet with mappings",
    "parquet with the first and last years",
)


def agrees(result, told):
    """A file that a fit refuses is refused here in the same words."""
    if isinstance(told, str) and told not in ("name is too long", "too many columns"):
        assert result.exit_code == 2
        assert told in result.stderr


@pytest.mark.parametrize("name", FILES)
def test_an_evaluation_is_made_or_refused(name, tmp_path, run):
    make, told = FILES[name]
    table = make(tmp_path)
    result = run("evaluate", table, table, "--holdout", table)
    agrees(result, told)
    if told is None and result.exit_code:
        assert "no rows or no columns" in result.stderr, result.stderr


@pytest.mark.parametrize("name", ATTACKED)
def test_every_role_and_attack_has_figures_or_a_reason(name, tmp_path, run):
    make, _told = FILES[name]
    table = make(tmp_path)
    result = run("evaluate", table, table, "--holdout", table, *ROLES, most=9000)
    if result.exit_code:
        assert "got 'b'" in result.stderr or "lists" in result.stderr, result.stderr
