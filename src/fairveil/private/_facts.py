"""From noisy counts of cells to the facts of a column: all of it post-processing.

Public: everything. Here enter noisy counts (already paid for), the noisy number of rows
and constants; out come the fields of a ``Column``. A count is believed where it stands
out of its own noise, with a margin for the number of counts that were looked at.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import ndtri

from fairveil._gaps import Gap
from fairveil._iso import NANOSECONDS, RESOLUTIONS, TEMPORAL
from fairveil._types import Floats
from fairveil.bins import GRID_CELLS
from fairveil.config import Discovery
from fairveil.private import _cells as cells
from fairveil.private._moments import FINEST
from fairveil.schema import Kind

# words that mean a missing value where a column's other values are numbers
_ABSENT = frozenset(
    {
        *("", "?", "-", ".", "*", "n/a", "#n/a", "na", "nan", "null", "none", "nil"),
        *("unknown", "missing", "not available"),
    }
)
_MOST_DIGITS = 15  # of an integer that a float can hold
ZOOM_PARTS = 64
_NARROW = 4.0  # largest over least magnitude of a range that is worth a closer look


@dataclass(frozen=True)
class Seen:
    """The noisy counts of one column.

    Attributes:
        counts: of the public partition, shape ``(cells.PARTITION,)``.
        labels: of the labels above the threshold.
        stddev: of the noise on each count.
    """

    counts: Floats
    labels: Mapping[str, float]
    stddev: float

    @property
    def missing(self) -> float:
        """Noisy number of missing cells."""
        return float(self.counts[cells.MISSING])

    @property
    def booleans(self) -> Floats:
        """Noisy counts of false and true."""
        return self.counts[[cells.FALSE, cells.TRUE]]

    @property
    def numbers(self) -> Floats:
        """Noisy counts of numbers by decimals and magnitude, ``(8, MAGNITUDES)``."""
        return self.counts[cells.NUMBERS_AT :].reshape(-1, cells.MAGNITUDES)

    @property
    def labelled(self) -> float:
        """Noisy number of cells with a label that was kept."""
        return float(sum(self.labels.values()))


@dataclass(frozen=True)
class Reader:
    """Reads facts off the counts of one column.

    Attributes:
        seen: the noisy counts.
        gap: what is public of the column.
        n_hat, n_stddev: noisy number of rows, and its noise.
        rules: constants.
    """

    seen: Seen
    gap: Gap
    n_hat: int
    n_stddev: float
    rules: Discovery

    @property
    def _limit(self) -> float:
        """What a count of the partition must pass to stand out of all of them."""
        return evidence(self.rules.mistakes, cells.PARTITION) * self.seen.stddev

    @cached_property
    def _standing(self) -> np.ndarray:
        """Which counts of numbers stand out, ``(8, MAGNITUDES)``."""
        return self.seen.numbers > self._limit

    @cached_property
    def masses(self) -> dict[str, float]:
        """Noisy rows that stand out as each kind of cell."""
        booleans = self.seen.booleans
        return {
            "number": float(self.seen.numbers[self._standing].sum()),
            "boolean": float(booleans[booleans > self._limit].sum()),
            "word": self.seen.labelled,
        }

    @property
    def nullable(self) -> bool:
        """Whether missing cells are likely."""
        return self.seen.missing > self.rules.likely * self.seen.stddev

    @property
    def left_over(self) -> float:
        """Rows that were seen nowhere, 0 where the noise explains them."""
        parts = [*self.masses.values(), self.seen.missing if self.nullable else 0.0]
        numbers = int(self._standing.sum())
        known = len(self.seen.labels) + numbers + 3
        stddev = math.hypot(self.n_stddev, self.seen.stddev * math.sqrt(known))
        left = self.n_hat - math.fsum(parts)
        return left if left > self.rules.likely * stddev else 0.0

    @property
    def kind(self) -> Kind:
        """What most cells are."""
        if self.gap.kind is not None:
            return self.gap.kind
        masses = dict(self.masses)
        masses["word"] += self.left_over
        most = max(masses, key=lambda kind: masses[kind])
        if masses[most] <= 0 or most == "word":
            return "categorical"
        return "numeric" if most == "number" else "boolean"

    @property
    def on_scale(self) -> bool:
        """Whether the column is of numbers, dates, times or durations."""
        return self.kind == "numeric" or self.kind in TEMPORAL

    @property
    def mixed(self) -> bool:
        """Whether words stand beside numbers or booleans: only labels can settle it."""
        if self.gap.kind is not None:
            return False
        others = self.masses["number"] + self.masses["boolean"]
        if self.kind == "categorical":
            return others > 0
        return any(word.strip().lower() not in _ABSENT for word in self.seen.labels)

    def facts(self) -> dict[str, Any]:
        """The fields of the column that was found."""
        if self.on_scale:
            return self.numeric()
        if self.kind == "boolean":
            nullable = self.nullable or bool(self.seen.labels)
            dtype = "boolean" if nullable else "bool"
            return {"kind": "boolean", "dtype": dtype, "nullable": nullable}
        if "categories" in self.gap.facts:
            return {"kind": "categorical", "dtype": "object", "nullable": self.nullable}
        return self.categorical()

    def numeric(self) -> dict[str, Any]:
        """Range and decimals; words beside the numbers become missing."""
        shown = np.where(self._standing, self.seen.numbers, 0.0).sum(axis=1)
        sure = np.flatnonzero(shown > self.rules.rare * shown.sum())
        if not sure.size:  # declared a number, and none was seen
            sure = np.array([0])
        finest = int(sure[-1])
        decimals = None if finest == cells.CONTINUUM else finest
        decimals = self.gap.facts.get("decimals", decimals)
        nullable = self.nullable or bool(self.seen.labels)
        if self.kind in TEMPORAL:
            found = RESOLUTIONS[min(finest, FINEST)]
            unit = self.gap.facts.get("resolution", found)
            facts: dict[str, Any] = {"kind": self.kind, "resolution": unit}
        else:
            dtype = _number_dtype(decimals, nullable=nullable)
            facts = {"kind": "numeric", "dtype": dtype, "decimals": decimals}
        first, last = self._ends(sure, _least(facts))
        return facts | {
            "lower": _outwards(cells.LOWS[first], facts, -1),
            "upper": _outwards(cells.HIGHS[last], facts, 1),
            "nullable": nullable,
        }

    def _ends(self, sure: np.ndarray, least: float | None) -> tuple[int, int]:
        """First and last magnitude that stands out, widened by their neighbours."""
        line = self.seen.numbers[sure].sum(axis=0)
        stddev = self.seen.stddev * math.sqrt(len(sure))
        strong = evidence(self.rules.mistakes, cells.MAGNITUDES) * stddev
        found = self._standing[sure].any(axis=0) | (line > strong)
        # magnitudes at which a number of this scale can lie
        possible = np.flatnonzero(_possible(least))
        at = np.flatnonzero(found[possible])
        if not at.size:
            return cells.ZERO, cells.ZERO
        weak = line[possible] > self.rules.growth * stddev
        first, last = _widened(int(at[0]), int(at[-1]), weak)
        return int(possible[first]), int(possible[last])

    def categorical(self) -> dict[str, Any]:
        """The labels that were kept, and one more for the rest where there is one."""
        return categories(
            self.seen.labels,
            rest=self.left_over + self.masses["number"] + self.masses["boolean"] > 0,
            nullable=self.nullable,
            text=self.gap.facts.get("dtype", "category") != "category",
        )


def categories(
    labels: Mapping[str, float], *, rest: bool, nullable: bool, text: bool
) -> dict[str, Any]:
    """The facts of a categorical column with these labels.

    Args:
        labels: what was kept.
        rest: whether rows with other values are likely.
        nullable: whether missing cells are.
        text: whether labels that are integers stay text.
    """
    names: list[Any] = sorted(labels)
    facts: dict[str, Any] = {"kind": "categorical", "nullable": nullable}
    if not names and nullable and not rest:  # all that was seen is missing
        return facts | {"dtype": "object", "categories": ()}
    if rest or not names:
        other = _fresh(names)
        return facts | {
            "dtype": "str",
            "categories": (*names, other),
            "other": other,
        }
    if not text and all(_is_integer(name) for name in names):
        whole = tuple(sorted(int(name) for name in names))
        dtype = _number_dtype(0, nullable=nullable)
        return facts | {"dtype": dtype, "categories": whole}
    return facts | {"dtype": "str", "categories": tuple(names)}


def zoomed(
    counts: Floats, stddev: float, found: Mapping[str, Any], rules: Discovery
) -> dict[str, Any]:
    """The range again, after a closer look at its equal parts.

    Args:
        counts: noisy counts of ``ZOOM_PARTS`` parts of ``span(found)``.
        stddev: of their noise.
        found: the numeric facts so far.
        rules: constants.
    """
    at = np.flatnonzero(counts > evidence(rules.mistakes, len(counts)) * stddev)
    if not at.size:
        return {}
    weak = counts > rules.growth * stddev
    first, last = _widened(int(at[0]), int(at[-1]), weak)
    if last + 1 - first >= rules.zoom * len(counts):
        return {}  # what little it gains is not worth the thin ends
    low, high = span(found)
    width = (high - low) / len(counts)
    return {
        "lower": _outwards(low + first * width, found, -1),
        "upper": _outwards(low + (last + 1) * width, found, 1),
    }


def narrow(found: Mapping[str, Any]) -> bool:
    """Whether a range lies far from zero and has too many values for a cell each."""
    low, high = span(found)
    least, largest = sorted((abs(low), abs(high)))
    if low * high <= 0 or largest > _NARROW * least:
        return False
    least = _least(found)
    return least is None or (high - low) / least > GRID_CELLS


def span(found: Mapping[str, Any]) -> tuple[float, float]:
    """The ends of the powers of two around a numeric range of one sign."""
    low, high = found["lower"], found["upper"]
    if low > 0:
        return _power(low, math.floor), _power(high, math.ceil)
    if high < 0:
        return -_power(-low, math.ceil), -_power(-high, math.floor)
    return low, high


def evidence(mistakes: float, looks: int) -> float:
    """Standard deviations that pure noise passes in one of ``looks`` counts.

    Args:
        mistakes: the chance of that.
        looks: number of counts.
    """
    return float(-ndtri(mistakes / looks))


def _widened(first: int, last: int, weak: np.ndarray) -> tuple[int, int]:
    """A stretch of cells, with neighbours (the next two) that stand out a little."""
    while (near := np.flatnonzero(weak[max(first - 2, 0) : first])).size:
        first = max(first - 2, 0) + int(near[0])
    while (near := np.flatnonzero(weak[last + 1 : last + 3])).size:
        last = last + 1 + int(near[-1])
    return first, last


def _number_dtype(decimals: int | None, *, nullable: bool) -> str:
    if decimals != 0:
        return "float64"
    return "Int64" if nullable else "int64"


def _least(facts: Mapping[str, Any]) -> float | None:
    """Distance of neighbouring values (in seconds for times); None: a continuum."""
    if "resolution" in facts:
        return NANOSECONDS[facts["resolution"]] / 1e9
    return None if facts["decimals"] is None else 10.0 ** -facts["decimals"]


def _possible(least: float | None) -> np.ndarray:
    """Magnitudes at which a number of a scale of this distance can lie."""
    largest = np.maximum(np.abs(cells.LOWS), np.abs(cells.HIGHS))
    if least is None:
        return np.ones(len(largest), dtype=bool)
    zero = np.arange(len(largest)) == cells.ZERO
    return zero | (largest > least)


def _outwards(end: float, facts: Mapping[str, Any], side: int) -> float:
    """The last value on the scale before an end that is itself outside, or the end.

    The far ends of magnitudes are open; the near ones may lie between two values.
    """
    if _least(facts) is None or end == 0 or "resolution" in facts:
        return float(end)
    decimals = facts["decimals"]
    scaled = end * 10.0**decimals
    open_end = end * side > 0
    whole = math.ceil(scaled) - 1 if side > 0 else math.floor(scaled) + 1
    if not open_end:
        whole = math.ceil(scaled) if side > 0 else math.floor(scaled)
    return round(whole / 10.0**decimals, decimals)


def _power(value: float, rounding: Any) -> float:
    return 2.0 ** rounding(math.log2(value))


def _fresh(names: list[str]) -> str:
    """A label for the rest that no label kept is."""
    label, count = "other", 1
    while label in names:
        count += 1
        label = f"other ({count})"
    return label


def _is_integer(name: str) -> bool:
    bare = name.removeprefix("-")
    plain = bare.isascii() and bare.isdigit() and (bare == "0" or bare[0] != "0")
    return plain and len(bare) <= _MOST_DIGITS and name != "-0"
