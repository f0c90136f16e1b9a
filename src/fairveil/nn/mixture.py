"""Gaussian mixture in the latent space: draws and soft cluster assignment.

Pure functions of released parameters.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from fairveil._types import Floats
from fairveil.nn.layers import Array


@dataclass(frozen=True)
class Mixture:
    """Gaussian mixture in the latent space: released, hence free to use.

    Attributes:
        weights: shape ``(clusters,)``, positive, sum 1.
        means: shape ``(clusters, latent)``.
        covariances: shape ``(clusters, latent, latent)``, positive definite.
    """

    weights: Floats
    means: Floats
    covariances: Floats

    @property
    def clusters(self) -> int:
        """Number of components."""
        return len(self.weights)

    @property
    def latent(self) -> int:
        """Number of latent dimensions."""
        return self.means.shape[1]


def draw(mixture: Mixture, key: Array, n: int) -> tuple[Array, Array]:
    """Latents (n, latent) and their cluster (n,)."""
    which, noise = jax.random.split(key)
    logits = jnp.log(jnp.asarray(mixture.weights, jnp.float32))
    clusters = jax.random.categorical(which, logits, shape=(n,))
    roots = jnp.asarray(np.linalg.cholesky(mixture.covariances), jnp.float32)
    normal = jax.random.normal(noise, (n, mixture.latent))
    moved = jnp.einsum("nij,nj->ni", roots[clusters], normal)
    return jnp.asarray(mixture.means, jnp.float32)[clusters] + moved, clusters


def soft_assign(mixture: Mixture, latents: Array) -> Array:
    """Probability of each cluster given a latent, (n, clusters); differentiable."""
    precisions = np.linalg.inv(mixture.covariances)
    _sign, log_det = np.linalg.slogdet(mixture.covariances)
    constant = np.log(mixture.weights) - 0.5 * log_det
    gap = latents[:, None, :] - jnp.asarray(mixture.means, jnp.float32)
    inner = jnp.einsum(
        "nki,kij,nkj->nk", gap, jnp.asarray(precisions, jnp.float32), gap
    )
    return jax.nn.softmax(jnp.asarray(constant, jnp.float32) - 0.5 * inner, axis=1)
