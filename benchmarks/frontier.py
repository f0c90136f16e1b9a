"""The frontiers of two public tables: every release of a few private fits, drawn.

Run ``make frontier`` (or ``python benchmarks/frontier.py --data FOLDER``). Fits Adult
(embedded) under two budgets and COMPAS (from the folder; left out where it is not
there) under one, tries releases of each fit, and writes docs/frontier.md and the plots
beside it. Only the fits see real rows; the fits are kept and used again.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from fairveil import FairVeil, Schema, __version__
from fairveil.bench import tables
from fairveil.bench.ours import column_of
from fairveil.datasets import get
from fairveil.errors import TableError
from fairveil.frontier import Candidate, Frontier, frontier
from fairveil.post.groups import LEAST_GROUP

# What is tried of each fit; a generator is trained for each line of the first alone.
SWEEPS: dict[str, dict[str, Any]] = {
    "independence": {"strengths": [0.5, 1.0]},
    "outcome": {"strengths": [0.5, 1.0], "blind": [0.0, 0.25, 0.5]},
    "redraw": {"strengths": [1.0], "proxies": [0.0, 0.25, 0.5, 0.75, 1.0]},
}
HEADINGS = {
    "hidden": ("hidden from an auditor", "worst abs(AUROC - .5)"),
    "parity": ("alike in what is predicted", "worst gap beyond chance"),
    "people": ("people not sorted by clusters", "information left"),
}
PAGE = """# Frontiers

Made by `make frontier DATA=FOLDER` (`python benchmarks/frontier.py --data FOLDER`) with
fairveil {version} and jax {jax} on {cores} shared cores; not typed by hand. Seed {seed} for
everything but the privacy noise, which no seed repeats: a new run is a new fit, unless the
fits of an earlier run are kept in `.bench/frontier`.

**Every figure is of synthetic rows and is there for ranking only.** It tells which release
of a fit to take, at no privacy cost; it is not what real people would see. That is measured
in [fairness.md](fairness.md), on real rows, which may never choose a release.

Each release is compared with {rows:,} rows of the same fit without debiasing (of the larger
epsilon, where there are two). `loss` is the larger of AUROC lost and 2-way distance added;
0 is none, and chance may bring it a little below. Three measures of fairness, 0 being what
is asked for:

- *hidden*: the worst `|AUROC - .5|` of an auditor who guesses sex, race or both from the
  other columns of the release. `redraw` is the trivial baseline.
- *alike*: the worst gap between groups of sex, of race or of both in how often a model of
  the release says yes, with or without these columns among its features, at the threshold
  where it says yes as often as the reference; less the gap that chance alone makes.
  Groups under {least:.1%} of the rows count in none: `outcome` promises nothing for them.
- *people*: clusters fitted to the release sort rows of the reference, which stand in for
  real people; how much they tell of sex, race or both, as a part of what clusters of the
  release without debiasing tell: 1 is no help at all. The worst of the three, of those
  that the latter tell anything of.

A table lists what no other release of the same table beats in loss, its measure and
epsilon together. In a plot a line joins what no other release of the same fit beats; hollow
points are beaten.
"""
SECTION = """
## {title}

{about}

![{title}: loss against unfairness]({picture})

The same sweeps as commands, for one fit (a new fit has noise of its own):

