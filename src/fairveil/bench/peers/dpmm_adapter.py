"""Run AIM, MST or PrivBayes of dpmm on one job of the benchmark.

Stands alone: it runs in dpmm's own environment and imports nothing of fairveil. Takes
the path of ``job.json``; see ``fairveil.bench.jobs`` for the files it reads and writes.

The public code book gives categories and bounds. A whole-number column of few values is
given as categories, missing categories as one more label, so that dpmm has no need to
look for them; other numbers go through its private binning (priv-tree) with a tenth of
epsilon, its own default at epsilon 1.
"""
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false

import json
import sys
from importlib import metadata
from pathlib import Path

import pandas as pd
from dpmm.pipelines import AIMPipeline, MSTPipeline, PrivBayesPipeline

MISSING = "(missing)"
FEW = 20
BINNING = 0.1
PIPELINES = {
    "dpmm-aim": AIMPipeline,
    "dpmm-mst": MSTPipeline,
    "dpmm-privbayes": PrivBayesPipeline,
}


def main(path: str) -> None:
    """Fit, sample and write."""
    job = json.loads(Path(path).read_text())
    columns = json.loads(Path(job["schema"]).read_text())["columns"]
    texts = pd.read_csv(job["train"], dtype=str, keep_default_na=False)
    frame, domain = pd.DataFrame(index=texts.index), {}
    for column in columns:
        name = column["name"]
        labels = labels_of(column)
        if labels is None:
            frame[name] = pd.to_numeric(texts[name], errors="coerce")
            domain[name] = {"lower": column["lower"], "upper": column["upper"]}
        else:
            filled = texts[name].where(texts[name] != "", MISSING)
            if column["kind"] != "category":
                filled = filled.map(lambda t: whole(t) if t != MISSING else t)
            frame[name] = pd.Categorical(filled, categories=labels)
            domain[name] = {"categories": labels}
    settings: dict = {"n_jobs": 1}
    if job["method"] == "dpmm-aim":
        settings["gen_kwargs"] = {"rounds": 2 * len(columns)}
    epsilon = job["epsilon"]
    numeric = any(labels_of(column) is None for column in columns)
    spent = BINNING * epsilon if numeric else 0.0
    pipeline = PIPELINES[job["method"]](
        epsilon=epsilon - spent,
        delta=job["delta"],
        proc_epsilon=spent or None,
        **settings,
    )
    pipeline.fit(frame, domain=domain, random_state=job["seed"])
    made = pipeline.generate(n_records=job["rows"], random_state=job["seed"])
    out = pd.DataFrame(index=made.index)
    for column in columns:
        out[column["name"]] = written(made[column["name"]], column)
    out.to_csv(job["out"], index=False)
    notes = [
        "dpmm draws the fill of a missing number from a real row (no noise)",
        "dpmm drops constant columns and reads dtypes from the rows without noise",
    ]
    done = {
        "library": "dpmm",
        "version": metadata.version("dpmm"),
        "settings": {**settings, "proc_epsilon": spent, "binner": "priv-tree"},
        "epsilon_spent": epsilon,
        "notes": notes,
    }
    Path(job["done"]).write_text(json.dumps(done))


def labels_of(column: dict) -> list | None:
    """Labels of a column that is given as categories; None: it stays a number."""
    if column["kind"] == "category":
        labels = list(column["categories"])
    elif column["kind"] == "integer" and column["upper"] - column["lower"] < FEW:
        values = range(int(column["lower"]), int(column["upper"]) + 1)
        labels = [str(value) for value in values]
    else:
        return None
    return [*labels, MISSING] if column["missing"] else labels


def whole(text: str) -> str:
    """A whole number as Python writes it."""
    return str(round(float(text)))


def written(values: pd.Series, column: dict) -> list:
    """Cells as the benchmark's files have them."""
    if labels_of(column) is not None:
        return ["" if value == MISSING else value for value in values.astype(str)]
    numbers = pd.to_numeric(values, errors="coerce")
    numbers = numbers.clip(column["lower"], column["upper"])
    if column["kind"] == "integer":
        return ["" if pd.isna(v) else str(round(v)) for v in numbers]
    return ["" if pd.isna(v) else repr(round(v, column["decimals"])) for v in numbers]


if __name__ == "__main__":
    main(sys.argv[1])
