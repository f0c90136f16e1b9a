"""The page of comparisons, from files of results alone: no figure is typed by hand.

NOT PRIVATE: figures of public tables. An unfinished run is shown as such and never
counts as beaten; a difference within its interval over seeds counts as level.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd
from scipy import stats

from fairveil import _files
from fairveil.bench import plots
from fairveil.bench.methods import OURS
from fairveil.bench.plots import ENDS, is_peer
from fairveil.bench.results import HEADLINE, Row, frame, summary
from fairveil.errors import ConfigError, problem

Place = tuple[str, float]  # a table and a budget
Values = Mapping[tuple[str, float, str], np.ndarray]  # one for each finished run
_BETTER = {"auroc_gbm": 1, "auroc_lr": 1, "tvd1": -1, "tvd2": -1, "tvd3": -1}
_JUDGED = {"auroc_gbm": "AUROC", "tvd2": "2-way TVD"}  # what the count looks at
_CONFIDENCE = 0.95
_HEAD = """# Benchmarks

Made by `fairveil bench page` from `benchmarks/results/*.jsonl`; not typed by hand. Each
run is a process with one thread; every method sees the same training rows (70 %, split
with seed 0), the same public code book and delta 1e-5. A cell is the mean over seeds,
with the half width of its 95 % interval where there are at least two; **bold** is the
best method of a section by its mean. `real` (the training rows themselves) is the
ceiling and `independent` (each column shuffled) the floor.
[metrics.md](metrics.md) explains the columns; CPU seconds include starting and imports.
"""
_STANDS = """## Where fairveil stands

