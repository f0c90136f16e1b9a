"""docs/fairness-figures.md out of the rows that ``benchmarks/fairness.py`` has written.

Run ``make fairness-page``. Every number of the page is computed here from those rows.
"""

from __future__ import annotations

import argparse
import itertools
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from fairness import DEEP, OUTCOMES, PEERS, PROXIES, TABLES, read

from fairveil.bench.ours import build
from fairveil.bench.tables import table

PAGE = """# Fairness, measured

Made by `make fairness DATA=folder` and `make fairness-page`; not typed by hand. Split
70/30 with seed 0; a fit sees the training part only; epsilon {epsilon:g}, delta 1e-5,
the code book public. Each seed is one private fit with fresh noise, and all releases of
it are post-processing: {same} of {counted} releases had the very statement of their fit.
A cell is the mean over seeds, with the least and the largest in brackets. Sensitive
columns are taken together. {built} [fairness.md](fairness.md) says what the promises are.

## Independence: Adult, sex and race

{hidden}

- `AUROC`: gradient boosting trained on the release, tested on real rows (income).
- `TVD2 others`: 2-way distance to the training rows over pairs without a sensitive
  column. `none` is the same fit without debiasing, `redraw` the trivial solution;
  `critic alone` is the trained generator before weights and balance.
- `probe`: AUROC of a fresh auditor that names the column of a released row from the
  others; .5 is blind. `cluster MI`: of clusters of the release and its column, in parts
  of its mean under permutation (1 is chance).
- `people MI`: clusters fitted to the release, held-out *real* rows assigned to them, and
  what the cluster tells of their real sex or race (nats; mean of five K-Means starts).

## Proxies: the price of people being sorted less

{proxies}

`of none` is people MI in parts of that of the release without debiasing. `confidence`: how
sure an auditor trained on real rows is of the sex of a released row, in parts of how
sure it is of real rows; it falls little, since a husband still names himself a man.

## Outcome: income in Adult, sex and race

{outcome}

- Decisions are at the threshold that makes the share of positive predictions the real
  base rate; real test rows. `DPD` is the range over groups of that share, `ratio` its
  least over its largest, `odds` the equalized-odds difference, `score gap` the range of
  mean scores. `without` is the model that does not see sex and race.
- `race, large`: between the groups of race with at least 3 % of the test rows. With all
  groups of 30 rows and more, chance alone makes a range of {chance}.{budgeted}
- The peers (mostlyai-engine with its fairness, and without) are not private.

## Outcome on all tables

{tables}

Gaps as above, between groups with at least 3 % of the test rows. `before` is the release
without debiasing, `after` is `outcome` with its defaults (`strength` 1) or a smaller
strength of the same fit; `error` is the standard error of the difference of the two
groups that vary most, from the test rows alone. `closed` is given where the gap before is
above three of them. `in the release` (where it was measured): the gap after, on rows of a
second sample of the release in place of people. What is left there is left by the promise;
the rest of `after` is what so small a budget does not tell of the groups' own features.{lost}
"""

BUDGET = ", group budget 0.15"
STRENGTHS = {"1": "outcome", ".8": "outcome, strength .8"}
SEEN = (("", "sees it"), ("_blind", "does not"))
SENSITIVE = tuple(dict.fromkeys(c for name in TABLES for c in table(name).sensitive))
GUESS = 0.55  # AUROC below which a model knows next to nothing
Cell = Callable[[Sequence[dict[str, Any]]], str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--rows", type=Path, default=Path("benchmarks/fairness/rows.jsonl")
    )
    parser.add_argument("--out", type=Path, default=Path("docs/fairness-figures.md"))
    wish = parser.parse_args()
    rows = read(wish.rows)
    wish.out.write_text(page(rows), encoding="utf-8")


def page(rows: list[dict[str, Any]]) -> str:
    own = [r for r in rows if "statement_same" in r]
    return PAGE.format(
        epsilon=own[0]["epsilon"],
        same=sum(r["statement_same"] for r in own),
        counted=len(own),
        built=built(own),
        lost=lost(rows),
        hidden=hidden(rows),
        proxies=proxies(rows),
        outcome=outcome(rows),
        budgeted=budgeted(rows),
        tables=all_tables(rows),
        chance=spread([r["chance_race"] for r in of(rows, "adult", "none")]),
    )


def built(own: Sequence[dict[str, Any]]) -> str:
    """By which code the rows were made; it moves between versions."""
    present, kept = build(), {r.get("build", "not recorded") for r in own}
    if kept == {present}:
        return "All rows are of the present code."
    return (
        f"Builds of the rows: {', '.join(sorted(kept))}; the present code is {present}, "
        "so it may do better or worse."
    )


def budgeted(rows: Sequence[dict[str, Any]]) -> str:
    """A line on fits that spend a part of their budget on groups, where there are any."""
    if not any(r["release"].endswith(BUDGET) for r in rows):
        return ""
    return (
        "\n- `group budget` fits spend 15 % of the marginals' budget on pairs with sex "
        "or race."
    )


def lost(rows: Sequence[dict[str, Any]]) -> str:
    """A sentence on fits whose release says nothing of the target."""
    found = [
        f"{r['table']} (seed {r['seed']}, {r['auroc']:.3f})"
        for r in rows
        if r["release"] == "none" and r["auroc"] < GUESS
    ]
    if not found:
        return ""
    return (
        f" **The release lost its target** in {', '.join(found)}: a model of it guesses, "
        "and its gaps mean nothing."
    )


