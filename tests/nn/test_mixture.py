"""Draws against the moments, soft assignment against SciPy's densities."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from fairveil.nn.mixture import (
    Mixture,
    assign_from,
    assign_parameters,
    parameters,
    placed,
)

pytestmark = pytest.mark.usefixtures("quick_compile")
TOY = Mixture(
    np.array([0.7, 0.3]),
    np.array([[0.0, 1.0], [3.0, -2.0]]),
    np.array([[[1.0, 0.5], [0.5, 2.0]], [[0.2, 0.0], [0.0, 0.4]]]),
)


def test_sizes():
    assert (TOY.clusters, TOY.latent) == (2, 2)


def test_soft_assignment_is_bayes():
    points = np.random.default_rng(0).normal(1, 2, (30, 2))
    joint = np.stack(
        [
            w * stats.multivariate_normal(m, c).pdf(points)
            for w, m, c in zip(TOY.weights, TOY.means, TOY.covariances, strict=True)
        ],
        axis=1,
    )
    wanted = joint / joint.sum(1, keepdims=True)
    got = assign_from(assign_parameters(TOY), jnp.asarray(points, jnp.float32))
    np.testing.assert_allclose(got, wanted, atol=1e-4)


def test_soft_assignment_has_a_gradient():
    at = jnp.array([[1.5, -0.5]])
    pull = jax.grad(lambda z: assign_from(assign_parameters(TOY), z)[0, 1])(at)
    assert np.isfinite(pull).all()
    assert float(jnp.abs(pull).max()) > 1e-3


@pytest.mark.statistical
def test_draws_have_the_moments():
    rng = np.random.default_rng(1)
    drawn = (rng.random(40_000), rng.standard_normal((40_000, TOY.means.shape[1])))
    latents, which = (np.asarray(a) for a in placed(parameters(TOY), *drawn))
    share = (which == 1).mean()
    assert abs(share - 0.3) < 4 * np.sqrt(0.21 / 40_000)
    for k in range(2):
        own = latents[which == k]
        np.testing.assert_allclose(own.mean(0), TOY.means[k], atol=0.05)
        np.testing.assert_allclose(np.cov(own.T), TOY.covariances[k], atol=0.06)
