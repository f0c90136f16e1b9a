"""Any form of a table at the door: opened unread, counted and streamed exactly."""

import narwhals as nw
import pandas as pd
import pytest

from fairveil.errors import TableError, UnsupportedError
from fairveil.tables import entry, source, spool
from fairveil.tables.arrow import plain

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
pl = pytest.importorskip("polars", reason="polars is not installed")

FORMS = {
    "polars": pl.from_pandas,
    "lazy": lambda frame: pl.from_pandas(frame).lazy(),
    "pyarrow": lambda frame: pa.Table.from_pandas(frame, preserve_index=False),
}


@pytest.fixture(params=FORMS)
def opened(request, tiny_table):
    return entry.open_table(FORMS[request.param](tiny_table))


def test_names_and_kinds(opened, tiny_table):
    assert opened.columns == list(tiny_table.columns)
    assert entry.kind_of(opened) == opened.kind
    assert opened.kind in ("polars", "pyarrow")
    assert "hidden" in repr(opened)


def test_the_head_has_dtypes_and_no_row(opened):
    head = entry.shown(opened, private=True)
    assert len(head) == 0
    kinds = [head[name].dtype for name in head.columns]
    assert [kind == nw.Boolean for kind in kinds] == [False] * 3 + [True, False, False]
    assert kinds[1].is_integer()
    assert kinds[2].is_float()
    assert isinstance(kinds[5], nw.Int64)


@pytest.mark.parametrize("private", [True, False])
def test_what_is_left_out_is_not_shown(opened, tiny_table, private):
    left = entry.without(opened, ["pay", "sex"])
    kept = [name for name in tiny_table if name not in ("pay", "sex")]
    assert entry.shown(left, private=private).columns == kept
    assert spool.spooled(opened).columns == kept
    frame = entry.without(entry.open_table(tiny_table), ["pay", "sex"])
    assert frame.columns == kept


@pytest.mark.parametrize(
    ("names", "told"), [(["phone"], "got 'phone'"), (None, "no column is left")]
)
def test_what_cannot_be_left_out_is_named(opened, tiny_table, names, told):
    for table in (opened, entry.open_table(tiny_table)):
        with pytest.raises(TableError, match=told):
            entry.without(table, names or list(tiny_table))


def test_counts_of_groups_are_those_of_pandas(opened, tiny_table):
    assert opened.count() == len(tiny_table)
    for name in tiny_table:
        values, counts = opened.groups(name)
        found = {
            None if pd.isna(v) else v: n
            for v, n in zip(plain(values).tolist(), counts.tolist(), strict=True)
        }
        real = tiny_table[name].astype(object).value_counts(dropna=False).to_dict()
        assert found == {None if pd.isna(v) else v: n for v, n in real.items()}


def test_batches_are_all_rows_in_order(opened, tiny_table, monkeypatch):
    monkeypatch.setattr(source, "CHUNK", 64)
    parts = list(opened.batches(["age", "sex"]))
    assert [part.column_names for part in parts] == [["age", "sex"]] * len(parts)
    rows = pa.concat_tables(parts)
    assert rows["age"].to_pylist() == tiny_table["age"].tolist()
    assert [str(v) for v in rows["sex"].to_pylist()] == tiny_table["sex"].tolist()


def test_the_whole_table(opened, tiny_table):
    whole = entry.shown(opened, private=False)
    assert whole["age"].to_list() == tiny_table["age"].tolist()


def test_pandas_frames_are_opened_as_ever(tiny_table):
    table = entry.open_table(tiny_table)
    assert table.to_native() is tiny_table
    assert entry.kind_of(table) == "pandas"
    assert len(entry.shown(table, private=True)) == 0
    assert entry.shown(table, private=False) is table


@pytest.mark.parametrize("thing", [None, 3, [[1]], {"a": [1]}])
def test_other_things_are_no_tables(thing):
    with pytest.raises(TableError, match="not a data frame"):
        entry.open_table(thing)


def test_names_must_be_there_and_differ():
    with pytest.raises(TableError, match="not unique"):
        entry.open_table(pa.table([[1], [2]], names=["a", "a"]))
    for empty in (pa.table({}), pl.DataFrame(), pl.LazyFrame()):
        with pytest.raises(TableError, match="no columns"):
            entry.open_table(empty)


def test_a_library_that_fails_says_nothing_of_its_own():
    def spoilt(_):
        raise ValueError("hunter2")

    lazy = pl.LazyFrame({"a": [1, 2]}).map_batches(spoilt, schema={"a": pl.Int64})
    opened = entry.open_table(lazy)
    reads = (
        opened.count,
        lambda: opened.groups("a"),
        lambda: list(opened.batches("a")),
    )
    for read in reads:
        with pytest.raises(TableError, match="could not read") as caught:
            read()
        assert "hunter2" not in str(caught.value)
        assert caught.value.__cause__ is caught.value.__context__ is None


def test_frames_of_other_libraries_are_refused(monkeypatch):
    class Other:
        implementation = nw.Implementation.DASK

    monkeypatch.setattr(entry.nw, "from_native", lambda _: Other())
    with pytest.raises(UnsupportedError, match="not read"):
        entry.open_table(object())
