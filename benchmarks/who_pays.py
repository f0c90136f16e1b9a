"""Whom privacy and debiasing cost most: error within each group, against epsilon.

Run ``make who-pays`` (or ``python benchmarks/who_pays.py``). Fits the embedded Adult table
under several budgets; adds a JSON row a release to a file, resumes after a stop, and
writes docs/who-pays.md and its plot. Adult is public; on a secret table these figures
would not be private.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import pandas as pd

from fairveil import FairVeil
from fairveil._plot_style import DARK, PALE, STYLE
from fairveil.bench.ours import build
from fairveil.datasets import get
from fairveil.evaluate import group_fidelity, prediction, split

EPSILONS = (0.5, 1.0, 3.0, 8.0)
QUESTIONS = (("sex", "race"), "sex", "race")
BUDGETED = 0.2  # group budget of the fit that spends on small groups
BUDGETED_AT = 1.0  # its epsilon
REAL = "real rows"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
PAGE = """# Who pays

Made by `make who-pays`; not typed by hand. Adult as embedded, split 70/30 with seed 0; a
fit sees the training part only, delta 1e-5, the embedded code book as schema. {built}
{fits}

Noise is the same for every count, so it weighs most on small groups, the more the less
they are like the rest: that is the price of privacy. `outcome` draws income anew so that groups are alike: that is the price of
debiasing. The first table is the distance of the released rows of a group to its real rows
(mean total variation distance of pairs of columns), *less* what rows of one law would
show by chance at the same sizes; 0 is nothing paid. "few" is a group under 30 rows in one
of the two tables: no figure.

![Error of each group beyond chance against epsilon, and AUROC within the group]({picture})

## Error of the rows of a group, beyond chance

{errors}

## AUROC of income within a group

Gradient boosting trained on the release, tested on the real test rows of the group;
`{real}` trains it on the real training rows. Groups differ in how well income can be told
at all, so read along a line.

{scores}

## What it says

{said}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument(
        "--rows", type=Path, default=Path("benchmarks/fairness/who_pays.jsonl")
    )
    parser.add_argument("--pages", type=Path, default=Path("docs"))
    parser.add_argument("--page-only", action="store_true", help="no fits")
    wish = parser.parse_args()
    if not wish.page_only:
        for row in measured(wish):
            with wish.rows.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            print(row["release"], row["epsilon"], row["seed"], flush=True)
    rows = read(wish.rows)
    (wish.pages / "fairness").mkdir(parents=True, exist_ok=True)
    draw(rows, wish.pages / "fairness" / "who-pays.svg")
    (wish.pages / "who-pays.md").write_text(page(rows), encoding="utf-8")


