"""The teacher: rows drawn from the released mixture through the released decoder.

Sees released parameters only. It guides the WGAN-GP and stands in for real rows
wherever the GAN of the paper looked at them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import jax

from fairveil._types import Params
from fairveil.nn import vae
from fairveil.nn.layers import Array
from fairveil.nn.mixture import Mixture, draw

BATCH = 16_384  # rows drawn at a time


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
    def step(self) -> Callable[[Array], Array]:
        """``BATCH`` rows from a key, compiled once for each model."""
        return jax.jit(lambda key: self.batch(key, BATCH))

    def batch(self, key: Array, n: int) -> Array:
        """Codes (n, columns), every column drawn from its softmax."""
        prior, cell_key = jax.random.split(key)
        latents, _clusters = draw(self.mixture, prior, n)
        log_probs = vae.decode(self.layers, self.shape, latents)
        return self.shape.blocks.sample(cell_key, log_probs)
