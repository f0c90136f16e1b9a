"""How much pairs of columns go together: one measure for numbers and categories.

NOT PRIVATE: reads real rows without noise. Promises: 0 on average for independent
columns and 1 for columns that name each other, whatever their kinds.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fairveil import _check
from fairveil._types import Floats
from fairveil.evaluate._cells import cells
from fairveil.evaluate._scores import contingency
from fairveil.evaluate._tables import FEWEST, Ints, column, paired
from fairveil.evaluate.results_tables import Associations

_MOST_CELLS = 50  # of a column; rarer categories are joined


def associations(
    real: Any, synthetic: Any, *, bins: int = 8, most: int = 40
) -> Associations:
    """Cramer's V without its bias (Bergsma 2013) of every pair of columns.

    Cells are those of ``tvd``; all but the 49 most frequent real ones are joined. A
    missing value is a cell of its own, so what is missing together counts.

    Args:
        real: real rows.
        synthetic: synthetic rows, with the same columns.
        bins: cells of a numeric column.
        most: columns; the first ones are used where there are more.

    Raises:
        TableError: columns differ.
    """
    _check.whole(2, bins=bins, most=most)
    first, second = paired(real, synthetic)
    names = list(first.columns[:most])
    left = first.shape[1] - len(names)
    coded = [
        _few(cells(column(first, name), column(second, name), bins)) for name in names
    ]
    sides = [_all_pairs([pair[side] for pair in coded]) for side in (0, 1)]
    real_side, fake_side = (tuple(map(tuple, side.tolist())) for side in sides)
    return Associations(
        columns=tuple(map(str, names)),
        real=real_side,
        synthetic=fake_side,
        n_real=len(first),
        n_synthetic=len(second),
        notes=(f"the last {left:,} columns are left out",) if left else (),
    )


def _few(pair: tuple[Ints, Ints]) -> tuple[Ints, Ints]:
    """The same cells, the rare ones joined."""
    first, second = pair
    size = int(max(first.max(), second.max())) + 1
    if size <= _MOST_CELLS:
        return pair
    counts = np.bincount(first, minlength=size)
    place = np.zeros(size, dtype=np.int64)
    place[np.argsort(-counts, kind="stable")[: _MOST_CELLS - 1]] = np.arange(
        1, _MOST_CELLS
    )
    return place[first], place[second]


def _all_pairs(codes: list[Ints]) -> Floats:
    found = np.eye(len(codes))
    for i, first in enumerate(codes):
        if len(np.unique(first)) < FEWEST:
            found[i, i] = np.nan
        for j in range(i):
            found[i, j] = found[j, i] = _cramer(first, codes[j])
    return found


def _cramer(first: Ints, second: Ints) -> float:
    shape = int(first.max()) + 1, int(second.max()) + 1
    counts = contingency(first, second, shape)
    counts = counts[counts.any(axis=1)][:, counts.any(axis=0)]
    rows, width = counts.shape
    n = counts.sum()
    if min(rows, width) < FEWEST or n < FEWEST:
        return float("nan")
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / n
    chi = float(((counts - expected) ** 2 / expected).sum()) / n
    chi = max(0.0, chi - (rows - 1) * (width - 1) / (n - 1))
    least = min(rows - (rows - 1) ** 2 / (n - 1), width - (width - 1) ** 2 / (n - 1))
    return float(min(1.0, np.sqrt(chi / (least - 1)))) if least > 1 else float("nan")
