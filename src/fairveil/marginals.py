"""Marginals: counts of the cells of a few columns, true or noisy.

Pure functions. ``histogram`` sees whatever codes it is given: ``private/`` calls it on
real rows, ``post/`` on generated ones. A ``Marginal`` holds noisy counts only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from fairveil._types import Codes, Floats

Clique: TypeAlias = tuple[int, ...]  # positions of columns, rising
Sizes: TypeAlias = tuple[int, ...]
_BLOCK = 1 << 14  # rows whose columns stay in the processor's cache


@dataclass(frozen=True)
class Marginal:
    """A noisy marginal: released, hence free to use.

    Attributes:
        columns: positions of its columns, rising.
        counts: noisy counts of its cells, flat in C order of the columns' codes.
        noise_stddev: standard deviation of the noise in each cell.
    """

    columns: Clique
    counts: Floats
    noise_stddev: float


def cells(sizes: Sizes, columns: Clique) -> int:
    """Number of cells of a marginal."""
    return math.prod(sizes[c] for c in columns)


def cell_index(codes: Codes, sizes: Sizes, columns: Clique) -> np.ndarray:
    """Flat cell of each row, shape ``(n,)``, int64."""
    flat = np.zeros(len(codes), dtype=np.int64)
    for column in columns:
        flat = flat * sizes[column] + codes[:, column]
    return flat


def histogram(
    codes: Codes, sizes: Sizes, columns: Clique, weights: Floats | None = None
) -> Floats:
    """Counts (or sums of weights) of a marginal's cells, flat, shape ``(cells,)``."""
    flat = cell_index(codes, sizes, columns)
    counts = np.bincount(flat, weights=weights, minlength=cells(sizes, columns))
    return counts.astype(np.float64)


def histograms(
    codes: Codes, sizes: Sizes, cliques: Sequence[Clique]
) -> list[np.ndarray]:
    """Counts of many marginals in one pass over the rows: int64, ``(cells,)`` each.

    The same counts as ``histogram`` gives. Rows are read once, a block at a time, so
    time is linear in rows, and memory is that of the counts whatever lies the codes in.
    """
    counts = [np.zeros(cells(sizes, q), dtype=np.int64) for q in cliques]
    used = sorted({column for q in cliques for column in q})
    flat = np.empty(_BLOCK, dtype=np.int64)
    for start in range(0, len(codes), _BLOCK):
        rows = codes[start : start + _BLOCK]
        block = {c: rows[:, c].astype(np.int64) for c in used}
        at = flat[: len(rows)]
        for total, columns in zip(counts, cliques, strict=True):
            at[:] = 0
            for column in columns:
                at *= sizes[column]
                at += block[column]
            np.add(total, np.bincount(at, minlength=len(total)), out=total)
    return counts
