"""Conditions through the facade: values of a real frame, dtypes, refusals."""

import numpy as np
import pandas as pd
import pytest

from fairveil.errors import ConfigError, NotFittedError
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
