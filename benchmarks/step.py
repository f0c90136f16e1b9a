"""What a DP step costs beside a plain one: ``python benchmarks/step.py``.

Times, in turn within one process, full passes over Adult-sized codes: the clipped,
summed and noised gradient of ``private/step.py``, the plain gradient sum of the same
loss over the same chunks, and the textbook way of clipping (the gradient of each row by
``jax.vmap``). Prints the median ratios over the rounds and their ranges.
"""

from __future__ import annotations

import math
import time
from functools import partial
from statistics import median

import jax
import jax.numpy as jnp
import numpy as np

from fairveil.nn import vae
from fairveil.nn.blocks import Blocks
from fairveil.nn.layers import zero_taps
from fairveil.privacy.ledger import Ledger
from fairveil.privacy.noise import NoiseSource
from fairveil.private.fit_vae import chunk_gradient
from fairveil.private.step import noisy_sum, row_normals
from fairveil.private.view import Border, Sensitive

SIZES = (24, 9, 16, 14, 7, 15, 6, 5, 2, 14, 9, 28, 42, 2)
ROWS, PAIRS = 22_792, 15


def main() -> None:
    times = rounds()
    for name, seconds in times.items():
        print(f"{name:10s} {median(seconds) * 1e3:8.1f} ms")
    for name in ("DP step", "vmap step"):
        middle, low, high = ratio(times, name)
        print(f"{name} / plain step {middle:6.2f} ({low:.2f} to {high:.2f})")
        if not math.isfinite(middle):
            raise SystemExit(1)


def ratio(times: dict[str, list[float]], name: str) -> tuple[float, float, float]:
    """Median, least and largest ratio to the plain step of the same round."""
    pairs = zip(times[name], times["plain step"], strict=True)
    found = [a / b for a, b in pairs]
    return median(found), min(found), max(found)


def rounds() -> dict[str, list[float]]:
    """Seconds of each kind of step, one after the other in every round."""
    shape = vae.VaeShape(blocks=Blocks(SIZES))
    layers = vae.init(jax.random.key(0), shape)
    rng = np.random.default_rng(0)
    codes = np.stack([rng.integers(0, s, ROWS) for s in SIZES], axis=1)
    rows = Sensitive(codes.astype(np.int32), sizes=SIZES)
    border = Border(rows, Ledger(epsilon=1.0, delta=1e-5), NoiseSource.secure())
    weights = vae.VaeWeights()
    kinds = {
        "DP step": (chunk_gradient(shape, weights, 1.0), 90.0),
        "plain step": (plain_gradient(shape, weights), 0.0),
        "vmap step": (vmap_gradient(shape, weights, 1.0), 90.0),
    }

    def run(gradient, stddev: float) -> float:  # noqa: ANN001  (of JAX)
        started = time.perf_counter()
        noisy_sum(
            border,
            partial(gradient, layers, None, jax.random.key(1)),
            noise_stddev=stddev,
        )
        return time.perf_counter() - started

    for one in kinds.values():
        run(*one)  # compile
    found: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(PAIRS):
        for name, one in kinds.items():
            found[name].append(run(*one))
    return found


def plain_gradient(shape: vae.VaeShape, weights: vae.VaeWeights):  # noqa: ANN201  (of JAX)
    """Sum of gradients of the same loss, by ordinary differentiation."""

    @jax.jit
    def gradient(layers, centroids, key, codes, mask):  # noqa: ANN001, ANN202  (of JAX)
        rows = shape.blocks.one_hot(codes)
        noise = row_normals(key, codes, shape.latent)

        def total(p):  # noqa: ANN001, ANN202  (of JAX)
            losses, _inputs = vae.tapped_loss(
                p,
                zero_taps(p, codes.shape[0]),
                rows,
                noise,
                shape=shape,
                weights=weights,
                centroids=centroids,
            )
            return (losses * mask).sum()

        return jax.grad(total)(layers)

    return gradient


def vmap_gradient(shape: vae.VaeShape, weights: vae.VaeWeights, clip: float):  # noqa: ANN201  (of JAX)
    """Clipped sum by the gradient of each row, all of them in memory at once."""

    @jax.jit
    def gradient(layers, centroids, key, codes, mask):  # noqa: ANN001, ANN202  (of JAX)
        rows = shape.blocks.one_hot(codes)
        noise = row_normals(key, codes, shape.latent)

        def single(p, row, normal):  # noqa: ANN001, ANN202  (of JAX)
            losses, _inputs = vae.tapped_loss(
                p,
                zero_taps(p, 1),
                row[None],
                normal[None],
                shape=shape,
                weights=weights,
                centroids=centroids,
            )
            return losses.sum()

        every = jax.vmap(jax.grad(single), in_axes=(None, 0, 0))(layers, rows, noise)
        squares = [
            (g.reshape(len(g), -1) ** 2).sum(axis=1) for g in jax.tree.leaves(every)
        ]
        norms = jnp.sqrt(sum(squares))
        scale = jnp.minimum(1.0, clip / jnp.maximum(norms, 1e-12)) * mask
        return jax.tree.map(lambda g: jnp.tensordot(scale, g, axes=1), every)

    return gradient


if __name__ == "__main__":
    main()
