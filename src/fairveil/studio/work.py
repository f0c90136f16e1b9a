"""``python -m fairveil.studio.work KIND``: what a child process of the studio does.

Secret: ``draft`` and ``declare`` read the table, as ``fairveil schema`` does, and
``report`` reads it, as ``fairveil report`` does. A draft leaves the process as names,
kinds and counts of columns, which are confidential, and never as a value. The others
read models and synthetic rows only. What to do is read from standard input, so that
nothing of it stands in the list of processes; the result is JSON on standard output.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from fairveil import _console, _files
from fairveil.errors import ConfigError, SchemaError, problem

if TYPE_CHECKING:
    import pandas as pd

    from fairveil.schema import Schema

_DAY = len("2026-12-31")
_OPEN = "unknown"  # kind of a column that no draft can tell
_EXPLORING = {"reference": 1.0, "baselines": 1.0, "candidates": 5.0}
_CHOOSING = {"generator": 6.0, "rows": 2.0, "certificate": 1.0}

app: typer.Typer = typer.Typer(
    cls=_console.Commands, add_completion=False, pretty_exceptions_enable=False
)


@app.callback()
def _start() -> None:
    """Work of the studio; it is started by the studio alone."""


@app.command()
def draft() -> None:
    """Names, kinds and counts of a table's columns. CONFIDENTIAL."""
    from fairveil.planning import rounded
    from fairveil.tables.files import read_table

    rows = read_table(_told()["table"], typed=True)
    columns = [_drafted(rows, name) for name in rows.columns]
    _tell({"rows": rounded(max(len(rows), 1)), "columns": columns})


@app.command()
def declare() -> None:
    """A schema of a table that the steward has declared public, into a file."""
    from fairveil.schema import Schema
    from fairveil.tables.files import read_table

    told = _told()
    rows = read_table(told["table"], typed=True)
    left = [name for name in rows.columns if name not in told["without"]]
    drafted = Schema.infer(_with_dates(rows[left]), declare_public=True)
    said = f"{told['declared_by']} ({drafted.declared_by})"
    _saved(drafted.model_copy(update={"declared_by": said}), told)


@app.command()
def adopt() -> None:
    """The facts of a code book that go with the table, into a file."""
    from fairveil.schema import Schema

    told = _told()
    found = Schema.load(told["codebook"])
    unknown = [name for name in found.names if name not in told["names"]]
    if unknown:
        raise SchemaError(
            problem(
                "the code book names columns that the table lacks",
                got=", ".join(unknown[:5]),
                try_="the code book of this table",
            )
        )
    copied = found.copied_from_data()
    if copied:
        raise SchemaError(
            problem(
                "facts of the code book were copied from the data",
                got=", ".join(copied[:5]),
                try_="facts from a public source, or finding them under the budget",
            )
        )
    without = [name for name in told["without"] if name in found.names]
    _saved(found.drop(without) if without else found, told)


@app.command()
def describe() -> None:
    """What a model says of itself: its certificate's facts, and columns to predict."""
    from fairveil.certificate import certify, described

    told = _told()
    made = certify(told["model"])
    columns = [
        {"name": c.name, "kind": c.kind, "values": [str(v) for v in c.categories]}
        for c in described(told["model"]).schema.columns
        if c.learnt
    ]
    _tell({"certificate": made.to_dict(), "columns": columns})


@app.command()
def explore() -> None:
    """The frontier of a model, into its JSON file; no table is read."""
    from fairveil.frontier import frontier
    from fairveil.synthesizer import FairVeil

    told = _told()
    model = FairVeil.load(told["model"])
    with _console.Stages(_EXPLORING) as progress:
        found = frontier(
            model,
            modes=told["modes"],
            strengths=told["strengths"],
            target=told["target"],
            positive=told["positive"],
            legitimate=told["legitimate"],
            rows=told["rows"],
            names=["model"],
            progress=progress,
        )
    found.save(told["frontier"])
    _tell({"tried": len(found.candidates)})


@app.command()
def choose() -> None:
    """One release: its model, rows and certificate, into a folder of their own."""
    from fairveil import certify
    from fairveil.synthesizer import FairVeil

    told = _told()
    folder = Path(told["folder"])
    folder.mkdir(mode=0o700, exist_ok=True)
    model = FairVeil.load(told["model"])
    place, rows = folder / "model.fairveil", folder / "synthetic.csv"
    with _console.Stages(_CHOOSING) as progress:
        if told["settings"] is not None:
            model = _settings(told["settings"]).refine(
                model, progress=lambda _, done, of: progress("generator", done, of)
            )
        progress("generator", 1, 1)
        model.save(place)
        model.sample_to(rows, told["rows"])
        progress("rows", 1, 1)
        made = certify(
            place,
            output=rows,
            ledger=told["ledger"],
            record=told["record"],
            **told["about"],
        )
        made.save(folder / "certificate.html")
        progress("certificate", 1, 1)
    _tell({"model": made.facts["hashes"]["model"]})


