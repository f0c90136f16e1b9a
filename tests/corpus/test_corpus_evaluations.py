"""Nasty files through what compares or publishes: a result or one line of error.

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


@pytest.fixture(scope="module")
def model(tmp_path_factory, tiny_model):
    path = tmp_path_factory.mktemp("corpus") / "m.fairveil"
    tiny_model.save(path)
    return path


@pytest.mark.parametrize("name", FILES)
def test_no_nasty_file_is_a_release(name, tmp_path, run, model):
    make, _told = FILES[name]
    table = make(tmp_path)
    result = run("certify", model, "--output", table, "-o", tmp_path / "c.json")
    assert result.exit_code == 2
    assert not (tmp_path / "c.json").exists()


@pytest.mark.parametrize("name", FILES)
def test_no_nasty_file_is_a_statement_or_a_certificate(name, tmp_path, run):
    make, _told = FILES[name]
    table = make(tmp_path)
    assert run("verify", table).exit_code == 2
    assert run("certify", "--check", table).exit_code == 2
    assert run("schema", "--from-sdv", table, "-o", tmp_path / "s.json").exit_code == 2


@pytest.mark.parametrize("name", FILES)
def test_rows_to_complete_are_read_or_refused(name, tmp_path, run, model):
    make, _told = FILES[name]
    table = make(tmp_path)
    made = tmp_path / "full.csv"
    result = run("complete", model, table, "-o", made)
    assert made.exists() == (result.exit_code == 0)
