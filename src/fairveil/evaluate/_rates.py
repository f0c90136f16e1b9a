"""Rates of groups, their ranges and their bootstrap: the arithmetic of ``outcome``.

Pure functions of arrays of real test rows (secret). All statistics of one model share
its resamples. Axis 0 of an array named ``drawn`` holds the observed statistic first,
then one per resample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fairveil._types import Floats
from fairveil.evaluate._scores import RESAMPLES, Ranked
from fairveil.evaluate._tables import FEWEST, Ints
from fairveil.evaluate.results import NOT_ENOUGH, Interval
from fairveil.evaluate.results_fairness import Conditional, Estimate, Figure

FEWEST_PER_OUTCOME = 10  # rows of an outcome that a rate on it needs
SMALLEST_CELL = 20  # rows of a group in a legitimate cell
_PERMUTATIONS = 20
_BLOCK = 25  # resamples at a time, for memory


@dataclass(frozen=True)
class Weights:
    """How often each test row is drawn.

    Attributes:
        drawn: (1 + resamples, rows); ones first.
    """

    drawn: npt.NDArray[np.uint8]

    @classmethod
    def draw(cls, rows: int, rng: np.random.Generator) -> Weights:
        """Bootstrap weights of ``rows`` rows."""
        drawn = np.ones((1 + RESAMPLES, rows), dtype=np.uint8)
        for one in drawn[1:]:
            one[:] = np.bincount(rng.integers(rows, size=rows), minlength=rows)
        return cls(drawn)

    def sums(self, codes: Ints, size: int, values: Sequence[Floats]) -> Floats:
        """Weighted sum of each value in each group.

        Args:
            codes: (rows,) group of each row; rows of a negative one are left out.
            size: number of groups.
            values: (rows,) arrays.

        Returns:
            (values, 1 + resamples, groups).
        """
        member = (codes[:, None] == np.arange(size)).astype(np.float64)
        columns = np.hstack([member * value[:, None] for value in values])
        blocks = [
            self.drawn[start : start + _BLOCK].astype(np.float64) @ columns
            for start in range(0, len(self.drawn), _BLOCK)
        ]
        sums = np.vstack(blocks).reshape(len(self.drawn), len(values), size)
        return sums.transpose(1, 0, 2)

    def auroc(self, truth: npt.NDArray[np.bool_], score: Floats, rows: Ints) -> Floats:
        """(1 + resamples,) areas under the curve on some rows."""
        ranked = Ranked.of(truth[rows], score[rows])
        return np.array(
            [ranked.auroc(one[rows].astype(np.float64)) for one in self.drawn]
        )


def matched(score: Floats, share: float) -> tuple[float, Floats]:
    """The threshold at which a share of the rows is predicted positive.

    Rows whose score is the threshold itself are all decided by the same chance, the one
    that makes the share exact; so that equal rows are treated alike and a constant
    score gives every group the same rate.

    Returns:
        The threshold, and the (rows,) chance of each row to be predicted positive.
    """
    wanted = share * len(score)
    falling = np.sort(score)[::-1]
    threshold = falling[min(len(score) - 1, max(0, int(np.ceil(wanted)) - 1))]
    above, at = score > threshold, score == threshold
    chance = (wanted - above.sum()) / at.sum()
    return float(threshold), above + at * float(np.clip(chance, 0, 1))


def estimate(drawn: Floats) -> Estimate:
    """The observed statistic with the 95 % percentile interval of its resamples."""
    known = drawn[1:][~np.isnan(drawn[1:])]
    if np.isnan(drawn[0]) or not len(known):
        return Estimate(float(drawn[0]), Interval(float("nan"), float("nan")))
    low, high = np.quantile(known, (0.025, 0.975))
    return Estimate(float(drawn[0]), Interval(float(low), float(high)))


def ratio(top: Floats, bottom: Floats) -> Floats:
    """Quotient, NaN where nothing is counted."""
    known = bottom > 0
    return np.divide(top, bottom, out=np.full_like(top, np.nan), where=known)


def span(rates: Floats) -> Floats:
    """Range over the last axis, of what is known; NaN where nothing is."""
    low = np.where(np.isnan(rates), np.inf, rates).min(axis=-1, initial=np.inf)
    high = np.where(np.isnan(rates), -np.inf, rates).max(axis=-1, initial=-np.inf)
    return np.where(high >= low, high - low, np.nan)


def least_over_most(rates: Floats) -> Floats:
    """The least rate over the largest; NaN where the largest is 0."""
    low = np.where(np.isnan(rates), np.inf, rates).min(axis=-1, initial=np.inf)
    high = np.where(np.isnan(rates), -np.inf, rates).max(axis=-1, initial=-np.inf)
    return ratio(low, high)


def compared(drawn: Floats, groups: int) -> Figure:
    """An estimate of a comparison, where there are groups to compare."""
    return estimate(drawn) if groups >= FEWEST else NOT_ENOUGH


def chance_span(value: Floats, codes: Ints, rng: np.random.Generator) -> float:
    """Mean range over groups of the mean value, groups permuted."""
    rows = np.flatnonzero(codes >= 0)
    if len(np.unique(codes[rows])) < FEWEST:
        return float("nan")
    value, codes = value[rows], codes[rows]
    counts = np.bincount(codes)
    spans = [
        np.ptp(np.bincount(rng.permutation(codes), weights=value) / counts)
        for _ in range(_PERMUTATIONS)
    ]
    return float(np.mean(spans))


def conditional(
    value: Floats,
    codes: Ints,
    cells: Ints,
    weights: Weights,
    rng: np.random.Generator,
) -> Conditional:
    """Mean over cells of the range over groups of the mean value.

    Args:
        value: (rows,) what is averaged, such as the decision.
        codes: (rows,) group, -1 where left out.
        cells: (rows,) cell of the legitimate columns.
        weights: of the resamples; the weights of the cells stay as observed.
        rng: draws the permutations.
    """
    size = int(codes.max(initial=0)) + 1
    joint = np.where(codes >= 0, cells * size + codes, -1)
    wide = (int(cells.max()) + 1, size)
    counts = np.bincount(joint[joint >= 0], minlength=wide[0] * wide[1]).reshape(wide)
    enough = counts >= SMALLEST_CELL
    used = enough.sum(axis=1) >= FEWEST
    enough &= used[:, None]
    rows = np.flatnonzero((codes >= 0) & enough[cells, codes])
    if not len(rows):
        return Conditional(NOT_ENOUGH, float("nan"), 0, 0.0)
    weight = np.where(enough, counts, 0).sum(axis=1)[used]

    def mean_span(where: Ints, of: Floats, drawn: Floats) -> float:
        total, hits = (
            np.bincount(where, weights=part, minlength=counts.size).astype(np.float64)
            for part in (drawn, drawn * of)
        )
        spans = span(ratio(hits, total).reshape(wide)[used])
        known = ~np.isnan(spans)
        return float(np.average(spans[known], weights=weight[known]))

    picked, of = joint[rows], value[rows]
    drawn = [mean_span(picked, of, one[rows].astype(float)) for one in weights.drawn]
    once = np.ones(len(rows))
    chance = [
        mean_span(_within(picked, cells[rows], rng), of, once)
        for _ in range(_PERMUTATIONS)
    ]
    return Conditional(
        difference=estimate(np.array(drawn)),
        by_chance=float(np.mean(chance)),
        cells=int(used.sum()),
        coverage=len(rows) / len(codes),
    )


def _within(codes: Ints, cells: Ints, rng: np.random.Generator) -> Ints:
    """Codes permuted within each cell."""
    moved = np.empty_like(codes)
    moved[np.argsort(cells, kind="stable")] = codes[
        np.lexsort((rng.random(len(cells)), cells))
    ]
    return moved


def distance_of_groups(score: Floats, codes: Ints, weights: Weights) -> Floats:
    """(1 + resamples,) largest Kolmogorov-Smirnov distance between two groups.

    The largest over thresholds of the range over groups of the share at or below it.
    """
    rows = np.flatnonzero(codes >= 0)
    if not len(rows):
        return np.full(len(weights.drawn), np.nan)
    order = rows[np.argsort(score[rows], kind="stable")]
    member = codes[order][:, None] == np.arange(codes.max() + 1)
    last = np.flatnonzero(np.diff(score[order], append=np.inf) != 0)  # of equal scores
    found = []
    for one in weights.drawn:
        below = np.cumsum(member * one[order].astype(np.float64)[:, None], axis=0)
        shares = ratio(below[last], np.broadcast_to(below[-1], below[last].shape))
        found.append(span(shares).max())
    return np.array(found)
