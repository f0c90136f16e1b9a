"""Run MST, AIM or PATE-CTGAN of smartnoise-synth on one job of the benchmark.

Stands alone: it runs in smartnoise's own environment and imports nothing of fairveil.
Takes the path of ``job.json``; see ``fairveil.bench.jobs`` for the files it reads and
writes.

The library's transformer is fitted on the labels of the public code book, so that no
budget goes to them and none is read from the rows. Numbers go into 20 bins of equal
width between the public bounds, a lower bound of zero apart.
"""
# pyright: reportMissingImports=false

from __future__ import annotations

import contextlib
import importlib
import io
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from snsynth import Synthesizer
from snsynth.transform import TableTransformer

sys.path.append(str(Path(__file__).parent))
from peer_tables import BINS, PeerJob, codes, from_codes, sizes

NAMES = {
    "smartnoise-mst": "mst",
    "smartnoise-aim": "aim",
    "smartnoise-patectgan": "patectgan",
}
NETWORKS = ("patectgan",)
NOTES = {
    "mst": ["run as shipped; two columns drawn from one parent may come out equal"],
    "aim": ["run as shipped; two columns drawn from one parent may come out equal"],
    "patectgan": [
        "teachers and student are one network, so the stated epsilon does not hold",
        "rows for training are drawn by exact frequencies of labels",
    ],
}


def main(path: str) -> None:
    """Fit, sample and write."""
    job = PeerJob(path)
    name = NAMES[job["method"]]
    np.random.seed(job["seed"])  # noqa: NPY002  (the library's generator)
    known = sizes(job.columns)
    settings = {"bins": BINS, "delta": job["delta"]}
    if name == "aim":
        settings["rounds"] = 2 * len(known)
    if name in NETWORKS:
        importlib.import_module("torch").manual_seed(job["seed"])
        importlib.import_module("torch").set_num_threads(1)
    options = {key: value for key, value in settings.items() if key != "bins"}
    if name in NETWORKS:
        options |= {"verbose": False, "cuda": False}
    model = Synthesizer.create(name, epsilon=float(job["epsilon"]), **options)
    coded = codes(job.texts, job.columns)
    with contextlib.redirect_stdout(io.StringIO()):
        transformer = public_transformer(known, "gan" if name in NETWORKS else "cube")
        model.fit(coded, transformer=transformer)
        made = pd.DataFrame(model.sample(job["rows"]))
    made.columns = list(known)
    job.write(from_codes(made, job.columns, np.random.default_rng(job["seed"] + 1)))
    job.done("smartnoise-synth", settings, job["epsilon"], NOTES[name])


def public_transformer(known: dict[str, int], style: str) -> TableTransformer:
    """A transformer fitted on every code of every column, and on no row."""
    longest = max(known.values())
    every = pd.DataFrame(
        {name: np.arange(longest) % size for name, size in known.items()}
    )
    transformer = TableTransformer.create(
        every, style=style, categorical_columns=list(known), nullable=False
    )
    transformer.fit(every)
    return transformer


if __name__ == "__main__":
    main(sys.argv[1])
