"""Singling out: descriptions read off the release that fit exactly one real person.

Secret: reads real rows. A description is one condition on one column (the value occurs
once in the release, or nothing is beyond it), or conditions on several that one
synthetic row alone meets: random columns of a random row, as many as it takes, with a
category as it is and a number as "at least" or "at most". It is right if exactly one
row of the table fits. A guess that does not see the release has as many conditions, on
random columns, with values drawn evenly from the domain.

With n rows, a description that fits a share 1/n of the population is right in up to
37 % of tables by luck: compare with the control, which has as many rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from fairveil.evaluate._nearness import NONE, Cells, Places
from fairveil.evaluate._proportions import rate
from fairveil.evaluate._tables import Ints
from fairveil.evaluate._trials import (
    ALL_CONTROL,
    ALL_TRAIN,
    COPY,
    RELEASE,
    Setting,
    Shot,
    Trial,
)
from fairveil.evaluate.results_risks import SINGLING_OUT, Rate

ATTEMPTS = 1000  # descriptions tried at most
_SHUFFLES = 1999
_BLOCK = 200  # permutations at once
_HOPELESS = 60  # fitting rows; as many, and no half of them has exactly one
_EQUAL, _LEAST, _MOST = 0, 1, 2


@dataclass(frozen=True)
class Condition:
    """One column, compared with one coordinate."""

    column: int
    how: int
    value: int

    def holds(self, table: Cells, rows: Ints) -> Ints:
        """Which of these rows of a (columns, rows) table meet it."""
        cells = table[self.column, rows]
        if self.how == _EQUAL:
            return rows[cells == self.value]
        if self.how == _LEAST:
            return rows[(cells >= self.value) & (cells != NONE)]
        return rows[cells <= self.value]


Description: TypeAlias = tuple[Condition, ...]


def singling_out(setting: Setting) -> list[Trial]:
    """Two attacks: by one column, and by several."""
    rng = setting.rng(4)
    trials = []
    for name, describe in (("one column", _single), ("several columns", _several)):
        asked = describe(setting.grid, RELEASE, rng)
        planted = None
        if setting.control:
            planted = _shot(setting, describe(setting.grid, COPY, rng), rng)
        blind = _blind(setting.grid, [len(one) for one in asked], rng)
        trials.append(
            Trial(
                name=f"by {name}",
                question=SINGLING_OUT,
                target="",
                release=_shot(setting, asked, rng),
                naive=_right(_fitting(setting.grid.tables[ALL_TRAIN], blind)),
                planted=planted,
                whom=f"descriptions by {name}",
            )
        )
    return trials


# --- descriptions ------------------------------------------------------------------


def _single(grid: Places, table: int, rng: np.random.Generator) -> list[Description]:
    """Values that occur once in a table, and the ends of its numbers."""
    found: list[Description] = []
    for k, cells in enumerate(grid.tables[table]):
        values, counts = np.unique(cells, return_counts=True)
        found += [(Condition(k, _EQUAL, int(v)),) for v in values[counts == 1]]
        known = values[values != NONE]
        if grid.numeric[k] and len(known):
            found.append((Condition(k, _MOST, int(known[0])),))
            found.append((Condition(k, _LEAST, int(known[-1])),))
    chosen = rng.permutation(len(found))[:ATTEMPTS]
    return [found[k] for k in chosen]


def _several(grid: Places, table: int, rng: np.random.Generator) -> list[Description]:
    """Random columns of random rows, until the row is alone in its table."""
    cells = grid.tables[table]
    middle = [_middle(values) for values in cells]
    everyone = np.arange(cells.shape[1])
    found: list[Description] = []
    for row in rng.permutation(cells.shape[1])[:ATTEMPTS]:
        left, used = everyone, []
        for k in rng.permutation(len(cells)):
            value = int(cells[k, row])
            how = _EQUAL
            if grid.numeric[k] and value != NONE:
                how = _LEAST if value > middle[k] else _MOST
            used.append(Condition(int(k), how, value))
            left = used[-1].holds(cells, left)
            if len(left) == 1:
                break
        if len(left) == 1 and len(used) > 1:
            found.append(tuple(used))
    return found


def _middle(values: Cells) -> float:
    known = values[values != NONE]
    return float(np.median(known)) if len(known) else 0.0


def _blind(
    grid: Places, sizes: Sequence[int], rng: np.random.Generator
) -> list[Description]:
    """Random descriptions of these sizes; the domain is that of the real rows."""
    domain = []
    for one, two in zip(grid.tables[ALL_TRAIN], grid.tables[ALL_CONTROL], strict=True):
        domain.append(np.unique(np.concatenate((one, two))))
    found = []
    for size in sizes:
        chosen = rng.permutation(len(domain))[:size]
        found.append(tuple(_any(int(k), domain[k], grid, rng) for k in chosen))
    return found


def _any(k: int, values: Cells, grid: Places, rng: np.random.Generator) -> Condition:
    known = values[values != NONE]
    if not grid.numeric[k] or not len(known):
        return Condition(k, _EQUAL, int(rng.choice(values)))
    value = int(rng.integers(known[0], int(known[-1]) + 1))
    return Condition(k, int(rng.choice((_LEAST, _MOST))), value)


# --- whom they fit -----------------------------------------------------------------


def _fitting(table: Cells, asked: Sequence[Description]) -> list[Ints]:
    """Rows that each description fits."""
    everyone, found = np.arange(table.shape[1]), []
    for description in asked:
        rows = everyone
        for condition in description:
            rows = condition.holds(table, rows)
        found.append(rows)
    return found


def _right(fitting: Sequence[Ints]) -> Rate:
    return rate(sum(len(rows) == 1 for rows in fitting), len(fitting))


def _shot(
    setting: Setting, asked: Sequence[Description], rng: np.random.Generator
) -> Shot:
    """On as many training as control rows; tested by swapping rows between them."""
    train, control = (setting.grid.tables[k] for k in (ALL_TRAIN, ALL_CONTROL))
    if not setting.control:
        return Shot(_right(_fitting(train, asked)), rate(0, 0), 1.0)
    size = train.shape[1]
    one, two = (_fitting(table, asked) for table in (train, control))
    main, other = _right(one), _right(two)
    both = [np.concatenate((a, b + size)) for a, b in zip(one, two, strict=True)]
    return Shot(
        main, other, _swapped(both, main.successes - other.successes, size, rng)
    )


def _swapped(
    fitting: Sequence[Ints], seen: int, size: int, rng: np.random.Generator
) -> float:
    """P-value of the excess of right descriptions, rows permuted between the tables.

    The descriptions share rows, so that they are not independent attempts; rows are.
    """
    few = [rows for rows in fitting if 0 < len(rows) <= _HOPELESS]
    if not few or seen <= 0:
        return 1.0
    ends = np.cumsum([0, *(len(rows) for rows in few)])
    touched, place = np.unique(np.concatenate(few), return_inverse=True)
    whom = csr_matrix(
        (np.ones(len(place), dtype=np.int32), place, ends), (len(few), len(touched))
    )
    sizes, more = np.diff(ends)[:, None], 1
    for start in range(0, _SHUFFLES, _BLOCK):
        count = min(_BLOCK, _SHUFFLES - start)
        first = whom @ _halves(len(touched), size, count, rng)
        last = sizes - first
        excess = np.sum(first == 1, axis=0) - np.sum(last == 1, axis=0)
        more += int((excess >= seen).sum())
    return more / (_SHUFFLES + 1)


def _halves(
    rows: int, size: int, count: int, rng: np.random.Generator
) -> npt.NDArray[np.int32]:
    """Which of some rows fall into a random half of two tables, (rows, count).

    Args:
        rows: those that any description fits; the others need no place.
        size: rows of each of the two tables.
        count: halves drawn.
        rng: draws them.
    """
    inside = rng.hypergeometric(size, size, rows, size=count)
    ones = (np.arange(rows) < inside[:, None]).astype(np.int32)
    return rng.permuted(ones, axis=1).T
