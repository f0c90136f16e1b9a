"""What the promises of fairness hold on real people, and what they cost.

Run ``make fairness DATA=folder`` (or ``python benchmarks/fairness.py --data folder``).
Each table and seed is one private fit with fresh noise and many releases of it, all
post-processing. Results are added to a file of JSON rows, and a stopped run goes on.
All tables are public; on a secret table these figures would not be private.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fairveil import FairVeil, Schema
from fairveil.artifact import Contents
from fairveil.bench import tables
from fairveil.bench.ours import build, column_of
from fairveil.evaluate import (
    cluster_information,
    honesty,
    outcome_fairness,
    probe,
    real_people_information,
    split,
    tstr,
    tvd,
)
from fairveil.post.finish import finish
from fairveil.seeds import Seeds

DEEP = ("adult",)  # tables on which independence is measured too
TABLES = (
    "adult",
    "compas",
    "law_school",
    "bank",
    "credit_default",
    "health_insurance_meps",
)
PEERS = ("mostlyai-fair", "tabfairgan", "mostlyai")
PEOPLE_SEEDS = 5  # K-Means starts, whose mean is taken
LARGE = 0.03  # part of the test rows that makes a group large
OUTCOMES = {
    "outcome": {},
    "outcome, blind .25": {"blind": 0.25},
    "outcome, blind .5": {"blind": 0.5},
    "outcome, blind .75": {"blind": 0.75},
    "outcome, strength .5": {"strength": 0.5},
    "outcome, strength .8": {"strength": 0.8},
}
PROXIES = (0.25, 0.5, 0.75, 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--tables", default=",".join(TABLES))
    parser.add_argument("--epsilon", type=float, default=1.0)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--group-budgets", default="0", help="also fits with these")
    parser.add_argument(
        "--out", type=Path, default=Path("benchmarks/fairness/rows.jsonl")
    )
    parser.add_argument("--peers", type=Path, help="work folder of `fairveil bench`")
    wish = parser.parse_args()
    done = {key(row) for row in read(wish.out)}
    for row in rows(wish, done):
        with wish.out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        print(row["table"], row["seed"], row["release"], row.get("auroc"), flush=True)


def read(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.strip()]


def key(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[n] for n in ("table", "epsilon", "seed", "release"))


def rows(wish: argparse.Namespace, done: set) -> Iterator[dict[str, Any]]:
    seeds = [int(s) for s in wish.seeds.split(",")]
    budgets = [float(b) for b in wish.group_budgets.split(",")]
    for seed in seeds:
        for name in wish.tables.split(","):
            known = tables.table(name)
            frame = known.load(wish.data)
            parts = split(frame, test=tables.TEST_PART, seed=tables.SPLIT_SEED)
            for budget in budgets:
                yield from one_fit(wish, known, frame, parts, seed, budget, done)
            for peer in PEERS if wish.peers else ():
                yield from one_peer(wish, known, parts, seed, peer, done)


def one_fit(wish, known, frame, parts, seed, budget, done):  # noqa: ANN001, ANN201, PLR0917  (a loop's body)
    names = ["none", *OUTCOMES]
    if known.name in DEEP and not budget:
        names += ["redraw", "independence", "critic alone"]
        names += [f"redraw, proxies {p:g}" for p in PROXIES]
    deep = known.name in DEEP and not budget
    tag = f", group budget {budget:g}" if budget else ""
    base = {"table": known.name, "epsilon": wish.epsilon, "seed": seed}
    left = [n for n in names if key({**base, "release": n + tag}) not in done]
    if not left:
        return
    train, test = parts
    facts = tables.code_book(frame)["columns"]
    schema = Schema(
        columns=tuple(column_of(f) for f in facts), declared_by="the code book"
    )
    began = time.process_time()
    plain = FairVeil(
        epsilon=wish.epsilon,
        sensitive=list(known.sensitive),
        fairness=None,
        schema=schema,
        group_budget=budget,
        random_state=seed,
    ).fit(train)
    fit_seconds = time.process_time() - began
    for name in left:
        began = time.process_time()
        model = release_of(plain, name, known.target, seed)
        made = model.sample(len(train), random_state=seed)
        cost = fit_seconds if name == "none" else time.process_time() - began
        same = json.dumps(model.statement_.to_dict()) == json.dumps(
            plain.statement_.to_dict()
        )
        yield {
            **base,
            "release": name + tag,
            "build": build(),
            "statement_same": same,
            "cpu_seconds": round(cost, 1),
            **measured(made, train, test, known, seed, deep=deep),
            **within(model, made, test, known, seed),
        }


def release_of(plain: FairVeil, name: str, target: str, seed: int) -> FairVeil:
    common = {"random_state": seed}
    if name == "none":
        return plain
    if name in OUTCOMES:
        wanted = {"fairness": "outcome", "target": target, **OUTCOMES[name]}
        return plain.refine(**wanted, **common)
    if name == "critic alone":
        return critic_alone(plain, seed)
    if name.startswith("redraw, proxies"):
        return plain.refine(
            fairness="redraw", proxies=float(name.rsplit(maxsplit=1)[-1]), **common
        )
    return plain.refine(fairness=name, **common)


def critic_alone(plain: FairVeil, seed: int) -> FairVeil:
    """What the trained generator draws, before weights, choice of rows and redraw."""
    model = plain.refine(fairness="redraw", random_state=seed)
    held = model._contents  # noqa: SLF001  (an ablation that has no setting)
    bare = dataclasses.replace(held.settings.calibration, iterations=0, choices=1)
    settings = dataclasses.replace(held.settings, calibration=bare)
    wish = dataclasses.replace(held.wish, fairness="independence")
    sampler = finish(
        held.bundle,
        wish,
        settings=settings,
        seeds=Seeds.of(seed),
        progress=lambda *_: None,
    )
    sampler = dataclasses.replace(sampler, redraw=None)
    return model._hold(  # noqa: SLF001  (as above)
        Contents(held.bundle, sampler, wish, settings, held.statement)
    )


def one_peer(wish, known, parts, seed, peer, done):  # noqa: ANN001, ANN201, PLR0917  (a loop's body)
    base = {"table": known.name, "epsilon": float("inf"), "seed": seed}
    path = wish.peers / known.name / f"{peer}-epsinf-seed{seed}" / "synthetic.csv"
    if key({**base, "release": peer}) in done or not path.exists():
        return
    train, test = parts
    made = like(pd.read_csv(path, keep_default_na=False, na_values=[""]), train)
    found = measured(made, train, test, known, seed, deep=known.name in DEEP)
    yield {**base, "release": peer, **found}


def like(made: pd.DataFrame, train: pd.DataFrame) -> pd.DataFrame:
    """Columns read from a file with the dtypes of the real ones."""
    return made.astype({n: train[n].dtype for n in train.columns}, errors="ignore")


def measured(
    made: pd.DataFrame,
    train: pd.DataFrame,
    test: pd.DataFrame,
    known: tables.BenchTable,
    seed: int,
    *,
    deep: bool,
) -> dict[str, Any]:
    own = list(known.sensitive)
    others = [c for c in train if c not in own]
    used = tstr(made, test, target=known.target, positive=known.positive)
    out: dict[str, Any] = {"auroc": used.auroc, "auroc_lr": used.auroc_lr}
    for ways in (1, 2):
        out[f"tvd{ways}_others"] = tvd(train, made, ways=ways, columns=others).mean
    out |= parity(made, test, known, seed)
    if deep:
        out |= hidden(made, train, test, own, seed)
    return {k: round(v, 5) if isinstance(v, float) else v for k, v in out.items()}


def parity(made, test, known, seed):  # noqa: ANN001, ANN201  (as ``measured``)
    """Gaps on real rows at the threshold of the base rate; with and without columns."""
    found = outcome_fairness(
        made,
        test,
        target=known.target,
        positive=known.positive,
        sensitive=list(known.sensitive),
        seed=seed,
    )
    out: dict[str, Any] = {}
    for seen, model in (
        ("", found.with_sensitive),
        ("_blind", found.without_sensitive),
    ):
        out[f"auroc{seen}"] = model.quality.value
        for column in model.columns:
            name, cut = column.column.replace(" ", ""), column.at_base_rate
            out[f"dpd_{name}{seen}"] = number(cut.demographic_parity_difference)
            out[f"ratio_{name}{seen}"] = number(cut.demographic_parity_ratio)
            out[f"odds_{name}{seen}"] = number(cut.equalized_odds_difference)
            out[f"score_{name}{seen}"] = number(column.score_gap)
            out[f"chance_{name}{seen}"] = cut.by_chance
            large = {
                label: g
                for label, g in column.groups.items()
                if g.n >= LARGE * len(test)
            }
            rates = [number(g.matched_rate) for g in large.values()]
            out[f"large_{name}{seen}"] = max(rates) - min(rates) if rates else None
            spread = [
                r * (1 - r) / g.n for r, g in zip(rates, large.values(), strict=True)
            ]
            out[f"error_{name}{seen}"] = float(np.sqrt(sum(sorted(spread)[-2:])))
    return out


def within(model, made, test, known, seed):  # noqa: ANN001, ANN201  (as ``measured``)
    """The same gaps on rows of another sample of the release, in place of people.

    What is left there is left by the promise; the rest of a gap on people is what the
    release does not know of them.
    """
    fresh = model.sample(len(test), random_state=seed + 1000)
    found = parity(made, like(fresh, test), known, seed)
    return {
        f"within_{name}": value
        for name, value in found.items()
        if name.startswith("large_") and not name.endswith("_blind")
    }


def number(figure: Any) -> float:
    """The value of a figure; NaN where there was not enough data."""
    return float(getattr(figure, "value", float("nan")))


def hidden(made, train, test, own, seed):  # noqa: ANN001, ANN201  (as ``measured``)
    """What a release tells of the sensitive columns, and teaches of real people."""
    out: dict[str, Any] = {}
    for column in (*own, tuple(own)):
        found = probe(made, column, exclude=own, seed=seed)
        out[f"probe_{found.column.replace(' ', '')}"] = found.auroc
    for found in cluster_information(made, own, seed=seed):
        name = found.column.replace(" ", "")
        out[f"cluster_mi_{name}"] = found.mutual_information
        out[f"cluster_null_{name}"] = found.null_mean
    people: dict[str, list[float]] = {}
    for start in range(PEOPLE_SEEDS):
        for found in real_people_information(
            made, test, own, seed=start, permutations=20
        ):
            name = found.column.replace(" ", "")
            people.setdefault(f"people_{name}", []).append(found.mutual_information)
            people.setdefault(f"people_null_{name}", []).append(found.null_mean)
            people.setdefault(f"people_parity_{name}", []).append(found.range_of_parity)
    out |= {k: float(np.mean(v)) for k, v in people.items()}
    for found in honesty(made, train, test, own, seed=seed):
        name = found.column.replace(" ", "")
        out[f"state_{name}"] = found.state
        out[f"confidence_{name}"] = number(found.confidence_ratio)
    return out


if __name__ == "__main__":
    main()
