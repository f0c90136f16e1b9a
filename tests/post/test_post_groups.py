"""Groups: what is a group, what is the rest, and how numbers are cut."""

import numpy as np
import pytest

from fairveil.post import groups as gr

RNG = np.random.default_rng(0)
N = 4000
SEX = RNG.choice(2, N, p=[0.3, 0.7])
RACE = RNG.choice(4, N, p=[0.8, 0.15, 0.048, 0.002])  # the last is rare
AGE = np.minimum(RNG.geometric(0.1, N), 20)  # bins 0 to 20; 20 is missing
ROWS = np.stack([SEX, RACE, AGE], axis=1).astype(np.int32)
SIZES = (2, 4, 21)
NUMERIC = {2: 20}


def test_frequent_values_are_groups_and_rare_ones_the_rest():
    found = gr.system(ROWS, SIZES, (1,), {}, least=0.005)
    assert found.count == 4  # three groups, then the rest
    np.testing.assert_array_equal(found.of(ROWS) == 3, RACE == 3)
    for value in range(3):
        assert len(set(found.of(ROWS)[value == RACE])) == 1


def test_numbers_are_cut_into_quantiles_and_missing_stands_apart():
    found = gr.system(ROWS, SIZES, (2,), NUMERIC, least=0.005)
    group = found.of(ROWS)
    missing = AGE == 20
    assert len(set(group[missing])) == 1
    assert not set(group[missing]) & set(group[~missing])
    sizes = np.bincount(group[~missing])
    assert len(sizes) == 4
    assert sizes.min() > 0.1 * N
    means = [AGE[group == g].mean() for g in range(4)]
    assert sorted(means) == means


def test_systems_are_columns_pairs_and_all():
    found = gr.systems(ROWS, SIZES, (0, 1, 2), NUMERIC)
    assert [f.columns for f in found] == [
        (0,),
        (1,),
        (2,),
        (0, 1),
        (0, 2),
        (1, 2),
        (0, 1, 2),
    ]
    assert [f.columns for f in gr.systems(ROWS, SIZES, (1,), NUMERIC)] == [(1,)]
    pair = found[3]
    share = np.bincount(pair.of(ROWS), minlength=pair.count) / N
    assert (share[:-1] >= gr.LEAST_GROUP).all()
    together = SEX * 4 + RACE
    for group in range(pair.count - 1):
        assert len(set(together[pair.of(ROWS) == group])) == 1


def test_without_columns_all_rows_are_one_group():
    found = gr.system(ROWS, SIZES, (), {}, least=0.01)
    assert set(found.of(ROWS)) == {0}
    assert found.count == 2  # and an empty rest


def test_very_many_columns_do_not_overflow_and_large_joint_groups_are_found():
    rng = np.random.default_rng(1)
    rows = (rng.random((3000, 64)) < 0.01).astype(np.int32)
    found = gr.system(rows, (2,) * 64, tuple(range(64)), {}, least=0.005)
    of = found.of(rows)
    none = rows.sum(axis=1) == 0  # about half of the rows
    assert none.mean() > 0.4
    assert len(set(of[none])) == 1
    assert not (of[~none] == of[none][0]).any()
    numbers = rng.integers(0, 32, (500, 13)).astype(np.int32)
    bins = dict.fromkeys(range(13), 32)
    many = gr.system(numbers, (32,) * 13, tuple(range(13)), bins, least=0.005)
    assert set(many.of(numbers)) == {many.count - 1}  # all are rare


def test_the_largest_groups_alone_are_kept_of_very_many():
    rows = np.stack([np.arange(4000) % 8, np.arange(4000) // 8 % 8], 1).astype(np.int32)
    found = gr.system(rows, (8, 8), (0, 1), {}, least=0.005)
    assert found.count == 33


def test_codes_that_no_row_has_belong_somewhere():
    found = gr.system(ROWS[RACE == 0], SIZES, (1,), {}, least=0.005)
    assert found.of(ROWS).max() < found.count


def test_shares_by_hand():
    group, cell = np.array([0, 1, 1, 0]), np.array([0, 0, 0, 1])
    table = gr.shares(group, 2, cell, 3)
    np.testing.assert_allclose(table, [[1 / 3, 2 / 3], [1, 0], [0, 0]])


@pytest.mark.parametrize("least", [0.0, 0.5, 1.0])
def test_any_least_gives_a_map_into_the_groups(least):
    found = gr.system(ROWS, SIZES, (0, 1), {}, least=least)
    assert found.of(ROWS).min() >= 0
    assert found.of(ROWS).max() < found.count
