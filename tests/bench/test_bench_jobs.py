"""The protocol: names of folders, job.json, cells as they are read."""

import math

import pytest

from fairveil.bench.jobs import (
    Job,
    lay_job,
    lay_table,
    read_cells,
    read_json,
    write_json,
)
from fairveil.errors import TableError


@pytest.mark.parametrize(
    ("epsilon", "name"),
    [(1.0, "m-eps1-seed2"), (0.5, "m-eps0.5-seed2"), (math.inf, "m-epsinf-seed2")],
)
def test_the_folder_of_a_job(tmp_path, epsilon, name):
    job = Job(table="t", method="m", epsilon=epsilon, seed=2)
    assert job.folder(tmp_path) == tmp_path / "t" / name


def test_job_json_has_what_the_protocol_says(bench):
    job = bench.job(epsilon=0.5, seed=7)
    lay_table("toy", work=bench.work, data=bench.data)
    folder = job.folder(bench.work)
    folder.mkdir(parents=True)
    facts = read_json(lay_job(job, work=bench.work, time_limit=60.0))
    home = bench.work.resolve() / "toy"
    assert facts == {
        "method": "fake",
        "train": str(home / "train.csv"),
        "schema": str(home / "schema.json"),
        "epsilon": 0.5,
        "delta": 1e-5,
        "seed": 7,
        "rows": len((home / "train.csv").read_text("utf-8").splitlines()) - 1,
        "out": str(home / job.name / "synthetic.csv"),
        "done": str(home / job.name / "done.json"),
        "target": "y",
        "positive": "yes",
        "sensitive": ["s"],
        "time_limit": 60.0,
        "options": {},
    }


def test_no_privacy_is_null(bench):
    job = bench.job(epsilon=math.inf)
    lay_table("toy", work=bench.work, data=bench.data)
    job.folder(bench.work).mkdir(parents=True)
    assert read_json(lay_job(job, work=bench.work, time_limit=60.0))["epsilon"] is None


@pytest.fixture
def schema(tmp_path):
    columns = [{"name": "c", "kind": "category"}, {"name": "n", "kind": "integer"}]
    write_json(tmp_path / "schema.json", {"columns": columns})
    return tmp_path / "schema.json"


def cells(text, schema):
    path = schema.with_name("cells.csv")
    path.write_text(text, encoding="utf-8")
    return read_cells(path, schema)


def test_categories_stay_text_and_empty_cells_are_missing(schema):
    found = cells("c,n\n01,1\nNA,2\n,\nnan,3\n", schema)
    assert found["c"].isna().tolist() == [False, False, True, False]
    assert found["c"].dropna().tolist() == ["01", "NA", "nan"]
    assert found["n"].dropna().tolist() == [1, 2, 3]


def test_text_among_numbers_and_unknown_columns_stay_text(schema):
    found = cells("c,n,more\na,1,5\nb,x,6\n", schema)
    assert found["n"].tolist() == ["1", "x"]
    assert found["more"].tolist() == ["5", "6"]


@pytest.mark.parametrize(
    "text", ["", 'c,n\n"a,1\n', "c,n\na,1,2,3\nb,1,2\nc,1\n,,,,\n"]
)
def test_what_is_no_table_is_refused(schema, text):
    with pytest.raises(TableError, match="no CSV table"):
        cells(text, schema)


def test_a_file_that_is_not_text_is_refused(schema):
    path = schema.with_name("cells.csv")
    path.write_bytes(b"c,n\n\xff\xfe,1\n")
    with pytest.raises(TableError, match="no CSV table"):
        read_cells(path, schema)


@pytest.mark.parametrize("text", ["", "{", "[1]", "null"])
def test_a_broken_object_is_an_empty_one(tmp_path, text):
    (tmp_path / "f.json").write_text(text, encoding="utf-8")
    assert read_json(tmp_path / "f.json") == {}
    assert read_json(tmp_path / "none.json") == {}
