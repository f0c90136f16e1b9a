"""What a fit released, number by number, and what it would have released otherwise.

Secret in earnest, but here every row is made up by the audit: the exact answers are
written down beside the noisy ones. ``Recorder`` is a noise source that hears each
answer that its noise is added to. ``Replayer`` plays a recorded fit back on another
table: every noisy answer is the recorded one, so that all later steps see the same
history, and the other table's exact answers are heard. Both together give the shift of
each release between neighbours under one history: what composition is about.

The noise is that of ``privacy.noise``, unchanged. An audit that loses sight of a noisy
number says so (``LostError``): noise that is added to nothing or twice, a history that
branches on a row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Self, cast

import numpy as np
from scipy.special import log_softmax

from fairveil.errors import FairveilError
from fairveil.privacy.noise import NoiseSource

Kind = Literal["gaussian", "discrete"]
Hear = Callable[[np.ndarray, np.ndarray], np.ndarray]  # (exact, noise) -> noisy
TINY = 1e-9  # stands for noise of standard deviation 0
_SURE = 1e6  # stands for an infinite log-likelihood ratio


class LostError(FairveilError):
    """The audit cannot follow the fit: itself a finding."""


@dataclass(frozen=True)
class Sum:
    """An answer with noise on each number.

    Attributes:
        kind: of the noise.
        exact: what the noise was added to.
        noisy: what was released.
        stddev: of the noise that was asked for.
    """

    kind: Kind
    exact: np.ndarray
    noisy: np.ndarray
    stddev: float


@dataclass(frozen=True)
class Choice:
    """A choice by the exponential mechanism.

    Attributes:
        scores: exact scores of the candidates.
        picked: the index that was released.
        scale: factor of the scores in the exponent; infinite without privacy.
    """

    scores: np.ndarray
    picked: int
    scale: float


Release = Sum | Choice


class _Source(NoiseSource):
    """What both sources share: a log of releases, and noise that hears."""

    def __init__(self, key: bytes, insecure_seed: int | None) -> None:
        super().__init__(key, insecure_seed)
        self.log: list[Release] = []
        self.words: list[np.ndarray] = []  # randomness that no answer depends on
        self.lent: int = 0  # noise that was drawn and not yet added
        self._inside = False  # a draw of noise, whose words are not kept

    def finished(self) -> Self:
        """The source itself, once all noise that was drawn has been added.

        Raises:
            LostError: some was not.
        """
        if self.lent:
            raise LostError("noise was drawn and added to no answer.")
        return self

    def gaussian(self, shape: int | tuple[int, ...], stddev: float) -> Any:
        """Noise that hears the answer it is added to."""
        return self._lend("gaussian", shape, stddev)

    def discrete_gaussian(self, shape: int | tuple[int, ...], stddev: float) -> Any:
        """Noise on the integers that hears the answer it is added to."""
        return self._lend("discrete", shape, stddev)

    def _lend(self, kind: Kind, shape: int | tuple[int, ...], stddev: float) -> Any:
        noise = self._draw(kind, shape, stddev).view(_Hearing)
        self.lent += 1

        def hear(exact: np.ndarray, drawn: np.ndarray) -> np.ndarray:
            self.lent -= 1
            return self._heard(kind, exact, drawn, stddev)

        noise.hear = hear
        return noise

    def _draw(
        self, kind: Kind, shape: int | tuple[int, ...], stddev: float
    ) -> np.ndarray:
        raise NotImplementedError

    def _heard(
        self, kind: Kind, exact: np.ndarray, drawn: np.ndarray, stddev: float
    ) -> np.ndarray:
        raise NotImplementedError


class Recorder(_Source):
    """Real noise, and a log of every exact and noisy answer."""

    @classmethod
    def of(cls, seed: int | None) -> Self:
        """A recorder under a key of the operating system, or under a seed."""
        return cls.secure() if seed is None else cls.insecure(seed)

    def uint64(self, n: int) -> np.ndarray:
        """Random words; those that make no noise are kept for the replay."""
        out = super().uint64(n)
        if not self._inside:
            self.words.append(out.copy())
        return out

    def exponential_mechanism(self, scores: Any, sensitivity: float, e: float) -> int:
        """Choose, and write down what was chosen among."""
        self._inside = True
        picked = super().exponential_mechanism(scores, sensitivity, e)
        self._inside = False
        kept = np.array(scores, dtype=np.float64)
        self.log.append(Choice(kept, picked, 0.5 * e / sensitivity))
        return picked

    def _draw(
        self, kind: Kind, shape: int | tuple[int, ...], stddev: float
    ) -> np.ndarray:
        self._inside = True
        draw = (
            NoiseSource.gaussian
            if kind == "gaussian"
            else NoiseSource.discrete_gaussian
        )
        noise = draw(self, shape, stddev)
        self._inside = False
        return noise

    def _heard(
        self, kind: Kind, exact: np.ndarray, drawn: np.ndarray, stddev: float
    ) -> np.ndarray:
        noisy = exact + drawn
        self.log.append(Sum(kind, exact, noisy.copy(), stddev))
        return noisy


class Replayer(_Source):
    """Gives the recorded answers again and hears another table's exact ones."""

    @classmethod
    def of(cls, record: Recorder) -> Self:
        """A source for one fit on the other table."""
        source = cls.insecure(0)  # its own noise is never used
        source.left = record.finished().log[::-1]
        source.words_left = record.words[::-1]
        return source

    def __init__(self, key: bytes, insecure_seed: int | None) -> None:
        super().__init__(key, insecure_seed)
        self.left: list[Release] = []
        self.words_left: list[np.ndarray] = []

    def finished(self) -> Self:
        """The source itself, once the whole record was played.

        Raises:
            LostError: the other table's fit released less.
        """
        super().finished()
        if self.left:
            raise LostError("the number of releases depends on a row.")
        return self

    def uint64(self, n: int) -> np.ndarray:
        """The recorded words; fresh ones where the rows need another number of them."""
        kept = self.words_left.pop() if self.words_left else np.empty(0, np.uint64)
        return kept.copy() if len(kept) == n else super().uint64(n)

    def exponential_mechanism(self, scores: Any, sensitivity: float, e: float) -> int:
        """The recorded choice."""
        kept = np.array(scores, dtype=np.float64)
        old = self._next()
        if not isinstance(old, Choice) or len(old.scores) != len(kept):
            raise LostError("what is chosen among depends on a row.")
        self.log.append(Choice(kept, old.picked, 0.5 * e / sensitivity))
        return old.picked

    def _heard(
        self, kind: Kind, exact: np.ndarray, drawn: np.ndarray, stddev: float
    ) -> np.ndarray:
        del drawn
        old = self._next()
        if not isinstance(old, Sum) or old.noisy.shape != exact.shape:
            raise LostError("the kind or size of a release depends on a row.")
        if old.stddev != stddev or old.kind != kind:
            raise LostError("the noise depends on a row.")
        self.log.append(Sum(kind, exact, old.noisy, stddev))
        return old.noisy.copy()

    def _draw(
        self, kind: Kind, shape: int | tuple[int, ...], stddev: float
    ) -> np.ndarray:
        del kind, stddev
        return np.zeros(shape)  # the recorded answer comes back, noise and all

    def _next(self) -> Release:
        if not self.left:
            raise LostError("the number of releases depends on a row.")
        return self.left.pop()


