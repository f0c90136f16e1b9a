"""Run TabFairGAN of tabfairgan on one job of the benchmark; it is not private.

Stands alone: it runs in tabfairgan's own environment and imports nothing of fairveil.
Takes the path of ``job.json``; see ``fairveil.bench.jobs`` for the files it reads and
writes.

The authors' settings for Adult: 200 epochs, the last 30 of them for fairness with
weight 0.5; fewer epochs in that proportion where a single core has no time for them.
The fairness is parity of the target over two groups, so it takes the first sensitive
column of two labels, and is left out where there is none. Missing numbers are filled,
and a column of marks tells which.
"""
# pyright: reportMissingImports=false

import contextlib
import io
import os
import sys
from pathlib import Path
from typing import Any

os.environ["LOKY_MAX_CPU_COUNT"] = "1"  # one core, as for all

import numpy as np
import pandas as pd
import torch
from tabfairgan import TFG

sys.path.append(str(Path(__file__).parent))
from peer_tables import PeerJob, from_values, labels_of, values

LIBRARY = "tabfairgan"
MOST_EPOCHS, LEAST_EPOCHS, FAIR_PART = 200, 20, 0.15
ROW_EPOCHS = 2_000_000  # about ten minutes of a core
MOST_BATCH = 256
WEIGHT = 0.5
PAIR = 2


def main(path: str) -> None:
    """Fit, sample and write."""
    job = PeerJob(path)
    np.random.seed(job["seed"])  # noqa: NPY002  (the library's generator)
    torch.manual_seed(job["seed"])
    torch.set_num_threads(1)
    rows = values(job.texts, job.columns)
    if rows.select_dtypes("number").empty:
        job.refuse(LIBRARY, "a table without numbers")
        return
    time = ROW_EPOCHS // job["rows"]
    settings: dict[str, Any] = {
        "epochs": max(LEAST_EPOCHS, min(MOST_EPOCHS, time)),
        "batch_size": min(MOST_BATCH, job["rows"] // 2),
    }
    fair = fairness(job, rows, round(FAIR_PART * settings["epochs"]))
    model = TFG(rows, **settings, device="cpu", fairness_config=fair)
    with contextlib.redirect_stdout(io.StringIO()):
        model.train()
    job.write(from_values(model.generate_fake_df(job["rows"]), job.columns))
    job.done(LIBRARY, {**settings, "fairness": fair}, None, notes(settings, fair))


def fairness(job: PeerJob, rows: pd.DataFrame, epochs: int) -> dict[str, Any] | None:
    """The library's fairness settings; None: no two groups or no two outcomes."""
    pairs = [
        column["name"]
        for column in job.columns
        if len(labels_of(column) or ()) == PAIR == len(set(rows[column["name"]]))
    ]
    groups = [name for name in job["sensitive"] if name in pairs]
    if not groups or job["target"] not in pairs or job["positive"] is None:
        return None
    wanted = (rows[job["target"]] == str(job["positive"])).to_numpy()
    group = rows[groups[0]].to_numpy()
    share = {name: wanted[group == name].mean() for name in sorted(set(group))}
    return {
        "fair_epochs": epochs,
        "lamda": WEIGHT,
        "S": groups[0],
        "Y": job["target"],
        "S_under": min(share, key=share.__getitem__),
        "Y_desire": str(job["positive"]),
    }


def notes(settings: dict[str, Any], fair: dict[str, Any] | None) -> list[str]:
    """What a reader of the figures should know."""
    out = ["it sets a tenth of the rows aside and never uses them"]
    if fair is None:
        out.append("no fairness: it needs two groups and a target of two labels")
    else:
        out.append("one weight of fairness for all tables; its authors tune it")
    if settings["epochs"] < MOST_EPOCHS:
        out.append(f"{settings['epochs']} of {MOST_EPOCHS} epochs, for the time limit")
    return out


if __name__ == "__main__":
    main(sys.argv[1])
