"""Training of the cluster VAE by noisy gradients under one budget.

Secret: rows, per-example gradients, losses (never computed as numbers, never logged),
and who takes part in a sampled step. Public: parameters after each step, and centroids
(each a release of its own).

Privacy: T adaptive Gaussian mechanisms of sensitivity C k and noise sigma cost
``rho = T (C k)^2 / (2 sigma^2)`` (Bun and Steinke 2016, proposition 1.6 and lemma 2.3);
every row takes part in every step, so there is no subsampling to account for. A table
that is too tall for this, judged by its *noisy* row count, is Poisson-sampled by unit
and priced by ``privacy.poisson``. Dividing by the noisy row count (times the sampling
rate, never the size of a sample), Adam and weight averaging are post-processing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import jax
import numpy as np
import optax

from fairveil._types import Params, Released
from fairveil.config import SUBSAMPLING_DELTA, VaeTraining
from fairveil.nn import vae
from fairveil.nn.layers import Array, ghost_clip, host_rng, put, zero_state
from fairveil.private.cluster import refresh_centroids
from fairveil.private.devices import summed
from fairveil.private.step import (
    COMPILED,
    ChunkSum,
    NamedSum,
    noisy_sum,
    row_normals,
)
from fairveil.private.view import Border

STAGE, STEPS, GRADIENT = "vae", "gradient steps", "gradient"
_SHARE_SLACK = 1e-9  # so that shares of delta that sum to the whole always fit
Progress = Callable[[int, int], None]


def fit_vae(  # noqa: PLR0913  (a mechanism with its budget, all by keyword)
    border: Border,
    *,
    shape: vae.VaeShape,
    training: VaeTraining,
    clusters: int,
    rho: float,
    n_hat: int,
    key: Array,
    start: Params | None = None,
    progress: Progress = lambda _done, _all: None,
) -> Released[Params]:
    """Train under ``rho``.

    Args:
        border: rows, ledger and noise.
        shape: network sizes.
        training: constants.
        clusters: number of centroids of the cluster term.
        rho: budget of the stage, centroid refreshes included.
        n_hat: released row count, at least 1.
        key: initialisation and latent noise.
        start: released parameters to go on from; None: fresh ones.
        progress: called with (steps done, steps).

    Returns:
        The averaged parameters.

    Raises:
        BudgetError: the ledger refuses; no row has been read.
    """
    refresh_rho = rho * training.refresh_share / max(training.refreshes, 1)
    steps_rho = rho * (1.0 - training.refresh_share) if training.refreshes else rho
    clip = training.l2_clip_norm if border.ledger.private else math.inf
    release, expected = _authorised(border, training, rho=steps_rho, n_hat=n_hat)
    optimiser, update = _descent(training)
    layers = vae.init(host_rng(key), shape) if start is None else start
    state, centroids = zero_state(optimiser, layers), None
    unknown = np.full((clusters, shape.latent), np.nan)  # one shape: compiled once
    average = layers
    weights = vae.VaeWeights(kl=training.kl, cluster=training.cluster)
    gradient = chunk_gradient(shape, weights, clip)
    constants = _constants(shape, weights, clip)
    refresh_at = _refresh_steps(training)
    for step in range(training.steps):
        step_key = jax.random.fold_in(key, step)
        if step in refresh_at:
            centroids = refresh_centroids(
                border,
                layers=average,
                shape=shape,
                previous=centroids,
                clusters=clusters,
                rho=refresh_rho,
                key=step_key,
            ).value
        held = unknown if centroids is None else centroids
        held = put(np.asarray(held, np.float32))
        total = release(
            NamedSum(gradient, GRADIENT, constants, (layers, held, step_key))
        )
        mean = jax.tree.map(lambda g: put((g / expected).astype(np.float32)), total)
        layers, state, average = update(layers, state, average, mean)
        progress(step + 1, training.steps)
    return Released(average, (f"{STAGE}/{STEPS}",))


def sampling_rate(training: VaeTraining, n_hat: int) -> float:
    """Chance of a unit to take part in a step: 1 unless the table is too tall."""
    return min(1.0, training.most_row_steps / (n_hat * training.steps))


def _authorised(
    border: Border, training: VaeTraining, *, rho: float, n_hat: int
) -> tuple[Callable[[ChunkSum], Params], float]:
    """The noisy sum that each step may take, and the rows expected in it."""
    rate = sampling_rate(training, n_hat)
    facts = {"bound": training.l2_clip_norm, "rho": rho, "count": training.steps}
    if rate == 1:
        stddev = border.gaussian(STAGE, STEPS, **facts)
        return partial(noisy_sum, border, noise_stddev=stddev), n_hat
    slack = border.ledger.delta * SUBSAMPLING_DELTA * (1.0 - _SHARE_SLACK)
    sampling = border.poisson(STAGE, STEPS, sampling_rate=rate, slack=slack, **facts)
    return partial(noisy_sum, border, sampling=sampling), n_hat * rate


def _refresh_steps(training: VaeTraining) -> set[int]:
    first = training.steps // 2
    gaps = np.linspace(first, training.steps, training.refreshes, endpoint=False)
    return {int(g) for g in gaps}


@lru_cache(maxsize=COMPILED)
def _descent(
    training: VaeTraining,
) -> tuple[optax.GradientTransformation, Callable[..., Any]]:
    """Adam, and its compiled step with that of the weight average, shared by fits."""
    schedule = optax.cosine_decay_schedule(
        training.learning_rate, training.steps, alpha=0.1
    )
    optimiser = optax.adam(schedule, b1=0.9, b2=0.99, eps=1e-4)
    decay = training.averaging

    def update(
        layers: Params, state: optax.OptState, average: Params, mean: Params
    ) -> tuple[Params, optax.OptState, Params]:
        changes, state = optimiser.update(mean, state, layers)
        layers = optax.apply_updates(layers, changes)
        average = jax.tree.map(
            lambda a, p: decay * a + (1 - decay) * p, average, layers
        )
        return layers, state, average

    return optimiser, jax.jit(update)


def _constants(
    shape: vae.VaeShape, weights: vae.VaeWeights, clip: float
) -> dict[str, Any]:
    """What ``named_gradient`` needs to make the same sum elsewhere."""
    return {**shape.facts(), "kl": weights.kl, "cluster": weights.cluster, "clip": clip}


def named_gradient(
    shape: vae.VaeShape, *, kl: float, cluster: float, clip: float
) -> Callable[..., Params]:
    """The gradient sum that these constants name."""
    return chunk_gradient(shape, vae.VaeWeights(kl=kl, cluster=cluster), clip)


@lru_cache(maxsize=COMPILED)
def chunk_gradient(
    shape: vae.VaeShape, weights: vae.VaeWeights, l2_clip_norm: float
) -> Callable[..., Params]:
    """Compiled sum of clipped gradients over a chunk, shared between fits.

    It takes (layers, centroids, key, codes, mask): all that a fit changes.
    """

    def gradient(
        layers: Params, centroids: Array, key: Array, codes: Array, mask: Array
    ) -> Params:
        noise = row_normals(key, codes, shape.latent)

        def loss(p: Params, taps: Params, rows: Array, eps: Array, on: Array):  # noqa: ANN202  (TappedLoss)
            losses, inputs = vae.tapped_loss(
                p, taps, rows, eps, shape=shape, weights=weights, centroids=centroids
            )
            return losses * on, inputs  # padding: zero loss, zero gradient

        batch = (shape.blocks.one_hot(codes), noise, mask)
        sums, _norms = ghost_clip(loss, layers, batch, l2_clip_norm=l2_clip_norm)
        return sums

    return summed(gradient, rows=2)
