"""Nearest rows: do released rows lie nearer to rows that the fit saw than to others?

NOT PRIVATE: reads real rows without noise. A sanity check and no more: a release can
pass it and betray people, and fail it for want of rows; what bounds the risk is epsilon
alone. Promises: depends on the tables and ``seed`` alone.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from fairveil import _check
from fairveil._types import Floats
from fairveil.evaluate import _clusters
from fairveil.evaluate._tables import Ints, door, features, paired, some
from fairveil.evaluate.results import Interval
from fairveil.evaluate.results_tables import NearestRows

_BLOCK = 500  # rows whose distances are held at once
_TIED = 1e-6  # squared distances that are equal but for rounding
_CLOSE = 0.05
_Points = npt.NDArray[np.float32]


def nearest_rows(
    real: Any, control: Any, release: Any, *, seed: int = 0, max_rows: int = 4_000
) -> NearestRows:
    """Distance of released rows to the nearest row seen, and to the nearest unseen one.

    Both sides have as many rows, since a larger table is nearer to anything. Distances
    are Euclidean, of numbers standardised by all rows and of categories one-hot.

    Args:
        real: real rows that the fit saw.
        control: real rows that it did not see.
        release: synthetic rows.
        seed: of the choice of rows.
        max_rows: rows of each of the three tables, at most.

    Raises:
        TableError: columns differ.
    """
    _check.whole(2, max_rows=max_rows)
    seen, released = paired(real, release)
    _, unseen = paired(seen, door(control))
    rng = np.random.default_rng(seed)
    size = max(2, min(len(seen), len(unseen), max_rows))
    tables = [
        some(table, limit, rng)
        for table, limit in ((seen, size), (unseen, size), (released, max_rows))
    ]
    coding = features(tables, list(seen.columns))
    axes = _clusters.space(np.concatenate(coding.matrices), coding.cardinality)
    points = [_clusters.embed(axes, matrix) for matrix in coding.matrices]
    (near, which), (far, other) = (_nearest(points[2], side) for side in points[:2])
    gap = near - far
    wins = np.where(np.abs(gap) <= _TIED, 0.5, gap < 0)
    mean, n = float(wins.mean()), len(wins)
    # if it were a coin whether a real row was seen: one row may be nearest to many
    hits = np.bincount(np.where(gap <= 0, which, size + other), minlength=2 * size)
    half = 1.96 * 0.5 * math.sqrt(float((hits**2).sum())) / n
    first, second = np.sqrt(near), np.sqrt(far)
    return NearestRows(
        nearer=mean,
        interval=Interval(max(0.0, mean - half), min(1.0, mean + half)),
        seen_median=float(np.median(first)),
        unseen_median=float(np.median(second)),
        seen_close=float(np.quantile(first, _CLOSE)),
        unseen_close=float(np.quantile(second, _CLOSE)),
        n_released=n,
        n_seen=len(points[0]),
        n_unseen=len(points[1]),
    )


def _nearest(rows: _Points, others: _Points) -> tuple[Floats, Ints]:
    """(rows,) squared distance to the nearest of the others, and which it is."""
    length = (others**2).sum(axis=1)
    found, which = np.empty(len(rows)), np.empty(len(rows), dtype=np.int64)
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        here = slice(start, start + len(block))
        square = length - 2 * (block @ others.T)
        which[here] = square.argmin(axis=1)
        found[here] = square.min(axis=1) + (block**2).sum(axis=1)
    return np.maximum(found, 0.0), which
