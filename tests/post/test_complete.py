"""Completed rows have the law of plain rows given their cells, enumerated on a toy."""

import dataclasses

import numpy as np
import pytest
from test_conditional import (
    CELLS,
    LAW,
    ONE_CELL,
    PLAIN,
    SIZES,
    Told,
    fits,
    redraw_law,
)

from fairveil.marginals import histogram
from fairveil.post.apart import Redraw
from fairveil.post.complete import Partial, completed
from fairveil.post.loosen import Loosen
from fairveil.seeds import Seeds

pytestmark = pytest.mark.usefixtures("quick_compile")
N = 2500


def masked(law, keep, seed=1, n=N):
    """Rows of a law with the columns of ``keep`` given and the others open."""
    rng = np.random.default_rng(seed)
    codes = CELLS[rng.choice(len(CELLS), n, p=law / law.sum())].astype(np.int32)
    still = np.ones(codes.shape, dtype=bool)
    still[:, list(keep)] = False
    blank = np.where(still, 0, codes).astype(np.int32)
    return codes, Partial(blank, still, np.zeros(codes.shape, dtype=bool))


@pytest.mark.statistical
@pytest.mark.parametrize("keep", [(0,), (1,), (0, 2), (1, 2), ()])
def test_law_given_some_columns(keep):
    codes, partial = masked(LAW, keep)
    made = completed(PLAIN, partial, Seeds.of(3))
    np.testing.assert_array_equal(made[:, keep], codes[:, keep])
    assert fits(made, LAW) > 1e-3  # so the others follow their law given these
    if keep:  # the test can tell: columns drawn without them
        apart = made.copy()
        rest = [j for j in range(3) if j not in keep]
        apart[:, rest] = np.random.default_rng(2).permutation(apart)[:, rest]
        assert fits(apart, LAW) < 1e-3


def test_rows_have_cells_of_their_own():
    codes, partial = masked(LAW, (0,), n=300)
    partial.open[:100, 0] = True
    partial.open[100:200] = False
    partial.codes[100:200] = codes[100:200]
    made = completed(PLAIN, partial, Seeds.of(3))
    np.testing.assert_array_equal(made[100:, 0], codes[100:, 0])
    np.testing.assert_array_equal(made[100:200], codes[100:200])
    assert (
        len(
            completed(
                PLAIN,
                Partial(*(a[:0] for a in dataclasses.astuple(partial))),
                Seeds.of(1),
            )
        )
        == 0
    )


@pytest.mark.statistical
@pytest.mark.parametrize("keep", [(0,), (1, 2), (2,)])
def test_redrawn_columns_say_nothing(keep):
    kinds = np.array([[0], [1]], dtype=np.int32)
    step = Redraw((0,), kinds, np.array([[0.3, 0.7]]), 1.0, ONE_CELL)
    law = redraw_law(LAW, step)
    _codes, partial = masked(law, keep)
    made = completed(dataclasses.replace(PLAIN, redraw=step), partial, Seeds.of(5))
    assert fits(made, law) > 1e-3
    assert fits(completed(PLAIN, partial, Seeds.of(5)), law) < 1e-3


@pytest.mark.statistical
@pytest.mark.parametrize("keep", [(0, 1), (2,), (1, 2)])
def test_a_target_drawn_anew(keep):
    _before, after = Told().probabilities(CELLS[:: SIZES[2]])
    law = (LAW.reshape(6, 4).sum(axis=1, keepdims=True) * after).ravel()
    # as many rows as tell a plain release at 1e-70: each costs sixteen candidates
    _codes, partial = masked(law, keep, n=1000)
    made = completed(dataclasses.replace(PLAIN, outcome=Told()), partial, Seeds.of(5))
    assert fits(made, law) > 1e-4
    assert fits(completed(PLAIN, partial, Seeds.of(5)), law) < 1e-4


@pytest.mark.statistical
def test_a_column_drawn_from_its_shares_says_nothing():
    probs = tuple(histogram(CELLS, SIZES, (j,), LAW) for j in range(3))
    parts = np.array([0.0, 1.0, 0.0])
    sampler = dataclasses.replace(PLAIN, loosen=Loosen(parts, probs))
    table = LAW.reshape(SIZES)
    law = (table.sum(axis=1, keepdims=True) * probs[1][None, :, None]).ravel()
    _codes, partial = masked(law, (1,))
    assert fits(completed(sampler, partial, Seeds.of(5)), law) > 1e-3
    assert fits(completed(PLAIN, partial, Seeds.of(5)), law) < 1e-3


def test_cells_that_need_a_value_get_one():
    codec = dataclasses.replace(
        PLAIN.codec,
        columns=tuple(
            dataclasses.replace(
                column,
                column=column.column.model_copy(
                    update={"categories": column.values[:-1], "nullable": True}
                ),
            )
            for column in PLAIN.codec.columns
        ),
    )
    _codes, partial = masked(LAW, (0,))
    valued = Partial(partial.codes, partial.open, partial.open)
    sampler = dataclasses.replace(PLAIN, codec=codec)
    assert (completed(sampler, partial, Seeds.of(2))[:, 2] == 3).any()
    assert (completed(sampler, valued, Seeds.of(2))[:, 1:] < [2, 3]).all()
