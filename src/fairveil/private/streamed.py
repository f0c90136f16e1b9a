"""Rows of a table that is read where it lies, behind the wrapper of ``private.raw``.

Secret: everything but column names. A column's cells come as the distinct ones with
their true counts, which the engine computes; codes come batch by batch into a map
(``private.store``). What each distinct cell is, is judged as in ``private._cells`` and
``codec``, cell by cell, so any form of a table gives the same counts and codes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import narwhals as nw
import numpy as np

from fairveil._gaps import Gap
from fairveil._iso import TEMPORAL
from fairveil.codec import Codec
from fairveil.errors import TableError, problem
from fairveil.private import store
from fairveil.private._cells import Cells, read
from fairveil.private._moments import read_moments
from fairveil.private.raw import RawRows, without_special
from fairveil.private.view import Sensitive
from fairveil.tables import arrow
from fairveil.tables.source import ArrowSource, Source, shielded


class StreamedRows(RawRows):
    """The rows of a source that count.

    Args:
        source: the table; stable, and in Arrow, where rows are picked.
        keep: mask of the rows to use, shape ``(n,)``; None: all.
        rows_per_unit, units: as in ``RawRows``.
    """

    __slots__ = ("_counted", "_kept", "_source")

    def __init__(
        self,
        source: Source,
        keep: np.ndarray | None,
        *,
        rows_per_unit: int,
        units: np.ndarray | None,
    ) -> None:
        self._source, self._kept, self._units = source, keep, units
        self._counted = source.count() if keep is None else int(keep.sum())
        self.rows_per_unit = rows_per_unit

    def cells(self, name: str, gap: Gap | None = None) -> Cells:
        """The distinct cells of one column, each with its true count."""
        if self._kept is None:
            values, counts = self._source.groups(name)
        elif isinstance(self._source, ArrowSource):
            values, counts = self._source.groups_of(name, self._kept)
        else:
            raise TypeError(type(self._source).__name__)
        series = _series(values)
        every = np.ones(len(series), dtype=bool)
        if gap is not None and gap.kind in TEMPORAL:
            found = read_moments(series, every, gap)
        else:
            found = without_special(read(series, every), gap)
        return replace(found, weights=np.asarray(counts, dtype=np.int64))

    def count(self) -> int:
        """The true number of rows, as secret as they are."""
        return self._counted

    def encoded(self, codec: Codec) -> Sensitive:
        """The rows as codes, in a memory map."""
        codes = store.room(self._counted, codec.sizes)
        start = done = 0
        for batch in self._source.batches(codec.names):
            end = start + batch.num_rows
            keep = None if self._kept is None else self._kept[start:end]
            rows = batch.num_rows if keep is None else int(keep.sum())
            if done + rows > self._counted:
                raise _changed()
            for j, name in enumerate(codec.names):
                found = _codes(codec, j, batch[name])
                codes[done : done + rows, j] = found if keep is None else found[keep]
            start, done = end, done + rows
        if done != self._counted:
            raise _changed()
        return Sensitive(
            codes,
            sizes=codec.sizes,
            rows_per_unit=self.rows_per_unit,
            units=self._units,
        )


def unit_cells(source: ArrowSource, name: str) -> tuple[list[Any], np.ndarray]:
    """Keys of the cells of the unit column (``arrow.keys``), and each row's one."""
    cells = [batch[name] for batch in source.batches([name])]
    if not cells:
        return [], np.zeros(0, dtype=np.int64)
    column = arrow.library().chunked_array([c for part in cells for c in part.chunks])
    return shielded("pyarrow", lambda: arrow.keys(column))


def _codes(codec: Codec, j: int, cells: Any) -> np.ndarray:
    """Codes of one column of a batch: those of its distinct cells, laid out."""
    values, which = arrow.distinct(cells)
    found = codec.columns[j].encode(_series(values))
    return found if which is None else found[which]


def _series(values: Any) -> nw.Series[Any]:
    return nw.from_native(arrow.plain(values), series_only=True)


def _changed() -> TableError:
    return TableError(
        problem(
            "the table changed while it was read",
            try_="a copy that nobody writes to",
        )
    )
