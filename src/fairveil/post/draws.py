"""Random draws of the training loops, made on the host.

Draws for post-processing only: nothing here is privacy noise. A compiled loop that
draws its own numbers takes a third of a second longer to compile for every call to the
generator, and draws several times slower than NumPy does on a CPU.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fairveil.nn.layers import Array, put

_LEAST = np.float32(2.0**-25)  # stands for 0; the others are multiples of 2^-24


class Guides(NamedTuple):
    """What chooses the guides of a batch.

    Attributes:
        cluster: uniform draws (steps, n) that choose clusters.
        latent: standard normal draws (steps, n, latent).
        noise: standard normal draws (steps, n, noise).
    """

    cluster: Array
    latent: Array
    noise: Array


def uniform(rng: np.random.Generator, *shape: int) -> Array:
    """Draws strictly between 0 and 1."""
    return put(np.maximum(rng.random(shape, dtype=np.float32), _LEAST))


def normal(rng: np.random.Generator, *shape: int) -> Array:
    """Standard normal draws."""
    return put(rng.standard_normal(shape, dtype=np.float32))


def places(rng: np.random.Generator, end: int, *shape: int) -> Array:
    """Whole numbers from 0 to ``end`` - 1."""
    return put(rng.integers(0, end, shape, dtype=np.int32))


def guides(rng: np.random.Generator, *shape: int, latent: int, noise: int) -> Guides:
    """Guides of batches of this shape."""
    return Guides(
        uniform(rng, *shape), normal(rng, *shape, latent), normal(rng, *shape, noise)
    )
