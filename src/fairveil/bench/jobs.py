"""One run of one method: where its files lie and what is in them.

The protocol, the same for fairveil and its peers. A method's script gets the path of
``job.json`` and reads from it the paths of ``train.csv`` (header; missing = empty;
other cells verbatim) and ``schema.json`` (the public code book, ``tables.code_book``),
epsilon (null: not private), delta, a seed and the number of rows wanted. It writes
``synthetic.csv`` in the form of ``train.csv``, then ``done.json`` (library, version,
settings, epsilon_spent, notes), or ``done.json`` with ``refused`` and a reason where it
cannot take the table. The harness adds ``usage.json``: status and costs.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock

from fairveil import _files
from fairveil.bench.tables import SPLIT_SEED, TEST_PART, code_book, table
from fairveil.errors import ConfigError, TableError, problem
from fairveil.evaluate import split

DELTA = 1e-5
TABLE_FILES = ("train.csv", "test.csv", "schema.json")
MEASURED = "measured.json"


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run.

    Attributes:
        table, method: names.
        epsilon: budget; infinity for methods that are not private.
        seed: of the method; the split is the same for all.
    """

    table: str
    method: str
    epsilon: float
    seed: int

    @property
    def key(self) -> tuple[str, str, float, int]:
        """What tells runs apart."""
        return self.table, self.method, self.epsilon, self.seed

    @property
    def name(self) -> str:
        """Name of its folder."""
        return f"{self.method}-eps{self.epsilon:g}-seed{self.seed}"

    def folder(self, work: Path) -> Path:
        """Where its files lie."""
        return work / self.table / self.name


def check_data(names: Iterable[str], *, work: Path, data: Path) -> None:
    """Refuse, before any run, a folder that lacks what the tables' runs need.

    A table that was laid down before needs no folder.

    Raises:
        ConfigError: there is no such folder.
        TableError: it lacks a file.
    """
    for name in dict.fromkeys(names):
        if all((work / name / each).is_file() for each in TABLE_FILES):
            continue
        if not data.is_dir():
            raise ConfigError(
                problem(
                    "no such folder of tables",
                    got=str(data),
                    try_="--data FOLDER of the public tables",
                )
            )
        table(name).path(data)


def lay_table(name: str, *, work: Path, data: Path) -> None:
    """Write the training rows, the test rows and the code book of a table, once.

    Raises:
        TableError: the table cannot be read.
    """
    home = work / name
    home.mkdir(parents=True, exist_ok=True)
    with FileLock(home / ".lock"):
        if all((home / each).is_file() for each in TABLE_FILES):
            return
        frame = table(name).load(data)
        train, test = split(frame, test=TEST_PART, seed=SPLIT_SEED)
        write_json(home / "schema.json", code_book(frame))
        for each, part in (("test.csv", test), ("train.csv", train)):
            _files.write_whole(home / each, part.to_csv(index=False).encode())


def lay_job(job: Job, *, work: Path, time_limit: float) -> Path:
    """Write the job.json of a job whose table is laid down; returns its path."""
    home, known = work / job.table, table(job.table)
    folder = job.folder(work)
    facts = {
        "method": job.method,
        "train": str((home / "train.csv").resolve()),
        "schema": str((home / "schema.json").resolve()),
        "epsilon": job.epsilon if math.isfinite(job.epsilon) else None,
        "delta": DELTA,
        "seed": job.seed,
        "rows": len(read_cells(home / "train.csv", home / "schema.json")),
        "out": str((folder / "synthetic.csv").resolve()),
        "done": str((folder / "done.json").resolve()),
        "target": known.target,
        "positive": None if known.positive is None else str(known.positive),
        "sensitive": list(known.sensitive),
        "time_limit": time_limit,
        "options": {},
    }
    write_json(folder / "job.json", facts)
    return folder / "job.json"


def read_cells(path: Path, schema: Path) -> pd.DataFrame:
    """A CSV file of the protocol, read by the code book; the empty cell is missing.

    Categories stay text, so that "01" and "NA" are labels. A column of numbers that
    holds text stays text, too, as does one that the code book does not know.

    Raises:
        TableError: the file is no table.
    """
    book = {facts["name"]: facts["kind"] for facts in read_json(schema)["columns"]}
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])
    except (OSError, ValueError):  # of the parser, too
        raise TableError(problem("this is no CSV table", got=path.name)) from None
    for name in frame.columns:
        if book.get(str(name), "category") != "category":
            with contextlib.suppress(ValueError):
                frame[name] = pd.to_numeric(frame[name])
    return frame


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object; an absent or broken file is an empty one."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_json(path: Path, facts: Mapping[str, Any]) -> None:
    """Write a JSON object, whole or not at all."""
    _files.write_whole(path, (json.dumps(facts, indent=1) + "\n").encode())
