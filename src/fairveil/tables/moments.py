"""Dates, times and durations as the dtype that the schema names, or as text.

Public: what comes in was released. A dtype that cannot hold the values (nanoseconds end
in 1677 and 2262; the schema should not name it then) gives a column of objects.
"""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from fairveil._iso import BY_CODE, text_of_ticks
from fairveil._types import Values
from fairveil.schema import Column

_OBJECTS = ("object", "str", "string")
_PLAIN = {"M": "datetime64[us]", "m": "timedelta64[us]"}
_MIDNIGHT = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def series_of(values: np.ndarray, column: Column) -> pd.Series:
    """A column of moments or durations in its own dtype.

    Args:
        values: NumPy moments (in UTC where the column has a zone), or durations; times
            of day as durations since midnight; NaT where missing.
        column: public facts.
    """
    dtype, kind = column.dtype, column.kind
    if column.layout is not None:
        return as_dtype(_in_layout(values, column), _for_missing(values, dtype))
    if kind != "time" and dtype.startswith(("datetime64", "timedelta64")):
        return _of_numpy(values, dtype)
    if dtype == "object":
        return pd.Series(_objects(values, column), dtype="object")
    if dtype in _OBJECTS:
        return as_dtype(_iso(values, column), dtype)
    return as_dtype(_objects(values, column), dtype)


def as_dtype(values: Values, dtype: str) -> pd.Series:
    """Values as a series of a dtype, or of objects where that cannot hold them."""
    try:
        return pd.Series(values, dtype=dtype)
    except (TypeError, ValueError, OverflowError, NotImplementedError):
        return pd.Series(values, dtype="object")


def _for_missing(values: np.ndarray, dtype: str) -> str:
    return "Int64" if dtype == "int64" and np.isnat(values).any() else dtype


def _of_numpy(values: np.ndarray, dtype: str) -> pd.Series:
    """A dtype of NumPy's, or pandas' one with a time zone."""
    unit, _, zone = dtype.partition("[")[2].rstrip("]").partition(",")
    letter = values.dtype.kind
    exact = values.astype(f"{letter}8[{_held(values)}]")
    series = pd.Series(exact)
    try:
        series = pd.Series(series.astype(f"{_PLAIN[letter].split('[')[0]}[{unit}]"))
        if zone.strip():
            series = series.dt.tz_localize("UTC").dt.tz_convert(zone.strip())
    except (TypeError, ValueError, OverflowError):
        return pd.Series(exact.astype(object), dtype="object")
    return series


def _held(values: np.ndarray) -> str:
    """The unit that pandas holds these values in: seconds at least."""
    unit = np.datetime_data(values.dtype)[0]
    return unit if unit in ("s", "ms", "us", "ns") else "s"


def _objects(values: np.ndarray, column: Column) -> list[Any]:
    """Python's dates, datetimes, times and durations; None where missing."""
    if column.kind == "date":
        return values.astype("M8[D]").astype(object).tolist()
    if column.kind == "duration":
        return values.astype("m8[us]").astype(object).tolist()
    if column.kind == "time":
        spans = values.astype("m8[us]").astype(object)
        return [None if s is None else (_MIDNIGHT + s).time() for s in spans]
    plain = values.astype("M8[us]").astype(object).tolist()
    if column.zone is None:
        return plain
    zone = ZoneInfo(column.zone)
    return [None if m is None else _local(m, zone) for m in plain]


def _local(moment: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    return moment.replace(tzinfo=dt.UTC).astimezone(zone)


def _iso(values: np.ndarray, column: Column) -> list[str | None]:
    """ISO 8601; with the zone's offset where there is a zone."""
    if column.zone is not None:
        return [
            None if m is None else m.isoformat(timespec="auto")
            for m in _objects(values, column)
        ]
    unit = BY_CODE[np.datetime_data(values.dtype)[0]]
    return [
        None if missing else text_of_ticks(tick, column.kind, unit)
        for tick, missing in zip(
            values.astype(np.int64).tolist(), np.isnat(values), strict=True
        )
    ]


def _in_layout(values: np.ndarray, column: Column) -> list[Any]:
    """Text in the column's layout, as whole numbers where its dtype is one."""
    layout, kind = column.layout or "", column.kind
    whole = "int" in column.dtype.lower()

    def told(value: Any) -> Any:
        if value is None:
            return None
        text = _written(value, layout)
        return int(text) if whole else text

    plain = values if kind == "time" else values.astype("M8[us]")
    return [told(v) for v in _objects(plain, column)]


def _written(value: dt.date | dt.time, layout: str) -> str:
    """As ``strftime`` writes it, with four digits for each year."""
    if isinstance(value, dt.date):
        layout = layout.replace("%Y", f"{value.year:04d}")
    return value.strftime(layout)
