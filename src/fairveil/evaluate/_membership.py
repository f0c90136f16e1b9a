"""Membership: was a person in the training table, or only in the same population?

Secret: reads real rows. An attacker is shown training and control rows, ranks them, and
claims the surest twentieth to be of the training table. Two rankings: nearness to a
synthetic row, and the odds, by a forest that separates synthetic rows from further real
ones (the reference), of being of the former. The first is made once more of the tenth
that is furthest from the reference, for an average hides those who are most at risk. A
guess that does not see the release ranks at random, or by nearness to the reference.

Sources: the odds of release against population are those of van Breugel et al. 2023
("Membership inference attacks against synthetic data through overfitting detection");
claims at the sure end are judged beside the whole ranking, as Carlini et al. 2022 ask.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from scipy.stats import mannwhitneyu
from sklearn.ensemble import ExtraTreesClassifier

from fairveil._types import Floats
from fairveil.evaluate._models import threads
from fairveil.evaluate._nearness import NONE, Cells, nearest
from fairveil.evaluate._proportions import beyond, rate
from fairveil.evaluate._scores import auroc
from fairveil.evaluate._tables import FEWEST
from fairveil.evaluate._trials import (
    CONTROL,
    COPY,
    RELEASE,
    TRAIN,
    Setting,
    Shot,
    Trial,
)
from fairveil.evaluate.results_fairness import Estimate
from fairveil.evaluate.results_risks import MEMBERSHIP

NEAR = "nearness to the release"
APART = "nearness, isolated people"
ODDS = "odds of release"
CLAIMED = 0.05  # of the rows that are shown
_FEWEST = 20  # claimed, unless that is more than half
ISOLATED = 0.1  # of these, those furthest from the reference
_HALF = 0.5  # claimed of the isolated
_TREES = 40
_MOST_ROWS = 10_000  # of the release that the forest learns
Scores: TypeAlias = tuple[Floats, Floats]  # of training and of control rows

_NO_SHOT = Shot(rate(0, 0), rate(0, 0), 1.0)


def membership(setting: Setting) -> list[Trial]:
    """Three attacks; none has an attempt without control rows enough.

    For the last two, half of the control is the reference and the other half is shown.
    """
    nothing = [
        Trial(name, MEMBERSHIP, "", _NO_SHOT, rate(0, 0), None)
        for name in (NEAR, APART, ODDS)
    ]
    if not setting.control:
        return nothing
    release, copy = (_near(setting, others) for others in (RELEASE, COPY))
    found = [_by_distance(setting, release, copy)]
    half = setting.rows(CONTROL) // 2
    if half < FEWEST:
        return found + nothing[1:]
    rest = setting.grid.tables[CONTROL][:, half:]
    shown = [(train, control[:half]) for train, control in (release, copy)]
    near_train, near_control = _near(setting, rest)
    people = near_train, near_control[:half]
    return [
        *found,
        _of_isolated(setting, people, *shown),
        _by_odds(setting, people, rest),
    ]


def _near(setting: Setting, others: int | Cells) -> Scores:
    """How near each training and control row is to the nearest of a table."""
    grid = setting.grid
    table = grid.tables[others] if isinstance(others, int) else others
    one, two = (
        -nearest(grid.within((grid.tables[rows], table)), 0, 1, range(setting.width))
        for rows in (TRAIN, CONTROL)
    )
    return one.astype(np.float64), two.astype(np.float64)


def _by_distance(setting: Setting, release: Scores, copy: Scores) -> Trial:
    rng = setting.rng(2)
    shot = _ranked(_shot(*release, rng, CLAIMED), release, rng)
    blind = rng.random(len(release[0])), rng.random(len(release[1]))
    naive = _shot(*blind, rng, CLAIMED).main
    planted = _shot(*copy, rng, CLAIMED)
    return Trial(NEAR, MEMBERSHIP, "", shot, naive, planted, (_claims(CLAIMED),))


def _of_isolated(
    setting: Setting, people: Scores, release: Scores, copy: Scores
) -> Trial:
    """The same on people most apart from others, who are most at risk."""
    rng = setting.rng(5)
    # of both alike, so that training and control rows stay exchangeable
    cut = np.quantile(np.concatenate(people), ISOLATED)
    kept = [near <= cut for near in people]

    def of_them(scores: Scores) -> Scores:
        return scores[0][kept[0]], scores[1][kept[1]]

    def shot(scores: Scores) -> Shot:
        enough = len(scores[0]) and len(scores[1])
        return _shot(*scores, rng, _HALF) if enough else _NO_SHOT

    release, copy = of_them(release), of_them(copy)
    found = shot(release)
    if found.main.attempts:
        found = _ranked(found, release, rng)
    blind = rng.random(len(people[0])), rng.random(len(people[1]))
    naive = shot(of_them(blind)).main
    notes = (_claims(_HALF), f"{ISOLATED:.0%} who are furthest from any other person")
    whom = "most isolated training people"
    return Trial(APART, MEMBERSHIP, "", found, naive, shot(copy), notes, whom)


def _by_odds(setting: Setting, people: Scores, reference: Cells) -> Trial:
    rng, (train, control) = setting.rng(3), setting.grid.tables[:2]
    shown = control[:, : len(people[1])]
    shots = []
    for k, others in enumerate((RELEASE, COPY)):
        rows = setting.grid.tables[others]
        model = _forest(rows, reference, setting.seed + k, rng)
        scores = _odds(model, train), _odds(model, shown)
        shot = _shot(*scores, rng, CLAIMED)
        shots.append(_ranked(shot, scores, rng) if others == RELEASE else shot)
    naive = _shot(*people, rng, CLAIMED).main
    notes = (_claims(CLAIMED), "odds of being synthetic, not of further real people")
    return Trial(ODDS, MEMBERSHIP, "", shots[0], naive, shots[1], notes)


def _claims(share: float) -> str:
    return f"the surest {share:.0%} of all rows shown are claimed"


def _shot(
    train: Floats, control: Floats, rng: np.random.Generator, share: float
) -> Shot:
    """Claims at the sure end, and the whole ranking; larger scores are surer."""
    score = np.concatenate((train, control))
    order = np.lexsort((rng.random(len(score)), -score))  # ties at random
    claimed = np.zeros(len(score), dtype=bool)
    most = max(round(share * len(score)), min(_FEWEST, len(score) // 2))
    claimed[order[:most]] = True
    main, other = (
        rate(int(part.sum()), len(part))
        for part in (claimed[: len(train)], claimed[len(train) :])
    )
    ranks: Any = mannwhitneyu(train, control, alternative="greater")
    p_ranks = 1.0 if np.ptp(score) == 0 else float(ranks.pvalue)
    # two looks at one ranking
    return Shot(main, other, min(1.0, 2 * min(p_ranks, beyond(main, other))))


def _ranked(shot: Shot, scores: Scores, rng: np.random.Generator) -> Shot:
    """The shot, with the AUROC of training against control rows."""
    truth = np.repeat((1, 0), [len(part) for part in scores])
    score = np.concatenate(scores)
    area = auroc(truth, np.column_stack((-score, score)), rng=rng)
    return replace(shot, ranking=Estimate(*area))


def _forest(
    release: Cells, reference: Cells, seed: int, rng: np.random.Generator
) -> ExtraTreesClassifier:
    """Trees grown to single rows, so that a row they know stands out."""
    few = rng.permutation(release.shape[1])[:_MOST_ROWS]
    rows = np.hstack((release[:, few], reference))
    truth = np.repeat((1, 0), (len(few), reference.shape[1]))
    model = ExtraTreesClassifier(
        n_estimators=_TREES, class_weight="balanced", random_state=seed
    )
    with threads(np.empty(0)):
        return model.fit(_table(rows), truth)


def _odds(model: ExtraTreesClassifier, rows: Cells) -> Floats:
    return np.asarray(model.predict_proba(_table(rows)))[:, 1]


def _table(cells: Cells) -> Floats:
    """(rows, columns) for trees; a missing number stands below all others."""
    return np.where(cells == NONE, -(2.0**30), cells).T
