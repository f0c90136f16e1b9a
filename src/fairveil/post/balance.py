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
_SETTLED = 4096  # rows after which what was wanted of them is taken off the counts
_PIECE = 512  # rows whose cells are found at a time: they stay in the cache

Turned = npt.NDArray[np.integer[Any]]  # codes, (columns, rows)
Places = npt.NDArray[np.intp]  # cells of candidates, (rows, choices, marginals)


class Balance:
    """A table that grows row by row, and how full its cells are.

    Args:
        sizes: number of codes of each column.
        wanted: marginals whose counts are watched, as probabilities of their cells.
    """

    def __init__(self, sizes: Sizes, wanted: Sequence[Target]) -> None:
        ends = np.cumsum([0, *(len(target.probs) for target in wanted)])
        self._strides = _strides(sizes, wanted, starts=ends)
        # of each cell side by side, since they are read together: the count beyond
        # what was wanted of the rows before ``_since``, and the probability
        self._cells = np.zeros((int(ends[-1]), 2), dtype=np.float32)
        for target, start, end in zip(wanted, ends, ends[1:], strict=False):
            self._cells[start:end, 1] = target.probs
        self._weights = np.tile(np.array([1, 0], dtype=np.float32), len(wanted))
        self._since = 0
        self._rows, self._left = 0, 1
        self._most = min(max(len(wanted) // 3, _FEWEST), _MOST)
        self._block: list[npt.NDArray[np.intp]] = []

    def choose(self, candidates: Codes, choices: int) -> Codes:
        """One row of each group of ``choices`` successive candidates.

        Args:
            candidates: rows (n, columns); those behind the last full group are left.
            choices: candidates for each row.

        Returns:
            Rows (n // choices, columns).
        """
        if choices == 1:
            return candidates
        whole = candidates[: len(candidates) // choices * choices]
        return self.best([whole[i::choices].T for i in range(choices)])

    def best(self, candidates: Sequence[Turned] | Turned) -> Codes:
        """One candidate of each row, (n, columns).

        Args:
            candidates: of the same rows, codes (columns, n) for each, in one array
                or in several.
        """
        columns, n = candidates[0].shape
        out = np.empty((n, columns), dtype=np.int32)
        for start in range(0, n, _PIECE):
            part = np.stack([one[:, start : start + _PIECE] for one in candidates])
            picks = self._picks(self.places(part))
            out[start : start + _PIECE] = part[picks, :, np.arange(len(picks))]
        return out

    def places(self, candidates: Sequence[Turned] | Turned) -> Places:
        """Each candidate's cells, by position among all; as ``best`` takes them."""
        n, (marginals, columns) = candidates[0].shape[1], self._strides.shape
        out = np.empty((n, len(candidates), marginals), dtype=np.intp)
        for i, codes in enumerate(candidates):
            held = np.ones((columns, n), dtype=self._strides.dtype)
            held[1:] = codes
            out[:, i] = placed(held, self._strides)
        return out

    def _picks(self, found: Places) -> npt.NDArray[np.intp]:
        """For each row the number of the candidate that is chosen; counts follow."""
        n = len(found)
        picks = np.empty(n, dtype=np.intp)
        start = 0
        while start < n:
            here = slice(start, min(start + self._left, n))
            picks[here] = self._picked(found[here])
            start = here.stop
        return picks

    def _picked(self, found: Places) -> npt.NDArray[np.intp]:
        """Choices within one block, or within a part of it."""
        both = self._cells.view(np.float64).ravel()  # a count and a probability in one
        held = np.take(both, found, mode="clip").view(np.float32)
        overfull = held.reshape(-1, len(self._weights)) @ self._weights
        picks = np.argmin(overfull.reshape(len(found), -1), axis=1)
        self._block.append(found[np.arange(len(found)), picks])
        self._left -= len(picks)
        if not self._left:
            self._close()
        return picks

    def _close(self) -> None:
        """Count the rows of a full block, and say how long the next one is."""
        rows = sum(map(len, self._block))
        for chosen in self._block:
            np.add.at(self._cells[:, 0], chosen.ravel(), np.float32(1.0))
        self._block = []
        self._rows += rows
        self._since += rows
        if self._since >= _SETTLED:
            self._cells[:, 0] -= np.float32(self._since) * self._cells[:, 1]
            self._since = 0
        self._weights[1::2] = -self._since
        self._left = min(max(self._rows // _PART, 1), self._most)


def _strides(
    sizes: Sizes, wanted: Sequence[Target], *, starts: npt.NDArray[Any]
) -> npt.NDArray[np.floating[Any]]:
    """What each marginal's cells begin with, and what a code of each column counts.

    A product with a one and codes gives the cells, exactly: whole numbers in floats.

    Args:
        starts: of each marginal's cells among all, and behind the last one their end.
    """
    kind = np.float32 if starts[-1] < 1 << 24 else np.float64
    out = np.zeros((len(wanted), 1 + len(sizes)), dtype=kind)
    out[:, 0] = starts[:-1]
    for i, target in enumerate(wanted):
        step = 1
        for column in reversed(target.columns):
            out[i, 1 + column] = step
            step *= sizes[column]
    return out
