"""Schemas: refusals, JSON both ways, facts copied from tables and their marks."""

import json
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from fairveil.errors import SchemaError, TableError
from fairveil.schema import Column, Schema


def numeric(**facts):
    return Column(**{"name": "x", "kind": "numeric", "lower": 0, "upper": 9, **facts})


AGE = numeric(name="age", decimals=0, dtype="int64", special=(99.0,), upper=120)
JOB = Column(
    name="job",
    kind="categorical",
    categories=("none", "cook", 3, True),
    other="none",
    nullable=True,
    provenance={"categories": "dp"},
)
BOTH = Schema(columns=(AGE, JOB), declared_by="a code book")


# --- refusals ----------------------------------------------------------------------

BAD = [
    {"kind": "categorical"},
    {"kind": "categorical", "categories": ("a", "a")},
    {"kind": "categorical", "categories": (1, "1")},
    {"kind": "categorical", "categories": ("a",), "other": "b"},
    {"kind": "ordinal"},
    {"kind": "numeric", "lower": None},
    {"kind": "numeric", "upper": None},
    {"kind": "numeric", "lower": 10.0},
    {"kind": "numeric", "lower": float("nan")},
    {"kind": "numeric", "upper": float("inf")},
    {"kind": "numeric", "upper": 1e300},
    {"kind": "numeric", "special": (float("nan"),)},
    {"kind": "numeric", "decimals": -1},
    {"kind": "numeric", "decimals": 13},
    {"kind": "numeric", "lower": "0"},
    {"kind": "boolean", "name": ""},
    {"kind": "boolean", "unknown": 1},
    {"kind": "boolean", "nullable": 1},
    {"kind": "boolean", "provenance": {"nullable": "guessed"}},
]


@pytest.mark.parametrize("facts", BAD, ids=str)
def test_impossible_columns_are_refused(facts):
    plain = {"name": "x", "lower": 0.0, "upper": 9.0}
    with pytest.raises(ValidationError):
        Column(**{**plain, **facts})


def test_a_schema_has_columns_and_distinct_names():
    with pytest.raises(ValidationError):
        Schema(columns=())
    with pytest.raises(ValidationError, match="twice"):
        Schema(columns=(AGE, AGE))


def test_facts_are_frozen():
    with pytest.raises(ValidationError):
        AGE.upper = 3
    with pytest.raises(ValidationError):
        BOTH.declared_by = "me"


# --- algebra -----------------------------------------------------------------------


def test_select_and_drop():
    assert BOTH.names == ("age", "job")
    assert BOTH["job"] == JOB
    assert BOTH.select(["job", "age"]).names == ("job", "age")
    assert BOTH.drop(["job"]).columns == (AGE,)
    assert BOTH.drop([]) == BOTH
    assert BOTH.select(["job"]).declared_by == "a code book"


@pytest.mark.parametrize("call", ["select", "drop", "__getitem__"])
def test_unknown_columns_are_named(call):
    argument = "pay" if call == "__getitem__" else ["pay"]
    with pytest.raises(SchemaError, match=r"'pay'.*age, job"):
        getattr(BOTH, call)(argument)


@pytest.mark.parametrize(("call", "names"), [("select", []), ("drop", ["age", "job"])])
def test_nothing_left_is_refused(call, names):
    with pytest.raises(ValueError, match="column"):
        getattr(BOTH, call)(names)


def test_selecting_a_column_twice_is_refused():
    with pytest.raises(ValueError, match="twice"):
        BOTH.select(["age", "age"])


# --- JSON --------------------------------------------------------------------------


def test_json_both_ways(tmp_path):
    path = tmp_path / "schema.json"
    BOTH.save(path)
    read = Schema.load(path)
    assert read == BOTH
    assert [type(c) for c in read["job"].categories] == [str, str, int, bool]
    assert Schema.from_dict(json.loads(json.dumps(BOTH.to_dict()))) == BOTH
    assert path.read_text(encoding="utf-8").endswith("}\n")


