import gzip
import importlib.util
import os
import warnings

import numpy as np
import pandas as pd
import pytest

from fairveil.codec import Codec
from fairveil.errors import ConfigError, TableError, UnsupportedError
from fairveil.tables import files
from fairveil.tables.files import (
    check_output,
    check_suffix,
    declares_dtypes,
    read_table,
    write_table,
)
from fairveil.tables.frames import open_frame

SECRET = "hunter2"


def written(tmp_path, text, name="t.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_every_field_is_text_and_only_the_empty_one_is_missing(tmp_path):
    path = written(tmp_path, "a,b,c\n007,NA,1.50\n,nan,?\nnull,None,\n")
    frame = read_table(path)
    assert [[None if pd.isna(v) else v for v in row] for row in frame.to_numpy()] == [
        ["007", "NA", "1.50"],
        [None, "nan", "?"],
        ["null", "None", None],
    ]


def test_typed_reading_guesses_dtypes_but_keeps_na_words(tmp_path):
    path = written(tmp_path, "i,w,f,s,b\n1,3,1.5,NA,True\n2,,,x,False\n")
    frame = read_table(path, typed=True)
    assert frame.dtypes.astype(str).to_dict() | {"s": ""} == {
        "i": "int64",
        "w": "Int64",  # whole numbers stay whole beside a missing one
        "f": "float64",
        "s": "",  # the name of text types hangs on the version of pandas
        "b": "bool",
    }
    assert frame["s"].tolist() == ["NA", "x"]


def test_a_column_that_is_all_missing_stays_as_it_is(tmp_path):
    frame = read_table(written(tmp_path, "a,b\n1,\n2,\n"), typed=True)
    assert frame["b"].isna().all()
    assert str(frame["b"].dtype) == "float64"


def test_text_fields_get_the_codes_of_typed_values(tmp_path, tiny_table, tiny_schema):
    path = tmp_path / "t.csv"
    write_table(tiny_table, path)
    codec = Codec.on_grid(tiny_schema)
    from_text = codec.encode(open_frame(read_table(path)))
    assert np.array_equal(from_text, codec.encode(open_frame(tiny_table)))
    assert from_text.any(axis=0).all()  # no column fell back to its first code


def test_a_written_table_reads_back(tmp_path, tiny_table):
    path = tmp_path / "t.csv"
    write_table(tiny_table, path)
    assert path.read_bytes().count(b"\r") == 0
    back = read_table(path, typed=True).astype(tiny_table.dtypes.to_dict())
    pd.testing.assert_frame_equal(back, tiny_table)


def test_gzip_and_byte_order_mark(tmp_path):
    packed = written(tmp_path, gzip.compress(b"\xef\xbb\xbfa,b\n1,2\n"), "t.csv.gz")
    assert read_table(packed).to_dict("list") == {"a": ["1"], "b": ["2"]}


@pytest.mark.parametrize(
    "line",
    ["39,State-gov,77516,Bachelors,13", "75.0,0,582,1,20", "-1.5,f,m,x", "3,1,2"],
)
def test_a_row_in_the_place_of_the_header_is_not_taken_for_names(tmp_path, line):
    """Names are public, so the first person's record would be published."""
    (tmp_path / "t.csv").write_text(f"{line}\n")
    with pytest.raises(TableError, match="looks like a row") as caught:
        read_table(tmp_path / "t.csv")
    assert line not in str(caught.value)


@pytest.mark.parametrize("line", ["age;sex", "age\tsex"])
def test_other_separators_are_refused(tmp_path, line):
    (tmp_path / "t.csv").write_text(f"{line}\n")
    with pytest.raises(TableError, match="separated by commas"):
        read_table(tmp_path / "t.csv")


@pytest.mark.parametrize("line", ["0,1,2,3", "name,2019,2020", "a,b,c,d,7", "x1,x2"])
def test_names_with_numbers_are_names(tmp_path, line):
    (tmp_path / "t.csv").write_text(f"{line}\n")
    assert list(read_table(tmp_path / "t.csv").columns) == line.split(",")


def test_header_only_is_a_table_of_no_rows(tmp_path):
    frame = read_table(written(tmp_path, "a,b\n"))
    assert list(frame.columns) == ["a", "b"]
    assert len(frame) == 0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no header"),
        ("\n\n", "no header"),
        (f"a,b\n1,2\n3,4,{SECRET}\n", "do not fit its header"),
        (f"a,b\n1,2,{SECRET}\n3,4,{SECRET}\n", "do not fit its header"),
        (f'a,b\n1,"{SECRET}\n3,4\n', "do not fit its header"),
        (b"a,b\nhunter2\xff,2\n", "cannot be read"),
        (b"hunter2\xff,b\n1,2\n", "cannot be read"),
        (f"{SECRET},b,{SECRET}\n1,2,3\n", "stands twice"),
        (f"{SECRET},\n1,2\n", "has no name"),
    ],
)
def test_a_bad_csv_is_refused_without_its_values(tmp_path, text, told):
    path = written(tmp_path, text)
    for typed in (False, True):
        with pytest.raises(TableError, match=told) as caught:
            read_table(path, typed=typed)
        assert SECRET not in str(caught.value)
        assert "line 3" not in str(caught.value)
        assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_damaged_gzip_is_refused(tmp_path):
    whole = gzip.compress(b"a,b\n" + b"1,2\n" * 5000)
    for data in (whole[: len(whole) // 2], b"a,b\n1,2\n"):
        with pytest.raises(TableError, match="cannot be read"):
            read_table(written(tmp_path, data, "t.csv.gz"))


@pytest.mark.parametrize("name", ["none.csv", "none.parquet", "folder.csv"])
def test_a_missing_file_is_refused(tmp_path, monkeypatch, name):
    monkeypatch.setattr(files, "find_spec", lambda _: object())
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(TableError, match="no such table file"):
        read_table(tmp_path / name)


def test_other_suffixes_are_refused(tmp_path, tiny_table):
    with pytest.raises(UnsupportedError, match=r"\.csv, \.csv\.gz, \.parquet"):
        read_table(written(tmp_path, "a\n1\n", "t.xlsx"))
    with pytest.raises(UnsupportedError, match="not supported"):
        write_table(tiny_table, tmp_path / "t.txt")
    with pytest.raises(UnsupportedError, match="not supported"):
        check_suffix("t")
    check_suffix("T.CSV")


def test_parquet_without_pyarrow_says_what_to_install(
    tmp_path, monkeypatch, tiny_table
):
    monkeypatch.setattr(files, "find_spec", lambda _: None)
    for call in (
        lambda: read_table(tmp_path / "t.parquet"),
        lambda: write_table(tiny_table, tmp_path / "t.parquet"),
        lambda: check_suffix("t.parquet"),
    ):
        with pytest.raises(UnsupportedError, match="pip install pyarrow"):
            call()


def test_equal_tables_give_equal_files(tmp_path, tiny_table):
    for name in ("t.csv", "t.csv.gz"):
        write_table(tiny_table, tmp_path / name)
        first = (tmp_path / name).read_bytes()
        write_table(tiny_table, tmp_path / name)
        assert (tmp_path / name).read_bytes() == first
    with gzip.open(tmp_path / "t.csv.gz") as packed:
        assert packed.read() == (tmp_path / "t.csv").read_bytes()


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz"])
def test_a_table_is_written_whole_or_not_at_all(tmp_path, tiny_table, name):
    path = written(tmp_path, "old", name)

    class Breaks:
        def __str__(self):
            raise OSError(28, SECRET)

    spoilt = tiny_table.astype(object)
    spoilt.iloc[-1, 0] = Breaks()
    with pytest.raises(TableError, match="cannot be written") as caught:
        write_table(spoilt, path)
    assert caught.value.__context__ is None
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(SECRET),
        OverflowError(SECRET),
        AttributeError(SECRET),
        OSError(SECRET),
    ],
    ids=lambda e: type(e).__name__,
)
def test_whatever_a_parser_raises_is_kept_from_the_reader(tmp_path, monkeypatch, error):
    def fails(*_, **__):
        raise error

    path = written(tmp_path, "a,b\n1,2\n")
    monkeypatch.setattr(pd, "read_csv", fails)
    with pytest.raises(TableError) as caught:
        read_table(path)
    assert ("memory ran out" in str(caught.value)) is isinstance(error, MemoryError)
    assert caught.value.__context__ is None
    assert SECRET not in str(caught.value)


