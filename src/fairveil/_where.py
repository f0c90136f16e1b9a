"""Conditions on rows: ``{"sex": "Female", "age": (0, 18)}`` as evidence about codes.

Public: schemas, released bins and what the caller asks for; no row is seen. A condition
becomes, for each column that it names, the probability that a value of each code meets
it: 0 or 1 for a category, a part of a bin where a range cuts it. The codec that goes
with it decodes such codes into values that meet the condition, all of them.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from fairveil import _iso
from fairveil._temporal import of_cell
from fairveil._types import Floats
from fairveil.bins import Bins
from fairveil.codec import Codec, ColumnCodec, Inside, as_number, is_missing
from fairveil.errors import ConfigError, problem
from fairveil.schema import Column

Evidence: TypeAlias = Mapping[int, Floats]  # by position: probability by code, (size,)
Interval: TypeAlias = tuple[float, float]  # closed

_SLACK = 1e-6  # of a step, by which a bound may miss the column's scale
_LISTED = 12  # categories that an error names


@dataclass(frozen=True)
class Condition:
    """What rows have to meet.

    Attributes:
        evidence: by position of a column, the probability that a value of each code
            meets the condition.
        codec: decodes into values that meet it; constraints are left to the caller.
    """

    evidence: Evidence
    codec: Codec


def condition(codec: Codec, where: Mapping[str, Any]) -> Condition:
    """The condition that a caller states.

    Args:
        codec: of the release.
        where: by column a value; a tuple ``(low, high)``, both ends included and None
            for an open one, of a column of numbers, dates or times (ISO 8601 text, or
            text in the column's layout, or moments and durations of Python, NumPy or
            pandas) or of ordered categories; or a list or set of values and ranges.
            None as a value means missing.

    Raises:
        ConfigError: no such column, or no value of the schema meets what is asked.
    """
    if not isinstance(where, Mapping):
        what = "a condition is a mapping of columns to values"
        raise ConfigError(
            problem(what, got=type(where).__name__, try_='where={"sex": "Female"}')
        )
    columns, evidence = list(codec.columns), {}
    for name, asked in where.items():
        if name not in codec.names:
            what = "the release has no such column"
            raise ConfigError(
                problem(what, got=name, try_="one of " + ", ".join(codec.names))
            )
        at = codec.index(name)
        columns[at], evidence[at] = _column(codec.columns[at], asked)
    bare = replace(codec, columns=tuple(columns), constraints=())
    return Condition(evidence, bare)


def _column(codec: ColumnCodec, asked: Any) -> tuple[ColumnCodec, Floats]:
    """The column's codec inside the condition, and the evidence."""
    parts = _parts(asked, codec.column.name)
    missing = any(is_missing(part) for part in parts)
    parts = [part for part in parts if not is_missing(part)]
    if missing and not codec.column.nullable:
        what = "the column has no missing values"
        raise ConfigError(problem(what, got=codec.column.name, try_="a value of it"))
    evidence = np.zeros(codec.size)
    if missing:
        evidence[codec.regular :] = 1.0
    if codec.bins is None:
        for part in parts:
            evidence[_codes(codec, part)] = 1.0
        return codec, evidence
    if not parts:
        return codec, evidence
    if codec.column.on_scale:
        intervals = [interval(codec.column, part) for part in parts]
    else:  # very many categories, grouped by their places
        places = {place for part in parts for place in _codes(codec, part)}
        intervals = [(float(place), float(place)) for place in places]
    inner, held = _cut(codec, _joined(intervals))
    evidence[: codec.regular] = held
    return inner, evidence


def _parts(asked: Any, name: str) -> list[Any]:
    """The values and ranges of which one has to be met."""
    several = isinstance(asked, Iterable) and not isinstance(asked, str | bytes | tuple)
    if isinstance(asked, Mapping):
        what = "a condition on a column is a value, a range or a list of them"
        raise ConfigError(problem(what, got=name, try_=f"where={{{name!r}: [1, 2]}}"))
    parts = list(asked) if several else [asked]
    if not parts:
        raise ConfigError(problem("a condition without a value", got=name))
    if isinstance(asked, set | frozenset):
        parts.sort(key=str)  # sets have no order; nothing here may hang on it
    return parts


