"""The commands that judge a promise: ``verify``.

Public: statements and models; nothing here reads a table.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fairveil import _console, _files
from fairveil.errors import ConfigError, problem

if TYPE_CHECKING:
    from fairveil.privacy.verify import Verification

_FAILED = 1
_STATEMENT = "statement.json, or a model file"


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command(epilog="Example: fairveil verify statement.json")(verify)


def verify(
    statement: Annotated[
        Path,
        typer.Argument(metavar="STATEMENT", help="statement.json, or a model file."),
    ],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> None:
    """Recompute a statement's epsilon with a second accountant (dp-accounting).

    Exit code 0 where the promise holds, 1 where it does not, 2 for a file that cannot
    be read. What is checked is the bookkeeping: whether a program did what its
    statement says is for 'fairveil audit' and for readers of its code.
    """
    from fairveil.privacy.verify import verify as verified

    data = _read(statement)
    if not isinstance(data, dict) or data.get("format") != "fairveil-statement":
        raise ConfigError(
            problem(
                "the file is no fairveil statement",
                got=str(statement),
                try_="statement.json or a model file; 'fairveil ledger verify' for a "
                "ledger file",
            )
        )
    found = verified(data)
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=1, allow_nan=False))
    else:
        _show(found)
    raise typer.Exit(0 if found.passed else _FAILED)


def _show(found: Verification) -> None:
    for check in found.checks:
        mark = "ok" if check.passed else "FAILED"
        _console.say(f"{mark:<7}{check.name}: {check.detail}")
    if not found.passed:
        _console.say("", "The statement does NOT hold.")
        return
    _console.say(
        "",
        f"The promise holds: dp-accounting finds epsilon {found.recomputed:.6g}, "
        f"{found.slack:.3g} below the {found.epsilon:.6g} that is promised.",
    )


def _read(path: Path) -> Any:
    """The JSON of a statement, or of the statement in a model file."""
    if path.is_file() and zipfile.is_zipfile(path):  # a pipe would be waited for
        from fairveil import artifact

        return artifact.load(path).statement.to_dict()
    try:
        return _files.parse_json(_files.read_whole(path))
    except OSError:
        raise ConfigError(
            problem("the statement file cannot be read", got=str(path), try_=_STATEMENT)
        ) from None
    except ValueError:
        raise ConfigError(
            problem("the statement file is not JSON", got=str(path), try_=_STATEMENT)
        ) from None
