"""Bring real and synthetic tables to common codes and numbers.

Secret: reads real rows. Promises: the same value has the same code in every table,
whatever the dtype (1, 1.0 and "1" are one label); a missing value is code -1 or NaN;
nothing is learnt from order, so that permuting rows permutes the outcome.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import narwhals as nw
import numpy as np
import numpy.typing as npt
import pandas as pd

from fairveil import _check, _objects
from fairveil._types import Floats
from fairveil.errors import TableError, problem

Ints: TypeAlias = npt.NDArray[np.int64]

MISSING = -1
_LARGEST = 1e100
_TOLD = 5  # column names in a message
_NESTED = re.compile("(large_|fixed_size_)?list|struct|map")  # Arrow's own names
FEWEST = 2  # groups, classes or kinds of rows that can be told apart at all

_NUMBER_KINDS = ("integer", "floating", "mixed-integer-float", "decimal", "boolean")


@dataclass(frozen=True)
class Features:
    """Several tables as number matrices under one coding.

    Attributes:
        matrices: one (rows, columns) array per table; numbers as they are, categories
            as codes, NaN where missing.
        cardinality: (columns,) number of categories; 0 for a numeric column.
    """

    matrices: tuple[Floats, ...]
    cardinality: Ints


def door(data: Any) -> pd.DataFrame:
    """Any frame narwhals knows as a pandas frame with a fresh index.

    Raises:
        TableError: not a frame, no rows, a column name that stands twice, or cells that
            hold several values.
    """
    if isinstance(data, pd.DataFrame):
        frame = data
    else:
        try:
            native = nw.from_native(data)
        except TypeError as error:
            raise TableError(
                problem(
                    "this is not a data frame",
                    got=type(data).__name__,
                    try_="a pandas, Polars or PyArrow frame",
                )
            ) from error
        eager = native.collect() if isinstance(native, nw.LazyFrame) else native
        frame = eager.to_pandas()
    if frame.columns.has_duplicates:
        raise TableError(
            problem("a column name stands twice", try_="one name for each column")
        )
    if frame.empty:
        raise TableError(
            problem(
                "the table has no rows or no columns",
                got=", ".join(map(str, frame.columns[:_TOLD])) or "no columns",
                try_="a table with a header and rows",
            )
        )
    nested = [str(name) for name, cells in frame.items() if _is_nested(cells)]
    if nested:
        raise TableError(
            problem(
                "cells of a column are no single values, but lists or the like",
                got=", ".join(nested[:_TOLD]),
                try_="leaving the column out of all tables",
            )
        )
    return frame.reset_index(drop=True)


def _is_nested(cells: pd.Series) -> bool:
    """Whether some cell is a list, a mapping or another thing that is never a label."""
    if isinstance(cells.dtype, pd.ArrowDtype):
        return _NESTED.match(str(cells.dtype.pyarrow_dtype)) is not None
    if cells.dtype != object or pd.api.types.infer_dtype(cells) != "mixed":
        return False
    return not all(map(pd.api.types.is_hashable, cells))


def paired(first: Any, second: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two frames with the same columns, in the order of the first.

    Raises:
        TableError: their column names differ.
    """
    one, two = door(first), door(second)
    odd = set(one.columns) ^ set(two.columns)
    if odd:
        raise TableError(
            problem(
                "the two tables have different columns",
                got=", ".join(sorted(map(str, odd))),
                try_="the same columns in both",
            )
        )
    return one, two.reindex(columns=one.columns)


def some(frame: pd.DataFrame, limit: int, rng: np.random.Generator) -> pd.DataFrame:
    """At most ``limit`` rows, drawn without replacement, in their order."""
    _check.whole(2, max_rows=limit)
    if len(frame) <= limit:
        return frame
    rows = np.sort(rng.choice(len(frame), size=limit, replace=False))
    return frame.iloc[rows].reset_index(drop=True)


def require(frame: pd.DataFrame, *names: str) -> None:
    """Raise ``TableError`` unless the frame has all these columns."""
    lacking = [name for name in names if name not in frame.columns]
    if lacking:
        raise TableError(
            problem(
                "the table has no such column",
                got=", ".join(map(str, lacking)),
                try_="one of " + ", ".join(map(str, frame.columns)),
            )
        )


