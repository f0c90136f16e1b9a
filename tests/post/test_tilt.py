"""The least change that closes gaps: brute force, limits, and the coupling."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats
from scipy.optimize import minimize

from fairveil.post import tilt


def problem(seed, n=400, classes=3, groups=2):
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet(np.full(classes, 2.0), n)
    member = rng.integers(0, groups, n)
    probs[:, 0] += 0.8 * (member == 0)  # group 0 has more of class 0
    probs /= probs.sum(axis=1, keepdims=True)
    share = np.bincount(member, minlength=groups) / n
    weights = np.eye(groups)[member] / share - 1.0
    return probs, weights, member


def test_gaps_are_how_far_a_groups_shares_lie_from_those_of_all():
    probs, weights, member = problem(0)
    for group in (0, 1):
        wanted = probs[member == group].mean(axis=0) - probs.mean(axis=0)
        np.testing.assert_allclose(tilt.gaps(probs, weights)[group], wanted, atol=1e-12)


@pytest.mark.parametrize("part", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("classes", [2, 3, 6])
def test_the_gaps_asked_for_are_met(part, classes):
    probs, weights, _ = problem(1, classes=classes)
    before = tilt.gaps(probs, weights)
    assert np.abs(before).max() > 0.03
    theta = tilt.solved(probs, weights, part * before)
    after = tilt.tilted(probs, weights, theta)
    np.testing.assert_allclose(after.sum(axis=1), 1.0)
    np.testing.assert_allclose(tilt.gaps(after, weights), part * before, atol=2e-5)
    if part == 1.0:
        np.testing.assert_allclose(after, probs, atol=1e-4)


def test_it_is_the_nearest_answer():
    """Brute force: the same problem given to a general solver, in the probabilities."""
    probs, weights, _ = problem(2, n=24, classes=2)
    theta = tilt.solved(probs, weights, np.zeros((2, 2)))
    ours = tilt.tilted(probs, weights, theta)[:, 1]

    def divergence(q):
        q = np.clip(q, 1e-9, 1 - 1e-9)
        return (
            q * np.log(q / probs[:, 1]) + (1 - q) * np.log((1 - q) / probs[:, 0])
        ).mean()

    found = minimize(
        divergence,
        np.full(24, probs[:, 1].mean()),
        method="SLSQP",
        bounds=[(1e-6, 1 - 1e-6)] * 24,
        constraints={"type": "eq", "fun": lambda q: weights[:, 0] @ q / 24},
        options={"maxiter": 500, "ftol": 1e-12},
    )
    assert divergence(ours) <= found.fun + 1e-6
    np.testing.assert_allclose(ours, found.x, atol=2e-3)


def test_a_group_of_all_rows_and_a_single_class_need_nothing():
    probs, weights, _ = problem(3)
    none = np.zeros_like(weights)
    assert not tilt.solved(probs, none, np.zeros((2, 3))).any()
    assert not tilt.solved(np.ones((5, 1)), weights[:5], np.zeros((2, 1))).any()
    assert not tilt.solved(probs[:0], weights[:0], np.zeros((2, 3))).any()


def test_impossible_gaps_end_finite():
    probs, weights, _ = problem(4)
    theta = tilt.solved(probs, weights, np.full((2, 3), [2.0, -1.0, -1.0]))
    assert np.isfinite(tilt.tilted(probs, weights, theta)).all()


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_less_is_asked_less_is_changed(seed):
    probs, weights, _ = problem(seed, n=120)
    before = tilt.gaps(probs, weights)
    moved = []
    for strength in (0.0, 0.5, 1.0):
        theta = tilt.solved(probs, weights, (1 - strength) * before)
        moved.append(np.abs(tilt.tilted(probs, weights, theta) - probs).mean())
    assert moved[0] < 1e-4
    assert moved[0] <= moved[1] + 1e-9 <= moved[2] + 2e-9


@pytest.mark.statistical
def test_moved_classes_follow_the_new_law_and_few_change():
    before, after = np.array([0.2, 0.5, 0.3]), np.array([0.5, 0.4, 0.1])
    n = 60_000
    rng = np.random.default_rng(5)
    old = rng.choice(3, n, p=before)
    new = tilt.moved(old, np.tile(before, (n, 1)), np.tile(after, (n, 1)), rng)
    assert stats.chisquare(np.bincount(new), n * after).pvalue > 1e-4
    least = np.abs(before - after).sum() / 2
    assert (new != old).mean() == pytest.approx(least, abs=0.01)


def test_nothing_moves_where_nothing_changes():
    probs = np.random.default_rng(6).dirichlet(np.ones(4), 500)
    old = np.arange(500) % 4
    new = tilt.moved(old, probs, probs, np.random.default_rng(7))
    np.testing.assert_array_equal(new, old)


def test_a_longer_table_begins_with_the_shorter_one():
    rng = np.random.default_rng(8)
    before, after = (rng.dirichlet(np.ones(3), 200) for _ in range(2))
    old = rng.integers(0, 3, 200)
    whole = tilt.moved(old, before, after, np.random.default_rng(9))
    part = tilt.moved(old[:80], before[:80], after[:80], np.random.default_rng(9))
    np.testing.assert_array_equal(whole[:80], part)
