"""The commands ``fairveil export``: a certificate's facts in forms that others read.

Public: models and releases; no option takes real rows.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fairveil import _console, _files
from fairveil._cli_certify import Name, Steward
from fairveil._cli_use import ModelFile
from fairveil.errors import TableError, problem

if TYPE_CHECKING:
    from fairveil.publish.certificate import Certificate
    from fairveil.publish.labels import Labels
    from fairveil.schema import Schema

export_app = typer.Typer(
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

Release = Annotated[
    Path,
    typer.Option("--output", help="The release: the table that sample has written."),
]
Place = Annotated[Path, typer.Option("-o", "--export", help="File to write.")]
Purpose = Annotated[str, typer.Option(help="What it is released for.")]
Date = Annotated[str, typer.Option(help="As 2026-01-31; none unless given.")]
Licence = Annotated[str, typer.Option("--license", help="Its name or address.")]
Url = Annotated[str, typer.Option(help="Page of the data set.")]
Version = Annotated[str, typer.Option("--release-version", help="Of the data set.")]


@export_app.callback(
    invoke_without_command=True,
    epilog="Example: fairveil export croissant model.fairveil --output synthetic.csv "
    "-o croissant.json",
)
def _start(context: typer.Context) -> None:
    """Describe a release: Croissant, Hugging Face cards, SDV. Reads no real row."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@export_app.command(
    epilog="Example: fairveil export croissant model.fairveil --output synthetic.csv "
    "--license CC-BY-4.0 -o croissant.json"
)
def croissant(
    model: ModelFile,
    *,
    output: Release,
    export: Place,
    name: Name = "",
    steward: Steward = "",
    purpose: Purpose = "",
    date: Date = "",
    licence: Licence = "",
    url: Url = "",
    version: Version = "1.0.0",
) -> None:
    """Write Croissant 1.1 (JSON-LD) with responsible-AI fields."""
    from fairveil.publish.croissant import croissant as described
    from fairveil.synthesizer import FairVeil

    labels = _labels(output, licence, url, version)
    made = _certified(model, output, export, name, steward, purpose, date)
    schema: Schema = FairVeil.load(model).schema_
    facts = described(made.facts, schema, labels)
    _write(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", export)


@export_app.command(
    "dataset-card",
    epilog="Example: fairveil export dataset-card model.fairveil --output "
    "synthetic.csv -o README.md",
)
def dataset_card(
    model: ModelFile,
    *,
    output: Release,
    export: Place,
    name: Name = "",
    steward: Steward = "",
    purpose: Purpose = "",
    date: Date = "",
    licence: Licence = "",
    url: Url = "",
) -> None:
    """Write the Hugging Face card of a release (a data set)."""
    from fairveil.publish.cards import dataset_card as described

    labels = _labels(output, licence, url)
    made = _certified(model, output, export, name, steward, purpose, date)
    _write(described(made.facts, labels), export)


@export_app.command(
    "model-card",
    epilog="Example: fairveil export model-card model.fairveil -o README.md",
)
def model_card(
    model: ModelFile,
    *,
    export: Place,
    name: Name = "",
    steward: Steward = "",
    purpose: Purpose = "",
    date: Date = "",
    licence: Licence = "",
    url: Url = "",
) -> None:
    """Write the Hugging Face card of a model."""
    from fairveil.publish.cards import model_card as described

    labels = _labels(model, licence, url)
    made = _certified(model, None, export, name, steward, purpose, date)
    _write(described(made.facts, labels), export)


@export_app.command(
    epilog="Example: fairveil export sdv model.fairveil -o metadata.json"
)
def sdv(
    model: ModelFile,
    *,
    export: Place,
    table: Annotated[str, typer.Option(help="Name of the table in it.")] = "table",
    primary_key: Annotated[
        str | None, typer.Option(help="Column of identifiers that is the key.")
    ] = None,
    version: Annotated[
        str,
        typer.Option(
            "--metadata-version",
            metavar="NAME",
            help="V1, MULTI_TABLE_V1 or SINGLE_TABLE_V1.",
        ),
    ] = "V1",
) -> None:
    """Write SDV's metadata of a release, for SDV and sdmetrics."""
    from fairveil.synthesizer import FairVeil
    from fairveil.tables import files

    files.check_output(export, model)
    schema: Schema = FairVeil.load(model).schema_
    facts = schema.to_sdv(version=version, table=table, primary_key=primary_key)
    _write(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", export)


def _labels(file: Path, licence: str, url: str, version: str = "1.0.0") -> Labels:
    from fairveil.publish.labels import Labels

    return Labels(file=file.name, licence=licence, url=url, version=version)


def _certified(  # noqa: PLR0917  (the options of every export, in their order)
    model: Path,
    output: Path | None,
    export: Path,
    name: str,
    steward: str,
    purpose: str,
    date: str,
) -> Certificate:
    from fairveil.certificate import certify
    from fairveil.tables import files

    files.check_output(export, *(p for p in (model, output) if p is not None))
    return certify(
        model, output=output, name=name, steward=steward, purpose=purpose, date=date
    )


def _write(text: str, place: Path) -> None:
    try:
        _files.write_whole(place, text.encode("utf-8"))
    except OSError:
        raise TableError(
            problem("the export cannot be written", got=str(place))
        ) from None
    _console.say(f"Wrote {place}.")
