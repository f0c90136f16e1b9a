"""Rows of results: one for each run, kept as lines of JSON, sorted.

NOT PRIVATE: the figures compare with real rows; of public tables only. A run that
failed, was refused or timed out has its row, too, with that status and no figures;
figures that are undefined are null. Infinity is written as the text ``inf``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from filelock import FileLock
from scipy import stats

from fairveil import _files
from fairveil.bench import HARNESS
from fairveil.bench.jobs import (
    MEASURED,
    Job,
    read_cells,
    read_json,
    write_json,
)
from fairveil.bench.measure import measure
from fairveil.bench.runner import FINAL, NO_ENVIRONMENT
from fairveil.bench.tables import table
from fairveil.errors import ConfigError, TableError, problem

Row = dict[str, Any]
KEY = ("table", "method", "epsilon", "seed")
COSTS = ("cpu_seconds", "wall_seconds", "peak_mb")
HEADLINE = ("auroc_gbm", "auroc_lr", "tvd1", "tvd2", "tvd3", "cpu_seconds", "peak_mb")
MEASURE_SEED = 0  # the same for all runs, so that they are measured alike
STATUSES = (*FINAL, NO_ENVIRONMENT)
_CONFIDENCE = 0.95


def measured(job: Job, *, work: Path, again: bool = False) -> dict[str, Any]:
    """The figures and notes of a finished job; measured once, kept beside it.

    A synthetic table that cannot be measured (no rows, other columns) gives ``fault``,
    a reason, instead of figures. Two harnesses never measure one run at once.
    """
    folder = job.folder(work)
    with FileLock(folder / ".lock"):
        found = read_json(folder / MEASURED)
        if found.get("harness") != HARNESS or again:
            found = _measure(job, work)
            write_json(folder / MEASURED, found)
    return found


def _measure(job: Job, work: Path) -> dict[str, Any]:
    home, folder = work / job.table, job.folder(work)
    known, schema = table(job.table), home / "schema.json"
    train, test = (read_cells(home / f"{n}.csv", schema) for n in ("train", "test"))
    try:
        synthetic = read_cells(folder / "synthetic.csv", schema)
        figures, notes = measure(
            train,
            test,
            synthetic,
            target=known.target,
            positive=known.positive,
            sensitive=known.sensitive,
            seed=MEASURE_SEED,
        )
    except TableError as error:
        return {"harness": HARNESS, "fault": str(error)}
    plain = {k: v if math.isfinite(v) else None for k, v in figures.items()}
    facts = {"harness": HARNESS, "figures": plain, "notes": list(notes)}
    return {**facts, "rows": len(synthetic)}


def row_of(job: Job, status: str, *, work: Path, again: bool = False) -> Row:
    """The row of a job that ended with ``status``.

    Args:
        job: the run.
        status: as ``runner.run_job`` returns it.
        work: folder that all runs share.
        again: measure anew.
    """
    folder = job.folder(work)
    usage, done = read_json(folder / "usage.json"), read_json(folder / "done.json")
    row: Row = {
        "table": job.table,
        "method": job.method,
        "epsilon": job.epsilon if math.isfinite(job.epsilon) else "inf",
        "seed": job.seed,
        "status": status,
        "harness": HARNESS,
    }
    if status == NO_ENVIRONMENT:
        return row
    row |= {name: usage.get(name) for name in (*COSTS, "time_limit")}
    facts = ("library", "version", "build", "settings", "epsilon_spent", "notes")
    row |= {name: done[name] for name in (*facts, "refused") if name in done}
    if status == "ok":
        found = measured(job, work=work, again=again)
        if "fault" in found:
            return row | {"status": "failed", "reason": found["fault"]}
        row |= {"rows": found["rows"], "measured": found["figures"]}
        row |= {"undefined": found["notes"]}
    return row


def read(*paths: Path) -> list[Row]:
    """The rows of several files; of one run's rows, the first one stands.

    A row of a run that found no environment makes way for any other.

    Raises:
        ConfigError: a file is missing or is no file of results.
    """
    return [row for row, _ in read_from(*paths)]


def read_from(*paths: Path) -> list[tuple[Row, Path]]:
    """As ``read``, each row with the file that it stands in."""
    found: dict[tuple[Any, ...], tuple[Row, Path]] = {}
    for path in paths:
        for row in _lines(path):
            key = key_of(row)
            if key not in found or found[key][0]["status"] == NO_ENVIRONMENT:
                found[key] = row, path
    return sorted(found.values(), key=lambda each: _order(each[0]))


def _lines(path: Path) -> list[Row]:
    made, got = "a file that fairveil bench run made", str(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines if line.strip()]
        strange = {row["status"] for row in rows if key_of(row)} - set(STATUSES)
    except OSError:
        raise ConfigError(
            problem("no such file of results", got=got, try_=made)
        ) from None
    except (ValueError, KeyError, TypeError):
        raise ConfigError(
            problem("not a file of results", got=got, try_=made)
        ) from None
    if strange:
        raise ConfigError(
            problem(
                "a status is unknown",
                got=", ".join(sorted(map(str, strange))),
                try_=made,
            )
        )
    return rows


def add(path: Path, row: Row) -> None:
    """Put a row into a file; an older row of the same run makes way.

    A run that found no environment leaves an older row alone.
    """
    rows = {key_of(each): each for each in (_lines(path) if path.exists() else [])}
    if row["status"] == NO_ENVIRONMENT and key_of(row) in rows:
        return
    rows[key_of(row)] = row
    write(path, rows.values())


def write(path: Path, rows: Iterable[Row]) -> None:
    """Write rows, sorted, whole or not at all."""
    lines = [
        json.dumps(row, ensure_ascii=False, allow_nan=False)
        for row in sorted(rows, key=_order)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    _files.write_whole(path, "".join(f"{line}\n" for line in lines).encode())


def key_of(row: Mapping[str, Any]) -> tuple[str, str, float, int]:
    """What tells runs apart: table, method, epsilon, seed."""
    return row["table"], row["method"], float(row["epsilon"]), int(row["seed"])


def _order(row: Mapping[str, Any]) -> tuple[str, float, str, int]:
    name, method, epsilon, seed = key_of(row)
    return name, epsilon, method, seed


def frame(rows: Sequence[Row]) -> pd.DataFrame:
    """The tidy table: one line for each run, one column for each figure.

    Columns: table, method, epsilon (infinite where not private), seed, status, the
    figures of ``measure``, costs, library, version, build, harness.
    """
    flat = [
        {
            **{key: row[key] for key in KEY},
            "epsilon": float(row["epsilon"]),
            "status": row["status"],
            **row.get("measured", {}),
            **{key: row.get(key) for key in COSTS},
            **{k: row.get(k) for k in ("library", "version", "build", "harness")},
        }
        for row in rows
    ]
    columns = [*KEY, "status", *COSTS, "library", "version", "build", "harness"]
    return pd.DataFrame(flat, columns=None if flat else columns)


def summary(rows: Sequence[Row], metrics: Sequence[str] = HEADLINE) -> pd.DataFrame:
    """Means and 95 % intervals over seeds, for each table, method and budget.

    Columns: table, epsilon, method, runs (those that ended well), unfinished (a text as
    ``timeout 2``, empty where every run ended well), and for each metric m: ``m`` (the
    mean), ``m_low``, ``m_high`` (Student's t over seeds; NaN for fewer than two).

    Raises:
        ConfigError: no row has the metric.
    """
    runs = frame(rows)
    finished = runs.loc[runs["status"] == "ok"]
    measured = {name: None for row in rows for name in row.get("measured", {})}
    known = (*measured, *COSTS)
    for name in metrics:
        if len(finished) and name not in known:
            raise ConfigError(
                problem(
                    "no run has this figure",
                    got=name,
                    try_=_near(name, known),
                )
            )
    lines = []
    for key, group in runs.groupby(["table", "epsilon", "method"]):
        where, epsilon, who = cast("tuple[str, float, str]", key)
        good = group.loc[group["status"] == "ok"]
        ill = group.loc[group["status"] != "ok", "status"].value_counts()
        line: Row = {"table": where, "epsilon": epsilon, "method": who}
        line["runs"] = len(good)
        line["unfinished"] = ", ".join(f"{k} {v}" for k, v in sorted(ill.items()))
        for name in metrics:
            values = good[name].to_numpy(float) if name in good else np.empty(0)
            middle, low, high = interval(values)
            line |= {name: middle, f"{name}_low": low, f"{name}_high": high}
        lines.append(line)
    return pd.DataFrame(lines)


def _near(name: str, known: Sequence[str]) -> str:
    """Figures whose names come close, else the usual ones."""
    near = get_close_matches(name, known) or HEADLINE
    return f"{', '.join(near)}, or another one of docs/metrics.md"


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """Mean and its 95 % interval by Student's t; NaN values do not count.

    Returns:
        mean (NaN without values), low, high (NaN for fewer than two values).
    """
    known = values[~np.isnan(values)]
    if len(known) == 0:
        return math.nan, math.nan, math.nan
    middle = float(known.mean())
    if len(known) == 1:
        return middle, math.nan, math.nan
    error = float(known.std(ddof=1)) / math.sqrt(len(known))
    half = error * float(stats.t.ppf((1 + _CONFIDENCE) / 2, len(known) - 1))
    return middle, middle - half, middle + half
