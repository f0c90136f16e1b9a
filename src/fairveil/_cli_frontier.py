"""The command ``frontier``: the trade-off of fitted models, at no privacy cost.

Public: models, and rows drawn from them. Nothing here reads a table.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from fairveil import _check, _cli_names, _console, config
from fairveil._cli_refine import Legitimate, Shares, shares_of
from fairveil._cli_use import Positive, Predicted, Sensitive, column_names
from fairveil.errors import ConfigError, problem

if TYPE_CHECKING:
    from fairveil.frontier import Candidate, Frontier

_STAGES = {"reference": 1.0, "baselines": 1.0, "candidates": 5.0}


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(
        epilog=(
            "Example: fairveil frontier model.fairveil --target income --positive "
            '">50K" --plot frontier.svg --save best.fairveil'
        )
    )(frontier)


def frontier(
    context: typer.Context,
    models: Annotated[
        list[Path],
        typer.Argument(
            metavar="MODEL...",
            help="Files that fit has written; several to compare epsilons.",
        ),
    ],
    *,
    sensitive: Sensitive = None,
    target: Predicted = None,
    positive: Positive = None,
    modes: Annotated[
        str | None,
        typer.Option(
            metavar="MODES",
            help=(
                "Of redraw, independence and outcome, with commas; independence by "
                "default, and outcome with a target."
            ),
        ),
    ] = None,
    strengths: Annotated[
        str,
        typer.Option(metavar="NUMBERS", help="From 0 to 1, with commas between them."),
    ] = "0,.25,.5,.75,1",
    clusters: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBERS", help="Numbers of clusters to merge the released ones to."
        ),
    ] = None,
    blind: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBERS", help="For outcome: as of refine, with commas between."
        ),
    ] = None,
    proxies: Annotated[
        str,
        typer.Option(
            metavar="NUMBERS", help="For the other modes: the same, as of refine."
        ),
    ] = "0",
    legitimate: Legitimate = None,
    shares: Shares = None,
    search: Annotated[
        Literal["grid", "sobol", "nsga2"],
        typer.Option(
            metavar="NAME", help="grid (every combination), sobol or nsga2 (pymoo)."
        ),
    ] = "grid",
    trials: Annotated[
        int | None, typer.Option(help="Settings tried of each model, at most.")
    ] = None,
    rows: Annotated[
        int, typer.Option(help="Synthetic rows that each figure is taken from.")
    ] = 20_000,
    most_loss: Annotated[
        float, typer.Option(help="Loss that the best release may have.")
    ] = 0.02,
    best: Annotated[
        str | None,
        typer.Option(metavar="MODE", help="Mode that the best release is sought in."),
    ] = None,
    by: Annotated[
        Literal["hidden", "parity", "people"] | None,
        typer.Option(
            metavar="NAME",
            help="What is fairest: hidden, parity, or people with loose proxies.",
        ),
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Plot to write (.svg).")] = None,
    json: Annotated[
        Path | None, typer.Option(help="File for all figures (JSON).")
    ] = None,
    save: Annotated[
        Path | None, typer.Option(help="Model file for the best release.")
    ] = None,
    random_state: Annotated[
        int | None, typer.Option(help="Seed that makes all of it repeatable.")
    ] = None,
) -> None:
    """Sweep how fair and how useful releases of a fit can be; no privacy spent.

    Each setting is judged by synthetic rows alone, no table is read, and the privacy
    statement of the model stays as it is. A setting of independence takes about as long
    as the last stage of the fit, of other modes some seconds.
    """
    outputs = [path for path in (plot, json, save) if path is not None]
    _check_outputs(outputs, models)
    # before the sweep, which may be long
    _check.one_of(config.FAIRNESS_MODES, best=best)
    if plot is not None:
        from fairveil import _frontier_plot

        _frontier_plot.check(plot)
    from fairveil.frontier import frontier as explored
    from fairveil.synthesizer import FairVeil

    fitted = [FairVeil.load(path) for path in models]
    with _console.Stages(_STAGES) as progress:
        found = explored(
            fitted,
            sensitive=None if sensitive is None else column_names(sensitive),
            strengths=_numbers(strengths, "--strengths", float),
            modes=None if modes is None else column_names([modes]),
            target=target,
            positive=positive,
            clusters=None
            if clusters is None
            else _numbers(clusters, "--clusters", int),
            blind=None if blind is None else _numbers(blind, "--blind", float),
            proxies=_numbers(proxies, "--proxies", float),
            legitimate=column_names(legitimate),
            shares=shares_of(shares),
            search=search,
            trials=trials,
            rows=rows,
            names=[str(path) for path in models],
            random_state=random_state,
            progress=progress,
        )
    if json is not None:
        found.save(json)
    if plot is not None:
        found.plot(plot)
    _console.say(*found.table().splitlines(), "")
    asked = (most_loss, best, by)
    chosen = _chosen(found, *asked, none=None if save else context.command)
    if save is not None and chosen is not None:
        place = [fit.name for fit in found.fits].index(chosen.fit.name)
        chosen.refine(fitted[place]).save(save)
    if outputs:
        _console.say("", "Written:", *(f"  {path}" for path in outputs))
    if save is not None:
        _console.say("Try next:", f"  fairveil sample {save} -n 1000 -o synthetic.csv")


def _chosen(
    found: Frontier,
    most_loss: float,
    mode: str | None,
    by: str | None,
    *,
    none: Any,
) -> Candidate | None:
    """The best candidate, and a line that names it.

    Args:
        found: the frontier.
        most_loss, mode, by: what is asked of the best.
        none: the command, where it need not find one; else None.

    Raises:
        ConfigError: none is good enough, and there has to be one.
    """
    try:
        chosen = found.best(most_loss=most_loss, mode=mode, promise=by)
    except ConfigError as error:
        if none is None:
            raise
        _console.say(f"No best release: {_cli_names.said(str(error), none)}")
        return None
    settings = chosen.settings
    more = "".join(
        f", {name} {value:g}"
        for name in ("blind", "proxies", "clusters")
        if (value := getattr(settings, name))
    )
    people = "" if chosen.people is None else f", people {chosen.people:.2f}"
    _console.say(
        f"Best with a loss of at most {most_loss:g}: {settings.mode}, strength "
        f"{settings.strength:g}{more}, of {chosen.fit.name}: loss "
        f"{chosen.loss:.3f}, unfair {chosen.unfairness:.3f}{people}."
    )
    return chosen


def _check_outputs(outputs: list[Path], models: list[Path]) -> None:
    from fairveil.tables import files

    for place, path in enumerate(outputs):
        files.check_output(path, *models, *outputs[:place])


def _numbers(text: str, option: str, kind: type[Any]) -> list[Any]:
    """Numbers out of ``0,.5,1``."""
    try:
        return [kind(part) for part in text.split(",")]
    except ValueError:
        raise ConfigError(
            problem(
                f"{option} must be numbers with commas between them",
                got=text,
                try_="4,8" if kind is int else "0,.5,1",
            )
        ) from None
