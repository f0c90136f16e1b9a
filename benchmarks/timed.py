"""Times of the parts that a fit and a release are made of, by pytest-benchmark.

``make timed`` runs it; ``make timed ARGS="--benchmark-save=before"`` and later
``ARGS="--benchmark-compare"`` show what a change of the code did on one machine. Whole fits are
timed by ``benchmarks/speed.py``. Every group has something to compare with: a DP step a
plain one, Adult's rows as a frame those as codes.
"""

from __future__ import annotations

import subprocess
import sys

import pytest
from step import steps

from fairveil import FairVeil
from fairveil.datasets import get
from fairveil.evaluate import split
from fairveil.seeds import Seeds

ROWS = 20_000


@pytest.fixture(scope="module")
def kinds():
    return steps()


@pytest.fixture(scope="module")
def fitted():
    """A model of Adult, and the rows it was fitted to."""
    known = get("adult")
    train, _ = split(known.load(), test=0.3, seed=0)
    model = FairVeil(epsilon=1.0, fairness=None, schema=known.schema(), random_state=0)
    return model.fit(train), train


@pytest.mark.benchmark(group="one gradient step over Adult's rows")
@pytest.mark.parametrize("kind", ["plain step", "DP step", "vmap step"])
def test_step(benchmark, kinds, kind):
    benchmark.pedantic(kinds[kind], rounds=5 if kind == "vmap step" else 15)


@pytest.mark.benchmark(group=f"a sample of {ROWS:,} rows")
@pytest.mark.parametrize("kind", ["codes", "frame"])
def test_sample(benchmark, fitted, kind):
    model, _ = fitted
    sampler = model._fitted().sampler  # noqa: SLF001  (codes have no public call)
    calls = {
        "codes": lambda: sampler.codes(ROWS, Seeds.of(1)),
        "frame": lambda: model.sample(ROWS, random_state=1),
    }
    made = benchmark.pedantic(calls[kind], rounds=5, warmup_rounds=1)
    assert len(made) == ROWS


@pytest.mark.benchmark(group="a model file")
@pytest.mark.parametrize("kind", ["save", "load"])
def test_file(benchmark, fitted, tmp_path, kind):
    path = tmp_path / "model.fairveil"
    fitted[0].save(path)
    calls = {
        "save": lambda: fitted[0].save(path),
        "load": lambda: FairVeil.load(path),
    }
    benchmark.pedantic(calls[kind], rounds=5, warmup_rounds=1)


@pytest.mark.benchmark(group="another release of a fitted model")
@pytest.mark.parametrize("fairness", ["redraw", "independence", "outcome"])
def test_refine(benchmark, fitted, fairness):
    wish = {"target": "income"} if fairness == "outcome" else {}
    benchmark.pedantic(
        lambda: fitted[0].refine(fairness=fairness, sensitive=["sex"], **wish),
        rounds=3,
        warmup_rounds=1,
    )


@pytest.mark.benchmark(group="start of the command line")
def test_help(benchmark):
    command = [sys.executable, "-m", "fairveil", "--help"]
    benchmark.pedantic(
        lambda: subprocess.run(command, check=True, capture_output=True),
        rounds=5,
        warmup_rounds=1,
    )
