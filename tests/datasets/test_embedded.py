"""The embedded tables equal the published ones and lie within their code books."""

import csv
import gzip
import hashlib
import re
import socket
from importlib import resources

import pandas as pd
import pytest

from fairveil.datasets import (
    TABLES,
    actg175_schema,
    adult_schema,
    load_actg175,
    load_adult,
)
from fairveil.schema import Schema

FOLDER = resources.files("fairveil.datasets")
ALL = pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))


def outside(column, values):
    """The values that a schema column does not allow."""
    values = values.dropna()
    if column.kind == "categorical":
        return values[~values.isin(column.categories)]
    within = values.between(column.lower, column.upper)
    if column.decimals is not None:
        within &= values.round(column.decimals) == values
    return values[~within]


def test_adult_has_the_published_shape_and_counts():
    frame = load_adult()
    assert frame.shape == (32_561, 14)
    assert frame["income"].value_counts().to_dict() == {"<=50K": 24_720, ">50K": 7_841}
    assert frame["sex"].value_counts().to_dict() == {"Male": 21_790, "Female": 10_771}
    assert frame["race"].value_counts().to_dict() == {
        "White": 27_816,
        "Black": 3_124,
        "Asian-Pac-Islander": 1_039,
        "Amer-Indian-Eskimo": 311,
        "Other": 271,
    }
    assert frame["native-country"].nunique() == 42
    assert "fnlwgt" not in frame


def test_adult_keeps_unknown_answers_as_a_category():
    frame = load_adult()
    unknown = (frame == "?").sum()
    assert unknown[unknown > 0].to_dict() == {
        "workclass": 1_836,
        "occupation": 1_843,
        "native-country": 583,
    }
    assert not frame.isna().any().any()
    # adult.names: 30,162 training rows remain without unknown answers.
    assert (~(frame == "?").any(axis=1)).sum() == 30_162


def test_adult_education_num_ranks_education():
    pairs = load_adult()[["education", "education-num"]].drop_duplicates()
    assert len(pairs) == 16
    assert sorted(pairs["education-num"]) == list(range(1, 17))


def test_actg175_has_the_published_shape_and_counts():
    frame = load_actg175()
    assert frame.shape == (2_139, 25)
    assert frame["cens"].value_counts().to_dict() == {0: 1_618, 1: 521}
    assert frame["gender"].value_counts().to_dict() == {1: 1_771, 0: 368}
    assert frame["race"].value_counts().to_dict() == {0: 1_522, 1: 617}
    assert frame["arms"].value_counts().sort_index().tolist() == [532, 522, 524, 561]
    assert not {"pidnum", "zprior"} & set(frame)


def test_actg175_misses_only_the_late_count():
    frame = load_actg175()
    missing = frame.isna().sum()
    assert missing[missing > 0].to_dict() == {"cd496": 797}
    assert (frame["r"] == frame["cd496"].notna()).all()


def test_actg175_dependent_columns_follow_as_documented():
    frame = load_actg175()
    assert (frame["treat"] == (frame["arms"] != 0)).all()
    assert (frame["str2"] == (frame["strat"] != 1)).all()


def test_actg175_weights_are_read_exactly():
    text = gzip.decompress(FOLDER.joinpath("actg175.csv.gz").read_bytes()).decode()
    weights = [float(row["wtkg"]) for row in csv.DictReader(text.splitlines())]
    assert load_actg175()["wtkg"].tolist() == weights


@ALL
def test_every_value_lies_within_the_schema(table):
    frame, schema = table.load(), table.schema()
    assert tuple(frame.columns) == schema.names
    for column in schema.columns:
        assert outside(column, frame[column.name]).empty, column.name
        assert column.nullable == bool(frame[column.name].isna().any())


@ALL
def test_the_check_above_can_fail(table):
    schema = table.schema()
    for column in schema.columns:
        foreign = "none such" if column.kind == "categorical" else column.upper + 1
        assert not outside(column, pd.Series([foreign])).empty


@ALL
def test_schema_types_are_those_of_the_frame(table):
    frame = table.load()
    for column in table.schema().columns:
        # pandas before 3 calls strings "object".
        got = str(frame[column.name].dtype).replace("object", "str")
        assert got == column.dtype


@ALL
def test_every_fact_is_public_and_somebody_declared_it(table):
    schema = table.schema()
    assert schema.copied_from_data() == ()
    assert all(set(c.provenance.values()) == {"public"} for c in schema.columns)
    assert "code book" in schema.declared_by


@ALL
def test_schema_file_is_what_save_writes(table, tmp_path):
    table.schema().save(tmp_path / "again.json")
    stored = FOLDER.joinpath(f"{table.name}.schema.json").read_text(encoding="utf-8")
    assert (tmp_path / "again.json").read_text(encoding="utf-8") == stored
    assert Schema.load(tmp_path / "again.json") == table.schema()


def test_special_zeros_mean_none():
    adult, trial = adult_schema(), actg175_schema()
    assert [c.name for c in adult.columns if c.special] == [
        "capital-gain",
        "capital-loss",
    ]
    assert [c.name for c in trial.columns if c.special] == ["preanti"]
    # Net amounts: a person has a gain or a loss, never both.
    both = load_adult()[["capital-gain", "capital-loss"]].gt(0).all(axis=1)
    assert not both.any()


@ALL
def test_tables_load_without_network(table, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    assert len(table.load()) > 2_000
    assert table.schema().names


@ALL
def test_each_call_returns_a_new_frame(table):
    first = table.load()
    first.iloc[0, 0] = -1
    assert table.load().iloc[0, 0] != -1


@ALL
def test_licence_notes_tell_the_stored_text(table):
    notes = FOLDER.joinpath("LICENSES.md").read_text(encoding="utf-8")
    packed = FOLDER.joinpath(f"{table.name}.csv.gz").read_bytes()
    assert hashlib.sha256(gzip.decompress(packed)).hexdigest() in notes
    section = re.split(r"(?m)^## ", notes.partition(f"`{table.name}.csv.gz`")[2])[0]
    for word in ("Licence", "CC BY 4.0", "Citation", "Taken from", "Changed"):
        assert word in section
    assert table.source.rsplit(" ", 1)[1] in section