A cell is a table and a finite epsilon at which at least one private peer finished.
Two methods are level in it where their means differ by less than the half width of the
95 % interval of the difference over seeds (Welch's t); with a single run on either side
the bare means decide. fairveil **leads** a cell where it leads every such peer, is
**behind** where any one leads it, and is **level** otherwise. A peer that did not
finish never counts as beaten.
"""
_OVERVIEW = """## Overview

AUROC is `auroc_gbm` (higher is better), 2-way TVD is `tvd2` (lower is better). The best
peer is the private one with the best mean, for each metric; the last column has the CPU
seconds of the two, once where they are the same method.
"""
_ABLATION = """## Ablation

Variant minus fairveil, at the same table and budget, with the half width of the 95 %
interval of the difference where both have at least two runs. A variant is worse where
its AUROC is negative or its TVD is positive here.
"""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How fairveil stands in one cell.

    Attributes:
        place: table and budget.
        word: leads, level or behind; missing without a figure of fairveil.
        against: the peer that decided: where behind, the one furthest ahead.
        gap: by how much the means differ; half: half width of its interval, or NaN.
        bare: whether a single run on either side left the means alone to decide.
    """

    place: Place
    word: str
    against: str = ""
    gap: float = math.nan
    half: float = math.nan
    bare: bool = False


def write(rows: Sequence[Row], output: Path) -> None:
    """Write the page, and its plots into a folder beside it that has its name.

    Args:
        rows: as ``results.read`` gives them.
        output: the Markdown file.

    Raises:
        ConfigError: there are no rows, or matplotlib is not installed.
    """
    if not rows:
        raise ConfigError(problem("there are no results to write a page from"))
    drawn = plots.draw(rows, output.with_suffix(""))
    lines: Any = summary(rows)
    values = _values(rows)
    verdicts = {metric: list(judge(values, metric)) for metric in _JUDGED}
    parts = [_HEAD, _stands(verdicts, lines), _overview(verdicts, lines)]
    parts += [_link(output.stem, *each) for each in drawn]
    parts += [_ablation(values, lines), *_private(lines), *_free(lines)]
    parts.append(_versions(rows))
    output.parent.mkdir(parents=True, exist_ok=True)
    _files.write_whole(output, "\n".join(part for part in parts if part).encode())


def _link(stem: str, name: str, alt: str) -> str:
    return f"![{alt}]({quote(stem)}/{name})\n"


# --- the count


def _values(rows: Sequence[Row]) -> Mapping[str, Values]:
    """For each metric, the known figures of the finished runs."""
    runs: Any = frame(rows)
    good = runs[runs["status"] == "ok"]
    found: dict[str, dict[tuple[str, float, str], np.ndarray]] = {}
    for metric in HEADLINE:
        known = good.dropna(subset=[metric]) if metric in good else good[:0]
        groups = known.groupby(["table", "epsilon", "method"])
        found[metric] = {k: g[metric].to_numpy(float) for k, g in groups}
    return found


def judge(values: Mapping[str, Values], metric: str) -> Iterator[Verdict]:
    """A verdict on each cell in which at least one private peer finished."""
    known, cells = values[metric], {}
    for (table, epsilon, method), figures in known.items():
        if is_peer(method) and math.isfinite(epsilon):
            cells.setdefault((table, epsilon), {})[method] = figures
    for place, peers in sorted(cells.items()):
        own = known.get((*place, OURS))
        if own is None:
            yield Verdict(place=place, word="missing")
            continue
        found = [_verdict(place, metric, own, *each) for each in peers.items()]
        # the worst word decides, and of those the widest gap to fairveil's harm
        order = ("behind", "level", "leads")
        sign = _BETTER[metric]
        yield min(found, key=lambda each: (order.index(each.word), sign * each.gap))


def _verdict(
    place: Place, metric: str, own: np.ndarray, name: str, other: np.ndarray
) -> Verdict:
    gap, half = difference(own, other)
    ahead = _BETTER[metric] * gap
    word = "leads" if ahead > 0 else "behind"
    if ahead == 0 or abs(gap) < half:  # never so where half is NaN
        word = "level"
    return Verdict(
        place=place, word=word, against=name, gap=gap, half=half, bare=math.isnan(half)
    )


def difference(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Difference of means, and the half width of its 95 % interval by Welch's t.

    Runs are not paired: two methods' seeds have nothing in common. The half width is
    NaN where either side has fewer than two values.
    """
    gap = float(one.mean() - other.mean())
    if min(len(one), len(other)) < 2:  # noqa: PLR2004  (no spread of a single run)
        return gap, math.nan
    parts = [float(each.var(ddof=1)) / len(each) for each in (one, other)]
    if sum(parts) == 0:
        return gap, 0.0
    weights = (p**2 / (len(v) - 1) for p, v in zip(parts, (one, other), strict=True))
    freedom = sum(parts) ** 2 / sum(weights)
    quantile = float(stats.t.ppf((1 + _CONFIDENCE) / 2, freedom))
    return gap, quantile * math.sqrt(sum(parts))


def _stands(verdicts: Mapping[str, Sequence[Verdict]], lines: Any) -> str:
    told = [_STANDS]
    for metric, found in verdicts.items():
        words = Counter(each.word for each in found)
        text = (
            f"- `{metric}`: leads in {words['leads']} of {len(found)} cells, level in "
            f"{words['level']}, behind in {words['behind']}"
        )
        if words["missing"]:
            text += f", no figure of fairveil in {words['missing']}"
        bare = sum(each.bare for each in found)
        text += f"; {bare} of them by bare means." if bare else "."
        told.append(text)
        told += [f"  - {_behind(each)}" for each in found if each.word == "behind"]
        missing = [_where(each) for each in found if each.word == "missing"]
        if missing:
            told.append(f"  - no figure of fairveil on {', '.join(missing)}")
    unfinished = _unfinished(lines)
    if unfinished:
        told.append(f"- Runs of private peers that did not finish: {unfinished}.")
    return "\n".join([*told, ""])


def _where(verdict: Verdict) -> str:
    return f"{verdict.place[0]} at epsilon {verdict.place[1]:g}"


def _behind(verdict: Verdict) -> str:
    gap = f"{abs(verdict.gap):.4f}"
    if not verdict.bare:
        gap += f" ± {verdict.half:.4f}"
    return f"behind on {_where(verdict)} by {gap} against {verdict.against}"


def _unfinished(lines: Any) -> str:
    """Each private peer's unfinished runs, over all tables and budgets."""
    counts: dict[str, Counter[str]] = {}
    for line in lines.to_dict("records"):
        if is_peer(line["method"]) and math.isfinite(line["epsilon"]):
            for part in filter(None, line["unfinished"].split(", ")):
                status, count = part.rsplit(" ", 1)
                counts.setdefault(line["method"], Counter())[status] += int(count)
    return "; ".join(
        f"{name} ({', '.join(f'{k} {v}' for k, v in sorted(found.items()))})"
        for name, found in sorted(counts.items())
    )


# --- the overview


def _overview(verdicts: Mapping[str, Sequence[Verdict]], lines: Any) -> str:
    heads = ["table", "epsilon"]
    for title in _JUDGED.values():
        heads += [f"{title}, fairveil", f"{title}, best peer"]
    told = [_OVERVIEW, *_heads(*heads, "CPU s, fairveil", "CPU s, best peers")]
    words = {(m, v.place): v.word for m, found in verdicts.items() for v in found}
    for place, group in lines.groupby(["table", "epsilon"]):
        if math.isfinite(place[1]):
            told.append(_overview_line(place, group, words))
    return "\n".join([*told, ""])


def _overview_line(place: Place, group: Any, words: Mapping[Any, str]) -> str:
    own = group[group["method"] == OURS].to_dict("records")
    cells, peers = [place[0], f"{place[1]:g}"], {}
    for metric in _JUDGED:
        word = words.get((metric, place))
        text = _cell(own[0], metric) if own else "not run"
        text = text or own[0]["unfinished"] or "undefined"
        cells.append(f"{text}, {word}" if word not in (None, "missing") else text)
        best = _best(group[group["method"].map(is_peer)], metric)
        if best is None:
            cells.append("none finished")
            continue
        peers[best] = group[group["method"] == best].to_dict("records")[0]
        cells.append(f"{_cell(peers[best], metric)}, {best}")
    cells.append(_cell(own[0], "cpu_seconds") if own else "")
    cells.append(" / ".join(_cell(each, "cpu_seconds") for each in peers.values()))
    return _line(*cells)


# --- variants


def _ablation(values: Mapping[str, Values], lines: Any) -> str:
    variants = lines[lines["method"].str.startswith(f"{OURS}-")]
    if variants.empty:
        return ""
    told = [_ABLATION, *_heads("table", "epsilon", "variant", "runs", *HEADLINE)]
    for line in variants.to_dict("records"):
        place = (line["table"], line["epsilon"])
        cells = [_change(values[m], place, line["method"], m) for m in HEADLINE]
        budget = "none" if math.isinf(place[1]) else f"{place[1]:g}"
        told.append(_line(place[0], budget, line["method"], _runs(line), *cells))
    return "\n".join([*told, ""])


def _change(known: Values, place: Place, variant: str, metric: str) -> str:
    """A variant's figure minus fairveil's; empty where either is missing."""
    one, other = known.get((*place, variant)), known.get((*place, OURS))
    if one is None or other is None:
        return ""
    gap, half = difference(one, other)
    if metric not in _BETTER:
        return f"{gap:+.0f}"
    return f"{gap:+.4f}" + ("" if math.isnan(half) else f" ± {half:.4f}")


# --- the sections


def _private(lines: Any) -> Iterator[str]:
    """A section for each table and finite budget, ceiling and floor beside."""
    for (name, epsilon), group in lines.groupby(["table", "epsilon"]):
        if math.isfinite(epsilon):
            ends = lines[(lines["table"] == name) & lines["method"].isin(ENDS)]
            shown = pd.concat([group, ends]).drop_duplicates("method")
            yield _section(f"## {name}, epsilon {epsilon:g}", shown)


def _free(lines: Any) -> Iterator[str]:
    """What ran without privacy: apart, because it competes with nothing above."""
    found = lines[lines["epsilon"].map(math.isinf)]
    if not found.empty:
        yield "## Not private\n\nNothing above counts these methods.\n"
    for name, group in found.groupby("table"):
        yield _section(f"### {name}, not private", group)


def _section(title: str, group: Any) -> str:
    told = [title, "", *_heads("method", "runs", *HEADLINE)]
    rivals = group[~group["method"].isin(ENDS)]
    best = {metric: _best(rivals, metric) for metric in _BETTER}
    ranked = group.sort_values("auroc_gbm", ascending=False, na_position="last")
    for record in ranked.to_dict("records"):
        cells = [_cell(record, m, best.get(m)) for m in HEADLINE]
        told.append(_line(record["method"], _runs(record), *cells))
    return "\n".join([*told, ""])


def _best(rivals: Any, metric: str) -> str | None:
    """The method with the best mean."""
    rivals = rivals[rivals[metric].notna()]
    if rivals.empty:
        return None
    at = (rivals[metric] * _BETTER[metric]).idxmax()
    return str(rivals.loc[at, "method"])


def _cell(record: Mapping[str, Any], metric: str, best: str | None = None) -> str:
    value = record[metric]
    if value is None or math.isnan(value):
        return ""
    text = f"{value:.0f}" if metric in ("cpu_seconds", "peak_mb") else f"{value:.4f}"
    if not math.isnan(record[f"{metric}_low"]) and metric in _BETTER:
        text += f" ± {value - record[f'{metric}_low']:.4f}"
    return f"**{text}**" if record["method"] == best else text


def _runs(record: Mapping[str, Any]) -> str:
    return ", ".join(t for t in (str(record["runs"]), record["unfinished"]) if t)


def _heads(*cells: str) -> tuple[str, str]:
    return _line(*cells), "|---" * len(cells) + "|"


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _versions(rows: Sequence[Row]) -> str:
    runs: Any = frame(rows)
    known: Any = runs.dropna(subset=["library"])[["library", "version"]]
    known = known.drop_duplicates()
    told = [f"{r['library']} {r['version']}" for r in known.to_dict("records")]
    return f"## Versions\n\n{', '.join(sorted(told))}.\n"
