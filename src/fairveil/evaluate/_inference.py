"""Inference: guess one column of a person from the others, by the nearest row.

Secret: reads real rows. The attacker knows some columns of a person, looks for the
synthetic rows that are nearest in these, and takes what they say of the secret column:
the most frequent category, the median of numbers. The guess that does not see the
release is the single best one for everybody, learnt from the training rows themselves:
no guess that is the same for all can be better.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fairveil.evaluate._nearness import NONE, UNIT, Cells, sums
from fairveil.evaluate._proportions import beyond, rate
from fairveil.evaluate._trials import (
    CONTROL,
    COPY,
    RELEASE,
    TRAIN,
    Setting,
    Shot,
    Trial,
)
from fairveil.evaluate.results_risks import INFERENCE, Rate

TOLERANCE = 0.05  # of a number's spread, within which a guess is right
_CLOSE = int(TOLERANCE * UNIT)


def inference(
    setting: Setting, secrets: Sequence[str], known: Sequence[str]
) -> list[Trial]:
    """One attack for each secret column; ``known`` are the attacker's columns."""
    hidden = setting.grid.columns(secrets)
    seen = setting.grid.columns(known)
    shots = _shots(setting, RELEASE, hidden, seen)
    planted = (
        _shots(setting, COPY, hidden, seen) if setting.control else [None] * len(hidden)
    )
    return [
        Trial(
            name="nearest row",
            question=INFERENCE,
            target=name,
            release=shot,
            naive=_constant(setting, column),
            planted=copy,
            notes=_notes(setting, column),
        )
        for name, column, shot, copy in zip(
            secrets, hidden, shots, planted, strict=True
        )
    ]


def _notes(setting: Setting, column: int) -> tuple[str, ...]:
    if not setting.grid.numeric[column]:
        return ()
    return (
        f"a number is right within {TOLERANCE:.0%} of the middle 90 % of its range",
    )


def _shots(
    setting: Setting, seen_table: int, hidden: list[int], seen: list[int]
) -> list[Shot]:
    main = _right(setting, TRAIN, seen_table, hidden, seen)
    if not setting.control:
        none = rate(0, 0)
        return [Shot(rate(int(r.sum()), len(r)), none, 1.0) for r in main]
    control = _right(setting, CONTROL, seen_table, hidden, seen)
    shots = []
    for one, two in zip(main, control, strict=True):
        first, second = rate(int(one.sum()), len(one)), rate(int(two.sum()), len(two))
        shots.append(Shot(first, second, beyond(first, second)))
    return shots


def _right(
    setting: Setting, rows: int, others: int, hidden: list[int], seen: list[int]
) -> list[npt.NDArray[np.bool_]]:
    """Of each secret, whether the guess about each row is right, (rows,)."""
    grid = setting.grid
    own = [column for column in hidden if column in seen]
    right = [np.empty(setting.rows(rows), dtype=np.bool_) for _ in hidden]
    sets = [seen, *([column] for column in own)]
    for part, (whole, *singles) in sums(grid, rows, others, sets, each=1):
        for column, out in zip(hidden, right, strict=True):
            total = whole - singles[own.index(column)] if column in own else whole
            guess = _told(
                total, grid.tables[others][column], bool(grid.numeric[column])
            )
            truth = grid.tables[rows][column, part]
            out[part] = _agree(guess, truth, numeric=bool(grid.numeric[column]))
    return right


def _told(total: Cells, values: Cells, numeric: bool) -> Cells:  # noqa: FBT001  (of one caller)
    """What the nearest rows say: their median number, or most frequent category."""
    row, other = np.nonzero(total == total.min(axis=1, keepdims=True))
    found = values[other]
    order = np.lexsort((found, row))
    row, found = row[order], found[order]
    starts = np.flatnonzero(np.diff(row, prepend=-1))
    if numeric:
        sizes = np.diff(np.append(starts, len(row)))
        return found[starts + (sizes - 1) // 2]
    run = np.flatnonzero(
        (np.diff(row, prepend=-1) != 0) | (np.diff(found, prepend=-2) != 0)
    )
    sizes = np.diff(np.append(run, len(row)))
    best = np.lexsort((-sizes, row[run]))  # of each row, its longest run first
    first = np.flatnonzero(np.diff(row[run][best], prepend=-1))
    return found[run[best[first]]]


def _agree(guess: Cells, truth: Cells, *, numeric: bool) -> npt.NDArray[np.bool_]:
    if not numeric:
        return guess == truth
    near = np.abs(guess.astype(np.int64) - truth) <= _CLOSE
    return near & ((guess == NONE) == (truth == NONE))


def _constant(setting: Setting, column: int) -> Rate:
    """The rate of the single best guess, on the training targets."""
    values = np.sort(setting.grid.tables[TRAIN][column])
    if not setting.grid.numeric[column]:
        return rate(int(np.unique(values, return_counts=True)[1].max()), len(values))
    known = values[values != NONE].astype(np.int64)
    best = len(values) - len(known)  # "it is missing"
    if len(known):
        # a guess in the middle of a window is right about all inside
        ends = np.searchsorted(known, known + 2 * _CLOSE, side="right")
        best = max(best, int((ends - np.arange(len(known))).max()))
    return rate(best, len(values))
