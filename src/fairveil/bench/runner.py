"""Run a job: a process of its own, one thread, a time limit, and what it cost.

NOT PRIVATE: for public tables. CPU seconds (user and system, start of the interpreter
and imports included) and peak memory come from the operating system (``launch``); they
count the process and those of its children that it waited for. A job that failed or ran
out of time keeps that status; a stopped harness leaves no status, and the job is run
again. Harnesses that share a folder never run the same job at once.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from threading import Event
from typing import Any

from filelock import FileLock, Timeout

from fairveil.bench.jobs import (
    MEASURED,
    Job,
    lay_job,
    lay_table,
    read_json,
    write_json,
)
from fairveil.bench.methods import OURS, method
from fairveil.errors import ConfigError, problem

ENVIRONMENTS = "envs"  # folder of the peers' environments, inside the work folder
NO_ENVIRONMENT = "missing-environment"
BUSY = "busy"
FINAL = ("ok", "failed", "timeout", "refused")
_LAUNCHER = Path(__file__).parent / "launch.py"
_TAIL = 4000  # characters of the error output that are kept
_POLL = 0.2  # seconds between two looks at whether to stop
_OUTPUT = ("usage.json", "done.json", "synthetic.csv", MEASURED)
_SURROUNDINGS = {
    **dict.fromkeys(
        (
            "OMP_NUM_THREADS",
            "OPENBLAS_NUM_THREADS",
            "MKL_NUM_THREADS",
            "NUMEXPR_NUM_THREADS",
            "VECLIB_MAXIMUM_THREADS",
            "RAYON_NUM_THREADS",
            "POLARS_MAX_THREADS",
        ),
        "1",
    ),
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "CUDA_VISIBLE_DEVICES": "",
    "PYTHONHASHSEED": "0",
    "PYTHONWARNINGS": "ignore",
}


def status_of(job: Job, work: Path, *, time_limit: float | None = None) -> str | None:
    """How a job ended; None: not yet, or it timed out and has more time now."""
    usage = read_json(job.folder(work) / "usage.json")
    status = usage.get("status")
    if status not in FINAL:
        return None
    more = time_limit is not None and time_limit > usage.get("time_limit", 0.0)
    return None if status == "timeout" and more else str(status)


def waiting(
    jobs: Sequence[Job],
    *,
    work: Path,
    time_limit: float,
    again: bool = False,
    envs: Path | None = None,
) -> list[Job]:
    """The jobs that would run now: neither done, nor without an environment."""
    folder = envs or work / ENVIRONMENTS
    return [
        job
        for job in jobs
        if method(job.method).python(folder) is not None
        and (again or not status_of(job, work, time_limit=time_limit))
    ]


def run_jobs(
    jobs: Sequence[Job], *, at_once: int = 1, **options: Any
) -> Generator[tuple[Job, str], None, None]:
    """Run jobs, several at once; yields each with its status as it ends.

    One at a time, the next starts when the caller asks for it. Closing the iterator
    ends what runs; close it by ``contextlib.closing``.

    Args:
        jobs: what to run.
        at_once: most processes at the same time.
        options: of ``run_job``.
    """
    if at_once == 1:
        for job in jobs:
            yield job, run_job(job, **options)
        return
    stop = Event()
    with ThreadPoolExecutor(at_once) as pool:
        try:
            runs = {pool.submit(run_job, j, stop=stop, **options): j for j in jobs}
            for run in as_completed(runs):
                yield runs[run], run.result()
        finally:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)


def run_job(
    job: Job,
    *,
    work: Path,
    data: Path,
    time_limit: float,
    envs: Path | None = None,
    again: bool = False,
    stop: Event | None = None,
) -> str:
    """Run a job unless it is done; returns its status.

    Args:
        job: what to run.
        work: folder that all runs share.
        data: folder of the tables.
        time_limit: seconds of the wall clock.
        envs: folder of the peers' environments; default: ``envs`` in ``work``.
        again: run it even if it is done.
        stop: once set, the job is ended and gets no status.

    Returns:
        ``ok``, ``failed``, ``timeout`` or ``refused``; ``missing-environment`` where
        the method's environment is not installed, ``busy`` where another harness runs
        the same job.

    Raises:
        TableError: the table cannot be read.
        ConfigError: an unknown table or method.
    """
    known = method(job.method)
    python = known.python(envs or work / ENVIRONMENTS)
    before = status_of(job, work, time_limit=time_limit)
    if before and not again:
        return before
    if python is None:
        return NO_ENVIRONMENT
    lay_table(job.table, work=work, data=data)
    folder = job.folder(work)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock", timeout=0):
            before = status_of(job, work, time_limit=time_limit)
            if before and not again:  # by another harness, just now
                return before
            path = lay_job(job, work=work, time_limit=time_limit)
            # our script's neighbours are no modules of its own
            flags = ["-P"] if known.environment == OURS else []
            command = [python, *flags, str(known.script), str(path)]
            return _run(folder, command, time_limit, stop or Event())
    except Timeout:
        return BUSY


def _run(folder: Path, command: list[str], time_limit: float, stop: Event) -> str:
    for name in _OUTPUT:
        (folder / name).unlink(missing_ok=True)
    usage = _spend(command, folder, time_limit, stop)
    done = read_json(folder / "done.json")
    if usage["status"] == "ok":
        if "refused" in done:
            usage["status"] = "refused"
        elif not (folder / "synthetic.csv").is_file() or not done:
            usage["status"] = "failed"
    write_json(folder / "usage.json", usage)
    return str(usage["status"])


def _spend(
    command: list[str], folder: Path, time_limit: float, stop: Event
) -> dict[str, Any]:
    """Run a command to its end or its limit; nothing of it is left alive."""
    errors = folder / "stderr.txt"
    launcher = [sys.executable, "-I", "-S", str(_LAUNCHER), f"{time_limit:g}"]
    with subprocess.Popen(  # noqa: S603  (our own scripts)
        [*launcher, str(errors), *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env={**os.environ, **_SURROUNDINGS},
        start_new_session=True,  # an interrupt is passed on below, once
    ) as process:
        try:
            told = _told(process, stop)
        except BaseException:
            process.terminate()
            process.wait()
            raise
    if process.returncode:
        raise ConfigError(problem("the run was ended from outside", got=folder.name))
    facts = json.loads(told)
    late = facts.pop("timeout")
    status = "timeout" if late else "failed" if facts["exit_code"] else "ok"
    tail = errors.read_text("utf-8", "replace")[-_TAIL:]
    return {"status": status, **facts, "time_limit": time_limit, "errors": tail}


def _told(process: subprocess.Popen[bytes], stop: Event) -> bytes:
    """What the launcher prints; ends it once ``stop`` is set."""
    while True:
        try:
            return process.communicate(timeout=_POLL)[0]
        except subprocess.TimeoutExpired:
            if stop.is_set():
                process.terminate()
