"""Gibbs sweeps: rows redrawn column by column under a base and log-linear weights.

Sees generated rows and released weights only. The distribution is
``base(row | guide) * exp(sum of theta[cell of the row])``, where the base draws the
columns of a row independently given its guide (a latent of the decoder, an input of the
generator, or nothing at all). The conditional of one column given the others is then
the column's own base softmax times the weights of the cells that hold it, so it is
drawn exactly. Promise: a sweep leaves that distribution as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from fairveil._types import Codes, Floats
from fairveil.marginals import Clique, Sizes

Base: TypeAlias = Sequence[npt.NDArray[np.float32]]  # per column (n or 1, size), logs


@dataclass(frozen=True)
class _Factor:
    """One marginal as seen from one of its columns.

    Attributes:
        others: positions of the other columns.
        table: weights, one line for each cell of the others (cells, size).
    """

    others: Clique
    table: npt.NDArray[np.float32]

    def lines(self, codes: Codes, sizes: Sizes) -> npt.NDArray[np.float32]:
        """The weights that each row's other columns select, (n, size)."""
        at = np.zeros(len(codes), dtype=np.int64)
        for column in self.others:
            at = at * sizes[column] + codes[:, column]
        return self.table[at]


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
        self._factors: list[list[_Factor]] = [[] for _ in sizes]
        self._own = [np.zeros(size, dtype=np.float32) for size in sizes]
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
        some = len(self._sizes) if columns is None else np.array(columns, dtype=np.intp)
        for column in rng.permutation(some):
            codes[:, column] = drawn(self.logits(column, codes, base), rng)

    def logits(self, column: int, codes: Codes, base: Base) -> npt.NDArray[np.float32]:
        """Logits of a column given all others, (n, size), a new array."""
        logits = base[column] + self._own[column]
        if len(logits) != len(codes):
            logits = np.repeat(logits, len(codes), axis=0)
        for factor in self._factors[column]:
            logits += factor.lines(codes, self._sizes)
        return logits

    def _take(self, columns: Clique, theta: Floats) -> None:
        if len(columns) == 1:
            self._own[columns[0]] += theta.astype(np.float32)
            return
        shaped = theta.reshape(tuple(self._sizes[c] for c in columns))
        for axis, column in enumerate(columns):
            table = np.moveaxis(shaped, axis, -1).reshape(-1, self._sizes[column])
            others = tuple(c for c in columns if c != column)
            kept = np.ascontiguousarray(table, dtype=np.float32)
            self._factors[column].append(_Factor(others, kept))


def drawn(logits: npt.NDArray[np.float32], rng: np.random.Generator) -> Codes:
    """One code a row by its logits (n, size), which are overwritten."""
    logits -= logits.max(axis=1, keepdims=True)
    np.exp(logits, out=logits)
    below = np.cumsum(logits, axis=1)
    level = rng.random(len(logits), dtype=np.float32) * below[:, -1]
    codes = (below <= level[:, None]).sum(axis=1)
    return np.minimum(codes, logits.shape[1] - 1).astype(np.int32)
