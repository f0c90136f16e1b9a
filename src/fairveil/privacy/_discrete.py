"""Exact sampler of the discrete Gaussian, given uniform 64-bit words.

Secret: the draws; only ``noise.py`` calls this, with its cryptographic words. Exact
means integer arithmetic throughout: no logarithm, no rounding, so the output has the
stated distribution to the last bit if the words are uniform. Time is not constant.

Source: Canonne, Kamath and Steinke 2020, section 5 (Algorithms 1 to 3), vectorised: all
proposals of a batch take the same step at once, and those that are decided leave.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Words: TypeAlias = Callable[[int], npt.NDArray[np.uint64]]
Ints: TypeAlias = npt.NDArray[np.int64]
AnyInts: TypeAlias = npt.NDArray[Any]  # int64, or Python integers where those overflow
Bools: TypeAlias = npt.NDArray[np.bool_]

_BATCH = 1 << 16
_INT64_LIMIT = 1 << 63
_WORD = 1 << 64


def sample(words: Words, count: int, variance: Fraction) -> Ints:
    """Draw from the discrete Gaussian of mean 0 on the integers.

    Args:
        words: gives that many independent uniform 64-bit words.
        count: how many draws.
        variance: the parameter sigma^2, above 0 and below 2^100.

    Returns:
        (count,) draws; P(x) is proportional to exp(-x^2 / (2 variance)).
    """
    scale = math.isqrt(variance.numerator // variance.denominator) + 1
    parts: list[Ints] = [np.zeros(0, np.int64)]
    missing = count
    while missing > 0:
        proposals = _laplace(words, min(_BATCH, 3 * missing + 32), scale)
        kept = proposals[_accept(words, proposals, variance, scale)]
        parts.append(kept[:missing])
        missing -= len(parts[-1])
    return np.concatenate(parts)


def _laplace(words: Words, tries: int, scale: int) -> Ints:
    # Algorithm 2 with s = 1: P(y) ~ exp(-|y| / scale); returns the tries that succeed.
    low = _below(words, tries, scale)
    low = low[_bernoulli_exp(words, low, scale)]
    size = low + scale * _geometric(words, len(low))
    negative = (words(len(low)) & np.uint64(1)).astype(bool)
    signed = np.where(negative, -size, size)
    return signed[~(negative & (size == 0))]  # zero must not be proposed twice


def _accept(words: Words, proposals: Ints, variance: Fraction, scale: int) -> Bools:
    # Keeps y with probability exp(-g), g = (|y| - variance / scale)^2 / (2 variance),
    # which is numerator / denominator in integers.
    p, q = variance.numerator, variance.denominator
    size: AnyInts = np.abs(proposals)
    largest = max(int(size.max(initial=0)) * q * scale, q * scale, p)
    denominator = 2 * p * q * scale * scale
    if max(largest * largest, denominator) >= _INT64_LIMIT:
        size = size.astype(object)
    numerator = (size * (q * scale) - p) ** 2
    kept = _survives(words, numerator // denominator)
    rest = (numerator % denominator)[kept]
    kept[kept] = _bernoulli_exp(words, rest, denominator)
    return kept


def _survives(words: Words, trials: AnyInts) -> Bools:
    # Bernoulli(exp(-trials)): that many Bernoulli(exp(-1)) in a row, until one fails.
    alive = np.ones(len(trials), bool)
    active = np.flatnonzero((trials > 0).astype(bool))
    done = 0
    while active.size:
        good = _bernoulli_exp(words, np.ones(active.size, np.int64), 1)
        alive[active[~good]] = False
        done += 1
        active = active[good]
        active = active[(trials[active] > done).astype(bool)]
    return alive


def _geometric(words: Words, count: int) -> Ints:
    # Number of Bernoulli(exp(-1)) successes before the first failure.
    successes = np.zeros(count, np.int64)
    active = np.arange(count)
    while active.size:
        good = _bernoulli_exp(words, np.ones(active.size, np.int64), 1)
        active = active[good]
        successes[active] += 1
    return successes


def _bernoulli_exp(words: Words, numerators: AnyInts, denominator: int) -> Bools:
    # Algorithm 1: Bernoulli(exp(-g)) for g = numerator / denominator in [0, 1]. The
    # first k at which a Bernoulli(g / k) fails is odd with exactly that probability.
    result = np.zeros(len(numerators), bool)
    active = np.arange(len(numerators))
    k = 1
    while active.size:
        uniform = _below(words, active.size, denominator * k)
        hit = (uniform < numerators[active]).astype(bool)
        result[active[~hit]] = k % 2 == 1
        active = active[hit]
        k += 1
    return result


def _below(words: Words, count: int, bound: int) -> AnyInts:
    # Uniform integers in [0, bound): words past the last whole multiple are drawn anew.
    if bound > _INT64_LIMIT:
        return _wide_below(words, count, bound)
    draws = words(count)
    limit = _WORD - _WORD % bound
    if limit < _WORD:
        bad = np.flatnonzero(draws >= np.uint64(limit))
        while bad.size:
            draws[bad] = words(bad.size)
            bad = bad[draws[bad] >= np.uint64(limit)]
    return (draws % np.uint64(bound)).astype(np.int64)


def _wide_below(words: Words, count: int, bound: int) -> AnyInts:
    bits = (bound - 1).bit_length()
    size = 8 * (-(-bits // 64))
    out = np.empty(count, dtype=object)
    filled = 0
    while filled < count:
        raw = words((count - filled) * size // 8).tobytes()
        for start in range(0, len(raw), size):
            value = int.from_bytes(raw[start : start + size], "little") >> (
                8 * size - bits
            )
            if value < bound:
                out[filled] = value
                filled += 1
    return out
