"""Numbers in dtypes of their own: decimals exactly, short floats within their bounds.

Public: what comes in was released.
"""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd

from fairveil._types import Values
from fairveil.schema import Column

NARROW = ("float16", "float32")


def decimals(values: Values, places: int) -> pd.Series:
    """Python's decimals with so many places; None where missing."""
    made = [None if v is None else Decimal(f"{float(v):.{places}f}") for v in values]
    return pd.Series(made, dtype="object")


def narrow(values: Values, column: Column) -> pd.Series:
    """Floats of 16 or 32 bits that lie within the bounds of a continuous column.

    Rounding to fewer bits may leave the bounds; then the nearest float inside is
    taken. Of a column with decimals each value is the float that is nearest to a value
    on its scale, as the bounds are, and special values are themselves.
    """
    kind = np.dtype(column.dtype.lower())
    exact = np.array([np.nan if v is None else v for v in values], dtype=np.float64)
    short = exact.astype(kind)
    if column.decimals is None:
        lowest, highest = (_inside(end, kind, side) for end, side in _ends(column))
        apart = np.isin(exact, column.singles)
        if lowest <= highest:
            short = np.where(apart, short, np.clip(short, lowest, highest))
    return pd.Series(short.astype(kind)).astype(column.dtype)


def _ends(column: Column) -> tuple[tuple[float, int], tuple[float, int]]:
    lowest, highest = column.ends()
    return (lowest, 1), (highest, -1)


def _inside(end: float, kind: np.dtype, side: int) -> float:
    """The float of this kind that is nearest to a bound and not beyond it."""
    near = np.array(end).astype(kind)
    if (float(near) - end) * side < 0:
        near = np.nextafter(near, np.array(side * np.inf, dtype=kind))
    return float(near)
