"""Exact Gaussian accounting: every mechanism is priced by a Gaussian that covers it.

Public: numbers in, numbers out; nothing here sees data. A mechanism is *covered* by
(rho, slack) when, for all neighbours and every factor g >= 0, its hockey-stick
divergence of order g is at most that of N(mu, 1) against N(0, 1), mu^2 = 2 rho, plus
slack. Guarantees:

- covers compose adaptively: the rho add up and the slacks add up, and a cap on their
  sums may be kept by choices that depend on earlier answers;
- a mechanism that is covered by (rho, 0) is rho-zCDP, so rho means here what it means
  in ``zcdp``, and never less is charged;
- conversions round to the safe side, as in ``zcdp``, and are never worse than it.

Sources: Dong, Roth and Su 2022, "Gaussian Differential Privacy" (composition); Balle
and Wang 2018 (the curve of the Gaussian mechanism); Dong, Durfee and Rogers 2020 (worst
cases of bounded-range mechanisms); Smith and Thakurta 2022 (adaptive parameters).
Proofs of the covers: docs/privacy.md.
"""

from __future__ import annotations

import itertools
import math
from functools import lru_cache

from scipy.special import expit, log_ndtr, ndtri

from fairveil.errors import ConfigError, problem
from fairveil.privacy import zcdp

# the parts of a curve, relative to their size, that rounding may have swallowed
_SLACK = 1e-13
_LOG_SLACK = 4e-16
# kept back from every budget, so that a second accountant with a grid finds room
_MARGIN = 1e-5
LEAST_DISCRETE_STDDEV = 0.2
_FINE = 2.0  # standard deviations from which a formula bounds what the lattice costs
_DISCRETE_LOSS = 0.25  # of the variance: that formula, with a margin
_NEAR = 1e-9  # of a coarse lattice's standard deviation to the least one
_REACH = 40  # standard deviations of a coarse lattice that are summed


def rho_to_delta(rho: float, epsilon: float) -> float:
    """Delta at this epsilon of what is covered by (rho, 0), rounded up.

    Args:
        rho: at least 0; infinity gives 1 for a finite epsilon.
        epsilon: at least 0; infinity gives 0.

    Raises:
        ConfigError: rho or epsilon is negative.

    Source: Balle and Wang 2018, Theorem 8.
    """
    safe = zcdp.rho_to_delta(rho, epsilon)
    if rho == 0 or math.inf in (rho, epsilon):
        return safe
    return min(safe, _curve(math.sqrt(2.0 * rho), epsilon))


def rho_to_epsilon(rho: float, delta: float) -> float:
    """Smallest epsilon at this delta of what is covered by (rho, 0), rounded up.

    Args:
        rho: at least 0; infinity gives infinity.
        delta: probability in [0, 1]; 0 gives infinity unless rho is 0.

    Raises:
        ConfigError: rho is negative or delta is not a probability.
    """
    high = zcdp.rho_to_epsilon(rho, delta)
    if high in (0.0, math.inf):
        return high
    mu, low = math.sqrt(2.0 * rho), 0.0
    if _curve(mu, 0.0) <= delta:
        return 0.0
    # Invariant: high is safe; low is not.
    while low < (middle := 0.5 * (low + high)) < high and high - low > 1e-15 * high:
        if _curve(mu, middle) <= delta:
            high = middle
        else:
            low = middle
    return high


def calibrate_rho(epsilon: float, delta: float) -> float:
    """Largest rho within (epsilon, delta), less one part in 10^5, rounded down.

    Args:
        epsilon: above 0; infinity gives infinity.
        delta: in (0, 1).

    Raises:
        ConfigError: epsilon or delta lies outside its range.
    """
    plain = zcdp.calibrate_rho(epsilon, delta)
    if plain == math.inf:
        return plain
    low, high = plain, 2.0 * plain + 1e-300
    while rho_to_epsilon(high, delta) <= epsilon:
        low, high = high, 2.0 * high
    # Invariant: low is safe; high is not.
    while low < (middle := 0.5 * (low + high)) < high and high - low > 1e-12 * high:
        if _curve(math.sqrt(2.0 * middle), epsilon) <= delta:
            low = middle
        else:
            high = middle
    return max(low * (1.0 - _MARGIN), plain)


