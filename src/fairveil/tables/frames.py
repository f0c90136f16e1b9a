"""Data frames at the door: pandas in, pandas out, through narwhals.

Secret: the frame that comes in; nothing here looks at its values. Public: names, dtypes
and the frame that goes out.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from fairveil._files import is_writable
from fairveil._gaps import Plan
from fairveil._iso import TEMPORAL
from fairveil._shield import DEBUG
from fairveil._types import Values
from fairveil.errors import FairveilError, TableError, UnsupportedError, problem
from fairveil.schema import Column, Schema
from fairveil.tables import moments, numbers

# what a dtype becomes when values are missing that it cannot hold
_NULLABLE = {"bool": "boolean"} | {
    f"{sign}int{bits}": f"{sign.upper()}Int{bits}"
    for sign in ("", "u")
    for bits in (8, 16, 32, 64)
}
MOST_COLUMNS = 4000  # what a model file may list
_LONGEST_NAME = 1000
_TEXT_DTYPE_SINCE = 3  # the pandas whose text columns have a dtype of their own
_PANDAS_MAJOR = int(pd.__version__.split(".", maxsplit=1)[0])


def open_frame(frame: Any) -> nw.DataFrame[Any]:
    """A narwhals view of a frame.

    Raises:
        TableError: not a frame, or a frame without columns or with a name twice.
        UnsupportedError: a frame of another library than pandas, for now.
    """
    try:
        table = nw.from_native(frame, eager_only=True)
    except TypeError:
        raise TableError(
            problem("this is not a data frame", got=type(frame).__name__)
        ) from None
    except ValueError:  # narwhals refuses repeated column names
        raise TableError(problem("the table's column names are not unique")) from None
    if not table.implementation.is_pandas():
        raise UnsupportedError(
            problem(
                "only pandas frames are read so far",
                got=str(table.implementation),
                try_="frame.to_pandas()",
            )
        )
    names = table.columns
    if not names:
        raise TableError(problem("the table has no columns"))
    check_names(names)
    return table


def read_by(reader: Callable[[], Any]) -> Any:
    """The table that the caller's function reads.

    Raises:
        TableError: the function failed; what it said is not repeated.
    """
    try:
        return reader()
    except (FairveilError, MemoryError):
        raise
    except Exception as error:
        if os.environ.get(DEBUG):
            raise
        kind = type(error).__name__
    raise TableError(problem("the function that reads the table failed", got=kind))


def check_names(names: list[str]) -> None:
    """Refuse, before anything is paid, names and numbers that no file could hold."""
    if any(not isinstance(name, str) for name in names):
        raise TableError(
            problem("column names must be text", try_="df.columns.astype(str)")
        )
    if len(names) > MOST_COLUMNS:
        raise TableError(
            problem(
                "the table has too many columns",
                got=len(names),
                try_=f"{MOST_COLUMNS} columns at most",
            )
        )
    if not all(len(name) <= _LONGEST_NAME and is_writable(name) for name in names):
        raise TableError(
            problem(
                "a column name is too long, or holds half of a character",
                try_=f"names of at most {_LONGEST_NAME} characters",
            )
        )


def check_columns(
    table: nw.DataFrame[Any],
    schema: Schema | Plan,
    *,
    unit: str | None,
    partial: bool = False,
) -> None:
    """Raise ``TableError`` unless table and schema name the same columns.

    The unit column may stand in the table beside them, and others if ``partial``.
    """
    have, want = set(table.columns), set(schema.names)
    if unit is not None and unit not in have:
        raise TableError(
            problem(
                "the table lacks the unit column",
                got=unit,
                try_="one of " + ", ".join(table.columns),
            )
        )
    missing = [name for name in schema.learnt if name not in have]
    extra = [name for name in table.columns if name not in want and name != unit]
    if missing:
        raise TableError(
            problem(
                "the table lacks columns of the schema",
                got=", ".join(missing),
                try_="a table that has them, or a schema without them",
            )
        )
    if extra and not partial:
        raise TableError(
            problem(
                "the schema does not describe columns of the table",
                got=", ".join(extra),
                try_="discover=True to measure them under the budget, adding them to "
                f"the schema, or leave_out={extra}",
            )
        )


def to_frame(values: Mapping[str, Values], schema: Schema) -> pd.DataFrame:
    """Values by column as a frame with the schema's columns, order and dtypes."""
    return pd.DataFrame(
        {column.name: _series(values[column.name], column) for column in schema.columns}
    )


def _series(values: Values, column: Column) -> pd.Series:
    if column.kind in TEMPORAL:
        return moments.series_of(np.asarray(values), column)
    dtype = column.dtype
    if dtype == "category":
        levels = list(column.categories) or None
        return pd.Series(
            pd.Categorical(values, categories=levels, ordered=column.ordered)
        )
    if dtype == "str" and _PANDAS_MAJOR < _TEXT_DTYPE_SINCE:
        dtype = "object"
    if None in values:
        dtype = _NULLABLE.get(dtype, dtype)
    if column.kind == "numeric" and dtype == "decimal":
        return numbers.decimals(values, column.decimals or 0)
    if column.kind == "numeric" and dtype.lower() in numbers.NARROW:
        return numbers.narrow(values, column)
    return moments.as_dtype(values, dtype)
