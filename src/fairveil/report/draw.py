"""Charts as SVG or PNG: one look, in a page and in a file of its own.

Secret or public: whatever the chart was made of. Promises: the same chart gives the
same bytes under one version of matplotlib; every text is escaped and drawn as it is (no
markup, no formula); in a page, colours follow the page's style sheet, so that dark mode
and print do, too, and nothing refers to anything outside.

Matplotlib (an extra) is imported when something is drawn.
"""

from __future__ import annotations

import contextlib
import io
import re
import textwrap
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fairveil._plot_style import STYLE
from fairveil.errors import ConfigError, UnsupportedError, problem

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Names of the page's style sheet, and their values on white paper. In a page the values
# are written as these names, so that its dark mode and its print style hold.
INK, SOFT, RULE = "#1b1f24", "#545b64", "#d3d9df"
ACCENT, SECOND, THIRD, FOURTH = "#0072b2", "#b35900", "#00755a", "#8a4a75"
_VARIABLES = {
    INK: "ink",
    SOFT: "soft",
    RULE: "rule",
    ACCENT: "accent",
    SECOND: "second",
    THIRD: "third",
    FOURTH: "fourth",
}
SUFFIXES = (".svg", ".png")
_LONGEST = 22  # letters of a label
_DPI = 200
_NARROW = 3.5  # inches of a chart of which four stand in a row
_HEAD, _FOOT = 0.45, 0.3  # inches of a sheet for its title and its stamp
_LETTERS, _LINE = 9.0, 0.2  # of a title: letters in an inch, inches of a line


@dataclass(frozen=True)
class Chart:
    """One picture, not drawn yet.

    Attributes:
        title: what it shows; said by screen readers.
        size: width and height in inches.
        paint: draws it.
    """

    title: str
    size: tuple[float, float]
    paint: Callable[[Axes], None]


def label(text: object, most: int = _LONGEST) -> str:
    """A text of a table as one short printable line."""
    shown = "".join(c if c.isprintable() else "·" for c in str(text))
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def inline(chart: Chart) -> str:
    """A chart as an SVG element inside a page.

    Raises:
        UnsupportedError: matplotlib is not installed.
    """
    with _styled(fonttype="none"):
        text = _svg(_alone(chart)).decode("utf-8")
    text = text[text.index("<svg") :]
    for pattern, new in _CUTS:
        text = re.sub(pattern, new, text, flags=re.DOTALL)
    text = re.sub(r"<[^>]*>", _tag, text)  # a text of a table stays as it is
    head = (
        f'<svg class="chart" viewBox="0 0 {72 * chart.size[0]:g} '
        f'{72 * chart.size[1]:g}" style="max-width: {96 * chart.size[0] * 1.1:.0f}px" '
        f'role="img" aria-label="{escape(chart.title)}">'
    )
    return re.sub(r"<svg[^>]*>", lambda _: head, text, count=1).strip()


# What a page does not want of a file: the head, its own style, names, clipping, fonts.
_CUTS = (
    (r"<metadata>.*?</metadata>", ""),
    (r"<!--.*?-->", ""),
    (r"<style[^>]*>.*?</style>", ""),
    (r"<defs>\s*</defs>", ""),
    (r"<clipPath.*?</clipPath>", ""),
    (r"<defs>\s*</defs>", ""),
    (r">\s*\n\s*<", ">\n<"),
)
_IN_TAGS = (
    (r' clip-path="[^"]*"', ""),
    (r'<g id="[^"]*"', "<g"),
    (r' xmlns(:xlink)?="[^"]*"', ""),
    (r"font: (?:[a-z]+ )*([\d.]+)px [^;\"]*", r"font-size: \1px"),
    (r"(\d+\.\d\d)\d+", r"\1"),  # a hundredth of a point is enough
    (r"\s*\n\s*", " "),
)


def _tag(found: re.Match[str]) -> str:
    """A tag with fewer digits, without names, fonts and clipping; colours by name."""
    text = found[0]
    for pattern, new in _IN_TAGS:
        text = re.sub(pattern, new, text)
    for colour, name in _VARIABLES.items():
        text = text.replace(colour, f"var(--{name})")
    return text