def test_a_parsers_warning_is_not_shown(tmp_path, monkeypatch, recwarn):
    def warns(*_, **__):
        warnings.warn(SECRET, pd.errors.DtypeWarning, stacklevel=1)
        return pd.DataFrame({"a": ["1"]})

    monkeypatch.setattr(pd, "read_csv", warns)
    assert len(read_table(written(tmp_path, "a\n1\n"))) == 1
    assert len(recwarn) == 0


def test_an_output_needs_its_folder_too(tmp_path, monkeypatch):
    path = written(tmp_path, "old")
    check_output(path)
    monkeypatch.setattr(os, "access", lambda place, _mode: place != tmp_path)
    with pytest.raises(ConfigError, match="cannot be written"):
        check_output(path)


def test_a_table_that_cannot_be_written(tmp_path, tiny_table):
    with pytest.raises(TableError, match="cannot be written"):
        write_table(tiny_table, tmp_path / "no folder" / "t.csv")


@pytest.mark.skipif(
    importlib.util.find_spec("pyarrow") is None, reason="pyarrow is not installed"
)
def test_parquet_keeps_dtypes_and_hides_values_of_damaged_files(tmp_path, tiny_table):
    path = tmp_path / "t.parquet"
    write_table(tiny_table, path)
    back = read_table(path)
    assert back["visits"].dtype == tiny_table["visits"].dtype
    assert back["city"].dtype == tiny_table["city"].dtype
    assert back["age"].tolist() == tiny_table["age"].tolist()
    with pytest.raises(TableError, match="cannot be read") as caught:
        read_table(written(tmp_path, SECRET * 50, "bad.parquet"))
    assert SECRET not in str(caught.value)


