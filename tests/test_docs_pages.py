"""The pages of the site are executed, from top to bottom, on small tables and settings.

A page is one scope, as its reader has it. The embedded tables are short here, and fits
are tiny and without a WGAN, whose training has tests of its own: what is tested is that
every line runs and every ``assert`` of a page holds.
A ``fairveil fit`` of a command line is one of the README's, whose test runs it.
"""

import re
import shlex
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

import fairveil.datasets
from fairveil import cli
from fairveil.datasets import load_adult
from fairveil.post import teacher
from fairveil.synthesizer import FairVeil

DOCS = Path(__file__).parents[1] / "docs"
README = (DOCS.parent / "README.md").read_text(encoding="utf-8")
PAGES = (
    "start.md",
    "tutorials/trial.md",
    "tutorials/hospital.md",
    "tutorials/lender.md",
    "tutorials/census.md",
)


def blocks(page, kind):
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(rf"```{kind}\n(.*?)```", text, flags=re.DOTALL)


@pytest.fixture
def small(tiny_fits, tmp_path, monkeypatch):
    del tiny_fits
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(teacher, "BATCH", 4096)
    short = load_adult().head(1500)
    monkeypatch.setattr(fairveil.datasets, "load_adult", short.copy)
    for method in (FairVeil.__init__, FairVeil.refine):
        monkeypatch.setitem(method.__kwdefaults__, "generator", "decoder")


@pytest.mark.parametrize("page", PAGES)
def test_the_page_runs(page, small):
    scope = {"__name__": "page"}
    for number, block in enumerate(blocks(page, "python")):
        exec(compile(block, f"{page}, block {number + 1}", "exec"), scope)
    lines = [line for block in blocks(page, "console") for line in block.splitlines()]
    for line in lines:
        assert line.startswith("fairveil "), line
        if line.startswith("fairveil fit "):
            assert line in README
            shutil.copy("adult.fairveil", "model.fairveil")
            continue
        result = CliRunner().invoke(cli.app, shlex.split(line, comments=True)[1:])
        assert result.exit_code == 0, (line, result.output)


def test_every_page_has_something_to_run():
    assert [page for page in PAGES if not blocks(page, "python")] == []


def test_the_odds_on_the_page_are_those_of_its_block():
    scope = {}
    (block,) = blocks("concepts/epsilon.md", "python")
    exec(compile(block, "epsilon.md", "exec"), scope)
    text = (DOCS / "concepts" / "epsilon.md").read_text(encoding="utf-8")
    assert len(scope["lines"]) == 4
    assert [line for line in scope["lines"] if f"| {line} |" not in text] == []


@pytest.mark.parametrize("page", ["method.md", "data-card.md"])
def test_a_page_without_a_fit_runs(page):
    (block,) = blocks(page, "python")
    exec(compile(block, page, "exec"), {})
