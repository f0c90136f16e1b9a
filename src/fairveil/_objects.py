"""A column's cells as Python's own objects, whatever they hold.

Secret: the cells. Promise: no cell makes it fail. One that Python cannot hold (a moment
that its time zone carries past the year 9999) becomes ``STRANGE``, alone; the others
are what they would be without it.
"""

from __future__ import annotations

import math
from typing import Any

import narwhals as nw

STRANGE = math.inf  # a cell that is no number, word or missing value


def objects_of(series: nw.Series[Any]) -> list[Any]:
    """The cells in order, ``STRANGE`` for each that Python cannot hold."""
    try:
        return series.to_list()
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001, S110  (a cell must never stop a fit)
        pass
    return [_object(series, at) for at in range(len(series))]


def _object(series: nw.Series[Any], at: int) -> Any:
    try:
        return series[at]
    except Exception:  # noqa: BLE001  (a cell must never stop a fit)
        return STRANGE


def is_missing(value: Any) -> bool:
    """Whether a cell is None, not-a-number, or a library's mark for missing."""
    if value is None:
        return True
    try:
        return bool(value != value)  # noqa: PLR0124  (only not-a-number differs)
    except Exception:  # noqa: BLE001  (pandas.NA refuses a truth value; others worse)
        return type(value).__name__ in {"NAType", "NaTType"}


def as_number(value: Any) -> float:
    """A cell as a float; not-a-number where it is none. Never raises."""
    try:
        return _as_float(value)
    except Exception:  # noqa: BLE001  (a cell must never stop a fit)
        return math.nan


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:  # an integer beyond all floats
        return math.inf if value > 0 else -math.inf
