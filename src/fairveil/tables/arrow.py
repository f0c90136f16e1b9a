"""Arrow columns as pandas ones, whatever a cell holds; needs pyarrow.

Secret: the cells. Public: types, and the names that they get. A dtype here follows from
the Arrow type alone, never from a value, and no value makes a conversion fail: a cell
that Python cannot hold (a date in the year 20,000) becomes ``STRANGE``.
"""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import pandas as pd

from fairveil._objects import STRANGE
from fairveil.errors import UnsupportedError, problem

if TYPE_CHECKING:
    import pyarrow as pa


def library() -> Any:
    """The module ``pyarrow``.

    Raises:
        UnsupportedError: it is not installed.
    """
    if find_spec("pyarrow") is None:
        raise UnsupportedError(
            problem(
                "this kind of table needs the package pyarrow, which is not installed",
                try_="pip install 'fairveil[engines]'",
            )
        )
    return importlib.import_module("pyarrow")


def compute() -> Any:
    """The module ``pyarrow.compute``; see ``library``."""
    library()
    return importlib.import_module("pyarrow.compute")


def head(schema: pa.Schema, *, backed: bool = False) -> nw.DataFrame[Any]:
    """No rows of a table with these columns: names and dtypes are all it tells.

    Args:
        schema: names and Arrow types.
        backed: name the dtypes exactly, as pandas names its Arrow-backed ones;
            otherwise as its nullable ones (``Int64``, ``string``).
    """
    empty = schema.empty_table()
    if backed:
        return nw.from_native(empty.to_pandas(types_mapper=pd.ArrowDtype))
    columns = {name: _headed(empty[name]) for name in empty.column_names}
    return nw.from_native(pd.DataFrame(columns))


def _headed(empty: pa.ChunkedArray) -> pd.Series:
    """No cells; dates and times of day have no dtype of pandas' own."""
    types = library().types
    if types.is_date(empty.type) or types.is_time(empty.type):
        return pd.Series([], dtype=pd.ArrowDtype(empty.type))
    if types.is_dictionary(empty.type):
        return pd.Series([], dtype="category")
    return plain(empty)


def plain(cells: pa.ChunkedArray | pa.Array) -> pd.Series:
    """Cells as a pandas column: nullable numbers, text, else Python's own objects."""
    pa = library()
    one = cells.combine_chunks() if isinstance(cells, pa.ChunkedArray) else cells
    kind, types = one.type, pa.types
    if types.is_dictionary(kind):
        return plain(one.dictionary_decode())
    if types.is_floating(kind) or types.is_integer(kind):
        return _numbers(one)
    if types.is_boolean(kind):
        values, mask = _buffers(one.cast(pa.uint8()), np.dtype(np.uint8))
        return pd.Series(pd.arrays.BooleanArray(values.astype(bool), mask))
    if types.is_decimal(kind):
        return _numbers(one.cast(pa.float64(), safe=False))
    if types.is_timestamp(kind) or types.is_duration(kind):
        return _moments(one)
    values = np.empty(len(one), dtype=object)
    values[:] = _objects(one)
    dtype = pd.StringDtype("python") if _is_text(kind) else np.dtype(object)
    return pd.Series(values, dtype=dtype)


def cells_of(series: nw.Series[Any]) -> Any:
    """The Arrow memory of a pandas column; None where it has none. No cell is read."""
    native = nw.to_native(series)
    if not isinstance(getattr(native, "dtype", None), pd.ArrowDtype):
        return None
    return library().chunked_array(native.array.__arrow_array__())


def unbacked(table: nw.DataFrame[Any]) -> nw.DataFrame[Any]:
    """A pandas frame whose Arrow-backed columns became ``plain`` ones."""
    cells = {name: cells_of(table[name]) for name in table.columns}
    if all(column is None for column in cells.values()):
        return table
    native = nw.to_native(table)
    columns = {
        name: native[name].reset_index(drop=True) if column is None else plain(column)
        for name, column in cells.items()
    }
    return nw.from_native(pd.DataFrame(columns), eager_only=True)


def distinct(cells: pa.ChunkedArray | pa.Array) -> tuple[Any, np.ndarray | None]:
    """The distinct cells in Arrow, and which of them each cell is, shape ``(n,)``.

    None in the place of the positions: the cells as they are, one by one.
    """
    pa = library()
    one = _one(cells)
    if pa.types.is_floating(one.type) or pa.types.is_decimal(one.type):
        return one, None  # as fast, and mostly different
    try:
        found = one.dictionary_encode(null_encoding="encode")
    except pa.ArrowNotImplementedError:  # lists and other nested types
        return one, None
    return found.dictionary, found.indices.to_numpy(zero_copy_only=False)


