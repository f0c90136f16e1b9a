"""What a report holds: one frozen record, from which the page and all plots are drawn.

Secret: it holds figures of real rows without noise, and their values. ``private`` is
False in it, whatever the fit was.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from fairveil import _files
from fairveil.errors import ConfigError, TableError, problem
from fairveil.evaluate import (
    Associations,
    ColumnShares,
    MarginalErrors,
    PrivacyRisks,
)
from fairveil.evaluate.results import plain
from fairveil.publish.inputs import About

FORMAT, VERSION = "fairveil-report", 1
PAGE, JSON = ".html", ".json"
CONFIDENTIAL = (
    "Confidential: computed from real rows without noise. No budget has paid for it, "
    "and it shows values of the table. It is for those who may see the table."
)


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What the report is about.

    Attributes:
        model: SHA-256 of the model file.
        release: SHA-256 of the file of synthetic rows.
        tool_version: of fairveil.
        seed: of everything that was drawn at random.
        rows: rows of the real table, of the control rows, of the release.
        control: whether the control rows were named by the caller; else they are part
            of the real table, and the fit saw them.
        choice: what the record file says (``publish.record``).
    """

    model: str
    release: str
    tool_version: str
    seed: int
    rows: Mapping[str, int]
    control: bool
    choice: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Noise:
    """One noisy marginal of the fit.

    Attributes:
        columns: its columns.
        cells: number of its cells.
        stddev: standard deviation of the noise in a cell, in rows.
        expected: total variation distance that this noise alone makes, on average.
        release: distance between the noisy marginal and rows of the model; None where
            the promise of fairness moves it on purpose.
    """

    columns: tuple[str, ...]
    cells: int
    stddev: float
    expected: float
    release: float | None


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Distance to the noisy marginals after a stage of post-processing.

    Attributes:
        name: of the stage.
        rows: rows that were drawn.
        single, joint: mean distance to the marginals of one column, and of several;
            None where there is none.
    """

    name: str
    rows: int
    single: float | None
    joint: float | None


@dataclass(frozen=True, kw_only=True)
class Fit:
    """What the model file says of its fit; nothing of it was computed from real rows.

    Attributes:
        private: whether the fit may be called private.
        promise: its promise of privacy in one sentence.
        epsilon, delta, epsilon_spent: its budget; ``inf`` as text.
        unit: what is protected, in words.
        rows: noisy number of rows.
        stages: part of the budget by stage.
        fairness: the promise of fairness of this release.
        noise: of each noisy marginal.
        post: distance to the noisy marginals, stage by stage.
        advice: a sentence where the table is small for its budget; else empty.
    """

    private: bool
    promise: str
    epsilon: float | str
    delta: float
    epsilon_spent: float | str
    unit: str
    rows: int
    stages: Mapping[str, float]
    fairness: Mapping[str, Any]
    noise: tuple[Noise, ...]
    post: tuple[Stage, ...]
    advice: str


@dataclass(frozen=True, kw_only=True)
class InternalReport:
    """Everything that was measured of the one chosen release. CONFIDENTIAL.

    Attributes:
        about: the caller's words.
        identity: what it is about.
        fit: what the model file says.
        evaluation: ``evaluate.report``, the release beside real rows.
        columns: the shares of each column.
        associations: of all pairs of columns.
        errors: of single columns, pairs and triples.
        risks: attacks on the release; None where none was made.
        frontier: JSON of a frontier of the same fit; None without.
        warnings: what a reader has to know first, the gravest first.
    """

    about: About
    identity: Identity
    fit: Fit
    evaluation: Mapping[str, Any]
    columns: tuple[ColumnShares, ...]
    associations: Associations
    errors: tuple[MarginalErrors, ...]
    risks: PrivacyRisks | None
    frontier: Mapping[str, Any] | None = None
    warnings: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; a figure that is not a finite number becomes None."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "private": False,
            "note": CONFIDENTIAL,
            "about": vars(self.about),
            "identity": plain(asdict(self.identity)),
            "warnings": list(self.warnings),
            "fit": plain(asdict(self.fit)),
            "columns": [one.to_dict() for one in self.columns],
            "associations": self.associations.to_dict(),
            "errors": [one.to_dict() for one in self.errors],
            "evaluation": dict(self.evaluation),
            "risks": None if self.risks is None else self.risks.to_dict(),
            "frontier": self.frontier,
        }

    def html(self) -> str:
        """The page.

        Raises:
            UnsupportedError: jinja2 or matplotlib is not installed.
        """
        from fairveil.report.page import rendered  # noqa: PLC0415  (it needs extras)

        return rendered(self.to_dict())

    def save(self, path: str | Path) -> list[Path]:
        """Write the page and its JSON beside it; a name in ``.json`` writes that alone.

        New files can be read by their owner only.

        Returns:
            The files written.

        Raises:
            ConfigError: another suffix.
            TableError: a file cannot be written.
            UnsupportedError: as ``html``.
        """
        targets = places(path)
        text = json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
        contents = {JSON: f"{text}\n"}
        if targets[0].suffix.lower() == PAGE:
            contents[PAGE] = self.html()
        for target in targets:
            try:
                data = contents[target.suffix.lower()].encode()
                _files.write_whole(target, data, secret=True)
            except OSError:
                raise TableError(
                    problem("the report cannot be written", got=str(target))
                ) from None
        return targets


def places(path: str | Path) -> list[Path]:
    """The files that ``save`` writes.

    Raises:
        ConfigError: another suffix.
    """
    target = Path(path)
    kind = target.suffix.lower()
    if kind not in (PAGE, JSON):
        raise ConfigError(
            problem(
                "a report is a page or JSON",
                got=str(path),
                try_="a name in .html or .json",
            )
        )
    return [target] if kind == JSON else [target, target.with_suffix(JSON)]


def read(path: str | Path) -> dict[str, Any]:
    """The JSON of a report.

    Raises:
        ConfigError: it cannot be read, or is no report.
    """
    facts = parsed(path, "the report")
    known = isinstance(facts, Mapping) and facts.get("format") == FORMAT
    if not known or facts.get("version") != VERSION:
        raise ConfigError(
            problem(
                "this is no report of this version",
                got=str(path),
                try_="the .json file that 'fairveil report' writes",
            )
        )
    return dict(facts)


def parsed(path: str | Path, what: str) -> Any:
    """The JSON of a file.

    Args:
        path: the file.
        what: it is; a message begins so.

    Raises:
        ConfigError: it cannot be read, or is no JSON.
    """
    said = f"{what} cannot be read"
    try:
        return _files.parse_json(_files.read_whole(path, most=1 << 28))
    except OSError:
        pass
    except ValueError:
        said = f"{what} is not JSON"
    raise ConfigError(problem(said, got=str(path), try_="its .json file"))
