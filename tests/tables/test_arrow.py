"""Arrow columns as pandas ones: dtypes by type alone, no value stops a conversion."""

import math
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from fairveil.errors import UnsupportedError
from fairveil.tables import arrow

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")

TYPES = {
    "int8": ([1, None, -3], "Int8"),
    "uint64": ([1, None, 2**64 - 1], "UInt64"),
    "float32": ([1.5, None, 0.25], "Float32"),
    "float64": ([1.5, None, math.inf], "Float64"),
    "float16": ([1.5, None, 0.25], "Float32"),
    "bool": ([True, None, False], "boolean"),
    "string": (["a", None, "é"], "string"),
    "large_string": (["a", None, ""], "string"),
    "date32": ([date(2020, 1, 2), None, date(1, 1, 1)], "object"),
    "binary": ([b"a", None, b""], "object"),
    "null": ([None, None, None], "object"),
}


@pytest.mark.parametrize("name", TYPES)
def test_cells_come_out_as_they_are(name):
    values, dtype = TYPES[name]
    cells = pa.array(values, type=pa.type_for_alias(name))
    made = arrow.plain(cells)
    assert str(made.dtype) == dtype
    assert [None if pd.isna(v) else v for v in made.tolist()] == values


@pytest.mark.parametrize("name", TYPES)
def test_the_dtype_hangs_on_no_value(name):
    values, dtype = TYPES[name]
    kind = pa.type_for_alias(name)
    for some in ([], [None], values[:1], values):
        assert str(arrow.plain(pa.array(some, type=kind)).dtype) == dtype
    head = arrow.head(pa.schema([("x", kind)]))["x"].to_native()
    backed = "date32[day][pyarrow]"  # pandas has no dtype of its own for dates
    assert str(head.dtype) == (backed if name == "date32" else dtype)


def test_cells_that_python_cannot_hold_stop_nothing():
    far = pa.array([0, 2**30, None], pa.int32()).cast(pa.date32())
    made = arrow.plain(far).tolist()
    assert made == [date(1970, 1, 1), arrow.STRANGE, None]
    broken = pa.Array.from_buffers(
        pa.string(),
        2,
        [None, pa.py_buffer(np.int32([0, 1, 2])), pa.py_buffer(b"a\xff")],
    )
    assert arrow.plain(broken).tolist()[0] == "a"


@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Tokyo"])
@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_moments_keep_unit_and_zone_however_far_they_lie(unit, zone):
    whole = [0, 2**62, -(2**63) + 1, None]
    cells = pa.array(whole, pa.int64()).cast(pa.timestamp(unit, zone))
    made = arrow.plain(cells)
    dtype = f"datetime64[{unit}{'' if zone is None else f', {zone}'}]"
    assert str(made.dtype) == dtype
    bare = made if zone is None else made.dt.tz_convert("UTC").dt.tz_localize(None)
    assert bare.to_numpy().view(np.int64).tolist() == [*whole[:3], -(2**63)]
    spans = arrow.plain(pa.array(whole, pa.int64()).cast(pa.duration(unit)))
    assert str(spans.dtype) == f"timedelta64[{unit}]"
    assert spans.isna().tolist() == [False, False, False, True]


def test_integers_beyond_floats_stop_nothing():
    made = arrow.plain(pa.array([2**63 - 1, -(2**63), 1]))
    assert made.tolist() == [2**63 - 1, -(2**63), 1]
    tall = pa.array(["9" * 38, "1.5"]).cast(pa.decimal256(50, 2))
    assert arrow.plain(tall).tolist() == [float("9" * 38), 1.5]


def test_dictionaries_are_read_by_value():
    cells = pa.chunked_array([["b", None], ["a"]]).dictionary_encode()
    assert arrow.plain(cells).fillna("-").tolist() == ["b", "-", "a"]


