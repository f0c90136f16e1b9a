"""The page of comparisons, from files of results alone: no figure is typed by hand.

NOT PRIVATE: figures of public tables. An unfinished run is shown as such and never
counts as beaten; a difference within its interval over seeds counts as level.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from fairveil import _files
from fairveil.bench import caveats, plots, variants
from fairveil.bench.caveats import FLOOR, WORSE
from fairveil.bench.cells import grid, runs, shown
from fairveil.bench.methods import ENDS, OURS, is_peer
from fairveil.bench.results import HEADLINE, Row, summary
from fairveil.bench.verdicts import (
    BETTER,
    JUDGED,
    Place,
    Verdict,
    judge,
    setbacks,
    values_of,
)
from fairveil.errors import ConfigError, problem

_HEAD = """# Benchmarks

Made by `fairveil bench page` from `benchmarks/results/*.jsonl`; not typed by hand. Each
run is a process with one thread; every method sees the same training rows (70 %, split
with seed 0), the same public code book and delta 1e-5. A cell is the mean over seeds,
with the half width of its 95 % interval where there are at least two; **bold** is the
best method of a section by its mean. `real` (the training rows themselves) is the
ceiling and `independent` (each column shuffled) the floor.
[metrics.md](metrics.md) explains the columns. CPU seconds include starting and imports;
machines were shared, and the same run takes up to twice as many on a busy one.

`fairveil` here is `fairness=None`, as the private peers offer no more; **the default
of the library is `independence`**, which [costs
something](#fairness-and-what-it-costs). AIM runs with 2 rounds for each column (28 on
Adult): its library's default of 16 takes hours, so AIM is not at its best here.
"""
_STANDS = """## Where fairveil stands

