import copy
import math
import pickle
from dataclasses import dataclass

import pytest
from hypothesis import given, settings, strategies as st

from fairveil.errors import BudgetError, ConfigError
from fairveil.privacy import events as ev, gdp, zcdp
from fairveil.privacy.ledger import Ledger


def gaussian(rho, *, stage="a", count=1):
    stddev = zcdp.gaussian_stddev(1.0, rho, count=count)
    return ev.Gaussian(
        stage=stage, what="w", sensitivity=1.0, noise_stddev=stddev, count=count
    )


def threshold(delta, rho=1e-4):
    stddev = gdp.discrete_stddev(1.0, rho)
    least = gdp.threshold_of(delta, stddev, rows=1)
    return ev.Thresholding(
        stage="schema", what="job", noise_stddev=stddev, threshold=least
    )


NON_PRIVATE = ev.NonPrivate(stage="a", what="w")
SILENT = ev.Gaussian(stage="a", what="w", sensitivity=1.0, noise_stddev=0.0)


@pytest.fixture
def ledger():
    return Ledger(epsilon=1.0, delta=1e-5, reserved_delta=1e-6)


def test_cap_leaves_room_for_discovery(ledger):
    assert gdp.rho_to_epsilon(ledger.rho_cap, 0.9e-5) <= 1.0
    assert ledger.rho_cap == pytest.approx(gdp.calibrate_rho(1.0, 0.9e-5))
    assert ledger.rho_cap < Ledger(epsilon=1.0, delta=1e-5).rho_cap


def test_spending_adds_up_by_stage(ledger):
    ledger.spend(gaussian(ledger.share(0.5), stage="vae", count=300))
    ledger.authorize(gaussian(ledger.share(0.2), stage="marginals"))
    ledger.authorize(gaussian(ledger.share(0.1), stage="vae"))
    spent = ledger.spent_by_stage()
    assert list(spent) == ["vae", "marginals"]
    assert spent["vae"] == pytest.approx(0.6 * ledger.rho_cap, rel=1e-8)
    assert ledger.spent_rho == pytest.approx(0.8 * ledger.rho_cap, rel=1e-8)
    assert ledger.remaining_rho == pytest.approx(0.2 * ledger.rho_cap, rel=1e-7)
    assert len(ledger.events) == 3


@pytest.mark.parametrize(
    ("event", "error"),
    [
        (gaussian(1.0), BudgetError),
        (NON_PRIVATE, BudgetError),
        (SILENT, BudgetError),
        (ev.Exponential(stage="a", what="w", sensitivity=1.0, e=math.inf), BudgetError),
        (threshold(1e-5), BudgetError),
        (threshold(1e-8, rho=1.0), BudgetError),
        ("gaussian", ConfigError),
        (None, ConfigError),
    ],
    ids=str,
)
def test_refusal_changes_nothing(ledger, event, error):
    ledger.spend(gaussian(ledger.share(0.5)))
    before = (ledger.events, ledger.spent_rho, ledger.remaining_rho)
    with pytest.raises(error):
        ledger.authorize(event)
    assert (ledger.events, ledger.spent_rho, ledger.remaining_rho) == before


def test_an_event_that_lies_about_its_cost_is_unknown(ledger):
    @dataclass(frozen=True, kw_only=True)
    class Free(ev.Gaussian):
        @property
        def rho(self):
            return 0.0

    with pytest.raises(ConfigError, match="Free"):
        ledger.spend(Free(stage="a", what="w", sensitivity=1.0, noise_stddev=1.0))


def test_a_hair_above_the_cap_is_refused(ledger):
    ledger.spend(gaussian(ledger.share(1.0)))
    left = ledger.remaining_rho
    assert 0 < left < 2e-9 * ledger.rho_cap
    with pytest.raises(BudgetError):
        ledger.spend(gaussian(left * (1 + 1e-6)))
    ledger.spend(gaussian(left))
    assert ledger.spent_rho <= ledger.rho_cap


def test_the_sum_of_deltas_is_capped(ledger):
    ledger.spend(threshold(0.6e-6))
    with pytest.raises(BudgetError, match="delta kept for events"):
        ledger.spend(threshold(0.6e-6))
    ledger.spend(threshold(0.4e-6))


def test_without_reserved_delta_no_threshold_fits():
    with pytest.raises(BudgetError):
        Ledger(epsilon=1.0, delta=1e-5).spend(threshold(1e-300))


