"""The generator starts as the decoder; the critic by hand."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fairveil.nn import vae, wgan
from fairveil.nn.blocks import Blocks

pytestmark = pytest.mark.usefixtures("quick_compile")
BLOCKS = Blocks((2, 3))


def gan(hidden=(4,), critic=(6,)):
    return wgan.GanShape(
        blocks=BLOCKS,
        latent=2,
        clusters=3,
        noise=2,
        hidden=hidden,
        extra=5,
        critic=critic,
    )


@pytest.mark.parametrize("hidden", [(4,), (5, 3)])
def test_the_generator_is_the_decoder_before_the_first_step(hidden):
    taught_shape = vae.VaeShape(blocks=BLOCKS, hidden=hidden[::-1], latent=2)
    taught = vae.init(np.random.default_rng(0), taught_shape)
    shape = gan(hidden)
    layers = wgan.generator_from_decoder(np.random.default_rng(1), shape, taught)
    a, b, c = jax.random.split(jax.random.key(2), 3)
    z = jax.random.normal(a, (20, 2))
    guide = wgan.make_guide(
        shape, z, jax.random.randint(b, (20,), 0, 3), jax.random.normal(c, (20, 2))
    )
    # zeros are added, in whatever order the matrix product sums: a few float32 apart
    np.testing.assert_allclose(
        wgan.generate(layers, shape, guide),
        vae.decode(taught, taught_shape, z),
        rtol=1e-5,
        atol=1e-5,
    )
    for i, width in enumerate((*hidden, BLOCKS.width)):
        fresh = np.asarray(layers[f"gen{i}"]["w"])
        old = np.asarray(taught[f"dec{i}"]["w"])
        np.testing.assert_array_equal(fresh[: len(old), :width], old)
        np.testing.assert_array_equal(fresh[len(old) :, :width], 0)


def test_fresh_units_can_learn():
    shape = gan()
    taught = vae.init(
        np.random.default_rng(0), vae.VaeShape(blocks=BLOCKS, hidden=(4,), latent=2)
    )
    layers = wgan.generator_from_decoder(np.random.default_rng(1), shape, taught)
    guide = jax.random.normal(jax.random.key(2), (20, shape.guide))
    pull = jax.jit(jax.grad(lambda p: wgan.generate(p, shape, guide)[:, 0].sum()))(
        layers
    )
    assert np.abs(pull["gen1"]["w"][4:]).max() > 1e-3  # from the extra units
    assert np.abs(pull["gen0"]["w"][2:, :4]).max() > 1e-3  # from label and noise


def test_guide_layout():
    shape = gan()
    guide = wgan.make_guide(
        shape, jnp.array([[0.1, 0.2]]), jnp.array([2]), jnp.array([[7.0, 8.0]])
    )
    np.testing.assert_allclose(guide, [[0.1, 0.2, 0, 0, 1, 7, 8]])
    assert shape.guide == 7


def test_the_critic_has_no_bound():
    layers = wgan.critic_init(np.random.default_rng(3), gan(critic=(6, 4)))
    x = jax.random.normal(jax.random.key(4), (30, 8))
    value = wgan.criticise(layers, x)
    assert value.shape == (30,)
    # without biases a leaky network is homogeneous: no sigmoid stands at its end
    np.testing.assert_allclose(
        wgan.criticise(layers, 1e4 * x), 1e4 * value, rtol=1e-4, atol=1
    )
    assert (value > 0).any()
    assert (value < 0).any()


@pytest.mark.parametrize("penalty", [0.0, 10.0])
def test_loss_of_a_linear_critic_by_hand(penalty):
    layers = wgan.critic_init(np.random.default_rng(5), gan(critic=()))
    a, b, key = jax.random.split(jax.random.key(6), 3)
    real, fake = jax.random.normal(a, (9, 8)), 1 + jax.random.normal(b, (9, 8))
    w = np.asarray(layers["critic0"]["w"], np.float64)[:, 0]
    gap = (np.asarray(fake).mean(0) - np.asarray(real).mean(0)) @ w
    wanted = gap + penalty * (np.linalg.norm(w) - 1) ** 2
    got = jax.jit(functools.partial(wgan.critic_loss, penalty=penalty))(
        layers, real, fake, jax.random.uniform(key, (9, 1))
    )
    assert float(got) == pytest.approx(wanted, rel=1e-4)


def test_the_penalty_pulls_the_slope_to_one():
    steep = {"critic0": {"w": jnp.array([[3.0], [4.0]]), "b": jnp.zeros(1)}}
    same = jnp.ones((4, 2))

    def loss(layers):
        return wgan.critic_loss(layers, same, same, jnp.full((4, 1), 0.3), penalty=1.0)

    assert float(jax.jit(loss)(steep)) == pytest.approx(16.0, rel=1e-5)
    pull = jax.jit(jax.grad(loss))(steep)["critic0"]["w"][:, 0]
    np.testing.assert_allclose(pull, [8 * 0.6, 8 * 0.8], rtol=1e-4)
