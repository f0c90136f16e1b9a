"""The words of each piece of work: what the studio asks of ``fairveil`` and ``work``.

Public: paths, names of columns, settings. Pure functions of the answers; nothing is
started here. A fit is the command ``fairveil fit``, with the options a person would
give; nothing that the steward declares of a value stands among them (it is in the
schema file).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fairveil._personal import personal
from fairveil.errors import problem
from fairveil.privacy.book import beside
from fairveil.schema import Column, Schema
from fairveil.studio.answers import STRENGTHS, AnswerError, Answers
from fairveil.studio.folder import Folder
from fairveil.studio.jobs import Programs

ROWS = 20_000  # synthetic rows of each release that is compared
QUICK = (0.5, 1.0)  # strengths of a first look
_BY = "the steward, in fairveil studio"


def schema(answers: Answers, folder: Folder) -> tuple[str, dict[str, Any]]:
    """How the schema file of a fit comes about.

    Returns:
        The kind of work (``declare`` and ``adopt`` read files in a child; ``write``:
        the facts are the file) and what it is told; an empty kind where nothing is
        declared, so that no file is needed.
    """
    anew = {name: _anew(name) for name in answers.anew}
    if answers.facts == "budget":
        columns = [*anew.values(), *answers.declared.values()]
        if not columns:
            return "", {}
        ordered = sorted(columns, key=lambda c: answers.names.index(c["name"]))
        parts = tuple(Column.model_validate(c, strict=False) for c in ordered)
        return "write", Schema(columns=parts, declared_by=_BY).to_dict()
    told: dict[str, Any] = {
        "table": answers.table,
        "output": str(folder.schema),
        "names": list(answers.names),
        "without": [*answers.left, *([answers.unit] if answers.unit else [])],
        "anew": anew,
    }
    if answers.facts == "codebook":
        path = Path(answers.codebook).expanduser().absolute()
        return "adopt", {**told, "codebook": str(path)}
    return "declare", {**told, "declared_by": answers.declared_by}


def fit(
    programs: Programs, answers: Answers, folder: Folder, ledger: Path
) -> list[str]:
    """The command that spends the budget."""
    words = [*programs.fairveil, "--log-json", str(folder.log), "fit", answers.table]
    words += ["-o", str(folder.model)]
    words += ["--epsilon", repr(answers.epsilon), "--delta", repr(answers.delta)]
    words += ["--fairness", "independence" if answers.sensitive else "none"]
    if answers.sensitive:
        words += [f"--sensitive={_joined(answers.sensitive)}"]
    if answers.legitimate:
        words += [f"--legitimate={_joined(answers.legitimate)}"]
    if answers.unit:
        words += [f"--unit={answers.unit}"]
        words += ["--max-rows-per-unit", str(answers.most_rows)]
    if answers.left:
        words += [f"--leave-out={_joined(answers.left)}"]
    if folder.schema.exists():
        complete = _complete(answers, folder)
        words += ["--schema", str(folder.schema)]
        words += ["--no-discover" if complete else "--discover"]
    if answers.misnamed:
        words += ["--personal-data", "allow"]
    if ledger != beside(answers.table):
        words += ["--ledger", str(ledger)]
    return words


def resume(programs: Programs, folder: Folder) -> list[str]:
    """The command that makes the model of a checkpoint."""
    words = [*programs.fairveil, "--log-json", str(folder.log)]
    return [*words, "resume", str(folder.part), "-o", str(folder.model)]


def explore(
    answers: Answers,
    folder: Folder,
    positive: str,
    columns: Sequence[Mapping[str, Any]],
    *,
    fine: bool,
) -> dict[str, Any]:
    """What the comparison of releases is told.

    Args:
        answers: the roles of the columns.
        folder: where model and frontier lie.
        positive: value of the target that counts as the event; empty: none is named.
        columns: released facts of the columns.
        fine: whether to try all strengths.

    Raises:
        AnswerError: no column is sensitive, or the target needs a positive value.
    """
    if not answers.sensitive:
        what = "no column is sensitive, so there is no fairness to weigh"
        raise AnswerError(problem(what, try_="taking the release as it is"), "choice")
    values = values_of(answers, columns)
    if values and positive not in values:
        what = "it is not said which value of the target counts as the event"
        raise AnswerError(problem(what, try_="choosing one"), "positive")
    return {
        "model": str(folder.model),
        "frontier": str(folder.frontier),
        "modes": ["independence", *(["outcome"] if answers.target else [])],
        "strengths": list(STRENGTHS if fine else QUICK),
        "target": answers.target or None,
        "positive": positive if values else None,
        "legitimate": list(answers.legitimate),
        "rows": ROWS,
    }


def values_of(answers: Answers, columns: Iterable[Mapping[str, Any]]) -> list[str]:
    """Released values of the target, where one of them has to be named."""
    for column in columns:
        if column["name"] == answers.target and column["kind"] == "categorical":
            return list(column["values"])
    return []


def choose(
    answers: Answers,
    folder: Folder,
    ledger: Path,
    settings: Mapping[str, Any] | None,
    rows: int,
) -> dict[str, Any]:
    """What the making of a release is told."""
    number = folder.next_release()
    return {
        "number": number,
        "folder": str(folder.release(number)),
        "model": str(folder.model),
        "settings": settings,
        "rows": rows,
        "ledger": str(ledger) if ledger.exists() else None,
        "record": str(folder.record),
        "about": answers.about,
    }


def report(
    answers: Answers, folder: Folder, number: int, control: Path | None
) -> dict[str, Any]:
    """What the internal report is told."""
    explored = folder.read(folder.frontier)
    return {
        "table": answers.table,
        "folder": str(folder.release(number)),
        "control": None if control is None else str(control),
        "target": answers.target or None,
        "positive": explored.get("positive"),
        "frontier": str(folder.frontier) if explored else None,
        "record": str(folder.record),
        "about": answers.about,
    }


def _anew(name: str) -> dict[str, Any]:
    """An identifier: plausible fakes by its name where Faker is there, else numbers."""
    what = personal(name)
    fakes = what is not None and _can_fake(what)
    return {"name": name, "kind": "identifier", **({"fake": what} if fakes else {})}


def _can_fake(what: str) -> bool:
    from importlib.util import find_spec  # noqa: PLC0415  (asked seldom)

    from fairveil._fakes import PROVIDERS  # noqa: PLC0415  (as above)

    return what in PROVIDERS and find_spec("faker") is not None


def _complete(answers: Answers, folder: Folder) -> bool:
    """Whether the schema says all, so that nothing has to be found."""
    known = {c.get("name") for c in folder.read(folder.schema).get("columns", [])}
    return set(answers.learnt) <= known


def _joined(names: Sequence[str]) -> str:
    """Names with commas between them, quoted as in CSV."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(names)
    return line.getvalue()
