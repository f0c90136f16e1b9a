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
    """

    auroc: float
    auroc_interval: Interval
    accuracy: float
    auroc_lr: float
    n_train: int
    n_test: int
    notes: tuple[str, ...] = ()


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
class Probe(Result):
    """How well a fresh auditor guesses a sensitive column from other columns.

    Attributes:
        column: the sensitive column.
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
