"""Loosened proxies: which columns, how much, and what stays."""

import numpy as np
import pytest
from scipy import stats

from fairveil.marginals import histogram
from fairveil.post.loosen import loosening

SIZES = (2, 3, 2, 4, 2)  # sex, race, proxy of sex, proxy of race, nothing
N = 20_000
RNG = np.random.default_rng(0)
SEX = RNG.integers(0, 2, N)
RACE = RNG.choice(3, N, p=[0.6, 0.3, 0.1])
PROXY = np.where(RNG.random(N) < 0.9, SEX, 1 - SEX)
WEAK = np.where(RNG.random(N) < 0.5, RACE, RNG.integers(0, 4, N))
ROWS = np.stack([SEX, RACE, PROXY, WEAK, RNG.integers(0, 2, N)], 1).astype(np.int32)


def information(rows, a, b):
    table = histogram(rows, SIZES, (a, b)).reshape(SIZES[a], SIZES[b]) / len(rows)
    apart = np.outer(table.sum(1), table.sum(0))
    held = table > 0
    return (table[held] * np.log(table[held] / apart[held])).sum()


def entropy(column):
    share = np.bincount(ROWS[:, column]) / N
    return -(share * np.log(share)).sum()


def test_the_best_proxy_is_loosened_most_and_others_in_proportion():
    found = loosening(ROWS, SIZES, (0, 1), 0.8)
    best = information(ROWS, 0, 2) / entropy(0)
    other = information(ROWS, 1, 3) / entropy(1)
    assert 0.1 < other / best < 0.9
    np.testing.assert_allclose(found.parts, [0, 0, 0.8, 0.8 * other / best, 0])
    alone = loosening(ROWS, SIZES, (0,), 1.0)
    assert alone.parts[2] == 1.0
    assert alone.parts[3] == 0.0  # what chance alone would tell is nothing
    none = loosening(ROWS, SIZES, (0, 1), 0.0)
    assert not none.parts.any()


def test_without_proxies_and_with_a_constant_nothing_is_loosened():
    rows = ROWS.copy()
    rows[:, 1] = 0
    assert not loosening(rows[:, [1, 4]], (3, 2), (0,), 1.0).parts.any()


@pytest.mark.statistical
def test_one_ways_stay_and_ties_go():
    found = loosening(ROWS, SIZES, (0, 1), 0.6)
    out = found.apply(ROWS, np.random.default_rng(1))
    np.testing.assert_array_equal(out[:, [0, 1, 4]], ROWS[:, [0, 1, 4]])
    for column in (2, 3):
        counts = histogram(ROWS, SIZES, (column,))
        got = histogram(out, SIZES, (column,))
        assert stats.chisquare(got, counts).pvalue > 1e-4
    assert information(out, 0, 2) < 0.3 * information(ROWS, 0, 2)
    moved = (out[:, 2] != ROWS[:, 2]).mean()
    assert moved == pytest.approx(0.6 * 0.5, abs=0.02)


def test_a_longer_table_begins_with_the_shorter_one():
    found = loosening(ROWS, SIZES, (0, 1), 0.6)
    whole = found.apply(ROWS[:900], np.random.default_rng(2))
    part = found.apply(ROWS[:100], np.random.default_rng(2))
    np.testing.assert_array_equal(whole[:100], part)


def test_what_noise_may_have_made_is_no_proxy():
    noisy = {(0, 2): 0.0, (1, 3): 1e5}
    found = loosening(ROWS, SIZES, (0, 1), 1.0, n_hat=N, noise=noisy)
    assert found.parts[2] == 1.0
    assert found.parts[3] == 0.0
    few = loosening(ROWS, SIZES, (0, 1), 1.0, n_hat=20)  # forty rows tell of nothing
    assert few.parts[3] == 0.0


def test_a_weak_best_proxy_is_not_drawn_anew_whole():
    rows = ROWS[:, [0, 4]].copy()
    rows[:, 1] = np.where(RNG.random(N) < 0.04, rows[:, 0], rows[:, 1])
    found = loosening(rows, (2, 2), (0,), 1.0)
    assert 0.0 < found.parts[1] < 0.2
