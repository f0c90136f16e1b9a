"""The fairness critic: predicts the sensitive columns from the rest of a generated row.

Pure functions; no label, no real row. Its input is the relaxed generated row with the
sensitive columns blanked, beside the row's *soft* cluster assignment, both
differentiable; its targets are the sensitive codes of the teacher draw that guided the
row, so a generator cannot win by shuffling s: it has to change x. One softmax per
sensitive column and one for their intersection.

Adapted from Adouani and Chelly Dagdia (ECML PKDD 2025), whose critic saw hard cluster
ids that no gradient passes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from fairveil.nn.blocks import Blocks
from fairveil.nn.layers import Array, Layers, leaky, mlp, mlp_init

_MOST_JOINT = 64  # intersections beyond this many cells are left to the single columns


@dataclass(frozen=True, kw_only=True)
class FairShape:
    """Sizes of the fairness critic: public constants.

    Attributes:
        blocks: the columns.
        sensitive: positions of the sensitive columns.
        clusters: number of soft cluster inputs.
        hidden: widths of the hidden layers.
    """

    blocks: Blocks
    sensitive: tuple[int, ...]
    clusters: int
    hidden: tuple[int, ...] = (128, 64)

    @property
    def heads(self) -> tuple[int, ...]:
        """Number of classes of each softmax."""
        single = tuple(self.blocks.sizes[c] for c in self.sensitive)
        joint = math.prod(single)
        return (*single, joint) if len(single) > 1 and joint <= _MOST_JOINT else single

    def labels(self, codes: Array) -> Array:
        """Class of each row under each head, (n, heads), from codes (n, columns)."""
        single = [codes[:, c] for c in self.sensitive]
        if len(self.heads) == len(single):
            return jnp.stack(single, axis=1)
        joint = jnp.zeros_like(single[0])
        for column, code in zip(self.sensitive, single, strict=True):
            joint = joint * self.blocks.sizes[column] + code
        return jnp.stack([*single, joint], axis=1)


def init(rng: np.random.Generator, shape: FairShape) -> Layers:
    """Fresh critic: ``fair0`` and on."""
    sizes = (shape.blocks.width + shape.clusters, *shape.hidden, sum(shape.heads))
    return mlp_init(rng, sizes, prefix="fair")


def predict(layers: Layers, shape: FairShape, rows: Array, soft: Array) -> list[Array]:
    """Log-probabilities of each head, each (n, classes).

    Args:
        layers: parameters.
        shape: sizes.
        rows: relaxed rows (n, width); their sensitive blocks are blanked here.
        soft: soft cluster assignment (n, clusters).
    """
    rest = 1.0 - jnp.asarray(shape.blocks.mask(shape.sensitive))
    x = jnp.concatenate([rows * rest, soft], axis=1)
    x = mlp(layers, x, prefix="fair", activation=leaky)
    ends = np.cumsum(shape.heads)[:-1].tolist()
    return [jax.nn.log_softmax(part) for part in jnp.split(x, ends, axis=1)]


def critic_loss(
    layers: Layers, shape: FairShape, rows: Array, soft: Array, labels: Array
) -> Array:
    """Cross-entropy of the guides' sensitive codes, summed over heads; nats a row."""
    heads = predict(layers, shape, rows, soft)
    picked = [
        jnp.take_along_axis(head, labels[:, i : i + 1], axis=1)
        for i, head in enumerate(heads)
    ]
    return -jnp.concatenate(picked, axis=1).sum(1).mean()


def log_shares(shape: FairShape, labels: Array) -> list[Array]:
    """Logarithms of each head's class shares in a batch, each (1, classes)."""
    return [
        jnp.log(jax.nn.one_hot(labels[:, i], size).mean(0, keepdims=True) + 1e-4)
        for i, size in enumerate(shape.heads)
    ]


def generator_loss(
    layers: Layers,
    shape: FairShape,
    rows: Array,
    soft: Array,
    usual: Sequence[Array],
) -> Array:
    """What the critic still knows: divergence of its prediction from the usual shares.

    It is zero exactly where the critic's answer is the usual one for every row, and its
    gradient reaches the generator through ``rows`` and ``soft``.

    Args:
        layers, shape, rows, soft: as in ``predict``.
        usual: log-shares of each head's classes, (n or 1, classes): in all rows, or in
            the cell of legitimate columns that the row is in.

    Returns:
        Mean over rows of KL(prediction || usual shares), summed over heads.
    """
    total = jnp.zeros(())
    for head, known in zip(predict(layers, shape, rows, soft), usual, strict=True):
        gap = head - jax.lax.stop_gradient(known)
        total = total + jnp.sum(jnp.exp(head) * gap, axis=1).mean()
    return total
