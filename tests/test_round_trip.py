"""Random tables of every type, and the real ones: the same form comes back.

The facts are copied, as of a table that is public; encoding, decoding and the frames
are those of a release, without the fit between them.
"""

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from fairveil.codec import Codec
from fairveil.schema import Column, Schema
from fairveil.synthesizer import FairVeil
from fairveil.tables.arrow import unbacked
from fairveil.tables.frames import open_frame, to_frame
from fairveil.tables.kinds import framed

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
TABLES = sorted(path.name for path in SHARED.glob("*.csv*")) if SHARED.is_dir() else []
ROWS = 2000  # of a real table

floats: dict[str, Any] = {"allow_nan": False, "allow_infinity": False}
CELLS = {
    "int8": st.integers(-128, 127),
    "uint8": st.integers(0, 255),
    "int16": st.integers(-999, 999),
    "int64": st.integers(-(2**50), 2**50),
    "Int64": st.integers(-(2**50), 2**50),
    "UInt16": st.integers(0, 65535),
    "float16": st.floats(-60_000, 60_000, width=16, **floats),
    "float32": st.floats(-1e9, 1e9, width=32, **floats),
    "float64": st.floats(-1e9, 1e9, **floats),
    "Float64": st.floats(-1e9, 1e9, **floats),
    "bool": st.booleans(),
    "boolean": st.booleans(),
    "str": st.sampled_from(["a", "b", "", "é", "ü x"]),
    "string": st.sampled_from(["a", "b", "7"]),
    "category": st.sampled_from(["lo", "mid", "hi"]),
    "decimals": st.decimals(-999, 999, places=2),
    "dates": st.dates(),
    "times": st.times(),
    "datetime64[us]": st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2250, 1, 1)),
    "datetime64[s]": st.datetimes(),
    "timedelta64[ms]": st.timedeltas(dt.timedelta(-999), dt.timedelta(999)),
    "empty": st.none(),
}
OBJECTS = ("decimals", "dates", "times", "empty")
NO_NULL = ("int8", "uint8", "int16", "int64", "bool")


@st.composite
def tables(draw):
    rows = draw(st.integers(1, 12))
    chosen = draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=1, max_size=6))
    columns = {}
    for j, kind in enumerate(chosen):
        cell = CELLS[kind]
        if kind not in NO_NULL and draw(st.booleans()):
            cell = st.one_of(cell, st.none())
        cells = draw(st.lists(cell, min_size=rows, max_size=rows))
        if kind == "category":
            levels = pd.Categorical(cells, ["hi", "lo", "mid"], ordered=True)
            series = pd.Series(levels)
        else:
            series = pd.Series(cells, dtype="object" if kind in OBJECTS else kind)
        columns[f"{j} {kind}"] = series
    return pd.DataFrame(columns)


def through(frame, schema, rng):
    codec = Codec.on_grid(schema)
    codes = codec.encode(nw.from_native(frame, eager_only=True))
    return codes, to_frame(codec.decode(codes, rng), schema)


def check(frame, made, schema):
    """The same columns, order, dtypes, kinds of cells and nulls; nothing outside."""
    assert made.columns.tolist() == frame.columns.tolist()
    pd.testing.assert_series_equal(made.dtypes, frame.dtypes)
    for column in schema.columns:
        real, fake = frame[column.name], made[column.name]
        assert (real.isna() == fake.isna()).all(), column.name
        if real.dtype == object:
            assert {type(v) for v in fake.dropna()} <= {type(v) for v in real.dropna()}
        if column.kind == "categorical":
            assert set(fake.dropna()) <= set(real.dropna())
        elif column.on_scale and real.dtype != object:
            assert (fake.dropna() >= real.min()).all(), column.name
            assert (fake.dropna() <= real.max()).all(), column.name