def discrete_rho(sensitivity: float, noise_stddev: float, *, count: int = 1) -> float:
    """Rho that covers ``count`` discrete Gaussian mechanisms on the integers, up.

    The discrete Gaussian of variance v is *not* covered by the Gaussian of variance v
    (its delta is larger at some epsilons), but by that of variance v - 1/4, from a
    standard deviation of 2 on. Below that its tails are summed; below .2 no cover is
    offered and the cost is infinite.

    Args:
        sensitivity: L2 sensitivity, above 0 and finite.
        noise_stddev: sigma of the discrete Gaussian, at least 0.
        count: number of adaptive compositions.

    Raises:
        ConfigError: an argument lies outside its range.
    """
    plain = zcdp.gaussian_rho(sensitivity, noise_stddev, count=count)
    if noise_stddev < LEAST_DISCRETE_STDDEV:
        return math.inf
    if noise_stddev < _FINE:
        smaller = 1.0 / _largest_step(noise_stddev)
    else:
        smaller = math.sqrt(noise_stddev**2 - _DISCRETE_LOSS) * (1.0 - 1e-15)
    return max(plain, zcdp.gaussian_rho(sensitivity, smaller, count=count))


@lru_cache(maxsize=1024)  # a round of selection asks for the same again and again
def discrete_stddev(sensitivity: float, rho: float, *, count: int = 1) -> float:
    """Least noise on the integers with ``discrete_rho(...) <= rho``, rounded up.

    Args:
        sensitivity: L2 sensitivity, above 0 and finite.
        rho: what all ``count`` mechanisms may cost together; infinity gives 0.0.
        count: number of adaptive compositions.

    Raises:
        ConfigError: an argument lies outside its range.
    """
    plain = zcdp.gaussian_stddev(sensitivity, rho, count=count)
    if plain == 0:
        return 0.0
    stddev = math.sqrt(plain**2 + _DISCRETE_LOSS)
    if stddev < _FINE:
        return _coarse_stddev(sensitivity, rho, count)
    step = 4e-16
    while discrete_rho(sensitivity, stddev, count=count) > rho:
        stddev, step = stddev * (1.0 + step), 2.0 * step
    return stddev


def _coarse_stddev(sensitivity: float, rho: float, count: int) -> float:
    """The same below a standard deviation of 2, by halving."""
    low, high = LEAST_DISCRETE_STDDEV, _FINE
    if discrete_rho(sensitivity, low, count=count) <= rho:
        return low
    # Invariant: high is safe; low is not.
    while high - low > _NEAR:
        middle = 0.5 * (low + high)
        if discrete_rho(sensitivity, middle, count=count) <= rho:
            high = middle
        else:
            low = middle
    return high


@lru_cache(maxsize=256)
def _largest_step(stddev: float) -> float:
    """Largest step between normal scores of neighbouring tails, rounded up."""
    mass = [
        math.exp(-0.5 * (x / stddev) ** 2) for x in range(math.ceil(_REACH * stddev))
    ]
    total = 2.0 * math.fsum(mass) - mass[0]
    tails = [math.fsum(mass[k:]) / total for k in range(1, len(mass))]
    scores = [-float(ndtri(tail)) for tail in tails if tail > 0]
    steps = [2.0 * scores[0], *(b - a for a, b in itertools.pairwise(scores))]
    return max(steps) * (1.0 + 1e-9)


