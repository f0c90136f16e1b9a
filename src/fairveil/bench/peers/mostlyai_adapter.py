"""Run the autoregressive engine of mostlyai-engine, with or without DP, on one job.

Stands alone: it runs in mostlyai's own environment and imports nothing of fairveil.
Takes the path of ``job.json``; see ``fairveil.bench.jobs`` for the files it reads and
writes.

The library's defaults, with its value protection off, since labels and bounds are
public here: all of the budget goes to training. Its epsilon is a rule for stopping;
what was spent at the checkpoint it kept is told.
"""
# pyright: reportMissingImports=false

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

# For images alone, and its builds seldom fit a torch of another origin.
sys.modules["torchvision"] = None  # pyright: ignore[reportArgumentType]  (no module, on purpose)

import torch  # noqa: E402  (after the line above)
from mostlyai.engine import TabularARGN  # noqa: E402  (as torch)

sys.path.append(str(Path(__file__).parent))
from peer_tables import (  # noqa: E402  (after the line above)
    PeerJob,
    label_cells,
    labels_of,
    number_cells,
    written,
)

LIBRARY = "mostlyai-engine"
SHARE = 0.7  # of the time limit, for training
NOTES = (
    "value protection is off: the labels and bounds are public",
    "the checkpoint is chosen by the exact loss of held-out training rows",
    "labels and bins of numbers are taken from the rows",
)


def main(path: str) -> None:
    """Fit, sample and write."""
    job = PeerJob(path)
    torch.set_num_threads(1)
    private = job["epsilon"] is not None
    table, kinds = cells_of(job)
    settings = {"max_training_time": job["time_limit"] * SHARE / 60}
    if private:
        settings["differential_privacy"] = {
            "max_epsilon": job["epsilon"],
            "delta": job["delta"],
        }
    with tempfile.TemporaryDirectory() as folder:
        model = TabularARGN(
            tgt_encoding_types=kinds,
            value_protection=False,
            device="cpu",
            workspace_dir=folder,
            random_state=job["seed"],
            **settings,
        )
        model.fit(table)
        spent = spent_at_checkpoint(Path(folder)) if private else None
        if private and (spent is None or spent > job["epsilon"]):
            job.refuse(LIBRARY, "no checkpoint within the budget after one epoch")
            return
        made = model.sample(job["rows"], **fairness(job))
    out = {c["name"]: written(made[c["name"]], c) for c in job.columns}
    job.write(pd.DataFrame(out))
    job.done(
        LIBRARY, {**settings, **fairness(job)}, spent, NOTES[: 3 if private else 1]
    )


def fairness(job: PeerJob) -> dict[str, Any]:
    """The library's own wish for parity of the target, where the method asks for it.

    It takes categories only, and one sensitive column: with several, it would balance
    their joint groups, of which some are too small.
    """
    if not job["method"].endswith("-fair"):
        return {}
    wish = {"target_column": job["target"], "sensitive_columns": job["sensitive"][:1]}
    return {"fairness": wish}


def cells_of(job: PeerJob) -> tuple[pd.DataFrame, dict[str, str]]:
    """The training rows and the encoding of each column."""
    out, kinds = {}, {}
    for column in job.columns:
        name, cells = column["name"], job.texts[column["name"]]
        if labels_of(column) is None:
            numbers = number_cells(cells)
            whole = column["kind"] == "integer"
            out[name] = numbers.astype("Int64") if whole else numbers
            kinds[name] = "TABULAR_NUMERIC_AUTO"
        else:
            out[name] = label_cells(cells, column)
            kinds[name] = "TABULAR_CATEGORICAL"
    return pd.DataFrame(out), kinds


def spent_at_checkpoint(workspace: Path) -> float | None:
    """Epsilon at the last checkpoint that was kept; None where none tells."""
    for path in workspace.rglob("progress-messages.csv"):
        told = pd.read_csv(path)
        kept = told.query("is_checkpoint > 0 and dp_eps >= 0")
        if len(kept):
            return float(kept["dp_eps"].tolist()[-1])
    return None


if __name__ == "__main__":
    main(sys.argv[1])