def column(frame: pd.DataFrame, name: str) -> pd.Series:
    """One column; names are known to be distinct, so it is never a frame."""
    return cast("pd.Series", frame[name])


def numbers(series: pd.Series) -> Floats | None:
    """A column as floats with NaN for missing, or None where it holds no numbers.

    Booleans become 0 and 1; dates and durations become seconds. Infinite numbers count
    as missing, since models and quantiles refuse them; those beyond 1e100 as 1e100, so
    that squares stay finite.
    """
    found = _floats(series)
    if found is None:
        return None
    return np.clip(np.where(np.isfinite(found), found, np.nan), -_LARGEST, _LARGEST)


def _floats(series: pd.Series) -> Floats | None:
    if series.isna().all():
        return np.full(len(series), np.nan)
    if pd.api.types.is_numeric_dtype(series):
        return series.to_numpy(dtype=np.float64, na_value=np.nan)
    if pd.api.types.is_datetime64_any_dtype(series):
        # 1970 in the coarsest unit: in nanoseconds, years before 1677 do not exist
        start = pd.Timestamp(0, tz="UTC").as_unit("s")
        since = pd.to_datetime(series, utc=True) - start
        return since.dt.total_seconds().to_numpy(dtype=np.float64)
    if pd.api.types.is_timedelta64_dtype(series):
        return series.dt.total_seconds().to_numpy(dtype=np.float64)
    if series.dtype != object or pd.api.types.infer_dtype(series) not in _NUMBER_KINDS:
        return None
    return np.array([_objects.as_number(value) for value in series])


def key(value: Any) -> str:
    """The label of one value: equal for 1, 1.0, "1" and True."""
    if isinstance(value, (bool, int, float, np.bool_, np.number)):
        return f"{float(value):.12g}"
    return str(value)


def coded(*parts: pd.Series) -> tuple[list[Ints], list[str]]:
    """Codes of one column over several tables, from the union of their labels.

    Returns:
        One (rows,) array of codes per table, -1 where missing; and the sorted labels.
    """
    floats = [numbers(part) for part in parts]
    as_numbers = all(f is not None for f in floats)
    found = []
    for part, values in zip(parts, floats, strict=True):
        raw = pd.Series(values) if as_numbers else part
        local, uniques = pd.factorize(raw)
        found.append((local, [key(value) for value in uniques]))
    labels = sorted(set().union(*(names for _, names in found)))
    place = {label: i for i, label in enumerate(labels)}
    return [
        # the last entry is reached by the local code -1
        np.array([*(place[n] for n in names), MISSING], dtype=np.int64)[local]
        for local, names in found
    ], labels


def features(frames: Sequence[pd.DataFrame], columns: Sequence[str]) -> Features:
    """Code the named columns of several frames alike.

    A column is numeric where it is so in every frame.
    """
    blocks: list[list[Floats]] = [[] for _ in frames]
    cardinality = []
    for name in columns:
        values, count = _feature([column(frame, name) for frame in frames])
        cardinality.append(count)
        for block, value in zip(blocks, values, strict=True):
            block.append(value)
    matrices = tuple(
        np.column_stack(block) if block else np.empty((len(frame), 0))
        for block, frame in zip(blocks, frames, strict=True)
    )
    return Features(matrices, np.array(cardinality, dtype=np.int64))


def _feature(parts: Sequence[pd.Series]) -> tuple[list[Floats], int]:
    floats = [values for part in parts if (values := numbers(part)) is not None]
    if len(floats) == len(parts):
        return floats, 0
    codes, labels = coded(*parts)
    return [np.where(c == MISSING, np.nan, c) for c in codes], len(labels)


def cut(values: Floats, edges: Floats) -> Ints:
    """Bin of each value, bins closed above at the edges; -1 where missing.

    Values outside the edges go to the end bins.
    """
    bins = np.searchsorted(edges, values, side="left").astype(np.int64)
    return np.where(np.isnan(values), MISSING, bins)
