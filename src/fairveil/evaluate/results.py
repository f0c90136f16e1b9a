"""What evaluation returns: small frozen records, each labelled as not private.

Secret: every figure was computed from real rows without noise. ``private`` is False on
each class and in each ``to_dict()``, so the label travels with the figure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

NOT_ENOUGH = "not enough data"  # stands where a figure would mislead
_WIDE = 0.2  # of an interval of AUROC that cannot tell hidden from readable


@dataclass(frozen=True)
class Result:
    """Base of all evaluation results: not private, and ready for JSON."""

    private: ClassVar[bool] = False

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; a figure that is not a finite number becomes None."""
        return {"private": self.private, **plain(asdict(self))}


@dataclass(frozen=True)
class Interval(Result):
    """A 95 % percentile interval over bootstrap resamples of the test rows."""

    low: float
    high: float


@dataclass(frozen=True)
class Utility(Result):
    """How well models trained on synthetic rows predict on real ones.

    Attributes:
        auroc: of gradient boosting; macro average of one-vs-rest for many classes.
        auroc_interval: of ``auroc``; holds the model fixed, resamples the test rows.
        accuracy: share of real test rows that gradient boosting labels correctly.
        auroc_lr: the same as ``auroc`` for logistic regression.
        n_train: synthetic rows used.
        n_test: real rows used.
        notes: what was left out or true by definition.
        accuracy_lr: the same as ``accuracy`` for logistic regression.
    """

    auroc: float
    auroc_interval: Interval
    accuracy: float
    auroc_lr: float
    n_train: int
    n_test: int
    notes: tuple[str, ...] = ()
    accuracy_lr: float = float("nan")


@dataclass(frozen=True)
class GroupScore(Result):
    """How well the models of ``Utility`` do on the real test rows of one group.

    Attributes:
        auroc, accuracy: of gradient boosting.
        auroc_lr, accuracy_lr: of logistic regression.
        n: real test rows of the group.
    """

    auroc: float
    accuracy: float
    auroc_lr: float
    accuracy_lr: float
    n: int


@dataclass(frozen=True)
class GroupUtility(Result):
    """``Utility`` within each group of one sensitive column.

    Attributes:
        column: the sensitive column.
        groups: scores by name of the group.
        notes: which groups were left out, and why.
    """

    column: str
    groups: Mapping[str, GroupScore]
    notes: tuple[str, ...] = ()

    @property
    def worst_auroc(self) -> float:
        """The lowest AUROC of gradient boosting over groups; NaN without a group."""
        return min((g.auroc for g in self.groups.values()), default=float("nan"))

    @property
    def worst_accuracy(self) -> float:
        """The lowest accuracy of gradient boosting over groups; NaN without one."""
        return min((g.accuracy for g in self.groups.values()), default=float("nan"))


@dataclass(frozen=True)
class Distance(Result):
    """Total variation distance over column sets.

    Attributes:
        mean: mean over the sets, between 0 (equal) and 1 (disjoint).
        worst: the largest over the sets.
        ways: columns per set.
        n_sets: sets measured.
    """

    mean: float
    worst: float
    ways: int
    n_sets: int


@dataclass(frozen=True)
class KernelDistance(Result):
    """Maximum mean discrepancy under a Gaussian kernel, squared.

    Attributes:
        squared: the biased estimate (V-statistic): never below zero, and zero for equal
            samples, but above zero on average for two samples of one law.
        unbiased: the U-statistic: zero on average for two samples of one law, so that
            it may be negative.
        gamma: of the kernel ``exp(-gamma * squared distance)``.
        n_real, n_synthetic: rows used of each table.
    """

    squared: float
    unbiased: float
    gamma: float
    n_real: int
    n_synthetic: int


@dataclass(frozen=True)
class TransportDistance(Result):
    """1-Wasserstein distance of single columns, in parts of the real range.

    Attributes:
        mean: over all columns; the categories of a column stand at equal distances
            in the order of their labels.
        numeric: over the numeric columns only; NaN where there is none.
        mixed: over all columns, a categorical one with cost 1 between any two
            categories: their total variation, which does not depend on any order.
        columns: the distances that ``mean`` averages, by column.
    """

    mean: float
    numeric: float
    mixed: float
    columns: Mapping[str, float]


@dataclass(frozen=True)
class KolmogorovSmirnov(Result):
    """Two-sample Kolmogorov-Smirnov test of single columns.

    Attributes:
        statistic: mean over all columns of the largest difference between the two
            distribution functions; categories in the order of their labels.
        p_value: mean over all columns; asymptotic, and too large for columns with ties.
        numeric: as ``statistic``, over the numeric columns only; NaN without one.
        numeric_p_value: as ``p_value``, over the numeric columns only.
        columns: the statistics by column.
    """

    statistic: float
    p_value: float
    numeric: float
    numeric_p_value: float
    columns: Mapping[str, float]


