"""What the command line shows: errors, progress, comparisons, statements.

Public things go to the screen here, and two kinds of figures that are not private, each
labelled so: the demonstration's (of a public table) and those of ``evaluate``.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from typer.core import TyperGroup

from fairveil import __version__, _cli_names, _log, _stages
from fairveil._shield import DEBUG, UnforeseenError
from fairveil.errors import ConfigError, FairveilError, problem

if TYPE_CHECKING:  # this module loads with every --help; these are heavy
    from fairveil.demo import Demo
    from fairveil.privacy.statement import Statement

Stages, duration = _stages.Stages, _stages.duration  # shown with the rest

Line: TypeAlias = tuple[str, list[str]]  # a label and its cells
Section: TypeAlias = tuple[str, list[Line]]  # a title and its lines

_FAILED, _BUG, _INTERRUPTED = 2, 1, 130
_TOLD_VERSIONS = ("jax", "numpy", "pandas")
_PLACES: Mapping[int, str] = {  # what helps where the system refuses a file
    errno.ENOENT: "a path in a folder that exists",
    errno.ENOSPC: "a disk with more room",
}
_WIDEST = 80
_LABEL, _CELL = 30, 11
_HANG = 9  # where text begins behind a heading such as "Unit:"
_UNKNOWN = "-"
_COMMAND = "  fairveil "  # begins a line that a reader may copy

_HEADS: Mapping[str, str] = {
    "real": "real\nrows",
    "plain": "without\ndebiasing",
    "critic": "fairness\ncritic",
    "redraw": "redrawn\n(baseline)",
}
_ALIKE = "Alike: total variation distance to the real rows (lower is better)"
_PROBED = "Hidden from an auditor who sees the other columns: AUROC (.5 is hidden)"
_CLUSTERED = "Hidden from clusters of the other columns: nats (by chance is hidden)"
_TEST_ROWS = (
    "Real rows: their distances are those of the test rows, sampling error alone."
)
_CAPTION = (
    _TEST_ROWS,
    "Fairness critic: the release that is written.",
    (
        "Redrawn columns: the trivial baseline, sensitive columns drawn apart from the "
        "rest of each row; its figures are never credited to the critic."
    ),
    (
        "NOT PRIVATE: these figures compare with real rows, without noise. This table "
        "is public; of a secret table, publish no such figures."
    ),
)


class InterruptedFitError(FairveilError):
    """Somebody stopped a fit; the text says what is spent and how to go on."""


@contextlib.contextmanager
def _stoppable() -> Iterator[None]:
    """Let a request to terminate interrupt as Ctrl-C does, so that files stay whole."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not the main thread, which alone gets signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class Commands(TyperGroup):
    """The group of commands: every failure becomes one line and an exit code.

    Attributes:
        until_the_end: what is entered here is left when the exit code is known.
        chosen: the command that was asked for; None before that is known.
        words: those that named it.
    """

    until_the_end: contextlib.ExitStack
    chosen: Any = None
    words: tuple[str, ...] = ()

    def log_to(self, path: Path, *, command: str) -> None:
        """Append what happens from now on to a file of JSON lines (``_log``).

        Raises:
            ConfigError: its folder does not exist.
            OSError: it cannot be written.
        """
        if not path.parent.is_dir():
            what, hint = "the folder of the log does not exist", "a folder that does"
            raise ConfigError(problem(what, got=str(path.parent), try_=hint))
        self.until_the_end.enter_context(_log.listening(_log.JsonLines(path)))
        from importlib import metadata  # noqa: PLC0415  (parses mail headers)

        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%MZ")
        versions = {name: metadata.version(name) for name in _TOLD_VERSIONS}
        versions["fairveil"] = __version__
        _log.tell("command began", command=command, at=at, versions=versions)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command of these words; noted, that errors may name its options."""
        name, command, rest = super().resolve_command(ctx, args)
        own = getattr(command, "commands", {})  # of a group such as ledger
        self.chosen = own.get(rest[0]) if own and rest else command
        self.words = (*args[:1], *(rest[:1] if own else ()))
        return name, command, rest

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        """Run a command and leave the process."""
        del standalone_mode  # ours is the only way out
        line, self.chosen, self.words = "", None, ()
        with contextlib.ExitStack() as self.until_the_end:
            try:
                # exits ask for their code here instead of leaving
                with _stoppable():
                    code = super().main(*args, standalone_mode=False, **extra)
            except (KeyboardInterrupt, typer.Abort):
                code = _INTERRUPTED
            except Exception as error:
                if os.environ.get(DEBUG) and not _ours(error):
                    raise
                line, code = _explained(error, self.chosen, self.words)
                _log.tell("command failed", kind=type(error).__name__)
            code = code if isinstance(code, int) else 0
            _log.tell("command ended", exit_code=code)
        # outside the handlers, so that no error hangs on the way out
        line = line or ("Interrupted." if code == _INTERRUPTED else "")
        if line:
            typer.echo(" ".join(line.split()), err=True)
        sys.exit(code)


def _ours(error: Exception) -> bool:
    """Whether the text was written by fairveil, or by the parser about options only."""
    return isinstance(error, FairveilError) or hasattr(error, "format_message")


def _explained(error: Exception, command: Any, words: Sequence[str]) -> tuple[str, int]:
    """The line and exit code of a failure of a command, which these words named."""
    if isinstance(error, InterruptedFitError):
        return str(error), _INTERRUPTED
    if isinstance(error, FairveilError):
        code = _BUG if isinstance(error, UnforeseenError) else _FAILED
        return f"Error: {_cli_names.said(str(error), command)}", code
    told = getattr(error, "format_message", None)
    if told is not None:
        context = getattr(error, "ctx", None)
        path = context.command_path if context else " ".join(("fairveil", *words))
        said = _cli_names.refused(error, told()).rstrip(".")
        return f"Error: {said}; try '{path} --help'.", _FAILED
    if isinstance(error, MemoryError):
        return "Error: memory ran out; try fewer rows.", _FAILED
    if isinstance(error, OSError):
        why = os.strerror(error.errno) if error.errno else "no reason was given"
        hint = _PLACES.get(error.errno or 0, "another place")
        return f"Error: the system refused a file ({why}); try {hint}.", _FAILED
    what = f"fairveil failed ({type(error).__name__}), a fault of ours"
    why = "the text is hidden, for it may hold values of the table"
    return f"Error: {what}; {why}; try {DEBUG}=1 to see it.", _BUG


def say(*lines: str) -> None:
    """Print lines, wrapped; text behind a heading such as ``Unit:`` hangs under it."""
    console = _screen()
    for line in lines:
        for piece in _wrapped(line, console.width):
            console.print(piece, markup=False, soft_wrap=True)


def wrote(output: Path) -> None:
    """Tell that a model was written, and what is done with one."""
    command = f"{_COMMAND}sample {output} -n 1000 -o synthetic.csv"
    say(f"Wrote {output}.", "Try next:", command)


def show_statement(statement: Statement, promise: Mapping[str, Any]) -> None:
    """The privacy statement, and the release's promise of fairness."""
    head, stages, *_ = str(statement).split("\n\n")
    facts = statement.provenance
    say(
        *head.splitlines(),
        "",
        *stages.splitlines(),
        "",
        *(f"Assumes: {sentence}." for sentence in statement.assumptions),
        f"Public: {facts.get('always_public', _UNKNOWN)}.",
        f"Facts: {facts.get('facts', _UNKNOWN)}; declared by "
        f"{facts.get('declared_by') or 'nobody'}.",
        *([statement.ledger_text] if statement.ledger else []),
        f"Fair: {promise.get('promise', _UNKNOWN)}",
    )


