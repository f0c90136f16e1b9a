"""Conditions: what they let through, what their evidence is worth, what is refused."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from fairveil._where import condition
from fairveil.bins import Bins
from fairveil.codec import Codec, ColumnCodec, Inside
from fairveil.errors import ConfigError
from fairveil.schema import Column, Schema

SEX = Column(name="sex", kind="categorical", categories=("f", "m"), nullable=True)
SIZE = Column(
    name="size", kind="categorical", categories=("s", "m", "l", "xl"), ordered=True
)
FLAG = Column(name="flag", kind="boolean")
CODE = Column(name="code", kind="categorical", categories=(1, 2, 99))
AGE = Column(name="age", kind="numeric", lower=0, upper=90, decimals=0, nullable=True)
PAY = Column(name="pay", kind="numeric", lower=0, upper=100, decimals=2)
DOSE = Column(name="dose", kind="numeric", lower=-1, upper=1)


def measured(column, edges, mass=None, step=0.0):
    """A column whose first two fine cells of each four are one bin, and so on."""
    lows = np.array(edges[:-1], dtype=float)
    highs = np.array(edges[1:], dtype=float)
    highs = highs - step if step else np.nextafter(highs, -np.inf)
    highs[-1] = column.upper
    label = np.arange(len(lows)) // 2
    starts = np.flatnonzero(np.r_[True, np.diff(label) > 0])
    ends = np.r_[starts[1:] - 1, len(lows) - 1]
    bins = Bins(lows[starts], highs[ends], step)
    weight = np.ones(len(lows)) if mass is None else np.array(mass, dtype=float)
    return ColumnCodec(
        column, bins, Inside(bins, Bins(lows, highs, step), label, weight)
    )


CODEC = Codec(
    (
        *(ColumnCodec(column) for column in (SEX, SIZE, FLAG, CODE)),
        measured(AGE, [0, 10, 20, 40, 60, 91], [1, 3, 0, 5, 1], step=1.0),
        measured(PAY, [0, 5, 20, 50, 100], [0, 0, 0, 0], step=0.01),
        measured(DOSE, [-1, -0.5, 0, 0.5, 1], [1, 1, 4, 0]),
    )
)
AT = {name: j for j, name in enumerate(CODEC.names)}


def decoded(name, where, n=4000, seed=3):
    """Values by a condition, of codes drawn evenly among those with evidence."""
    found = condition(CODEC, {name: where})
    evidence = found.evidence[AT[name]]
    rng = np.random.default_rng(seed)
    codes = rng.choice(np.flatnonzero(evidence > 0), n).astype(np.int32)
    return found.codec.columns[AT[name]].decode(codes, rng)


@pytest.mark.parametrize(
    ("name", "where", "codes"),
    [
        ("sex", "f", [0]),
        ("sex", None, [2]),
        ("sex", ["m", None], [1, 2]),
        ("sex", {"f", "m"}, [0, 1]),
        ("sex", float("nan"), [2]),
        ("size", ("m", None), [1, 2, 3]),
        ("size", [("s", "m"), "xl"], [0, 1, 3]),
        ("flag", True, [1]),
        ("flag", "false", [0]),
        ("flag", np.bool_(True), [1]),
        ("code", 99, [2]),
        ("code", "99", [2]),
        ("code", [1.0, np.int64(2)], [0, 1]),
        ("age", None, [3]),
    ],
)
def test_codes_that_meet_it(name, where, codes):
    evidence = condition(CODEC, {name: where}).evidence[AT[name]]
    assert evidence.tolist() == [
        float(code in codes) for code in range(CODEC.sizes[AT[name]])
    ]


@pytest.mark.parametrize(
    ("name", "where", "parts"),
    [
        ("age", (0, 9), [0.25, 0, 0, 0]),  # a quarter of the first bin's mass
        ("age", (5, 14), [0.5 * 0.25 + 0.5 * 0.75, 0, 0, 0]),
        ("age", (18, 18), [0.075, 0, 0, 0]),
        ("age", [18, 19], [0.15, 0, 0, 0]),
        ("age", [(10, 19), (15, 30), None], [0.75, 11 / 20 / 11, 0, 1]),
        ("age", (60, None), [0, 0, 1, 0]),
        ("age", (None, 90), [1, 1, 1, 0]),
        ("pay", (0, 9.99), [0.5, 0]),  # nothing known: by width
        ("pay", 19.996, None),
        ("dose", (-0.5, 0), [0.5, 0]),
        ("dose", (0.75, 1), [0, 0.4 / 4.4 * 0.5]),
    ],
)
def test_part_of_each_bin(name, where, parts):
    if parts is None:
        with pytest.raises(ConfigError, match="no such value"):
            condition(CODEC, {name: where})
        return
    evidence = condition(CODEC, {name: where}).evidence[AT[name]]
    np.testing.assert_allclose(evidence, parts, atol=1e-9)


def test_decoded_values_follow_the_bins_law_inside_the_range():
    values = np.array(decoded("age", (5, 14)))
    assert values.min() == 5
    assert values.max() == 14
    assert abs((values >= 10).mean() - 0.75) < 0.03  # cells of mass 1 and 3, halved


def test_values_of_several_ranges():
    found = decoded("age", [(3, 4), 12, (80, None), None])
    assert {v for v in found if v is not None and v < 60} == {3, 4, 12}
    assert min(v for v in found if v is not None and v > 12) == 80
    assert None in found


@settings(max_examples=80)
@given(st.data())
def test_every_decoded_value_meets_it(data):
    name = data.draw(st.sampled_from(["age", "pay", "dose"]))
    column = CODEC.columns[AT[name]].column
    ends = st.floats(column.lower, column.upper)
    low, high = sorted([data.draw(ends), data.draw(ends)])
    try:
        values = decoded(name, (low, high), n=50)
    except ConfigError:  # between two values of the scale
        assert high - low < 10.0 ** -(column.decimals or 12)
        return
    assert all(low - 1e-9 <= v <= high + 1e-9 for v in values)


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ({"nope": 1}, "no such column"),
        ("sex=f", "mapping of columns"),
        ({"sex": "x"}, "no such value.*one of f, m"),
        ({"sex": ("f", "m")}, "numeric or ordered"),
        ({"sex": []}, "without a value"),
        ({"sex": {"f": 0.5}}, "a value, a range or a list"),
        ({"flag": None}, "no missing values"),
        ({"size": ("l", "s")}, "is empty"),
        ({"age": (1, 2, 3)}, "two ends"),
        ({"age": (30, 20)}, "is empty"),
        ({"age": "old"}, "needs numbers"),
        ({"age": (91, None)}, "no such value.*0 to 90"),
        ({"age": 17.5}, "no such value"),
        ({"dose": 0.25}, "a range that holds"),
    ],
)
def test_refused(where, said):
    with pytest.raises(ConfigError, match=said):
        condition(CODEC, where)


BORN = Column(name="born", kind="date", lower="2000-01-01", upper="2009-12-31")
STAY = Column(name="stay", kind="duration", lower="PT0S", upper="PT10H")


@pytest.mark.parametrize(
    ("column", "where", "first", "last"),
    [
        (BORN, ("2001-02-03", None), "2001-02-03", "2009-12-31"),
        (BORN, dt.date(2005, 5, 5), "2005-05-05", "2005-05-05"),
        (BORN, (None, dt.date(2000, 3, 1)), "2000-01-01", "2000-03-01"),
        (STAY, (dt.timedelta(hours=1), "PT2H"), "01:00:00", "02:00:00"),
    ],
)
def test_dates_and_durations(column, where, first, last):
    codec = Codec.on_grid(Schema(columns=(column,)))
    found = condition(codec, {column.name: where})
    codes = np.flatnonzero(found.evidence[0] > 0).astype(np.int32)
    values = pd.Series(
        found.codec.columns[0].decode(np.repeat(codes, 500), np.random.default_rng(1))
    )
    convert = pd.Timedelta if column is STAY else pd.Timestamp
    assert convert(first) <= values.min()
    assert values.max() <= convert(last)
    with pytest.raises(ConfigError, match="ISO 8601"):
        condition(codec, {column.name: "soon"})


def test_codes_outside_the_bounds_are_met_where_they_are_named():
    column = Column(
        name="n", kind="numeric", lower=0, upper=50, decimals=0, special=(-9.0, 99.0)
    )
    codec = Codec.on_grid(Schema(columns=(column,)))
    rng = np.random.default_rng(1)

    def values(where):
        found = condition(codec, {"n": where})
        codes = np.flatnonzero(found.evidence[0] > 0).astype(np.int32)
        return set(found.codec.columns[0].decode(codes, rng))

    assert values((49, None)) == {49, 50}
    assert values((None, 0)) == {0}
    assert values([99, (49, 50)]) == {49, 50, 99}
    assert values((-20, 0)) == {-9, 0}
    with pytest.raises(ConfigError, match="no such value"):
        condition(codec, {"n": (60, 70)})


def test_other_columns_stay():
    found = condition(CODEC, {"age": (0, 18)})
    assert set(found.evidence) == {AT["age"]}
    same = [a is b for a, b in zip(found.codec.columns, CODEC.columns, strict=True)]
    assert same == [name != "age" for name in CODEC.names]
