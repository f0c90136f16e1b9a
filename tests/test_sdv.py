"""SDV's metadata: read in three layouts, written back, and refused where unclear."""

import json
import re

import pytest
from hypothesis import given, strategies as st

from fairveil import _sdv
from fairveil._keys import keys
from fairveil.datasets import TABLES
from fairveil.errors import SchemaError, UnsupportedError
from fairveil.schema import Column, Schema

# every sdtype that says something of its own, with what fairveil writes back
COLUMNS = {
    "person": {"sdtype": "id", "regex_format": "P-[0-9]{6}"},
    "row": {"sdtype": "id"},
    "mail": {"sdtype": "email", "pii": True},
    "grade": {"sdtype": "categorical", "order": ["low", "high"]},
    "city": {"sdtype": "categorical"},
    "pay": {"sdtype": "numerical", "computer_representation": "Float"},
    "weight": {"sdtype": "numerical", "computer_representation": "Float32"},
    "age": {"sdtype": "numerical", "computer_representation": "UInt8"},
    "member": {"sdtype": "boolean"},
    "born": {"sdtype": "datetime", "datetime_format": "%d.%m.%Y"},
    "seen": {"sdtype": "datetime", "datetime_format": "%Y-%m-%d %H:%M"},
    "sold": {"sdtype": "datetime"},
}
FACTS = {
    "city": {"categories": ["here", "there"]},
    "pay": {"lower": 0, "upper": 900.5, "nullable": False},
    "weight": {"lower": 0, "upper": 200},
    "age": {"lower": 0, "upper": 120},
    "born": {"lower": "1900-01-01", "upper": "2020-12-31"},
    "seen": {"lower": "2020-01-01T00:00", "upper": "2020-12-31T23:59"},
    "sold": {"lower": "2020-01-01", "upper": "2020-12-31"},
}
SINGLE = {"METADATA_SPEC_VERSION": "SINGLE_TABLE_V1", "columns": COLUMNS}


def several(version="V1", **tables):
    return {"METADATA_SPEC_VERSION": version, "tables": tables, "relationships": []}


def of(**columns):
    return {"columns": columns, "METADATA_SPEC_VERSION": "SINGLE_TABLE_V1"}


@pytest.mark.parametrize("version", _sdv.VERSIONS)
def test_metadata_comes_back(version):
    schema = Schema.from_sdv(SINGLE, facts=FACTS)
    made = schema.to_sdv(version=version, table="visits", primary_key="person")
    table = made if version == _sdv.SINGLE else made["tables"]["visits"]
    assert table["columns"] == COLUMNS
    assert list(table["columns"]) == list(COLUMNS)
    assert table["primary_key"] == "person"
    assert made["METADATA_SPEC_VERSION"] == version
    assert Schema.from_sdv(json.loads(json.dumps(made)), facts=FACTS) == schema


@pytest.mark.parametrize("name", TABLES)
def test_a_schema_comes_back_with_its_facts(name):
    schema = TABLES[name].schema()
    made = schema.to_sdv()
    again = Schema.from_sdv(made, facts=schema, declared_by=schema.declared_by)
    assert again == schema.model_copy(update={"constraints": ()})


def test_what_each_sdtype_becomes():
    schema = Schema.from_sdv(SINGLE, facts=FACTS, declared_by="the clinic")
    assert schema.declared_by == "the clinic"
    assert schema["person"].pattern == "P-######"
    assert schema["mail"].fake == "e-mail"
    assert (schema["grade"].categories, schema["grade"].ordered) == (
        ("low", "high"),
        True,
    )
    assert (schema["age"].dtype, schema["age"].decimals) == ("UInt8", 0)
    assert (schema["pay"].decimals, schema["pay"].nullable) == (None, False)
    assert schema["born"].kind == "date"
    assert schema["seen"].kind == schema["sold"].kind == "datetime"
    assert schema["born"].layout == "%d.%m.%Y"
    assert all(schema[n].nullable for n in ("city", "age", "member", "born"))
    assert schema.copied_from_data() == ()


@pytest.mark.parametrize("kind", ["city", "country_code", "unknown", "vin"])
def test_personal_data_is_never_left_to_be_learnt(kind):
    schema = Schema.from_sdv(of(a={"sdtype": "boolean"}, b={"sdtype": kind}))
    assert schema["b"].pattern == "uuid"
    assert schema.learnt == ("a",)
    part = Schema.from_sdv(of(a={"sdtype": kind}, b=COLUMNS["pay"]), partial=True)
    assert part.names == ("a",)
    assert part.learnt == ()


def test_columns_that_lack_facts_are_named_or_left_out():
    with pytest.raises(SchemaError, match=r"city \(categories\), pay \(lower, upper\)"):
        Schema.from_sdv(SINGLE)
    part = Schema.from_sdv(SINGLE, partial=True)
    assert part.names == ("person", "row", "mail", "grade", "member")
    with pytest.raises(SchemaError, match="lacks facts"):
        Schema.from_sdv(of(a={"sdtype": "numerical"}), partial=True)
    with pytest.raises(SchemaError, match=r"a \(kind\)"):
        Schema.from_sdv(of(a={"sdtype": "unknown", "pii": False}))


