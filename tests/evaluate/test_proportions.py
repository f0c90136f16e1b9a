"""Intervals and tests of shares, against SciPy, a published example and simulation."""

import math

import numpy as np
import pytest
from scipy.stats import binomtest, fisher_exact

from fairveil.evaluate import _proportions as p


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (3, 10), (10, 10), (1, 1), (57, 900)])
def test_the_interval_of_a_share_is_wilsons(hits, n):
    found = p.rate(hits, n)
    expected = binomtest(hits, n).proportion_ci(method="wilson")
    assert found.value == hits / n
    assert found.interval.low == pytest.approx(expected.low, abs=1e-12)
    assert found.interval.high == pytest.approx(expected.high, abs=1e-12)


def test_a_share_of_nothing_is_unknown():
    nothing = p.rate(0, 0)
    assert math.isnan(nothing.value)
    assert p.difference(nothing, p.rate(1, 2)) is p.UNKNOWN
    assert p.beyond(p.rate(1, 1), nothing) == 1
    assert math.isnan(p.detectable(nothing, 5, 0.05))


def test_the_interval_of_a_difference_is_newcombes():
    """56 of 70 against 48 of 80: the example of his paper, method 10."""
    found = p.difference(p.rate(56, 70), p.rate(48, 80))
    assert found.value == pytest.approx(0.2)
    assert found.interval.low == pytest.approx(0.0524, abs=5e-5)
    assert found.interval.high == pytest.approx(0.3339, abs=5e-5)


@pytest.mark.parametrize("table", [(7, 10, 2, 12), (0, 5, 3, 6), (5, 5, 0, 5)])
def test_the_test_is_fishers(table):
    a, n, b, m = table
    expected = fisher_exact([[a, n - a], [b, m - b]], alternative="greater").pvalue
    assert p.beyond(p.rate(a, n), p.rate(b, m)) == pytest.approx(expected)


def test_holm_by_hand():
    found = p.holm(np.array([0.01, 0.04, 0.03, 0.9]))
    assert found.tolist() == pytest.approx([0.04, 0.09, 0.09, 0.9])


@pytest.mark.statistical
def test_a_detectable_excess_is_found_in_four_of_five():
    control, n, level = p.rate(90, 300), 400, 0.01
    excess = p.detectable(control, n, level)
    rng = np.random.default_rng(5)
    first = rng.binomial(n, 0.3 + excess, 2000)
    second = rng.binomial(300, 0.3, 2000)
    found = [
        p.beyond(p.rate(a, n), p.rate(b, 300)) <= level
        for a, b in zip(first.tolist(), second.tolist(), strict=True)
    ]
    assert 0.7 < np.mean(found) < 0.87
