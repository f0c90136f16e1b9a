"""A frontier as a picture: loss against unfairness, one panel for each promise.

Public: figures of synthetic rows. The same frontier gives the same bytes, under one
version of matplotlib. Colours are those of Okabe and Ito; shapes tell epsilons apart,
too. The line joins what no other release of the same fit beats.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from fairveil._frontier_candidate import Candidate, Fit, undominated
from fairveil._frontier_settings import PEOPLE
from fairveil._plot_style import DARK, PALE, STYLE
from fairveil.errors import ConfigError, problem

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from fairveil._frontier_result import Frontier

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_SHAPES = "osD^vPX"
_TITLES = {
    "hidden": "Hidden from an auditor of the release",
    "parity": "Alike for groups in what is predicted",
    PEOPLE: "Clusters that do not sort people by group",
}
_UNFAIR = {
    "hidden": "worst |AUROC - .5| of an auditor (left is fairer)",
    "parity": "worst parity difference beyond chance (left is fairer)",
    PEOPLE: "information left, as part of no debiasing's (left is fairer)",
}
_BASELINES = {None: ("X", "no debiasing"), "redraw": ("P", "redraw (trivial baseline)")}
_MANY = 3  # panels that leave room for a long legend
_LEAST_SPAN = 0.05  # of the losses shown, so that chance does not look steep
_MARGIN = 0.1  # of what is shown, around the points
_LETTER, _LINE = 0.015, 0.045  # of a panel: width of a letter, height of a line


_Point: TypeAlias = tuple[float, float, Candidate]  # unfairness, loss, and whose


def svg(found: Frontier) -> bytes:
    """A frontier as the content of an SVG file."""
    import matplotlib as mpl  # noqa: PLC0415  (an extra, and slow)

    settings: Any = {**mpl.rcParamsDefault, **STYLE}
    settings.pop("backend", None)  # a running program keeps its own
    with mpl.rc_context(settings):
        kept = io.BytesIO()
        about = {"Date": None, "Creator": "fairveil frontier"}
        figure(found).savefig(kept, format="svg", metadata=about)
    return kept.getvalue()


def check(path: str | Path) -> None:
    """Raise unless a plot of this name can be drawn on this machine.

    Raises:
        ConfigError: matplotlib is not installed, or another suffix.
    """
    if Path(path).suffix.lower() != ".svg":
        raise ConfigError(
            problem("a plot is an SVG file", got=str(path), try_="a name in .svg")
        )
    if find_spec("matplotlib") is None:
        raise ConfigError(
            problem(
                "plots need the package matplotlib, which is not installed",
                try_="pip install 'fairveil[frontier]'",
            )
        )


def figure(found: Frontier) -> Figure:
    """The panels, and one legend under them."""
    from matplotlib.backends.backend_agg import (  # noqa: PLC0415  (an extra)
        FigureCanvasAgg,
    )
    from matplotlib.figure import Figure  # noqa: PLC0415  (an extra)

    promises = found.promises
    size = (4.4 * len(promises), 4.1)
    made = Figure(figsize=size, layout="constrained", facecolor="white")
    FigureCanvasAgg(made)
    panels = made.subplots(1, len(promises), squeeze=False)
    for axes, promise in zip(panels.flat, promises, strict=True):
        _panel(axes, found, promise)
    handles: dict[str, Any] = {}
    for axes in panels.flat:
        lines, texts = axes.get_legend_handles_labels()
        handles |= dict(zip(texts, lines, strict=True))
    ends = {text for _, text in _BASELINES.values()}
    texts = sorted(handles, key=lambda text: text in ends)  # in order, fits first
    made.legend(
        [handles[text] for text in texts],
        texts,
        loc="outside lower center",
        ncols=2 if len(promises) < _MANY else 4,
        frameon=False,
    )
    return made


def _panel(axes: Axes, found: Frontier, promise: str) -> None:
    own = found.ranked(promise)
    dials = _dials(own)
    labels: list[tuple[float, float, str]] = []
    for place, fit in enumerate(sorted(found.fits, key=lambda f: (f.epsilon, f.name))):
        colour = _COLOURS[place % len(_COLOURS)]
        shape = _SHAPES[place % len(_SHAPES)]
        here = [(c.unfair(promise), c.loss, c) for c in own if c.fit.name == fit.name]
        front = _front(here)
        _points(axes, here, front, colour, shape)
        axes.plot([], [], f"{shape}-", color=colour, ms=5, label=_name(fit, found))
        _ends(
            axes,
            [b for b in found.baselines if b.fit.name == fit.name],
            promise,
            colour,
        )
        labels += [(x, y, _label(c, dials)) for x, y, c in front]
    axes.set_title(_TITLES[promise])
    told = " / ".join(dials)
    axes.set_xlabel(
        f"{_UNFAIR[promise]}\nat the points: {told}" if told else _UNFAIR[promise]
    )
    axes.set_ylabel("loss of utility (down is better)")
    across, up = axes.dataLim.xmax, (axes.dataLim.ymin, axes.dataLim.ymax)
    span = max(up[1] - up[0], _LEAST_SPAN)
    axes.set_xlim(0.0, (1.0 + _MARGIN) * max(across, _LEAST_SPAN))
    axes.set_ylim(up[0] - _MARGIN * span, up[0] + (1.0 + _MARGIN) * span)
    axes.locator_params(axis="x", nbins=6)
    axes.grid(color="#E5E5E5", lw=0.6)
    axes.set_axisbelow(True)
    _write(axes, labels)


def _front(here: Sequence[_Point]) -> list[_Point]:
    """What no other release of the fit beats, from the fairest on."""
    if not here:
        return []
    marks = undominated(np.array([(x, y) for x, y, _ in here]))
    kept = [point for point, mark in zip(here, marks, strict=True) if mark]
    return sorted(kept, key=lambda point: point[:2])


def _points(
    axes: Axes,
    here: Sequence[_Point],
    front: Sequence[_Point],
    colour: str,
    shape: str,
) -> None:
    """Filled and joined where nothing of the same fit beats them; else hollow."""
    beaten = [p for p in here if all(p is not kept for kept in front)]
    axes.plot(*_places(beaten), shape, color=colour, mfc="white", ms=4.5, alpha=0.75)
    axes.plot(*_places(front), "-", color=colour, lw=1.4)
    axes.plot(*_places(front), shape, color=colour, ms=5.5)


def _ends(
    axes: Axes, baselines: Sequence[Candidate], promise: str, colour: str
) -> None:
    for each in baselines:
        if promise == "parity" and each.settings.mode == "redraw":
            continue  # it does not make this promise
        shape, text = _BASELINES[each.settings.mode]
        across = {
            "parity": each.measured.parity,
            "hidden": each.measured.hidden,
            PEOPLE: each.unfair(PEOPLE),
        }[promise]
        axes.plot([across], [each.loss], shape, color=colour, mec="white", ms=9)
        axes.plot([], [], shape, color=PALE, ms=7, ls="none", label=text)


def _places(points: Sequence[_Point]) -> tuple[list[float], list[float]]:
    return [x for x, _, _ in points], [y for _, y, _ in points]


def _name(fit: Fit, found: Frontier) -> str:
    shown = f"epsilon {fit.epsilon:g}"
    same = sum(other.epsilon == fit.epsilon for other in found.fits) > 1
    text = f"{shown} ({fit.name})" if same else shown
    return text if fit.private else f"{text}: NOT PRIVATE"


def _dials(own: Sequence[Candidate]) -> list[str]:
    """The settings that are written at the points of a panel: those that vary."""
    return [
        name
        for name in ("mode", "strength", "blind", "proxies", "clusters")
        if len({getattr(c.settings, name) for c in own}) > 1
    ]


def _label(candidate: Candidate, dials: Sequence[str]) -> str:
    values = [getattr(candidate.settings, name) for name in dials]
    shown = [f"{v:.2g}" if isinstance(v, float) else str(v) for v in values]
    return " / ".join("usual" if text == "None" else text for text in shown)


def _write(axes: Axes, labels: Sequence[tuple[float, float, str]]) -> None:
    """Write settings beside their points, but none upon another."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    taken: list[tuple[float, float, int]] = []
    for across, up, text in labels:
        x, y = (across - left) / (right - left), (up - low) / (high - low)
        lines = (len(text), *(n for _, _, n in taken))
        near = _LETTER * max(lines)
        if any(abs(x - a) < near and abs(y - b) < _LINE for a, b, _ in taken):
            continue
        taken.append((x, y, len(text)))
        end = x + _LETTER * len(text) > 1.0
        axes.annotate(
            text,
            (across, up),
            xytext=(-4 if end else 4, 4),
            textcoords="offset points",
            ha="right" if end else "left",
            fontsize=7,
            color=DARK,
        )
