"""Run one command under a time limit and tell what it cost; standard library alone.

Public. A small process between the harness and a job: the system counts the memory of
the process that starts a command as the command's own, and the harness is large. It
ends the job, with all that the job started, at the limit, when it is told to end, and
when the harness is gone.

Usage: ``python launch.py LIMIT STDERR_FILE COMMAND...``, the limit in seconds. Prints
one JSON object.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

_POLL = 0.05


def main(limit: float, errors: str, command: list[str]) -> None:
    """Run the command; print its exit code, costs and whether time ran out."""
    harness, started = os.getppid(), time.monotonic()
    ends: list[int] = []  # filled from before the job is there, so that none is lost
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda number, _frame: ends.append(number))
    with open(errors, "wb") as told:  # noqa: PTH123  (pathlib would add memory)
        process = subprocess.Popen(  # noqa: S603  (the harness's own command)
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=told,
            start_new_session=True,
        )
    code, cost, late = _wait(process.pid, started + limit, harness, ends)
    _kill(process.pid)  # what the job left behind
    if ends:
        sys.exit(1)
    facts = {
        "exit_code": os.waitstatus_to_exitcode(code),
        "timeout": late,
        "cpu_seconds": round(cost.ru_utime + cost.ru_stime, 2),
        "wall_seconds": round(time.monotonic() - started, 2),
        "peak_mb": round(cost.ru_maxrss / _UNITS_PER_MB),
    }
    sys.stdout.write(json.dumps(facts))


_UNITS_PER_MB = 1 << 20 if sys.platform == "darwin" else 1 << 10


def _wait(
    pid: int, deadline: float, harness: int, ends: list[int]
) -> tuple[int, Any, bool]:
    """Wait status, costs and whether the deadline ended it."""
    late = False
    while True:
        ended, code, cost = os.wait4(pid, os.WNOHANG)
        if ended:
            return code, cost, late
        if ends or os.getppid() != harness:
            _kill(pid)
        elif not late and time.monotonic() > deadline:
            late = True
            _kill(pid)
        time.sleep(_POLL)


def _kill(pid: int) -> None:
    """End a job and all that it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.argv[2], sys.argv[3:])
