"""The command line as the corpus calls it: whatever it says holds no cell."""

import logging

import pytest
import typer
from nasty_files import NUMBER, WORD
from typer.testing import CliRunner

from fairveil.cli import app

MOST_SHOWN = 2500  # characters; a line that names a path and repeats no field


@pytest.fixture(scope="session")
def command():
    """The program, put together once."""
    return typer.main.get_command(app)


@pytest.fixture
def run(command, tmp_path, caplog, recwarn, monkeypatch):
    """Run a command; whatever it says holds no cell, and a failure is one line."""
    monkeypatch.setattr("typer.testing._get_command", lambda _: command)
    caplog.set_level(logging.INFO)

    def call(*args, most=MOST_SHOWN):
        before = {p for p in tmp_path.rglob("*") if p.suffix == ".tmp"}
        result = CliRunner().invoke(app, [str(a) for a in args], prog_name="fairveil")
        warned = "".join(str(w.message) for w in recwarn)
        for text in (result.output, caplog.text, warned):
            assert WORD not in text
            assert str(NUMBER) not in text
            assert "Traceback" not in text
            assert len(text) < most
        assert {p for p in tmp_path.rglob("*") if p.suffix == ".tmp"} == before
        assert isinstance(result.exception, SystemExit | None)
        assert result.exit_code in (0, 2), result.output
        if result.exit_code:
            assert result.stdout == ""
            (line,) = result.stderr.splitlines()
            assert line.startswith("Error: ")
        return result

    return call
