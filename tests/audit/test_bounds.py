"""Bounds hold, are not weak, and no threshold is judged on what it was chosen on."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import beta, norm

from fairveil.audit.bounds import (
    Counts,
    binomial_limits,
    epsilon_bound,
    gaussian_epsilon,
    judged,
    least_caught,
    mu_bound,
    mu_estimate,
    tuned,
)
from fairveil.errors import ConfigError


def counts(hits, alarms, n=1000):
    return Counts(hits=hits, inside=n, alarms=alarms, outside=n)


@pytest.mark.parametrize(("hits", "trials"), [(0, 7), (3, 7), (7, 7), (480, 1000)])
def test_limits_are_those_of_clopper_and_pearson(hits, trials):
    low, high = binomial_limits(hits, trials, 0.005)
    wanted_low = beta.ppf(0.005, hits, trials - hits + 1) if hits else 0.0
    wanted_high = beta.ppf(0.995, hits + 1, trials - hits) if hits < trials else 1.0
    assert low == pytest.approx(wanted_low, rel=1e-9)
    assert high == pytest.approx(wanted_high, rel=1e-9)


@pytest.mark.statistical
def test_limits_fail_as_rarely_as_they_say_and_not_never():
    rng, risk, p, n = np.random.default_rng(1), 0.05, 0.13, 60
    draws = rng.binomial(n, p, 4000)
    low, high = np.array([binomial_limits(int(h), n, risk) for h in draws]).T
    for missed in (np.mean(low > p), np.mean(high < p)):
        assert 0.01 < missed <= risk + 0.01


def test_epsilon_of_perfect_and_of_blind_guesses():
    top = epsilon_bound(counts(1000, 0), delta=0.0, confidence=0.99)
    assert top == pytest.approx(math.log(0.005 ** (1 / 1000) / (1 - 0.005**0.001)))
    assert counts(500, 20).perfect == counts(1000, 0)
    assert epsilon_bound(counts(500, 500), delta=0.0) == 0.0
    assert mu_bound(counts(500, 500)) == 0.0
    assert mu_bound(counts(0, 1000)) == 0.0  # the wrong way round proves nothing


def test_both_directions_count():
    """Few misses among the hits prove as much as few alarms."""
    few_alarms, few_misses = counts(300, 5), counts(995, 700)
    one, other = (epsilon_bound(c, delta=0.0) for c in (few_alarms, few_misses))
    assert one == pytest.approx(other)
    assert one > 2.5


def test_delta_lowers_the_bound():
    found = [epsilon_bound(counts(100, 0), delta=d) for d in (0.0, 0.01, 0.05, 0.2)]
    assert found == sorted(found, reverse=True)
    assert found[0] > found[1] > found[3] == 0.0


@pytest.mark.statistical
@pytest.mark.parametrize("truth", [0.5, 1.0, 3.0])
def test_randomised_response_is_found_and_never_exceeded(truth):
    rng, n = np.random.default_rng(0), 20_000
    keep = 1 / (1 + math.exp(-truth))
    found = Counts(
        hits=int(rng.binomial(n, keep)),
        inside=n,
        alarms=int(rng.binomial(n, 1 - keep)),
        outside=n,
    )
    assert 0.8 * truth < epsilon_bound(found, delta=0.0) < truth


@pytest.mark.statistical
@pytest.mark.parametrize("mu", [0.2, 1.0, 3.0])
def test_a_gaussian_of_known_mu(mu):
    rng, n = np.random.default_rng(2), 50_000
    outside, inside = rng.normal(0, 1, n), rng.normal(mu, 1, n)
    found = tuned(outside, inside, learn=10_000)
    assert found.inside == n - 10_000
    estimate = mu_estimate(found)
    assert estimate.low < mu < estimate.high
    assert estimate.value == pytest.approx(mu, abs=0.08)
    assert mu - 0.25 < mu_bound(found) < mu


def test_mu_by_hand():
    found = mu_estimate(counts(841, 159))
    assert found.value == pytest.approx(norm.ppf(0.841) - norm.ppf(0.159))
    assert found.low < mu_bound(counts(841, 159)) < found.value < found.high


def test_an_estimate_of_perfect_guesses_is_finite_and_open_above():
    found = mu_estimate(counts(1000, 0))
    assert math.isfinite(found.value)
    assert found.high == math.inf
    assert found.low < found.value


def test_gaussian_epsilon_of_a_published_case():
    """Mu of one: delta 1e-5 at epsilon 4.38 (Balle and Wang 2018, theorem 8)."""
    epsilon = gaussian_epsilon(1.0, 1e-5)
    a, b = norm.cdf(0.5 - epsilon), norm.cdf(-0.5 - epsilon)
    assert a - math.exp(epsilon) * b == pytest.approx(1e-5, rel=1e-6)
    assert gaussian_epsilon(0.0, 1e-5) == 0.0


def test_judged_counts_what_is_above():
    found = judged(np.array([0.0, 1.0, 3.0]), np.array([2.0, 2.5]), 2.0)
    assert found == Counts(hits=1, inside=2, alarms=1, outside=3)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_threshold_finds_its_side(sign):
    rng = np.random.default_rng(3)
    outside, inside = rng.normal(0, 1, 500), rng.normal(4, 1, 500)
    found = tuned(sign * outside, sign * inside, learn=100)
    assert found.hits > 0.9 * found.inside
    assert found.alarms < 0.1 * found.outside


@pytest.mark.statistical
def test_noise_is_not_judged_on_the_runs_that_chose_the_threshold():
    """Forty useless attacks: not one proves anything, as the judged runs are fresh."""
    rng = np.random.default_rng(4)
    for _ in range(40):
        outside, inside = rng.normal(size=(2, 400))
        assert mu_bound(tuned(outside, inside, learn=200)) == 0.0
        first = tuned(outside, inside, learn=200)
        fresh = rng.normal(size=200)  # the judged half alone decides
        assert tuned(np.r_[outside[:200], fresh], inside, learn=200).hits == first.hits


def test_constant_scores_prove_nothing():
    assert mu_bound(tuned(np.zeros(100), np.zeros(100), learn=50)) == 0.0


@pytest.mark.statistical
def test_the_least_leak_that_is_caught_is_caught_every_other_time():
    stated, runs = 0.3, 400
    truth = least_caught(stated, runs)
    rng = np.random.default_rng(5)
    shown = [
        mu_bound(judged(rng.normal(0, 1, runs), rng.normal(truth, 1, runs), truth / 2))
        > stated
        for _ in range(300)
    ]
    assert 0.35 < np.mean(shown) < 0.65
    assert least_caught(stated, 5) == math.inf
    assert least_caught(stated, 40_000) < 1.2 * stated


@pytest.mark.parametrize(
    "bad",
    [
        {"hits": 11, "inside": 10, "alarms": 0, "outside": 10},
        {"hits": 0, "inside": 0, "alarms": 0, "outside": 10},
        {"hits": 0, "inside": 10, "alarms": -1, "outside": 10},
    ],
)
def test_impossible_counts_are_refused(bad):
    with pytest.raises(ConfigError):
        Counts(**bad)


def test_nothing_may_be_left_to_judge_on():
    with pytest.raises(ConfigError, match="learn"):
        tuned(np.zeros(10), np.zeros(10), learn=10)