def test_names_and_categories_survive_in_any_script(tmp_path):
    schema = Schema(
        columns=(Column(name="Größe 名", kind="categorical", categories=("é", "\n")),)
    )
    schema.save(tmp_path / "s.json")
    assert Schema.load(tmp_path / "s.json") == schema


@pytest.mark.parametrize(
    "change",
    [
        {"format": "other"},
        {"version": 2},
        {"version": None},
        {"columns": []},
        {"columns": None},
        {"columns": [{"name": "x"}]},
        {"extra": 1},
    ],
    ids=str,
)
def test_other_dictionaries_are_refused(change):
    with pytest.raises(SchemaError):
        Schema.from_dict({**BOTH.to_dict(), **change})


@pytest.mark.parametrize("data", [[], None, "x", 3, {}])
def test_no_dictionary_is_refused(data):
    with pytest.raises(SchemaError):
        Schema.from_dict(data)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\xff\xfe\x00", b"null"])
def test_broken_files_are_refused(tmp_path, text):
    path = tmp_path / "s.json"
    path.write_bytes(text)
    with pytest.raises(SchemaError):
        Schema.load(path)


def test_missing_files_are_refused(tmp_path):
    with pytest.raises(SchemaError, match="cannot be read"):
        Schema.load(tmp_path / "none.json")


def test_a_refusal_does_not_repeat_the_file():
    raw = BOTH.to_dict()
    raw["columns"][0]["lower"] = "a secret value"
    with pytest.raises(SchemaError) as caught:
        Schema.from_dict(raw)
    assert "secret" not in str(caught.value)


# --- facts of a table --------------------------------------------------------------

TABLE = pd.DataFrame(
    {
        "text": pd.Series(["b", "a", None], dtype="object"),
        "level": pd.Categorical(["lo", "hi", "lo"], categories=["lo", "mid", "hi"]),
        "flag": [True, False, True],
        "maybe": pd.array([True, None, False], dtype="boolean"),
        "count": [3, -1, 2],
        "holes": pd.array([3, None, 2], dtype="Int64"),
        "cents": [0.25, 1.5, np.nan],
        "real": [0.123456789, 2.0, 3.0],
        "wild": [1.0, np.inf, 2.0],
        "whole": [1.0, 2.0, 3.0],
    }
)


@pytest.mark.parametrize("public", [False, True])
def test_facts_are_copied_with_their_mark(public):
    schema = Schema.infer(TABLE, declare_public=public)
    assert schema.names == tuple(TABLE.columns)
    assert [c.dtype for c in schema.columns] == [str(t) for t in TABLE.dtypes]
    kinds = {c.name: c.kind for c in schema.columns}
    assert kinds["text"] == kinds["level"] == "categorical"
    assert kinds["flag"] == kinds["maybe"] == "boolean"
    assert set(kinds.values()) == {"categorical", "boolean", "numeric"}
    assert schema["text"].categories == ("a", "b")
    assert schema["level"].categories == ("lo", "mid", "hi")
    numbers = {
        c.name: (c.lower, c.upper, c.decimals)
        for c in schema.columns
        if c.kind == "numeric"
    }
    assert numbers == {
        "count": (-1, 3, 0),
        "holes": (2, 3, 0),
        "cents": (0.25, 1.5, 2),
        "real": (0.123456789, 3.0, None),
        "wild": (1, 2, 0),
        "whole": (1, 3, 0),
    }
    nullable = {c.name for c in schema.columns if c.nullable}
    assert nullable == {"text", "maybe", "holes", "cents", "wild"}
    marks = {m for c in schema.columns for m in c.provenance.values()}
    assert marks == {"public" if public else "from-data"}
    assert ("declared public" in schema.declared_by) is public


