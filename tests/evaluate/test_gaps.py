"""Ranges of rates by hand."""

import numpy as np

from fairveil.evaluate._gaps import rate_range


def test_range_ignores_groups_without_weight():
    hit = np.array([True, False, True])
    codes = np.array([0, 0, 2])
    assert rate_range(hit, codes, np.ones(3)) == 0.5
    assert rate_range(hit, codes, np.array([1.0, 1.0, 0.0])) == 0
    assert np.isnan(rate_range(hit, codes, np.zeros(3)))