@pytest.mark.parametrize("levels", [["hi", "lo", "mid"], []])
def test_levels_that_no_row_has_come_back(levels):
    column = pd.Series(pd.Categorical([None, None], levels, ordered=bool(levels)))
    frame = pd.DataFrame({"a": column, "b": [1, 2]})
    schema = Schema.infer(frame, declare_public=True)
    _codes, made = through(frame, schema, np.random.default_rng(0))
    assert made["a"].isna().all()
    assert list(made["a"].cat.categories) == levels
    assert made["a"].cat.ordered == bool(levels)


@settings(max_examples=150)
@given(tables(), st.integers(0, 2**31))
def test_random_tables_come_back_in_their_form(frame, seed):
    schema = Schema.infer(frame, declare_public=True)
    assert Schema.from_dict(schema.to_dict()) == schema
    codes, made = through(frame, schema, np.random.default_rng(seed))
    check(frame, made, schema)
    again, _made = through(made, schema, np.random.default_rng(seed))
    np.testing.assert_array_equal(codes, again)


ARROW: dict[str, Any] = {
    "int8": (pa.int8(), st.integers(-128, 127)),
    "uint16": (pa.uint16(), st.integers(0, 65535)),
    "int64": (pa.int64(), st.integers(-(2**50), 2**50)),
    "float": (pa.float32(), st.floats(-1e9, 1e9, width=32, **floats)),
    "double": (pa.float64(), st.floats(-1e9, 1e9, **floats)),
    "bool": (pa.bool_(), st.booleans()),
    "string": (pa.string(), st.sampled_from(["a", "b", "", "é"])),
    "large": (pa.large_string(), st.sampled_from(["a", "b", "7"])),
    "decimal": (pa.decimal128(9, 2), st.decimals(-999, 999, places=2)),
    "date": (pa.date32(), st.dates()),
    "time": (pa.time64("us"), st.times()),
    "seconds": (pa.time32("s"), st.times().map(lambda t: t.replace(microsecond=0))),
    "moment": (
        pa.timestamp("us"),
        st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2250, 1, 1)),
    ),
    "zoned": (
        pa.timestamp("ms", "Europe/Berlin"),
        st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2100, 1, 1)).map(
            lambda m: m.replace(microsecond=0, tzinfo=dt.UTC)
        ),
    ),
    "span": (
        pa.duration("s"),
        st.integers(-99_999, 99_999).map(lambda s: dt.timedelta(seconds=s)),
    ),
    "words": (
        pa.dictionary(pa.int32(), pa.string()),
        st.sampled_from(["lo", "hi"]),
    ),
    "empty": (pa.null(), st.none()),
}


@st.composite
def backed(draw):
    """A frame in Arrow memory, some of its columns NumPy's."""
    rows = draw(st.integers(1, 12))
    chosen = draw(st.lists(st.sampled_from(sorted(ARROW)), min_size=1, max_size=6))
    columns: dict[str, Any] = {"plain": np.arange(rows)}
    for j, name in enumerate(chosen):
        kind, cell = ARROW[name]
        if draw(st.booleans()):
            cell = st.one_of(cell, st.none())
        cells = draw(st.lists(cell, min_size=rows, max_size=rows))
        made = pd.arrays.ArrowExtensionArray(pa.array(cells, kind))
        columns[f"{j} {name}"] = pd.Series(made)
    return pd.DataFrame(columns)


@settings(max_examples=60)
@given(backed(), st.integers(0, 2**31))
def test_columns_in_arrow_memory_come_back_in_it(frame, seed):
    schema = Schema.infer(frame, declare_public=True)
    assert Schema.from_dict(schema.to_dict()) == schema
    codec = Codec.on_grid(schema)
    codes = codec.encode(unbacked(open_frame(frame)))
    made = framed(codec.decode(codes, np.random.default_rng(seed)), schema, "pandas")
    check(frame, made, schema)
    np.testing.assert_array_equal(codes, codec.encode(unbacked(open_frame(made))))


