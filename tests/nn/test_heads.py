"""Heads: what they see, what they answer before and after they are taught."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fairveil.nn import heads
from fairveil.nn.blocks import Blocks
from fairveil.post.learn import judged, taught

BLOCKS = Blocks((2, 3, 4))
SHAPE = heads.HeadShape(blocks=BLOCKS, seen=(1, 2), classes=(2, 5), hidden=8)
RNG = np.random.default_rng(0)
CODES = RNG.integers(0, (2, 3, 4), (3000, 3)).astype(np.int32)

pytestmark = pytest.mark.usefixtures("quick_compile")


def test_fresh_heads_know_nothing():
    layers = heads.init(np.random.default_rng(0), SHAPE)
    first, second = heads.log_probs(layers, SHAPE, jnp.asarray(CODES[:9]))
    np.testing.assert_allclose(np.exp(first), 0.5)
    np.testing.assert_allclose(np.exp(second), 0.2, rtol=1e-6)


def test_columns_that_are_not_seen_change_nothing():
    layers = taught(CODES, CODES[:, [0, 2]].astype(np.int64), SHAPE, jax.random.key(1))
    other = CODES.copy()
    other[:, 0] = 1 - other[:, 0]
    for a, b in zip(
        judged(layers, SHAPE, CODES), judged(layers, SHAPE, other), strict=True
    ):
        np.testing.assert_array_equal(a, b)
    other[:, 1] = (other[:, 1] + 1) % 3
    assert np.abs(
        judged(layers, SHAPE, other)[0] - judged(layers, SHAPE, CODES)[0]
    ).max()


@pytest.mark.statistical
def test_taught_heads_know_the_law_an_interaction_included():
    both = (CODES[:, 1] == 1) ^ (CODES[:, 2] >= 2)
    truth = np.where(both, 0.85, 0.25)
    y = (RNG.random(len(CODES)) < truth).astype(np.int64)
    labels = np.stack([y, CODES[:, 2].astype(np.int64)], axis=1)
    layers = taught(CODES, labels, SHAPE, jax.random.key(2))
    first, second = judged(layers, SHAPE, CODES)
    assert np.abs(first[:, 1] - truth).mean() < 0.06
    assert (second.argmax(axis=1) == CODES[:, 2]).all()
    assert first.mean(axis=0)[1] == pytest.approx(y.mean(), abs=0.01)


def test_the_same_key_teaches_the_same():
    labels = CODES[:, [0, 1]].astype(np.int64)
    a, b = (taught(CODES[:700], labels[:700], SHAPE, jax.random.key(3)) for _ in "ab")
    jax.tree.map(np.testing.assert_array_equal, a, b)


@pytest.mark.parametrize("n", [0, 1, 40])
def test_few_rows_are_judged_too(n):
    layers = heads.init(np.random.default_rng(4), SHAPE)
    assert [p.shape for p in judged(layers, SHAPE, CODES[:n])] == [(n, 2), (n, 5)]


def test_fewer_rows_than_a_batch_are_taught():
    labels = CODES[:30, [0, 1]].astype(np.int64)
    layers = taught(CODES[:30], labels, SHAPE, jax.random.key(5))
    assert np.isfinite(judged(layers, SHAPE, CODES)[0]).all()
