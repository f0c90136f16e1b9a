"""Raking against iterative proportional fitting; softness; weights of any row."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from fairveil.marginals import histogram
from fairveil.post.calibrate import LogLinear, Pool
from fairveil.post.targets import Target

SIZES = (2, 3, 2)
CELLS = np.array(list(itertools.product(*map(range, SIZES))), dtype=np.int32)
OPTIONS = {"softness": 2000.0, "least_stddev": 0.0}


def pool_of(counts):
    return Pool(np.repeat(CELLS, counts, axis=0), SIZES)


@pytest.fixture
def pool():
    return pool_of(np.random.default_rng(0).integers(5, 40, 12))


def wanted(columns, seed=1, stddev=0.0):
    """A marginal of some other joint, so that all of them fit together."""
    joint = np.random.default_rng(seed).dirichlet(np.ones(12))
    return Target(columns, histogram(CELLS, SIZES, columns, joint), stddev)


def fitted_proportionally(start, targets, rounds=500):
    """The slow twin: multiply each cell until every marginal fits."""
    table = start / start.sum()
    for _ in range(rounds):
        for t in targets:
            flat = histogram(CELLS, SIZES, t.columns, table)
            cell = np.ravel_multi_index(
                CELLS[:, t.columns].T, [SIZES[c] for c in t.columns]
            )
            table = table * (t.probs / flat)[cell]
    return table


def cell_weights(pool):
    return histogram(pool.codes, SIZES, (0, 1, 2), pool.weights)


def test_without_noise_raking_is_proportional_fitting(pool):
    targets = [wanted((0,)), wanted((0, 1)), wanted((1, 2))]
    start = histogram(pool.codes, SIZES, (0, 1, 2))
    pool.rake(targets, sweeps=200, **OPTIONS)
    slow = fitted_proportionally(start, targets)
    np.testing.assert_allclose(cell_weights(pool), slow, atol=1e-6)
    for t in targets:
        np.testing.assert_allclose(pool.probs(t.columns), t.probs, atol=1e-6)


def test_weights_are_a_function_of_the_row(pool):
    pool.rake([wanted((0, 1)), wanted((2,))], sweeps=3, **OPTIONS)
    model = pool.model()
    gap = model.log_weights(pool.codes) - np.log(pool.weights)
    assert np.ptp(gap) < 1e-9
    assert set(model.cliques) == {(0, 1), (2,)}
    # and of rows outside the pool
    one = model.log_weights(np.array([[1, 2, 0]], dtype=np.int32))
    thetas = dict(zip(model.cliques, model.thetas, strict=True))
    assert one == pytest.approx(thetas[0, 1][5] + thetas[2,][0])


def test_no_cliques_weigh_nothing():
    assert LogLinear(SIZES).log_weights(CELLS).tolist() == [0.0] * 12


def test_noisier_targets_pull_less(pool):
    counts = histogram(pool.codes, SIZES, (0, 1, 2)).astype(int)
    before = np.abs(wanted((0, 1)).probs - pool.probs((0, 1))).sum()
    gaps = []
    for stddev in (1e-4, 0.003, 0.01, 0.1, 10.0):
        fresh = pool_of(counts)
        goal = wanted((0, 1), stddev=stddev)
        fresh.rake([goal], sweeps=50, **OPTIONS)
        gaps.append(np.abs(goal.probs - fresh.probs((0, 1))).sum())
    assert gaps == sorted(gaps)
    assert gaps[0] < 0.01 * before
    assert gaps[-1] == pytest.approx(before, rel=1e-3)


@pytest.mark.parametrize("stddev", [0.003, 0.02])
def test_what_is_left_is_the_noise_times_the_weight(pool, stddev):
    goal = wanted((1, 2), stddev=stddev)
    pool.rake([goal], sweeps=300, **OPTIONS)
    (theta,) = pool.model().thetas
    left = goal.probs - pool.probs((1, 2))
    np.testing.assert_allclose(left, stddev**2 * 2000 * theta, atol=1e-6)


def test_the_least_stddev_softens_exact_targets(pool):
    goal = wanted((0, 1))
    pool.rake([goal], sweeps=50, softness=2000.0, least_stddev=0.01)
    assert np.abs(goal.probs - pool.probs((0, 1))).sum() > 1e-3


def test_impossible_targets_stay_finite(pool):
    goal = Target((0,), np.array([1.3, -0.3]), 1e-6)
    pool.rake([goal], sweeps=20, **OPTIONS)
    assert np.isfinite(pool.weights).all()
    assert pool.weights.min() > 0
    assert pool.probs((0,))[1] < 0.01


def test_cells_without_rows_change_nothing():
    codes = CELLS[CELLS[:, 1] != 2]
    pool = Pool(codes, SIZES)
    goal = Target((1,), np.array([0.5, 0.3, 0.2]), 1e-6)
    pool.rake([goal], sweeps=20, **OPTIONS)
    np.testing.assert_allclose(pool.probs((1,)), [0.625, 0.375, 0], atol=1e-3)


@settings(max_examples=30)
@given(st.lists(st.integers(0, 30), min_size=12, max_size=12), st.floats(0, 0.1))
def test_weights_stay_a_distribution(counts, stddev):
    pool = pool_of([c + 1 for c in counts])
    pool.rake([wanted((0, 1), stddev=stddev), wanted((2,))], sweeps=2, **OPTIONS)
    assert pool.weights.sum() == pytest.approx(1.0)
    assert pool.weights.min() >= 0
    assert 1 <= pool.effective_size() <= len(pool.codes) * (1 + 1e-9)


def test_effective_size():
    pool = Pool(CELLS, SIZES)
    assert pool.effective_size() == pytest.approx(12)
    pool.weights = np.r_[0.5, 0.5, np.zeros(10)]
    assert pool.effective_size() == pytest.approx(2)


@pytest.mark.statistical
def test_draws_follow_the_weights(pool):
    pool.rake([wanted((0, 1, 2))], sweeps=20, **OPTIONS)
    drawn = pool.draw(40_000, np.random.default_rng(2))
    seen = histogram(drawn, SIZES, (0, 1, 2)) / 40_000
    wish = cell_weights(pool)
    bound = 4.5 * np.sqrt(wish * (1 - wish) / 40_000)
    assert (np.abs(seen - wish) <= bound).all()
