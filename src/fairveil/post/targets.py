"""What the release should look like: released marginals, re-expressed for the mode.

Sees released marginals only. In ``independence`` the aim is P(S) P(X): a marginal that
mixes sensitive and other columns is replaced by the product of its two parts, and every
pair of a sensitive and another column gets the product of their one-ways. Where there
are legitimate columns, or shares to be set, what the marginals have to be comes from
the believed rows instead (``post.apart``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from fairveil._types import Floats
from fairveil.marginals import Clique, Marginal, Sizes, cells

_MOST_CELLS = 100_000  # a larger pair that nobody measured is left as it comes


@dataclass(frozen=True)
class Target:
    """Probabilities that a marginal of the release should have.

    Attributes:
        columns: positions of its columns.
        probs: noisy probabilities of its cells, flat; may lie below zero.
        stddev: standard deviation of the noise of one cell, as a probability.
    """

    columns: Clique
    probs: Floats
    stddev: float


def targets_of(marginals: Sequence[Marginal], n_hat: float) -> list[Target]:
    """Noisy counts as noisy probabilities."""
    return [
        Target(m.columns, m.counts / n_hat, m.noise_stddev / n_hat) for m in marginals
    ]


def independent_targets(
    targets: Sequence[Target],
    sizes: Sizes,
    sensitive: tuple[int, ...],
    *,
    strength: float,
    joint: Callable[[Clique], Floats],
    law: Callable[[Clique], Floats] | None = None,
) -> list[Target]:
    """Targets on the way from the joint as measured to P(S) P(X).

    Args:
        targets: of the joint as measured; they hold every one-way.
        sizes: number of codes of each column.
        sensitive: positions of the sensitive columns.
        strength: 0 keeps the joint, 1 is the product, between is a mixture of both.
        joint: the model's own probabilities of a pair that was not measured.
        law: what a marginal with a sensitive column has to be at strength 1; None: the
            product of its two parts.
    """
    out: list[Target] = []
    for target in targets:
        if law is None:
            apart = _apart(target, sizes, sensitive)
        else:
            guarded = set(target.columns) & set(sensitive)
            apart = law(target.columns) if guarded else None
        probs = target.probs if apart is None else _mix(target.probs, apart, strength)
        out.append(Target(target.columns, probs, target.stddev))
    measured = {t.columns for t in targets}
    single = {t.columns[0]: t.probs for t in targets if len(t.columns) == 1}
    stddev = float(np.median([t.stddev for t in targets]))
    for pair in _mixed_pairs(len(sizes), sensitive):
        if pair not in measured and cells(sizes, pair) <= _MOST_CELLS:
            first, second = (_normal(single[c]) for c in pair)
            product = np.outer(first, second).ravel() if law is None else law(pair)
            out.append(Target(pair, _mix(joint(pair), product, strength), stddev))
    return out


def _apart(target: Target, sizes: Sizes, sensitive: tuple[int, ...]) -> Floats | None:
    """Product of the sensitive and the other part; None where one part is empty."""
    shape = tuple(sizes[c] for c in target.columns)
    own = tuple(i for i, c in enumerate(target.columns) if c in sensitive)
    rest = tuple(i for i in range(len(shape)) if i not in own)
    if not own or not rest:
        return None
    table = target.probs.reshape(shape)
    first = _normal(table.sum(axis=rest, keepdims=True))
    second = table.sum(axis=own, keepdims=True)
    return (first * second).ravel()


def _mixed_pairs(columns: int, sensitive: tuple[int, ...]) -> list[Clique]:
    others = [c for c in range(columns) if c not in sensitive]
    return [(min(s, o), max(s, o)) for s in sensitive for o in others]


def _mix(first: Floats, second: Floats, strength: float) -> Floats:
    return (1.0 - strength) * first + strength * second


def _normal(probs: Floats) -> Floats:
    positive = np.maximum(probs, 0.0)
    return positive / max(float(positive.sum()), 1e-12)
