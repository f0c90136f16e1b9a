"""What a certificate says: every number has a source, and none comes from the table."""

import hashlib
import json
import os

import jsonschema
import pytest
from publish_about import ABOUT

from fairveil import FairVeil, certify
from fairveil.errors import ConfigError, NotFittedError, TableError, UnsupportedError
from fairveil.privacy import attacker, statement as statements
from fairveil.privacy.book import Book
from fairveil.publish import certificate as whole, page, words
from fairveil.publish.inputs import About, Model, Output, Released


def numbers(value, path=""):
    if isinstance(value, dict):
        for key, item in value.items():
            yield from numbers(item, f"{path}/{key}")
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from numbers(item, f"{path}/{i}")
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield path


def at(facts, path):
    for key in path.strip("/").split("/"):
        facts = facts[key]
    return facts


def test_the_json_obeys_its_schema(facts):
    schema = whole.json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(facts, schema)
    jsonschema.validate(facts["statement"], statements.json_schema())
    facts["surprise"] = 1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(facts, schema)


def test_every_number_has_a_source(facts):
    found = {path: words.source_of(facts, path) for path in numbers(facts)}
    assert len(found) > 100
    assert not [path for path, source in found.items() if source is None]
    assert set(found.values()) == {words.PUBLIC, words.RELEASED, words.SYNTHETIC}
    assert {entry["source"] for entry in facts["distortions"]} <= set(words.SOURCES)
    assert all(path.split("/")[1] in facts for path in facts["sources"])


def test_the_hashes_are_those_of_the_files(place, facts, tiny_model):
    for name, file in (("model", "m.fairveil"), ("output", "s.csv")):
        data = (place / file).read_bytes()
        assert facts["hashes"][name] == hashlib.sha256(data).hexdigest()
    schema = json.dumps(
        tiny_model.schema_.to_dict(),
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
    )
    digest = hashlib.sha256(schema.encode()).hexdigest()
    assert facts["hashes"]["schema"] == digest


def test_a_model_in_memory_has_the_certificate_of_its_file(
    place, tiny_model, certificate
):
    again = certify(tiny_model, output=place / "s.csv", **ABOUT)
    assert again.to_json() == certificate.to_json()


def test_no_hash_of_the_table_and_no_real_count(facts, tiny_table, tmp_path):
    text = json.dumps(facts)
    tiny_table.to_csv(tmp_path / "t.csv", index=False)
    digest = hashlib.sha256((tmp_path / "t.csv").read_bytes()).hexdigest()
    assert digest not in text
    # the noisy count is given; the file and the release have other sizes than the table
    assert facts["data"]["noisy_rows_of_table"] != len(tiny_table)


def test_the_budget_table_adds_up(facts, tiny_model):
    statement, budget = tiny_model.statement_, facts["budget"]
    assert len(budget["events"]) == len(statement.events)
    shares = [event["share"] for event in budget["events"]]
    assert sum(shares) == pytest.approx(1.0, abs=1e-3)
    assert sum(s["share"] for s in budget["stages"]) == pytest.approx(1.0, abs=1e-3)
    assert sum(s["looks"] for s in budget["stages"]) == len(statement.events)
    assert sum(budget["delta_parts"].values()) == pytest.approx(statement.delta)
    for row, event in zip(budget["events"], statement.events, strict=True):
        assert row["rho"] == event.rho
        assert row["noise"]["value"] == getattr(event, "e", None) or row["noise"][
            "value"
        ] == getattr(event, "noise_stddev", None)


def test_the_attacker_section_is_that_of_the_statement(facts, tiny_model):
    promise = attacker.promised(tiny_model.statement_)
    section = facts["attacker"]
    assert section["true_positives"] == attacker.most_power(promise, 0.01)
    assert [row["prior"] for row in section["beliefs"]] == [0.01, 0.1, 0.5]
    for row in section["beliefs"]:
        assert row["by_epsilon"]["lowest"] <= row["lowest"] < row["prior"]
        assert row["prior"] < row["highest"] <= row["by_epsilon"]["highest"]


def test_layers_name_what_is_there(facts):
    assert len(facts["nist_sp_800_226"]) == 6
    for paths in facts["nist_sp_800_226"].values():
        assert all(at(facts, path) is not None for path in paths)


def test_it_says_what_is_measured_and_what_not(facts):
    fairness = facts["fairness"]
    (group,) = fairness["measured"]
    assert group["sensitive"] == ["sex"]
    assert group["n"] == 400
    assert {c["column"] for c in group["columns"]} == {
        "age",
        "pay",
        "member",
        "city",
        "visits",
    }
    assert any("Equal error rates" in line for line in fairness["does_not_give"])


def test_without_a_release_it_is_of_the_model_alone(place):
    facts = certify(place / "m.fairveil").facts
    assert facts["hashes"]["output"] is None
    assert facts["data"]["rows"] is None
    assert facts["fairness"]["measured"] == []
    assert facts["identity"]["name"] == ""
    jsonschema.validate(facts, whole.json_schema())


