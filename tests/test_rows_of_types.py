"""Conditions and completion on dates, times, durations, codes and identifiers."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from fairveil._keys import keys_beside
from fairveil.cli import app
from fairveil.errors import ConfigError, TableError
from fairveil.schema import Column, Schema
from fairveil.synthesizer import FairVeil

SCHEMA = Schema(
    columns=(
        Column(name="id", kind="identifier", pattern="P-###"),
        Column(name="sex", kind="categorical", categories=("f", "m")),
        Column(
            name="born",
            kind="date",
            lower="1940-01-01",
            upper="2009-12-31",
            special=("9999-12-31",),
            nullable=True,
        ),
        Column(
            name="seen",
            kind="datetime",
            resolution="minute",
            zone="Europe/Berlin",
            lower="2020-01-01",
            upper="2024-12-31",
        ),
        Column(
            name="at", kind="time", resolution="minute", lower="00:00", upper="23:59"
        ),
        Column(
            name="stay",
            kind="duration",
            resolution="hour",
            lower="PT0S",
            upper="P9D",
            nullable=True,
        ),
        Column(
            name="weeks",
            kind="numeric",
            dtype="int64",
            lower=0,
            upper=52,
            decimals=0,
            special=(-1, 99),
        ),
        Column(name="place", kind="identifier"),
    )
)


@pytest.fixture(scope="module")
def model(tiny_settings):
    rng = np.random.default_rng(0)
    n = 600
    born = np.datetime64("1950-01-01") + rng.integers(0, 20_000, n)
    born[rng.random(n) < 0.1] = np.datetime64("9999-12-31")
    born[rng.random(n) < 0.1] = np.datetime64("NaT")
    seen = np.datetime64("2021-01-01T00:00") + rng.integers(0, 1_000_000, n)
    table = pd.DataFrame(
        {
            "sex": rng.choice(["f", "m"], n),
            "born": born.astype("M8[s]"),
            "seen": pd.Series(seen.astype("M8[s]")).dt.tz_localize("UTC"),
            "at": [dt.time(int(h), 30) for h in rng.integers(0, 24, n)],
            "stay": pd.to_timedelta(rng.integers(0, 200, n), unit="h"),
            "weeks": rng.choice([-1, 99, 4, 8, 52], n),
        }
    )
    fit = FairVeil(
        schema=SCHEMA, preset=tiny_settings, generator="decoder", epsilon=8.0
    )
    return fit.fit(table)


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("typed") / "m.fairveil"
    model.save(path)
    return path


@pytest.mark.parametrize(
    ("where", "met"),
    [
        (
            {"born": (dt.date(1960, 1, 1), "1979-12-31"), "sex": "f"},
            lambda f: (f.born >= dt.date(1960, 1, 1)) & (f.born < dt.date(1980, 1, 1)),
        ),
        ({"born": "9999-12-31"}, lambda f: f.born == dt.date(9999, 12, 31)),
        ({"born": None}, lambda f: f.born.isna()),
        (
            {"seen": (pd.Timestamp("2022-01-01", tz="Europe/Berlin"), None)},
            lambda f: f.seen >= pd.Timestamp("2021-12-31T23:00Z"),
        ),
        (
            {"at": [("22:00", None), (None, dt.time(4))]},
            lambda f: f["at"].map(lambda t: t >= dt.time(22) or t <= dt.time(4)),
        ),
        (
            {"stay": (np.timedelta64(1, "D"), "P2D")},
            lambda f: f.stay.between(pd.Timedelta("1D"), pd.Timedelta("2D")),
        ),
        ({"weeks": -1}, lambda f: f.weeks == -1),
        ({"weeks": [99, (0, 4)]}, lambda f: f.weeks.isin([99, *range(5)])),
        ({"weeks": (0, None)}, lambda f: f.weeks.between(0, 52)),
    ],
)
def test_rows_of_every_type_meet_the_condition(model, where, met):
    made = model.sample(80, random_state=1, where=where)
    assert len(made) == 80
    assert met(made).all()
    pd.testing.assert_series_equal(made.dtypes, model.sample(9).dtypes)
    assert made["id"].is_unique


def test_groups_of_dates_and_codes(model):
    made = model.sample(
        60,
        random_state=2,
        balance={"born": {("1940-01-01", "1969-12-31"): 0.5, "9999-12-31": 0.5}},
    )
    assert (made.born == dt.date(9999, 12, 31)).sum() == 30
    assert (made.born < dt.date(1970, 1, 1)).sum() == 30
    assert made.columns.tolist() == list(SCHEMA.names)
    assert made["id"].is_unique  # over all groups
    assert sorted(made.place) == list(range(1, 61))


def test_conditions_on_the_command_line(saved, tmp_path):
    out = tmp_path / "rows.csv"
    told = (
        *("--where", "born=1960-01-01..1979-12-31|9999-12-31"),
        *("--where", "seen=2021-06-01T08:30.."),
        *("--where", "at=..11:59"),
        *("--where", "weeks=-1|99"),
    )
    result = CliRunner().invoke(
        app, ["sample", str(saved), "-n", "60", "-o", str(out), *told]
    )
    assert result.exit_code == 0, result.output
    made = pd.read_csv(out)
    assert made.born.between("1960-01-01", "9999-12-31").all()
    assert not made.born.between("1980-01-01", "9999-12-30").any()
    seen = [pd.Timestamp(text) for text in made.seen]
    assert all(moment >= pd.Timestamp("2021-06-01T06:30Z") for moment in seen)
    assert all(made["at"] < "12:00")
    assert set(made.weeks) <= {-1, 99}


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ({"id": "P-001"}, "no such column"),
        ({"born": "1.5.1960"}, "ISO 8601"),
        ({"at": ("22:00", "04:00")}, "two ranges"),
    ],
)
def test_what_cannot_be_asked(model, where, said):
    with pytest.raises(ConfigError, match=said):
        model.sample(5, where=where)


# --- rows of the caller --------------------------------------------------------------


def test_identifiers_of_the_caller_stay_and_the_others_are_new(model):
    own = ["P-001", None, "mine", None, "P-001"]  # two rows of one: the caller's matter
    rows = pd.DataFrame({"id": own, "sex": ["f", None, "m", "m", "f"]})
    made = model.complete(rows, random_state=3)
    assert made.columns.tolist() == list(SCHEMA.names)
    assert made["id"].tolist()[::2] == own[::2]
    assert made["id"].iloc[[1, 3]].str.fullmatch(r"P-\d{3}").all()
    assert made["id"].nunique() == 4
    assert made.place.tolist() == [1, 2, 3, 4, 5]  # absent from the rows
    pd.testing.assert_frame_equal(made, model.complete(rows, random_state=3))


def test_new_identifiers_differ_from_all_that_are_given(model):
    given = [f"P-{i:03d}" for i in range(990)] + [None] * 10
    made = model.complete(pd.DataFrame({"id": given, "place": [2.0, np.nan] * 500}))
    assert set(made["id"]) == {f"P-{i:03d}" for i in range(1000)}
    assert (made.place[::2] == 2).all()
    assert made.place[1::2].is_unique
    assert 2 not in set(made.place[1::2])
    assert made.place.dtype == "int64"
    with pytest.raises(ConfigError, match="too few identifiers"):
        model.complete(pd.DataFrame({"id": [*given, None]}))


def test_moments_of_the_caller_stay_to_the_microsecond(model):
    seen = pd.Series(
        [pd.Timestamp("2022-03-04T05:06:07.123456", tz="Asia/Tokyo"), None]
    )
    rows = pd.DataFrame(
        {
            "seen": seen,
            "born": [dt.date(9999, 12, 31), dt.date(1700, 2, 3)],
            "at": [None, dt.time(8, 30, 15)],
            "stay": [pd.Timedelta("90min"), None],
            "place": [7, 9],
        }
    )
    made = model.complete(rows, random_state=1, keep_missing=["stay"])
    assert made.seen[0] == seen[0]
    assert made.seen[1].year in range(2020, 2025)
    assert made.born.tolist() == rows.born.tolist()
    assert made["at"][1] == dt.time(8, 30, 15)
    assert isinstance(made["at"][0], dt.time)
    assert made.stay[0] == pd.Timedelta("90min")
    assert pd.isna(made.stay[1])
    assert made.place.tolist() == [7, 9]
    assert made["id"].is_unique
    pd.testing.assert_series_equal(made.dtypes, model.sample(9).dtypes)


@pytest.mark.parametrize(
    ("rows", "keep", "error", "said"),
    [
        ({"at": ["noon"]}, (), TableError, "no value of its column"),
        ({"id": ["x", None]}, ["id"], ConfigError, "may be missing"),
        ({"ids": ["x"]}, (), TableError, "no such columns"),
    ],
)
def test_rows_that_are_none(model, rows, keep, error, said):
    with pytest.raises(error, match=said):
        model.complete(pd.DataFrame(rows), keep_missing=keep)


def test_completion_on_the_command_line_keeps_identifiers(saved, tmp_path):
    rows, out = tmp_path / "rows.csv", tmp_path / "full.csv"
    rows.write_text("place,born,weeks\n12,1961-02-03,\n,,99\n")
    result = CliRunner().invoke(
        app, ["complete", str(saved), str(rows), "-o", str(out)]
    )
    assert result.exit_code == 0, result.output
    made = pd.read_csv(out)
    assert made.place.tolist() == [12, 1]
    assert made.born[0] == "1961-02-03"
    assert made.weeks[1] == 99
    assert made.drop(columns="stay").notna().all().all()


def test_fakes_need_not_differ():
    faker = pytest.importorskip("faker", reason="faker is not installed")
    assert faker
    column = Column(name="mail", kind="identifier", fake="e-mail")
    assert len(keys_beside(["a@b.example"], column, n=3, seed=1)) == 3
    assert keys_beside(["a@b.example"], column, n=0, seed=1) == []
