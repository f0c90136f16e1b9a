"""Is a synthetic table useful: prediction on real rows, and distance of marginals.

NOT PRIVATE: reads real rows without noise. Promises: a copy of the real table has
distance 0; figures depend on the tables and ``seed`` alone.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from fairveil import _check
from fairveil.errors import ConfigError, problem
from fairveil.evaluate._models import boosted, logistic, task
from fairveil.evaluate._scores import CHANCE, auroc
from fairveil.evaluate._tables import (
    Ints,
    coded,
    column,
    cut,
    door,
    numbers,
    paired,
    require,
)
from fairveil.evaluate.results import Distance, Utility

DEFAULT_TRIPLES = 50
_DENSE_CELLS = 2**22  # below, count in an array; above, sort
_WIDEST_CODE = 2**62


def split(
    frame: Any, *, test: float = 0.3, seed: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split rows at random: scikit-learn's ``train_test_split`` with this seed.

    Args:
        frame: any frame that narwhals knows.
        test: share of rows in the second part.
        seed: of the shuffle.

    Returns:
        The training and the test rows, with their row numbers as index.
    """
    parts: Any = train_test_split(door(frame), test_size=test, random_state=seed)
    return parts[0], parts[1]


def tstr(
    synthetic: Any, real_test: Any, *, target: str, positive: Any = None, seed: int = 0
) -> Utility:
    """Train on synthetic rows, test on real ones.

    Gradient boosting and logistic regression, both with default settings. Several
    classes: the macro average of one-vs-rest AUROC; a class that the synthetic table
    lacks counts .5. A target with one value in the synthetic table has AUROC .5 by
    definition.

    Args:
        synthetic: rows to learn from.
        real_test: real rows that the synthesizer did not see, with the same columns.
        target: column to predict.
        positive: makes the target two-valued: this value against all others.
        seed: of the model's validation split and of the resamples.

    Raises:
        TableError: columns differ, the target is missing or the test has one class.
        ConfigError: ``positive`` is no value of the target.
        UnsupportedError: a numeric target with many values.
    """
    work = task(synthetic, real_test, target=target, positive=positive)
    scores = boosted(work, seed=seed)
    accuracy = float((scores.argmax(axis=1) == work.test_y).mean())
    sizes = {"n_train": len(work.train), "n_test": len(work.test)}
    if len(np.unique(work.train_y)) == 1:
        note = "the synthetic target has one value: AUROC is .5 by definition"
        return Utility(0.5, CHANCE, accuracy, 0.5, **sizes, notes=(*work.notes, note))
    rng = np.random.default_rng(seed)
    area, interval = auroc(work.test_y, scores, rng=rng)
    area_lr, _ = auroc(work.test_y, logistic(work), rng=rng)
    return Utility(area, interval, accuracy, area_lr, **sizes, notes=work.notes)


def tvd(
    real: Any,
    synthetic: Any,
    *,
    ways: int = 1,
    bins: int = 16,
    sets: int | None = None,
    seed: int = 0,
    columns: Sequence[str] | None = None,
) -> Distance:
    """Total variation distance of marginals, ``sum |p - q| / 2`` per column set.

    A numeric column with more than ``bins`` real values is cut at the quantiles of the
    real table (equal edges once); synthetic values outside go to the end bins. A
    missing value is a cell of its own.

    Args:
        real: real rows.
        synthetic: synthetic rows, with the same columns.
        ways: columns per set: 1, 2 or 3.
        bins: cells of a numeric column.
        sets: random column sets to measure; by default all, or 50 for three ways.
        seed: of the choice of sets.
        columns: columns to use; by default all.

    Raises:
        TableError: columns differ or are missing.
        ConfigError: fewer columns than ``ways``.
    """
    _check.one_of((1, 2, 3), ways=ways)
    _check.whole(2, bins=bins)
    first, second = paired(real, synthetic)
    names = list(first.columns) if columns is None else list(columns)
    require(first, *names)
    _check.distinct(columns=names)
    if len(names) < ways:
        raise ConfigError(problem("ways is above the number of columns", got=ways))
    cells = [_cells(column(first, name), column(second, name), bins) for name in names]
    limit = DEFAULT_TRIPLES if sets is None and ways == 3 else sets  # noqa: PLR2004
    chosen = _column_sets(len(names), ways, limit, np.random.default_rng(seed))
    distances = [_distance([cells[i] for i in chosen_set]) for chosen_set in chosen]
    return Distance(float(np.mean(distances)), max(distances), ways, len(chosen))


def _cells(real: pd.Series, synthetic: pd.Series, bins: int) -> tuple[Ints, Ints]:
    """Cell of each real and each synthetic value; 0 is the missing one."""
    a, b = numbers(real), numbers(synthetic)
    if a is None or b is None or len(np.unique(a[~np.isnan(a)])) <= bins:
        (first, second), _ = coded(real, synthetic)
        return first + 1, second + 1
    inner = np.linspace(0, 1, bins + 1)[1:-1]
    edges = np.unique(np.quantile(a[~np.isnan(a)], inner))
    return cut(a, edges) + 1, cut(b, edges) + 1


def _column_sets(
    width: int, ways: int, limit: int | None, rng: np.random.Generator
) -> list[tuple[int, ...]]:
    """All sets of ``ways`` columns, or ``limit`` different ones drawn at random."""
    if limit is None or math.comb(width, ways) <= limit:
        return list(itertools.combinations(range(width), ways))
    _check.whole(1, sets=limit)
    drawn: dict[tuple[int, ...], None] = {}
    while len(drawn) < limit:
        chosen = rng.choice(width, size=ways, replace=False)
        drawn[tuple(sorted(int(i) for i in chosen))] = None
    return list(drawn)


def _distance(columns: list[tuple[Ints, Ints]]) -> float:
    """Distance on the joint cells of some columns; memory grows with the rows only."""
    n = len(columns[0][0])
    code, size = np.zeros(n + len(columns[0][1]), dtype=np.int64), 1
    for pair in columns:
        joined = np.concatenate(pair)
        radix = int(joined.max()) + 1
        if size * radix > _WIDEST_CODE:
            code = np.unique(code, return_inverse=True)[1]
            size = int(code.max()) + 1
        code, size = code * radix + joined, size * radix
    if size > _DENSE_CELLS:
        code = np.unique(code, return_inverse=True)[1]
        size = int(code.max()) + 1
    p = np.bincount(code[:n], minlength=size) / n
    q = np.bincount(code[n:], minlength=size) / (len(code) - n)
    return min(1.0, float(np.abs(p - q).sum() / 2))  # sums may end a bit above 1
