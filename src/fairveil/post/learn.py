"""Heads taught on generated rows: what the columns of a release tell of some classes.

Sees generated rows only, so it costs no privacy, whatever its length.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from fairveil._types import Codes, Floats, Params
from fairveil.nn import heads
from fairveil.nn.heads import HeadShape
from fairveil.nn.layers import Array, host_rng, put, zero_state
from fairveil.post.groups import Ints

_STEPS = 1000  # at least; a few passes over many rows
_EPOCHS = 12  # at least
_BATCH = 512
_RATE = 3e-3
_DECAY = 1e-4
_CHUNK = 16_384  # rows that are judged at once
_COMPILED = 16  # shapes whose compiled steps are kept


def taught(codes: Codes, labels: Ints, shape: HeadShape, key: Array) -> Params:
    """Train heads on rows.

    Args:
        codes: generated rows (n, columns).
        labels: the class of each row under each head (n, heads).
        shape: sizes.
        key: initial weights and the order of the rows.
    """
    batch = min(_BATCH, len(codes))
    rounds = len(codes) // batch
    epochs = max(_EPOCHS, -(-_STEPS // rounds))
    rng = host_rng(key)
    optimiser, run = _trainer(shape, rounds * epochs)
    layers = heads.init(rng, shape)
    state = (layers, zero_state(optimiser, layers))
    held, wanted = put(codes), put(labels.astype(np.int32))
    for _ in range(epochs):
        order = rng.permutation(len(codes))[: rounds * batch].astype(np.int32)
        state = run(state, held, wanted, order.reshape(-1, batch))
    return jax.tree.map(np.asarray, state[0])


def judged(layers: Params, shape: HeadShape, codes: Codes) -> list[Floats]:
    """Probabilities of each head, each (n, classes), float64, of codes (n, columns)."""
    parts: list[list[np.ndarray]] = []
    for start in range(0, max(len(codes), 1), _CHUNK):
        block = codes[start : start + _CHUNK]
        short = _CHUNK - len(block)
        padded = np.pad(block, ((0, short), (0, 0)))  # one shape: compiled once
        found = _judge(shape)(layers, padded)
        parts.append([np.asarray(head)[: len(block)] for head in found])
    return [
        np.concatenate(head).astype(np.float64) for head in zip(*parts, strict=True)
    ]


@lru_cache(maxsize=_COMPILED)
def _judge(shape: HeadShape) -> Callable[..., list[Array]]:
    return jax.jit(
        lambda layers, codes: [
            jnp.exp(head) for head in heads.log_probs(layers, shape, codes)
        ]
    )


@lru_cache(maxsize=_COMPILED)
def _trainer(
    shape: HeadShape, steps: int
) -> tuple[optax.GradientTransformation, Callable[..., Any]]:
    """The optimiser, and compiled steps over a stack of batches."""
    rate = optax.cosine_decay_schedule(_RATE, max(steps, 1))
    optimiser = optax.adamw(rate, weight_decay=_DECAY)

    def run(
        state: tuple[Params, Any], codes: Array, labels: Array, order: Array
    ) -> Any:
        def step(held: tuple[Params, Any], rows: Array) -> tuple[Any, None]:
            layers, moments = held
            grads = jax.grad(heads.loss)(layers, shape, codes[rows], labels[rows])
            updates, moments = optimiser.update(grads, moments, layers)
            return (optax.apply_updates(layers, updates), moments), None

        return jax.lax.scan(step, state, order)[0]

    return optimiser, jax.jit(run)
