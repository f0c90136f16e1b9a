"""Nasty files through the command line: a release or one line of error, and no leak.

As in ``test_corpus_frames``, most fits stop where all cells have been looked at; some
files go all the way to a release that is read back.
"""

import logging

import pytest
import typer
from nasty_files import ANY, FILES, NUMBER, WORD
from typer.testing import CliRunner

from fairveil import chain
from fairveil.cli import app
from fairveil.errors import FairveilError
from fairveil.schema import Column, Schema
from fairveil.tables.files import read_table

MOST_SHOWN = 2500  # characters; a line that names a path and repeats no field
OF_FITS = ("name is too long", "too many columns")  # a draft is free, and edited
REACHED = "all that looks at cells has been done"


@pytest.fixture
def intake_only(monkeypatch):
    def reached(*_, **__):
        raise FairveilError(REACHED)

    monkeypatch.setattr(chain, "measured", reached)


@pytest.fixture(scope="session")
def command():
    """The program, put together once."""
    return typer.main.get_command(app)


@pytest.fixture
def run(command, tmp_path, caplog, recwarn, monkeypatch):
    """Run a command; whatever it says holds no cell, and a failure is one line."""
    monkeypatch.setattr("typer.testing._get_command", lambda _: command)
    caplog.set_level(logging.INFO)

    def call(*args):
        before = {p for p in tmp_path.rglob("*") if p.suffix == ".tmp"}
        result = CliRunner().invoke(app, [str(a) for a in args], prog_name="fairveil")
        warned = "".join(str(w.message) for w in recwarn)
        for text in (result.output, caplog.text, warned):
            assert WORD not in text
            assert str(NUMBER) not in text
            assert "Traceback" not in text
            assert len(text) < MOST_SHOWN
        assert {p for p in tmp_path.rglob("*") if p.suffix == ".tmp"} == before
        assert isinstance(result.exception, SystemExit | None)
        assert result.exit_code in (0, 2), result.output
        if result.exit_code:
            assert result.stdout == ""
            (line,) = result.stderr.splitlines()
            assert line.startswith("Error: ")
        return result

    return call


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
