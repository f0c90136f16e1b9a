"""Arrays of NumPy at the door: a table of columns ``x0``, ``x1``, and so on.

Secret: the numbers, which are not looked at. Public: the number of columns and the
type, which are the array's form. A step of a scikit-learn pipeline hands such arrays
on; whoever has names should pass a frame.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from fairveil.errors import TableError, problem

_TABLE = 2  # dimensions: rows and columns


def framed(array: np.ndarray) -> pd.DataFrame:
    """A frame of the array's columns, named by their places; no cell is copied.

    Args:
        array: (rows, columns), of numbers, booleans, text, dates or objects.

    Raises:
        TableError: not two dimensions, no column, or complex or structured numbers.
    """
    if array.ndim != _TABLE:
        raise TableError(
            problem(
                "an array has to have two dimensions: rows and columns",
                got=array.ndim,
                try_="array.reshape(-1, 1) for one column",
            )
        )
    if array.dtype.kind in "cV":
        kind = "Complex" if array.dtype.kind == "c" else "Structured"
        raise TableError(problem(f"{kind} data not supported", got=str(array.dtype)))
    if not array.shape[1]:
        raise TableError(problem("the table has no columns: 0 feature(s)"))
    names = [f"x{place}" for place in range(array.shape[1])]
    return pd.DataFrame(np.asarray(array), columns=pd.Index(names), copy=False)


def is_sparse(table: Any) -> bool:
    """Whether it is a sparse matrix or array of SciPy."""
    return type(table).__module__.startswith("scipy.sparse")
