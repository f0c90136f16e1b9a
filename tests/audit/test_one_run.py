"""One-run bounds against a linear programme, simulations and another code's figures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.stats import binom

from fairveil.audit import one_run
from fairveil.audit.bounds import gaussian_epsilon
from fairveil.errors import ConfigError


def most_likely(correct, guesses, canaries, epsilon, delta):
    """Largest P[N >= correct] that the inequality allows, by linear programming."""
    j = np.arange(guesses + 1)
    rows, limits = [], []
    for c in range(1, guesses + 1):
        right = np.where(j >= c, j / canaries, 0.0)
        wrong = np.where(j >= c - 1, (guesses - j) / canaries, 0.0)
        rows += [right - math.exp(epsilon) * wrong, right - math.exp(-epsilon) * wrong]
        limits += [delta, 1 - math.exp(-epsilon) * (1 - delta)]
    found = linprog(
        -(j >= correct).astype(float),
        A_ub=rows,
        b_ub=limits,
        A_eq=[np.ones(guesses + 1)],
        b_eq=[1],
        bounds=(0, 1),
    )
    return -found.fun


@pytest.mark.parametrize(
    "game",
    [
        (5, 6, 6, 0.5, 0.0),
        (5, 6, 10, 0.5, 0.01),
        (8, 10, 10, 1.0, 0.05),
        (3, 5, 20, 0.2, 0.01),
        (10, 10, 10, 1.0, 0.0),
        (1, 3, 4, 2.0, 0.1),
    ],
)
def test_the_recursion_is_the_linear_programme(game):
    correct, guesses, canaries, epsilon, delta = game
    chance = most_likely(*game)
    alarms = one_run.approximate_alarms(epsilon, delta)
    for factor, wanted in ((0.999, False), (1.001, True)):
        found = one_run.unlikely(
            correct, guesses, canaries, alarms=alarms, risk=chance * factor
        )
        assert found is wanted


@pytest.mark.parametrize(("correct", "guesses"), [(0, 5), (3, 5), (700, 1000)])
def test_without_delta_the_guesses_are_coins(correct, guesses):
    found = one_run.epsilon_p_value(correct, guesses, 2000, epsilon=0.7, delta=0.0)
    coin = 1 / (1 + math.exp(-0.7))
    assert found == pytest.approx(binom.sf(correct - 1, guesses, coin))


@pytest.mark.parametrize("delta", [1e-4, 1e-2])
def test_delta_in_the_worst_way(delta):
    """Each canary, or all of them at once, given away with probability delta."""
    m, epsilon = 60, 0.5
    coin = 1 / (1 + math.exp(-epsilon))
    for correct in range(30, m + 1):
        said = one_run.epsilon_p_value(correct, m, m, epsilon=epsilon, delta=delta)
        single = binom.sf(correct - 1, m, delta + (1 - delta) * coin)
        whole = delta + (1 - delta) * binom.sf(correct - 1, m, coin)
        assert said >= single
        assert said >= whole


# jax-privacy 2.0.0, risk .001: its epsilon_one_run and epsilon_one_run_fdp
THEIRS = [
    ((1000, 250, 160, 1e-5), 0.14009052307417258, 0.20160188833397358),
    ((4000, 1000, 640, 1e-5), 0.32732599997602085, 0.4400088135746479),
    ((4000, 200, 170, 1e-5), 0.10169834002421717, 1.2822673693923636),
    ((500, 500, 300, 1e-3), 0.0, 0.09612311278047359),
    ((100, 20, 20, 1e-2), 0.0, 0.5178984124654419),
]


@pytest.mark.parametrize(("game", "epsilon", "by_mu"), THEIRS)
def test_the_figures_of_another_code(game, epsilon, by_mu):
    m, k, correct, delta = game
    mine = one_run.epsilon_bound(correct, k, m, delta=delta)
    assert mine == pytest.approx(epsilon, abs=2e-6)
    mu = one_run.mu_bound(correct, k, m)
    assert gaussian_epsilon(mu, delta) == pytest.approx(by_mu, abs=2e-6)


@pytest.mark.statistical
@pytest.mark.parametrize("share", [0.1, 1.0])
def test_bounds_hold_for_independent_gaussians(share):
    """At 90 % confidence, 300 runs: seldom above the truth; large leaks are seen."""
    rng, m, mu = np.random.default_rng(0), 300, 0.5
    k = int(share * m)
    above = 0
    for _ in range(300):
        joined = rng.random(m) < 0.5
        scores = rng.normal(size=m) + np.where(joined, mu / 2, -mu / 2)
        top = np.argsort(-np.abs(scores))[:k]
        correct = int(((scores[top] > 0) == joined[top]).sum())
        above += one_run.mu_bound(correct, k, m, confidence=0.9) > mu
    assert above <= 0.1 * 300
    assert one_run.mu_bound(k, k, m, confidence=0.9) > mu


@pytest.mark.statistical
def test_bounds_hold_where_all_canaries_share_one_fate():
    """A Gaussian that every canary moves: right guesses come in crowds."""
    rng, m, mu = np.random.default_rng(1), 50, 0.8
    above = 0
    for _ in range(400):
        joined = rng.random(m) < 0.5
        noisy = mu * joined.sum() + rng.normal()
        guess = noisy > mu * m / 2  # all in, or all out
        correct = int((joined == guess).sum())
        above += one_run.mu_bound(correct, m, m, confidence=0.9) > mu
    assert above <= 0.1 * 400


def test_more_right_guesses_prove_more():
    rising = [one_run.mu_bound(c, 100, 400) for c in (50, 70, 85, 95, 100)]
    assert rising == sorted(rising)
    assert rising[0] == 0.0 < rising[-1]
    epsilons = [one_run.epsilon_bound(c, 100, 400, delta=1e-5) for c in (50, 80, 100)]
    assert epsilons == sorted(epsilons)
    assert epsilons[0] == 0.0 < epsilons[-1]


def test_the_largest_parameter_tried_is_an_end():
    assert one_run._largest_rejected(lambda _x: True, 3.0) == 3.0
    assert one_run._largest_rejected(lambda x: x < 1, 3.0) == pytest.approx(1.0)


@pytest.mark.parametrize("game", [(5, 4, 10), (1, 11, 10), (0, 0, 10), (-1, 3, 10)])
def test_impossible_games_are_refused(game):
    with pytest.raises(ConfigError):
        one_run.mu_bound(*game)
