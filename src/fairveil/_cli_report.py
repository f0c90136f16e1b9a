"""The commands ``report`` and ``plot``: a release beside real rows, for insiders.

Secret: both read real rows, or a report on them, and what they write is confidential
and says so. No message repeats a value of a table.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fairveil import _console
from fairveil._cli_use import (
    ModelFile,
    Positive,
    Predicted,
    Sensitive,
    column_names,
)
from fairveil.errors import ConfigError, problem

if TYPE_CHECKING:
    from collections.abc import Sequence

Real = Annotated[
    Path, typer.Argument(metavar="REAL", help="The rows that the fit saw.")
]
Release = Annotated[
    Path, typer.Argument(metavar="RELEASE", help="The table that sample has written.")
]
_STAMP = "CONFIDENTIAL: computed from real rows, without noise"
_TABLES, _TWO = ("columns", "pairs", "errors"), 2
_OF_MODELS = ("budget", "stages")


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command(
        epilog=(
            "Example: fairveil report table.csv synthetic.csv model.fairveil --control "
            "kept-back.csv --target income --positive '>50K' -o report.html"
        )
    )(report)
    app.command(epilog="Example: fairveil plot pairs report.json -o pairs.svg")(plot)


def report(
    real: Real,
    release: Release,
    model: ModelFile,
    *,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="File to write: .html, with .json beside it; or .json alone.",
        ),
    ],
    control: Annotated[
        Path | None,
        typer.Option(
            metavar="TABLE",
            help="Real rows that the fit did not see; else attacks say nothing.",
        ),
    ] = None,
    sensitive: Sensitive = None,
    target: Predicted = None,
    positive: Positive = None,
    legitimate: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAMES", help="Columns through which a difference is allowed."
        ),
    ] = None,
    secrets: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAMES",
            help="Columns that an attacker would infer; by default the sensitive ones "
            "and the target.",
        ),
    ] = None,
    attacks: Annotated[
        bool, typer.Option("--attacks/--no-attacks", help="Attack the release.")
    ] = True,
    frontier: Annotated[
        Path | None,
        typer.Option(help="JSON that 'fairveil frontier' has written of this model."),
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option(
            help="File that notes internal reports and certificates of this data set; "
            "begun where there is none."
        ),
    ] = None,
    name: Annotated[str, typer.Option(help="Of the data set.")] = "",
    steward: Annotated[str, typer.Option(help="Who answers for it.")] = "",
    purpose: Annotated[str, typer.Option(help="What it is released for.")] = "",
    date: Annotated[
        str, typer.Option(help="As 2026-01-31; none is printed unless given.")
    ] = "",
    seed: Annotated[int, typer.Option(help="Of all that is drawn at random.")] = 0,
) -> None:
    """Report on the one chosen release. CONFIDENTIAL: it reads real rows.

    One page: columns, pairs, usefulness, groups, fairness before and after, attacks,
    how the fit went, warnings, and a form to sign. Nothing here is protected by the
    budget, so do not choose among releases by it: that is what frontier is for.
    """
    from fairveil.publish.inputs import About
    from fairveil.report import draw
    from fairveil.report.result import places
    from fairveil.tables import files

    optional = [path for path in (control, frontier, record) if path is not None]
    inputs = [real, release, model, *optional]
    written = places(output)
    for place in written:
        files.check_output(place, *inputs)
    if record is not None:
        files.check_output(record, *(p for p in inputs if p is not record), *written)
    if len(written) > 1:
        draw.need()
    about = About(name=name, steward=steward, purpose=purpose, date=date)
    from fairveil.report.gather import STAGES, internal_report

    with _console.Stages(STAGES) as bar:
        made = internal_report(
            real,
            release,
            model,
            control=control,
            sensitive=_names(sensitive),
            target=target,
            positive=positive,
            legitimate=_names(legitimate),
            secrets=_names(secrets),
            attacks=attacks,
            frontier=frontier,
            record=record,
            about=about,
            seed=seed,
            progress=bar,
        )
        made.save(output)
    _console.say(
        "CONFIDENTIAL: the report shows figures and values of real rows.",
        *(f"Warning: {text}" for text in made.warnings),
        "Written:",
        *(f"  {path}" for path in written),
        "Try next:",
        f"  fairveil plot pairs {written[-1]} -o pairs.svg",
    )


def plot(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help="columns, pairs, errors, usefulness, fairness, hidden, payers, "
            "attacks, budget, stages or frontier.",
        ),
    ],
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="JSON of a report; or REAL RELEASE (columns, pairs, errors), MODEL "
            "(budget, stages), JSON of a frontier.",
        ),
    ],
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File to write: .svg or .png.")
    ],
) -> None:
    """Draw one picture of a report, of two tables, a model or a frontier.

    All but budget, stages and frontier show real rows: CONFIDENTIAL, and stamped so.
    """
    from fairveil import _check, _files
    from fairveil.errors import TableError
    from fairveil.report import draw, plots
    from fairveil.tables import files

    _check.one_of(tuple(plots.PLOTS), kind=kind)
    suffix = draw.check(output)
    files.check_output(output, *sources)
    charts = plots.PLOTS[kind](_facts(kind, sources))
    if not charts:
        raise ConfigError(
            problem("there are no figures for this picture", got=kind, try_="another")
        )
    stamp = "" if kind in plots.PUBLIC else _STAMP
    data = draw.written(charts, suffix, title=plots.TITLES[kind], stamp=stamp)
    try:
        _files.write_whole(output, data, secret=bool(stamp))
    except OSError:
        raise TableError(
            problem("the plot cannot be written", got=str(output))
        ) from None
    _console.say(*([f"{stamp}."] if stamp else []), f"Wrote {output}.")


def _facts(kind: str, sources: Sequence[Path]) -> dict[str, Any]:
    """What the picture is drawn from, as in the JSON of a report."""
    from fairveil.report import result

    if kind in _TABLES and len(sources) == _TWO:
        return _of_tables(kind, sources)
    if len(sources) != 1:
        raise ConfigError(
            problem(
                "this picture is drawn from another number of files",
                got=len(sources),
                try_="REAL RELEASE" if kind in _TABLES else "one file",
            )
        )
    (source,) = sources
    if kind in _OF_MODELS and source.suffix.lower() != ".json":
        from dataclasses import asdict

        from fairveil import artifact
        from fairveil.report import fit

        return {"fit": asdict(fit.described(artifact.load(source)))}
    if kind == "frontier":
        found = result.parsed(source, "the frontier")
        if isinstance(found, dict) and found.get("format") == "fairveil-frontier":
            return {"frontier": found, "fit": {"fairness": {"mode": ""}}}
    return result.read(source)


def _of_tables(kind: str, sources: Sequence[Path]) -> dict[str, Any]:
    from fairveil import evaluate
    from fairveil.tables.files import read_table

    real, made = (read_table(path, typed=True) for path in sources)
    if kind == "columns":
        return {"columns": [o.to_dict() for o in evaluate.column_shares(real, made)]}
    if kind == "pairs":
        return {"associations": evaluate.associations(real, made).to_dict()}
    return {"errors": [evaluate.marginal_errors(real, made, ways=2).to_dict()]}


def _names(given: list[str] | None) -> list[str] | None:
    return None if given is None else column_names(given)
