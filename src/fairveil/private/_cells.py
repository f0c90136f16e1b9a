"""One cell at a time: what it is, and in which cell of a public partition it lies.

Secret: everything that is computed here. Pure functions of single cells: what a cell
becomes never depends on another row, nor on the frame's dtype (1, 1.0 and "1" are the
same number; "007" and "+1" are words). Nothing raises or warns, whatever a cell holds.

Public: the partition. Its cells are: missing, false, true, and each number by how many
decimals it carries and by its magnitude in powers of two.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from numbers import Real
from typing import Any

import narwhals as nw
import numpy as np

from fairveil._objects import objects_of
from fairveil._types import Floats
from fairveil.codec import as_number, is_missing, is_numeric

MISSING, FALSE, TRUE, NUMBER, WORD, STRANGE = range(6)
MOST_PLACES = 6  # a number with more decimals belongs to a continuum
CONTINUUM = MOST_PLACES + 1
_LEAST_OCTAVE, _MOST_OCTAVE = -20, 52  # |x| from 1e-6 to 2^53; smaller ones are tiny
_LIMIT = 2.0**53
_OCTAVES = 2.0 ** np.arange(_LEAST_OCTAVE, _MOST_OCTAVE + 2)  # ends
_MOST_TEXT = 256  # a longer text is never a label

# Half-open towards zero: [low, high) above it, (low, high] below; {0}, and the tiny.
_ENDS: Floats = np.r_[-_OCTAVES[::-1], 0.0, 0.0, _OCTAVES]
LOWS: Floats = np.r_[_ENDS[:-1]]
HIGHS: Floats = np.r_[_ENDS[1:]]
MAGNITUDES = len(LOWS)
ZERO = MAGNITUDES // 2
NUMBERS_AT = 3  # partition cells before the numbers
PARTITION = NUMBERS_AT + (CONTINUUM + 1) * MAGNITUDES

_PLAIN = re.compile(r"-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-][0-9]+)?")
_BOOLEANS = {"False": FALSE, "false": FALSE, "True": TRUE, "true": TRUE}
_CACHED = (int, float, bool)
_CONTAINERS = (np.ndarray, list, tuple, dict, set, frozenset, bytes)

Entry = tuple[int, float, str]  # what the cell is, its number, its text as a label


@dataclass(frozen=True, repr=False)
class Cells:
    """The cells of one column.

    Attributes:
        tags: what each cell is, shape ``(n,)``.
        numbers: its value where it is a number, else not-a-number, shape ``(n,)``.
        texts: labels by number of the label; None: they follow from the numbers.
        which: number of each cell's label, shape ``(n,)``.
        fineness: takes the place of the decimals where cells are dates or times.
        weights: how often each cell occurs, shape ``(n,)``; None: once each.
    """

    tags: np.ndarray
    numbers: Floats
    texts: list[str] | None = None
    which: np.ndarray | None = None
    fineness: np.ndarray | None = None
    weights: np.ndarray | None = None

    @cached_property
    def partition(self) -> np.ndarray:
        """Cell of the public partition of each row, -1 for none, shape ``(n,)``."""
        tags = self.tags.astype(np.int64)  # unsigned ones would hold no -1
        cell = np.where(tags <= TRUE, tags, -1)
        number = self.tags == NUMBER
        values = self.numbers[number]
        fine = places(values) if self.fineness is None else self.fineness[number]
        at = fine.astype(np.int64) * MAGNITUDES + magnitudes(values)
        cell[number] = NUMBERS_AT + at
        return cell

    def public(self, *, words_missing: bool) -> np.ndarray:
        """True counts of the public partition, shape ``(PARTITION,)``.

        Args:
            words_missing: count a word as missing (it cannot be a value of the column).
        """
        cell = self.partition
        if words_missing:
            cell = np.where(self.tags == WORD, MISSING, cell)
        return self._summed(cell, cell >= 0, PARTITION)

    def _summed(self, index: np.ndarray, where: np.ndarray, size: int) -> np.ndarray:
        """How many of the cells picked by a mask have each index; exact integers."""
        weights = None if self.weights is None else self.weights[where]
        counts = np.bincount(index[where], weights=weights, minlength=size)
        return counts.astype(np.int64)  # sums of integers below 2^53

    def labels(self, *, everything: bool) -> dict[str, int]:
        """True counts of labels, sorted: of the words, or of ``everything``.

        Each cell has one label at most; a missing one has none.
        """
        if self.texts is None or self.which is None:
            return self._numeric_labels() if everything else {}
        wanted = (self.tags == WORD) if not everything else (self.tags != MISSING)
        wanted &= self.tags != STRANGE
        counts = self._summed(self.which, wanted, len(self.texts))
        found: Counter[str] = Counter()
        for text, count in zip(self.texts, counts.tolist(), strict=True):
            if count:  # two entries can share a label: 1 and "1.0"
                found[text] += count
        return dict(sorted(found.items()))

    def _numeric_labels(self) -> dict[str, int]:
        where = self.tags == NUMBER
        values, which = np.unique(self.numbers[where], return_inverse=True)
        weights = None if self.weights is None else self.weights[where]
        counts = np.bincount(which, weights=weights).astype(np.int64)
        texts = map(number_text, values.tolist())
        return dict(sorted(zip(texts, counts.tolist(), strict=True)))

    def without(self, numbers: Iterable[float]) -> Cells:
        """The same cells, of which these numbers are counted nowhere.

        A range is found without the codes that somebody declared to stand apart.
        """
        gone = np.isin(self.numbers, np.array([*numbers], dtype=np.float64))
        return replace(self, tags=np.where(gone, STRANGE, self.tags).astype(np.uint8))

    def within(self, low: float, high: float, parts: int) -> np.ndarray:
        """True counts of numbers in equal parts of [low, high), shape ``(parts,)``.

        Below zero the mirror image: (low, high].
        """
        where = self.tags == NUMBER
        values = self.numbers[where]
        weights = None if self.weights is None else self.weights[where]
        if high <= 0:
            return _equal_parts(-values, weights, -high, -low, parts)[::-1]
        return _equal_parts(values, weights, low, high, parts)


def read(series: nw.Series[Any], keep: np.ndarray) -> Cells:
    """The cells of the rows to keep.

    Args:
        series: one column.
        keep: mask of the rows, shape ``(n,)``; the others are not looked at.
    """
    if is_numeric(series):  # each cell as ``entry`` would see it, only faster
        values = series.cast(nw.Float64).to_numpy()
        return _of_numbers(np.asarray(values, dtype=np.float64)[keep])
    cells = objects_of(series)
    return _of_cells(cells[i] for i in np.flatnonzero(keep))


def _of_numbers(values: Floats) -> Cells:
    usable = np.abs(values) < _LIMIT  # not so for not-a-number and infinity
    tags = np.where(usable, NUMBER, STRANGE).astype(np.uint8)
    tags[np.isnan(values)] = MISSING
    return Cells(tags, np.where(usable, values, math.nan) + 0.0)


def _of_cells(cells: Iterable[Any]) -> Cells:
    found: list[Entry] = []
    seen: dict[Any, int] = {}

    def number_of(cell: Any) -> int:
        kind = type(cell)
        if kind is str:
            key: Any = cell
        elif kind in _CACHED:  # 1, 1.0 and True are equal, but not the same cell
            key = (kind, cell)
        else:
            found.append(entry(cell))
            return len(found) - 1
        at = seen.get(key)
        if at is None:
            at = seen[key] = len(found)
            found.append(entry(cell))
        return at

    which = np.fromiter(map(number_of, cells), dtype=np.int64)
    if not found:
        return Cells(np.empty(0, np.uint8), np.empty(0))
    tags, numbers, texts = zip(*found, strict=True)
    return Cells(
        np.array(tags, np.uint8)[which],
        np.array(numbers, np.float64)[which],
        list(texts),
        which,
    )


def entry(cell: Any) -> Entry:
    """What one cell is; a function of the cell alone."""
    try:
        return _of_text(cell) if type(cell) is str else _of_thing(cell)
    except Exception:  # noqa: BLE001  (a cell must never stop a fit)
        return STRANGE, math.nan, ""


def _of_thing(cell: Any) -> Entry:
    if not isinstance(cell, _CONTAINERS) and is_missing(cell):
        return MISSING, math.nan, ""
    if isinstance(cell, (bool, np.bool_)):
        return (TRUE, math.nan, "True") if cell else (FALSE, math.nan, "False")
    if isinstance(cell, (Real, Decimal)):
        return _of_number(as_number(cell))
    return _of_label(str(cell))


def _of_text(text: str) -> Entry:
    bare = text.strip()
    if text in _BOOLEANS:
        return _BOOLEANS[text], math.nan, text
    if _PLAIN.fullmatch(bare) and abs(float(bare)) < _LIMIT:
        return _of_number(float(bare))
    return _of_label(text)


def _of_number(value: float) -> Entry:
    if math.isnan(value):
        return MISSING, math.nan, ""
    if not abs(value) < _LIMIT:  # floats cannot tell such numbers apart
        return STRANGE, math.nan, ""
    value += 0.0  # no negative zero
    return NUMBER, value, number_text(value)


def _of_label(text: str) -> Entry:
    if len(text) > _MOST_TEXT or not _writable(text):
        return STRANGE, math.nan, ""
    return WORD, math.nan, text


def number_text(value: float) -> str:
    """A number as a label: ``1``, ``2.5``."""
    return str(int(value)) if value.is_integer() else repr(value)


def places(values: Floats) -> np.ndarray:
    """Decimals that each finite value carries; ``CONTINUUM`` for more than six."""
    out = np.full(len(values), CONTINUUM, dtype=np.int8)
    for count in range(MOST_PLACES, -1, -1):
        exact = np.abs(values) * 10.0**count < _LIMIT
        out[exact & (values.round(count) == values)] = count
    return out


def magnitudes(values: Floats) -> np.ndarray:
    """Position of each value below 2^53 on the public line, shape ``(n,)``."""
    octave = np.frexp(values)[1].astype(np.int64) - 1
    from_zero = np.maximum(octave - _LEAST_OCTAVE, -1) + 2  # 1: tiny, 2: first octave
    return ZERO + np.sign(values).astype(np.int64) * from_zero


def _equal_parts(
    values: Floats, weights: np.ndarray | None, low: float, high: float, parts: int
) -> np.ndarray:
    within = (values >= low) & (values < high)
    part = np.floor((values[within] - low) * (parts / (high - low))).astype(np.int64)
    counted = None if weights is None else weights[within]
    counts = np.bincount(np.minimum(part, parts - 1), counted, minlength=parts)
    return counts.astype(np.int64)


def _writable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeError:  # half a surrogate pair: no file could hold it
        return False
    return True