def sheet(
    charts: Sequence[Chart], *, title: str, stamp: str = "", across: int = 0
) -> Figure:
    """Charts beside and below each other in one figure of its own.

    Args:
        charts: at least one.
        title: of all of them.
        stamp: written in the foot, such as a mark of confidentiality.
        across: charts in a row; 0: as many as look well.
    """
    wide = across or min(len(charts), 4 if charts[0].size[0] < _NARROW else 3)
    rows = [charts[i : i + wide] for i in range(0, len(charts), wide)]
    heights = [max(chart.size[1] for chart in row) for row in rows]
    widths = [
        max(c.size[0] for c in (row[k] for row in rows if k < len(row)))
        for k in range(min(wide, len(charts)))
    ]
    lines = textwrap.wrap(title, int(_LETTERS * sum(widths))) or [title]
    head = _HEAD + _LINE * (len(lines) - 1)
    made = _figure((sum(widths), sum(heights) + head + (_FOOT if stamp else 0)))
    made.suptitle("\n".join(lines), fontsize=11, fontweight="bold", color=INK)
    grid = made.add_gridspec(
        len(rows), len(widths), height_ratios=heights, width_ratios=widths
    )
    for i, row in enumerate(rows):
        for k, chart in enumerate(row):
            axes = made.add_subplot(grid[i, k])
            chart.paint(axes)
            axes.set_title(chart.title, fontsize=8, color=INK)
    if stamp:
        made.supxlabel(stamp, fontsize=8, color="#a4262c", fontweight="bold")
    return made


def written(
    charts: Sequence[Chart], suffix: str, *, title: str, stamp: str = ""
) -> bytes:
    """The content of an SVG or PNG file.

    Raises:
        UnsupportedError: matplotlib is not installed.
    """
    with _styled(fonttype="path"):
        made = sheet(charts, title=title, stamp=stamp)
        if suffix == ".svg":
            return _svg(made)
        kept = io.BytesIO()
        made.savefig(
            kept, format="png", dpi=_DPI, metadata={"Software": None}, facecolor="white"
        )
        return kept.getvalue()


def check(path: str | Path) -> str:
    """The suffix of a file that a chart can be written to.

    Raises:
        ConfigError: another suffix.
        UnsupportedError: matplotlib is not installed.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise ConfigError(
            problem(
                "a plot is an SVG or a PNG file",
                got=str(path),
                try_="a name in .svg or .png",
            )
        )
    need()
    return suffix


def need() -> None:
    """Raise ``UnsupportedError`` where matplotlib is not installed."""
    if find_spec("matplotlib") is None:
        raise UnsupportedError(
            problem(
                "plots need the package matplotlib, which is not installed",
                try_="pip install 'fairveil[reports]'",
            )
        )


@contextlib.contextmanager
def _styled(*, fonttype: str) -> Iterator[None]:
    need()
    import matplotlib as mpl  # noqa: PLC0415  (an extra, and slow)

    settings: Any = {
        **mpl.rcParamsDefault,
        **STYLE,
        "svg.fonttype": fonttype,
        "text.parse_math": False,
        "text.color": INK,
        "axes.edgecolor": RULE,
        "axes.labelcolor": SOFT,
        "xtick.color": RULE,
        "ytick.color": RULE,
        "xtick.labelcolor": SOFT,
        "ytick.labelcolor": INK,
        "font.size": 8.5,
    }
    settings.pop("backend", None)  # a running program keeps its own
    with warnings.catch_warnings(), mpl.rc_context(settings):
        warnings.simplefilter("ignore")  # of letters that its own font lacks
        yield


def _alone(chart: Chart) -> Figure:
    made = _figure(chart.size)
    made.patch.set_alpha(0.0)
    axes = made.add_subplot()
    axes.patch.set_alpha(0.0)
    chart.paint(axes)
    return made


def _figure(size: tuple[float, float]) -> Figure:
    from matplotlib.backends.backend_agg import (  # noqa: PLC0415  (an extra)
        FigureCanvasAgg,
    )
    from matplotlib.figure import Figure  # noqa: PLC0415  (an extra)

    made = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(made)
    return made


def _svg(made: Figure) -> bytes:
    kept = io.BytesIO()
    made.savefig(kept, format="svg", metadata={"Date": None, "Creator": "fairveil"})
    return kept.getvalue()
