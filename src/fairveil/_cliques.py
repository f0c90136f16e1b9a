"""Sets of columns with few enough cells, in a time that many columns do not blow up.

Pure: hangs on the numbers of codes (public or released) and on random words that the
caller hands in, never on a row. All sets are listed while there are few of them; a
table of thousands of columns has billions of triples, of which random ones are taken.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np

from fairveil.marginals import Clique, Sizes, cells

_LISTED = 200_000  # sets that are listed; more are drawn

# (number of words) -> uniform words; (n, k) -> k distinct numbers below n, rising
Words = Callable[[int], np.ndarray]
Choose = Callable[[int, int], np.ndarray]


def cliques_of(
    sizes: Sizes,
    ways: int,
    *,
    most_cells: int,
    most: int,
    words: Words,
    choose: Choose,
) -> list[Clique]:
    """Sets of ``ways`` columns, in rising order, that have few enough cells.

    Args:
        sizes: number of codes of each column.
        ways: columns of a set, at least 1.
        most_cells: cells of a set at most.
        most: sets at most; of more, each part of that many is equally likely.
        words: unsigned random words, asked for only where not all sets are listed.
        choose: picks some of the sets, asked for only where there are too many.
    """
    columns = _fitting(sizes, ways, most_cells)
    if math.comb(len(columns), ways) <= _LISTED:
        every = itertools.combinations(columns, ways)
        found = [q for q in every if cells(sizes, q) <= most_cells]
    else:
        found = _drawn(np.array(columns), sizes, ways, most_cells, words)
    if len(found) <= most:
        return found
    return [found[i] for i in choose(len(found), most)]


def _fitting(sizes: Sizes, ways: int, most_cells: int) -> list[int]:
    """Columns that are small enough beside the smallest others."""
    others = math.prod(sorted(sizes)[: ways - 1])
    return [j for j, size in enumerate(sizes) if size * others <= most_cells]


def _drawn(
    columns: np.ndarray, sizes: Sizes, ways: int, most_cells: int, words: Words
) -> list[Clique]:
    """Distinct sets among as many random ones as would have been listed."""
    places = words(_LISTED * ways).reshape(_LISTED, ways)
    sets = np.sort(columns[places % np.uint64(len(columns))], axis=1)
    sets = sets[(np.diff(sets, axis=1) > 0).all(axis=1)]
    many = np.array(sizes, dtype=np.float64)[sets].prod(axis=1)
    sets = np.unique(sets[many <= most_cells], axis=0)
    return [tuple(line) for line in sets.tolist()]
