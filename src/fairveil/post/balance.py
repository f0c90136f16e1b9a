"""Rows chosen one of a few, so that a table's counts stay near those that are wanted.

Sees generated rows and released probabilities only. A table of n independent draws has
sampling noise of order ``sqrt(n)`` in every count. Here each row is chosen among
some fresh candidates: the one whose cells are, in sum, the least overfull so far. That
keeps the counts of all wanted marginals near their expectation, as thinning by a kernel
that counts shared cells does (Dwivedi and Mackey 2021, "Kernel thinning"), and also
moves rows towards marginals that the candidates miss. Promise: a longer table begins
with the shorter one; no candidate is used twice.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fairveil._types import Codes
from fairveil.marginals import Sizes, cell_index
from fairveil.post.targets import Target

_BLOCK = 1024  # groups of candidates whose cells are held at once


class Balance:
    """A table that grows row by row, and how full its cells are.

    Args:
        sizes: number of codes of each column.
        wanted: marginals whose counts are watched, as probabilities of their cells.
    """

    def __init__(self, sizes: Sizes, wanted: Sequence[Target]) -> None:
        self._sizes = sizes
        self._cliques = [target.columns for target in wanted]
        ends = np.cumsum([0, *(len(target.probs) for target in wanted)])
        self._starts = ends[:-1]
        probs = [target.probs.astype(np.float32) for target in wanted]
        self._probs = np.concatenate(probs)
        self._counts = np.zeros(int(ends[-1]))
        self._rows = 0

    def choose(self, candidates: Codes, choices: int) -> Codes:
        """One row of each group of ``choices`` successive candidates.

        Args:
            candidates: rows (n, columns); those behind the last full group are left.
            choices: candidates for each row.

        Returns:
            Rows (n // choices, columns).
        """
        groups = len(candidates) // choices
        if choices == 1:
            return candidates
        picks = np.arange(groups) * choices
        for start in range(0, groups, _BLOCK):
            end = min(start + _BLOCK, groups)
            block = candidates[start * choices : end * choices]
            picks[start:end] += self._picks(self._cells(block), choices)
        return candidates[picks]

    def _cells(self, rows: Codes) -> np.ndarray:
        """Position of each row's cells among all cells, (rows, marginals)."""
        out = np.empty((len(rows), len(self._cliques)), dtype=np.int64)
        for j, (columns, start) in enumerate(
            zip(self._cliques, self._starts, strict=True)
        ):
            out[:, j] = start + cell_index(rows, self._sizes, columns)
        return out

    def _picks(self, at: np.ndarray, choices: int) -> np.ndarray:
        """Place in its group of the row that is chosen, group by group."""
        expected = self._probs[at].sum(axis=1, dtype=float).reshape(-1, choices)
        groups = at.reshape(len(expected), choices, -1)
        picks = np.empty(len(groups), dtype=np.int64)
        for i, cells in enumerate(groups):
            overfull = self._counts[cells].sum(axis=1) - self._rows * expected[i]
            picks[i] = best = int(overfull.argmin())
            self._counts[cells[best]] += 1.0  # a row holds each of its cells once
            self._rows += 1
        return picks
