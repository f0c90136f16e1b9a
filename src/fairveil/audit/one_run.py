"""Lower bounds from one run with many canaries, each in or out by a fair coin.

Public: the number of right guesses in, bounds out. ``canaries`` units are made up, each
joins the table by a coin of its own, and the release of that one run is used to guess
``guesses`` of the coins; the rest are left open. Which coins are guessed and how may
depend on the release; how many may not.

If the mechanism has trade-off function f, the right guesses N satisfy, for every c,

    sum_{j >= c} (j / m) P[N = j]  <=  F( sum_{j >= c - 1} ((k - j) / m) P[N = j] )

with m canaries, k guesses and F(x) = 1 - f(x), the most power at false alarm rate x.
Proof: let A be "the guess on canary i is right and N >= c". Turn coin i: on the same
releases the guess is now wrong and N >= c - 1. So P[A] <= F(P[wrong on i, N >= c - 1])
for any other coins; F is concave, so the inequality survives averaging over coins and
canaries (Jensen), and N right guesses among m give the factor j / m on the left, k - j
wrong ones the factor on the right. What N can do under these inequalities is bounded
exactly by ``_mass_needed``.

Sources: Steinke, Nasr and Jagielski 2023, theorem 5.2 (``epsilon_p_value``);
Mahloujifar, Melis and Chaudhuri 2025, "Auditing f-differential privacy in one run" (the
inequality).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.special import bdtrc, expit, gammaln, log_expit, ndtr, ndtri

from fairveil import _check
from fairveil.audit.bounds import CONFIDENCE

_MOST_EPSILON, _MOST_MU = 50.0, 20.0
_HALVINGS = 40


def epsilon_p_value(
    correct: int, guesses: int, canaries: int, *, epsilon: float, delta: float
) -> float:
    """Chance of at least so many right guesses under (epsilon, delta)-DP, at most.

    With delta 0 a right guess is, given the others, no likelier than a coin of
    e^epsilon / (1 + e^epsilon), so N is dominated by a binomial W; delta adds at most
    2 canaries delta max_i P[correct > W >= correct - i] / i.

    Args:
        correct: right guesses.
        guesses: guesses made; fixed before the run.
        canaries: coins thrown.
        epsilon, delta: the promise to be tested.

    Source: Steinke, Nasr and Jagielski 2023, theorem 5.2.
    """
    _check_game(correct, guesses, canaries)
    chance = float(expit(epsilon))
    tail = float(bdtrc(correct - 1, guesses, chance)) if correct else 1.0
    if delta == 0 or correct == 0:
        return min(1.0, tail)
    steps = np.arange(1, correct + 1)
    below = np.cumsum(_binomial(correct - steps, guesses, epsilon))
    return min(1.0, tail + 2 * canaries * delta * float(np.max(below / steps)))


def epsilon_bound(
    correct: int,
    guesses: int,
    canaries: int,
    *,
    delta: float,
    confidence: float = CONFIDENCE,
) -> float:
    """Lower bound on epsilon at ``delta``: every smaller one is rejected."""
    return _largest_rejected(
        lambda epsilon: (
            epsilon_p_value(correct, guesses, canaries, epsilon=epsilon, delta=delta)
            < 1 - confidence
        ),
        _MOST_EPSILON,
    )


def mu_bound(
    correct: int, guesses: int, canaries: int, *, confidence: float = CONFIDENCE
) -> float:
    """Lower bound on mu: the mechanism is not mu'-GDP for any smaller mu'."""
    _check_game(correct, guesses, canaries)

    def rejected(mu: float) -> bool:
        return unlikely(
            correct,
            guesses,
            canaries,
            alarms=lambda power: float(ndtr(ndtri(power) - mu)),
            risk=1 - confidence,
        )

    return _largest_rejected(rejected, _MOST_MU)


def unlikely(
    correct: int,
    guesses: int,
    canaries: int,
    *,
    alarms: Callable[[float], float],
    risk: float,
) -> bool:
    """Whether so many right guesses have a chance below ``risk``, for sure.

    Args:
        correct, guesses, canaries: as above.
        alarms: least false alarm rate that a test of this power has under the tested
            promise (the inverse of F); rising.
        risk: in (0, 1).
    """
    return _mass_needed(correct, guesses, canaries, alarms, tail=risk) > 1.0


def approximate_alarms(epsilon: float, delta: float) -> Callable[[float], float]:
    """``alarms`` of (epsilon, delta)-DP, for ``unlikely``."""

    def alarms(power: float) -> float:
        first = (power - delta) * math.exp(-epsilon)
        return max(0.0, first, 1 - delta - math.exp(epsilon) * (1 - power))

    return alarms


def _mass_needed(
    correct: int,
    guesses: int,
    canaries: int,
    alarms: Callable[[float], float],
    tail: float,
) -> float:
    """Least total probability of N where P[N >= correct] = tail, given the inequality.

    With S_c = P[N >= c] summation by parts turns the inequality into

        S_{c - 1} >= (m alarms((c S_c + T_{c + 1}) / m) + T_c) / (k - c + 1),

    T_c = S_c + S_{c + 1} + ... The right side rises in every S, so the least S_{c - 1}
    comes from the least S above it: none beyond ``correct``, ``tail`` at it.
    """
    mass, beyond = tail, 0.0  # S_c and T_{c + 1}
    for c in range(correct, 0, -1):
        power = (c * mass + beyond) / canaries
        beyond += mass
        least = (canaries * alarms(min(power, 1.0)) + beyond) / (guesses - c + 1)
        mass = max(mass, least)
        if mass > 1.0:
            break
    return mass


def _largest_rejected(rejected: Callable[[float], bool], most: float) -> float:
    """Largest parameter that is rejected, rounded down; 0 where none is."""
    if not rejected(0.0):
        return 0.0
    low, high = 0.0, most
    if rejected(high):
        return high
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if rejected(middle) else (low, middle)
    return low


def _binomial(hits: np.ndarray, trials: int, logit: float) -> np.ndarray:
    """Binomial probabilities, by logarithms so that many trials are no trouble."""
    ways = gammaln(trials + 1) - gammaln(hits + 1) - gammaln(trials - hits + 1)
    logs = ways + hits * log_expit(logit) + (trials - hits) * log_expit(-logit)
    with np.errstate(under="ignore"):
        return np.exp(logs)


def _check_game(correct: int, guesses: int, canaries: int) -> None:
    _check.whole(1, guesses=guesses, canaries=canaries)
    _check.in_range(0, canaries, guesses=guesses)
    _check.in_range(0, guesses, correct=correct)
