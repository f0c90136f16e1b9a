"""Dates, times and durations on the way through discovery: as seconds.

Secret: the cells. Public: the partition, which is that of numbers (``_cells``), where
the coarsest resolution that tells a value takes the place of its decimals; and facts.
A cell's place in it hangs on the cell alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import narwhals as nw
import numpy as np

from fairveil._gaps import Gap
from fairveil._iso import NANOSECONDS, RESOLUTIONS, exact, told
from fairveil._temporal import ticks
from fairveil.private import _cells as cells
from fairveil.private._cells import Cells

FINEST = RESOLUTIONS.index("microsecond")
_LIMIT = 2.0**53
_ENDS = ("lower", "upper")


def read_moments(series: nw.Series[Any], keep: np.ndarray, gap: Gap) -> Cells:
    """The cells of the rows to keep, as seconds.

    Args:
        series: one column.
        keep: mask of the rows, shape ``(n,)``.
        gap: a column of dates, times or durations.
    """
    facts, kind = gap.facts, str(gap.kind)
    written = {name: facts.get(name) for name in ("zone", "layout")}
    fine = ticks(series, kind, RESOLUTIONS[FINEST], **written)[keep]
    seconds = fine / 1e6
    usable = np.abs(seconds) < _LIMIT  # not so for not-a-number
    tags = np.where(usable, cells.NUMBER, cells.MISSING).astype(np.uint8)
    numbers = np.where(usable, seconds, math.nan) + 0.0
    found = Cells(tags, numbers, fineness=_fineness(np.where(usable, fine, 0.0)))
    special = facts.get("special", ())
    return found.without(_seconds(text, kind) for text in special) if special else found


def _seconds(text: str, kind: str) -> float:
    """A declared special value as cells are read."""
    return exact(text, kind) // 1000 / 1e6


def _fineness(microseconds: np.ndarray) -> np.ndarray:
    """Index of the coarsest resolution that tells each value."""
    out = np.full(len(microseconds), FINEST, dtype=np.int8)
    for at in range(FINEST - 1, -1, -1):
        per_tick = NANOSECONDS[RESOLUTIONS[at]] // 1000
        out[microseconds % per_tick == 0] = at
    return out


def in_text(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Bounds found in seconds as text; those that somebody declared stay."""
    kind, zone = facts["kind"], facts.get("zone")
    found = [facts[end] for end in _ENDS]
    nanoseconds = [round(end * 1e9) for end in found if not isinstance(end, str)]
    if not nanoseconds:
        return {}
    ends = told(
        min(nanoseconds), max(nanoseconds), kind, facts["resolution"], zone=zone
    )
    declared = {end: facts[end] for end in _ENDS if isinstance(facts[end], str)}
    return ends | declared
