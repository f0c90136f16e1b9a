"""The fairness critic: where its gradient goes, its zero, its heads and its sign."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from fairveil.nn import fair, vae, wgan
from fairveil.nn.blocks import Blocks
from fairveil.nn.mixture import Mixture, assign_from, assign_parameters

BLOCKS = Blocks((2, 3, 4))
ONE = fair.FairShape(blocks=BLOCKS, sensitive=(0,), clusters=2, hidden=(6,))
TWO = fair.FairShape(blocks=BLOCKS, sensitive=(0, 2), clusters=2, hidden=(6,))
MIXTURE = Mixture(
    np.array([0.5, 0.5]), np.array([[1.0, 0.0], [-1.0, 0.5]]), np.stack([np.eye(2)] * 2)
)
CODES = jnp.asarray(np.random.default_rng(0).integers(0, (2, 3, 4), (24, 3)))
SOFT = jax.nn.softmax(jax.random.normal(jax.random.key(1), (24, 2)))


pytestmark = pytest.mark.usefixtures("quick_compile")


@functools.partial(jax.jit, static_argnums=1)
def predict(layers, shape, rows):
    return fair.predict(layers, shape, rows, SOFT)


def constant_critic(shape, logits):
    """A critic whose answer is the same for every row."""
    layers = fair.init(np.random.default_rng(0), shape)
    last = layers["fair1"]
    zero = {"w": jnp.zeros_like(last["w"]), "b": jnp.asarray(logits, jnp.float32)}
    return layers | {"fair1": zero}


def shares_of(labels, sizes):
    return [np.bincount(labels[:, i], minlength=s) / 24 for i, s in enumerate(sizes)]


# --- heads -------------------------------------------------------------------------


def test_heads_and_labels_of_one_column():
    assert ONE.heads == (2,)
    np.testing.assert_array_equal(ONE.labels(CODES), CODES[:, :1])


def test_an_intersection_gets_a_head_of_its_own():
    assert TWO.heads == (2, 4, 8)
    labels = np.asarray(TWO.labels(CODES))
    joint = np.ravel_multi_index((CODES[:, 0], CODES[:, 2]), (2, 4))
    np.testing.assert_array_equal(labels, np.c_[CODES[:, 0], CODES[:, 2], joint])


def test_large_intersections_are_left_to_the_columns():
    shape = fair.FairShape(blocks=Blocks((9, 3, 8)), sensitive=(0, 2), clusters=1)
    assert shape.heads == (9, 8)
    assert shape.labels(jnp.array([[8, 0, 7]])).tolist() == [[8, 7]]


@pytest.mark.parametrize("shape", [ONE, TWO])
def test_predictions_are_distributions(shape):
    layers = fair.init(np.random.default_rng(2), shape)
    heads = predict(layers, shape, BLOCKS.one_hot(CODES))
    assert tuple(h.shape[1] for h in heads) == shape.heads
    for head in heads:
        np.testing.assert_allclose(jnp.exp(head).sum(1), 1.0, rtol=1e-5)


def test_it_does_not_see_the_sensitive_columns():
    layers = fair.init(np.random.default_rng(3), TWO)
    other = CODES.at[:, 0].set(1 - CODES[:, 0]).at[:, 2].set(0)
    a, b = (predict(layers, TWO, BLOCKS.one_hot(c)) for c in (CODES, other))
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x, y)
    changed = CODES.at[:, 1].set((CODES[:, 1] + 1) % 3)
    c = predict(layers, TWO, BLOCKS.one_hot(changed))
    assert float(jnp.abs(a[0] - c[0]).max()) > 1e-3


def test_joint_heads_of_very_many_columns_do_not_overflow():
    shape = fair.FairShape(
        blocks=Blocks((32,) * 13), sensitive=tuple(range(13)), clusters=1
    )
    assert shape.heads == (32,) * 13


# --- losses ------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [ONE, TWO])
def test_nothing_is_known_where_the_answer_is_the_shares(shape):
    labels = np.asarray(shape.labels(CODES))
    shares = shares_of(labels, shape.heads)
    logits = np.concatenate([np.log(s + 1e-9) for s in shares])
    layers = constant_critic(shape, logits)
    rows = BLOCKS.one_hot(CODES)
    known = fair.generator_loss(
        layers, shape, rows, SOFT, fair.log_shares(shape, jnp.asarray(labels))
    )
    assert abs(float(known)) < 2e-3  # the 1e-4 that keeps the logarithm finite
    entropy = -sum((s * np.log(s + 1e-12)).sum() for s in shares)
    loss = fair.critic_loss(layers, shape, rows, SOFT, jnp.asarray(labels))
    assert float(loss) == pytest.approx(entropy, rel=1e-4)


def test_known_is_the_divergence_by_hand():
    layers = constant_critic(ONE, [0.0, 2.0])
    labels = ONE.labels(CODES)
    q = 1 / (1 + np.exp(-2.0))
    (share,) = shares_of(np.asarray(labels), (2,))
    wanted = (1 - q) * np.log((1 - q) / share[0]) + q * np.log(q / share[1])
    usual = fair.log_shares(ONE, labels)
    known = fair.generator_loss(layers, ONE, BLOCKS.one_hot(CODES), SOFT, usual)
    assert float(known) == pytest.approx(wanted, rel=1e-2)
    assert wanted > 0.1


# --- where the gradient goes -------------------------------------------------------


@functools.cache
def small_generator():
    taught_shape = vae.VaeShape(blocks=BLOCKS, hidden=(4,), latent=2)
    taught = vae.init(np.random.default_rng(4), taught_shape)
    shape = wgan.GanShape(
        blocks=BLOCKS, latent=2, clusters=2, noise=1, hidden=(4,), extra=2
    )
    layers = wgan.generator_from_decoder(np.random.default_rng(5), shape, taught)
    return taught, taught_shape, shape, layers


@functools.cache
def pull_on_generator(through):
    taught, taught_shape, shape, layers = small_generator()
    judge = fair.init(np.random.default_rng(6), TWO)
    guide = jax.random.normal(jax.random.key(7), (24, shape.guide))
    labels = TWO.labels(CODES)
    uniform = jax.random.uniform(jax.random.key(8), (24, BLOCKS.width), minval=1e-7)

    def loss(params):
        logs = wgan.generate(params, shape, guide)
        rows = BLOCKS.relax(uniform, logs, 0.7)
        soft = assign_from(
            assign_parameters(MIXTURE), vae.encode(taught, taught_shape, rows)[0]
        )
        stop = jax.lax.stop_gradient
        rows = rows if "rows" in through else stop(rows)
        soft = soft if "soft" in through else stop(soft)
        return fair.generator_loss(judge, TWO, rows, soft, fair.log_shares(TWO, labels))

    return jax.jit(jax.grad(loss))(layers)


def size(tree):
    return float(sum(jnp.abs(leaf).sum() for leaf in jax.tree.leaves(tree)))


@pytest.mark.parametrize("through", ["rows", "soft"])
def test_the_gradient_reaches_the_generator(through):
    pull = pull_on_generator(through)
    for name in ("gen0", "gen1"):
        assert size(pull[name]) > 1e-6
    assert size(pull_on_generator("")) == 0


def test_both_ways_add_up():
    both = pull_on_generator("rows soft")
    parts = jax.tree.map(jnp.add, pull_on_generator("rows"), pull_on_generator("soft"))
    for a, b in zip(jax.tree.leaves(both), jax.tree.leaves(parts), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


# --- sign --------------------------------------------------------------------------


def test_a_step_against_the_gradient_lowers_what_is_known():
    """Column 1 betrays column 0; a trained critic knows, and the rows forget."""
    n = 24
    s = jnp.arange(n) % 2
    codes = jnp.stack([s, s, jnp.zeros_like(s)], axis=1)
    labels, soft = ONE.labels(codes), jnp.full((n, 2), 0.5)
    opt = optax.adam(0.05)
    layers = fair.init(np.random.default_rng(9), ONE)
    logits = 4.0 * BLOCKS.one_hot(codes)

    def rows_of(x):
        return jnp.exp(BLOCKS.log_softmax(x))

    @jax.jit
    def train(params, state):
        pull = jax.grad(fair.critic_loss)(params, ONE, rows_of(logits), soft, labels)
        updates, state = opt.update(pull, state)
        return optax.apply_updates(params, updates), state

    state = opt.init(layers)
    for _ in range(40):
        layers, state = train(layers, state)

    @jax.jit
    def known(x):
        return fair.generator_loss(
            layers, ONE, rows_of(x), soft, fair.log_shares(ONE, labels)
        )

    @jax.jit
    def error(x):
        return fair.critic_loss(layers, ONE, rows_of(x), soft, labels)

    assert float(error(logits)) < 0.2  # it has learnt
    assert float(known(logits)) > 0.4
    step, slope = logits, jax.jit(jax.grad(known))
    for _ in range(30):
        step = step - 0.3 * jnp.sign(slope(step))
    assert float(known(step)) < 0.5 * float(known(logits))
    assert float(error(step)) > 2 * float(error(logits))
    worse = step + 0.3 * jnp.sign(slope(step))
    assert float(known(worse)) > float(known(step))