class _Hearing(np.ndarray):
    """Noise that reports its first addition to an array, and only that one."""

    hear: Hear | None = None

    def __array_finalize__(self, source: Any) -> None:
        self.hear = None  # parts and copies do not report

    def __array_ufunc__(
        self, ufunc: Any, method: str, *inputs: Any, **extra: Any
    ) -> Any:
        plain = [np.asarray(x) if isinstance(x, _Hearing) else x for x in inputs]
        added = ufunc is np.add and method == "__call__" and self.hear is not None
        if not added or len([x for x in inputs if isinstance(x, _Hearing)]) != 1:
            return getattr(ufunc, method)(*plain, **extra)
        hear, self.hear = cast("Hear", self.hear), None
        own = 0 if inputs[0] is self else 1
        told = hear(np.array(plain[1 - own]), plain[own])
        for out in extra.get("out", ()):
            out[...] = told
            return out
        return told


def shift(inside: Sum, outside: Sum) -> float:
    """How far the unit moves the answer, in standard deviations of the noise asked."""
    moved = np.linalg.norm(inside.exact.astype(float) - outside.exact.astype(float))
    return float(moved) / max(inside.stddev, TINY)


def evidence(inside: list[Release], outside: list[Release]) -> float:
    """Log-likelihood ratio of what was released: with the unit over without it.

    Of all attackers who know both tables and see every noisy number, none does better
    than one who thresholds it, if the noise is what it is said to be.

    Args:
        inside, outside: the same released answers beside the exact ones of each table.
    """
    return sum(_ratio(a, b) for a, b in zip(inside, outside, strict=True))


def _ratio(inside: Release, outside: Release) -> float:
    if isinstance(inside, Sum) and isinstance(outside, Sum):
        far, near = (
            float(np.sum((x.noisy - x.exact) ** 2.0)) for x in (outside, inside)
        )
        stddev = max(inside.stddev, TINY)
        return float(np.clip((far - near) / (2 * stddev**2), -_SURE, _SURE))
    if isinstance(inside, Choice) and isinstance(outside, Choice):
        gain = log_chances(inside) - log_chances(outside)
        return float(gain[inside.picked])
    raise LostError("the kind of a release depends on a row.")


def log_chances(choice: Choice) -> np.ndarray:
    """Log-probability of each candidate, shape ``(candidates,)``."""
    if choice.scale < np.inf:
        return log_softmax(choice.scale * choice.scores)
    sure = np.full(len(choice.scores), -_SURE)
    sure[int(choice.scores.argmax())] = 0.0
    return sure
