"""Dates, datetimes, times and durations: numbers and back, without losing a tick."""

import datetime as dt
import math
import warnings
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from fairveil import _iso as iso, _temporal as temporal
from fairveil._iso import DAY, NANOSECONDS, exact
from fairveil._temporal import ticks


def of(values, kind, resolution: Any = "second", dtype: Any = "object", **how):
    series = nw.from_native(pd.Series(values, dtype=dtype), series_only=True)
    return ticks(series, kind, resolution, **how).tolist()


@pytest.mark.parametrize(
    ("text", "kind", "seconds"),
    [
        ("1970-01-02", "date", 86_400),
        ("1500-01-01", "date", -14_831_769_600),
        ("9999-12-31T23:59:59", "datetime", 253_402_300_799),
        ("0001-01-01 00:00", "datetime", -62_135_596_800),
        ("1970-01-01T02:00+01:30", "datetime", 1_800),
        ("1970-01-01T00:00:01Z", "datetime", 1),
        ("08:30", "time", 30_600),
        ("23:59:59.5", "time", 86_399.5),
        ("P1DT2H3M4S", "duration", 93_784),
        ("-P1W", "duration", -604_800),
        ("PT0.25S", "duration", 0.25),
        ("1 days 02:03:04", "duration", 93_784),
        ("-1 days +23:00:00", "duration", -3_600),
        ("-00:00:10", "duration", -10),
        ("30:00:00", "duration", 108_000),
    ],
)
def test_iso_text_is_read_to_the_nanosecond(text, kind, seconds):
    assert exact(text, kind) == seconds * 10**9


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("2020-02-30", "date"),
        ("20200101", "date"),
        ("x", "date"),
        ("24:00", "time"),
        ("P", "duration"),
        ("PT", "duration"),
        ("", "duration"),
        ("2020-01-01T25:00", "datetime"),
    ],
)
def test_other_text_is_no_such_value(text, kind):
    with pytest.raises(ValueError):
        exact(text, kind)
    assert math.isnan(of([text], kind)[0])


@given(
    st.integers(-62_135_596_800, 253_402_300_799),
    st.sampled_from(["day", "hour", "minute", "second"]),
)
def test_text_of_a_tick_is_read_as_that_tick(second, resolution):
    tick = second * 10**9 // NANOSECONDS[resolution]
    if tick * NANOSECONDS[resolution] < iso.FIRST:
        return
    for kind in ("datetime", "duration"):
        text = iso.text_of_ticks(tick, kind, resolution)
        again = [
            iso.ticks_of_text(text, kind, resolution, zone=None, side=side)
            for side in (1, -1)
        ]
        assert again == [tick, tick]


@given(st.lists(st.datetimes(), min_size=1), st.sampled_from(iso.RESOLUTIONS[:6]))
def test_objects_text_and_numpy_agree_beyond_what_nanoseconds_hold(moments, resolution):
    by_object = of(moments, "datetime", resolution)
    assert of([m.isoformat() for m in moments], "datetime", resolution) == by_object
    own = np.array(moments, dtype="M8[us]")
    assert of(own, "datetime", resolution, dtype="M8[us]") == by_object
    back = temporal.array_of(np.array(by_object), "datetime", resolution)
    floor = own.astype(f"M8[{iso.CODES[resolution]}]")
    # beyond 2**53 ticks, which a schema refuses, floats are coarser
    near = np.abs(by_object) <= 2.0**53
    assert (back == floor)[near].all()


@given(st.lists(st.timedeltas(dt.timedelta(-9999), dt.timedelta(9999)), min_size=1))
def test_durations_come_back(spans):
    found = of(spans, "duration", "microsecond")
    assert temporal.array_of(np.array(found), "duration", "microsecond").astype(
        object
    ).tolist() == list(spans)
    assert of([str(pd.Timedelta(s)) for s in spans], "duration", "microsecond") == found
    assert of(np.array(spans, "m8[us]"), "duration", "microsecond", "m8[us]") == found


