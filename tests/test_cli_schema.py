"""``fairveil schema --from-sdv`` and ``fairveil export sdv``: metadata in and out."""

import json

import pytest
from typer.testing import CliRunner

from fairveil import cli
from fairveil.schema import Schema
from test_sdv import COLUMNS, SINGLE, TWO


def run(*args):
    return CliRunner().invoke(cli.app, [*map(str, args)])


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "meta.json").write_text(json.dumps(SINGLE), encoding="utf-8")
    (tmp_path / "two.json").write_text(json.dumps(TWO), encoding="utf-8")
    (tmp_path / "t.csv").write_text("a\n1\n", encoding="utf-8")
    return tmp_path


def test_metadata_becomes_a_schema_and_the_rest_is_named(place):
    done = run("schema", "--from-sdv", "meta.json", "-o", "s.json")
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    assert "Wrote s.json: 5 columns." in said
    assert "lacks bounds or categories of city, pay, weight, age, born" in said
    assert "--discover" in said
    schema = Schema.load("s.json")
    assert schema.declared_by == "SDV metadata"
    assert schema.copied_from_data() == ()


def test_a_table_of_several_and_what_was_detected(place):
    wishes = ("--sdv-table", "a", "--sdv-detected", "--declared-by", "the office")
    done = run("schema", "--from-sdv", "two.json", "-o", "s.json", *wishes)
    assert done.exit_code == 0, done.output
    schema = Schema.load("s.json")
    assert (schema.names, schema.declared_by) == (("x",), "the office")
    assert schema.copied_from_data() == ("x.dtype", "x.nullable")
    assert "are marked" in done.output


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("-o", "s.json"), "from a table or --from-sdv"),
        (("t.csv", "--from-sdv", "meta.json", "-o", "s.json"), "a table or --from-sdv"),
        (("t.csv", "--sdv-detected", "-o", "s.json"), "--from-sdv is missing"),
        (("--from-sdv", "two.json", "-o", "s.json"), "try --sdv-table a, or b"),
        (("--from-sdv", "t.csv", "-o", "s.json"), "not JSON"),
        (("--from-sdv", "none.json", "-o", "s.json"), "cannot be read"),
        (("--from-sdv", "meta.json", "-o", "meta.json"), "overwrite an input"),
        (
            ("--from-sdv", "meta.json", "--declare-public", "-o", "s.json"),
            "about a table",
        ),
    ],
)
def test_refused_in_one_line(place, args, said):
    done = run("schema", *args)
    assert done.exit_code == 2, done.output
    assert said in " ".join(done.output.split())
    assert not (place / "s.json").exists()


def test_a_model_tells_sdv_what_its_columns_are(place, tiny_model):
    tiny_model.save("m.fairveil")
    done = run("export", "sdv", "m.fairveil", "-o", "out.json", "--table", "people")
    assert done.exit_code == 0, done.output
    said = json.loads((place / "out.json").read_text(encoding="utf-8"))
    assert said == tiny_model.schema_.to_sdv(table="people")
    told = said["tables"]["people"]["columns"]
    assert told["age"] == {"sdtype": "numerical", "computer_representation": "Int64"}
    assert told["member"] == COLUMNS["member"]
    wrong = run("export", "sdv", "m.fairveil", "-o", "x", "--metadata-version", "V2")
    assert wrong.exit_code == 2
    assert "unknown version" in wrong.output
    assert not (place / "x").exists()