COLUMNS = [
    pa.array([3, None, 3, 1]),
    pa.array(["b", None, "b", "a"]),
    pa.array([True, None, True, False]),
    pa.array(["b", None, "b", "a"]).dictionary_encode(),
    pa.array([1.5, None, 1.5, math.nan]),
    pa.array([[1], None, [1], []]),
]


@pytest.mark.parametrize("cells", COLUMNS, ids=lambda c: str(c.type))
def test_distinct_cells_give_back_the_column(cells):
    values, which = arrow.distinct(pa.chunked_array([cells[:2], cells[2:]]))
    found = arrow.plain(values).tolist()
    rebuilt = found if which is None else [found[i] for i in which]
    assert [str(v) for v in rebuilt] == [str(v) for v in arrow.plain(cells).tolist()]


NINES = 2**53  # neighbours that are one float


KEYED = {
    "decimal": pa.array(
        [Decimal(NINES), Decimal(NINES + 1), None, Decimal(NINES)], pa.decimal128(38)
    ),
    "date": pa.array([2**30, 2**30 + 1, None, 2**30], pa.int32()).cast(pa.date32()),
    "text": pa.Array.from_buffers(  # no UTF-8; Python would hold none of them
        pa.string(),
        4,
        [
            pa.py_buffer(b"\x0b"),
            pa.py_buffer(np.int32([0, 1, 2, 2, 3])),
            pa.py_buffer(b"\xff\xfe\xff"),
        ],
    ),
    "view": pa.array(["a", "", None, "a"], pa.string_view()),
    "bytes": pa.array([b"a", b"", None, b"a"], pa.binary_view()),
    "float": pa.array([0.0, 1.0, math.nan, -0.0]),
    "dictionary": pa.array(["a", "b", None, "a"]).dictionary_encode(),
    "moment": pa.array([2**63 - 1, 2**62, None, 2**63 - 1]).cast(
        pa.timestamp("us", "Asia/Tokyo")
    ),
}


@pytest.mark.parametrize("name", KEYED)
def test_keys_are_shared_by_equal_cells_alone(name):
    cells = KEYED[name]
    found, which = arrow.keys(pa.chunked_array([cells[:2], cells[2:]]))
    one, other, missing, again = (found[at] for at in which)
    assert one == again
    assert one != other
    assert missing is None or pd.isna(missing)


def test_keys_of_nested_cells_are_the_cells():
    cells = pa.chunked_array([pa.array([[1], None, [1]])])
    assert arrow.keys(cells)[0] == [[1], None, [1]]


def test_missing_text_in_views_is_missing():
    cells = pa.chunked_array([pa.array(["a", None, ""], pa.string_view())])
    values, which = arrow.distinct(cells)
    assert values.take(pa.array(which)).to_pylist() == ["a", None, ""]
    values, counts = arrow.counted(cells)
    assert dict(zip(values.to_pylist(), counts, strict=True)) == {
        "a": 1,
        None: 1,
        "": 1,
    }


@pytest.mark.parametrize("cells", COLUMNS, ids=lambda c: str(c.type))
def test_counts_are_those_of_the_cells(cells):
    values, counts = arrow.counted(pa.chunked_array([cells[:2], cells[2:]]))
    found: dict[str, int] = {}
    for value, count in zip(arrow.plain(values).tolist(), counts, strict=True):
        found[str(value)] = found.get(str(value), 0) + int(count)
    real = [str(v) for v in arrow.plain(cells).tolist()]
    assert found == {v: real.count(v) for v in real}


def test_tables_without_dictionaries():
    table = pa.table({"a": pa.array(["x", "y"]).dictionary_encode(), "b": [1, 2]})
    made = arrow.decoded(table)
    assert made.schema.types == [pa.string(), pa.int64()]
    assert made.to_pydict() == table.to_pydict()


def test_without_the_library_one_is_told_what_to_install(monkeypatch):
    monkeypatch.setattr(arrow, "find_spec", lambda _: None)
    with pytest.raises(UnsupportedError, match=r"fairveil\[engines\]"):
        arrow.library()
