"""Whole fits of tall tables that are read where they lie: ``make tall DATA=folder``.

Each job is a process of its own: a fit without a schema, from a file, and a sample of
10,000 rows; its wall and CPU seconds and peak memory are added to a file of JSON rows,
and put between the marks of docs/scale.md. ``--made ROWS`` samples so many rows from
the model of the widest table into Parquet and fits that file with the schema found.
``--wide`` makes 200 columns of 50,000 rows that hang together by eight hidden numbers.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fairveil import FairVeil
from fairveil.bench.ours import build

TABLES = {
    "diabetes_brfss": "diabetes_brfss.csv.gz",
    "kdd_census_income": "kdd_census_income.csv.gz",
}
WIDEST = "kdd_census_income"
WIDE, WIDE_COLUMNS, HIDDEN = 50_000, 200, 8  # rows, columns, what they hang on
BEGIN, END = "<!-- tall: begin -->", "<!-- tall: end -->"
HEAD = (
    "| table | rows | columns | wall seconds | CPU seconds | peak GB | load | build |"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--work", type=Path, default=Path(".bench/tall"))
    parser.add_argument("--rows", type=Path, default=Path("benchmarks/tall.json"))
    parser.add_argument("--page", type=Path, default=Path("docs/scale.md"))
    parser.add_argument("--tables", default=",".join(TABLES))
    parser.add_argument("--made", type=int, default=0, help="rows of a made table")
    parser.add_argument("--wide", action="store_true", help="200 made columns, too")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    wish = parser.parse_args()
    wish.work.mkdir(parents=True, exist_ok=True)
    if wish.one:
        print(json.dumps(fitted(wish, wish.one)))
        return
    for name in filter(None, wish.tables.split(",")):
        keep(wish, job(wish, name))
    if wish.wide:
        keep(wish, job(wish, "wide"))
    if wish.made:
        keep(wish, job(wish, "made"))


def job(wish: argparse.Namespace, name: str) -> dict[str, Any]:
    """A job in a process of its own, so that its peak memory is its own."""
    command = [sys.executable, __file__, "--data", str(wish.data)]
    command += ["--work", str(wish.work), "--made", str(wish.made), "--one", name]
    if name == "made":
        made = wish.work / f"made-{wish.made}.parquet"
        if not made.exists():
            FairVeil.load(model_of(wish, WIDEST)).sample_to(made, wish.made)
    if name == "wide":
        widened().to_parquet(wish.work / "wide.parquet")
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def widened(seed: int = 0) -> pd.DataFrame:
    """A made table: of four columns three are categories, one is a number."""
    rng = np.random.default_rng(seed)
    hidden = rng.standard_normal((WIDE, HIDDEN))
    columns: dict[str, np.ndarray] = {}
    for i in range(WIDE_COLUMNS):
        score = hidden @ rng.standard_normal(HIDDEN) / HIDDEN**0.5
        score = score + rng.standard_normal(WIDE)
        if i % 4 == 3:  # noqa: PLR2004  (the fourth)
            columns[f"number {i}"] = np.round(50 + 20 * score, i % 3)
            continue
        ends = np.quantile(score, np.sort(rng.random(rng.integers(1, 12))))
        places = np.searchsorted(ends, score)
        columns[f"category {i}"] = np.array([f"v{k}" for k in range(13)])[places]
    return pd.DataFrame(columns)


def model_of(wish: argparse.Namespace, name: str) -> Path:
    return wish.work / f"{name}.fairveil"


def fitted(wish: argparse.Namespace, name: str) -> dict[str, Any]:
    load, cpu, wall = os.getloadavg()[0], time.process_time(), time.perf_counter()
    if name == "made":
        source = wish.work / f"made-{wish.made}.parquet"
        schema = FairVeil.load(model_of(wish, WIDEST)).schema_
    else:
        known = wish.work / "wide.parquet" if name == "wide" else None
        source, schema = known or wish.data / TABLES[name], None
    model = FairVeil(epsilon=1.0, fairness=None, schema=schema).fit(source)
    model.sample(10_000)
    row = {
        "table": name,
        "rows": wish.made if name == "made" else counted(source),
        "columns": model.n_features_in_,
        "wall": round(time.perf_counter() - wall, 1),
        "cpu": round(time.process_time() - cpu, 1),
        "peak": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
        "load": round(load, 1),
        "build": build(),
    }
    model.save(model_of(wish, name))
    return row


def counted(path: Path) -> int:
    """Rows of a public file, for the page; after the fit has been timed."""
    read = pd.read_parquet if path.suffix == ".parquet" else pd.read_csv
    return len(read(path))


def keep(wish: argparse.Namespace, row: dict[str, Any]) -> None:
    found = json.loads(wish.rows.read_text("utf-8")) if wish.rows.exists() else []
    same = (row["table"], row["rows"])
    found = [r for r in found if (r["table"], r["rows"]) != same] + [row]
    wish.rows.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(row, flush=True)
    before, _, rest = wish.page.read_text("utf-8").partition(BEGIN)
    text = f"{before}{BEGIN}\n{table(found)}\n{END}{rest.partition(END)[2]}"
    wish.page.write_text(text, encoding="utf-8")


def table(found: list[dict[str, Any]]) -> str:
    lines = [HEAD, "|" + "---|" * (HEAD.count("|") - 1)]
    lines += [
        f"| {r['table']} | {r['rows']:,} | {r['columns']} | {r['wall']:,.0f} | "
        f"{r['cpu']:,.0f} | {r['peak']:.2f} | {r['load']:.1f} | {r['build']} |"
        for r in found
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
