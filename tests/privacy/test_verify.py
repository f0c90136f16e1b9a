"""The second accountant agrees with honest statements and catches the others."""

import json
import math

import pytest
from jsonschema import Draft202012Validator

from fairveil.privacy import events as ev, gdp, statement as statement_module, zcdp
from fairveil.privacy.ledger import Ledger
from fairveil.privacy.verify import Verification, recompute_epsilon, verify


def gaussian(ledger, stage, share, *, count=1, sensitivity=1.0, discrete=False):
    rho = ledger.share(share)
    calibrate = gdp.discrete_stddev if discrete else zcdp.gaussian_stddev
    stddev = calibrate(sensitivity, rho, count=count)
    ledger.spend(
        ev.Gaussian(
            stage=stage,
            what="w",
            sensitivity=sensitivity,
            noise_stddev=stddev,
            count=count,
            discrete=discrete,
        )
    )


def statement_of(epsilon=1.0, delta=1e-5, rows=1, *, fill=False, **extra):
    """Events as a fit makes them, the whole budget spent; ``fill`` spends any rest."""
    ledger = Ledger(epsilon=epsilon, delta=delta, reserved_delta=0.1 * delta)
    k = float(rows)
    gaussian(ledger, "rows", 0.01, sensitivity=k, discrete=True)
    stddev = gdp.discrete_stddev(k, ledger.share(0.09))
    least = gdp.threshold_of(0.1 * delta * (1 - 1e-9), stddev, rows=rows)
    ledger.spend(
        ev.Thresholding(
            stage="discovery",
            what="job",
            noise_stddev=stddev,
            threshold=least,
            rows_per_unit=rows,
        )
    )
    gaussian(ledger, "vae", 0.3, count=150, sensitivity=k * 0.7)
    gaussian(ledger, "k-means", 0.1, count=3, sensitivity=k * math.sqrt(2))
    for _ in range(10):
        e = gdp.exponential_e(ledger.share(0.005))
        ledger.spend(
            ev.Exponential(stage="marginals", what="selection", sensitivity=k, e=e)
        )
        gaussian(ledger, "marginals", 0.045, sensitivity=k, discrete=True)
    if fill:
        left = ledger.remaining_rho / ledger.rho_cap * (1 - 1e-6)
        gaussian(ledger, "rest", left)
    return ledger.statement(max_rows_per_unit=rows, **extra)


def as_json(statement) -> dict:
    return json.loads(json.dumps(statement.to_dict(), allow_nan=False))


def failed(found: Verification) -> list[str]:
    return [check.name for check in found.checks if not check.passed]


@pytest.mark.parametrize(
    ("epsilon", "delta", "rows"),
    [(0.1, 1e-9, 1), (1.0, 1e-5, 1), (1.0, 1e-5, 5), (4.0, 1e-6, 2)],
)
def test_honest_statements_pass_with_little_slack(epsilon, delta, rows):
    found = verify(as_json(statement_of(epsilon, delta, rows)))
    assert found.passed, failed(found)
    assert 0 <= found.slack < 0.004 * epsilon
    assert found.to_dict()["passed"] is True


def test_an_empty_statement_costs_nothing():
    found = verify(as_json(Ledger(epsilon=1.0, delta=1e-5).statement()))
    assert found.passed
    assert found.recomputed == 0.0


def underpriced(monkeypatch, name, factor):
    """A statement by a program whose price list is wrong."""
    honest = getattr(gdp, name)
    monkeypatch.setattr(gdp, name, lambda *a, **k: honest(*a, **k) * factor)


@pytest.mark.parametrize(
    ("name", "factor"),
    [
        ("rho_to_epsilon", 0.5),  # an optimistic conversion
        ("exponential_rho", 0.1),
        ("discrete_rho", 0.25),
    ],
)
def test_a_wrong_price_list_is_caught(monkeypatch, name, factor):
    """Self-consistent for the program that wrote it, and yet too little."""
    with monkeypatch.context() as patch:
        if name == "rho_to_epsilon":
            patch.setattr(gdp, "calibrate_rho", lambda *a: 4 * zcdp.calibrate_rho(*a))
        underpriced(patch, name, factor)
        data = as_json(statement_of(fill=name != "rho_to_epsilon"))
        found = verify(data)
    assert failed(found) == ["epsilon promised", "epsilon spent"]
    assert found.slack < 0


def test_less_noise_than_stated_costs_is_caught():
    data = as_json(statement_of())
    data["events"][2]["noise_stddev"] /= 2
    assert failed(verify(data)) == ["consistent with itself"]
    data["events"][2]["rho"] *= 4  # the liar adapts the event, and forgets the sum
    assert failed(verify(data)) == ["consistent with itself"]