def exponential_rho(e: float, *, count: int = 1) -> float:
    """Rho that covers ``count`` exponential mechanisms of parameter ``e``, up.

    The mechanism has bounded range e; of all such mechanisms none is easier to tell
    apart than randomised response at e / 2, so mu = 2 Phi^-1(1 / (1 + exp(-e / 2))).
    As zCDP it would cost e^2 / 8 only, but then nothing could use the Gaussian curve.

    Args:
        e: pure-DP parameter of one choice, above 0; infinity costs infinity.
        count: number of adaptive compositions.

    Raises:
        ConfigError: an argument lies outside its range.
    """
    if zcdp.exponential_rho(e, count=count) == math.inf:  # checks the arguments too
        return math.inf
    mu = -2.0 * float(ndtri(expit(-0.5 * e))) * (1.0 + 1e-14)
    return _up(count * _up(0.5 * mu * mu))


def exponential_e(rho: float, *, count: int = 1) -> float:
    """Largest ``e`` with ``exponential_rho(e, count=count) <= rho``, rounded down.

    Args:
        rho: what all ``count`` choices may cost together; infinity gives infinity.
        count: number of adaptive compositions.

    Raises:
        ConfigError: an argument lies outside its range.
    """
    if zcdp.exponential_e(rho, count=count) == math.inf:  # checks the arguments too
        return math.inf
    half = 0.5 * math.sqrt(2.0 * rho / count)
    e = 2.0 * float(log_ndtr(half) - log_ndtr(-half))
    if not e > 0:
        raise ConfigError(problem("rho is too small for a choice", got=rho))
    step = 4e-16
    while exponential_rho(e, count=count) > rho:
        e, step = e * (1.0 - step), 2.0 * step
    return e


def threshold_delta(threshold: float, noise_stddev: float, *, rows: int) -> float:
    """Chance that thresholding shows a cell which only one unit has, rounded up.

    A unit has at most ``rows`` rows and each lies in one cell. With counts c of cells
    that nobody else has, the chance is at most the sum of the tails beyond
    ``threshold - c``. As tails are convex there, so is the sum along the way from all
    rows in one cell to each row in its own, and it is largest at an end. The tail
    P(X >= m) of the discrete Gaussian is at most that of the Gaussian beyond m - 1
    (Canonne, Kamath and Steinke 2020, Proposition 25).

    Args:
        threshold: a cell is shown where its noisy count is above.
        noise_stddev: sigma of the discrete Gaussian.
        rows: rows of one unit at most.

    Returns:
        The bound; 1 where the threshold is not above the rows of a unit.
    """
    if noise_stddev == 0 or threshold <= rows + 1:
        return 1.0

    def tail(count: int) -> float:
        beyond = math.floor(threshold - count)  # shown from beyond + 1 on
        return math.exp(float(log_ndtr(-beyond / noise_stddev)) * (1.0 - _SLACK))

    worst = max(tail(rows), rows * tail(1))
    return min(1.0, worst * (1.0 + 1e-12))


def threshold_of(delta: float, noise_stddev: float, *, rows: int) -> float:
    """Least whole threshold with ``threshold_delta(...) <= delta``.

    Raises:
        ConfigError: delta is not above 0 and below 1.
    """
    zcdp.open_probability(delta=delta)
    low, high = float(rows), rows + 2.0
    while threshold_delta(high, noise_stddev, rows=rows) > delta:
        low, high = high, 2.0 * high
    # Invariant: high is safe; low is not.
    while high - low > 1:
        middle = float(math.floor(0.5 * (low + high)))
        if threshold_delta(middle, noise_stddev, rows=rows) <= delta:
            high = middle
        else:
            low = middle
    return high


def _curve(mu: float, epsilon: float) -> float:
    """Delta of N(mu, 1) against N(0, 1), rounded up."""
    first = float(log_ndtr(-epsilon / mu + 0.5 * mu))
    second = epsilon + float(log_ndtr(-epsilon / mu - 0.5 * mu))
    lost = _SLACK + _LOG_SLACK * (abs(first) + abs(second) + epsilon)
    value = math.exp(first) * (-math.expm1(min(second - first, 0.0)) + lost)
    return min(1.0, _up(value))


def _up(value: float) -> float:
    return math.nextafter(value, math.inf)
