"""The command ``refine``: another release of a fit, and the options of a promise.

Public: models only. It spends no privacy: nothing here reads a table.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from fairveil import _console
from fairveil._cli_use import ModelFile, Sensitive, column_names
from fairveil.config import BLIND
from fairveil.errors import ConfigError, problem

_STAGES = {"generator": 45.0}

Mode = Annotated[
    Literal["independence", "redraw", "outcome", "none"],
    typer.Option(metavar="MODE", help="independence, redraw, outcome or none."),
]
Strength = Annotated[float, typer.Option(help="Of that promise, 0 to 1.")]
Target = Annotated[
    str | None,
    typer.Option(help="For outcome: the column that may not hang on sensitive ones."),
]
Legitimate = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAMES",
        help="Columns through which dependence is allowed, with commas.",
    ),
]
Blind = Annotated[
    float,
    typer.Option(
        help="For outcome: part of the gap of models that do not see the sensitive "
        "columns that goes too, 0 to 1."
    ),
]
Proxies = Annotated[
    float,
    typer.Option(
        help="For independence and redraw: how far columns that name a group are "
        "loosened from the others, 0 to 1."
    ),
]
Shares = Annotated[
    list[str] | None,
    typer.Option(
        metavar="equal|NAME:VALUE=SHARE,...",
        help="Shares of the groups in the release; by default they are kept.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(
        epilog=(
            "Example: fairveil refine model.fairveil --fairness outcome --target "
            "income --sensitive sex,race -o outcome.fairveil"
        )
    )(refine)


def refine(
    model: ModelFile,
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Model file to write.")
    ],
    fairness: Mode = "independence",
    sensitive: Sensitive = None,
    strength: Strength = 1.0,
    target: Target = None,
    legitimate: Legitimate = None,
    blind: Blind = BLIND,
    proxies: Proxies = 0.0,
    shares: Shares = None,
    clusters: Annotated[
        int | None, typer.Option(help="Merge released clusters down to so many.")
    ] = None,
    generator: Annotated[
        Literal["wgan", "decoder"],
        typer.Option(metavar="NAME", help="wgan, or decoder as an ablation."),
    ] = "wgan",
    random_state: Annotated[
        int | None, typer.Option(help="Seed that makes the release repeatable.")
    ] = None,
) -> None:
    """Make another release of the same fit; it costs no privacy and reads no table."""
    from fairveil.tables import files

    files.check_output(output, model)
    from fairveil.synthesizer import FairVeil

    fitted = FairVeil.load(model)
    with _console.Stages(_STAGES) as progress:
        refined = fitted.refine(
            fairness=None if fairness == "none" else fairness,
            sensitive=None if sensitive is None else column_names(sensitive),
            strength=strength,
            target=target,
            legitimate=column_names(legitimate),
            blind=blind,
            proxies=proxies,
            shares=shares_of(shares),
            clusters=clusters,
            generator=generator,
            random_state=random_state,
            progress=progress,
        )
    refined.save(output)
    _console.say(
        "No privacy was spent: " + str(refined.statement_).split("\n", maxsplit=1)[0],
        f"Fair: {refined.promise_['promise']}",
    )
    _console.wrote(output)


def shares_of(given: list[str] | None) -> Any:
    """``kept``, ``equal``, or shares by column and value out of ``sex:Female=.5``.

    Raises:
        ConfigError: a text that cannot be read.
    """
    if not given:
        return "kept"
    if given == ["equal"]:
        return "equal"
    out: dict[str, dict[str, float]] = {}
    for text in given:
        name, colon, rest = text.partition(":")
        pairs = [pair for row in csv.reader([rest]) for pair in row] or [""]
        for pair in pairs:
            value, equals, share = pair.rpartition("=")
            try:
                number = float(share)
            except ValueError:
                number = None
            if not (name and colon and equals and value) or number is None:
                raise ConfigError(
                    problem(
                        "shares cannot be read",
                        got=text,
                        try_="equal, or sex:Female=.5,Male=.5",
                    )
                )
            out.setdefault(name.strip(), {})[value] = number
    return out
