"""The trained generator: fresh guides from the prior, codes of rows out.

Sees released parameters only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np

from fairveil._types import Codes, Params
from fairveil.marginals import Sizes
from fairveil.nn import vae, wgan
from fairveil.nn.layers import Array
from fairveil.nn.mixture import draw
from fairveil.post.gibbs import Base
from fairveil.post.teacher import BATCH, Teacher


@dataclass(frozen=True)
class Generator:
    """A trained generator and the teacher whose latents guide it.

    Attributes:
        layers: generator parameters.
        shape: sizes.
        teacher: gives the guide, and the sensitive columns where they are anchored.
        anchored: positions of columns that keep the guiding teacher draw's value.
    """

    layers: Params
    shape: wgan.GanShape
    teacher: Teacher
    anchored: tuple[int, ...] = ()

    @cached_property
    def step(self) -> Callable[[Array], tuple[Array, Array]]:
        """``BATCH`` rows from a key, compiled once for each model."""
        return jax.jit(lambda key: self.batch(key, BATCH))

    def batch(self, key: Array, n: int) -> tuple[Array, Array]:
        """Codes (n, columns) of fresh guides, and their log-probabilities."""
        guide_key, cell_key = jax.random.split(key)
        latents, guide = draw_guide(self.teacher, self.shape, guide_key, n)
        log_probs = self.log_probs(self.layers, latents, guide)
        return self.shape.blocks.sample(cell_key, log_probs), log_probs

    def log_probs(self, layers: Params, latents: Array, guide: Array) -> Array:
        """Log-probabilities (n, width); anchored columns are the teacher's."""
        own = wgan.generate(layers, self.shape, guide)
        if not self.anchored:
            return own
        taught = vae.decode(self.teacher.layers, self.teacher.shape, latents)
        anchor = jnp.asarray(self.shape.blocks.mask(self.anchored)) > 0
        return jnp.where(anchor, taught, own)


def draw_guide(
    teacher: Teacher, shape: wgan.GanShape, key: Array, n: int
) -> tuple[Array, Array]:
    """Latents (n, latent), and generator inputs (n, guide) with label and noise."""
    prior_key, noise_key = jax.random.split(key)
    latents, clusters = draw(teacher.mixture, prior_key, n)
    noise = jax.random.normal(noise_key, (n, shape.noise))
    return latents, wgan.make_guide(shape, latents, clusters, noise)


class RowSource:
    """Fresh rows of a generator or a teacher, compiled once.

    Args:
        model: anything with ``step(key) -> (codes, log-probabilities)`` of ``BATCH``
            rows.
        seed: 32-bit seed of all its draws.
        sizes: number of codes of each column.
    """

    def __init__(self, model: Generator | Teacher, seed: int, sizes: Sizes) -> None:
        self._step = model.step
        self._key = jax.random.key(seed)
        self._drawn = 0
        self._ends = np.cumsum(sizes)[:-1]

    def next(self) -> tuple[Codes, Base]:
        """The next ``BATCH`` rows (BATCH, columns), and what each was drawn under."""
        self._drawn += 1
        codes, wide = self._step(jax.random.fold_in(self._key, self._drawn))
        parts = np.split(np.asarray(wide, dtype=np.float32), self._ends, axis=1)
        return np.asarray(codes), [np.ascontiguousarray(part) for part in parts]

    def rows(self, n: int) -> tuple[Codes, Base]:
        """The next n rows, and what each was drawn under."""
        drawn = [self.next() for _ in range(max(-(-n // BATCH), 1))]
        codes = np.concatenate([codes for codes, _base in drawn])[:n]
        columns = zip(*(base for _codes, base in drawn), strict=True)
        return codes, [np.concatenate(parts)[:n] for parts in columns]
