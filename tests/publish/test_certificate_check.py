"""A certificate is checked: what was changed by hand is found."""

import json

import pytest

from fairveil.certificate import check_certificate
from fairveil.errors import ConfigError

ALL = (
    "consistent with itself",
    "private",
    "unit",
    "epsilon promised",
    "epsilon spent",
    "what follows from the statement",
    "model file",
    "schema",
    "the model's statement",
    "fairness and distortions",
    "release",
)


def failed(facts, place, **kwargs):
    found = check_certificate(
        facts, model=place / "m.fairveil", output=place / "s.csv", **kwargs
    )
    return [check.name for check in found.checks if not check.passed]


def test_a_certificate_holds(facts, place, tmp_path):
    (tmp_path / "c.json").write_text(json.dumps(facts))
    found = check_certificate(
        tmp_path / "c.json", model=place / "m.fairveil", output=place / "s.csv"
    )
    assert found.passed
    assert tuple(check.name for check in found.checks) == ALL
    assert 0 < found.recomputed <= found.epsilon == 1.0


def test_alone_it_is_checked_against_itself(facts):
    found = check_certificate(facts)
    assert found.passed
    assert tuple(check.name for check in found.checks) == ALL[:6]


def edited(facts, path, value):
    inner = facts
    *way, last = path
    for key in way:
        inner = inner[key]
    inner[last] = value
    return facts


FOLLOWS = ["what follows from the statement"]


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("hashes", "model"), "0" * 64, ["model file"]),
        (("hashes", "schema"), "0" * 64, ["schema"]),
        (("hashes", "output"), None, ["release"]),
        (("promise", "epsilon"), 0.5, FOLLOWS),
        (("promise", "sentence"), "All is well.", FOLLOWS),
        (("attacker", "true_positives"), 0.0111, FOLLOWS),
        (("attacker", "beliefs", 1, "highest"), 0.11, FOLLOWS),
        (("budget", "events", 0, "noise", "value"), 1.0, FOLLOWS),
        (("budget", "events"), [], FOLLOWS),
        (("budget",), None, FOLLOWS),
        (("assumptions", "noise", "seeded"), True, FOLLOWS),
        (("dp_label", "ask_about"), [], FOLLOWS),
        (("sources", "/budget"), "synthetic", FOLLOWS),
        (("private",), 1, FOLLOWS),
        (("fairness", "promise"), "Fair.", ["fairness and distortions"]),
        (("fairness", "does_not_give"), [], ["fairness and distortions"]),
        (("distortions",), [], ["fairness and distortions"]),
        (("hashes",), 3, ["model file", "schema", "release"]),
    ],
)
def test_an_edit_is_found(facts, place, path, value, said):
    assert failed(edited(facts, path, value), place) == said


def test_another_release_is_found(facts, place, tmp_path):
    text = (place / "s.csv").read_text()
    (tmp_path / "s.csv").write_text(text[:-1])
    found = check_certificate(facts, output=tmp_path / "s.csv")
    assert [c.name for c in found.checks if not c.passed] == ["release"]


def test_a_statement_with_less_epsilon_does_not_pass(facts, place):
    facts["statement"]["epsilon"] = 0.5
    assert failed(facts, place) == ["statement"]
    del facts["statement"]
    assert failed(facts, place) == ["statement"]


def test_what_is_not_private_does_not_pass(seeded_model):
    found = check_certificate(seeded_model.certificate().facts)
    assert not found.passed
    assert "private" in [c.name for c in found.checks if not c.passed]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[1]", "no fairveil certificate"),
        ('{"format": "fairveil-statement"}', "no fairveil certificate"),
        ('{"format": "fairveil-certificate", "version": 9}', "version is unknown"),
        ("{", "not JSON"),
    ],
)
def test_other_files_are_refused(tmp_path, content, said):
    (tmp_path / "c.json").write_text(content)
    with pytest.raises(ConfigError, match=said):
        check_certificate(tmp_path / "c.json")
    with pytest.raises(ConfigError, match="cannot be read"):
        check_certificate(tmp_path / "none.json")
