"""The teacher: rows drawn from the released mixture through the released decoder.

Sees released parameters only. It guides the WGAN-GP and stands in for real rows
wherever the GAN of the paper looked at them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial

import jax

from fairveil._types import Params
from fairveil.nn import vae
from fairveil.nn.layers import Array
from fairveil.nn.mixture import Mixture, draw_from, parameters

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
    def step(self) -> Callable[[Array], Array]:
        """Log-probabilities of ``BATCH`` rows from a key, (BATCH, width).

        Compiled once for each shape of model.
        """
        run, prior = _compiled(self.shape, BATCH), parameters(self.mixture)
        return lambda key: run(self.layers, prior, key)

    def batch(self, key: Array, n: int) -> tuple[Array, Array]:
        """Codes (n, columns), drawn from the log-probabilities (n, width) beside."""
        prior_key, cell_key = jax.random.split(key)
        log_probs = _guided(
            self.layers, parameters(self.mixture), prior_key, shape=self.shape, n=n
        )
        return self.shape.blocks.sample(cell_key, log_probs), log_probs


@lru_cache(maxsize=_COMPILED)
def _compiled(shape: vae.VaeShape, n: int) -> Callable[..., Array]:
    return jax.jit(partial(_guided, shape=shape, n=n))


def _guided(
    layers: Params,
    prior: tuple[Array, Array, Array],
    key: Array,
    *,
    shape: vae.VaeShape,
    n: int,
) -> Array:
    """Log-probabilities under fresh draws of the prior."""
    latents, _clusters = draw_from(prior, key, n)
    return vae.decode(layers, shape, latents)
