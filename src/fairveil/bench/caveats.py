"""What limits the page's comparisons, read from the rows: generated, like the figures.

NOT PRIVATE: figures of public tables. Everything that weakens a comparison and that the
rows themselves show: small test parts, releases worse than a shuffle, peers that get
worse with more budget, runs that were never made, settings and builds.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fairveil.bench.cells import at, grid, listed
from fairveil.bench.grid import GRIDS, GROUPS, Grid
from fairveil.bench.methods import ENDS, METHODS, OURS, is_peer
from fairveil.bench.results import Row, key_of
from fairveil.bench.tables import TABLES, TEST_PART
from fairveil.bench.verdicts import Place, Setback, Values, Verdict

WORSE, FLOOR = "†", "‡"  # marks in the overview
_TWO_SIDED = 1.96
_GUESS = 0.5  # its AUROC
_TABLES = """## Tables

Every figure of a table comes from one split, so what its test rows happen to be is in
no interval here. The last column is the least half width of the 95 % interval of an
AUROC of .5 on that many test rows, were both classes alike frequent (they are not, so
it is wider); it does not hold for a target of several classes. Where it is large, the
ceiling is as noisy as the rest.
"""
_SETBACKS = """## Methods that get worse with more budget

A larger epsilon means less noise, so no method should get worse by it. Where a peer
does, something else is at work (too few rounds, a bad run), or, with a single run on
either side (*bare means*), noise alone. A verdict against it there says little: it is
kept, and marked {mark} in the overview.
"""
_FLOOR = """## Releases worse than a shuffle

`independent` keeps every column as it is, without noise, and knows nothing of pairs. A
private release whose 2-way TVD is worse ({mark} in the overview) has noise or faults
that cost more than all it knows of pairs. Where every release is worse, the rows are
too few for the budget: a lead of one such release over another is no use to anybody.
"""
_COVERAGE = """## What was run

The full grid crosses all tables, methods, budgets {budgets} and seeds {seeds}
(`make bench-full`). Most of it was never run: *not run* on this page means that there
is no row, and *none finished* that there are rows and none ended well.
"""


def tables(rows: Sequence[Row]) -> str:
    """The tables: what is predicted, how many rows learn and judge."""
    sizes = _training_rows(rows)
    lines = []
    for name in sorted({row["table"] for row in rows}):
        known, size = TABLES.get(name), sizes.get(name)
        target = sensitive = ""
        if known is not None:
            classes = "several classes" if known.positive is None else "two classes"
            target = f"{known.target}, {classes}"
            sensitive = ", ".join(known.sensitive)
        tested, noise = _tested(size), chance(name, size)
        lines.append(
            (
                name,
                target,
                sensitive,
                "" if size is None else f"{size:,}",
                "" if tested is None else f"about {tested:,}",
                "" if noise is None else f"± {noise:.3f}",
            )
        )
    heads = ("table", "target", "sensitive", "training rows", "test rows", "AUROC .5")
    return "\n".join([_TABLES, *grid(heads, lines), ""])


def _training_rows(rows: Sequence[Row]) -> dict[str, int]:
    """Training rows by table: a method is asked for as many as it learns from."""
    sizes: dict[str, int] = {}
    for row in rows:
        if "rows" in row:
            sizes[row["table"]] = max(int(row["rows"]), sizes.get(row["table"], 0))
    return sizes


def _tested(size: int | None) -> int | None:
    return None if size is None else round(size * TEST_PART / (1 - TEST_PART))


def chance(name: str, size: int | None) -> float | None:
    """Least half width of the 95 % interval of an AUROC of .5; None: not known.

    The rank statistic's deviation is ``sqrt((m + n + 1) / (12 m n))``, least at
    ``m = n``.
    """
    tested, known = _tested(size), TABLES.get(name)
    if tested is None or known is None or known.positive is None:
        return None
    return _TWO_SIDED * math.sqrt((tested + 1) / (3 * tested**2))


def judgement(rows: Sequence[Row], lines: Any) -> str:
    """Whether the ceiling and fairveil's AUROC can be told from guessing and noise."""
    sizes, guesses, above = _training_rows(rows), [], []
    ceilings = _figures(lines[lines["method"] == ENDS[0]], "auroc_gbm")
    private = lines[lines["epsilon"].map(math.isfinite)]
    for record in private.to_dict("records"):
        place, value = (record["table"], record["epsilon"]), record["auroc_gbm"]
        noise = chance(place[0], sizes.get(place[0]))
        ours = record["method"] == OURS
        if ours and noise is not None and value < _GUESS + noise:
            guesses.append(f"{at(place)} ({value:.4f})")
        if value > ceilings.get(place[0], math.inf):
            above.append(f"`{record['method']}` on {at(place)}")
    told = []
    if guesses:
        told.append(
            "- fairveil's AUROC is no better than a guess, within the noise of the test"
            f" rows, on {', '.join(guesses)}: a lead there is none in usefulness."
        )
    if above:
        told.append(
            f"- Above the ceiling: {', '.join(above)}. That is noise of a small test"
            " part, not a release better than the rows it came from."
        )
    return "\n".join([*told, ""]) if told else ""


