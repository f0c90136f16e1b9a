"""One more row changes no other row's codes, and never makes the fit adapt or fail."""

from __future__ import annotations

import math
import warnings
from decimal import Decimal

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from border_tools import count_rows, frame_of, random_codes

from fairveil._objects import objects_of
from fairveil.codec import Codec
from fairveil.privacy.noise import NoiseSource
from fairveil.private._cells import read
from fairveil.private.intake import _unit_codes
from fairveil.private.view import bounded
from fairveil.schema import Column, Schema


def label(*categories, **facts) -> Codec:
    facts = {"nullable": True, **facts}
    column = Column(name="x", kind="categorical", categories=categories, **facts)
    return Codec.on_grid(Schema(columns=(column,)))


TEXT = label("0", "1", "2")
WHOLE = label(0, 1, 2)
PADDED = label("01", "02", "none", other="none")
BOOL = Codec.on_grid(Schema(columns=(Column(name="x", kind="boolean", nullable=True),)))
STRICT = label("0", "1", "2", nullable=False)
NUMBER = Codec.on_grid(
    Schema(
        columns=(
            Column(
                name="x",
                kind="numeric",
                lower=0.0,
                upper=50.0,
                decimals=1,
                nullable=True,
            ),
        )
    )
)


def codes_of(codec: Codec, values, dtype=None) -> list[int]:
    frame = pd.DataFrame({"x": pd.Series(values, dtype=dtype)})
    return codec.encode(nw.from_native(frame, eager_only=True))[:, 0].tolist()


@pytest.mark.parametrize("codec", [TEXT, WHOLE, STRICT, NUMBER, PADDED])
@pytest.mark.parametrize("added", [None, float("nan"), "abc", 1.5, -7, True])
def test_a_row_that_changes_the_dtype_changes_no_other_row(codec, added):
    """Integers become floats when pandas meets a missing value, objects with text."""
    before = codes_of(codec, [0, 1, 2, 2])
    assert len(set(before)) > 1
    assert codes_of(codec, [0, 1, 2, 2, added])[:4] == before
    assert codes_of(codec, [0, 1, 2, 2, added], object)[:4] == before


def test_a_row_that_makes_booleans_objects_changes_no_other_row():
    before = codes_of(BOOL, [True, False])
    assert before == [1, 0]
    for added in (None, "maybe", 3, float("nan")):
        assert codes_of(BOOL, [True, False, added])[:2] == before


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "string", "object", "category"])
def test_other_kinds_of_columns_give_the_same_codes(dtype):
    values = ["0", "1", None] if dtype == "string" else [0, 1, None]
    assert codes_of(TEXT, values, dtype) == [0, 1, 3]


class Hostile:
    """Every question to it is an error of its own kind."""

    def __float__(self):
        raise RuntimeError("float")

    def __ne__(self, other):
        raise KeyError("ne")

    def __hash__(self):
        raise RuntimeError("hash")

    def __eq__(self, other):
        raise KeyError("eq")

    def __str__(self):
        raise RuntimeError("str")

    __repr__ = __str__


