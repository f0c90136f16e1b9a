"""``fairveil report`` and ``fairveil plot``: made, drawn, and refused."""

import json

import pytest
from typer.testing import CliRunner

from fairveil import cli


@pytest.fixture(scope="module")
def place(tmp_path_factory, tiny_model, tiny_table):
    folder = tmp_path_factory.mktemp("cli_report")
    tiny_model.save(folder / "m.fairveil")
    tiny_model.sample(200, random_state=3).to_csv(folder / "s.csv", index=False)
    tiny_table.to_csv(folder / "real.csv", index=False)
    return folder


def run(*args):
    return CliRunner().invoke(cli.app, [*map(str, args)])


@pytest.fixture(scope="module")
def done(place):
    return run(
        "report", place / "real.csv", place / "s.csv", place / "m.fairveil", "-o",
        place / "r.html", "--no-attacks", "--record", place / "rec.json", "--name", "S",
        "--date", "2026-01-31",
    )  # fmt: skip


def test_a_report_is_made(done, place):
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    assert "CONFIDENTIAL" in said
    assert "No control rows were given" in said
    html = (place / "r.html").read_text(encoding="utf-8")
    assert "2026-01-31" in html
    facts = json.loads((place / "r.json").read_text(encoding="utf-8"))
    assert facts["identity"]["choice"]["state"] == "this release"
    assert (
        json.loads((place / "rec.json").read_text())["entries"][0]["kind"] == "report"
    )


@pytest.mark.parametrize(
    ("kind", "sources", "name"),
    [
        ("columns", ("r.json",), "x.svg"),
        ("pairs", ("real.csv", "s.csv"), "x.svg"),
        ("errors", ("real.csv", "s.csv"), "x.png"),
        ("columns", ("real.csv", "s.csv"), "x.svg"),
        ("budget", ("m.fairveil",), "x.svg"),
        ("hidden", ("r.json",), "x.svg"),
    ],
)
def test_a_picture_is_drawn(done, place, tmp_path, kind, sources, name):
    made = run("plot", kind, *(place / s for s in sources), "-o", tmp_path / name)
    assert made.exit_code == 0, made.output
    assert (tmp_path / name).stat().st_size > 2000
    assert ("CONFIDENTIAL" in made.output) is (kind != "budget")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("plot", "pie", "R", "-o", "x.svg"), "pie"),
        (("plot", "pairs", "R", "-o", "x.pdf"), "SVG or a PNG"),
        (("plot", "pairs", "M", "-o", "x.svg"), "not JSON"),
        (("plot", "attacks", "R", "-o", "x.svg"), "no figures for this picture"),
        (("plot", "frontier", "R", "-o", "x.svg"), "no figures for this picture"),
        (("plot", "fairness", "T", "S", "-o", "x.svg"), "another number of files"),
        (("plot", "budget", "R", "-o", "R"), "SVG or a PNG"),
        (("report", "T", "S", "M", "-o", "x.pdf"), ".html or .json"),
        (("report", "T", "S", "M", "-o", "T"), ".html or .json"),
        (("report", "T", "M", "M", "-o", "x.html"), "not supported"),
        (("report", "S", "S", "M", "-o", "x.html"), "the release is the real table"),
        (("report", "T", "S", "T", "-o", "x.html"), "not a fairveil model"),
        (("report", "none.csv", "S", "M", "-o", "x.html"), "none.csv"),
        (("report", "T", "S", "M", "-o", "x.html", "--record", "T"), "overwrite"),
        (("report", "T", "S", "M", "-o", "x.html", "--date", "today"), "the date"),
    ],
)
def test_refused_in_one_line(done, place, tmp_path, monkeypatch, args, said):
    monkeypatch.chdir(tmp_path)
    names = {"T": "real.csv", "S": "s.csv", "M": "m.fairveil", "R": "r.json"}
    found = run(*(place / names[arg] if arg in names else arg for arg in args))
    assert found.exit_code == 2, found.output
    text = " ".join(found.output.split())
    assert "Error: " in text
    assert said in text
    assert list(tmp_path.iterdir()) == []
