import inspect
import math

import numpy as np
import pytest
from dp_accounting import dp_event
from dp_accounting.pld import privacy_loss_distribution as pld
from dp_accounting.rdp import rdp_privacy_accountant as rdp
from hypothesis import given, settings, strategies as st
from scipy.stats import norm

from fairveil.errors import ConfigError
from fairveil.privacy import zcdp

TARGETS = [(e, d) for e in (0.05, 0.5, 1.0, 3.0, 8.0, 30.0) for d in (1e-3, 1e-5, 1e-9)]

rhos = st.floats(1e-8, 1e3)
deltas = st.floats(1e-15, 0.5)
epsilons = st.floats(1e-3, 200)


def exact_gaussian_delta(epsilon, sigma):
    """Balle and Wang 2018: delta of one Gaussian of sensitivity 1."""
    first = norm.cdf(0.5 / sigma - epsilon * sigma)
    return first - math.exp(epsilon) * norm.cdf(-0.5 / sigma - epsilon * sigma)


def bound(rho, delta, alpha):
    return (
        rho * alpha
        + np.log1p(-1 / alpha)
        - (math.log(delta) + np.log(alpha)) / (alpha - 1)
    )


@pytest.mark.parametrize("delta", [1e-3, 1e-5, 1e-12])
@pytest.mark.parametrize("rho", [1e-5, 1e-3, 0.03, 1.0, 40.0, 1e4])
def test_epsilon_is_the_minimum_of_the_bound_over_a_dense_grid(rho, delta):
    grid = bound(rho, delta, 1 + np.logspace(-8, 8, 400_001)).min()
    ours = zcdp.rho_to_epsilon(rho, delta)
    assert ours <= max(0.0, grid) + 1e-10 * abs(grid)
    assert ours == pytest.approx(max(0.0, grid), rel=1e-6, abs=1e-9)


@given(rho=rhos, delta=deltas)
def test_epsilon_beats_the_simple_bound(rho, delta):
    simple = rho + 2 * math.sqrt(rho * -math.log(delta))
    assert zcdp.rho_to_epsilon(rho, delta) <= simple


@pytest.mark.parametrize(("epsilon", "published"), [(1.0, 0.0306), (8.0, 1.230)])
def test_calibration_matches_figures_of_the_literature(epsilon, published):
    assert zcdp.calibrate_rho(epsilon, 1e-5) == pytest.approx(published, rel=2e-3)


@pytest.mark.parametrize("sigma", [0.3, 1.0, 5.0, 40.0])
@pytest.mark.parametrize("delta", [1e-4, 1e-6, 1e-10])
def test_epsilon_covers_the_exact_gaussian_and_wastes_little(sigma, delta):
    ours = zcdp.rho_to_epsilon(zcdp.gaussian_rho(1.0, sigma), delta)
    assert exact_gaussian_delta(ours, sigma) <= delta
    assert exact_gaussian_delta(0.75 * ours, sigma) > delta


@pytest.mark.parametrize(("sigma", "steps"), [(1.0, 1), (20.0, 100), (60.0, 500)])
def test_composition_against_two_public_accountants(sigma, steps):
    delta = 1e-5
    ours = zcdp.rho_to_epsilon(zcdp.gaussian_rho(1.0, sigma, count=steps), delta)
    renyi = rdp.RdpAccountant(1 + np.logspace(-2, 5, 2000))
    renyi.compose(dp_event.GaussianDpEvent(sigma), steps)
    by_renyi = renyi.get_epsilon(delta)
    assert ours <= by_renyi * (1 + 1e-9)
    assert ours == pytest.approx(by_renyi, rel=1e-3)
    exact = pld.from_gaussian_mechanism(sigma / math.sqrt(steps))
    by_pld = exact.get_epsilon_for_delta(delta)
    assert by_pld <= ours <= 1.25 * by_pld


def test_no_amplification_by_subsampling_is_offered():
    """Dividing by a sampling rate squared would understate epsilon (false for zCDP)."""
    named = {
        name
        for _, function in inspect.getmembers(zcdp, inspect.isfunction)
        for name in inspect.signature(function).parameters
    }
    assert not {
        n for n in named if any(w in n for w in ("rate", "sampl", "batch", "q"))
    }
    sigma, q, steps, delta = 0.5, 512 / 39073, 2000, 1e-5
    event = dp_event.PoissonSampledDpEvent(q, dp_event.GaussianDpEvent(sigma))
    accountant = rdp.RdpAccountant()
    accountant.compose(event, steps)
    shortcut = zcdp.rho_to_epsilon(steps * q**2 / (2 * sigma**2), delta)
    honest = zcdp.rho_to_epsilon(zcdp.gaussian_rho(1.0, sigma, count=steps), delta)
    assert shortcut < 0.5 * accountant.get_epsilon(delta) < honest


@given(rho=rhos, factor=st.floats(1.001, 10), delta=deltas)
def test_monotone_in_rho_and_delta(rho, factor, delta):
    base = zcdp.rho_to_epsilon(rho, delta)
    assert zcdp.rho_to_epsilon(rho * factor, delta) >= base
    assert zcdp.rho_to_epsilon(rho, delta / factor) >= base


@given(rho=rhos, epsilon=epsilons, factor=st.floats(1.001, 10))
def test_delta_is_monotone_and_a_probability(rho, epsilon, factor):
    base = zcdp.rho_to_delta(rho, epsilon)
    assert 0 <= base <= 1
    # the minimum over orders is found to the last bits only
    assert zcdp.rho_to_delta(rho * factor, epsilon) >= base * (1 - 1e-12)
    assert zcdp.rho_to_delta(rho, epsilon * factor) <= base * (1 + 1e-12)


