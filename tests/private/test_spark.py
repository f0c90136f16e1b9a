"""A table that a cluster holds: Spark counts, and gives the same counts and codes."""

import os
import shutil
import sys

import numpy as np
import pandas as pd
import pytest

from fairveil._gaps import Gap
from fairveil.codec import Codec
from fairveil.errors import TableError
from fairveil.privacy.ledger import Ledger
from fairveil.privacy.noise import NoiseSource
from fairveil.private.discover import histogram
from fairveil.private.intake import admit
from fairveil.tables import entry

pytest.importorskip("pyarrow", reason="pyarrow is not installed")
pyspark = pytest.importorskip("pyspark", reason="pyspark is not installed")
if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
    pytest.skip("Spark needs Java, which is not here", allow_module_level=True)

pytestmark = [
    # said of the pandas that this suite runs with; what is read of it is tested here
    pytest.mark.filterwarnings("ignore:PySpark does not yet:FutureWarning"),
    # Spark's launcher forks at once into Java, which no thread of JAX outlives
    pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning"),
]

GAPS = (Gap(name="x"), Gap(name="x", kind="numeric"), Gap(name="x", kind="categorical"))


@pytest.fixture(scope="module")
def session():
    os.environ["PYSPARK_PYTHON"] = sys.executable
    made = (
        pyspark.sql.SparkSession.builder.master("local[1]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.log.level", "OFF")
        .getOrCreate()
    )
    yield made
    made.stop()


@pytest.fixture(scope="module")
def table(tiny_table):
    units = [None if i % 19 == 0 else f"p{i % 150}" for i in range(len(tiny_table))]
    return tiny_table.assign(**{"who.is": units})


@pytest.fixture(scope="module")
def frame(session, table):
    rows = table.astype(object).where(table.notna(), None)
    types = "sex string, age long, pay double, member boolean, city string, visits long"
    made = session.createDataFrame(
        [tuple(row) for row in rows.itertuples(index=False)],
        f"{types}, `who.is` string",
    )
    return made.repartition(2)


def admitted(table, unit=None):
    gate, _ = admit(
        entry.open_table(table),
        unit=unit,
        max_rows_per_unit=2,
        ledger=Ledger(epsilon=1.0, delta=1e-5),
        noise=NoiseSource.insecure(3),
        rho=0.01,
    )
    return gate.rows


def test_counts_before_the_noise_are_those_of_pandas(frame, table):
    real, rows = admitted(table), admitted(frame)
    assert rows.count() == real.count()
    for name in table.columns:
        found = rows.cells(name)  # one query
        for gap in GAPS:
            mine = histogram(found, gap)
            theirs = histogram(real.cells(name), gap)
            np.testing.assert_array_equal(mine[0], theirs[0])
            assert mine[1] == theirs[1]


def test_codes_are_those_of_pandas_in_some_order(frame, table, tiny_schema):
    codec = Codec.on_grid(tiny_schema)
    real = admitted(table).encoded(codec).unwrap()
    mine = np.array(admitted(frame).encoded(codec).unwrap(), dtype=np.int32)
    np.testing.assert_array_equal(np.sort(mine, 0), np.sort(real, 0))
    assert sorted(map(tuple, mine)) == sorted(map(tuple, real))


def test_rows_are_bounded_by_unit(frame, table):
    rows = admitted(frame, unit="who.is")
    sizes = table["who.is"].value_counts()
    lone = int(table["who.is"].isna().sum())
    assert rows.count() == int(sizes.clip(upper=2).sum()) + lone


def test_names_and_types_come_without_rows(frame, table):
    opened = entry.open_table(frame)
    head = entry.shown(opened, private=True)
    assert head.columns == list(table.columns)
    assert len(head) == 0
    assert entry.kind_of(opened) == "pandas"
    assert isinstance(head.to_native(), pd.DataFrame)


def test_what_spark_says_is_not_repeated(session):
    spoilt = session.sql("SELECT raise_error('hunter2') AS a")
    opened = entry.open_table(spoilt)
    for read in (lambda: list(opened.batches(["a"])), lambda: opened.groups("a")):
        with pytest.raises(TableError, match="Spark could not read") as caught:
            read()
        assert "hunter2" not in str(caught.value)
        assert caught.value.__cause__ is caught.value.__context__ is None
