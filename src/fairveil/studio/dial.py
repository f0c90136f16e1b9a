"""The frontier as a dial: its Pareto points in order, and a picture of each promise.

Public: figures of synthetic rows, out of the JSON of a frontier. Nothing here compares
with a real row, and nothing is ranked anew.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT = 420, 240
LEFT, _BOTTOM, _TOP = 60, 40, 12
_MODES: Mapping[str, str] = {
    "independence": "Sensitive columns say nothing of the rest",
    "redraw": "Sensitive columns drawn apart",
    "outcome": "The target says nothing of sensitive columns",
}
TITLES: Mapping[str, str] = {
    "hidden": "If sensitive columns are to say nothing",
    "parity": "If groups are to get a yes alike",
    "people": "If people are not to be sorted",
}
MEASURES: Mapping[str, str] = {
    "hidden": (
        "Unfairness is how much better than a coin an auditor guesses a sensitive "
        "column from the others (0 is not at all, 0.5 is always)."
    ),
    "parity": (
        "Unfairness is how much more often one group than another gets a yes from a "
        "model of the release, beyond chance (0 is alike)."
    ),
    "people": (
        "Unfairness is how well clusters of the release sort people by a sensitive "
        "column, as a part of what they do without debiasing."
    ),
}


@dataclass(frozen=True)
class Point:
    """One release that was measured.

    Attributes:
        number: its place in the frontier's JSON.
        promise: the measure that ranks it.
        mode, strength: what it promises, and how far.
        loss, unfair: the figures of the frontier.
        auroc, distance: usefulness, and distance of pairs of columns.
        best: whether no other release of its promise beats it.
    """

    number: int
    promise: str
    mode: str
    strength: float
    loss: float
    unfair: float
    auroc: float | None
    distance: float
    best: bool

    @property
    def name(self) -> str:
        """What it is called."""
        return f"{_MODES.get(self.mode, self.mode)}, strength {self.strength:g}"


@dataclass(frozen=True)
class Picture:
    """Where the points of one promise lie: loss to the right, unfairness upwards.

    Attributes:
        promise: the measure.
        title: whom it is for.
        measure: what it says, in words.
        marks: each point with its place.
        across, up: ticks, with their text.
    """

    promise: str
    title: str
    measure: str
    marks: tuple[tuple[Point, float, float], ...]
    across: tuple[tuple[float, str], ...]
    up: tuple[tuple[float, str], ...]


def points(frontier: Mapping[str, Any]) -> list[Point]:
    """All releases that were tried: by promise, then from useful to fair."""
    found = [_point(i, c) for i, c in enumerate(frontier.get("candidates", []))]
    return sorted(found, key=lambda p: (p.promise, p.loss, -p.unfair))


def pictures(found: Sequence[Point]) -> list[Picture]:
    """A picture for each promise, since measures do not compare."""
    promises = dict.fromkeys(point.promise for point in found)
    return [_picture(p, [x for x in found if x.promise == p]) for p in promises]


def _point(number: int, told: Mapping[str, Any]) -> Point:
    settings, measured = told["settings"], told["measured"]
    mode = settings["mode"] or "none"
    return Point(
        number=number,
        promise="parity" if mode == "outcome" else "hidden",
        mode=mode,
        strength=settings["strength"],
        loss=told["loss"],
        unfair=told["unfairness"],
        auroc=measured["auroc"],
        distance=measured["distance"],
        best=bool(told["pareto"]),
    )


def _picture(promise: str, found: Sequence[Point]) -> Picture:
    widest = _ceiling(max(p.loss for p in found))
    highest = _ceiling(max(p.unfair for p in found))

    def across(value: float) -> float:
        return round(LEFT + max(value, 0.0) / widest * (WIDTH - LEFT - 16), 1)

    def up(value: float) -> float:
        room = HEIGHT - _BOTTOM - _TOP
        return round(HEIGHT - _BOTTOM - max(value, 0.0) / highest * room, 1)

    ticks = (0.0, 0.5, 1.0)
    return Picture(
        promise=promise,
        title=TITLES[promise],
        measure=MEASURES[promise],
        marks=tuple((p, across(p.loss), up(p.unfair)) for p in found),
        across=tuple((across(t * widest), f"{t * widest:.3g}") for t in ticks),
        up=tuple((up(t * highest), f"{t * highest:.3g}") for t in ticks),
    )


def _ceiling(value: float) -> float:
    """A round number at or above a value, at least .01."""
    least = max(value, 0.01)
    scale = 10.0 ** math.floor(math.log10(least))
    return next(s * scale for s in (1, 2, 5, 10) if s * scale >= least * 0.999)
