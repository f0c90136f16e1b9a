"""Bounds are drawn in and empty codes dropped by noisy counts alone."""

import numpy as np
import pytest

from fairveil._trim import (
    empty_codes,
    inside_mass,
    measured_bounds,
    occupied,
    seen_ends,
    trimmed,
    without,
)
from fairveil.bins import Bins, public_grid
from fairveil.codec import Codec
from fairveil.schema import Column, Schema

DP = {"lower": "dp", "upper": "dp", "nullable": "dp", "other": "dp"}


def column(**facts):
    return Column(**{"name": "x", "kind": "numeric", "provenance": DP, **facts})


def codec(*columns):
    return Codec.on_grid(Schema(columns=columns)).columns[0]


NUMBER = column(lower=0.0, upper=127.0, decimals=0, nullable=True, dtype="Int64")
WORDS = column(
    kind="categorical", categories=("a", "b", "other"), other="other", nullable=True
)


@pytest.mark.statistical
@pytest.mark.parametrize(
    ("first", "last", "mass"),
    [(0, 127, 300), (17, 90, 300), (40, 40, 900), (3, 4, 600)],
)
def test_sharp_ends_are_found(first, last, mass):
    """Never cut, mostly to the cell, and seldom ten cells beyond."""
    rng = np.random.default_rng(first)
    true = np.zeros(128)
    true[first : last + 1] = mass
    tries = [occupied(true + rng.normal(0, 50, 128), 50) for _ in range(300)]
    low, high = np.array(tries).T
    assert ((low <= first) & (high >= last)).all()
    assert (low == first).mean() > 0.4
    assert (high == last).mean() > 0.4
    assert ((low > first - 10) & (high < last + 10)).mean() > 0.85


@pytest.mark.parametrize(
    ("lower", "upper", "decimals", "begins", "ends"),
    [
        (0.0, 16383.0, 0, 0.0, 8192.0),  # zeros, and gains spread over many cells
        (16.0, 127.0, 0, 31.0, 64.0),
        (0.0, 1.0, 0, 0.0, 1.0),
        (-127.0, 31.0, 0, -64.0, 16.0),
        (-127.0, -16.0, 0, -64.0, -31.0),
        (0.25, 15.99, 2, 0.49, 8.0),
        (-8.0, 16.0, None, -4.0, 8.0),
        (0.0, 0.0, 0, 0.0, 0.0),
    ],
)
def test_the_outermost_powers_of_two_that_were_seen_are_never_cut(
    lower, upper, decimals, begins, ends
):
    found = column(lower=lower, upper=upper, decimals=decimals, dtype="float64")
    grid = public_grid(found)
    first, last = seen_ends(found, grid)
    assert grid.lows[first] <= begins <= grid.highs[first]
    assert grid.lows[last] <= ends <= grid.highs[last]


@pytest.mark.statistical
def test_thin_ends_are_kept_and_empty_ones_cut():
    rng = np.random.default_rng(2)
    true = 1000 * np.exp(-np.arange(128) / 10.0)
    tries = [occupied(true + rng.normal(0, 50, 128), 50)[1] for _ in range(300)]
    last = int(np.median(tries))
    assert np.flatnonzero(true > 0.5 * 50)[-1] - 3 <= last < 60
    assert true[last + 1 :].sum() < 0.05 * true.sum()


@pytest.mark.statistical
def test_a_thin_stretch_behind_a_thick_one_is_kept_where_it_holds_many_rows():
    rng = np.random.default_rng(3)
    true = np.zeros(128)
    true[:50], true[50:85] = 900, 40
    last = [occupied(true + rng.normal(0, 50, 128), 50)[1] for _ in range(300)]
    assert np.quantile(last, 0.1) > 60
    assert 75 < np.median(last) < 95


def test_a_heavy_cell_beyond_an_empty_stretch_is_kept():
    counts = np.zeros(128)
    counts[:5], counts[99] = 500.0, 300.0
    assert occupied(counts, 50.0) == (0, 99)
    counts[99] = 200.0
    assert occupied(counts, 50.0) == (0, 4)


def test_one_cell_and_no_noise():
    assert occupied(np.array([7.0]), 5.0) == (0, 0)
    assert occupied(np.array([0.0, 3, 0, 1, 0]), 0.0) == (1, 3)


