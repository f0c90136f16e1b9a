"""A cell is what it is, whatever stands beside it; and it is counted once."""

from __future__ import annotations

import datetime as dt
import decimal
import fractions
import math

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from fairveil.codec import as_number
from fairveil.private import _cells as cells
from fairveil.private._cells import FALSE, MISSING, NUMBER, STRANGE, TRUE, WORD


def read(values, dtype=None) -> cells.Cells:
    series = pd.Series(values, dtype=dtype)
    table = nw.from_native(pd.DataFrame({"x": series}), eager_only=True)
    return cells.read(table["x"], np.ones(len(series), dtype=bool))


class Rude:
    """Refuses everything that a cell can be asked."""

    def __eq__(self, _):
        raise ValueError

    def __ne__(self, _):
        raise ValueError

    __hash__ = None

    def __str__(self):
        raise RuntimeError

    def __float__(self):
        raise KeyError


class Liar(str):
    """Text whose text is no text."""

    __slots__ = ()

    def __str__(self):
        return self.upper()


WILD = [
    None,
    pd.NA,
    pd.NaT,
    math.nan,
    math.inf,
    -math.inf,
    decimal.Decimal("1.50"),
    decimal.Decimal("sNaN"),
    fractions.Fraction(1, 3),
    10**400,
    -(10**20),
    2**53,
    np.float32(0.1),
    np.int8(-3),
    np.bool_(True),
    np.longdouble(1),
    1 + 1j,
    np.complex128(1 + 0j),
    b"\xff",
    b"1",
    [1],
    [[1], [2, 3]],
    (),
    {"a": 1},
    {1},
    np.array([1.0]),
    np.array([]),
    np.array([1, 2]),
    "\ud800",
    "x" * 10_000,
    "9" * 5_000,
    "1e+999",
    "\x00",
    "",
    " ",
    dt.datetime(2020, 1, 1),
    dt.date(2020, 1, 1),
    pd.Timestamp("2020-01-01", tz="UTC"),
    pd.Timedelta(1, "s"),
    pd.Interval(0, 1),
    pd.DataFrame({"a": [1]}),
    object(),
    type,
    Rude(),
    Liar("a"),
    lambda: 1,
]

KNOWN = [
    (None, MISSING, ""),
    (pd.NaT, MISSING, ""),
    (decimal.Decimal("NaN"), MISSING, ""),
    (True, TRUE, "True"),
    ("true", TRUE, "true"),
    ("False", FALSE, "False"),
    ("TRUE", WORD, "TRUE"),
    (1, NUMBER, "1"),
    (1.0, NUMBER, "1"),
    ("1", NUMBER, "1"),
    ("1.00", NUMBER, "1"),
    (" 1 ", NUMBER, "1"),
    (decimal.Decimal("2.50"), NUMBER, "2.5"),
    ("-0.5", NUMBER, "-0.5"),
    (".5", NUMBER, "0.5"),
    ("1e-05", NUMBER, "1e-05"),
    (-0.0, NUMBER, "0"),
    ("-0", NUMBER, "0"),
    ("007", WORD, "007"),
    ("+1", WORD, "+1"),
    ("1e5", WORD, "1e5"),
    ("1_000", WORD, "1_000"),
    ("1,5", WORD, "1,5"),
    ("\u0661", WORD, "\u0661"),  # a digit of another script
    ("nan", WORD, "nan"),
    ("inf", WORD, "inf"),
    ("", WORD, ""),
    (" a", WORD, " a"),
    ("9007199254740993", WORD, "9007199254740993"),
    (9007199254740993, STRANGE, ""),
    (math.inf, STRANGE, ""),
    (10**400, STRANGE, ""),
    ("\ud800", STRANGE, ""),
    ("x" * 257, STRANGE, ""),
    ((1, 2), WORD, "(1, 2)"),
    (dt.date(2020, 1, 1), WORD, "2020-01-01"),
]


@pytest.mark.parametrize(("cell", "tag", "label"), KNOWN)
def test_what_a_cell_is(cell, tag, label):
    found = cells.entry(cell)
    assert (found[0], found[2]) == (tag, label)
    assert math.isnan(found[1]) is (tag != NUMBER)
    if tag == NUMBER:  # and the codec sees the same number
        assert found[1] == as_number(cell)


def test_wild_cells_neither_raise_nor_warn():
    series = np.empty(len(WILD), dtype=object)
    for i, cell in enumerate(WILD):
        series[i] = cell
    found = read(series)
    assert len(found.tags) == len(WILD)
    counts = found.public(words_missing=False)
    assert counts.sum() + sum(found.labels(everything=False).values()) <= len(WILD)
    assert sum(found.labels(everything=True).values()) <= len(WILD)
    for label in found.labels(everything=True):
        assert len(label.encode()) <= 4 * 256


@pytest.mark.parametrize("empty", [[], pd.Series([], dtype="float64")])
def test_no_rows(empty):
    found = read(empty)
    assert found.public(words_missing=True).sum() == 0
    assert found.labels(everything=True) == {}


CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**60), 2**60),
    st.floats(),
    st.decimals(places=2, allow_nan=False, min_value=-1000, max_value=1000).map(float),
    st.sampled_from(["a", "1", "1.0", "007", "True", "", "2.50", "?"]),
)


def same(one, other):
    return one[0] == other[0] and one[2] == other[2]


@given(rows=st.lists(CELLS, max_size=12), more=st.sampled_from([None, "word", 0.5, 3]))
def test_another_row_never_changes_what_a_cell_is(rows, more):
    """Pandas gives the column another dtype for it: floats, objects, text."""
    alone, beside = read(rows), read([*rows, more])
    n = len(rows)
    assert (alone.tags == beside.tags[:n]).all()
    number = alone.tags == NUMBER
    assert (alone.numbers[number] == beside.numbers[:n][number]).all()
    for i, cell in enumerate(rows):
        tag, number, label = cells.entry(cell)
        if tag == MISSING and isinstance(cell, float):
            continue
        assert alone.tags[i] == tag
        single = read(rows[i : i + 1]).labels(everything=True)
        assert single == ({label: 1} if tag not in (MISSING, STRANGE) else {})


@given(rows=st.lists(st.integers(-(2**60), 2**60), min_size=1, max_size=8))
def test_integers_are_the_same_as_floats(rows):
    whole, floats = read(rows, "int64"), read(rows, "float64")
    objects = read([*rows, "x"])
    assert (whole.tags == floats.tags).all()
    assert (objects.tags[:-1] == whole.tags).all()
    assert (whole.partition == floats.partition).all()
    labels = objects.labels(everything=True)
    labels.pop("x")
    assert whole.labels(everything=True) == labels


@pytest.mark.parametrize("words_missing", [False, True])
@given(rows=st.lists(CELLS, max_size=10))
def test_a_row_is_counted_once_at_most(rows, words_missing):
    """One more row adds 1 to one count of a look, or to none."""
    for i in range(len(rows)):
        one, all_of = read(rows[:i]), read(rows[: i + 1])
        public = [c.public(words_missing=words_missing) for c in (one, all_of)]
        moved = np.abs(public[1] - public[0]).sum()
        words = [c.labels(everything=False) for c in (one, all_of)]
        labels = [c.labels(everything=True) for c in (one, all_of)]
        if not words_missing:
            moved += sum(words[1].values()) - sum(words[0].values())
        assert moved in (0, 1)
        more = sum(labels[1].values()) - sum(labels[0].values())
        missing = int(public[1][MISSING] - public[0][MISSING])
        if not words_missing:
            assert missing + more in (0, 1)
        for before, after in (words, labels):
            assert before.items() <= {**after, **before}.items()
            changed = [k for k in after if after[k] != before.get(k, 0)]
            assert len(changed) <= 1


@given(digits=st.integers(-(10**9), 10**9), count=st.integers(0, cells.MOST_PLACES))
def test_decimals_are_those_of_the_shortest_text(digits, count):
    exact = decimal.Decimal(digits).scaleb(-count)
    shortest = exact.normalize()
    wanted = max(0, -int(shortest.as_tuple().exponent))
    value = float(exact)
    assert cells.places(np.array([value])) == [wanted]
    assert cells.entry(str(exact))[1] == value


@pytest.mark.parametrize(
    ("value", "places"),
    [(0.1 + 0.2, 7), (1 / 3, 7), (1e-7, 7), (2.0**51 + 0.5, 7), (0.0, 0), (1e15, 0)],
)
def test_decimals_of_numbers_beyond_the_scale(value, places):
    assert cells.places(np.array([value])) == [places]


@given(
    st.floats(-(2.0**53), 2.0**53, allow_nan=False, exclude_min=True, exclude_max=True)
)
def test_a_number_lies_in_its_magnitude(value):
    (at,) = cells.magnitudes(np.array([value]))
    low, high = cells.LOWS[at], cells.HIGHS[at]
    if value == 0:
        assert at == cells.ZERO
    elif value > 0:
        assert low <= value < high
    else:
        assert low < value <= high
    assert cells.MAGNITUDES == len(cells.HIGHS) == 2 * cells.ZERO + 1


def test_equal_parts_cover_a_range_of_either_sign():
    values = np.array([1024.0, 1999.0, 2000.0, 2047.9, 2048.0, -1024.0, -2048.0, 3.0])
    found = read(values)
    up, down = found.within(1024.0, 2048.0, 64), found.within(-2048.0, -1024.0, 64)
    assert np.flatnonzero(up).tolist() == [0, 60, 61, 63]  # 16 wide; 2048 is outside
    assert up.sum() == 4
    assert down.sum() == 1  # -2048 lies outside its half-open end
    assert down[-1] == 1


def test_rows_that_were_dropped_are_not_looked_at():
    looked = []

    class Spy:
        def __str__(self):
            looked.append(self)
            return "spy"

    spies = [Spy(), Spy()]
    table = nw.from_native(pd.DataFrame({"x": pd.Series(spies, dtype=object)}))
    cells.read(table["x"], np.array([False, True]))
    assert looked == [spies[1]]
