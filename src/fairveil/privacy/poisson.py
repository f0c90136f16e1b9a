"""Cost of Gaussian noise on sums over a Poisson sample, as a Gaussian that covers it.

Public: numbers in, numbers out; nothing here sees data. In each of ``count`` adaptive
steps every unit takes part independently with probability q, and Gaussian noise of
``noise_multiplier`` times the L2 sensitivity is added to the sum. Guarantees:

- ``covering_rho`` is never below the true price, nor above that of full passes, and
  equals it at q = 1; ``calibrate`` never returns too little noise;
- prices are for real Poisson samples only: a shuffled loader, or a batch of fixed size,
  costs more than is said here, and nothing in the package can make one.

Proof. For one neighbour order, the worst pair (P, Q) of a step is that of (1 - q)
N(0, s^2) + q N(1, s^2) and N(0, s^2), for the other order it is (Q, P), whatever
happened before: all that hangs on the past is the unit's contribution, and a shorter
one is easier to hide (Zhu, Dong and Wang 2022, section 3). So a run, with anything else
done between its steps, is no easier to tell apart than a product of T such pairs and
the pairs of the rest. Write H_g for the hockey-stick divergence of order g, and let
H_g(P^T, Q^T) <= G(g) + slack, G the curve of the pair (A, B) of a Gaussian. With the
rest (R, S), even if it is chosen by the answers, H_g(P^T R, Q^T S) is the mean over the
rest's outcome, drawn from R, of H_h(P^T, Q^T) at h = g S / R, hence at most the mean of
G(h) + slack, which is H_g(A R, B S) + slack. The slacks therefore add up, and only they
do. Orders below 1 need no check: H_g(P, Q) = 1 - g + g H_{1/g}(Q, P), G obeys the same
rule, so a cover of both orders of neighbours from g = 1 on is one for all g, with g
slack <= slack.

The loss distribution of P^T against Q^T is computed by dp-accounting (pessimistic
"connect the dots": Doroshenko et al. 2022). T q^2 / (2 s^2) is not a price.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from scipy.special import log_ndtr

from fairveil import _check
from fairveil._types import Floats
from fairveil.privacy import zcdp

_WORD = 2.0**64  # rates are multiples of 1 / this, so that sampling can be exact
_FINEST = 40.0  # points of the loss distribution in one standard deviation of a step
_MOST_POINTS = 20_000.0  # of one step's losses; fewer are only more pessimistic
_ORDERS = 8_000  # orders at which curves are compared
# The loss distribution's rounding errors stay inside these: its Fourier transform errs
# by some 1e-13; one step's masses, found from differences, by 1e-16 / interval.
_RELATIVE, _OF_SLACK = 1e-4, 1e-3
_LEAST_INTERVAL = 1e-9  # times the number of steps, over which relative errors add up
# outside these the price of full passes is charged: it is safe and costs no time
_LEAST_SLACK = 1e-10
_MULTIPLIERS = (0.1, 1e6)
_MOST_STEPS = 100_000
_MOST_EPSILON = 300.0
_DIGITS = 4  # rounded up to these, so that another machine finds the same price
_CLOSE = 2e-3  # part of rho that calibration may leave unused


def exact_rate(sampling_rate: float) -> float:
    """The largest multiple of 2^-64 up to the rate: sampled exactly, never dearer.

    Raises:
        ConfigError: the rate is not in (0, 1], or below 2^-64.
    """
    _check.in_range(1.0 / _WORD, 1.0, sampling_rate=sampling_rate)
    return math.floor(sampling_rate * _WORD) / _WORD


def covering_rho(
    sampling_rate: float, noise_multiplier: float, *, count: int, slack: float
) -> float:
    """Smallest known rho that covers the steps with this slack, rounded up.

    Args:
        sampling_rate: chance of each unit to take part in a step, in (0, 1].
        noise_multiplier: noise over the L2 sensitivity to one unit; 0 costs infinity.
        count: number of adaptive steps.
        slack: delta beside the covering Gaussian, in (0, 1).

    Raises:
        ConfigError: an argument lies outside its range.
    """
    _check.in_range(1.0 / _WORD, 1.0, sampling_rate=sampling_rate)
    zcdp.open_probability(slack=slack)
    full = _full_rho(noise_multiplier, count)
    least, most = _MULTIPLIERS
    sampled = (
        sampling_rate < 1
        and slack >= _LEAST_SLACK
        and least <= noise_multiplier <= most
        and count <= _MOST_STEPS
    )
    if not sampled:
        return full
    mu = _covering_mu(float(sampling_rate), float(noise_multiplier), count, slack)
    return min(full, zcdp.round_up(0.5 * mu * mu, _DIGITS))


def calibrate(sampling_rate: float, *, count: int, rho: float, slack: float) -> float:
    """Noise multiplier with ``covering_rho(...) <= rho``, close to the smallest one.

    Args:
        sampling_rate: chance of each unit to take part in a step, in (0, 1].
        count: number of adaptive steps.
        rho: what all steps may cost together; infinity gives 0.0.
        slack: delta beside it, in (0, 1).

    Raises:
        ConfigError: an argument lies outside its range.
    """

    def cost(multiplier: float) -> float:
        return covering_rho(sampling_rate, multiplier, count=count, slack=slack)

    high = zcdp.gaussian_stddev(1.0, rho, count=count)
    if high == 0 or sampling_rate == 1:
        return high
    low = high * max(sampling_rate, 1e-9)
    while (low_cost := cost(low)) <= rho:
        high, low = low, 0.5 * low
    high_cost = cost(high)
    # Invariant: high is safe; low is not. Guesses follow a power law between the two,
    # aimed a little to the safe side and kept off the ends.
    while high_cost < (1.0 - _CLOSE) * rho and high > low * (1.0 + 1e-6):
        aim = math.log(low_cost / (rho * (1.0 - 0.3 * _CLOSE)))
        part = min(max(aim / math.log(low_cost / high_cost), 0.02), 0.9)
        middle = low * (high / low) ** part
        middle_cost = cost(middle)
        if middle_cost <= rho:
            high, high_cost = middle, middle_cost
        else:
            low, low_cost = middle, middle_cost
    return high


def _full_rho(noise_multiplier: float, count: int) -> float:
    """Without sampling; never below the price with it (joint convexity of H_g)."""
    return zcdp.gaussian_rho(1.0, noise_multiplier, count=count)


@lru_cache(maxsize=512)
def _covering_mu(
    sampling_rate: float, noise_multiplier: float, count: int, slack: float
) -> float:
    """Smallest mu whose Gaussian curve plus slack lies above the steps' curve."""
    high = math.sqrt(count) / noise_multiplier  # that of full passes
    low = 1e-9 * high
    losses = _losses(sampling_rate, noise_multiplier, count)
    kept = slack * (1.0 - _OF_SLACK)
    top = float(losses.get_epsilon_for_delta(kept))
    if not top < _MOST_EPSILON:
        return high
    # The curves fall, so one order's value may stand for the interval behind it if it
    # is held against the Gaussian at that interval's far end. Beyond ``top`` the slack
    # is enough alone. The method takes the larger of both neighbour orders.
    orders = np.linspace(0.0, top, _ORDERS + 1)
    deltas = np.asarray(losses.get_delta_for_epsilon(orders.tolist()))
    needed = deltas[:-1] * (1.0 + _RELATIVE) - kept
    far, needed = orders[1:][needed > 0], needed[needed > 0]
    # Invariant: high covers; low does not, or is far below anything that matters.
    while high - low > 1e-7 * high:
        middle = 0.5 * (low + high)
        if (_curve(middle, far) >= needed).all():
            high = middle
        else:
            low = middle
    return high


def _losses(sampling_rate: float, noise_multiplier: float, count: int):  # noqa: ANN202  (a foreign class that loads late)
    from dp_accounting.pld import (  # noqa: PLC0415  (heavy, and needed here only)
        privacy_loss_distribution as pld,
    )

    inverse = 1.0 / noise_multiplier
    spread = min(sampling_rate * math.sqrt(math.expm1(inverse**2)), inverse)
    largest = sampling_rate * math.expm1(min((10.0 + 0.5 * inverse) * inverse, 600.0))
    step = pld.from_gaussian_mechanism(
        noise_multiplier,
        sampling_prob=sampling_rate,
        value_discretization_interval=max(
            spread / _FINEST,
            math.log1p(largest) / _MOST_POINTS,
            count * _LEAST_INTERVAL,
        ),
    )
    return step.self_compose(count)


def _curve(mu: float, epsilons: Floats) -> Floats:
    """Delta of N(mu, 1) against N(0, 1) at each epsilon."""
    first = log_ndtr(-epsilons / mu + 0.5 * mu)
    second = epsilons + log_ndtr(-epsilons / mu - 0.5 * mu)
    return np.exp(first) * -np.expm1(np.minimum(second - first, 0.0))
