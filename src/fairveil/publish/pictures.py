"""Small pictures inside a page, as SVG that takes its colours from the page.

Public: numbers in, text out. They are for readers of every page, the confidential
report's as well. Promises: no script, no reference to anything outside, no text that
was not escaped; colours come from the page's style sheet, so that dark mode and print
follow; what a picture shows stands beside it in numbers, or in its label.

Drawn by hand and not by a plotting library: a bar is three lines of SVG, and nothing
has to be installed, sent along or kept in step with the page's colours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from fairveil.errors import ConfigError, problem

Points = Sequence[tuple[float, float]]

_WIDE, _HIGH = 340.0, 250.0  # of a curve, in the units of its text
_LEFT, _RIGHT, _TOP, _BOTTOM = 44.0, 22.0, 10.0, 40.0
_TICKS = 5
_MOST_LINES = 4


def share(part: float) -> str:
    """A bar that fills so much of its cell; ``part`` lies in [0, 1]."""
    _within(part)
    width = _number(100.0 * part)
    return (
        '<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" '
        'aria-hidden="true"><rect class="ground" width="100" height="10"/>'
        f'<rect class="fill" width="{width}" height="10"/></svg>'
    )


def interval(
    low: float, high: float, *, mark: float, chance: float | None = None
) -> str:
    """A range in [0, 1] with a mark in it, and what chance alone would reach.

    Args:
        low, high: ends of the range.
        mark: an upright line (an estimate, a prior).
        chance: from 0 to here the ground is hatched; None: nowhere.
    """
    for value in (low, high, mark, *([] if chance is None else [chance])):
        _within(value)
    x, width = _number(100.0 * low), _number(max(100.0 * (high - low), 0.6))
    at = _number(min(100.0 * mark, 99.2))
    ground = ""
    if chance is not None:
        ground = f'<rect class="chance" width="{_number(100.0 * chance)}" height="10"/>'
    return (
        '<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" '
        f'aria-hidden="true"><rect class="ground" width="100" height="10"/>{ground}'
        f'<rect class="range" x="{x}" y="2.5" width="{width}" height="5"/>'
        f'<rect class="mark" x="{at}" width="0.8" height="10"/></svg>'
    )


def curves(
    lines: Sequence[tuple[str, Points]],
    *,
    title: str,
    x: str,
    y: str,
    mark: tuple[float, float] | None = None,
) -> str:
    """Lines over the unit square, each with its name in the legend below.

    Args:
        lines: names and points in [0, 1] x [0, 1]; at most four.
        title: said by screen readers.
        x, y: names of the axes.
        mark: a point to be ringed.
    """
    if not 1 <= len(lines) <= _MOST_LINES:
        raise ConfigError(problem("a picture has one to four curves", got=len(lines)))
    parts = [_axes(x, y)]
    for i, (_, points) in enumerate(lines):
        at = " ".join(f"{_x(a)},{_y(b)}" for a, b in points)
        parts.append(f'<polyline class="line s{i}" points="{at}"/>')
    if mark is not None:
        parts.append(
            f'<circle class="ring" cx="{_x(mark[0])}" cy="{_y(mark[1])}" r="4"/>'
        )
    legend = "".join(
        f'<li><svg class="key" viewBox="0 0 24 8" aria-hidden="true"><line class="line '
        f's{i}" x1="1" y1="4" x2="23" y2="4"/></svg>{escape(name)}</li>'
        for i, (name, _) in enumerate(lines)
    )
    return (
        f'<svg class="curves" viewBox="0 0 {_number(_WIDE)} {_number(_HIGH)}" '
        f'role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'
        f'<ul class="legend">{legend}</ul>'
    )


def _axes(x: str, y: str) -> str:
    parts = [
        (
            f'<rect class="frame" x="{_x(0)}" y="{_y(1)}" '
            f'width="{_number(_WIDE - _LEFT - _RIGHT)}" '
            f'height="{_number(_HIGH - _TOP - _BOTTOM)}"/>'
        )
    ]
    for i in range(_TICKS + 1):
        value = i / _TICKS
        said = f"{round(100 * value)} %"
        low, left = _number(_HIGH - _BOTTOM + 14), _number(_LEFT - 5)
        parts += [
            (
                f'<line class="grid" x1="{_x(value)}" x2="{_x(value)}" y1="{_y(0)}" '
                f'y2="{_y(1)}"/><text x="{_x(value)}" y="{low}" '
                f'text-anchor="middle">{said}</text>'
            ),
            (
                f'<line class="grid" x1="{_x(0)}" x2="{_x(1)}" y1="{_y(value)}" '
                f'y2="{_y(value)}"/><text x="{left}" y="{_y(value)}" dy="0.35em" '
                f'text-anchor="end">{said}</text>'
            ),
        ]
    parts.append(
        f'<text x="{_x(0.5)}" y="{_number(_HIGH - 6)}" text-anchor="middle">'
        f"{escape(x)}</text>"
    )
    if y:
        parts.append(
            f'<text class="inside" x="{_x(0.98)}" y="{_y(0.05)}" text-anchor="end">'
            f"{escape(y)}</text>"
        )
    return "".join(parts)


def _x(value: float) -> str:
    return _number(_LEFT + _within(value) * (_WIDE - _LEFT - _RIGHT))


def _y(value: float) -> str:
    return _number(_HIGH - _BOTTOM - _within(value) * (_HIGH - _TOP - _BOTTOM))


def _within(value: float) -> float:
    if not (math.isfinite(value) and 0.0 <= value <= 1.0):
        raise ConfigError(problem("a picture shows numbers from 0 to 1", got=value))
    return value


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
