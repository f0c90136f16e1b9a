"""Gibbs sweeps: rows redrawn column by column under a base and log-linear weights.

Sees generated rows and released weights only. The distribution is
``base(row | guide) * exp(sum of theta[cell of the row])``, where the base draws the
columns of a row independently given its guide (a latent of the decoder, an input of the
generator, or nothing at all). The conditional of one column given the others is then
the column's own base softmax times the weights of the cells that hold it, so it is
drawn exactly. Promise: a sweep leaves that distribution as it is.

For speed, the weights that one column sees are multiplied into a few joint tables of
several other columns each, so that a row looks up few lines; and probabilities are
multiplied, not logarithms added, except in rows where they would vanish.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from fairveil._types import Codes, Floats
from fairveil.marginals import Clique, Sizes, cells

Held: TypeAlias = npt.NDArray[np.floating[Any]]  # codes (columns, n) in floats
Single: TypeAlias = npt.NDArray[np.float32]
Base: TypeAlias = Sequence[Single]  # per column (n or 1, size), logs or probabilities

BLOCK = 4096  # rows swept at a time: what they need stays in the cache
_JOINT = 1 << 15  # numbers in a joint table, for the same reason
_FLOOR = 1e-30  # of a weight beside the greatest of its line: products stay normal
_VANISHED = 1e-30  # sums of products below this are taken from logarithms
_TRIANGLE = 64  # codes up to which a product with a triangle sums faster
_ALONE = 1 << 18  # multiplications that a linear algebra library leaves to one thread


@dataclass(frozen=True)
class _Joint:
    """The weights that some other columns give to one column.

    Attributes:
        others: positions of the other columns.
        table: weights, one line for each cell of the others (cells, size); the
            greatest of a line is 1.
    """

    others: Clique
    table: Single


class Sweeper:
    """Sweeps under fixed weights.

    Args:
        sizes: number of codes of each column.
        cliques: columns of each marginal.
        thetas: weights of its cells, flat.
    """

    def __init__(
        self, sizes: Sizes, cliques: Sequence[Clique], thetas: Sequence[Floats]
    ) -> None:
        self._sizes = sizes
        self._own = [np.zeros(size, dtype=np.float64) for size in sizes]
        self._factors: list[list[tuple[Clique, Floats]]] = [[] for _ in sizes]
        for columns, theta in zip(cliques, thetas, strict=True):
            self._take(columns, theta)

    def sweep(
        self,
        codes: Codes,
        base: Base,
        rng: np.random.Generator,
        columns: Clique | None = None,
    ) -> None:
        """Redraw every column of every row once, in place, in random column order.

        Args:
            codes: rows (n, columns); best in Fortran order.
            base: log-probabilities of each column, (n, size) or (1, size).
            rng: randomness.
            columns: redraw these columns only; None: all.
        """
        shared = [_probs(one) if len(one) == 1 else None for one in base]
        for start in range(0, len(codes), BLOCK):
            here = slice(start, start + BLOCK)
            held = codes[here].T.astype(self.kind, order="C")
            probs = [
                _probs(one[here]) if known is None else known
                for one, known in zip(base, shared, strict=True)
            ]
            self.redraw(held, probs, rng, columns)
            codes[here] = held.T

    def logits(self, column: int, codes: Codes, base: Base) -> Single:
        """Logits of a column given all others, (n, size), a new array."""
        logs = np.repeat(base[column], len(codes) // len(base[column]), axis=0)
        if not self._joints[column]:
            logs += np.log(self._firsts[column])
        at = self._lines(column, codes.T.astype(self.kind, order="C"))
        for joint, place in zip(self._joints[column], at, strict=True):
            logs += np.log(joint.table[place])
        return logs

    def first(self, n: int, probs: Base, rng: np.random.Generator) -> Held:
        """Rows drawn from the base alone, (columns, n), as ``redraw`` takes them."""
        held = np.zeros((len(self._sizes), n), dtype=self.kind)
        for column, one in enumerate(probs):
            if self._sizes[column] > 1:
                held[column] = picked(np.broadcast_to(one, (n, one.shape[1])), rng)
        return held

    def redraw(
        self,
        held: Held,
        probs: Base,
        rng: np.random.Generator,
        columns: Clique | None = None,
    ) -> None:
        """One sweep over rows (columns, n) of whole numbers in floats, in place.

        Args:
            held: codes in the type ``kind``.
            probs: probabilities of each column, (n, size) or (1, size); in a row where
                all weights allow nothing, a zero is still never drawn.
            rng: randomness.
            columns: redraw these columns only; None: all.
        """
        some = len(self._sizes) if columns is None else np.array(columns, dtype=np.intp)
        n = held.shape[1]
        line, mass = (np.empty(n * max(self._sizes), np.float32) for _ in range(2))
        for column in rng.permutation(some):
            size = self._sizes[column]
            if size == 1:
                continue
            shape = (n, size)
            here = mass[: n * size].reshape(shape)
            more = line[: n * size].reshape(shape)
            joints, at = self._joints[column], self._lines(column, held)
            own = self._firsts[column]
            if joints:
                np.take(joints[0].table, at[0], axis=0, out=here, mode="clip")
                np.multiply(here, probs[column], out=here)
            else:
                np.multiply(probs[column], own, out=here)
            for joint, place in zip(joints[1:], at[1:], strict=True):
                np.take(joint.table, place, axis=0, out=more, mode="clip")
                np.multiply(here, more, out=here)
            below = _sums(here)
            total = below[:, -1]
            if not total.min() > _VANISHED:
                gone = np.flatnonzero(~(total > _VANISHED))
                below[gone] = _sums(self._mended(column, gone, probs[column], at))
            held[column] = _chosen(below, rng)

    @property
    def kind(self) -> type[np.float32 | np.float64]:
        """The floats in which cells are counted exactly."""
        most = max((len(j.table) for js in self._joints for j in js), default=0)
        return np.float32 if most < 1 << 24 else np.float64

    def _lines(self, column: int, held: Held) -> npt.NDArray[np.intp]:
        """The line of each joint table that each row selects, (tables, n)."""
        strides = self._strides[column]
        out = np.empty((len(strides), held.shape[1]), dtype=np.intp)
        for i, at in enumerate(placed(held, strides).T):
            out[i] = at
        return out

    def _mended(
        self, column: int, rows: np.ndarray, probs: Single, at: npt.NDArray[np.intp]
    ) -> Single:
        """Probabilities of rows whose products vanished, by logarithms."""
        own = probs[rows] if len(probs) > 1 else np.repeat(probs, len(rows), axis=0)
        with np.errstate(divide="ignore"):
            logs = np.log(own)
        if not self._joints[column]:
            logs += np.log(self._firsts[column])
        for joint, place in zip(self._joints[column], at, strict=True):
            logs += np.log(joint.table[place[rows]])
        return np.exp(logs - logs.max(axis=1, keepdims=True))

    @cached_property
    def _firsts(self) -> list[Single]:
        """Weights of each column's own marginals; the greatest is 1."""
        return [_relative(own[None])[0] for own in self._own]

    @cached_property
    def _joints(self) -> list[list[_Joint]]:
        columns = zip(self._factors, self._own, strict=True)
        return [
            _joined(factors, own, self._sizes, column)
            for column, (factors, own) in enumerate(columns)
        ]

    @cached_property
    def _strides(self) -> list[Held]:
        """For each column, what a code of each other counts in each joint table."""
        out: list[Held] = []
        for joints in self._joints:
            strides = np.zeros((len(joints), len(self._sizes)), dtype=self.kind)
            for i, joint in enumerate(joints):
                step = 1
                for other in reversed(joint.others):
                    strides[i, other] = step
                    step *= self._sizes[other]
            out.append(strides)
        return out

    def _take(self, columns: Clique, theta: Floats) -> None:
        if len(columns) == 1:
            self._own[columns[0]] += theta
            return
        shaped = theta.reshape(tuple(self._sizes[c] for c in columns))
        for axis, column in enumerate(columns):
            others = tuple(c for c in columns if c != column)
            order = sorted(range(len(others)), key=lambda i: others[i])
            moved = np.moveaxis(shaped, axis, -1).transpose(*order, len(others))
            rising = tuple(others[i] for i in order)
            self._factors[column].append((rising, moved))


