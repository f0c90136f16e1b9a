"""Measure the one chosen release against real rows, into one record.

NOT PRIVATE: reads real rows without noise, through ``evaluate`` alone, and keeps some
of their values. No budget pays for it, so whoever chooses another release after reading
it has chosen by the rows: a record file keeps that in sight.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from fairveil import __version__, _check, artifact, evaluate
from fairveil._frontier_candidate import digest
from fairveil._shield import guarded
from fairveil.certificate import described, released
from fairveil.errors import ConfigError, TableError, problem
from fairveil.evaluate._models import task
from fairveil.evaluate._tables import door, require
from fairveil.publish.inputs import About, Model
from fairveil.publish.record import REPORT, UNKNOWN, Entry, Record
from fairveil.report import fit, words
from fairveil.report.result import Identity, InternalReport, parsed
from fairveil.schema import Schema
from fairveil.synthesizer import FairVeil
from fairveil.tables.files import read_table

Progress = Callable[[str, int, int], None]
STAGES: Mapping[str, float] = {  # expected seconds, of 30,000 rows
    "tables": 4.0,
    "columns and pairs": 8.0,
    "prediction and groups": 50.0,
    "attacks": 25.0,
    "stages of the fit": 12.0,
}
_TEST = 0.3  # of the real rows, where there are no control rows


@guarded
def internal_report(  # noqa: PLR0913  (tables and roles, by keyword)
    real: Any,
    release: str | Path,
    model: str | Path,
    *,
    control: Any = None,
    sensitive: Sequence[str] | None = None,
    target: str | None = None,
    positive: Any = None,
    legitimate: Sequence[str] | None = None,
    attacks: bool = True,
    secrets: Sequence[str] | None = None,
    frontier: Mapping[str, Any] | str | Path | None = None,
    record: str | Path | None = None,
    about: About | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> InternalReport:
    """Everything that is known of one release beside real rows. CONFIDENTIAL.

    Args:
        real: the rows that the fit saw: a frame, or a file of them.
        release: the file of synthetic rows that is to be published.
        model: the model file that it was sampled from.
        control: real rows of the same population that the fit did not see; without
            them usefulness is judged on seen rows, and attacks say nothing.
        sensitive: columns whose groups are compared; None: those of the model.
        target: column to predict; None: that of the model, if it has one.
        positive: value of the target that counts as the event.
        legitimate: columns through which a difference is allowed; None: the model's.
        attacks: whether to attack the release.
        secrets: columns that an attacker would infer; None: the sensitive ones and the
            target, if any; else the first ten.
        frontier: JSON of a frontier of this very fit, or its file.
        record: file that notes reports and certificates of this data set; it is begun
            where it does not exist, and this report is noted in it.
        about: names of the data set and its steward.
        seed: of everything drawn at random.
        progress: called with (stage, stages done, stages).

    Returns:
        A report: ``.save("report.html")`` writes it, and its JSON beside it.

    Raises:
        TableError: a table cannot be read, or its columns are not the model's; or the
            release is no release of this model.
        ArtifactError: the file is no model.
        ConfigError: roles that do not go together, a record or frontier that cannot be
            used.
        UnsupportedError: scikit-learn is not installed, or a kind of file or target.
    """
    done = _Steps(progress or _quiet)
    done("tables")
    _check.whole(0, seed=seed)
    told = described(model)
    output = released(release, told)
    contents = artifact.load(model)
    tables = _tables(real, control, release, told.schema)
    roles = _roles(told, sensitive, target, positive, legitimate)
    _check_names(tables, roles, secrets or ())
    trade = None if frontier is None else _frontier(frontier, model)
    if record is not None:  # refused before the work, noted when it is done
        Record.load(record, missing=True)
    own = [*roles["sensitive"], roles["target"]]
    hidden = [name for name in dict.fromkeys(own) if name] or None
    measured = _measured(tables, roles, seed, done)
    done("attacks")
    measured["risks"] = None
    if attacks:
        measured["risks"] = evaluate.privacy_risks(
            tables.real,
            tables.release,
            tables.control,
            secrets=hidden if secrets is None else secrets,
            seed=seed,
        )
    done("stages of the fit")
    measured["fit"] = fit.described(contents, seed=seed)
    measured["identity"] = Identity(
        model=told.sha256,
        release=output.sha256,
        tool_version=__version__,
        seed=seed,
        rows=tables.sizes,
        control=tables.control is not None,
        choice=_noted(record, told.sha256, output.sha256),
    )
    return InternalReport(
        about=about or About(),
        frontier=trade,
        warnings=words.warnings(measured),
        **measured,
    )


def _measured(
    tables: _Tables, roles: Mapping[str, Any], seed: int, done: _Steps
) -> dict[str, Any]:
    """What is measured without an attack, by the names of the report."""
    real, made = tables.real, tables.release
    done("columns and pairs")
    found: dict[str, Any] = {
        "columns": tuple(evaluate.column_shares(real, made)),
        "associations": evaluate.associations(real, made),
        "errors": tuple(
            evaluate.marginal_errors(real, made, ways=ways, seed=seed)
            for ways in range(1, min(3, made.shape[1]) + 1)
        ),
    }
    done("prediction and groups")
    train, test = tables.judged
    found["evaluation"] = evaluate.report(train, test, made, **roles, seed=seed)
    return found


def _quiet(_stage: str, _done: int, _total: int) -> None:
    """Show no progress."""


class _Steps:
    """Tells that a stage begins: those before it are done."""

    def __init__(self, told: Progress) -> None:
        self._told, self._before = told, ""

    def __call__(self, stage: str) -> None:
        if self._before:
            self._told(self._before, 1, 1)
        self._told(stage, 0, 1)
        self._before = stage


@dataclass(frozen=True)
class _Tables:
    """The tables by role, with the columns of the model.

    Attributes:
        real: all rows that the fit saw.
        control: real rows that it did not see; None without.
        release: synthetic rows.
    """

    real: pd.DataFrame
    control: pd.DataFrame | None
    release: pd.DataFrame

    @property
    def judged(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Real rows to learn from, and real rows to be judged on."""
        if self.control is not None:
            return self.real, self.control
        few = 10  # rows; the splitter's own refusal would tell their number
        if len(self.real) < few:
            what = "the real table has too few rows for a report"
            raise TableError(problem(what, try_="control rows of their own"))
        return evaluate.split(self.real, test=_TEST)

    @property
    def sizes(self) -> dict[str, int]:
        """Rows by role."""
        return {
            "real": len(self.real),
            "control": 0 if self.control is None else len(self.control),
            "synthetic": len(self.release),
        }


