"""Any form of a table at the door: frames, lazy frames, relations, files.

Secret: the rows; none is read here. Public: column names, types, the form.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import narwhals as nw
import numpy as np

from fairveil.errors import TableError, UnsupportedError, problem
from fairveil.tables import arrays, engines, scan
from fairveil.tables.frames import check_names, open_frame
from fairveil.tables.source import ArrowSource, Source

_KNOWN = "a pandas, Polars or PyArrow frame, a DuckDB relation or a file"


def open_table(table: Any, *, private: bool = True) -> nw.DataFrame[Any] | Source:
    """A table in any form that a fit takes, unread.

    Args:
        table: a pandas frame, a Polars frame or lazy frame, a PyArrow table, a DuckDB
            relation, a PySpark frame, a NumPy array (``arrays.framed``); or files
            (``scan.open_paths``).
        private: whether there is privacy to keep; without it types may be guessed.

    Returns:
        A narwhals view of a pandas frame, or a source for every other form.

    Raises:
        TableError: not a table, or one without columns or with a name twice.
        UnsupportedError: a frame of another library, or a library that is needed is not
            installed.
    """
    if isinstance(table, np.ndarray):
        table = arrays.framed(table)
    if scan.is_paths(table):
        found = scan.open_paths(table, typed=not private)
    else:
        found = _opener(table)(table)
    return checked(found) if isinstance(found, Source) else found


def _opener(table: Any) -> Callable[[Any], nw.DataFrame[Any] | Source]:
    """What opens a table of this library."""
    try:
        known = nw.from_native(table).implementation
    except TypeError:
        what = "this is not a data frame"
        if arrays.is_sparse(table):
            what = "sparse input is not supported"
        raise TableError(problem(what, got=type(table).__name__, try_=_KNOWN)) from None
    except ValueError:  # narwhals refuses repeated column names
        raise TableError(problem("the table's column names are not unique")) from None
    if known not in _OPENERS:
        raise UnsupportedError(
            problem("frames of this library are not read", got=str(known), try_=_KNOWN)
        )
    return _OPENERS[known]


def _of_polars(frame: Any) -> Source:
    if isinstance(nw.from_native(frame), nw.LazyFrame):
        return engines.LazySource(frame)
    return ArrowSource(engines.of_polars(frame), kind="polars", given=frame)


def _of_arrow(table: Any) -> Source:
    return ArrowSource(table, kind="pyarrow")


_OPENERS = {
    nw.Implementation.PANDAS: open_frame,
    nw.Implementation.POLARS: _of_polars,
    nw.Implementation.PYARROW: _of_arrow,
    nw.Implementation.DUCKDB: engines.DuckSource,
    nw.Implementation.PYSPARK: engines.SparkSource,
    nw.Implementation.PYSPARK_CONNECT: engines.SparkSource,
}


def without(
    table: nw.DataFrame[Any] | Source, names: Sequence[str]
) -> nw.DataFrame[Any] | Source:
    """The table without some columns, whose cells a fit then never reads.

    Args:
        table: from ``open_table``; a source is changed in place.
        names: of the columns; public, and chosen without looking at a cell.

    Raises:
        TableError: no such column, or no column is left.
    """
    lacking = [name for name in names if name not in table.columns]
    if lacking:
        raise TableError(
            problem(
                "the table lacks a column that is to be left out",
                got=", ".join(lacking),
                try_="one of " + ", ".join(table.columns),
            )
        )
    if set(table.columns) <= set(names):
        what = "no column is left"
        raise TableError(problem(what, try_="leaving fewer columns out"))
    if isinstance(table, Source):
        table.left_out = frozenset(names)
        return table
    return table.drop(list(names))


def shown(table: nw.DataFrame[Any] | Source, *, private: bool) -> nw.DataFrame[Any]:
    """What may be looked at before the budget: no rows, unless nothing is protected.

    Args:
        table: from ``open_table``.
        private: whether there is privacy to keep; all rows are read otherwise.

    Returns:
        A frame of no rows, with names and declared dtypes; or all of them.
    """
    if isinstance(table, Source):
        return (table.head() if private else table.whole()).select(table.kept)
    return table.head(0) if private else table


def kind_of(table: nw.DataFrame[Any] | Source) -> str:
    """The kind of frame that ``sample`` returns for it."""
    return table.kind if isinstance(table, Source) else "pandas"


def declares(table: nw.DataFrame[Any] | Source) -> bool:
    """Whether the place where the table lies declares its dtypes (Parquet)."""
    return isinstance(table, Source) and table.declares


def checked(source: Source) -> Source:
    """The source, or an error where its columns have no names of their own."""
    if not source.columns:
        raise TableError(problem("the table has no columns"))
    if len(set(source.columns)) < len(source.columns):
        raise TableError(problem("the table's column names are not unique"))
    check_names(source.columns)
    return source
