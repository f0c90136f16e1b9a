"""Ranges over groups of the rates at which a model says yes.

Secret: computed from real rows without noise; the arithmetic of ``parity_gap``.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fairveil._types import Floats
from fairveil.evaluate._scores import bootstrap
from fairveil.evaluate._tables import FEWEST, Groups, Ints
from fairveil.evaluate.results import Interval, ParityGap

_UNKNOWN = Interval(float("nan"), float("nan"))


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