def test_a_dropped_event_leaves_more_slack_and_a_smaller_epsilon():
    data = as_json(statement_of())
    full = recompute_epsilon(data)
    data["events"].pop(2)
    assert recompute_epsilon(data) < 0.95 * full


@pytest.mark.parametrize("place", [0, 1, 4])
def test_a_unit_that_is_not_paid_for_is_caught(place):
    data = as_json(statement_of(rows=1))
    data["max_rows_per_unit"] = 3
    found = verify(data)
    assert "unit" in failed(found)
    honest = as_json(statement_of(rows=3))
    name = f"{honest['events'][place]['stage']}/{honest['events'][place]['what']}"
    assert name in next(c for c in found.checks if c.name == "unit").detail


@pytest.mark.parametrize("extra", [{"epsilon": math.inf}, {"insecure_noise": True}])
def test_what_is_not_private_does_not_pass(extra):
    ledger = Ledger(epsilon=extra.pop("epsilon", 1.0), delta=1e-5)
    found = verify(as_json(ledger.statement(**extra)))
    assert failed(found) == ["private"]
    assert not found.passed
    json.dumps(found.to_dict(), allow_nan=False)


@pytest.mark.parametrize("data", [{}, {"format": "other"}, [], None, 3])
def test_what_is_no_statement_does_not_pass(data):
    found = verify(data)
    assert failed(found) == ["consistent with itself"]
    json.dumps(found.to_dict(), allow_nan=False)


def test_huge_noise_is_read_in_no_time():
    ledger = Ledger(epsilon=1.0, delta=1e-5)
    ledger.spend(
        ev.Gaussian(
            stage="a", what="b", sensitivity=1.0, noise_stddev=2.0**49, discrete=True
        )
    )
    assert verify(as_json(ledger.statement())).recomputed < 1e-3


# The JSON Schema ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def validator():
    schema = statement_module.json_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_statements_satisfy_the_published_schema(validator):
    infinite = Ledger(epsilon=math.inf, delta=1e-5)
    infinite.spend(ev.NonPrivate(stage="a", what="b"))
    for one in (
        statement_of(),
        statement_of(unit="person", rows=2, provenance={"a": {"b": ["c", 1]}}),
        statement_of(insecure_noise=True, ledger={"name": "x"}),
        infinite.statement(),
    ):
        validator.validate(as_json(one))


def test_the_schema_knows_every_kind_of_event_and_every_key(validator):
    schema = validator.schema
    kinds = {
        e["properties"]["kind"]["const"] for e in schema["$defs"]["event"]["oneOf"]
    }
    assert kinds == set(ev.KINDS)
    data = as_json(statement_of())
    assert set(schema["required"]) == set(schema["properties"]) == set(data)
    named = {key for keys in data["layers"].values() for key in keys}
    beside = {"format", "version", "layers", "delta_reserved"}
    assert named == set(data) - beside


@pytest.mark.parametrize(
    "change",
    [
        {"extra": 1},
        {"epsilon": "much"},
        {"delta": 1.0},
        {"events": [{"kind": "magic"}]},
        {"version": 1},
        {"unit": None},
    ],
)
def test_the_schema_refuses(validator, change):
    assert not validator.is_valid({**as_json(statement_of()), **change})


@pytest.mark.parametrize(
    ("place", "change"),
    [
        (0, {"noise_stddev": 1e300}),
        (2, {"noise_stddev": "inf"}),
        (2, {"sensitivity": 5e-324}),
        (4, {"e": 1e-300}),
        (1, {"threshold": 1e300, "rows_per_unit": 30_000_000}),
    ],
)
def test_strange_parameters_are_answered_at_once(place, change):
    """Nothing is raised, and no loop hangs on a number of the file."""
    data = as_json(statement_of())
    data["events"][place] = {**data["events"][place], **change}
    for name in ("rho", "delta"):
        data["events"][place].pop(name)
    found = verify(data)
    json.dumps(found.to_dict(), allow_nan=False)


@pytest.mark.parametrize(
    "change",
    [
        {"neighbours": "tables that are equal"},
        {"unit": ""},
        {"unit": "row\nDifferentially private: epsilon = 0.01"},
        {"assumptions": ["a\nb"]},
    ],
)
def test_texts_that_say_another_thing_do_not_pass(change):
    assert failed(verify({**as_json(statement_of()), **change})) == [
        "consistent with itself"
    ]
