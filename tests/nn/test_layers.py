"""Ghost norms against vmapped per-example gradients, and the clipping guarantees."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import example, given, settings, strategies as st

from fairveil.nn import layers as ly, vae
from fairveil.nn.blocks import Blocks

SHAPES = [(3, 2), (5, 4, 3), (4, 6, 5, 2), (2, 3, 3, 3, 3)]
MARGIN = 1e-3  # as ghost_clip's guarantee has it


def tapped_loss(params, taps, x, y):
    """Squared error of an MLP, per example, as ``ghost_clip`` wants it."""
    inputs = {}

    def tapped(name, value):
        inputs[name] = value
        return ly.linear(params[name], value) + taps[name]

    out = ly.mlp(params, x, prefix="l", activation=jnp.tanh, apply=tapped)
    return jnp.sum((out - y) ** 2, axis=1), inputs


def per_example(loss, params, batch):
    """The slow twin: one gradient an example, by vmap."""

    def one(p, *row):
        single = tuple(r[None] for r in row)
        return loss(p, ly.zero_taps(p, 1), *single)[0][0]

    axes = (None, *([0] * len(batch)))
    return jax.jit(jax.vmap(jax.grad(one), in_axes=axes))(params, *batch)


def ghost(loss, params, batch, clip):
    return jax.jit(lambda p, b: ly.ghost_clip(loss, p, b, l2_clip_norm=clip))(
        params, batch
    )


def norms_of(grads):
    squares = [
        np.sum(np.asarray(g, np.float64).reshape(len(g), -1) ** 2, 1)
        for g in jax.tree.leaves(grads)
    ]
    return np.sqrt(np.sum(squares, axis=0))


def clipped_sum(grads, clip):
    factors = np.minimum(1.0, clip * (1 - MARGIN) / norms_of(grads))
    return jax.tree.map(
        lambda g: np.tensordot(factors, np.asarray(g, np.float64), 1), grads
    )


def close(found, wanted, rtol=2e-4):
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
        scale = np.abs(b).max() + 1e-9
        np.testing.assert_allclose(np.asarray(a), b, rtol=rtol, atol=rtol * scale)


@functools.cache
def network(sizes, n=6):
    params = ly.mlp_init(np.random.default_rng(sum(sizes)), sizes, prefix="l")
    b, c = jax.random.split(jax.random.key(sum(sizes)), 2)
    x = 2 * jax.random.normal(b, (n, sizes[0]))
    return params, (x, jax.random.normal(c, (n, sizes[-1])))


def toy_vae(centroids):
    shape = vae.VaeShape(blocks=Blocks((2, 3, 4)), hidden=(5,), latent=2)
    weights = vae.VaeWeights(kl=0.7, cluster=0.3)
    params = vae.init(np.random.default_rng(0), shape)
    codes = jnp.asarray(np.random.default_rng(1).integers(0, (2, 3, 4), (7, 3)))
    noise = jax.random.normal(jax.random.key(2), (7, 2))

    def loss(p, taps, rows, eps):
        return vae.tapped_loss(
            p, taps, rows, eps, shape=shape, weights=weights, centroids=centroids
        )

    return loss, params, (shape.blocks.one_hot(codes), noise)


# --- against the slow twin ---------------------------------------------------------


@pytest.mark.parametrize("sizes", SHAPES)
def test_ghost_clip_is_the_clipped_sum(sizes):
    params, batch = network(sizes)
    slow = per_example(tapped_loss, params, batch)
    norms = norms_of(slow)
    clip = float(np.median(norms))  # some are clipped and some are not
    fast, found = ghost(tapped_loss, params, batch, clip)
    np.testing.assert_allclose(found, norms, rtol=1e-4)
    assert (norms > clip).any() and (norms < clip).any()  # noqa: PT018  (one claim)
    close(fast, clipped_sum(slow, clip))


@pytest.mark.parametrize("centroids", [None, [[0.5, 0.0], [-1.0, 1.0]]])
def test_ghost_clip_on_the_vae_loss(centroids):
    held = jnp.asarray(np.full((2, 2), np.nan) if centroids is None else centroids)
    loss, params, batch = toy_vae(held)
    slow = per_example(loss, params, batch)
    clip = float(np.median(norms_of(slow)))
    fast, found = ghost(loss, params, batch, clip)
    np.testing.assert_allclose(found, norms_of(slow), rtol=1e-4)
    close(fast, clipped_sum(slow, clip))


def test_infinite_clip_is_the_plain_gradient():
    params, batch = network(SHAPES[1])
    plain = jax.grad(lambda p: tapped_loss(p, ly.zero_taps(p, 6), *batch)[0].sum())
    fast, _norms = ghost(tapped_loss, params, batch, jnp.inf)
    close(fast, jax.jit(plain)(params), rtol=1e-5)


# --- guarantees --------------------------------------------------------------------


@pytest.mark.parametrize("bad", [jnp.nan, jnp.inf, -jnp.inf, 1e30])
@pytest.mark.parametrize("clip", [0.5, jnp.inf])
def test_a_bad_example_contributes_zero(bad, clip):
    params, (x, y) = network(SHAPES[1])
    spoilt = (x.at[2, 1].set(bad), y.at[2, 0].set(bad))
    found, _ = ghost(tapped_loss, params, spoilt, clip)
    rest = [0, 1, 3, 4, 5]
    others = (x[jnp.array(rest)], y[jnp.array(rest)])
    wanted, _ = ghost(tapped_loss, params, others, clip)
    close(found, jax.tree.map(np.asarray, wanted), rtol=1e-5)


@functools.cache
def _single():
    def run(params, x, y, clip):
        return ly.ghost_clip(tapped_loss, params, (x, y), l2_clip_norm=clip)[0]

    return jax.jit(run)


def contribution(params, x, y, clip):
    return norms_of(jax.tree.map(lambda g: g[None], _single()(params, x, y, clip)))[0]


@settings(max_examples=80)
@given(
    seed=st.integers(0, 2**31 - 1),
    size=st.floats(-6, 9),
    weight=st.floats(-3, 3),
    clip=st.floats(1e-3, 1e3),
)
@example(seed=0, size=6.0, weight=2.0, clip=1.0)
def test_no_contribution_is_above_the_clip_norm(seed, size, weight, clip):
    params, _ = network(SHAPES[1])
    rng = np.random.default_rng(seed)
    params = jax.tree.map(lambda p: p * jnp.float32(10.0**weight), params)
    x = np.float32(10.0**size) * rng.normal(size=(1, 5)).astype(np.float32)
    y = np.float32(10.0**size) * rng.normal(size=(1, 3)).astype(np.float32)
    assert contribution(params, x, y, np.float32(clip)) <= np.float32(clip)


@pytest.mark.parametrize("width", [64, 700])
def test_wide_layers_stay_below_the_clip_norm(width):
    params = ly.mlp_init(np.random.default_rng(3), (width, 64, width), prefix="l")
    rng = np.random.default_rng(width)
    for _ in range(20):
        x, y = (
            30 * rng.lognormal(0, 2, (1, width)).astype(np.float32) for _ in range(2)
        )
        assert contribution(params, x, y, 1.0) <= 1.0


def test_mlp_reads_its_own_layers_only():
    params = ly.mlp_init(np.random.default_rng(0), (2, 3, 1), prefix="a")
    both = params | ly.mlp_init(np.random.default_rng(1), (2, 1), prefix="b")
    x = jnp.ones((4, 2))
    hidden = np.tanh(np.asarray(x @ params["a0"]["w"]))
    wanted = hidden @ np.asarray(params["a1"]["w"])
    got = ly.mlp(both, x, prefix="a", activation=jnp.tanh)
    np.testing.assert_allclose(got, wanted, rtol=1e-5)


def test_init_has_the_variance_it_says():
    w = np.asarray(ly.linear_init(np.random.default_rng(0), 100, 400, scale=3.0)["w"])
    assert w.std() == pytest.approx(0.3, rel=0.02)
    assert abs(w.mean()) < 0.01


def test_leaky_slope():
    np.testing.assert_allclose(ly.leaky(jnp.array([-1.0, 0.0, 2.0])), [-0.2, 0.0, 2.0])


@pytest.mark.parametrize("make", [optax.adam, optax.adamw])
def test_an_optimiser_starts_from_zeros(make):
    layers = ly.mlp_init(np.random.default_rng(0), (3, 4, 2), prefix="l")
    optimiser = make(optax.cosine_decay_schedule(1e-3, 10))
    ours, wanted = ly.zero_state(optimiser, layers), optimiser.init(layers)
    assert jax.tree.structure(ours) == jax.tree.structure(wanted)
    for mine, theirs in zip(
        jax.tree.leaves(ours), jax.tree.leaves(wanted), strict=True
    ):
        assert mine.dtype == theirs.dtype
        np.testing.assert_array_equal(mine, theirs)


def test_initial_weights_hang_on_the_key_alone():
    same = [
        ly.linear_init(ly.host_rng(jax.random.key(seed)), 5, 6)["w"]
        for seed in (3, 3, 4)
    ]
    np.testing.assert_array_equal(same[0], same[1])
    assert np.abs(np.asarray(same[0] - same[2])).min() > 0
