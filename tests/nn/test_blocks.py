"""Columns side by side: inverse maps, normalisation, frequencies, straight-through."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats

from fairveil.nn.blocks import Blocks

BLOCKS = Blocks((2, 1, 5, 3))
LOGITS = jnp.asarray(np.random.default_rng(0).normal(0, 1.5, (1, 11)), jnp.float32)


def column_sums(wide, blocks=BLOCKS):
    parts = [np.asarray(wide)[:, blocks.span(j)] for j in range(len(blocks.sizes))]
    return np.stack([p.sum(1) for p in parts], axis=1)


def counts(codes, blocks):
    return [
        np.bincount(np.asarray(codes)[:, j], minlength=size)
        for j, size in enumerate(blocks.sizes)
    ]


def fits(observed, probs):
    """P-value of a chi-square test."""
    return stats.chisquare(observed, probs / probs.sum() * observed.sum()).pvalue


ROW = st.tuples(*(st.integers(0, s - 1) for s in BLOCKS.sizes))


@given(st.lists(ROW, min_size=3, max_size=3))
def test_codes_invert_one_hot(rows):
    codes = np.array(rows, np.int32)
    wide = BLOCKS.one_hot(jnp.asarray(codes))
    assert wide.shape == (3, 11)
    np.testing.assert_array_equal(column_sums(wide), 1)
    np.testing.assert_array_equal(BLOCKS.codes(wide, (0, 1, 2, 3)), codes)
    np.testing.assert_array_equal(BLOCKS.codes(wide, (3, 1)), codes[:, [3, 1]])


def test_layout():
    assert BLOCKS.width == 11
    assert BLOCKS.offsets.tolist() == [0, 2, 3, 8]
    assert BLOCKS.span(2) == slice(3, 8)
    assert BLOCKS.mask((0, 3)).tolist() == [1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1]
    assert BLOCKS.owner.argmax(1).tolist() == [0, 0, 1, 2, 2, 2, 2, 2, 3, 3, 3]


@pytest.mark.parametrize("scale", [0.0, 1.0, 100.0, 1e6])
def test_log_softmax_normalises_each_column(scale):
    logits = scale * jax.random.normal(jax.random.key(1), (50, 11))
    logs = BLOCKS.log_softmax(logits)
    assert np.isfinite(logs).all()
    np.testing.assert_allclose(column_sums(jnp.exp(logs)), 1.0, atol=2e-5)


def test_log_softmax_is_the_softmax_for_moderate_logits():
    logs = np.asarray(BLOCKS.log_softmax(LOGITS))[0]
    for j in range(4):
        bounded = 20 * jnp.tanh(LOGITS[0, BLOCKS.span(j)] / 20)
        np.testing.assert_allclose(
            logs[BLOCKS.span(j)], jax.nn.log_softmax(bounded), atol=1e-5
        )


def uniform(seed, *shape):
    return jax.random.uniform(jax.random.key(seed), shape, minval=1e-7)


@pytest.mark.statistical
@pytest.mark.parametrize("how", ["sample", "relax"])
def test_frequencies_are_the_probabilities(how):
    n = 40_000
    logs = jnp.broadcast_to(BLOCKS.log_softmax(LOGITS), (n, 11))
    if how == "sample":
        codes = BLOCKS.sample(uniform(2, n, 4), logs)
    else:
        rows = BLOCKS.relax(uniform(2, n, 11), logs, 0.7)
        codes = BLOCKS.codes(rows, (0, 1, 2, 3))
    probs = np.exp(np.asarray(logs[0], np.float64))
    for j, seen in enumerate(counts(codes, BLOCKS)):
        if BLOCKS.sizes[j] == 1:
            assert seen[0] == n
            continue
        own = probs[BLOCKS.span(j)]
        assert fits(seen, own) > 1e-4
        assert fits(seen, own ** (2 / 3)) < 1e-4  # the test can tell
        assert fits(seen, own ** (3 / 2)) < 1e-4


@pytest.mark.statistical
def test_columns_are_drawn_apart():
    logs = jnp.broadcast_to(BLOCKS.log_softmax(LOGITS), (20_000, 11))
    codes = np.asarray(BLOCKS.sample(uniform(3, 20_000, 4), logs))
    table = np.zeros((2, 5))
    np.add.at(table, (codes[:, 0], codes[:, 2]), 1)
    assert stats.chi2_contingency(table).pvalue > 1e-4


def test_sample_of_a_certain_code_among_many_columns():
    blocks = Blocks((30,) * 20)
    wanted = np.random.default_rng(4).integers(0, 30, (300, 20))
    logits = 1e3 * (blocks.one_hot(jnp.asarray(wanted)) - 0.5)
    codes = blocks.sample(uniform(5, 300, 20), blocks.log_softmax(logits))
    np.testing.assert_array_equal(codes, wanted)


@pytest.mark.parametrize("temperature", [0.1, 5.0])
def test_relax_is_one_hot_with_a_gradient(temperature):
    logits = jax.random.normal(jax.random.key(6), (40, 11))

    def rows(x):
        return BLOCKS.relax(uniform(7, 40, 11), BLOCKS.log_softmax(x), temperature)

    hard = np.asarray(jax.jit(rows)(logits))
    np.testing.assert_allclose(np.sort(column_sums(hard), axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(hard, hard.round(), atol=1e-5)
    pull = np.asarray(jax.jit(jax.grad(lambda x: rows(x)[:, 3].sum()))(logits))
    assert np.isfinite(pull).all()
    assert (pull[:, 3] >= 0).all()  # a higher logit never lowers its own entry
    assert np.abs(pull[:, BLOCKS.span(2)]).max() > 1e-4
    outside = np.ones(11, bool)
    outside[BLOCKS.span(2)] = False
    np.testing.assert_allclose(pull[:, outside], 0, atol=1e-6)


@pytest.mark.parametrize("scale", [1.0, 10.0, 1e3])
def test_cross_entropy_is_that_of_the_log_softmax(scale):
    logits = scale * jax.random.normal(jax.random.key(4), (20, BLOCKS.width))
    codes = np.stack([np.arange(20) % size for size in BLOCKS.sizes], axis=1)
    rows = BLOCKS.one_hot(jnp.asarray(codes, jnp.int32))

    def slow(x):
        return -(rows * BLOCKS.log_softmax(x)).sum(axis=1)

    def fast(x):
        return BLOCKS.cross_entropy(rows, x)

    np.testing.assert_allclose(fast(logits), slow(logits), rtol=1e-5, atol=1e-5)
    slopes = [jax.grad(lambda x, f=f: f(x).sum())(logits) for f in (fast, slow)]
    np.testing.assert_allclose(*slopes, atol=1e-5)


# --- many columns ------------------------------------------------------------------

MANY = Blocks(tuple(np.random.default_rng(1).integers(1, 7, 75).tolist()))


def test_many_columns_are_summed_and_spread_like_few():
    """In groups, whose maps together are the one map of all columns."""
    rows = jax.random.normal(jax.random.key(3), (9, MANY.width))
    assert len(MANY.groups) == 3
    totals = MANY.totals(rows)
    np.testing.assert_allclose(totals, np.asarray(rows) @ MANY.owner, atol=1e-5)
    spread = np.asarray(MANY.spread(totals))
    np.testing.assert_allclose(spread, np.asarray(totals) @ MANY.owner.T, atol=1e-6)
    logs = MANY.log_softmax(rows)
    np.testing.assert_allclose(column_sums(jnp.exp(logs), MANY), 1.0, atol=2e-5)


def test_relaxed_rows_of_many_columns_are_hard_in_each():
    logs = MANY.log_softmax(jax.random.normal(jax.random.key(4), (200, MANY.width)))
    draws = uniform(5, 200, MANY.width)
    hard = np.asarray(MANY.relax(draws, logs, 0.7))
    np.testing.assert_allclose(column_sums(hard, MANY), 1.0, atol=1e-4)
    assert np.isclose(hard, np.round(hard), atol=1e-4).all()
    slope = jax.grad(lambda x: (MANY.relax(draws, x, 0.7) ** 2).sum())(logs)
    assert np.isfinite(slope).all()
    assert np.abs(slope).max() > 0