def _codes(codec: ColumnCodec, part: Any) -> list[int]:
    """Codes of a category, or of a range of ordered ones.

    Raises:
        ConfigError: the schema has no such category.
    """
    column = codec.column
    if not isinstance(part, tuple):
        return [code_of(codec, part)]
    if not column.ordered:
        what = f"a range needs a numeric or ordered column, and {column.name!r} is none"
        raise ConfigError(problem(what, got=part, try_="a list of values"))
    low, high = _ends(part, column.name)
    first = 0 if low is None else code_of(codec, low)
    last = len(codec.values) - 1 if high is None else code_of(codec, high)
    if first > last:
        what = f"the range of {column.name!r} is empty"
        raise ConfigError(problem(what, got=part, try_="the lower end first"))
    return list(range(first, last + 1))


def code_of(codec: ColumnCodec, value: Any) -> int:
    """Code of a category, by text or by number as ``encode`` reads it."""
    texts = [str(known) for known in codec.values]
    if codec.column.kind == "boolean" and str(value).lower() in ("true", "false"):
        return int(str(value).lower() == "true")
    if str(value) in texts:
        return texts.index(str(value))
    number = as_number(value)
    for code, known in enumerate(codec.values):
        if as_number(known) == number:
            return code
    more = ", ..." if len(texts) > _LISTED else ""
    what = f"the column {codec.column.name!r} has no such value"
    raise ConfigError(
        problem(what, got=value, try_="one of " + ", ".join(texts[:_LISTED]) + more)
    )


def _ends(part: tuple[Any, ...], name: str) -> tuple[Any, Any]:
    if len(part) != 2:  # noqa: PLR2004  (a low and a high end)
        what = f"a range of {name!r} has two ends, and None for an open one"
        raise ConfigError(problem(what, got=part, try_="(0, 18), or a list of values"))
    return part


def interval(column: Column, part: Any) -> Interval:
    """The values that are asked for, on the column's scale; a value alone is two ends.

    Raises:
        ConfigError: not numbers, or none that the column can hold.
    """
    low, high = _ends(part, column.name) if isinstance(part, tuple) else (part, part)
    scale, reach = column.ends(), column.reach()  # an open end stops before codes
    ends = (
        scale[0] if low is None else _number(column, low, 1),
        scale[1] if high is None else _number(column, high, -1),
    )
    if any(math.isnan(end) for end in ends):
        temporal = column.kind in _iso.TEMPORAL
        what = f"a condition on {column.name!r} needs "
        what += f"a {column.kind} in ISO 8601" if temporal else "numbers"
        if column.layout is not None:
            what += f" or as {column.layout}"
        raise ConfigError(problem(what, got=part, try_="a value, or (low, high)"))
    both = isinstance(part, tuple) and low is not None and high is not None
    if ends[0] > ends[1] and both:
        night = "two ranges: until midnight, and from there on"
        raise ConfigError(
            problem(
                f"the range of {column.name!r} is empty",
                got=part,
                try_=night if column.kind == "time" else "the lower end first",
            )
        )
    first = _on_scale(max(ends[0], reach[0]), column.places, math.ceil)
    last = _on_scale(min(ends[1], reach[1]), column.places, math.floor)
    if first > last:
        what = f"the column {column.name!r} has no such value"
        bounds = f"{column.lower} to {column.upper}"
        raise ConfigError(problem(what, got=part, try_=bounds))
    return first, last


