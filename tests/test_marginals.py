"""Histograms against pandas; flat cells against NumPy's own flattening."""

import itertools
import tracemalloc

import numpy as np
import pandas as pd
import pytest

from fairveil import marginals
from fairveil.marginals import Marginal, cell_index, cells, histogram, histograms

SIZES = (2, 5, 3)
CODES = np.random.default_rng(0).integers(0, SIZES, (200, 3)).astype(np.int32)
CLIQUES = [q for k in (1, 2, 3) for q in itertools.combinations(range(3), k)]


@pytest.mark.parametrize("columns", CLIQUES)
def test_histogram_is_a_group_by(columns):
    found = histogram(CODES, SIZES, columns)
    names = list(columns)
    seen = pd.DataFrame(CODES).groupby(names).size()
    every = itertools.product(*(range(SIZES[c]) for c in columns))
    keys = [key if len(key) > 1 else key[0] for key in every]
    wanted = [seen.get(key, 0) for key in keys]
    assert found.tolist() == wanted
    assert found.dtype == np.float64
    assert len(found) == cells(SIZES, columns)


@pytest.mark.parametrize("columns", CLIQUES)
def test_cells_are_flat_in_c_order(columns):
    wanted = np.ravel_multi_index(CODES[:, columns].T, tuple(SIZES[c] for c in columns))
    np.testing.assert_array_equal(cell_index(CODES, SIZES, columns), wanted)


def test_weights_are_summed():
    weights = np.random.default_rng(1).random(200)
    found = histogram(CODES, SIZES, (1,), weights)
    wanted = [weights[CODES[:, 1] == c].sum() for c in range(5)]
    np.testing.assert_allclose(found, wanted)


def test_no_rows_and_no_columns():
    empty = np.empty((0, 3), dtype=np.int32)
    assert histogram(empty, SIZES, (0, 1)).tolist() == [0.0] * 10
    assert cells(SIZES, ()) == 1
    assert histogram(CODES, SIZES, ()).tolist() == [200.0]


@pytest.mark.parametrize("block", [1, 7, 200, 201])
def test_counts_in_one_pass_are_those_of_each_marginal(monkeypatch, block):
    monkeypatch.setattr(marginals, "_BLOCK", block)
    for codes in (CODES, np.asfortranarray(CODES.astype(np.uint8)), CODES[:0]):
        found = histograms(codes, SIZES, [*CLIQUES, ()])
        wanted = [histogram(codes, SIZES, q) for q in [*CLIQUES, ()]]
        assert [f.tolist() for f in found] == [w.tolist() for w in wanted]
    assert histograms(CODES, SIZES, []) == []


def test_one_pass_over_many_rows_needs_no_memory_for_them():
    codes = np.zeros((300_000, 3), dtype=np.uint8, order="F")
    codes[::3, 1] = 4
    tracemalloc.start()
    try:
        (counts,) = histograms(codes, SIZES, [(0, 1)])
        _now, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert counts.tolist() == [200_000, 0, 0, 0, 100_000, 0, 0, 0, 0, 0]
    assert most < 2e6


def test_large_products_do_not_overflow():
    sizes = (50_000, 50_000, 3)
    codes = np.array([[49_999, 49_999, 2]], dtype=np.int32)
    assert cell_index(codes, sizes, (0, 1, 2)).tolist() == [50_000**2 * 3 - 1]


def test_a_marginal_is_frozen():
    marginal = Marginal((0,), np.zeros(2), 1.0)
    with pytest.raises(AttributeError):
        marginal.noise_stddev = 0.0
