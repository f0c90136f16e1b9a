"""Table to codes and back: exact for categories, within the bin for numbers.

No cell makes ``encode`` fail or adapt, whatever it holds: the hard rows are real ones.
"""

import decimal
import math

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings, strategies as st

from fairveil.bins import Bins, merge
from fairveil.codec import Codec, Inside, is_numeric, recode
from fairveil.errors import SchemaError
from fairveil.schema import Column, Schema

TEXTS = ("red", "green", "blue", "", " x ", "None", "nan", "1")
STRANGE = [
    None,
    math.nan,
    math.inf,
    -math.inf,
    -0.0,
    1e308,
    -1e308,
    10**400,
    -(10**400),
    True,
    "",
    "red",
    "12",
    " 7 ",
    "1e999",
    "nan",
    "\x00",
    b"3",
    1j,
    pd.NA,
    pd.NaT,
    pd.Timestamp("2020-01-01"),
    decimal.Decimal("1.5"),
    decimal.Decimal("sNaN"),
    [1, 2],
    {"a": 1},
    (1,),
    np.array([1.0, 2.0]),
    np.float32(1.5),
    object(),
]


class Hostile:
    """A cell that answers every question with an error."""

    def __eq__(self, other):
        raise RuntimeError("no")

    def __ne__(self, other):
        raise RuntimeError("no")

    __hash__ = None

    def __str__(self):
        raise RuntimeError("no")

    def __float__(self):
        raise RuntimeError("no")


def frame(**columns):
    return nw.from_native(pd.DataFrame(columns), eager_only=True)


def of(column, values, dtype="object"):
    """Codes of one column's values."""
    codec = Codec.on_grid(Schema(columns=(column,)))
    series = pd.Series(values, dtype=dtype)
    return codec.encode(frame(**{column.name: series}))[:, 0].tolist()


def back(column, codes, seed=0):
    codec = Codec.on_grid(Schema(columns=(column,)))
    rng = np.random.default_rng(seed)
    return codec.decode(np.array(codes, np.int32)[:, None], rng)[column.name]


@st.composite
def column_and_values(draw, name):
    """A column's public facts, and values that they allow."""
    nullable = draw(st.booleans())
    kind = draw(
        st.sampled_from(["categorical", "boolean", "integer", "decimal", "real"])
    )
    if kind == "categorical":
        texts = st.lists(st.sampled_from(TEXTS), min_size=1, max_size=5, unique=True)
        names = tuple(draw(texts))
        column = Column(name=name, kind=kind, categories=names, nullable=nullable)
        value = st.sampled_from(names)
    elif kind == "boolean":
        column = Column(name=name, kind=kind, nullable=nullable)
        value = st.booleans()
    else:
        decimals = {"integer": 0, "decimal": draw(st.integers(1, 3)), "real": None}[
            kind
        ]
        scale = 10 ** (decimals or 0)
        low = draw(st.integers(-500 * scale, 500 * scale))
        high = low + draw(st.integers(0, 40_000))
        column = Column(
            name=name,
            kind="numeric",
            lower=low / scale,
            upper=high / scale,
            decimals=decimals,
            nullable=nullable,
        )
        if decimals is None:
            value = st.floats(column.lower, column.upper)
        else:
            value = st.integers(low, high).map(lambda i: round(i / scale, decimals))
            value = value.map(int) if decimals == 0 else value
    rows = st.lists(st.none() | value if nullable else value, min_size=4, max_size=4)
    return column, draw(rows)


@st.composite
def tables(draw):
    n = draw(st.integers(1, 3))
    drawn = [draw(column_and_values(f"c{j}")) for j in range(n)]
    values = {column.name: rows for column, rows in drawn}
    return Schema(columns=tuple(c for c, _ in drawn)), values


# --- round trips -------------------------------------------------------------------


