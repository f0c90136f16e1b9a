"""Cells and lines of the page's Markdown tables.

NOT PRIVATE: figures of public tables.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from fairveil.bench.verdicts import BETTER, Place

_WHOLE = ("cpu_seconds", "peak_mb")  # shown without decimals


def shown(record: Mapping[str, Any], metric: str, best: str | None = None) -> str:
    """A mean with its half width, bold where ``best`` is the method; else empty."""
    value = record[metric]
    if value is None or math.isnan(value):
        return ""
    text = f"{value:.0f}" if metric in _WHOLE else f"{value:.4f}"
    if not math.isnan(record[f"{metric}_low"]) and metric in BETTER:
        text += f" ± {value - record[f'{metric}_low']:.4f}"
    return f"**{text}**" if record["method"] == best else text


def runs(record: Mapping[str, Any]) -> str:
    """How many runs ended well, and how the others ended."""
    return ", ".join(t for t in (str(record["runs"]), record["unfinished"]) if t)


def grid(heads: Iterable[str], lines: Iterable[Iterable[str]]) -> list[str]:
    """The lines of a Markdown table."""
    heads = list(heads)
    return [line(*heads), "|---" * len(heads) + "|", *(line(*each) for each in lines)]


def line(*cells: str) -> str:
    """One line of it."""
    return f"| {' | '.join(cells)} |"


def budget(epsilon: float) -> str:
    """A budget in words."""
    return "not private" if math.isinf(epsilon) else f"epsilon {epsilon:g}"


def at(place: Place) -> str:
    """A table and a budget in words."""
    return f"{place[0]} at {budget(place[1])}"


def listed(names: Iterable[str]) -> str:
    """Names as code, in order, comma between."""
    return ", ".join(f"`{name}`" for name in sorted(names))
