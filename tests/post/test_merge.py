"""Merged mixtures against the moments of the whole, and Runnalls' cost by hand."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats

from fairveil.errors import ConfigError
from fairveil.nn.mixture import Mixture
from fairveil.post.merge import cost, merged


def mixture_of(seed, clusters, latent):
    rng = np.random.default_rng(seed)
    roots = rng.normal(size=(clusters, latent, latent))
    covariances = roots @ roots.transpose(0, 2, 1) + 0.1 * np.eye(latent)
    weights = rng.dirichlet(np.full(clusters, 0.7)) + 1e-6
    return Mixture(
        weights / weights.sum(),
        rng.normal(scale=3.0, size=(clusters, latent)),
        covariances,
    )


def moments(mixture):
    """Mean and covariance of the whole, by the textbook."""
    mean = mixture.weights @ mixture.means
    second = sum(
        w * (c + np.outer(m, m))
        for w, m, c in zip(
            mixture.weights, mixture.means, mixture.covariances, strict=True
        )
    )
    return mean, second - np.outer(mean, mean)


def part(mixture, k):
    return float(mixture.weights[k]), mixture.means[k], mixture.covariances[k]


@given(
    seed=st.integers(0, 10_000),
    clusters=st.integers(1, 8),
    latent=st.integers(1, 4),
    data=st.data(),
)
def test_the_moments_of_the_whole_stay_and_components_are_proper(
    seed, clusters, latent, data
):
    whole = mixture_of(seed, clusters, latent)
    left = data.draw(st.integers(1, clusters))
    found = merged(whole, left)
    assert (found.clusters, found.latent) == (left, latent)
    assert (found.weights > 0).all()
    assert found.weights.sum() == pytest.approx(1.0)
    for got, wanted in zip(moments(found), moments(whole), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(
        found.covariances, found.covariances.transpose(0, 2, 1)
    )
    assert (np.linalg.eigvalsh(found.covariances) > 0).all()


def test_as_many_as_there_are_is_the_same_mixture():
    whole = mixture_of(0, 5, 3)
    assert merged(whole, 5) is whole


def test_one_component_has_the_moments_of_all():
    whole = mixture_of(1, 6, 3)
    mean, covariance = moments(whole)
    one = merged(whole, 1)
    np.testing.assert_allclose(one.means[0], mean)
    np.testing.assert_allclose(one.covariances[0], covariance)


def test_the_cheapest_pair_is_joined_and_the_others_are_untouched():
    whole = mixture_of(2, 6, 2)
    pairs = [(i, j) for i in range(6) for j in range(i + 1, 6)]
    first, second = min(pairs, key=lambda p: cost(part(whole, p[0]), part(whole, p[1])))
    found = merged(whole, 5)
    kept = [k for k in range(6) if k != second]
    for place, k in enumerate(kept):
        if k != first:
            np.testing.assert_array_equal(found.means[place], whole.means[k])
    assert found.weights[kept.index(first)] == pytest.approx(
        whole.weights[first] + whole.weights[second]
    )


def test_near_components_are_joined_before_far_ones():
    eye = np.tile(np.eye(2), (4, 1, 1))
    means = np.array([[0.0, 0.0], [9.0, 0.0], [0.2, 0.0], [9.5, 0.0]])
    whole = Mixture(np.full(4, 0.25), means, eye)
    np.testing.assert_allclose(merged(whole, 3).means[0], [0.1, 0.0])
    np.testing.assert_allclose(merged(whole, 2).means, [[0.1, 0.0], [9.25, 0.0]])


@given(st.integers(0, 10_000))
def test_joining_costs_something_unless_the_two_are_equal(seed):
    whole = mixture_of(seed, 2, 3)
    one, other = part(whole, 0), part(whole, 1)
    assert cost(one, other) >= 0
    assert cost(one, other) == pytest.approx(cost(other, one), abs=1e-9)
    assert cost(one, (0.3, *one[1:])) == pytest.approx(0.0, abs=1e-9)


def test_the_cost_bounds_the_divergence_that_is_added():
    whole = mixture_of(3, 2, 1)
    joined = merged(whole, 1)
    x = np.linspace(-40, 40, 200_001)

    def density(mixture):
        return sum(
            w * stats.norm(m[0], np.sqrt(c[0, 0])).pdf(x)
            for w, m, c in zip(
                mixture.weights, mixture.means, mixture.covariances, strict=True
            )
        )

    p, q = density(whole), density(joined)
    seen = p > 1e-300
    divergence = np.trapezoid(p[seen] * np.log(p[seen] / q[seen]), x[seen])
    bound = cost(part(whole, 0), part(whole, 1))
    assert 0 < divergence <= bound


@pytest.mark.parametrize("clusters", [0, -1, 1.5, True, "2", None])
def test_less_than_one_cluster_is_refused(clusters):
    with pytest.raises(ConfigError, match="clusters must be an integer of at least 1"):
        merged(mixture_of(0, 3, 2), clusters)


def test_more_clusters_than_were_released_are_refused():
    with pytest.raises(ConfigError, match=r"got 4; try at most 3\."):
        merged(mixture_of(0, 3, 2), 4)


def test_a_released_mixture_can_be_merged(tiny_bundle):
    whole = tiny_bundle.teacher.mixture
    for left in range(1, whole.clusters + 1):
        assert merged(whole, left).clusters == left
