"""Scores against slow twins and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from sklearn.metrics import mutual_info_score, roc_auc_score

from fairveil.evaluate import _scores as s


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), levels=st.integers(1, 30))
def test_weighted_auroc_equals_scikit_learn(seed, levels):
    rng = np.random.default_rng(seed)
    truth = np.concatenate([[0, 1], rng.integers(0, 2, 40)]).astype(bool)
    score = rng.integers(0, levels, len(truth)).astype(float)
    weight = rng.integers(1, 4, len(truth)).astype(float)
    ours = s.Ranked.of(truth, score).auroc(weight)
    theirs = roc_auc_score(truth, score, sample_weight=weight)
    assert ours == pytest.approx(theirs, abs=1e-12)


def test_auroc_by_hand_with_a_tie():
    # positives .5 and .9, negatives .1 and .5: wins 1, .5, 1, 1 of 4 pairs
    ranked = s.Ranked.of(
        np.array([False, False, True, True]), np.array([0.1, 0.5, 0.5, 0.9])
    )
    assert ranked.auroc(np.ones(4)) == pytest.approx(3.5 / 4)
    assert np.isnan(ranked.auroc(np.array([1.0, 1.0, 0.0, 0.0])))


@pytest.mark.parametrize(
    ("by_prevalence", "average"), [(False, "macro"), (True, "weighted")]
)
def test_one_vs_rest_equals_scikit_learn(by_prevalence, average):
    rng = np.random.default_rng(3)
    truth = rng.choice(3, size=300, p=[0.6, 0.3, 0.1])
    probability = rng.dirichlet(np.ones(3), 300) + 0.3 * np.eye(3)[truth]
    probability /= probability.sum(axis=1, keepdims=True)
    ours, interval = s.auroc(truth, probability, rng=rng, by_prevalence=by_prevalence)
    theirs = roc_auc_score(truth, probability, multi_class="ovr", average=average)
    assert ours == pytest.approx(theirs, abs=1e-12)
    assert interval.low < ours < interval.high


@pytest.mark.statistical
def test_interval_covers_a_known_area_about_as_often_as_it_says():
    # two normals one standard deviation apart: area is Phi(1 / sqrt 2) = .7602
    rng = np.random.default_rng(11)
    hits = 0
    for _ in range(150):
        truth = rng.integers(0, 2, 300)
        score = rng.normal(size=300) + truth
        _, interval = s.auroc(truth, np.column_stack([-score, score]), rng=rng)
        hits += interval.low <= 0.7602 <= interval.high
    assert 0.89 <= hits / 150 <= 0.99


def test_mutual_information_by_hand_and_by_scikit_learn():
    assert s.mutual_information(np.eye(2) * 5) == pytest.approx(np.log(2))
    assert s.mutual_information(np.outer([2, 4], [3, 9])) == pytest.approx(0, abs=1e-12)
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 4, 200), rng.integers(0, 3, 200)
    counts = s.contingency(a, b, (4, 3))
    assert counts.sum() == 200
    assert counts[1, 2] == ((a == 1) & (b == 2)).sum()
    assert s.mutual_information(counts) == pytest.approx(mutual_info_score(a, b))


def test_bootstrap_of_nothing_known_is_unknown():
    interval = s.bootstrap(lambda _: float("nan"), 5, rng=np.random.default_rng(0))
    assert np.isnan(interval.low)
    assert np.isnan(interval.high)