def _joined(
    factors: Sequence[tuple[Clique, Floats]], own: Floats, sizes: Sizes, column: int
) -> list[_Joint]:
    """A few joint tables whose product is that of all weights.

    Greedy: the largest first, each into the table that grows least, while that stays
    small.
    """
    size = sizes[column]
    groups: list[tuple[Clique, list[tuple[Clique, Floats]]]] = []
    for factor in sorted(factors, key=lambda f: -cells(sizes, f[0])):
        unions = [tuple(sorted({*held, *factor[0]})) for held, _ in groups]
        growth = [
            cells(sizes, union) / cells(sizes, held)
            for union, (held, _parts) in zip(unions, groups, strict=True)
        ]
        fits = [
            i
            for i, union in enumerate(unions)
            if growth[i] == 1 or cells(sizes, union) * size <= _JOINT
        ]
        best = min(fits, key=lambda i: growth[i], default=None)
        if best is None:
            groups.append((factor[0], [factor]))
        else:
            groups[best] = (unions[best], [*groups[best][1], factor])
    joints = []
    for i, (others, parts) in enumerate(groups):
        shape = (*(sizes[c] for c in others), size)
        table = np.zeros(shape)
        for columns, theta in parts:
            wide = tuple(sizes[c] if c in columns else 1 for c in others)
            table += theta.reshape(*wide, size)
        if i == 0:
            table += own
        joints.append(_Joint(others, _relative(table.reshape(-1, size))))
    return joints


