"""Name what a release does about a sensitive column, so that no cheap trick passes.

NOT PRIVATE: reads real rows without noise. Promises: a column that was only shuffled is
named so; a constant one, a lost group and the copy of one group fail.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from fairveil import _check
from fairveil.errors import ConfigError, problem
from fairveil.evaluate import _auditor as a
from fairveil.evaluate._groups import Sensitive, asked, flat, title
from fairveil.evaluate._tables import FEWEST, paired, require, some
from fairveil.evaluate.fairness import probe, real_people_information
from fairveil.evaluate.results import (
    NOT_ENOUGH,
    ClusterInformation,
    Interval,
    Probe,
)
from fairveil.evaluate.results_fairness import (
    CONSTANT,
    COPIED,
    DEPENDENT,
    EQUAL,
    NO_PROXIES,
    REDUCED,
    Estimate,
    Honesty,
)

_CHANCE = 0.5
_KEPT = 0.25  # of the other groups' real share; below, they are gone
_NAN = float("nan")


@dataclass(frozen=True)
class Limits:
    """What counts as clear.

    Attributes:
        margin: distance from .5 within which an AUROC counts as chance.
        reduction: part of the auditor's confidence that must be gone.
    """

    margin: float
    reduction: float


@dataclass(frozen=True)
class Known:
    """Figures of one question that other functions found.

    Attributes:
        probe: of the release.
        people: cluster information of the release on real test rows.
        people_real: the same of the real training rows.
    """

    probe: Probe
    people: ClusterInformation
    people_real: ClusterInformation


def honesty(
    release: Any,
    real_train: Any,
    real_test: Any,
    sensitive: Sequence[Sensitive],
    *,
    margin: float = 0.02,
    reduction: float = 0.1,
    seed: int = 0,
    max_rows: int = 20_000,
) -> list[Honesty]:
    """Name the state of each sensitive column, and of their intersection.

    An auditor (gradient boosting) learns on real training rows to name the group from
    the columns that are not sensitive, and is asked about released and about real test
    rows. The first state that holds is given:

    - ``constant`` (fails): one value only, or a group holds less than a twentieth of
      its real share.
    - ``one group copied`` (fails): the auditor takes released rows for those of one
      real group; the others kept less than a quarter of their share.
    - ``dependent``: a fresh auditor of the release reads the column, its interval
      beyond .5 by ``margin`` on either side.
    - ``no proxies``: real rows do not give the column away either.
    - ``proxies reduced``: the auditor's mean information gain is clearly lower on
      released than on real rows, by ``reduction`` at the near end of its interval.
    - ``equal to redraw``: independent, and nothing else; as good as the same release
      with its sensitive columns permuted.
    - ``not enough data``.

    Args:
        release: synthetic rows.
        real_train: real rows that the synthesizer saw.
        real_test: real rows that it did not see.
        sensitive: columns; where only columns are named, and several, their
            intersection is judged too. A tuple means joint groups.
        margin: of the probe and of the auditor's skill.
        reduction: part of the confidence.
        seed: of everything drawn at random.
        max_rows: rows of each table that the auditor sees at most.

    Raises:
        TableError: columns differ or are missing.
        ConfigError: no sensitive column, or no other column.
    """
    train, fake = paired(real_train, release)
    _, test = paired(train, real_test)
    own, questions = flat(sensitive), asked(sensitive)
    require(train, *own)
    if not own:
        raise ConfigError(problem("no sensitive column is named"))
    people, people_real = (
        real_people_information(table, test, questions, seed=seed)
        for table in (fake, train)
    )
    probes = [probe(fake, one, exclude=own, seed=seed) for one in questions]
    known = [Known(*k) for k in zip(probes, people, people_real, strict=True)]
    ask = {"margin": margin, "reduction": reduction, "seed": seed, "max_rows": max_rows}
    return assess((train, fake, test), questions, known, **ask)


def assess(
    frames: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame],
    questions: Sequence[Sensitive],
    known: Sequence[Known],
    *,
    margin: float = 0.02,
    reduction: float = 0.1,
    seed: int = 0,
    max_rows: int = 20_000,
) -> list[Honesty]:
    """``honesty`` where probes and cluster information are known already.

    Args:
        frames: real training rows, released rows, real test rows, columns alike.
        questions: columns and tuples of them.
        known: one for each question.
        margin, reduction, seed, max_rows: as of ``honesty``.
    """
    _check.in_range(0, 0.5, margin=margin)
    _check.in_range(0, 1, reduction=reduction)
    rng = np.random.default_rng(seed)
    train, fake, test = (some(frame, max_rows, rng) for frame in frames)
    hidden = flat(questions)
    names = [name for name in train.columns if name not in hidden]
    limits = Limits(margin, reduction)
    return [
        _judged(
            title(one),
            a.audit((train, fake, test), one, names, seed=seed),
            facts,
            limits,
            rng,
        )
        for one, facts in zip(questions, known, strict=True)
    ]


def _judged(
    column: str,
    found: a.Audit | None,
    known: Known,
    limits: Limits,
    rng: np.random.Generator,
) -> Honesty:
    people, people_real = (
        one.mutual_information - one.null_mean
        for one in (known.people, known.people_real)
    )
    rest = {"probe": known.probe, "people": people, "people_real": people_real}
    if found is None:
        unknown = Estimate(_NAN, Interval(_NAN, _NAN))
        note = "fewer than two groups with enough real rows"
        return Honesty(
            column=column,
            state=NOT_ENOUGH,
            shares={},
            released={},
            lost=(),
            auditor_auroc=unknown,
            confidence=_NAN,
            confidence_real=_NAN,
            confidence_ratio=unknown,
            looks_like={},
            notes=(note,),
            **rest,
        )
    sure, sure_real, ratio = a.confidence(found, rng)
    figures = Honesty(
        column=column,
        state="",
        shares=dict(zip(found.labels, found.shares.tolist(), strict=True)),
        released=dict(zip(found.labels, found.released.tolist(), strict=True)),
        lost=a.lost(found),
        auditor_auroc=a.skill(found, rng),
        confidence=sure,
        confidence_real=sure_real,
        confidence_ratio=ratio,
        looks_like=a.mixture(found, rng),
        notes=found.notes,
        **rest,
    )
    return _named(figures, limits)


def _named(figures: Honesty, limits: Limits) -> Honesty:
    state = _state(figures, limits)
    notes = figures.notes
    told, real = figures.people, figures.people_real
    if figures.confidence_ratio.interval.low > 1 + limits.reduction:
        notes = (*notes, "released rows show their group more than unseen real rows do")
    if state == EQUAL and told < real * (1 - limits.reduction):
        notes = (*notes, "its clusters tell less of real people than real rows do")
    if state == REDUCED and told >= real * (1 - limits.reduction):
        notes = (*notes, "yet its clusters tell real people apart as real rows do")
    return replace(figures, state=state, notes=notes)


def _state(figures: Honesty, limits: Limits) -> str:
    """The first state that holds."""
    top, bottom = _CHANCE + limits.margin, _CHANCE - limits.margin
    seen = figures.probe.interval
    rules = (
        (figures.lost or max(figures.released.values()) == 1, CONSTANT),
        (_copied(figures, limits), COPIED),
        (figures.probe.verdict == NOT_ENOUGH, NOT_ENOUGH),
        (seen.low > top or seen.high < bottom, DEPENDENT),
        (figures.auditor_auroc.interval.low <= top, NO_PROXIES),
        (figures.confidence_ratio.interval.high < 1 - limits.reduction, REDUCED),
    )
    return next((state for holds, state in rules if holds), EQUAL)


def _copied(figures: Honesty, limits: Limits) -> bool:
    """Whether the rows look like those of one group, to an auditor who can tell."""
    skilled = figures.auditor_auroc.interval.low > _CHANCE + limits.margin
    if not skilled or len(figures.looks_like) < FEWEST:
        return False
    return any(
        one.interval.low > 1 - _KEPT * (1 - figures.shares[name])
        for name, one in figures.looks_like.items()
    )
