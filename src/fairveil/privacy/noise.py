"""The only place where privacy noise is drawn.

Secret: the key and every word of its keystream. Guarantees:

- words come from AES-256 in counter mode under a key of the operating system (no seed,
  no global state); ``insecure`` derives the key from a seed instead, for debugging, and
  carries the seed so that every statement can be stamped "not private";
- a source can be neither copied nor pickled, shows no key, and takes a new key in a
  forked process, so that no two places draw the same noise;
- ``discrete_gaussian``, ``choose`` and ``permutation`` are exact on integers.

Floating-point position: ``gaussian`` is rounded float64 arithmetic with a tail that
ends at 8.5 standard deviations (2e-17 of the mass lies beyond). It is *not* protected
against attacks that read the low bits of a released sum, and no draw runs in constant
time. Counts should take ``discrete_gaussian``, which has no such weakness but timing.
"""

from __future__ import annotations

import hashlib
import math
import operator
import os
import secrets
import threading
from fractions import Fraction
from typing import NoReturn, Self, SupportsIndex

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from fairveil import _check
from fairveil.errors import ConfigError, problem
from fairveil.privacy import _discrete

_KEY_BYTES = 32
_SEED_LABEL = b"fairveil insecure noise seed, version 1: "
_ZEROS = memoryview(bytes(1 << 18))
_SPARE = 16  # the cipher asks for room of one more block
_PAIRS = 1 << 14  # Box-Muller works in pieces that stay in the cache
_MOST_DISCRETE_STDDEV = 2.0**50  # beyond, int64 could overflow


