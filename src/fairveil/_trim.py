"""Second thoughts on measured facts, once the one-way counts are there.

Public: all of it. Here enter noisy counts, which are paid for, so it costs nothing more
to draw bounds that discovery found in powers of two in to the cells that hold anything,
and to drop a code (missing, a rest of rare values) that turns out to hold nothing.
Facts that somebody declared are left alone.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from fairveil._iso import TEMPORAL
from fairveil._types import Floats
from fairveil.bins import Bins
from fairveil.codec import ColumnCodec
from fairveil.schema import Column

_DRIFT = 0.5  # standard deviations a cell: a thinner end is taken for empty
_THIN = 0.25  # and so is one below this part of the mean of the outer half, ...
_CLEAR = 2.5  # ... unless its sum stands out by these standard deviations
_SURE = 4.5  # standard deviations by which a cell beyond an empty stretch stands out
_FULL = {"Int64": "int64", "boolean": "bool"}  # dtypes for what is never missing


def occupied(noisy: Floats, noise_stddev: float) -> tuple[int, int]:
    """First and last cell of the part of a grid that holds more than noise.

    Each end is the likeliest point at which the mean drops to zero, seen from the
    heaviest cell (Page 1954, "Continuous inspection schemes"): thin ends of many cells
    are kept that no cell shows by itself.

    Args:
        noisy: counts that already carry noise, shape ``(cells,)``.
        noise_stddev: standard deviation of the noise in one cell.
    """
    middle = int(np.argmax(noisy))
    first = middle - _reach(noisy[middle::-1], noise_stddev)
    return first, middle + _reach(noisy[middle:], noise_stddev)


def seen_ends(column: Column, grid: Bins) -> tuple[int, int]:
    """Last cell at which a grid may begin and first at which it may end.

    Discovery saw something in the outermost powers of two of the range. Spread over
    many cells it may drown in their noise, but it is there: neither power is cut away.
    """
    seconds = column.tick_seconds if column.kind in TEMPORAL else 1.0
    step = 0.0 if column.places is None else 10.0**-column.places * seconds
    lower, upper = (end * seconds for end in column.ends())
    first = _outer(-lower, step) if lower < 0 else _inner(lower, step)
    last = _outer(upper, step) if upper > 0 else _inner(-upper, step)
    ends = np.array([-first if lower < 0 else first, last if upper > 0 else -last])
    begin, end = grid.assign(ends / seconds).tolist()
    return int(begin), int(end)


def _outer(size: float, step: float) -> float:
    """The power of two at which the outermost one of a range up to ``size`` begins."""
    return 2.0 ** (math.ceil(math.log2(size + step)) - 1)


def _inner(size: float, step: float) -> float:
    """The last value of the innermost power of two of a range from ``size`` on."""
    if size == 0:
        return 0.0
    return 2.0 ** (math.floor(math.log2(size)) + 1) - step


def measured_bounds(column: Column) -> bool:
    """Whether discovery found both bounds, and nothing declared rests on them."""
    marks = column.provenance
    both = (marks.get("lower"), marks.get("upper")) == ("dp", "dp")
    return both and not column.special


def trimmed(column: Column, grid: Bins, first: int, last: int) -> tuple[Column, Bins]:
    """The column and its grid from one cell to another, with bounds to match."""
    part = slice(first, last + 1)
    bins = Bins(grid.lows[part], grid.highs[part], grid.step)
    return column.with_ends(float(bins.lows[0]), float(bins.highs[-1])), bins


def empty_codes(codec: ColumnCodec, noisy: Floats, limit: float) -> tuple[int, ...]:
    """Codes that discovery only thought likely, and whose count is within a limit.

    Args:
        codec: a column on its grid.
        noisy: noisy counts of its codes, missing last.
        limit: counts up to here may be noise alone.
    """
    column, found = codec.column, []
    marks = column.provenance
    if column.other is not None and marks.get("other") == "dp":
        found += [codec.values.index(column.other)] * (len(codec.values) > 1)
    if column.nullable and marks.get("nullable") == "dp" and codec.regular:
        found.append(codec.regular)
    return tuple(code for code in found if noisy[code] <= limit)


def without(
    codec: ColumnCodec, noisy: Floats, gone: tuple[int, ...]
) -> tuple[ColumnCodec, Floats, np.ndarray]:
    """The column, its counts, and a map of codes, without some of its codes.

    What rows there are behind them move to the largest code that is left.
    """
    keep = np.setdiff1d(np.arange(len(noisy)), gone)
    regular = keep[keep < codec.regular]
    label = np.searchsorted(keep, np.arange(len(noisy))).astype(np.int32)
    heaviest = regular[np.argmax(noisy[regular])]
    label[list(gone)] = label[heaviest]
    column, facts = codec.column, {}
    if codec.regular in gone:
        facts |= {"nullable": False, "dtype": _FULL.get(column.dtype, column.dtype)}
    if len(regular) < codec.regular:
        kept = tuple(codec.values[i] for i in regular)
        facts |= {"categories": kept, "other": None}
    column = column.model_copy(update=facts)
    return dataclasses.replace(codec, column=column), noisy[keep], label


def _reach(noisy: Floats, stddev: float) -> int:
    """How many cells from the first on hold something."""
    drift = _DRIFT * stddev
    end = int(np.argmax(np.cumsum(noisy - drift)))
    outer = float(noisy[(end + 1) // 2 : end + 1].mean())
    near = int(np.argmax(np.cumsum(noisy - max(drift, _THIN * outer))))
    thin = noisy[near + 1 : end + 1]
    if thin.sum() <= _CLEAR * stddev * len(thin) ** 0.5:
        end = near  # noise alone carries the sum so far
    sure = np.flatnonzero(noisy > _SURE * stddev)
    return max(end, int(sure[-1]) if sure.size else 0)


def inside_mass(
    noisy: Floats, label: np.ndarray, grid: Bins, noise_stddev: float
) -> Floats:
    """How much each cell of a grid holds beside the others of its bin.

    Cells that stand out of the noise hold what was counted. The others of a bin share,
    by their width, what they hold together, if that stands out of their noise; each
    one's own count is mostly noise.

    Args:
        noisy: counts of the cells that already carry noise.
        label: bin of each cell.
        grid: the cells.
        noise_stddev: standard deviation of the noise in one cell.
    """
    seen = noise_stddev * math.sqrt(2.0 * math.log(len(noisy) + 1.0))
    mass = np.where(noisy > seen, noisy, 0.0)  # noise alone stays below
    weak = noisy <= seen
    width = np.where(weak, grid.highs - grid.lows + grid.step, 0.0)
    bins = int(label.max()) + 1
    rest, wide, count = (
        np.bincount(label, weights=w, minlength=bins)
        for w in (np.where(weak, noisy, 0.0), width, weak.astype(float))
    )
    rest[rest <= noise_stddev * np.sqrt(count)] = 0.0
    share = np.divide(rest, wide, out=np.zeros(bins), where=wide > 0)
    return mass + share[label] * width
