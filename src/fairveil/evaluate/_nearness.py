"""Distances between rows of several tables, in whole numbers, column by column.

Secret: reads real rows. Promises: equal cells are at distance 0 exactly, ties are ties
exactly; a missing value is at distance 0 from a missing one and at the full distance
from any other; nothing hangs on the order of rows. Memory is bounded: distances are
made for a few rows at a time.

The distance of two cells runs from 0 to ``UNIT``: for categories it is one or the
other; for numbers their difference over the spread of the real ones (from the 5 % to
the 95 % quantile; the whole range where that is nothing), no more than ``UNIT`` (Gower
1971, with a spread that far outliers do not stretch).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from fairveil._types import Floats
from fairveil.evaluate._tables import Ints, coded, column, numbers

Cells: TypeAlias = npt.NDArray[np.int32]

UNIT = 4096
_LARGEST = 2**29  # of a coordinate, so that differences stay inside 32 bits
NONE = np.int32(2**31 - 1)  # coordinate of a missing number
_BLOCK = 2**17  # distances of one column held at once


@dataclass(frozen=True)
class Places:
    """Several tables on one grid.

    Attributes:
        tables: one (columns, rows) array of coordinates, or of codes, each.
        numeric: (columns,) whether a column holds numbers.
        names: of the columns.
    """

    tables: tuple[Cells, ...]
    numeric: npt.NDArray[np.bool_]
    names: tuple[str, ...]

    def columns(self, names: Sequence[str]) -> list[int]:
        """The numbers of named columns."""
        return [self.names.index(name) for name in names]

    def within(self, tables: Sequence[Cells]) -> Places:
        """The same columns with other tables of coordinates on this grid."""
        return replace(self, tables=tuple(tables))


def places(frames: Sequence[pd.DataFrame], spread_of: Sequence[int]) -> Places:
    """Put tables with the same columns on one grid.

    Args:
        frames: the tables.
        spread_of: numbers of those whose values say how wide a column is.
    """
    blocks: list[list[Cells]] = [[] for _ in frames]
    numeric = []
    for name in frames[0].columns:
        parts = [column(frame, name) for frame in frames]
        floats = [found for part in parts if (found := numbers(part)) is not None]
        numeric.append(len(floats) == len(parts))
        if numeric[-1]:
            known = np.concatenate([floats[k] for k in spread_of])
            placed = _grid(floats, known[~np.isnan(known)])
        else:
            placed = [code.astype(np.int32) for code in coded(*parts)[0]]
        for block, values in zip(blocks, placed, strict=True):
            block.append(values)
    return Places(
        tables=tuple(np.stack(block) for block in blocks),
        numeric=np.array(numeric),
        names=tuple(frames[0].columns),
    )


def _grid(parts: Sequence[Floats], known: Floats) -> list[Cells]:
    """Coordinates of numbers; ``UNIT`` steps are one spread."""
    low, high = np.quantile(known, (0.05, 0.95)) if len(known) else (0.0, 0.0)
    if high <= low and len(known):
        low, high = known.min(), known.max()
    step = (high - low) / UNIT if high > low else 1.0
    out = []
    for values in parts:
        moved = np.clip(np.rint((values - low) / step), -_LARGEST, _LARGEST)
        missing = np.isnan(values)
        out.append(
            np.where(missing, NONE, np.where(missing, 0, moved)).astype(np.int32)
        )
    return out


def cell_distances(rows: Cells, others: Cells, *, numeric: bool) -> Cells:
    """Distances in one column, (rows, others).

    Args:
        rows: (rows,) coordinates.
        others: (others,) coordinates.
        numeric: whether they are numbers.
    """
    if not numeric:
        return np.multiply(rows[:, None] != others, np.int32(UNIT))
    apart = rows[:, None] - others
    np.abs(apart, out=apart)
    np.minimum(apart, UNIT, out=apart)
    lost, gone = rows == NONE, others == NONE
    if lost.any() or gone.any():  # such a difference may have wrapped around
        apart[lost[:, None] != gone] = UNIT
    return apart


def sums(
    grid: Places, rows: int, others: int, sets: Sequence[Sequence[int]], *, each: int
) -> Iterator[tuple[slice, list[Cells]]]:
    """Distances over several sets of columns, for ``each`` rows (or more) at a time.

    Args:
        grid: the tables.
        rows, others: numbers of two of them.
        sets: of numbers of columns; an empty one gives zeros.
        each: rows of one step are a multiple of it.

    Yields:
        Which rows, and one (those rows, others) array of summed distances per set.
    """
    left, right = grid.tables[rows], grid.tables[others]
    step = max(1, _BLOCK // (right.shape[1] * each)) * each
    used = sorted({k for one in sets for k in one})
    for start in range(0, left.shape[1], step):
        part = slice(start, min(start + step, left.shape[1]))
        shape = (part.stop - part.start, right.shape[1])
        totals = [np.zeros(shape, dtype=np.int32) for _ in sets]
        for k in used:
            apart = cell_distances(
                left[k, part], right[k], numeric=bool(grid.numeric[k])
            )
            for place, one in enumerate(sets):
                if k in one:
                    totals[place] += apart
        yield part, totals


def nearest(grid: Places, rows: int, others: int, columns: Sequence[int]) -> Ints:
    """Distance of each row to the nearest of the others over some columns, (rows,)."""
    found = np.empty(grid.tables[rows].shape[1], dtype=np.int64)
    for part, (total,) in sums(grid, rows, others, [columns], each=1):
        found[part] = total.min(axis=1)
    return found
