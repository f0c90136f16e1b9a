"""Each attack on tables so small that its hits are counted by hand."""

import itertools

import numpy as np
import pandas as pd
import pytest

from fairveil.evaluate import _membership, _singling_out as out
from fairveil.evaluate._inference import inference
from fairveil.evaluate._linkability import linkability
from fairveil.evaluate._nearness import places
from fairveil.evaluate._trials import Setting, swapped
from fairveil.evaluate._verbatim import verbatim


def setting(train, control, release, seed=0):
    size = min(len(next(iter(table.values()))) for table in (train, control))
    tables = [pd.DataFrame(t) for t in (train, control, release, train)]
    tables += [table[:size] for table in tables[:2]]
    return Setting(places(tables, spread_of=(0, 1)), control=True, seed=seed)


# --- inference -----------------------------------------------------------------------


def test_the_nearest_rows_vote_and_ties_and_gaps_count():
    release = {
        "k": ["a", "a", "a", "b", "c"],
        "s": ["x", "y", "y", "z", None],
    }
    train = {"k": ["a", "b", "c", "a"], "s": ["y", "z", None, "x"]}
    control = {"k": ["a", "b"], "s": ["x", "x"]}
    (found,) = inference(setting(train, control, release), ["s"], ["k"])
    assert (found.release.main.successes, found.release.main.attempts) == (3, 4)
    assert (found.release.control.successes, found.release.control.attempts) == (0, 2)
    assert found.naive.successes == 1  # each value stands once
    assert found.planted.main.successes == 4 - 1  # a: x or y, one of them is wrong


def test_a_number_is_right_within_its_tolerance_and_a_gap_is_a_value():
    k = [f"k{i:03}" for i in range(101)]
    values = np.arange(101.0)
    values[100] = np.nan
    moved = values + np.repeat((0.0, 4.0, 5.0, 60.0), (30, 30, 30, 11))
    moved[99] = np.nan
    at = setting({"k": k, "x": values}, {"k": k, "x": values}, {"k": k, "x": moved})
    (found,) = inference(at, ["x"], ["k", "x"])  # x itself is not looked at
    # the middle 90 % is 89.1 wide, of which 5 % are 4.455; the gap is right, too
    assert found.release.main.successes == 30 + 30 + 1
    assert found.naive.successes == 9  # of 9 numbers in a row, the middle one
    assert found.notes


def test_the_best_guess_may_be_that_it_is_missing():
    x = [1.0, 50.0, np.nan, np.nan, np.nan, 100.0]
    at = setting(
        {"k": list("abcdef"), "x": x},
        {"k": ["a"], "x": [1.0]},
        {"k": ["a"], "x": [1.0]},
    )
    (found,) = inference(at, ["x"], ["k"])
    assert found.naive.successes == 3


# --- linkability ---------------------------------------------------------------------


def test_halves_that_the_release_joins_are_linked():
    ids = [str(i) for i in range(20)]
    train = {"a": ids, "b": ids[::-1]}
    new = [f"n{i}" for i in range(20)]
    at = setting(train, {"a": new, "b": new}, train)
    found = linkability(at, ["a"], ["b"])
    assert found.name == "nearest pair among 10"
    assert (found.release.main.successes, found.release.main.attempts) == (20, 20)
    assert found.release.control.successes < 10  # all pairs are equally far: a draw
    lone = linkability(at, ["a"], [])
    assert lone.release.main.attempts == lone.naive.attempts == 0


def test_the_smaller_table_sets_the_size_of_a_line_up():
    ids = [str(i) for i in range(12)]
    at = setting(
        {"a": ids, "b": ids}, {"a": ids[:4], "b": ids[:4]}, {"a": ids, "b": ids}
    )
    found = linkability(at, ["a"], ["b"])
    assert found.release.control.attempts == 4
    assert found.release.main.attempts == 12
    assert found.naive.attempts == 12


# --- singling out --------------------------------------------------------------------


def test_descriptions_are_of_one_synthetic_row_and_right_for_one_real_row():
    release = {"x": [1.0, 2.0, 3.0], "c": ["u", "u", "w"]}
    at = setting({"x": [0.5, 2.0, 9.0], "c": ["w", "u", "u"]}, release, release)
    rng = np.random.default_rng(0)
    singles = out._single(at.grid, 2, rng)
    assert len(singles) == 3 + 2 + 1  # values, ends, and the only w
    fitting = out._fitting(at.grid.tables[2], singles)
    assert all(len(rows) == 1 for rows in fitting)
    # x <= 1, x >= 3, x = 2 and w are right of the training rows; x = 1, x = 3 are not
    assert out._right(out._fitting(at.grid.tables[0], singles)).successes == 4
    for one in out._several(at.grid, 2, rng):
        assert len(one) > 1
        assert len(out._fitting(at.grid.tables[2], [one])[0]) == 1


