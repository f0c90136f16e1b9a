"""The teacher: rows drawn from the released mixture through the released decoder.

Sees released parameters only. It guides the WGAN-GP and stands in for real rows
wherever the GAN of the paper looked at them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

import jax
import numpy as np

from fairveil._types import Params
from fairveil.nn import vae
from fairveil.nn.layers import Array
from fairveil.nn.mixture import Mixture, parameters, placed
from fairveil.post import draws

BATCH = 4096  # rows drawn at a time
_COMPILED = 16  # shapes of models whose compiled draws are kept


@dataclass(frozen=True)
class Teacher:
    """Released decoder and prior.

    Attributes:
        layers: VAE parameters.
        shape: network sizes.
        mixture: the prior.
    """

    layers: Params
    shape: vae.VaeShape
    mixture: Mixture

    @cached_property
    def step(self) -> Callable[[np.random.Generator], Array]:
        """Log-probabilities of ``BATCH`` fresh rows, (BATCH, width).

        Compiled once for each shape of model.
        """
        return lambda rng: self._drawn(rng, BATCH)

    def batch(self, rng: np.random.Generator, n: int) -> tuple[Array, Array]:
        """Codes (n, columns), drawn from the log-probabilities (n, width) beside."""
        log_probs = self._drawn(rng, n)
        uniform = draws.uniform(rng, n, len(self.shape.blocks.sizes))
        return self.shape.blocks.sample(uniform, log_probs), log_probs

    def _drawn(self, rng: np.random.Generator, n: int) -> Array:
        """Log-probabilities (n, width) under fresh draws of the prior."""
        cluster, latent = draws.uniform(rng, n), draws.normal(rng, n, self.shape.latent)
        prior = parameters(self.mixture)
        return _compiled(self.shape)(self.layers, prior, cluster, latent)


@lru_cache(maxsize=_COMPILED)
def _compiled(shape: vae.VaeShape) -> Callable[..., Array]:
    def decoded(
        layers: Params, prior: tuple[Array, Array, Array], cluster: Array, latent: Array
    ) -> Array:
        return vae.decode(layers, shape, placed(prior, cluster, latent)[0])

    return jax.jit(decoded)
