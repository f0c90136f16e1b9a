"""``fairveil certify``: made, checked, and refused."""

import json

import pytest
from typer.testing import CliRunner

from fairveil import cli


@pytest.fixture(scope="module")
def place(tmp_path_factory, tiny_model):
    folder = tmp_path_factory.mktemp("certify")
    tiny_model.save(folder / "m.fairveil")
    tiny_model.sample(300, random_state=3).to_csv(folder / "s.csv", index=False)
    return folder


def run(*args):
    return CliRunner().invoke(cli.app, ["certify", *map(str, args)])


def test_made_and_checked(place, tmp_path):
    page = tmp_path / "c.html"
    made = run(
        place / "m.fairveil", "--output", place / "s.csv", "-o", page, "--name", "S",
        "--steward", "T", "--purpose", "U", "--date", "2026-01-31",
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    assert "at most 2.719 times as likely" in " ".join(made.output.split())
    facts = json.loads((tmp_path / "c.json").read_text(encoding="utf-8"))
    assert facts["identity"]["date"] == "2026-01-31"
    assert "2026-01-31" in page.read_text(encoding="utf-8")
    check = ("--check", tmp_path / "c.json")
    checked = run(place / "m.fairveil", "--output", place / "s.csv", *check)
    assert checked.exit_code == 0, checked.output
    assert "The certificate holds" in checked.output
    assert "Not checked" in checked.output
    as_json = run(*check, "--json")
    assert json.loads(as_json.output)["passed"] is True
    other = run("--output", place / "m.fairveil", *check)
    assert other.exit_code == 1
    assert "FAILED release" in " ".join(other.output.split())
    facts["attacker"]["advantage"] = 0.0
    (tmp_path / "c.json").write_text(json.dumps(facts), encoding="utf-8")
    assert run(*check).exit_code == 1


def test_of_a_model_alone_it_says_so(place, tmp_path):
    made = run(place / "m.fairveil", "-o", tmp_path / "c.json")
    assert made.exit_code == 0, made.output
    assert "linked to no release" in " ".join(made.output.split())
    assert [p.name for p in tmp_path.iterdir()] == ["c.json"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((), "a model and a place"),
        (("M",), "a model and a place"),
        (("M", "-o", "c.pdf"), ".html or .json"),
        (("M", "-o", "no/c.html"), "does not exist"),
        (("M", "-o", "c.html", "--json"), "belongs to --check"),
        (("M", "-o", "c.html", "--check", "c.json"), "--check writes nothing"),
        (("M", "-o", "c.html", "--date", "today"), "the date cannot be read"),
        (("M", "-o", "c.html", "--output", "M"), "not supported"),
        (("M", "-o", "c.html", "--output", "none.csv"), "cannot be read"),
        (("M", "-o", "c.html", "--record", "M"), "overwrite an input"),
        (("S", "-o", "c.html"), "not a fairveil model"),
        (("--check", "none.json"), "cannot be read"),
        (("--check", "S"), "not JSON"),
    ],
)
def test_refused_in_one_line(place, tmp_path, monkeypatch, args, said):
    monkeypatch.chdir(tmp_path)
    names = {"M": place / "m.fairveil", "S": place / "s.csv"}
    done = run(*(names.get(arg, arg) for arg in args))
    assert done.exit_code == 2, done.output
    text = " ".join(done.output.split())
    assert text.startswith("Error: ")
    assert said in text
    assert list(tmp_path.iterdir()) == []
