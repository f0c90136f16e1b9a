"""Attackers: from what a run released to one score that grows if the unit was there.

Public: they see releases of made-up rows. ``fisher`` learns a direction from some runs
and scores the others; ``bundle_features`` is what an attacker reads off all that a fit
released, ``row_features`` what he reads off sampled rows alone.
"""

from __future__ import annotations

import itertools

import numpy as np

from fairveil._types import Codes, Floats
from fairveil.marginals import Sizes, cells, histogram
from fairveil.post.finish import Bundle

_RIDGE = 1e-3  # of the mean variance, so that few runs do not fit their own noise


def fisher(outside: Floats, inside: Floats, learn: int) -> tuple[Floats, Floats]:
    """Scores of all runs on the line that best parts the first ones.

    Fisher's discriminant on standardised features, or the best single feature where
    that parts them better: one number without noise gives a unit away.

    Args:
        outside, inside: features of the runs, (runs, features).
        learn: how many runs of each, the first ones, are learnt from; the scores are
            to be judged on the others.

    Returns:
        Scores (runs,) of both.
    """
    first = outside[:learn], inside[:learn]
    both = np.concatenate(first)
    middle, spread = both.mean(0), both.std(0)
    alive = spread > 1e-12 * np.maximum(1.0, np.abs(middle))
    weights = np.zeros(outside.shape[1])
    if alive.any():  # else nothing varies, and nothing is told
        a, b = ((x[:, alive] - middle[alive]) / spread[alive] for x in first)
        weights[alive] = _best_line(a, b) / spread[alive]
    return (outside - middle) @ weights, (inside - middle) @ weights


def _best_line(outside: Floats, inside: Floats) -> Floats:
    """The kind of line that does better on runs it was not made from, made of all."""
    half = len(outside) // 2
    kinds = (_single, _discriminant)
    held = outside[half:], inside[half:]
    best = max(
        kinds, key=lambda kind: _parting(kind(outside[:half], inside[:half]), *held)
    )
    return best(outside, inside)


def _discriminant(outside: Floats, inside: Floats) -> Floats:
    gap, scatter = _moments(outside, inside)
    ridge = _RIDGE * max(float(np.trace(scatter)) / len(gap), 1e-9)
    line = np.linalg.solve(scatter + ridge * np.eye(len(gap)), gap)
    return line.astype(np.float64)


def _single(outside: Floats, inside: Floats) -> Floats:
    gap, scatter = _moments(outside, inside)
    spreads = np.sqrt(np.diag(scatter)) + 1e-9
    chosen = int(np.argmax(np.abs(gap) / spreads))
    line = np.zeros(len(gap))
    line[chosen] = np.sign(gap[chosen])
    return line


def _moments(outside: Floats, inside: Floats) -> tuple[Floats, Floats]:
    """Gap of the means, and scatter around them."""
    gap = inside.mean(0) - outside.mean(0)
    within = np.concatenate([outside - outside.mean(0), inside - inside.mean(0)])
    return gap, np.atleast_2d(within.T @ within / max(1, len(within) - 2))


def _parting(weights: Floats, outside: Floats, inside: Floats) -> float:
    """Share of pairs of runs that the line puts in the right order; ties are halves."""
    lower, scores = np.sort(outside @ weights), inside @ weights
    below = np.searchsorted(lower, scores, "left")
    not_above = np.searchsorted(lower, scores, "right")
    return float((below + not_above).mean()) / (2 * len(lower))


def bundle_features(bundle: Bundle, sizes: Sizes) -> Floats:
    """Every number of a bundle at a fixed place, (features,).

    Row count, one-ways, each pair and triple with a flag that says whether it was
    measured, network weights, and the mixture by its overall moments and each cluster
    in order of weight.
    """
    known = {m.columns: m.counts for m in bundle.marginals}
    parts: list[Floats] = [np.array([bundle.n_hat], dtype=np.float64)]
    for clique in _cliques(len(sizes)):
        empty = np.zeros(cells(sizes, clique))
        parts += [known.get(clique, empty), np.array([float(clique in known)])]
    parts += [
        np.ravel(np.asarray(array, dtype=np.float64))
        for _, layer in sorted(bundle.teacher.layers.items())
        for _, array in sorted(layer.items())
    ]
    return np.concatenate([*parts, _mixture_features(bundle)])


def _cliques(columns: int) -> list[tuple[int, ...]]:
    positions = range(columns)
    return [q for size in (1, 2, 3) for q in itertools.combinations(positions, size)]


def _mixture_features(bundle: Bundle) -> Floats:
    mixture = bundle.teacher.mixture
    order = np.argsort(-mixture.weights)[:2]
    clusters = [
        np.r_[mixture.weights[k], mixture.means[k], mixture.covariances[k].ravel()]
        for k in order
    ]
    clusters += [np.zeros_like(clusters[0])] * (2 - len(clusters))
    mean = mixture.weights @ mixture.means
    return np.concatenate([[mixture.clusters], mean, *clusters])


def row_features(codes: Codes, sizes: Sizes) -> Floats:
    """Shares of all cells of the joint table of sampled rows, (cells,)."""
    joint = histogram(codes, sizes, tuple(range(len(sizes))))
    return joint / max(1, len(codes))
