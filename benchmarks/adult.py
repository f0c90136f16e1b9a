"""The project's figures on the embedded Adult table, over several seeds.

Run ``make figures`` (or ``python benchmarks/adult.py --seeds 3``). Each seed is one
private fit with fresh noise and four releases of it: without debiasing, with the
fairness critic, with the sensitive columns redrawn, and without the WGAN-GP. Writes one JSON row a release,
and prints the means. Adult is public; on a secret table these figures are not private.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from importlib import metadata
from pathlib import Path
from statistics import mean

from fairveil import FairVeil, __version__
from fairveil.datasets import get
from fairveil.evaluate import cluster_information, probe, split, tstr, tvd

TRIPLES = 3  # all of them would be many: 50 are drawn
PAGE = """# Figures

Made by `make figures` with fairveil {version} and jax {jax} on {cores} shared cores; not
typed by hand. Adult as embedded (32,561 rows, 14 columns), split 70/30 with seed 0; the
fit sees the training part only; epsilon {epsilon:g}, delta 1e-5, the embedded code book as
schema. {seeds} fits with fresh noise; each cell is the mean, with the least and the largest
in brackets.

The columns are releases of one private fit: without debiasing (`none`), with the fairness
critic for sex and race together (`independence`), and with the sensitive columns redrawn
apart from the rest (`redraw`): the trivial baseline, which reaches exact independence by
construction. The critic is not credited with what redraw reaches; read them side by side.
`none, decoder` is the ablation without the WGAN-GP: raked rows of the VAE's decoder.

{table}

- `auroc`, `auroc_lr`: gradient boosting and logistic regression trained on synthetic
  rows, tested on the real test rows (target income; real training rows reach .927, .906).
- `tvd1`, `tvd2`, `tvd3`: mean total variation distance to the training rows over single
  columns, all pairs and 50 triples; `tvd2_others`: pairs without a sensitive column.
- `probe_*`: AUROC of a fresh auditor that predicts the sensitive column of a released row
  from the columns that are not sensitive; .5 is blind.
- `cluster_mi_*`, `cluster_null_*`: mutual information (nats) of clusters of the release
  and the column, and its mean under permutation.
- `cpu_seconds`: for `none` the private fit, its release and its sample; for the others
  what another release of the same fit and its sample cost on top of the private part.
  `peak_mb` is of the process up to then: for the first seed's `none` the fit and its
  sample alone, later ones include evaluation.
"""
# name of the release: (fairness, generator)
RELEASES = {
    "none": (None, "wgan"),
    "independence": ("independence", "wgan"),
    "redraw": ("redraw", "wgan"),
    "none, decoder": (None, "decoder"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", default="adult")
    parser.add_argument("--epsilon", type=float, default=1.0)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/adult.jsonl"))
    parser.add_argument("--page", type=Path, help="also write this Markdown page")
    wish = parser.parse_args()
    rows = []
    for seed in range(wish.seeds):
        for row in one_seed(wish, seed):
            rows.append(row)
            print(json.dumps(row), flush=True)
    text = "".join(json.dumps(row) + "\n" for row in rows)
    wish.out.write_text(text, encoding="utf-8")
    print(table(rows))
    if wish.page:
        wish.page.write_text(page(rows, wish), encoding="utf-8")


def one_seed(wish: argparse.Namespace, seed: int) -> list[dict]:
    known = get(wish.table)
    train, test = split(known.load(), test=0.3, seed=0)
    started = time.process_time()
    plain = FairVeil(
        epsilon=wish.epsilon,
        sensitive=known.sensitive,
        fairness=None,
        schema=known.schema(),
        random_state=seed,
    ).fit(train)
    plain.sample(len(train), random_state=seed)
    fit_seconds = time.process_time() - started
    rows = []
    for name, (mode, generator) in RELEASES.items():
        started = time.process_time()
        model = plain
        if name != "none":
            model = plain.refine(fairness=mode, generator=generator, random_state=seed)
        release = model.sample(len(train), random_state=seed)
        again = time.process_time() - started
        row = {"table": wish.table, "epsilon": wish.epsilon, "seed": seed}
        row |= {"release": name, "peak_mb": peak_mb()}
        row |= measure(release, train, test, known, seed)
        # a refined release costs its own finish; a fit of its own adds the private part
        row["cpu_seconds"] = round(fit_seconds if name == "none" else again, 1)
        rows.append(row)
    return rows


def peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def measure(release, train, test, known, seed: int) -> dict:  # noqa: ANN001  (frames)
    others = [c for c in train if c not in known.sensitive]
    score = tstr(release, test, target=known.target, positive=known.positive)
    out = {"auroc": score.auroc, "auroc_lr": score.auroc_lr}
    for ways in (1, 2, 3):
        sets = 50 if ways == TRIPLES else None
        out[f"tvd{ways}"] = tvd(train, release, ways=ways, sets=sets).mean
    out["tvd2_others"] = tvd(train, release, ways=2, columns=others).mean
    for name in known.sensitive:
        out[f"probe_{name}"] = probe(
            release, name, exclude=known.sensitive, seed=seed
        ).auroc
    found = cluster_information(
        release, known.sensitive, exclude=known.sensitive, seed=seed
    )
    for item in found:
        out[f"cluster_mi_{item.column}"] = item.mutual_information
        out[f"cluster_null_{item.column}"] = item.null_mean
    return {k: round(float(v), 4) for k, v in out.items()}


def table(rows: list[dict]) -> str:
    names = [k for k in rows[0] if isinstance(rows[0][k], float | int)]
    names = [k for k in names if k not in ("epsilon", "seed")]
    lines = ["| figure | " + " | ".join(RELEASES) + " |"]
    lines.append("|---|" + "---|" * len(RELEASES))
    for name in names:
        cells = []
        for release in RELEASES:
            got = [row[name] for row in rows if row["release"] == release]
            cells.append(f"{mean(got):.4g} ({min(got):.4g} to {max(got):.4g})")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def page(rows: list[dict], wish: argparse.Namespace) -> str:
    """The page docs/figures.md; every number in it comes from this run."""
    return PAGE.format(
        seeds=wish.seeds,
        epsilon=wish.epsilon,
        table=table(rows),
        version=__version__,
        jax=metadata.version("jax"),
        cores=os.cpu_count(),
    )


if __name__ == "__main__":
    main()