ODD = {
    "signalling": Decimal("sNaN"),
    "hostile": Hostile(),
    "missing": pd.NA,
    "no time": pd.NaT,
    "not a number": float("nan"),
    "infinite": float("inf"),
    "list": [1, 2],
    "dict": {"a": 1},
    "array": np.arange(3),
    "set": {1},
    "huge": 10**5000,
    "negative huge": -(10**400),
    "complex": 1 + 2j,
    "bytes": b"\xff",
    "lone surrogate": "\ud800",
    "empty text": "",
    "time": pd.Timestamp("2020-01-01"),
    "span": pd.Timedelta(1),
    "object": object(),
    "type": int,
    "1e308": 1e308,
    "text inf": "-inf",
    "numpy": np.float32(1),
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("codec", [TEXT, BOOL, NUMBER, PADDED])
def test_an_odd_cell_neither_fails_nor_warns(odd, codec):
    values = [1, ODD[odd]]
    series = pd.Series([None, None], dtype=object)
    series[0] = values[0]
    series.iat[1] = ODD[odd]  # noqa: PD009  (iloc would unpack a list)
    frame = pd.DataFrame({"x": series})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        codes = codec.encode(nw.from_native(frame, eager_only=True))[:, 0]
    assert codes[0] == codes_of(codec, [1], object)[0]
    assert 0 <= codes[1] < codec.sizes[0]


@pytest.mark.parametrize("dtype", ["Int64", "boolean", "string", "float64"])
def test_missing_values_of_every_dtype_are_missing(dtype):
    value = {"boolean": True, "string": "1"}.get(dtype, 1)
    codec = BOOL if dtype == "boolean" else TEXT
    assert codes_of(codec, [value, None], dtype) == [1, codec.sizes[0] - 1]


def test_large_numbers_do_not_warn_in_a_float_column():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        codes = codes_of(NUMBER, [1e308, -1e308, np.inf, -np.inf, np.nan])
    top = NUMBER.sizes[0] - 2
    assert codes == [top, 0, top, 0, top + 1]


UNREADABLE = ("list", "dict", "array", "signalling", "hostile")

# Units -----------------------------------------------------------------------------


@pytest.mark.parametrize("odd", ["missing", "no time", "not a number"])
def test_a_missing_unit_is_a_unit_of_its_own(odd):
    units = _unit_codes([7, ODD[odd], 7, ODD[odd], 8])
    assert units.tolist() == [0, -1, 0, -1, 1]
    keep = bounded(units, 5, most=1, noise=NoiseSource.insecure(0))
    assert keep[[1, 3, 4]].all()
    assert keep[[0, 2]].sum() == 1


@pytest.mark.parametrize(
    "odd",
    ["list", "dict", "array", "huge", "object", "complex", "signalling", "hostile"],
)
def test_an_odd_unit_neither_fails_nor_escapes_the_bound(odd):
    """Whatever the cell is, equal cells are one person of at most k rows."""
    frame = frame_of(random_codes(6))
    frame["person"] = pd.Series([ODD[odd]] * 6, dtype=object)
    border, _n_hat, _tape = count_rows(frame, unit="person", k=2)
    assert len(border.rows.unwrap()) == (0 if odd in UNREADABLE else 2)


def test_persons_that_cannot_be_told_apart_never_push_each_other_out():
    """Whoever is added or removed, the rows of the others stay the same."""
    persons = [[1], [2], [2], {"a": 1}, Decimal("sNaN"), math.inf, "b"]
    units = _unit_codes(persons)
    assert units.tolist() == [-2] * 6 + [0]
    frame = frame_of(random_codes(7))
    frame["person"] = pd.Series(persons, dtype=object)
    whole, _n_hat, _tape = count_rows(frame, unit="person", k=1)
    fewer, _n_hat, _tape = count_rows(frame.iloc[1:], unit="person", k=1)
    assert whole.rows.unwrap().tolist() == fewer.rows.unwrap().tolist()
    assert len(whole.rows.unwrap()) == 1


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "Etc/GMT-2"])
def test_a_moment_beyond_its_zone_neither_fails_nor_warns(zone):
    """An open end such as 9999-12-31 in UTC is a day of the year 10,000 elsewhere."""
    far = np.array(["2020-01-01", "9999-12-31T23:59:59"], dtype="M8[us]")
    far = np.r_[far, np.array([2**63 - 1]).view("M8[us]")]
    series = pd.Series(far).dt.tz_localize("UTC").dt.tz_convert(zone)
    for codec in (TEXT, BOOL, NUMBER):
        assert len(codes_of(codec, series, series.dtype)) == 3
    read(nw.from_native(series, series_only=True), np.ones(3, dtype=bool))
    assert _unit_codes(objects_of(nw.from_native(series, series_only=True)))[0] == 0


def test_a_special_value_and_a_huge_one_do_not_warn():
    facts = {"lower": 0.0, "upper": 9.0, "decimals": 6, "special": (-1.0,)}
    column = Column(name="x", kind="numeric", **facts)
    codec = Codec.on_grid(Schema(columns=(column,)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        codes = codes_of(codec, [1e305, -1e305, -1.0, 9.0, 0.0])
    assert codes[0] == codes[3]
    assert codes[1] == codes[4]
    assert codes[2] == 0


def test_units_keep_apart_when_a_missing_one_makes_them_floats():
    far = [2**53, 2**53 + 2, 7]
    assert len(set(_unit_codes(pd.Series(far).to_list()).tolist())) == 3
    units = _unit_codes(pd.Series([*far, None]).to_list())
    assert units.tolist() == [0, 1, 2, -1]


def test_bounding_keeps_at_most_k_rows_of_each_unit():
    rng = np.random.default_rng(0)
    units = rng.integers(-1, 12, 300)
    for k in (1, 2, 5):
        keep = bounded(units, 300, most=k, noise=NoiseSource.insecure(k))
        kept = units[keep]
        for unit in range(12):
            assert (kept == unit).sum() == min(k, (units == unit).sum())
        assert (kept == -1).sum() == (units == -1).sum()


def test_bounding_without_units_keeps_all_rows():
    keep = bounded(None, 5, most=1, noise=NoiseSource.insecure(0))
    assert keep.tolist() == [True] * 5


@pytest.mark.statistical
def test_bounding_keeps_each_pair_of_rows_alike():
    units = np.array([3, 1, 3, 1, 3, 3])
    noise = NoiseSource.insecure(1)
    counts: dict[tuple[int, ...], int] = {}
    n = 3000
    for _ in range(n):
        kept = np.flatnonzero(bounded(units, 6, most=2, noise=noise) & (units == 3))
        counts[tuple(kept)] = counts.get(tuple(kept), 0) + 1
    assert len(counts) == 6  # pairs among four rows
    expected = n / 6
    chi = sum((c - expected) ** 2 / expected for c in counts.values())
    assert chi < 25  # five degrees of freedom: beyond has chance 1e-4
    assert chi > 0.05  # and it is no fixed rotation
