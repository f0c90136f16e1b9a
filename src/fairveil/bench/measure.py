"""Every figure of one synthetic table in one flat dict: what a run is judged by.

NOT PRIVATE: reads real rows without noise; for public tables. Promises: the same keys
for every synthetic table of one problem; a figure that cannot be computed is NaN with
its reason, and nothing that a synthesizer writes into the cells makes a measurement
fail.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import pandas as pd
from pandas.api.types import is_numeric_dtype

from fairveil import evaluate
from fairveil.errors import FairveilError, TableError, problem

NAN = float("nan")
MODEL_ROWS = 200_000
CLUSTER_ROWS = 20_000
PERMUTATIONS = 20
_WAYS = (1, 2, 3)
_PREDICTION = (
    "auroc_gbm",
    "auroc_lr",
    "accuracy_gbm",
    "accuracy_lr",
)
_GROUPED = (
    "group_auroc_min",
    "group_auroc_lr_min",
    "group_accuracy_min",
    "parity_gap",
    "odds_gap",
)


class Measured(NamedTuple):
    """What ``measure`` found.

    Attributes:
        figures: by name; NaN where undefined.
        notes: ``name: reason`` for each NaN, and what was done to the cells.
    """

    figures: dict[str, float]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Problem:
    """The tables and the question; ``notes`` and ``figures`` fill up."""

    train: pd.DataFrame
    test: pd.DataFrame
    synthetic: pd.DataFrame
    target: str
    positive: Any
    sensitive: tuple[str, ...]
    seed: int
    figures: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def put(self, names: Sequence[str], compute: Callable[[], Sequence[float]]) -> None:
        """Add the figures that ``compute`` returns, in the order of ``names``."""
        try:
            values = list(compute())
        except (FairveilError, ValueError) as error:
            self.figures.update(dict.fromkeys(names, NAN))
            self.notes.extend(f"{name}: {error}" for name in names)
            return
        self.figures.update(zip(names, map(float, values), strict=True))

    def explain(self) -> None:
        """Give each NaN without a note a general one."""
        told = {note.partition(":")[0] for note in self.notes}
        self.notes.extend(
            f"{name}: undefined for these tables"
            for name, value in self.figures.items()
            if math.isnan(value) and name not in told
        )


def measure(
    train: pd.DataFrame,
    test: pd.DataFrame,
    synthetic: pd.DataFrame,
    *,
    target: str,
    positive: Any,
    sensitive: Sequence[str],
    seed: int,
) -> Measured:
    """Measure a synthetic table against the real rows, by ``fairveil.evaluate``.

    Keys: ``auroc_gbm``, ``auroc_lr``, ``accuracy_gbm``, ``accuracy_lr`` (train on
    synthetic, test on real); ``tvd1``, ``tvd2``, ``tvd3`` (50 triples) and
    ``tvd2_others`` (pairs without a sensitive column); ``mmd``, ``mmd_unbiased`` (the
    paper's gamma), ``mmd_median``; ``wasserstein``, ``wasserstein_numeric``,
    ``wasserstein_mixed``; ``ks``, ``ks_p``, ``ks_numeric``; ``dwp``, ``dwp_corr``;
    ``silhouette``, ``davies_bouldin``; ``copies``, ``copies_within``; and for each
    sensitive column c: ``probe_c`` (from all other columns), ``probe_hidden_c`` (from
    those that are not sensitive), ``cluster_parity_c``, ``cluster_mi_c``, their means
    by chance ``cluster_parity_null_c``, ``cluster_mi_null_c``, and, if c is no target,
    ``group_auroc_min_c``, ``group_auroc_lr_min_c``, ``group_accuracy_min_c``,
    ``parity_gap_c``, ``odds_gap_c``. docs/metrics.md has their formulas.

    Drawn by ``seed``: the triples, and rows where a figure is costly. Models learn on
    200,000 synthetic rows at most, a probe on 30,000, clusters on 20,000, of which the
    silhouette takes 3,000; each side of ``mmd`` has 3,000. All else uses all rows. Give
    all runs of a table one seed, so that they are measured alike. On one core: 7 CPU
    seconds for Adult, 13 for 178,000 rows of 22 columns, 30 for 140,000 of 42.

    Args:
        train: real rows that the synthesizer saw.
        test: real rows that it did not see.
        synthetic: the table to measure, with the columns of ``train``. Its cells may be
            anything: text in a column of numbers counts as missing and is noted.
        target: column to predict.
        positive: its positive value, or None for a target of several classes.
        sensitive: sensitive columns.
        seed: of all that is drawn.

    Raises:
        TableError: a table has no rows, or the columns differ.
    """
    if min(map(len, (train, test, synthetic))) == 0:
        raise TableError(problem("the table has no rows"))
    lacking = set(map(str, train.columns)) ^ set(map(str, synthetic.columns))
    if lacking:
        raise TableError(problem("the columns differ", got=", ".join(sorted(lacking))))
    notes: list[str] = []
    conformed = _conform(train, synthetic, notes)
    work = _Problem(
        train.reset_index(drop=True),
        test.reset_index(drop=True),
        conformed,
        target,
        positive,
        tuple(sensitive),
        seed,
        notes=notes,
    )
    for part in (_predict, _marginals, _paper, _information):
        part(work)
    work.explain()
    return Measured(work.figures, tuple(work.notes))


def _conform(
    train: pd.DataFrame, synthetic: pd.DataFrame, notes: list[str]
) -> pd.DataFrame:
    """Columns in the order of ``train``; text where numbers belong becomes missing."""
    columns = {}
    for name in train.columns:
        column = _column(synthetic, name)
        if is_numeric_dtype(train[name]) and not is_numeric_dtype(column):
            known = column.notna()
            column = cast("pd.Series", pd.to_numeric(column, errors="coerce"))
            if (column.isna() & known).any():
                notes.append(f"column {name}: text that is no number counts as missing")
        columns[name] = column
    return pd.DataFrame(columns).reset_index(drop=True)


def _column(frame: pd.DataFrame, name: str) -> pd.Series:
    return cast("pd.Series", frame[name])


def _predict(work: _Problem) -> None:
    split_by = [name for name in work.sensitive if name != work.target]
    names = [*_PREDICTION, *(f"{kind}_{c}" for c in split_by for kind in _GROUPED)]

    def compute() -> list[float]:
        rows = work.synthetic
        if len(rows) > MODEL_ROWS:
            rows = rows.sample(MODEL_ROWS, random_state=work.seed)
        found = evaluate.prediction(
            rows,
            work.test,
            target=work.target,
            positive=work.positive,
            sensitive=split_by,
            seed=work.seed,
        )
        work.notes.extend(f"prediction: {note}" for note in found.utility.notes)
        whole = found.utility
        gaps = {gap.column: gap for gap in found.gaps}
        values = [whole.auroc, whole.auroc_lr, whole.accuracy, whole.accuracy_lr]
        for groups in found.groups:
            values += _grouped(groups, gaps.get(groups.column), work.notes)
        return values

    work.put(names, compute)


def _grouped(
    groups: evaluate.GroupUtility, gap: evaluate.ParityGap | None, notes: list[str]
) -> list[float]:
    """The figures of one sensitive column in the order of ``_GROUPED``."""
    values = [
        groups.worst_auroc,
        min((score.auroc_lr for score in groups.groups.values()), default=NAN),
        groups.worst_accuracy,
        gap.demographic_parity if gap else NAN,
        gap.equalized_odds if gap else NAN,
    ]
    why = "; ".join(groups.notes) or "no group is left"
    if not gap:
        why = "the target has more than two classes and no positive one"
    notes.extend(
        f"{kind}_{groups.column}: {why}"
        for kind, value in zip(_GROUPED, values, strict=True)
        if math.isnan(value)
    )
    return values


def _marginals(work: _Problem) -> None:
    real, made, seed = work.train, work.synthetic, work.seed
    others = [c for c in real.columns if c not in work.sensitive]
    for ways in _WAYS:
        work.put(
            [f"tvd{ways}"],
            lambda ways=ways: [evaluate.tvd(real, made, ways=ways, seed=seed).mean],
        )
    work.put(
        ["tvd2_others"],
        lambda: [evaluate.tvd(real, made, ways=2, columns=others).mean],
    )

    def copied() -> list[float]:
        found = evaluate.copies(real, made)
        return [found.share, found.within]

    work.put(["copies", "copies_within"], copied)


def _paper(work: _Problem) -> None:
    real, made, seed = work.train, work.synthetic, work.seed

    def kernel() -> list[float]:
        found = evaluate.mmd(real, made, seed=seed)
        wide = evaluate.mmd(real, made, gamma=None, seed=seed)
        return [found.squared, found.unbiased, wide.squared]

    def transport() -> list[float]:
        found = evaluate.wasserstein(real, made)
        return [found.mean, found.numeric, found.mixed]

    def steps() -> list[float]:
        found = evaluate.kolmogorov_smirnov(real, made)
        return [found.statistic, found.p_value, found.numeric]

    def shares() -> list[float]:
        found = evaluate.dimension_wise(real, made)
        return [found.difference, found.correlation]

    def clusters() -> list[float]:
        found = evaluate.cluster_quality(
            made, exclude=work.sensitive, max_rows=CLUSTER_ROWS, seed=seed
        )
        return [found.silhouette, found.davies_bouldin]

    work.put(["mmd", "mmd_unbiased", "mmd_median"], kernel)
    work.put(["wasserstein", "wasserstein_numeric", "wasserstein_mixed"], transport)
    work.put(["ks", "ks_p", "ks_numeric"], steps)
    work.put(["dwp", "dwp_corr"], shares)
    work.put(["silhouette", "davies_bouldin"], clusters)


def _information(work: _Problem) -> None:
    made, seed, sensitive = work.synthetic, work.seed, work.sensitive
    for name in sensitive:
        work.put(
            [f"probe_{name}"],
            lambda name=name: [evaluate.probe(made, name, seed=seed).auroc],
        )
        work.put(
            [f"probe_hidden_{name}"],
            lambda name=name: [
                evaluate.probe(made, name, exclude=sensitive, seed=seed).auroc
            ],
        )

    def told() -> list[float]:
        found = evaluate.cluster_information(
            made,
            sensitive,
            seed=seed,
            permutations=PERMUTATIONS,
            max_rows=CLUSTER_ROWS,
        )
        return [
            value
            for one in found
            for value in (
                one.range_of_parity,
                one.null_parity,
                one.mutual_information,
                one.null_mean,
            )
        ]

    kinds = ("cluster_parity", "cluster_parity_null", "cluster_mi", "cluster_mi_null")
    work.put([f"{kind}_{name}" for name in sensitive for kind in kinds], told)
