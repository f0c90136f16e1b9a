"""What is public before a fit: names, declared facts, dtypes where declared."""

import narwhals as nw
import pandas as pd
import pytest

from fairveil._gaps import Gap, of_earlier, plan
from fairveil.schema import Column, Schema

FRAME = pd.DataFrame(
    {
        "who": [1, 2],
        "n": [1, 2],
        "x": [0.5, None],
        "yes": [True, False],
        "maybe": pd.array([True, None], dtype="boolean"),
        "big": pd.array([1, None], dtype="Int64"),
        "word": pd.array(["a", "b"], dtype="string"),
        "level": pd.Categorical(["a", "b"]),
        "thing": pd.Series(["a", 1], dtype=object),
        "day": pd.to_datetime(["2020-01-01", "2020-01-02"]),
    }
)


def planned(schema=None, *, unit=None, public_dtypes=False, frame=FRAME):
    table = nw.from_native(frame, eager_only=True)
    return plan(table, schema, unit=unit, public_dtypes=public_dtypes)


def test_without_a_schema_all_is_open_and_in_the_tables_order():
    found = planned(unit="who")
    assert found.names == tuple(FRAME.columns[1:])
    assert all(c == Gap(name=c.name) for c in found.columns)
    assert "measured" in found.declared_by


def test_no_dtype_is_looked_at_unless_it_is_declared():
    text = FRAME.astype(object)
    assert planned() == planned(frame=text)


def test_declared_dtypes_are_attributed_and_fix_what_they_state():
    found = planned(public_dtypes=True)
    by_name = {c.name: c for c in found.columns}
    whole = {"dtype": "int64", "decimals": 0, "nullable": False}
    assert by_name["n"] == Gap(name="n", kind="numeric", facts=whole)
    assert by_name["x"] == Gap(name="x", kind="numeric", facts={"dtype": "float64"})
    assert by_name["maybe"] == Gap(
        name="maybe", kind="boolean", facts={"dtype": "boolean"}
    )
    assert by_name["big"].facts == {"dtype": "Int64", "decimals": 0}
    assert by_name["word"].kind == by_name["level"].kind == "categorical"
    assert by_name["level"].facts == {"dtype": "category"}  # its levels are not public
    assert by_name["thing"] == Gap(name="thing")
    assert by_name["day"].kind == "datetime"
    boolean = by_name["yes"]  # nothing is left to measure
    assert isinstance(boolean, Column)
    assert set(boolean.provenance.values()) == {"public"}
    assert "dtypes declared by the caller" in found.declared_by


def test_described_columns_stand_and_the_others_are_open():
    known = Column(name="n", kind="numeric", lower=0.0, upper=9.0, decimals=0)
    found = planned(Schema(columns=(known,), declared_by="a code book"))
    assert found.columns[1] == known
    assert all(isinstance(c, Gap) for c in found.columns if c.name != "n")
    assert found.declared_by.startswith("a code book; ")


def test_a_fully_described_table_says_nothing_of_measuring():
    known = Column(name="n", kind="numeric", lower=0.0, upper=9.0, decimals=0)
    schema = Schema(columns=(known,), declared_by="a code book")
    assert planned(schema, frame=FRAME[["n"]]).declared_by == "a code book"


def test_facts_of_an_earlier_fit_are_named_as_such():
    measured = Column(
        name="n", kind="numeric", lower=0.0, upper=9.0, provenance={"lower": "dp"}
    )
    first = planned(frame=FRAME[["n"]])
    schema = Schema(columns=(measured,), declared_by=f"me; {first.declared_by}")
    again = of_earlier(schema)
    assert again.declared_by.startswith("me; ")
    assert "an earlier fit" in again.declared_by
    assert first.declared_by not in again.declared_by
    assert of_earlier(again) == again
    both = planned(schema, frame=FRAME[["n", "x"]]).declared_by
    assert both == f"{again.declared_by}; {first.declared_by}"
    public = Schema(columns=(Column(name="n", kind="boolean"),), declared_by="me")
    assert of_earlier(public) == public


def test_columns_with_copied_facts_are_measured_anew():
    found = planned(Schema.infer(FRAME[["n", "word", "yes"]]))
    assert all(c == Gap(name=c.name) for c in found.columns)


@pytest.mark.parametrize(
    ("public", "kind", "facts"),
    [
        ({"kind": "public"}, "categorical", {}),
        ({"nullable": "public"}, None, {"nullable": False}),
        (
            {"categories": "public", "nullable": "from-data"},
            "categorical",
            {"categories": ("a", "b"), "ordered": False, "other": None},
        ),
    ],
)
def test_facts_marked_public_one_by_one_stand(public, kind, facts):
    marks = {"categories": "from-data", "dtype": "from-data", **public}
    column = Column(
        name="word", kind="categorical", categories=("a", "b"), provenance=marks
    )
    (found,) = planned(Schema(columns=(column,)), frame=FRAME[["word"]]).columns
    assert found == Gap(name="word", kind=kind, facts=facts)


def test_a_public_bound_says_that_a_column_is_numeric():
    column = Column(
        name="n",
        kind="numeric",
        lower=0.0,
        upper=9.0,
        provenance={"lower": "public", "upper": "from-data", "nullable": "from-data"},
    )
    (found,) = planned(Schema(columns=(column,)), frame=FRAME[["n"]]).columns
    assert found == Gap(name="n", kind="numeric", facts={"lower": 0.0})
