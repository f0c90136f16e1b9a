"""Intervals of a numeric column: a public fine grid, and its merging by noisy counts.

Pure functions. ``public_grid`` depends on schema facts and a number of cells, both
public. ``merge`` turns a grid and counts that already carry noise into at most ``most``
bins; since it sees noisy counts only, its result is as public as they are. The ends of
the merged bins are DP quantiles: read off a noisy histogram on a public grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from fairveil._types import Floats
from fairveil.schema import Column

GRID_CELLS = 128  # integer columns up to this range get a cell per value
_FLAT_SHARE = 0.2  # of a bin's mass, for its cells that drown in the noise
_SEEN = 4.0  # standard deviations of noise that a bin's mass has to pass
_CODES = (-9999.0, -999.0, -99.0, -9.0, -1.0, 99.0, 999.0, 9999.0, 99999.0)
_DIGITS = 6
_EXACT = 2.0**53  # integers up to here are floats


@dataclass(frozen=True)
class Bins:
    """Closed intervals ``[lows[i], highs[i]]`` in rising order, without overlap.

    Attributes:
        lows, highs: ends, shape ``(bins,)``; equal ends mean a single value.
        step: distance of neighbouring values (1 for integers); 0 for a continuum.
    """

    lows: Floats
    highs: Floats
    step: float

    def __len__(self) -> int:
        return len(self.lows)

    @property
    def ends(self) -> tuple[float, float]:
        """Lowest and highest value."""
        return float(self.lows[0]), float(self.highs[-1])

    def assign(self, values: Floats) -> np.ndarray:
        """Bin of each value, shape ``(n,)``; values outside go to the end bins."""
        found = np.searchsorted(self.lows, values, side="right") - 1
        return np.clip(found, 0, len(self) - 1).astype(np.int32)

    def draw(self, bins: np.ndarray, rng: np.random.Generator) -> Floats:
        """A value for each bin, uniform over the bin's values.

        Values of a continuous bin carry all digits; ``shorten`` cuts them.
        """
        low, high = self.lows[bins], self.highs[bins]
        if self.step == 0:
            drawn = low + (high - low) * rng.random(len(bins))
            return np.minimum(drawn, high)  # the sum may round up past the end
        width = np.rint((high - low) / self.step).astype(np.int64) + 1
        return low + self.step * np.floor(rng.random(len(bins)) * width)

    def shorten(self, values: Floats) -> Floats:
        """The values of a continuum with few digits, each within its own bin.

        Six digits, and as many more as a narrow bin far from zero needs.
        """
        bins = self.assign(values)
        low, high = self.lows[bins], self.highs[bins]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            more = np.ceil(np.log10(np.abs(values) / (high - low)))
        digits = _DIGITS + np.clip(np.nan_to_num(more), 0, 11).astype(int)
        short = [float(f"{v:.{d}g}") for v, d in zip(values, digits, strict=True)]
        return np.clip(np.array(short, dtype=np.float64), low, high)


class _Laid(NamedTuple):
    """The fine cells of all bins side by side, so that a draw looks its cell up.

    Attributes:
        cells: fine cells, bin by bin.
        ends: number of the bin, and the share of it that lies in cells up to this one.
        starts: where each bin's cells start; one more, for the end.
        known: bins of several cells with some mass.
    """

    cells: np.ndarray
    ends: Floats
    starts: np.ndarray
    known: np.ndarray


@dataclass(frozen=True)
class Inside:
    """Measured bins, and how values lie inside them by the released fine counts.

    Attributes:
        bins: the merged bins.
        grid: the fine cells they were merged from.
        label: bin of each cell, shape ``(cells,)``.
        mass: mass of each cell (``_trim.inside_mass``); zero where nothing is known.
    """

    bins: Bins
    grid: Bins
    label: np.ndarray
    mass: Floats

    def draw(self, bins: np.ndarray, rng: np.random.Generator) -> Floats:
        """A value for each bin: a cell by its mass, then uniform in the cell."""
        out = self.bins.draw(bins, rng)
        rows = np.flatnonzero(self._laid.known[bins])
        if not len(rows):
            return out
        of = bins[rows]
        at = np.searchsorted(self._laid.ends, of + rng.random(len(rows)), side="right")
        # rounding leads out of no bin
        at = np.clip(at, self._laid.starts[of], self._laid.starts[of + 1] - 1)
        out[rows] = self.grid.draw(self._laid.cells[at], rng)
        return out

    @cached_property
    def _laid(self) -> _Laid:
        parts = [self.shares(b) for b in range(len(self.bins))]
        sums = [b + np.cumsum(shares) for b, (_cells, shares) in enumerate(parts)]
        counts = [len(cells) for cells, _shares in parts]
        known = [len(c) > 1 and self.mass[c].sum() > 0 for c, _shares in parts]
        return _Laid(
            np.concatenate([cells for cells, _shares in parts]),
            np.concatenate(sums),
            np.cumsum([0, *counts]),
            np.array(known),
        )

    def shares(self, b: int) -> tuple[np.ndarray, Floats]:
        """Cells of a bin and their shares of it; by width where nothing is known.

        Cells without mass share a little by their width.
        """
        cells = np.flatnonzero(self.label == b)
        mass = self.mass[cells]
        width = self.grid.highs[cells] - self.grid.lows[cells] + self.grid.step
        if mass.sum() <= 0:
            even = width if width.sum() > 0 else np.ones(len(cells))
            return cells, even / even.sum()
        floor = _FLAT_SHARE * mass.sum() * width / max(width.sum(), 1e-300)
        shares = np.where(mass > 0, mass, floor)
        return cells, shares / shares.sum()


def public_grid(column: Column, cells: int = GRID_CELLS) -> Bins:
    """The finest intervals that a numeric column is counted on, from public facts.

    One cell a value where the range has fewer than twice ``cells`` values, and at most
    ``GRID_CELLS``, for single values are often heavy; otherwise the union of evenly
    spaced and of logarithmic edges (both signs; half of ``cells`` each), with zero and
    each declared special value in a cell of its own. Special values outside the bounds
    have cells there, and nothing lies between.
    """
    lower, upper = column.ends()
    step = _step(column.places, max(map(abs, column.reach())))
    inner = _inner_grid(column, cells, step)
    special = _round(np.array(column.singles), column.places)
    below = np.unique(special[special < lower])
    above = np.unique(special[special > upper])
    lows, highs = (np.r_[below, ends, above] for ends in (inner.lows, inner.highs))
    return Bins(lows, highs, step)


def positions(count: int) -> Bins:
    """A cell for each of so many categories, in their order."""
    places = np.arange(float(count))
    return Bins(places, places.copy(), 1.0)


def standing_alone(grid: Bins, column: Column) -> np.ndarray:
    """Which cells hold a declared special value, ``(cells,)``."""
    special = _round(np.array(column.singles), column.places)
    return np.isin(grid.lows, special) & (grid.lows == grid.highs)


def _inner_grid(column: Column, cells: int, step: float) -> Bins:
    """The grid between the bounds."""
    lower, upper = column.ends()
    if step and (upper - lower) / step < min(2 * cells, GRID_CELLS):
        count = round((upper - lower) / step) + 1
        values = _round(lower + step * np.arange(count), column.places)
        return Bins(values, values.copy(), step)
    singles = np.array([0.0, *column.singles, *_usual_codes(column)])
    singles = _round(singles, column.places)
    singles = np.unique(singles[(singles >= lower) & (singles <= upper)])
    edges: Floats = np.r_[
        np.linspace(lower, upper, cells // 2 + 1),
        _logarithmic(lower, upper, step, cells // 2),
    ]
    edges = _round(np.r_[lower, edges, singles], column.places)
    if step:
        return _stepped(edges, singles, upper, column)
    return _continuous(edges, singles, upper)


def merge(
    grid: Bins,
    noisy: Floats,
    *,
    most: int,
    noise_stddev: float,
    alone: np.ndarray | None = None,
) -> tuple[Bins, np.ndarray]:
    """Merge neighbouring cells until each bin's mass stands out of the noise.

    A cell whose noisy mass reaches the mass aimed at for a bin stays alone (a heavy
    single value); the others are joined from the left.

    Args:
        grid: the public cells.
        noisy: counts of the cells that already carry noise, shape ``(len(grid),)``.
        most: number of bins at most, beside those alone and what they cut apart.
        noise_stddev: standard deviation of the noise in one cell.
        alone: cells that are never joined to another, ``(len(grid),)``.

    Returns:
        The bins, and the bin of each cell, shape ``(len(grid),)``.
    """
    apart = np.zeros(len(grid), dtype=bool) if alone is None else alone
    target = _target(noisy[~apart], most, noise_stddev)
    cut = apart | np.r_[False, apart[:-1]]
    labels = np.zeros(len(grid), dtype=np.int32)
    label, mass, joined = 0, 0.0, 0
    for cell, count in enumerate(noisy):
        # the noise of a sum of cells grows with their number: so must what it shows
        enough = max(target, _SEEN * noise_stddev * joined**0.5)
        if joined and (cut[cell] or count >= target or mass >= enough):
            label, mass, joined = label + 1, 0.0, 0
        labels[cell] = label
        mass, joined = mass + count, joined + 1
    labels = _fold(labels, noisy, most, apart)
    starts = np.flatnonzero(np.r_[True, np.diff(labels) > 0])
    ends = np.r_[starts[1:] - 1, len(grid) - 1]
    return Bins(grid.lows[starts], grid.highs[ends], grid.step), labels


def _target(noisy: Floats, most: int, noise_stddev: float) -> float:
    heavy = np.zeros(len(noisy), dtype=bool)
    total = max(float(noisy.sum()), 1.0)
    target = total / most
    for _ in range(most):
        light = max(float(noisy[~heavy].sum()), 0.0)
        slots = max(most - 2 * int(heavy.sum()), most // 4, 1)
        target = max(light / slots, 4.0 * noise_stddev, 1.0)
        now = noisy >= target
        if (now == heavy).all():
            break
        heavy = now
    return target


def _fold(
    labels: np.ndarray, noisy: Floats, most: int, apart: np.ndarray
) -> np.ndarray:
    """Join the two lightest neighbouring bins until at most ``most`` are left."""
    mass = np.bincount(labels, weights=noisy)
    while len(mass) > most:
        alone = np.bincount(labels, weights=apart) > 0
        pairs = np.where(alone[:-1] | alone[1:], np.inf, mass[:-1] + mass[1:])
        if len(mass) - alone.sum() <= most or np.isinf(pairs).all():
            break
        pair = int(np.argmin(pairs))
        labels = np.where(labels > pair, labels - 1, labels).astype(np.int32)
        mass = np.bincount(labels, weights=noisy)
    return labels


def _usual_codes(column: Column) -> tuple[float, ...]:
    """Numbers that often are codes: each gets a cell where nobody declared the range.

    Heavy ones stand out by their noisy counts (``merge``), light ones are joined.
    """
    found = "dp" in (column.provenance.get("lower"), column.provenance.get("upper"))
    return _CODES if found and column.kind == "numeric" else ()


def _step(decimals: int | None, largest: float) -> float:
    """Distance of neighbouring values; 0 where floats cannot tell them apart."""
    if decimals is None or largest > _EXACT * 10.0**-decimals:
        return 0.0
    return 10.0**-decimals


def _logarithmic(lower: float, upper: float, step: float, count: int) -> Floats:
    """Edges of even ratio on both sides of zero, where the range spans decades."""
    largest = max(abs(lower), abs(upper))
    smallest = max(step, largest * 1e-6)
    if largest <= 10 * smallest:
        return np.empty(0)
    sizes = np.geomspace(smallest, largest, count)
    both = np.concatenate([-sizes, sizes])
    return both[(both > lower) & (both < upper)]


def _stepped(edges: Floats, singles: Floats, upper: float, column: Column) -> Bins:
    """Cells on the column's scale between edges, cut around the single values.

    Sums drift off the scale, so every end is rounded back onto it.
    """
    step = 10.0 ** -(column.places or 0)
    lows = np.unique(np.r_[edges, _round(singles + step, column.places)])
    lows = lows[lows <= upper]
    highs = np.r_[_round(lows[1:] - step, column.places), upper]
    return Bins(lows, np.where(np.isin(lows, singles), lows, highs), step)


def _continuous(edges: Floats, singles: Floats, upper: float) -> Bins:
    """Half-open intervals between edges, cut around the single values."""
    lows = np.unique(np.r_[edges, np.nextafter(singles, np.inf)])
    lows = lows[lows <= upper]
    highs = np.r_[np.nextafter(lows[1:], -np.inf), upper]
    return Bins(lows, np.where(np.isin(lows, singles), lows, highs), 0.0)


def _round(values: np.ndarray, decimals: int | None) -> Floats:
    exact = np.asarray(values, dtype=np.float64)
    return exact if decimals is None else exact.round(decimals)
