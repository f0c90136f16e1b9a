"""Frames out: the same rows as pandas, Polars or PyArrow, with the schema's dtypes.

Public: synthetic rows and schema facts. A dtype is named in the schema as pandas names
it (``int64``, ``Int64``, ``string``, ``category``); an Arrow type exactly, as pandas
names its Arrow-backed dtypes (``decimal128(10, 2)[pyarrow]``).
"""

from __future__ import annotations

import decimal
import importlib
import re
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, cast

import pandas as pd

from fairveil import _check
from fairveil._types import Values
from fairveil.errors import UnsupportedError, problem
from fairveil.schema import Column, Schema
from fairveil.tables import arrow
from fairveil.tables.frames import to_frame

KINDS = ("pandas", "polars", "pyarrow")

_WHOLE = re.compile(r"(u?int|float)(8|16|32|64)")
_DECIMAL = re.compile(r"decimal(32|64|128|256)\((\d+), (-?\d+)\)")
_DICTIONARY = re.compile(r"dictionary<values=(\w+), indices=(\w+), ordered=([01])>")
_MOMENTS = re.compile(r"(datetime|timedelta)64\[(s|ms|us|ns)(?:, (.+))?\]")
_PLAIN_TYPES = {
    "date": "date32",
    "datetime": "timestamp",
    "time": "time64",
    "duration": "duration",
}
_ARROW = "[pyarrow]"
_TEXT = ("str", "string", "object")


def check_kind(kind: str | None) -> None:
    """Raise unless such frames can be made on this machine.

    Raises:
        ConfigError: no such kind.
        UnsupportedError: its library is not installed.
    """
    _check.one_of((None, *KINDS), backend=kind)
    if kind not in (None, "pandas"):
        arrow.library()
    if kind == "polars" and find_spec("polars") is None:
        raise UnsupportedError(
            problem(
                "Polars frames need the package polars, which is not installed",
                try_="pip install 'fairveil[engines]'",
            )
        )


def framed(values: Mapping[str, Values], schema: Schema, kind: str) -> Any:
    """Values by column as such a frame; see ``as_kind``."""
    return as_kind(to_frame(values, schema), schema, kind)


def as_kind(frame: pd.DataFrame, schema: Schema, kind: str) -> Any:
    """The frame as another library's, column by column.

    Args:
        frame: synthetic rows with the schema's columns.
        schema: public facts.
        kind: one of ``KINDS``.

    Raises:
        UnsupportedError: its library is not installed.
    """
    check_kind(kind)
    if kind == "pandas":
        return _backed(frame, schema)
    pa = arrow.library()
    columns = {c.name: _column(_series(frame, c), c) for c in schema.columns}
    table = pa.table(columns)
    if kind == "pyarrow":
        return table
    pl = importlib.import_module("polars")
    made = pl.from_arrow(table)
    ordered = {
        c.name: pl.Enum([str(v) for v in c.categories])
        for c in schema.columns
        if c.dtype == "category" and c.ordered
    }
    return made.cast(ordered) if ordered else made


