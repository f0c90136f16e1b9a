"""What small tables get: more for one-ways, coarser grids, a word to their users."""

import dataclasses
import math

import pytest
from hypothesis import given, strategies as st

from fairveil import _sizing
from fairveil.bins import GRID_CELLS
from fairveil.config import Fit, Measuring, Split

SIZE = {"rho": 0.03, "columns": 12}


def later(split):
    return [split.vae, split.clusters, split.selection, split.marginals]


def test_the_noise_is_that_of_a_count_with_an_even_part():
    """Sensitivity 1, rho of one column: standard deviation 1 / sqrt(2 rho)."""
    rho = 0.03 * Fit().split.single / 12
    expected = 1.0 / math.sqrt(2.0 * rho) / 5000
    found = _sizing.one_way_noise(Fit(), n_hat=5000, **SIZE)
    assert found == pytest.approx(expected)
    assert _sizing.signal(5000, 0.03) == pytest.approx(5000 * math.sqrt(0.06))


@pytest.mark.parametrize("n_hat", [20_000, 1e6])
@pytest.mark.parametrize("rho", [0.03, math.inf])
def test_large_tables_are_left_alone(n_hat, rho):
    size = {"n_hat": n_hat, "rho": rho, "columns": 12}
    assert _sizing.sized(Fit(), **size) == Fit()
    assert _sizing.advice(Fit(), **size) is None
    if n_hat > 1e5 or rho == math.inf:
        assert _sizing.grid_cells(Fit(), **size) == GRID_CELLS


@pytest.mark.parametrize("n_hat", [1500, 2000])
def test_one_ways_get_what_brings_their_noise_to_the_aim(n_hat):
    made = _sizing.sized(Fit(), n_hat=n_hat, **SIZE)
    assert Fit().split.single < made.split.single < Fit().measuring.most_single
    noise = _sizing.one_way_noise(made, n_hat=n_hat, **SIZE)
    assert noise == pytest.approx(Fit().measuring.one_way_noise)
    assert dataclasses.replace(made, split=Fit().split) == Fit()  # nothing else moves


@given(st.integers(1, 10**6), st.floats(1e-6, 100), st.integers(1, 300))
def test_shares_stay_a_split(n_hat, rho, columns):
    size = {"n_hat": n_hat, "rho": rho, "columns": columns}
    made = _sizing.sized(Fit(), **size)
    usual, split = Fit().split, made.split
    assert usual.single <= split.single <= made.measuring.most_single
    assert (split.rows, split.discovery) == (usual.rows, usual.discovery)
    ratio = later(split)[0] / later(usual)[0]
    assert later(split) == pytest.approx([ratio * part for part in later(usual)])
    cells = _sizing.grid_cells(made, **size)
    assert made.measuring.least_cells <= cells <= GRID_CELLS


def test_what_discovery_spent_stays_spent():
    split = Split().with_discovery(0.2)
    fit = dataclasses.replace(Fit(), split=split)
    made = _sizing.sized(fit, n_hat=200, **SIZE)
    assert made.split.discovery == pytest.approx(0.2)
    assert made.split.single == fit.measuring.most_single


def test_noisier_counts_get_coarser_grids():
    cells = [_sizing.grid_cells(Fit(), n_hat=n, **SIZE) for n in (200, 2000, 20_000)]
    assert cells[0] == Fit().measuring.least_cells < cells[1] < cells[2]
    own = dataclasses.replace(Fit(), measuring=Measuring(grid_noise=0.1))
    assert _sizing.grid_cells(own, n_hat=2000, **SIZE) < cells[1]
    noise = _sizing.one_way_noise(Fit(), n_hat=2000, **SIZE)
    assert cells[1] == int(Fit().measuring.grid_noise / noise)


def test_users_of_small_tables_are_told():
    told = _sizing.advice(Fit(), n_hat=400, **SIZE)
    assert told is not None
    assert _sizing.advice(Fit(), n_hat=2000, **SIZE) is None
    most = dataclasses.replace(Fit(), split=Split().with_single(0.6))
    noise = _sizing.one_way_noise(most, n_hat=400, **SIZE)
    assert f"about {100 * noise:.0f} %" in told
    assert "12 columns" in told
    assert "more than all" in str(_sizing.advice(Fit(), n_hat=2, **SIZE))
    assert _sizing.advice(Fit(), n_hat=0, **SIZE) is not None