def keys(cells: pa.ChunkedArray) -> tuple[list[Any], np.ndarray]:
    """Keys of the distinct cells, and which of them each cell has, shape ``(n,)``.

    Cells share a key only if Arrow says that they are equal, so no conversion makes
    one of two. A missing cell has the key None; one of a nested type is its own key.
    """
    pa = library()
    one = _one(cells)
    if pa.types.is_floating(one.type):
        values = plain(one).to_list()  # not-a-number is missing; zero has one sign
        return values, np.arange(len(values))
    try:
        found = one.dictionary_encode(null_encoding="encode")
    except pa.ArrowNotImplementedError:  # lists and other nested types
        return _objects(one), np.arange(len(one))
    missing = found.dictionary.is_null().to_pylist()
    numbered = [None if null else at for at, null in enumerate(missing)]
    return numbered, found.indices.to_numpy(zero_copy_only=False)


def counted(cells: pa.ChunkedArray | pa.Array) -> tuple[Any, np.ndarray]:
    """The distinct cells in Arrow, and how often each occurs, shape ``(distinct,)``."""
    pa = library()
    if _view(cells.type) is not None:
        cells = _one(cells)
    try:
        found = cells.value_counts()
    except pa.ArrowNotImplementedError:
        return cells, np.ones(len(cells), dtype=np.int64)
    values, counts = found.flatten()
    return values, counts.to_numpy(zero_copy_only=False)


def decoded(table: pa.Table) -> pa.Table:
    """The same without dictionaries, which differ between the parts of a table."""
    types = library().types
    for at, field in enumerate(table.schema):
        if types.is_dictionary(field.type):
            column = table[at].cast(field.type.value_type)
            table = table.set_column(at, field.name, column)
    return table


def _one(cells: pa.ChunkedArray | pa.Array) -> pa.Array:
    """One array of plain cells: no chunks, no dictionary, no view."""
    pa = library()
    one = cells.combine_chunks() if isinstance(cells, pa.ChunkedArray) else cells
    if pa.types.is_dictionary(one.type):
        one = one.dictionary_decode()
    plainer = _view(one.type)
    return one if plainer is None else one.cast(plainer)


def _view(kind: pa.DataType) -> Any:
    """What views are read as: Arrow takes their nulls for empty text."""
    pa = library()
    if pa.types.is_string_view(kind):
        return pa.large_string()
    return pa.large_binary() if pa.types.is_binary_view(kind) else None


def _numbers(one: pa.Array) -> pd.Series:
    pa = library()
    if pa.types.is_float16(one.type):
        one = one.cast(pa.float32())
    dtype = np.dtype(one.type.to_pandas_dtype())
    values, mask = _buffers(one, dtype)
    kind: Any = (
        pd.arrays.IntegerArray if dtype.kind in "iu" else pd.arrays.FloatingArray
    )
    return pd.Series(kind(values, mask))


def _moments(one: pa.Array) -> pd.Series:
    """Moments (in their zone, by its name alone) or durations; nulls as NaT."""
    pa = library()
    letter = "M8" if pa.types.is_timestamp(one.type) else "m8"
    whole, mask = _buffers(one.cast(pa.int64()), np.dtype(np.int64))
    values = whole.view(f"{letter}[{one.type.unit}]")
    values[mask] = "NaT"
    series = pd.Series(values)
    zone = getattr(one.type, "tz", None)
    # no arithmetic, so that no moment is too far for it
    return series if zone is None else series.dt.tz_localize("UTC").dt.tz_convert(zone)


def _buffers(one: pa.Array, dtype: np.dtype[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Values (zero where null) and the mask of nulls, both fresh."""
    mask = np.asarray(one.is_null().to_numpy(zero_copy_only=False), dtype=bool)
    filled = one.fill_null(0) if one.null_count else one
    return np.array(filled.to_numpy(zero_copy_only=False), dtype=dtype), mask.copy()


def _objects(one: pa.Array) -> list[Any]:
    try:
        return one.to_pylist()
    except Exception:  # noqa: BLE001  (a cell must never stop a fit)
        return [_object(cell) for cell in one]


def _object(cell: pa.Scalar) -> Any:
    try:
        return cell.as_py()
    except Exception:  # noqa: BLE001  (a cell must never stop a fit)
        return STRANGE


def _is_text(kind: pa.DataType) -> bool:
    types = library().types
    tests = (types.is_string, types.is_large_string, types.is_string_view)
    return any(test(kind) for test in tests)
