"""What an attack proves: lower bounds on epsilon and mu from its hits and false alarms.

Public: counts of an attack in, bounds out; nothing here sees a table. An attack looks
at releases of two neighbouring tables, with (``inside``) and without (``outside``) one
unit, and says where it believes the unit to be. Guarantees:

- limits on a probability are exact (Clopper and Pearson 1934): no normal approximation
  holds a bound up, and a bound fails with a chance of at most 1 - confidence;
- both bounds of an attack follow from the same two limits, so they hold together;
- a threshold that is chosen by looking is judged on other runs than it was chosen on.

Sources: Jagielski, Ullman and Oprea 2020 (epsilon from hits and false alarms); Dong,
Roth and Su 2022 (mu of a test); Nasr et al. 2023, "Tight auditing of differentially
private machine learning" (mu from one threshold).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv, ndtr, ndtri

from fairveil import _check
from fairveil._types import Floats
from fairveil.privacy.gdp import rho_to_epsilon

CONFIDENCE = 0.999
_CUTS = 33  # thresholds that are tried


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What an attack said in runs that it was not tuned on.

    Attributes:
        hits: runs with the unit of which it said so.
        inside: runs with the unit.
        alarms: runs without the unit of which it said the contrary.
        outside: runs without the unit.
    """

    hits: int
    inside: int
    alarms: int
    outside: int

    def __post_init__(self) -> None:
        _check.whole(1, inside=self.inside, outside=self.outside)
        _check.in_range(0, self.inside, hits=self.hits)
        _check.in_range(0, self.outside, alarms=self.alarms)

    @property
    def perfect(self) -> Counts:
        """The best that any attack could have had in as many runs."""
        return Counts(
            hits=self.inside, inside=self.inside, alarms=0, outside=self.outside
        )


def binomial_limits(hits: int, trials: int, risk: float) -> tuple[float, float]:
    """Exact limits on a probability, each of which fails with a chance up to ``risk``.

    Args:
        hits: successes, at most ``trials``.
        trials: independent trials, at least 1.
        risk: of the lower and of the upper limit, each, in (0, 1).
    """
    low = betaincinv(hits, trials - hits + 1, risk) if hits else 0.0
    high = betaincinv(hits + 1, trials - hits, 1 - risk) if hits < trials else 1.0
    return float(low), float(high)


def epsilon_bound(
    counts: Counts, *, delta: float, confidence: float = CONFIDENCE
) -> float:
    """Lower bound on epsilon at ``delta``, whatever the shape of the privacy curve.

    If the mechanism is (epsilon, delta)-DP then hits <= e^epsilon alarms + delta, and
    the same for the complements; 0 where nothing is proven.

    Args:
        counts: of an attack.
        delta: probability in [0, 1].
        confidence: of the bound.
    """
    power, alarm = _limits(counts, 1 - confidence)
    ratios = ((power - delta, alarm), (1 - alarm - delta, 1 - power))
    best = max(top / bottom if bottom else math.inf for top, bottom in ratios)
    return max(0.0, math.log(best)) if best > 0 else 0.0


def mu_bound(counts: Counts, *, confidence: float = CONFIDENCE) -> float:
    """Lower bound on mu: the mechanism is not mu'-GDP for any smaller mu'."""
    power, alarm = _limits(counts, 1 - confidence)
    return max(0.0, _mu(power, alarm))


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Mu of an attack's test, which is at most the mechanism's.

    Attributes:
        value: point estimate.
        low, high: limits that hold together with the confidence asked for.
    """

    value: float
    low: float
    high: float


def mu_estimate(counts: Counts, *, confidence: float = CONFIDENCE) -> Estimate:
    """Mu of the test behind ``counts``: Phi^-1(power) + Phi^-1(1 - alarms)."""
    risk = (1 - confidence) / 4
    power = binomial_limits(counts.hits, counts.inside, risk)
    alarm = binomial_limits(counts.alarms, counts.outside, risk)
    value = _mu(
        _inner(counts.hits, counts.inside), _inner(counts.alarms, counts.outside)
    )
    return Estimate(
        value=value, low=_mu(power[0], alarm[1]), high=_mu(power[1], alarm[0])
    )


def gaussian_epsilon(mu: float, delta: float) -> float:
    """Epsilon at ``delta`` of the Gaussian curve of mu (rounded up, as it is spent)."""
    return rho_to_epsilon(0.5 * mu * mu, delta)


def judged(outside: Floats, inside: Floats, threshold: float) -> Counts:
    """Counts of "score above ``threshold``"; it must not depend on these scores."""
    return Counts(
        hits=int((inside > threshold).sum()),
        inside=len(inside),
        alarms=int((outside > threshold).sum()),
        outside=len(outside),
    )


def tuned(outside: Floats, inside: Floats, *, learn: int) -> Counts:
    """Counts at a threshold chosen on the first runs, judged on the rest.

    The threshold is the one with the best bound on mu among some quantiles. Which side
    means "with the unit" is part of the choice.

    Args:
        outside, inside: scores of independent runs, in the order in which they were
            made.
        learn: how many runs of each, the first ones, the choice may look at.
    """
    least = min(len(outside), len(inside))
    _check.in_range(1, least - 1, learn=learn)
    pilot = outside[:learn], inside[:learn]
    rest = outside[learn:], inside[learn:]
    cuts = np.unique(np.quantile(np.concatenate(pilot), np.linspace(0.01, 0.99, _CUTS)))
    middles = np.r_[cuts, (cuts[1:] + cuts[:-1]) / 2]
    choices = [(side, side * cut) for side in (1.0, -1.0) for cut in middles]

    def promise(choice: tuple[float, float]) -> float:
        side, cut = choice  # wide limits on few runs keep the choice off the tails
        return mu_estimate(judged(side * pilot[0], side * pilot[1], cut)).low

    side, cut = max(choices, key=promise)
    return judged(side * rest[0], side * rest[1], cut)


def least_caught(mu: float, runs: int, *, confidence: float = CONFIDENCE) -> float:
    """Smallest mu of a Gaussian leak that as many runs would show to be above ``mu``.

    At even odds, by an attack that thresholds the likelihood ratio at 1; infinity where
    no leak would show.

    Args:
        mu: what is stated.
        runs: of each of both tables.
        confidence: of the bound.
    """

    def shown(truth: float) -> bool:
        hits = round(float(ndtr(0.5 * truth)) * runs)
        counts = Counts(hits=hits, inside=runs, alarms=runs - hits, outside=runs)
        return mu_bound(counts, confidence=confidence) > mu

    low, high = mu, mu + 16.0
    if not shown(high):
        return math.inf
    while high - low > 1e-3 * high:  # invariant: high is shown, low is not
        middle = 0.5 * (low + high)
        low, high = (low, middle) if shown(middle) else (middle, high)
    return high


def _limits(counts: Counts, risk: float) -> tuple[float, float]:
    """Lower limit of the hits' rate, upper limit of the alarms', jointly."""
    power, _ = binomial_limits(counts.hits, counts.inside, risk / 2)
    _, alarm = binomial_limits(counts.alarms, counts.outside, risk / 2)
    return power, alarm


def _inner(hits: int, trials: int) -> float:
    """The rate, moved off 0 and 1 by half a run."""
    return min(max(hits, 0.5), trials - 0.5) / trials


def _mu(power: float, alarm: float) -> float:
    if power in (0.0, 1.0) or alarm in (0.0, 1.0):
        return math.copysign(math.inf, power - alarm)
    return float(ndtri(power) - ndtri(alarm))
