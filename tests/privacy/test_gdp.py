"""Covers against oracles: dp-accounting, brute force, exact tails, adaptive trees."""

import itertools
import math

import mpmath
import numpy as np
import pytest
from dp_accounting import (
    ComposedDpEvent,
    GaussianDpEvent,
    SelfComposedDpEvent,
    get_epsilon_gaussian,
)
from dp_accounting.pld import PLDAccountant, privacy_loss_distribution as pld
from hypothesis import given, settings, strategies as st
from scipy.stats import norm

from fairveil.errors import ConfigError
from fairveil.privacy import gdp, zcdp


def gaussian_delta(mu, epsilon):
    """The curve of N(mu, 1) against N(0, 1), in high precision."""
    with mpmath.workdps(40):
        mu, epsilon = mpmath.mpf(mu), mpmath.mpf(epsilon)
        return mpmath.ncdf(-epsilon / mu + mu / 2) - mpmath.exp(epsilon) * mpmath.ncdf(
            -epsilon / mu - mu / 2
        )


# The curve ---------------------------------------------------------------------------


@pytest.mark.parametrize("epsilon", [0.0, 0.01, 0.5, 1.0, 3.0, 8.0, 40.0])
@pytest.mark.parametrize("rho", [1e-8, 1e-4, 0.03, 0.25, 1.4, 20.0])
def test_delta_is_the_exact_curve_rounded_up(rho, epsilon):
    exact = gaussian_delta(math.sqrt(2 * rho), epsilon)
    found = gdp.rho_to_delta(rho, epsilon)
    assert exact <= found
    if exact > 1e-280:
        assert found <= float(exact) * (1 + 1e-6)


@pytest.mark.parametrize("delta", [1e-12, 1e-5, 1e-2, 0.4])
@pytest.mark.parametrize("rho", [1e-6, 1e-3, 0.036, 0.26, 1.4, 50.0])
def test_epsilon_against_dp_accounting(rho, delta):
    found = gdp.rho_to_epsilon(rho, delta)
    theirs = get_epsilon_gaussian(1 / math.sqrt(2 * rho), delta)
    assert theirs * (1 - 1e-9) <= found <= theirs * (1 + 1e-6) + 1e-9


@given(
    epsilon=st.floats(1e-3, 50.0),
    delta=st.floats(1e-14, 0.1),
)
@settings(max_examples=60, deadline=None)
def test_calibration_is_safe_and_never_below_zcdp(epsilon, delta):
    rho = gdp.calibrate_rho(epsilon, delta)
    assert gdp.rho_to_epsilon(rho, delta) <= epsilon
    assert rho >= zcdp.calibrate_rho(epsilon, delta)
    assert gdp.rho_to_epsilon(rho * 1.001, delta) > epsilon


@pytest.mark.parametrize(
    ("epsilon", "gain"), [(0.5, 1.189), (1.0, 1.176), (3.0, 1.153), (8.0, 1.129)]
)
def test_the_gain_over_the_bound_of_zcdp(epsilon, gain):
    ratio = gdp.calibrate_rho(epsilon, 1e-5) / zcdp.calibrate_rho(epsilon, 1e-5)
    assert ratio == pytest.approx(gain, abs=0.001)


def test_limits():
    assert gdp.rho_to_epsilon(0.0, 1e-5) == 0.0
    assert gdp.rho_to_epsilon(math.inf, 1e-5) == math.inf
    assert gdp.rho_to_epsilon(0.1, 0.0) == math.inf
    assert gdp.rho_to_epsilon(1e-6, 0.9) == 0.0
    assert gdp.rho_to_delta(0.0, 1.0) == 0.0
    assert gdp.rho_to_delta(math.inf, 1.0) == 1.0
    assert gdp.rho_to_delta(0.1, math.inf) == 0.0
    assert gdp.calibrate_rho(math.inf, 1e-5) == math.inf
    for rho, epsilon in itertools.product((1e-300, 1e8), (1e-300, 1e8)):
        assert 0 <= gdp.rho_to_delta(rho, epsilon) <= 1