def show_demo(demo: Demo) -> None:
    """The comparison of the four kinds of rows, and how to read it."""
    say(
        f"The embedded table {demo.table.name}: {demo.train_rows:,} real rows to learn "
        f"from, {demo.test_rows:,} to be judged on. One private fit, three releases.",
        "",
    )
    _show_sections(tuple(_HEADS.values()), _demo_sections(demo))
    say("", *_CAPTION)


def show_evaluation(report: Mapping[str, Any]) -> None:
    """The figures of ``evaluate.report``, the release beside real rows."""
    from fairveil.evaluate import shown  # noqa: PLC0415  (loads models)

    rows = report["rows"]
    say(
        f"CONFIDENTIAL. {report['warning']}",
        "",
        f"{rows['synthetic']:,} rows of the release beside {rows['real_train']:,} real "
        f"ones; {rows['real_test']:,} further real rows to be judged on.",
        "",
    )
    for heads, sections in shown.tables(report):
        _show_sections(heads, sections)
        say("")
    if "privacy_risks" in report:
        _show_risks(report["privacy_risks"])
    say(_TEST_ROWS, "The test rows judge fairly only if the fit did not see them.")
    if report["probe"]["synthetic"]:
        say(*shown.CAPTION)


def _show_risks(risks: Mapping[str, Any]) -> None:
    """The attacks on the release, and how to read them."""
    from fairveil.evaluate import shown_risks  # noqa: PLC0415  (loads models)

    if not shown_risks.judged(risks):
        say(*shown_risks.words(risks), "")
        return
    _show_sections(*shown_risks.table(risks))
    say("", *shown_risks.words(risks), "", *shown_risks.CAPTION, "")


