"""The commands ``fairveil ledger show|cap|verify``: a budget over many fits.

Public: what the ledger file holds, which is nothing of a table. Epsilon and delta are
printed rounded up, what is left rounded down.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fairveil import _console
from fairveil.errors import ConfigError, TableError, problem

if TYPE_CHECKING:
    from fairveil.privacy.book import Book, Fit, Report, Totals

_FAILED = 1
_LIMITS = (
    "A ledger knows what was fitted with it. One data set under two names, a deleted "
    "file or an older copy put back defeat the cap; nobody but the steward can prevent "
    "that."
)

ledger_app = typer.Typer(
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@ledger_app.callback(
    invoke_without_command=True,
    epilog="Example: fairveil ledger show patients.csv.ledger",
)
def _start(context: typer.Context) -> None:
    """Show, cap or verify the budget of one data set over many fits."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


LedgerFile = Annotated[
    Path, typer.Argument(metavar="FILE", help="Ledger file, as patients.csv.ledger.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON only.")]


@ledger_app.command(epilog="Example: fairveil ledger show patients.csv.ledger")
def show(ledger: LedgerFile, *, as_json: AsJson = False) -> None:
    """Show the cap, what is spent, what is left, and every fit."""
    from fairveil.privacy.book import Book

    book = Book.open(ledger)
    if as_json:
        _say_json(_facts(book))
        return
    _console.say(*_summary(book.totals()), "", *_fit_lines(book.fits()), "", _LIMITS)


@ledger_app.command(
    epilog=(
        "Example: fairveil ledger cap patients.csv.ledger --epsilon 3 --delta 1e-5 "
        '--name "patients of 2026"'
    )
)
def cap(
    ledger: LedgerFile,
    *,
    epsilon: Annotated[float, typer.Option(help="Most that all fits may cost.")],
    delta: Annotated[float, typer.Option(help="Its second part.")],
    name: Annotated[
        str | None,
        typer.Option(help="Of the data set; begins the file if there is none."),
    ] = None,
    unit: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN", help="Column that names the person of each row."
        ),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "",
) -> None:
    """Begin a ledger for a data set, or change its cap, on the record.

    A data set has one name and one ledger. A cap below what is spent allows no further
    fit; a cap that is raised promises no more than itself.
    """
    from fairveil.privacy.book import ROW, Book

    if ledger.is_symlink() or ledger.exists():
        book = Book.open(ledger)
        _check_same(book, name, unit)
        book.set_cap(epsilon=epsilon, delta=delta, reason=reason)
    elif name is None:
        what = "there is no such ledger file"
        raise TableError(
            problem(what, got=str(ledger), try_="--name to begin one for a data set")
        )
    else:
        book = Book.create(
            ledger, name=name, epsilon=epsilon, delta=delta, unit=unit or ROW
        )
    _console.say(*_summary(book.totals()), "", _LIMITS)