A cell is a table and a finite epsilon at which at least one private peer finished.
Two methods are level in it where their means differ by less than the half width of the
95 % interval of the difference over seeds (Welch's t); with a single run on either side
the **bare** means decide, which tells nothing of noise. fairveil **leads** a cell where
it leads every such peer, is **behind** where any one leads it, and is **level**
otherwise. A peer that did not finish, or was not run, never counts as beaten.
"""
_OVERVIEW = f"""## Overview

AUROC is `auroc_gbm` (higher is better), 2-way TVD is `tvd2` (lower is better). The best
peer is the private one with the best mean, for each metric; the last column has the CPU
seconds of the two, once where they are the same method. *bare*: a single run on either
side. {WORSE}: a peer is worse here than at a smaller epsilon. {FLOOR}: worse than a
shuffle of each column. *not run*: no row; *none finished*: rows, and none ended well.
"""

_PLOTTED = """Tables on which no peer has a run are left out of the plots. A point with
no interval is a single run; on the grey side of a floor a shuffle is better.
"""


def write(rows: Sequence[Row], output: Path) -> None:
    """Write the page, and its plots into a folder beside it that has its name.

    Args:
        rows: as ``results.read`` gives them.
        output: the Markdown file.

    Raises:
        ConfigError: there are no rows, or matplotlib is not installed.
    """
    if not rows:
        raise ConfigError(
            problem(
                "there are no results to write a page from",
                got="no rows",
                try_="fairveil bench run",
            )
        )
    drawn = plots.draw(rows, output.with_suffix(""))
    lines: Any = summary(rows)
    values = values_of(rows)
    verdicts = {metric: list(judge(values, metric)) for metric in JUDGED}
    worse = {metric: setbacks(values, metric) for metric in JUDGED}
    first = next(iter(JUDGED))
    parts = [
        _HEAD,
        _stands(verdicts, lines) + caveats.judgement(rows, lines),
        caveats.worse_with_budget(worse, verdicts),
        caveats.below_floor(lines),
        _overview(verdicts, worse, lines),
        _PLOTTED if drawn else "",
        *(_link(output.stem, *each) for each in drawn),
        caveats.tables(rows),
        caveats.methods(rows),
        caveats.coverage(rows, verdicts[first], values[first]),
        variants.ablation(rows, lines),
        variants.fairness(rows),
        *_private(lines),
        *_free(lines),
        caveats.versions(rows),
    ]
    output.parent.mkdir(parents=True, exist_ok=True)
    _files.write_whole(output, "\n".join(part for part in parts if part).encode())


def _link(stem: str, name: str, alt: str) -> str:
    return f"![{alt}]({quote(stem)}/{name})\n"


# --- the count


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
        told.append(f"{text}.{_bare(found)}")
        told += [f"  - {_close(each)}" for each in found if each.word == "behind"]
        told += [f"  - {_close(each)}" for each in found if each.word == "level"]
        missing = [_where(each) for each in found if each.word == "missing"]
        if missing:
            told.append(f"  - no figure of fairveil on {', '.join(missing)}")
    unfinished = _unfinished(lines)
    if unfinished:
        told.append(f"- Runs of private peers that did not finish: {unfinished}.")
    return "\n".join([*told, ""])


def _bare(found: Sequence[Verdict]) -> str:
    """How many verdicts of each kind rest on a single run on either side."""
    words = Counter(each.word for each in found if each.bare)
    if not words:
        return ""
    kinds = [f"{words[w]} {w}" for w in ("leads", "level", "behind") if words[w]]
    return (
        f" Bare means decided {words.total()} of these {len(found)} verdicts:"
        f" {', '.join(kinds)}."
    )


def _where(verdict: Verdict) -> str:
    return f"{verdict.place[0]} at epsilon {verdict.place[1]:g}"


def _close(verdict: Verdict) -> str:
    """A cell that fairveil does not lead: by how much, and against which peer."""
    if verdict.word == "behind":
        gap = f"{abs(verdict.gap):.4f}"
        gap += "" if verdict.bare else f" ± {verdict.half:.4f}"
        return f"behind on {_where(verdict)} by {gap} against {verdict.against}"
    gap = f"{verdict.gap:+.4f}"
    gap += "" if verdict.bare else f" ± {verdict.half:.4f}"
    return f"level on {_where(verdict)} with {verdict.against} ({gap})"


def _unfinished(lines: Any) -> str:
    """Each private peer's unfinished runs, over all tables and budgets."""
    counts: dict[str, Counter[str]] = {}
    for record in lines.to_dict("records"):
        if is_peer(record["method"]) and math.isfinite(record["epsilon"]):
            for part in filter(None, record["unfinished"].split(", ")):
                status, count = part.rsplit(" ", 1)
                counts.setdefault(record["method"], Counter())[status] += int(count)
    return "; ".join(
        f"{name} ({', '.join(f'{k} {v}' for k, v in sorted(found.items()))})"
        for name, found in sorted(counts.items())
    )


# --- the overview


def _overview(
    verdicts: Mapping[str, Sequence[Verdict]], worse: Mapping[str, Any], lines: Any
) -> str:
    heads = ["table", "epsilon"]
    for title in JUDGED.values():
        heads += [f"{title}, fairveil", f"{title}, best peer"]
    words = {
        (metric, each.place): _words(each, caveats.touched(worse[metric]))
        for metric, found in verdicts.items()
        for each in found
        if each.word != "missing"
    }
    floors = caveats.floors(lines)
    told = [
        _overview_line(place, group, words, floors.get(place[0], math.inf))
        for place, group in lines.groupby(["table", "epsilon"])
        if math.isfinite(place[1])
    ]
    heads += ["CPU s, fairveil", "CPU s, best peers"]
    return "\n".join([_OVERVIEW, *grid(heads, told), ""])


def _words(verdict: Verdict, marked: set[Place]) -> str:
    bare = " (bare)" if verdict.bare else ""
    mark = f" {WORSE}" if verdict.place in marked else ""
    return f", {verdict.word}{bare}{mark}"


def _overview_line(
    place: Place, group: Any, words: Mapping[Any, str], floor: float
) -> list[str]:
    own = group[group["method"] == OURS].to_dict("records")
    rivals = group[group["method"].map(is_peer)]
    cells, peers = [place[0], f"{place[1]:g}"], {}
    for metric in JUDGED:
        text = shown(own[0], metric) if own else "not run"
        text = text or own[0]["unfinished"] or "undefined"
        mark = _under(own[0], metric, floor) if own else ""
        cells.append(f"{text}{mark}{words.get((metric, place), '')}")
        best = _best(rivals, metric)
        if best is None:
            cells.append("not run" if rivals.empty else "none finished")
            continue
        peers[best] = group[group["method"] == best].to_dict("records")[0]
        mark = _under(peers[best], metric, floor)
        cells.append(f"{shown(peers[best], metric)}{mark}, {best}")
    cells.append(shown(own[0], "cpu_seconds") if own else "")
    cells.append(" / ".join(shown(each, "cpu_seconds") for each in peers.values()))
    return cells


def _under(record: Mapping[str, Any], metric: str, floor: float) -> str:
    return f" {FLOOR}" if metric == "tvd2" and record[metric] > floor else ""


# --- the sections


def _private(lines: Any) -> Iterator[str]:
    """A section for each table and finite budget, ceiling and floor beside."""
    for (name, epsilon), group in lines.groupby(["table", "epsilon"]):
        if math.isfinite(epsilon):
            ends = lines[(lines["table"] == name) & lines["method"].isin(ENDS)]
            every = pd.concat([group, ends]).drop_duplicates("method")
            yield _section(f"## {name}, epsilon {epsilon:g}", every)


def _free(lines: Any) -> Iterator[str]:
    """What ran without privacy: apart, because it competes with nothing above."""
    found = lines[lines["epsilon"].map(math.isinf)]
    rivals = found[~found["method"].isin(ENDS)]
    if not rivals.empty:
        yield (
            "## Not private\n\nNothing above counts these methods. Tables with nothing"
            " but ceiling and floor are left out: both stand in the sections above.\n"
        )
    for name in sorted(set(rivals["table"])):
        yield _section(f"### {name}, not private", found[found["table"] == name])


def _section(title: str, group: Any) -> str:
    rivals = group[~group["method"].isin(ENDS)]
    best = {metric: _best(rivals, metric) for metric in BETTER}
    ranked = group.sort_values("auroc_gbm", ascending=False, na_position="last")
    told = [
        [each["method"], runs(each), *(shown(each, m, best.get(m)) for m in HEADLINE)]
        for each in ranked.to_dict("records")
    ]
    return "\n".join([title, "", *grid(("method", "runs", *HEADLINE), told), ""])


def _best(rivals: Any, metric: str) -> str | None:
    """The method with the best mean."""
    rivals = rivals[rivals[metric].notna()]
    if rivals.empty:
        return None
    at = (rivals[metric] * BETTER[metric]).idxmax()
    return str(rivals.loc[at, "method"])
