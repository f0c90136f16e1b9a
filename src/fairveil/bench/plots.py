"""The plots beside the page of comparisons, from rows of results alone.

NOT PRIVATE: figures of public tables. The same rows give the same bytes, under one
version of matplotlib; a plot whose data are not there is not drawn. Colours are those
of Okabe and Ito, and shapes tell methods apart, too. An unfinished run is written out
where it would have stood; variants of fairveil are left to the page.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fairveil import _files
from fairveil.bench.methods import OURS
from fairveil.bench.results import Row, summary
from fairveil.errors import ConfigError, problem

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ENDS = ("real", "independent")  # ceiling and floor
_ACROSS = 4  # panels beside each other
_USUAL = 1.0  # the budget that is shown where it was run
_MARK, _DARK, _PALE = "#D55E00", "#222222", "#888888"  # the mark is fairveil's
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#000000")
_SHAPES = "os^vPX<>"
_GAP = 0.075  # of a panel's height, between two labels
_STYLE = {
    "svg.hashsalt": "fairveil",  # else every drawing has names of its own
    "svg.fonttype": "path",  # a reader's fonts move no label
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": _PALE,
    "xtick.color": _DARK,
    "ytick.color": _DARK,
}


def is_peer(name: str) -> bool:
    """Whether a method is somebody else's: no end of the scale, none of ours."""
    return name not in ENDS and name != OURS and not name.startswith(f"{OURS}-")


def draw(rows: Sequence[Row], folder: Path) -> list[tuple[str, str]]:
    """Draw what can be drawn; remove an older drawing of what cannot.

    Args:
        rows: as ``results.read`` gives them.
        folder: where the files go; made where a plot is drawn.

    Returns:
        For each plot its file's name and a text for those who cannot see it.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    lines: Any = summary(rows)
    ours = lines["method"].map(lambda name: name == OURS or is_peer(name))
    private = lines[ours & lines["epsilon"].map(math.isfinite)]
    ends = lines[lines["method"].isin(ENDS)]
    plots: Mapping[str, Callable[[], tuple[Figure, str] | None]] = {
        "dots.svg": lambda: _dots(private, ends),
        "budgets.svg": lambda: _budgets(private),
        "costs.svg": lambda: _costs(private),
    }
    found = []
    with _styled():
        for name, plot in plots.items():
            drawn = plot()
            if drawn is None:
                (folder / name).unlink(missing_ok=True)
                continue
            folder.mkdir(parents=True, exist_ok=True)
            _files.write_whole(folder / name, _svg(drawn[0]))
            found.append((name, drawn[1]))
    return found


def _styled() -> Any:
    """The settings of all plots, whatever a user's own file of settings says."""
    if find_spec("matplotlib") is None:
        raise ConfigError(
            problem(
                "plots need the package matplotlib, which is not installed",
                try_="pip install fairveil[bench]",
            )
        )
    import matplotlib as mpl  # noqa: PLC0415  (an extra, and slow)

    settings: Any = {**mpl.rcParamsDefault, **_STYLE}
    settings.pop("backend", None)  # a running program keeps its own
    return mpl.rc_context(settings)


def _svg(figure: Figure) -> bytes:
    kept = io.BytesIO()
    about = {"Date": None, "Creator": "fairveil bench page"}
    figure.savefig(kept, format="svg", metadata=about)
    return kept.getvalue()


