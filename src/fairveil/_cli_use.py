"""The commands that use a release: ``sample``, ``complete`` and ``evaluate``.

Public: models and releases. ``evaluate`` reads real rows on purpose; what it prints is
confidential and says so. No message repeats a value of a table.
"""

from __future__ import annotations

import contextlib
import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fairveil import _asked, _console
from fairveil.errors import ConfigError, FairveilError, problem

if TYPE_CHECKING:
    import pandas as pd

ModelFile = Annotated[
    Path, typer.Argument(metavar="MODEL", help="File that fit has written.")
]
Sensitive = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAMES", help="Sensitive columns: names with commas between them."
    ),
]

Predicted = Annotated[
    str | None, typer.Option(help="Column that a later model predicts.")
]
Positive = Annotated[
    str | None, typer.Option(help="Value of the target that counts as the event.")
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COLUMN=VALUES",
        help="Every row meets it: sex=Female, age=0..18, job=a|b; empty: missing.",
    ),
]
Balanced = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COLUMN[:SHARES]",
        help="Equal shares of a column's values, or sex:Female=.5,Male=.5.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command(
        epilog="Example: fairveil sample model.fairveil -n 10000 -o synthetic.csv"
    )(sample)
    app.command(
        epilog="Example: fairveil complete model.fairveil rows.csv -o complete.csv"
    )(complete)
    app.command(
        epilog=(
            "Example: fairveil evaluate patients.csv synthetic.csv --sensitive "
            "sex,race --target outcome --positive yes"
        )
    )(evaluate)


def rows_of(text: str) -> int:
    """A number of rows, ``1e6`` too.

    Raises:
        ValueError: not a whole number.
    """
    with contextlib.suppress(ValueError):
        return int(text)
    try:
        number = float(text)
    except ValueError:
        number = 0.5
    if not number.is_integer():
        raise ValueError(f"it must be a whole number; got {text!r}")
    return int(number)


def sample(
    model: ModelFile,
    *,
    number: Annotated[
        int,
        typer.Option(
            "--number",
            "-n",
            parser=rows_of,
            metavar="ROWS",
            help="Rows to draw: 10000, 1e6.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Table to write: .csv or .parquet.")
    ],
    random_state: Annotated[
        int | None, typer.Option(help="Seed that makes the rows repeatable.")
    ] = None,
    where: Where = None,
    balance: Balanced = None,
) -> None:
    """Draw synthetic rows from a model; any number costs no privacy."""
    from fairveil.tables import files

    files.check_output(output, model)
    files.check_suffix(output)
    from fairveil.synthesizer import FairVeil

    fitted = FairVeil.load(model)
    asked: dict[str, Any] = {}
    if where:
        asked["where"] = _asked.conditions(where, fitted.schema_)
    if balance:
        asked["balance"] = _asked.shares(balance, fitted.schema_.names)
    fitted.sample_to(output, number, random_state, **asked)
    _console.say(
        f"Wrote {output}: {number:,} synthetic rows.",
        str(fitted.statement_).split("\n")[0],
        *([f"Fair: {fitted.promise_of_sample(**asked)}"] if asked else []),
    )


def complete(
    model: ModelFile,
    rows: Annotated[
        Path, typer.Argument(metavar="ROWS", help="Your rows: some of the columns.")
    ],
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Table to write: .csv or .parquet.")
    ],
    keep_missing: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAMES", help="Columns whose empty cells are values and stay."
        ),
    ] = None,
    random_state: Annotated[
        int | None, typer.Option(help="Seed that makes the cells repeatable.")
    ] = None,
) -> None:
    """Fill the empty cells and absent columns of rows of your own.

    The rows you give stand outside the promise of privacy, and so does what is written.
    """
    from fairveil.tables import files

    files.check_output(output, model, rows)
    files.check_suffix(output)
    from fairveil.synthesizer import FairVeil

    fitted = FairVeil.load(model)
    given = files.read_table(rows)
    made = fitted.complete(
        given, keep_missing=column_names(keep_missing), random_state=random_state
    )
    files.write_table(made, output)
    _console.say(
        f"Wrote {output}: {len(made):,} rows, completed.",
        "Cells that you gave are your own: no promise of privacy covers them.",
    )


