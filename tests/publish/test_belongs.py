"""Whether a table can be a release: what the model itself draws is one, in any file."""

import pandas as pd
import pytest

from fairveil.publish.belongs import belongs
from fairveil.tables.files import read_table, write_table


@pytest.fixture(scope="module")
def rows(tiny_model):
    return tiny_model.sample(200, random_state=5)


def test_a_release_belongs_typed_or_as_text(rows, tiny_schema, tmp_path):
    assert belongs(rows, tiny_schema)
    write_table(rows, tmp_path / "s.csv")
    assert belongs(read_table(tmp_path / "s.csv"), tiny_schema)
    assert belongs(read_table(tmp_path / "s.csv", typed=True), tiny_schema)


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.drop(columns="age"),
        lambda t: t[["age", "sex", "pay", "member", "city", "visits"]],
        lambda t: t.assign(more=1),
        lambda t: t.assign(age=t["age"].where(t.index > 0, 91)),
        lambda t: t.assign(age=t["age"].astype("Int64").where(t.index > 0)),
        lambda t: t.assign(age=t["age"].astype(str).where(t.index > 0, "x")),
        lambda t: t.assign(sex=t["sex"].where(t.index > 0, "d")),
        lambda t: t.assign(member=t["member"].astype(object).where(t.index > 0, "no")),
        lambda t: t.assign(city=pd.Series("east", index=t.index)),
        lambda t: t.assign(city=[["west"]] * len(t)),
        lambda t: t.assign(age=[{"years": 30}] * len(t)),
    ],
)
def test_one_cell_or_column_that_the_schema_does_not_know(rows, tiny_schema, change):
    assert not belongs(change(rows), tiny_schema)


def test_spellings_of_a_number_are_one_category(tiny_schema):
    column = tiny_schema["sex"].model_copy(update={"categories": (1, 2)})
    schema = tiny_schema.select(["sex"]).model_copy(update={"columns": (column,)})
    for values in ([1, 2], [1.0, 2.0], ["1", "2"], ["1.0", "2"]):
        assert belongs(pd.DataFrame({"sex": values}), schema)
    assert not belongs(pd.DataFrame({"sex": [3]}), schema)
