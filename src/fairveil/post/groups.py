"""Groups of rows by their sensitive columns, intersections included; cells of others.

Sees generated rows only. A system sorts rows by one or more columns. Values that few
rows have stand together, joint groups of few rows are a rest that nothing is promised
for; numbers are cut at quantiles of their bins; missing is a value of its own. All of
it follows from the rows of the marginal model, so that a model that is read back sorts
rows in the same way.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from fairveil._types import Codes, Floats
from fairveil.marginals import Clique, Sizes

LEAST_GROUP = 0.005  # part of the rows below which a group is left to the rest
LEAST_CELL = 0.01  # the same of a cell of legitimate columns
_PARTS = 4  # of a numeric column
_MOST_GROUPS = 32  # of one system: the largest

Ints: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True)
class System:
    """Rows sorted by some columns.

    Attributes:
        columns: positions of the columns; none: all rows are of one group.
        parts: the part that each code of each column belongs to.
        levels: after each column, the joint parts that are frequent, sorted; a joint
            part is ``place of the joint part before * parts of this column + part``.
        count: number of groups, the rest included (which may be empty and is last).
    """

    columns: Clique
    parts: tuple[Ints, ...]
    levels: tuple[Ints, ...]
    count: int

    def of(self, codes: Codes) -> Ints:
        """The group of each row, (n,), of codes (n, columns)."""
        place = np.zeros(len(codes), dtype=np.int64)
        for column, part, level in zip(
            self.columns, self.parts, self.levels, strict=True
        ):
            place = _placed(place, part[codes[:, column]], part, level)
        return np.where(place < 0, self.count - 1, place)


def systems(
    rows: Codes, sizes: Sizes, columns: Clique, numeric: Mapping[int, int]
) -> tuple[System, ...]:
    """Each column, each pair of them, and all together.

    Args:
        rows: rows of the marginal model (n, columns).
        sizes: number of codes of each column.
        columns: positions of the sensitive columns.
        numeric: positions of columns whose first codes are bins in their order, and how
            many are.
    """
    sets: list[Clique] = [(c,) for c in columns]
    sets += itertools.combinations(columns, 2)
    sets += [columns]
    return tuple(
        system(rows, sizes, chosen, numeric, least=LEAST_GROUP)
        for chosen in dict.fromkeys(sets)
    )


def system(
    rows: Codes,
    sizes: Sizes,
    columns: Clique,
    numeric: Mapping[int, int],
    *,
    least: float,
) -> System:
    """Rows sorted by these columns; joint groups under ``least`` of them are the rest.

    Args:
        rows, sizes, columns, numeric: as in ``systems``.
        least: part of the rows.
    """
    parts = tuple(
        _parts(np.bincount(rows[:, c], minlength=sizes[c]), numeric.get(c, 0), least)
        for c in columns
    )
    fewest = max(least * len(rows), 1.0)
    levels: list[Ints] = []
    place = np.zeros(len(rows), dtype=np.int64)
    for column, part in zip(columns, parts, strict=True):
        mine = part[rows[:, column]]
        flat = (place * _width(part) + mine)[place >= 0]
        found, counts = np.unique(flat, return_counts=True)
        large = np.argsort(-counts, kind="stable")[:_MOST_GROUPS]
        levels.append(np.sort(found[large][counts[large] >= fewest]))
        place = _placed(place, mine, part, levels[-1])
    last = len(levels[-1]) if levels else 1
    return System(columns, parts, tuple(levels), last + 1)


def shares(group: Ints, count: int, cell: Ints, cells: int) -> Floats:
    """Share of each group among the rows of each cell, (cells, count)."""
    flat = np.bincount(cell * count + group, minlength=cells * count)
    table = flat.reshape(cells, count).astype(np.float64)
    return table / np.maximum(table.sum(axis=1, keepdims=True), 1.0)


def _parts(count: Ints, bins: int, least: float) -> Ints:
    """Part of each code: a few quantiles of the bins, then one for each frequent code.

    Rare codes are one part together.
    """
    rows = max(int(count.sum()), 1)
    part = np.zeros(len(count), dtype=np.int64)
    first = 0
    if bins:
        within = np.cumsum(count[:bins]) - count[:bins] / 2  # up to a bin's own middle
        quantile = within * _PARTS / max(int(count[:bins].sum()), 1)
        quantile = np.minimum(quantile.astype(np.int64), _PARTS - 1)
        part[:bins] = np.unique(quantile, return_inverse=True)[1]
        first = int(part[:bins].max()) + 1
    others = np.arange(bins, len(count))
    kept = others[count[bins:] >= least * rows]
    part[bins:] = first + len(kept)
    part[kept] = first + np.arange(len(kept))
    return part


def _width(part: Ints) -> int:
    return int(part.max()) + 1


def _placed(before: Ints, mine: Ints, part: Ints, level: Ints) -> Ints:
    """The place in this level of rows with a place in the one before; -1 without."""
    flat = before * _width(part) + mine
    at = np.minimum(np.searchsorted(level, flat), max(len(level) - 1, 0))
    known = (before >= 0) & (level[at] == flat) if len(level) else before < -1
    return np.where(known, at, -1)
