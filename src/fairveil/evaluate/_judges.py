"""Scores of the two models on all test rows, and within groups.

Secret: computed from real rows without noise; the arithmetic of ``tstr`` and of
``prediction``, which say what the figures mean.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from fairveil._types import Floats
from fairveil.evaluate._gaps import SMALLEST_GROUP
from fairveil.evaluate._groups import Sensitive, groups, title
from fairveil.evaluate._models import Task
from fairveil.evaluate._scores import CHANCE, area, auroc
from fairveil.evaluate._tables import FEWEST, Ints
from fairveil.evaluate.results import GroupScore, GroupUtility, Utility


def overall(work: Task, boosted: Floats, logistic: Floats, *, seed: int) -> Utility:
    """Scores on all test rows.

    Args:
        work: the problem.
        boosted, logistic: (test rows, classes) probabilities of the two models.
        seed: of the resamples.
    """
    right = _accuracy(work.test_y, boosted), _accuracy(work.test_y, logistic)
    sizes = {"n_train": len(work.train), "n_test": len(work.test)}
    if len(np.unique(work.train_y)) == 1:
        note = "the synthetic target has one value: AUROC is .5 by definition"
        return Utility(
            0.5,
            CHANCE,
            right[0],
            0.5,
            **sizes,
            notes=(*work.notes, note),
            accuracy_lr=right[1],
        )
    rng = np.random.default_rng(seed)
    first, interval = auroc(work.test_y, boosted, rng=rng)
    return Utility(
        first,
        interval,
        right[0],
        area(work.test_y, logistic),
        **sizes,
        notes=work.notes,
        accuracy_lr=right[1],
    )


def by_group(
    work: Task,
    boosted: Floats,
    logistic: Floats,
    real: pd.DataFrame,
    sensitive: Sequence[Sensitive],
) -> list[GroupUtility]:
    """Scores within each group of each sensitive column of the whole test table."""
    return [_one_column(work, boosted, logistic, real, name) for name in sensitive]


def _one_column(
    work: Task, boosted: Floats, logistic: Floats, real: pd.DataFrame, one: Sensitive
) -> GroupUtility:
    found = groups(real.iloc[work.test_rows], one, smallest=SMALLEST_GROUP)
    scores, alike = {}, []
    for code, label in enumerate(found.labels):
        rows = np.flatnonzero(found.codes == code)
        truth = work.test_y[rows]
        if len(np.unique(truth)) < FEWEST:
            alike.append(label)
            continue
        scores[label] = GroupScore(
            auroc=area(truth, boosted[rows]),
            accuracy=_accuracy(truth, boosted[rows]),
            auroc_lr=area(truth, logistic[rows]),
            accuracy_lr=_accuracy(truth, logistic[rows]),
            n=len(rows),
        )
    notes = (*work.notes, *found.notes)
    if alike:
        notes = (*notes, f"groups of one class are left out: {', '.join(alike)}")
    return GroupUtility(title(one), scores, notes)


def _accuracy(truth: Ints, probability: Floats) -> float:
    return float((probability.argmax(axis=1) == truth).mean())
