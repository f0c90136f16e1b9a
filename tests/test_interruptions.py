"""Killed, interrupted, without room or rights: ledger and files stay consistent."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fairveil import _files
from fairveil.cli import app
from fairveil.privacy.book import Book
from fairveil.synthesizer import FairVeil
from fairveil.tables.files import write_table

HERE = Path(__file__).parent
FIT = ("fit", "t.csv", "-o", "m.fairveil", "--epsilon", "50", "--fairness", "none")
FIT += ("--generator", "decoder", "--random-state", "3")
INPUTS = {"t.csv", "t.csv.ledger"}


@pytest.fixture
def place(tmp_path, monkeypatch, tiny_table):
    """A folder with a table of two columns and its ledger file."""
    monkeypatch.chdir(tmp_path)
    write_table(tiny_table[["sex", "member"]], "t.csv")
    Book.create("t.csv.ledger", name="x", epsilon=200.0, delta=1e-3)
    return tmp_path


def run(*args):
    return CliRunner().invoke(app, [str(arg) for arg in args], prog_name="fairveil")


def stopped_at(stage, sign, place):
    """A real process that gets a signal at a stage; its exit code and last words."""
    paths = [str(HERE), str(HERE.parent / "src")]
    process = subprocess.Popen(
        [sys.executable, str(HERE / "interrupted.py"), stage, *FIT],
        cwd=place,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "here\n", process.stderr.read()
    process.send_signal(sign)
    _out, told = process.communicate(timeout=120)
    return process.returncode, told.splitlines()[-1] if told else ""


def left(place):
    """What is beside the inputs; a dead fit's lock is the ledger's business."""
    names = {p.name for p in place.iterdir()} - INPUTS
    return {n for n in names if not n.endswith(".live")}


@pytest.mark.parametrize(
    ("stage", "sign"),
    [
        ("reading", signal.SIGINT),
        ("marginals", signal.SIGTERM),
        ("marginals", signal.SIGKILL),
    ],
)
def test_a_fit_stopped_in_its_private_stage_is_charged_and_leaves_nothing(
    place, stage, sign
):
    code, told = stopped_at(stage, sign, place)
    if sign == signal.SIGKILL:
        assert code == -signal.SIGKILL
    else:
        assert code == 130
        assert told.startswith("Interrupted. No model was written; what was spent")
        assert "fairveil ledger show t.csv.ledger" in told
    assert left(place) == set()
    (fit,) = Book.open("t.csv.ledger").fits()
    assert fit.status == ("abandoned" if sign == signal.SIGKILL else "failed")
    if stage == "marginals":
        assert {e.stage for e in fit.events} >= {"rows", "discovery", "one-way"}
    else:
        assert fit.events == ()
    # the next fit finds the ledger in order, and the dead one charged for its events
    with Book.open("t.csv.ledger").begin(
        rho=0.01, delta=0.0, unit="row", epsilon=0.1, target_delta=1e-6
    ):
        pass
    first, _next = Book.open("t.csv.ledger").fits()
    assert (first.status, first.events) == (fit.status, fit.events)
    assert run("ledger", "verify", "t.csv.ledger").exit_code == 0


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_a_fit_killed_after_its_private_stage_goes_on_without_spending(
    place, sign, tiny_fits
):
    code, told = stopped_at("release", sign, place)
    assert code == (130 if sign == signal.SIGINT else -signal.SIGKILL)
    if sign == signal.SIGINT:
        assert "fairveil resume m.fairveil-part -o MODEL" in told
    assert left(place) == {"m.fairveil-part"}
    ledger = (place / "t.csv.ledger").read_bytes()
    assert "may be a paid fit" in run(*FIT).stderr
    (place / "t.csv").unlink()  # no row is needed any more
    done = run("resume", "m.fairveil-part", "-o", "m.fairveil")
    assert done.exit_code == 0, done.stderr
    assert "Differentially private: epsilon = 50" in done.stdout
    assert left(place) == {"m.fairveil"}
    assert (place / "t.csv.ledger").read_bytes() == ledger
    assert len(FairVeil.load("m.fairveil").sample(5)) == 5


@pytest.mark.slow
def test_a_disk_that_is_full_at_the_end_leaves_the_checkpoint(
    place, tiny_fits, monkeypatch
):
    real = _files.write_whole

    def full(path, data, **more):
        if str(path) == "m.fairveil":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(path, data, **more)

    monkeypatch.setattr(_files, "write_whole", full)
    done = run(*FIT)
    assert done.exit_code == 2
    line = done.stderr.splitlines()[-1]
    assert "model file cannot be written" in line
    assert "fairveil resume m.fairveil-part -o MODEL where there is room" in line
    assert left(place) == {"m.fairveil-part"}
    monkeypatch.undo()


def test_a_ledger_that_cannot_be_written_stops_the_fit_before_a_row_is_read(
    place, monkeypatch
):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def never(*_, **__):
        raise AssertionError

    monkeypatch.setattr("fairveil.synthesizer.measure_table", never)
    monkeypatch.setattr(os, "fsync", full)
    done = run(*FIT)
    assert done.exit_code == 2
    assert done.stderr.startswith("Error: ")
    assert len(done.stderr.splitlines()) == 1
    monkeypatch.undo()
    assert left(place) == set()


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="rights of POSIX")
def test_a_folder_that_is_read_only_is_refused_before_anything(place, monkeypatch):
    real = os.access
    monkeypatch.setattr(  # a superuser may write anywhere
        os, "access", lambda p, mode: mode != os.W_OK and real(p, mode)
    )
    done = run(*FIT)
    assert done.exit_code == 2
    assert "the output cannot be written" in done.stderr
    assert left(place) == set()
    assert Book.open("t.csv.ledger").fits() == ()