@settings(max_examples=150)
@given(tables(), st.integers(0, 100))
def test_decoding_undoes_encoding(made, seed):
    schema, values = made
    codec = Codec.on_grid(schema)
    table = frame(**{k: pd.Series(v, dtype="object") for k, v in values.items()})
    codes = codec.encode(table)
    assert codes.dtype == np.int32
    assert (codes >= 0).all()
    assert (codes < np.array(codec.sizes)).all()
    out = codec.decode(codes, np.random.default_rng(seed))
    assert list(out) == list(schema.names)
    for column in schema.columns:
        old, new = values[column.name], out[column.name]
        assert [v is None for v in old] == [v is None for v in new]
        known = [(a, b) for a, b in zip(old, new, strict=True) if a is not None]
        if column.kind != "numeric":
            assert known == [(a, a) for a, _ in known]
            continue
        for _, b in known:
            assert column.lower <= b <= column.upper
            if column.decimals is not None:
                assert b == round(b, column.decimals)
            assert isinstance(b, int if column.decimals == 0 else float)
    again = codec.encode(
        frame(**{k: pd.Series(v, dtype="object") for k, v in out.items()})
    )
    np.testing.assert_array_equal(again, codes)


@pytest.mark.parametrize(
    ("lower", "upper"),
    [(0.1234567, 0.1234569), (1e6 + 0.1, 1e6 + 0.2), (-1e9, 1e9), (2.5, 2.5)],
)
def test_real_numbers_stay_within_their_bounds(lower, upper):
    column = Column(name="x", kind="numeric", lower=lower, upper=upper)
    codec = Codec.on_grid(Schema(columns=(column,)))
    codes = np.arange(codec.sizes[0], dtype=np.int32).repeat(5)
    values = back(column, codes)
    assert min(values) >= lower
    assert max(values) <= upper
    assert of(column, values) == codes.tolist()


def test_measured_bins_draw_where_the_mass_is():
    column = Column(
        name="x", kind="numeric", lower=0, upper=99, decimals=0, nullable=True
    )
    codec = Codec.on_grid(Schema(columns=(column,)))
    counts = np.zeros(100)
    counts[[10, 11, 50]] = 300.0, 100.0, 400.0
    bins, label = merge(codec.columns[0].bins, counts, most=3, noise_stddev=1.0)
    inside = Inside(bins, codec.columns[0].bins, label, counts)
    measured = codec.with_bins({"x": inside})
    assert measured.sizes == (len(bins) + 1,)
    fine = np.arange(101, dtype=np.int32)[:, None]
    coarse = recode(fine, [label])
    assert coarse[100, 0] == len(bins)  # missing stays last
    np.testing.assert_array_equal(coarse[:100, 0], label)
    rng = np.random.default_rng(0)
    for b in range(len(bins)):
        drawn = measured.decode(np.full((2000, 1), b, np.int32), rng)["x"]
        assert of(column, drawn) == drawn  # integers on the grid
        assert set(label[drawn]) == {b}
    own = measured.decode(np.full((8000, 1), label[10], np.int32), rng)["x"]
    seen = np.bincount(own, minlength=100)
    assert seen[10] > 2.0 * max(seen[11], 1) or label[10] != label[11]
    assert measured.decode(np.array([[len(bins)]], np.int32), rng)["x"] == [None]


@pytest.mark.statistical
def test_cells_within_the_noise_share_a_little_by_their_width():
    grid = Bins(np.array([0.0, 1.0, 4.0]), np.array([0.0, 3.0, 9.0]), 1.0)
    one = Bins(np.array([0.0]), np.array([9.0]), 1.0)
    inside = Inside(one, grid, np.zeros(3, np.int32), np.array([90.0, 0.0, 0.0]))
    drawn = inside.draw(np.zeros(30_000, np.int32), np.random.default_rng(0))
    # 90 against a fifth of 90 times 3/10 and 6/10 of the width
    shares = np.array([90, 0.2 * 90 * 0.3, 0.2 * 90 * 0.6])
    seen = np.bincount(grid.assign(drawn), minlength=3) / 30_000
    np.testing.assert_allclose(seen, shares / shares.sum(), atol=0.01)


def test_recode_leaves_what_has_no_map():
    codes = np.array([[0, 2], [1, 0]], np.int32)
    np.testing.assert_array_equal(recode(codes, [None, None]), codes)


# --- fixed rules -------------------------------------------------------------------

LETTERS = ("a", "b", "rest")


