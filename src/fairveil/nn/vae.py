"""The clustering VAE: per-example loss and forward passes, without batch coupling.

Pure functions of parameters and arrays. A row enters as one-hot blocks; the decoder
gives a softmax per column. The loss of one example depends on that example, its latent
noise and *released* centroids only, which is what per-example clipping needs.

Adapted from Adouani and Chelly Dagdia (ECML PKDD 2025), section on the cluster VAE:
their squared error becomes a cross-entropy per column; the hard centroid term is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from fairveil.nn.blocks import Blocks
from fairveil.nn.layers import Array, Layers, Taps, linear, mlp, mlp_init


@dataclass(frozen=True, kw_only=True)
class VaeShape:
    """Sizes of the network: all public constants.

    Attributes:
        blocks: the columns.
        hidden: widths of the encoder's hidden layers; the decoder mirrors them.
        latent: number of latent dimensions.
    """

    blocks: Blocks
    hidden: tuple[int, ...] = (64,)
    latent: int = 8

    @property
    def input_scale(self) -> float:
        """Factor that gives every one-hot row the norm 1."""
        return len(self.blocks.sizes) ** -0.5

    def facts(self) -> dict[str, Any]:
        """The sizes, as JSON can hold them."""
        return {
            "sizes": list(self.blocks.sizes),
            "hidden": list(self.hidden),
            "latent": self.latent,
        }


@dataclass(frozen=True, kw_only=True)
class VaeWeights:
    """Weights of the loss terms (public constants).

    Attributes:
        kl: of the divergence to N(0, I).
        cluster: of the squared distance to the nearest released centroid.
    """

    kl: float = 1.0
    cluster: float = 0.05


def init(rng: np.random.Generator, shape: VaeShape) -> Layers:
    """Fresh parameters: ``enc0, enc1, ...`` and ``dec0, dec1, ...``."""
    wide, hidden = shape.blocks.width, shape.hidden
    return mlp_init(rng, (wide, *hidden, 2 * shape.latent), prefix="enc") | (
        mlp_init(rng, (shape.latent, *hidden[::-1], wide), prefix="dec")
    )


def encode(layers: Layers, shape: VaeShape, rows: Array) -> tuple[Array, Array]:
    """Mean and log-variance (n, latent) of wide rows (n, width)."""
    out = mlp(layers, _scaled(shape, rows), prefix="enc", activation=jnp.tanh)
    return _split(out, shape)


def decode(layers: Layers, shape: VaeShape, latents: Array) -> Array:
    """Log-probabilities (n, width) of latents (n, latent)."""
    out = mlp(layers, latents, prefix="dec", activation=jnp.tanh)
    return shape.blocks.log_softmax(out)


def tapped_loss(
    layers: Layers,
    taps: Taps,
    rows: Array,
    noise: Array,
    *,
    shape: VaeShape,
    weights: VaeWeights,
    centroids: Array,
) -> tuple[Array, dict[str, Array]]:
    """Per-example losses, with every linear layer behind a tap.

    Args:
        layers: parameters.
        taps: see ``nn.layers``.
        rows: one-hot rows (n, width).
        noise: standard normal draws of the latent (n, latent).
        shape: sizes.
        weights: of the terms.
        centroids: released centroids (clusters, latent); not-a-number before the
            first, when the term of the clusters is zero.

    Returns:
        Losses (n,) in nats, and the input of each layer for ``ghost_clip``.
    """
    inputs: dict[str, Array] = {}

    def tapped(name: str, x: Array) -> Array:
        inputs[name] = x
        return linear(layers[name], x) + taps[name]

    def network(x: Array, prefix: str) -> Array:
        return mlp(layers, x, prefix=prefix, activation=jnp.tanh, apply=tapped)

    mean, log_var = _split(network(_scaled(shape, rows), "enc"), shape)
    logits = network(mean + jnp.exp(0.5 * log_var) * noise, "dec")
    reconstruction = shape.blocks.cross_entropy(rows, logits)
    kl = 0.5 * jnp.sum(jnp.exp(log_var) + mean**2 - 1.0 - log_var, axis=1)
    loss = reconstruction + weights.kl * kl
    known = jnp.isfinite(centroids).all()
    near = nearest_distance(mean, jnp.where(known, centroids, 0.0))
    return loss + jnp.where(known, weights.cluster, 0.0) * near, inputs


def nearest_distance(latents: Array, centroids: Array) -> Array:
    """Squared distance (n,) to the nearest centroid."""
    return squared_distances(latents, centroids).min(axis=1)


def squared_distances(latents: Array, centroids: Array) -> Array:
    """Squared distances (n, clusters)."""
    return jnp.sum((latents[:, None, :] - centroids[None]) ** 2, axis=-1)


def _scaled(shape: VaeShape, rows: Array) -> Array:
    return rows * shape.input_scale


def _split(out: Array, shape: VaeShape) -> tuple[Array, Array]:
    mean, raw = out[:, : shape.latent], out[:, shape.latent :]
    return mean, 4.0 * jnp.tanh(raw / 4.0)  # variances stay within e^-4 and e^4