@pytest.mark.parametrize(
    "call",
    [
        lambda: gdp.rho_to_epsilon(-1.0, 1e-5),
        lambda: gdp.rho_to_epsilon(1.0, 2.0),
        lambda: gdp.rho_to_delta(1.0, -1.0),
        lambda: gdp.calibrate_rho(0.0, 1e-5),
        lambda: gdp.calibrate_rho(1.0, 0.0),
        lambda: gdp.exponential_rho(0.0),
        lambda: gdp.exponential_e(0.0),
        lambda: gdp.discrete_rho(0.0, 3.0),
        lambda: gdp.discrete_rho(1.0, -3.0),
        lambda: gdp.discrete_stddev(1.0, 0.0),
        lambda: gdp.threshold_of(0.0, 3.0, rows=1),
        lambda: gdp.threshold_of(1.0, 3.0, rows=1),
    ],
)
def test_impossible_arguments_are_refused(call):
    with pytest.raises(ConfigError):
        call()


# The discrete Gaussian ---------------------------------------------------------------


def normal_scores(stddev, most):
    """-Phi^-1(P(X >= k)) for k = -most ... most of the discrete Gaussian."""
    reach = math.ceil(40 * stddev)
    x = np.arange(-reach, reach + 1, dtype=np.longdouble)
    mass = np.exp(-x * x / (2 * np.longdouble(stddev) ** 2))
    upper = np.cumsum(mass[::-1])[::-1] / mass.sum()
    tails = upper[reach : reach + most + 2].astype(float)  # k = 0 ... most + 1
    scores = -norm.ppf(tails)
    # P(X >= -k) = 1 - P(X >= k + 1), so the scores are odd around one half
    return np.r_[-scores[:0:-1], scores]


@pytest.mark.parametrize(
    "stddev",
    [0.2, 0.31, 0.5, 0.9, 1.3, 1.99, 2.0, 2.001, 2.37, 3.3, 5.5, 8.0, 47.9, 300.0],
)
def test_the_discrete_gaussian_is_covered_with_a_smaller_variance(stddev):
    """Its trade-off has its vertices at whole thresholds: check each of them.

    Between two vertices the trade-off is a chord, and a chord lies above the convex
    curve of the covering Gaussian. A shift by d compares scores that are d apart.
    """
    scores = normal_scores(stddev, int(36 * stddev))
    covering = math.sqrt(2 * gdp.discrete_rho(1.0, stddev))
    steps = np.diff(scores[np.isfinite(scores)])  # the far tails are below all floats
    assert steps.max() <= covering
    assert steps.max() > 1 / stddev  # so the plain variance would not have covered it


@pytest.mark.parametrize(("stddev", "shift"), [(2.0, 1), (3.0, 2), (10.0, 1), (40, 3)])
def test_the_discrete_gaussian_curve_against_dp_accounting(stddev, shift):
    theirs = pld.from_discrete_gaussian_mechanism(
        stddev, sensitivity=shift, value_discretization_interval=1e-7
    )
    rho = gdp.discrete_rho(shift, stddev)
    plain = zcdp.gaussian_rho(shift, stddev)
    beyond = 0
    for epsilon in np.linspace(0.0, 6 * shift / stddev, 60):
        exact = theirs.get_delta_for_epsilon(epsilon)
        assert exact <= gdp.rho_to_delta(rho, epsilon) + 1e-7
        beyond += exact > float(gaussian_delta(math.sqrt(2 * plain), epsilon)) + 1e-7
    assert beyond  # the curve of the plain variance is crossed: it is no cover


@pytest.mark.parametrize(("stddev", "most"), [(5, 0.090), (40, 0.0012)])
def test_how_far_the_plain_variance_falls_short(stddev, most):
    """The figures of docs/accounting.md, by summing the lattice."""
    x = np.arange(-40 * stddev, 40 * stddev + 1)
    mass = np.exp(-(x**2) / 2 / stddev**2) / np.exp(-(x**2) / 2 / stddev**2).sum()
    short = []
    for epsilon in np.linspace(0.0, 8 / stddev, 400):
        exact = np.maximum(mass - math.exp(epsilon) * np.roll(mass, 1), 0).sum()
        plain = float(gaussian_delta(1 / stddev, epsilon))
        if plain > 1e-14:
            short.append(exact / plain - 1)
    assert max(short) == pytest.approx(most, rel=0.03)


