"""Proxies loosened: columns that name a sensitive group are tied less to the others.

Sees rows of the marginal model only; it costs no privacy. Redrawing the sensitive
columns leaves their *proxies* as they are: clusters of a release still sort real people
by sex where marital status and relationship hang together. Here every column is, for a
part of the rows, drawn anew from its own shares, apart from all else. The part is
``strength`` times what the column tells of a sensitive column (mutual information in
parts of that column's entropy), over what the best of all proxies tells. So one-way
shares stay, and what goes are the ties of the strongest proxies to the rest, which is
what clusters are made of; a model of some target loses far less, since the other rows
still teach it. docs/fairness.md has the price.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fairveil._types import Codes, Floats
from fairveil.marginals import Clique, Sizes, histogram

_CHANCE = 3.0  # times what independent columns would seem to tell
_WEAK = 0.02  # of the entropy: a best proxy that tells less is not drawn anew whole


@dataclass(frozen=True)
class Loosen:
    """How much of each column is drawn anew, and from what.

    Attributes:
        parts: part of the rows, by column (columns,).
        probs: shares of each column's codes.
    """

    parts: Floats
    probs: tuple[Floats, ...]

    def apply(self, codes: Codes, rng: np.random.Generator) -> Codes:
        """Rows (n, columns) with parts of their columns drawn anew."""
        columns = len(self.parts)
        draws = rng.random((len(codes), 2 * columns))
        out = codes.copy()
        for j, probs in enumerate(self.probs):
            rows = np.flatnonzero(draws[:, j] < self.parts[j])
            below = np.cumsum(probs)
            level = draws[rows, columns + j] * below[-1]
            found = np.searchsorted(below, level, side="right")
            out[rows, j] = np.minimum(found, len(probs) - 1)
        return out


def loosening(
    rows: Codes,
    sizes: Sizes,
    own: Clique,
    strength: float,
    *,
    kept: Clique = (),
    n_hat: float | None = None,
    noise: Mapping[Clique, float] | None = None,
) -> Loosen:
    """From rows of the marginal model: which columns are proxies, and how strong.

    Args:
        rows: rows (n, columns).
        sizes: number of codes of each column.
        own: positions of the sensitive columns, which are left as they are.
        strength: 0 to 1.
        kept: positions of further columns that are left as they are.
        n_hat: noisy number of real rows; None: as many as ``rows``.
        noise: standard deviation of a count, by the positions of a measured pair.
    """
    count = float(len(rows)) if n_hat is None else float(n_hat)
    told = np.zeros((len(own), len(sizes)))
    for i, sensitive in enumerate(own):
        for j in range(len(sizes)):
            if j not in (*own, *kept):
                stddev = (noise or {}).get((min(sensitive, j), max(sensitive, j)), 0.0)
                told[i, j] = _information(rows, sizes, (sensitive, j), count, stddev)
        told[i] /= _entropy(rows, sizes, sensitive)
    parts = told.max(axis=0, initial=0.0)
    parts /= max(float(parts.max(initial=0.0)), _WEAK)
    probs = tuple(histogram(rows, sizes, (j,)) / len(rows) for j in range(len(sizes)))
    return Loosen(strength * parts, probs)


def _entropy(rows: Codes, sizes: Sizes, column: int) -> float:
    """Entropy of a column in nats; a constant one counts as 1, and nothing tells it."""
    share = histogram(rows, sizes, (column,)) / len(rows)
    share = share[share > 0]
    return float(-(share * np.log(share)).sum()) or 1.0


def _information(
    rows: Codes, sizes: Sizes, pair: Clique, count: float, stddev: float
) -> float:
    """Mutual information of two columns, in nats; 0 where it may be chance or noise.

    Independent columns of n rows seem to tell some ``(r - 1)(c - 1) / 2n``, and noise
    of a count about half the sum of its variance, as a part of n, over the cells'
    expected probabilities.
    """
    table = histogram(rows, sizes, pair).reshape(sizes[pair[0]], sizes[pair[1]])
    joint = table / len(rows)
    apart = np.outer(joint.sum(axis=1), joint.sum(axis=0))
    held = joint > 0
    found = float((joint[held] * np.log(joint[held] / apart[held])).sum())
    filled = [int((joint.sum(axis=axis) > 0).sum()) for axis in (0, 1)]
    chance = (filled[0] - 1) * (filled[1] - 1) / (2 * count)
    likely = apart[apart > 1.0 / count]
    chance += 0.5 * (stddev / count) ** 2 * float((1.0 / likely).sum())
    return found if found > _CHANCE * chance else 0.0
