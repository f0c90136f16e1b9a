"""Statistics of scores and of contingency tables, each with its uncertainty.

Pure functions of arrays; whether the arrays are secret is the caller's business. No
model is fitted here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fairveil._types import Floats
from fairveil.evaluate._tables import FEWEST, Ints
from fairveil.evaluate.results import Interval

RESAMPLES = 200
CHANCE = Interval(0.5, 0.5)


@dataclass(frozen=True)
class Ranked:
    """One class against the rest, sorted by score once so that resamples are linear.

    Attributes:
        order: (n,) rows by rising score.
        positive: (n,) in that order, whether the row is of the class.
        starts: where each run of equal scores begins.
    """

    order: Ints
    positive: npt.NDArray[np.bool_]
    starts: Ints

    @classmethod
    def of(cls, positive: npt.NDArray[np.bool_], score: Floats) -> Ranked:
        """Sort (n,) scores; ties are kept together."""
        order = np.argsort(score, kind="stable")
        new = np.diff(score[order], prepend=np.nan) != 0
        return cls(order, positive[order], np.flatnonzero(new))

    def auroc(self, weight: Floats) -> float:
        """Weighted area under the curve, ties counted half; NaN without two classes.

        Args:
            weight: (n,) weight of each row, in the caller's order.
        """
        sorted_weight = weight[self.order]
        up = np.add.reduceat(sorted_weight * self.positive, self.starts)
        down = np.add.reduceat(sorted_weight * ~self.positive, self.starts)
        total = up.sum() * down.sum()
        if total == 0:
            return float("nan")
        below = np.cumsum(down) - down
        return float((up * (below + down / 2)).sum() / total)


def auroc(
    truth: Ints,
    probability: Floats,
    *,
    rng: np.random.Generator,
    by_prevalence: bool = False,
) -> tuple[float, Interval]:
    """Area under the curve with its bootstrap interval, one-vs-rest over classes.

    Args:
        truth: (n,) class codes; classes that do not occur are not averaged.
        probability: (n, classes) scores.
        rng: draws the resamples.
        by_prevalence: weight classes by their share instead of equally.

    Returns:
        The estimate and a 95 % percentile interval; NaN where one class only occurs.
    """
    ranked, share = _views(truth, probability)
    weights = share if by_prevalence else np.ones(len(ranked))

    def mean(weight: Floats) -> float:
        return _average(ranked, weights, weight)

    return mean(np.ones(len(truth))), bootstrap(mean, len(truth), rng=rng)


def area(truth: Ints, probability: Floats) -> float:
    """The estimate of ``auroc``, classes weighted equally, without its interval."""
    ranked, _ = _views(truth, probability)
    return _average(ranked, np.ones(len(ranked)), np.ones(len(truth)))


def _views(truth: Ints, probability: Floats) -> tuple[list[Ranked], Floats]:
    """Each class that occurs against the rest, and its share of the rows."""
    present = np.unique(truth)
    if len(present) == FEWEST:  # both one-vs-rest views of two are the same
        return [_two(truth, probability, present)], np.ones(1)
    ranked = [Ranked.of(truth == k, probability[:, k]) for k in present]
    return ranked, np.array([(truth == k).mean() for k in present])


def _two(truth: Ints, probability: Floats, present: Ints) -> Ranked:
    low, high = present
    return Ranked.of(truth == high, probability[:, high] - probability[:, low])


def _average(ranked: list[Ranked], weights: Floats, weight: Floats) -> float:
    areas = np.array([r.auroc(weight) for r in ranked])
    known = ~np.isnan(areas)  # a resample may miss a rare class
    if not known.any():
        return float("nan")
    return float(np.average(areas[known], weights=weights[known]))


def bootstrap(
    statistic: Callable[[Floats], float], n: int, *, rng: np.random.Generator
) -> Interval:
    """95 % percentile interval of a statistic of row weights over 200 resamples.

    Args:
        statistic: takes (n,) weights (how often each row was drawn); NaN is skipped.
        n: rows.
        rng: draws the resamples.
    """
    draws = np.array(
        [
            statistic(np.bincount(rng.integers(n, size=n), minlength=n).astype(float))
            for _ in range(RESAMPLES)
        ]
    )
    draws = draws[~np.isnan(draws)]
    if not len(draws):
        return Interval(float("nan"), float("nan"))
    low, high = np.quantile(draws, (0.025, 0.975))
    return Interval(float(low), float(high))


def contingency(rows: Ints, columns: Ints, shape: tuple[int, int]) -> Floats:
    """Counts of each pair of codes as an array of ``shape``."""
    flat = np.bincount(rows * shape[1] + columns, minlength=shape[0] * shape[1])
    return flat.reshape(shape).astype(np.float64)


def mutual_information(counts: Floats) -> float:
    """Plug-in mutual information of a table of counts, in nats; not below zero."""
    joint = counts / counts.sum()
    apart = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    seen = joint > 0
    return max(0.0, float((joint[seen] * np.log(joint[seen] / apart[seen])).sum()))


def range_of_parity(counts: Floats) -> float:
    """Largest over clusters (rows) of the range over groups of P(cluster | group).

    Every group has a count.
    """
    return float(np.ptp(counts / counts.sum(axis=0), axis=1).max())
