"""What a release is worth, and how fair it is, by synthetic rows alone.

Public: every figure here is computed from rows that a fitted model drew, and from its
noisy marginals, so it may be published and releases may be chosen by it. It is not what
real rows would say: a release is compared with what the same fit releases without
debiasing, whose own errors it does not see. Needs the extra ``eval``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fairveil._types import Codes
from fairveil.errors import ConfigError, problem
from fairveil.marginals import histogram
from fairveil.post.finish import Bundle
from fairveil.seeds import Seeds
from fairveil.tables.frames import to_frame

if TYPE_CHECKING:
    from fairveil.evaluate import Probe
    from fairveil.synthesizer import FairVeil

_CHANCE = 0.5
_PAIR = 2


@dataclass(frozen=True, kw_only=True)
class Roles:
    """What is measured, and on how many rows.

    Attributes:
        sensitive: columns of which an auditor and a later model are not to know.
        target, positive: what a later model predicts; None: no prediction is measured.
        rows: synthetic rows of each sample.
        seed: of the samples, the auditors and the models.
    """

    sensitive: tuple[str, ...]
    target: str | None
    positive: Any
    rows: int
    seed: int


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
        gaps: demographic parity difference between the groups of each sensitive column
            in what that model predicts of the reference; empty without a target of two
            values.
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
    notes: tuple[str, ...] = ()

    @property
    def hidden(self) -> float:
        """The worst two-sided ``|AUROC - .5|`` of the auditors."""
        return max(abs(area - _CHANCE) for area in self.probes.values())

    @property
    def parity(self) -> float:
        """The worst parity difference; NaN where none could be measured."""
        known = [gap for gap in self.gaps.values() if not math.isnan(gap)]
        return max(known, default=math.nan)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; what could not be measured is None."""
        body = asdict(self)
        gaps = {k: None if math.isnan(v) else v for k, v in self.gaps.items()}
        return {**body, "gaps": gaps, "notes": list(self.notes)}


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
        return _CHANCE if gone else found.hidden


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
    auroc, gaps, more = _predicted(frame, judge, roles)
    moved = {*sensitive, *([roles.target] if target_moves and roles.target else [])}
    return Measured(
        distance=far.mean,
        auroc=auroc,
        misfit=_misfit(drawn, moved),
        probes={p.column: p.auroc for p in probes},
        groups={p.column: p.classes for p in probes},
        gaps=gaps,
        shares=max(shares),
        notes=(*notes, *more),
    )


def _probes(frame: pd.DataFrame, roles: Roles) -> list[Probe]:
    """Auditors of each sensitive column, and of the joint groups of all of them.

    None sees another sensitive column: those are released together, and what one
    tells of another is no secret of the rest of the row.
    """
    from fairveil import evaluate  # noqa: PLC0415  (an extra, told in its own words)

    names = roles.sensitive
    questions = [*names, names] if len(names) > 1 else list(names)
    return [
        evaluate.probe(frame, one, exclude=names, seed=roles.seed) for one in questions
    ]


def _predicted(
    frame: pd.DataFrame, judge: pd.DataFrame, roles: Roles
) -> tuple[float | None, dict[str, float], tuple[str, ...]]:
    """AUROC and parity gaps of a model that learns on the release; notes."""
    from fairveil import evaluate  # noqa: PLC0415  (an extra, told in its own words)

    if roles.target is None:
        return None, {}, ()
    found = evaluate.prediction(
        frame,
        judge,
        target=roles.target,
        sensitive=list(roles.sensitive),
        positive=roles.positive,
        seed=roles.seed,
    )
    gaps = {gap.column: gap.demographic_parity for gap in found.gaps}
    return found.utility.auroc, gaps, found.utility.notes


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
