"""The page's parts on variants of fairveil: what a stage is worth, what fairness costs.

NOT PRIVATE: figures of public tables. Promises: a variant is worth something only where
it differs by more than noise, and a difference between two builds is marked.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fairveil.bench.cells import at, grid, listed, runs
from fairveil.bench.methods import ENDS, OURS
from fairveil.bench.results import HEADLINE, Row
from fairveil.bench.tables import TABLES
from fairveil.bench.verdicts import (
    BETTER,
    JUDGED,
    Place,
    Values,
    borrowed,
    difference,
    values_of,
)

CROSSED = "§"  # marks a difference between two builds
_FAIR = f"{OURS}-independence"
_SHOWN = (OURS, _FAIR, f"{OURS}-redraw")
_PLAIN = ("auroc_gbm", "tvd2", "tvd2_others")
_GROUPED = ("probe_hidden", "parity_gap")
_NOTHING = "—"
_ABLATION = """## Ablation

Variant minus fairveil, at the same table and budget, with the half width of the 95 %
interval of the difference where both have at least two runs. A variant is worse where
its AUROC is negative or its TVD is positive here.
"""
_FAIRNESS = f"""## Fairness, and what it costs

`{OURS}` on this page is `fairness=None`: the private peers promise no fairness, so
utility is compared without it. **The library's default is `independence`**, whose rows
are `{_FAIR}`: what a user gets who sets nothing. `{OURS}-redraw` is the trivial
baseline. [figures.md](figures.md) has both for Adult over three seeds, and
[fairness.md](fairness.md) tells what is promised. Below, `probe_hidden_c` is the AUROC
of an auditor for column c from the columns that are not sensitive (near .5 is hidden,
on either side; the column `independent` shows how far chance alone moves it), and
`parity_gap_c` the gap between groups of c of a model that learnt on the release
(smaller is more equal). `tvd2_others` leaves out the pairs with a sensitive column,
which are meant to change. That a column is hidden in the release does not make
decisions about real people more equal; and a model that guesses has small gaps.
"""


def ablation(rows: Sequence[Row], lines: Any) -> str:
    """Every variant's differences from fairveil, and which of them are noise."""
    variants = lines[lines["method"].str.startswith(f"{OURS}-")]
    if variants.empty:
        return ""
    values, crossed, told = values_of(rows), set(_crossed(rows)), []
    for line in variants.to_dict("records"):
        place = (line["table"], line["epsilon"])
        cells = [_change(values[m], place, line["method"], m) for m in HEADLINE]
        budget = "none" if math.isinf(place[1]) else f"{place[1]:g}"
        mark = f" {CROSSED}" if (*place, line["method"]) in crossed else ""
        told.append((place[0], budget, line["method"] + mark, runs(line), *cells))
    heads = ("table", "epsilon", "variant", "runs", *HEADLINE)
    under = [*_levels(values), *_builds(rows, crossed)]
    return "\n".join([_ABLATION, *grid(heads, told), "", *under, ""])


def _change(known: Values, place: Place, variant: str, metric: str) -> str:
    """A variant's figure minus fairveil's; empty where either is missing."""
    one, other = known.get((*place, variant)), known.get((*place, OURS))
    if one is None or other is None:
        return ""
    gap, half = difference(one, other)
    if metric not in BETTER:
        return f"{gap:+.0f}"
    return f"{gap:+.4f}" + ("" if math.isnan(half) else f" ± {half:.4f}")


def _levels(values: Mapping[str, Values]) -> Iterator[str]:
    """For each place, which variants differ by more than noise, and which cannot."""
    places: dict[Place, list[str]] = {}
    for table, epsilon, method in sorted(values["auroc_gbm"]):
        own = (table, epsilon, OURS) in values["auroc_gbm"]
        if own and method.startswith(f"{OURS}-"):
            places.setdefault((table, epsilon), []).append(method)
    single = [at(p) for p in places if len(values["auroc_gbm"][*p, OURS]) == 1]
    for place, names in places.items():
        if at(place) not in single:
            yield _level(values, place, names)
    if single:
        yield (
            f"- On {', '.join(single)} fairveil has a single run: nothing there can be"
            " told from noise."
        )


def _level(values: Mapping[str, Values], place: Place, names: Sequence[str]) -> str:
    """Which variants are within fairveil's own noise, and what is beyond it."""
    words = {name: _beyond(values, place, name) for name in names}
    level = [name for name in names if not words[name]]
    beyond = [f"`{name}` {words[name]}" for name in names if words[name]]
    alone = [n for n in names if len(values["auroc_gbm"][*place, n]) == 1]
    text = f"- On {at(place)}:"
    if level:
        text += (
            f" level with fairveil in AUROC and 2-way TVD are {listed(level)}: no gain"
            " from what they lack is shown."
        )
    if beyond:
        text += f" Beyond noise: {'; '.join(beyond)}."
    if alone:
        whose = "all of these" if len(alone) == len(names) else listed(alone)
        seeds = len(values["auroc_gbm"][*place, OURS])
        text += f" Single runs, taken to spread as fairveil's {seeds} do: {whose}."
    return text


