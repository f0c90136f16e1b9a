"""What a privacy promise means for somebody who attacks the release.

Public: numbers in, numbers out; nothing here sees data. The attacker may know all
about the table but whether one unit is in it, may have any computing power, and sees
all that the fit released. Two kinds of promise are read:

- *by epsilon*: (epsilon, delta) alone, as for any mechanism;
- *by the curve*: the cover (rho, slack) of ``gdp``, which says more. For every factor
  g >= 0 and both orders of neighbours the hockey-stick divergence is at most that of
  N(mu, 1) against N(0, 1), mu^2 = 2 rho, plus slack.

Guarantees: every bound holds for every attack, and is rounded up. A bound is no
forecast: attacks that are known reach less.

Proofs. Write P and Q for the release with and without the unit, H_g = max over S of
P(S) - g Q(S).

- *Power.* An attacker who claims "in" on S has P(S) <= g Q(S) + H_g for every g, so
  P(S) is at most the least of these lines, which for the cover is the power of the
  Neyman-Pearson test of the two Gaussians, plus slack. For (epsilon, delta) the lines
  at g = exp(epsilon) and, by the other order, exp(-epsilon) are left.
- *Odds.* Let S be the outcomes on which dP/dQ is above exp(t). On S, Q(S) is at most
  exp(-t) P(S), so for every t' < t, P(S) (1 - exp(t' - t)) <= P(S) - exp(t') Q(S) <=
  H_exp(t'), hence P(S) <= H_exp(t') / (1 - exp(t' - t)), and Q(S) <= P(S). So for a
  chance c > H_exp(t') the odds grow by more than the factor exp(t), t = t' - log(1 -
  H_exp(t') / c), with a chance of at most c, whichever of P and Q is true. The order
  (Q, P) says the same of odds that shrink.

Sources: Kairouz, Oh and Viswanath 2015 (the region of error rates); Dong, Roth and Su
2022 (Gaussian trade-off curves).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import expit, logit, ndtr, ndtri

from fairveil import _check
from fairveil.privacy import gdp, zcdp
from fairveil.privacy.statement import Statement

PRIORS = (0.01, 0.1, 0.5)
FALSE_POSITIVES = 0.01
CHANCE = 0.001  # with which the odds may move further than is said

_DIGITS = 4
_ROUNDING = 1e-12  # relative, of the normal distribution's values
_TRIED = 60  # orders at which the curve is asked
_MOST_EXPONENT = 700.0  # of exp in a float
_CLOSER = 3  # times the search is repeated around the best of them


@dataclass(frozen=True, kw_only=True)
class Promise:
    """A promise as an attacker meets it; infinite where there is none.

    Attributes:
        epsilon, delta: the first kind.
        rho, slack: the cover, or None where only the first kind is known.
    """

    epsilon: float
    delta: float
    rho: float | None = None
    slack: float = 0.0

    def __post_init__(self) -> None:
        _check.in_range(0.0, math.inf, epsilon=self.epsilon)
        _check.in_range(0.0, 1.0, delta=self.delta, slack=self.slack)
        if self.rho is not None:
            _check.in_range(0.0, math.inf, rho=self.rho)

    @property
    def by_epsilon(self) -> Promise:
        """The same promise without its curve."""
        return Promise(epsilon=self.epsilon, delta=self.delta)


def promised(statement: Statement) -> Promise:
    """What a fit promises: its whole cap, as what is spent may depend on answers.

    A statement that is not private promises nothing.
    """
    if not statement.private:
        return Promise(epsilon=math.inf, delta=1.0)
    return Promise(
        epsilon=statement.epsilon,
        delta=statement.delta,
        rho=statement.rho_cap,
        slack=statement.delta_reserved,
    )


def most_power(promise: Promise, false_positives: float) -> float:
    """Largest share of true claims "in" at this share of false ones, rounded up.

    Args:
        promise: what binds the attacker.
        false_positives: share of the units outside that are claimed to be in, in
            [0, 1].

    Returns:
        A true-positive rate: at least ``false_positives``, which guessing reaches.

    Raises:
        ConfigError: the share lies outside its range.
    """
    _check.in_range(0.0, 1.0, false_positives=false_positives)
    epsilon, delta = promise.epsilon, promise.delta
    grown = math.inf if epsilon > _MOST_EXPONENT else math.exp(epsilon)
    best = min(1.0, grown * false_positives + delta) if grown < math.inf else 1.0
    best = min(best, 1.0 - math.exp(-epsilon) * (1.0 - delta - false_positives))
    if promise.rho is not None:
        mu = math.sqrt(2.0 * promise.rho)
        shifted = float(ndtr(ndtri(false_positives) + mu)) if mu < math.inf else 1.0
        best = min(best, shifted * (1.0 + _ROUNDING) + promise.slack)
    return _at_most_one(max(best, false_positives))


def most_advantage(promise: Promise) -> float:
    """Largest true-positive less false-positive rate of any attack, rounded up."""
    # (e^epsilon - 1 + 2 delta) / (e^epsilon + 1), for large epsilon too
    best = math.tanh(0.5 * promise.epsilon)
    best += 2.0 * promise.delta * float(expit(-promise.epsilon))
    if promise.rho is not None:
        middle = 2.0 * float(ndtr(0.5 * math.sqrt(2.0 * promise.rho))) - 1.0
        best = min(best, middle * (1.0 + _ROUNDING) + promise.slack)
    return _at_most_one(best)


def most_shift(promise: Promise, chance: float = CHANCE) -> float:
    """How far the log odds of "in" can move, except with this chance; rounded up.

    Args:
        promise: what binds the attacker.
        chance: over the noise, at most, of a release that moves them further up; and
            of one that moves them further down.

    Returns:
        Natural logarithm of the factor; infinity where nothing is promised at this
        chance (a delta that is not below it).

    Raises:
        ConfigError: the chance is not strictly between 0 and 1.
    """
    zcdp.open_probability(chance=chance)
    best = _shift(promise.epsilon, promise.delta, chance)
    if promise.rho is not None and promise.rho < math.inf:
        best = min(best, _least_shift(promise.rho, promise.slack, chance))
    return best


def posterior(prior: float, shift: float) -> tuple[float, float]:
    """Lowest and highest belief after the release, rounded outwards.

    Args:
        prior: belief before it that the unit is in the table, strictly between 0 and 1.
        shift: see ``most_shift``.

    Raises:
        ConfigError: an argument lies outside its range.
    """
    zcdp.open_probability(prior=prior)
    _check.in_range(0.0, math.inf, shift=shift)
    odds = float(logit(prior))
    low, high = float(expit(odds - shift)), float(expit(odds + shift))
    rounded = -zcdp.round_up(-low * (1.0 - _ROUNDING), _DIGITS)
    return rounded + 0.0, _at_most_one(high)


def delta_of(promise: Promise, epsilon: float) -> float:
    """Delta of the promise at another epsilon, rounded up; 1 where nothing is known.

    Raises:
        ConfigError: epsilon is negative.
    """
    _check.in_range(0.0, math.inf, epsilon=epsilon)
    known = promise.delta if epsilon >= promise.epsilon else 1.0
    if promise.rho is not None:
        known = min(known, gdp.rho_to_delta(promise.rho, epsilon) + promise.slack)
    return known


def _least_shift(rho: float, slack: float, chance: float) -> float:
    """The best t over orders t' of the curve; every one tried is a bound."""
    if slack >= chance:
        return math.inf
    low, high = 0.0, gdp.rho_to_epsilon(rho, 0.01 * (chance - slack)) + 1e-12
    best = math.inf
    for _ in range(_CLOSER):
        width = (high - low) / _TRIED
        tried = [low + i * width for i in range(_TRIED + 1)]
        found = [_shift(t, gdp.rho_to_delta(rho, t) + slack, chance) for t in tried]
        best = min(best, *found)
        middle = tried[found.index(min(found))]
        low, high = max(0.0, middle - width), middle + width
    return best


def _shift(epsilon: float, delta: float, chance: float) -> float:
    if delta >= chance or epsilon == math.inf:
        return math.inf
    return (epsilon - math.log1p(-delta / chance)) * (1.0 + _ROUNDING)


def _at_most_one(value: float) -> float:
    return min(1.0, zcdp.round_up(value, _DIGITS))
