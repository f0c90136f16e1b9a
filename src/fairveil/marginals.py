"""Marginals: counts of the cells of a few columns, true or noisy.

Pure functions. ``histogram`` sees whatever codes it is given: ``private/`` calls it on
real rows, ``post/`` on generated ones. A ``Marginal`` holds noisy counts only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from fairveil._types import Codes, Floats

Clique: TypeAlias = tuple[int, ...]  # positions of columns, rising
Sizes: TypeAlias = tuple[int, ...]


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