@given(
    sensitivity=st.floats(0.5, 20.0), rho=st.floats(1e-9, 0.1), count=st.integers(1, 9)
)
@settings(max_examples=60, deadline=None)
def test_discrete_noise_is_safe_and_tight(sensitivity, rho, count):
    stddev = gdp.discrete_stddev(sensitivity, rho, count=count)
    assert gdp.discrete_rho(sensitivity, stddev, count=count) <= rho
    assert stddev >= zcdp.gaussian_stddev(sensitivity, rho, count=count)
    if stddev > 2.0:
        assert gdp.discrete_rho(sensitivity, stddev * (1 - 1e-9), count=count) > rho


def test_coarse_noise_is_priced_without_a_gap():
    below, above = (gdp.discrete_rho(1.0, s) for s in (2.0 - 1e-9, 2.0))
    assert 0.9 * above < below < above  # the formula from 2 on has a margin
    for rho in (0.2, 1.0, 8.0):
        stddev = gdp.discrete_stddev(1.0, rho)
        assert stddev < 2.0
        assert gdp.discrete_rho(1.0, stddev) <= rho
        assert gdp.discrete_rho(1.0, stddev - 1e-6) > rho


def test_tiny_discrete_noise_has_no_price():
    assert gdp.discrete_rho(1.0, 0.199) == math.inf
    assert gdp.discrete_rho(1.0, 0.0) == math.inf
    assert gdp.discrete_stddev(1.0, 1e9) == 0.2
    assert gdp.discrete_stddev(1.0, math.inf) == 0.0


# The exponential mechanism -----------------------------------------------------------


def two_points(e, t):
    """The extreme pair of range e: losses t and t - e; chances under P and under Q."""
    p = -math.expm1(t - e) / -math.expm1(-e)
    return (p, 1 - p), (p * math.exp(-t), (1 - p) * math.exp(e - t))


@pytest.mark.parametrize("e", [1e-3, 0.05, 0.3, 1.0, 2.0, 5.0, 12.0])
def test_the_middle_pair_is_the_worst_of_all_ranges(e):
    mu = math.sqrt(2 * gdp.exponential_rho(e))
    needed = []
    for t in np.linspace(0, e, 4003)[1:-1]:
        (p, _), (q, _) = two_points(e, t)
        needed.append(norm.ppf(p) - norm.ppf(q))
    assert max(needed) <= mu * (1 + 1e-9)
    assert max(needed) == pytest.approx(mu, rel=1e-6)


@pytest.mark.parametrize("e", [0.1, 0.7, 2.0])
def test_real_exponential_mechanisms_are_covered(e):
    """Random scores of neighbours, brute force, every set of outcomes."""
    rng = np.random.default_rng(3)
    rho = gdp.exponential_rho(e)
    for _ in range(60):
        scores = rng.normal(0, 5, 6)
        moved = scores + rng.uniform(-1, 1, 6)
        p, q = (np.exp(e * s / 2) / np.exp(e * s / 2).sum() for s in (scores, moved))
        for epsilon in np.linspace(0, e, 9):
            exact = np.maximum(p - np.exp(epsilon) * q, 0).sum()
            assert exact <= gdp.rho_to_delta(rho, epsilon) + 1e-15


def worst_adaptive(e, rounds, epsilon, grid=41):
    """Largest delta of ``rounds`` choices whose pair may follow the answers so far."""
    if rounds == 0:
        return max(0.0, -math.expm1(epsilon))
    worst = 0.0
    for t in np.linspace(0, e, grid)[1:-1]:
        (p, rest), _ = two_points(e, t)
        worst = max(
            worst,
            p * worst_adaptive(e, rounds - 1, epsilon - t, grid)
            + rest * worst_adaptive(e, rounds - 1, epsilon - t + e, grid),
        )
    return worst


