"""The command ``fairveil``: it parses, calls the library and prints.

Every failure is one line on standard error, ``Error: what; got ...; try ...``, with
exit code 2. No message repeats a value of a table, and no traceback is shown, since it
could hold one. Heavy modules load inside the commands, so that ``--help`` is quick.
"""

from __future__ import annotations

import os
import time
import warnings
from pathlib import Path
from typing import Annotated, Literal

import typer

from fairveil import (
    __version__,
    _cli_audit,
    _cli_certify,
    _cli_frontier,
    _cli_plan,
    _cli_privacy,
    _cli_refine,
    _cli_report,
    _cli_resume,
    _cli_schema,
    _cli_studio,
    _cli_use,
    _compiled,
    _console,
)
from fairveil._cli_bench import bench_app
from fairveil._cli_export import export_app
from fairveil._cli_ledger import ledger_app
from fairveil._cli_refine import (
    Blind,
    Legitimate,
    Mode,
    Proxies,
    Shares,
    Strength,
    Target,
    shares_of,
)
from fairveil._cli_use import Sensitive, column_names
from fairveil.config import BLIND
from fairveil.errors import ConfigError, problem

# seconds of each stage of a fit of 20,000 rows, for the time left
_FIT_STAGES = {
    "marginals": 15.0,
    "warm start": 10.0,
    "vae": 15.0,
    "clusters": 2.0,
    "generator": 45.0,
}

app: typer.Typer = typer.Typer(
    cls=_console.Commands,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"fairveil {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True, epilog="Example: fairveil demo")
def _start(
    context: typer.Context,
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Show the version."
        ),
    ] = False,
    log_json: Annotated[
        Path | None,
        typer.Option(help="Append what happens, without data, to a file (JSON lines)."),
    ] = None,
) -> None:
    """Fair, differentially private synthetic tables, without labels."""
    del version
    command = context.invoked_subcommand
    if log_json is not None and isinstance(context.command, _console.Commands):
        context.command.log_to(log_json, command=command or "")
    if command is None:
        typer.echo(context.get_help())


TablePaths = Annotated[
    list[Path],
    typer.Argument(
        metavar="TABLE...",
        help="Real rows: .csv, .csv.gz, .parquet; several, or a quoted pattern.",
    ),
]


@app.command(epilog="Example: fairveil demo --table actg175 --epsilon 2 --out trial")
def demo(
    *,
    table: Annotated[
        Literal["adult", "actg175"], typer.Option(help="Embedded public table.")
    ] = "adult",
    epsilon: Annotated[float, typer.Option(help="Budget of the one fit.")] = 1.0,
    out: Annotated[Path, typer.Option(help="Folder for the files.")] = Path("demo"),
    seed: Annotated[
        int,
        typer.Option(help="Of training, sampling and measuring; noise has no seed."),
    ] = 0,
    rows: Annotated[
        int | None, typer.Option(help="Use so many random rows only, to be quick.")
    ] = None,
) -> None:
    """Fit an embedded real table, debias it, compare, write files."""
    from fairveil.tables import files

    files.make_folder(out)
    from fairveil import demo as demonstration
    from fairveil.datasets import registry

    began = time.monotonic()
    with _console.Stages(demonstration.STAGES) as progress:
        result = demonstration.run(
            registry.get(table),
            epsilon=epsilon,
            seed=seed,
            rows=rows,
            progress=progress,
        )
    written = demonstration.write(result, out)
    _console.show_demo(result)
    _console.say("")
    _console.show_statement(result.statement, result.model.promise_)
    _console.say(
        "",
        f"Done in {_console.duration(time.monotonic() - began)}. Written:",
        *(f"  {path}" for path in written),
        "Try next:",
        f"  fairveil sample {written[1]} -n 1000 -o more.csv",
        f"  fairveil demo --table {'adult' if table == 'actg175' else 'actg175'}",
        "  fairveil fit --help",
    )


_cli_schema.register(app)


