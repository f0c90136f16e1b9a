"""The page of comparisons, from files of results alone: no figure is typed by hand.

NOT PRIVATE: figures of public tables. An unfinished run is shown as such and never
counts as beaten.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from fairveil import _files
from fairveil.bench.results import HEADLINE, Row, frame, summary

OURS = "fairveil"
_ENDS = ("real", "independent")
_BETTER = {"auroc_gbm": 1, "auroc_lr": 1, "tvd1": -1, "tvd2": -1, "tvd3": -1}
_JUDGED = ("auroc_gbm", "tvd2")  # what the count of led cells looks at
_HEAD = """# Benchmarks

Made by `fairveil bench page` from `benchmarks/results/*.jsonl`; not typed by hand. Each
run is a process with one thread; every method sees the same training rows (70 %, split
with seed 0), the same public code book and delta 1e-5. A cell is the mean over seeds,
with the half width of its 95 % interval where there are at least two; **bold** is the
best private method of a table and budget by its mean. `real` (the training rows
themselves) is the ceiling and `independent` (each column shuffled) the floor.
[metrics.md](metrics.md) explains the columns; CPU seconds include starting and imports.

"""


def write(rows: Sequence[Row], output: Path) -> None:
    """Write the page.

    Args:
        rows: as ``results.read`` gives them.
        output: the Markdown file.
    """
    parts = [_HEAD, _led(rows)]
    lines: Any = summary(rows)
    for (name, epsilon), group in lines.groupby(["table", "epsilon"]):
        if math.isfinite(float(epsilon)):
            ends = lines[(lines["table"] == name) & lines["method"].isin(_ENDS)]
            shown = pd.concat([group, ends]).drop_duplicates("method")
        else:
            shown = group
        parts.append(_section(str(name), float(epsilon), shown))
    parts.append(_versions(rows))
    _files.write_whole(output, "\n".join(parts).encode())


def _section(name: str, epsilon: float, group: Any) -> str:
    title = "not private" if math.isinf(epsilon) else f"epsilon {epsilon:g}"
    heads = ("method", "runs", *HEADLINE)
    lines = [f"## {name}, {title}", "", f"| {' | '.join(heads)} |"]
    lines.append("|---" * len(heads) + "|")
    best = {m: _best(group, m) for m in _BETTER}
    ranked = group.sort_values("auroc_gbm", ascending=False, na_position="last")
    for record in ranked.to_dict("records"):
        runs = ", ".join(t for t in (str(record["runs"]), record["unfinished"]) if t)
        cells = [_cell(record, m, best.get(m)) for m in HEADLINE]
        lines.append(f"| {record['method']} | {runs} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def _best(group: Any, metric: str) -> str | None:
    """The method with the best mean, ceiling and floor apart."""
    rivals = group[~group["method"].isin(_ENDS) & group[metric].notna()]
    if rivals.empty:
        return None
    at = (rivals[metric] * _BETTER[metric]).idxmax()
    return str(rivals.loc[at, "method"])


def _cell(record: dict[str, Any], metric: str, best: str | None) -> str:
    value = record[metric]
    if value is None or math.isnan(value):
        return ""
    text = f"{value:.0f}" if metric in ("cpu_seconds", "peak_mb") else f"{value:.4f}"
    if not math.isnan(record[f"{metric}_low"]) and metric in _BETTER:
        text += f" ± {value - record[f'{metric}_low']:.4f}"
    return f"**{text}**" if record["method"] == best else text


def _led(rows: Sequence[Row]) -> str:
    """In how many cells fairveil leads the best private peer that finished."""
    lines: Any = summary(rows)
    lines = lines[lines["epsilon"].map(math.isfinite)]
    told = ["## Where fairveil stands", ""]
    for metric in _JUDGED:
        led, cells, behind = 0, 0, []
        for (name, epsilon), group in lines.groupby(["table", "epsilon"]):
            own = group.loc[group["method"] == OURS, metric].dropna()
            peers = group[~group["method"].str.startswith(OURS)][metric].dropna()
            if own.empty or peers.empty:
                continue
            sign = _BETTER[metric]
            cells += 1
            if sign * own.iloc[0] > (sign * peers).max():
                led += 1
            else:
                behind.append(f"{name} at epsilon {epsilon:g}")
        where = f"; not on {', '.join(behind)}" if behind else ""
        told.append(
            f"- `{metric}`: better than every private peer that finished in {led} of "
            f"{cells} cells of table and budget{where}."
        )
    return "\n".join([*told, ""])


def _versions(rows: Sequence[Row]) -> str:
    runs: Any = frame(rows)
    known: Any = runs.dropna(subset=["library"])[["library", "version"]]
    known = known.drop_duplicates()
    told = [f"{r['library']} {r['version']}" for r in known.to_dict("records")]
    return f"## Versions\n\n{', '.join(sorted(told))}.\n"
