"""Softmax heads on one-hot rows: what some columns tell of classes of the row.

Pure functions; keys are required. A hidden layer beside a direct linear path: the
linear path learns the many simple effects at once, the hidden layer what is left.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from fairveil.nn.blocks import Blocks
from fairveil.nn.layers import Array, Layers, linear, mlp, mlp_init, put


@dataclass(frozen=True, kw_only=True)
class HeadShape:
    """Sizes: public constants.

    Attributes:
        blocks: the columns of a row.
        seen: positions of the columns that the heads see.
        classes: number of classes of each head.
        hidden: width of the hidden layer.
    """

    blocks: Blocks
    seen: tuple[int, ...]
    classes: tuple[int, ...]
    hidden: int = 64


def init(rng: np.random.Generator, shape: HeadShape) -> Layers:
    """Fresh layers ``head0``, ``head1`` and the linear path ``direct0``."""
    width, total = shape.blocks.width, sum(shape.classes)
    layers = mlp_init(rng, (width, shape.hidden, total), prefix="head")
    layers["head0"]["w"] = 2.0 * layers["head0"]["w"]  # few inputs of a row are not 0
    layers["head1"]["w"] = _zeros(shape.hidden, total)
    return {**layers, "direct0": {"w": _zeros(width, total), "b": _zeros(total)}}


def _zeros(*shape: int) -> Array:
    return put(np.zeros(shape, np.float32))


def log_probs(layers: Layers, shape: HeadShape, codes: Array) -> list[Array]:
    """Log-probabilities of each head, each (n, classes), of codes (n, columns)."""
    seen = jnp.asarray(shape.blocks.mask(shape.seen))
    x = shape.blocks.one_hot(codes) * seen
    out = mlp(layers, x, prefix="head", activation=jax.nn.relu)
    out = out + linear(layers["direct0"], x)
    ends = np.cumsum(shape.classes)[:-1].tolist()
    return [jax.nn.log_softmax(part) for part in jnp.split(out, ends, axis=1)]


def loss(layers: Layers, shape: HeadShape, codes: Array, labels: Array) -> Array:
    """Cross-entropy summed over heads, mean over rows; labels are (n, heads)."""
    heads = log_probs(layers, shape, codes)
    picked = [
        jnp.take_along_axis(head, labels[:, i : i + 1], axis=1)
        for i, head in enumerate(heads)
    ]
    return -jnp.concatenate(picked, axis=1).sum(1).mean()
