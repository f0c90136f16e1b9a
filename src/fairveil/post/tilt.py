"""The least change of class probabilities that takes out what groups tell of them.

Pure NumPy on generated rows. Each row i has class probabilities ``f_i`` and weights
``w_ij`` of groups j, mean 0 over the rows; the gap of group j in class k is
``mean_i w_ij f_ik``: how far the group's share of k lies from that of all. (A weight of
1 in every row has the share of all as its gap, and holds it.) Of all
probabilities whose gaps are those asked for, the ones nearest to f in mean
Kullback-Leibler divergence are ``f_ik exp(-sum_j w_ij theta_jk)``, normalised; theta is
the minimum of a smooth convex function (the dual of the maximum-entropy problem).
"""

from __future__ import annotations

from typing import cast

import numpy as np
from scipy.optimize import minimize

from fairveil._types import Floats

_FLOOR = 1e-9  # of a probability
_RIDGE = 1e-7  # keeps multipliers finite where no answer meets the gaps
_STEPS = 1000
_BOUND = 30.0  # of an exponent


def gaps(probs: Floats, weights: Floats) -> Floats:
    """Gap of each group in each class, (groups, classes).

    Args:
        probs: class probabilities of rows (n, classes).
        weights: group weights of rows (n, groups).
    """
    return weights.T @ probs / max(len(probs), 1)


def solved(probs: Floats, weights: Floats, wanted: Floats) -> Floats:
    """Multipliers theta (groups, classes) that bring the gaps to those wanted.

    Args:
        probs: class probabilities of rows (n, classes).
        weights: group weights of rows (n, groups).
        wanted: gaps asked for (groups, classes).
    """
    groups, classes = weights.shape[1], probs.shape[1]
    theta = np.zeros((groups, classes))
    if classes == 1 or not len(probs):
        return theta
    scale = np.sqrt((weights**2).mean(axis=0))
    used = scale > _FLOOR  # a group that is held to nothing has no weight
    if not used.any():
        return theta
    steep = weights[:, used] / scale[used]
    asked = wanted[used] / scale[used, None]
    log = np.log(np.maximum(probs, _FLOOR))
    shape = (steep.shape[1], classes - 1)  # the first class is the reference

    def dual(flat: Floats) -> tuple[float, Floats]:
        held = np.zeros((shape[0], classes))
        held[:, 1:] = flat.reshape(shape)
        tilted, norm = _normal(log - steep @ held)
        value = norm.mean() + (held * asked).sum() + _RIDGE * (held**2).sum()
        slope = asked - steep.T @ tilted / len(log) + 2 * _RIDGE * held
        return float(value), slope[:, 1:].ravel()

    found = minimize(
        dual,
        np.zeros(shape[0] * shape[1]),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": _STEPS, "maxcor": 30, "ftol": 1e-14, "gtol": 1e-6},
    )
    best = cast("Floats", found.x).reshape(shape)
    theta[np.flatnonzero(used), 1:] = best / scale[used, None]
    return theta


def tilted(probs: Floats, weights: Floats, theta: Floats) -> Floats:
    """Class probabilities under the multipliers, (n, classes)."""
    pull = np.clip(weights @ theta, -_BOUND, _BOUND)
    return _normal(np.log(np.maximum(probs, _FLOOR)) - pull)[0]


def moved(
    classes: np.ndarray, before: Floats, after: Floats, rng: np.random.Generator
) -> np.ndarray:
    """Classes drawn anew so that as few rows as possible change theirs.

    A row whose class was drawn by ``before`` has then one drawn by ``after``: it keeps
    its own with probability ``min(1, after / before)``, else takes one from where
    ``after`` is the greater (the maximal coupling).

    Args:
        classes: the class of each row (n,).
        before, after: class probabilities (n, classes).
        rng: randomness; a fixed number of draws a row.
    """
    rows = np.arange(len(classes))
    odds = after[rows, classes] / np.maximum(before[rows, classes], _FLOOR)
    stay, level = rng.random((len(classes), 2)).T
    excess = np.maximum(after - before, 0.0) + 1e-15 * after
    below = np.cumsum(excess, axis=1)
    drawn = (below <= level[:, None] * below[:, -1:]).sum(axis=1)
    drawn = np.minimum(drawn, before.shape[1] - 1)
    return np.where(stay < odds, classes, drawn)


def moves(classes: np.ndarray, before: Floats, after: Floats) -> Floats:
    """Probability of each class after ``moved``, (n, classes)."""
    rows = np.arange(len(classes))
    odds = after[rows, classes] / np.maximum(before[rows, classes], _FLOOR)
    stay = np.minimum(odds, 1.0)
    excess = np.maximum(after - before, 0.0) + 1e-15 * after
    out = (1.0 - stay)[:, None] * excess / excess.sum(axis=1, keepdims=True)
    out[rows, classes] += stay
    return out


def _normal(logits: Floats) -> tuple[Floats, Floats]:
    """Softmax of each row, and the logarithm of its norm."""
    top = logits.max(axis=1, keepdims=True)
    mass = np.exp(logits - top)
    total = mass.sum(axis=1, keepdims=True)
    return mass / total, (np.log(total) + top)[:, 0]
