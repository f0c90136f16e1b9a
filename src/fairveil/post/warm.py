"""A warm start of the VAE: plain training on rows of the marginal model.

Sees generated rows only. The marginal model (independent columns under log-linear
weights) was fitted to released marginals, so its rows cost no privacy, whatever the
number of steps. What the noisy gradient steps on real rows then have to learn is only
what those marginals do not say.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from fairveil._types import Codes, Floats, Params
from fairveil.config import VaeTraining
from fairveil.nn import vae
from fairveil.nn.layers import Array, host_rng, put, zero_state
from fairveil.post import draws

Progress = Callable[[int, int], None]
_BURST = 100  # steps between two looks at the progress bar
_COMPILED = 16  # shapes of training whose compiled steps are kept
_LLOYD_STEPS = 15
_STARTS = 2_000  # latents that the first centroids are spread over


def warm_vae(
    rows: Codes,
    *,
    shape: vae.VaeShape,
    training: VaeTraining,
    key: Array,
    progress: Progress = lambda _done, _all: None,
) -> Params:
    """Train a VAE on generated rows (n, columns); returns its averaged parameters.

    Args:
        rows: rows of the marginal model.
        shape: network sizes.
        training: constants.
        key: initial weights, batches and latent noise.
        progress: called with (steps done, steps).
    """
    rng = host_rng(key)
    layers = vae.init(rng, shape)
    optimiser, run = _trainer(shape, training)
    state, held, done = (
        (layers, zero_state(optimiser, layers), layers),
        put(rows),
        0,
    )
    while done < training.warm_steps:
        burst = min(_BURST, training.warm_steps - done)
        picked = draws.places(rng, len(rows), burst, training.warm_batch)
        noise = draws.normal(rng, *picked.shape, shape.latent)
        jax.block_until_ready(state)  # else the draws of all bursts pile up
        state = run(state, held, picked, noise)
        done += burst
        progress(done, training.warm_steps)
    return state[2]


@lru_cache(maxsize=_COMPILED)
def _trainer(
    shape: vae.VaeShape, training: VaeTraining
) -> tuple[optax.GradientTransformation, Callable[..., Any]]:
    """Adam, and compiled steps over stacked draws."""
    rate = optax.cosine_decay_schedule(
        training.warm_rate, max(training.warm_steps, 1), alpha=0.05
    )
    optimiser, decay = optax.adam(rate), training.warm_averaging

    def step(
        state: tuple[Params, Any, Params], codes: Array, noise: Array
    ) -> tuple[Params, Any, Params]:
        layers, moments, average = state
        grads = jax.grad(_loss)(layers, shape, training.kl, codes, noise)
        changes, moments = optimiser.update(grads, moments, layers)
        layers = optax.apply_updates(layers, changes)
        average = jax.tree.map(
            lambda a, p: decay * a + (1 - decay) * p, average, layers
        )
        return layers, moments, average

    def run(state: Any, held: Array, picked: Array, noise: Array) -> Any:
        return jax.lax.scan(
            lambda s, d: (step(s, held[d[0]], d[1]), None), state, (picked, noise)
        )[0]

    return optimiser, jax.jit(run)


def _loss(
    layers: Params, shape: vae.VaeShape, kl: float, codes: Array, noise: Array
) -> Array:
    """Mean loss of a batch in nats; the cluster term waits for released centroids."""
    rows = shape.blocks.one_hot(codes)
    mean, log_var = vae.encode(layers, shape, rows)
    log_probs = vae.decode(layers, shape, mean + jnp.exp(0.5 * log_var) * noise)
    divergence = 0.5 * jnp.sum(jnp.exp(log_var) + mean**2 - 1.0 - log_var, axis=1)
    return jnp.mean(kl * divergence - jnp.sum(rows * log_probs, axis=1))


def warm_centroids(
    layers: Params, shape: vae.VaeShape, rows: Codes, clusters: int, seed: int
) -> Floats:
    """Plain K-Means on the latents of generated rows, shape ``(clusters, latent)``.

    First centroids by k-means++: what is wrong on real latents (P5) is free here.
    """
    latents = np.asarray(_latents(shape)(layers, put(rows)), dtype=np.float64)
    rng = np.random.default_rng(seed)
    centroids = _spread(
        latents[rng.choice(len(latents), min(_STARTS, len(latents)))], clusters, rng
    )
    for _ in range(_LLOYD_STEPS):
        nearest = _distances(latents, centroids).argmin(axis=1)
        member = np.eye(clusters)[nearest]
        counts = member.sum(axis=0)[:, None]
        moved = member.T @ latents / np.maximum(counts, 1.0)
        centroids = np.where(counts > 0, moved, centroids)
    return centroids


@lru_cache(maxsize=_COMPILED)
def _latents(shape: vae.VaeShape) -> Callable[..., Array]:
    """Compiled means of rows' latents: one program, not one for each operation."""
    return jax.jit(
        lambda layers, rows: vae.encode(layers, shape, shape.blocks.one_hot(rows))[0]
    )


def _spread(points: Floats, clusters: int, rng: np.random.Generator) -> Floats:
    """First centroids, each drawn by its squared distance to those before."""
    chosen = [points[rng.integers(len(points))]]
    while len(chosen) < clusters:
        gap = _distances(points, np.array(chosen)).min(axis=1)
        total = gap.sum()
        shares = gap / total if total > 0 else None
        chosen.append(points[rng.choice(len(points), p=shares)])
    return np.array(chosen)


def _distances(points: Floats, centroids: Floats) -> Floats:
    cross = points @ centroids.T
    raw = (points**2).sum(1)[:, None] - 2 * cross + (centroids**2).sum(1)[None]
    return np.maximum(raw, 0.0)  # rounding may fall below
