"""Frames at the door: refusals by name, and every dtype out as it came in."""

import numpy as np
import pandas as pd
import pytest

from fairveil.errors import TableError
from fairveil.schema import Column, Schema
from fairveil.tables.frames import check_columns, open_frame, read_by, to_frame

NEW_PANDAS = int(pd.__version__.split(".", maxsplit=1)[0]) >= 3


def out(values, schema_like):
    """Values through the door, described by a frame of the same column."""
    series = pd.Series(schema_like)
    schema = Schema.infer(pd.DataFrame({"x": series}), declare_public=True)
    return to_frame({"x": values}, schema)["x"]


# --- in ----------------------------------------------------------------------------


def test_a_frame_is_opened_without_a_copy(tiny_table):
    table = open_frame(tiny_table)
    assert table.columns == list(tiny_table.columns)
    assert table.to_native() is tiny_table


@pytest.mark.parametrize(
    "thing",
    [None, 3, "file.csv", [[1, 2]], {"a": [1]}, np.ones((2, 2)), pd.Series([1])],
)
def test_other_things_are_no_frames(thing):
    with pytest.raises(TableError, match="not a data frame"):
        open_frame(thing)


def test_repeated_names_are_refused():
    with pytest.raises(TableError, match="not unique"):
        open_frame(pd.DataFrame([[1, 2]], columns=["a", "a"]))


def test_no_columns_and_nameless_columns_are_refused():
    with pytest.raises(TableError, match="no columns"):
        open_frame(pd.DataFrame(index=[0, 1]))
    with pytest.raises(TableError, match="must be text"):
        open_frame(pd.DataFrame([[1, 2]]))


SCHEMA = Schema(
    columns=(Column(name="a", kind="boolean"), Column(name="b", kind="boolean"))
)


def check(names, unit=None):
    check_columns(open_frame(pd.DataFrame(columns=names)), SCHEMA, unit=unit)


def test_columns_that_fit():
    check(["a", "b"])
    check(["b", "a"])
    check(["id", "a", "b"], unit="id")


@pytest.mark.parametrize(
    ("names", "unit", "text"),
    [
        (["a"], None, "lacks.*'b'"),
        (["a", "b", "c"], None, "does not describe.*'c'"),
        (["a", "b", "id"], None, "'id'"),
        (["a", "b"], "id", "unit.*'id'"),
    ],
)
def test_columns_that_do_not_fit(names, unit, text):
    with pytest.raises(TableError, match=text):
        check(names, unit)


# --- out ---------------------------------------------------------------------------

SERIES = [
    pd.Series([1, 2, 3], dtype="int64"),
    pd.Series([1, 2, 3], dtype="int8"),
    pd.Series([1, 2, 3], dtype="uint16"),
    pd.Series([1.5, 2.0, -1.25], dtype="float64"),
    pd.Series([1.5, np.nan, -1.25], dtype="float64"),
    pd.Series([1.5, 2.0, 0.25], dtype="float32"),
    pd.Series([1.5, None, 0.25], dtype="Float64"),
    pd.Series([1, None, 3], dtype="Int64"),
    pd.Series([1, None, 3], dtype="UInt8"),
    pd.Series([True, False, True], dtype="bool"),
    pd.Series([True, None, True], dtype="boolean"),
    pd.Series(["a", "b", None], dtype="object"),
    pd.Series(["a", "b", None], dtype="string"),
    pd.Series(["a", "b", None], dtype="str" if NEW_PANDAS else "object"),
    pd.Series(pd.Categorical(["a", None, "c"], categories=["c", "b", "a"])),
    pd.Series(pd.Categorical([3, None, 1], categories=[3, 2, 1])),
]


@pytest.mark.parametrize("series", SERIES, ids=lambda s: f"{s.dtype}")
def test_dtypes_come_out_as_they_went_in(series):
    values = [None if pd.isna(v) else v for v in series.tolist()]
    pd.testing.assert_series_equal(
        out(values, series), series, check_names=False, check_categorical=True
    )


def test_ordered_categories_stay_ordered():
    series = pd.Series(
        pd.Categorical(["lo", "hi"], categories=["lo", "mid", "hi"], ordered=True)
    )
    made = out(["hi", None], series)
    assert made.cat.categories.tolist() == ["lo", "mid", "hi"]
    assert made.cat.ordered


@pytest.mark.parametrize(
    ("dtype", "wide"), [("int64", "Int64"), ("int8", "Int8"), ("uint8", "UInt8")]
)
def test_missing_integers_get_the_nullable_dtype(dtype, wide):
    made = out([1, None], pd.Series([1, 2], dtype=dtype))
    assert str(made.dtype) == wide
    assert made.isna().tolist() == [False, True]


def test_missing_booleans_stay_missing():
    schema = Schema(
        columns=(Column(name="x", kind="boolean", dtype="bool", nullable=True),)
    )
    made = to_frame({"x": [True, None, False]}, schema)["x"]
    assert made.isna().tolist() == [False, True, False]


def test_unknown_dtypes_come_out_as_objects():
    schema = Schema(columns=(Column(name="x", kind="boolean", dtype="VARCHAR(3)"),))
    made = to_frame({"x": [True, None]}, schema)["x"]
    assert made.dtype == object
    assert made.tolist() == [True, None]


def test_columns_and_order_are_the_schemas():
    made = to_frame({"b": [True], "a": [False]}, SCHEMA)
    assert list(made.columns) == ["a", "b"]
    assert made.loc[0].tolist() == [False, True]


def test_no_rows_keep_the_dtypes(tiny_table, tiny_schema):
    made = to_frame({name: [] for name in tiny_schema.names}, tiny_schema)
    pd.testing.assert_frame_equal(made, tiny_table.iloc[:0])


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["\ud800"], "half of a character"),
        (["a" * 1001], "too long"),
        ([f"c{j}" for j in range(4001)], "too many columns; got 4001"),
    ],
)
def test_names_that_no_model_file_could_hold_are_refused(names, told):
    columns = pd.Index(names, dtype="object")  # text in Arrow memory could not hold one
    with pytest.raises(TableError, match=told):
        open_frame(pd.DataFrame([[1] * len(names)], columns=columns))


def test_a_reader_that_fails_is_told_by_kind_alone(monkeypatch):
    def fails():
        raise OSError("row 7 is hunter2")

    with pytest.raises(TableError, match="reads the table failed; got 'OSError'") as e:
        read_by(fails)
    assert e.value.__context__ is None
    assert "hunter2" not in str(e.value)
    monkeypatch.setenv("FAIRVEIL_DEBUG", "1")
    with pytest.raises(OSError, match="hunter2"):
        read_by(fails)


def test_a_readers_own_refusal_passes():
    def refuses():
        raise TableError("no such file.")

    with pytest.raises(TableError, match="no such file"):
        read_by(refuses)
    assert read_by(lambda: 7) == 7