@dataclass(frozen=True)
class DimensionWise(Result):
    """Share of rows in each cell of each column, real against synthetic.

    Attributes:
        difference: mean absolute difference over all cells.
        correlation: Pearson's, over all cells; 1 for equal shares, NaN where the shares
            of one table are all the same.
        cells: cells compared.
    """

    difference: float
    correlation: float
    cells: int


@dataclass(frozen=True)
class Copies(Result):
    """Rows of a table that stand elsewhere too, equal in every column.

    Attributes:
        share: part of the synthetic rows that equal some real row.
        within: part of the synthetic rows that equal an earlier synthetic one.
        n: synthetic rows.
    """

    share: float
    within: float
    n: int


@dataclass(frozen=True)
class ClusterQuality(Result):
    """How well separated the K-Means clusters of a table are.

    Attributes:
        silhouette: mean over rows, between -1 and 1; larger is better separated.
        davies_bouldin: mean over clusters of the worst ratio of widths to distance;
            smaller is better separated.
        clusters: clusters fitted.
        n: rows used.
        notes: why a figure is NaN.
    """

    silhouette: float
    davies_bouldin: float
    clusters: int
    n: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Probe(Result):
    """How well a fresh auditor guesses a sensitive column from other columns.

    Attributes:
        column: the sensitive column, or the columns of an intersection.
        auroc: .5 means hidden, 1 means readable; over many classes the mean of
            one-vs-rest weighted by prevalence.
        interval: of ``auroc``, over resamples of the auditor's test rows.
        n: rows used, training and test part together.
        classes: classes guessed.
        notes: what was left out or true by definition.
    """

    column: str
    auroc: float
    interval: Interval
    n: int
    classes: int
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """What the interval says, on both sides of .5.

        "readable" above it; "below chance" under it, which is dependence too, as of
        rows that were balanced against each other; "blind" where .5 lies inside a
        narrow one; "not enough data" where it is wider than .2, or there are not two
        groups to guess.
        """
        low, high = self.interval.low, self.interval.high
        if self.classes < 2 or not high - low <= _WIDE:  # noqa: PLR2004  (two groups)
            return NOT_ENOUGH
        if low > 0.5:  # noqa: PLR2004  (chance)
            return "readable"
        return "below chance" if high < 0.5 else "blind"  # noqa: PLR2004  (chance)

    def to_dict(self) -> dict[str, Any]:
        """The fields, and the verdict."""
        return {**super().to_dict(), "verdict": self.verdict}


@dataclass(frozen=True)
class ClusterInformation(Result):
    """What membership of a cluster tells about a sensitive column.

    Attributes:
        column: the sensitive column.
        mutual_information: between cluster and column, in nats (plug-in estimate, whose
            chance level is ``null_mean``, not zero).
        null_mean: mean over permutations of the column.
        null_q95: 95 % quantile over permutations.
        p_value: share of permutations at least as informative, with one added to both
            counts.
        range_of_parity: largest over clusters of the range over groups of
            P(cluster | group); 0 is an even spread.
        n: rows used.
        clusters: clusters fitted.
        notes: what was left out or true by definition.
        null_parity: mean of ``range_of_parity`` over permutations of the column.
    """

    column: str
    mutual_information: float
    null_mean: float
    null_q95: float
    p_value: float
    range_of_parity: float
    n: int
    clusters: int
    notes: tuple[str, ...] = ()
    null_parity: float = float("nan")

    @property
    def spread(self) -> str:
        """The paper's word: "Evenly Spread" under .05, "Balanced" under .15."""
        if math.isnan(self.range_of_parity):
            return "Unknown"
        words = ((0.05, "Evenly Spread"), (0.15, "Balanced"))
        return next((w for top, w in words if self.range_of_parity < top), "Uneven")


@dataclass(frozen=True)
class ParityGap(Result):
    """Group gaps of a model trained on synthetic rows, on real test rows.

    Attributes:
        column: the sensitive column.
        demographic_parity: range over groups of the share predicted positive.
        demographic_parity_interval: of that; a range can not be below zero, so the
            interval of a fair model does not reach it.
        equalized_odds: the larger of the ranges of the true and false positive rate.
        equalized_odds_interval: of that.
        groups: rows of each group used.
        notes: what was left out or true by definition.
    """

    column: str
    demographic_parity: float
    demographic_parity_interval: Interval
    equalized_odds: float
    equalized_odds_interval: Interval
    groups: Mapping[str, int]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Prediction(Result):
    """All that one fit of each model tells.

    Attributes:
        utility: over all test rows.
        groups: within the groups of each sensitive column.
        gaps: between them; empty where the target has more than two classes.
    """

    utility: Utility
    groups: tuple[GroupUtility, ...]
    gaps: tuple[ParityGap, ...]


def plain(value: Any) -> Any:
    """Nested values as JSON has them: lists, text, finite numbers, None."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
