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
    ends = st.floats(*column.ends())
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


BORN = Column(
    name="born",
    kind="date",
    lower="2000-01-01",
    upper="2009-12-31",
    special=("1900-01-01", "9999-12-31"),
    nullable=True,
)
SEEN = Column(
    name="seen",
    kind="datetime",
    resolution="minute",
    zone="Europe/Berlin",
    lower="2020-01-01",
    upper="2024-12-31",
)
BEDTIME = Column(
    name="bedtime", kind="time", resolution="minute", lower="00:00", upper="23:59"
)
STAY = Column(
    name="stay", kind="duration", lower="PT0S", upper="PT10H", special=("-PT1S",)
)
BILL = Column(
    name="bill", kind="date", layout="%d.%m.%Y", lower="2020-01-01", upper="2025-12-31"
)
COUNT = Column(
    name="count", kind="date", layout="%Y%m%d", lower="2020-01-01", upper="2025-12-31"
)
BERLIN, NOON = dt.timezone(dt.timedelta(hours=2)), "2021-07-01T10:00"


@pytest.mark.parametrize(
    ("column", "where", "first", "last"),
    [
        (BORN, ("2001-02-03", None), "2001-02-03", "2009-12-31"),
        (BORN, dt.date(2005, 5, 5), "2005-05-05", "2005-05-05"),
        (BORN, pd.Timestamp("2005-05-05"), "2005-05-05", "2005-05-05"),
        (BORN, np.datetime64("2005-05-05"), "2005-05-05", "2005-05-05"),
        (BORN, (None, dt.date(2000, 3, 1)), "2000-01-01", "2000-03-01"),
        (BORN, ("2005-01-01", "2005-01-03 12:00"), "2005-01-01", "2005-01-03"),
        (BORN, dt.date(9999, 12, 31), "9999-12-31", "9999-12-31"),
        (BORN, ["1900-01-01", None], "1900-01-01", "1900-01-01"),
        (BORN, ("1890-01-01", "2000-01-01"), "1900-01-01", "2000-01-01"),
        (BORN, pd.date_range("2005-01-01", periods=2), "2005-01-01", "2005-01-02"),
        (SEEN, "2021-07-01T12:00", NOON, NOON),
        (SEEN, dt.datetime(2021, 7, 1, 12, tzinfo=BERLIN), NOON, NOON),
        (SEEN, pd.Timestamp(NOON, tz="UTC"), NOON, NOON),
        (SEEN, pd.Timestamp("2021-07-01T06:00", tz="America/New_York"), NOON, NOON),
        (SEEN, np.datetime64("2021-07-01T12:00:00"), NOON, NOON),
        (SEEN, ("2021-07-01T12:00", f"{NOON}:59Z"), NOON, NOON),
        (BEDTIME, dt.time(8, 30), "08:30:00", "08:30:00"),
        (BEDTIME, [("22:00", None), (None, "04:00")], "00:00:00", "23:59:00"),
        (STAY, (dt.timedelta(hours=1), "PT2H"), "01:00:00", "02:00:00"),
        (STAY, np.timedelta64(90, "m"), "01:30:00", "01:30:00"),
        (STAY, (np.timedelta64(0, "ns"), pd.Timedelta("59min")), "0s", "59min"),
        (STAY, (pd.Timedelta("1ns"), "PT1S"), "1s", "1s"),  # not from zero on
        (STAY, "-PT1S", "-1s", "-1s"),
        (BILL, "01.05.2021", "2021-05-01", "2021-05-01"),
        (BILL, ("2021-05-01", "03.05.2021"), "2021-05-01", "2021-05-03"),
        (COUNT, (20210501, "20210502"), "2021-05-01", "2021-05-02"),
    ],
)
def test_moments_and_durations(column, where, first, last):
    codec = Codec.on_grid(Schema(columns=(column,)))
    found = condition(codec, {column.name: where})
    codes = np.flatnonzero(found.evidence[0] > 0).astype(np.int32)
    values = found.codec.columns[0].decode(
        np.repeat(codes, 200), np.random.default_rng(1)
    )
    values = pd.Series(np.asarray(values)).dropna()
    if column.kind in ("time", "duration"):
        ends = [pd.Timedelta(end) for end in (first, last)]
    else:
        ends = [np.datetime64(first, "s"), np.datetime64(last, "s")]
    assert ends[0] <= values.min()
    assert values.max() <= ends[1]


def test_a_night_has_no_day():
    codec = Codec.on_grid(Schema(columns=(BEDTIME,)))
    found = condition(codec, {"bedtime": [("22:00", None), (None, "04:00")]})
    codes = np.flatnonzero(found.evidence[0] > 0).astype(np.int32)
    values = found.codec.columns[0].decode(
        np.repeat(codes, 200), np.random.default_rng(1)
    )
    hours = np.asarray(values).astype("m8[m]").astype(int) / 60
    assert ((hours >= 22) | (hours <= 4)).all()
    assert {(hours >= 22).any(), (hours <= 4).any()} == {True}


@pytest.mark.parametrize(
    ("column", "where", "said"),
    [
        (BORN, "soon", "ISO 8601"),
        (BORN, 20000, "ISO 8601"),
        (BORN, (pd.NA, "2001-01-01"), "ISO 8601"),
        (BORN, "01.05.2001", "ISO 8601"),
        (BORN, dt.datetime(2005, 5, 5, 12), "no such value"),
        (BORN, ("2010-01-01", "9999-12-30"), "no such value"),
        (BORN, ("2005-01-01", "2004-01-01"), "is empty"),
        (BEDTIME, ("22:00", "04:00"), "two ranges"),
        (BEDTIME, dt.timedelta(hours=8), "ISO 8601"),
        (STAY, 5, "ISO 8601"),
        (STAY, np.timedelta64(2, "M"), "ISO 8601"),
        (STAY, np.timedelta64("NaT"), "no missing values"),
        (BILL, "2021/05/01", "or as %d.%m.%Y"),
    ],
)
def test_what_is_no_such_moment_is_refused(column, where, said):
    codec = Codec.on_grid(Schema(columns=(column,)))
    with pytest.raises(ConfigError, match=said):
        condition(codec, {column.name: where})


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