def test_numpys_durations_among_objects_are_read():
    cells = [np.timedelta64(90, "m"), np.timedelta64(1, "D"), np.timedelta64("NaT")]
    assert of(cells, "duration", "minute")[:2] == [90, 1440]
    assert math.isnan(of(cells, "duration", "minute")[2])


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_units_of_numpy_agree(unit):
    values = np.array(["2020-02-29T12:34:56", "NaT", "1969-12-31"], dtype=f"M8[{unit}]")
    found = of(values, "datetime", "minute", dtype=f"M8[{unit}]")
    assert found[0] == (18_321 * 24 + 12) * 60 + 34
    assert math.isnan(found[1])
    assert found[2] == -1440
    assert of(values, "date", "day", dtype=f"M8[{unit}]")[0] == 18_321


def test_a_zone_places_moments_that_name_none():
    texts = ["2020-07-01T12:00:00", "2020-07-01T12:00:00Z", "2020-01-01T12:00:00"]
    noon, utc, winter = of(texts, "datetime", zone="Europe/Berlin")
    assert (utc - noon, winter % 86_400) == (7_200, 11 * 3_600)
    own = pd.Series(pd.to_datetime(["2020-07-01T12:00:00"])).dt.tz_localize(
        "Europe/Berlin"
    )
    assert of(own, "datetime", dtype=None) == [noon]
    naive = own.dt.tz_localize(None)
    assert of(naive, "datetime", dtype=None, zone="Europe/Berlin") == [noon]


def test_a_layout_reads_text_and_whole_numbers():
    assert (
        of(["31.12.1999", "1999-12-31"], "date", "day", layout="%d.%m.%Y")[0] == 10956
    )
    assert of([19991231, 19991231.0], "date", "day", layout="%Y%m%d") == [10956, 10956]
    assert of(["0830"], "time", "minute", layout="%H%M") == [510]
    assert np.isnan(of([19991231, True, 1.5], "date", "day")).all()


class Hostile(dt.date):
    """A date that answers every question with an error."""

    def toordinal(self):
        raise RuntimeError("no")


@pytest.mark.parametrize("kind", iso.TEMPORAL)
def test_no_cell_stops_the_reading(kind):
    cells = [None, pd.NaT, pd.NA, math.nan, math.inf, 10**400, True, 1, "x", b"1"]
    cells += [[1], {}, object(), Hostile(2000, 1, 1), np.datetime64("NaT"), "9" * 400]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = of(cells, kind, layout=None)
    assert np.isnan(found).all()
    assert len(found) == len(cells)


def test_a_cell_is_the_same_whatever_the_others_are():
    cells = [dt.datetime(2020, 1, 1), dt.date(2020, 1, 1), "2020-01-01", None]
    together = of(cells, "date", "day")
    assert together[:3] == [18_262] * 3
    assert [of([c], "date", "day")[0] for c in cells[:3]] == together[:3]


def test_the_coarsest_resolution_tells_all_values():
    def spread(values, kind, dtype="object"):
        series = nw.from_native(pd.Series(values, dtype=dtype), series_only=True)
        return temporal.spread(series, kind) or ("none", 0, 0)

    assert spread([dt.date(1500, 1, 1), None], "date")[0] == "day"
    minutes = np.array(["2020-01-01T10:30", "2020-01-01"], "M8[ns]")
    assert spread(minutes, "datetime", "M8[ns]")[0] == "minute"
    assert spread([dt.timedelta(microseconds=5)], "duration")[0] == "microsecond"
    assert spread(np.array([1], "m8[ns]"), "duration", "m8[ns]") == ("nanosecond", 1, 1)
    assert spread([None, None], "date")[0] == "none"


def test_bounds_stay_within_what_a_column_can_say():
    facts = iso.told(-(10**30), 10**30, "date", "day")
    assert (facts["lower"], facts["upper"]) == ("0001-01-01", "9999-12-31")
    facts = iso.told(0, 10**30, "time", "second")
    assert facts["upper"] == "23:59:59"
    facts = iso.told(0, 50 * 365 * DAY, "datetime", "nanosecond", zone="UTC")
    assert facts["resolution"] == "microsecond"
    assert facts["lower"] == "1970-01-01T00:00:00Z"