@pytest.mark.parametrize(
    ("facts", "unknown", "missing"),
    [
        ({}, 0, 0),
        ({"nullable": True}, 3, 3),
        ({"other": "rest"}, 2, 2),
        ({"other": "rest", "nullable": True}, 2, 3),
    ],
)
def test_unknown_and_missing_categories(facts, unknown, missing):
    column = Column(name="x", kind="categorical", categories=LETTERS, **facts)
    assert of(column, ["a", "b", "?", None, math.nan]) == [
        0,
        1,
        unknown,
        missing,
        missing,
    ]


@pytest.mark.parametrize("nullable", [False, True])
def test_numbers_outside_are_clamped_and_text_is_read(nullable):
    column = Column(
        name="x", kind="numeric", lower=-3, upper=5, decimals=0, nullable=nullable
    )
    missing = 9 if nullable else 0
    cases = {
        -1e300: 0,
        -math.inf: 0,
        -3: 0,
        -0.0: 3,
        5: 8,
        5.4: 8,
        1e300: 8,
        math.inf: 8,
        10**400: 8,
        "2": 5,
        " 2 ": 5,
        "2.2": 5,
        "two": missing,
        "": missing,
        None: missing,
        math.nan: missing,
    }
    assert of(column, list(cases)) == list(cases.values())


def test_numeric_dtypes_agree():
    column = Column(
        name="x", kind="numeric", lower=0, upper=9, decimals=0, nullable=True
    )
    for dtype in ("int8", "int64", "uint16", "float32", "float64", "Int64", "Float64"):
        assert of(column, [0, 9, 4], dtype) == [0, 9, 4]
    assert of(column, [0, None, 4], "Int64") == [0, 10, 4]
    assert of(column, [0, None, 4], "Float64") == [0, 10, 4]
    assert of(column, [True, False], "bool") == [1, 0]
    assert of(column, ["3", None], "string") == [3, 10]
    assert of(column, ["3", "x"], "category") == [3, 10]


def test_a_label_is_itself_whatever_the_other_rows_made_of_it():
    column = Column(name="x", kind="categorical", categories=(1, 2), nullable=True)
    for values, dtype in [
        ([1, 2], "int64"),
        ([1, 2], "float64"),
        ([1, 2], "Int64"),
        (["1", "2"], "string"),
        (["1", "2"], "object"),
        ([1.0, "2"], "object"),
        ([1, 2], "category"),
    ]:
        assert of(column, values, dtype) == [0, 1]
    assert of(column, [1, None], "float64") == [0, 2]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (True, 1),
        (False, 0),
        (np.True_, 1),
        (1, 1),
        (0.0, 0),
        ("True", 1),
        ("false", 0),
        ("1", 1),
        (None, 2),
        ("maybe", 2),
        (7, 2),
    ],
)
def test_booleans(value, code):
    column = Column(name="x", kind="boolean", nullable=True)
    assert of(column, [value]) == [code]
    assert back(column, [0, 1, 2]) == [False, True, None]


# --- a row never makes the fit fail ------------------------------------------------

KINDS = [
    Column(name="x", kind="categorical", categories=("red", "12")),
    Column(name="x", kind="categorical", categories=("red", "12"), nullable=True),
    Column(name="x", kind="categorical", categories=(1, 2, 3), other=3),
    Column(name="x", kind="boolean", nullable=True),
    Column(name="x", kind="numeric", lower=-5, upper=5, decimals=0),
    Column(name="x", kind="numeric", lower=0, upper=1e9, decimals=2, nullable=True),
    Column(name="x", kind="numeric", lower=0, upper=1),
]


def label(column):
    return f"{column.kind}-{column.decimals}-{'null' if column.nullable else 'full'}"


@pytest.mark.parametrize("column", KINDS, ids=label)
@pytest.mark.parametrize("value", [*STRANGE, Hostile()], ids=lambda v: type(v).__name__)
def test_no_cell_stops_encoding_or_changes_the_others(column, value):
    good = 1 if column.kind != "categorical" else column.categories[1]
    clean = of(column, [good, good])
    cells = pd.Series([good, None, good], dtype="object")
    cells.array[1] = value if not isinstance(value, np.ndarray) else value.tolist()
    codec = Codec.on_grid(Schema(columns=(column,)))
    codes = codec.encode(frame(x=cells))[:, 0]
    assert [codes[0], codes[2]] == clean
    assert 0 <= codes[1] < codec.sizes[0]