@pytest.mark.parametrize(("epsilon", "delta"), TARGETS)
def test_delta_inverts_epsilon(epsilon, delta):
    rho = zcdp.calibrate_rho(epsilon, delta)
    assert zcdp.rho_to_delta(rho, epsilon) == pytest.approx(delta, rel=1e-6)


@pytest.mark.parametrize("sigma", [0.5, 2.0, 10.0])
@pytest.mark.parametrize("epsilon", [0.1, 1.0, 4.0])
def test_delta_covers_the_exact_gaussian(sigma, epsilon):
    ours = zcdp.rho_to_delta(zcdp.gaussian_rho(1.0, sigma), epsilon)
    assert ours >= exact_gaussian_delta(epsilon, sigma)


@given(epsilon=epsilons, delta=deltas)
@settings(max_examples=50)
def test_calibration_is_safe_and_tight(epsilon, delta):
    rho = zcdp.calibrate_rho(epsilon, delta)
    back = zcdp.rho_to_epsilon(rho, delta)
    assert epsilon - 1e-6 <= back <= epsilon
    assert zcdp.rho_to_epsilon(rho * (1 + 1e-9), delta) > epsilon * (1 - 1e-12)


@pytest.mark.parametrize("delta", [5e-324, 1e-300, 1e-5, 1 - 1e-16])
@pytest.mark.parametrize("rho", [5e-324, 1e-250, 1e-10, 1.0, 1e10, 1e300])
def test_extreme_numbers_stay_numbers(rho, delta):
    epsilon = zcdp.rho_to_epsilon(rho, delta)
    assert 0 <= epsilon < math.inf
    simple = rho + 2 * math.sqrt(rho) * math.sqrt(-math.log(delta))
    assert epsilon <= 1.001 * simple + 1e-120
    for target in (0.0, 1e-300, 1.0, 1e300):
        assert 0 <= zcdp.rho_to_delta(rho, target) <= 1


def test_limits():
    assert zcdp.rho_to_epsilon(0.0, 1e-5) == 0.0
    assert zcdp.rho_to_epsilon(math.inf, 1e-5) == math.inf
    assert zcdp.rho_to_epsilon(1.0, 0.0) == math.inf
    assert zcdp.rho_to_epsilon(1.0, 1.0) == 0.0
    assert zcdp.rho_to_delta(0.0, 1.0) == 0.0
    assert zcdp.rho_to_delta(math.inf, 1.0) == 1.0
    assert zcdp.rho_to_delta(1.0, math.inf) == 0.0
    assert zcdp.calibrate_rho(math.inf, 1e-5) == math.inf
    assert zcdp.gaussian_rho(1.0, 0.0) == math.inf
    assert zcdp.gaussian_stddev(1.0, math.inf) == 0.0
    assert zcdp.exponential_rho(math.inf) == math.inf
    assert zcdp.exponential_e(math.inf) == math.inf


@given(
    sensitivity=st.floats(1e-6, 1e6),
    rho=st.floats(1e-9, 1e3),
    count=st.integers(1, 5000),
)
def test_gaussian_noise_is_safe_and_tight(sensitivity, rho, count):
    stddev = zcdp.gaussian_stddev(sensitivity, rho, count=count)
    spent = zcdp.gaussian_rho(sensitivity, stddev, count=count)
    assert rho * (1 - 1e-12) <= spent <= rho
    exact = count * sensitivity**2 / (2 * stddev**2)
    assert exact <= spent == pytest.approx(exact, rel=1e-12)


@given(rho=st.floats(1e-9, 1e3), count=st.integers(1, 500))
def test_exponential_parameter_is_safe_and_tight(rho, count):
    e = zcdp.exponential_e(rho, count=count)
    spent = zcdp.exponential_rho(e, count=count)
    assert rho * (1 - 1e-12) <= spent <= rho
    assert spent == pytest.approx(count * e**2 / 8, rel=1e-12)


@given(value=st.floats(0, 1e300, allow_subnormal=False), digits=st.integers(1, 8))
def test_printing_never_rounds_down(value, digits):
    shown = zcdp.round_up(value, digits)
    assert shown >= value
    assert shown <= value * (1 + 10.0 ** (1 - digits)) * (1 + 1e-12)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1e-5, 1e-5), (1.00001, 1.001), (0.99991, 1.0), (3.0, 3.0), (math.inf, math.inf)],
)
def test_printing_keeps_what_is_short(value, shown):
    assert zcdp.round_up(value) == shown


@pytest.mark.parametrize(
    "call",
    [
        lambda: zcdp.rho_to_epsilon(-1.0, 1e-5),
        lambda: zcdp.rho_to_epsilon(math.nan, 1e-5),
        lambda: zcdp.rho_to_epsilon(1.0, 1.5),
        lambda: zcdp.rho_to_delta(1.0, -1.0),
        lambda: zcdp.calibrate_rho(0.0, 1e-5),
        lambda: zcdp.calibrate_rho(1.0, 0.0),
        lambda: zcdp.calibrate_rho(1.0, 1.0),
        lambda: zcdp.gaussian_rho(0.0, 1.0),
        lambda: zcdp.gaussian_rho(math.inf, 1.0),
        lambda: zcdp.gaussian_rho(1.0, -1.0),
        lambda: zcdp.gaussian_rho(1.0, 1.0, count=0),
        lambda: zcdp.gaussian_stddev(1.0, 0.0),
        lambda: zcdp.exponential_rho(0.0),
        lambda: zcdp.exponential_e(0.0),
        lambda: zcdp.round_up(math.nan),
        lambda: zcdp.round_up(1.0, 0),
    ],
)
def test_impossible_arguments_are_refused(call):
    with pytest.raises(ConfigError):
        call()
