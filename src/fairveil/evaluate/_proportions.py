"""Shares of attempts, and whether one is beyond another: intervals and exact tests.

Pure functions of counts; whether the counts are secret is the caller's business.

Sources: Wilson 1927 (interval of one share); Newcombe 1998, method 10 (interval of a
difference, from the two Wilson intervals); Fisher 1935 (exact test); Holm 1979.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtri
from scipy.stats import hypergeom

from fairveil._types import Floats
from fairveil.evaluate.results import Interval
from fairveil.evaluate.results_fairness import Estimate
from fairveil.evaluate.results_risks import Rate

_Z = float(ndtri(0.975))
_POWER = float(ndtri(0.8))
_NAN = float("nan")
UNKNOWN = Estimate(_NAN, Interval(_NAN, _NAN))


def rate(successes: int, attempts: int) -> Rate:
    """A share with its 95 % Wilson interval; NaN without an attempt."""
    if not attempts:
        return Rate(0, 0, _NAN, Interval(_NAN, _NAN))
    p, extra = successes / attempts, _Z**2 / attempts
    centre = (p + extra / 2) / (1 + extra)
    half = math.sqrt(p * (1 - p) * extra + extra**2 / 4) / (1 + extra)
    # rounding must not leave the ends beside 0 and 1, which are known exactly
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == attempts else min(1.0, centre + half)
    return Rate(int(successes), int(attempts), p, Interval(low, high))


def difference(first: Rate, second: Rate) -> Estimate:
    """First minus second, with Newcombe's interval; NaN where one has no attempt."""
    if not first.attempts or not second.attempts:
        return UNKNOWN
    one, two, apart = first.interval, second.interval, first.value - second.value
    low = math.hypot(first.value - one.low, two.high - second.value)
    high = math.hypot(one.high - first.value, second.value - two.low)
    return Estimate(apart, Interval(max(-1.0, apart - low), min(1.0, apart + high)))


def beyond(first: Rate, second: Rate) -> float:
    """P-value of Fisher's one-sided exact test that the first share is the larger.

    1 where one has no attempt.
    """
    if not first.attempts or not second.attempts:
        return 1.0
    total, hits = first.attempts + second.attempts, first.successes + second.successes
    tail = hypergeom.sf(first.successes - 1, total, hits, first.attempts)
    return float(min(1.0, max(0.0, tail)))


def detectable(control: Rate, attempts: int, level: float) -> float:
    """About the smallest excess over a share that is found in four of five tables.

    By the normal approximation, with the larger of the variances at the control's share
    and one success above it.

    Args:
        control: the share to exceed.
        attempts: on the other side.
        level: one-sided level of the test.
    """
    if not control.attempts or not attempts:
        return _NAN
    p = (control.successes + 1) / (control.attempts + 2)  # never 0 or 1
    size = math.sqrt(p * (1 - p) * (1 / control.attempts + 1 / attempts))
    return float(min(1.0, (float(-ndtri(level)) + _POWER) * size))


def holm(p_values: Floats) -> Floats:
    """P-values adjusted for (tests,) being made at once; in the order given."""
    count, adjusted = len(p_values), np.empty(len(p_values))
    worst = 0.0
    for place, k in enumerate(np.argsort(p_values, kind="stable")):
        worst = max(worst, min(1.0, (count - place) * float(p_values[k])))
        adjusted[k] = worst
    return adjusted
