"""Cells of dates, datetimes, times of day and durations as numbers, and back.

Pure functions of single values and arrays; nothing is learnt or kept. A value is a
number of ticks of its column's resolution (``_iso`` says since when); a finer one is
rounded down to a tick. Reading never raises, whatever a cell holds: what is no such
value becomes not-a-number.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable
from typing import Any
from zoneinfo import ZoneInfo

import narwhals as nw
import numpy as np

from fairveil._iso import (
    CODES,
    DAY,
    EPOCH,
    NANOSECONDS,
    UNITS,
    Resolution,
    exact,
    of_moment,
    of_time,
    of_timedelta,
    zone_of,
)
from fairveil._objects import objects_of
from fairveil._types import Floats

_NUMBERS = (int, float, np.integer, np.floating)


def ticks(
    series: nw.Series[Any],
    kind: str,
    resolution: Resolution,
    *,
    zone: str | None = None,
    layout: str | None = None,
) -> Floats:
    """Ticks of a column's cells, not-a-number where there is none, shape ``(n,)``.

    Args:
        series: one column, of a dtype of its own, of objects, text or numbers.
        kind: ``date``, ``datetime``, ``time`` or ``duration``.
        resolution: of the ticks.
        zone: time zone of moments that name none.
        layout: how text and numbers are written (``strptime``); None: ISO 8601.
    """
    own = _own_dtype(series, kind, zone)
    if own is not None:
        return _of_array(own, NANOSECONDS[resolution])
    nanoseconds = _of_cells(objects_of(series), kind, zone, layout)
    return np.array([_scaled(v, NANOSECONDS[resolution]) for v in nanoseconds])


def _own_dtype(
    series: nw.Series[Any], kind: str, zone: str | None
) -> np.ndarray | None:
    """A column of moments or durations as NumPy holds them, moments in UTC.

    None where its cells have to be read one by one.
    """
    if str(getattr(nw.to_native(series), "dtype", "")) == "object":
        return None  # narwhals would look at cells to find their dtype
    dtype = series.dtype
    own = (nw.Duration,) if kind == "duration" else (nw.Datetime, nw.Date)
    if kind == "time" or not isinstance(dtype, own):
        return None
    placed = getattr(dtype, "time_zone", None)
    if placed is not None:
        series = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    elif zone is not None:  # each cell is read as its zone's wall clock
        return None
    found = np.asarray(series.to_numpy())
    return found if found.dtype.kind in "mM" else None


def spread(
    series: nw.Series[Any], kind: str, zone: str | None = None
) -> tuple[Resolution, int, int] | None:
    """Coarsest resolution that tells all values of a column, and its ends.

    Returns:
        Resolution, least and largest value in nanoseconds; None without any value.
    """
    own = _own_dtype(series, kind, zone)
    per_unit, whole = 1, np.empty(0, dtype=np.int64)
    if own is None:
        cells = _of_cells(objects_of(series), kind, zone, None)
        whole = np.array([v for v in cells if v is not None], dtype=object)
    elif np.datetime_data(own.dtype)[0] in UNITS:
        unit, count = np.datetime_data(own.dtype)
        per_unit = UNITS[unit] * count
        whole = own[~np.isnat(own)].astype(np.int64)
    if not len(whole):
        return None
    least, largest = int(whole.min()) * per_unit, int(whole.max()) * per_unit
    for name, per_tick in NANOSECONDS.items():
        if per_unit % per_tick == 0 or not (whole % (per_tick // per_unit)).any():
            return name, least, largest
    return "nanosecond", least, largest


def _of_array(values: np.ndarray, per_tick: int) -> Floats:
    unit, count = np.datetime_data(values.dtype)
    if unit not in UNITS:
        return np.full(len(values), math.nan)
    whole = values.astype(np.int64)
    per_unit = UNITS[unit] * count
    if per_unit >= per_tick:  # a float product may be rounded beyond 2**53 only
        out = whole.astype(np.float64) * (per_unit // per_tick)
    else:
        out = np.floor_divide(whole, per_tick // per_unit).astype(np.float64)
    return np.where(np.isnat(values), math.nan, out)


def _of_cells(
    cells: Iterable[Any], kind: str, zone: str | None, layout: str | None
) -> list[int | None]:
    """Nanoseconds of cells that may hold anything; text is read once."""
    place = zone_of(zone)
    seen: dict[Any, int | None] = {}

    def of(cell: Any) -> int | None:
        kept = type(cell) in (str, int, dt.date, dt.time)
        if kept and cell in seen:
            return seen[cell]
        try:
            found = of_cell(cell, kind, place, layout)
        except Exception:  # noqa: BLE001  (a cell must never stop a fit)
            found = None
        if kept:
            seen[cell] = found
        return found

    return [of(cell) for cell in cells]


def of_cell(
    cell: Any,
    kind: str,
    zone: ZoneInfo | None = None,
    layout: str | None = None,
) -> int | None:
    """Nanoseconds of one cell, None where it is no such value; see ``ticks``.

    Raises:
        ValueError, OverflowError: as Python does for text that it cannot read.
    """
    # NumPy's durations count as its whole numbers
    if isinstance(cell, _NUMBERS) and not isinstance(cell, bool | np.timedelta64):
        cell = _digits(cell, layout)
    if isinstance(cell, str):
        if layout is None:
            return exact(cell.strip(), kind, zone)
        cell = dt.datetime.strptime(cell.strip(), layout)  # noqa: DTZ007  (see of_moment)
        cell = cell.time() if kind == "time" else cell
    if zone is None or getattr(cell, "tzinfo", zone) is not None:
        cell = getattr(cell, "asm8", cell)  # pandas' own moments and durations
    if isinstance(cell, (np.datetime64, np.timedelta64)):
        return _of_scalar(cell, kind)
    if kind in ("date", "datetime"):
        return _of_date(cell, zone)
    if kind == "duration":
        return of_timedelta(cell) if isinstance(cell, dt.timedelta) else None
    return of_time(cell) if isinstance(cell, dt.time) else None


def _digits(number: Any, layout: str | None) -> str | None:
    """A whole number as the text that a layout reads."""
    if layout is None or not float(number).is_integer():
        return None
    return str(int(number))


def _of_date(cell: Any, zone: ZoneInfo | None) -> int | None:
    if isinstance(cell, dt.datetime):
        return of_moment(cell, zone)
    if isinstance(cell, dt.date):
        return (cell.toordinal() - EPOCH) * DAY
    return None


def _of_scalar(cell: np.datetime64 | np.timedelta64, kind: str) -> int | None:
    wanted = "m" if kind == "duration" else "M"
    unit, count = np.datetime_data(cell.dtype)
    if np.isnat(cell) or cell.dtype.kind != wanted or unit not in UNITS:
        return None
    return int(cell.astype(np.int64)) * UNITS[unit] * count


def _scaled(nanoseconds: int | None, per_tick: int) -> float:
    return math.nan if nanoseconds is None else float(nanoseconds // per_tick)


def array_of(numbers: Floats, kind: str, resolution: Resolution) -> np.ndarray:
    """Ticks as NumPy moments or durations (times since midnight); NaN as NaT."""
    letter = "m8" if kind in ("time", "duration") else "M8"
    missing = np.isnan(numbers)
    whole = np.where(missing, 0, np.rint(numbers)).astype(np.int64)
    out = whole.view(f"{letter}[{CODES[resolution]}]")
    out[missing] = "NaT"
    return out
