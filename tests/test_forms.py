"""``fit`` and ``sample`` with every form of a table, as a user would call them."""

from typing import ClassVar

import pandas as pd
import pytest

from fairveil.constraints import Order
from fairveil.errors import ConfigError
from fairveil.synthesizer import FairVeil
from fairveil.tables.engines import DuckSource

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
pl = pytest.importorskip("polars", reason="polars is not installed")


def fitted(table, **wishes):
    quick = {"fairness": None, "generator": "decoder", "random_state": 1}
    return FairVeil(**{**quick, **wishes}).fit(table)


@pytest.mark.usefixtures("tiny_fits")
def test_a_fit_gives_back_the_kind_of_frame(tiny_table, tiny_schema, tmp_path):
    model = fitted(pl.from_pandas(tiny_table), schema=tiny_schema)
    model.save(tmp_path / "m.fairveil")
    for one in (model, FairVeil.load(tmp_path / "m.fairveil")):
        made = one.sample(7, random_state=2)
        assert isinstance(made, pl.DataFrame)
        assert made.shape == (7, 6)
        assert made.schema["city"] == pl.Categorical
    as_pandas = model.sample(7, random_state=2, backend="pandas")
    assert isinstance(as_pandas, pd.DataFrame)
    assert as_pandas["city"].dtype == "category"
    other = model.sample(7, random_state=2, backend="pyarrow")
    assert isinstance(other, pa.Table)
    assert (
        other["age"].to_pylist() == as_pandas["age"].tolist() == made["age"].to_list()
    )
    with pytest.raises(ConfigError, match="backend"):
        model.sample(1, backend="spark")


@pytest.mark.usefixtures("tiny_fits")
def test_discovery_and_units_work_in_a_table_of_arrow(tiny_table):
    frame = pd.concat([tiny_table] * 8, ignore_index=True)
    frame["who"] = [f"p{i // 2}" for i in range(len(frame))]
    table = pa.Table.from_pandas(frame, preserve_index=False)
    model = fitted(lambda: table, unit="who", max_rows_per_unit=2, epsilon=20.0)
    assert list(model.feature_names_in_) == list(tiny_table)
    assert {c.kind for c in model.schema_.columns} >= {"numeric", "categorical"}
    assert isinstance(model.sample(3), pa.Table)


@pytest.mark.usefixtures("tiny_fits")
def test_a_fit_without_privacy_copies_the_facts_of_a_lazy_frame(tiny_table):
    model = fitted(pl.from_pandas(tiny_table).lazy(), epsilon=float("inf"))
    assert model.schema_["age"].lower == tiny_table["age"].min()
    assert not model.statement_.private


class Untouchable:
    """A cell that tells who looks at it."""

    touched: ClassVar[list[str]] = []

    def __getattribute__(self, name):
        Untouchable.touched.append(name)
        return object.__getattribute__(self, name)

    def __hash__(self):
        Untouchable.touched.append("hash")
        return 1

    def __str__(self):
        Untouchable.touched.append("str")
        return "secret"


@pytest.mark.usefixtures("tiny_fits")
@pytest.mark.parametrize("epsilon", [20.0, float("inf")])
def test_no_cell_of_a_column_that_is_left_out_is_read(tiny_table, epsilon):
    frame = pd.concat([tiny_table] * 8, ignore_index=True)
    frame["notes"] = [Untouchable() for _ in range(len(frame))]
    fitted(frame, epsilon=epsilon)
    assert Untouchable.touched
    Untouchable.touched.clear()
    model = fitted(frame, epsilon=epsilon, leave_out=["notes", "pay"])
    assert Untouchable.touched == []
    kept = [name for name in tiny_table if name != "pay"]
    assert list(model.feature_names_in_) == list(model.sample(3)) == kept
    assert model.get_params()["leave_out"] == ["notes", "pay"]


@pytest.mark.usefixtures("tiny_fits")
@pytest.mark.parametrize("discover", [None, True])
def test_a_column_of_the_schema_can_be_left_out(tiny_table, tiny_schema, discover):
    rule = Order(low="pay", high="age")
    schema = tiny_schema.model_copy(update={"constraints": (rule,)})
    assert schema.constraints
    wishes = {"schema": schema, "discover": discover, "epsilon": 20.0}
    model = fitted(tiny_table, leave_out=["pay"], **wishes)
    assert "pay" not in model.schema_.names
    assert model.schema_.constraints == ()
    assert "pay" not in model.sample(9)


@pytest.mark.usefixtures("tiny_fits")
def test_a_column_that_is_left_out_stays_where_the_file_lies(
    tiny_table, tiny_schema, tmp_path, monkeypatch
):
    tiny_table.assign(notes="n").to_parquet(tmp_path / "t.parquet")
    asked, honest = set(), DuckSource.batches

    def batches(self, names):
        asked.update(names)
        return honest(self, names)

    monkeypatch.setattr(DuckSource, "batches", batches)
    for unit, schema in ((None, tiny_schema), ("visits", tiny_schema.drop(["visits"]))):
        wishes = {"unit": unit, "schema": schema, "leave_out": ["notes"]}
        fitted(tmp_path / "t.parquet", **wishes)
    assert asked == set(tiny_table)