def _beyond(values: Mapping[str, Values], place: Place, name: str) -> str:
    """In what a variant differs by more than noise; empty where in nothing."""
    words = []
    for metric, title in JUDGED.items():
        one, own = (values[metric].get((*place, each)) for each in (name, OURS))
        if one is not None and own is not None:
            gap, half = borrowed(one, own)
            if gap and not abs(gap) < half:
                word = "better" if gap * BETTER[metric] > 0 else "worse"
                words.append(f"{word} in {title}")
    return " and ".join(words)


def _crossed(rows: Sequence[Row]) -> Iterator[tuple[str, float, str]]:
    """Variants whose build is not that of fairveil's runs beside them."""
    known: dict[tuple[str, float, str], set[str]] = {}
    for row in rows:
        if row.get("build"):
            key = (row["table"], float(row["epsilon"]), row["method"])
            known.setdefault(key, set()).add(row["build"])
    for (table, epsilon, method), found in known.items():
        own = known.get((table, epsilon, OURS))
        if method.startswith(f"{OURS}-") and own and found != own:
            yield table, epsilon, method


def _builds(rows: Sequence[Row], crossed: set[tuple[str, float, str]]) -> Iterator[str]:
    if crossed:
        used = {
            row["build"]
            for row in rows
            if (row["table"], float(row["epsilon"]), row["method"]) in crossed
        }
        yield (
            f"- {CROSSED} compares two builds of fairveil ({', '.join(sorted(used))}"
            " with that of its own runs there): the difference is of all that changed"
            " between them, not of the variant alone."
        )


# --- fairness


def fairness(rows: Sequence[Row]) -> str:
    """What hiding a column costs and buys, where the variants were run."""
    metrics = [*_PLAIN, *_columns(rows)]
    values = values_of(rows, metrics)
    places = sorted({key[:2] for key in values["tvd2"] if key[2] in _SHOWN[1:]})
    if not places:
        return ""
    lines = [
        line for place in places for line in _fair_lines(values, place, _of(place[0]))
    ]
    heads = ("table", "epsilon", "figure", *(f"`{m}`" for m in (*_SHOWN, *ENDS)))
    told = [_FAIRNESS, *grid(heads, lines), "", *_costs(values, places)]
    return "\n".join([*told, ""])


def _columns(rows: Sequence[Row]) -> list[str]:
    """Figures of sensitive columns, of every known table among the rows."""
    names = {row["table"] for row in rows}
    return sorted({metric for name in names for metric in _of(name)})


def _of(table: str) -> list[str]:
    known = TABLES.get(table)
    columns = known.sensitive if known else ()
    return [f"{kind}_{c}" for kind in _GROUPED for c in columns]


def _fair_lines(
    values: Mapping[str, Values], place: Place, grouped: Sequence[str]
) -> Iterator[tuple[str, ...]]:
    ends = (place[0], math.inf)
    for metric in (*_PLAIN, *grouped):
        known = values[metric]
        found = [known.get((*place, name)) for name in _SHOWN]
        found += [known.get((*ends, name)) for name in ENDS]
        if any(each is not None for each in found[:3]):
            cells = (_NOTHING if v is None else f"{v.mean():.4f}" for v in found)
            yield (place[0], f"{place[1]:g}", f"`{metric}`", *cells)


def _costs(values: Mapping[str, Values], places: Sequence[Place]) -> Iterator[str]:
    """What the default costs against no debiasing, by table; whether gaps close."""
    smaller, gaps = 0, 0
    for place in places:
        changes = _changes(values, place, _PLAIN)
        if changes:
            one, own = (len(values["tvd2"][*place, m]) for m in (_FAIR, OURS))
            told = ", ".join(f"`{m}` {each:+.4f}" for m, each in changes.items())
            yield f"- The default on {at(place)} (runs: {one}, against {own}): {told}."
        between = [m for m in _of(place[0]) if m.startswith("parity_gap_")]
        found = _changes(values, place, between).values()
        gaps, smaller = gaps + len(found), smaller + sum(each < 0 for each in found)
    if gaps:
        yield (
            f"- `parity_gap_c` is smaller with the default than with `{OURS}` in"
            f" {smaller} of {gaps} columns, by bare means."
        )


def _changes(
    values: Mapping[str, Values], place: Place, metrics: Sequence[str]
) -> dict[str, float]:
    """The default's mean minus that of no debiasing, where both are known."""
    found = {}
    for metric in metrics:
        one, own = (values[metric].get((*place, m)) for m in (_FAIR, OURS))
        if one is not None and own is not None:
            found[metric] = float(one.mean() - own.mean())
    return found
