"""Conditions through the facade: values of a real frame, dtypes, refusals."""

import numpy as np
import pandas as pd
import pytest

from fairveil._groups import sizes
from fairveil.errors import ConfigError, NotFittedError, TableError
from fairveil.synthesizer import FairVeil


@pytest.mark.parametrize(
    ("where", "met"),
    [
        ({"sex": "f", "age": (17, 40)}, lambda f: (f.sex == "f") & (f.age <= 40)),
        ({"pay": None}, lambda f: f.pay.isna()),
        ({"pay": (0.01, 5.005)}, lambda f: f.pay.between(0.01, 5)),
        ({"city": ["north", None]}, lambda f: f.city.isna() | (f.city == "north")),
        (
            {"visits": [(2, 3), 7], "member": True},
            lambda f: f.visits.isin([2, 3, 7]) & f.member,
        ),
    ],
)
def test_every_row_meets_the_condition(tiny_model, tiny_table, where, met):
    made = tiny_model.sample(300, random_state=1, where=where)
    assert len(made) == 300
    assert met(made).all()
    assert list(made.columns) == list(tiny_table.columns)
    pd.testing.assert_frame_equal(
        made, tiny_model.sample(300, random_state=1, where=where)
    )


def test_dtypes_stay_where_they_can(tiny_model, tiny_table):
    made = tiny_model.sample(50, where={"sex": "f", "visits": (1, 4)})
    pd.testing.assert_series_equal(made.dtypes, tiny_table.dtypes)
    empty = tiny_model.sample(0, where={"sex": "f"})
    pd.testing.assert_series_equal(empty.dtypes, tiny_table.dtypes)


def test_rows_follow_a_plain_sample_that_is_filtered(tiny_model):
    plain = tiny_model.sample(30_000, random_state=5)
    kept = plain[(plain.member) & plain.age.between(30, 60)]
    made = tiny_model.sample(
        3000, random_state=6, where={"member": True, "age": (30, 60)}
    )
    for name in ("sex", "city"):
        one, two = (f[name].value_counts(normalize=True) for f in (kept, made))
        assert (one - two).abs().max() < 0.05
    assert abs(kept.age.mean() - made.age.mean()) < 1.5
    assert abs(kept.pay.mean() - made.pay.mean()) < 0.15 * plain.pay.std()


def test_an_empty_condition_is_none(tiny_model):
    made = tiny_model.sample(20, random_state=1, where={})
    pd.testing.assert_frame_equal(made, tiny_model.sample(20, random_state=1))


def test_what_cannot_be_is_refused_before_a_row_is_drawn(tiny_model):
    with pytest.raises(ConfigError, match="no such column"):
        tiny_model.sample(5, where={"nope": 1})
    with pytest.raises(ConfigError, match="no missing values"):
        tiny_model.sample(5, where={"age": [None, np.nan]})
    with pytest.raises(NotFittedError):
        FairVeil().sample(5, where={"sex": "f"})


# --- groups in other shares ----------------------------------------------------------


@pytest.mark.parametrize(
    ("balance", "counts"),
    [
        ("sex", {("f",): 50, ("m",): 51}),
        (["sex", "member"], {("f", False): 25, ("f", True): 25, ("m", True): 25}),
        ({"sex": {"f": 0.2}}, {("f",): 20, ("m",): 81}),
        ({"city": {"north": 0.25, None: 0.75}}, {("north",): 25, (None,): 76}),
    ],
)
def test_groups_have_their_shares(tiny_model, balance, counts):
    made = tiny_model.sample(101, random_state=1, balance=balance)
    assert len(made) == 101
    names = [balance] if isinstance(balance, str) else list(balance)
    keys = made[names].astype(object).where(made[names].notna(), None)
    found = keys.apply(tuple, axis=1).value_counts()
    for key, count in counts.items():
        assert abs(found[key] - count) <= 1
    pd.testing.assert_frame_equal(
        made, tiny_model.sample(101, random_state=1, balance=balance)
    )
    assert not (made[names[0]] == made[names[0]].iloc[0]).iloc[:20].all()  # shuffled


def test_ranges_as_groups_within_a_condition(tiny_model, tiny_table):
    made = tiny_model.sample(
        60,
        random_state=2,
        where={"member": True},
        balance={"age": {(17, 30): 0.5, (31, 90): 0.5}},
    )
    assert made.member.all()
    assert (made.age <= 30).sum() == 30
    pd.testing.assert_series_equal(
        made.dtypes.drop("visits"), tiny_table.dtypes.drop("visits")
    )


