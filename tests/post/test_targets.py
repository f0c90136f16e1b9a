"""Targets of the release: strengths 0 and 1, by hand and for three columns."""

import numpy as np
import pytest

from fairveil.marginals import Marginal
from fairveil.post.targets import Target, independent_targets, targets_of

SIZES = (2, 2, 3)
JOINT = np.random.default_rng(0).dirichlet(np.ones(12)).reshape(SIZES)


def marginal(*columns):
    others = tuple(c for c in range(3) if c not in columns)
    return JOINT.sum(axis=others)


def target(*columns, stddev=0.01):
    return Target(columns, marginal(*columns).ravel(), stddev)


SINGLES = [target(0), target(1), target(2)]


def unmeasured(columns):
    return marginal(*columns).ravel()


def apart(targets, *, strength=1.0, sensitive=(0,)):
    made = independent_targets(
        targets, SIZES, sensitive, strength=strength, joint=unmeasured
    )
    return {t.columns: t for t in made}


def test_counts_become_probabilities():
    (made,) = targets_of([Marginal((1,), np.array([30.0, -10.0]), 4.0)], 40)
    assert made.columns == (1,)
    assert made.probs.tolist() == [0.75, -0.25]
    assert made.stddev == 0.1


def test_strength_zero_keeps_the_joint():
    given = [*SINGLES, target(0, 1), target(0, 1, 2), target(1, 2)]
    made = apart(given, strength=0.0)
    for old in given:
        np.testing.assert_array_equal(made[old.columns].probs, old.probs)
    np.testing.assert_allclose(made[0, 2].probs, unmeasured((0, 2)))


def test_product_of_a_pair_by_hand():
    pair = Target((0, 1), np.array([0.4, 0.1, 0.2, 0.3]), 0.02)
    made = apart([*SINGLES, pair])[0, 1]
    np.testing.assert_allclose(made.probs, [0.3, 0.2, 0.3, 0.2])
    assert made.stddev == 0.02
    half = apart([*SINGLES, pair], strength=0.5)[0, 1]
    np.testing.assert_allclose(half.probs, [0.35, 0.15, 0.25, 0.25])


@pytest.mark.parametrize("sensitive", [(0,), (1,), (0, 2), (0, 1)])
def test_strength_one_is_the_product_for_three_columns(sensitive):
    rest = tuple(c for c in range(3) if c not in sensitive)
    made = apart([*SINGLES, target(0, 1, 2)], sensitive=sensitive)[0, 1, 2]
    table = made.probs.reshape(SIZES)
    first = JOINT.sum(axis=rest, keepdims=True)
    second = JOINT.sum(axis=sensitive, keepdims=True)
    np.testing.assert_allclose(table, first * second, atol=1e-12)
    # both parts stay as they were
    np.testing.assert_allclose(table.sum(axis=rest), JOINT.sum(axis=rest))
    np.testing.assert_allclose(table.sum(axis=sensitive), JOINT.sum(axis=sensitive))


def test_what_does_not_mix_stays():
    made = apart([*SINGLES, target(1, 2)])
    for t in [*SINGLES, target(1, 2)]:
        np.testing.assert_array_equal(made[t.columns].probs, t.probs)


def test_every_mixed_pair_has_a_target():
    made = apart(SINGLES, sensitive=(1,))
    assert set(made) == {(0,), (1,), (2,), (0, 1), (1, 2)}
    for a, b in ((0, 1), (1, 2)):
        wanted = np.outer(marginal(a), marginal(b)).ravel()
        np.testing.assert_allclose(made[a, b].probs, wanted)
        assert made[a, b].stddev == 0.01


def test_an_unmeasured_pair_is_mixed_with_the_models_joint():
    made = apart(SINGLES, strength=0.25)[0, 1]
    product = np.outer(marginal(0), marginal(1)).ravel()
    np.testing.assert_allclose(made.probs, 0.75 * unmeasured((0, 1)) + 0.25 * product)


def test_two_sensitive_columns_keep_their_own_joint():
    made = apart([*SINGLES, target(0, 1)], sensitive=(0, 1))
    np.testing.assert_array_equal(made[0, 1].probs, target(0, 1).probs)


def test_negative_noise_gives_no_negative_share():
    noisy = [Target((0,), np.array([1.1, -0.1]), 0.1), target(1), target(2)]
    made = apart(noisy)[0, 1].probs.reshape(2, 2)
    np.testing.assert_allclose(made[1], 0.0)
    np.testing.assert_allclose(made[0], marginal(1))


def test_a_noisy_total_is_kept_once():
    """Noise makes a table sum to 1.2: its product does too, not to 1.44."""
    pair = Target((0, 1), np.array([0.48, 0.12, 0.24, 0.36]), 0.02)
    made = apart([*SINGLES, pair])[0, 1]
    np.testing.assert_allclose(made.probs, [0.36, 0.24, 0.36, 0.24])
