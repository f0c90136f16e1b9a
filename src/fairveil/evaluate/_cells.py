"""Cells of columns and of sets of columns, and the share of rows in each.

Secret: reads real rows; the arithmetic of ``tvd`` and of the dimension-wise shares. A
numeric column with many real values is cut at the quantiles of the real table; a
missing value is a cell of its own.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from fairveil._types import Floats
from fairveil.evaluate._tables import Ints, coded, cut, numbers

_DENSE_CELLS = 2**22  # below, count in an array; above, sort
_WIDEST_CODE = 2**62


def cells(real: pd.Series, synthetic: pd.Series, bins: int) -> tuple[Ints, Ints]:
    """Cell of each real and each synthetic value; 0 is the missing one."""
    a, b = numbers(real), numbers(synthetic)
    if a is None or b is None or len(np.unique(a[~np.isnan(a)])) <= bins:
        (first, second), _ = coded(real, synthetic)
        return first + 1, second + 1
    inner = np.linspace(0, 1, bins + 1)[1:-1]
    edges = np.unique(np.quantile(a[~np.isnan(a)], inner))
    return cut(a, edges) + 1, cut(b, edges) + 1


def shares(columns: list[tuple[Ints, Ints]]) -> tuple[Floats, Floats]:
    """Share of real and of synthetic rows in each joint cell of some columns.

    Memory grows with the rows only: where cells are many, those without a row are not
    listed.
    """
    n = len(columns[0][0])
    code, size = np.zeros(n + len(columns[0][1]), dtype=np.int64), 1
    for pair in columns:
        joined = np.concatenate(pair)
        radix = int(joined.max()) + 1
        if size * radix > _WIDEST_CODE:
            code = np.unique(code, return_inverse=True)[1]
            size = int(code.max()) + 1
        code, size = code * radix + joined, size * radix
    if size > _DENSE_CELLS:
        code = np.unique(code, return_inverse=True)[1]
        size = int(code.max()) + 1
    p = np.bincount(code[:n], minlength=size) / n
    q = np.bincount(code[n:], minlength=size) / (len(code) - n)
    return p, q