def of(rows: Sequence[dict[str, Any]], name: str, release: str) -> list[dict[str, Any]]:
    return [r for r in rows if (r["table"], r["release"]) == (name, release)]


def spread(values: Sequence[Any], digits: int = 3) -> str:
    known = [v for v in values if isinstance(v, int | float) and math.isfinite(v)]
    if not known:
        return "not enough data"
    if len(known) == 1:
        return f"{known[0]:.{digits}f}"
    return (
        f"{mean(known):.{digits}f} ({min(known):.{digits}f} to {max(known):.{digits}f})"
    )


def value(name: str, digits: int = 3) -> Cell:
    return lambda found: spread([r.get(name) for r in found], digits)


def ratio(name: str, base: str) -> Cell:
    return lambda found: spread([r[name] / max(r[base], 1e-9) for r in found], 2)


def grid(
    rows: Sequence[dict[str, Any]], releases: Sequence[str], cells: dict[str, Cell]
) -> str:
    lines = ["| release | " + " | ".join(cells) + " |", "|---" * (len(cells) + 1) + "|"]
    for release in releases:
        found = of(rows, DEEP[0], release)
        if found:
            line = [cell(found) for cell in cells.values()]
            lines.append(f"| {release} | " + " | ".join(line) + " |")
    return "\n".join(lines)


def hidden(rows: Sequence[dict[str, Any]]) -> str:
    cells = {"AUROC": value("auroc", 4), "TVD2 others": value("tvd2_others", 4)}
    for name, short in (("sex", "sex"), ("race", "race"), ("sexxrace", "both")):
        cells[f"probe {short}"] = value(f"probe_{name}")
    for name in ("sex", "race"):
        cells[f"cluster MI {name}"] = ratio(
            f"cluster_mi_{name}", f"cluster_null_{name}"
        )
    for name in ("sex", "race"):
        cells[f"people MI {name}"] = value(f"people_{name}", 4)
    releases = ["none", "redraw", "independence", "critic alone"]
    return grid(rows, releases, cells)


def proxies(rows: Sequence[dict[str, Any]]) -> str:
    base = {r["seed"]: r for r in of(rows, DEEP[0], "none")}

    def part(name: str) -> Cell:
        return lambda found: spread(
            [r[name] / base[r["seed"]][name] for r in found if r["seed"] in base], 2
        )

    cells = {
        "AUROC": value("auroc", 4),
        "TVD1 others": value("tvd1_others", 4),
        "TVD2 others": value("tvd2_others", 4),
        "people MI sex": value("people_sex", 4),
        "of none": part("people_sex"),
        "people MI race": value("people_race", 4),
        "of none, race": part("people_race"),
        "confidence sex": value("confidence_sex", 2),
    }
    releases = ["none", "redraw", *(f"redraw, proxies {p:g}" for p in PROXIES)]
    return grid(rows, releases, cells)


def outcome(rows: Sequence[dict[str, Any]]) -> str:
    cells = {
        "AUROC": value("auroc", 4),
        "DPD sex": value("dpd_sex"),
        "ratio sex": value("ratio_sex", 2),
        "score gap sex": value("score_sex"),
        "odds sex": value("odds_sex"),
        "race, large": value("large_race"),
        "AUROC without": value("auroc_blind", 4),
        "DPD sex without": value("dpd_sex_blind"),
        "race, large, without": value("large_race_blind"),
    }
    with_budget = [f"{name}{BUDGET}" for name in ("none", "outcome")]
    return grid(rows, ["none", *OUTCOMES, *with_budget, *PEERS], cells)


def all_tables(rows: Sequence[dict[str, Any]]) -> str:
    heads = (
        "table,column,strength,model,before,error,after,closed,in the release,"
        "AUROC before,AUROC after,seeds"
    )
    lines = ["| " + heads.replace(",", " | ") + " |", "|---" * 12 + "|"]
    for name, column, strength, (seen, label) in itertools.product(
        TABLES, SENSITIVE, STRENGTHS, SEEN
    ):
        before, after = of(rows, name, "none"), of(rows, name, STRENGTHS[strength])
        if column in table(name).sensitive and before and after:
            lines.append(one_line((name, column, strength, label), seen, before, after))
    return "\n".join(lines)


def one_line(what, seen, before, after):  # noqa: ANN001, ANN201  (a line of the table)
    column = what[1]
    gap = f"large_{column}{seen}"
    first, last = (mean(r[gap] for r in found) for found in (before, after))
    error = mean(r[f"error_{column}{seen}"] for r in before)
    closed = f"{1 - last / first:.0%}" if first > 3 * error else "-"
    inside = [r[f"within_{gap}"] for r in after if f"within_{gap}" in r]
    cells = [
        *what,
        spread([r[gap] for r in before]),
        f"{error:.3f}",
        spread([r[gap] for r in after]),
        closed,
        "-" if seen or not inside else spread(inside),
        spread([r[f"auroc{seen}"] for r in before], 4),
        spread([r[f"auroc{seen}"] for r in after], 4),
        str(len(after)),
    ]
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