def _figures(lines: Any, metric: str) -> dict[str, float]:
    """A figure by table, where it is known."""
    known = lines.dropna(subset=[metric])
    return dict(zip(known["table"], known[metric], strict=True))


def worse_with_budget(
    found: Mapping[str, Sequence[Setback]],
    verdicts: Mapping[str, Sequence[Verdict]],
) -> str:
    """Setbacks of peers and of fairveil, and how many leads they touch."""
    if not any(found.values()):
        return ""
    told = [_SETBACKS.format(mark=WORSE)]
    for metric, setback in found.items():
        peers = [_setback(each) for each in setback if is_peer(each.method)]
        own = [_setback(each) for each in setback if each.method == OURS]
        told.append(f"- `{metric}`: {'; '.join(peers) or 'no peer'}.")
        told.append(f"  - fairveil itself: {'; '.join(own) or 'nowhere'}.")
        marked = touched(setback)
        leads = [each.place for each in verdicts[metric] if each.word == "leads"]
        among = sum(place in marked for place in leads)
        told.append(f"  - So marked: {among} of fairveil's {len(leads)} leads.")
    return "\n".join([*told, ""])


def touched(setbacks: Sequence[Setback]) -> set[Place]:
    """Places at which a peer is worse than it was at a smaller budget."""
    return {each.place for each in setbacks if is_peer(each.method)}


def _setback(found: Setback) -> str:
    noise = ", bare means" if found.bare else ", beyond its interval"
    return (
        f"`{found.method}` on {found.place[0]} from epsilon {found.before:g} to"
        f" {found.place[1]:g} ({found.was:.4f} to {found.now:.4f}{noise})"
    )


def floors(lines: Any) -> dict[str, float]:
    """2-way TVD of the shuffled columns, by table."""
    return _figures(lines[lines["method"] == ENDS[1]], "tvd2")


def below_floor(lines: Any) -> str:
    """Each place at which a private release has a worse 2-way TVD than a shuffle."""
    known, told = floors(lines), []
    private = lines[lines["epsilon"].map(math.isfinite)].dropna(subset=["tvd2"])
    for (name, epsilon), group in private.groupby(["table", "epsilon"]):
        worse = group[group["tvd2"] > known.get(name, math.inf)]["method"]
        if len(worse):
            every = len(worse) == len(group)
            whom = f"all {len(worse)} private methods" if every else listed(worse)
            told.append(f"- {at((name, epsilon))}, floor {known[name]:.4f}: {whom}.")
    return "\n".join([_FLOOR.format(mark=FLOOR), *told, ""]) if told else ""


# --- what was run


