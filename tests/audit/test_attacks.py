"""Learnt scores find what parts two kinds of runs, and nothing where nothing does."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from fairveil.audit import worst_case
from fairveil.audit.attacks import bundle_features, fisher, row_features
from fairveil.audit.bounds import mu_bound, tuned
from fairveil.privacy.ledger import Ledger
from fairveil.privacy.noise import NoiseSource


@pytest.fixture(scope="module")
def bundle():
    """What a tiny fit releases."""
    ledger = Ledger(epsilon=1.0, delta=1e-5)
    return worst_case._fit(worst_case._frame(1), ledger, NoiseSource.insecure(5))


def judge(outside, inside, learn):
    return mu_bound(tuned(*fisher(outside, inside, learn), learn=learn))


def test_a_direction_across_correlated_features():
    """Noise shared by two features is taken out; no single feature shows the gap."""
    rng = np.random.default_rng(0)
    shared = 50 * rng.normal(size=(2, 600, 1))
    runs = shared + rng.normal(size=(2, 600, 2))
    runs[1, :, 0] += 6.0
    assert judge(runs[0], runs[1], 300) > 2.0
    assert judge(runs[0][:, :1], runs[1][:, :1], 300) < 0.5


def test_one_bare_number_among_many_noisy_ones():
    rng = np.random.default_rng(1)
    runs = rng.normal(size=(2, 60, 200))
    runs[:, :, 77] = np.array([[4.0], [5.0]])
    outside, inside = fisher(runs[0], runs[1], 30)
    assert inside[30:].min() > outside[30:].max()


def test_features_that_do_not_vary_tell_nothing():
    scores = fisher(np.ones((20, 3)), np.ones((20, 3)), 10)
    assert [s.tolist() for s in scores] == [[0.0] * 20] * 2


def test_pure_noise_is_not_learnt():
    rng = np.random.default_rng(2)
    runs = rng.normal(size=(2, 200, 100))
    assert judge(runs[0], runs[1], 100) == 0.0


def test_scores_do_not_hang_on_the_runs_to_be_judged():
    rng = np.random.default_rng(3)
    runs = rng.normal(size=(2, 40, 5))
    first = fisher(runs[0], runs[1], 20)
    changed = runs.copy()
    changed[:, 20:] *= 9
    second = fisher(changed[0], changed[1], 20)
    assert np.array_equal(first[0][:20], second[0][:20])
    assert np.array_equal(first[1][:20], second[1][:20])


def test_a_bundle_is_read_to_the_last_number(bundle):
    sizes = bundle.codec.sizes
    features = bundle_features(bundle, sizes)
    assert np.isfinite(features).all()
    more = dataclasses.replace(bundle, n_hat=bundle.n_hat + 1)
    assert (bundle_features(more, sizes) != features).sum() == 1
    first = bundle.marginals[-1]
    counts = first.counts + np.eye(len(first.counts))[0]
    marginals = (
        *bundle.marginals[:-1],
        dataclasses.replace(first, counts=counts),
    )
    more = dataclasses.replace(bundle, marginals=marginals)
    assert (bundle_features(more, sizes) != features).sum() == 1
    layers = {
        name: {k: v + 1 for k, v in layer.items()}
        for name, layer in bundle.teacher.layers.items()
    }
    weights = sum(a.size for layer in layers.values() for a in layer.values())
    teacher = dataclasses.replace(bundle.teacher, layers=layers)
    more = dataclasses.replace(bundle, teacher=teacher)
    assert (bundle_features(more, sizes) != features).sum() == weights


def test_a_measured_marginal_is_told_from_none(bundle):
    sizes = bundle.codec.sizes
    features = bundle_features(bundle, sizes)
    fewer = dataclasses.replace(bundle, marginals=bundle.marginals[:-1])
    assert len(bundle_features(fewer, sizes)) == len(features)
    assert (bundle_features(fewer, sizes) != features).any()


def test_mixtures_of_one_and_of_many_clusters_are_as_long(bundle):
    mixture = bundle.teacher.mixture
    one = dataclasses.replace(
        mixture,
        weights=np.ones(1),
        means=mixture.means[:1],
        covariances=mixture.covariances[:1],
    )
    teacher = dataclasses.replace(bundle.teacher, mixture=one)
    other = dataclasses.replace(bundle, teacher=teacher)
    sizes = bundle.codec.sizes
    assert len(bundle_features(other, sizes)) == len(bundle_features(bundle, sizes))


def test_shares_of_sampled_rows():
    codes = np.array([[0, 0], [1, 1], [1, 1], [0, 1]], np.int32)
    assert row_features(codes, (2, 2)) == pytest.approx([0.25, 0.25, 0.0, 0.5])
    assert row_features(codes[:0], (2, 2)).tolist() == [0.0] * 4
