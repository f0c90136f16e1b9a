"""Rows behind the wrapper, whatever the form: the same counts, the same codes."""

import copy
import errno
import os
import pickle
import tempfile
from decimal import Decimal
from pathlib import Path

import narwhals as nw
import numpy as np
import pandas as pd
import pytest

from fairveil._gaps import Gap
from fairveil.codec import Codec, recode
from fairveil.errors import TableError
from fairveil.privacy.ledger import Ledger
from fairveil.privacy.noise import NoiseSource
from fairveil.private import intake, store, streamed
from fairveil.private.discover import histogram
from fairveil.private.intake import admit
from fairveil.tables import entry, source

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
pl = pytest.importorskip("polars", reason="polars is not installed")

duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed")


def to_arrow(frame):
    return pa.Table.from_pandas(frame, preserve_index=False)


def to_csv(frame):
    """Two files and a pattern that finds them."""
    folder = Path(tempfile.mkdtemp(dir=os.environ["FORMS"]))
    frame.iloc[:150].to_csv(folder / "a.csv", index=False)
    frame.iloc[150:].to_csv(folder / "b.csv.gz", index=False)
    return str(folder / "*.csv*")


def to_parquet(frame):
    folder = Path(tempfile.mkdtemp(dir=os.environ["FORMS"]))
    frame.iloc[:150].to_parquet(folder / "a.parquet", index=False)
    frame.iloc[150:].to_parquet(folder / "b.parquet", index=False)
    return [folder / "a.parquet", folder / "b.parquet"]


def to_duckdb(frame):
    rows = to_arrow(frame)
    con = duckdb.connect()
    con.register("rows", rows)
    return con.sql("SELECT * FROM rows")


def to_backed(frame):
    """Pandas columns in Arrow memory."""
    return to_arrow(frame).to_pandas(types_mapper=pd.ArrowDtype)


def to_mixed(frame):
    """Some of them, under an index in which no row has a name of its own."""
    mixed = frame.assign(**to_backed(frame.iloc[:, 1::2]))
    return mixed.set_axis(np.zeros(len(frame)))


FORMS = {
    "pandas": lambda frame: frame,
    "backed": to_backed,
    "mixed": to_mixed,
    "polars": pl.from_pandas,
    "lazy": lambda frame: pl.from_pandas(frame).lazy(),
    "pyarrow": to_arrow,
    "csv": to_csv,
    "parquet": to_parquet,
    "duckdb": to_duckdb,
}


@pytest.fixture(autouse=True)
def forms_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("FORMS", str(tmp_path))


GAPS = (
    Gap(name="x"),
    Gap(name="x", kind="numeric"),
    Gap(name="x", kind="categorical"),
    Gap(name="x", kind="numeric", facts={"special": (0.0, 40.0)}),
)


def admitted(table, *, unit=None, most=1):
    gate, _ = admit(
        entry.open_table(table),
        unit=unit,
        max_rows_per_unit=most,
        ledger=Ledger(epsilon=1.0, delta=1e-5),
        noise=NoiseSource.insecure(3),
        rho=0.01,
    )
    return gate


@pytest.fixture(scope="module")
def with_units(tiny_table):
    rng = np.random.default_rng(4)
    units = [None if u < 0.05 else f"p{int(90 * u)}" for u in rng.random(400)]
    return tiny_table.assign(who=pd.Series(units, dtype="object"))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("unit", [None, "who"])
def test_counts_before_the_noise_are_the_same_in_every_form(with_units, form, unit):
    real = admitted(with_units, unit=unit, most=2).rows
    rows = admitted(FORMS[form](with_units), unit=unit, most=2).rows
    assert rows.count() == real.count()
    for name in with_units.columns:
        for gap in GAPS:
            mine = histogram(rows.cells(name, gap), gap)
            theirs = histogram(real.cells(name, gap), gap)
            np.testing.assert_array_equal(mine[0], theirs[0])
            assert mine[1] == theirs[1]
        near, far = (
            rows.cells(name).within(1, 64, 16),
            real.cells(name).within(1, 64, 16),
        )
        np.testing.assert_array_equal(near, far)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("unit", [None, "who"])
def test_codes_are_the_same_in_every_form(
    with_units, tiny_schema, form, unit, monkeypatch
):
    monkeypatch.setattr(source, "CHUNK", 32)  # several batches
    codec = Codec.on_grid(tiny_schema)
    real = admitted(with_units, unit=unit, most=2).rows.encoded(codec)
    rows = admitted(FORMS[form](with_units), unit=unit, most=2).rows.encoded(codec)
    np.testing.assert_array_equal(rows.unwrap(), real.unwrap())
    assert rows.sizes == real.sizes
    assert rows.rows_per_unit == real.rows_per_unit
    if unit is not None:
        np.testing.assert_array_equal(rows.unwrap_units(), real.unwrap_units())


