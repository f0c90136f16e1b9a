"""Work in child processes: one at a time, with progress, and a way to stop it.

Public: the kind of work, its stage, the part that is done, and what it prints, which by
the promise of the command line holds no value of a table. The time left grows with the
number of rows: it is shown to the steward and kept nowhere. Guarantees:

- a lock of the operating system is held by the child itself, so that a second piece of
  work is refused as long as the first lives, whatever became of who began it;
- what the child says goes to a file, so that the end of this process breaks no pipe
  that a paid fit writes to;
- stopping asks (``SIGTERM``, which the command line treats as Ctrl-C) and never kills.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import lock_descriptor, unlock_descriptor

from fairveil import _files
from fairveil._stages import FIRST_GUESS, PIPE, duration
from fairveil.errors import FairveilError, TableError, problem

INTERRUPTED = 130
_MOST_SAID = 20_000  # bytes of what a child printed, from its end


class BusyError(FairveilError):
    """Work is going on already; the text says what to do."""


@dataclass(frozen=True)
class Programs:
    """How children are started; tests put smaller programs in their place.

    Attributes:
        fairveil: words of the command line, before its own arguments.
        work: words of ``fairveil.studio.work``, before the kind of work.
    """

    fairveil: tuple[str, ...] = (sys.executable, "-m", "fairveil")
    work: tuple[str, ...] = (sys.executable, "-m", "fairveil.studio.work")


@dataclass(frozen=True)
class Progress:
    """Where a child is.

    Attributes:
        stage: its name.
        part: of the work that is done, 0 to 1.
        spent: epsilon of a fit so far, in words; else empty.
        left: time left, in words; empty before a guess is worth anything.
    """

    stage: str = "starting"
    part: float = 0.0
    spent: str = ""
    left: str = ""


class Lock:
    """The right to work in a folder; the child inherits it with the descriptor."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def take(self) -> int:
        """A descriptor that holds the lock; closing all copies frees it.

        Raises:
            BusyError: somebody else holds it.
            TableError: the file cannot be made.
        """
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:
            what = "the folder cannot be written"
            raise TableError(problem(what, got=str(self._path.parent))) from None
        with contextlib.suppress(OSError):
            if lock_descriptor(fd, blocking=False):
                return fd
        os.close(fd)
        raise BusyError(
            problem(
                "work is going on in this folder already",
                try_="waiting for its end, or stopping it first",
            )
        )

    def holder(self) -> int | None:
        """The process that holds the lock; None where nobody does, 0 if unknown."""
        try:
            fd = self.take()
        except BusyError:
            told = self._path.read_text(encoding="ascii").strip()
            return int(told) if told.isdecimal() else 0
        except TableError:
            return None
        with contextlib.suppress(OSError):
            unlock_descriptor(fd)
        os.close(fd)
        return None


class Job:
    """A child at work.

    Args:
        kind: what it does: ``fit``, ``explore`` and so on.
        command: its words.
        folder: where it writes; ``work.lock`` and ``work.txt`` lie there.
        told: JSON values that it reads from its standard input.
        lock: held by the child as long as it lives; None: a harmless reader.

    Raises:
        BusyError: another child holds the lock.
    """

    def __init__(
        self,
        kind: str,
        command: Sequence[str],
        folder: Path,
        *,
        told: Mapping[str, Any] | None = None,
        lock: Lock | None = None,
    ) -> None:
        self.kind: str = kind
        self.stopping: bool = False
        self._told, self._wrong = b"", b""
        self._began = time.monotonic()
        held = None if lock is None else lock.take()
        read, write = os.pipe()
        self._said = folder / "work.txt" if lock is not None else None
        try:
            self._process = self._started(command, write, held)
        finally:
            os.close(write)
            if held is not None:
                os.close(held)
        self._progress = Progress()
        stdin, self._out = self._process.stdin, self._process.stdout
        if stdin is not None:
            with contextlib.suppress(OSError), stdin:
                stdin.write(json.dumps(told or {}).encode())
        self._readers = [
            threading.Thread(target=self._listen, args=(read,), daemon=True),
            threading.Thread(target=self._collect, daemon=True),
            threading.Thread(target=self._hear, daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def _started(
        self, command: Sequence[str], write: int, held: int | None
    ) -> subprocess.Popen[bytes]:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        # what a harmless reader prints is kept in memory alone
        said = None if self._said is None else os.open(self._said, flags, 0o600)
        try:
            process = subprocess.Popen(  # noqa: S603  (our own programs)
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if self.kind != "fit" else said,
                stderr=subprocess.PIPE if said is None else said,
                pass_fds=[write, *([] if held is None else [held])],
                env={**os.environ, PIPE: str(write)},
                start_new_session=True,  # Ctrl-C at the terminal is the server's
            )
        finally:
            if said is not None:
                os.close(said)
        if held is not None:
            os.ftruncate(held, 0)
            os.pwrite(held, f"{process.pid}\n".encode("ascii"), 0)
        return process

    @property
    def running(self) -> bool:
        """Whether the child still lives."""
        return self._process.poll() is None

    @property
    def code(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._process.poll()

    @property
    def progress(self) -> Progress:
        """Where it is now."""
        return self._progress

    def stop(self) -> None:
        """Ask it to stop; it ends as after Ctrl-C."""
        self.stopping = True
        if self.running:
            self._process.send_signal(signal.SIGTERM)

    def wait(self, seconds: float | None = None) -> int | None:
        """Its exit code; None where it still runs after so many seconds."""
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        for reader in self._readers:
            reader.join(5.0)
        return code

    def result(self) -> dict[str, Any]:
        """What a child of ``work`` told as JSON; empty where it told nothing."""
        self.wait()
        try:
            found = _files.parse_json(self._told)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def said(self) -> str:
        """The last line of what it printed, without escape codes."""
        try:
            raw = self._wrong if self._said is None else self._said.read_bytes()
        except OSError:
            return ""
        text = raw[-_MOST_SAID:].decode("utf-8", "replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return lines[-1].removeprefix("Error: ") if lines else ""

    def _listen(self, read: int) -> None:
        with os.fdopen(read, "rb") as lines:
            for line in lines:
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    facts = json.loads(line)
                    self._progress = self._at(facts)

    def _at(self, facts: Mapping[str, Any]) -> Progress:
        part = min(max(float(facts["part"]), 0.0), 1.0)
        left = ""
        if part >= FIRST_GUESS:
            passed = time.monotonic() - self._began
            left = duration(passed * (1.0 - part) / part)
        return Progress(str(facts["stage"]), part, str(facts["spent"]), left)

    def _collect(self) -> None:
        if self._out is not None:
            with self._out:
                self._told = self._out.read()

    def _hear(self) -> None:
        if self._process.stderr is not None:
            with self._process.stderr as wrong:
                self._wrong = wrong.read()


def ask_to_stop(pid: int) -> None:
    """Ask a child of an earlier server to stop, as ``Job.stop`` does."""
    if pid > 0:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGTERM)
