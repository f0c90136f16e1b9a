"""The plots beside the page of comparisons, from rows of results alone.

NOT PRIVATE: figures of public tables. The same rows give the same bytes, under one
version of matplotlib; a plot whose data are not there is not drawn, nor is a table on
which no peer has a run. Colours are those of Okabe and Ito, and shapes tell methods
apart, too. An unfinished run, or none, is written out where it would have stood;
variants of fairveil are left to the page.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fairveil import _files
from fairveil._plot_style import DARK, PALE, STYLE
from fairveil.bench.methods import ENDS, OURS, is_peer
from fairveil.bench.results import Row, summary
from fairveil.errors import ConfigError, problem

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ACROSS = 4  # panels beside each other
_USUAL = 1.0  # the budget that is shown where it was run
_MARK = "#D55E00"  # fairveil's
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#000000")
_SHAPES = "os^vPX<>"
_WORSE = "#F0F0F0"  # behind figures that are worse than the floor


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

    settings: Any = {**mpl.rcParamsDefault, **STYLE}
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
    shown, left_out = _rivalled(private[private["epsilon"] == budget])
    if shown.empty:
        return None
    tables, names = _tables(shown), _ranked(shown)
    across = _width(len(tables))
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
        marks = {_END_WORDS[name]: _END_LOOKS[name] for name in ENDS}
        _legend(figure, marks, "worse than the floor")
    alt = (
        f"Dots with 95 % intervals over seeds at epsilon {budget:g}: AUROC (further "
        f"right is better) and 2-way TVD (further left is better) of {len(names)} "
        f"private methods on {', '.join(tables)}{left_out}."
    )
    return figure, alt


def _rivalled(lines: Any) -> tuple[Any, str]:
    """The lines of tables on which a peer finished, and words on the others."""
    finished = lines[lines["auroc_gbm"].notna()]
    pairs = zip(finished["table"], finished["method"], strict=True)
    tables = {table for table, method in pairs if is_peer(method)}
    others = sorted(set(finished["table"]) - tables)
    words = f" (no peer has a run, left out: {', '.join(others)})" if others else ""
    return lines[lines["table"].isin(tables)], words


def _width(count: int) -> int:
    """Panels beside each other, so that few places stay empty."""
    return min((_ACROSS, 3), key=lambda w: -count % w) if count > _ACROSS else count


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
    for name in set(names) - set(lines["method"]):
        _say(axes, names.index(name), "not run")
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
    text = axes.text(0.5, height, words, va="center", color="#666666", fontsize=7)
    text.set(
        transform=axes.get_yaxis_transform(), bbox=box, style="italic", ha="center"
    )


def _end_lines(axes: Axes, ends: Any, metric: str) -> None:
    """Ceiling and floor, and a shade over what is worse than the floor."""
    known = {
        name: float(ends.loc[ends["method"] == name, metric].dropna().iloc[0])
        for name in ENDS
        if ends.loc[ends["method"] == name, metric].notna().any()
    }
    for name, value in known.items():
        axes.axvline(value, zorder=0.5, **_END_LOOKS[name])
    low, high = axes.get_xlim()
    if ENDS[1] in known:
        floor = known[ENDS[1]]
        span = (low, floor) if metric == "auroc_gbm" else (floor, high)
        axes.axvspan(*span, color=_WORSE, lw=0, zorder=0)
    axes.set_xlim(low, high)


_END_WORDS: Mapping[str, str] = {
    ENDS[0]: "ceiling: the training rows",
    ENDS[1]: "floor: each column shuffled",
}
_END_LOOKS: Mapping[str, Mapping[str, Any]] = {
    ENDS[0]: {"color": PALE, "lw": 0.9, "ls": "--"},
    ENDS[1]: {"color": DARK, "lw": 1.2, "ls": ":"},
}


def _legend(
    figure: Figure, looks: Mapping[str, Mapping[str, Any]], shade: str | None = None
) -> None:
    """One legend for all panels: lines to names could be read as figures."""
    from matplotlib.lines import Line2D  # noqa: PLC0415  (an extra)
    from matplotlib.patches import Patch  # noqa: PLC0415  (an extra)

    marks: list[Any] = [Line2D([], [], **look) for look in looks.values()]
    names = list(looks)
    if shade is not None:
        marks.append(Patch(color=_WORSE))
        names.append(shade)
    columns = max(1, min(4, len(names), int(figure.get_figwidth() // 1.6)))
    figure.legend(
        marks, names, loc="outside lower center", ncols=columns, frameon=False
    )


# --- AUROC against budgets and costs


def _budgets(private: Any) -> tuple[Figure, str] | None:
    known, left_out = _rivalled(private[private["auroc_gbm"].notna()])
    counts = known.groupby("table")["epsilon"].nunique()
    tables = [name for name in _tables(known) if counts[name] > 1]
    if not tables:
        return None
    known = known[known["table"].isin(tables)]
    looks = _looks(set(known["method"]))
    figure, panels = _wrapped(len(tables))
    for axes, name in zip(panels, tables, strict=True):
        here = known[known["table"] == name].sort_values("epsilon")
        for method, line in here.groupby("method"):
            _intervals(axes, line, looks[method], "epsilon")
            axes.plot(line["epsilon"], line["auroc_gbm"], **looks[method])
        _log_axis(axes, sorted(set(here["epsilon"])), "epsilon (log scale)")
        axes.set(title=name, ylabel="AUROC")
    _legend(figure, looks)
    alt = (
        f"Lines of AUROC, mean over seeds, against epsilon for {len(looks)} private "
        f"methods on {', '.join(tables)}{left_out}; bars are 95 % intervals over "
        "seeds, and a point without one is a single run."
    )
    return figure, alt


def _intervals(axes: Axes, lines: Any, look: Mapping[str, Any], across: str) -> None:
    """Bars where a method has several runs, over its budgets or costs."""
    for each in lines.to_dict("records"):
        low, high = each["auroc_gbm_low"], each["auroc_gbm_high"]
        if not math.isnan(low):
            ends = max(low, 0.0), min(high, 1.0)
            at = (each[across],) * 2
            axes.plot(at, ends, color=look["color"], lw=3, alpha=0.35, zorder=1)


def _costs(private: Any) -> tuple[Figure, str] | None:
    budget = _budget(private)
    known = private[private["auroc_gbm"].notna() & (private["cpu_seconds"] > 0)]
    known, left_out = _rivalled(known[known["epsilon"] == budget])
    known = known[known.groupby("table")["method"].transform("count") > 1]
    if known.empty:
        return None
    looks, tables = _looks(set(known["method"])), _tables(known)
    figure, panels = _wrapped(len(tables))
    for axes, name in zip(panels, tables, strict=True):
        here = known[known["table"] == name]
        for method, line in here.groupby("method"):
            _intervals(axes, line, looks[method], "cpu_seconds")
            axes.plot(line["cpu_seconds"], line["auroc_gbm"], **looks[method])
        span = here["cpu_seconds"].min(), here["cpu_seconds"].max()
        _log_axis(axes, _round_numbers(*span), "CPU seconds (log scale)", span)
        axes.margins(y=0.1)
        axes.set(title=name, ylabel="AUROC")
    _legend(figure, looks)
    alt = (
        "Points of AUROC against CPU seconds, means over seeds, 95 % intervals, "
        f"at epsilon {budget:g}, for {len(looks)} private methods on "
        f"{', '.join(tables)}{left_out}; up and left is better."
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


def _looks(names: Collection[str]) -> dict[str, dict[str, Any]]:
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
    return {OURS: own, **looks} if OURS in names else looks


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
