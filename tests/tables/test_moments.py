"""Dates and times go out as the dtype that the schema names."""

import datetime as dt

import narwhals as nw
import numpy as np
import pandas as pd
import pytest

from fairveil.codec import Codec
from fairveil.schema import Column, Schema
from fairveil.tables.files import read_table, write_table
from fairveil.tables.frames import to_frame

OLD, NEW = dt.date(1500, 5, 5), dt.date(2500, 6, 6)
CASES = {
    "dates": (
        pd.Series([OLD, NEW, None], dtype="object"),
        {"kind": "date", "lower": OLD, "upper": NEW},
    ),
    "seconds": (
        pd.Series(np.array([OLD, NEW, "NaT"], "M8[s]")),
        {"kind": "datetime", "resolution": "day", "lower": OLD, "upper": NEW},
    ),
    "nanoseconds": (
        pd.Series(np.array(["2020-01-01T10:00", "2021-01-01", "NaT"], "M8[ns]")),
        {
            "kind": "datetime",
            "resolution": "hour",
            "lower": "2020-01-01",
            "upper": dt.datetime(2021, 1, 1),
        },
    ),
    "zone": (
        pd.Series(
            pd.DatetimeIndex(["2020-03-29T01:00", "2020-10-25T01:30", None], tz="UTC")
        ).dt.tz_convert("Europe/Berlin"),
        {
            "kind": "datetime",
            "resolution": "minute",
            "zone": "Europe/Berlin",
            "lower": "2020-01-01",
            "upper": "2021-01-01T00:00Z",
        },
    ),
    "times": (
        pd.Series([dt.time(0, 0), dt.time(23, 59, 59), None], dtype="object"),
        {"kind": "time", "lower": "00:00", "upper": dt.time(23, 59, 59)},
    ),
    "durations": (
        pd.Series(np.array([-5, 10**6, "NaT"], "m8[s]")),
        {"kind": "duration", "lower": dt.timedelta(-20), "upper": "P20D"},
    ),
    "python datetimes": (
        pd.Series(
            [dt.datetime(1, 1, 1), dt.datetime(9999, 1, 1), None], dtype="object"
        ),
        {
            "kind": "datetime",
            "resolution": "day",
            "lower": "0001-01-01",
            "upper": "9999-12-31",
        },
    ),
    "python durations": (
        pd.Series([dt.timedelta(1), dt.timedelta(0), None], dtype="object"),
        {"kind": "duration", "lower": "PT0S", "upper": "P2D", "resolution": "day"},
    ),
    "text": (
        pd.Series(["2020-01-31", "0999-12-01", None], dtype="str"),
        {"kind": "date", "lower": "0900-01-01", "upper": "2021-01-01"},
    ),
    "text with offsets": (
        pd.Series(["2020-01-31T10:00:00+01:00", None], dtype="str"),
        {
            "kind": "datetime",
            "zone": "Europe/Berlin",
            "lower": "2020-01-01",
            "upper": "2021-01-01",
        },
    ),
    "text of durations": (
        pd.Series(["P1DT0H0M5S", "-P2D", None], dtype="str"),
        {"kind": "duration", "lower": "-P9D", "upper": "P9D"},
    ),
    "a layout": (
        pd.Series(["31.12.1999", "01.02.0999", None], dtype="str"),
        {
            "kind": "date",
            "layout": "%d.%m.%Y",
            "lower": "0900-01-01",
            "upper": "2021-01-01",
        },
    ),
    "whole numbers": (
        pd.Series([19991231, 20200229], dtype="int64"),
        {
            "kind": "date",
            "layout": "%Y%m%d",
            "lower": "1990-01-01",
            "upper": "2021-01-01",
        },
    ),
}


def schema_of(series, facts):
    missing = bool(series.isna().any())
    column = Column(name="x", dtype=str(series.dtype), nullable=missing, **facts)
    return Schema(columns=(column,))


def through(frame, schema, seed=0):
    """A table as codes on the public grid, and a table of those codes."""
    codec = Codec.on_grid(schema)
    codes = codec.encode(nw.from_native(frame, eager_only=True))
    out = to_frame(codec.decode(codes, np.random.default_rng(seed)), schema)
    return codes, out


@pytest.mark.parametrize("name", CASES)
def test_the_same_dtype_comes_back_in_the_same_cells(name):
    series, facts = CASES[name]
    schema = schema_of(series, facts)
    rows = pd.DataFrame({"x": series})
    codes, out = through(rows, schema)
    assert out["x"].dtype == series.dtype
    assert (out["x"].isna() == series.isna()).all()
    kinds = [type(v) for v in series.dropna()]
    assert [type(v) for v in out["x"].dropna()] == kinds
    assert (through(out, schema)[0] == codes).all()
    assert through(rows.iloc[:0], schema)[1]["x"].dtype == series.dtype


@pytest.mark.parametrize("name", CASES)
def test_a_csv_file_gives_the_same_codes(name, tmp_path):
    series, facts = CASES[name]
    schema = schema_of(series, facts)
    codes, out = through(pd.DataFrame({"x": series}), schema)
    write_table(out, tmp_path / "t.csv")
    assert (through(read_table(tmp_path / "t.csv"), schema)[0] == codes).all()


@pytest.mark.parametrize("name", CASES)
def test_facts_that_are_copied_hold_the_values(name):
    series, facts = CASES[name]
    if str(series.dtype) in ("str", "int64"):  # these need a word from the caller
        return
    schema = Schema.infer(pd.DataFrame({"x": series}), declare_public=True)
    column = schema["x"]
    assert column.kind == facts["kind"]
    assert column.dtype == str(series.dtype)
    assert column.zone == facts.get("zone")
    codec = Codec.on_grid(schema, cells=10**6)
    rows = nw.from_native(pd.DataFrame({"x": series}), eager_only=True)
    assert np.isin([0, len(codec.columns[0].bins or []) - 1], codec.encode(rows)).all()
    assert Schema.from_dict(schema.to_dict()) == schema


def test_a_dtype_that_cannot_hold_old_dates_gives_objects():
    facts = CASES["seconds"][1]
    column = Column(name="x", dtype="datetime64[ns]", **facts)
    _codes, out = through(
        CASES["dates"][0].to_frame("x")[:2], Schema(columns=(column,))
    )
    assert [m.year for m in out["x"]] == pytest.approx([1500, 2500], abs=12)
