"""Run CTGAN or TVAE of ctgan on one job of the benchmark; neither is private.

Stands alone: it runs in ctgan's own environment and imports nothing of fairveil. Takes
the path of ``job.json``; see ``fairveil.bench.jobs`` for the files it reads and writes.

The library's defaults, with as many of its 300 epochs as a single core has time for.
It takes no missing numbers: they are filled, and a column of marks tells which.
"""
# pyright: reportMissingImports=false

import os
import sys
from pathlib import Path
from typing import Any

os.environ["LOKY_MAX_CPU_COUNT"] = "1"  # one core, as for all

import torch
from ctgan import CTGAN, TVAE

sys.path.append(str(Path(__file__).parent))
from peer_tables import PeerJob, discrete, from_values, values

MODELS: dict[str, Any] = {"ctgan": CTGAN, "tvae": TVAE}
ROW_EPOCHS = {"ctgan": 2_300_000, "tvae": 7_000_000}  # about ten minutes of a core
MOST_EPOCHS, LEAST_EPOCHS = 300, 5


def main(path: str) -> None:
    """Fit, sample and write."""
    job = PeerJob(path)
    torch.set_num_threads(1)
    time = ROW_EPOCHS[job["method"]] // job["rows"]
    epochs = max(LEAST_EPOCHS, min(MOST_EPOCHS, time))
    model = MODELS[job["method"]](epochs=epochs, enable_gpu=False)
    model.set_random_state(job["seed"])
    model.fit(values(job.texts, job.columns), discrete(job.columns))
    job.write(from_values(model.sample(job["rows"]), job.columns))
    notes = [f"{epochs} of the default {MOST_EPOCHS} epochs, for the time limit"]
    job.done("ctgan", {"epochs": epochs}, None, notes if epochs < MOST_EPOCHS else [])


if __name__ == "__main__":
    main(sys.argv[1])
