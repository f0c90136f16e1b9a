"""Two processes that JAX joins on this machine, each with a part of the rows."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import hosts_program
from fairveil import hosts
from fairveil.errors import ConfigError
from fairveil.privacy.book import Book

PROGRAM = Path(hosts_program.__file__)
LIMIT = 300  # seconds; a scene takes some ten on a machine with nothing else to do


def run(folder, scene):
    """What the two processes print, and their exit codes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = [
        subprocess.Popen(
            [sys.executable, PROGRAM, str(port), str(index), folder, scene],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in range(2)
    ]
    try:
        said = [process.communicate(timeout=LIMIT) for process in started]
    finally:
        for process in started:
            process.kill()
    lines = [
        dict(line.split(": ", 1) for line in out.splitlines() if ": " in line)
        for out, _err in said
    ]
    return lines, [p.returncode for p in started], [err for _, err in said]


@pytest.mark.usefixtures("quick_compile")
def test_two_processes_fit_together_and_fail_together(tmp_path):
    folder = tmp_path / "two"
    folder.mkdir()
    Book.create(folder / "patients.ledger", name="patients", epsilon=5.0, delta=1e-4)
    (first, second), codes, errors = run(folder, "all")
    assert codes == [0, 0], errors

    # under one noise the release is that of one process with all rows
    alone = hosts_program.model(insecure_noise_seed=7).fit(hosts_program.table())
    with np.load(folder / "two.npz") as two:
        for name, value in hosts_program.answers(alone).items():
            exact = name in ("n_hat", "counts")
            gap = 0 if exact else 1e-3
            assert np.abs(two[name] - value).max() <= gap, name
    assert (first["debugging"], second["debugging"]) == ("model", "none")

    # a ledger is entered once, by the process that leads
    assert (first["private"], second["private"]) == ("model", "none")
    totals = Book.open(folder / "patients.ledger").totals()
    statement = json.loads((folder / "statement.json").read_text())
    assert statement["ledger"]["fit"] == 1
    assert totals.epsilon == pytest.approx(2.0, rel=0.2)

    # what cannot be done is refused on one, and the other is told
    for scene in ("unit", "discovery"):
        assert first[scene].startswith("UnsupportedError")
        assert second[scene].startswith("HostError: another process")
    assert first["column"].startswith("HostError: another process")
    assert second["column"].startswith("SchemaError")
    assert "cancelled" not in first
    assert second["cancelled"].startswith("HostError")


def test_a_process_that_dies_stops_the_other(tmp_path):
    (first, second), codes, errors = run(tmp_path, "gone")
    assert codes == [0, 3], errors
    assert first["gone"].startswith("HostError: another process"), errors
    assert second == {}


@pytest.mark.parametrize(("processes", "index"), [(1, 0), (2, 2), (2, -1)])
def test_impossible_processes_are_refused(processes, index):
    with pytest.raises(ConfigError):
        hosts.join("127.0.0.1:1", processes=processes, index=index)
