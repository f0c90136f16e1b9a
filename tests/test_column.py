"""Facts of dates, times and durations: what a column may say, and what it says back."""

import datetime as dt
import json
from typing import Any

import pytest
from pydantic import ValidationError

from fairveil.schema import Column, Schema

BIRTH: dict[str, Any] = {
    "name": "b",
    "kind": "date",
    "lower": "1900-01-01",
    "upper": "2020-12-31",
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"lower": "1900-02-30"}, "no date"),
        ({"lower": "yesterday"}, "no date"),
        ({"lower": 5.0}, "ISO 8601"),
        ({"lower": None}, "missing"),
        ({"lower": "2021-01-01"}, "above"),
        ({"decimals": 0}, "resolution"),
        ({"resolution": "hour"}, "days"),
        ({"zone": "UTC"}, "datetimes"),
        ({"kind": "datetime", "zone": "Mars/Olympus"}, "time zone"),
        ({"kind": "datetime", "special": ("1999-01-01T00:00:00.5",)}, "decimals"),
        ({"kind": "datetime", "resolution": "nanosecond"}, "coarser"),
        (
            {"kind": "time", "lower": "1:00", "upper": "2:00", "special": ("x",)},
            "no time",
        ),
        (
            {"kind": "duration", "lower": "PT1S", "upper": "P1D", "layout": "%H"},
            "layout",
        ),
        ({"kind": "numeric"}, "numbers"),
        ({"kind": "numeric", "lower": 0.0, "upper": 1.0, "zone": "UTC"}, "dates and"),
    ],
)
def test_impossible_facts_are_refused(change, said):
    with pytest.raises(ValidationError, match=said):
        Column(**{**BIRTH, **change})


def test_ends_lie_inside_of_finer_bounds():
    column = Column(
        name="x",
        kind="datetime",
        resolution="day",
        lower="1970-01-01T00:00:01",
        upper="1970-01-04T23:59:59",
    )
    assert column.ends() == (1, 3)
    assert column.with_ends(1, 2).upper == "1970-01-03T00:00:00"
    assert (column.unit, column.places, column.on_scale) == ("day", 0, True)


def test_pythons_own_dates_are_taken():
    ends: dict[str, Any] = {
        "lower": dt.date(1900, 1, 1),
        "upper": dt.date(2020, 12, 31),
    }
    column = Column(name="x", kind="date", **ends)
    assert (column.lower, column.upper) == (BIRTH["lower"], BIRTH["upper"])
    ends = {"lower": dt.timedelta(), "upper": "PT90M"}
    span = Column(name="x", kind="duration", **ends)
    assert (span.lower, span.ends()) == ("P0D", (0, 5400))


@pytest.mark.parametrize(
    ("facts", "dtype"),
    [
        ({}, "object"),
        ({"layout": "%d.%m.%Y"}, "str"),
        ({"kind": "datetime"}, "datetime64[us]"),
        ({"kind": "datetime", "zone": "UTC"}, "datetime64[us, UTC]"),
        ({"kind": "time", "lower": "0:00", "upper": "1:00"}, "object"),
        ({"kind": "duration", "lower": "P0D", "upper": "P1D"}, "timedelta64[us]"),
        ({"dtype": "datetime64[s]"}, "datetime64[s]"),
    ],
)
def test_a_dtype_that_nobody_named_fits_the_kind(facts, dtype):
    column = Column(**{**BIRTH, **facts})
    assert column.dtype == dtype
    assert Column.model_validate_json(json.dumps(column.to_dict())) == column


def test_json_is_as_before_where_nothing_is_new():
    column = Column(name="x", kind="boolean")
    assert not {"resolution", "zone", "layout"} & set(column.to_dict())
    schema = Schema(columns=(Column(**BIRTH, special=("1900-01-01",)), column))
    assert Schema.from_dict(json.loads(json.dumps(schema.to_dict()))) == schema
