"""The command ``fairveil audit``: attack the installed fairveil on made-up tables.

Public: it reads no table, so all that it prints and writes may be shown to anybody.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fairveil import _console, _files
from fairveil.errors import ConfigError, problem

if TYPE_CHECKING:
    from fairveil.audit import AuditReport, Finding

_FAILED = 1
_WIDTHS = (29, 7, 9, 8, 13)
_HEADS = ("audit", "states", "proven", "at most", "mu found/due")
_STATES = (
    "States: the epsilon that the ledger charges, at delta 1e-5. Proven: what the "
    "attack shows it to be at least, at 99.9 % confidence, if the privacy curve is the "
    "Gaussian one that is stated. At most: what as many runs could have shown whatever "
    "the curve, had every guess been right (page and JSON have both kinds of both)."
)
_VERDICTS = (
    "A pass is held from both sides: more mu than is due is a leak, less than 80 % of "
    "it is wasted noise. 'No leak seen' says just that."
)
_READ = (_STATES, _VERDICTS)


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(epilog="Example: fairveil audit --quick")(audit)


def audit(
    *,
    quick: Annotated[
        bool, typer.Option("--quick", help="Under a minute, with weaker bounds.")
    ] = False,
    epsilon: Annotated[
        float | None,
        typer.Option(help="Budget of the whole fits; default .5, 1 and 4 (quick: 1)."),
    ] = None,
    runs: Annotated[
        int | None, typer.Option(help="Whole fits of each table and budget.")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="Repeatable noise, for debugging; default: real noise."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="JSON file to write.")
    ] = None,
    page: Annotated[
        Path | None, typer.Option(help="Markdown page to write, as docs/audit.md.")
    ] = None,
) -> None:
    """Attack the installed fairveil: does it keep what its ledger says?

    Every table is made up; none of yours is read. Each noisy mechanism is tried by
    itself, whole fits are attacked on the worst pair of tables known, and one fit is
    searched for many canaries. Each attack is also run without noise, where it has to
    succeed. Exit code 0 where nothing is wrong, 1 where something leaks, wastes noise
    or could not be told.
    """
    from fairveil.tables import files

    wanted = [path for path in (output, page) if path is not None]
    for path in wanted:
        files.check_output(path, *(other for other in wanted if other is not path))
    from fairveil.audit import run
    from fairveil.audit.suite import QUICK_STAGES, STAGES

    settings = {"quick": quick, "epsilon": epsilon, "runs": runs, "seed": seed}
    with _console.Stages(QUICK_STAGES if quick else STAGES) as progress:
        report = run(**settings, progress=progress)
    _write(output, _json(report))
    _write(page, _page(report))
    if as_json:
        typer.echo(_json(report))
    else:
        _show(report)
    raise typer.Exit(0 if report.passed else _FAILED)


def _json(report: AuditReport) -> str:
    return json.dumps(report.to_dict(), indent=1, allow_nan=False)


def _write(path: Path | None, text: str) -> None:
    if path is None:
        return
    try:
        _files.write_whole(path, f"{text.rstrip()}\n".encode())
    except OSError:
        raise ConfigError(
            problem("the file cannot be written", got=str(path))
        ) from None


def _show(report: AuditReport) -> None:
    if report.seed is not None:
        _console.say("Repeatable noise (--seed): not what a fit is protected by.", "")
    typer.echo(_line(_HEADS, "verdict"))
    for finding in report.findings:
        typer.echo(_line(_cells(finding), finding.verdict))
    _console.say("", *report.remarks(), "", *_READ, "", _summary(report))


def _line(cells: tuple[str, ...], last: str) -> str:
    padded = [
        f"{cell:<{width}}" if place == 0 else f"{cell:>{width}}"
        for place, (cell, width) in enumerate(zip(cells, _WIDTHS, strict=True))
    ]
    return f"{''.join(padded)}  {last}"


def _cells(finding: Finding) -> tuple[str, ...]:
    from fairveil.audit.results import down, up

    bound, due = finding.bound, finding.due
    found = down(bound.mu) if bound.estimate is None else f"{bound.estimate.value:.2f}"
    told = bound.mu_most > 0  # else the attack was on epsilon alone
    return (
        finding.name,
        up(finding.epsilon),
        down(finding.proven),
        down(bound.epsilon_most),
        f"{found}/{up(due)}" if told else "-",
    )


def _summary(report: AuditReport) -> str:
    wrong = [f.name for f in report.findings if f.verdict in ("leak", "waste")]
    weak = [f.name for f in report.findings if f.verdict == "too weak to tell"]
    parts = []
    if wrong:
        parts.append(f"Something is wrong: {', '.join(wrong)}.")
    if weak:
        parts.append(f"Too weak to tell: {', '.join(weak)}.")
    if not parts:
        parts.append("No audit found anything wrong; every control screamed.")
    return " ".join(parts)


def _page(report: AuditReport) -> str:
    noise = "real noise" if report.seed is None else f"repeatable noise, {report.seed}"
    return "\n".join(
        (
            "# Audit",
            "",
            "Written by `fairveil audit --page`"
            + (" with `--quick`" if report.quick else "")
            + f": fairveil {report.version}, {noise}, {report.seconds:.0f} s, each "
            "bound at 99.9 % confidence.",
            "",
            *_READ,
            "",
            report.markdown(),
            _summary(report),
        )
    )
