"""How close conditional rows come, and what a constraint changes: ``make sampling``.

One private fit of the embedded Adult table. Rows under a condition are set beside a
large plain sample that is filtered (brute force); the floor is the distance between
two halves of that. A second model, the same fit with a constraint in its schema, is set
beside the first. Figures go between the marks of docs/sampling.md and
docs/constraints.md.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fairveil import FairVeil
from fairveil.bench.ours import build
from fairveil.constraints import Dependency
from fairveil.datasets import get
from fairveil.evaluate import split, tvd

BRUTE, MOST, CONSTRAINED = 200_000, 20_000, 20_000
CONDITIONS: dict[str, dict[str, Any]] = {
    "sex = Female": {"sex": "Female"},
    "income > 50K": {"income": ">50K"},
    "Female, age 17 to 25": {"sex": "Female", "age": (17, 25)},
    "race Black or Other, Female": {"race": ["Black", "Other"], "sex": "Female"},
    "50 hours or more, Masters or Doctorate": {
        "hours-per-week": (50, None),
        "education": ["Masters", "Doctorate"],
    },
    "age 60 or more, widowed": {"age": (60, None), "marital-status": "Widowed"},
    "education = Doctorate": {"education": "Doctorate"},
    "manager, Female, income > 50K": {
        "occupation": "Exec-managerial",
        "sex": "Female",
        "income": ">50K",
    },
}
SOURCE, COMPUTED = "education", "education-num"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--docs", type=Path, default=Path("docs"))
    wish = parser.parse_args()
    known = get("adult")
    train, _ = split(known.load(), test=0.3, seed=0)
    model = FairVeil(epsilon=1.0, fairness=None, schema=known.schema(), random_state=0)
    model.fit(train)
    pages = {
        "sampling.md": conditions(model),
        "constraints.md": constraint(model, train),
    }
    for name, text in pages.items():
        print(text)
        put(wish.docs / name, f"Build {build()}; one fit.\n\n{text}")


def put(page: Path, text: str) -> None:
    """Between the marks of a page."""
    begin, end = "<!-- measured: begin -->", "<!-- measured: end -->"
    before, _, rest = page.read_text("utf-8").partition(begin)
    after = rest.partition(end)[2]
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


def conditions(model: FairVeil) -> str:
    brute = model.sample(BRUTE, random_state=99)
    lines = [
        "| condition | share | rows | one-way | x floor | two-way | x floor |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, where in CONDITIONS.items():
        kept = brute[meets(brute, where)].sample(frac=1.0, random_state=0)
        n = min(len(kept) // 2, MOST)
        halves = kept.iloc[:n], kept.iloc[n : 2 * n]
        made = model.sample(n, random_state=5, where=where)
        if not meets(made, where).all():
            raise SystemExit(f"a row breaks the condition: {name}")
        cells = [name, f"{len(kept) / BRUTE:.3f}", f"{n:,}"]
        for ways in (1, 2):
            floor = apart(halves[0], halves[1], ways)
            mine = np.mean([apart(half, made, ways) for half in halves])
            cells += [f"{mine:.4f}", f"{mine / floor:.2f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def meets(frame: pd.DataFrame, where: Mapping[str, Any]) -> np.ndarray:
    """(rows,) whether rows meet a condition, judged apart from the library."""
    good = np.ones(len(frame), dtype=bool)
    for name, wanted in where.items():
        cells = frame[name]
        if isinstance(wanted, tuple):
            low = -np.inf if wanted[0] is None else wanted[0]
            high = np.inf if wanted[1] is None else wanted[1]
            good &= ((cells >= low) & (cells <= high)).to_numpy()
        else:
            values = wanted if isinstance(wanted, list) else [wanted]
            good &= cells.isin(values).to_numpy()
    return good


def apart(one: pd.DataFrame, other: pd.DataFrame, ways: int) -> float:
    """Mean total variation over all sets of so many columns; numbers value by value."""
    sets = list(itertools.combinations(one.columns, ways))
    return float(np.mean([_tvd(one, other, list(names)) for names in sets]))


def _tvd(one: pd.DataFrame, other: pd.DataFrame, names: Sequence[str]) -> float:
    shares = [
        f.groupby(names, dropna=False, observed=True).size() for f in (one, other)
    ]
    gap = (shares[0] / len(one)).sub(shares[1] / len(other), fill_value=0.0)
    return float(np.abs(gap.to_numpy(dtype=np.float64)).sum() / 2)


def constraint(model: FairVeil, train: pd.DataFrame) -> str:
    """The release with and without ``education`` -> ``education-num``, same fit."""
    pairs = train[[SOURCE, COMPUTED]].drop_duplicates()  # public: the code book's
    rule = Dependency(
        source=SOURCE, target=COMPUTED, pairs=tuple(map(tuple, pairs.to_numpy()))
    )
    held = model._contents  # noqa: SLF001  (a fit's other schema has no public call)
    codec = dataclasses.replace(held.bundle.codec, constraints=(rule,))
    bundle = dataclasses.replace(held.bundle, codec=codec)
    sampler = dataclasses.replace(held.sampler, codec=codec)
    other = FairVeil()._hold(  # noqa: SLF001  (as above)
        dataclasses.replace(held, bundle=bundle, sampler=sampler)
    )
    lines = [
        f"| release | broken rows | pairs with {COMPUTED} | all pairs | {COMPUTED} |",
        "|---|---|---|---|---|",
    ]
    known = dict(pairs.to_numpy().tolist())
    for name, one in (("without", model), ("with the dependency", other)):
        made = one.sample(CONSTRAINED, random_state=1)
        broken = (made[SOURCE].map(known) != made[COMPUTED]).mean()
        with_it = [
            tvd(train, made, ways=2, columns=[COMPUTED, c]).mean
            for c in train.columns
            if c != COMPUTED
        ]
        alone = tvd(train, made, ways=1, columns=[COMPUTED]).mean
        every = tvd(train, made, ways=2).mean
        lines.append(
            f"| {name} | {broken:.1%} | {np.mean(with_it):.4f} | {every:.4f} | "
            f"{alone:.4f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
