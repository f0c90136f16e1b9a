"""Facts of one column, copied from its values: the work behind ``Schema.infer``.

Secret until the caller declares otherwise: categories, bounds and decimals come from
the rows, and each fact carries the mark that the caller gives it. Nothing is public
here; the schema checks the facts. Errors name the column and repeat no value.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import narwhals as nw

from fairveil._iso import Temporal, told
from fairveil._temporal import spread
from fairveil.errors import SchemaError, problem

Facts = dict[str, Any]

_DTYPES: dict[Temporal, Any] = {
    "datetime": nw.Datetime,
    "date": nw.Date,
    "time": nw.Time,
    "duration": nw.Duration,
}
_OBJECTS: dict[Temporal, type] = {
    "date": dt.date,
    "datetime": dt.datetime,
    "time": dt.time,
    "duration": dt.timedelta,
}
_POLARS = {
    "String": "string",
    "Boolean": "boolean",
    "Date": "date32[day][pyarrow]",
    "Time": "time64[ns][pyarrow]",
}
_EMPTY: Facts = {"kind": "categorical", "categories": (), "nullable": True}
_PLAIN = (bool, int, float, str)
_MOST_DECIMALS = 6


def column_facts(series: nw.Series[Any], mark: str) -> Facts:
    """Fields of a ``Column`` that describes these values.

    Args:
        series: one column of any eager frame that narwhals reads.
        mark: provenance of every fact that is copied from the values.

    Raises:
        SchemaError: the column holds no value, no finite number or one beyond floats.
    """
    kind = _temporal_kind(series)
    if kind is not None:
        return _moments(series, kind, mark)
    if not len(series):
        what = "a column holds no value at all"
        raise SchemaError(problem(what, got=series.name, try_="a table with rows"))
    values = _distinct(series)
    levelled = isinstance(series.dtype, (nw.Categorical, nw.Enum))
    facts = _kind_facts(series, values) if values or levelled else {}
    if not values and not facts.get("categories"):  # a dtype may have levels unused
        facts = dict(_EMPTY)
    facts["nullable"] = facts.get("nullable", False) or _has_missing(series)
    return {
        "name": series.name,
        "dtype": dtype_name(series),
        **facts,
        # a dtype is marked where cells told it: objects that are all decimals
        "provenance": {fact: mark for fact in facts if fact != "kind"},
    }


def _temporal_kind(series: nw.Series[Any]) -> Temporal | None:
    """What a column of dates, times or durations holds; None for any other."""
    for kind, dtypes in _DTYPES.items():
        if isinstance(series.dtype, dtypes):
            return kind
    if not isinstance(series.dtype, nw.Object):
        return None
    types = {type(v) for v in series.drop_nulls().to_list()}
    for kind, python in _OBJECTS.items():
        if types == {python}:
            return kind
    return None


def _moments(series: nw.Series[Any], kind: Temporal, mark: str) -> Facts:
    """Facts of a column of dates, times or durations."""
    zone = getattr(series.dtype, "time_zone", None)
    found = spread(series, kind, zone)
    facts: Facts = {"kind": kind, "dtype": dtype_name(series)}
    if found is None:
        marks = dict.fromkeys(("categories", "nullable"), mark)
        return {"name": series.name, **facts, **_EMPTY, "provenance": marks}
    resolution, least, largest = found
    facts |= {} if zone is None else {"zone": zone}
    facts |= told(least, largest, kind, resolution, zone=zone)
    facts |= {"nullable": bool(series.is_null().any())}
    marks = {fact: mark for fact in facts if fact not in ("kind", "dtype")}
    return {"name": series.name, **facts, "provenance": marks}


def dtype_name(series: nw.Series[Any]) -> str:
    """A column's dtype as pandas names it; Polars' as pandas' nullable ones."""
    native, dtype = nw.to_native(series), series.dtype
    if series.implementation.is_pandas_like():
        return str(native.dtype)
    if series.implementation.is_pyarrow():
        return f"{native.type}[pyarrow]"
    if isinstance(dtype, (nw.Categorical, nw.Enum)):
        return "category"
    if isinstance(dtype, nw.Datetime):
        zone = "" if dtype.time_zone is None else f", {dtype.time_zone}"
        return f"datetime64[{dtype.time_unit}{zone}]"
    if isinstance(dtype, nw.Duration):
        return f"timedelta64[{dtype.time_unit}]"
    return _POLARS.get(str(dtype), str(dtype))


def _distinct(series: nw.Series[Any]) -> list[Any]:
    values = [_plain(v) for v in series.drop_nulls().unique().to_list()]
    return [v for v in values if v == v]  # noqa: PLR0124  (drops not-a-number)


def _has_missing(series: nw.Series[Any]) -> bool:
    nan = series.dtype.is_float() and series.is_nan().any()
    return bool(series.is_null().any()) or bool(nan)


def _kind_facts(series: nw.Series[Any], values: list[Any]) -> Facts:
    if isinstance(series.dtype, (nw.Categorical, nw.Enum)):
        return _levels(series, values)
    if all(isinstance(v, bool) for v in values):
        return {"kind": "boolean"}
    if all(isinstance(v, (int, float, Decimal)) for v in values):
        return _numbers(series.name, values, dtype_name(series))
    words = tuple(sorted({str(v) for v in values}))
    return {"kind": "categorical", "categories": words}


def _levels(series: nw.Series[Any], values: list[Any]) -> Facts:
    """A categorical dtype: its levels in their order, numbers as numbers."""
    native: Any = getattr(nw.to_native(series), "dtype", None)
    own = series.implementation.is_pandas_like() and hasattr(native, "categories")
    if own:  # pandas' own; its columns in Arrow memory have no levels that count
        levels, ordered = list(native.categories), bool(native.ordered)
    elif isinstance(series.dtype, nw.Enum):
        levels, ordered = list(series.dtype.categories), True
    else:
        levels, ordered = sorted(values), False
    plain = (_plain(v) for v in levels)
    names = tuple(v if isinstance(v, _PLAIN) else str(v) for v in plain)
    return {"kind": "categorical", "categories": names, "ordered": ordered}


def _numbers(name: str, values: list[Any], native: str) -> Facts:
    try:
        numbers = [float(v) for v in values if math.isfinite(v)]
    except OverflowError:
        raise SchemaError(
            problem("a column holds a number beyond all floats", got=name)
        ) from None
    if not numbers:
        raise SchemaError(problem("a column holds no finite number", got=name))
    exact = [v for v in values if isinstance(v, Decimal)]
    decimal = len(exact) == len(values)
    facts: Facts = {"dtype": "decimal"} if decimal and native == "object" else {}
    return facts | {
        "kind": "numeric",
        "lower": min(numbers),
        "upper": max(numbers),
        "decimals": _places(exact) if decimal else _decimals(numbers),
        "nullable": len(numbers) < len(values),
    }


def _places(numbers: Iterable[Decimal]) -> int:
    """Places after the point that exact numbers are written with."""
    exponents = (number.as_tuple().exponent for number in numbers)
    return max(-e if isinstance(e, int) else 0 for e in (0, *exponents))


def _decimals(numbers: Iterable[float]) -> int | None:
    places = 0
    for number in numbers:
        while places <= _MOST_DECIMALS and round(number, places) != number:
            places += 1
        if places > _MOST_DECIMALS:
            return None
    return places


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value
