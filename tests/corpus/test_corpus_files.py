"""Nasty files through the command line: a release or one line of error, and no leak.

As in ``test_corpus_frames``, most fits stop where all cells have been looked at; some
files go all the way to a release that is read back.
"""

import pytest
from nasty_files import ANY, FILES

from fairveil import chain
from fairveil.errors import FairveilError
from fairveil.schema import Column, Schema
from fairveil.tables.files import read_table

OF_FITS = ("name is too long", "too many columns")  # a draft is free, and edited
REACHED = "all that looks at cells has been done"


@pytest.fixture
def intake_only(monkeypatch):
    def reached(*_, **__):
        raise FairveilError(REACHED)

    monkeypatch.setattr(chain, "measured", reached)


def agrees(result, told):
    """Whether a fit said what it has to say of a file."""
    if told is ANY:
        return
    if told is None:
        small = "table is too small" in result.stderr
        assert small or REACHED in result.stderr, result.stderr
    else:
        assert told in result.stderr, result.stderr


@pytest.mark.parametrize("name", FILES)
def test_facts_are_copied_or_refused(name, tmp_path, run):
    make, told = FILES[name]
    result = run("schema", make(tmp_path), "-o", tmp_path / "s.json")
    assert (tmp_path / "s.json").exists() == (result.exit_code == 0)
    if result.exit_code == 0:
        assert Schema.load(tmp_path / "s.json").copied_from_data()
    if told not in (ANY, None, *OF_FITS):
        assert told in result.stderr


@pytest.mark.parametrize("name", FILES)
def test_a_private_fit_reads_or_refuses(name, tmp_path, run, intake_only):
    make, told = FILES[name]
    table, model = make(tmp_path), tmp_path / "m.fairveil"
    result = run("fit", table, "-o", model, "--epsilon", "1000")
    agrees(result, told)
    assert not model.exists()


WHOLE = ("header only", "emoji", "newlines inside quotes", "ten thousand categories")


@pytest.mark.slow
@pytest.mark.parametrize("name", WHOLE)
def test_a_release_has_the_columns_and_declared_values(
    name, tmp_path, run, tiny_fits, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    make, _told = FILES[name]
    table = make(tmp_path)
    words = Column(name="a", kind="categorical", categories=("x", "\r\n"), other="x")
    flags = Column(name="b", kind="boolean", nullable=True)
    Schema(columns=(words, flags)).save("s.json")
    made = ("--generator", "decoder", "--schema", "s.json", "-o", "m.fairveil")
    assert run("fit", table, *made).exit_code == 0
    assert run("sample", "m.fairveil", "-n", 30, "-o", "r.csv").exit_code == 0
    release = read_table("r.csv")
    assert list(release.columns) == ["a", "b"]
    assert len(release) == 30
    assert set(release["a"]) <= {"x", "\r\n"}
    assert set(release["b"].dropna()) <= {"True", "False"}


def test_there_are_enough_of_them():
    assert len(FILES) >= 95