def _relative(logs: Floats) -> Single:
    """Weights out of logs (lines, size), so that the greatest of a line is 1."""
    weights = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.maximum(weights, _FLOOR).astype(np.float32)


def _probs(logs: Single) -> Single:
    """Probabilities out of logs (n, size), up to a constant that all rows share."""
    return np.exp(logs - logs.max())


def drawn(logits: Single, rng: np.random.Generator) -> Codes:
    """One code a row by its logits (n, size), which are overwritten."""
    logits -= logits.max(axis=1, keepdims=True)
    np.exp(logits, out=logits)
    return picked(logits, rng).astype(np.int32)


def picked(mass: Single, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """One code a row, (n,), by its probabilities (n, size) up to a factor."""
    return _chosen(_sums(mass), rng)


def placed(held: Held, strides: Held) -> Held:
    """``held.T @ strides.T``: the cell of each row in each of some tables, (n, tables).

    In pieces too small for the threads of a linear algebra library, which would wait
    for each other where several blocks are made at once.

    Args:
        held: codes (columns, n).
        strides: what one code more counts, (tables, columns), whole numbers.
    """
    tables, columns, n = *strides.shape, held.shape[1]
    if not n:
        return np.empty((0, tables), dtype=held.dtype)
    step = _piece(n, tables * columns)
    parts = held.reshape(columns, -1, step).transpose(1, 2, 0)
    return (parts @ strides.T).reshape(n, tables)


def _piece(n: int, each: int) -> int:
    """The largest part of n rows, by halving, whose products one thread takes."""
    while n > 1 and n % 2 == 0 and n * each > _ALONE:
        n //= 2
    return max(n, 1)


def _sums(mass: Single) -> Single:
    """Sums of each row up to each code, (n, size)."""
    n, size = mass.shape
    step = _piece(n, size * size)
    if size > _TRIANGLE or step * size * size > _ALONE:
        return np.cumsum(mass, axis=1)
    return (mass.reshape(-1, step, size) @ _triangle(size)).reshape(n, size)


@lru_cache(maxsize=_TRIANGLE)
def _triangle(size: int) -> Single:
    """Ones on and above the diagonal: a product with it sums up to each place."""
    out = np.triu(np.ones((size, size), dtype=np.float32))
    out.flags.writeable = False
    return out


def _chosen(below: Single, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """The first code of each row whose sum passes a random part of the whole."""
    total = np.ascontiguousarray(below[:, -1])
    level = rng.random(len(below), dtype=np.float32) * total
    np.minimum(level, np.nextafter(total, np.float32(0)), out=level)
    return (below > level[:, None]).argmax(axis=1)
