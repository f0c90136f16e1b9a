"""The forms of chart that the report is made of: shares, heat maps, dots, bars.

Secret or public: whatever numbers are handed in. Real rows are grey squares and grey
areas, a release is blue dots and blue lines; colours are of Okabe and Ito, darkened
until they can be read on white, and shape tells everything that colour tells.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fairveil.report.draw import ACCENT, INK, RULE, SECOND, SOFT, Chart, label

if TYPE_CHECKING:
    from matplotlib.axes import Axes

REAL, RELEASE = "real rows", "the release"
_CELL = 0.165  # inches of a line of a chart
_LINE, _LINE_OF_THREE = 0.2, 0.26
_PALE = 0.35
_SEEN = 0.15  # of the full colour, from which a stripe tells the sign
_MANY = 24  # columns whose names need small letters
_ROOM = 0.3  # of the height, for a legend
_CROWDED = 3  # series that need room


@dataclass(frozen=True)
class Mark:
    """A figure with the ends of its interval, if it has one."""

    value: float
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, figure: Any) -> Mark | None:
        """Out of the JSON of an estimate or a rate; None where there is no figure."""
        if isinstance(figure, (int, float)) and math.isfinite(figure):
            return cls(float(figure))
        if not isinstance(figure, Mapping) or figure.get("value") is None:
            return None
        ends = figure.get("interval") or {}
        return cls(figure["value"], ends.get("low"), ends.get("high"))


@dataclass(frozen=True)
class Line:
    """One line of a chart of dots.

    Attributes:
        label: its name.
        marks: one for each series, None where there is no figure; without any, the line
            says "few rows".
        band: what chance spans; drawn pale behind the marks.
        tick: a figure to be compared with; a short upright line.
        heading: whether it names the lines below it and has no marks.
    """

    label: str
    marks: tuple[Mark | None, ...] = ()
    band: tuple[float, float] | None = None
    tick: float | None = None
    heading: bool = False


@dataclass(frozen=True)
class Series:
    """How the marks of one place in a line look."""

    name: str
    colour: str
    shape: str


BOTH = (Series(REAL, SOFT, "s"), Series(RELEASE, ACCENT, "o"))


def shares(one: Mapping[str, Any]) -> Chart:
    """One column, real and synthetic (JSON of ``ColumnShares``)."""
    title = f"{label(one['column'], 30)}"
    if one["edges"]:
        return Chart(title, (2.9, 1.6), lambda axes: _histogram(axes, one))
    high = 0.45 + _CELL * len(one["labels"])
    return Chart(title, (2.9, max(high, 0.85)), lambda axes: _categories(axes, one))


def _histogram(axes: Axes, one: Mapping[str, Any]) -> None:
    axes.stairs(one["real"], one["edges"], fill=True, color=SOFT, alpha=_PALE, lw=0)
    axes.stairs(one["synthetic"], one["edges"], color=ACCENT, lw=1.4)
    axes.locator_params(axis="x", nbins=5)
    axes.locator_params(axis="y", nbins=3)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(lambda v, _: f"{100 * v:g} %")
    axes.margins(x=0.02)


def _categories(axes: Axes, one: Mapping[str, Any]) -> None:
    places = range(len(one["labels"]))
    axes.barh(places, one["real"], color=SOFT, alpha=_PALE, height=0.8, lw=0)
    axes.plot(one["synthetic"], places, "o", color=ACCENT, ms=3.6, lw=0)
    axes.set_yticks(list(places), [label(text, 18) for text in one["labels"]])
    axes.set_ylim(max(len(one["labels"]) - 0.4, 0.6), -0.6)
    axes.set_xlim(0, 1.06 * max([*one["real"], *one["synthetic"], 1e-9]))
    axes.tick_params(axis="y", length=0, labelsize=7)
    axes.locator_params(axis="x", nbins=4)
    axes.xaxis.set_major_formatter(lambda v, _: f"{100 * v:g} %")
    axes.spines["left"].set_visible(False)


def heat(
    values: Sequence[Sequence[float | None]],
    names: Sequence[str],
    *,
    title: str,
    full: float = 1.0,
) -> Chart:
    """The pairs of columns as tiles; below zero in orange with a stripe.

    Args:
        values: symmetric; the part below the diagonal is drawn.
        names: of the columns.
        title: of the chart.
        full: value of the full colour.
    """
    side = 1.35 + max(1.6, 0.17 * len(names))
    return Chart(title, (side, side), lambda axes: _tiles(axes, values, names, full))


def _tiles(
    axes: Axes,
    values: Sequence[Sequence[float | None]],
    names: Sequence[str],
    full: float,
) -> None:
    from matplotlib.patches import Rectangle  # noqa: PLC0415  (an extra)

    for i in range(1, len(names)):
        for j in range(i):
            value = values[i][j]
            if value is None or math.isnan(value):
                axes.text(j + 0.5, i - 0.5, "-", ha="center", va="center", fontsize=6)
                continue
            strength = min(1.0, abs(value) / full) if full > 0 else 0.0
            colour = ACCENT if value >= 0 else SECOND
            axes.add_patch(
                Rectangle((j, i - 1), 1, 1, fc=colour, alpha=round(strength, 3), lw=0)
            )
            axes.add_patch(Rectangle((j, i - 1), 1, 1, fill=False, ec=RULE, lw=0.4))
            if value < 0 and strength > _SEEN:
                axes.plot(
                    (j + 0.3, j + 0.7), (i - 0.5, i - 0.5), "-", color=INK, lw=0.8
                )
    most, size = len(names) - 1, 7 if len(names) < _MANY else 5
    axes.set_xlim(0, max(most, 1))
    axes.set_ylim(max(most, 1), 0)
    axes.set_aspect("equal")
    axes.set_xticks(
        [k + 0.5 for k in range(most)],
        [label(n, 16) for n in names[:-1]],
        rotation=90,
        fontsize=size,
    )
    axes.set_yticks(
        [k + 0.5 for k in range(most)], [label(n, 16) for n in names[1:]], fontsize=size
    )
    axes.tick_params(length=0, labelcolor=INK)
    for spine in axes.spines.values():
        spine.set_visible(False)


def dots(
    lines: Sequence[Line],
    *,
    title: str,
    x: str,
    series: Sequence[Series] = BOTH,
    reference: float | None = None,
    zero: bool = False,
) -> Chart:
    """Figures with their intervals, a line for each.

    Args:
        lines: at least one.
        title: of the chart.
        x: name of the axis.
        series: of the marks of each line.
        reference: an upright line through the chart.
        zero: whether the axis begins at 0.
    """
    high = 0.62 + (_LINE if len(series) < _CROWDED else _LINE_OF_THREE) * len(lines)

    def paint(axes: Axes) -> None:
        _dots(axes, lines, series, reference)
        axes.set_xlabel(x)
        if zero:
            axes.set_xlim(left=0)

    return Chart(title, (4.3, high), paint)


def _dots(
    axes: Axes,
    lines: Sequence[Line],
    series: Sequence[Series],
    reference: float | None,
) -> None:
    for place, line in enumerate(lines):
        if line.band is not None:
            axes.plot(
                line.band, (place, place), color=SOFT, alpha=0.25, lw=6,
                solid_capstyle="butt",
            )  # fmt: skip
        if line.tick is not None:
            axes.plot([line.tick], [place], "|", color=INK, ms=9, mew=1.4)
        _marks(axes, place, line, series)
        if not (line.heading or any(line.marks)):
            axes.annotate(
                "few rows", (0.01, place), xycoords=("axes fraction", "data"),
                va="center", fontsize=7, color=SOFT,
            )  # fmt: skip
    if reference is not None:
        axes.axvline(reference, color=SOFT, lw=0.8, ls=(0, (3, 2)), zorder=0)
    axes.set_ylim(len(lines) - 0.4, -0.6)
    axes.set_yticks(range(len(lines)), [label(line.label, 30) for line in lines])
    for text, line in zip(axes.get_yticklabels(), lines, strict=True):
        if line.heading:
            text.set_fontweight("bold")
    axes.tick_params(axis="y", length=0, labelsize=8)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=RULE, lw=0.5)
    axes.set_axisbelow(True)
    axes.locator_params(axis="x", nbins=5)


def _marks(axes: Axes, place: float, line: Line, series: Sequence[Series]) -> None:
    step = 0.0 if len(series) == 1 else 0.4 / (len(series) - 1)
    for k, (mark, one) in enumerate(zip(line.marks, series, strict=False)):
        if mark is None:
            continue
        at = place + (k - (len(series) - 1) / 2) * step
        if mark.low is not None and mark.high is not None:
            axes.plot((mark.low, mark.high), (at, at), "-", color=one.colour, lw=1.3)
        axes.plot([mark.value], [at], one.shape, color=one.colour, ms=4.2)


def bars(parts: Mapping[str, float], *, title: str, x: str) -> Chart:
    """Shares of a whole, in [0, 1], a bar for each."""
    names, high = list(parts), 0.6 + _LINE * len(parts)

    def paint(axes: Axes) -> None:
        axes.barh(range(len(names)), list(parts.values()), color=ACCENT, height=0.65)
        axes.set_yticks(range(len(names)), [label(name, 26) for name in names])
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.set_xlim(0, 1.12 * max([*parts.values(), 1e-9]))
        for place, value in enumerate(parts.values()):
            axes.text(
                value,
                place,
                f" {100 * value:.3g} %",
                va="center",
                fontsize=8,
                color=INK,
            )
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_formatter(lambda v, _: f"{100 * v:g} %")
        axes.locator_params(axis="x", nbins=5)
        axes.set_xlabel(x)

    return Chart(title, (4.3, high), paint)


def steps(
    names: Sequence[str],
    lines: Mapping[str, Sequence[float | None]],
    floors: Mapping[str, float],
    *,
    title: str,
    y: str,
) -> Chart:
    """Figures after each of some stages, beside a floor for each line.

    Args:
        names: of the stages.
        lines: at most two, a figure for each stage.
        floors: of the lines of the same names; dashed.
        title: of the chart.
        y: name of the axis.
    """
    looks = ((ACCENT, "o"), (SECOND, "D"))

    def paint(axes: Axes) -> None:
        for (name, values), (colour, shape) in zip(lines.items(), looks, strict=False):
            there = [(k, v) for k, v in enumerate(values) if v is not None]
            axes.plot(
                [k for k, _ in there], [v for _, v in there], f"{shape}-",
                color=colour, ms=4.5, lw=1.4, label=name,
            )  # fmt: skip
            if name in floors:
                axes.axhline(
                    floors[name], color=colour, lw=0.9, ls=(0, (4, 3)),
                    label=f"{name}: noise",
                )  # fmt: skip
        axes.set_xticks(range(len(names)), names, fontsize=7.5)
        axes.set_xlim(-0.3, len(names) - 0.7)
        axes.set_ylim(bottom=0)
        axes.set_ylabel(y)
        axes.grid(axis="y", color=RULE, lw=0.5)
        _legend(axes)

    return Chart(title, (4.3, 2.6), paint)


def _legend(axes: Axes) -> None:
    """Above all figures, in room made for it."""
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + _ROOM * (high - low))
    axes.legend(loc="upper left", ncols=2, frameon=False, fontsize=7.5, labelcolor=INK)


def cloud(
    groups: Mapping[str, Sequence[tuple[float, float]]],
    *,
    title: str,
    x: str,
    y: str,
    ring: tuple[float, float] | None = None,
) -> Chart:
    """Points of at most four kinds, one of them ringed; a kind may be empty."""
    looks = ((ACCENT, "o"), (SECOND, "D"), (SOFT, "X"), (INK, "P"))

    def paint(axes: Axes) -> None:
        for (name, points), (colour, shape) in zip(groups.items(), looks, strict=False):
            if not points:  # but it keeps its colour and shape
                continue
            across, up = [p[0] for p in points], [p[1] for p in points]
            axes.plot(across, up, shape, color=colour, ms=5, lw=0, label=name)
        if ring is not None:
            axes.plot(
                [ring[0]], [ring[1]], "o", mfc="none", mec=INK, ms=12, mew=1.5,
                label="this release",
            )  # fmt: skip
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        axes.grid(color=RULE, lw=0.5)
        axes.set_axisbelow(True)
        _legend(axes)

    return Chart(title, (4.3, 3.1), paint)
