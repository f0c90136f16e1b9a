"""Real and synthetic columns side by side, as shares of cells that a reader knows.

NOT PRIVATE: reads real rows without noise, and its labels are their values. Promises:
every row is counted once; the same table twice gives the same shares twice.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from fairveil import _check
from fairveil._types import Floats
from fairveil.evaluate._tables import (
    FEWEST,
    MISSING,
    Ints,
    coded,
    column,
    cut,
    numbers,
    paired,
)
from fairveil.evaluate.results_tables import CATEGORIES, NUMBERS, ColumnShares

_ENDS = (0.005, 0.995)  # quantiles of the real values that the picture spans


def column_shares(
    real: Any, synthetic: Any, *, bins: int = 20, most: int = 16
) -> list[ColumnShares]:
    """The share of each cell of each column, in both tables.

    A numeric column with more than ``most`` values in both tables together is cut into
    cells of equal width between the .5 and the 99.5 % quantile of the real values, of
    width 1 or more where all values are whole; other columns have a cell for each
    value, numbers in their order, categories by falling real share, where the rarest
    beyond ``most`` are joined.

    Args:
        real: real rows.
        synthetic: synthetic rows with the same columns.
        bins: cells of a numeric column.
        most: cells of a column of categories.

    Raises:
        TableError: columns differ.
    """
    _check.whole(2, bins=bins, most=most)
    first, second = paired(real, synthetic)
    return [
        _column(str(name), column(first, name), column(second, name), bins, most)
        for name in first.columns
    ]


def _column(
    name: str, real: pd.Series, fake: pd.Series, bins: int, most: int
) -> ColumnShares:
    a, b = numbers(real), numbers(fake)
    if a is not None and b is not None:
        known = np.unique(np.concatenate([a, b]))
        if int((~np.isnan(known)).sum()) > most:
            return _numbers(name, a, b, bins)
    (first, second), labels = coded(real, fake)
    counts = np.bincount(first[first != MISSING], minlength=len(labels))
    if a is not None and b is not None:
        order = np.argsort([float(label) for label in labels])
    else:
        order = np.argsort(-counts, kind="stable")
    kept, rest = order[:most], order[most:]
    place = np.full(len(labels) + 1, MISSING)  # the last entry is the missing value's
    place[kept] = np.arange(len(kept))
    place[rest] = len(kept)
    names, notes = [labels[i] for i in kept], ()
    if len(rest):
        names.append(f"{len(rest):,} others")
        notes = (f"the {len(rest):,} rarest values are joined",)
    return _told(
        name, CATEGORIES, (place[first], place[second]), names=tuple(names), notes=notes
    )


def _numbers(name: str, real: Floats, fake: Floats, bins: int) -> ColumnShares:
    known = real[~np.isnan(real)]
    known = known if len(known) else fake[~np.isnan(fake)]
    low, high = (float(v) for v in np.quantile(known, _ENDS))
    if not high > low:
        low, high = float(known.min()), float(known.max())
    if not high > low:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, bins + 1)
    if (known == np.rint(known)).all():  # so that no cell holds one whole number more
        width = max(1.0, np.ceil((high - low + 1) / bins))
        edges = np.arange(np.floor(low), high + width, width) - 0.5
        edges = edges if len(edges) > FEWEST else np.append(edges, edges[-1] + width)
    found = cut(real, edges[1:-1]), cut(fake, edges[1:-1])
    return _told(name, NUMBERS, found, edges=tuple(edges.tolist()))


def _told(
    name: str,
    kind: str,
    found: tuple[Ints, Ints],
    *,
    names: tuple[str, ...] = (),
    edges: tuple[float, ...] = (),
    notes: tuple[str, ...] = (),
) -> ColumnShares:
    size = len(names) if kind == CATEGORIES else len(edges) - 1
    shares, missing = [], []
    for codes in found:
        known = codes[codes != MISSING]
        counts = np.bincount(known, minlength=size).astype(float)
        shares.append(tuple((counts / max(len(known), 1)).tolist()))
        missing.append(1 - len(known) / len(codes))
    return ColumnShares(
        column=name,
        kind=kind,
        labels=names,
        edges=edges,
        real=shares[0],
        synthetic=shares[1],
        missing_real=missing[0],
        missing_synthetic=missing[1],
        n_real=len(found[0]),
        n_synthetic=len(found[1]),
        notes=notes,
    )