@pytest.mark.parametrize(
    ("balance", "where", "said"),
    [
        ("nope", None, "no such column"),
        ("age", None, "no groups of its own"),
        ("sex", {"sex": "f"}, "balanced and stands in the condition"),
        ({"sex": {"f": 0.7, "m": 0.7}}, None, "sum to 1 at most"),
        ({"sex": {"f": 0.7, "m": 0.2}}, None, "all values of 'sex' are named"),
        ({"sex": {"x": 0.7}}, None, "no such value"),
        ({"sex": {}}, None, "mapping of its values"),
        ({"sex": "even"}, None, "balance of sex is unknown"),
        ({}, None, "names no column"),
        ({"age": {(17, 30): 0.5, (30, 90): 0.5}}, None, "share values"),
        ({"age": {(17, 30): 0.5}}, None, "must sum to 1"),
        ({"sex": {"f": -0.1}}, None, "between 0 and 1"),
    ],
)
def test_groups_that_cannot_be(tiny_model, balance, where, said):
    with pytest.raises(ConfigError, match=said):
        tiny_model.sample(10, where=where, balance=balance)


def test_what_the_promise_becomes(tiny_model):
    told = tiny_model.promise_of_sample(balance="sex")
    assert "holds in this sample" in told
    assert tiny_model.promise_of_sample() == tiny_model.promise_["promise"]


def test_whole_numbers_of_rows_in_shares():
    assert sizes([0.6, 0.3, 0.1], 10) == [6, 3, 1]
    assert sizes([0.5, 0.25, 0.25], 7) == [3, 2, 2]
    assert sizes([1 / 3] * 3, 10) == [4, 3, 3]
    assert sizes([0.1, 0.9], 0) == [0, 0]


# --- rows of the caller --------------------------------------------------------------


def test_given_cells_stay_and_marked_ones_get_values(tiny_model, tiny_table):
    rows = tiny_table.head(60).drop(columns=["member"]).set_axis(range(100, 160))
    rows.loc[100:129, "age"] = np.nan
    rows.loc[100:129, "city"] = None
    made = tiny_model.complete(rows, random_state=1, keep_missing=["pay"])
    assert list(made.columns) == list(tiny_table.columns)
    assert made.index.equals(rows.index)
    pd.testing.assert_frame_equal(
        made, tiny_model.complete(rows, random_state=1, keep_missing=["pay"])
    )
    for name in rows:
        known = rows[name].notna()
        assert (made.loc[known, name] == rows.loc[known, name]).all()
    assert made.age.between(17, 90).all()
    assert made.city.notna().all()
    assert made.visits.notna().all()
    assert made.pay.isna().equals(rows.pay.isna())
    assert made.member.dtype == "bool"
    assert made.age.dtype == "int64"


def test_a_column_that_is_absent_is_drawn_with_its_missing_values(tiny_model):
    made = tiny_model.complete(pd.DataFrame({"sex": ["f", "m"] * 200}), random_state=1)
    assert 0.02 < made.visits.isna().mean() < 0.5
    assert (made.sex == ["f", "m"] * 200).all()


def test_values_outside_the_schema_of_numbers_stay(tiny_model):
    made = tiny_model.complete(pd.DataFrame({"age": [12, 200], "sex": ["f", None]}))
    assert made.age.tolist() == [12, 200]
    assert made.sex.isin(["f", "m"]).all()


@pytest.mark.parametrize(
    ("rows", "keep", "error", "said"),
    [
        ([1, 2], (), TableError, "not a data frame"),
        (pd.DataFrame({"nope": [1]}), (), TableError, "no such columns"),
        (pd.DataFrame({"sex": ["x"]}), (), TableError, "no value of its column"),
        (pd.DataFrame({"age": ["old"]}), (), TableError, "no value of its column"),
        (pd.DataFrame({"age": [1]}), ["age"], ConfigError, "may be missing"),
        (pd.DataFrame({"age": [1]}), ["pay"], ConfigError, "may be missing"),
        (pd.DataFrame({"pay": [1.0]}), "pay", ConfigError, "list of names"),
    ],
)
def test_rows_that_cannot_be_read(tiny_model, rows, keep, error, said):
    with pytest.raises(error, match=said):
        tiny_model.complete(rows, keep_missing=keep)


def test_nothing_to_draw(tiny_model, tiny_table):
    rows = tiny_table.dropna().head(5)
    made = tiny_model.complete(rows)
    pd.testing.assert_frame_equal(made, rows, check_dtype=False)
    assert len(tiny_model.complete(rows.head(0))) == 0