def test_what_is_not_private_says_so_and_shows_nothing_of_its_fit(
    place, seeded_model, tmp_path
):
    made = certify(seeded_model, output=place / "s.csv", **ABOUT)
    facts = made.facts
    jsonschema.validate(facts, whole.json_schema())
    assert not made.private
    assert facts["promise"]["sentence"].startswith("NOT PRIVATE")
    assert facts["promise"]["epsilon"] is None
    assert facts["dp_label"]["ask_about"][0] == "it is not private"
    assert facts["data"]["noisy_rows_of_table"] is None
    assert facts["fairness"]["measured"] == []
    assert facts["uses"]["unfit"] == ["Publication, or any handing on."]
    assert facts["attacker"]["true_positives"] == 1.0
    sources = {words.source_of(facts, path) for path in numbers(facts)}
    assert words.RELEASED not in sources
    assert words.UNPROTECTED in sources
    assert {e["source"] for e in facts["distortions"]} == {words.PUBLIC}
    page, _ = made.save(tmp_path / "c.html")
    assert "NOT PRIVATE" in page.read_text(encoding="utf-8")[:2000]


def test_a_ledger_gives_its_totals(place, tmp_path):
    book = Book.create(tmp_path / "l", name="the survey", epsilon=2.0, delta=1e-4)
    facts = certify(place / "m.fairveil", ledger=tmp_path / "l").facts
    now = facts["budget"]["ledger"]["now"]
    assert now["name"] == "the survey"
    assert now["epsilon_of_all_fits"] == 0.0
    assert now["head"] == book.totals().head
    assert not facts["budget"]["ledger"]["kept"]  # the fit itself was not in it
    jsonschema.validate(facts, whole.json_schema())


def test_the_real_table_is_refused_as_a_release(place, tiny_table, tmp_path):
    real = tmp_path / "real.csv"
    tiny_table.assign(age=tiny_table["age"] * 100).to_csv(real, index=False)
    with pytest.raises(TableError, match="no release of this model") as caught:
        certify(place / "m.fairveil", output=real)
    assert "age" not in str(caught.value)
    # one that a ledger lies beside is somebody's data, whatever is in it
    copy = tmp_path / "s.csv"
    copy.write_bytes((place / "s.csv").read_bytes())
    certify(place / "m.fairveil", output=copy)
    (tmp_path / "s.csv.ledger").write_text("")
    with pytest.raises(TableError, match="never the real table"):
        certify(place / "m.fairveil", output=copy)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": "two\nlines"}, "name must be one line"),
        ({"steward": "x" * 501}, "steward must be one line"),
        ({"purpose": 3}, "purpose must be one line"),
        ({"date": "31.1.2026"}, "the date cannot be read"),
        ({"date": "2026-13-01"}, "the date cannot be read"),
        ({"output": "nowhere.csv"}, "the output cannot be read"),
        ({"record": "nowhere/r.json"}, "the record file cannot be written"),
        ({"ledger": "nowhere.ledger"}, "ledger"),
    ],
)
def test_wrong_inputs_are_refused(place, wrong, said):
    with pytest.raises((ConfigError, TableError), match=said):
        certify(place / "m.fairveil", **wrong)


def test_other_wrong_inputs(place, tmp_path, certificate):
    with pytest.raises(NotFittedError):
        certify(FairVeil())
    Book.create(tmp_path / "l", name="x", epsilon=2.0, delta=1e-4, unit="patient")
    with pytest.raises(ConfigError, match="another unit"):
        certify(place / "m.fairveil", ledger=tmp_path / "l")
    os.mkfifo(tmp_path / "pipe.csv")  # nobody writes into it: reading would wait
    with pytest.raises(TableError, match="output cannot be read"):
        certify(place / "m.fairveil", output=tmp_path / "pipe.csv")
    with pytest.raises(ConfigError, match=r"\.html or \.json"):
        certificate.save(tmp_path / "c.pdf")
    with pytest.raises(TableError, match="cannot be written"):
        certificate.save(tmp_path / "nowhere" / "c.json")
    with pytest.raises(ConfigError, match="no SHA-256"):
        Output(sha256="abc", rows=1, size=1)
    assert About(date="2026-01-31").date == "2026-01-31"


def test_a_model_that_is_not_private_cannot_be_given_numbers(seeded_model):
    with pytest.raises(ConfigError, match="released nothing"):
        Model(
            sha256="0" * 64,
            statement=seeded_model.statement_,
            promise=seeded_model.promise_,
            schema=seeded_model.schema_,
            released=Released(rows=1, marginals=()),
        )


def test_json_needs_no_jinja2_and_the_page_says_what_to_install(
    certificate, tmp_path, monkeypatch
):
    monkeypatch.setattr(page, "find_spec", lambda _name: None)
    page._environment.cache_clear()
    assert certificate.save(tmp_path / "c.json") == (tmp_path / "c.json",)
    with pytest.raises(UnsupportedError, match="pip install 'fairveil\\[reports\\]'"):
        certificate.save(tmp_path / "d.html")
    assert [p.name for p in tmp_path.iterdir()] == ["c.json"]


@pytest.mark.parametrize(
    ("chance", "said"), [(1e-5, "1 in 100,000"), (3e-6, "1 in 333,000")]
)
def test_small_chances_in_words_are_rounded_up(chance, said):
    assert words.one_in(chance) == said
    assert 1.0 / float(said.removeprefix("1 in ").replace(",", "")) >= chance * (
        1 - 1e-9
    )
