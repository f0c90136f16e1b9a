"""Raking against iterative proportional fitting; softness; rows redrawn by weight."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats
from scipy.special import log_softmax, softmax

from fairveil.errors import ConfigError
from fairveil.marginals import histogram
from fairveil.post import calibrate
from fairveil.post.calibrate import LogLinear, Pool
from fairveil.post.gibbs import drawn
from fairveil.post.targets import Target

SIZES = (2, 3, 2)
CELLS = np.array(list(itertools.product(*map(range, SIZES))), dtype=np.int32)
OPTIONS = {"softness": 2000.0, "least_stddev": 0.0}


def pool_of(counts):
    return Pool(np.repeat(CELLS, counts, axis=0), SIZES)


@pytest.fixture
def bare(monkeypatch):
    """Without what keeps small pools from swinging: the equation of the docstring."""
    monkeypatch.setattr(calibrate, "_INERTIA", 0.0)
    monkeypatch.setattr(calibrate, "_UNSEEN", 0.0)
    monkeypatch.setattr(calibrate, "_LONGEST_STEP", 100.0)
    monkeypatch.setattr(calibrate, "_EFFECTIVE", 0.0)


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


@pytest.mark.usefixtures("bare")
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


@pytest.mark.usefixtures("bare")
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


@pytest.mark.usefixtures("bare")
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


@pytest.mark.usefixtures("bare")
def test_impossible_targets_stay_finite(pool):
    goal = Target((0,), np.array([1.3, -0.3]), 1e-6)
    pool.rake([goal], sweeps=20, **OPTIONS)
    assert np.isfinite(pool.weights).all()
    assert pool.weights.min() > 0
    assert pool.probs((0,))[1] < 0.01


@pytest.mark.usefixtures("bare")
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


# --- rows redrawn under the weights --------------------------------------------------


def independent(n, seed=0, guides=1):
    """Rows drawn from a base of independent columns, one base for each guide."""
    rng = np.random.default_rng(seed)
    spread = np.random.default_rng(17)
    logits = [0.7 * spread.standard_normal((guides, size)) for size in SIZES]
    logs = [log_softmax(one, axis=1).astype(np.float32) for one in logits]
    base = logs if guides == 1 else [one[np.arange(n) % guides] for one in logs]
    picks = [drawn(np.broadcast_to(b, (n, b.shape[1])).copy(), rng) for b in base]
    return np.stack(picks, axis=1), base, logs


def exact(logs, model, guides=1):
    """The tilted joint by enumeration, in the mean over guides."""
    log_weights = model.log_weights(CELLS)
    total = np.zeros(len(CELLS))
    for guide in range(guides):
        own = sum(one[guide][CELLS[:, j]].astype(float) for j, one in enumerate(logs))
        total += softmax(own + log_weights) / guides
    return total


def fits(codes, probs):
    seen = histogram(codes, SIZES, (0, 1, 2))
    return stats.chisquare(seen, probs / probs.sum() * seen.sum()).pvalue


def raked_pool(n, guides=1, rounds=1):
    codes, base, logs = independent(n, guides=guides)
    pool, rng = Pool(codes, SIZES, base), np.random.default_rng(5)
    for _ in range(rounds):
        pool.rake([wanted((0, 1)), wanted((1, 2))], sweeps=20, **OPTIONS)
        if rounds > 1:
            pool.refresh(rng)
    return pool, logs


@pytest.mark.statistical
def test_refreshed_rows_carry_the_distribution_that_the_weights_did():
    pool, logs = raked_pool(60_000)
    model = pool.model()
    assert pool.effective_size() < 50_000
    pool.refresh(np.random.default_rng(6))
    assert np.ptp(pool.weights) == 0
    assert pool.effective_size() == pytest.approx(60_000)
    assert len(pool.codes) == 60_000
    # resampling repeats rows, so the chance is not that of a fresh draw: leave room
    gap = histogram(pool.codes, SIZES, (0, 1, 2)) / 60_000 - exact(logs, model)
    assert 0.5 * np.abs(gap).sum() < 0.02
    plain = exact(logs, LogLinear(SIZES))
    assert 0.5 * np.abs(exact(logs, model) - plain).sum() > 0.1


def test_refreshing_without_weights_takes_each_row_once_and_sweeps_it():
    """Column 1 is the guide's own: it shows which row of the base goes with a row."""
    n = 300
    codes, _base, _logs = independent(n)
    codes[:, 1] = np.arange(n) % 3
    sharp = np.full((n, 3), -60.0, np.float32)
    sharp[np.arange(n), codes[:, 1]] = 0.0
    even = [np.full((1, 2), -np.log(2), np.float32)] * 2
    pool = Pool(codes, SIZES, [even[0], sharp, even[1]])
    for seed in range(3):
        pool.refresh(np.random.default_rng(seed))
        assert np.bincount(pool.codes[:, 1]).tolist() == [100, 100, 100]
    assert (pool.codes[:, 0] != codes[:, 0]).any()


