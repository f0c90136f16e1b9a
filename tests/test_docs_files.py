"""Pages that speak of files are executed where such files lie, on small settings.

``test_docs_pages.py`` does the same for pages that need nothing but themselves.
"""

import json
import re
import shlex
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from typer.testing import CliRunner

from fairveil import cli
from fairveil.datasets import load_adult
from fairveil.post import teacher
from fairveil.privacy.book import Book
from fairveil.synthesizer import FairVeil

ROOT = Path(__file__).parents[1]
METADATA = {
    "METADATA_SPEC_VERSION": "SINGLE_TABLE_V1",
    "columns": {
        "age": {"sdtype": "numerical", "computer_representation": "UInt8"},
        "city": {"sdtype": "categorical"},
        "member": {"sdtype": "boolean"},
    },
}


def blocks(page, kind):
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return re.findall(rf"```{kind}\n(.*?)```", text, flags=re.DOTALL)


def commands(page):
    """The page's command lines; a backslash at an end continues one."""
    text = "".join(blocks(page, "console")).replace("\\\n", " ")
    return [shlex.split(line, comments=True) for line in text.splitlines() if line]


@pytest.fixture
def desk(tiny_model, tiny_table, tmp_path, monkeypatch):
    """A steward's folder: a table, the model of its fit, a release, rows kept back."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(teacher, "BATCH", 4096)
    tiny_model.save("model.fairveil")
    tiny_model.sample(300, random_state=3).to_csv("synthetic.csv", index=False)
    tiny_table.head(300).to_csv("table.csv", index=False)
    tiny_table.tail(100).to_csv("kept-back.csv", index=False)
    Path("metadata.json").write_text(json.dumps(METADATA), encoding="utf-8")
    return tmp_path


@pytest.fixture
def quick_fits(tiny_fits, monkeypatch):
    """Fits are tiny and without a WGAN."""
    del tiny_fits
    for method in (FairVeil.__init__, FairVeil.refine):
        monkeypatch.setitem(method.__kwdefaults__, "generator", "decoder")


def run(words):
    assert words[0] == "fairveil", words
    result = CliRunner().invoke(cli.app, words[1:])
    assert result.exit_code == 0, (words, result.output)


@pytest.mark.parametrize("page", ["certificate.md", "sdv.md", "ledger.md"])
def test_the_command_lines_of_a_page_run(page, desk):
    lines = commands(page)
    assert len(lines) >= 3
    for words in lines:
        run(words)
    made = [w[w.index("-o") + 1] for w in lines if "-o" in w]
    assert [name for name in made if not (desk / name).stat().st_size] == []


def test_the_python_of_the_certificate_runs(desk):
    (block,) = blocks("certificate.md", "python")
    exec(compile(block, "certificate.md", "exec"), {})
    assert (desk / "certificate.html").exists()


def test_the_python_of_sdv_runs(desk):
    (block,) = blocks("sdv.md", "python")
    scope = {}
    exec(compile(block, "sdv.md", "exec"), scope)
    assert scope["schema"].names == ("age", "city", "member")
    assert scope["schema"].declared_by == "the clinic's code book"


def test_the_statement_is_verified_as_its_page_says(desk, tiny_model):
    tiny_model.statement_.save("statement.json")
    (words,) = commands("statement.md")
    run(words)


def test_the_report_of_its_page_is_made_and_drawn(desk):
    lines = commands("report.md")
    assert [words[1] for words in lines] == ["report", *["plot"] * 4]
    swept = "frontier model.fairveil --modes redraw --strengths 1 --rows 1000"
    run(["fairveil", *swept.split(), "--json", "frontier.json"])
    for words in lines:
        # the page's target is a column of Adult
        run([{"income": "member", ">50K": "True"}.get(w, w) for w in words])
    for name in ("report.html", "report.json", "pairs.svg", "columns.png"):
        assert (desk / name).stat().st_size > 2000, name


def test_the_python_of_data_runs(quick_fits, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (block,) = blocks("data.md", "python")
    rows = load_adult()[["sex", "age"]].head(6000).assign(ward=7)
    (tmp_path / "visits").mkdir()
    for month, half in (("01", rows[:3000]), ("02", rows[3000:])):
        half.to_parquet(f"visits/2024-{month}.parquet", index=False)
    duckdb.sql("CREATE OR REPLACE TEMP TABLE visits AS SELECT * FROM rows")
    scope = {}
    exec(compile(block, "data.md", "exec"), scope)
    assert type(scope["synthetic"]).__module__.startswith("polars")
    assert list(scope["synthetic"].columns) == ["sex", "age", "ward"]
    duckdb.sql("DROP TABLE visits")


def test_the_python_of_manners_runs(quick_fits):
    rows = load_adult()[["sex", "age"]].head(6000).assign(name="somebody")
    scope = {"table": rows}
    for block in blocks("python.md", "python"):
        exec(compile(block, "python.md", "exec"), scope)
    assert list(scope["synthetic"].columns) == ["sex", "age"]
    assert len(scope["synthetic"]) == 10_000


def test_the_command_lines_of_operations_run(quick_fits, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    load_adult()[["sex", "age"]].head(6000).to_csv("patients.csv", index=False)
    *first, resume = commands("operations.md")
    for words in first:
        run(words)
    assert Path("runs.log").stat().st_size > 0
    assert Book.open("patients.csv.ledger").totals().fits["closed"] == 1
    assert resume[:2] == ["fairveil", "resume"]
    assert len(pd.read_csv("synthetic.csv")) == 100_000
