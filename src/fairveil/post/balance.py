"""Rows chosen one of a few, so that a table's counts stay near those that are wanted.

Sees generated rows and released probabilities only. A table of n independent draws has
sampling noise of order ``sqrt(n)`` in every count. Here each row is chosen among
some fresh candidates: the one whose cells are, in sum, the least overfull so far. That
keeps the counts of all wanted marginals near their expectation, as thinning by a kernel
that counts shared cells does (Dwivedi and Mackey 2021, "Kernel thinning"), and also
moves rows towards marginals that the candidates miss. Promise: a longer table begins
with the shorter one; no candidate is used twice.

Rows are chosen in small blocks: the rows of a block are judged by the counts before it.
Rows that are judged alike crowd into the same cells, so large blocks would lose the
balance; blocks of 64 keep the two-way distance to what is wanted within 3 % of that of
rows judged one by one (Adult, 22,792 rows).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fairveil._types import Codes
from fairveil.marginals import Sizes
from fairveil.post.gibbs import placed
from fairveil.post.targets import Target

_PART = 64  # of the rows so far: the next block
_FEWEST, _MOST = 8, 64  # bounds of a block: a third as many rows as marginals

Places = npt.NDArray[np.intp]  # cells of rows, (rows, marginals)


class Balance:
    """A table that grows row by row, and how full its cells are.

    Args:
        sizes: number of codes of each column.
        wanted: marginals whose counts are watched, as probabilities of their cells.
    """

    def __init__(self, sizes: Sizes, wanted: Sequence[Target]) -> None:
        ends = np.cumsum([0, *(len(target.probs) for target in wanted)])
        self._strides = _strides(sizes, wanted, cells=int(ends[-1]))
        self._starts = ends[:-1].astype(self._strides.dtype)
        probs = [target.probs.astype(np.float32) for target in wanted]
        self._probs = np.concatenate(probs)
        # counts beyond what is wanted of the rows so far
        self._over = np.zeros(int(ends[-1]), dtype=np.float32)
        self._due = 0, np.zeros_like(self._probs)  # rows of a block: what is wanted
        self._rows, self._left = 0, 1
        self._most = min(max(len(wanted) // 3, _FEWEST), _MOST)
        self._block: list[Places] = []

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
        whole = candidates[: groups * choices]
        found = [self.places(whole[i::choices].T) for i in range(choices)]
        return whole[np.arange(groups) * choices + self.pick(found)]

    def places(self, rows: npt.NDArray[Any]) -> Places:
        """Position of each row's cells among all cells, of rows (columns, n)."""
        held = np.ascontiguousarray(rows, dtype=self._strides.dtype)
        out = placed(held, self._strides)
        out += self._starts
        return out.astype(np.intp)

    def pick(self, found: Sequence[Places]) -> npt.NDArray[np.intp]:
        """For each row the number of the candidate that is chosen; counts follow.

        Args:
            found: what ``places`` gave, for each candidate of the same rows.
        """
        n = len(found[0])
        picks = np.empty(n, dtype=np.intp)
        start = 0
        while start < n:
            here = slice(start, min(start + self._left, n))
            picks[here] = self._picked([one[here] for one in found])
            start = here.stop
        return picks

    def _picked(self, found: Sequence[Places]) -> npt.NDArray[np.intp]:
        """Choices within one block, or within a part of it."""
        of_each = np.ones(found[0].shape[1], dtype=np.float32)
        # a product, which sums faster than ``sum`` does
        overfull = [np.take(self._over, one, mode="clip") @ of_each for one in found]
        picks = np.argmin(overfull, axis=0)
        chosen = found[0].copy()
        for i, one in enumerate(found[1:], 1):
            chosen[picks == i] = one[picks == i]
        self._block.append(chosen)
        self._left -= len(picks)
        if not self._left:
            self._close()
        return picks

    def _close(self) -> None:
        """Count the rows of a full block, and say how long the next one is."""
        rows = sum(map(len, self._block))
        for chosen in self._block:
            np.add.at(self._over, chosen.ravel(), np.float32(1.0))
        if rows != self._due[0]:  # nearly all blocks are of one length
            self._due = rows, np.float32(rows) * self._probs
        self._over -= self._due[1]
        self._block = []
        self._rows += rows
        self._left = min(max(self._rows // _PART, 1), self._most)


def _strides(
    sizes: Sizes, wanted: Sequence[Target], *, cells: int
) -> npt.NDArray[np.floating[Any]]:
    """What a code of each column counts in the cells of each marginal.

    A product with codes gives the cells, exactly: whole numbers in floats.
    """
    kind = np.float32 if cells < 1 << 24 else np.float64
    out = np.zeros((len(wanted), len(sizes)), dtype=kind)
    for i, target in enumerate(wanted):
        step = 1
        for column in reversed(target.columns):
            out[i, column] = step
            step *= sizes[column]
    return out