@ledger_app.command(epilog="Example: fairveil ledger verify patients.csv.ledger")
def verify(
    ledger: LedgerFile,
    *,
    head: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HASH",
            help="A last line's hash noted earlier, which must still be there.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check that no line was changed and that the cap is kept; exit code 1 if not.

    Every event is priced anew, and epsilon is recomputed by a second accountant.
    """
    from fairveil.privacy import book

    report = book.verify(ledger, heads=head or ())
    if as_json:
        _say_json(_verdict(report))
    else:
        _console.say(*_verdict_lines(report))
    if not report.ok:
        raise typer.Exit(_FAILED)


def _check_same(book: Book, name: str | None, unit: str | None) -> None:
    for what, wanted, found in (("name", name, book.name), ("unit", unit, book.unit)):
        if wanted not in (None, found):
            raise ConfigError(
                problem(
                    f"the ledger file is of another {what}, which cannot change",
                    got=wanted,
                    try_=repr(found),
                )
            )


def _summary(totals: Totals) -> list[str]:
    cap = totals.cap
    running = totals.fits.get("open", 0)
    ended = sum(totals.fits.values()) - running
    spent = f"epsilon = {_up(totals.epsilon_spent)} at this delta"
    lines = [
        f"Ledger: {totals.name} (unit: {totals.unit})",
        f"Cap: epsilon = {_up(cap.epsilon)}, delta = {_up(cap.delta)}",
        f"Spent: {spent}, by {_counted(ended, 'fit')} that ended",
    ]
    if running:
        lines.append(
            f"Held: by {_counted(running, 'fit')} running now; with that, epsilon = "
            f"{_up(totals.epsilon)}"
        )
    left = f"Left: epsilon = {_down(totals.epsilon_left)} for one fit at this delta"
    broken = [] if totals.within_cap else ["OVER THE CAP: no fit can begin."]
    delta = f"Delta: {_down(totals.delta_left)} left; a fit reserves 11 % of its own"
    return [*lines, left, delta, *broken, f"Head: {totals.head}"]


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _fit_lines(fits: tuple[Fit, ...]) -> list[str]:
    if not fits:
        return ["No fit yet."]
    head = f"{'fit':>4}  {'begun':<17}  {'status':<9}  {'epsilon':>9}  label"
    rows = [
        f"{fit.number:>4}  {fit.at:<17}  {_status(fit):<9}  "
        f"{_up(fit.epsilon_charged):>9}  {fit.label}"
        for fit in fits
    ]
    note = "Epsilon: of each fit alone, at its own delta; a running fit's is reserved."
    return [head, *rows, note]


def _status(fit: Fit) -> str:
    return "running" if fit.status == "open" else fit.status


def _verdict_lines(report: Report) -> list[str]:
    lines = [f"Damaged: {report.problem}"] if not report.intact else []
    if report.totals is not None:
        lines += [*_summary(report.totals), f"Lines: {report.records}, none changed."]
        lines.append(_second(report))
    if report.cheap:
        lines.append(
            f"Prices: higher by now for {_counted(report.cheap, 'event')}, and "
            "charged so."
        )
    if report.cut:
        lines.append(
            "Cut: behind the last whole line something was cut off. A crash leaves "
            "that, and nothing had left a fit for it."
        )
    lines += [f"Missing: the noted hash {head}" for head in report.missing_heads]
    return [*lines, "", "VERIFIED" if report.ok else "NOT VERIFIED", "", _LIMITS]


def _second(report: Report) -> str:
    if report.second_epsilon is None:
        return "Second accountant: not asked, for dp-accounting is not installed."
    return (
        f"Second accountant: epsilon = {_up(report.second_epsilon)} (dp-accounting, "
        "running fits included)"
    )


def _facts(book: Book) -> dict[str, Any]:
    return {
        **_sums(book.totals()),
        "caps": [asdict(cap) for cap in book.caps()],
        "fits": [_fit_facts(fit) for fit in book.fits()],
        "limits": _LIMITS,
    }


def _sums(totals: Totals) -> dict[str, Any]:
    facts = asdict(totals) | {"fits": dict(totals.fits)}
    for name in ("spent", "held"):
        facts[name] = getattr(totals, name)._asdict()
    return facts | {"within_cap": totals.within_cap}


def _fit_facts(fit: Fit) -> dict[str, Any]:
    return {
        "fit": fit.number,
        "label": fit.label,
        "at": fit.at,
        "status": _status(fit),
        "epsilon": fit.epsilon,
        "delta": fit.delta,
        "reserved": fit.reserved._asdict(),
        "charge": fit.charge._asdict(),
        "epsilon_charged": fit.epsilon_charged,
        "events": [event.to_dict() for event in fit.events],
    }


def _verdict(report: Report) -> dict[str, Any]:
    return {
        "ok": report.ok,
        "intact": report.intact,
        "problem": report.problem,
        "cut": report.cut,
        "records": report.records,
        "cheap": report.cheap,
        "missing_heads": list(report.missing_heads),
        "second_epsilon": report.second_epsilon,
        "totals": None if report.totals is None else _sums(report.totals),
    }


def _say_json(facts: dict[str, Any]) -> None:
    typer.echo(json.dumps(_finite(facts), indent=1))


def _finite(value: Any) -> Any:
    """Infinity as the text ``inf``, at any depth."""
    from fairveil.privacy.events import to_json

    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return to_json(value)


def _up(value: float) -> str:
    from fairveil.privacy.book import rounded

    return rounded(value)


def _down(value: float) -> str:
    from fairveil.privacy.book import rounded

    return rounded(value, up=False)