def test_a_trimmed_column_has_the_bounds_of_its_grid():
    facts, grid = trimmed(NUMBER, public_grid(NUMBER), 17, 90)
    assert (facts.lower, facts.upper) == (17.0, 90.0)
    assert (grid.lows[0], grid.highs[-1], len(grid)) == (17.0, 90.0, 74)
    assert Column.model_validate(facts.model_dump()) == facts


@pytest.mark.parametrize(
    "facts",
    [
        {"provenance": {}},
        {"provenance": {"lower": "dp"}},
        {"provenance": {"lower": "public", "upper": "dp"}},
        {"special": (99.0,)},
    ],
)
def test_declared_bounds_stand(facts):
    assert measured_bounds(NUMBER)
    assert not measured_bounds(column(lower=0.0, upper=127.0, decimals=0, **facts))


def test_codes_are_empty_within_the_limit_only():
    words = codec(WORDS)
    assert empty_codes(words, np.array([900.0, 500, 151, 151]), 150) == ()
    assert empty_codes(words, np.array([900.0, 5, 149, -3]), 150) == (2, 3)
    public = codec(WORDS.model_copy(update={"provenance": {}}))
    assert empty_codes(public, np.array([900.0, 5, 0, 0]), 150) == ()
    alone = codec(column(kind="categorical", categories=("other",), other="other"))
    assert empty_codes(alone, np.array([0.0]), 150) == ()


def test_rows_of_a_dropped_code_move_to_the_heaviest():
    found, counts, label = without(codec(WORDS), np.array([3.0, 900, 1, 2]), (2, 3))
    assert found.column.categories == ("a", "b")
    assert found.column.other is None
    assert not found.column.nullable
    assert counts.tolist() == [3, 900]
    assert label.tolist() == [0, 1, 1, 1]
    assert Column.model_validate(found.column.model_dump()) == found.column


def test_a_dropped_missing_leaves_the_dtype_that_cannot_miss():
    counts = np.r_[np.full(128, 10.0), 0.0]
    counts[40] = 700
    found, left, label = without(codec(NUMBER), counts, (128,))
    assert (found.column.nullable, found.column.dtype) == (False, "int64")
    assert (len(left), found.size) == (128, 128)
    assert label[128] == 40
    assert (label[:128] == np.arange(128)).all()


def test_a_rest_can_go_while_missing_stays():
    found, counts, label = without(codec(WORDS), np.array([3.0, 900, 1, 200]), (2,))
    assert (found.column.categories, found.column.nullable) == (("a", "b"), True)
    assert counts.tolist() == [3, 900, 200]
    assert label.tolist() == [0, 1, 1, 2]


# --- how values lie inside a bin -----------------------------------------------------


def even_grid(widths):
    ends = np.cumsum([0, *widths])
    return Bins(ends[:-1].astype(float), ends[1:] - 1.0, 1.0)


def test_cells_within_the_noise_share_what_they_hold_together():
    """Once, the cell that stood out took every row of its bin."""
    grid = even_grid([1, 1, 2, 4, 1, 1])
    counts = np.array([900.0, 30.0, 50.0, 60.0, 20.0, -90.0])
    label = np.array([0, 0, 0, 0, 1, 1])
    mass = inside_mass(counts, label, grid, noise_stddev=50.0)
    np.testing.assert_allclose(mass[:4], [900.0, 20.0, 40.0, 80.0])
    np.testing.assert_array_equal(mass[4:], [0.0, 0.0])  # -70 is no mass


def test_a_rest_within_its_own_noise_is_no_mass():
    grid, label = even_grid([1] * 5), np.zeros(5, int)
    counts = np.array([900.0, 25.0, 25.0, 25.0, 25.0])
    for noise, rest in ((51.0, 0.0), (49.0, 25.0)):  # four cells: noise times two
        mass = inside_mass(counts, label, grid, noise)
        np.testing.assert_allclose(mass, [900.0, *[rest] * 4])


@pytest.mark.statistical
def test_masses_inside_a_bin_come_near_the_truth():
    """One heavy value among many light ones, under noise that hides each light one."""
    true = np.full(40, 30.0)
    true[7] = 800.0
    grid, label = even_grid([1] * 40), np.zeros(40, int)
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(300):
        mass = inside_mass(true + rng.normal(0, 40, 40), label, grid, 40.0)
        shares.append(mass[7] / mass.sum())
    right = true[7] / true.sum()
    assert abs(np.mean(shares) - right) < 0.05
    assert np.mean(np.abs(np.array(shares) - right)) < 0.1
