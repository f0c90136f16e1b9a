"""Ranges over groups of the rates at which a model says yes.

Secret: computed from real rows without noise; the arithmetic of ``parity_gap``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from fairveil._types import Floats
from fairveil.evaluate._groups import Groups, Sensitive, groups, title
from fairveil.evaluate._models import Task
from fairveil.evaluate._scores import bootstrap
from fairveil.evaluate._tables import FEWEST, Ints
from fairveil.evaluate.results import Interval, ParityGap

SMALLEST_GROUP = 30
_DECISION = 0.5
_UNKNOWN = Interval(float("nan"), float("nan"))


def gaps(
    work: Task,
    probability: Floats,
    real: pd.DataFrame,
    sensitive: Sequence[Sensitive],
    *,
    seed: int,
) -> list[ParityGap]:
    """The gaps of each sensitive column.

    Args:
        work: a problem with two classes, the second being positive.
        probability: (test rows, 2) what the model says of them.
        real: the whole test table.
        sensitive: columns of it, or tuples of them.
        seed: of the resamples.
    """
    said = probability[:, -1] > _DECISION
    truth = work.test_y == len(work.classes) - 1
    rng = np.random.default_rng(seed)
    found = []
    judged = real.iloc[work.test_rows]
    for one in sensitive:
        split = groups(judged, one, smallest=SMALLEST_GROUP)
        found.append(gap(title(one), split, said, truth, notes=work.notes, rng=rng))
    return found


def gap(
    column: str,
    found: Groups,
    said: npt.NDArray[np.bool_],
    truth: npt.NDArray[np.bool_],
    *,
    notes: tuple[str, ...],
    rng: np.random.Generator,
) -> ParityGap:
    """The gaps of one sensitive column, with bootstrap intervals.

    Args:
        column: its name.
        found: its groups, (rows,).
        said: (rows,) whether the model predicts positive.
        truth: (rows,) whether the row is positive.
        notes: what was left out before.
        rng: draws the resamples.
    """
    rows = np.flatnonzero(found.codes >= 0)
    codes, said, truth = found.codes[rows], said[rows], truth[rows]
    sizes = np.bincount(codes, minlength=len(found.labels))
    named = {g: int(n) for g, n in zip(found.labels, sizes, strict=True)}
    notes = (*notes, *found.notes)
    if len(named) < FEWEST:
        notes = (*notes, "fewer than two groups: nothing to compare")
        nan = float("nan")
        return ParityGap(column, nan, _UNKNOWN, nan, _UNKNOWN, named, notes)

    def parity(weight: Floats) -> float:
        return rate_range(said, codes, weight)

    def odds(weight: Floats) -> float:
        ranges = [rate_range(said, codes, weight * part) for part in (truth, ~truth)]
        return float(np.nanmax(ranges))

    once = np.ones(len(rows))
    return ParityGap(
        column=column,
        demographic_parity=parity(once),
        demographic_parity_interval=bootstrap(parity, len(rows), rng=rng),
        equalized_odds=odds(once),
        equalized_odds_interval=bootstrap(odds, len(rows), rng=rng),
        groups=named,
        notes=notes,
    )


def rate_range(hit: npt.NDArray[np.bool_], codes: Ints, weight: Floats) -> float:
    """Range over groups of the weighted share of hits; NaN where no row has weight."""
    total = np.bincount(codes, weights=weight)
    hits = np.bincount(codes, weights=weight * hit, minlength=len(total))
    known = total > 0
    return float(np.ptp(hits[known] / total[known])) if known.any() else float("nan")