def test_what_sdv_detected_in_a_table_is_marked():
    schema = Schema.from_sdv(SINGLE, facts=FACTS, detected=True)
    copied = schema.copied_from_data()
    assert {"grade.categories", "born.layout", "age.decimals"} <= set(copied)
    assert not {"age.lower", "city.categories", "pay.nullable"} & set(copied)


def test_facts_stand_above_the_metadata():
    facts = {"a": {"kind": "duration", "lower": "PT0S", "upper": "P1D"}}
    for told in ({"sdtype": "unknown"}, {"sdtype": "numerical"}):
        assert Schema.from_sdv(of(a=told), facts=facts)["a"].kind == "duration"
    ids = of(a={"sdtype": "id", "regex_format": "[a-z]+"}, b={"sdtype": "boolean"})
    ids["primary_key"] = "a"
    facts = {"a": {"pattern": "A-##"}}
    assert Schema.from_sdv(ids, facts=facts)["a"].pattern == "A-##"


def test_files_and_objects_are_read(tmp_path):
    path = tmp_path / "metadata.json"
    path.write_text(json.dumps(several(visits={"columns": COLUMNS})), encoding="utf-8")

    class Metadata:
        def to_dict(self):
            return SINGLE

    wanted = Schema.from_sdv(SINGLE, facts=FACTS)
    assert Schema.from_sdv(path, facts=FACTS) == wanted
    assert Schema.from_sdv(str(path), facts=FACTS) == wanted
    assert Schema.from_sdv(Metadata(), facts=FACTS) == wanted


TWO = several(a={"columns": {"x": {"sdtype": "boolean"}}}, b={"columns": COLUMNS})


def test_one_of_several_tables():
    assert Schema.from_sdv(TWO, table="a").names == ("x",)
    with pytest.raises(UnsupportedError, match="try table="):
        Schema.from_sdv(TWO)
    with pytest.raises(SchemaError, match="no such table"):
        Schema.from_sdv(TWO, table="c")


@pytest.mark.parametrize(
    ("metadata", "error", "said"),
    [
        (3, SchemaError, "not SDV's metadata; got 'int'"),
        ({}, SchemaError, "sdtype of each column"),
        ({"columns": {}}, SchemaError, "sdtype of each column"),
        ({"columns": {"a": {}}}, SchemaError, "sdtype of each column"),
        ({"columns": {"a": "id"}}, SchemaError, "sdtype of each column"),
        ({"tables": {}}, SchemaError, "names no table"),
        ({"METADATA_SPEC_VERSION": "V9"}, SchemaError, "unknown; got 'V9'"),
        ({**SINGLE, "sequence_key": "person"}, UnsupportedError, "unit="),
        ({**SINGLE, "primary_key": "city"}, SchemaError, "primary key.*'city'"),
        ({**SINGLE, "primary_key": ["person", "no"]}, SchemaError, "key.*'no'"),
        (of(a={"sdtype": "id", "regex_format": "[a-f]{3}"}), SchemaError, "regex"),
        (of(a={"sdtype": "id", "regex_format": "A*"}), SchemaError, "regex"),
        (of(a={"sdtype": "id", "regex_format": "A{0}"}), SchemaError, "regex"),
        ("none.json", SchemaError, "cannot be read"),
    ],
)
def test_what_is_unclear_is_refused(metadata, error, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=said):
        Schema.from_sdv(metadata, facts={})


def test_facts_for_no_column_and_wrong_wishes():
    with pytest.raises(SchemaError, match="does not have; got 'agee'"):
        Schema.from_sdv(SINGLE, facts={**FACTS, "agee": {"lower": 0}})
    schema = Schema.from_sdv(SINGLE, facts=FACTS)
    with pytest.raises(SchemaError, match="unknown version"):
        schema.to_sdv(version="V2")
    with pytest.raises(SchemaError, match="has to be an identifier"):
        schema.to_sdv(primary_key="age")


@given(st.text("#@\\Px9-.^$ _é", min_size=1, max_size=12))
def test_patterns_are_regular_expressions_of_their_identifiers(text):
    pattern = text.removesuffix("\\") or "#"  # a backslash takes a sign
    column = Column(name="k", kind="identifier", pattern=pattern)
    told = _sdv.written((column,), key=None)["columns"]["k"]
    for key in keys(column, start=0, n=1, seed=3):
        assert re.fullmatch(told["regex_format"], key)
    (again,), _ = _sdv.read({"k": told}, {}, detected=False)
    twin = Column(name="k", kind="identifier", pattern=again["pattern"])
    assert keys(twin, start=0, n=1, seed=3) == keys(column, start=0, n=1, seed=3)


@pytest.mark.parametrize("sdtype", ["numerical", "categorical", "datetime"])
def test_what_is_marked_as_personal_data_is_never_learnt(sdtype):
    schema = Schema.from_sdv(of(a={"sdtype": sdtype, "pii": True}))
    assert [column.kind for column in schema.columns] == ["identifier"]


@pytest.mark.parametrize(
    "told",
    [
        {"sdtype": "datetime", "datetime_format": 7},
        {"sdtype": "categorical", "order": 7},
        {"sdtype": "numerical", "computer_representation": 7},
    ],
)
def test_what_is_no_text_or_list_is_refused(told):
    with pytest.raises(SchemaError, match="no text or list"):
        Schema.from_sdv(of(a=told))
