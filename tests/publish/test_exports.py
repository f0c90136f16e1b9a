"""Exports: validated by the tools of those who read them, and by hand.

mlcroissant and huggingface_hub bring two dozen packages (one of which would change what
Pyright knows of pandas), so they have an environment of their own, which ``make
export-tools`` makes and ``make test`` uses.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fairveil import certify, cli
from fairveil.errors import ConfigError
from fairveil.publish.cards import dataset_card, model_card
from fairveil.publish.croissant import VERSIONS, croissant
from fairveil.publish.labels import Labels

HERE = Path(__file__).parent
TOOLS = Path(
    os.environ.get("FAIRVEIL_EXPORT_TOOLS")
    or HERE.parents[1] / ".venv/export-tools/bin/python"
)
with_tools = pytest.mark.skipif(
    not TOOLS.exists(), reason="no environment with mlcroissant: make export-tools"
)
LABELS = Labels(file="s.csv", licence="cc-by-4.0", url="https://example.org/<b>")


def asked(kind, path):
    """What the tool says of a file; it runs without fairveil and without a network."""
    clean = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [TOOLS, HERE / "export_tools.py", kind, path],
        capture_output=True,
        text=True,
        check=False,
        env=clean | {"HF_HUB_OFFLINE": "1"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def run(*args):
    return CliRunner().invoke(cli.app, ["export", *map(str, args)])


@pytest.fixture(scope="module")
def exported(place):
    """All three exports, written beside the release by the command line."""
    about = ("--name", "Survey <b>", "--steward", "The office", "--license", "mit")
    model, release = place / "m.fairveil", ("--output", place / "s.csv")
    for what, more, name in (
        ("croissant", release, "croissant.json"),
        ("dataset-card", release, "README.md"),
        ("model-card", (), "MODEL.md"),
    ):
        done = run(what, model, *more, "-o", place / name, *about)
        assert done.exit_code == 0, done.output
    return place


@with_tools
def test_mlcroissant_finds_no_error_and_reads_the_rows(exported):
    said = asked("croissant", exported / "croissant.json")
    assert said["errors"] == []
    assert all("recommended" in text for text in said["warnings"])
    assert said["rows"] == 400
    assert said["version"] == "CroissantVersion.V_1_1"
    assert said["types"]["age"] == ["int"]
    assert said["types"]["pay"] == ["NoneType", "float"]
    assert said["types"]["member"] == ["bool"]
    assert "sex" in said["sensitive"][0]
    assert "Equal error rates" in said["biases"][0]


@with_tools
def test_huggingface_hub_loads_the_cards(exported):
    data = asked("dataset", exported / "README.md")
    assert data["head"]["pretty_name"] == "Survey <b> (SYNTHETIC)"
    assert data["head"]["license"] == "mit"
    assert data["head"]["size_categories"] == ["n<1K"]
    assert data["head"]["configs"][0]["data_files"] == "s.csv"
    assert "differential-privacy" in data["head"]["tags"]
    assert "Not fit for" in data["text"]
    model = asked("model", exported / "MODEL.md")
    assert model["head"]["library_name"] == "fairveil"
    assert "fairveil sample m.fairveil" in model["text"]


def test_croissant_names_the_file_by_its_hash(facts, tiny_schema):
    said = croissant(facts, tiny_schema, LABELS)
    (file,) = said["distribution"]
    assert said["conformsTo"] == list(VERSIONS)
    assert file["sha256"] == facts["hashes"]["output"]
    assert file["contentUrl"] == "s.csv"
    (rows,) = said["recordSet"]
    types = {f["name"]: f["dataType"] for f in rows["field"]}
    assert types == {
        "sex": "sc:Text",
        "age": "sc:Integer",
        "pay": "sc:Float",
        "member": "sc:Boolean",
        "city": "sc:Text",
        "visits": "sc:Float",  # may be missing
    }
    assert "datePublished" not in said  # none was given


def test_no_export_has_a_number_that_the_certificate_lacks(facts, tiny_schema):
    """Facts that are absent from the certificate cannot come out of an export."""
    for key in ("attacker", "budget", "statement", "dp_label"):
        text = json.dumps(croissant(facts, tiny_schema, LABELS))
        assert json.dumps(facts[key]) not in text
    said = text + dataset_card(facts, LABELS) + model_card(facts, LABELS)
    assert str(facts["data"]["noisy_rows_of_table"]) in said  # a distortion tells it
    assert facts["promise"]["sentence"].split(",")[0] in said


def test_cards_escape_what_was_written(facts):
    facts["identity"]["purpose"] = "# <script>alert(1)</script> | [x](y) *b*"
    card = dataset_card(facts, LABELS)
    assert "<script>" not in card
    assert "\\<script\\>" in card
    assert "\\| \\[x\\]" in card
    head = card.split("---")[1]
    assert json.loads(head.splitlines()[1].partition(": ")[2]) == (
        "Survey <b> (SYNTHETIC)"
    )


def test_what_is_not_private_is_stamped(seeded_model, place, tiny_schema):
    facts = certify(seeded_model, output=place / "s.csv", name="S").facts
    said = croissant(facts, tiny_schema, LABELS)
    assert said["name"].startswith("NOT PRIVATE: S")
    assert said["description"].startswith("NOT PRIVATE")
    assert "differential-privacy" not in said["keywords"]
    for card in (dataset_card(facts, LABELS), model_card(facts, LABELS)):
        assert "# NOT PRIVATE: S" in card
        assert "not-private" in card.split("---")[1]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"file": ""}, "a name without a folder"),
        ({"file": "a/b.csv"}, "a name without a folder"),
        ({"file": "s.csv", "url": "javascript:x"}, "the url cannot be used"),
        ({"file": "s.csv", "version": "1"}, "the version cannot be read"),
        ({"file": "s.csv", "licence": "a\nb"}, "one line"),
    ],
)
def test_wrong_labels_are_refused(wrong, said):
    with pytest.raises(ConfigError, match=said):
        Labels(**wrong)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("croissant", "M", "--output", "S", "-o", "no/c.json"), "does not exist"),
        (("croissant", "M", "--output", "S", "-o", "S"), "overwrite an input"),
        (("dataset-card", "M", "--output", "none.csv", "-o", "R.md"), "cannot be read"),
        (("model-card", "S", "-o", "R.md"), "not a fairveil model"),
        (("model-card", "M", "-o", "R.md", "--url", "x"), "url cannot be used"),
    ],
)
def test_refused_in_one_line(place, tmp_path, monkeypatch, args, said):
    monkeypatch.chdir(tmp_path)
    names = {"M": place / "m.fairveil", "S": place / "s.csv"}
    done = run(*(names.get(arg, arg) for arg in args))
    assert done.exit_code == 2, done.output
    assert said in " ".join(done.output.split())
    assert list(tmp_path.iterdir()) == []
