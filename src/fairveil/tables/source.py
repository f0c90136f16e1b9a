"""Tables where they lie: what a fit asks of any of them, in passes over the rows.

Secret: the rows; only ``private/`` calls what reads them. Public: column names, types,
the kind of frame. A source counts and streams exact cells; noise is added behind the
border. Opening one reads no row. Whatever a library raises while it reads becomes an
error of ours that does not hold its text, which could quote a cell.

The table must stay as it is while it is fitted: it is read more than once.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import narwhals as nw
import numpy as np
import pandas as pd

from fairveil._shield import is_panic
from fairveil.errors import FairveilError, TableError, problem
from fairveil.tables import arrow

T = TypeVar("T")

CHUNK = 1 << 16  # rows in memory at a time


class Source(abc.ABC):
    """A table that is read in passes.

    Attributes:
        kind: frame that ``sample`` returns for it (``tables.kinds``).
        columns: names in order.
        stable: whether each pass has the rows in the same order.
        declares: whether the place itself declares the dtypes (Parquet).
        left_out: columns that the fit is not to see.
    """

    left_out: frozenset[str] = frozenset()
    kind: str = "pandas"
    columns: list[str]
    stable: bool = False
    declares: bool = False

    @property
    def kept(self) -> list[str]:
        """Names in order, without those that are left out."""
        return [name for name in self.columns if name not in self.left_out]

    @abc.abstractmethod
    def head(self) -> nw.DataFrame[Any]:
        """No rows: names and declared dtypes, as a pandas frame."""

    @abc.abstractmethod
    def count(self) -> int:
        """The true number of rows."""

    @abc.abstractmethod
    def groups(self, name: str) -> tuple[Any, np.ndarray]:
        """Distinct cells of a column in Arrow, and the true count of each.

        A cell may stand several times; its counts add up.
        """

    @abc.abstractmethod
    def batches(self, names: Sequence[str]) -> Iterator[Any]:
        """All rows of some columns, as Arrow tables of bounded size."""

    def whole(self) -> nw.DataFrame[Any]:
        """All rows in memory, for fits that protect nothing."""
        pa = arrow.library()
        parts = list(self.batches(self.columns))
        table = pa.concat_tables(parts, promote_options="default") if parts else None
        if table is None:
            return self.head()
        columns = {name: arrow.plain(table[name]) for name in self.columns}
        return nw.from_native(pd.DataFrame(columns))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(<hidden>)"


class ArrowSource(Source):
    """A PyArrow table in memory, or in a memory map.

    Args:
        table: the rows.
        kind: of the frame that it came from.
        declares: as in ``Source``.
        given: the frame that it came from; None: the table itself.
    """

    stable = True

    def __init__(
        self, table: Any, *, kind: str, declares: bool = False, given: Any = None
    ) -> None:
        self._table = table
        self._given = table if given is None else given
        self.kind: str = kind
        self.declares: bool = declares
        self.columns: list[str] = list(table.column_names)

    def head(self) -> nw.DataFrame[Any]:
        """No rows: names and dtypes."""
        return arrow.head(self._table.schema, backed=self.kind == "pyarrow")

    def count(self) -> int:
        """The true number of rows."""
        return self._table.num_rows

    def groups(self, name: str) -> tuple[Any, np.ndarray]:
        """Distinct cells of a column, and the true count of each."""
        return shielded("pyarrow", lambda: arrow.counted(self._table[name]))

    def whole(self) -> nw.DataFrame[Any]:
        """All rows as they were given."""
        return nw.from_native(self._given, eager_only=True)

    def groups_of(self, name: str, keep: np.ndarray) -> tuple[Any, np.ndarray]:
        """``groups`` of the rows whose mask is set, shape ``(n,)``."""
        mask = arrow.library().array(keep)
        return shielded(
            "pyarrow", lambda: arrow.counted(self._table[name].filter(mask))
        )

    def batches(self, names: Sequence[str]) -> Iterator[Any]:
        """All rows of some columns, a slice at a time."""
        chosen = self._table.select(list(names))
        for start in range(0, self._table.num_rows, CHUNK):
            yield chosen.slice(start, CHUNK)


def shielded(library: str, read: Callable[[], T]) -> T:
    """What a library returns, or an error of ours for whatever it raises."""
    try:
        return read()
    except (FairveilError, MemoryError):
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and not is_panic(error):
            raise
    # outside the handler, so that ours holds no cause
    raise unreadable(library)


def streamed(library: str, parts: Iterator[T]) -> Iterator[T]:
    """The same parts; see ``shielded``."""
    end = object()
    while (part := shielded(library, lambda: next(parts, end))) is not end:
        yield part  # pyright: ignore[reportReturnType]  (the end is no part)


def unreadable(library: str) -> TableError:
    """What is said where a library could not read a table."""
    return TableError(
        problem(
            f"{library} could not read the table; its text is hidden, for it may hold "
            "values",
            try_="reading the table once with that library alone",
        )
    )
