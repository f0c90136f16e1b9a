"""The README is executed: its Python block and its command lines, on small settings."""

import re
import shlex
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from fairveil import cli
from fairveil.datasets import load_adult
from fairveil.post import teacher

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", README, flags=re.DOTALL)


@pytest.fixture(autouse=True)
def small(monkeypatch, tiny_fits, tmp_path):
    del tiny_fits
    monkeypatch.setattr(teacher, "BATCH", 4096)
    monkeypatch.chdir(tmp_path)


def test_the_python_block_runs():
    (block,) = blocks("python")
    scope = {}
    exec(compile(block, "README.md", "exec"), scope)
    assert len(scope["synthetic"]) == 10_000
    assert list(scope["synthetic"].columns) == list(load_adult().columns)
    assert Path("adult.fairveil").exists()


def keep_back():
    """Run the README's line that splits a table in two."""
    (line,) = re.findall(r'^python -c "(import pandas.*)"$', README, flags=re.MULTILINE)
    exec(compile(line, "README.md", "exec"), {})


def test_rows_that_are_kept_back_are_all_rows_once_and_as_they_were():
    text = 'a,b\n007,"x, y"\nNA,\n1.50,z\n2,\n3,w\n'
    Path("all.csv").write_text(text, encoding="utf-8")
    keep_back()
    (head, *table), (same, *control) = (
        Path(name).read_text(encoding="utf-8").splitlines()
        for name in ("table.csv", "control.csv")
    )
    assert head == same == "a,b"
    assert sorted(table + control) == sorted(text.splitlines()[1:])
    assert len(control) == 1


def test_the_command_lines_run():
    lines = [
        line.split("#")[0].strip()
        for block in blocks("console")
        for line in block.splitlines()
        if line.startswith("fairveil ")
    ]
    lines = [line for line in lines if not line.startswith("fairveil audit")]
    assert len(lines) == 12  # the audit has tests of its own
    load_adult().head(7500).to_csv("all.csv", index=False)  # enough for discovery
    keep_back()
    assert len(pd.read_csv("table.csv")) == 4 * len(pd.read_csv("control.csv")) == 6000
    for line in lines:
        # the library's figures are tested elsewhere: few rows, releases and attacks
        frontier, report = (
            line.startswith(f"fairveil {name}") for name in ("frontier", "report")
        )
        few = ["--rows", "1000", "--strengths", "0.5,1"] if frontier else []
        few += ["--no-attacks"] if report else []
        result = CliRunner().invoke(cli.app, [*shlex.split(line)[1:], *few])
        assert result.exit_code == 0, (line, result.output)
    rows = Path("synthetic.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 10_001


def test_linked_files_exist():
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    for link in links:
        assert (ROOT / link).exists(), link
