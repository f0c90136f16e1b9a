"""Grids cover their range without gap or overlap; merging keeps the partition."""

import math

import numpy as np
import pytest
from hypothesis import assume, example, given, strategies as st

from fairveil.bins import GRID_CELLS, Bins, merge, public_grid
from fairveil.schema import Column


def column(lower, upper, decimals=None, special=()):
    return Column(
        name="x",
        kind="numeric",
        lower=float(lower),
        upper=float(upper),
        decimals=decimals,
        special=tuple(map(float, special)),
    )


@st.composite
def columns(draw):
    """Numeric columns whose bounds and special values have the declared decimals."""
    decimals = draw(st.none() | st.integers(0, 4))
    if decimals is None:
        number = st.floats(-1e6, 1e6, allow_subnormal=False).filter(
            lambda v: v == 0 or abs(v) > 1e-6
        )
    else:
        number = st.integers(-(10**6), 10**6).map(
            lambda i: round(i / 10**decimals, decimals)
        )
    lower, upper = sorted((draw(number), draw(number)))
    inside = st.floats(0, 1).map(lambda u: lower + u * (upper - lower))
    if decimals is not None:
        inside = inside.map(lambda v: round(v, decimals))
    special = [s for s in draw(st.lists(inside, max_size=3)) if lower <= s <= upper]
    return column(lower, upper, decimals, special)


def values_of(col, rng, n=300):
    """Values of a column: its ends, its specials, and some in between."""
    u = np.r_[0.0, 1.0, rng.random(n), rng.random(n) ** 8]
    values = np.clip(col.lower + u * (col.upper - col.lower), col.lower, col.upper)
    values = np.r_[
        values, [s for s in (0.0, *col.special) if col.lower <= s <= col.upper]
    ]
    return values if col.decimals is None else values.round(col.decimals)


# --- the public grid ---------------------------------------------------------------


@given(columns())
@example(column(0, 100_000, 0, (99_999,)))
@example(column(0, 1e6))
@example(column(-5, 5))
@example(column(3, 3, 0))
@example(column(0, 50, 2, (0.1, 0.3, 0.7)))
@example(column(-1000, 1000, 2, (-0.01, 0.01)))
def test_the_grid_covers_the_range(col):
    grid = public_grid(col)
    tiny = 1e-9 * max(1.0, abs(col.lower), abs(col.upper))
    assert grid.lows[0] == pytest.approx(col.lower, abs=tiny)
    assert grid.highs[-1] == pytest.approx(col.upper, abs=tiny)
    assert (grid.lows <= grid.highs).all()
    gaps = grid.lows[1:] - grid.highs[:-1]
    assert (gaps > 0).all()
    if col.decimals is None:
        assert (gaps <= tiny).all()
    else:
        np.testing.assert_allclose(gaps, grid.step, atol=tiny)


@given(columns(), st.integers(0, 1000))
@example(column(0, 50, 2, (0.1, 0.3, 0.7)), 0)
@example(column(0, 5000, 2, (0.1, 0.3, 0.7, 1.1)), 0)
def test_every_value_lies_in_its_cell(col, seed):
    grid = public_grid(col)
    values = values_of(col, np.random.default_rng(seed))
    cell = grid.assign(values)
    tiny = 1e-9 * max(1.0, abs(col.lower), abs(col.upper))
    assert (values >= grid.lows[cell] - tiny).all()
    assert (values <= grid.highs[cell] + tiny).all()


@given(columns())
@example(column(0, 100_000, 0, (99_999,)))
@example(column(-50, 50, 2, (0.1, 0.3, -0.7)))
@example(column(0, 1e6, None, (0.5,)))
def test_zero_and_special_values_stand_alone(col):
    grid = public_grid(col)
    alone = {s for s in (0.0, *col.special) if col.lower <= s <= col.upper}
    assume(alone)
    step = grid.step or 1e-9 * max(1.0, abs(col.lower), abs(col.upper))
    for value in alone:
        cell = grid.assign(np.array([value]))[0]
        assert grid.lows[cell] == pytest.approx(value, abs=1e-9)
        assert grid.highs[cell] == grid.lows[cell]
        others = np.array([value - step, value + step])
        if col.decimals is not None:
            others = others.round(col.decimals)
        others = others[(others >= col.lower) & (others <= col.upper)]
        others = others[others != value]
        assert cell not in grid.assign(others)


