"""The table of means that ``fairveil bench table`` prints.

NOT PRIVATE: figures of public tables.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from fairveil.bench.results import Row


def others(
    found: Sequence[tuple[Row, Path]], first: Path
) -> dict[tuple[str, float, str], str]:
    """Files that lines of the table come from, where not from the first one alone."""
    names: dict[tuple[str, float, str], set[str]] = {}
    for row, path in found:
        if path != first:
            line = row["table"], float(row["epsilon"]), row["method"]
            names.setdefault(line, set()).add(path.name)
    return {line: ", ".join(sorted(each)) for line, each in names.items()}


def lines(
    means: pd.DataFrame, kept: Mapping[tuple[str, float, str], str]
) -> Iterator[str]:
    """One block for each table and budget, the methods under each other."""
    metrics = [name.removesuffix("_low") for name in means if name.endswith("_low")]
    shown = None
    for line in means.to_dict("records"):
        place = line["table"], line["epsilon"]
        if place != shown:
            budget = "not private" if math.isinf(place[1]) else f"epsilon {place[1]:g}"
            yield f"\n{place[0]}, {budget}"
            yield _line("method", "runs", metrics)
            shown = place
        cells = [_cell(line[name], line[f"{name}_high"]) for name in metrics]
        other = kept.get((*place, line["method"]))
        last = [line["unfinished"], f"(kept in {other})" if other else ""]
        runs = str(line["runs"])
        yield _line(line["method"], runs, cells, " ".join(filter(None, last)))
    yield "\nMean +- half the 95 % interval over seeds (Student's t)."


def _line(name: str, runs: str, cells: list[str], last: str = "") -> str:
    return f"{name:<22}{runs:>5}{''.join(f'{c:>17}' for c in cells)}  {last}".rstrip()


def _cell(middle: float, high: float) -> str:
    if math.isnan(middle):
        return "-"
    places = 0 if abs(middle) >= 10 else 4  # noqa: PLR2004  (costs, not shares)
    spread = "" if math.isnan(high) else f" +-{high - middle:.{places}f}"
    return f"{middle:.{places}f}{spread}"