def _backed(frame: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """The frame with columns in Arrow memory where the schema names an Arrow type.

    Where pyarrow is not installed, or a type cannot hold the values, they stay as
    they are.
    """
    exact = [c for c in schema.columns if c.dtype.endswith(_ARROW)]
    if not exact or find_spec("pyarrow") is None:
        return frame
    made = {}
    for column in exact:
        cells = _column(_series(frame, column), column)
        if cells.type == arrow_type(column):
            made[column.name] = pd.Series(
                pd.arrays.ArrowExtensionArray(cells), index=frame.index
            )
    return frame.assign(**made)


def _series(frame: pd.DataFrame, column: Column) -> pd.Series:
    return cast("pd.Series", frame[column.name])


def _column(series: pd.Series, column: Column) -> Any:
    pa = arrow.library()
    wanted = arrow_type(column)
    if wanted is None:
        return pa.Array.from_pandas(series)
    if pa.types.is_temporal(wanted):
        return _moments(series, wanted)
    values = series.astype(object).where(series.notna(), None).tolist()
    dictionary = pa.types.is_dictionary(wanted)
    flat = wanted.value_type if dictionary else wanted
    if pa.types.is_decimal(flat):
        values = [None if v is None else _quantised(v, flat.scale) for v in values]
    elif pa.types.is_floating(flat):  # Arrow takes no whole number that it must round
        values = [None if v is None else float(v) for v in values]
    elif pa.types.is_string(flat) or pa.types.is_large_string(flat):
        values = [None if v is None else str(v) for v in values]
    try:
        cells = pa.array(values, type=flat)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return pa.Array.from_pandas(series)  # a type that cannot hold them
    if not dictionary:
        return cells
    levels, pc = pa.array([*column.categories], type=flat), arrow.compute()
    index = pc.index_in(cells, value_set=levels)
    return pa.DictionaryArray.from_arrays(
        index.cast(wanted.index_type), levels, ordered=wanted.ordered
    )


def _moments(series: pd.Series, wanted: Any) -> Any:
    pa = arrow.library()
    try:
        return pa.Array.from_pandas(series, type=wanted, safe=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        return pa.Array.from_pandas(series)


def arrow_schema(schema: Schema) -> Any:
    """One Arrow type for each column, whatever its values: for files in parts."""
    pa = arrow.library()
    return pa.schema([(column.name, _settled(column)) for column in schema.columns])


def _settled(column: Column) -> Any:
    pa = arrow.library()
    wanted = arrow_type(column)
    if wanted is not None and (column.kind != "numeric" or _holds(wanted, column)):
        return wanted
    if column.kind in _PLAIN_TYPES:
        return getattr(pa, _PLAIN_TYPES[column.kind])(*_units(column))
    if column.kind == "numeric":
        return pa.int64() if column.decimals == 0 else pa.float64()
    if column.kind == "boolean":
        return pa.bool_()
    numbers = not any(isinstance(v, (str, bool)) for v in column.categories)
    if not numbers:
        return pa.string()
    whole = all(isinstance(v, int) for v in column.categories)
    return pa.int64() if whole else pa.float64()


def _units(column: Column) -> tuple[str, ...]:
    if column.kind == "date":
        return ()
    zone = (column.zone,) if column.kind == "datetime" and column.zone else ()
    return ("us", *zone)


def _holds(wanted: Any, column: Column) -> bool:
    """Whether a type of whole numbers reaches the ends of a column."""
    pa = arrow.library()
    if not pa.types.is_integer(wanted):
        return True
    try:
        pa.array([int(end) for end in column.ends()], type=wanted)
    except (pa.ArrowInvalid, OverflowError):
        return False
    return True


def arrow_type(column: Column) -> Any:
    """The Arrow type of a column by its declared dtype; None: as pyarrow finds it."""
    pa = arrow.library()
    name = column.dtype.removesuffix(_ARROW)
    if name != column.dtype:
        return _exact(name)
    plain = name.lower()
    if _WHOLE.fullmatch(plain):
        return pa.type_for_alias(plain)
    if plain in ("bool", "boolean"):
        return pa.bool_()
    words = column.kind == "categorical" and all(
        isinstance(v, str) for v in column.categories
    )
    if not words:
        return _moment_type(name)
    if plain in _TEXT:
        return pa.string()
    levels = pa.dictionary(pa.int32(), pa.string(), ordered=column.ordered)
    return levels if plain == "category" else None


def _moment_type(name: str) -> Any:
    """The Arrow type of moments or durations by NumPy's or pandas' name."""
    pa, found = arrow.library(), _MOMENTS.fullmatch(name)
    if found is None:
        return None
    letter, unit, zone = found.groups()
    return pa.timestamp(unit, zone) if letter == "datetime" else pa.duration(unit)


def _exact(name: str) -> Any:
    """An Arrow type by its own name."""
    pa = arrow.library()
    if found := _DECIMAL.fullmatch(name):
        bits, digits, places = found.groups()
        return getattr(pa, f"decimal{bits}")(int(digits), int(places))
    if found := _DICTIONARY.fullmatch(name):
        values, indices, ordered = found.groups()
        parts = (pa.type_for_alias(indices), pa.type_for_alias(values))
        return pa.dictionary(*parts, ordered=ordered == "1")
    try:
        return pa.type_for_alias(name)
    except ValueError:
        pass
    try:
        return pd.ArrowDtype.construct_from_string(f"{name}[pyarrow]").pyarrow_dtype
    except (TypeError, NotImplementedError, ValueError):
        return None


def _quantised(value: Any, places: int) -> decimal.Decimal:
    return decimal.Decimal(repr(float(value))).quantize(
        decimal.Decimal(1).scaleb(-places)
    )