class NoiseSource:
    """A stream of privacy noise; made by ``secure`` or ``insecure``, never copied."""

    def __init__(self, key: bytes, insecure_seed: int | None) -> None:
        """Prior validation assumed: use ``secure`` or ``insecure``."""
        self._insecure_seed = insecure_seed
        self._lock = threading.Lock()
        self._start(key)

    @classmethod
    def secure(cls) -> Self:
        """A source under a fresh key of the operating system."""
        return cls(secrets.token_bytes(_KEY_BYTES), None)

    @classmethod
    def insecure(cls, seed: int) -> Self:
        """A source that repeats itself: for debugging; its output is not private.

        Raises:
            ConfigError: the seed is not an integer of at least 0.
        """
        _check.whole(0, seed=seed)
        return cls(hashlib.sha256(_SEED_LABEL + str(seed).encode()).digest(), seed)

    @property
    def insecure_seed(self) -> int | None:
        """None for a secure source, else the seed that makes it repeat itself."""
        return self._insecure_seed

    def uint64(self, n: int) -> npt.NDArray[np.uint64]:
        """(n,) independent uniform 64-bit words."""
        n = _size(n=n)
        raw = bytearray(8 * n + _SPARE)
        view = memoryview(raw)
        with self._lock:
            self._leave_parent()
            for start in range(0, 8 * n, len(_ZEROS)):
                zeros = _ZEROS[: 8 * n - start]
                self._stream.update_into(zeros, view[start:])
        return np.frombuffer(raw, "<u8", count=n).astype(np.uint64, copy=False)

    def uniform(self, n: int) -> npt.NDArray[np.float64]:
        """(n,) uniforms in the open interval (0, 1): odd multiples of 2^-53."""
        words = self.uint64(n) >> np.uint64(12)
        return (words.astype(np.float64) + 0.5) * 2.0**-52

    def gaussian(
        self, shape: int | tuple[int, ...], stddev: float
    ) -> npt.NDArray[np.float64]:
        """Continuous Gaussian noise by Box-Muller (see the position on float64 above).

        Args:
            shape: of the result.
            stddev: finite, at least 0; 0 gives exact zeros and draws nothing.

        Raises:
            ConfigError: the standard deviation is negative or not finite.
        """
        _check.in_range(0.0, math.inf, stddev=stddev)
        _check.finite(stddev=stddev)
        out = np.zeros(shape, np.float64)
        if stddev > 0:
            flat = out.reshape(-1)
            for start in range(0, flat.size, 2 * _PAIRS):
                piece = flat[start : start + 2 * _PAIRS]
                piece[:] = self._box_muller(-(-piece.size // 2), stddev)[: piece.size]
        return out

    def discrete_gaussian(
        self, shape: int | tuple[int, ...], stddev: float
    ) -> npt.NDArray[np.int64]:
        """Discrete Gaussian noise on the integers, sampled exactly.

        Args:
            shape: of the result.
            stddev: sigma, at least 0 and at most 2^50; sigma^2 is rounded up to a
                rational with a relative error below 2^-16. 0 gives exact zeros.

        Raises:
            ConfigError: the standard deviation lies outside its range.

        Source: Canonne, Kamath and Steinke 2020, section 5.
        """
        _check.in_range(0.0, _MOST_DISCRETE_STDDEV, stddev=stddev)
        out = np.zeros(shape, np.int64)
        if stddev > 0:
            variance = _variance_above(stddev)
            out.reshape(-1)[:] = _discrete.sample(self.uint64, out.size, variance)
        return out

    def exponential_mechanism(
        self, scores: npt.ArrayLike, sensitivity: float, e: float
    ) -> int:
        """Choose an index with probability ~ exp(e score / (2 sensitivity)).

        By the Gumbel trick: an exponential race on uniforms of 128 bits, so that an
        index keeps its chance down to about 1e-38; ``e`` infinite gives the first
        largest score.

        Args:
            scores: (candidates,) finite scores; secret.
            sensitivity: most by which one unit moves any score; above 0, finite.
            e: pure-DP parameter, above 0.

        Raises:
            ConfigError: no scores, a score that is not finite, or a bad parameter.
        """
        _check.positive(sensitivity=sensitivity, e=e)
        _check.finite(sensitivity=sensitivity)
        values = np.asarray(scores, dtype=np.float64)
        if values.ndim != 1 or not values.size or not np.isfinite(values).all():
            raise ConfigError(problem("scores must be a non-empty finite vector"))
        scale = 0.5 * e / sensitivity
        if scale == math.inf:
            return int(values.argmax())
        with np.errstate(over="ignore"):  # minus infinity: never chosen
            logits = (values - values.max()) * scale
        return int((logits - np.log(self._exponential(values.size))).argmax())

    def permutation(self, n: int) -> npt.NDArray[np.int64]:
        """(n,) the numbers 0 to n - 1 in uniformly random order."""
        n = _size(n=n)
        while True:
            keys = self.uint64(n)
            order = np.argsort(keys, kind="stable")
            ranked = keys[order]
            # Equal keys would favour the old order: draw all anew (once in an age).
            if not (ranked[1:] == ranked[:-1]).any():
                return order.astype(np.int64)

    def choose(self, n: int, k: int) -> npt.NDArray[np.int64]:
        """(k,) distinct numbers below n in increasing order, each set equally likely.

        Raises:
            ConfigError: k is above n, or either is negative.
        """
        n, k = _size(n=n), _size(k=k)
        if k > n:
            raise ConfigError(problem("k must not be above n"))
        return np.sort(self.permutation(n)[:k])

    def _box_muller(self, pairs: int, stddev: float) -> npt.NDArray[np.float64]:
        uniforms = self.uniform(2 * pairs)
        radius, angle = uniforms[:pairs], uniforms[pairs:]
        np.log(radius, out=radius)
        radius *= -2.0
        np.sqrt(radius, out=radius)
        radius *= stddev
        angle *= 2.0 * math.pi
        out = np.empty(2 * pairs)
        np.multiply(radius, np.cos(angle), out=out[:pairs])
        np.multiply(radius, np.sin(angle), out=out[pairs:])
        return out

    def _exponential(self, n: int) -> npt.NDArray[np.float64]:
        # The race is won near 0, so the uniform is fine there: 128 bits, not 53.
        words = self.uint64(2 * n).astype(np.float64)
        uniform = (words[:n] + (words[n:] + 0.5) * 2.0**-64) * 2.0**-64
        return -np.log1p(-np.minimum(uniform, 1.0 - 2.0**-53))

    def _start(self, key: bytes) -> None:
        # A key is used for one stream only, so the counter may start at zero.
        cipher = Cipher(algorithms.AES(key), modes.CTR(bytes(16)))
        self._stream = cipher.encryptor()
        self._process = os.getpid()

    def _leave_parent(self) -> None:
        # A forked child holds the parent's stream and would repeat its noise.
        if self._process == os.getpid():
            return
        if self.insecure_seed is None:
            self._start(secrets.token_bytes(_KEY_BYTES))
        else:
            self._process = os.getpid()

    def __repr__(self) -> str:
        if self.insecure_seed is None:
            return "NoiseSource(secure)"
        return "NoiseSource(NOT PRIVATE: insecure_noise_seed was set)"

    def __copy__(self) -> NoReturn:
        raise TypeError("a noise source cannot be copied: the noise would repeat")

    def __deepcopy__(self, memo: object) -> NoReturn:
        self.__copy__()

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a noise source cannot be pickled: its key is secret")


def _size(**value: SupportsIndex) -> int:
    # Accepts the integers of numpy too.
    ((name, given),) = value.items()
    size = operator.index(given)
    _check.whole(0, **{name: size})
    return size


def _variance_above(stddev: float) -> Fraction:
    # The smallest multiple of a power of two at or above sigma^2 with 17 or more bits.
    exact = Fraction(stddev) ** 2
    bits = exact.numerator.bit_length() - exact.denominator.bit_length()
    unit = 1 << max(0, 17 - bits)
    return Fraction(math.ceil(exact * unit), unit)
