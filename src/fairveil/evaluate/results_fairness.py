"""What the fairness evaluations return; labelled not private, like all of ``results``.

Secret: every figure was computed from real rows without noise. A figure of too few rows
is the text ``not enough data`` and enters no range.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from fairveil.evaluate.results import NOT_ENOUGH, Interval, Probe, Result

CONSTANT, COPIED, DEPENDENT = "constant", "one group copied", "dependent"
EQUAL, REDUCED = "equal to redraw", "proxies reduced"
NO_PROXIES = "no proxies"
STATES = (CONSTANT, COPIED, DEPENDENT, EQUAL, REDUCED, NO_PROXIES, NOT_ENOUGH)


@dataclass(frozen=True)
class Estimate(Result):
    """A figure with its 95 % bootstrap interval over real test rows."""

    value: float
    interval: Interval


Figure: TypeAlias = Estimate | str  # the text is "not enough data"


@dataclass(frozen=True)
class GroupOutcome(Result):
    """How a model treats the real test rows of one group.

    Attributes:
        n: real test rows of the group.
        observed: share that is positive.
        selection_rate: share predicted positive above probability .5.
        matched_rate: the same at the threshold that matches the base rate.
        mean_score: mean predicted probability.
        calibration: mean predicted probability minus ``observed``; 0 is right on
            average, above 0 the group is flattered.
        auroc: within the group; needs ten rows of each outcome.
    """

    n: int
    observed: Figure
    selection_rate: Figure
    matched_rate: Figure
    mean_score: Figure
    calibration: Figure
    auroc: Figure


@dataclass(frozen=True)
class Conditional(Result):
    """The range over groups within cells of legitimate columns.

    Attributes:
        difference: mean over cells of the range over groups, cells weighted by rows.
        by_chance: its mean where groups are permuted within cells: what small cells
            make of no difference at all.
        cells: cells with at least two groups of 20 rows.
        coverage: share of the test rows in those.
    """

    difference: Figure
    by_chance: float
    cells: int
    coverage: float


@dataclass(frozen=True)
class Decision(Result):
    """Group gaps of the decisions at one threshold.

    Attributes:
        threshold: of the predicted probability.
        selected: share of the test rows predicted positive.
        demographic_parity_difference: range over groups of the share predicted
            positive.
        demographic_parity_ratio: the least of these shares over the largest; NaN where
            nobody is predicted positive.
        equalized_odds_difference: the larger of the ranges of the true and of the false
            positive rate, over groups with ten rows of that outcome.
        by_chance: mean of ``demographic_parity_difference`` where the groups are
            permuted.
        conditional: parity given the legitimate columns; None without any.
    """

    threshold: float
    selected: float
    demographic_parity_difference: Figure
    demographic_parity_ratio: Figure
    equalized_odds_difference: Figure
    by_chance: float
    conditional: Conditional | None = None


@dataclass(frozen=True)
class ColumnFairness(Result):
    """How a model of a two-valued target treats the groups of one question.

    Attributes:
        column: the sensitive column, or the columns of an intersection.
        groups: every group of the real test rows by name.
        score_gap: range over groups of the mean predicted probability.
        at_half: decisions above probability .5.
        at_base_rate: decisions at the threshold where the share predicted positive is
            the share of positive real test rows.
        notes: what was left out.
    """

    column: str
    groups: Mapping[str, GroupOutcome]
    score_gap: Figure
    at_half: Decision
    at_base_rate: Decision
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class GroupPrediction(Result):
    """Predictions of a number on the real test rows of one group.

    Attributes:
        n: real test rows of the group.
        observed: mean of the target.
        mean_prediction: mean of the predictions.
        calibration: ``mean_prediction`` minus ``observed``.
    """

    n: int
    observed: Figure
    mean_prediction: Figure
    calibration: Figure


@dataclass(frozen=True)
class NumericFairness(Result):
    """How a model of a numeric target treats the groups of one question.

    Attributes:
        column: the sensitive column, or the columns of an intersection.
        groups: every group of the real test rows by name.
        mean_gap: range over groups of the mean prediction, in units of the target.
        kolmogorov_smirnov: the largest distance between the distribution functions of
            the predictions of two groups, between 0 and 1.
        by_chance: mean of ``mean_gap`` where the groups are permuted.
        conditional: the range of the mean prediction given the legitimate columns;
            None without any.
        notes: what was left out.
    """

    column: str
    groups: Mapping[str, GroupPrediction]
    mean_gap: Figure
    kolmogorov_smirnov: Figure
    by_chance: float
    conditional: Conditional | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class JudgedModel(Result):
    """One model, judged on all real test rows and between groups.

    Attributes:
        features: "all", or "without sensitive".
        measure: what ``quality`` is: "auroc", or "r2" of a numeric target.
        quality: on all real test rows.
        columns: one record for each question.
    """

    features: str
    measure: str
    quality: Estimate
    columns: tuple[ColumnFairness, ...] | tuple[NumericFairness, ...]


@dataclass(frozen=True)
class OutcomeFairness(Result):
    """Whether a model trained on synthetic rows treats groups of real rows alike.

    Attributes:
        target: the column predicted.
        observed: share of positive real test rows, or mean of a numeric target.
        legitimate: columns given which conditional parity is judged.
        with_sensitive: a model that sees all other columns.
        without_sensitive: one that does not see the sensitive ones; None where no
            column is left.
        n_train, n_test: synthetic and real rows used.
        notes: what was left out.
    """

    target: str
    observed: float
    legitimate: tuple[str, ...]
    with_sensitive: JudgedModel
    without_sensitive: JudgedModel | None
    n_train: int
    n_test: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Honesty(Result):
    """What a release does about one sensitive question, by name.

    Attributes:
        column: the sensitive column, or the columns of an intersection.
        state: one of ``STATES``; see ``honesty``.
        shares: real share of each group; ``released`` the same of the release.
        lost: groups that the release holds less than a twentieth of.
        probe: a fresh auditor of the release.
        auditor_auroc: on real test rows, of the auditor trained on real rows.
        confidence: mean information gain, in nats, of that auditor's posterior over the
            group shares, on released rows.
        confidence_real: the same on real test rows.
        confidence_ratio: the first over the second.
        looks_like: share of each real group in the mixture whose rows the auditor would
            take the released rows for.
        copied: the low end of the largest of these shares, one-sided, 95 %.
        people: cluster information on real test rows above its null, in nats, of
            clusters of the release.
        people_real: the same of clusters of the real training rows.
        notes: what qualifies the state.
    """

    column: str
    state: str
    shares: Mapping[str, float]
    released: Mapping[str, float]
    lost: tuple[str, ...]
    probe: Probe
    auditor_auroc: Estimate
    confidence: float
    confidence_real: float
    confidence_ratio: Estimate
    looks_like: Mapping[str, Estimate]
    people: float
    people_real: float
    notes: tuple[str, ...] = ()

    @property
    def fails(self) -> bool:
        """Whether the release only seems fair, having lost what it is about."""
        return self.state in (CONSTANT, COPIED)

    def to_dict(self) -> dict[str, Any]:
        """The fields, the probe's verdict among them, and whether it fails."""
        whole = {**super().to_dict(), "probe": self.probe.to_dict()}
        return {**whole, "fails": self.fails}


