"""What each process of ``test_hosts.py`` runs: fits together, and fits that fail.

Arguments: port, number of this process, folder of the files, name of the scene.
"""

import contextlib
import os
import sys
from pathlib import Path

import jax
import numpy as np
import pandas as pd

from fairveil import FairVeil, hosts
from fairveil.errors import FairveilError
from fairveil.schema import Column, Schema
from tiny_sizes import TINY

ROWS, CUT = 600, 250  # process 0 has the rows before the cut


def table():
    rng = np.random.default_rng(0)
    group = rng.integers(0, 3, ROWS)
    return pd.DataFrame(
        {
            "group": np.array(["a", "b", "c"], dtype=object)[group],
            "age": 20.0 + group * 10 + rng.integers(0, 9, ROWS),
        }
    )


def model(**settings):
    schema = Schema(
        columns=(
            Column(name="group", kind="categorical", categories=("a", "b", "c")),
            Column(
                name="age",
                kind="numeric",
                dtype="float64",
                lower=0,
                upper=100,
                decimals=0,
            ),
        ),
        declared_by="a test",
    )
    facts = {"epsilon": 2.0, "schema": schema, "preset": TINY, "random_state": 0}
    return FairVeil(fairness=None, generator="decoder", **{**facts, **settings})


def answers(fitted):
    """What is compared: released counts, network, and rows."""
    teacher = fitted._contents.bundle.teacher
    return {
        "n_hat": np.array(fitted._contents.bundle.n_hat),
        "counts": np.concatenate([m.counts for m in fitted._contents.bundle.marginals]),
        "layers": np.concatenate(
            [np.ravel(x) for x in jax.tree.leaves(teacher.layers)]
        ),
        "means": np.asarray(teacher.mixture.means),
    }


def attempt(name, made, part, **more):
    try:
        found = hosts.fit(made, part, **more)
    except FairveilError as error:
        say(f"{name}: {type(error).__name__}: {error}")
        return None
    say(f"{name}: {'none' if found is None else 'model'}")
    return found


def say(line):
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def stop(_stage, _done, _all):
    raise KeyboardInterrupt


def main(port, index, folder, scene):
    hosts.join(f"127.0.0.1:{port}", processes=2, index=index)
    part = table()[:CUT] if index == 0 else table()[CUT:]
    if scene == "gone":
        attempt("gone", model(), part if index == 0 else lambda: os._exit(3))
        sys.stdout.flush()
        os._exit(0)  # JAX would wait for the other process
    found = attempt("debugging", model(insecure_noise_seed=7), part)
    if found is not None:
        np.savez(folder / "two.npz", **answers(found))
    attempt("unit", model(unit="group"), part)
    attempt("discovery", model(schema=None), part)
    attempt("column", model(), part if index == 0 else part[["age"]])
    with contextlib.suppress(KeyboardInterrupt):
        attempt("cancelled", model(), part, progress=stop)
    # the last one: what failed has left all processes in step
    found = attempt("private", model(ledger=folder / "patients.ledger"), part)
    if found is not None:
        found.statement_.save(folder / "statement.json")


if __name__ == "__main__":
    jax.config.update("jax_disable_most_optimizations", True)
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
