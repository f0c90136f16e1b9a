"""Clip, sum, noise: the one way in which gradients and latent moments leave the rows.

Secret: the rows, per-example contributions, the un-noised sum. Public: the noisy sum.

Guarantees: adding or removing one unit changes the pre-noise sum by at most
``rows_per_unit * sensitivity`` in L2 norm; the ledger authorises before the rows are
read; noise is drawn on the host by ``privacy.noise`` alone, in float64, and added to a
sum over chunks that is kept in float64. Padding rows contribute exactly zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import jax
import numpy as np

from fairveil._types import Codes, Floats, Params
from fairveil.private.view import Border

CHUNK = 4096  # rows encoded at a time; bounds memory, changes no result

# (codes (chunk, columns), mask (chunk,), key) -> pytree of sums over the chunk
ChunkSum = Callable[[Codes, np.ndarray, jax.Array], Params]


def noisy_sum(
    border: Border, chunk_sum: ChunkSum, *, noise_stddev: float, key: jax.Array
) -> Params:
    """Sum a bounded per-row contribution over all rows and add Gaussian noise.

    The event must have been authorised: callers spend a whole loop at once, before its
    first step (see ``fit_vae``).

    Args:
        border: rows and noise.
        chunk_sum: sum over a chunk of contributions whose joint L2 norm is bounded by
            the sensitivity of the event; rows whose mask is 0 must contribute zero.
        noise_stddev: standard deviation of the noise in each coordinate.
        key: randomness of the contributions (latent noise), not of the privacy noise.

    Returns:
        The noisy sums, a pytree of float64 arrays.
    """
    total: list[Floats] | None = None
    structure = None
    for i, (codes, mask) in enumerate(chunks(border.rows.unwrap())):
        sums = chunk_sum(codes, mask, jax.random.fold_in(key, i))
        leaves, structure = jax.tree.flatten(sums)
        parts = [np.asarray(leaf, dtype=np.float64) for leaf in leaves]
        old = total or [np.zeros_like(part) for part in parts]
        total = [a + b for a, b in zip(old, parts, strict=True)]
    noisy = [t + border.noise.gaussian(t.shape, noise_stddev) for t in total or []]
    return jax.tree.unflatten(structure, noisy)


def chunks(codes: Codes) -> Iterator[tuple[Codes, np.ndarray]]:
    """Rows in chunks of one shape, the last one padded; mask 0 marks padding.

    An empty table gives one chunk of padding, so that it is released like any other.
    """
    for start in range(0, max(len(codes), 1), CHUNK):
        part = codes[start : start + CHUNK]
        mask = np.zeros(CHUNK, dtype=np.float32)
        mask[: len(part)] = 1.0
        padded = np.zeros((CHUNK, codes.shape[1]), dtype=np.int32)
        padded[: len(part)] = part
        yield padded, mask