@pytest.mark.skipif(
    importlib.util.find_spec("pyarrow") is None, reason="pyarrow is not installed"
)
def test_dtypes_of_parquet_do_not_tell_whether_a_value_is_missing(tmp_path):
    """They are public, so one row with a null may not change them."""
    whole = pd.DataFrame({"n": pd.array([1, 2], "Int64"), "b": [True, False]})
    whole["b"] = whole["b"].astype("boolean")
    gap = pd.concat([whole, pd.DataFrame({"n": [pd.NA], "b": [pd.NA]})])
    gap = gap.astype(whole.dtypes.to_dict())
    for name, frame in (("whole", whole), ("gap", gap)):
        frame.to_parquet(tmp_path / f"{name}.parquet", index=False)
    read = [read_table(tmp_path / f"{name}.parquet") for name in ("whole", "gap")]
    assert read[0].dtypes.to_dict() == read[1].dtypes.to_dict()
    assert [str(d) for d in read[0].dtypes] == ["Int64", "boolean"]
    assert declares_dtypes(tmp_path / "whole.parquet")


def test_a_csv_file_declares_no_dtype(tmp_path):
    assert not declares_dtypes(tmp_path / "t.csv")


@pytest.mark.parametrize(
    "text", ["<html>x</html>", '{"a": 1}', "<?xml?>", "%PDF-1.7", "[{1}]", "a\0b,c"]
)
def test_the_first_line_of_another_format_is_not_repeated(tmp_path, text):
    path = written(tmp_path, f"{text}{SECRET}\n1\n")
    with pytest.raises(TableError, match="cannot be read") as caught:
        read_table(path, typed=True)
    assert SECRET not in str(caught.value)


def test_links_in_a_circle_are_no_input(tmp_path):
    loop = tmp_path / "loop.csv"
    loop.symlink_to(loop)
    check_output(tmp_path / "o.csv", loop)
    with pytest.raises(ConfigError, match="overwrite an input"):
        check_output(tmp_path / "o.csv", tmp_path / "x" / ".." / "o.csv")
