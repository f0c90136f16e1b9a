"""How far the other columns of a release hang on its sensitive ones.

Public: it looks at synthetic rows only; the figures are of the file that is published,
so anybody can compute them again. Nothing here is drawn at random.

Measure: Cramer's V with the bias correction of Bergsma (2013), between the sensitive
columns, one by one and all together, and each other column; numbers are cut at their
deciles, a missing value is a value of its own, and beyond the 50 most frequent values
the rest count as one. Its interval inverts the noncentral
chi-squared law at 95 %. ``chance`` is what 95 of 100 tables of independent columns stay
below.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.stats import chi2, ncx2

LEVEL = 0.95
_PARTS = 10  # of a numeric column
_SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")
_NEAR = 1e-6  # relative, of a noncentrality
_FEWEST = 100  # rows, below which nothing is said
_MOST_VALUES = 50


def measured(
    frame: pd.DataFrame, sensitive: Sequence[str]
) -> tuple[dict[str, Any], ...]:
    """One entry for each sensitive column, and one for all of them together.

    Args:
        frame: synthetic rows.
        sensitive: columns of it.

    Returns:
        Plain values: ``sensitive``, ``n``, and for each other column ``v``, ``low``,
        ``high`` and ``chance``; the strongest first. Empty without sensitive columns,
        without others, or with fewer than 100 rows.
    """
    others = [name for name in frame.columns if name not in sensitive]
    if not sensitive or not others or len(frame) < _FEWEST:
        return ()
    codes = {name: _codes(frame[name]) for name in frame.columns}
    groups: list[tuple[tuple[str, ...], np.ndarray]]
    groups = [((name,), codes[name]) for name in sensitive]
    if len(sensitive) > 1:
        together = np.stack([codes[name] for name in sensitive], axis=1)
        joint = np.unique(together, axis=0, return_inverse=True)[1].ravel()
        groups.append((tuple(sensitive), _frequent(joint)))
    return tuple(
        {
            "sensitive": list(names),
            "n": len(frame),
            "columns": sorted(
                (_entry(name, own, codes[name]) for name in others),
                key=lambda entry: (-entry["v"], entry["column"]),
            ),
        }
        for names, own in groups
    )


def _entry(name: str, own: np.ndarray, other: np.ndarray) -> dict[str, Any]:
    v, low, high, chance = cramer(own, other)
    numbers = {"v": v, "low": low, "high": high, "chance": chance}
    return {"column": name, **{key: round(value, 4) for key, value in numbers.items()}}


def cramer(first: np.ndarray, second: np.ndarray) -> tuple[float, float, float, float]:
    """V, its 95 % interval, and its 95 % quantile under independence.

    Args:
        first, second: codes (n,) from 0 on; both of the same rows.

    Returns:
        Four numbers in [0, 1]; all 0 where a column has a single value.
    """
    rows, columns = int(first.max()) + 1, int(second.max()) + 1
    freedom = (rows - 1) * (columns - 1)
    if freedom == 0:
        return (0.0, 0.0, 0.0, 0.0)
    n = len(first)
    counts = np.bincount(first * columns + second, minlength=rows * columns)
    table = counts.reshape(rows, columns).astype(np.float64)
    expected = table.sum(1, keepdims=True) * table.sum(0, keepdims=True) / n
    statistic = float(((table - expected) ** 2 / expected).sum())
    low, high = _noncentrality(statistic, freedom)

    def corrected(excess: float) -> float:
        """V of a statistic that is so far above what independence expects."""
        scale = (
            rows - (rows - 1) ** 2 / (n - 1),
            columns - (columns - 1) ** 2 / (n - 1),
        )
        most = min(scale) - 1.0
        return min(1.0, math.sqrt(max(0.0, excess) / n / most)) if most > 0 else 0.0

    return (
        corrected(statistic - freedom * n / (n - 1)),
        corrected(low),
        corrected(high),
        corrected(float(chi2.ppf(LEVEL, freedom)) - freedom),
    )


def _noncentrality(statistic: float, freedom: int) -> tuple[float, float]:
    """The 95 % interval of the noncentrality, by inverting both tails."""

    def crossing(quantile: float) -> float:
        if float(chi2.cdf(statistic, freedom)) <= quantile:
            return 0.0
        low, high = 0.0, statistic + 20.0 * math.sqrt(statistic + freedom) + 50.0
        # Invariant: at low the law has more than the quantile below the statistic.
        while high - low > _NEAR * (1.0 + high):
            middle = 0.5 * (low + high)
            if float(ncx2.cdf(statistic, freedom, middle)) > quantile:
                low = middle
            else:
                high = middle
        return high

    tail = 0.5 * (1.0 - LEVEL)
    return crossing(1.0 - tail), crossing(tail)


def _codes(values: Any) -> np.ndarray:
    """Small codes from 0 on: values as they are, numbers by their deciles."""
    numeric = pd.api.types.is_numeric_dtype(values)
    numeric = numeric and not pd.api.types.is_bool_dtype(values)
    if numeric and values.nunique() > _PARTS:
        numbers = values.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
        there = ~np.isnan(numbers)
        edges = np.unique(
            np.quantile(numbers[there], np.linspace(0, 1, _PARTS + 1)[1:-1])
        )
        # a value that is an edge itself, such as a heap at zero, is a part of its own
        below, upto = (np.searchsorted(edges, numbers, side=s) for s in _SIDES)
        codes = np.where(there, below + upto, -1)
    else:
        codes = pd.factorize(values, sort=False, use_na_sentinel=True)[0]
    return _frequent(codes)


def _frequent(codes: np.ndarray) -> np.ndarray:
    """Codes from 0 on without gaps; all but the most frequent share the last one."""
    found, inverse, counts = np.unique(codes, return_inverse=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    place = np.empty(len(found), dtype=np.int64)
    place[order] = np.minimum(np.arange(len(found)), _MOST_VALUES)
    return place[inverse.ravel()]
