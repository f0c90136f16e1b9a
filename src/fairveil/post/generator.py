"""The trained generator: fresh guides from the prior, codes of rows out.

Sees released parameters only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from fairveil._types import Codes, Params
from fairveil.marginals import Sizes
from fairveil.nn import vae, wgan
from fairveil.nn.layers import Array
from fairveil.nn.mixture import parameters, placed
from fairveil.post import draws
from fairveil.post.gibbs import Base, Sweeper
from fairveil.post.teacher import BATCH, Teacher

Prior: TypeAlias = tuple[Array, Array, Array]
Shapes: TypeAlias = tuple[wgan.GanShape, vae.VaeShape, tuple[int, ...]]
_COMPILED = 16  # shapes of models whose compiled draws are kept


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
    def step(self) -> Callable[[np.random.Generator], Array]:
        """Log-probabilities of ``BATCH`` fresh rows, compiled once for a shape."""
        run = _compiled(self.shape, self.teacher.shape, self.anchored)
        held = (self.layers, self.teacher.layers, parameters(self.teacher.mixture))
        of_one = {"latent": self.shape.latent, "noise": self.shape.noise}
        return lambda rng: run(*held, draws.guides(rng, BATCH, **of_one))

    def log_probs(self, layers: Params, latents: Array, guide: Array) -> Array:
        """Log-probabilities (n, width); anchored columns are the teacher's."""
        shapes = (self.shape, self.teacher.shape, self.anchored)
        return log_probs(layers, self.teacher.layers, latents, guide, shapes=shapes)


def log_probs(
    layers: Params, taught: Params, latents: Array, guide: Array, *, shapes: Shapes
) -> Array:
    """Log-probabilities (n, width) under a generator's and its teacher's parameters."""
    shape, teacher, anchored = shapes
    own = wgan.generate(layers, shape, guide)
    if not anchored:
        return own
    anchor = jnp.asarray(shape.blocks.mask(anchored)) > 0
    return jnp.where(anchor, vae.decode(taught, teacher, latents), own)


@lru_cache(maxsize=_COMPILED)
def _compiled(
    shape: wgan.GanShape, teacher: vae.VaeShape, anchored: tuple[int, ...]
) -> Callable[..., Array]:
    """A step of all models of these shapes: what was learnt comes in as arguments."""

    def step(
        layers: Params, taught: Params, prior: Prior, drawn: draws.Guides
    ) -> Array:
        latents, guide = guided(prior, shape, drawn)
        shapes = (shape, teacher, anchored)
        return log_probs(layers, taught, latents, guide, shapes=shapes)

    return jax.jit(step)


def guided(
    prior: Prior, shape: wgan.GanShape, drawn: draws.Guides
) -> tuple[Array, Array]:
    """Latents (n, latent), and generator inputs (n, guide) with label and noise."""
    latents, clusters = placed(prior, drawn.cluster, drawn.latent)
    return latents, wgan.make_guide(shape, latents, clusters, drawn.noise)


class RowSource:
    """Fresh rows of a generator or a teacher, batch by batch.

    Args:
        model: anything with ``step(rng) -> log-probabilities`` of ``BATCH`` rows.
        seed: 32-bit seed of all its draws.
        sizes: number of codes of each column.
    """

    def __init__(self, model: Generator | Teacher, seed: int, sizes: Sizes) -> None:
        self._step = model.step
        self._seed = seed
        self._drawn = 0
        self._sizes, self._ends = sizes, np.cumsum(sizes)[:-1]

    def base(self, batch: int) -> npt.NDArray[np.float32]:
        """Log-probabilities of one batch's rows, (BATCH, width); the same each time."""
        rng = np.random.default_rng([self._seed, batch, 1])  # apart from the cells' own
        return np.asarray(self._step(rng), np.float32)

    def parted(self, wide: npt.NDArray[np.float32]) -> Base:
        """Column by column, what stands side by side."""
        return np.split(wide, self._ends, axis=1)

    def next(self) -> tuple[Codes, Base]:
        """The next ``BATCH`` rows (BATCH, columns), and what each was drawn under."""
        self._drawn += 1
        wide = self.base(self._drawn)
        rng = np.random.default_rng([self._seed, self._drawn])
        probs = self.parted(np.exp(wide))
        codes = Sweeper(self._sizes, (), ()).first(len(wide), probs, rng)
        parts = [np.ascontiguousarray(part) for part in self.parted(wide)]
        return codes.T.astype(np.int32), parts

    def rows(self, n: int) -> tuple[Codes, Base]:
        """The next n rows, and what each was drawn under."""
        drawn = [self.next() for _ in range(max(-(-n // BATCH), 1))]
        codes = np.concatenate([codes for codes, _base in drawn])[:n]
        columns = zip(*(base for _codes, base in drawn), strict=True)
        return codes, [np.concatenate(parts)[:n] for parts in columns]
