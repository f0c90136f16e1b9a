"""Processes that die, race and fork over one ledger file; run as a script.

``python ledger_processes.py MODE FOLDER`` prints one JSON line per case. The processes
that die are forked from this script, which loads the library once; a fork of the test
process itself would take JAX's threads along.

A child *answers* by writing one byte into a pipe: from then on the answer has left.
"""

import json
import os
import random
import select
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from fairveil.errors import BudgetError
from fairveil.privacy import _book_file as file, events as ev
from fairveil.privacy.book import Book

RHO = 1e-3
EVENTS = 4
CAP = {"epsilon": 1.0, "delta": 1e-5}


def event(rho=RHO / EVENTS):
    return ev.Gaussian(
        stage="s", what="w", sensitivity=1.0, noise_stddev=(2.0 * rho) ** -0.5 + 1e-9
    )


def begin(book, rho=RHO):
    return book.begin(
        rho=rho, delta=0.0, unit="row", epsilon=0.1, target_delta=1e-6, label="fit"
    )


class Mortal:
    """The module ``os``, but the n-th write, sync or cut is the process's last act."""

    def __init__(self, fatal, moment):
        self._left = fatal
        self._moment = moment

    def __getattr__(self, name):
        call = getattr(os, name)
        if name not in ("write", "fsync", "ftruncate", "open", "unlink"):
            return call
        return lambda *args: self._act(name, call, *args)

    def _act(self, name, call, *args):
        self._left -= 1
        if self._left != 0:
            return call(*args)
        if self._moment == "half" and name == "write":
            call(args[0], args[1][: len(args[1]) // 2])
        if self._moment == "after":
            call(*args)
        os.kill(os.getpid(), signal.SIGKILL)
        return None


def whole_fit(path, answer, *, late=False):
    """Begin, record and answer, close; ``late`` is the bug of answering first."""
    book = Book.open(path)
    with begin(book) as entry:
        for _ in range(EVENTS):
            if late:
                answer()
            entry.record(event())
            if not late:
                answer()


def forked(act):
    """Run ``act(answer)`` in a child; returns its id and the end that hears it."""
    hear, tell = os.pipe()
    child = os.fork()
    if child:
        os.close(tell)
        return child, hear
    os.close(hear)
    try:
        act(lambda said=".": os.write(tell, said.encode()))
    except BaseException:  # noqa: BLE001  (a child must not run the parent's code)
        os._exit(3)
    os._exit(0)


def gate():
    """What holds children back: ``wait()`` in a child, ``go()`` in the parent."""
    waits, goes = os.pipe()

    def wait():
        os.close(goes)
        os.read(waits, 1)  # ends when the last copy of the other end is closed

    return wait, lambda: (os.close(waits), os.close(goes))


def tell(facts):
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def heard(hear):
    said = b""
    while piece := os.read(hear, 1 << 16):
        said += piece
    os.close(hear)
    return said


def after_death(path, answers, status):
    """What a later opener makes of the file."""
    book = Book.open(path)
    seen = [fit.status for fit in book.fits()]
    rest = begin(book, RHO)  # there is room: the dead fit holds no reservation
    rest.close()
    again = Book.open(path)
    return {
        "status": status,
        "answers": answers,
        "events": sum(len(fit.events) for fit in again.fits()),
        "seen": seen,
        "recorded": [fit.status for fit in again.fits()],
        "left": sorted(p.name for p in path.parent.iterdir()),
    }


def crash(folder, *, late=False):
    """Die at each system call of a fit, before it, halfway, and after it."""
    for moment in ("before", "half", "after"):
        for fatal in range(1, 200):
            place = folder / f"{moment}-{fatal}"
            place.mkdir()
            path = place / "t.ledger"
            Book.create(path, name="t", **CAP)

            def act(answer, fatal=fatal, moment=moment, path=path):
                file.os = Mortal(fatal, moment)
                whole_fit(path, answer, late=late)

            child, hear = forked(act)
            answers = len(heard(hear))
            _, status = os.waitpid(child, 0)
            if status == 0:
                break
            case = after_death(path, answers, os.WTERMSIG(status))
            tell({"moment": moment, "fatal": fatal, **case})


def chance(folder):
    """One file; fits in two processes at a time, killed at random moments."""
    path = folder / "t.ledger"
    Book.create(path, name="t", epsilon=30.0, delta=1e-5)
    draw = random.Random(3)

    def act(answer):
        while True:
            whole_fit(path, answer)

    total = 0
    for _ in range(25):
        pairs = [forked(act), forked(act)]
        select.select([hear for _, hear in pairs], [], [])  # one has answered
        time.sleep(draw.uniform(0.001, 0.04))
        for child, _ in pairs:
            os.kill(child, signal.SIGKILL)
        for child, hear in pairs:
            total += len(heard(hear))
            os.waitpid(child, 0)
    begin(Book.open(path)).close()
    fits = Book.open(path).fits()
    facts = {
        "answers": total,
        "events": sum(len(fit.events) for fit in fits),
        "fits": len(fits),
        "killed": sum(fit.status == "abandoned" for fit in fits),
        "statuses": sorted({fit.status for fit in fits}),
        "left": sorted(p.name for p in folder.iterdir()),
    }
    tell(facts)


def race(folder):
    """Several processes want 60 % of the cap at the same moment, all of them alive."""
    for turn in range(8):
        path = folder / f"{turn}.ledger"
        Book.create(path, name="t", **CAP)
        rho = 0.6 * 0.0364
        start, begin_all = gate()
        end, end_all = gate()

        def act(answer, path=path, start=start, end=end, rho=rho):
            book = Book.open(path)
            start()
            try:
                entry = begin(book, rho)
            except BudgetError:
                answer("-")
                return
            answer("+")
            end()  # alive while the others try
            entry.close()

        children = [forked(act) for _ in range(4)]
        begin_all()
        tried = [os.read(hear, 1) for _, hear in children]
        end_all()
        for child, hear in children:
            assert (heard(hear), os.waitpid(child, 0)[1]) == (b"", 0)
        fits = len(Book.open(path).fits())
        tell({"won": tried.count(b"+"), "fits": fits})


def fork(folder):
    """A child forked inside a fit can neither add to it nor end it."""
    path = folder / "t.ledger"
    book = Book.create(path, name="t", **CAP)
    told = {}
    with begin(book) as entry:
        entry.record(event())

        def act(answer):
            try:
                entry.record(event())
            except BudgetError:
                answer()
            try:
                entry.close()
            except BudgetError:
                answer()
            with suppress(ZeroDivisionError), entry:
                answer()
                _ = 1 // 0
            with entry:
                answer()
            entry._live.drop()  # as at the end of an interpreter
            answer()

        child, hear = forked(act)
        told["refused"] = len(heard(hear))
        os.waitpid(child, 0)
        told["status"] = Book.open(path).fits()[0].status
        told["files"] = len(list(folder.iterdir()))
        entry.record(event())
    fit = Book.open(path).fits()[0]
    told |= {"end": fit.status, "events": len(fit.events)}
    tell(told)


def inherited(folder):
    """A child is forked by another thread while the ledger file is locked."""
    path = folder / "t.ledger"
    book = Book.create(path, name="t", **CAP)
    file.LOCK_SECONDS = 0.3
    with file.locked(path, write=True):
        child, hear = forked(lambda answer: (answer(), time.sleep(1.5)))
        os.read(hear, 1)
    tell({"fits": len(book.fits())})  # the child's copy of the lock holds nothing
    heard(hear)
    os.waitpid(child, 0)


def orphan(folder):
    """The process of a fit dies; a child that it forked lives on for a while."""
    path = folder / "t.ledger"
    Book.create(path, name="t", **CAP)
    wait, go = gate()

    def act(answer):
        entry = begin(Book.open(path))
        entry.record(event())
        if os.fork() == 0:
            wait()
            os._exit(0)
        answer()
        os.kill(os.getpid(), signal.SIGKILL)

    child, hear = forked(act)
    os.read(hear, 1)
    os.waitpid(child, 0)
    first = Book.open(path).fits()[0].status
    go()
    heard(hear)  # ends when the grandchild does
    second = Book.open(path).fits()[0].status
    tell({"first": first, "second": second})


MODES = {
    "crash": crash,
    "late": lambda folder: crash(folder, late=True),
    "chance": chance,
    "race": race,
    "fork": fork,
    "inherited": inherited,
    "orphan": orphan,
}

if __name__ == "__main__":
    MODES[sys.argv[1]](Path(sys.argv[2]))
