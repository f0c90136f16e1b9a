"""The command ``certify``: the public certificate of a release, made or checked.

Public: models, releases, ledgers, records and certificates; no option takes real rows.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fairveil import _console
from fairveil.errors import ConfigError, problem

if TYPE_CHECKING:
    from fairveil.privacy.verify import Verification

_FAILED = 1

ModelFile = Annotated[
    Path | None, typer.Argument(metavar="MODEL", help="File that fit has written.")
]
Release = Annotated[
    Path | None,
    typer.Option("--output", help="The release: the table that sample has written."),
]
Name = Annotated[str, typer.Option(help="Of the data set.")]
Steward = Annotated[
    str, typer.Option(help="Who answers for it, and how to reach them.")
]


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(
        epilog=(
            "Example: fairveil certify model.fairveil --output synthetic.csv --name "
            '"Survey of 2026" -o certificate.html'
        )
    )(certify)


def certify(
    model: ModelFile = None,
    *,
    output: Release = None,
    certificate: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--certificate",
            help="File to write: .html, with .json beside it; or .json alone.",
        ),
    ] = None,
    check: Annotated[
        Path | None,
        typer.Option(metavar="JSON", help="Check this certificate; write nothing."),
    ] = None,
    name: Name = "",
    steward: Steward = "",
    purpose: Annotated[str, typer.Option(help="What it is released for.")] = "",
    date: Annotated[
        str, typer.Option(help="As 2026-01-31; none is printed unless given.")
    ] = "",
    ledger: Annotated[
        Path | None, typer.Option(help="Ledger file, for its totals now.")
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option(
            help="File that notes internal reports and certificates of this data set; "
            "begun where there is none."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="With --check: print JSON only.")
    ] = False,
) -> None:
    """Certify a release for the public, or check a certificate. Reads no real row.

    A certificate tells what is promised, what was spent, what an attacker could learn,
    what the promise rests on, and what the release is fit for. With --check: exit code
    0 where it holds, 1 where it does not; a model or release that is named is compared.
    """
    if check is not None:
        if certificate is not None:
            what = "--check writes nothing"
            raise ConfigError(
                problem(what, got=str(certificate), try_="leaving -o out")
            )
        _show(check, model, output, as_json=as_json)
        return
    if model is None or certificate is None:
        raise ConfigError(
            problem(
                "a model and a place for its certificate are needed",
                got="no model" if model is None else "no -o",
                try_="fairveil certify MODEL --output RELEASE -o certificate.html",
            )
        )
    if as_json:
        what = "--json belongs to --check"
        raise ConfigError(problem(what, got="no --check", try_="-o NAME.json"))
    from fairveil.publish.certificate import places
    from fairveil.tables import files

    inputs = [path for path in (model, output, ledger, record) if path is not None]
    for place in places(certificate):
        files.check_output(place, *inputs)
    if record is not None:
        files.check_output(record, *(p for p in inputs if p is not record))
    from fairveil.certificate import certify as certified

    made = certified(
        model,
        output=output,
        name=name,
        steward=steward,
        purpose=purpose,
        date=date,
        ledger=ledger,
        record=record,
    )
    written = made.save(certificate)
    _console.say(
        made.facts["promise"]["sentence"], "Written:", *(f"  {p}" for p in written)
    )
    if output is None:
        _console.say(
            "Note: without --output the certificate is linked to no release; it is of "
            "the model only."
        )
    _console.say("Try next:", f"  fairveil certify --check {written[-1]}")


def _show(
    check: Path, model: Path | None, output: Path | None, *, as_json: bool
) -> None:
    from fairveil.certificate import check_certificate
    from fairveil.publish.check import UNCHECKED

    found = check_certificate(check, model=model, output=output)
    if as_json:
        facts = {**found.to_dict(), "not_checked": UNCHECKED}
        typer.echo(json.dumps(facts, indent=1, allow_nan=False))
    else:
        _console.say(*_lines(found), "", UNCHECKED)
    raise typer.Exit(0 if found.passed else _FAILED)


def _lines(found: Verification) -> list[str]:
    lines = [
        f"{'ok' if c.passed else 'FAILED':<7}{c.name}: {c.detail}" for c in found.checks
    ]
    verdict = "holds" if found.passed else "does NOT hold"
    return [*lines, "", f"The certificate {verdict}, as far as it was checked."]
