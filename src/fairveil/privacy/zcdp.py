"""Pure mathematics of zero-concentrated differential privacy (zCDP).

Public: numbers in, numbers out; nothing here sees data. Guarantees:

- every conversion rounds to the safe side: an epsilon, a delta and a spent rho are
  never below their true value, a calibrated rho and a calibrated ``e`` never above it,
  a calibrated noise never below it;
- nothing but composition and post-processing is assumed. zCDP gains nothing from
  subsampling, so no function takes a sampling rate.

Sources: Bun and Steinke 2016 (zCDP of the Gaussian mechanism, Prop. 1.6; composition);
Canonne, Kamath and Steinke 2020, "The Discrete Gaussian for Differential Privacy"
(conversion, Prop. 12); Cesar and Rogers 2021 (exponential mechanism, e^2 / 8).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import ROUND_CEILING, Context, Decimal

from fairveil import _check
from fairveil.errors import ConfigError, problem

# Relative size of the rounding errors of a sum of a few terms, with a wide margin.
_SLACK = 1e-14
# Range of log(alpha - 1) that is searched; any order is valid, so ends err upwards.
_LOG_ORDERS = (-600.0, 300.0)
_SMALLEST_RHO = 1e-200
_LARGEST_EPSILON = 1e100


def rho_to_epsilon(rho: float, delta: float) -> float:
    """Smallest known epsilon of a rho-zCDP mechanism at this delta, rounded up.

    Args:
        rho: zCDP parameter, at least 0; infinity gives infinity.
        delta: probability in [0, 1]; 0 gives infinity unless rho is 0.

    Returns:
        An epsilon of at least 0 such that the mechanism is (epsilon, delta)-DP.

    Raises:
        ConfigError: rho is negative or delta is not a probability.

    Source: Canonne, Kamath and Steinke 2020, Prop. 12: with alpha = 1 + t, for any
    t > 0, rho alpha + log(1 - 1 / alpha) - (log delta + log alpha) / (alpha - 1).
    """
    _check.in_range(0.0, math.inf, rho=rho)
    _check.in_range(0.0, 1.0, delta=delta)
    if rho == 0 or delta == 1:
        return 0.0
    if rho == math.inf or delta == 0:
        return math.inf

    # The bound falls in t exactly while rho t^2 + log(1 + t) < log(1 / delta), and the
    # left side grows, so the best t is one root. A t beside it errs upwards only.
    def past(log_t: float) -> bool:
        t = math.exp(log_t)
        return rho * t * t + math.log1p(t) >= -math.log(delta)

    t = math.exp(_crossing(past))
    terms = (
        rho,
        rho * t,
        -math.log1p(1.0 / t),
        -math.log(delta) / t,
        -math.log1p(t) / t,
    )
    return max(0.0, _sum_up(terms))


def rho_to_delta(rho: float, epsilon: float) -> float:
    """Smallest known delta of a rho-zCDP mechanism at this epsilon, rounded up.

    Args:
        rho: zCDP parameter, at least 0; infinity gives 1 for a finite epsilon.
        epsilon: at least 0; infinity gives 0.

    Returns:
        A delta in [0, 1] such that the mechanism is (epsilon, delta)-DP.

    Raises:
        ConfigError: rho or epsilon is negative.

    Source: Canonne, Kamath and Steinke 2020, Prop. 12.
    """
    _check.in_range(0.0, math.inf, rho=rho, epsilon=epsilon)
    if rho == 0 or epsilon == math.inf:
        return 0.0
    if rho == math.inf:
        return 1.0

    # Outside these a product could overflow; both replacements raise delta.
    rho, epsilon = max(rho, _SMALLEST_RHO), min(epsilon, _LARGEST_EPSILON)

    # The logarithm of delta is convex in t; this is the sign of its slope.
    def past(log_t: float) -> bool:
        t = math.exp(log_t)
        return rho * (1.0 + 2.0 * t) >= epsilon + math.log1p(1.0 / t)

    t = math.exp(_crossing(past))
    terms = (
        t * rho,
        t * t * rho,
        -t * epsilon,
        -(1.0 + t) * math.log1p(1.0 / t),
        -math.log(t),
    )
    log_delta = _sum_up(terms)
    return 1.0 if log_delta >= 0 else min(1.0, _up(math.exp(log_delta)))


def calibrate_rho(epsilon: float, delta: float) -> float:
    """Largest rho whose conversion stays within (epsilon, delta), rounded down.

    Args:
        epsilon: above 0; infinity gives infinity.
        delta: in (0, 1).

    Returns:
        A rho with ``rho_to_epsilon(rho, delta) <= epsilon``.

    Raises:
        ConfigError: epsilon or delta lies outside its range.
    """
    _check.positive(epsilon=epsilon)
    if epsilon == math.inf:
        return math.inf
    open_probability(delta=delta)
    low, high = 0.0, 1.0
    while rho_to_epsilon(high, delta) <= epsilon:
        low, high = high, 2.0 * high
    # Invariant: low is safe (its epsilon is within the target) and high is not.
    while low < (middle := 0.5 * (low + high)) < high and high - low > 1e-15 * high:
        if rho_to_epsilon(middle, delta) <= epsilon:
            low = middle
        else:
            high = middle
    return low


def gaussian_rho(sensitivity: float, noise_stddev: float, *, count: int = 1) -> float:
    """Rho of ``count`` Gaussian mechanisms, rounded up; no noise costs infinity.

    The discrete Gaussian costs the same for integer-valued answers (Canonne, Kamath and
    Steinke 2020, Theorem 14).

    Args:
        sensitivity: L2 sensitivity, above 0 and finite.
        noise_stddev: standard deviation of the noise, at least 0, in the same units.
        count: number of adaptive compositions.

    Raises:
        ConfigError: an argument lies outside its range.
    """
    _check.positive(sensitivity=sensitivity)
    _check.finite(sensitivity=sensitivity)
    _check.in_range(0.0, math.inf, noise_stddev=noise_stddev)
    _check.whole(1, count=count)
    if noise_stddev == 0:
        return math.inf
    ratio = _up(sensitivity / noise_stddev)
    square = ratio * ratio  # overflows to infinity, which is safe
    return _up(count * _up(0.5 * square))


def gaussian_stddev(sensitivity: float, rho: float, *, count: int = 1) -> float:
    """Smallest noise with ``gaussian_rho(..., count=count) <= rho``, rounded up.

    Args:
        sensitivity: L2 sensitivity, above 0 and finite.
        rho: what all ``count`` mechanisms may cost together; infinity gives 0.0.
        count: number of adaptive compositions.

    Raises:
        ConfigError: an argument lies outside its range.
    """
    _check.positive(sensitivity=sensitivity)
    _check.finite(sensitivity=sensitivity)
    _check.in_range(_SMALLEST_RHO, math.inf, rho=rho)
    _check.whole(1, count=count)
    if rho == math.inf:
        return 0.0
    stddev = sensitivity * math.sqrt(count / (2.0 * rho))
    step = 4e-16
    while gaussian_rho(sensitivity, stddev, count=count) > rho:
        stddev, step = stddev * (1.0 + step), 2.0 * step
    return stddev


def exponential_rho(e: float, *, count: int = 1) -> float:
    """Rho of ``count`` exponential mechanisms of parameter ``e``: e^2 / 8 each, up.

    Args:
        e: pure-DP parameter of one selection, above 0; infinity costs infinity.
        count: number of adaptive compositions.

    Raises:
        ConfigError: an argument lies outside its range.
    """
    _check.positive(e=e)
    _check.whole(1, count=count)
    return _up(count * _up(e * e / 8.0))


def exponential_e(rho: float, *, count: int = 1) -> float:
    """Largest ``e`` with ``exponential_rho(e, count=count) <= rho``, rounded down.

    Args:
        rho: what all ``count`` selections may cost together; infinity gives infinity.
        count: number of adaptive compositions.

    Raises:
        ConfigError: an argument lies outside its range.
    """
    _check.in_range(_SMALLEST_RHO, math.inf, rho=rho)
    _check.whole(1, count=count)
    if rho == math.inf:
        return math.inf
    e = math.sqrt(8.0 * rho / count)
    step = 4e-16
    while exponential_rho(e, count=count) > rho:
        e, step = e * (1.0 - step), 2.0 * step
    return e


def round_up(value: float, digits: int = 4) -> float:
    """The value with ``digits`` significant digits, never rounded down.

    Raises:
        ConfigError: not a number, or no digits.
    """
    _check.in_range(-math.inf, math.inf, value=value)
    _check.whole(1, digits=digits)
    if not math.isfinite(value):
        return value
    context = Context(prec=digits, rounding=ROUND_CEILING)
    # The shortest text of the value reads back as the value, and a larger decimal does
    # not read back as a smaller double.
    return float(context.plus(Decimal(repr(float(value)))))


def open_probability(**values: float) -> None:
    """Raise unless every value lies strictly between 0 and 1."""
    for name, value in values.items():
        _check.in_range(0.0, 1.0, **{name: value})
        if value in (0, 1):
            raise ConfigError(
                problem(
                    f"{name} must lie strictly between 0 and 1",
                    got=value,
                    try_="a number in between",
                )
            )


def _crossing(past: Callable[[float], bool]) -> float:
    # Invariant: the crossing lies in [low, high], or beyond an end of the whole range.
    low, high = _LOG_ORDERS
    for _ in range(100):
        middle = 0.5 * (low + high)
        if not low < middle < high:
            break
        if past(middle):
            high = middle
        else:
            low = middle
    return high


def _sum_up(terms: tuple[float, ...]) -> float:
    return math.fsum(terms) + _SLACK * math.fsum(abs(term) for term in terms)


def _up(value: float) -> float:
    return math.nextafter(value, math.inf)
