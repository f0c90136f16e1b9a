"""Draws of the host: inside (0, 1), of their law, by their generator alone."""

import numpy as np
import pytest
from scipy import stats

from fairveil.post import draws


class Zero(np.random.Generator):
    """A generator whose uniform draws are all at the end of their range."""

    def random(self, size=None, dtype=np.float64, out=None):  # noqa: ARG002  (as NumPy has it)
        return np.zeros(size, dtype)


def test_uniform_draws_are_never_an_end_of_their_range():
    bits = np.random.PCG64(0)
    assert (np.asarray(draws.uniform(Zero(bits), 3, 2)) > 0).all()
    found = draws.uniform(np.random.default_rng(0), 300_000)
    assert found.dtype == np.float32
    assert found.max() < 1


@pytest.mark.statistical
def test_draws_follow_their_law():
    rng = np.random.default_rng(1)
    assert stats.kstest(draws.uniform(rng, 20_000), "uniform").pvalue > 1e-4
    assert stats.kstest(draws.normal(rng, 20_000), "norm").pvalue > 1e-4


def test_guides_have_the_shape_asked_for_and_repeat():
    one = draws.guides(np.random.default_rng(2), 3, 5, latent=2, noise=4)
    assert [a.shape for a in one] == [(3, 5), (3, 5, 2), (3, 5, 4)]
    again = draws.guides(np.random.default_rng(2), 3, 5, latent=2, noise=4)
    for a, b in zip(one, again, strict=True):
        np.testing.assert_array_equal(a, b)
