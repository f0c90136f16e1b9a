"""Rows written part by part: the same file as all at once, whole or not at all."""

import errno
import gzip

import numpy as np
import pandas as pd
import pytest

from fairveil.errors import ConfigError, TableError
from fairveil.schema import Column, Schema
from fairveil.tables import writing
from fairveil.tables.files import read_table, write_table

SECRET = "hunter2"


def cut(frame, rows=150):
    """The frame's values in parts, as a model decodes them."""
    columns = {
        name: [None if pd.isna(v) else v for v in frame[name]] for name in frame.columns
    }
    for at in range(0, max(len(frame), 1), rows):
        yield {name: values[at : at + rows] for name, values in columns.items()}


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz"])
def test_parts_make_the_file_of_the_whole(tmp_path, tiny_table, tiny_schema, name):
    writing.written(tmp_path / name, cut(tiny_table), tiny_schema)
    write_table(tiny_table, tmp_path / f"whole-{name}")
    files = [(tmp_path / n).read_bytes() for n in (name, f"whole-{name}")]
    if name.endswith("gz"):
        files = [gzip.decompress(data) for data in files]
    assert files[0] == files[1]


def test_parquet_in_parts_has_one_type_a_column(tmp_path, tiny_table, tiny_schema):
    parquet = pytest.importorskip(
        "pyarrow.parquet", reason="pyarrow.parquet is not installed"
    )
    frame = tiny_table.copy()
    frame.loc[:149, ["city", "visits", "pay"]] = None  # a part without any value
    writing.written(tmp_path / "t.parquet", cut(frame), tiny_schema)
    types = [str(kind) for kind in parquet.read_schema(tmp_path / "t.parquet").types]
    assert types[:4] == ["string", "int64", "double", "bool"]
    assert types[4].startswith("dictionary<values=string")
    assert types[5] == "int64"
    back = read_table(tmp_path / "t.parquet")
    for name in frame.columns:
        one, other = (f[name].astype(object) for f in (back, frame))
        assert one.isna().equals(other.isna()), name
        assert one[one.notna()].tolist() == other[other.notna()].tolist(), name


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.parquet"])
def test_no_rows_leave_the_names(tmp_path, tiny_table, tiny_schema, name):
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    writing.written(tmp_path / name, cut(tiny_table.iloc[:0]), tiny_schema)
    back = read_table(tmp_path / name)
    assert list(back.columns) == list(tiny_table.columns)
    assert len(back) == 0


def test_a_part_of_midnights_keeps_its_clock(tmp_path):
    facts = {"lower": "2020-01-01T00:00:00", "upper": "2020-01-03T00:00:00"}
    column = Column(
        name="t", kind="datetime", dtype="datetime64[s]", resolution="second", **facts
    )
    schema = Schema(columns=(column,))
    moments = np.array(["2020-01-01", "2020-01-02T03:04:05", "NaT"], "M8[s]")
    parts = ({"t": moments[:1]}, {"t": moments[1:]})
    writing.written(tmp_path / "t.csv", iter(parts), schema)
    lines = (tmp_path / "t.csv").read_text().split("\n")
    assert lines[:3] == ["t", "2020-01-01 00:00:00", "2020-01-02 03:04:05"]


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.parquet"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, SECRET), KeyboardInterrupt()])
def test_a_stop_in_the_middle_leaves_the_old_file(
    tmp_path, tiny_table, tiny_schema, name, error
):
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    (tmp_path / name).write_text("old")

    def stops():
        yield from cut(tiny_table)
        raise error

    full = isinstance(error, OSError)
    with pytest.raises(TableError if full else KeyboardInterrupt) as caught:
        writing.written(tmp_path / name, stops(), tiny_schema)
    assert SECRET not in str(caught.value)
    assert (tmp_path / name).read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_a_model_writes_the_rows_that_it_samples(tmp_path, tiny_model):
    rows = 9000  # more than one block
    tiny_model.sample_to(tmp_path / "t.csv", rows, random_state=3)
    write_table(tiny_model.sample(rows, random_state=3), tmp_path / "whole.csv")
    whole = (tmp_path / "whole.csv").read_bytes()
    assert (tmp_path / "t.csv").read_bytes() == whole
    where = {"sex": "f"}
    tiny_model.sample_to(tmp_path / "f.csv", 50, random_state=3, where=where)
    assert set(read_table(tmp_path / "f.csv")["sex"]) == {"f"}
    with pytest.raises(ConfigError):
        tiny_model.sample_to(tmp_path / "n.csv", -1)
    assert not (tmp_path / "n.csv").exists()
