"""``fit`` and ``sample`` with every form of a table, as a user would call them."""

import pandas as pd
import pytest

from fairveil.errors import ConfigError
from fairveil.synthesizer import FairVeil

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
