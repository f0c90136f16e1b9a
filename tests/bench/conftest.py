"""A made-up public table and made-up methods: small scripts that know no fairveil."""

from __future__ import annotations

import json
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest

from fairveil.bench import (
    grid,  # noqa: F401  (reads the registries, before a test changes them)
    methods,
    page,
    runner,
    tables,
)
from fairveil.bench.jobs import Job
from fairveil.bench.tables import BenchTable

HEAD = """
import json, os, shutil, sys
job = json.load(open(sys.argv[1]))

def done(**facts):
    about = {"library": "fake", "version": "1", "notes": [], "settings": {}}
    about["epsilon_spent"] = job["epsilon"]
    json.dump({**about, **facts}, open(job["done"], "w"))

def copy():
    shutil.copy(job["train"], job["out"])
"""
COPY = "copy()\ndone()"


def toy_frame(rows=120, seed=0):
    rng = np.random.default_rng(seed)
    number = np.where(rng.random(rows) < 0.1, np.nan, rng.integers(0, 9, rows))
    return pd.DataFrame(
        {
            "code": rng.choice(["01", "2", "NA"], rows),
            "n": number,
            "x": rng.integers(0, 100, rows) / 4,
            "s": rng.choice(["f", "m"], rows),
            "y": rng.choice(["no", "yes"], rows),
            "weight": 1,
        }
    )


class Bench:
    """A work folder, a folder of tables, and methods by the text of their scripts."""

    def __init__(self, root, patch):
        self.work, self.data, self.root = root / "work", root / "data", root
        self._patch = patch
        self.data.mkdir()
        toy_frame().to_csv(self.data / "toy.csv", index=False, na_rep="?")
        toy = BenchTable(
            name="toy",
            file="toy.csv",
            source="made up",
            target="y",
            positive="yes",
            sensitive=("s",),
            dropped={"weight": "a weight"},
            missing="?",
            texts=("code",),
        )
        patch.setitem(tables.TABLES, "toy", toy)
        (self.work / "envs" / "fake" / "bin").mkdir(parents=True)
        (self.work / "envs" / "fake" / "bin" / "python").symlink_to(sys.executable)

    def method(self, name, body, *, private=True, free=True, environment="fake"):
        script = self.root / f"{name}.py"
        script.write_text(HEAD + textwrap.dedent(body), encoding="utf-8")
        made = methods.Method(
            name=name,
            environment=environment,
            script=script,
            private=private,
            free=free,
        )
        self._patch.setitem(methods.METHODS, name, made)
        return name

    def job(self, body=COPY, *, name="fake", epsilon=1.0, seed=0, **options):
        method = self.method(name, body, **options)
        return Job(table="toy", method=method, epsilon=epsilon, seed=seed)

    def run(self, job, *, time_limit=30.0, **options):
        return runner.run_job(
            job, work=self.work, data=self.data, time_limit=time_limit, **options
        )

    def read(self, job, name):
        path = job.folder(self.work) / name
        return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture
def bench(tmp_path, monkeypatch):
    return Bench(tmp_path, monkeypatch)


@pytest.fixture
def page_with_plots(tmp_path):
    def write(*rows):
        page.write(rows, tmp_path / "page.md")
        return (tmp_path / "page.md").read_text(encoding="utf-8")

    return write


@pytest.fixture
def page_of(page_with_plots, monkeypatch):
    """The page alone: drawing takes a second."""
    monkeypatch.setattr(page.plots, "draw", lambda *_: [])
    return page_with_plots
