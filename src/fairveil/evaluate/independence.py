"""A test of independence that fits no model: distance correlation with permutations.

NOT PRIVATE where the table is real. Promises: the p-value is valid at any size of the
table, since rows are exchangeable under independence.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from fairveil import _check
from fairveil._types import Floats
from fairveil.errors import ConfigError, problem
from fairveil.evaluate import _clusters
from fairveil.evaluate._groups import Sensitive, parts, title
from fairveil.evaluate._tables import door, features, require, some
from fairveil.evaluate.results import NOT_ENOUGH
from fairveil.evaluate.results_fairness import Dependence

_FEWEST = 20  # rows


def dependence(
    frame: Any,
    sensitive: Sensitive,
    *,
    exclude: Sequence[str] = (),
    seed: int = 0,
    permutations: int = 199,
    max_rows: int = 1000,
) -> Dependence:
    """Distance correlation between sensitive columns and the rest of the row.

    Squared, in the bias-corrected form of Székely and Rizzo (2013, 2014). In the
    population it is 0 only under independence, of whatever shape. Distances are
    Euclidean between *points*: numbers standardised, categories one-hot, and a missing
    value a further coordinate. The p-value permutes the sensitive columns together.

    Args:
        frame: the table to audit, real or synthetic.
        sensitive: a column, or several taken together; numbers are not cut.
        exclude: columns left out of the rest, such as other sensitive ones.
        seed: of the choice of rows and the permutations.
        permutations: of the null.
        max_rows: rows used at most, drawn at random; time grows with their square.

    Raises:
        TableError: a column is missing.
        ConfigError: no other column is left, or a number is not sensible.
    """
    _check.whole(1, permutations=permutations)
    whole, own = door(frame), parts(sensitive)
    require(whole, *own, *exclude)
    others = [n for n in whole.columns if n not in own and n not in exclude]
    if not others:
        raise ConfigError(problem("no column is left to depend on"))
    rng = np.random.default_rng(seed)
    table = some(whole, max_rows, rng)
    name, n, nan = title(sensitive), len(table), float("nan")
    if n < _FEWEST:
        return Dependence(name, nan, nan, nan, n, permutations, (NOT_ENOUGH,))
    first, second = (_centred(_points(table, names)) for names in (own, others))
    scale = np.sqrt(_product(first, first) * _product(second, second))
    if not scale > 0:
        notes = ("one side is constant: nothing to depend on",)
        return Dependence(name, 0.0, 0.0, 1.0, n, permutations, notes)
    observed = _product(first, second) / scale
    null = np.empty(permutations)
    for k in range(permutations):
        order = rng.permutation(n)
        null[k] = _product(first[np.ix_(order, order)], second) / scale
    reached = int((null >= observed - 1e-12).sum())
    return Dependence(
        column=name,
        distance_correlation=observed,
        null_q95=float(np.quantile(null, 0.95)),
        p_value=(1 + reached) / (1 + permutations),
        n=n,
        permutations=permutations,
    )


def _points(table: pd.DataFrame, names: Sequence[str]) -> Floats:
    """(rows, dimensions) coordinates, with one for each column that lacks values."""
    coding = features((table,), names)
    matrix = coding.matrices[0]
    axes = _clusters.space(matrix, coding.cardinality)
    missing = np.isnan(matrix)
    told = missing[:, missing.any(axis=0)]
    return np.hstack([_clusters.embed(axes, matrix).astype(np.float64), told])


def _centred(points: Floats) -> Floats:
    """(rows, rows) distances, U-centred: each row sums to 0, the diagonal is 0."""
    squares = (points**2).sum(axis=1)
    gram = squares[:, None] + squares - 2 * points @ points.T
    distance = np.sqrt(np.maximum(gram, 0))
    np.fill_diagonal(distance, 0)
    n = len(distance)
    rows = distance.sum(axis=0) / (n - 2)
    middle = distance.sum() / ((n - 1) * (n - 2))
    found = distance - rows[:, None] - rows + middle
    np.fill_diagonal(found, 0)
    return found


def _product(first: Floats, second: Floats) -> float:
    """Inner product of U-centred matrices: an unbiased estimate, over n(n - 3)."""
    n = len(first)
    return float(np.vdot(first, second)) / (n * (n - 3))
