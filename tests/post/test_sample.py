"""Acceptance keeps the weighted distribution; any number of rows; redraw; the cap."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from fairveil.codec import Codec
from fairveil.config import Calibration
from fairveil.errors import FairveilError
from fairveil.marginals import histogram
from fairveil.post.calibrate import LogLinear
from fairveil.post.generator import BATCH, RowSource
from fairveil.post.sample import Redraw, Sampler, choose_cap
from fairveil.schema import Column, Schema
from fairveil.seeds import Seeds

pytestmark = pytest.mark.usefixtures("quick_compile")
SIZES = (2, 3)
PROBS = np.array([0.1, 0.2, 0.05, 0.3, 0.15, 0.2])
THETA = np.array([0.0, 1.2, -0.7, 0.4, 2.0, -2.0])
SCHEMA = Schema(
    columns=(
        Column(name="a", kind="categorical", categories=("x", "y")),
        Column(name="b", kind="categorical", categories=("p", "q"), nullable=True),
    )
)


class Toy:
    """Two columns of a known joint distribution."""

    def batch(self, key, n):
        cell = jax.random.categorical(key, jnp.log(jnp.asarray(PROBS)), shape=(n,))
        return jnp.stack([cell // 3, cell % 3], axis=1).astype(jnp.int32)

    def step(self, key):
        return self.batch(key, BATCH)


PLAIN = Sampler(
    Codec.on_grid(SCHEMA), Toy(), LogLinear(SIZES, ((0, 1),), (THETA,)), log_cap=2.0
)


def fits(codes, probs):
    seen = histogram(codes, SIZES, (0, 1))
    return stats.chisquare(seen, probs / probs.sum() * seen.sum()).pvalue


@pytest.mark.statistical
@pytest.mark.parametrize("log_cap", [2.0, 3.5, 0.4])
def test_accepted_rows_have_the_weighted_distribution(log_cap):
    sampler = dataclasses.replace(PLAIN, log_cap=log_cap)
    codes = sampler.codes(30_000, Seeds.of(1))
    capped = PROBS * np.exp(np.minimum(THETA, log_cap))
    assert fits(codes, capped) > 1e-4
    assert fits(codes, PROBS) < 1e-4  # the test can tell
    assert fits(codes, PROBS * np.exp(1.5 * np.minimum(THETA, log_cap))) < 1e-4


@pytest.mark.parametrize("n", [0, 1, 2, BATCH + 1])
def test_any_number_of_rows(n):
    codes = PLAIN.codes(n, Seeds.of(1))
    assert codes.shape == (n, 2)
    assert codes.dtype == np.int32
    values = PLAIN.values(n, Seeds.of(1))
    assert [len(v) for v in values.values()] == [n, n]
    assert set(values["b"]) <= {"p", "q", None}


def test_same_seed_same_rows():
    a, b, c = (PLAIN.codes(500, Seeds.of(s)) for s in (3, 3, 4))
    np.testing.assert_array_equal(a, b)
    assert (a != c).any()
    longer = PLAIN.codes(800, Seeds.of(3))
    np.testing.assert_array_equal(longer[:500], a)


def test_two_batches_differ():
    source = RowSource(Toy(), 5)
    first, second = source.next(), source.next()
    assert (first != second).any()
    again = RowSource(Toy(), 5).rows(BATCH + 10)
    np.testing.assert_array_equal(again, np.r_[first, second[:10]])
    assert RowSource(Toy(), 5).rows(3).tolist() == first[:3].tolist()


def test_nothing_accepted_is_an_error():
    hopeless = dataclasses.replace(PLAIN, log_cap=1e9)
    with pytest.raises(FairveilError, match="accepts none"):
        hopeless.codes(1, Seeds.of(1))


# --- redraw ------------------------------------------------------------------------

REDRAW = Redraw((0,), np.array([[0], [1]], np.int32), np.array([0.25, 0.75]), 1.0)


@pytest.mark.statistical
def test_redraw_frequencies_and_independence():
    codes = np.repeat(np.array([[0, 0], [1, 2]], np.int32), 10_000, axis=0)
    out = REDRAW.apply(codes, np.random.default_rng(0))
    np.testing.assert_array_equal(out[:, 1], codes[:, 1])
    table = histogram(out, SIZES, (0, 1)).reshape(2, 3)[:, [0, 2]]
    assert stats.chisquare(table.sum(1), [5000, 15_000]).pvalue > 1e-4
    assert stats.chi2_contingency(table).pvalue > 1e-4
    assert codes[:10_000, 0].max() == 0  # the input is not changed


@pytest.mark.statistical
def test_redraw_of_a_share_of_the_rows():
    part = dataclasses.replace(REDRAW, strength=0.4)
    codes = np.zeros((20_000, 2), np.int32)
    moved = part.apply(codes, np.random.default_rng(1))[:, 0].mean()
    assert abs(moved - 0.3) < 4.5 * np.sqrt(0.3 * 0.7 / 20_000)
    still = dataclasses.replace(REDRAW, strength=0.0)
    np.testing.assert_array_equal(still.apply(codes, np.random.default_rng(1)), codes)


@pytest.mark.statistical
def test_redraw_keeps_the_joint_of_the_sensitive_columns():
    cells = np.array([[0, 0], [1, 2]], np.int32)  # never 0 with 2
    both = Redraw((0, 2), cells, np.array([0.5, 0.5]), 1.0)
    codes = np.ones((5000, 3), np.int32)
    out = both.apply(codes, np.random.default_rng(2))
    np.testing.assert_array_equal(out[:, 2], 2 * out[:, 0])
    assert (out[:, 1] == 1).all()
    assert abs(out[:, 0].mean() - 0.5) < 0.04


@pytest.mark.statistical
def test_the_sampler_redraws_last():
    sampler = dataclasses.replace(PLAIN, redraw=REDRAW)
    codes = sampler.codes(30_000, Seeds.of(1))
    weighted = (PROBS * np.exp(np.minimum(THETA, 2.0))).reshape(2, 3)
    second = weighted.sum(0) / weighted.sum()
    assert fits(codes, np.outer([0.25, 0.75], second).ravel()) > 1e-4


# --- the cap -----------------------------------------------------------------------


@settings(max_examples=60)
@given(
    seed=st.integers(0, 1000),
    spread=st.floats(0, 4),
    least=st.floats(0.01, 0.99),
    quantile=st.floats(0.5, 1.0),
)
def test_the_cap_leaves_enough_rows(seed, spread, least, quantile):
    logs = spread * np.random.default_rng(seed).standard_t(2, 400).clip(-20, 20)
    wish = Calibration(cap_quantile=quantile, least_acceptance=least)
    cap = choose_cap(logs, wish)
    accepted = np.exp(np.minimum(logs - cap, 0)).mean()
    assert accepted >= least
    top = np.quantile(logs, quantile)
    assert cap <= top
    if cap < top:  # no lower than needed
        assert np.exp(np.minimum(logs - cap - 0.11, 0)).mean() < least


def test_equal_weights_are_all_accepted():
    assert choose_cap(np.full(10, 3.0), Calibration()) == 3.0