@app.command(
    epilog=(
        "Example: fairveil fit patients.csv --schema schema.json --sensitive sex,race "
        "--epsilon 1 -o model.fairveil"
    )
)
def fit(
    tables: TablePaths,
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Model file to write.")
    ],
    schema: Annotated[
        Path | None,
        typer.Option(help="Public facts; without it they are found under the budget."),
    ] = None,
    discover: Annotated[
        bool | None,
        typer.Option(
            "--discover/--no-discover",
            help="Measure what the schema leaves open; without a schema the default.",
            show_default=False,
        ),
    ] = None,
    discovery_share: Annotated[
        float, typer.Option(help="Part of the budget for that, at most .5.")
    ] = 0.1,
    personal_data: Annotated[
        Literal["refuse", "replace", "allow"],
        typer.Option(
            metavar="RULE",
            help="Columns named like personal data: refuse, replace or allow.",
        ),
    ] = "refuse",
    sensitive: Sensitive = None,
    epsilon: Annotated[
        float, typer.Option(help="Privacy budget; inf switches privacy off.")
    ] = 1.0,
    delta: Annotated[float, typer.Option(help="Budget's second part.")] = 1e-5,
    fairness: Mode = "independence",
    strength: Strength = 1.0,
    unit: Annotated[
        str | None, typer.Option(help="Column that names the person of each row.")
    ] = None,
    max_rows_per_unit: Annotated[
        int, typer.Option(help="Rows used of each person, at most.")
    ] = 1,
    leave_out: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAMES", help="Columns not read, which a release does not have."
        ),
    ] = None,
    group_budget: Annotated[
        float,
        typer.Option(
            help="Part of the marginals' budget for pairs with a sensitive column."
        ),
    ] = 0.0,
    generator: Annotated[
        Literal["wgan", "decoder"],
        typer.Option(metavar="NAME", help="wgan, or decoder as an ablation."),
    ] = "wgan",
    preset: Annotated[
        Literal["default", "paper"],
        typer.Option(metavar="NAME", help="Sizes of the networks: default or paper."),
    ] = "default",
    random_state: Annotated[
        int | None, typer.Option(help="Seed of post-processing; noise has no seed.")
    ] = None,
    target: Target = None,
    legitimate: Legitimate = None,
    blind: Blind = BLIND,
    proxies: Proxies = 0.0,
    shares: Shares = None,
    ledger: Annotated[
        Path | None,
        typer.Option(
            help="Ledger file over fits; TABLE.ledger is used where it exists."
        ),
    ] = None,
    statement: Annotated[
        Path | None,
        typer.Option(help="Write the privacy statement there, too (JSON)."),
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            help="File for what the budget has bought, until the model is written; "
            "OUTPUT-part by default."
        ),
    ] = None,
    insecure_noise_seed: Annotated[
        int | None, typer.Option(help="For debugging: NOT PRIVATE, and stamped so.")
    ] = None,
) -> None:
    """Spend a privacy budget on a table; write a model that samples without it.

    Without a schema, categories, ranges and types are found under the same budget, so
    that nothing about the table is free. That needs some thousand rows.
    """
    from fairveil.tables import files, scan

    found = scan.expanded(tables)
    book = _ledger_of(found, ledger)
    for path in found:
        files.check_suffix(path)
    inputs = [*found, *(path for path in (schema, book) if path is not None)]
    files.check_output(output, *inputs)
    if statement is not None:
        files.check_output(statement, *inputs, output)
    part = checkpoint or _cli_resume.beside(output)
    files.check_output(part, *inputs, output, *([statement] if statement else []))
    from fairveil import _wishes
    from fairveil.schema import Schema
    from fairveil.synthesizer import FairVeil

    model = FairVeil(
        epsilon=epsilon,
        delta=delta,
        sensitive=column_names(sensitive),
        fairness=None if fairness == "none" else fairness,
        target=target,
        strength=strength,
        legitimate=column_names(legitimate),
        blind=blind,
        proxies=proxies,
        shares=shares_of(shares),
        unit=unit,
        max_rows_per_unit=max_rows_per_unit,
        leave_out=column_names(leave_out),
        ledger=book,
        group_budget=group_budget,
        schema=None if schema is None else Schema.load(schema),
        discover=discover,
        discovery_share=discovery_share,
        personal_data=personal_data,
        generator=generator,
        preset=None if preset == "default" else preset,
        random_state=random_state,
        insecure_noise_seed=insecure_noise_seed,
    )
    _wishes.check_wishes(model)  # before a row is read
    try:
        with _cli_resume.kept(part, book=book), _console.Stages(_FIT_STAGES) as bar:
            model.fit(found, progress=bar, checkpoint=part)
    finally:
        if hasattr(model, "statement_"):  # what was paid for is kept, come what may
            _cli_resume.save(model, output, part)
    if statement is not None:
        model.statement_.save(statement)
    _console.show_statement(model.statement_, model.promise_)
    if model.advice_ is not None:
        _console.say("", f"Note: {model.advice_}.")
    _console.say("")
    _console.wrote(output)


def _ledger_of(tables: list[Path], named: Path | None) -> Path | None:
    """The ledger file of a fit; one that lies beside a table cannot be passed by."""
    from fairveil.privacy.book import beside

    found = [own for own in dict.fromkeys(map(beside, tables)) if own.exists()]
    if not found:
        return named
    own = found[0]
    if len(found) > 1:
        raise ConfigError(
            problem(
                "several of the files have ledger files of their own beside them",
                try_="one ledger file, beside the first of them",
            )
        )
    if named is not None and not (named.exists() and named.samefile(own)):
        raise ConfigError(
            problem(
                "the table has a ledger file of its own beside it",
                got=str(own),
                try_="leaving --ledger out",
            )
        )
    return own


_BEFORE = (_cli_plan, _cli_use, _cli_refine, _cli_resume, _cli_frontier)
_AFTER = (_cli_privacy, _cli_certify, _cli_report, _cli_studio, _cli_audit)
for _part in (*_BEFORE, *_AFTER):
    _part.register(app)
app.add_typer(ledger_app, name="ledger")
app.add_typer(export_app, name="export")
app.add_typer(bench_app, name="bench")


def main() -> None:
    """Run the command line and leave the process with its exit code."""
    if not os.environ.get(_console.DEBUG):
        warnings.simplefilter("ignore")  # a warning's text may quote a value
    _compiled.keep(os.environ)
    app(prog_name="fairveil")
