"""The command ``resume``, and what ``fit`` keeps for it.

Public: checkpoints hold released things only. ``fit`` writes one beside its model when
the budget is spent, and removes it when the model is written; whatever ends it between
the two, ``resume`` makes the model without spending again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fairveil import _console
from fairveil.errors import ArtifactError, problem

if TYPE_CHECKING:
    from fairveil.synthesizer import FairVeil

_STAGES = {"generator": 45.0}
_SUFFIX = "-part"


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(
        epilog="Example: fairveil resume model.fairveil-part -o model.fairveil"
    )(resume)


def resume(
    checkpoint: Annotated[
        Path, typer.Argument(metavar="PART", help="Checkpoint that fit has left.")
    ],
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Model file to write.")
    ],
    statement: Annotated[
        Path | None,
        typer.Option(help="Write the privacy statement there, too (JSON)."),
    ] = None,
) -> None:
    """Finish a fit whose budget was spent before it was stopped; costs no privacy."""
    from fairveil.tables import files

    files.check_output(output, checkpoint)
    if statement is not None:
        files.check_output(statement, checkpoint, output)
    from fairveil.synthesizer import FairVeil

    with kept(checkpoint, book=None), _console.Stages(_STAGES) as progress:
        model = FairVeil.resume(checkpoint, progress=progress)
    save(model, output, checkpoint)
    if statement is not None:
        model.statement_.save(statement)
    _console.show_statement(model.statement_, model.promise_)
    _console.say("")
    _console.wrote(output)


def beside(output: Path) -> Path:
    """Where a checkpoint lies if none is named: the model's name and ``-part``."""
    return output.with_name(output.name + _SUFFIX)


@contextlib.contextmanager
def kept(part: Path, *, book: Path | None) -> Iterator[None]:
    """Say, where a fit is interrupted, what is spent and how to go on.

    Args:
        part: where its checkpoint lies, if it came so far.
        book: its ledger file, if there is one.
    """
    interrupted = False
    try:
        yield
    except KeyboardInterrupt:
        interrupted = True
    if interrupted:
        raise _console.InterruptedFitError(after(part, book=book))


def after(part: Path, *, book: Path | None) -> str:
    """The sentence for an interrupted fit."""
    if part.exists():
        return (
            "Interrupted. The budget is spent, and what it bought is kept; try "
            f"fairveil resume {part} -o MODEL."
        )
    if book is not None:
        return (
            "Interrupted. No model was written; what was spent until then stays in "
            f"the ledger file; try fairveil ledger show {book}."
        )
    return (
        "Interrupted. No model was written; count what was spent until then as the "
        "whole budget, or keep a ledger file (fairveil ledger cap)."
    )


def save(model: FairVeil, output: Path, part: Path) -> None:
    """Write the model, and remove the checkpoint that it makes needless.

    Raises:
        ArtifactError: it cannot be written; the text says how to still get it.
    """
    try:
        model.save(output)
    except ArtifactError as error:
        told = str(error).rstrip(".")
    else:
        part.unlink(missing_ok=True)
        return
    hint = f"fairveil resume {part} -o MODEL where there is room"
    raise ArtifactError(problem(told, try_=hint if part.exists() else None))
