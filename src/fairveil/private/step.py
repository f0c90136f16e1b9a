"""Clip, sum, noise: the one way in which gradients and latent moments leave the rows.

Secret: the rows, per-example contributions, the un-noised sum. Public: the noisy sum.

Guarantees: adding or removing one unit changes the pre-noise sum by at most
``rows_per_unit * sensitivity`` in L2 norm; a sample has all rows of a unit or none,
with the chance that its event declares; the ledger authorises before the rows are read;
noise is drawn on the host by ``privacy.noise`` alone, in float64, and added once, to a
sum over chunks (and over devices, ``private.devices``) that is kept in float64. Padding
rows contribute exactly zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.random import threefry2x32_p

from fairveil._types import Codes, Floats, Params
from fairveil.errors import ConfigError, problem
from fairveil.private import devices
from fairveil.private.link import Question
from fairveil.private.view import Border, PoissonSampling

_ODD = 2_654_435_761  # odd, so its powers spread rows over all 32-bit words
CHUNK = 2048  # rows of a device at a time; bounds memory, changes no result
COMPILED = 32  # compiled functions kept between fits; they hold public constants only

# (codes (chunk, columns), mask (chunk,)) -> pytree of sums over the chunk
ChunkSum = Callable[[Codes, np.ndarray], Params]


@dataclass(frozen=True)
class NamedSum:
    """A chunk sum that another process, with rows of its own, can make as well.

    Attributes:
        compiled: takes what is held, codes and mask.
        kind: its name; ``private.lend`` knows who makes it.
        constants: what it was compiled for; public, JSON can hold it.
        held: released parameters, centroids (see ``vae.tapped_loss``), and a key.
    """

    compiled: Callable[..., Params]
    kind: str
    constants: Mapping[str, Any]
    held: tuple[Params, jax.Array, jax.Array]

    def __call__(self, codes: Codes, mask: np.ndarray) -> Params:
        """Sums over a chunk."""
        return self.compiled(*self.held, codes, mask)

    def question(self, rate: float) -> Question:
        """The question for this sum over all rows, or over a sample of this rate."""
        layers, centroids, key = self.held
        arrays = {
            f"{name}/{part}": np.asarray(value)
            for name, layer in layers.items()
            for part, value in layer.items()
        }
        arrays["key"] = np.asarray(jax.random.key_data(key))
        arrays["centroids"] = np.asarray(centroids)
        facts = {"kind": self.kind, "constants": dict(self.constants), "rate": rate}
        return Question("sum", facts, arrays)


def fresh_keys(border: Border, n: int) -> list[jax.Array]:
    """Keys for initial weights and latent draws, from the border's noise source.

    They make no privacy noise; but ``random_state`` is for post-processing only, so
    inside the private stage nothing hangs on it.
    """
    return [jax.random.key(seed_of(border)) for _ in range(n)]


def seed_of(border: Border) -> int:
    """A fresh 32-bit seed from the border's noise source; see ``fresh_keys``."""
    return int(border.noise.uint64(1)[0] >> np.uint64(32))


