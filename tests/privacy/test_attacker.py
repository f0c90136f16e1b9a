"""Bounds on an attacker: beside brute force, dp-accounting and textbook cases."""

import math

import dp_accounting
import numpy as np
import pytest
from dp_accounting.pld import PLDAccountant
from scipy.special import expit, ndtr, ndtri

from fairveil.errors import ConfigError
from fairveil.privacy import attacker, gdp
from fairveil.privacy.attacker import Promise
from fairveil.privacy.ledger import Ledger

PURE = Promise(epsilon=1.0, delta=0.0)
USUAL = Promise(epsilon=1.0, delta=1e-5)


def of_rho(rho: float, delta: float = 1e-5, slack: float = 0.0) -> Promise:
    epsilon = gdp.rho_to_epsilon(rho, delta - slack)
    return Promise(epsilon=epsilon, delta=delta, rho=rho, slack=slack)


def divergence(p: np.ndarray, q: np.ndarray, epsilon: float) -> float:
    return float(np.maximum(p - math.exp(epsilon) * q, 0.0).sum())


def best_power(p: np.ndarray, q: np.ndarray, false_positives: float) -> float:
    """Neyman and Pearson by hand: the best outcomes first, the last one in part."""
    order = np.argsort(-p / np.maximum(q, 1e-300))
    power, left = 0.0, false_positives
    for i in order:
        part = 1.0 if q[i] <= left else left / q[i]
        power, left = power + part * p[i], left - part * q[i]
        if left <= 0:
            break
    return float(power)


def worst_pair(epsilon: float, delta: float) -> tuple[np.ndarray, np.ndarray]:
    """The pair that dominates every (epsilon, delta) mechanism (Kairouz et al.)."""
    high, low = (1 - delta) * expit(epsilon), (1 - delta) * expit(-epsilon)
    return np.array([delta, high, low, 0.0]), np.array([0.0, low, high, delta])


def gaussians(mu: float) -> tuple[np.ndarray, np.ndarray]:
    """N(mu, 1) and N(0, 1) cut into small cells."""
    edges = np.linspace(-12.0, 12.0 + mu, 60_001)
    return np.diff(ndtr(edges - mu)), np.diff(ndtr(edges))


@pytest.mark.parametrize("epsilon", [0.1, 1.0, 3.0])
@pytest.mark.parametrize("delta", [0.0, 1e-5, 0.05])
@pytest.mark.parametrize("rate", [0.0, 0.01, 0.3, 0.9, 1.0])
def test_power_by_epsilon_is_that_of_the_worst_pair(epsilon, delta, rate):
    p, q = worst_pair(epsilon, delta)
    said = attacker.most_power(Promise(epsilon=epsilon, delta=delta), rate)
    true = best_power(p, q, rate)
    assert true - 1e-12 <= said <= true * 1.001 + 1e-12


@pytest.mark.parametrize("rho", [1e-4, 0.03, 0.5, 8.0])
@pytest.mark.parametrize("rate", [0.001, 0.01, 0.5])
def test_power_by_the_curve_is_that_of_two_gaussians(rho, rate):
    p, q = gaussians(math.sqrt(2.0 * rho))
    said = attacker.most_power(of_rho(rho), rate)
    true = best_power(p, q, rate)
    assert true * (1 - 1e-4) <= said <= true * 1.002


@pytest.mark.parametrize("seed", range(40))
def test_no_random_mechanism_passes_the_bounds(seed):
    rng = np.random.default_rng(seed)
    p, q = (rng.dirichlet(np.full(6, rng.uniform(0.3, 5.0))) for _ in "pq")
    epsilon = rng.uniform(0.0, 2.0)
    delta = max(divergence(p, q, epsilon), divergence(q, p, epsilon))
    promise = Promise(epsilon=epsilon, delta=min(delta * (1 + 1e-9), 1.0))
    for rate in (0.0, 0.01, 0.1, 0.5):
        assert best_power(p, q, rate) <= attacker.most_power(promise, rate) + 1e-12
    gain = 0.5 * float(np.abs(p - q).sum())
    assert gain <= attacker.most_advantage(promise) + 1e-12
    for chance in (0.01, 0.1, 0.4):
        shift = attacker.most_shift(promise, chance)
        loss = np.log(p / q)
        for law, moved in ((p, loss), (q, loss), (p, -loss), (q, -loss)):
            assert law[moved > shift + 1e-9].sum() <= chance


@pytest.mark.parametrize("rho", [1e-3, 0.03, 0.5, 4.0])
@pytest.mark.parametrize("chance", [0.05, 0.001])
def test_the_shift_covers_the_gaussian_loss_and_little_more(rho, chance):
    mu = math.sqrt(2.0 * rho)
    exact = 0.5 * mu * mu + mu * -float(ndtri(chance))  # its upper quantile
    said = attacker.most_shift(of_rho(rho), chance)
    assert exact <= said <= exact + 0.5 * mu + 1e-3


