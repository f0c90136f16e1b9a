"""Gaussian mixture in the latent space: draws and soft cluster assignment.

Pure functions of released parameters.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from fairveil._types import Floats
from fairveil.nn.layers import Array, put


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


def parameters(mixture: Mixture) -> tuple[Array, Array, Array]:
    """What ``placed`` needs: weights, means and roots of the covariances."""
    return (
        put(mixture.weights.astype(np.float32)),
        put(mixture.means.astype(np.float32)),
        put(np.linalg.cholesky(mixture.covariances).astype(np.float32)),
    )


def placed(
    mixture: tuple[Array, Array, Array], uniform: Array, normal: Array
) -> tuple[Array, Array]:
    """Latents (n, latent) of the mixture and their cluster (n,), of given draws.

    Args:
        mixture: its ``parameters``.
        uniform: draws (n,) from 0 to 1, which choose the clusters.
        normal: standard normal draws (n, latent).
    """
    weights, means, roots = mixture
    # by the inverse cdf: the library's categorical draws take five times as long to
    # compile, which is seconds of a fit
    reached = uniform[:, None] >= jnp.cumsum(weights)[:-1]
    clusters = reached.sum(axis=1, dtype=jnp.int32)
    moved = jnp.einsum("nij,nj->ni", roots[clusters], normal)
    return means[clusters] + moved, clusters


def assign_parameters(mixture: Mixture) -> tuple[Array, Array, Array]:
    """What ``assign_from`` needs: log-constants, means and precisions."""
    _sign, log_det = np.linalg.slogdet(mixture.covariances)
    constant = np.log(mixture.weights) - 0.5 * log_det
    return (
        put(constant.astype(np.float32)),
        put(mixture.means.astype(np.float32)),
        put(np.linalg.inv(mixture.covariances).astype(np.float32)),
    )


def assign_from(mixture: tuple[Array, Array, Array], latents: Array) -> Array:
    """Probability of each cluster given a latent, (n, clusters); differentiable."""
    constant, means, precisions = mixture
    gap = latents[:, None, :] - means
    inner = jnp.einsum("nki,kij,nkj->nk", gap, precisions, gap)
    return jax.nn.softmax(constant - 0.5 * inner, axis=1)
