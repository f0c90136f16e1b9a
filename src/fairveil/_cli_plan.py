"""The command ``plan``: what a fit will cost and how blurred it will be, without rows.

Public: what the caller says on the command line, and a schema file. No table is read.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fairveil import _console

if TYPE_CHECKING:
    from fairveil.planning import Forecast


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(epilog="Example: fairveil plan --rows 20000 --columns 14 --epsilon 1")(
        plan
    )


def plan(
    *,
    rows: Annotated[
        int, typer.Option(help="About how many rows; rounded to two digits.")
    ],
    columns: Annotated[
        int | None, typer.Option(help="Number of columns, without a schema.")
    ] = None,
    schema: Annotated[
        Path | None, typer.Option(help="Schema file instead: what is in it is known.")
    ] = None,
    epsilon: Annotated[float, typer.Option(help="Privacy budget.")] = 1.0,
    delta: Annotated[float, typer.Option(help="Privacy budget.")] = 1e-5,
    group: Annotated[
        float, typer.Option(help="Part of the rows in the smallest group of interest.")
    ] = 0.05,
    accuracy: Annotated[
        float | None,
        typer.Option(help="How far a share within that group may be off, as in .02."),
    ] = None,
    max_rows_per_unit: Annotated[
        int, typer.Option(help="Rows that one person may own.")
    ] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> None:
    """Forecast time, memory and noise of a fit. Reads no table and spends nothing.

    A row count is a fact about the table: give one that may be known. Only its first
    two digits are used.
    """
    from fairveil.planning import plan as planned
    from fairveil.schema import Schema

    found = planned(
        rows=rows,
        columns=columns,
        schema=None if schema is None else Schema.load(schema),
        epsilon=epsilon,
        delta=delta,
        group=group,
        accuracy=accuracy,
        max_rows_per_unit=max_rows_per_unit,
    )
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=1, allow_nan=False))
    else:
        _console.say(*_lines(found, accuracy))


def _lines(found: Forecast, accuracy: float | None) -> list[str]:
    seconds = [f"  {name:<24}{s:>10,.0f} s" for name, s in found.cpu_seconds.items()]
    budget = f"epsilon {found.epsilon:g}, delta {found.delta:g}"
    lines = [
        f"{found.rows:,} rows, {found.columns} columns, {budget}",
        "",
        "Noise (standard deviations)",
        f"  the row count           {found.row_count_noise:>10,.0f} rows",
        f"  how often a value occurs{found.count_noise:>10,.0f} rows",
        f"  a cell of some columns  {found.joint_noise:>10,.0f} rows",
        f"  marginals of some columns, about {found.rounds}",
        "",
        f"The smallest group, of {found.group_rows:,.0f} rows",
        f"  its count is off by     {found.group_noise:>10.1%}",
        f"  a share within it by    {found.effective_noise:>10.1%}",
    ]
    if accuracy is not None:
        least = found.feasible_epsilon
        said = "no epsilon up to 1000" if least is None else f"epsilon {least:g}"
        lines.append(f"  to be within {accuracy:.1%}: {said}")
    title = "CPU time and memory (rough: speeds were set on Adult alone)"
    lines += ["", title, *seconds]
    lines.append(f"  {'together':<24}{found.total_seconds:>10,.0f} s")
    lines.append(f"  {'memory, files in place':<24}{found.streamed_mb:>10,.0f} MB")
    lines.append(f"  {'memory, table in memory':<24}{found.memory_mb:>10,.0f} MB")
    if found.advice is not None:
        lines += ["", f"Note: {found.advice}."]
    return lines
