"""The command ``studio``: a local page from a table to a decision.

Public: the address, which holds the token that opens the page. Nothing of a table is
printed.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from fairveil import _console
from fairveil.errors import UnsupportedError, problem

_NEEDED = ("starlette", "uvicorn", "jinja2", "matplotlib", "sklearn")


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(epilog="Example: fairveil studio patients.csv")(studio)


def studio(
    table: Annotated[
        Path | None,
        typer.Argument(metavar="TABLE", help="Begin with this table; or choose there."),
    ] = None,
    *,
    port: Annotated[
        int, typer.Option(help="Of this machine; 0 takes any that is free.")
    ] = 0,
) -> None:
    """Open a local page that leads from a table to a decision on publishing it.

    It listens on 127.0.0.1 alone, under an address that nobody can guess, and loads
    nothing from elsewhere. The table stays where it is. Ctrl-C ends it.
    """
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise UnsupportedError(
            problem(
                f"the studio needs {', '.join(missing)}, which is not installed",
                try_="pip install 'fairveil[studio]'",
            )
        )
    from fairveil.studio.desk import Desk
    from fairveil.studio.server import Studio

    desk = Desk()
    if table is not None:
        desk.choose_table(str(table))
    Studio(desk, port=port, ready=_opened).run()
    _console.say("The studio is closed.")


def _opened(address: str) -> None:
    typer.echo("Open this address in a browser on this machine, and keep it to you:")
    typer.echo(f"  {address}")
    typer.echo("Ctrl-C closes the studio.")
