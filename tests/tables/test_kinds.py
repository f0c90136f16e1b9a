"""Frames out: the dtypes that came in come out, for every library."""

import decimal
import sys

import narwhals as nw
import numpy as np
import pandas as pd
import pytest

from fairveil.codec import Codec
from fairveil.errors import ConfigError, UnsupportedError
from fairveil.schema import Column, Schema
from fairveil.tables import arrow, entry, kinds

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
pl = pytest.importorskip("polars", reason="polars is not installed")

ARROW = [
    pa.array([1, None, 3], pa.int16()),
    pa.array([1, 2, 3], pa.uint64()),
    pa.array([1.5, None, 0.25], pa.float32()),
    pa.array([1.5, 2.0, 0.0]),
    pa.array([True, None, False]),
    pa.array(["a", None, "c"]),
    pa.array(["a", None, "c"], pa.large_string()),
    pa.array(["a", None, "c"]).dictionary_encode(),
    pa.array([decimal.Decimal("1.10"), None, decimal.Decimal("-2.05")]),
    pa.array([0, None, 86_400], pa.int64()).cast(pa.timestamp("s")),
    pa.array([0, None, 5], pa.int64()).cast(pa.timestamp("us", "Asia/Tokyo")),
    pa.array([0, None, 5], pa.int64()).cast(pa.duration("ms")),
    pa.array([0, None, 5], pa.int32()).cast(pa.date32()),
    pa.array([0, None, 5], pa.int32()).cast(pa.time32("s")),
]

POLARS = [
    pl.Series([1, None, 3], dtype=pl.Int8),
    pl.Series([1, 2, 3], dtype=pl.UInt32),
    pl.Series([1.5, None, 0.25], dtype=pl.Float32),
    pl.Series([1.5, None, 0.25]),
    pl.Series([True, None, False]),
    pl.Series(["a", None, "c"]),
    pl.Series(["a", None, "c"], dtype=pl.Categorical),
    pl.Series(["lo", None, "hi"], dtype=pl.Enum(["lo", "mid", "hi"])),
    pl.Series([0, None, 5], dtype=pl.Datetime("us")),
    pl.Series([0, None, 5], dtype=pl.Datetime("ms", "Asia/Tokyo")),
    pl.Series([0, None, 5], dtype=pl.Duration("us")),
    pl.Series([0, None, 5]).cast(pl.Date),
    pl.Series([0, None, 5_000_000_000]).cast(pl.Time),
]


def round_trip(frame, kind):
    """The frame's rows through a codec of its facts, out as such a frame; and none."""
    schema = Schema.infer(frame, declare_public=True)
    codec, rng = Codec.on_grid(schema), np.random.default_rng(0)
    codes = codec.encode(entry.shown(as_pandas(frame), private=False))
    return tuple(
        kinds.framed(codec.decode(part, rng), schema, kind)
        for part in (codes, codes[:0])
    )


def as_pandas(frame):
    cells = frame.to_arrow()["x"] if kinds_of(frame) == "polars" else frame["x"]
    return nw.from_native(pd.DataFrame({"x": arrow.plain(cells)}))


def kinds_of(frame):
    return type(frame).__module__.split(".")[0]


@pytest.mark.parametrize("cells", ARROW, ids=lambda c: str(c.type))
def test_arrow_types_come_out_as_they_went_in(cells):
    table = pa.table({"x": cells})
    made, empty = round_trip(table, "pyarrow")
    assert made.schema.types == empty.schema.types == table.schema.types
    assert made["x"].to_pylist() == cells.to_pylist()


@pytest.mark.parametrize("series", POLARS, ids=lambda s: str(s.dtype))
def test_polars_types_come_out_as_they_went_in(series):
    frame = pl.DataFrame({"x": series})
    made, empty = round_trip(frame, "polars")
    assert made.schema == empty.schema == frame.schema
    assert made["x"].to_list() == series.to_list()


def test_pandas_dtypes_have_their_like_elsewhere(tiny_table):
    schema = Schema.infer(tiny_table, declare_public=True)
    table = kinds.as_kind(tiny_table, schema, "pyarrow")
    back = table.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    for name in tiny_table:
        one, other = back[name].astype(object), tiny_table[name].astype(object)
        gone = other.isna()
        assert one.isna().equals(gone), name
        assert one[~gone].tolist() == other[~gone].tolist(), name
    assert kinds.as_kind(tiny_table, schema, "pandas") is tiny_table


def test_a_type_that_cannot_hold_the_values_is_left():
    schema = Schema(
        columns=(
            Column(
                name="x",
                kind="numeric",
                dtype="int8",
                lower=0.0,
                upper=90.0,
                decimals=0,
            ),
        )
    )
    frame = pd.DataFrame({"x": [1, 8000]})
    assert kinds.as_kind(frame, schema, "pyarrow")["x"].to_pylist() == [1, 8000]


def test_a_kind_that_is_none_and_one_that_is_not_installed(monkeypatch):
    with pytest.raises(ConfigError, match="backend"):
        kinds.check_kind("dask")
    kinds.check_kind(None)
    monkeypatch.setattr(kinds, "find_spec", lambda _: None)
    with pytest.raises(UnsupportedError, match="polars"):
        kinds.check_kind("polars")
    monkeypatch.setattr(arrow, "find_spec", lambda _: None)
    with pytest.raises(UnsupportedError, match="pyarrow"):
        kinds.check_kind("pyarrow")
    kinds.check_kind("pandas")
    assert "polars" in sys.modules  # the test itself has it
