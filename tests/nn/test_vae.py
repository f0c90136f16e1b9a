"""The loss by hand, its independence of other examples, and the shapes."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fairveil.nn import layers as ly, vae
from fairveil.nn.blocks import Blocks

pytestmark = pytest.mark.usefixtures("quick_compile")
BLOCKS = Blocks((2, 3))
SHAPE = vae.VaeShape(blocks=BLOCKS, hidden=(4,), latent=2)
UNKNOWN = jnp.full((2, SHAPE.latent), jnp.nan)  # centroids before the first
PARAMS = vae.init(np.random.default_rng(0), SHAPE)
ROWS = BLOCKS.one_hot(jnp.array([[0, 2], [1, 0], [1, 1]]))
NOISE = jax.random.normal(jax.random.key(1), (3, 2))
CENTROIDS = jnp.array([[0.3, -0.2], [1.0, 2.0]])


def losses(rows=ROWS, noise=NOISE, centroids=CENTROIDS, **weights):
    run = functools.partial(
        vae.tapped_loss,
        shape=SHAPE,
        weights=vae.VaeWeights(**weights),
        centroids=centroids,
    )
    return jax.jit(run)(PARAMS, ly.zero_taps(PARAMS, len(rows)), rows, noise)[0]


def by_hand(kl=1.0, cluster=0.05):
    p = jax.tree.map(lambda a: np.asarray(a, np.float64), PARAMS)
    x = np.asarray(ROWS, np.float64)
    h = np.tanh(x / np.sqrt(2) @ p["enc0"]["w"] + p["enc0"]["b"])
    out = h @ p["enc1"]["w"] + p["enc1"]["b"]
    mean, log_var = out[:, :2], 4 * np.tanh(out[:, 2:] / 4)
    z = mean + np.exp(log_var / 2) * np.asarray(NOISE)
    h = np.tanh(z @ p["dec0"]["w"] + p["dec0"]["b"])
    logits = 20 * np.tanh((h @ p["dec1"]["w"] + p["dec1"]["b"]) / 20)
    total = np.zeros(3)
    for part in (slice(0, 2), slice(2, 5)):
        log_sum = np.log(np.exp(logits[:, part]).sum(1))
        total += log_sum - (x[:, part] * logits[:, part]).sum(1)
    total += kl * 0.5 * (np.exp(log_var) + mean**2 - 1 - log_var).sum(1)
    gaps = ((mean[:, None] - np.asarray(CENTROIDS)) ** 2).sum(-1)
    return total + cluster * gaps.min(1)


@pytest.mark.parametrize("weights", [{}, {"kl": 0.3, "cluster": 2.0}])
def test_loss_by_hand(weights):
    np.testing.assert_allclose(losses(**weights), by_hand(**weights), rtol=1e-4)


def test_no_centroids_is_no_weight():
    np.testing.assert_allclose(
        losses(centroids=UNKNOWN), losses(cluster=0.0), rtol=1e-6
    )


def test_an_example_does_not_feel_the_others():
    alone = losses(rows=ROWS[1:2], noise=NOISE[1:2])
    np.testing.assert_allclose(alone, losses()[1:2], rtol=1e-5)


def test_taps_carry_every_layer():
    taps = ly.zero_taps(PARAMS, 3)
    _, inputs = vae.tapped_loss(
        PARAMS,
        taps,
        ROWS,
        NOISE,
        shape=SHAPE,
        weights=vae.VaeWeights(),
        centroids=UNKNOWN,
    )
    assert set(inputs) == set(PARAMS) == set(taps)
    for name, x in inputs.items():
        assert x.shape == (3, PARAMS[name]["w"].shape[0])


@pytest.mark.parametrize("hidden", [(4,), (5, 3)])
def test_decoder_mirrors_the_encoder(hidden):
    shape = vae.VaeShape(blocks=BLOCKS, hidden=hidden, latent=2)
    params = vae.init(np.random.default_rng(2), shape)
    widths = [params[f"enc{i}"]["w"].shape for i in range(len(hidden) + 1)]
    assert [w[1] for w in widths] == [*hidden, 4]
    widths = [params[f"dec{i}"]["w"].shape for i in range(len(hidden) + 1)]
    assert [w[1] for w in widths] == [*hidden[::-1], 5]
    mean, log_var = vae.encode(params, shape, ROWS)
    assert mean.shape == log_var.shape == (3, 2)
    sums = jnp.exp(vae.decode(params, shape, mean)) @ BLOCKS.owner
    np.testing.assert_allclose(sums, 1.0, rtol=1e-5)


def test_log_variances_are_bounded():
    far = jax.tree.map(lambda p: 1e3 * p, PARAMS)
    _, log_var = vae.encode(far, SHAPE, ROWS)
    assert float(jnp.abs(log_var).max()) <= 4.0
    assert float(jnp.abs(log_var).max()) > 3.9


def test_scaled_rows_have_norm_one():
    np.testing.assert_allclose(
        jnp.linalg.norm(ROWS * SHAPE.input_scale, axis=1), 1.0, rtol=1e-6
    )


def test_distances():
    z = jnp.array([[0.3, -0.2], [1.0, 1.0]])
    np.testing.assert_allclose(
        vae.squared_distances(z, CENTROIDS), [[0, 5.33], [1.93, 1]], atol=1e-5
    )
    np.testing.assert_allclose(vae.nearest_distance(z, CENTROIDS), [0, 1], atol=1e-6)