def noisy_sum(
    border: Border,
    chunk_sum: ChunkSum,
    *,
    noise_stddev: float = math.nan,
    sampling: PoissonSampling | None = None,
) -> Params:
    """Sum a bounded per-row contribution over the rows and add Gaussian noise.

    The event must have been authorised: callers spend a whole loop at once, before its
    first step (see ``fit_vae``). Either all rows take part, or a fresh Poisson sample
    that is drawn here, with the noise of its event; an empty sample is pure noise.

    Args:
        border: rows and noise.
        chunk_sum: sum over a chunk of contributions whose joint L2 norm is bounded by
            the sensitivity of the event; rows whose mask is 0 must contribute zero.
        noise_stddev: standard deviation of the noise in each coordinate, for a sum
            over all rows.
        sampling: what ``Border.poisson`` of this border gave, for a sum over a sample.

    Returns:
        The noisy sums, a pytree of float64 arrays.

    Raises:
        BudgetError: all samples that were paid for are used.
        ConfigError: neither or both of the noises, or another border's sampling.
    """
    if math.isnan(noise_stddev) is (sampling is None):
        raise ConfigError(problem("a sum needs its own noise or a sample's, not both"))
    picked, rate = None, 1.0
    if sampling is not None:
        if sampling.border is not border:
            raise ConfigError(problem("a sample is of its own border's rows"))
        picked, noise_stddev = sampling.draw(), sampling.event.noise_stddev
        rate = sampling.event.sampling_rate
    rows, structure = border.rows, []

    def own() -> list[Floats]:
        total, shape = sum_of(rows.unwrap(), chunk_sum, picked)
        structure.append(shape)
        return total

    if rows.link is None:
        total = own()
    elif isinstance(chunk_sum, NamedSum):
        total = rows.link.together(chunk_sum.question(rate), own)
    else:
        raise TypeError("this sum has no name that other processes know")
    noisy = [t + border.noise.gaussian(t.shape, noise_stddev) for t in total]
    return jax.tree.unflatten(structure[0], noisy)


def sum_of(
    codes: Codes, chunk_sum: ChunkSum, picked: np.ndarray | None = None
) -> tuple[list[Floats], Any]:
    """Sums over these rows before any noise, in float64, and their tree's shape."""
    total: list[Floats] | None = None
    structure = None
    for part, mask in chunks(codes, picked):
        leaves, structure = jax.tree.flatten(chunk_sum(part, mask))
        parts = [np.asarray(leaf, dtype=np.float64) for leaf in leaves]
        old = total or [np.zeros_like(one) for one in parts]
        total = [a + b for a, b in zip(old, parts, strict=True)]
    return total or [], structure


def row_normals(key: jax.Array, codes: jax.Array, width: int) -> jax.Array:
    """Standard normal draws (n, width) that depend on the key and each row's codes.

    Not privacy noise, but part of a row's contribution. Because a row's draws do not
    hang on its position, adding or removing another row leaves its contribution as it
    was: the sensitivity holds for every value of the key, known or not, and the order
    of the rows changes nothing. Equal rows share their draws.
    """
    powers = [pow(_ODD, j + 1, 1 << 32) for j in range(codes.shape[1])]
    factors = jnp.array(np.array(powers, dtype=np.uint32))
    words = (codes.astype(jnp.uint32) * factors).sum(axis=1, dtype=jnp.uint32)
    first, second = jax.random.key_data(key)
    blocks = jnp.arange((width + 1) // 2, dtype=jnp.uint32)  # each gives two draws
    word, block = jnp.broadcast_arrays(words[:, None], blocks)
    # bound by hand: the library's array version mixes entries of different rows
    pair = threefry2x32_p.bind(
        jnp.full_like(word, first), jnp.full_like(word, second), word, block
    )
    bits = jnp.concatenate(pair, axis=1)[:, :width]
    uniform = (bits >> 9).astype(jnp.float32) * 2.0**-23 + 2.0**-24  # inside (0, 1)
    return jax.scipy.special.ndtri(uniform)


def chunks(
    codes: Codes, picked: np.ndarray | None = None
) -> Iterator[tuple[Codes, np.ndarray]]:
    """Rows in chunks of one shape, the last one padded; mask 0 marks padding.

    Args:
        codes: all rows.
        picked: positions of the rows that take part; None: all.

    Yields:
        Codes (CHUNK x devices, columns) and mask (CHUNK x devices,). Of no rows there
        is one chunk of padding, so that nothing is released like anything else.
    """
    size = len(codes) if picked is None else len(picked)
    length = CHUNK * devices.number()
    for start in range(0, max(size, 1), length):
        here = slice(start, start + length)
        part = codes[here] if picked is None else codes[picked[here]]
        mask = np.zeros(length, dtype=np.float32)
        mask[: len(part)] = 1.0
        padded = np.zeros((length, codes.shape[1]), dtype=np.int32)
        padded[: len(part)] = part
        yield padded, mask
