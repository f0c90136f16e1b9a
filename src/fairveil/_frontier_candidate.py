"""One release that a frontier tried, and which of several nothing beats.

Public: settings, statements, and figures of synthetic rows.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from fairveil import _check
from fairveil._frontier_settings import PEOPLE, Progress, Settings, thawed_shares
from fairveil._types import Floats
from fairveil.errors import ConfigError, problem
from fairveil.seeds import Seeds

if TYPE_CHECKING:
    from fairveil.schema import Column
    from fairveil.synthesizer import FairVeil

CHANCE = 0.5  # AUROC of who knows nothing
_TWO = 2
_SHOWN = 100  # rows by which a release is known again


@dataclass(frozen=True, kw_only=True)
class Fit:
    """One fitted model that was explored.

    Attributes:
        name: what it is called in tables and plots.
        epsilon, delta: what its statement promises.
        private: whether it may be called private.
        statement: its privacy statement as JSON values, the fairness promise left out:
            that of every release of the fit.
        digest: of what the fit released, so that a candidate finds its model again.
    """

    name: str
    epsilon: float
    delta: float
    private: bool
    statement: dict[str, Any] = field(repr=False)
    digest: str

    @classmethod
    def of(cls, model: FairVeil, name: str) -> Self:
        """The facts of a fitted model."""
        statement = model.statement_
        body = statement.to_dict()
        body.pop("fairness", None)  # a word, not a cost
        return cls(
            name=name,
            epsilon=statement.epsilon,
            delta=statement.delta,
            private=statement.is_private,
            statement=body,
            digest=digest(model),
        )


def digest(model: FairVeil) -> str:
    """A name for what a fit released: SHA-256 of its rows and noisy counts."""
    bundle = model._contents.bundle  # noqa: SLF001  (released things, the same package)
    parts = [np.int64(bundle.n_hat), bundle.rows, *(m.counts for m in bundle.marginals)]
    told = hashlib.sha256()
    for part in parts:
        told.update(np.ascontiguousarray(part, dtype=np.float64).tobytes())
    return told.hexdigest()


def shown(release: FairVeil) -> str:
    """A name for the rows that a release draws: SHA-256 of its first codes."""
    contents = release._contents  # noqa: SLF001  (as above)
    codes = contents.sampler.codes(_SHOWN, Seeds.of(0))
    return hashlib.sha256(np.ascontiguousarray(codes).tobytes()).hexdigest()


def fits_of(models: Sequence[FairVeil], names: Sequence[str] | None) -> tuple[Fit, ...]:
    """The facts of each fit, under its name.

    Raises:
        ConfigError: names that do not fit, or the same fit twice.
    """
    if names is None:
        names = [f"fit {place}" for place in range(1, len(models) + 1)]
    if len(names) != len(models) or len(set(names)) < len(names):
        twice = ", ".join(dict.fromkeys(n for n in names if list(names).count(n) > 1))
        what = "each fit needs a name of its own"
        raise ConfigError(
            problem(what, got=twice or len(names), try_="each model once")
        )
    fits = tuple(Fit.of(m, name) for m, name in zip(models, names, strict=True))
    if len({fit.digest for fit in fits}) < len(fits):
        raise ConfigError(problem("the same fit is given twice", try_="it once"))
    return fits


def check_columns(
    models: Sequence[FairVeil],
    sensitive: tuple[str, ...],
    target: str | None,
    legitimate: tuple[str, ...],
    needs: Mapping[str, bool],
) -> None:
    """Raise where the roles of the columns are impossible, before any training.

    Args:
        models: the fits.
        sensitive, target, legitimate: columns by role.
        needs: what would need a target, and whether it is asked for.
    """
    columns = list(models[0].feature_names_in_)
    if any(list(m.feature_names_in_) != columns for m in models):
        raise ConfigError(
            problem("the fits have different columns", try_="fits of one table")
        )
    _check_sensitive(sensitive, columns)
    _check.names(legitimate=list(legitimate))
    for name in legitimate:
        _check.one_of(columns, legitimate=name)
    if target is not None:
        _check.one_of(columns, target=target)
        if target in sensitive:
            what = "the target is a sensitive column"
            raise ConfigError(problem(what, got=target, try_="another column"))
        return
    for what, asked in needs.items():
        if asked:
            raise ConfigError(
                problem(f"{what} needs a target", try_="target='income', too")
            )


def _check_sensitive(sensitive: tuple[str, ...], columns: Sequence[str]) -> None:
    if not sensitive:
        raise ConfigError(
            problem(
                "a frontier needs sensitive columns, and the fit names none",
                try_="sensitive=['sex']",
            )
        )
    _check.names(sensitive=list(sensitive))
    _check.distinct(sensitive=sensitive)
    for name in sensitive:
        _check.one_of(columns, sensitive=name)
    if len(sensitive) == len(columns):
        what = "every column is sensitive: no other is left"
        raise ConfigError(problem(what, try_="fewer of them"))


def check_target(column: Column, positive: Any, *, parity: bool) -> None:
    """Raise where the positive value cannot be one, or is needed.

    Args:
        column: public facts of the target.
        positive: the value that makes it two-valued; None: none.
        parity: whether gaps in what is predicted have to be measured.
    """
    if positive is None:
        if parity and _values(column) > _TWO:
            what = "the target has more than two values"
            raise ConfigError(
                problem(what, got=column.name, try_="naming the positive one")
            )
        return
    if not _has(column, _label(positive)):
        what = f"positive is no value of the target {column.name!r}"
        raise ConfigError(problem(what, got=positive, try_=_one_of(column)))


def _values(column: Column) -> float:
    """How many values a column can have, at most."""
    if column.kind == "categorical":
        return len(column.categories)
    if column.kind == "boolean":
        return _TWO
    if column.places is None:
        return math.inf
    low, high = column.ends()
    return (high - low) * 10**column.places + 1


def _has(column: Column, label: str) -> bool:
    """Whether a column can have the value with this label."""
    if column.kind == "categorical":
        return label in map(_label, column.categories)
    if column.kind == "boolean":
        return label.lower() in ("0", "1", "true", "false")
    if column.kind != "numeric":
        return False
    try:
        number = float(label)
    except ValueError:
        return False
    low, high = column.ends()
    return low <= number <= high or number in column.special


def _one_of(column: Column) -> str:
    """What a column can have, for a hint."""
    if column.kind == "boolean":
        return "one of False, True"
    if column.kind == "categorical":
        return "one of " + ", ".join(map(str, column.categories))
    return "a number between its bounds"


def _label(value: Any) -> str:
    """As evaluation labels it: equal for 1, 1.0, "1" and True."""
    number = isinstance(value, (bool, int, float, np.bool_, np.number))
    return f"{float(value):.12g}" if number else str(value)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Figures of one release, all of synthetic rows.

    Attributes:
        distance: mean 2-way total variation distance to rows of the reference, over
            pairs of columns that are not sensitive; 0 to 1.
        auroc: of gradient boosting that learns on the release and predicts the target
            of fresh rows of the reference; None without a target.
        misfit: mean distance to the noisy marginals without a sensitive column (and, in
            the mode ``outcome``, without the target), in standard deviations of their
            noise; the rows' own sampling error is in it. None where none is left.
        probes: AUROC of an auditor who guesses each sensitive column, and all of them
            together, from the columns that are not sensitive; .5 is hidden.
        groups: groups that each auditor had to tell apart.
        allowed: AUROC of an auditor who sees the legitimate columns alone; empty
            without any.
        gaps: demographic parity difference between the groups of each sensitive column,
            and of all together, in what that model predicts of the reference, at the
            threshold where it says yes as often as the reference; once more,
            ``unseen``, of a model without the sensitive columns. With legitimate
            columns: within their cells. NaN without two groups of enough rows; empty
            where no parity is asked for.
        chance: what each gap is on average if rows change groups at random.
        people: what clusters of the release tell of the sensitive columns of fresh rows
            of the reference: mutual information in nats, less that of permuted groups,
            a mean over starts of K-Means; empty where nothing is to be hidden.
        people_chance: the part that was taken off.
        shares: largest total variation distance of a sensitive column alone; it is not
            ranked by, but a release that changes who is in it must not hide it.
        notes: what was left out or true by definition.
    """

    distance: float
    auroc: float | None
    misfit: float | None
    probes: Mapping[str, float]
    groups: Mapping[str, int]
    gaps: Mapping[str, float]
    shares: float
    allowed: Mapping[str, float] = field(default_factory=dict)
    chance: Mapping[str, float] = field(default_factory=dict)
    people: Mapping[str, float] = field(default_factory=dict)
    people_chance: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def hidden(self) -> float:
        """The worst two-sided ``|AUROC - .5|`` of the auditors.

        With legitimate columns: beyond what these tell alone.
        """
        return max(
            max(0.0, abs(area - CHANCE) - abs(self.allowed.get(name, CHANCE) - CHANCE))
            for name, area in self.probes.items()
        )

    @property
    def parity(self) -> float:
        """The worst parity difference beyond chance; NaN where none is measured.

        A gap below what chance makes of none is no gap: luck wins nothing.
        """
        beyond = [
            max(0.0, gap - self.chance.get(name, 0.0))
            for name, gap in self.gaps.items()
            if not math.isnan(gap)
        ]
        return max(beyond, default=math.nan)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; what could not be measured is None."""
        body = asdict(self)
        for name in ("gaps", "chance"):
            told = body[name].items()
            body[name] = {k: None if math.isnan(v) else v for k, v in told}
        return {**body, "notes": list(self.notes)}


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One release that was tried.

    Attributes:
        fit: the fitted model.
        settings: arguments of ``refine``.
        loss: of utility, against the release without debiasing; 0 is none.
        unfairness: by the measure of ``settings.promise``; 0 is what it asks for.
        measured: the figures behind both.
        people: how well clusters of the release still sort people by sensitive columns,
            as a part of what those of the release without debiasing do; None where it
            was not measured, NaN where those do not.
        rows: a name for what it draws, by which ``refine`` knows it again.
    """

    fit: Fit
    settings: Settings
    loss: float
    unfairness: float
    measured: Measured
    people: float | None = None
    rows: str | None = field(default=None, repr=False)

    @property
    def epsilon(self) -> float:
        """Of the fit; no setting of a release changes it."""
        return self.fit.epsilon

    def unfair(self, promise: str) -> float:
        """The figure by which a promise ranks; 0 is what it asks for."""
        if promise == PEOPLE:
            return math.nan if self.people is None else self.people
        return self.unfairness

    @property
    def utility(self) -> float:
        """``1 - loss``."""
        return 1.0 - self.loss

    @property
    def fairness(self) -> float:
        """``1 - unfairness``."""
        return 1.0 - self.unfairness

    def refine(self, model: FairVeil, *, progress: Progress | None = None) -> FairVeil:
        """The very release that was measured, from its fitted model.

        Quick where the model's own generator will do, as it did for the frontier.

        Raises:
            ConfigError: another fit than the one that was measured, or a release of it
                whose generator is another.
        """
        if digest(model) != self.fit.digest:
            raise ConfigError(
                problem(
                    "this candidate was measured on another fit",
                    try_=f"the model of {self.fit.name}",
                )
            )
        found = self.settings.refine(model, progress=progress)
        if self.rows is not None and shown(found) != self.rows:
            raise ConfigError(
                problem(
                    "this release of the fit gives other rows than those measured",
                    try_="the very model that the frontier was given",
                )
            )
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        settings = asdict(self.settings)
        settings["shares"] = thawed_shares(self.settings.shares)
        return {
            "fit": self.fit.name,
            "settings": json.loads(json.dumps(settings)),
            "loss": self.loss,
            "unfairness": self.unfairness,
            "people": None
            if self.people is None or math.isnan(self.people)
            else self.people,
            "measured": self.measured.to_dict(),
        }


def undominated(points: Floats) -> npt.NDArray[np.bool_]:
    """Which points no other is at least as low as everywhere, and lower somewhere.

    Args:
        points: (n, objectives), all to be low.

    Returns:
        (n,) marks; equal points are marked alike.
    """
    low = np.all(points[:, None, :] <= points[None, :, :], axis=2)
    lower = np.any(points[:, None, :] < points[None, :, :], axis=2)
    return np.asarray(~np.any(low & lower, axis=0))
