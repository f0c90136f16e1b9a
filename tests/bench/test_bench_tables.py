"""The registry of public tables, the split and the code book."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fairveil.bench import tables
from fairveil.bench.jobs import lay_table, read_cells, read_json
from fairveil.bench.tables import TABLES, code_book, whole_numbers
from fairveil.errors import ConfigError, TableError

DATA = Path(__file__).parents[3] / "shared" / "data"
REAL = [
    "compas",
    "health_insurance_meps",
    "heart_failure",
    "obesity",
    "appendicitis",
    "hiv_actg175",
]


@pytest.mark.parametrize("name", TABLES)
def test_an_entry_agrees_with_itself(name):
    known = TABLES[name]
    assert known.name == name
    asked = {known.target, *known.sensitive}
    assert len(asked) == 1 + len(known.sensitive)
    assert not asked & set(known.dropped)
    assert known.source
    assert all(known.dropped.values())  # each with its reason


@pytest.mark.parametrize("name", REAL)
def test_a_real_table_is_read(name):
    if not DATA.is_dir():
        pytest.skip("no folder of real tables")
    known = TABLES[name]
    frame = known.load(DATA)
    target = frame[known.target].dropna()
    if known.positive is None:
        assert target.nunique() > 2
    else:
        assert 0.05 < (target == known.positive).mean() < 0.95
    assert frame.nunique().min() > 1  # constant columns are dropped
    assert not set(known.dropped) & set(frame.columns)


def test_an_unknown_table_is_refused():
    with pytest.raises(ConfigError, match="table is unknown"):
        tables.table("nothing")


def test_a_table_without_its_columns_is_refused(bench):
    (bench.data / "toy.csv").write_text("y,code\n1,2\n", encoding="utf-8")
    with pytest.raises(TableError, match="columns are missing"):
        TABLES["toy"].load(bench.data)


def test_missing_marks_labels_and_dropped_columns(bench):
    frame = TABLES["toy"].load(bench.data)
    assert list(frame.columns) == ["code", "n", "x", "s", "y"]
    assert set(frame["code"]) == {"01", "2", "NA"}  # text, and NA is a label
    assert frame["n"].dtype == "Int64"
    assert frame["n"].isna().any()


def test_whole_numbers_become_integers_and_no_others():
    frame = pd.DataFrame(
        {
            "w": [1.0, 2.0],
            "gap": [1.0, np.nan],
            "half": [1.0, 1.5],
            "none": [np.nan, np.nan],
            "text": ["1", "2"],
        }
    )
    found = whole_numbers(frame)
    kinds = {name: str(found[name].dtype) for name in ("w", "gap", "half", "none")}
    assert kinds == {
        "w": "int64",
        "gap": "Int64",
        "half": "float64",
        "none": "float64",
    }
    assert found["text"].tolist() == ["1", "2"]
    assert frame["w"].dtype == "float64"  # the argument stays as it was


def test_the_code_book():
    frame = pd.DataFrame(
        {
            "c": ["b", None, "a"],
            "i": pd.array([3, None, -1], dtype="Int64"),
            "f": [0.25, 1.5, 2.0],
            "fine": [1 / 3, 2 / 3, 1.0],
            "t": [True, False, True],
        }
    )
    facts = {column["name"]: column for column in code_book(frame)["columns"]}
    assert facts["c"] == {
        "name": "c",
        "missing": True,
        "kind": "category",
        "categories": ["a", "b"],
    }
    assert facts["i"]["kind"] == "integer"
    assert (facts["i"]["lower"], facts["i"]["upper"]) == (-1, 3)
    assert facts["i"]["missing"] is True
    assert facts["f"]["kind"] == "number"
    assert (facts["f"]["decimals"], facts["fine"]["decimals"]) == (2, 6)
    assert facts["f"]["missing"] is False
    assert facts["t"]["categories"] == ["False", "True"]


def test_a_table_is_laid_down_once_and_split_by_thirds(bench):
    lay_table("toy", work=bench.work, data=bench.data)
    home = bench.work / "toy"
    schema = home / "schema.json"
    train, test = (read_cells(home / f"{n}.csv", schema) for n in ("train", "test"))
    whole = TABLES["toy"].load(bench.data)
    assert len(test) == pytest.approx(0.3 * len(whole), abs=1)
    both = pd.concat([train, test]).astype(str).sort_values(list(train.columns))
    texts = whole.astype(object).where(whole.notna(), np.nan)
    texts["n"] = texts["n"].astype(float)
    expected = texts.astype(str).sort_values(list(train.columns))
    assert both.to_numpy().tolist() == expected.to_numpy().tolist()
    assert len(read_json(schema)["columns"]) == len(whole.columns)
    (bench.data / "toy.csv").unlink()
    before = (home / "train.csv").read_bytes()
    lay_table("toy", work=bench.work, data=bench.data)  # needs the table no more
    assert (home / "train.csv").read_bytes() == before


def test_a_half_laid_table_is_laid_again(bench):
    lay_table("toy", work=bench.work, data=bench.data)
    before = (bench.work / "toy" / "train.csv").read_bytes()
    (bench.work / "toy" / "train.csv").unlink()
    lay_table("toy", work=bench.work, data=bench.data)
    assert (bench.work / "toy" / "train.csv").read_bytes() == before