def _number(column: Column, value: Any, side: int) -> float:
    """A bound on the column's scale, inwards; not-a-number where it is none."""
    if column.kind not in _iso.TEMPORAL:
        return as_number(value)
    try:
        nanoseconds = _nanoseconds(column, value)
    except (ValueError, OverflowError):
        return math.nan
    return float(-(-nanoseconds * side // _iso.NANOSECONDS[column.unit]) * side)


def _nanoseconds(column: Column, value: Any) -> int:
    """What a caller wrote for a date, time or duration; see ``_iso``.

    Raises:
        ValueError, OverflowError: it is none.
    """
    kind, zone = column.kind, _iso.zone_of(column.zone)
    if isinstance(value, np.timedelta64 | dt.timedelta):
        span = of_cell(getattr(value, "asm8", value), kind)  # pandas', to the last one
        if span is None:
            raise ValueError("no duration")
        return span
    if isinstance(value, dt.date | dt.time):
        return _iso.exact(value.isoformat(), kind, zone)
    try:
        return _iso.exact(str(value), kind, zone)
    except ValueError:
        found = of_cell(value, kind, zone, column.layout) if column.layout else None
    if found is None:
        raise ValueError("not in the column's layout")
    return found


def _on_scale(value: float, decimals: int | None, inwards: Any) -> float:
    """The nearest value on the scale inwards; a float's error counts as on it."""
    if decimals is None:
        return value
    near = round(value, decimals)
    if abs(near - value) <= _SLACK * 10.0**-decimals:
        return near
    return round(inwards(value * 10.0**decimals) / 10.0**decimals, decimals)


def _joined(intervals: list[Interval]) -> list[Interval]:
    """The same values as intervals in rising order that do not overlap."""
    out: list[Interval] = []
    for low, high in sorted(intervals):
        if out and low <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], high))
        else:
            out.append((low, high))
    return out


def _cut(codec: ColumnCodec, intervals: list[Interval]) -> tuple[ColumnCodec, Floats]:
    """The codec with its cells cut to the intervals, and the part of each bin left.

    Raises:
        ConfigError: nothing is left: single values of a continuum.
    """
    inside = codec.inside or _even(codec)
    cells = _Cells(codec, inside)
    lows, highs, labels, mass = [], [], [], []
    for low, high in intervals:
        found, first, last, part = cells.within(low, high)
        lows.append(first)
        highs.append(last)
        labels.append(inside.label[found])
        mass.append(part * cells.shares[found])
    low, high, label, left = map(np.concatenate, (lows, highs, labels, mass))
    order = np.argsort(low, kind="stable")
    low, high, label, left = low[order], high[order], label[order], left[order]
    if not (left > 0).any():
        what = f"the column {codec.column.name!r} has no such value"
        raise ConfigError(problem(what, try_="a range that holds some of its values"))
    bin_lows, bin_highs = inside.bins.lows.copy(), inside.bins.highs.copy()
    for b in np.unique(label):
        bin_lows[b], bin_highs[b] = low[label == b].min(), high[label == b].max()
    bins = Bins(bin_lows, bin_highs, inside.bins.step)
    grid = Bins(low, high, inside.grid.step)
    evidence = np.minimum(np.bincount(label, left, minlength=len(bins)), 1.0)
    return replace(codec, bins=bins, inside=Inside(bins, grid, label, left)), evidence


class _Cells:
    """The fine cells of a column with the share that each has of its bin."""

    def __init__(self, codec: ColumnCodec, inside: Inside) -> None:
        self._grid, self._decimals = inside.grid, codec.column.decimals
        self.shares = np.zeros(len(inside.grid))
        for b in np.unique(inside.label):
            cells, shares = inside.shares(int(b))
            self.shares[cells] = shares

    def within(
        self, low: float, high: float
    ) -> tuple[np.ndarray, Floats, Floats, Floats]:
        """Cells that meet an interval, their ends inside it, and the part left."""
        grid = self._grid
        found = np.flatnonzero((grid.highs >= low) & (grid.lows <= high))
        before, after = grid.lows[found], grid.highs[found]
        first, last = np.maximum(before, low), np.minimum(after, high)
        if grid.step:
            whole = np.rint((after - before) / grid.step) + 1
            part = (np.rint((last - first) / grid.step) + 1) / whole
        else:
            wide = after - before
            part = np.where(wide > 0, (last - first) / np.where(wide > 0, wide, 1), 1.0)
        kept = part > 0
        return found[kept], first[kept], last[kept], part[kept]


def _even(codec: ColumnCodec) -> Inside:
    """Bins of which nothing is known but their ends."""
    bins = codec.bins
    if bins is None:
        raise TypeError(codec.column.name)
    return Inside(bins, bins, np.arange(len(bins)), np.zeros(len(bins)))
