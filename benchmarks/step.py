"""What a DP step costs beside a plain one: ``python benchmarks/step.py``.

Times, in pairs within one process, full passes over Adult-sized codes: the clipped,
summed and noised gradient of ``private/step.py`` against the plain gradient sum of the
same loss over the same chunks. Prints the median ratio over the pairs and its range.
"""

from __future__ import annotations

import math
import time
from functools import partial
from statistics import median

import jax
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
    shape = vae.VaeShape(blocks=Blocks(SIZES))
    layers = vae.init(jax.random.key(0), shape)
    rng = np.random.default_rng(0)
    codes = np.stack([rng.integers(0, s, ROWS) for s in SIZES], axis=1)
    rows = Sensitive(codes.astype(np.int32), sizes=SIZES)
    border = Border(rows, Ledger(epsilon=1.0, delta=1e-5), NoiseSource.secure())
    weights = vae.VaeWeights()
    private = chunk_gradient(shape, weights, 1.0)
    plain = plain_gradient(shape, weights)

    def run(gradient, stddev: float) -> float:  # noqa: ANN001  (of JAX)
        started = time.perf_counter()
        noisy_sum(
            border,
            partial(gradient, layers, None, jax.random.key(1)),
            noise_stddev=stddev,
        )
        return time.perf_counter() - started

    run(private, 90.0), run(plain, 0.0)  # compile
    pairs = [(run(private, 90.0), run(plain, 0.0)) for _ in range(PAIRS)]
    ratios = [a / b for a, b in pairs]
    print(f"DP step    {median(a for a, _ in pairs) * 1e3:6.1f} ms")
    print(f"plain step {median(b for _, b in pairs) * 1e3:6.1f} ms")
    low, high = min(ratios), max(ratios)
    print(f"ratio      {median(ratios):6.2f} ({low:.2f} to {high:.2f}; goal 1.5)")
    if not math.isfinite(median(ratios)):
        raise SystemExit(1)


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


if __name__ == "__main__":
    main()
