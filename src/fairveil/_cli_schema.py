"""The command ``schema``: a draft from a table, or what SDV's metadata declares.

A draft copies facts of real rows, so its file is confidential; SDV's metadata is public
as far as a person wrote it. Nothing else of the rows is kept or printed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fairveil import _console
from fairveil.errors import ConfigError, problem


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(epilog="Example: fairveil schema patients.csv -o schema.json")(schema)


def schema(
    table: Annotated[
        Path | None,
        typer.Argument(metavar="TABLE", help="Real rows: .csv, .csv.gz or .parquet."),
    ] = None,
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Schema file to write (JSON).")
    ],
    declare_public: Annotated[
        bool,
        typer.Option("--declare-public", help="State that the table itself is public."),
    ] = False,
    declared_by: Annotated[
        str, typer.Option(help="Who states that; the privacy statement repeats it.")
    ] = "",
    from_sdv: Annotated[
        Path | None,
        typer.Option(help="SDV's metadata (JSON) instead of a table; no row is read."),
    ] = None,
    sdv_table: Annotated[
        str | None, typer.Option(help="Which table of that metadata.")
    ] = None,
    sdv_detected: Annotated[
        bool,
        typer.Option(
            "--sdv-detected",
            help="SDV read the metadata off the table: its facts are not public.",
        ),
    ] = False,
) -> None:
    """Draft a schema from a table: kinds, categories, bounds, decimals.

    The draft's facts are copied from the table, so the file is confidential, and a
    private fit refuses it until a person has put public facts in their place.
    """
    if (table is None) == (from_sdv is None):
        what = "a schema is drafted from a table or --from-sdv"
        got = "neither" if table is None else "both"
        raise ConfigError(problem(what, got=got, try_="one of the two"))
    if from_sdv is None and (sdv_table is not None or sdv_detected):
        given = "--sdv-detected" if sdv_table is None else "--sdv-table"
        try_ = "--from-sdv METADATA in the place of the table"
        raise ConfigError(problem("--from-sdv is missing", got=given, try_=try_))
    if table is not None:
        _drafted(table, output, declare_public=declare_public, declared_by=declared_by)
    elif from_sdv is not None:
        if declare_public:
            what = "--declare-public is about a table"
            raise ConfigError(problem(what, got="--from-sdv", try_="leaving it out"))
        _read(from_sdv, sdv_table, output, detected=sdv_detected, by=declared_by)


def _drafted(
    table: Path, output: Path, *, declare_public: bool, declared_by: str
) -> None:
    if declared_by and not declare_public:
        raise ConfigError(
            problem(
                "--declared-by says who declared the table public",
                got=declared_by,
                try_="--declare-public, too",
            )
        )
    from fairveil.schema import Schema
    from fairveil.tables import files

    files.check_output(output, table)
    rows = files.read_table(table, typed=True)
    drafted = Schema.infer(rows, declare_public=declare_public)
    if declared_by:
        said = f"{declared_by} ({drafted.declared_by})"
        drafted = drafted.model_copy(update={"declared_by": said})
    drafted.save(output)
    _console.say(f"Wrote {output}: {len(drafted.names)} columns.")
    if declare_public:
        _console.say(
            "Its facts are marked public, because you declared the table public."
        )
        return
    _console.say(
        "CONFIDENTIAL: its facts are copied from the table. A private fit refuses this "
        "file until a person has put facts from a public code book in their place, "
        'marked "public" instead of "from-data".'
    )


def _read(
    metadata: Path, table: str | None, output: Path, *, detected: bool, by: str
) -> None:
    from fairveil import _sdv
    from fairveil.schema import Schema
    from fairveil.tables import files

    files.check_output(output, metadata)
    found = Schema.from_sdv(
        metadata,
        table=table,
        detected=detected,
        partial=True,
        declared_by=by or "SDV metadata",
    )
    found.save(output)
    _console.say(f"Wrote {output}: {len(found.names)} columns.")
    left = [n for n in _sdv.columns_of(metadata, table) if n not in found.names]
    if left:
        _console.say(
            f"SDV's metadata lacks bounds or categories of {', '.join(left)}: add "
            "them to the file, or let fit find them under the budget (--discover)."
        )
    if detected:
        _console.say(
            "Facts that SDV read off the table are marked: a private fit refuses them."
        )