def _demo_sections(demo: Demo) -> list[Section]:
    figures = [demo.figures[name] for name in _HEADS]
    useful: list[Line] = [
        ("AUROC (higher is better)", [f"{f.auroc:.3f}" for f in figures]),
        ("  95 % interval", [_between(f.auroc_interval) for f in figures]),
    ]
    alike: list[Line] = [
        ("each column alone", [f"{f.distance[1]:.3f}" for f in figures]),
        ("pairs of columns", [f"{f.distance[2]:.3f}" for f in figures]),
    ]
    guessed: list[Line] = []
    told: list[Line] = []
    for k, name in enumerate(demo.table.sensitive):
        found = [f.clusters[k] for f in figures]
        guesses = [f.probes[k] for f in figures]
        guessed.append((name, [f"{p.auroc:.3f}" for p in guesses]))
        guessed.append(("  95 % interval", [_between(p.interval) for p in guesses]))
        told.append((name, [f"{c.mutual_information:.4f}" for c in found]))
        told.append(("  by chance alone", [f"{c.null_mean:.4f}" for c in found]))
    title = f"Useful: learn from these rows, predict {demo.table.target} of test rows"
    return [(title, useful), (_ALIKE, alike), (_PROBED, guessed), (_CLUSTERED, told)]


def _show_sections(heads: Sequence[str], sections: Sequence[Section]) -> None:
    """One table; titles run over its whole width."""
    console = _screen()
    rule = "-" * (_LABEL + _CELL * len(heads))
    console.print(_grid([("", list(heads))], style="bold"))
    console.print(rule, style="dim")
    for title, lines in sections:
        console.print(f"[bold]{escape(title)}[/bold]")
        console.print(_grid(lines))
    console.print(rule, style="dim")


def _grid(lines: Sequence[Line], *, style: str = "") -> Table:
    cells = max(len(row) for _, row in lines)
    grid = Table.grid(padding=0)
    grid.add_column(width=_LABEL, overflow="fold", style=style)
    for _ in range(cells):
        grid.add_column(width=_CELL, justify="right", no_wrap=True, style=style)
    for label, row in lines:
        grid.add_row(escape(f"  {label}") if label else "", *row)
    return grid


def _wrapped(line: str, width: int) -> list[str]:
    if line.startswith(_COMMAND):  # whole, or its copy would not run
        return [line]
    head, gap, rest = line.partition(": ")
    hung = bool(gap) and len(head) < _HANG - 1 and head.isalpha()
    text = f"{head + ':':<{_HANG}}{rest.strip()}" if hung else line
    pieces = textwrap.wrap(
        text,
        width,
        subsequent_indent=" " * _HANG if hung else "  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return pieces or [""]


def _screen() -> Console:
    console = Console(highlight=False)
    console.width = min(console.width, _WIDEST)
    return console


def _between(interval: Any) -> str:
    low, high = (
        f"{value:.3f}".removeprefix("0") for value in (interval.low, interval.high)
    )
    return f"{low}-{high}"
