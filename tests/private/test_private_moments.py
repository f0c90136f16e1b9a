"""Discovery of dates and times: one cell a row, facts that hold the values."""

import datetime as dt

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from test_discover import found_in, gate_of

from fairveil._gaps import Gap, Plan, plan
from fairveil.codec import Codec
from fairveil.private.discover import histogram
from fairveil.schema import Schema

KINDS = {
    "date": st.dates(),
    "datetime": st.datetimes(),
    "time": st.times(),
    "duration": st.timedeltas(),
}


def facts_of(values, **how):
    frame = pd.DataFrame({"x": values})
    table = nw.from_native(frame, eager_only=True)
    wanted = plan(table, None, unit=None, public_dtypes=True)
    schema, _gate, _tape = found_in(frame, wanted, **how)
    return schema["x"]


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_a_row_is_counted_once_and_moves_nothing_else(kind, data):
    cell = st.one_of(KINDS[kind], st.none(), st.text(max_size=3), st.floats())
    cells = data.draw(st.lists(cell, min_size=1, max_size=5))
    gap = Gap(name="x", kind=kind)

    def counted(rows):
        gate, _n, _tape = gate_of(pd.DataFrame({"x": pd.Series(rows, dtype=object)}))
        counts, labels = histogram(gate.rows.cells("x", gap), gap)
        assert labels == {}
        return counts

    change = counted(cells) - counted(cells[1:])
    assert change.sum() == np.abs(change).sum() == 1


CASES = {
    "birth dates": (
        lambda rng: np.array("1900-01-01", "M8[D]") + rng.integers(0, 40_000, 6000),
        "M8[s]",
        "day",
    ),
    "visits": (
        lambda rng: (
            np.array("2021-03-01T08:00", "M8[s]") + 60 * rng.integers(0, 5e5, 6000)
        ),
        "M8[ns]",
        "minute",
    ),
    "durations": (
        lambda rng: rng.integers(0, 90, 6000).astype("m8[s]"),
        "m8[us]",
        "second",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_facts_hold_nearly_all_values_and_little_else(name):
    make, dtype, resolution = CASES[name]
    values = make(np.random.default_rng(0)).astype(dtype)
    values[:600] = "NaT"
    column = facts_of(values)
    assert (column.resolution, column.nullable) == (resolution, True)
    assert column.dtype == str(pd.Series(values).dtype)
    marks = column.provenance
    assert (marks["kind"], marks["dtype"]) == ("public", "public")
    assert {marks[f] for f in ("lower", "upper", "resolution", "nullable")} == {"dp"}
    per_tick = np.timedelta64(1, {"day": "D", "minute": "m", "second": "s"}[resolution])
    ticks = np.sort(values[~np.isnat(values)].astype("int64"))
    ticks = ticks / (per_tick / np.array(1, "m8" + dtype[2:]))
    low, high = column.ends()
    outside = ((ticks < low) | (ticks > high)).mean()
    assert outside < 0.02
    assert high - low < 4 * (ticks[-1] - ticks[0])


def test_a_zone_is_a_public_fact_of_the_dtype():
    moments = pd.Series(pd.date_range("2022-01-01", periods=5000, freq="h", tz="UTC"))
    column = facts_of(moments.dt.tz_convert("Asia/Tokyo"))
    assert (column.zone, column.kind) == ("Asia/Tokyo", "datetime")
    assert column.provenance["zone"] == "public"
    assert str(column.lower).endswith("Z")
    codec = Codec.on_grid(Schema(columns=(column,)))
    assert len(codec.columns[0].bins or []) > 10


def test_declared_bounds_and_special_values_stand():
    frame = pd.DataFrame(
        {"x": pd.Series([dt.date(2020, 1, 1 + i % 28) for i in range(4000)])}
    )
    gap = Gap(
        name="x",
        kind="date",
        facts={"lower": "2019-12-01", "special": ("9999-12-31",)},
    )
    found, _gate, _tape = found_in(frame, plan_of(gap))
    column = found["x"]
    assert column.lower == "2019-12-01"
    assert "2020-01-28" <= str(column.upper) < "2070-01-01"
    assert column.provenance["lower"] == "public"


def plan_of(gap):
    return Plan(columns=(gap,), declared_by="the tests")


def test_times_stay_within_a_day():
    rng = np.random.default_rng(1)
    times = [dt.time(int(h), int(m)) for h, m in rng.integers(0, [24, 60], (5000, 2))]
    frame = pd.DataFrame({"x": pd.Series(times, dtype=object)})
    found, _gate, _tape = found_in(frame, plan_of(Gap(name="x", kind="time")))
    assert (found["x"].resolution, found["x"].upper) == ("minute", "23:59:00")
