"""Files read in place: the same cells as ever, nothing guessed from a row."""

import gzip

import narwhals as nw
import pandas as pd
import pytest

from fairveil.errors import TableError, UnsupportedError
from fairveil.tables import entry, files, scan
from fairveil.tables.arrow import plain
from fairveil.tables.source import Source

pytest.importorskip("pyarrow", reason="pyarrow is not installed")
pytest.importorskip("duckdb", reason="duckdb is not installed")

SECRET = "hunter2"


def cells(opened):
    """All cells of an opened table, by row; None where missing."""
    if isinstance(opened, Source):
        opened.count()  # as a fit does first
        parts = list(opened.batches(opened.columns))
        columns = [
            [v for part in parts for v in plain(part[name]).tolist()]
            for name in opened.columns
        ]
    else:
        columns = [opened[name].to_list() for name in opened.columns]
    rows = zip(*columns, strict=True)
    return [tuple(None if pd.isna(v) else v for v in row) for row in rows]


TEXTS = {
    "plain": "a,b\n1,2\n3,4\n",
    "byte order mark": "\ufeffa,b\n1,2\n",
    "carriage returns": "a,b\r\n1,2\r\n3,4\r\n",
    "quotes": 'a,b\n"x,y","he said ""hi"""\n"",z\n',
    "a line in a field": 'a,b\n"x\ny",2\n3,4\n',
    "a short row": "a,b\n1\n3,4\n",
    "line ends of two kinds": "a,b\r\n1,2\n3,4\r\n",
    "empty last fields": "a,b\n1,2,\n3,4,\n",
    "empty lines": "a,b\n1,2\n\n3,4\n\n",
    "empty lines first": "\n\na,b\n1,2\n",
    "one column": 'a\n1\n\n""\n2\n',
    "spaces": "a,b\n 1 , 2\n",
    "no last line end": "a,b\n1,2",
    "a header alone": "a,b\n",
    "quotes inside": 'a,b\n1,x"y"z\n3,4\n',
    "missing rows": "a,b\n,\n3,4\n",
    "hashes": "a,b\n#1,2\n3,4\n",
    "quoted names": '"a","b c"\n1,2\n',
    "words": "a,b\nNA,null\nnan,?\n007,1e5\n",
    "emoji": "a,b\n😀,é\n",
    "a quoted sign in a name": 'a,"b""c"\n1,2\n',
}


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_every_field_is_the_text_that_it_was(tmp_path, name, suffix):
    path = tmp_path / f"t{suffix}"
    data = TEXTS[name].encode()
    path.write_bytes(gzip.compress(data) if suffix.endswith("gz") else data)
    frame = files.read_table(path)
    opened = entry.open_table(path)
    assert opened.columns == list(frame.columns)
    assert cells(opened) == cells(nw.from_native(frame))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no header"),
        (f"{SECRET},b,{SECRET}\n1,2,3\n", "stands twice"),
        (f"{SECRET},\n1,2\n", "has no name"),
        ("39,State-gov,77516,Bachelors,13\n1,2,3,4,5\n", "looks like a row"),
    ],
)
def test_a_bad_header_is_refused_at_the_door(tmp_path, text, told):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(TableError, match=told) as caught:
        entry.open_table(tmp_path / "t.csv")
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        f"a,b\n1,2,{SECRET}\n3,4,x\n".encode(),
        f'a,b\n1,"{SECRET}\n3,4\n'.encode(),
        b"a,b\nhunter2\xff,2\n",
    ],
    ids=["a long row", "an open quote", "not UTF-8"],
)
def test_bad_rows_are_refused_without_their_values(tmp_path, data):
    (tmp_path / "t.csv").write_bytes(data)
    # counting the rows comes first, and parses every field of them
    told = "do not fit its header|cannot be read"
    with pytest.raises(TableError, match=told) as caught:
        entry.open_table(tmp_path / "t.csv").count()
    assert SECRET not in str(caught.value)
    assert caught.value.__context__ is None


ADDED = ["", "5\n", "\n", '"a\nb",2\n', '"",\n', "  \n", '1,"x"y\n', "1,2\r\n"]


@pytest.mark.parametrize("added", ADDED)
@pytest.mark.parametrize("others", ['1, "x"\n 2 ,"y" \n', '"",""\n"a\nb","c,d"\n'])
def test_no_row_decides_how_the_others_are_read(tmp_path, others, added):
    found = []
    for name, rows in (("alone.csv", others), ("more.csv", others + added)):
        (tmp_path / name).write_text(f"a,b\n{rows}")
        opened = entry.open_table(tmp_path / name)
        opened.count()
        found.append(cells(opened))
    assert found[1][:2] == found[0]


def test_types_of_csv_hang_on_no_row(tmp_path):
    heads = []
    for rows in ("1,2020-01-01\n2,2021-01-01\n", "x,y\n", ""):
        (tmp_path / "t.csv").write_text(f"n,d\n{rows}")
        head = entry.shown(entry.open_table(tmp_path / "t.csv"), private=True)
        heads.append([str(d) for d in head.to_native().dtypes])
    assert heads == [["string", "string"]] * 3