@pytest.mark.parametrize("e", [0.3, 1.2])
def test_adaptive_choices_compose_within_the_cover(e):
    rho = 2 * gdp.exponential_rho(e)
    for epsilon in np.linspace(0.0, 2 * e, 7):
        found = worst_adaptive(e, 2, epsilon)
        assert found <= gdp.rho_to_delta(rho, epsilon) + 1e-15
    assert worst_adaptive(e, 2, 0.0) > 0.8 * gdp.rho_to_delta(rho, 0.0)  # and tight


@given(rho=st.floats(1e-9, 3.0), count=st.integers(1, 50))
@settings(max_examples=60, deadline=None)
def test_the_parameter_of_a_choice_is_safe_and_tight(rho, count):
    e = gdp.exponential_e(rho, count=count)
    assert gdp.exponential_rho(e, count=count) <= rho
    assert gdp.exponential_rho(e * (1 + 1e-9), count=count) > rho
    if e < 8:  # beyond, e^2 / 8 is not tight as zCDP
        assert zcdp.exponential_rho(e, count=count) <= rho


def test_limits_of_choices():
    assert gdp.exponential_rho(math.inf) == math.inf
    assert gdp.exponential_e(math.inf) == math.inf
    assert gdp.exponential_rho(1e-4) / zcdp.exponential_rho(1e-4) == pytest.approx(
        math.pi / 2, rel=1e-6
    )
    assert gdp.exponential_rho(1000.0) < math.inf


# Thresholding ------------------------------------------------------------------------


def exact_tail(stddev, least):
    """P(X >= least) of the discrete Gaussian."""
    with mpmath.workdps(30):
        reach = int(45 * stddev)
        mass = [mpmath.exp(-mpmath.mpf(x * x) / (2 * stddev**2)) for x in range(reach)]
        return mpmath.fsum(mass[least:]) / (2 * mpmath.fsum(mass) - 1)


@pytest.mark.parametrize(
    ("stddev", "threshold", "rows"),
    [(20.0, 100.0, 1), (20.0, 100.5, 1), (9.0, 61.0, 4), (30.0, 200.0, 10)],
)
def test_threshold_delta_is_above_every_way_to_spread_a_unit(stddev, threshold, rows):
    bound = gdp.threshold_delta(threshold, stddev, rows=rows)
    tails = {
        c: exact_tail(stddev, math.floor(threshold - c) + 1) for c in range(1, rows + 1)
    }
    spreads = [
        parts
        for m in range(1, rows + 1)
        for parts in itertools.combinations_with_replacement(range(1, rows + 1), m)
        if sum(parts) <= rows
    ]
    exact = max(
        1 - mpmath.fprod(1 - tails[c] for c in parts) for parts in spreads[:5000]
    )
    assert exact <= bound
    assert bound <= 1.6 * float(exact)


@given(
    delta=st.floats(1e-12, 0.01), stddev=st.floats(2.0, 500.0), rows=st.integers(1, 9)
)
@settings(max_examples=60, deadline=None)
def test_the_threshold_is_the_least(delta, stddev, rows):
    found = gdp.threshold_of(delta, stddev, rows=rows)
    assert gdp.threshold_delta(found, stddev, rows=rows) <= delta
    assert gdp.threshold_delta(found - 1, stddev, rows=rows) > delta


def test_a_threshold_within_a_unit_hides_nothing():
    assert gdp.threshold_delta(3.0, 10.0, rows=3) == 1.0
    assert gdp.threshold_delta(3.0, 0.0, rows=1) == 1.0


# A whole fit -------------------------------------------------------------------------


def test_a_whole_fit_against_the_second_accountant():
    """Steps, histograms and choices as a fit makes them: dp-accounting agrees."""
    cap = gdp.calibrate_rho(1.0, 1e-5)
    parts = [(0.28, 150), (0.06, 4), (0.53, 30), (0.08, 15), (0.05, 30)]
    events = [
        SelfComposedDpEvent(
            GaussianDpEvent(1 / math.sqrt(2 * cap * share / count)), count
        )
        for share, count in parts
    ]
    judge = PLDAccountant(value_discretization_interval=1e-4)
    judge.compose(ComposedDpEvent(events))
    assert 0.9999 < judge.get_epsilon(1e-5) <= 1.0