@settings(max_examples=150)
@given(st.lists(st.sampled_from(STRANGE) | st.floats() | st.text(), max_size=6))
@example([])
def test_mixed_columns_encode(values):
    cells = pd.Series([None] * len(values), dtype="object")
    for i, value in enumerate(values):
        cells.array[i] = [1] if isinstance(value, np.ndarray) else value
    for column in KINDS:
        codec = Codec.on_grid(Schema(columns=(column,)))
        codes = codec.encode(frame(x=cells))
        assert codes.shape == (len(values), 1)
        assert (codes >= 0).all()
        assert (codes < codec.sizes[0]).all()


@pytest.mark.parametrize(
    "series",
    [
        pd.Series(pd.to_datetime(["2020-01-01", None])),
        pd.Series(pd.to_timedelta([1, 2], unit="s")),
        pd.Series([1 + 2j, 3j]),
        pd.Series(pd.Categorical([1, None])),
        pd.Series(pd.interval_range(0, 2)),
        pd.Series(pd.period_range("2020", periods=2, freq="D")),
    ],
    ids=lambda s: str(s.dtype),
)
@pytest.mark.parametrize("column", KINDS, ids=label)
def test_dtypes_that_do_not_fit_encode(column, series):
    codec = Codec.on_grid(Schema(columns=(column,)))
    codes = codec.encode(frame(x=series))
    assert ((codes >= 0) & (codes < codec.sizes[0])).all()


# --- the codec ---------------------------------------------------------------------


def test_codec_names_and_sizes(tiny_schema):
    codec = Codec.on_grid(tiny_schema)
    assert codec.names == tiny_schema.names
    assert codec.sizes[:2] == (2, 74)
    assert codec.sizes[-1] == 11
    assert codec.index("pay") == 2
    assert codec.schema.columns == tiny_schema.columns


def test_columns_are_found_by_name(tiny_table, tiny_schema):
    codec = Codec.on_grid(tiny_schema)
    wide = nw.from_native(tiny_table[tiny_table.columns[::-1]].assign(extra=1))
    plain = nw.from_native(tiny_table)
    np.testing.assert_array_equal(codec.encode(wide), codec.encode(plain))


def test_a_lacking_column_is_named():
    column = Column(name="gone", kind="boolean")
    with pytest.raises(SchemaError, match="gone"):
        Codec.on_grid(Schema(columns=(column,))).encode(frame(x=[1]))


# --- cells that fail when they are asked -------------------------------------------


def _fails(*_):
    raise RuntimeError


class UnhashableText(str):
    __slots__ = ()
    __hash__ = None


class Beyond:
    """Beyond all floats, and not to be compared."""

    __gt__ = _fails

    def __float__(self):
        raise OverflowError


class Disguised:
    __class__ = property(_fails)


@pytest.mark.parametrize("bad", [UnhashableText, Beyond, Disguised])
@pytest.mark.parametrize("kind", ["categorical", "numeric", "boolean"])
def test_a_hostile_cell_gets_a_code_as_any_other(bad, kind):
    facts = {"categories": ("x",)} if kind == "categorical" else {}
    facts = {"lower": 0.0, "upper": 9.0} if kind == "numeric" else facts
    column = Column(name="a", kind=kind, nullable=True, **facts)
    codec = Codec.on_grid(Schema(columns=(column,)))
    made = [None, bad("x") if bad is UnhashableText else bad(), None]
    cells = pd.Series(made, dtype=object)
    codes = codec.encode(nw.from_native(pd.DataFrame({"a": cells}), eager_only=True))
    assert codes.tolist() == [[codec.sizes[0] - 1]] * 3


def test_of_objects_no_cell_tells_the_dtype():
    for cells, numeric in (([1, 2], False), (["a", 2.0], False)):
        series = pd.Series(cells, dtype=object)
        assert is_numeric(nw.from_native(series, series_only=True)) is numeric
    assert is_numeric(nw.from_native(pd.Series([1, 2]), series_only=True))
