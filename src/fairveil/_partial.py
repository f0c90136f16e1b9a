"""The caller's partial rows: which cells are open, and the frame that comes out.

Public as far as fairveil goes: the rows are the caller's own, are not kept, and stand
outside the promise, which is about the table that was fitted. No message repeats a
value.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np

from fairveil._iso import TEMPORAL
from fairveil._keys import keys_beside
from fairveil._temporal import array_of, ticks
from fairveil._where import code_of
from fairveil.codec import Codec, ColumnCodec, as_number, is_missing, ticks_of
from fairveil.errors import ConfigError, TableError, problem
from fairveil.post.complete import Partial
from fairveil.tables.arrow import unbacked
from fairveil.tables.entry import open_table, shown

if TYPE_CHECKING:
    import narwhals as nw

    from fairveil._types import Values
    from fairveil.schema import Column

_EXACT = 2**53  # microseconds up to here are floats


class Given:
    """A frame with some of a release's columns, read for completion.

    Args:
        frame: the caller's rows: some of the columns; missing cells are open.
        codec: of the release.
        keep_missing: columns whose missing cells are values of their own.

    Attributes:
        partial: the rows as codes, with their open cells.

    Raises:
        TableError: not a frame; a column that the release does not have; a cell that no
            value of the column can be read from.
        ConfigError: ``keep_missing`` names a column that is not there or cannot be
            missing.
    """

    def __init__(
        self, frame: Any, codec: Codec, keep_missing: Collection[str] = ()
    ) -> None:
        table = shown(open_table(frame), private=False)  # the caller's own rows
        table = unbacked(table)
        self._anew = [column for _place, column in codec.identifiers]
        known = {*codec.names, *(column.name for column in self._anew)}
        extra = [name for name in table.columns if name not in known]
        if extra:
            what = "the release has no such columns"
            raise TableError(problem(what, got=", ".join(extra), try_="dropping them"))
        self._codec, self._table = codec, table
        _check_kept(keep_missing, codec, table.columns)
        shape = (len(table), len(codec.columns))
        codes = np.zeros(shape, dtype=np.int32)
        still, valued = np.ones(shape, dtype=bool), np.zeros(shape, dtype=bool)
        for j, column in enumerate(codec.columns):
            name = column.column.name
            if name not in table.columns:
                continue
            codes[:, j], missing = _read(column, table[name])
            still[:, j] = valued[:, j] = missing
            if name in keep_missing:
                still[:, j] = valued[:, j] = False
                codes[missing, j] = column.regular
        self.partial = Partial(codes, still, valued)

    def values(self, drawn: dict[str, Values], *, seed: int) -> dict[str, Values]:
        """All cells: the caller's own where they are given, else the drawn ones.

        Args:
            drawn: values of the columns with codes.
            seed: of the identifiers, which are made where none is given.

        Raises:
            ConfigError: there are fewer identifiers than rows.
            UnsupportedError: fakes cannot be made up on this machine.
        """
        out: dict[str, Values] = {
            column.name: self._identifiers(column, seed) for column in self._anew
        }
        for j, column in enumerate(self._codec.columns):
            name, open_cells = column.column.name, self.partial.open[:, j]
            out[name] = drawn[name]
            if open_cells.all():
                continue
            series = self._table[name]
            if column.column.kind in TEMPORAL:
                own = _moments(series, column.column)
                out[name] = np.where(open_cells, np.asarray(drawn[name]), own)
                continue
            own = [None if is_missing(v) else v for v in series.to_list()]
            cells = zip(open_cells, drawn[name], own, strict=True)
            out[name] = [made if still else given for still, made, given in cells]
        return out

    def _identifiers(self, column: Column, seed: int) -> list[Any]:
        """The caller's identifiers, and new ones that differ from all of them."""
        own: list[Any] = [None] * len(self._table)
        if column.name in self._table.columns:
            own = self._table[column.name].to_list()
        given = [value for value in own if not is_missing(value)]
        new = iter(keys_beside(given, column, n=len(own) - len(given), seed=seed))
        return [next(new) if is_missing(value) else value for value in own]


def _moments(series: nw.Series[Any], column: Column) -> np.ndarray:
    """The caller's dates, times or durations, as exact as microseconds can be."""
    coarse = array_of(ticks_of(series, column), column.kind, column.unit)
    if column.unit == "nanosecond":
        return coarse
    fine = ticks(
        series, column.kind, "microsecond", zone=column.zone, layout=column.layout
    )
    held = np.abs(fine) <= _EXACT
    exact = array_of(np.where(held, fine, np.nan), column.kind, "microsecond")
    return np.where(held, exact, coarse.astype(exact.dtype))


def _check_kept(
    keep_missing: Collection[str], codec: Codec, given: Collection[str]
) -> None:
    if isinstance(keep_missing, str):
        what = "keep_missing must be a list of names"
        raise ConfigError(problem(what, got=keep_missing, try_=f"[{keep_missing!r}]"))
    for name in keep_missing:
        there = name in given and name in codec.names
        if not there or not codec.columns[codec.index(name)].column.nullable:
            what = "keep_missing names a column of the rows that may be missing"
            raise ConfigError(
                problem(what, got=name, try_="a column that is nullable in the schema")
            )


def _read(column: ColumnCodec, series: nw.Series[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Codes of a column's cells, and which are missing."""
    cells = series.to_list()
    missing = np.fromiter(map(is_missing, cells), dtype=bool, count=len(cells))
    known = [cell for cell, gone in zip(cells, missing, strict=True) if not gone]
    if column.column.kind in TEMPORAL:
        bad = bool(np.isnan(ticks_of(series, column.column)[~missing]).any())
    elif column.bins is not None:
        bad = any(np.isnan(as_number(cell)) for cell in known)
    else:
        bad = not all(_is_known(column, cell) for cell in set(map(str, known)))
    if bad:
        what = "a cell of the rows is no value of its column"
        raise TableError(
            problem(what, got=column.column.name, try_="a value of the schema")
        )
    return column.encode(series), missing


def _is_known(column: ColumnCodec, text: str) -> bool:
    try:
        code_of(column, text)
    except ConfigError:
        return column.column.other is not None
    return True
