"""Columns, sets of columns, associations, neighbours: oracles, copies, odd tables."""

import json

import numpy as np
import pandas as pd
import pytest

from fairveil.errors import ConfigError, TableError
from fairveil.evaluate import (
    associations,
    column_shares,
    marginal_errors,
    nearest_rows,
    tvd,
)


def _table(n, seed, *, tied=True):
    rng = np.random.default_rng(seed)
    c = rng.choice(list("abc"), n, p=[0.5, 0.3, 0.2])
    d = np.where(rng.random(n) < 0.8, c, rng.choice(list("abc"), n)) if tied else c
    d = d if tied else rng.permutation(d)
    x = rng.normal(size=n).round(2)
    x[:: 10 + seed] = np.nan
    return pd.DataFrame({"c": c, "d": d, "x": x, "k": rng.integers(0, 4, n)})


REAL, FAKE = _table(1500, 0), _table(900, 1, tied=False)


def test_shares_are_those_of_the_rows():
    found = {one.column: one for one in column_shares(REAL, FAKE)}
    for name in ("c", "k"):
        one, counts = found[name], REAL[name].value_counts(normalize=True)
        shares = dict(zip(one.labels, one.real, strict=True))
        assert shares == pytest.approx({str(k): v for k, v in counts.items()})
    assert found["c"].labels == ("a", "b", "c")  # by falling share
    assert found["k"].labels == ("0", "1", "2", "3")  # numbers in their order
    x = found["x"]
    assert x.kind == "numbers"
    assert len(x.edges) == len(x.real) + 1 == 21
    assert x.missing_real == pytest.approx(0.1)
    known = FAKE["x"].dropna()
    inside = [
        ((known > low) & (known <= high)).mean()
        for low, high in zip(x.edges[1:-2], x.edges[2:-1], strict=True)
    ]
    assert list(x.synthetic[1:-1]) == pytest.approx(inside)
    assert sum(x.synthetic) == pytest.approx(1)
    json.dumps([one.to_dict() for one in found.values()], allow_nan=False)


def test_rare_values_are_joined_and_whole_numbers_stay_whole():
    rng = np.random.default_rng(0)
    real = pd.DataFrame(
        {
            "w": rng.choice([f"w{k}" for k in range(40)], 800),
            "n": rng.integers(0, 60, 800),
        }
    )
    first, second = column_shares(real, real, most=5, bins=20)
    assert first.labels[-1] == "35 others"
    assert sum(first.real) == pytest.approx(1)
    assert first.real == first.synthetic
    assert np.diff(second.edges) == pytest.approx(3)


@pytest.mark.parametrize(
    "values",
    [
        [None] * 4,
        [1.0] * 4,
        ["a"] * 4,
        [np.inf, 1.0, 2.0, None],
        [True, False, True, None],
    ],
)
def test_odd_columns_have_a_picture(values):
    frame = pd.DataFrame({"v": values, "w": list("abcd")})
    (one, _) = column_shares(frame, frame, most=2)
    assert one.real == one.synthetic
    assert sum(one.real) == pytest.approx(float(frame["v"].notna().any()))
    other = pd.DataFrame({"v": ["z", None, None, None], "w": list("abcd")})
    (one, _) = column_shares(frame, other)
    assert one.missing_synthetic == 0.75
    associations(frame, other)
    marginal_errors(frame, other)
    nearest_rows(frame, frame, frame)


@pytest.mark.parametrize("ways", [1, 2, 3])
def test_errors_are_those_of_tvd(ways):
    found = marginal_errors(REAL, FAKE, ways=ways)
    told = tvd(REAL, FAKE, ways=ways)
    assert found.mean == pytest.approx(told.mean)
    assert max(one.error for one in found.sets) == pytest.approx(told.worst)
    assert found.possible == len(found.sets) == told.n_sets
    assert found.interval.low <= found.mean <= found.interval.high
    for one in found.sets:
        alone = tvd(REAL, FAKE, ways=ways, columns=one.columns)
        assert one.error == pytest.approx(alone.mean)


def test_the_broken_pair_is_worst_and_others_are_within_chance():
    found = marginal_errors(REAL, FAKE, ways=2)
    first, *others = found.worst
    assert first.columns == ("c", "d")
    assert first.error > 2 * first.noise_high
    assert all(one.error < 1.3 * one.noise_high for one in others)


def test_a_copy_has_no_error_and_a_floor():
    found = marginal_errors(REAL, REAL, ways=2)
    assert found.mean == pytest.approx(0, abs=1e-12)
    assert found.noise_high >= found.noise > 0


def test_many_sets_are_drawn_once_each():
    found = marginal_errors(REAL, FAKE, ways=2, sets=4, seed=3)
    assert len({one.columns for one in found.sets}) == 4
    assert found.possible == 6
    assert found == marginal_errors(REAL, FAKE, ways=2, sets=4, seed=3)
    with pytest.raises(ConfigError, match="ways"):
        marginal_errors(REAL[["c"]], FAKE[["c"]], ways=2)
    with pytest.raises(TableError):
        marginal_errors(REAL, FAKE.drop(columns="c"))


def test_association_is_one_for_a_copy_and_none_for_independent_columns():
    frame = REAL.assign(same=REAL["c"].map({"a": 3, "b": 1, "c": 2}), one="z")
    found = associations(frame, FAKE.assign(same=1, one="z"))
    real = np.array(found.real)
    place = {name: i for i, name in enumerate(found.columns)}
    assert real[place["c"], place["same"]] == pytest.approx(1)
    assert real[place["c"], place["k"]] < 0.06
    assert 0.6 < real[place["c"], place["d"]] < 0.95
    assert np.isnan(real[place["one"]]).all()
    assert np.array(found.synthetic)[place["c"], place["d"]] < 0.1
    np.testing.assert_array_equal(real, real.T)
    few = associations(frame, frame, most=2)
    assert few.columns == ("c", "d")
    assert few.notes


def test_association_agrees_with_the_textbook():
    table = np.array([[30, 10], [10, 50]])
    rows = [(a, b) for a in (0, 1) for b in (0, 1) for _ in range(table[a, b])]
    frame = pd.DataFrame(rows, columns=["a", "b"])
    expected = np.outer(table.sum(1), table.sum(0)) / 100
    phi = ((table - expected) ** 2 / expected).sum() / 100
    bare = max(0, phi - 1 / 99) / (2 - 1 / 99 - 1)
    assert associations(frame, frame).real[0][1] == pytest.approx(np.sqrt(bare))


def test_copies_lie_near_and_fresh_rows_do_not():
    rng = np.random.default_rng(0)
    real, control, fresh = (
        pd.DataFrame(rng.normal(size=(400, 4)), columns=list("abcd")) for _ in range(3)
    )
    copied = nearest_rows(real, control, real)
    assert copied.nearer == 1
    assert copied.seen_median == pytest.approx(0, abs=1e-3)
    apart = nearest_rows(real, control, fresh)
    assert apart.interval.low < 0.5 < apart.interval.high
    small = nearest_rows(real, control.head(50), fresh)
    assert (small.n_seen, small.n_unseen, small.n_released) == (50, 50, 400)
    assert nearest_rows(real, real, fresh).nearer == 0.5
