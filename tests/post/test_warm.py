"""The warm start: what rows of a known joint teach, and centroids of known clusters."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from fairveil.config import VaeTraining
from fairveil.marginals import histogram
from fairveil.nn import vae
from fairveil.nn.blocks import Blocks
from fairveil.nn.layers import host_rng
from fairveil.nn.mixture import Mixture
from fairveil.post import warm
from fairveil.post.teacher import Teacher

SIZES = (3, 2, 3)
SHAPE = vae.VaeShape(blocks=Blocks(SIZES), hidden=(16,), latent=2)
FLAT = Mixture(np.ones(1), np.zeros((1, 2)), np.eye(2)[None])


def training(**changes):
    tiny = {"warm_steps": 3, "warm_batch": 32, "warm_rate": 1e-2}
    return VaeTraining(hidden=(16,), latent=2, **{**tiny, **changes})


def rows_of(n=4000, seed=0):
    """The last column is the first, the middle one a coin that leans with it."""
    rng = np.random.default_rng(seed)
    first = rng.choice(3, n, p=[0.5, 0.3, 0.2])
    coin = rng.random(n) < np.array([0.9, 0.5, 0.1])[first]
    return np.stack([first, coin, first], axis=1).astype(np.int32)


def trained(key=0, rows=None, **changes):
    seen = []
    layers = warm.warm_vae(
        rows_of() if rows is None else rows,
        shape=SHAPE,
        training=training(**changes),
        key=jax.random.key(key),
        progress=lambda *step: seen.append(step),
    )
    return layers, seen


def numbers(layers):
    return np.concatenate([np.ravel(x) for x in jax.tree.leaves(layers)])


def joint(codes):
    return histogram(np.asarray(codes), SIZES, (0, 1, 2)) / len(codes)


@pytest.mark.statistical
def test_rows_of_a_known_joint_are_learnt():
    layers, _seen = trained(warm_steps=1500, warm_batch=256)
    goal = joint(rows_of(200_000, seed=1))
    ones = [histogram(rows_of(200_000, seed=1), SIZES, (j,)) / 200_000 for j in (0, 1)]
    product = np.einsum("i,j,k->ijk", ones[0], ones[1], ones[0]).ravel()
    codes, _base = Teacher(layers, SHAPE, FLAT).batch(np.random.default_rng(9), 20_000)
    apart = 0.5 * np.abs(product - goal).sum()
    assert apart > 0.5
    assert 0.5 * np.abs(joint(codes) - goal).sum() < 0.3 * apart
    before = Teacher(trained(warm_steps=0)[0], SHAPE, FLAT)
    codes, _base = before.batch(np.random.default_rng(9), 20_000)
    assert 0.5 * np.abs(joint(codes) - goal).sum() > 0.5


@pytest.mark.usefixtures("quick_compile")
def test_the_rows_decide():
    """And nothing else: equal rows, equal networks, in whatever array they come."""
    rows = rows_of(300)
    kept = rows.copy()
    one, two = (numbers(trained(rows=r)[0]) for r in (rows, np.asfortranarray(rows)))
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(rows, kept)
    assert (one != numbers(trained(rows=rows_of(300, seed=4))[0])).any()


@pytest.mark.usefixtures("quick_compile")
def test_same_key_same_network():
    one, two, other = (numbers(trained(key)[0]) for key in (3, 3, 4))
    np.testing.assert_array_equal(one, two)
    assert (one != other).mean() > 0.5


@pytest.mark.usefixtures("quick_compile")
def test_no_steps_are_fresh_weights():
    layers, seen = trained(key=5, warm_steps=0)
    fresh = vae.init(host_rng(jax.random.key(5)), SHAPE)
    np.testing.assert_allclose(numbers(layers), numbers(fresh), rtol=1e-6)
    assert seen == []


@pytest.mark.usefixtures("quick_compile")
def test_the_average_is_what_is_returned():
    fresh = numbers(trained(warm_steps=0)[0])
    held = numbers(trained(warm_averaging=1.0)[0])
    last = numbers(trained(warm_averaging=0.0)[0])
    half = numbers(trained(warm_averaging=0.5, warm_steps=1)[0])
    one = numbers(trained(warm_averaging=0.0, warm_steps=1)[0])
    np.testing.assert_allclose(held, fresh, rtol=1e-6)
    assert np.abs(last - fresh).max() > 1e-3
    np.testing.assert_allclose(half, (one + fresh) / 2, atol=1e-6)


@pytest.mark.usefixtures("quick_compile")
def test_progress_comes_in_bursts_and_ends():
    _layers, seen = trained(warm_steps=250)
    assert [total for _done, total in seen] == [250] * len(seen)
    done = [done for done, _total in seen]
    assert done == sorted(set(done))
    assert done[-1] == 250


def test_the_loss_is_that_of_a_batch_in_nats():
    """Against a slow twin, written out row by row."""
    layers = vae.init(np.random.default_rng(1), SHAPE)
    codes = rows_of(5)
    noise = np.random.default_rng(0).standard_normal((5, 2)).astype(np.float32)
    found = float(warm._loss(layers, SHAPE, 0.3, jnp.asarray(codes), noise))
    total = 0.0
    for code, eps in zip(codes, noise, strict=True):
        row = SHAPE.blocks.one_hot(jnp.asarray(code[None]))
        mean, log_var = (np.asarray(x)[0] for x in vae.encode(layers, SHAPE, row))
        z = mean + np.exp(log_var / 2) * eps
        logs = np.asarray(vae.decode(layers, SHAPE, jnp.asarray(z[None])))[0]
        starts = np.cumsum((0, *SIZES[:-1]))
        surprise = -sum(logs[s + c] for s, c in zip(starts, code, strict=True))
        divergence = 0.5 * (np.exp(log_var) + mean**2 - 1 - log_var).sum()
        total += (0.3 * divergence + surprise) / 5
    assert found == pytest.approx(total, rel=1e-4)


# --- centroids ---------------------------------------------------------------------

CORNERS = np.array([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0], [9.0, 9.0]])


@pytest.fixture
def known_points(monkeypatch):
    """The encoder puts code c at corner c mod 4, 10 codes around each."""
    jitter = np.random.default_rng(1).normal(0, 0.1, (40, 2))
    points = jnp.asarray(np.tile(CORNERS, (10, 1)) + jitter, jnp.float32)
    monkeypatch.setattr(
        warm.vae, "encode", lambda _layers, _shape, rows: (rows @ points, None)
    )
    return points


def centroids(rows, clusters=4, seed=0):
    shape = vae.VaeShape(blocks=Blocks((40,)), hidden=(4,), latent=2)
    return warm.warm_centroids({}, shape, rows, clusters, seed)


def uniform_codes(n=1000, seed=0):
    return np.random.default_rng(seed).integers(0, 40, (n, 1)).astype(np.int32)


def in_order(points):
    return points[np.lexsort(np.round(points, 0).T)]


@pytest.mark.parametrize("seed", range(8))
def test_separated_clusters_get_a_centroid_each(known_points, seed):
    codes = uniform_codes(seed=seed)
    found = in_order(centroids(codes, seed=seed))
    points = np.asarray(known_points, dtype=float)[codes[:, 0]]
    wanted = [points[codes[:, 0] % 4 == k].mean(0) for k in range(4)]
    np.testing.assert_allclose(found, in_order(np.array(wanted)), atol=1e-5)


def test_same_seed_same_centroids(known_points):
    codes = uniform_codes()
    one, two = centroids(codes, 7, seed=3), centroids(codes, 7, seed=3)
    np.testing.assert_array_equal(one, two)
    assert one.shape == (7, 2)
    assert (one != centroids(codes, 7, seed=4)).any()


def test_more_centroids_than_points_stay_finite(known_points):
    found = centroids(np.zeros((5, 1), np.int32), clusters=6)
    assert found.shape == (6, 2)
    np.testing.assert_allclose(found, np.asarray(known_points)[[0] * 6], atol=1e-5)


def test_one_centroid_is_the_mean(known_points):
    codes = uniform_codes(300)
    points = np.asarray(known_points, dtype=float)[codes[:, 0]]
    np.testing.assert_allclose(centroids(codes, 1)[0], points.mean(0), atol=1e-5)


@pytest.mark.statistical
def test_first_centroids_are_drawn_by_squared_distance():
    points = np.array([[0.0], [1.0], [3.0]])
    rng, seen = np.random.default_rng(2), np.zeros((3, 3))
    for _ in range(6000):
        first, second = warm._spread(points, 2, rng)[:, 0]
        at = {0.0: 0, 1.0: 1, 3.0: 2}
        seen[at[first], at[second]] += 1
    assert stats.chisquare(seen.sum(1)).pvalue > 1e-4
    squared = (points - points.T) ** 2
    assert np.trace(seen) == 0
    for line, weights in zip(seen, squared, strict=True):
        alive = weights > 0
        wanted = weights[alive] / weights.sum() * line.sum()
        assert stats.chisquare(line[alive], wanted).pvalue > 1e-4
        assert stats.chisquare(line[alive]).pvalue < 1e-4  # the test can tell


def test_rounding_leaves_no_distance_below_zero():
    points = np.random.default_rng(3).normal(1e4, 1e-6, (50, 3))
    found = warm._distances(points, points[:4])
    assert found.min() >= 0