def _panels(down: int, across: int, size: tuple[float, float], **more: Any) -> Any:
    """A figure on the Agg canvas, and its empty panels."""
    from matplotlib.backends.backend_agg import (  # noqa: PLC0415  (an extra)
        FigureCanvasAgg,
    )
    from matplotlib.figure import Figure  # noqa: PLC0415  (an extra)

    figure = Figure(figsize=size, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    engine: Any = figure.get_layout_engine()
    engine.set(h_pad=0.1)  # keeps a title apart from the axis above it
    return figure, figure.subplots(down, across, squeeze=False, **more)


def _budget(private: Any) -> float | None:
    """The budget to show: the usual one, else the one with most finished runs."""
    runs = private[private["auroc_gbm"].notna()].groupby("epsilon")["runs"].sum()
    if runs.empty:
        return None
    return _USUAL if _USUAL in runs.index else float(runs.idxmax())


# --- dots with intervals


def _dots(private: Any, ends: Any) -> tuple[Figure, str] | None:
    budget = _budget(private)
    shown = private[private["epsilon"] == budget]
    if budget is None:
        return None
    tables, names = _tables(shown), _ranked(shown)
    across = min(_ACROSS, len(tables))
    blocks = math.ceil(len(tables) / across)
    size = (1.5 + 2.3 * across, 0.5 + 2 * blocks * (0.75 + 0.19 * len(names)))
    figure, panels = _panels(2 * blocks, across, size, sharey=True)
    for place in range(blocks * across):
        block, column = divmod(place, across)
        for row, metric in enumerate(("auroc_gbm", "tvd2")):
            axes = panels[2 * block + row, column]
            if place >= len(tables):
                axes.remove()
                continue
            here = tables[place]
            _dot_panel(axes, shown[shown["table"] == here], names, metric)
            _end_lines(axes, ends[ends["table"] == here], metric)
            axes.set_title(here if row == 0 else "")
    if not ends.empty:
        _end_legend(figure, across)
    alt = (
        f"Dots with 95 % intervals over seeds at epsilon {budget:g}: AUROC (further "
        f"right is better) and 2-way TVD (further left is better) of {len(names)} "
        f"private methods on {', '.join(tables)}."
    )
    return figure, alt


def _ranked(shown: Any) -> list[str]:
    """Methods, best last, by their mean place over the tables; unfinished ones first.

    Means of the figures themselves would favour whoever left out a hard table.
    """
    places = shown.groupby("table")["auroc_gbm"].rank(pct=True)
    mean = shown.assign(place=places).groupby("method")["place"].mean().fillna(-1.0)
    return sorted(mean.index, key=lambda name: (mean[name], name))


def _dot_panel(axes: Axes, lines: Any, names: Sequence[str], metric: str) -> None:
    label, better = {
        "auroc_gbm": ("AUROC", "right"),
        "tvd2": ("2-way TVD", "left"),
    }[metric]
    for line in lines.to_dict("records"):
        own = line["method"] == OURS
        height, value = names.index(line["method"]), line[metric]
        if math.isnan(value):
            words = line["unfinished"] or "undefined"
            _say(axes, height, words)
            continue
        low, high = line[f"{metric}_low"], line[f"{metric}_high"]
        colour = _MARK if own else _COLOURS[0]
        if not math.isnan(low):
            ends = max(low, 0.0), min(high, 1.0)  # neither figure leaves 0..1
            axes.plot(ends, (height, height), color=colour, lw=1.6, alpha=0.6)
        shape, width = ("D", 6) if own else ("o", 4.5)
        axes.plot([value], [height], shape, color=colour, ms=width)
    axes.set_xlabel(f"{label} ({better} is better)")
    axes.locator_params(axis="x", nbins=4)
    axes.margins(x=0.08)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_yticks(range(len(names)), names)
    axes.grid(axis="y", color="#E5E5E5", lw=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    for text in axes.get_yticklabels():
        if text.get_text() == OURS:
            text.set(color=_MARK, fontweight="bold")


def _say(axes: Axes, height: float, words: str) -> None:
    """Write how a run ended, on white, so that no line crosses the words."""
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
    text = axes.text(0.03, height, words, va="center", color="#666666", fontsize=7)
    text.set(transform=axes.get_yaxis_transform(), bbox=box, style="italic")


def _end_lines(axes: Axes, ends: Any, metric: str) -> None:
    for name, style in zip(ENDS, ("--", ":"), strict=True):
        known = ends.loc[ends["method"] == name, metric].dropna()
        for value in known[:1]:
            axes.axvline(value, color=_PALE, lw=0.9, ls=style, zorder=0)


def _end_legend(figure: Figure, across: int) -> None:
    from matplotlib.lines import Line2D  # noqa: PLC0415  (an extra)

    lines = [Line2D([], [], color=_PALE, lw=0.9, ls=style) for style in ("--", ":")]
    texts = ["ceiling: the training rows", "floor: each column shuffled"]
    columns = min(2, across)
    figure.legend(
        lines, texts, loc="outside lower center", ncols=columns, frameon=False
    )


# --- AUROC against budgets and costs


def _budgets(private: Any) -> tuple[Figure, str] | None:
    known = private[private["auroc_gbm"].notna()]
    counts = known.groupby("table")["epsilon"].nunique()
    tables = [name for name in _tables(known) if counts[name] > 1]
    if not tables:
        return None
    looks = _looks(private["method"])
    figure, panels = _wrapped(len(tables))
    for axes, name in zip(panels, tables, strict=True):
        here = known[known["table"] == name].sort_values("epsilon")
        last = {}
        for method, line in here.groupby("method"):
            axes.plot(line["epsilon"], line["auroc_gbm"], **looks[method])
            last[method] = (line["epsilon"].iloc[-1], line["auroc_gbm"].iloc[-1])
        _log_axis(axes, sorted(set(here["epsilon"])), "epsilon (log scale)")
        axes.set(title=name, ylabel="AUROC")
        _label(axes, last, looks)
    alt = (
        f"Lines of AUROC, mean over seeds, against epsilon for "
        f"{known['method'].nunique()} private methods on {', '.join(tables)}."
    )
    return figure, alt


def _costs(private: Any) -> tuple[Figure, str] | None:
    budget = _budget(private)
    known = private[private["auroc_gbm"].notna() & (private["cpu_seconds"] > 0)]
    known = known[known["epsilon"] == budget]
    if known.empty:
        return None
    looks, tables = _looks(private["method"]), _tables(known)
    figure, panels = _wrapped(len(tables))
    for axes, name in zip(panels, tables, strict=True):
        here, points = known[known["table"] == name], {}
        for line in here.to_dict("records"):
            method = line["method"]
            points[method] = (line["cpu_seconds"], line["auroc_gbm"])
            axes.plot(*([each] for each in points[method]), **looks[method])
        span = here["cpu_seconds"].min(), here["cpu_seconds"].max()
        _log_axis(axes, _round_numbers(*span), "CPU seconds (log scale)", span)
        axes.set(title=name, ylabel="AUROC")
        _label(axes, points, looks)
    alt = (
        f"Points of AUROC against CPU seconds, means over seeds at epsilon "
        f"{budget:g}, for {known['method'].nunique()} private methods on "
        f"{', '.join(tables)}; up and left is better."
    )
    return figure, alt


def _tables(lines: Any) -> list[str]:
    return sorted(set(lines["table"]))


def _wrapped(count: int) -> tuple[Figure, list[Axes]]:
    """Panels in rows of two, or of three where there are many."""
    across = min(2 if count <= _ACROSS else 3, count)
    down = math.ceil(count / across)
    figure, panels = _panels(down, across, (3.6 * across, 2.7 * down))
    every = list(panels.flat)
    for axes in every[count:]:
        axes.remove()
    return figure, every[:count]


def _looks(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """How each method looks, in every plot; no two share both colour and shape."""
    looks: dict[str, dict[str, Any]] = {
        name: {
            "color": _COLOURS[place % len(_COLOURS)],
            "marker": _SHAPES[place % len(_SHAPES)],
            "ms": 4.5,
            "lw": 1.0,
        }
        for place, name in enumerate(sorted(set(names) - {OURS}))
    }
    own = {"color": _MARK, "marker": "D", "ms": 6, "lw": 2.2, "zorder": 3}
    return {**looks, OURS: own}


def _log_axis(
    axes: Axes,
    ticks: Sequence[float],
    label: str,
    span: tuple[float, float] | None = None,
) -> None:
    low, high = span or (min(ticks), max(ticks))
    room = max(1.15, (high / low) ** 0.06)
    axes.set_xscale("log")
    axes.set_xlim(low / room, high * room)
    axes.minorticks_off()
    axes.set_xticks(ticks, [f"{each:.4g}" for each in ticks])
    axes.set_xlabel(label)


def _round_numbers(low: float, high: float) -> list[float]:
    """Ticks of round numbers around the figures; the further they span, the fewer."""
    finest = [
        (6, (1, 1.5, 2, 3, 4, 6)),
        (20, (1, 2, 5)),
        (300, (1, 3)),
        (math.inf, (1,)),
    ]
    steps = next(each for most, each in finest if high / low < most)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [step * 10.0**power for power in powers for step in steps]
    inner = [each for each in ticks if low / 1.15 <= each <= high * 1.15]
    return inner or [float(f"{low:.2g}")]


def _label(
    axes: Axes,
    points: Mapping[str, tuple[float, float]],
    looks: Mapping[str, Mapping[str, Any]],
) -> None:
    """Name the points in a column at the right, each with a thin line to its name."""
    axes.margins(y=0.08)
    low, high = axes.get_ylim()
    names = sorted(points, key=lambda name: (points[name][1], name))
    heights = _spread([(points[name][1] - low) / (high - low) for name in names])
    for name, height in zip(names, heights, strict=True):
        colour = looks[name]["color"]
        axes.annotate(
            name,
            points[name],
            xytext=(1.06, height),
            textcoords="axes fraction",
            va="center",
            color=_MARK if name == OURS else _DARK,
            fontweight="bold" if name == OURS else "normal",
            arrowprops={
                "arrowstyle": "-",
                "color": colour,
                "lw": 0.8,
                "ls": (0, (1, 2)),  # dots, lest it be read as figures
                "relpos": (0, 0.5),
                "shrinkA": 0,
                "shrinkB": 3,
                "zorder": 0,
            },
        )


def _spread(wanted: Sequence[float]) -> list[float]:
    """Rising heights near the wanted, rising ones, but never closer than the gap."""
    found: list[float] = []
    for want in wanted:
        found.append(max(want, found[-1] + _GAP) if found else want)
    top = 1.0
    for place in range(len(found) - 1, -1, -1):
        found[place] = min(found[place], top)
        top = found[place] - _GAP
    return found