def coverage(rows: Sequence[Row], verdicts: Sequence[Verdict], values: Values) -> str:
    """Runs that are there, of those in the full grid."""
    full = GRIDS["full"]
    whole = Grid(
        tables=full.tables,
        methods=("all",),
        epsilons=full.epsilons,
        seeds=full.seeds,
    )
    wanted = {job.key for job in whole.jobs()}
    status = {key_of(row): row["status"] for row in rows if key_of(row) in wanted}
    parts = [(name, GROUPS[name]) for name in ("ours", "variants", "ablations")]
    parts += [(f"`{name}`", (name,)) for name in GROUPS["peers"]]
    counted = [_covered(*part, wanted, status) for part in parts]
    heads = ("methods", "runs in the grid", "finished", "ended otherwise")
    budgets = ", ".join("none" if math.isinf(e) else f"{e:g}" for e in full.epsilons)
    seeds = ", ".join(map(str, full.seeds))
    told = [_COVERAGE.format(budgets=budgets, seeds=seeds), *grid(heads, counted), ""]
    return "\n".join([*told, *_rivals(verdicts, values), ""])


def _covered(
    title: str,
    methods: Sequence[str],
    wanted: set[tuple[str, str, float, int]],
    status: Mapping[tuple[str, str, float, int], str],
) -> tuple[str, str, str, str]:
    mine = [key for key in wanted if key[1] in methods]
    ended = Counter(status[key] for key in mine if key in status)
    good = ended.pop("ok", 0)
    ill = ", ".join(f"{k} {v}" for k, v in sorted(ended.items()))
    return title, str(len(mine)), str(good), ill


def _rivals(verdicts: Sequence[Verdict], values: Values) -> Iterator[str]:
    """How many of the judged cells each private peer stands in."""
    places = [each.place for each in verdicts]
    names = sorted({m for t, e, m in values if is_peer(m) and (t, e) in places})
    if not names:
        return
    told = [
        f"{name} in {sum((*place, name) in values for place in places)}"
        for name in names
    ]
    yield f"- Of the {len(places)} cells that are judged: {', '.join(told)}."
    alone: dict[str, list[str]] = {}
    for place in places:
        here = [name for name in names if (*place, name) in values]
        if len(here) == 1:
            alone.setdefault(here[0], []).append(at(place))
    for name, where in alone.items():
        yield f"- {name} is the only peer on {', '.join(where)}."


# --- what the methods are, and where their runs come from


def methods(rows: Sequence[Row]) -> str:
    """Every method that has a row, in one line each, with what its runs noted."""
    told = ["## Methods\n"]
    order = [name for name in METHODS if name in {row["method"] for row in rows}]
    for name in order:
        notes = {n for r in rows if r["method"] == name for n in r.get("notes") or ()}
        text = f"- `{name}`: {METHODS[name].about}."
        rounds = _rounds(rows, name)
        if rounds:
            text += f" Rounds: {rounds}."
        text += f" Its runs note: {'; '.join(sorted(notes))}." if notes else ""
        told.append(text)
    return "\n".join([*told, ""]) if order else ""


def _rounds(rows: Sequence[Row], name: str) -> str:
    """Rounds by table, as the settings of the runs have them."""
    found: dict[str, set[int]] = {}
    for row in rows:
        settings = row.get("settings") or {}
        known = {**settings, **settings.get("gen_kwargs", {})}
        if row["method"] == name and "rounds" in known:
            found.setdefault(row["table"], set()).add(known["rounds"])
    return ", ".join(
        f"{table} {'/'.join(map(str, sorted(each)))}" for table, each in found.items()
    )


def versions(rows: Sequence[Row]) -> str:
    """Libraries, and which runs of fairveil are of which source."""
    known = {f"{r['library']} {r['version']}" for r in rows if r.get("library")}
    told = [f"## Versions\n\n{', '.join(sorted(known))}.\n"]
    of: dict[str, list[Row]] = {}
    for row in rows:
        if row.get("build"):
            of.setdefault(row["build"], []).append(row)
    if of:
        told.append(
            "A build is a digest of fairveil's source, the benchmark left out: `python"
            ' -c "from fairveil.bench.ours import build; print(build())"` prints that'
            " of the source at hand. Figures are of these builds, not of later ones.\n"
        )
    for build, found in sorted(of.items(), key=lambda each: -len(each[1])):
        names = sorted({row["table"] for row in found})
        whose = {row["method"] for row in found}
        told.append(
            f"- build {build}: {len(found)} runs of {listed(whose)} on"
            f" {', '.join(names)}."
        )
    return "\n".join([*told, ""]).rstrip("\n") + "\n"
