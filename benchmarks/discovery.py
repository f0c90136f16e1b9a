"""What discovery costs: fits with the public code book beside fits without a schema.

Run ``python benchmarks/discovery.py --seeds 3``. The table is public and split 70/30 as
in ``adult.py``; each fit sees the training part only and has fresh noise. One JSON row a
fit, then the means: AUROC of gradient boosting and of logistic regression trained on the
release and tested on real rows, and mean total variation distances to the training rows.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import mean

from fairveil import FairVeil, __version__
from fairveil.datasets import get
from fairveil.evaluate import split, tstr, tvd

ARMS = ("public schema", "discovery")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", default="adult")
    parser.add_argument("--epsilon", type=float, default=1.0)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--share", type=float, default=0.1)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/discovery.jsonl"))
    parser.add_argument("--page", type=Path, help="Markdown page to write")
    wish = parser.parse_args()
    rows = []
    for seed in range(wish.seeds):
        for arm in ARMS:
            rows.append(one_fit(wish, arm, seed))
            print(json.dumps(rows[-1]), flush=True)
    text = "".join(json.dumps(row) + "\n" for row in rows)
    wish.out.write_text(text, encoding="utf-8")
    print(table(rows))
    if wish.page is not None:
        wish.page.write_text(page(wish, rows), encoding="utf-8")


def one_fit(wish: argparse.Namespace, arm: str, seed: int) -> dict:
    known = get(wish.table)
    train, test = split(known.load(), test=0.3, seed=0)
    model = FairVeil(
        epsilon=wish.epsilon,
        fairness=None,
        schema=known.schema() if arm == "public schema" else None,
        discovery_share=wish.share,
        random_state=seed,
    ).fit(train)
    release = model.sample(len(train), random_state=seed)
    score = tstr(release, test, target=known.target, positive=known.positive)
    stages = model.statement_.spent_by_stage()
    return {
        "arm": arm,
        "seed": seed,
        "auroc": round(score.auroc, 4),
        "auroc_lr": round(score.auroc_lr, 4),
        "tvd1": round(tvd(train, release, ways=1).mean, 4),
        "tvd2": round(tvd(train, release, ways=2).mean, 4),
        "discovery_share": round(
            stages.get("discovery", 0.0) / model.statement_.rho_cap, 4
        ),
        "schema": {c.name: facts(c) for c in model.schema_.columns},
    }


def facts(column) -> object:  # noqa: ANN001  (any column)
    """The categories, or the bounds, of a column."""
    if column.kind == "numeric":
        return [column.lower, column.upper]
    return list(column.categories)


def page(wish: argparse.Namespace, rows: list[dict]) -> str:
    found = next(row for row in rows if row["arm"] == "discovery")["schema"]
    listed = "\n".join(f"- `{name}`: {shown(value)}" for name, value in found.items())
    return f"""# What discovery costs

Made by `make figures` with fairveil {__version__}; not typed by hand. The embedded table
{wish.table}, split 70/30 with seed 0; the fit sees the training part only; epsilon {wish.epsilon:g},
delta 1e-5, `fairness=None`. {wish.seeds} fits each with fresh noise, with the embedded code book as
schema and without any schema; each cell is the mean, with the least and the largest in
brackets.

{table(rows)}

- `auroc`, `auroc_lr`: gradient boosting and logistic regression trained on synthetic rows,
  tested on the real test rows.
- `tvd1`, `tvd2`: mean total variation distance to the training rows over single columns
  and pairs. What discovery costs shows here: values that few rows share are merged into
  `other`, and thin ends of ranges are cut.
- `discovery_share`: part of rho that discovery spent, of the {wish.share:g} it may; the rest
  goes to the later stages.

The facts that the first of these fits found (released, so they may stand here):

{listed}
"""


def shown(value: list) -> str:
    numbers = all(isinstance(v, (int, float)) for v in value) and len(value) == 2  # noqa: PLR2004  (two bounds)
    if numbers:
        return f"{value[0]:g} to {value[1]:g}"
    return ", ".join(f"`{v}`" for v in value)


def table(rows: list[dict]) -> str:
    names = ("auroc", "auroc_lr", "tvd1", "tvd2", "discovery_share")
    lines = ["| figure | " + " | ".join(ARMS) + " |", "|---|---|---|"]
    for name in names:
        cells = []
        for arm in ARMS:
            got = [row[name] for row in rows if row["arm"] == arm]
            cells.append(f"{mean(got):.4f} ({min(got):.4f} to {max(got):.4f})")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