def _tables(real: Any, control: Any, release: str | Path, schema: Schema) -> _Tables:
    if isinstance(real, (str, Path)) and _same(real, release):
        raise TableError(
            problem("the release is the real table", try_="the file that sample wrote")
        )
    return _Tables(
        _chosen(_read(real), schema),
        None if control is None else _chosen(_read(control), schema),
        _chosen(_read(release), schema),
    )


def _same(one: str | Path, other: str | Path) -> bool:
    first, second = Path(one), Path(other)
    try:
        return first.samefile(second)
    except OSError:  # one that is not there, or no name at all, is refused when read
        return False


def _read(table: Any) -> Any:
    if not isinstance(table, (str, Path)):
        return table
    try:
        return read_table(table, typed=True)
    except OSError:  # a name that no system takes
        pass
    what = "the table file cannot be read"
    raise TableError(problem(what, got=str(table), try_="a name that the system takes"))


def _chosen(table: Any, schema: Schema) -> pd.DataFrame:
    """The columns of the model, in its order; others (a person's number) are left."""
    frame = door(table)
    lacking = [name for name in schema.names if name not in frame.columns]
    if lacking:
        raise TableError(
            problem(
                "the table lacks columns of the model",
                got=", ".join(lacking),
                try_="the table that the model was fitted on",
            )
        )
    # identifiers are made anew, so they go with nothing
    return frame.reindex(columns=list(schema.learnt))


def _roles(
    model: Model,
    sensitive: Sequence[str] | None,
    target: str | None,
    positive: Any,
    legitimate: Sequence[str] | None,
) -> dict[str, Any]:
    said = model.promise
    names = list(said["sensitive"] if sensitive is None else sensitive)
    goal = said["target"] if target is None else target
    allowed = list(said["legitimate"] if legitimate is None else legitimate)
    _check.distinct(sensitive=names)
    _check.distinct(legitimate=allowed)
    if positive is not None and goal is None:
        raise ConfigError(
            problem("a positive value belongs to a target", try_="naming both")
        )
    if goal is None or not names:
        allowed = []
    return {
        "sensitive": names,
        "target": goal,
        "positive": positive,
        "legitimate": allowed,
    }


def _check_names(
    tables: _Tables, roles: Mapping[str, Any], secrets: Sequence[str]
) -> None:
    """Refuse a wrong name or value at once, not after minutes of measuring."""
    target, positive = roles["target"], roles["positive"]
    names = [*roles["sensitive"], *roles["legitimate"], *secrets]
    require(tables.real, *names, *([] if target is None else [target]))
    if target is not None and positive is not None:
        train, test = tables.judged
        task(train, test, target=target, positive=positive)


def _frontier(
    found: Mapping[str, Any] | str | Path, model: str | Path
) -> dict[str, Any]:
    """A frontier's JSON, once its fit is known to be this one."""
    facts: Any = found
    if isinstance(found, (str, Path)):
        facts = parsed(found, "the frontier")
    if not isinstance(facts, Mapping) or facts.get("format") != "fairveil-frontier":
        raise ConfigError(
            problem("this is no frontier", try_="fairveil frontier MODEL --json FILE")
        )
    own = digest(FairVeil.load(model))
    if own not in {one.get("digest") for one in facts.get("fits", ())}:
        raise ConfigError(
            problem("the frontier is of another fit", try_="one of this model")
        )
    return dict(facts)


def _noted(record: str | Path | None, model: str, release: str) -> Mapping[str, Any]:
    """Note the report; what the record says of the choice, this report included."""
    if record is None:
        return UNKNOWN
    entry = Entry(REPORT, model, release)
    known = Record.load(record, missing=True).noting(entry)
    known.save(record)
    return known.choice(model, release)
