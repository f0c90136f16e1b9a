"""Run AIM, MST or PrivBayes of dpmm on one job of the benchmark.

Stands alone: it runs in dpmm's own environment and imports nothing of fairveil. Takes
the path of ``job.json``; see ``fairveil.bench.jobs`` for the files it reads and writes.

The public code book gives categories and bounds. A whole-number column of few values is
given as categories, missing categories as one more label, so that dpmm has no need to
look for them; other numbers go through its private binning (priv-tree) with a tenth of
epsilon, its own default at epsilon 1.
"""
# pyright: reportMissingImports=false

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pandas as pd
from dpmm.pipelines import AIMPipeline, MSTPipeline, PrivBayesPipeline

sys.path.append(str(Path(__file__).parent))
from peer_tables import PeerJob, label_cells, labels_of, number_cells, written

BINNING = 0.1  # of epsilon, for the bins of numbers
PIPELINES: dict[str, Any] = {
    "dpmm-aim": AIMPipeline,
    "dpmm-mst": MSTPipeline,
    "dpmm-privbayes": PrivBayesPipeline,
}


def main(path: str) -> None:
    """Fit, sample and write."""
    job = PeerJob(path)
    frame, domain = cells_of(job)
    settings: dict[str, Any] = {"n_jobs": 1}
    if job["method"] == "dpmm-aim":  # the default of 16 rounds a column takes hours
        settings["gen_kwargs"] = {"rounds": 2 * len(job.columns)}
    numeric = any(labels_of(column) is None for column in job.columns)
    binning = BINNING * job["epsilon"] if numeric else 0.0
    pipeline = PIPELINES[job["method"]](
        epsilon=job["epsilon"] - binning,
        delta=job["delta"],
        proc_epsilon=binning or None,
        **settings,
    )
    pipeline.fit(frame, domain=domain, random_state=job["seed"])
    made = pipeline.generate(n_records=job["rows"], random_state=job["seed"])
    out = {c["name"]: written(made[c["name"]], c) for c in job.columns}
    job.write(pd.DataFrame(out))
    settings |= {"proc_epsilon": binning, "binner": "priv-tree"}
    job.done("dpmm", settings, job["epsilon"], notes_of(job))


def cells_of(job: PeerJob) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The training rows, and the public facts of each column."""
    frame, domain = {}, {}
    for column in job.columns:
        name, labels = column["name"], labels_of(column)
        if labels is None:
            numbers = number_cells(job.texts[name])
            whole = column["kind"] == "integer" and not numbers.isna().any()
            frame[name] = numbers.astype(int) if whole else numbers
            domain[name] = {"lower": column["lower"], "upper": column["upper"]}
        else:
            cells = label_cells(job.texts[name], column)
            frame[name] = pd.Series(pd.Categorical(cells, categories=labels))
            domain[name] = {"categories": labels}
    return pd.DataFrame(frame), domain


def notes_of(job: PeerJob) -> list[str]:
    """What the library reads from the rows without noise."""
    notes = [
        "dpmm drops columns that are constant in the rows, without noise",
        "dpmm's noise comes from opendp, which takes no seed",
    ]
    if any(labels_of(c) is None and c["missing"] for c in job.columns):
        notes.append("dpmm fills missing numbers with the value of one real row")
    return notes


if __name__ == "__main__":
    main(sys.argv[1])
