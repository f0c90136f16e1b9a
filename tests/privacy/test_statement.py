import dataclasses
import json
import math

import pytest

from fairveil.errors import ConfigError
from fairveil.privacy import events as ev, gdp, zcdp
from fairveil.privacy.ledger import Ledger
from fairveil.privacy.statement import INFINITE, INSECURE, Statement


def spend(epsilon=1.0, **extra):
    ledger = Ledger(epsilon=epsilon, delta=1e-5, reserved_delta=1e-6)
    stddev = (
        25.0 if epsilon == math.inf else zcdp.gaussian_stddev(1.0, ledger.share(0.6))
    )
    ledger.spend(
        ev.Gaussian(stage="vae", what="steps", sensitivity=1.0, noise_stddev=stddev)
    )
    ledger.spend(
        ev.Thresholding(
            stage="schema",
            what="job",
            noise_stddev=100.0,
            threshold=600.0,
        )
    )
    return ledger.statement(**extra)


EXTRA = {
    "unit": "patient",
    "max_rows_per_unit": 3,
    "provenance": {"schema": "the code book", "bounds": {"age": [17, 90.5]}, "z": None},
    "fairness": {"mode": "independence", "sensitive": ("sex", "race"), "strength": 1.0},
}


@pytest.mark.parametrize("extra", [{}, EXTRA, {"insecure_noise": True}], ids=str)
@pytest.mark.parametrize("epsilon", [0.3, 1.0, math.inf])
def test_json_both_ways(epsilon, extra):
    statement = spend(epsilon, **extra)
    data = json.loads(json.dumps(statement.to_dict(), allow_nan=False))
    assert data["format"] == "fairveil-statement"
    assert data["version"] == 2
    assert Statement.from_dict(data) == statement
    assert str(Statement.from_dict(data)) == str(statement)


def test_first_line_of_a_private_statement():
    statement = spend()
    first = str(statement).splitlines()[0]
    assert first == "Differentially private: epsilon = 1, delta = 1e-05."
    assert statement.is_private
    assert "NOT PRIVATE" not in str(statement)


@pytest.mark.parametrize(
    ("epsilon", "insecure", "reason"),
    [(math.inf, False, INFINITE), (1.0, True, INSECURE), (math.inf, True, INFINITE)],
)
def test_first_line_of_what_is_not_private(epsilon, insecure, reason):
    statement = spend(epsilon, insecure_noise=insecure)
    assert str(statement).splitlines()[0] == f"NOT PRIVATE: {reason}"
    assert not statement.is_private
    assert statement.not_private_reason == reason


def test_a_non_private_event_is_told():
    ledger = Ledger(epsilon=math.inf, delta=1e-5)
    ledger.spend(ev.NonPrivate(stage="vae", what="plain"))
    statement = ledger.statement()
    assert statement.rho_spent == statement.epsilon_spent == math.inf
    assert "inf" in str(statement)


def test_printed_numbers_are_rounded_up():
    ledger = Ledger(epsilon=1.00001, delta=1.00001e-5)
    text = str(ledger.statement()).splitlines()
    assert text[0] == "Differentially private: epsilon = 1.001, delta = 1.001e-05."


def test_spent_epsilon_is_what_the_events_cost():
    statement = spend()
    assert statement.rho_spent == pytest.approx(
        math.fsum(event.rho for event in statement.events)
    )
    assert statement.epsilon_spent >= gdp.rho_to_epsilon(statement.rho_spent, 0.9e-5)
    assert statement.epsilon_spent < statement.epsilon
    shown = gdp.threshold_delta(600.0, 100.0, rows=1)
    assert statement.delta_spent == shown > 0
    parts = statement.delta_parts
    assert parts == pytest.approx(
        {"conversion": 0.9e-5, "thresholding": shown, "unused": 1e-6 - shown}
    )
    assert math.fsum(parts.values()) == pytest.approx(statement.delta)


def test_table_names_each_stage_with_its_share():
    lines = str(spend()).splitlines()
    (row,) = [line for line in lines if line.startswith("vae")]
    assert row.split()[2:] == ["60", "%"]
    assert any(line.startswith("schema") for line in lines)


def test_unit_neighbours_provenance_and_fairness_are_told():
    text = str(spend(**EXTRA))
    assert "patient, at most 3 rows each" in text
    assert "add or remove one unit" in text
    assert "the code book" in text
    assert "independence" in text


def test_the_ledger_over_fits_is_told_in_a_line():
    told = {
        "name": "the survey",
        "fit": 2,
        "cap": {"epsilon": 3.0, "delta": 1e-5},
        "epsilon_of_all_fits": 1.40001,
    }
    assert (
        "Ledger: the survey, fit 2; all its fits together: epsilon = 1.401 of at most "
        "3 at delta = 1e-05."
    ) in str(spend(ledger=told))
    assert "Ledger" not in str(spend())
    for strange in ({"name": 1}, {"cap": 3}, {"epsilon_of_all_fits": "much"}):
        assert "Ledger: " in str(spend(ledger=strange))


@pytest.mark.parametrize(
    "change",
    [
        {"private": False},
        {"not_private_reason": INSECURE},
        {"not_private_reason": "because"},
        {"private": False, "not_private_reason": "because"},
        {"epsilon": "inf"},
        {"epsilon": 0.5},
        {"epsilon": -1.0},
        {"rho_spent": 0.001},
        {"rho_spent": 1.0},
        {"rho_cap": 0.5},
        {"rho_cap": 0.0},
        {"epsilon_spent": 0.1},
        {"epsilon_spent": 1.1},
        {"delta": 5e-8},
        {"events": "none"},
        {"events": [{"kind": "magic"}]},
        {"assumptions": None},
        {"assumptions": [3]},
        {"max_rows_per_unit": 0},
        {"unit": None},
        {"version": 1},
        {"format": "other"},
        {"fancy": 1},
        {"provenance": {"a": {1, 2}}},
        {"fairness": {1: 2}},
        {"fairness": {"a": math.nan}},
    ],
    ids=str,
)
def test_statements_that_contradict_themselves_cannot_be_read(change):
    data = {**spend().to_dict(), **change}
    with pytest.raises(ConfigError):
        Statement.from_dict(data)


def test_a_missing_field_is_refused():
    data = spend().to_dict()
    del data["delta"]
    with pytest.raises(ConfigError):
        Statement.from_dict(data)


def test_statements_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        spend().private = True