@pytest.mark.statistical
@pytest.mark.usefixtures("bare")
def test_refreshing_takes_the_base_of_a_row_along():
    """Else rows of one guide would be redrawn as if they came of another one."""
    n = 30_000
    codes = np.zeros((n, 3), np.int32)
    codes[:, 1] = np.where(np.arange(n) < n // 3, 0, 2)
    sharp = np.full((n, 3), -60.0, np.float32)
    sharp[np.arange(n), codes[:, 1]] = 0.0
    even = [np.full((1, 2), -np.log(2), np.float32)] * 2
    pool = Pool(codes, SIZES, [even[0], sharp, even[1]])
    goal = Target((1,), np.array([0.75, 0.0, 0.25]), 0.0)
    pool.rake([goal], sweeps=30, **OPTIONS)
    pool.refresh(np.random.default_rng(2))
    assert (pool.codes[:, 1] == 0).mean() == pytest.approx(0.75, abs=1e-3)


@pytest.mark.statistical
def test_rounds_of_fitting_and_refreshing_end_at_the_targets():
    pool, logs = raked_pool(40_000, rounds=4)
    end = exact(logs, pool.model())
    for columns in ((0, 1), (1, 2)):
        found = histogram(CELLS, SIZES, columns, end)
        np.testing.assert_allclose(found, wanted(columns).probs, atol=0.015)
        np.testing.assert_allclose(pool.probs(columns), found, atol=0.015)


@pytest.mark.statistical
@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("guides", [1, 3])
def test_restarted_rows_have_the_weighted_distribution(guides):
    pool, logs = raked_pool(45_000, guides)
    model = pool.model()
    pool.restart(20, np.random.default_rng(7))
    assert np.ptp(pool.weights) == 0
    assert fits(pool.codes, exact(logs, model, guides)) > 1e-4
    assert fits(pool.codes, exact(logs, LogLinear(SIZES), guides)) < 1e-4
    too_much = LogLinear(SIZES, model.cliques, tuple(1.2 * t for t in model.thetas))
    assert fits(pool.codes, exact(logs, too_much, guides)) < 1e-4


def test_a_restart_begins_with_the_rows_as_they_came():
    codes, base, _logs = independent(500)
    kept = codes.copy()
    pool = Pool(codes, SIZES, base)
    pool.restart(3, np.random.default_rng(1))
    np.testing.assert_array_equal(pool.codes, kept)  # nothing is known yet
    pool.rake([wanted((0, 1))], sweeps=5, **OPTIONS)
    pool.restart(2, np.random.default_rng(1))
    first = pool.codes.copy()
    pool.restart(2, np.random.default_rng(1))
    np.testing.assert_array_equal(pool.codes, first)
    assert (first != kept).any()
    np.testing.assert_array_equal(codes, kept)


@pytest.mark.usefixtures("bare")
def test_weights_survive_what_is_done_to_the_rows():
    pool, _logs = raked_pool(2000)
    thetas = [t.copy() for t in pool.model().thetas]
    pool.restart(2, np.random.default_rng(1))
    for one, two in zip(pool.model().thetas, thetas, strict=True):
        np.testing.assert_array_equal(one, two)
    # and the fit goes on from there: the cells are counted anew
    pool.rake([wanted((0, 1))], sweeps=1, **OPTIONS)
    np.testing.assert_allclose(pool.probs((0, 1)), wanted((0, 1)).probs, atol=1e-6)


@pytest.mark.parametrize("name", ["refresh", "restart"])
def test_rows_without_their_base_cannot_be_redrawn(pool, name):
    rng = np.random.default_rng(0)
    with pytest.raises(ConfigError, match="without their base"):
        pool.refresh(rng) if name == "refresh" else pool.restart(2, rng)


# --- what keeps the fit from swinging ------------------------------------------------


def test_after_a_restart_rows_are_even_and_steps_weigh_them():
    pool, _logs = raked_pool(3000)
    before = pool.model()
    pool.restart(2, np.random.default_rng(1))
    assert np.ptp(pool.weights) == 0.0
    for one, two in zip(before.thetas, pool.model().thetas, strict=True):
        np.testing.assert_array_equal(one, two)
    pool.rake([wanted((0, 1), seed=8), wanted((0,))], sweeps=3, **OPTIONS)
    rows = pool.codes
    steps = pool.model().log_weights(rows) - before.log_weights(rows)
    assert np.ptp(steps - np.log(pool.weights)) < 1e-6
    assert np.ptp(steps) > 0.1


@pytest.mark.parametrize("repeats", [1, 30])
def test_what_is_left_counts_the_rows_of_the_pool_too(monkeypatch, pool, repeats):
    """Residual = noise times weight, plus a constant number of rows times the step."""
    monkeypatch.setattr(calibrate, "_UNSEEN", 0.0)
    many = Pool(np.repeat(pool.codes, repeats, axis=0), SIZES)
    goal = wanted((1, 2), stddev=0.003)
    many.rake([goal], sweeps=400, **OPTIONS)
    (theta,) = many.model().thetas
    inertia = calibrate._INERTIA / len(many.codes)
    left = goal.probs - many.probs((1, 2))
    np.testing.assert_allclose(left, (0.003**2 * 2000 + inertia) * theta, atol=1e-5)


def test_a_pass_moves_no_weight_further_than_its_step(pool):
    goal = Target((0,), np.array([1.0, 0.0]), 0.0)
    pool.rake([goal], sweeps=1, **OPTIONS)
    (theta,) = pool.model().thetas
    assert np.abs(theta).max() <= calibrate._LONGEST_STEP


def heavy():
    """A pool in which few rows carry the weights."""
    codes, base, _logs = independent(20_000)
    pool = Pool(codes, SIZES, base)
    rare = np.full(12, 0.002)
    rare[np.argmin(histogram(codes, SIZES, (0, 1, 2)))] = 1 - 11 * 0.002
    pool.rake([Target((0, 1, 2), rare, 0.0)], sweeps=20, **OPTIONS)
    return pool


def test_few_rows_may_not_carry_the_weights():
    pool = heavy()
    before, log = pool.effective_size(), pool.model().log_weights(pool.codes)
    least = calibrate._EFFECTIVE * len(pool.codes)
    assert before < least
    pool.temper()
    assert pool.effective_size() >= least
    after = pool.model().log_weights(pool.codes)
    part = np.ptp(after) / np.ptp(log)
    assert 0 < part < 1
    np.testing.assert_allclose(after, part * log, atol=1e-9)  # the same direction
    assert np.ptp(after - np.log(pool.weights)) < 1e-9


def test_even_weights_are_not_tempered():
    pool, _logs = raked_pool(3000)
    kept, thetas = pool.weights.copy(), [t.copy() for t in pool.model().thetas]
    pool.temper()
    np.testing.assert_array_equal(pool.weights, kept)
    for one, two in zip(pool.model().thetas, thetas, strict=True):
        np.testing.assert_array_equal(one, two)


def test_rows_are_resampled_by_weight_with_no_more_than_rounding():
    pool = Pool(CELLS, SIZES)
    pool.weights = np.random.default_rng(3).dirichlet(np.ones(12))
    for seed in range(20):
        rows = pool.resampled(np.random.default_rng(seed))
        seen = histogram(rows, SIZES, (0, 1, 2))
        assert seen.sum() == 12
        assert np.abs(seen - 12 * pool.weights).max() < 1
