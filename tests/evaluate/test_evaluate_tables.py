"""Common codes of two tables: same value, same code, whatever the dtype."""

import narwhals as nw
import numpy as np
import pandas as pd
import pytest

from fairveil.errors import TableError
from fairveil.evaluate import _tables as t


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (pd.Series([1, 2, 3]), pd.Series([1.0, 2.0, 3.0])),
        (pd.Series([1, 2, 3]), pd.Series([1, 2, 3], dtype="Int64")),
        (pd.Series([1, 2, 3]), pd.Series(["1", "2", "3"])),
        (pd.Series([1, 2, 3]), pd.Series([1, 2, 3], dtype="category")),
        (pd.Series(["a", "b", "c"]), pd.Series(["a", "b", "c"], dtype="category")),
        (pd.Series([True, False, True]), pd.Series([1, 0, 1])),
        (pd.Series([True, False, True]), pd.Series([True, False, True], dtype=object)),
    ],
)
def test_equal_values_of_different_dtypes_have_equal_codes(first, second):
    (one, two), labels = t.coded(first, second)
    assert one.tolist() == two.tolist()
    assert len(labels) == first.nunique()


def test_missing_values_are_minus_one():
    (one, two), labels = t.coded(
        pd.Series([1.0, np.nan, 2.0]), pd.Series([2, None, 7], dtype="Int64")
    )
    assert labels == ["1", "2", "7"]
    assert one.tolist() == [0, -1, 1]
    assert two.tolist() == [1, -1, 2]


def test_an_all_missing_column_fits_either_kind():
    empty = pd.Series([None, None], dtype=object)
    assert np.isnan(t.numbers(empty)).all()
    (codes, _), labels = t.coded(empty, pd.Series(["a", "b"]))
    assert codes.tolist() == [-1, -1]
    assert labels == ["a", "b"]


def test_dates_become_seconds():
    moments = pd.Series(pd.to_datetime(["1970-01-01", None, "1970-01-02"]))
    np.testing.assert_array_equal(t.numbers(moments), [0, np.nan, 86400])
    np.testing.assert_array_equal(
        t.numbers(moments.dt.tz_localize("UTC")), [0, np.nan, 86400]
    )
    gaps = pd.Series(pd.to_timedelta([1, 2], unit="h"))
    np.testing.assert_array_equal(t.numbers(gaps), [3600, 7200])


def test_years_that_nanoseconds_do_not_reach_become_seconds():
    ends = np.array(["0001-01-01", "NaT", "9999-12-31"], dtype="datetime64[us]")
    first, last = -62_135_596_800, 253_402_214_400  # of the proleptic calendar
    for moments in (pd.Series(ends), pd.Series(ends).dt.tz_localize("UTC")):
        np.testing.assert_array_equal(t.numbers(moments), [first, np.nan, last])


def test_numbers_that_no_float_holds_are_missing():
    wild = pd.Series([10**400, -(10**400), 5, None], dtype=object)
    np.testing.assert_array_equal(t.numbers(wild), [np.nan, np.nan, 5, np.nan])


def nested_columns():
    yield pd.Series([[1], [2]])
    yield pd.Series([{"x": 1}, None])
    yield pd.Series([np.arange(2), "x"])
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    for kind in (
        pa.list_(pa.int64()),
        pa.large_list(pa.int64()),
        pa.list_(pa.int8(), 1),
    ):
        yield pd.Series([[1], None], dtype=pd.ArrowDtype(kind))
    yield pd.Series([{"x": 1}], dtype=pd.ArrowDtype(pa.struct([("x", pa.int64())])))


def test_cells_of_several_values_are_refused_by_the_name_of_their_column():
    for cells in nested_columns():
        with pytest.raises(TableError, match=r"no single values.*'odd'") as caught:
            t.door(pd.DataFrame({"fine": ["x"] * len(cells), "odd": cells}))
        assert "fine" not in str(caught.value)
    mixed = pd.DataFrame({"fine": [b"x", (1, 2), 1, None]})
    assert t.door(mixed).equals(mixed)


def test_infinite_numbers_are_missing_and_huge_ones_held():
    wild = pd.Series([np.inf, -np.inf, 1e300, -1e300, 2.0])
    np.testing.assert_array_equal(t.numbers(wild), [np.nan, np.nan, 1e100, -1e100, 2])
    (codes,), labels = t.coded(wild)
    assert codes[:2].tolist() == [-1, -1]
    assert len(labels) == 3


def test_features_mark_categories_and_treat_infinity_as_missing():
    frame = pd.DataFrame({"x": [1.0, np.inf, 3.0], "c": ["b", None, "a"]})
    coding = t.features((frame, frame), ["x", "c"])
    assert coding.cardinality.tolist() == [0, 2]
    np.testing.assert_array_equal(
        coding.matrices[0], [[1, 1], [np.nan, np.nan], [3, 0]]
    )


def test_paired_orders_columns_and_names_the_odd_ones():
    one, two = t.paired(
        pd.DataFrame({"a": [1], "b": [2]}), pd.DataFrame({"b": [3], "a": [4]})
    )
    assert list(two.columns) == list(one.columns)
    with pytest.raises(TableError, match=r"different columns.*c"):
        t.paired(one, one.assign(c=1))


def test_the_door_takes_narwhals_frames_and_refuses_the_rest():
    frame = pd.DataFrame({"a": [1, 2]}, index=[5, 6])
    assert t.door(frame).index.tolist() == [0, 1]
    pd.testing.assert_frame_equal(
        t.door(nw.from_native(frame)), frame.reset_index(drop=True)
    )
    with pytest.raises(TableError, match="not a data frame"):
        t.door([1, 2])
    with pytest.raises(TableError, match="no rows"):
        t.door(frame.iloc[:0])
    with pytest.raises(TableError, match="twice"):
        t.door(pd.DataFrame([[1, 2]], columns=["a", "a"]))
    with pytest.raises(TableError, match="no such column"):
        t.require(frame, "b")