@pytest.mark.parametrize(("upper", "decimals"), [(127, 0), (12.7, 1), (1.27, 2)])
def test_short_ranges_have_a_cell_for_each_value(upper, decimals):
    grid = public_grid(column(0, upper, decimals))
    assert len(grid) == GRID_CELLS
    np.testing.assert_array_equal(grid.lows, grid.highs)
    values = np.round(np.arange(128) / 10**decimals, decimals)
    np.testing.assert_array_equal(grid.assign(values), np.arange(128))


@pytest.mark.parametrize("cells", [8, 20, 64, 128])
@pytest.mark.parametrize("decimals", [None, 0, 2])
def test_coarser_grids_have_fewer_cells_over_the_same_range(cells, decimals):
    col = column(-10, 1e6, decimals, (7,))
    grid, finest = public_grid(col, cells), public_grid(col)
    assert cells / 2 <= len(grid) <= 2 * cells + 6
    assert len(grid) <= len(finest)
    assert (grid.lows[0], grid.highs[-1]) == (finest.lows[0], finest.highs[-1])
    for alone in (0.0, 7.0):
        cell = grid.assign(np.array([alone]))[0]
        assert grid.lows[cell] == grid.highs[cell] == alone


def test_single_values_keep_their_cells_up_to_twice_as_many():
    assert len(public_grid(column(0, 39, 0), 20)) == 40
    coarse = public_grid(column(0, 40, 0), 20)
    assert len(coarse) < 41
    assert (coarse.highs > coarse.lows).any()
    assert len(public_grid(column(0, 127, 0), 64)) == 128
    assert len(public_grid(column(0, 128, 0), 128)) < 129 + 64


@pytest.mark.parametrize("decimals", [None, 0, 2])
def test_long_ranges_stay_small(decimals):
    grid = public_grid(column(-1e6, 1e9, decimals, (7, 99)))
    assert 64 <= len(grid) <= 300


def test_bounds_with_more_decimals_than_the_values():
    """Values of 0 to 10 in whole numbers, bounds declared between them."""
    grid = public_grid(column(0.5, 10.5, 0))
    assert (np.diff(grid.lows) > 0).all()
    values = np.arange(1.0, 11.0)
    assert len(set(grid.assign(values))) == len(values)


def test_the_grid_hangs_on_public_facts_only():
    a, b = (public_grid(column(0, 5e4, 2, (99,))) for _ in range(2))
    np.testing.assert_array_equal(a.lows, b.lows)


# --- values ------------------------------------------------------------------------

BINS = Bins(np.array([0.0, 1.0, 5.0]), np.array([0.0, 4.0, 9.0]), 1.0)


def test_values_outside_go_to_the_ends():
    values = np.array([-np.inf, -3, 0, 1, 4, 5, 9, 10, 1e300, np.inf])
    assert BINS.assign(values).tolist() == [0, 0, 0, 1, 1, 2, 2, 2, 2, 2]


@pytest.mark.statistical
def test_draws_are_uniform_over_a_bins_values():
    rng = np.random.default_rng(0)
    drawn = BINS.draw(np.full(20_000, 1), rng)
    counts = np.bincount(drawn.astype(int), minlength=5)
    assert counts[0] == 0
    assert (np.abs(counts[1:] - 5000) < 4.5 * np.sqrt(20_000 * 3 / 16)).all()
    assert set(BINS.draw(np.zeros(50, int), rng)) == {0.0}


@pytest.mark.statistical
def test_draws_of_a_continuum():
    bins = Bins(np.array([0.0, 2.0]), np.array([1.9, 6.0]), 0.0)
    drawn = bins.draw(np.full(20_000, 1), np.random.default_rng(0))
    assert drawn.min() >= 2.0
    assert drawn.max() <= 6.0
    assert abs(drawn.mean() - 4.0) < 4.5 * 4 / math.sqrt(12 * 20_000)


