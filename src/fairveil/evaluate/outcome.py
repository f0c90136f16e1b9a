"""Does a model trained on synthetic rows treat groups of real people alike?

NOT PRIVATE: reads real rows without noise. Promises: groups without enough rows have no
figure and enter no range; every range stands beside what chance alone makes of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from fairveil._types import Floats
from fairveil.errors import ConfigError, problem
from fairveil.evaluate import _rates as r
from fairveil.evaluate._gaps import SMALLEST_GROUP
from fairveil.evaluate._groups import Groups, Sensitive, alike, asked, flat, kept, title
from fairveil.evaluate._models import (
    boosted,
    boosted_numbers,
    is_number,
    number_task,
    task,
)
from fairveil.evaluate._tables import FEWEST, Ints, column, paired, require
from fairveil.evaluate.results import NOT_ENOUGH
from fairveil.evaluate.results_fairness import (
    ColumnFairness,
    Conditional,
    Decision,
    Figure,
    GroupOutcome,
    GroupPrediction,
    JudgedModel,
    NumericFairness,
    OutcomeFairness,
)

_HALF = 0.5


@dataclass(frozen=True)
class _Test:
    """The real test rows that have a target, for all models.

    Attributes:
        frame: the rows.
        truth: (rows,) 0 or 1, or the numbers of a numeric target.
        cells: (rows,) cell of the legitimate columns; None without any.
        weights: resamples of the rows.
        rng: draws the permutations.
    """

    frame: pd.DataFrame
    truth: Floats
    cells: Ints | None
    weights: r.Weights
    rng: np.random.Generator

    def given(self, value: Floats, codes: Ints) -> Conditional | None:
        """The range over groups of a value given the legitimate columns."""
        if self.cells is None:
            return None
        return r.conditional(value, codes, self.cells, self.weights, self.rng)


@dataclass(frozen=True)
class _Fit:
    """What one model says of the real test rows: probabilities, or numbers."""

    score: Floats
    truth: Floats
    rows: Ints
    n_train: int
    notes: tuple[str, ...]


def outcome_fairness(
    synthetic: Any,
    real_test: Any,
    *,
    target: str,
    sensitive: Sequence[Sensitive],
    positive: Any = None,
    legitimate: Sequence[str] = (),
    seed: int = 0,
) -> OutcomeFairness:
    """Group gaps on real rows of gradient boosting trained on synthetic ones.

    Two models with default settings, with and without the sensitive columns among their
    features. A two-valued target is judged at probability .5 and at the threshold that
    makes the share predicted positive equal the share of positive real test rows; rows
    whose score is that threshold count as positive in part, all alike, so that the
    share is exact. A numeric target (more than 20 values) is judged by the mean and the
    distribution of its predictions. Intervals hold the models and thresholds fixed and
    resample the test rows.

    Groups are formed as in ``probe``, from the test rows; under 30 rows they get "not
    enough data" and enter no range. Equalized odds: Hardt, Price and Srebro 2016;
    conditional parity: Kamiran, Žliobaitė and Calders 2013.

    Args:
        synthetic: rows to learn from.
        real_test: real rows that the synthesizer did not see, with the same columns.
        target: column to predict.
        sensitive: columns whose groups are compared, and, where only columns are named
            and several, their intersection; a tuple means joint groups.
        positive: the positive value; needed where a target has more than two classes.
        legitimate: columns through which a difference is allowed; numbers are cut at
            quartiles. Within their joint cells, parity is judged once more.
        seed: of the models, the resamples and the permutations.

    Raises:
        TableError: columns differ or are missing, or the target has no two values.
        ConfigError: ``positive`` is needed or unknown, no sensitive column is named, or
            a column has two roles.
    """
    learn, judge = paired(synthetic, real_test)
    own = flat(sensitive)
    require(judge, target, *own, *legitimate)
    _check_roles(target, own, legitimate)
    numeric = positive is None and is_number(column(judge, target))
    predict = _predict_number if numeric else _predict_class
    fits = [
        predict(
            learn.drop(columns=drop), judge.drop(columns=drop), target, positive, seed
        )
        for drop in ([], own)
        if len(drop) + 1 < judge.shape[1]  # a column is left to predict from
    ]
    frame = judge.iloc[fits[0].rows].reset_index(drop=True)
    rng = np.random.default_rng(seed)
    shared = _Test(
        frame,
        fits[0].truth,
        _cells(frame, legitimate),
        r.Weights.draw(len(frame), rng),
        rng,
    )
    judged = _number_model if numeric else _class_model
    models = [judged(shared, fit.score, asked(sensitive)) for fit in fits]
    return OutcomeFairness(
        target=target,
        observed=float(shared.truth.mean()),
        legitimate=tuple(legitimate),
        with_sensitive=replace(models[0], features="all"),
        without_sensitive=models[1] if len(models) > 1 else None,
        n_train=fits[0].n_train,
        n_test=len(frame),
        notes=fits[0].notes,
    )


def _check_roles(target: str, own: Sequence[str], legitimate: Sequence[str]) -> None:
    if not own:
        raise ConfigError(problem("no sensitive column is named"))
    roles = [target, *own, *legitimate]
    twice = sorted({name for name in roles if roles.count(name) > 1})
    if twice:
        raise ConfigError(
            problem(
                "a column is two of target, sensitive column and legitimate column",
                got=", ".join(twice),
                try_="one role for each",
            )
        )


def _cells(frame: pd.DataFrame, legitimate: Sequence[str]) -> Ints | None:
    return alike((frame,), tuple(legitimate))[0][0] if legitimate else None


def _predict_class(
    learn: pd.DataFrame, judge: pd.DataFrame, target: str, positive: Any, seed: int
) -> _Fit:
    work = task(learn, judge, target=target, positive=positive)
    if len(work.classes) > FEWEST:
        raise ConfigError(
            problem(
                "the target has more than two values", try_="naming the positive one"
            )
        )
    said = boosted(work, seed=seed)[:, -1]
    truth = (work.test_y == len(work.classes) - 1).astype(np.float64)
    return _Fit(said, truth, work.test_rows, len(work.train), work.notes)


def _predict_number(
    learn: pd.DataFrame, judge: pd.DataFrame, target: str, positive: Any, seed: int
) -> _Fit:
    del positive  # a number has none
    work = number_task(learn, judge, target)
    said = boosted_numbers(work, seed=seed)
    return _Fit(said, work.test_y, work.test_rows, len(work.train), work.notes)


def _grouped(frame: pd.DataFrame, one: Sensitive) -> tuple[Groups, dict[str, int]]:
    """Groups with enough rows; and the rows of each group, small ones included."""
    (codes,), labels, notes = alike((frame,), one)
    counts = np.bincount(codes, minlength=len(labels))
    enough = counts >= SMALLEST_GROUP
    found = kept(codes, labels, enough, smallest=SMALLEST_GROUP, notes=notes)
    return found, dict(zip(labels, counts.tolist(), strict=True))


def _class_model(
    test: _Test, score: Floats, questions: Sequence[Sensitive]
) -> JudgedModel:
    everyone = np.arange(len(score))
    area = test.weights.auroc(test.truth > 0, score, everyone)
    return JudgedModel(
        features="without sensitive",
        measure="auroc",
        quality=r.estimate(area),
        columns=tuple(_class_column(test, score, one) for one in questions),
    )


def _class_column(test: _Test, score: Floats, one: Sensitive) -> ColumnFairness:
    found, sizes = _grouped(test.frame, one)
    threshold, matched = r.matched(score, float(test.truth.mean()))
    half = (score > _HALF).astype(np.float64)
    values = [np.ones(len(score)), test.truth, score, half, matched]
    k = len(found.labels)
    sums = test.weights.sums(found.codes, k, values)
    means = r.ratio(sums[1:], np.broadcast_to(sums[:1], sums[1:].shape))
    return ColumnFairness(
        column=title(one),
        groups=_class_groups(test, score, found, sizes, means),
        score_gap=r.compared(r.span(means[1]), k),
        at_half=_decision(test, found, half, _HALF),
        at_base_rate=_decision(test, found, matched, threshold),
        notes=found.notes,
    )


def _class_groups(
    test: _Test, score: Floats, found: Groups, sizes: dict[str, int], means: Floats
) -> dict[str, GroupOutcome]:
    """Every group, in the order of their names; ``means`` is of those with enough."""
    records = {n: GroupOutcome(size, *[NOT_ENOUGH] * 6) for n, size in sizes.items()}
    positive = test.truth > 0
    for code, label in enumerate(found.labels):
        rows = np.flatnonzero(found.codes == code)
        observed, mean, half, matched = means[:, :, code]
        both = min(positive[rows].sum(), (~positive[rows]).sum())
        area: Figure = NOT_ENOUGH
        if both >= r.FEWEST_PER_OUTCOME:
            area = r.estimate(test.weights.auroc(positive, score, rows))
        records[label] = GroupOutcome(
            n=len(rows),
            observed=r.estimate(observed),
            selection_rate=r.estimate(half),
            matched_rate=r.estimate(matched),
            mean_score=r.estimate(mean),
            calibration=r.estimate(mean - observed),
            auroc=area,
        )
    return records


def _decision(test: _Test, found: Groups, said: Floats, threshold: float) -> Decision:
    """Gaps of decisions; ``said`` is the (rows,) chance to be predicted positive."""
    k = len(found.labels)
    once, truth = np.ones(len(said)), test.truth
    values = [once, said, truth, truth * said, 1 - truth, (1 - truth) * said]
    sums = test.weights.sums(found.codes, k, values)
    rate, true_rate, false_rate = (r.ratio(sums[i + 1], sums[i]) for i in (0, 2, 4))
    for rates, counts in ((true_rate, sums[2, 0]), (false_rate, sums[4, 0])):
        rates[:, counts < r.FEWEST_PER_OUTCOME] = np.nan
    known = [int((~np.isnan(rates[0])).sum()) for rates in (true_rate, false_rate)]
    odds = np.fmax(
        *(
            np.where(count >= FEWEST, r.span(rates), np.nan)
            for rates, count in zip((true_rate, false_rate), known, strict=True)
        )
    )
    return Decision(
        threshold=threshold,
        selected=float(said.mean()),
        demographic_parity_difference=r.compared(r.span(rate), k),
        demographic_parity_ratio=r.compared(r.least_over_most(rate), k),
        equalized_odds_difference=r.compared(odds, max(known)),
        by_chance=r.chance_span(said, found.codes, test.rng),
        conditional=test.given(said, found.codes),
    )


def _number_model(
    test: _Test, score: Floats, questions: Sequence[Sensitive]
) -> JudgedModel:
    rows = np.zeros(len(score), dtype=np.int64)
    values = [np.ones(len(score)), test.truth, test.truth**2, (test.truth - score) ** 2]
    once, first, second, error = test.weights.sums(rows, 1, values)[:, :, 0]
    spread = second - first**2 / once
    return JudgedModel(
        features="without sensitive",
        measure="r2",
        quality=r.estimate(1 - r.ratio(error, spread)),
        columns=tuple(_number_column(test, score, one) for one in questions),
    )


def _number_column(test: _Test, score: Floats, one: Sensitive) -> NumericFairness:
    found, sizes = _grouped(test.frame, one)
    k = len(found.labels)
    sums = test.weights.sums(found.codes, k, [np.ones(len(score)), test.truth, score])
    observed, mean = (r.ratio(part, sums[0]) for part in sums[1:])
    records = {n: GroupPrediction(size, *[NOT_ENOUGH] * 3) for n, size in sizes.items()}
    for code, label in enumerate(found.labels):
        seen, said = observed[:, code], mean[:, code]
        records[label] = GroupPrediction(
            sizes[label], r.estimate(seen), r.estimate(said), r.estimate(said - seen)
        )
    steps = r.distance_of_groups(score, found.codes, test.weights)
    return NumericFairness(
        column=title(one),
        groups=records,
        mean_gap=r.compared(r.span(mean), k),
        kolmogorov_smirnov=r.compared(steps, k),
        by_chance=r.chance_span(score, found.codes, test.rng),
        conditional=test.given(score, found.codes),
        notes=found.notes,
    )
