"""Declared codes and spikes come back exactly, and no other value becomes one."""

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from fairveil.bins import merge, public_grid, standing_alone
from fairveil.codec import Codec, ColumnCodec, Inside
from fairveil.schema import Column, Schema


@st.composite
def columns(draw):
    decimals = draw(st.sampled_from([0, 1, None]))
    scale = 1.0 if not decimals else 10.0**-decimals
    low = draw(st.integers(-2000, 2000))
    high = low + draw(st.sampled_from([0, 3, 90, 5000]))
    codes = st.one_of(st.sampled_from([-1, 0, 99, 999]), st.integers(-9999, 9999))
    special = draw(st.lists(codes, max_size=4, unique=True))
    return Column(
        name="x",
        kind="numeric",
        lower=round(low * scale, 6),
        upper=round(high * scale, 6),
        decimals=decimals,
        special=tuple(round(s * scale, 6) for s in special),
        nullable=draw(st.booleans()),
    )


def measured(column, counts, *, stddev=3.0, most=6):
    """The column with bins that were read off noisy counts."""
    grid = public_grid(column)
    counts = np.resize(counts, len(grid)).astype(float)
    alone = standing_alone(grid, column)
    bins, label = merge(grid, counts, most=most, noise_stddev=stddev, alone=alone)
    return ColumnCodec(column, bins, Inside(bins, grid, label, counts.clip(0)))


@given(columns(), st.lists(st.floats(-20, 200), min_size=1), st.integers(0, 99))
def test_special_values_stay_apart_under_any_noise(column, counts, seed):
    codec = measured(column, np.array(counts))
    rng = np.random.default_rng(seed)
    low, high = column.ends()
    special = np.unique(column.singles)
    values = np.r_[special, rng.uniform(low - 50, high + 50, 60), np.nan]
    series = nw.from_native(pd.Series(values, name="x"), series_only=True)
    codes = codec.encode(series)
    assert len(set(codes[: len(special)])) == len(special)
    drawn = codec.decode(np.repeat(codes, 3), rng)
    out = np.array([np.nan if v is None else v for v in drawn]).reshape(-1, 3)
    np.testing.assert_array_equal(out[: len(special)].T, [special] * 3)
    others = out[len(special) : -1]
    rounded = values if column.decimals is None else values.round(column.decimals)
    rounded = rounded[len(special) : -1]
    was = np.isin(rounded, special) | np.isin(np.clip(rounded, low, high), special)
    became = np.isin(others, special).all(axis=1)
    assert (became == was).all()  # a value clamped to a bound that is special is it
    assert ((others >= low) & (others <= high))[~was].all()
    if not column.nullable and low not in special:  # missing: the least of the scale
        assert not np.isin(out[-1], special).all()


def test_rare_codes_are_not_joined_to_their_neighbours():
    column = Column(
        name="x", kind="numeric", lower=0, upper=5000, decimals=0, special=(9.0, 99.0)
    )
    grid = public_grid(column)
    counts = np.full(len(grid), 40.0)
    alone = standing_alone(grid, column)
    counts[alone] = 1.0
    bins, _label = merge(grid, counts, most=8, noise_stddev=30.0, alone=alone)
    assert {9.0, 99.0} <= set(bins.lows[bins.lows == bins.highs])
    joined, _label = merge(grid, counts, most=8, noise_stddev=30.0)
    assert not {9.0, 99.0} & set(joined.lows[joined.lows == joined.highs])
    assert len(bins) <= 8 + 2 + 2


def test_without_special_values_merging_is_as_it_was():
    rng = np.random.default_rng(3)
    column = Column(name="x", kind="numeric", lower=0, upper=5000, decimals=0)
    grid = public_grid(column)
    counts = rng.exponential(200, len(grid))
    none = np.zeros(len(grid), dtype=bool)
    how = {"most": 8, "noise_stddev": 10.0}
    bins, label = merge(grid, counts, **how)
    same, again = merge(grid, counts, **how, alone=none)
    np.testing.assert_equal(vars(bins), vars(same))
    np.testing.assert_array_equal(label, again)


def test_codes_outside_the_bounds_leave_nothing_between():
    column = Column(
        name="age", kind="numeric", lower=0, upper=90, decimals=0, special=(999.0, -1.0)
    )
    schema = Schema(columns=(column,))
    codec = Codec.on_grid(schema)
    frame = nw.from_native(pd.DataFrame({"age": [-1, 999, 500, -7, 90, 0]}))
    codes = codec.encode(frame)
    out = codec.decode(codes, np.random.default_rng(0))["age"]
    assert out == [-1, 999, 90, 0, 90, 0]
    assert Schema.from_dict(schema.to_dict()) == schema


def test_sentinel_dates_stay_what_they_are():
    column = Column(
        name="end",
        kind="date",
        lower="2000-01-01",
        upper="2024-12-31",
        special=("1900-01-01", "9999-12-31"),
    )
    codec = Codec.on_grid(Schema(columns=(column,)))
    texts = ["9999-12-31", "1900-01-01", "2030-01-01", "1950-01-01"]
    codes = codec.encode(nw.from_native(pd.DataFrame({"end": texts})))
    out = codec.decode(codes, np.random.default_rng(0))["end"]
    out = np.asarray(out).astype(str)
    assert out[:2].tolist() == texts[:2]
    assert (out[2:] >= "2000-01-01").all()
    assert (out[2:] <= "2024-12-31").all()


@pytest.mark.parametrize("mark", ["dp", "public"])
def test_usual_codes_have_cells_where_nobody_declared_the_range(mark):
    column = Column(
        name="x",
        kind="numeric",
        lower=-1023,
        upper=1023,
        decimals=0,
        provenance={"lower": mark, "upper": mark},
    )
    grid = public_grid(column)
    single = set(grid.lows[grid.lows == grid.highs])
    assert ({-999.0, -99.0, 99.0, 999.0} <= single) == (mark == "dp")


def test_too_many_special_values_are_refused():
    with pytest.raises(ValueError, match="at most 100"):
        Column(
            name="x",
            kind="numeric",
            lower=0,
            upper=900,
            special=tuple(float(i) for i in range(101)),
        )