```
fairveil fit {file} --epsilon {epsilon:g} --fairness none --sensitive {sensitive} \\
    --schema schema.json -o model.fairveil
fairveil frontier model.fairveil --target {target} --positive {positive} \\
    --modes independence --strengths .5,1
fairveil frontier model.fairveil --target {target} --positive {positive} \\
    --modes outcome --strengths .5,1 --blind 0,.25,.5
fairveil frontier model.fairveil --target {target} --positive {positive} \\
    --modes redraw --strengths 1 --proxies 0,.25,.5,.75,1
```
"""
ABSENT = "\n## COMPAS\n\nLeft out of this run: {reason}.\n"


@dataclass(frozen=True)
class Job:
    """A table, what is asked of it, and under which budgets."""

    name: str
    title: str
    file: str
    frame: Any
    schema: Schema
    sensitive: tuple[str, ...]
    target: str
    positive: Any
    epsilons: tuple[float, ...]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    folder = os.environ.get("FAIRVEIL_BENCH_DATA", "data")
    parser.add_argument("--data", type=Path, default=Path(folder))
    parser.add_argument("--work", type=Path, default=Path(".bench/frontier"))
    parser.add_argument("--pages", type=Path, default=Path("docs"))
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    wish = parser.parse_args()
    for made in (wish.work, wish.pages / "frontier"):
        made.mkdir(parents=True, exist_ok=True)
    sections = [section(adult(), wish)]
    try:
        sections.append(section(compas(wish.data), wish))
    except TableError as error:
        print(f"COMPAS is left out: {error}")
        sections.append(ABSENT.format(reason=error))
    (wish.pages / "frontier.md").write_text(page(wish, sections), encoding="utf-8")


def adult() -> Job:
    known = get("adult")
    return Job(
        name="adult",
        title="Adult",
        file="adult.csv",
        frame=known.load(),
        schema=known.schema(),
        sensitive=("sex", "race"),
        target=known.target,
        positive=known.positive,
        epsilons=(1.0, 3.0),
    )


def compas(folder: Path) -> Job:
    known = tables.table("compas")
    frame = known.load(folder)
    facts = tables.code_book(frame)["columns"]
    columns = tuple(column_of(each) for each in facts)
    return Job(
        name="compas",
        title="COMPAS",
        file=known.file,
        frame=frame,
        schema=Schema(columns=columns, declared_by="the benchmark's code book"),
        sensitive=("sex", "race"),
        target=known.target,
        positive=known.positive,
        epsilons=(1.0,),
    )


def fitted(job: Job, epsilon: float, wish: argparse.Namespace) -> FairVeil:
    """A fit without debiasing, of an earlier run where it is kept."""
    path = wish.work / f"{job.name}-{epsilon:g}-{wish.seed}.fairveil"
    if not path.is_file():
        model = FairVeil(
            epsilon=epsilon,
            sensitive=job.sensitive,
            fairness=None,
            schema=job.schema,
            random_state=wish.seed,
        )
        model.fit(job.frame).save(path)
    return FairVeil.load(path)


def explored(job: Job, wish: argparse.Namespace) -> Frontier:
    """All sweeps of all fits of a table, as one frontier."""
    models = [fitted(job, epsilon, wish) for epsilon in job.epsilons]
    parts = []
    for mode, dials in SWEEPS.items():
        started = time.monotonic()
        part = frontier(
            models,
            modes=[mode],
            target=job.target,
            positive=job.positive,
            rows=wish.rows,
            names=[f"epsilon {epsilon:g}" for epsilon in job.epsilons],
            random_state=wish.seed,
            **dials,
        )
        took = time.monotonic() - started
        print(f"{job.name}, {mode}: {took:.0f} s\n{part}\n", flush=True)
        parts.append(part)
    return joined(parts)


def joined(parts: Sequence[Frontier]) -> Frontier:
    """One frontier of several with the same fits, seed and reference."""
    kept: dict[tuple[str, Any], Candidate] = {}
    for each in (b for part in parts for b in part.baselines):
        key = (each.fit.name, each.settings)
        kept[key] = completed(kept.get(key, each), each)
    found = tuple(c for part in parts for c in part.candidates)
    return replace(parts[0], candidates=found, baselines=tuple(kept.values()))


def completed(one: Candidate, other: Candidate) -> Candidate:
    """A baseline with what only another sweep measured of the same rows."""
    mine, more = one.measured, other.measured
    names = ("gaps", "chance", "people", "people_chance")
    held = {n: getattr(mine, n) or getattr(more, n) for n in names}
    people = other.people if one.people is None else one.people
    return replace(one, measured=replace(mine, **held), people=people)


def section(job: Job, wish: argparse.Namespace) -> str:
    """Sweep a table, draw its plot, and tell of it."""
    found = explored(job, wish)
    found.save(wish.work / f"{job.name}.json")
    found.plot(wish.pages / "frontier" / f"{job.name}.svg")
    return told(job, found)


def told(job: Job, found: Frontier) -> str:
    epsilons = " and ".join(f"{epsilon:g}" for epsilon in job.epsilons)
    text = SECTION.format(
        title=job.title,
        about=(
            f"{len(job.frame):,} rows, {job.frame.shape[1]} columns; epsilon "
            f"{epsilons}, delta 1e-5; target {job.target}, sensitive "
            f"{' and '.join(job.sensitive)}.\n{len(found.candidates)} releases."
        ),
        picture=f"frontier/{job.name}.svg",
        file=job.file,
        epsilon=job.epsilons[0],
        sensitive=",".join(job.sensitive),
        target=job.target,
        positive=f'"{job.positive}"',
    )
    fronts = (front(found, promise) for promise in found.promises)
    return "\n".join((text, baselines(found), *fronts))


def baselines(found: Frontier) -> str:
    head = ["baseline", "epsilon", "loss", "hidden", "alike", "people"]
    lines = [
        [
            each.settings.mode or "no debiasing",
            f"{each.epsilon:g}",
            f"{each.loss:.3f}",
            f"{each.measured.hidden:.3f}",
            f"{each.measured.parity:.3f}" if each.measured.gaps else "-",
            "-" if each.people is None else f"{each.people:.2f}",
        ]
        for each in found.baselines
    ]
    return markdown(head, lines)


def front(found: Frontier, promise: str) -> str:
    title, measure = HEADINGS[promise]
    kept = sorted(found.front(promise), key=lambda c: (c.unfair(promise), c.loss))
    head = ["mode", "strength", "blind", "proxies", "epsilon", measure, "loss", "AUROC"]
    lines = [
        [
            str(each.settings.mode),
            f"{each.settings.strength:g}",
            "-" if each.settings.blind is None else f"{each.settings.blind:g}",
            f"{each.settings.proxies:g}" if each.settings.mode != "outcome" else "-",
            f"{each.epsilon:g}",
            f"{each.unfair(promise):.3f}",
            f"{each.loss:.3f}",
            f"{each.measured.auroc:.3f}",
        ]
        for each in kept
    ]
    tried = len(found.ranked(promise))
    return f"\n**Pareto set, {title}** ({len(kept)} of {tried}):\n\n" + markdown(
        head, lines
    )


def markdown(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def page(wish: argparse.Namespace, sections: Sequence[str]) -> str:
    """The page docs/frontier.md; every number in it comes from this run."""
    head = PAGE.format(
        version=__version__,
        jax=metadata.version("jax"),
        cores=os.cpu_count(),
        seed=wish.seed,
        rows=wish.rows,
        least=LEAST_GROUP,
    )
    return head + "".join(sections)


if __name__ == "__main__":
    main()
