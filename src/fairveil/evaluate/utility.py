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
from fairveil.evaluate._cells import cells, shares
from fairveil.evaluate._gaps import gaps
from fairveil.evaluate._groups import Sensitive, flat, parts
from fairveil.evaluate._judges import by_group, overall
from fairveil.evaluate._models import boosted, logistic, task
from fairveil.evaluate._tables import (
    FEWEST,
    Ints,
    column,
    door,
    paired,
    require,
)
from fairveil.evaluate.results import Distance, Prediction, Utility

DEFAULT_TRIPLES = 50


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
    return overall(work, boosted(work, seed=seed), logistic(work), seed=seed)


def prediction(
    synthetic: Any,
    real_test: Any,
    *,
    target: str,
    sensitive: Sequence[Sensitive],
    positive: Any = None,
    seed: int = 0,
) -> Prediction:
    """``tstr``, the same within each group, and ``parity_gap``, from one fit each.

    Groups are those of the real test rows, formed as in ``probe``. A group under 30
    rows, or whose rows are all of one class, is left out of the scores and noted.

    Args:
        synthetic: rows to learn from; the models see the sensitive columns too.
        real_test: real rows that the synthesizer did not see, with the same columns.
        target: column to predict; one of ``sensitive`` is not split by itself.
        sensitive: columns whose groups are scored; several in a tuple are joined.
        positive: makes the target two-valued: this value against all others.
        seed: of the models and the resamples.

    Raises:
        TableError, ConfigError, UnsupportedError: as ``tstr``; or a column is missing.
    """
    work = task(synthetic, real_test, target=target, positive=positive)
    real = door(real_test)
    require(real, *flat(sensitive))
    split_by = [one for one in sensitive if target not in parts(one)]
    first, second = boosted(work, seed=seed), logistic(work)
    two = len(work.classes) == FEWEST
    return Prediction(
        utility=overall(work, first, second, seed=seed),
        groups=tuple(by_group(work, first, second, real, split_by)),
        gaps=tuple(gaps(work, first, real, split_by, seed=seed)) if two else (),
    )


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
    coded = [cells(column(first, name), column(second, name), bins) for name in names]
    limit = DEFAULT_TRIPLES if sets is None and ways == 3 else sets  # noqa: PLR2004  (ways)
    chosen = _column_sets(len(names), ways, limit, np.random.default_rng(seed))
    distances = [_distance([coded[i] for i in chosen_set]) for chosen_set in chosen]
    return Distance(float(np.mean(distances)), max(distances), ways, len(chosen))


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
    p, q = shares(columns)
    return min(1.0, float(np.abs(p - q).sum() / 2))  # sums may end a bit above 1