def read(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def measured(wish: argparse.Namespace) -> Iterator[dict[str, Any]]:
    known = get("adult")
    train, test = split(known.load(), test=0.3, seed=0)
    done = {(r["release"], r["epsilon"], r["seed"]) for r in read(wish.rows)}
    if (REAL, None, 0) not in done:
        yield {"release": REAL, "epsilon": None, "seed": 0, **told(train, train, test)}
    for seed in range(wish.seeds):
        for epsilon in EPSILONS:
            for budget in (0.0, BUDGETED) if epsilon == BUDGETED_AT else (0.0,):
                yield from one_fit(known, (train, test), epsilon, seed, budget, done)


def one_fit(  # noqa: PLR0917  (a loop's body)
    known: Any,
    parts: tuple[pd.DataFrame, pd.DataFrame],
    epsilon: float,
    seed: int,
    budget: float,
    done: set[tuple[Any, ...]],
) -> Iterator[dict[str, Any]]:
    train, test = parts
    tag = f", group budget {budget:g}" if budget else ""
    names = [f"{name}{tag}" for name in ("none", "outcome")]
    if all((name, epsilon, seed) in done for name in names):
        return
    plain = FairVeil(
        epsilon=epsilon,
        sensitive=known.sensitive,
        fairness=None,
        schema=known.schema(),
        group_budget=budget,
        random_state=seed,
    ).fit(train)
    parity = plain.refine(fairness="outcome", target="income", random_state=seed)
    for name, model in zip(names, (plain, parity), strict=True):
        made = model.sample(len(train), random_state=seed)
        base = {"release": name, "epsilon": epsilon, "seed": seed}
        if (name, epsilon, seed) not in done:
            yield {**base, "build": build(), **told(made, train, test)}


def told(
    made: pd.DataFrame, train: pd.DataFrame, test: pd.DataFrame
) -> dict[str, dict[str, Any]]:
    """Distance beyond chance and AUROC of every group, by name."""
    errors: dict[str, Any] = {}
    for found in group_fidelity(train, made, QUESTIONS):
        for label, one in found.groups.items():
            few = isinstance(one.tvd2, str) or isinstance(one.noise2, str)
            apart = None if few else round(float(one.tvd2) - float(one.noise2), 5)
            errors[f"{found.column}: {label}"] = {"n": one.n_real, "error": apart}
    used = prediction(made, test, target="income", positive=">50K", sensitive=QUESTIONS)
    scores = {
        f"{each.column}: {label}": {"n": one.n, "auroc": round(one.auroc, 5)}
        for each in used.groups
        for label, one in each.groups.items()
    }
    return {"errors": errors, "scores": scores}


def page(rows: Sequence[dict[str, Any]]) -> str:
    seeds = {r["seed"] for r in rows if r["release"] == "none"}
    builds = sorted({r["build"] for r in rows if "build" in r})
    return PAGE.format(
        built=f"Builds: {', '.join(builds)}.",
        fits=(
            f"{len(seeds)} fits a budget, with fresh noise; a cell is the mean, with the "
            "least and the largest in brackets."
            if len(seeds) > 1
            else "One fit a budget: a single group's figure moves between fits."
        ),
        picture="fairness/who-pays.svg",
        real=REAL,
        errors=table(rows, "errors", "error"),
        scores=table(rows, "scores", "auroc"),
        said=said(rows),
    )


def columns(rows: Sequence[dict[str, Any]]) -> list[tuple[str, float | None]]:
    return list(dict.fromkeys((r["release"], r["epsilon"]) for r in _sorted(rows)))


def _sorted(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    order = {REAL: 0, "none": 1}
    return sorted(
        rows,
        key=lambda r: (order.get(r["release"], 2), r["release"], r["epsilon"] or 0),
    )


def groups(rows: Sequence[dict[str, Any]], part: str) -> dict[str, int]:
    """Every group and its real rows, the largest first within each question."""
    sizes: dict[str, int] = {}
    for row in rows:
        for name, one in row[part].items():
            sizes.setdefault(name, one["n"])
    return dict(sorted(sizes.items(), key=lambda g: (g[0].split(":")[0], -g[1])))


def values(
    rows: Sequence[dict[str, Any]], key: tuple[str, Any], group: str, field: str
) -> list[float]:
    part = "errors" if field == "error" else "scores"
    found = [
        r[part].get(group, {}).get(field)
        for r in rows
        if (r["release"], r["epsilon"]) == key
    ]
    return [v for v in found if v is not None]


def table(rows: Sequence[dict[str, Any]], part: str, field: str) -> str:
    keys = [k for k in columns(rows) if not (field == "error" and k[0] == REAL)]
    head = [
        "group",
        "n",
        *(name if e is None else f"{name}, {e:g}" for name, e in keys),
    ]
    lines = [head, ["---"] * len(head)]
    for group, n in groups(rows, part).items():
        cells = [cell(values(rows, key, group, field)) for key in keys]
        if any(c != "few" for c in cells):
            lines.append([group, f"{n:,}", *cells])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def cell(found: Sequence[float]) -> str:
    if not found:
        return "few"
    shown = f"{mean(found):.3f}"
    wide = len(found) > 1
    return f"{shown} ({min(found):.3f} to {max(found):.3f})" if wide else shown


def said(rows: Sequence[dict[str, Any]]) -> str:
    """Sentences made of the figures: who pays most, and what the group budget moved."""
    sentences = []
    joint = [g for g in groups(rows, "errors") if g.startswith("sex x race")]
    joint = joint or [g for g in groups(rows, "errors") if g.startswith("race")]
    for epsilon in EPSILONS:
        paid = {
            g: mean(v)
            for g in joint
            if (v := values(rows, ("none", epsilon), g, "error"))
        }
        if paid:
            worst, best = (
                max(paid, key=paid.__getitem__),
                min(paid, key=paid.__getitem__),
            )
            sentences.append(
                f"- Epsilon {epsilon:g}: {worst} pays most ({paid[worst]:.3f}), {best} "
                f"least ({paid[best]:.3f})."
            )
    tag = f"none, group budget {BUDGETED:g}"
    moved = {
        g: mean(b) - mean(a)
        for g in joint
        if (a := values(rows, ("none", BUDGETED_AT), g, "error"))
        and (b := values(rows, (tag, BUDGETED_AT), g, "error"))
    }
    if moved:
        shown = "; ".join(f"{g} {change:+.3f}" for g, change in moved.items())
        sentences.append(
            f"- `group_budget={BUDGETED:g}` at epsilon {BUDGETED_AT:g} moves the error by: "
            f"{shown}."
        )
    return "\n".join(sentences)


def draw(rows: Sequence[dict[str, Any]], path: Path) -> None:
    import matplotlib as mpl  # noqa: PLC0415  (only for the plot)

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415  (as above)

    settings: Any = {**STYLE}
    with plt.rc_context(settings):
        figure, axes = plt.subplots(1, 2, figsize=(8.6, 3.6), layout="constrained")
        for ax, part, field, title in (
            (axes[0], "errors", "error", "2-way error beyond chance"),
            (axes[1], "scores", "auroc", "AUROC of income on real rows"),
        ):
            lines(ax, rows, part, field)
            ax.set_title(title, loc="left")
            ax.set_xlabel("epsilon (line: no debiasing; dashes: outcome)", color=DARK)
        axes[0].axhline(0, color=PALE, lw=0.8)
        axes[0].legend(frameon=False, fontsize=7)
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)


def lines(ax: Any, rows: Sequence[dict[str, Any]], part: str, field: str) -> None:
    wanted = [g for g in groups(rows, part) if g.startswith("race")]
    for colour, group in zip(COLOURS, wanted, strict=False):
        for release, dash in (("none", "-"), ("outcome", "--")):
            found = [(e, values(rows, (release, e), group, field)) for e in EPSILONS]
            drawn = [(e, mean(v)) for e, v in found if v]
            if drawn:
                n = groups(rows, "errors").get(group, 0)
                label = f"{group} ({n:,})" if release == "none" else None
                ax.plot(
                    *zip(*drawn, strict=True),
                    dash,
                    color=colour,
                    marker="o",
                    ms=3,
                    label=label,
                )
    ax.set_xscale("log")
    ax.set_xticks(EPSILONS, [f"{e:g}" for e in EPSILONS])
    ax.minorticks_off()


if __name__ == "__main__":
    main()
