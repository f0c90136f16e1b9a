"""What a release is worth, and how fair it is, by synthetic rows alone.

Public: every figure here is computed from rows that a fitted model drew, and from its
noisy marginals, so it may be published and releases may be chosen by it. It is not what
real rows would say: a release is compared with what the same fit releases without
debiasing, whose own errors it does not see. Needs the extra ``eval``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fairveil._frontier_candidate import CHANCE, Measured
from fairveil._types import Codes, Floats
from fairveil.errors import ConfigError, problem
from fairveil.marginals import histogram
from fairveil.post.finish import Bundle
from fairveil.post.groups import LEAST_GROUP
from fairveil.seeds import Seeds
from fairveil.tables.frames import to_frame

if TYPE_CHECKING:
    from fairveil.evaluate import Probe
    from fairveil.synthesizer import FairVeil

_PAIR = 2
_STARTS = 5  # of K-Means: what its clusters tell hangs on where it begins
_PERMUTATIONS = 10  # for each of them
_TELLING = 5.0  # times what chance tells: below it a part of it would be noise


@dataclass(frozen=True, kw_only=True)
class Roles:
    """What is measured, and on how many rows.

    Attributes:
        sensitive: columns of which an auditor and a later model are not to know.
        target, positive: what a later model predicts; None: no prediction is measured.
        rows: synthetic rows of each sample.
        seed: of the samples, the auditors and the models.
        legitimate: columns through which dependence is allowed.
        parity: whether gaps between groups in what is predicted are measured.
        people: whether it is measured how clusters sort people.
    """

    sensitive: tuple[str, ...]
    target: str | None
    positive: Any
    rows: int
    seed: int
    legitimate: tuple[str, ...] = ()
    parity: bool = False
    people: bool = False

    @property
    def questions(self) -> list[str | tuple[str, ...]]:
        """Each sensitive column and, of several, their joint groups."""
        names = self.sensitive
        return [*names, names] if len(names) > 1 else list(names)


@dataclass(frozen=True)
class Drawn:
    """Rows of a release.

    Attributes:
        frame: as ``sample`` gives them.
        codes: the same as codes (rows, columns).
        bundle: what the fit released.
    """

    frame: pd.DataFrame
    codes: Codes
    bundle: Bundle

    @classmethod
    def of(cls, model: FairVeil, rows: int, seed: int) -> Drawn:
        """So many rows of a fitted model: those of ``model.sample(rows, seed)``."""
        contents = model._contents  # noqa: SLF001  (the codes that sample decodes)
        sampler, seeds = contents.sampler, Seeds.of(seed)
        codes = sampler.codes(rows, seeds)
        values = sampler.codec.decode(codes, seeds.generator("decode"))
        return cls(to_frame(values, model.schema_), codes, contents.bundle)


@dataclass(frozen=True)
class Reference:
    """Two independent samples of the release without debiasing.

    Attributes:
        judge: rows that releases are compared with and tested on.
        figures: of the other sample: what chance alone makes of a perfect release.
    """

    judge: pd.DataFrame
    figures: Measured

    @classmethod
    def of(cls, plain: FairVeil, roles: Roles) -> Reference:
        """The reference of a model that was refined with ``fairness=None``."""
        judge = plain.sample(roles.rows, random_state=roles.seed + 1)
        drawn = Drawn.of(plain, roles.rows, roles.seed)
        return cls(judge, measure(drawn, judge, roles))

    def loss(self, found: Measured) -> float:
        """What a release loses: the larger of AUROC lost and 2-way distance added.

        0 is what another sample of the reference would have; chance may bring it a
        little below.
        """
        further = found.distance - self.figures.distance
        if found.auroc is None or self.figures.auroc is None:
            return further
        return max(further, self.figures.auroc - found.auroc)

    def unfairness(self, found: Measured, promise: str) -> float:
        """The figure by which a promise is ranked; 0 is what it asks for.

        A column that stopped having groups is no hidden column: it counts as fully
        known.
        """
        if promise == "parity":
            return found.parity
        gone = any(
            count < _PAIR <= self.figures.groups[name]
            for name, count in found.groups.items()
        )
        return CHANCE if gone else found.hidden

    def sorted(self, found: Measured) -> float | None:
        """How well clusters still sort people, as a part of what the reference's do.

        The worst over the sensitive columns of which the reference's tell far more than
        chance does. None where it was not measured, NaN where they tell of none.
        """
        if not found.people:
            return None
        usual = self.figures
        parts = [
            max(0.0, told) / usual.people[name]
            for name, told in found.people.items()
            if usual.people[name] > _TELLING * usual.people_chance[name]
        ]
        return max(parts, default=math.nan)


def measure(
    drawn: Drawn, judge: pd.DataFrame, roles: Roles, *, target_moves: bool = False
) -> Measured:
    """The figures of one release.

    Args:
        drawn: its rows.
        judge: fresh rows of the reference.
        roles: what is measured.
        target_moves: whether the release changes the target on purpose.

    Raises:
        ConfigError: ``positive`` is no value of the target, or nothing can be compared.
        UnsupportedError: the extra ``eval`` is missing, or a numeric target.
    """
    from fairveil import evaluate  # noqa: PLC0415  (an extra, told in its own words)

    frame, sensitive = drawn.frame, roles.sensitive
    others = [name for name in frame.columns if name not in sensitive]
    ways = min(_PAIR, len(others))
    if not ways:
        raise ConfigError(problem("no column beside the sensitive ones"))
    far = evaluate.tvd(judge, frame, ways=ways, columns=others, seed=roles.seed)
    shares = [evaluate.tvd(judge, frame, columns=[name]).mean for name in sensitive]
    probes = _probes(frame, roles)
    notes = [f"auditor of {p.column}: {note}" for p in probes for note in p.notes]
    predicted = _predicted(frame, judge, roles)
    people = _people(frame, judge, roles) if roles.people else {}
    moved = {*sensitive, *([roles.target] if target_moves and roles.target else [])}
    return Measured(
        distance=far.mean,
        auroc=predicted.auroc,
        misfit=_misfit(drawn, moved),
        probes={p.column: p.auroc for p in probes},
        groups={p.column: p.classes for p in probes},
        gaps=predicted.gaps,
        shares=max(shares),
        allowed=_allowed(frame, roles),
        chance=predicted.chance,
        people={name: told for name, (told, _) in people.items()},
        people_chance={name: chance for name, (_, chance) in people.items()},
        notes=(*notes, *predicted.notes),
    )


def _probes(frame: pd.DataFrame, roles: Roles) -> list[Probe]:
    """Auditors of each sensitive column, and of the joint groups of all of them.

    None sees another sensitive column: those are released together, and what one
    tells of another is no secret of the rest of the row.
    """
    from fairveil import evaluate  # noqa: PLC0415  (an extra, told in its own words)

    return [
        evaluate.probe(frame, one, exclude=roles.sensitive, seed=roles.seed)
        for one in roles.questions
    ]


def _allowed(frame: pd.DataFrame, roles: Roles) -> dict[str, float]:
    """AUROC of auditors who see the legitimate columns alone."""
    if not roles.legitimate:
        return {}
    few: Any = frame[[*roles.sensitive, *roles.legitimate]]
    return {p.column: p.auroc for p in _probes(few, roles)}


@dataclass(frozen=True)
class _Predicted:
    """What models of the target that learn on a release do; see ``Measured``."""

    auroc: float | None = None
    gaps: Mapping[str, float] = field(default_factory=dict)
    chance: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def _predicted(frame: pd.DataFrame, judge: pd.DataFrame, roles: Roles) -> _Predicted:
    """AUROC of a model that learns on the release, and the gaps where they matter."""
    from fairveil import evaluate  # noqa: PLC0415  (an extra, told in its own words)

    if roles.target is None:
        return _Predicted()
    asked = {"target": roles.target, "positive": roles.positive, "seed": roles.seed}
    if not roles.parity:
        told = evaluate.tstr(frame, judge, **asked)
        return _Predicted(told.auroc, notes=told.notes)
    found = [
        _judged(frame, judge, roles, unseen=unseen)
        for unseen in ((), roles.sensitive)
        if len(unseen) + 1 < judge.shape[1]  # a column is left to predict from
    ]
    return _Predicted(
        found[0].auroc,
        {name: gap for one in found for name, gap in one.gaps.items()},
        {name: chance for one in found for name, chance in one.chance.items()},
        tuple(dict.fromkeys(note for one in found for note in one.notes)),
    )


def _judged(
    frame: pd.DataFrame, judge: pd.DataFrame, roles: Roles, *, unseen: tuple[str, ...]
) -> _Predicted:
    """One model: the figures of ``evaluate.outcome_fairness`` without its resamples.

    Groups under 30 rows count in none, as there; nor do those that ``outcome`` promises
    nothing for: rare ones, of which a fit knows little however many rows are drawn.

    Args:
        frame: rows to learn from.
        judge: rows of the reference.
        roles: what is measured.
        unseen: columns that the model does not see.
    """
    from fairveil.evaluate import _groups as g, _rates as r  # noqa: PLC0415  (an extra)
    from fairveil.evaluate._gaps import SMALLEST_GROUP  # noqa: PLC0415  (an extra)
    from fairveil.evaluate._models import boosted, task  # noqa: PLC0415  (an extra)
    from fairveil.evaluate._scores import area  # noqa: PLC0415  (an extra)

    drop = list(unseen)
    learn, test = frame.drop(columns=drop), judge.drop(columns=drop)
    work = task(learn, test, target=roles.target or "", positive=roles.positive)
    if len(work.classes) > _PAIR:
        what = "the target has more than two values"
        raise ConfigError(problem(what, try_="naming the positive one"))
    scores = boosted(work, seed=roles.seed)
    truth = (work.test_y == len(work.classes) - 1).astype(np.float64)
    _, said = r.matched(scores[:, -1], float(truth.mean()))
    people: Any = judge.iloc[work.test_rows]
    smallest = max(SMALLEST_GROUP, math.ceil(LEAST_GROUP * len(people)))
    cells = g.alike((people,), roles.legitimate)[0][0] if roles.legitimate else None
    once = r.Weights(np.ones((1, len(people)), dtype=np.uint8))
    rng, gaps, chance, notes = np.random.default_rng(roles.seed), {}, {}, work.notes
    for one in roles.questions:
        found = g.groups(people, one, smallest=smallest)
        name = g.title(one) + (" unseen" if unseen else "")
        if cells is None:
            gaps[name] = _span(said, found.codes)
            chance[name] = r.chance_span(said, found.codes, rng)
        else:
            within = r.conditional(said, found.codes, cells, once, rng)
            gap = within.difference  # or the words "not enough data"
            gaps[name] = math.nan if isinstance(gap, str) else gap.value
            chance[name] = within.by_chance
        notes = (*notes, *(f"{g.title(one)}: {note}" for note in found.notes))
    return _Predicted(area(work.test_y, scores), gaps, chance, notes)


def _span(said: Floats, codes: Any) -> float:
    """Range over groups of the share of yes; NaN where fewer than two have rows."""
    rows = np.flatnonzero(codes >= 0)
    counts = np.bincount(codes[rows])
    if len(counts) < _PAIR:
        return math.nan
    return float(np.ptp(np.bincount(codes[rows], weights=said[rows]) / counts))


def _people(
    frame: pd.DataFrame, judge: pd.DataFrame, roles: Roles
) -> dict[str, tuple[float, float]]:
    """What clusters of a release tell of the reference's people, and chance's part.

    Rows of the reference stand in for real people, who may not be looked at.
    """
    from fairveil import evaluate  # noqa: PLC0415  (an extra, told in its own words)

    found: dict[str, list[tuple[float, float]]] = {}
    for start in range(_STARTS):
        for told in evaluate.real_people_information(
            frame,
            judge,
            roles.questions,
            seed=roles.seed + start,
            permutations=_PERMUTATIONS,
        ):
            beyond = told.mutual_information - told.null_mean
            found.setdefault(told.column, []).append((beyond, told.null_mean))
    return {
        name: (fmean(b for b, _ in pairs), fmean(c for _, c in pairs))
        for name, pairs in found.items()
    }


def _misfit(drawn: Drawn, moved: set[str]) -> float | None:
    """Mean distance of cells to the noisy marginals that no moved column is in."""
    codec, n_hat = drawn.bundle.codec, drawn.bundle.n_hat
    skipped = {codec.index(name) for name in moved}
    gaps = [
        np.abs(
            histogram(drawn.codes, codec.sizes, m.columns) / len(drawn.codes)
            - m.counts / n_hat
        )
        * (n_hat / m.noise_stddev)
        for m in drawn.bundle.marginals
        if not skipped & set(m.columns) and m.noise_stddev > 0
    ]
    return float(np.concatenate(gaps).mean()) if gaps else None