def test_a_private_fit_of_arrow_memory_gives_it_back(tiny_settings):
    rng = np.random.default_rng(0)
    rows = {
        "n": pd.Series(rng.integers(0, 9, 300), dtype="int64[pyarrow]"),
        "word": pd.Series(
            rng.choice(["a", "b"], 300), dtype=pd.ArrowDtype(pa.string())
        ),
    }
    schema = Schema(
        columns=(
            Column(
                name="n",
                kind="numeric",
                dtype="int64[pyarrow]",
                lower=0,
                upper=9,
                decimals=0,
            ),
            Column(
                name="word",
                kind="categorical",
                dtype="string[pyarrow]",
                categories=("a", "b"),
            ),
        )
    )
    model = FairVeil(
        schema=schema, preset=tiny_settings, generator="decoder", epsilon=8.0
    )
    frame = pd.DataFrame(rows)
    made = model.fit(frame).sample(50, random_state=1)
    pd.testing.assert_series_equal(made.dtypes, frame.dtypes)
    assert made["n"].between(0, 9).all()
    some = pd.Series([3, None], dtype="int64[pyarrow]")
    full = model.complete(pd.DataFrame({"n": some}), random_state=1)
    pd.testing.assert_series_equal(full.dtypes, frame.dtypes)
    assert full["n"][0] == 3
    assert full.notna().all().all()


@pytest.mark.skipif(not TABLES, reason="../shared/data is not beside the clone")
@pytest.mark.parametrize("name", TABLES)
def test_real_tables_come_back_in_their_form(name):
    frame = pd.read_csv(
        SHARED / name, nrows=ROWS, keep_default_na=False, na_values=["", "?"]
    )
    schema = Schema.infer(frame, declare_public=True)
    _codes, made = through(frame, schema, np.random.default_rng(0))
    check(frame, made, schema)
    for column in schema.columns:
        if column.kind == "numeric" and column.decimals is not None:
            fake = made[column.name].dropna().astype(float)
            assert np.array_equal(fake.round(column.decimals), fake)


def test_decimals_keep_their_places():
    frame = pd.DataFrame({"x": [Decimal("1.50"), Decimal("99.95"), None]})
    schema = Schema.infer(frame, declare_public=True)
    assert (schema["x"].dtype, schema["x"].decimals) == ("decimal", 2)
    _codes, made = through(frame, schema, np.random.default_rng(0))
    assert {str(v)[-3] for v in made["x"].dropna()} == {"."}
    assert made["x"][2] is None


@pytest.mark.parametrize("dtype", ["float16", "float32", "Float32"])
@given(st.floats(-100, 100), st.floats(0.01, 50), st.integers(0, 99))
def test_short_floats_lie_within_the_declared_bounds(dtype, lower, width, seed):
    upper = lower + width
    column = Column(name="x", kind="numeric", dtype=dtype, lower=lower, upper=upper)
    schema = Schema(columns=(column,))
    ends = np.repeat([lower, upper], 50)
    _codes, made = through(
        pd.DataFrame({"x": ends}), schema, np.random.default_rng(seed)
    )
    assert made["x"].dtype == dtype
    exact = made["x"].to_numpy(dtype="float64")
    near = np.spacing(np.array([lower, upper]).astype(dtype.lower()))
    if width > 4 * float(near.max()):  # there is a float of this kind between
        assert ((exact >= lower) & (exact <= upper)).all()


@pytest.mark.parametrize(
    ("dtype", "lower", "upper"),
    [
        ("int8", 0, 128),
        ("uint8", -1, 9),
        ("UInt16", 0, 65536),
        ("int8[pyarrow]", 0, 999),
    ],
)
def test_bounds_that_a_dtype_cannot_hold_are_refused(dtype, lower, upper):
    with pytest.raises(ValueError, match="cannot hold"):
        Column(
            name="x", kind="numeric", dtype=dtype, lower=lower, upper=upper, decimals=0
        )