@dataclass(frozen=True)
class GroupDistance(Result):
    """How far the synthetic rows of one group are from its real rows.

    Attributes:
        n_real, n_synthetic: rows of the group in each table.
        tvd1: mean total variation distance of single columns.
        tvd2: the same of pairs of columns.
        noise1, noise2: what ``tvd1`` and ``tvd2`` are on average if the group's real
            and synthetic rows are of one law: sampling noise at these sizes.
    """

    n_real: int
    n_synthetic: int
    tvd1: float | str
    tvd2: float | str
    noise1: float | str
    noise2: float | str


@dataclass(frozen=True)
class GroupFidelity(Result):
    """Who pays: distance within each group of one sensitive question.

    Attributes:
        column: the sensitive column, or the columns of an intersection.
        groups: every group of either table by name.
        notes: what was cut, or has not enough data.
    """

    column: str
    groups: Mapping[str, GroupDistance]
    notes: tuple[str, ...] = ()

    @property
    def worst(self) -> str | None:
        """The group whose pairs are furthest beyond noise; None without a figure."""
        beyond = {
            name: one.tvd2 - one.noise2
            for name, one in self.groups.items()
            if not isinstance(one.tvd2, str) and not isinstance(one.noise2, str)
        }
        return max(beyond, key=lambda name: beyond[name]) if beyond else None


@dataclass(frozen=True)
class Dependence(Result):
    """Distance correlation of sensitive columns with the rest of the row.

    Attributes:
        column: the sensitive column, or the columns taken together.
        distance_correlation: squared and bias-corrected: about 0 on average without
            dependence (so it may be negative), 1 for equal columns.
        null_q95: 95 % quantile over permutations.
        p_value: share of permutations at least as dependent, with one added to both
            counts.
        n: rows used.
        permutations: of the null.
        notes: why a figure is NaN.
    """

    column: str
    distance_correlation: float
    null_q95: float
    p_value: float
    n: int
    permutations: int
    notes: tuple[str, ...] = ()
