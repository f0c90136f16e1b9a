"""Run fairveil, the ceiling or the floor on one job, as a peer's script does.

NOT PRIVATE where the method says so: ``real`` copies the training rows, ``independent``
shuffles each column of them.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import fairveil
from fairveil import FairVeil, Schema
from fairveil.bench.jobs import read_cells, read_json, write_json
from fairveil.bench.tables import whole_numbers
from fairveil.config import (
    Calibration,
    Clustering,
    Fit,
    Measuring,
    Split,
    VaeTraining,
)
from fairveil.schema import Column

_ABLATED: Mapping[str, Fit] = {
    "fairveil-no-balance": Fit(calibration=Calibration(choices=1)),
    "fairveil-no-raking": Fit(calibration=Calibration(iterations=0)),
    "fairveil-no-calibration": Fit(calibration=Calibration(iterations=0, choices=1)),
    "fairveil-no-sizing": Fit(
        measuring=Measuring(one_way_noise=1e9, grid_noise=1e9, least_rounds=12)
    ),
    "fairveil-no-warm-start": Fit(
        vae=VaeTraining(warm_steps=0), clustering=Clustering(warm=False)
    ),
    "fairveil-no-marginals": Fit(  # their part of rho goes to the networks
        split=Split(vae=0.71, clusters=0.2, selection=0.001, marginals=0.001),
        measuring=Measuring(rounds=0, least_rounds=0),
        vae=VaeTraining(warm_steps=0),
        clustering=Clustering(warm=False),
    ),
}
_SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "fairveil": {"fairness": None},
    "fairveil-decoder": {"fairness": None, "generator": "decoder"},
    "fairveil-redraw": {"fairness": "redraw"},
    "fairveil-independence": {"fairness": "independence"},
    "fairveil-paper": {"fairness": "independence", "preset": "paper"},
    **{name: {"fairness": None, "preset": fit} for name, fit in _ABLATED.items()},
}


def main(path: str) -> None:
    """Fit, sample and write what the job asks for."""
    job, digest = read_json(Path(path)), build()
    train = read_cells(Path(job["train"]), Path(job["schema"]))
    if job["method"] in _SETTINGS:
        made, facts = _fairveil(job, train)
    else:
        made, facts = _baseline(job, train), {"settings": {}, "epsilon_spent": None}
    whole_numbers(made).to_csv(job["out"], index=False)
    about = {"library": "fairveil", "version": fairveil.__version__, "build": digest}
    write_json(Path(job["done"]), {**about, "notes": [], **facts})


def build() -> str:
    """A digest of the source of the library, which moves between versions."""
    digest, root = hashlib.sha256(), Path(fairveil.__file__).parent
    for path in sorted(root.rglob("*.py")):
        if path.parent.name not in ("bench", "peers"):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _fairveil(
    job: Mapping[str, Any], train: pd.DataFrame
) -> tuple[pd.DataFrame, dict[str, Any]]:
    columns = read_json(Path(job["schema"]))["columns"]
    schema = Schema(
        columns=tuple(column_of(facts) for facts in columns),
        declared_by="the benchmark's code book",
    )
    epsilon = job["epsilon"]
    model = FairVeil(
        epsilon=float("inf") if epsilon is None else epsilon,
        delta=job["delta"],
        sensitive=job["sensitive"],
        schema=schema,
        random_state=job["seed"],
        **_SETTINGS[job["method"]],
    ).fit(train)
    made = model.sample(job["rows"], random_state=job["seed"])
    statement = model.statement_
    return made, {
        "settings": _told(job["method"]),
        "epsilon_spent": statement.epsilon_spent if statement.private else None,
    }


def _told(name: str) -> dict[str, Any]:
    """The settings, with the name of constants instead of all of them."""
    told = dict(_SETTINGS[name])
    return told | {"preset": name} if name in _ABLATED else told


def column_of(facts: Mapping[str, Any]) -> Column:
    """A declared column from the code book's facts."""
    nullable = bool(facts["missing"])
    if facts["kind"] == "category":
        return Column(
            name=facts["name"],
            kind="categorical",
            categories=tuple(facts["categories"]),
            nullable=nullable,
        )
    whole = facts["kind"] == "integer"
    return Column(
        name=facts["name"],
        kind="numeric",
        dtype="int64" if whole and not nullable else "float64",
        lower=facts["lower"],
        upper=facts["upper"],
        decimals=facts["decimals"],
        nullable=nullable,
    )


def _baseline(job: Mapping[str, Any], train: pd.DataFrame) -> pd.DataFrame:
    if job["method"] == "real":
        return train
    rng = np.random.default_rng(job["seed"])
    return pd.DataFrame(
        {name: train[name].to_numpy()[rng.permutation(len(train))] for name in train}
    )


if __name__ == "__main__":
    main(sys.argv[1])
