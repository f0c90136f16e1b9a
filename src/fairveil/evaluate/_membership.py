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

from dataclasses import dataclass, replace
from typing import Any

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
    found = [_by_distance(setting)]
    half = setting.rows(CONTROL) // 2
    if half < FEWEST:
        return found + nothing[1:]
    train, control = setting.grid.tables[TRAIN], setting.grid.tables[CONTROL]
    board = _Board(setting, train, control[:, :half], control[:, half:])
    return [*found, _of_isolated(board), _by_odds(board)]


@dataclass(frozen=True)
class _Board:
    """Rows that are shown of training and control, and the reference."""

    setting: Setting
    train: Cells
    shown: Cells
    reference: Cells

    def near(self, others: Cells) -> tuple[Floats, Floats]:
        """How near each row of train and of shown is to the nearest of others."""
        grid = self.setting.grid
        one, two = (
            -nearest(grid.within((rows, others)), 0, 1, range(self.setting.width))
            for rows in (self.train, self.shown)
        )
        return one.astype(np.float64), two.astype(np.float64)


def _by_distance(setting: Setting) -> Trial:
    train, control = setting.grid.tables[TRAIN], setting.grid.tables[CONTROL]
    board, rng = _Board(setting, train, control, control), setting.rng(2)
    scores, copied = (
        board.near(setting.grid.tables[others]) for others in (RELEASE, COPY)
    )
    release = _ranked(_shot(*scores, rng, CLAIMED), scores, rng)
    copy = _shot(*copied, rng, CLAIMED)
    blind = rng.random(train.shape[1]), rng.random(control.shape[1])
    naive = _shot(*blind, rng, CLAIMED).main
    return Trial(NEAR, MEMBERSHIP, "", release, naive, copy, (_claims(CLAIMED),))


def _of_isolated(board: _Board) -> Trial:
    """The same on people most apart from others, who are most at risk."""
    setting, rng = board.setting, board.setting.rng(5)
    alone = [-near for near in board.near(board.reference)]
    # of both alike, so that training and control rows stay exchangeable
    cut = np.quantile(np.concatenate(alone), 1 - ISOLATED)
    kept = [apart >= cut for apart in alone]

    def of_them(scores: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
        return scores[0][kept[0]], scores[1][kept[1]]

    def shot(scores: tuple[Floats, Floats]) -> Shot:
        enough = len(scores[0]) and len(scores[1])
        return _shot(*scores, rng, _HALF) if enough else _NO_SHOT

    scores, copied = (
        of_them(board.near(setting.grid.tables[others])) for others in (RELEASE, COPY)
    )
    release, copy = shot(scores), shot(copied)
    if release.main.attempts:
        release = _ranked(release, scores, rng)
    blind = rng.random(len(alone[0])), rng.random(len(alone[1]))
    naive = shot(of_them(blind)).main
    notes = (_claims(_HALF), f"{ISOLATED:.0%} who are furthest from any other person")
    whom = "most isolated training people"
    return Trial(APART, MEMBERSHIP, "", release, naive, copy, notes, whom)


def _by_odds(board: _Board) -> Trial:
    setting, rng = board.setting, board.setting.rng(3)
    shots = []
    for k, others in enumerate((RELEASE, COPY)):
        rows = setting.grid.tables[others]
        model = _forest(rows, board.reference, setting.seed + k, rng)
        scores = _odds(model, board.train), _odds(model, board.shown)
        shot = _shot(*scores, rng, CLAIMED)
        shots.append(_ranked(shot, scores, rng) if others == RELEASE else shot)
    naive = _shot(*board.near(board.reference), rng, CLAIMED).main
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


def _ranked(
    shot: Shot, scores: tuple[Floats, Floats], rng: np.random.Generator
) -> Shot:
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