def test_the_shift_is_the_best_of_its_formula():
    rho, chance = 0.03, 0.001
    orders = np.linspace(0.0, 3.0, 2001)
    deltas = np.array([gdp.rho_to_delta(rho, float(t)) for t in orders])
    tried = orders[deltas < chance] - np.log1p(-deltas[deltas < chance] / chance)
    assert attacker.most_shift(of_rho(rho), chance) == pytest.approx(
        tried.min(), abs=1e-3
    )


def test_the_curve_agrees_with_dp_accounting():
    rho = 0.05
    accountant = PLDAccountant(value_discretization_interval=1e-4)
    accountant.compose(dp_accounting.GaussianDpEvent(1.0 / math.sqrt(2.0 * rho)))
    # power: the least of the lines g * rate + delta(log g)
    lines = [
        math.exp(t) * 0.01 + accountant.get_delta(t) for t in np.arange(0.0, 2.5, 0.01)
    ]
    assert attacker.most_power(of_rho(rho), 0.01) == pytest.approx(min(lines), rel=2e-3)
    assert attacker.most_advantage(of_rho(rho)) == pytest.approx(
        accountant.get_delta(0.0), rel=2e-3
    )
    for epsilon in (0.0, 0.5, 1.0):
        assert attacker.delta_of(of_rho(rho), epsilon) == pytest.approx(
            accountant.get_delta(epsilon), rel=5e-3, abs=1e-9
        )


def test_pure_promises_give_the_textbook_posterior():
    shift = attacker.most_shift(PURE)
    assert shift == pytest.approx(1.0, abs=1e-9)
    assert shift >= 1.0
    for prior in attacker.PRIORS:
        low, high = attacker.posterior(prior, 1.0)
        grown = prior * math.e / (1 - prior + prior * math.e)
        assert grown <= high <= grown * 1.001
        shrunk = prior / (prior + (1 - prior) * math.e)
        assert shrunk * 0.999 <= low <= shrunk


def test_delta_at_the_chance_bounds_nothing():
    assert attacker.most_shift(Promise(epsilon=1.0, delta=0.01), 0.01) == math.inf
    assert attacker.posterior(0.1, math.inf) == (0.0, 1.0)
    assert attacker.most_shift(of_rho(0.03, delta=0.02, slack=0.01), 0.01) == math.inf


def test_slack_is_added_to_every_bound():
    free, slack = of_rho(0.03, delta=0.1), of_rho(0.03, delta=0.1, slack=1e-4)
    assert attacker.most_power(slack, 0.01) == pytest.approx(
        attacker.most_power(free, 0.01) + 1e-4, abs=2e-5
    )
    gain = attacker.most_advantage(slack) - attacker.most_advantage(free)
    assert gain == pytest.approx(1e-4, abs=1e-4)
    assert attacker.most_shift(slack) > attacker.most_shift(free)
    assert attacker.delta_of(slack, 0.5) >= attacker.delta_of(free, 0.5) + 1e-4


def test_a_statement_promises_its_cap_and_a_debugging_fit_nothing():
    plan = Ledger(epsilon=1.0, delta=1e-5, reserved_delta=1e-6)
    promise = attacker.promised(plan.statement())
    assert promise == Promise(epsilon=1.0, delta=1e-5, rho=plan.rho_cap, slack=1e-6)
    assert attacker.most_power(promise, 0.01) < attacker.most_power(
        promise.by_epsilon, 0.01
    )
    assert attacker.most_shift(promise) < attacker.most_shift(promise.by_epsilon)
    nothing = attacker.promised(plan.statement(insecure_noise=True))
    assert attacker.most_power(nothing, 0.0) == 1.0
    assert attacker.most_advantage(nothing) == 1.0
    assert attacker.most_shift(nothing) == math.inf


def test_huge_and_tiny_budgets_stay_probabilities():
    for promise in (
        Promise(epsilon=5000.0, delta=1e-5),
        Promise(epsilon=math.inf, delta=0.5, rho=math.inf),
        of_rho(1e-9),
        of_rho(500.0),
    ):
        power = attacker.most_power(promise, 0.01)
        assert 0.01 <= power <= 1.0
        assert 0.0 <= attacker.most_advantage(promise) <= 1.0
        low, high = attacker.posterior(0.1, attacker.most_shift(promise))
        assert 0.0 <= low <= 0.1 <= high <= 1.0
    assert attacker.most_power(Promise(epsilon=0.0, delta=0.0), 0.2) == 0.2
    assert attacker.posterior(0.5, 0.0) == pytest.approx((0.5, 0.5), abs=2e-4)


@pytest.mark.parametrize(
    "call",
    [
        lambda: attacker.most_power(PURE, -0.1),
        lambda: attacker.most_power(PURE, math.nan),
        lambda: attacker.most_shift(PURE, 0.0),
        lambda: attacker.posterior(1.0, 0.5),
        lambda: attacker.posterior(0.5, -1.0),
        lambda: attacker.delta_of(USUAL, -1.0),
        lambda: Promise(epsilon=-1.0, delta=0.0),
        lambda: Promise(epsilon=1.0, delta=2.0),
        lambda: Promise(epsilon=1.0, delta=0.1, rho=-1.0),
    ],
)
def test_impossible_arguments_are_refused(call):
    with pytest.raises(ConfigError):
        call()
