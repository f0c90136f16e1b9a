"""Generator and critic of the WGAN-GP, guided by latents and cluster labels.

Pure functions. The generator starts as the VAE's decoder: the weights of its extra
inputs (cluster label, noise) and of its extra hidden units begin at zero, so before the
first step it *is* the decoder. The critic is unconstrained (no sigmoid, no batch
coupling) and sees the row beside the cluster label.

Source: Gulrajani et al. 2017 (gradient penalty); Adouani and Chelly Dagdia 2025
(guides).
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from fairveil.nn.blocks import Blocks
from fairveil.nn.layers import Array, Layers, leaky, linear_init, mlp, mlp_init, put


@dataclass(frozen=True, kw_only=True)
class GanShape:
    """Sizes of the networks: public constants.

    Attributes:
        blocks: the columns.
        latent: latent dimensions of the guide.
        clusters: number of cluster labels.
        noise: dimensions of fresh noise.
        hidden: widths of the decoder's hidden layers.
        extra: hidden units of the generator beyond them, in each layer.
        critic: widths of the critic's hidden layers.
    """

    blocks: Blocks
    latent: int
    clusters: int
    noise: int = 8
    hidden: tuple[int, ...] = (64,)
    extra: int = 64
    critic: tuple[int, ...] = (128, 64)

    @property
    def guide(self) -> int:
        """Length of the generator's input."""
        return self.latent + self.clusters + self.noise


def generator_from_decoder(
    rng: np.random.Generator, shape: GanShape, decoder: Layers
) -> Layers:
    """A generator (``gen0, gen1, ...``) that equals the decoder (``dec0, ...``).

    Each hidden layer gets ``shape.extra`` fresh units that nothing listens to yet.
    """
    taught = [decoder[f"dec{i}"] for i in range(len(shape.hidden) + 1)]
    wider = [h + shape.extra for h in shape.hidden]
    sizes = [shape.guide, *wider, shape.blocks.width]
    out: Layers = {}
    for i, old in enumerate(taught):
        layer = linear_init(rng, sizes[i], sizes[i + 1])
        w, b = (np.array(layer[part]) for part in ("w", "b"))  # copies, on the host
        n_in, n_out = old["w"].shape
        w[:, :n_out] = 0.0
        w[:n_in, :n_out], b[:n_out] = old["w"], old["b"]
        out[f"gen{i}"] = {"w": put(w), "b": put(b)}
    return out


def generate(layers: Layers, shape: GanShape, guide: Array) -> Array:
    """Log-probabilities (n, width) of guides (n, guide)."""
    out = mlp(layers, guide, prefix="gen", activation=jnp.tanh)
    return shape.blocks.log_softmax(out)


def make_guide(shape: GanShape, latents: Array, clusters: Array, noise: Array) -> Array:
    """Generator inputs (n, guide) from latents, cluster labels (n,) and noise."""
    label = jax.nn.one_hot(clusters, shape.clusters)
    return jnp.concatenate([latents, label, noise], axis=1)


def critic_init(rng: np.random.Generator, shape: GanShape) -> Layers:
    """Fresh critic: ``critic0`` and on, one output without bound."""
    sizes = (shape.blocks.width + shape.clusters, *shape.critic, 1)
    return mlp_init(rng, sizes, prefix="critic")


def criticise(layers: Layers, rows: Array) -> Array:
    """Critic's value (n,) of rows beside their cluster assignment."""
    return mlp(layers, rows, prefix="critic", activation=leaky)[:, 0]


def critic_loss(
    layers: Layers, real: Array, fake: Array, mix: Array, *, penalty: float
) -> Array:
    """Wasserstein loss with gradient penalty on lines between real and fake rows.

    Args:
        layers: of the critic.
        real, fake: rows beside their cluster assignment (n, width + clusters).
        mix: places on the lines, uniform draws (n, 1); 1 is the real row.
        penalty: weight of the gradient penalty.
    """
    between = mix * real + (1.0 - mix) * fake
    slopes = jax.grad(lambda x: criticise(layers, x).sum())(between)
    norms = jnp.sqrt(jnp.sum(slopes**2, axis=1) + 1e-12)
    gap = criticise(layers, fake).mean() - criticise(layers, real).mean()
    return gap + penalty * jnp.mean((norms - 1.0) ** 2)
