"""Sensitive columns drawn apart: shares, cells of legitimate columns, wanted shares."""

import numpy as np
import pytest
from scipy import stats

from fairveil.errors import ConfigError
from fairveil.marginals import histogram
from fairveil.post.apart import learnt
from fairveil.post.groups import system

SIZES = (2, 3, 2, 2)  # sex, race, a proxy of sex, a legitimate column
RNG = np.random.default_rng(0)
N = 20_000
LEGIT = RNG.integers(0, 2, N)
SEX = (RNG.random(N) < np.where(LEGIT, 0.8, 0.3)).astype(int)
RACE = RNG.choice(3, N, p=[0.7, 0.2, 0.1])
PROXY = np.where(RNG.random(N) < 0.9, SEX, 1 - SEX)
ROWS = np.stack([SEX, RACE, PROXY, LEGIT], axis=1).astype(np.int32)
NOTHING = system(ROWS, SIZES, (), {}, least=0.01)
GIVEN = system(ROWS, SIZES, (3,), {}, least=0.01)


def pvalue(rows, a, b):
    table = histogram(rows, SIZES, (a, b)).reshape(SIZES[a], SIZES[b])
    return stats.chi2_contingency(table).pvalue


@pytest.mark.statistical
def test_redrawn_columns_say_nothing_of_the_rest():
    out = learnt(ROWS, (0, 1), NOTHING, 1.0).apply(ROWS, np.random.default_rng(1))
    np.testing.assert_array_equal(out[:, 2:], ROWS[:, 2:])
    for column in (2, 3):
        assert pvalue(ROWS, 0, column) < 1e-9
        assert pvalue(out, 0, column) > 1e-4
    for column in (0, 1):
        counts = [
            np.bincount(r[:, column], minlength=SIZES[column]) for r in (out, ROWS)
        ]
        assert stats.chisquare(counts[0], counts[1]).pvalue > 1e-4


@pytest.mark.statistical
def test_given_a_legitimate_column_only_what_goes_through_it_stays():
    out = learnt(ROWS, (0, 1), GIVEN, 1.0).apply(ROWS, np.random.default_rng(2))
    for cell in (0, 1):
        rows = out[cell == LEGIT]
        assert pvalue(rows, 0, 2) > 1e-4
        was = ROWS[cell == LEGIT][:, 0].mean()
        assert abs(rows[:, 0].mean() - was) < 0.02
    assert pvalue(out, 0, 3) < 1e-9


def test_the_law_is_what_the_rows_then_have():
    for given in (NOTHING, GIVEN):
        redraw = learnt(ROWS, (0, 1), given, 1.0)
        out = redraw.apply(ROWS, np.random.default_rng(3))
        for columns in [(0,), (0, 1), (0, 2), (1, 3), (0, 2, 3), (2, 0), (2, 3)]:
            law = redraw.law(ROWS, SIZES, columns)
            assert law.sum() == pytest.approx(1.0)
            found = histogram(out, SIZES, columns) / N
            np.testing.assert_allclose(law, found, atol=0.015)
        alone = redraw.law(ROWS, SIZES, (2, 3))
        np.testing.assert_allclose(alone, histogram(ROWS, SIZES, (2, 3)) / N)


def test_strength_is_the_share_of_rows():
    half = learnt(ROWS, (0,), NOTHING, 0.5).apply(ROWS, np.random.default_rng(4))
    whole = learnt(ROWS, (0,), NOTHING, 1.0).apply(ROWS, np.random.default_rng(4))
    none = learnt(ROWS, (0,), NOTHING, 0.0).apply(ROWS, np.random.default_rng(4))
    np.testing.assert_array_equal(none, ROWS)
    part = (half[:, 0] != ROWS[:, 0]).mean() / (whole[:, 0] != ROWS[:, 0]).mean()
    assert part == pytest.approx(0.5, abs=0.03)


def test_a_longer_table_begins_with_the_shorter_one():
    redraw = learnt(ROWS, (0, 1), GIVEN, 0.7)
    whole = redraw.apply(ROWS[:500], np.random.default_rng(5))
    part = redraw.apply(ROWS[:120], np.random.default_rng(5))
    np.testing.assert_array_equal(whole[:120], part)


# --- wanted shares -----------------------------------------------------------------


def marginal(redraw, column):
    at = redraw.cells[:, redraw.columns.index(column)]
    return np.bincount(at, weights=redraw.probs[0], minlength=SIZES[column])


def test_wanted_shares_are_met_and_nothing_else_moves():
    before = learnt(ROWS, (0, 1), NOTHING, 1.0)
    after = before.with_shares({0: {0: 0.5, 1: 0.5}, 1: {2: 0.3}})
    np.testing.assert_allclose(marginal(after, 0), [0.5, 0.5], atol=1e-6)
    race = marginal(after, 1)
    assert race[2] == pytest.approx(0.3, abs=1e-6)
    old = marginal(before, 1)
    assert race[0] / race[1] == pytest.approx(old[0] / old[1], rel=1e-2)

    def odds(redraw):  # what fitting shares must not touch
        p = redraw.probs[0].reshape(2, 3)
        return p[0, 0] * p[1, 1] / (p[0, 1] * p[1, 0])

    assert odds(after) == pytest.approx(odds(before), rel=1e-6)


def test_a_share_of_zero_and_of_one():
    redraw = learnt(ROWS, (0, 1), NOTHING, 1.0).with_shares({0: {0: 1.0, 1: 0.0}})
    np.testing.assert_allclose(marginal(redraw, 0), [1.0, 0.0], atol=1e-12)


def test_a_group_that_is_not_there_cannot_have_a_share():
    only = ROWS[RACE < 2]
    redraw = learnt(only, (0, 1), NOTHING, 1.0)
    with pytest.raises(ConfigError, match="no row of a group"):
        redraw.with_shares({1: {2: 0.2}})
    with pytest.raises(ConfigError, match="no row of a group"):
        redraw.with_shares({1: {0: 0.2, 1: 0.3}})  # nobody is left for the rest


def test_a_cell_without_rows_draws_as_all_rows_do():
    redraw = learnt(ROWS[LEGIT == 0], (0,), GIVEN, 1.0)
    np.testing.assert_allclose(redraw.probs.sum(axis=1), 1.0)


def test_shares_that_contradict_each_other_are_refused():
    same = np.repeat(ROWS[:, [0, 0, 2, 3]], 1, axis=0)
    redraw = learnt(same, (0, 1), NOTHING, 1.0)
    with pytest.raises(ConfigError, match="no release has all"):
        redraw.with_shares({0: {0: 0.5, 1: 0.5}, 1: {0: 0.3, 1: 0.7}})
