"""The commands ``fairveil bench``: run methods on public tables, measure, compare.

NOT PRIVATE: every figure compares with real rows, so the tables have to be public ones;
their names are listed in ``bench.tables``, and no other table is taken.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import typer

from fairveil import _console
from fairveil.errors import ConfigError, problem

if TYPE_CHECKING:
    import pandas as pd

    from fairveil.bench.grid import Grid
    from fairveil.bench.jobs import Job
    from fairveil.bench.results import Row

bench_app = typer.Typer(
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@bench_app.callback(
    invoke_without_command=True,
    epilog="Example: fairveil bench run --grid small --data FOLDER",
)
def _start(context: typer.Context) -> None:
    """Compare fairveil with its peers on public tables (not private)."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


Grids = Literal["small", "core", "full"]
Work = Annotated[Path, typer.Option(help="Folder of all runs; resumed from.")]
Data = Annotated[
    Path,
    typer.Option(help="Folder of the public tables.", envvar="FAIRVEIL_BENCH_DATA"),
]
Results = Annotated[
    Path | None,
    typer.Option(help="File of rows to add to; default: WORK/results.jsonl."),
]
Tables = Annotated[str | None, typer.Option(help="Names, comma between.")]
Methods = Annotated[
    str | None,
    typer.Option(help="Names, comma between; or ours, variants, ablations, peers."),
]
Epsilons = Annotated[str | None, typer.Option(help="Budgets, comma between; or inf.")]
Seeds = Annotated[str | None, typer.Option(help="Whole numbers, comma between.")]
Files = Annotated[list[Path], typer.Argument(help="Files of results (.jsonl).")]
Number = TypeVar("Number", int, float)
_WORK, _DATA = Path(".bench"), Path("data")


@bench_app.command(
    epilog="Example: fairveil bench run --grid small --data FOLDER --methods ours"
)
def run(
    *,
    grid: Annotated[Grids, typer.Option(help="What the lists below default to.")] = (
        "core"
    ),
    tables: Tables = None,
    methods: Methods = None,
    epsilons: Epsilons = None,
    seeds: Seeds = None,
    data: Data = _DATA,
    work: Work = _WORK,
    results: Results = None,
    time_limit: Annotated[
        float, typer.Option(help="Seconds for each run; then it is ended.")
    ] = 900.0,
    at_once: Annotated[
        int,
        typer.Option(
            "--jobs", min=1, help="Runs at once; more than cores would cost them time."
        ),
    ] = 1,
    again: Annotated[
        bool, typer.Option("--again", help="Run finished runs anew.")
    ] = False,
) -> None:
    """Run a grid: each run a process with one thread; measure; add rows of results.

    A stopped command goes on where it was: a run that had ended before is marked
    'cached'. A run that timed out is tried again under a longer limit only. Runs whose
    environment is missing are marked so: see 'fairveil bench envs'.
    """
    from fairveil.bench import runner
    from fairveil.bench.jobs import check_data

    if not time_limit > 0:  # NaN, too
        raise ConfigError(
            problem(
                "time_limit must be positive", got=time_limit, try_="--time-limit 900"
            )
        )
    jobs = _grid(grid, tables, methods, epsilons, seeds).jobs()
    fresh = runner.waiting(jobs, work=work, time_limit=time_limit, again=again)
    check_data([job.table for job in fresh], work=work, data=data)
    ended = runner.run_jobs(
        jobs,
        at_once=at_once,
        work=work,
        data=data,
        time_limit=time_limit,
        again=again,
    )
    with closing(ended):  # an interrupt ends what runs
        for place, (job, status) in enumerate(ended, start=1):
            head = f"[{place}/{len(jobs)}]"
            _record(
                job,
                status,
                head,
                work=work,
                results=results,
                cached=status in runner.FINAL and job not in fresh,
            )


@bench_app.command(epilog="Example: fairveil bench measure --grid core")
def measure(
    *,
    grid: Annotated[Grids, typer.Option(help="What the lists below default to.")] = (
        "full"
    ),
    tables: Tables = None,
    methods: Methods = None,
    epsilons: Epsilons = None,
    seeds: Seeds = None,
    work: Work = _WORK,
    results: Results = None,
) -> None:
    """Measure the finished runs of a grid anew, without running anything."""
    from fairveil.bench import runner

    jobs = _grid(grid, tables, methods, epsilons, seeds).jobs()
    done = [(job, status) for job in jobs if (status := runner.status_of(job, work))]
    if not done:
        _console.say(f"No run of these has ended in {work}.")
    for place, (job, status) in enumerate(done, start=1):
        head = f"[{place}/{len(done)}]"
        _record(job, status, head, work=work, results=results, again=True)


