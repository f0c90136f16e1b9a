"""Fewer clusters out of a released mixture, by joining the components that are nearest.

Sees a released mixture only, so it is post-processing and costs no privacy. Promises:
the mean and the covariance of the whole mixture stay as they are, to rounding; every
covariance stays positive definite; the same mixture gives the same components.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from fairveil import _check
from fairveil._types import Floats
from fairveil.errors import ConfigError, problem
from fairveil.nn.mixture import Mixture

_Part = tuple[float, Floats, Floats]  # weight, mean (latent,), covariance (latent x 2)


def merged(mixture: Mixture, clusters: int) -> Mixture:
    """The mixture with so many components, each a moment-matched Gaussian.

    Greedy: the pair that ``cost`` finds cheapest becomes one, until few enough are
    left (Runnalls, "Kullback-Leibler approach to Gaussian mixture reduction", 2007).
    The joined component stands where the first of the two stood. Of pairs that cost
    the same, the first is joined.

    Args:
        mixture: released components.
        clusters: how many are left; as many as there are gives back ``mixture``.

    Raises:
        ConfigError: fewer than one, or more than there are.
    """
    _check.whole(1, clusters=clusters)
    if clusters > mixture.clusters:
        raise ConfigError(
            problem(
                "clusters is above the number that was released; they can only be "
                "merged",
                got=clusters,
                try_=f"at most {mixture.clusters}",
            )
        )
    if clusters == mixture.clusters:
        return mixture
    parts: list[_Part] = [
        (float(w), m, c)
        for w, m, c in zip(
            mixture.weights, mixture.means, mixture.covariances, strict=True
        )
    ]
    while len(parts) > clusters:
        first, second = min(
            combinations(range(len(parts)), 2),
            key=lambda pair: cost(parts[pair[0]], parts[pair[1]]),
        )
        parts[first] = _joined(parts[first], parts.pop(second))
    weights, means, covariances = zip(*parts, strict=True)
    return Mixture(np.array(weights), np.stack(means), np.stack(covariances))


def cost(one: _Part, other: _Part) -> float:
    """Bound on the divergence that joining two components adds, in nats.

    ``((v + w) log det C - v log det A - w log det B) / 2`` for weights v and w,
    covariances A and B, and C of the joined component: an upper bound on the growth of
    the Kullback-Leibler divergence from the mixture (Runnalls 2007, equation 21).
    Never below zero, but for rounding; zero for two equal components.
    """
    joined = _joined(one, other)
    return 0.5 * (_spread(joined) - _spread(one) - _spread(other))


def _spread(part: _Part) -> float:
    return part[0] * float(np.linalg.slogdet(part[2])[1])


def _joined(one: _Part, other: _Part) -> _Part:
    """The Gaussian with the weight, mean and covariance of the two together."""
    weight = one[0] + other[0]
    share = other[0] / weight
    gap = other[1] - one[1]
    inner = (1.0 - share) * one[2] + share * other[2]
    between = share * (1.0 - share) * np.outer(gap, gap)
    return weight, one[1] + share * gap, inner + between