@app.command()
def report() -> None:
    """The internal report on the one chosen release. CONFIDENTIAL."""
    from fairveil.publish.inputs import About
    from fairveil.report.gather import STAGES, internal_report

    told = _told()
    folder = Path(told["folder"])
    with _console.Stages(STAGES) as progress:
        made = internal_report(
            told["table"],
            folder / "synthetic.csv",
            folder / "model.fairveil",
            control=told["control"],
            target=told["target"],
            positive=told["positive"],
            frontier=told["frontier"],
            record=told["record"],
            about=About(**told["about"]),
            progress=progress,
        )
        made.save(folder / "report.html")
    _tell({"warnings": len(made.warnings)})


def _told() -> dict[str, Any]:
    return json.loads(sys.stdin.buffer.read())


def _tell(facts: Mapping[str, Any]) -> None:
    typer.echo(json.dumps(facts, allow_nan=False))


def _drafted(rows: pd.DataFrame, name: str) -> dict[str, Any]:
    """What is said of one column: its kind, and counts; no value."""
    import narwhals as nw

    from fairveil._infer import column_facts
    from fairveil._personal import personal

    series = rows[name]
    try:
        facts = column_facts(nw.from_native(series, series_only=True), "from-data")
    except SchemaError:
        facts = {"kind": _OPEN}
    present = series.dropna()
    written, _layout = _written(present)
    different = len(present.unique())
    return {
        "name": str(name),
        "kind": written or facts["kind"],
        "written": bool(written),
        "whole": facts.get("decimals") == 0,
        "different": different,
        "missing": bool(len(present) < len(series)),
        "unique": different == len(present) > 1,
        "personal": personal(str(name)),
    }


def _written(present: Any) -> tuple[str, str]:
    """Kind and layout of text that is all dates, or all moments; else nothing.

    A private fit guesses no type from values: the steward is asked.
    """
    from fairveil.studio.answers import LAYOUTS

    cells = list(present.unique())
    texts = [cell for cell in cells if isinstance(cell, str)]
    if not texts or len(texts) < len(cells):
        return "", ""
    for layout in LAYOUTS:
        if (layout or _longest(texts) <= _DAY) and _reads(texts, "date", layout):
            return "date", layout
    return ("datetime", "") if _reads(texts, "datetime", "") else ("", "")


def _longest(texts: list[str]) -> int:
    return max(map(len, texts))


def _reads(texts: list[str], kind: str, layout: str) -> bool:
    """Whether all text can be read; the first that cannot be ends it."""
    from fairveil._temporal import of_cell

    try:
        read = (of_cell(text, kind, None, layout or None) for text in texts)
        return all(found is not None for found in read)
    except (ValueError, OverflowError):
        return False


def _with_dates(rows: Any) -> Any:
    """The rows with Python's dates in place of text that is all written 2026-12-31."""
    days = [n for n in rows.columns if _written(rows[n].dropna()) == ("date", "")]
    read = dt.date.fromisoformat
    return rows.assign(
        **{
            name: [read(c.strip()) if isinstance(c, str) else None for c in rows[name]]
            for name in days
        }
    )


def _saved(schema: Schema, told: Mapping[str, Any]) -> None:
    """The schema, with what identifies made anew, written for its owner alone."""
    from fairveil.schema import Column

    anew = {name: Column.model_validate(f) for name, f in told["anew"].items()}
    columns = tuple(anew.get(column.name, column) for column in schema.columns)
    columns += tuple(c for name, c in anew.items() if name not in schema.names)
    whole = schema.model_copy(update={"columns": columns})
    text = json.dumps(whole.to_dict(), indent=1, ensure_ascii=False) + "\n"
    _files.write_whole(told["output"], text.encode(), secret=True)
    missing = [name for name in told["names"] if name not in whole.names]
    _tell({"missing": [n for n in missing if n not in told["without"]]})


def _settings(told: Mapping[str, Any]) -> Any:
    """Settings of a candidate, out of the JSON of a frontier."""
    from fairveil._frontier_settings import Settings, frozen_shares

    if told.get("gan") is not None:
        raise ConfigError(problem("the frontier was made with other networks"))
    lists = {name: tuple(told[name]) for name in ("legitimate", "sensitive")}
    shares = frozen_shares(told["shares"])
    return Settings(**{**told, **lists, "shares": shares})


if __name__ == "__main__":
    app(prog_name="fairveil.studio.work")
