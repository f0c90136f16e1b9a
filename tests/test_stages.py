"""Progress for a program that listens at a pipe, and what happens when it dies."""

import json
import os
import select
import threading

import pytest

from fairveil import _log
from fairveil._stages import PIPE, Stages

WEIGHTS = {"one": 1.0, "two": 3.0}


@pytest.fixture
def pipe(monkeypatch):
    read, write = os.pipe()
    monkeypatch.setenv(PIPE, str(write))
    yield read, write
    os.close(write)


def lines(read):
    return [json.loads(line) for line in os.read(read, 1 << 16).splitlines()]


def spend(rho):
    _log.tell("spent", rho_spent=rho, epsilon=1.0, delta=1e-5)


def test_the_listener_hears_what_the_bar_would_show(pipe):
    read, _ = pipe
    with Stages(WEIGHTS) as progress:
        progress("one", 1, 2)
        spend(0.001)
        progress("two", 1, 2)
    told = lines(read)
    os.close(read)
    assert [t["stage"] for t in told] == ["one", "one", "two"]
    assert [t["part"] for t in told] == [0.0, 0.125, 0.625]
    assert [bool(t["spent"]) for t in told] == [False, False, True]
    assert told[-1]["spent"].endswith("of 1")


def test_steps_too_small_to_be_seen_are_not_told(pipe):
    read, _ = pipe
    with Stages(WEIGHTS) as progress:
        for step in range(10_000):
            progress("one", step, 10_000)
    assert len(lines(read)) < 200
    os.close(read)


def test_nobody_listens_and_nothing_is_spent_so_it_stops(pipe):
    read, _ = pipe
    with Stages(WEIGHTS) as progress:
        os.close(read)
        with pytest.raises(KeyboardInterrupt):
            progress("one", 1, 2)


def test_what_is_spent_is_spent_so_a_fit_goes_on(pipe):
    read, _ = pipe
    with Stages(WEIGHTS) as progress:
        spend(0.001)
        progress("one", 1, 2)
        os.close(read)
        progress("two", 1, 2)
        progress("two", 2, 2)


@pytest.mark.skipif(not hasattr(select, "poll"), reason="this system cannot tell")
def test_a_reader_that_never_reads_holds_nothing_up(pipe):
    read, _ = pipe
    ended = []

    def work():
        with Stages(WEIGHTS) as progress:
            for step in range(5000):  # some 250 kB: no pipe holds that much
                progress(("one", "two")[step % 2], 1, 4)
        ended.append(True)

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    worker.join(30)
    waited = not ended
    os.set_blocking(read, False)
    held = b""
    while waited or not held.endswith(b"\n"):
        try:
            held += os.read(read, 1 << 16)
        except BlockingIOError:
            break
    assert not waited
    told = [json.loads(line) for line in held.splitlines()]  # whole lines alone
    assert 100 < len(told) < 5000
    with Stages(WEIGHTS) as progress:  # somebody reads again, and is told
        progress("two", 1, 2)
    assert lines(read)[-1]["part"] == 0.625
    os.close(read)


def test_without_the_name_of_a_pipe_nothing_is_told(monkeypatch):
    monkeypatch.delenv(PIPE, raising=False)
    with Stages(WEIGHTS) as progress:
        progress("one", 1, 2)