def evaluate(
    real: Annotated[Path, typer.Argument(metavar="REAL", help="Real rows.")],
    synthetic: Annotated[Path, typer.Argument(metavar="SYNTH", help="A release.")],
    *,
    sensitive: Sensitive = None,
    target: Predicted = None,
    positive: Positive = None,
    legitimate: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAMES", help="Columns through which a difference is allowed."
        ),
    ] = None,
    holdout: Annotated[
        str,
        typer.Option(
            metavar="SHARE|TABLE",
            help="Share of REAL to test on, or a table of rows the fit did not see.",
        ),
    ] = "0.3",
    risks: Annotated[
        bool,
        typer.Option(
            "--risks",
            help="Attack the release; tells only with a table for --holdout.",
        ),
    ] = False,
    seed: Annotated[int, typer.Option(help="Of all that is drawn at random.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> None:
    """Compare a release with real rows. NOT PRIVATE: the figures are confidential."""
    from fairveil import _check, evaluate as evaluation
    from fairveil.tables.files import read_table

    _check.whole(0, seed=seed)
    if positive is not None and target is None:
        what = "--positive is a value of --target"
        raise ConfigError(problem(what, got=positive, try_="both"))
    names, allowed = column_names(sensitive), column_names(legitimate)
    _check.distinct(sensitive=names)
    _check.distinct(legitimate=allowed)
    if allowed and not (names and target):
        what = "--legitimate is about --sensitive columns and a --target"
        raise ConfigError(problem(what, got=", ".join(allowed), try_="all three"))
    share = _share(holdout)
    rows, release = (read_table(path, typed=True) for path in (real, synthetic))
    rows, absent = _released_only(rows, release)
    if share is None:
        test, _ = _released_only(read_table(holdout, typed=True), release)
        train = rows
    else:
        train, test = _halves(rows, share)
    roles = {"sensitive": names, "target": target, "positive": positive}
    roles["legitimate"] = allowed
    report = evaluation.report(train, test, release, **roles, seed=seed)
    if risks:  # a part of REAL is no control: the fit may have seen all of it
        control = None if share is not None else test
        hidden = [*names, target] if target and target not in names else names
        ask: dict[str, Any] = {"secrets": hidden or None, "seed": seed}
        found = evaluation.privacy_risks(rows, release, control, **ask)
        report["privacy_risks"] = found.to_dict()
    if absent:
        report["not_compared"] = absent
    if as_json:
        typer.echo(json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False))
    else:
        _console.show_evaluation(report)
        if absent:
            _console.say(f"Not in the release, so not compared: {', '.join(absent)}.")


def _released_only(
    rows: pd.DataFrame, release: pd.DataFrame
) -> tuple[pd.DataFrame, list[str]]:
    """Real rows without columns that no release has: a unit's, or left out.

    Where the release has columns of its own, the tables are no pair: all stay.
    """
    own = list(release.columns)
    absent = [name for name in rows.columns if name not in own]
    if not absent or not set(own) <= set(rows.columns):
        return rows, []
    return rows.loc[:, own], absent


def column_names(given: list[str] | None) -> list[str]:
    """Column names out of ``a,b``; a name with a comma is quoted, as in CSV."""
    rows = csv.reader(given or [], skipinitialspace=True)
    return [name.strip() for row in rows for name in row if name.strip()]


def _share(holdout: str) -> float | None:
    """The share of rows, or None where a table was named."""
    try:
        share = float(holdout)
    except ValueError:
        return None
    if not 0.0 < share < 1.0:
        raise ConfigError(
            problem("--holdout must lie between 0 and 1", got=share, try_="0.3")
        )
    return share


def _halves(rows: pd.DataFrame, share: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    from fairveil import evaluate as evaluation

    try:
        return evaluation.split(rows, test=share)
    except FairveilError:
        raise
    except ValueError:  # a side would be empty; the splitter's text tells row counts
        what = "the real table has too few rows to be split so"
        raise ConfigError(
            problem(what, got=share, try_="--holdout with a table of its own")
        ) from None