def test_every_copied_fact_is_listed():
    schema = Schema.infer(TABLE[["text", "count"]])
    assert schema.copied_from_data() == (
        "text.categories",
        "text.nullable",
        "count.decimals",
        "count.lower",
        "count.nullable",
        "count.upper",
    )
    assert Schema.infer(TABLE, declare_public=True).copied_from_data() == ()
    assert BOTH.copied_from_data() == ()


def test_copied_facts_go_through_json():
    schema = Schema.infer(TABLE)
    assert Schema.from_dict(json.loads(json.dumps(schema.to_dict()))) == schema


@pytest.mark.parametrize("values", [[None, None], [np.nan, np.nan]], ids=str)
def test_a_column_without_values_is_empty(values):
    frame = pd.DataFrame({"x": pd.Series(values, dtype="float64")})
    (column,) = Schema.infer(frame).columns
    assert (column.kind, column.categories) == ("categorical", ())
    assert (column.dtype, column.nullable) == ("float64", True)


@pytest.mark.parametrize("values", [[np.inf, np.nan], []], ids=str)
def test_a_column_without_finite_numbers_or_rows_has_no_facts(values):
    with pytest.raises(SchemaError, match="x"):
        Schema.infer(pd.DataFrame({"x": pd.Series(values, dtype="float64")}))


def test_numbers_as_categories_keep_their_levels():
    levels = pd.Categorical([3, 1, 3], categories=[3, 2, 1])
    (column,) = Schema.infer(pd.DataFrame({"x": levels})).columns
    assert column.kind == "categorical"
    assert column.categories == (3, 2, 1)


def test_mixed_columns_become_text():
    (column,) = Schema.infer(pd.DataFrame({"x": [1, "a", None]})).columns
    assert column.categories == ("1", "a")
    assert column.nullable


def test_numbers_with_text_in_them_do_not_stand_twice():
    (column,) = Schema.infer(pd.DataFrame({"x": [1, "1", "b"]})).columns
    assert column.categories == ("1", "b")


def test_very_large_integers_are_refused_in_our_words():
    with pytest.raises(SchemaError):
        Schema.infer(pd.DataFrame({"x": [1, 2**60]}))


@pytest.mark.parametrize(
    "cells", [[[1], [2]], [{"k": 1}], [pd.DataFrame({"x": [1]}), 1]], ids=str
)
def test_cells_that_are_no_plain_values_are_refused(cells):
    with pytest.raises(SchemaError, match="no plain values, such as lists; got 'b'"):
        Schema.infer(pd.DataFrame({"b": pd.Series(cells, dtype=object)}))


def test_half_of_a_character_is_refused_before_any_file():
    # pandas itself refuses the text where pyarrow is installed
    told = "half of a character|no plain values"
    with pytest.raises(SchemaError, match=told) as caught:
        Schema.infer(pd.DataFrame({"b": ["hunter2\ud800", "x"]}, dtype="object"))
    assert "hunter2" not in str(caught.value)
    with pytest.raises(ValidationError):
        Column(name="\udfff", kind="boolean")
    assert Column(name="😀", kind="categorical", categories=("",)).name == "😀"


def test_what_is_no_frame_has_no_facts():
    for thing in (None, 5, "t.csv", [[1]], {"a": [1]}):
        with pytest.raises(TableError, match="not a data frame"):
            Schema.infer(thing)
    with pytest.raises(TableError, match="not unique"):
        Schema.infer(pd.DataFrame([[1, 2]], columns=["a", "a"]))


def test_a_dtype_that_cells_told_is_marked_as_copied():
    cells = [Decimal("1.50"), Decimal("2.25")]
    frame = pd.DataFrame({"x": pd.Series(cells, dtype="object"), "y": [1.5, 2.5]})
    exact, plain = Schema.infer(frame).columns
    assert exact.dtype == "decimal"
    assert exact.provenance["dtype"] == "from-data"
    assert "dtype" not in plain.provenance