@given(
    weights=st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=25),
    counts=st.lists(st.integers(1, 1000), min_size=25, max_size=25),
    epsilon=st.floats(0.05, 20.0),
)
@settings(max_examples=40, deadline=None)
def test_shares_that_sum_to_one_always_fit(weights, counts, epsilon):
    ledger = Ledger(epsilon=epsilon, delta=1e-6)
    total = math.fsum(weights)
    for weight, count in zip(weights, counts, strict=False):
        ledger.spend(gaussian(ledger.share(weight / total), count=count))
    assert ledger.spent_rho <= ledger.rho_cap
    assert ledger.spent_rho >= ledger.rho_cap * (1 - 1e-8)
    assert ledger.statement().epsilon_spent <= epsilon


@given(rhos=st.lists(st.floats(1e-4, 0.02), min_size=1, max_size=40))
@settings(max_examples=40, deadline=None)
def test_no_sequence_passes_the_cap(rhos):
    ledger = Ledger(epsilon=1.0, delta=1e-5)
    refused = 0
    for rho in rhos:
        try:
            ledger.spend(gaussian(rho))
        except BudgetError:
            refused += 1
            assert rho > ledger.remaining_rho * (1 - 1e-9)
    assert ledger.spent_rho <= ledger.rho_cap
    assert len(ledger.events) == len(rhos) - refused


def test_infinite_epsilon_accepts_everything_and_says_so():
    ledger = Ledger(epsilon=math.inf, delta=1e-5)
    for event in (NON_PRIVATE, SILENT, gaussian(1.0), threshold(0.5)):
        ledger.spend(event)
    assert not ledger.private
    assert ledger.share(0.3) == math.inf
    assert ledger.share(0.0) == 0.0
    assert ledger.remaining_rho == math.inf
    assert ledger.spent_rho == math.inf
    assert "NOT PRIVATE" in repr(ledger)


def test_a_ledger_cannot_be_copied(ledger):
    for act in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            act(ledger)


def test_nothing_undoes_spending(ledger):
    ledger.spend(gaussian(ledger.share(0.5)))
    public = {name for name in dir(ledger) if not name.startswith("_")}
    assert public == {
        "authorize",
        "delta",
        "reserved_delta",
        "epsilon",
        "events",
        "private",
        "remaining_rho",
        "rho_cap",
        "share",
        "spend",
        "spent_by_stage",
        "spent_rho",
        "statement",
    }
    for name in (
        "epsilon",
        "delta",
        "rho_cap",
        "reserved_delta",
        "events",
        "spent_rho",
    ):
        with pytest.raises(AttributeError):
            setattr(ledger, name, 0)
    assert isinstance(ledger.events, tuple)


@pytest.mark.parametrize(
    "settings_",
    [
        {"epsilon": 0.0, "delta": 1e-5},
        {"epsilon": -1.0, "delta": 1e-5},
        {"epsilon": math.nan, "delta": 1e-5},
        {"epsilon": None, "delta": 1e-5},
        {"epsilon": 1.0, "delta": 0.0},
        {"epsilon": 1.0, "delta": 1.0},
        {"epsilon": 1.0, "delta": 1e-5, "reserved_delta": 1e-5},
        {"epsilon": 1.0, "delta": 1e-5, "reserved_delta": -1e-6},
    ],
    ids=str,
)
def test_impossible_budgets_are_refused(settings_):
    with pytest.raises(ConfigError):
        Ledger(**settings_)


def test_shares_outside_the_unit_interval_are_refused(ledger):
    for fraction in (-0.1, 1.1, math.nan):
        with pytest.raises(ConfigError):
            ledger.share(fraction)


@pytest.mark.parametrize("fraction", [1e-6, 0.1, 1 / 3, 1.0])
def test_shares_leave_room_for_rounding(ledger, fraction):
    part = ledger.share(fraction) / (fraction * ledger.rho_cap)
    assert 1 - 1.1e-9 < part < 1 - 0.9e-9


@pytest.mark.parametrize(
    "event",
    [
        NON_PRIVATE,
        SILENT,
        ev.Exponential(stage="a", what="w", sensitivity=1.0, e=math.inf),
    ],
    ids=str,
)
def test_infinite_cost_is_named_as_such(ledger, event):
    with pytest.raises(BudgetError, match="not private and epsilon is finite"):
        ledger.spend(event)
