"""Compiled programs are kept for this user alone, and hold nothing of a fit."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fairveil import _compiled

FIT = """
import sys
import numpy as np
import pandas as pd
from fairveil import Column, FairVeil, Schema
from fairveil.config import Clustering
from dataclasses import replace
from tiny_sizes import TINY

seed = int(sys.argv[1])
rng = np.random.default_rng(seed)
shares = {"a": rng.dirichlet([1, 1]), "b": rng.dirichlet([1] * 3)}
shares["c"] = rng.dirichlet([1] * 4)
table = pd.DataFrame(
    {n: rng.choice([f"{n}{i}" for i in range(len(p))], 900, p=p)
     for n, p in shares.items()}
)
schema = Schema(columns=tuple(
    Column(name=n, kind="categorical",
           categories=tuple(f"{n}{i}" for i in range(len(p))))
    for n, p in shares.items()
))
model = FairVeil(
    epsilon=2.0, sensitive=["a"], schema=schema,
    preset=replace(TINY, clustering=Clustering(clusters=1)), random_state=seed,
).fit(table)
model.sample(50, random_state=seed)
"""


def test_a_folder_is_told_to_jax(tmp_path):
    there = {"HOME": str(tmp_path)}
    folder = _compiled.keep(there)
    assert folder == tmp_path / ".cache" / "fairveil" / "compiled"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert there["JAX_COMPILATION_CACHE_DIR"] == str(folder)
    assert int(there["JAX_COMPILATION_CACHE_MAX_SIZE"]) > 0


def test_the_platform_and_the_user_choose_the_folder(tmp_path):
    base = {"HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "x")}
    chosen = {**base, "FAIRVEIL_CACHE": str(tmp_path / "mine")}
    assert _compiled.keep(chosen) == tmp_path / "mine"
    assert _compiled.keep(base) == tmp_path / "x" / "fairveil" / "compiled"


def test_a_cache_of_the_callers_own_is_left_alone(tmp_path):
    there = {"HOME": str(tmp_path), "JAX_COMPILATION_CACHE_DIR": "/theirs"}
    assert _compiled.keep(there) is None
    assert there == {"HOME": str(tmp_path), "JAX_COMPILATION_CACHE_DIR": "/theirs"}


@pytest.mark.parametrize("word", ["off", "OFF", "0", ""])
def test_it_can_be_switched_off(tmp_path, word):
    there = {"HOME": str(tmp_path), "FAIRVEIL_CACHE": word}
    assert _compiled.keep(there) is None
    assert "JAX_COMPILATION_CACHE_DIR" not in there
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name != "posix", reason="owners and modes are POSIX's")
@pytest.mark.parametrize("mode", [0o777, 0o770])
def test_a_folder_that_others_write_to_is_not_used(tmp_path, mode):
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(mode)
    there = {"FAIRVEIL_CACHE": str(folder)}
    assert _compiled.keep(there) is None
    assert "JAX_COMPILATION_CACHE_DIR" not in there
    folder.chmod(0o700)
    assert _compiled.keep(there) == folder


def test_what_cannot_be_made_is_done_without(tmp_path):
    (tmp_path / "file").write_text("")
    assert _compiled.keep({"FAIRVEIL_CACHE": str(tmp_path / "file" / "x")}) is None
    assert _compiled.keep({}) is None


def test_nothing_of_a_fit_is_compiled_in(tmp_path):
    """Other rows, other noise and another seed find all their programs there."""
    there = {**os.environ, "JAX_COMPILATION_CACHE_DIR": str(tmp_path)}
    there["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    there["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"
    there["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"  # which programs, not how fast
    paths = [str(Path(__file__).parent), *sys.path]
    there["PYTHONPATH"] = os.pathsep.join(paths)
    kept = []
    for seed in ("1", "2"):
        subprocess.run([sys.executable, "-c", FIT, seed], env=there, check=True)
        kept.append({p.name for p in tmp_path.iterdir() if p.name.endswith("-cache")})
    assert kept[1] - kept[0] == set()  # names are digests of the programs
    names = {name.partition("-")[0] for name in kept[0]}
    assert {"jit_gradient", "jit_latents", "jit_run", "jit_step"} <= names