def test_types_are_guessed_where_nothing_is_protected(tmp_path):
    (tmp_path / "t.csv").write_text("n,s\n1,x\n2,y\n")
    opened = entry.open_table([tmp_path / "t.csv"] * 2, private=False)
    whole = entry.shown(opened, private=False)
    assert whole["n"].to_list() == [1, 2, 1, 2]
    assert whole["n"].dtype.is_integer()


def test_patterns_and_lists_find_their_files_in_order(tmp_path):
    for name, value in (("b.csv", 2), ("a.csv", 1), ("c.txt", 3)):
        (tmp_path / name).write_text(f"x,y\n{value},0\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "d.csv").write_text("x,y\n4,0\n")
    at = str(tmp_path)
    for paths, found in (
        (f"{at}/*.csv", ["1", "2"]),
        (f"{at}/**/*.csv", ["1", "2", "4"]),
        ([f"{at}/b.csv", f"{at}/sub/*"], ["2", "4"]),
        ((tmp_path / "b.csv", tmp_path / "a.csv"), ["2", "1"]),
    ):
        assert [row[0] for row in cells(entry.open_table(paths))] == found, paths


def test_signs_of_patterns_in_a_name_are_letters(tmp_path):
    for name, value in (("a[1].csv", 1), ("a1.csv", 2), ("x*.csv", 3), ("xy.csv", 4)):
        (tmp_path / name).write_text(f"x,y\n{value},0\n")
    for name, value in (("a[1].csv", "1"), ("x*.csv", "3")):
        assert cells(entry.open_table(tmp_path / name)) == [(value, "0")]


def test_parquet_declares_its_types_and_hides_its_index(tmp_path, tiny_table):
    indexed = tiny_table.set_index(pd.Index(range(7, 407)))
    tiny_table.to_parquet(tmp_path / "a.parquet")
    opened = entry.open_table(tmp_path / "a.parquet")
    head = entry.shown(opened, private=True)
    assert entry.declares(opened)
    assert opened.columns == list(tiny_table.columns)
    assert str(head["city"].to_native().dtype) == "category"
    assert str(head["age"].to_native().dtype) == "Int64"
    assert len(cells(opened)) == 400
    indexed.iloc[[3, 1]].to_parquet(tmp_path / "b.parquet")
    assert entry.open_table(tmp_path / "b.parquet").columns == list(tiny_table.columns)


def test_files_that_do_not_fit_together(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    (tmp_path / "b.csv").write_text("y,x\n1,2\n")
    pd.DataFrame({"x": [1], "y": [2]}).to_parquet(tmp_path / "a.parquet")
    pd.DataFrame({"x": [1.5], "y": [2]}).to_parquet(tmp_path / "b.parquet")
    for kind in ("csv", "parquet"):
        with pytest.raises(TableError, match="same columns"):
            entry.open_table(f"{tmp_path}/*.{kind}")
    with pytest.raises(TableError, match="cannot be one table"):
        entry.open_table([tmp_path / "a.csv", tmp_path / "a.parquet"])


def test_files_that_are_not_there_or_of_another_kind(tmp_path):
    for paths in (tmp_path / "no.csv", f"{tmp_path}/*.csv", tmp_path, [tmp_path]):
        with pytest.raises(TableError, match="no such table file"):
            entry.open_table(paths)
    (tmp_path / "t.xlsx").write_text("x")
    with pytest.raises(UnsupportedError, match="not supported"):
        entry.open_table(tmp_path / "t.xlsx")
    (tmp_path / "t.parquet").write_text(SECRET)
    with pytest.raises(TableError, match="cannot be read") as caught:
        entry.open_table(tmp_path / "t.parquet")
    assert SECRET not in str(caught.value)


def test_without_duckdb_one_file_is_read_into_memory(tmp_path, monkeypatch, tiny_table):
    monkeypatch.setattr(scan, "find_spec", lambda _: None)
    tiny_table.to_csv(tmp_path / "t.csv", index=False)
    tiny_table.to_parquet(tmp_path / "t.parquet", index=False)
    assert isinstance(entry.open_table(tmp_path / "t.csv"), nw.DataFrame)
    held = entry.open_table(tmp_path / "t.parquet")
    assert (entry.declares(held), entry.kind_of(held)) == (True, "pandas")
    typed = entry.open_table(tmp_path / "t.csv", private=False)
    assert typed["age"].dtype.is_integer()
    with pytest.raises(UnsupportedError, match=r"fairveil\[engines\]"):
        entry.open_table([tmp_path / "t.csv"] * 2)


def test_reading_in_place_leaves_nothing_beside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("a,b\n" + "1,2\n" * 5000)
    opened = entry.open_table("t.csv")
    assert opened.count() == 5000
    next(iter(opened.batches(["a"])))
    assert opened.count() == 5000  # a pass that was left takes nothing along
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]
