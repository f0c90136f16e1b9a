"""Any form of a table at the door: frames, lazy frames, relations, files.

Secret: the rows; none is read here. Public: column names, types, the form.
"""

from __future__ import annotations

from typing import Any

import narwhals as nw

from fairveil.errors import TableError, UnsupportedError, problem
from fairveil.tables import engines
from fairveil.tables.frames import check_names, open_frame
from fairveil.tables.source import ArrowSource, Source

_KNOWN = "a pandas, Polars or PyArrow frame"


def open_table(table: Any) -> nw.DataFrame[Any] | Source:
    """A table in any form that a fit takes, unread.

    Args:
        table: a pandas frame, a Polars frame or lazy frame, or a PyArrow table.

    Returns:
        A narwhals view of a pandas frame, or a source for every other form.

    Raises:
        TableError: not a table, or one without columns or with a name twice.
        UnsupportedError: a frame of another library, or a library that is needed is not
            installed.
    """
    try:
        found = nw.from_native(table)
    except TypeError:
        raise TableError(
            problem("this is not a data frame", got=type(table).__name__, try_=_KNOWN)
        ) from None
    except ValueError:  # narwhals refuses repeated column names
        raise TableError(problem("the table's column names are not unique")) from None
    known = found.implementation
    if known.is_pandas():
        return open_frame(table)
    if known.is_polars() and isinstance(found, nw.DataFrame):
        return checked(_of_polars(table))
    if known.is_polars():
        return checked(engines.LazySource(table))
    if known.is_pyarrow():
        return checked(ArrowSource(table, kind="pyarrow"))
    raise UnsupportedError(
        problem("frames of this library are not read", got=str(known), try_=_KNOWN)
    )


def _of_polars(frame: Any) -> ArrowSource:
    return ArrowSource(engines.of_polars(frame), kind="polars", given=frame)


def shown(table: nw.DataFrame[Any] | Source, *, private: bool) -> nw.DataFrame[Any]:
    """What may be looked at before the budget: no rows, unless nothing is protected.

    Args:
        table: from ``open_table``.
        private: whether there is privacy to keep; all rows are read otherwise.

    Returns:
        A frame of no rows, with names and declared dtypes; or all of them.
    """
    if isinstance(table, Source):
        return table.head() if private else table.whole()
    return table.head(0) if private else table


def kind_of(table: nw.DataFrame[Any] | Source) -> str:
    """The kind of frame that ``sample`` returns for it."""
    return table.kind if isinstance(table, Source) else "pandas"


def checked(source: Source) -> Source:
    """The source, or an error where its columns have no names of their own."""
    if not source.columns:
        raise TableError(problem("the table has no columns"))
    if len(set(source.columns)) < len(source.columns):
        raise TableError(problem("the table's column names are not unique"))
    check_names(source.columns)
    return source