@given(columns(), st.integers(0, 1000))
def test_draws_stay_in_their_cell(col, seed):
    grid = public_grid(col)
    rng = np.random.default_rng(seed)
    cells = rng.integers(0, len(grid), 200)
    drawn = grid.draw(cells, rng)
    if col.decimals is not None:
        drawn = drawn.round(col.decimals)
    np.testing.assert_array_equal(grid.assign(drawn), cells)


# --- merging -----------------------------------------------------------------------

GRID = public_grid(column(0, 99, 0))


@given(
    st.lists(st.floats(-50, 2000), min_size=100, max_size=100),
    st.integers(2, 32),
    st.floats(0, 100),
)
@example([0.0] * 100, 2, 1.0)
@example([-5.0] * 100, 32, 0.0)
@example([1000.0] * 100, 2, 0.0)
def test_merging_keeps_the_partition(counts, most, stddev):
    bins, label = merge(GRID, np.array(counts), most=most, noise_stddev=stddev)
    assert 1 <= len(bins) <= most
    assert label[0] == 0
    assert label[-1] == len(bins) - 1
    assert set(np.diff(label)) <= {0, 1}
    for b in range(len(bins)):
        own = np.flatnonzero(label == b)
        assert bins.lows[b] == GRID.lows[own[0]]
        assert bins.highs[b] == GRID.highs[own[-1]]
    np.testing.assert_array_equal(bins.assign(GRID.lows), label)


@pytest.mark.parametrize("at", [0, 40, 99])
def test_a_heavy_single_value_stays_alone(at):
    counts = np.full(100, 10.0)
    counts[at] = 5000.0
    bins, label = merge(GRID, counts, most=16, noise_stddev=3.0)
    assert (label == label[at]).sum() == 1
    assert len(bins) > 4  # and the light ones are not thrown together


def test_equal_counts_give_bins_of_equal_mass():
    bins, label = merge(GRID, np.full(100, 100.0), most=10, noise_stddev=1.0)
    assert len(bins) == 10
    assert np.bincount(label).tolist() == [10] * 10


def bins_of(true, stddev, draws=400, most=32):
    """Numbers of bins (draws,) under fresh noise."""
    rng = np.random.default_rng(0)
    noisy = true + rng.normal(0, stddev, (draws, len(GRID)))
    found = [merge(GRID, one, most=most, noise_stddev=stddev)[0] for one in noisy]
    return np.array([len(bins) for bins in found])


@pytest.mark.statistical
@pytest.mark.parametrize("stddev", [3.0, 20.0, 1e4])
def test_noise_alone_makes_no_bins(stddev):
    """A cell alone, or any run of cells, passes four deviations once in many draws.

    Were a bin's mass held against the noise of one cell only, sums of some twenty cells
    would pass again and again.
    """
    many = bins_of(np.zeros(len(GRID)), stddev)
    assert many.mean() < 1.15
    assert (many == 1).mean() > 0.9
    assert many.max() <= 3
    assert bins_of(np.full(len(GRID), 40 * stddev), stddev).min() > 20  # rows do


@pytest.mark.statistical
def test_a_run_of_cells_shows_once_its_sum_stands_out():
    """Ten cells that are each within the noise: seen together, or not at all."""
    stddev, faint, clear = 20.0, np.zeros(len(GRID)), np.zeros(len(GRID))
    faint[50:60] = 0.05 * stddev
    clear[50:60] = 3.5 * stddev  # a sum of 35, where noise of ten cells has 3.2
    assert bins_of(faint, stddev).mean() < 1.2
    assert bins_of(clear, stddev).mean() > 2.0


@pytest.mark.parametrize(("excess", "bins"), [(0.99, 1), (1.01, 2)])
def test_the_mass_of_joined_cells_is_held_against_their_own_noise(excess, bins):
    """Nine cells of a sum that passes 4 deviations of it, or just does not."""
    counts = np.zeros(len(GRID))
    counts[:9] = excess * 4.0 * 10.0 * 9**0.5 / 9
    found, label = merge(GRID, counts, most=32, noise_stddev=10.0)
    assert len(found) == bins
    assert label[8] == 0
    assert label[9] == bins - 1