@bench_app.command(epilog="Example: fairveil bench table .bench/results.jsonl")
def table(
    files: Files,
    *,
    metrics: Annotated[
        str | None, typer.Option(help="Figures, comma between; docs/metrics.md.")
    ] = None,
    grid: Annotated[
        Grids | None, typer.Option(help="Leave out what is not of this grid.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(help="Write every run's figures there, too.")
    ] = None,
) -> None:
    """Print means over seeds, with 95 % intervals, for each table and budget.

    Of several files' rows of one run, the first file's stands unless it has no
    environment. A line of which not all rows are of the first file names the others.
    """
    from fairveil.bench import results, screen
    from fairveil.bench.grid import GRIDS

    found = results.read_from(*files)
    if grid is not None:
        asked = {job.key for job in GRIDS[grid].jobs()}
        found = [each for each in found if results.key_of(each[0]) in asked]
    rows = [row for row, _ in found]
    means = results.summary(rows, _names(metrics, "metrics") or results.HEADLINE)
    if csv is not None:
        _write_csv(csv, results.frame(rows))
    if means.empty:
        _console.say("There are no results yet.")
        return
    for line in screen.lines(means, screen.others(found, files[0])):
        typer.echo(line)


@bench_app.command(epilog="Example: fairveil bench envs dpmm smartnoise")
def envs(
    names: Annotated[
        list[str] | None, typer.Argument(help="Environments; default: all.")
    ] = None,
    *,
    work: Work = _WORK,
) -> None:
    """Install the peers' libraries, each into an environment of its own, in WORK/envs.

    Nothing outside that folder is changed.
    """
    from fairveil.bench import envs as environments, runner

    wanted = names or environments.environments()
    for name in wanted:
        environments.pins(name)  # refuses an unknown name before any is installed
    for name in wanted:
        environments.make(name, work / runner.ENVIRONMENTS)
        typer.echo(f"{name}: installed")


@bench_app.command(epilog="Example: fairveil bench page benchmarks/results/*.jsonl")
def page(
    files: Files,
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Markdown page; plots go beside it.")
    ] = Path("docs/benchmarks.md"),
) -> None:
    """Write the page of comparisons and its plots from files of results alone."""
    from fairveil.bench import results

    rows = results.read(*files)
    try:
        import_module("fairveil.bench.page").write(rows, output)
    except OSError:
        raise ConfigError(_unwritable(output)) from None
    _console.say(f"Wrote {output}.")


def _grid(
    grid: str,
    tables: str | None,
    methods: str | None,
    epsilons: str | None,
    seeds: str | None,
) -> Grid:
    """A named grid, with what was asked for instead of its parts."""
    from fairveil.bench.grid import GRIDS, Grid

    base = GRIDS[grid]
    return Grid(
        tables=_names(tables, "tables") or base.tables,
        methods=_names(methods, "methods") or base.methods,
        epsilons=_each(epsilons, "epsilons", _budget) or base.epsilons,
        seeds=_each(seeds, "seeds", _seed) or base.seeds,
    )


def _names(text: str | None, option: str) -> list[str]:
    """Names between commas, each once; none where the option was not given."""
    names = [name.strip() for name in (text or "").split(",") if name.strip()]
    if text is not None and not names:
        raise ConfigError(
            problem(f"--{option} is empty", got=text, try_=f"to leave --{option} out")
        )
    return list(dict.fromkeys(names))


def _each(
    text: str | None, option: str, known: Callable[[str], Number]
) -> list[Number]:
    """Numbers between commas, each once."""
    return list(dict.fromkeys(known(name) for name in _names(text, option)))


def _budget(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not value > 0:
        raise ConfigError(
            problem(
                "a budget must be a number above zero, or inf",
                got=text,
                try_="--epsilons 1,3",
            )
        )
    return value


def _seed(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise ConfigError(
            problem(
                "a seed must be a whole number, zero or more",
                got=text,
                try_="--seeds 0,1,2",
            )
        )
    return int(text)


def _record(
    job: Job,
    status: str,
    head: str,
    *,
    work: Path,
    results: Path | None,
    again: bool = False,
    cached: bool = False,
) -> None:
    """Measure a run, add its row, show it."""
    from filelock import FileLock

    from fairveil.bench import runner
    from fairveil.bench.results import add, row_of

    row: Row = {"status": status}
    if status != runner.BUSY:  # its harness will add it
        row = row_of(job, status, work=work, again=again)
        work.mkdir(parents=True, exist_ok=True)
        with FileLock(work / ".results.lock"):
            add(results or work / "results.jsonl", row)
    name = f"{job.table}, {job.method}, epsilon {job.epsilon:g}, seed {job.seed}"
    words = [_told(row, cached=cached)]
    if status == runner.NO_ENVIRONMENT:
        words.append(f"try {_hint(job, work)}")
    typer.echo(f"{head} {name}: {'; '.join(words)}")


def _hint(job: Job, work: Path) -> str:
    """The command that makes the environment of a job's method."""
    from fairveil.bench.methods import method

    where = "" if work == _WORK else f" --work {shlex.quote(str(work))}"
    return f"fairveil bench envs {method(job.method).environment}{where}"


def _told(row: Row, *, cached: bool) -> str:
    """A run in a few words."""
    parts = [f"{row['status']}, cached" if cached else row["status"]]
    if row.get("reason") or row.get("refused"):
        parts.append(str(row.get("reason") or row.get("refused")))
    if row.get("cpu_seconds") is not None:
        parts.append(f"{row['cpu_seconds']:.0f} CPU s, {row['peak_mb']:.0f} MB")
    for key, text in (("auroc_gbm", "AUROC"), ("tvd2", "2-way")):
        value = row.get("measured", {}).get(key)
        if value is not None:
            parts.append(f"{text} {value:.3f}")
    return "; ".join(parts)


def _write_csv(path: Path, runs: pd.DataFrame) -> None:
    from fairveil import _files

    try:
        _files.write_whole(path, runs.to_csv(index=False).encode())
    except OSError:
        raise ConfigError(_unwritable(path)) from None


def _unwritable(path: Path) -> str:
    return problem(
        "the file cannot be written",
        got=str(path),
        try_="a folder that is there and may be written",
    )
