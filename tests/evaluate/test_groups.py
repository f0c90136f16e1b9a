"""Groups of one column and of several, alike over tables."""

import numpy as np
import pandas as pd
import pytest

from fairveil.errors import ConfigError
from fairveil.evaluate import _groups as g


def _frame(*columns):
    return pd.DataFrame({f"c{i}": column for i, column in enumerate(columns)})


def test_groups_leave_out_few_and_say_so():
    frame = _frame(["a"] * 30 + ["b"] * 25 + ["c"] * 3 + [None] * 2)
    found = g.groups(frame, "c0")
    assert found.labels == ("a", "b")
    assert np.bincount(found.codes + 1).tolist() == [5, 30, 25]
    (note,) = found.notes
    assert note == "not enough data: groups under 20 rows are left out: c, missing"


def test_missing_is_a_group_of_its_own_whatever_the_kind():
    text = g.groups(_frame(["a"] * 30 + [None] * 40), "c0")
    assert text.labels == ("a", "missing")
    number = g.groups(_frame([1.0] * 30 + [np.nan] * 40), "c0")
    assert number.labels == ("1", "missing")
    assert number.codes.tolist() == text.codes.tolist() == [0] * 30 + [1] * 40
    taken = g.groups(_frame(["missing"] * 30 + [None] * 40), "c0")
    assert taken.labels == ("missing", "(missing)")


def test_groups_cut_numbers_at_quartiles():
    found = g.groups(_frame(np.arange(100.0)), "c0")
    assert np.bincount(found.codes).tolist() == [25, 25, 25, 25]
    assert found.notes
    few = g.groups(_frame([0.0, 1.0] * 50), "c0")
    assert few.labels == ("0", "1")


def test_ten_values_and_a_missing_one_are_not_cut():
    values = np.repeat([*range(10), np.nan], 20)
    assert len(g.groups(_frame(values), "c0").labels) == 11


def test_joint_groups_are_those_of_a_groupby():
    rng = np.random.default_rng(0)
    frame = _frame(
        rng.choice(["a", "b", None], 900), rng.choice(["u", "v"], 900), rng.random(900)
    )
    found = g.groups(frame, ("c0", "c1", "c2"))
    quarter = pd.qcut(frame["c2"], 4, labels=[f"quarter {i}" for i in range(1, 5)])
    expected = frame["c0"].fillna("missing") + " x " + frame["c1"]
    expected = expected + " x " + quarter.astype(str)
    assert set(found.labels) == set(expected)
    assert np.array(found.labels)[found.codes].tolist() == expected.tolist()
    assert found.notes == ("numeric values are cut at the quartiles",)
    assert g.title(("c0", "c1", "c2")) == "c0 x c1 x c2"


def test_small_joint_groups_are_left_out_and_noted():
    frame = _frame(["a"] * 40 + ["b"] * 40, ["u"] * 75 + ["v"] * 5)
    found = g.groups(frame, ("c0", "c1"))
    assert found.labels == ("a x u", "b x u")
    assert found.notes[0].endswith("left out: b x v")
    assert (found.codes == -1).sum() == 5


def test_groups_of_several_tables_share_codes_and_the_first_cuts():
    first, second = _frame(np.arange(40.0)), _frame([-5.0, 9.0, 39.0, 400.0])
    (_, codes), labels, _ = g.alike((first, second), "c0")
    assert [labels[c] for c in codes] == [f"quarter {i}" for i in (1, 1, 4, 4)]
    (_, other), names, _ = g.alike((_frame(["b"]), _frame(["a", "b"])), "c0")
    assert [names[c] for c in other] == ["a", "b"]


def test_the_joint_is_asked_for_where_only_columns_are_named():
    assert g.asked(["a", "b"]) == ["a", "b", ("a", "b")]
    assert g.asked(["a"]) == ["a"]
    assert g.asked(["a", "b", ("b", "a")]) == ["a", "b", ("b", "a")]
    assert g.flat(["a", ("b", "a")]) == ["a", "b"]


@pytest.mark.parametrize("wrong", [(), ("a", "a")])
def test_an_intersection_of_nothing_or_of_equals_is_refused(wrong):
    with pytest.raises(ConfigError, match="different columns"):
        g.parts(wrong)
