"""Distances on the grid, against a slow second way and by hand."""

import numpy as np
import pandas as pd
import pytest

from fairveil.evaluate import _nearness as near
from fairveil.evaluate._nearness import NONE, UNIT, places


def _table(n, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    x[rng.random(n) < 0.2] = np.nan
    c = rng.choice(["a", "b", None], n)
    return pd.DataFrame({"x": x, "c": c, "k": rng.integers(0, 4, n)})


def _slow(grid, i, j, rows, others, columns):
    total = 0
    for k in columns:
        a, b = int(grid.tables[rows][k, i]), int(grid.tables[others][k, j])
        if not grid.numeric[k] or NONE in {a, b}:
            total += UNIT * (a != b)
        else:
            total += min(UNIT, abs(a - b))
    return total


def test_sums_are_those_of_a_slow_loop_whatever_the_blocks(monkeypatch):
    grid = places((_table(23, 0), _table(31, 1)), spread_of=(0,))
    expected = np.array(
        [[_slow(grid, i, j, 0, 1, (0, 1, 2)) for j in range(31)] for i in range(23)]
    )
    for block in (1, 200, 2**20):
        monkeypatch.setattr(near, "_BLOCK", block)
        parts = list(near.sums(grid, 0, 1, [(0, 1, 2), (1,), ()], each=5))
        assert np.array_equal(
            np.vstack([total for _, (total, _, _) in parts]), expected
        )
        assert all((part.stop - part.start) % 5 in {0, 3} for part, _ in parts)
        assert not any(nothing.any() for _, (_, _, nothing) in parts)
        found = near.nearest(grid, 0, 1, (0, 1, 2))
        assert np.array_equal(found, expected.min(axis=1))


def test_equal_rows_are_at_zero_and_a_gap_is_far_from_a_value():
    one = pd.DataFrame({"x": [0.1, np.nan, 1e99, -1e99], "c": ["u", "v", None, "u"]})
    grid = places((one, one), spread_of=(0,))
    ((_, (total,)),) = near.sums(grid, 0, 1, [(0,)], each=1)
    assert total.diagonal().tolist() == [0, 0, 0, 0]
    assert total[1, [0, 2, 3]].tolist() == [UNIT, UNIT, UNIT]  # no difference wraps
    ((_, (total,)),) = near.sums(grid, 0, 1, [(1,)], each=1)
    assert total[2].tolist() == [UNIT, UNIT, 0, UNIT]


def test_a_number_is_measured_by_the_spread_of_the_real_ones():
    real = pd.DataFrame({"x": np.arange(101.0)})
    made = pd.DataFrame({"x": [0.0, 9.0, 1e6]})
    grid = places((real, made), spread_of=(0,))
    ((_, (total,)),) = near.sums(grid, 0, 1, [(0,)], each=1)
    assert total[0].tolist() == pytest.approx([0, UNIT / 10, UNIT], abs=1)
    constant = pd.DataFrame({"x": [5.0, 5.0, 5.0]})
    grid = places((constant, made), spread_of=(0,))
    ((_, (total,)),) = near.sums(grid, 0, 1, [(0,)], each=1)
    assert total[0].tolist() == [5, 4, UNIT]  # nothing to measure by: steps of one


def test_tables_within_a_grid_and_columns_by_name():
    grid = places((_table(4, 0), _table(5, 1)), spread_of=(0, 1))
    both = grid.within((grid.tables[1], grid.tables[0]))
    assert both.tables[0].shape == (3, 5)
    assert grid.columns(["k", "x"]) == [2, 0]