def test_a_gap_meets_no_limit():
    at = setting({"x": [1.0, np.nan, 3.0]}, {"x": [1.0]}, {"x": [1.0]})
    everyone, table = np.arange(3), at.grid.tables[0]
    low, high = int(table[0, 0]), int(table[0, 2])
    assert out.Condition(0, out._LEAST, low).holds(table, everyone).tolist() == [0, 2]
    assert out.Condition(0, out._MOST, high).holds(table, everyone).tolist() == [0, 2]


def test_swapping_rows_gives_the_exact_p_value():
    """Two descriptions on four pooled rows: all six halves are counted."""
    fitting = [np.array([0, 2]), np.array([1]), np.arange(0)]
    seen = (1 + 1) - (1 + 0)
    halves = list(itertools.combinations(range(4), 2))

    def excess(half):
        inside = [
            len(set(rows) & set(half)) for rows in map(np.ndarray.tolist, fitting)
        ]
        return sum(n == 1 for n in inside) - sum(
            len(rows) - n == 1 for rows, n in zip(fitting, inside, strict=True)
        )

    assert excess((0, 1)) == seen
    expected = np.mean([excess(half) >= seen for half in halves])
    found = out._swapped(fitting, seen, 2, np.random.default_rng(0))
    assert found == pytest.approx(expected, abs=0.04)


def test_swapping_values_gives_the_exact_p_value():
    first, second = np.array([3.0, 2.0]), np.array([1.0, 0.0, 0.0])
    found = swapped(first, second, np.random.default_rng(1))
    assert found == pytest.approx(1 / 10, abs=0.02)  # of ten ways, none does better
    assert swapped(first, np.empty(0), np.random.default_rng(1)) == 1


# --- equal rows ---


def test_whose_row_stands_in_the_release_is_claimed():
    train = pd.DataFrame({"x": [1, 2, 3, 4], "c": ["u", None, "w", "w"]})
    control = pd.DataFrame({"x": [2.0, 3.0], "c": [None, "u"]})
    release = pd.DataFrame({"x": ["1", "2", "2.5"], "c": ["u", None, "w"]})
    found = verbatim(train, release, control, np.random.default_rng(0))
    main, other = found.release.main, found.release.control
    assert (main.successes, main.attempts) == (2, 4)
    assert (other.successes, other.attempts) == (1, 2)
    assert found.planted.main.successes == 3  # as many as the release has rows
    assert found.naive.attempts == 4
    alone = verbatim(train, release, None, np.random.default_rng(0))
    assert alone.release.main.attempts == 0


def test_one_copy_in_a_hundred_is_heard():
    rng = np.random.default_rng(1)
    train, control, release = (pd.DataFrame({"x": rng.random(2000)}) for _ in "abc")
    release.loc[:19, "x"] = train.loc[:19, "x"]
    found = verbatim(train, release, control, rng)
    assert found.release.main.successes == 20
    assert found.release.p_value < 1e-5
    assert found.planted.main.value == 1 > found.naive.value


# --- membership ----------------------------------------------------------------------


def test_the_surest_are_claimed():
    train, control = np.arange(100.0, 200.0), np.arange(0.0, 100.0)
    shot = _membership._shot(train, control, np.random.default_rng(0), 0.1)
    assert (shot.main.successes, shot.control.successes) == (20, 0)
    assert shot.p_value < 1e-5
    flat = _membership._shot(np.ones(50), np.ones(50), np.random.default_rng(0), 0.5)
    assert flat.main.successes + flat.control.successes == 50
    assert flat.p_value > 0.05


def test_few_copies_are_heard_at_the_sure_end_and_a_drift_in_the_ranking():
    rng = np.random.default_rng(2)
    control = rng.normal(size=1000)
    train = np.where(np.arange(1000) < 50, 9.0, rng.normal(size=1000))
    assert _membership._shot(train, control, rng, 0.05).p_value < 1e-4
    drift = _membership._shot(rng.normal(size=1000) + 0.25, control, rng, 0.001)
    assert drift.p_value < 1e-4
