"""DP K-Means in the latent space, and the Gaussian mixture that it releases.

Secret: latents of real rows and their cluster (P4: a DP encoder does not make them DP).
Public: noisy counts, sums and second moments, and what is computed from them.

Privacy: a row's latent is cut to norm R and joins one cluster. Blocks scaled to
(1, z / R, z z' / R^2) have L2 norm at most sqrt(2) without and sqrt(3) with the second
moments; adding or removing the row changes the stacked sum by that much. R and the
number of clusters are constants; first centroids are released, or draws from the prior.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fairveil._types import Codes, Floats, Params, Released
from fairveil.nn import vae
from fairveil.nn.layers import Array, host_rng, put
from fairveil.nn.mixture import Mixture
from fairveil.private.devices import by_rows
from fairveil.private.step import COMPILED, NamedSum, noisy_sum, row_normals
from fairveil.private.view import Border

Sums = dict[str, Floats]
STAGE, MOMENTS = "k-means", "moments"
_NORM_MARGIN = 1e-3  # keeps float32 latents within the sensitivity
_LEAST_VARIANCE = 0.02
_SPLIT = 0.5  # distance at which an empty cluster restarts from a heavy one


def radius(latent: int) -> float:
    """The constant R: a standard normal latent rarely lies outside it."""
    return math.sqrt(latent) * 1.25


def refresh_centroids(
    border: Border,
    *,
    layers: Params,
    shape: vae.VaeShape,
    previous: Floats | None,
    clusters: int,
    rho: float,
    key: Array,
) -> Released[Floats]:
    """Two noisy Lloyd steps, shape ``(clusters, latent)``.

    Args:
        border: rows, ledger and noise.
        layers: released VAE parameters.
        shape: network sizes.
        previous: released centroids to start from; None: draws from the prior.
        clusters: number of centroids.
        rho: budget.
        key: draws from the prior.
    """
    start = _prior_draws(key, clusters, shape) if previous is None else previous
    return Released(
        _lloyd(border, layers, shape, start, steps=2, rho=rho, key=key),
        (f"{STAGE}/centroids",),
    )


def fit_mixture(
    border: Border,
    *,
    layers: Params,
    shape: vae.VaeShape,
    clusters: int,
    lloyd_steps: int,
    rho: float,
    key: Array,
    start: Floats | None = None,
) -> Released[Mixture]:
    """DP K-Means, then one joint release of counts, sums and second moments.

    Half of ``rho`` finds the centroids, half measures the moments around them.

    Args:
        border: rows, ledger and noise.
        layers: released VAE parameters.
        shape: network sizes.
        clusters: number of centroids.
        lloyd_steps: noisy Lloyd steps.
        rho: budget.
        key: draws from the prior, latent noise.
        start: released centroids to start from; None: draws from the prior.

    Raises:
        BudgetError: the ledger refuses; no row has been read.
    """
    first = _prior_draws(key, clusters, shape) if start is None else start
    centroids = _lloyd(
        border, layers, shape, first, steps=lloyd_steps, rho=rho / 2, key=key
    )
    stddev = border.gaussian(STAGE, "moments", bound=math.sqrt(3.0), rho=rho / 2)
    moments = _chunk_moments(shape, second=True)
    noisy = noisy_sum(
        border,
        NamedSum(
            moments,
            MOMENTS,
            {**shape.facts(), "second": True},
            (layers, put(np.asarray(centroids, np.float32)), key),
        ),
        noise_stddev=stddev,
    )
    return Released(_mixture(noisy, centroids, shape, stddev), (f"{STAGE}/moments",))


def _lloyd(
    border: Border,
    layers: Params,
    shape: vae.VaeShape,
    start: Floats,
    *,
    steps: int,
    rho: float,
    key: Array,
) -> Floats:
    stddev = border.gaussian(
        STAGE, "centroids", bound=math.sqrt(2.0), rho=rho, count=steps
    )
    moments = _chunk_moments(shape, second=False)
    centroids = start
    for step in range(steps):
        held = put(np.asarray(centroids, np.float32))
        noisy = noisy_sum(
            border,
            NamedSum(
                moments,
                MOMENTS,
                {**shape.facts(), "second": False},
                (layers, held, jax.random.fold_in(key, step)),
            ),
            noise_stddev=stddev,
        )
        centroids = _means(noisy, centroids, shape, stddev)
    return centroids


def _prior_draws(key: Array, clusters: int, shape: vae.VaeShape) -> Floats:
    return host_rng(key).standard_normal((clusters, shape.latent))


def named_moments(shape: vae.VaeShape, *, second: bool) -> Callable[..., Sums]:
    """The sum of moments that these constants name."""
    return _chunk_moments(shape, second=second)


def _chunk_moments(shape: vae.VaeShape, *, second: bool) -> Callable[..., Sums]:
    """Sums over a chunk of the scaled blocks of each row's cluster.

    The network runs in float32, the sums in float64: over millions of rows the rounding
    of float32 sums would pass the margin.
    """
    return partial(_moments, _latents(shape), second)


@lru_cache(maxsize=COMPILED)
def _latents(shape: vae.VaeShape) -> Callable[..., tuple[Array, Array]]:
    """Compiled latents in units of the radius, and clusters, of rows; shared by fits.

    It takes (layers, centroids, key, drawn, codes); where ``drawn`` is false, a row's
    latent is its mean.
    """
    limit = radius(shape.latent)

    def latents(
        layers: Params, centroids: Array, key: Array, drawn: Array, codes: Array
    ) -> tuple[Array, Array]:
        mean, log_var = vae.encode(layers, shape, shape.blocks.one_hot(codes))
        noise = row_normals(key, codes, shape.latent)
        draw = mean + jnp.exp(0.5 * log_var) * noise
        z = cut(jnp.where(drawn, draw, mean), limit)
        nearest = vae.squared_distances(cut(mean, limit), centroids).argmin(axis=1)
        return z / limit, nearest

    return by_rows(latents, rows=1)


def _moments(  # noqa: PLR0917  (a chunk sum, behind what was compiled for it)
    latents: Callable[..., tuple[Array, Array]],
    second: bool,  # noqa: FBT001  (bound by partial, by position)
    layers: Params,
    centroids: Array,
    key: Array,
    codes: Codes,
    mask: np.ndarray,
) -> Sums:
    units, nearest = (
        np.asarray(part)
        for part in latents(layers, centroids, key, np.bool_(second), codes)
    )
    unit = units.astype(np.float64)
    weighted = unit * np.asarray(mask)[:, None]
    clusters, width = len(centroids), unit.shape[1]
    sums = {
        "counts": np.bincount(nearest, weights=mask, minlength=clusters),
        "sums": np.zeros((clusters, width)),
    }
    if second:
        sums["seconds"] = np.zeros((clusters, width, width))
    for k in range(clusters):  # a product for each cluster: no row's own is ever stored
        rows = np.flatnonzero(nearest == k)
        sums["sums"][k] = weighted[rows].sum(axis=0)
        if second:
            # without BLAS: its threads would spin against those of the network
            sums["seconds"][k] = np.einsum("ni,nj->ij", unit[rows], weighted[rows])
    return sums


def cut(latents: Array, limit: float) -> Array:
    """Latents cut to norm ``limit``; not-a-number becomes zero."""
    clean = jnp.where(jnp.isfinite(latents).all(-1, keepdims=True), latents, 0.0)
    norm = jnp.sqrt(jnp.sum(clean**2, -1, keepdims=True))
    return clean * jnp.minimum(1.0, limit * (1 - _NORM_MARGIN) / (norm + 1e-12))


def _floor(stddev: float) -> float:
    """Noisy count below which a cluster is held to be empty."""
    return 3.0 * stddev + 1.0


def _means(
    noisy: dict[str, Floats], previous: Floats, shape: vae.VaeShape, stddev: float
) -> Floats:
    """Noisy means, cut to the radius; an empty cluster moves beside a heavy one.

    The move is a fixed small step from the heaviest cluster along the direction in
    which the empty one lay: post-processing of released numbers.
    """
    counts, limit = noisy["counts"], radius(shape.latent)
    alive = counts > _floor(stddev)
    means = noisy["sums"] * limit / np.maximum(counts, 1.0)[:, None]
    norms = np.linalg.norm(means, axis=1, keepdims=True)
    means *= np.minimum(1.0, limit / np.maximum(norms, 1e-12))
    heavy = means[int(np.argmax(counts))]
    away = previous - heavy
    away *= _SPLIT / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-12)
    return np.where(alive[:, None], means, heavy + away)


def _mixture(
    noisy: dict[str, Any], previous: Floats, shape: vae.VaeShape, stddev: float
) -> Mixture:
    """Post-processing: empty clusters dropped, covariances made positive definite."""
    counts, limit = noisy["counts"], radius(shape.latent)
    alive = counts > _floor(stddev)
    if not alive.any():  # nothing stands out of the noise: the prior itself
        eye = np.eye(shape.latent)[None]
        return Mixture(np.ones(1), np.zeros((1, shape.latent)), eye)
    means = _means(noisy, previous, shape, stddev)[alive]
    seconds = noisy["seconds"][alive] * limit**2 / counts[alive, None, None]
    raw = seconds - means[:, :, None] * means[:, None, :]
    noise = stddev * limit**2 / counts[alive]
    covariances = np.stack(
        [_positive(c, float(s)) for c, s in zip(raw, noise, strict=True)]
    )
    weights = counts[alive] / counts[alive].sum()
    return Mixture(weights, means, covariances)


def _positive(matrix: Floats, noise: float) -> Floats:
    """Nearest positive definite matrix, shrunk to its diagonal where noise rules."""
    sym = (matrix + matrix.T) / 2
    off = sym - np.diag(np.diag(sym))
    signal = float(np.mean(off**2))
    keep = max(0.0, 1.0 - noise**2 / 2 / max(signal, 1e-12))
    values, vectors = np.linalg.eigh(np.diag(np.diag(sym)) + keep * off)
    values = np.clip(values, _LEAST_VARIANCE, 4.0)
    return (vectors * values) @ vectors.T
