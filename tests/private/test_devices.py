"""One device here; eight in a process of their own, which runs ``eight_devices.py``."""

import os
import re
import subprocess
import sys
from pathlib import Path

import eight_devices
import jax
import numpy as np
import pytest
from border_tools import forget_compiled, small_chunks

from fairveil.private import devices, step

HERE = Path(__file__).parent
OPTIONS = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0")
FORCED = "--xla_force_host_platform_device_count=8"


def test_one_device_compiles_the_function_as_it_is():
    assert devices.number() == jax.local_device_count() == 1
    for compile_ in (devices.by_rows, devices.summed):
        double = compile_(lambda x: 2 * x, rows=1)
        assert double(np.arange(3)).tolist() == [0, 2, 4]
        size = getattr(double, "_cache_size")  # noqa: B009  (of what JAX compiled)
        assert size() == 1  # nothing is wrapped around it


def test_a_chunk_has_rows_for_every_device(monkeypatch):
    small_chunks(monkeypatch, 4)
    monkeypatch.setattr(devices, "number", lambda: 3)
    codes = np.arange(1, 27, dtype=np.int32).reshape(13, 2)
    (first, on), (last, off) = step.chunks(codes)
    assert (first == codes[:12]).all()
    assert on.tolist() == [1.0] * 12
    assert (last[0] == codes[12]).all()
    assert not last[1:].any()
    assert off.tolist() == [1.0] + [0.0] * 11


@pytest.fixture
def _quick(quick_compile):
    forget_compiled()
    yield
    forget_compiled()


@pytest.mark.usefixtures("_quick")
def test_eight_devices(monkeypatch, tmp_path):
    small_chunks(monkeypatch, eight_devices.CHUNK)
    alone = eight_devices.answers()
    # the stubs take any name for ``allow_pickle``, which no array is called
    np.savez(tmp_path / "alone.npz", **alone)  # pyright: ignore[reportArgumentType]  (see above)
    flags = f"{os.environ.get('XLA_FLAGS', '')} {FORCED}"
    done = subprocess.run(
        [sys.executable, *OPTIONS, HERE / "eight_devices.py"],
        env={
            **os.environ,
            "XLA_FLAGS": flags.strip(),
            "FAIRVEIL_TEST_ALONE": str(tmp_path / "alone.npz"),
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed[1]) >= 15, done.stdout
