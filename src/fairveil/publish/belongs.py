"""Whether a table can be a release of a schema: its columns, and every cell in them.

Public: synthetic rows. It guards against the real table being named by mistake, so its
one answer is yes or no, and says nothing of what it read.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from fairveil.schema import Column, Schema


def belongs(rows: pd.DataFrame, schema: Schema) -> bool:
    """Whether all columns are there, in order, and every cell is one the schema knows.

    Args:
        rows: a table; text as read from CSV, or typed.
        schema: public facts of the columns.
    """
    if list(rows.columns) != list(schema.names):
        return False
    return all(_fits(rows[column.name], column) for column in schema.columns)


def _fits(values: Any, column: Column) -> bool:
    missing = values.isna()
    if missing.any() and not column.nullable:
        return False
    there = values[~missing]
    if there.dtype == object and there.map(pd.api.types.is_list_like).any():
        return False  # Parquet's lists and mappings, which no release has
    if column.kind == "numeric":
        numbers = np.asarray(pd.to_numeric(there, errors="coerce"), dtype=np.float64)
        low, high = column.ends()
        slack = 1e-9 * max(1.0, abs(low), abs(high))
        return bool(((numbers >= low - slack) & (numbers <= high + slack)).all())
    if column.kind == "categorical":
        known = {_text(category) for category in column.categories}
        return {_text(value) for value in there.unique()} <= known
    if column.kind == "boolean":
        return {_text(value) for value in there.unique()} <= {"True", "False"}
    return True  # a kind that is younger than this check


def _text(value: object) -> str:
    """One text for 1, 1.0 and "1.0", as tables spell them."""
    text = str(value)
    try:
        number = float(text)
    except ValueError:
        return text
    return str(int(number)) if number.is_integer() else str(number)