def test_codes_lie_in_a_map_of_the_smallest_type_and_stay_there(
    tiny_table, tiny_schema
):
    codec = Codec.on_grid(tiny_schema)
    rows = admitted(pl.from_pandas(tiny_table)).rows.encoded(codec)
    codes = rows.unwrap()
    assert store.is_mapped(codes)
    assert codes.dtype == np.uint8
    assert codes.flags.f_contiguous
    labels = [np.arange(size) // 2 for size in codec.sizes]
    merged = tuple((size + 1) // 2 + 1 for size in codec.sizes)
    again = store.recoded(codes, labels, merged)
    assert store.is_mapped(again)
    np.testing.assert_array_equal(again, recode(np.asarray(codes), labels))
    plain = np.array(codes, dtype=np.int32)
    assert not store.is_mapped(store.recoded(plain, labels, merged))


def test_the_file_of_a_map_has_no_name(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    codes = store.room(1000, (3, 70_000))
    assert list(tmp_path.iterdir()) == []
    assert codes.dtype == np.uint32
    codes[:] = 7
    assert codes.sum() == 14_000
    assert store.room(0, (2, 2)).shape == (0, 2)


def test_a_full_disk_is_an_error_without_a_number(monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "123456 bytes")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(TableError, match="no room") as caught:
        store.room(77, (2,))
    assert not any(d in str(caught.value) for d in "123456789")
    assert caught.value.__context__ is None


def test_a_table_that_changes_is_refused(tiny_table, tiny_schema):
    codec = Codec.on_grid(tiny_schema)
    for wrong in (399, 401):
        opened = entry.open_table(pl.from_pandas(tiny_table))
        opened.count = lambda n=wrong: n
        rows = streamed.StreamedRows(opened, None, rows_per_unit=1, units=None)
        with pytest.raises(TableError, match="changed"):
            rows.encoded(codec)


@pytest.mark.parametrize(
    "form", ["polars", "lazy", "pyarrow", "csv", "parquet", "duckdb"]
)
def test_no_rows_at_all(tiny_table, tiny_schema, form):
    rows = admitted(FORMS[form](tiny_table.iloc[:0])).rows
    assert rows.count() == 0
    assert rows.cells("sex").labels(everything=True) == {}
    assert rows.encoded(Codec.on_grid(tiny_schema)).unwrap().shape == (0, 6)
    none = tiny_table.iloc[:0].assign(who="")
    assert admitted(FORMS[form](none), unit="who").rows.count() == 0


def test_streamed_rows_are_never_copied_or_shown(tiny_table):
    rows = admitted(pl.from_pandas(tiny_table)).rows
    assert repr(rows) == "RawRows(<hidden>)"
    for steal in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="never"):
            steal(rows)


def test_one_row_changes_one_count_by_one_in_every_form(tiny_table):
    """The sensitivity that the accounts use, with counts from groups."""
    less = tiny_table.iloc[1:]
    for form in ("polars", "lazy", "pyarrow", "csv", "duckdb"):
        one, two = (admitted(FORMS[form](t)).rows for t in (tiny_table, less))
        for name in tiny_table:
            for gap in GAPS:
                a, b = (histogram(rows.cells(name), gap) for rows in (one, two))
                labels = {*a[1], *b[1]}
                moved = np.abs(a[0] - b[0]).sum()
                moved += sum(abs(a[1].get(x, 0) - b[1].get(x, 0)) for x in labels)
                assert moved <= 1


def test_an_arrow_backed_frame_is_opened_unread(tiny_table, monkeypatch):
    read = []
    monkeypatch.setattr(intake.arrow, "unbacked", read.append)
    opened = entry.open_table(to_backed(tiny_table))
    assert str(nw.to_native(entry.shown(opened, private=True)).dtypes["age"]) == (
        "int64[pyarrow]"
    )
    assert not read


def test_a_narwhals_view_of_pandas_is_still_taken(tiny_table):
    table = nw.from_native(tiny_table)
    assert len(entry.shown(table, private=True)) == 0


@pytest.mark.parametrize("form", ["polars", "lazy", "pyarrow", "backed"])
def test_persons_are_never_taken_for_one_by_a_conversion(form):
    """Two long numbers that are one float are two persons; so is text of any bytes."""
    long = pa.array([Decimal(2**53 + at) for at in range(8)], pa.decimal128(38))
    table = pa.table({"who": long, "x": range(8)})
    forms = {"pyarrow": lambda t: t, "polars": pl.from_arrow}
    forms["backed"] = lambda t: t.to_pandas(types_mapper=pd.ArrowDtype)
    forms["lazy"] = lambda t: pl.from_arrow(t).lazy()
    assert admitted(forms[form](table), unit="who", most=1).rows.count() == 8


def test_text_of_any_bytes_names_a_person():
    who = pa.Array.from_buffers(
        pa.string(),
        3,
        [None, pa.py_buffer(np.int32([0, 1, 2, 3])), pa.py_buffer(b"\xff\xfe\xff")],
    )
    table = pa.table({"who": who, "x": [1, 2, 3]})
    assert admitted(table, unit="who", most=1).rows.count() == 2


@pytest.mark.parametrize("form", ["pyarrow", "backed"])
@pytest.mark.parametrize("unit", [None, "who"])
def test_an_open_end_in_another_zone_stops_no_fit(unit, form):
    """9999-12-31 in UTC is a day of the year 10,000 further east."""
    end = pa.array([253_402_300_799, 0, None, 2**62]).cast(pa.timestamp("s", "UTC"))
    table = pa.table({"x": end.cast(pa.timestamp("s", "Asia/Tokyo")), "who": end})
    if form == "backed":
        table = table.to_pandas(types_mapper=pd.ArrowDtype)
    rows = admitted(table, unit=unit).rows
    for kind in (None, "numeric", "categorical", "datetime", "duration"):
        gap = Gap(name="x", kind=kind)
        counts, labels = histogram(rows.cells("x", gap), gap)
        assert counts.sum() + sum(labels.values()) <= 4
