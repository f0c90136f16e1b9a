"""Membership: was a person in the training table, or only in the same population?

Secret: reads real rows. An attacker is shown training and control rows, ranks them, and
claims the surest tenth to be of the training table. Two rankings: nearness to a
synthetic row, and the odds, by a forest that separates synthetic rows from further real
ones (the reference), of being of the former. A guess that does not see the release
ranks at random, or by nearness to the reference.

Sources: the odds of release against population are those of van Breugel et al. 2023
("Membership inference attacks against synthetic data through overfitting detection");
claims at the sure end are judged beside the whole ranking, as Carlini et al. 2022 ask.
"""

from __future__ import annotations

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

CLAIMED = 0.1  # of the rows that are shown
_TREES = 60
_MOST_ROWS = 10_000  # of the release that the forest learns
_NO_SHOT = Shot(rate(0, 0), rate(0, 0), 1.0)


def by_distance(setting: Setting) -> Trial:
    """Rank by nearness to a synthetic row; no attempt without control."""
    name = "nearness to a synthetic row"
    if not setting.control:
        return Trial(name, MEMBERSHIP, "", _NO_SHOT, rate(0, 0), None)
    rng = setting.rng(2)
    shots = []
    for others in (RELEASE, COPY):
        both = [
            -nearest(setting.grid, rows, others, range(setting.width)).astype(float)
            for rows in (TRAIN, CONTROL)
        ]
        shots.append(_shot(both[0], both[1], rng))
    blind = [rng.random(setting.rows(rows)) for rows in (TRAIN, CONTROL)]
    naive = _shot(blind[0], blind[1], rng).main
    return Trial(name, MEMBERSHIP, "", shots[0], naive, shots[1], (_CLAIMS,))


def by_odds(setting: Setting) -> Trial:
    """Rank by odds of release against reference; half of the control is reference."""
    name = "odds of release against population"
    control = setting.rows(CONTROL)
    if not setting.control or control < 2 * FEWEST:
        return Trial(name, MEMBERSHIP, "", _NO_SHOT, rate(0, 0), None)
    rng, half = setting.rng(3), control // 2
    shown = setting.grid.tables[CONTROL][:, :half]
    reference = setting.grid.tables[CONTROL][:, half:]
    train = setting.grid.tables[TRAIN]
    shots = []
    for k, others in enumerate((RELEASE, COPY)):
        model = _forest(setting.grid.tables[others], reference, setting.seed + k, rng)
        shots.append(_shot(_odds(model, train), _odds(model, shown), rng))
    near = [
        -nearest(setting.grid.within(parts), 0, 1, range(setting.width)).astype(float)
        for parts in ((train, reference), (shown, reference))
    ]
    naive = _shot(near[0], near[1], rng).main
    return Trial(name, MEMBERSHIP, "", shots[0], naive, shots[1], (_CLAIMS,))


_CLAIMS = f"the surest {CLAIMED:.0%} of all rows shown are claimed"


def _shot(train: Floats, control: Floats, rng: np.random.Generator) -> Shot:
    """Claims at the sure end, and the whole ranking; larger scores are surer."""
    score = np.concatenate((train, control))
    order = np.lexsort((rng.random(len(score)), -score))  # ties at random
    claimed = np.zeros(len(score), dtype=bool)
    claimed[order[: max(1, round(CLAIMED * len(score)))]] = True
    main, other = (
        rate(int(part.sum()), len(part))
        for part in (claimed[: len(train)], claimed[len(train) :])
    )
    ranks: Any = mannwhitneyu(train, control, alternative="greater")
    p_ranks = 1.0 if np.ptp(score) == 0 else float(ranks.pvalue)
    truth = np.repeat((1, 0), (len(train), len(control)))
    area = auroc(truth, np.column_stack((-score, score)), rng=rng)
    # two looks at one ranking
    p_value = min(1.0, 2 * min(p_ranks, beyond(main, other)))
    return Shot(main, other, p_value, Estimate(*area))


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
