"""Tables that an engine reads: it counts by group and streams, fairveil adds the noise.

Secret: what the engine returns. Public: names and types. Each query is one of three:
the number of rows, how often each value of one column occurs, and all rows of some
columns. The exact answers go behind the border and nowhere else.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from typing import Any

import narwhals as nw
import numpy as np

from fairveil.tables import arrow
from fairveil.tables.source import CHUNK, Source, shielded, streamed

_N = "fairveil_count"  # name of the counts, unless a column has it


def of_polars(frame: Any) -> Any:
    """A Polars frame in Arrow, mostly without a copy."""
    arrow.library()
    return shielded("Polars", frame.to_arrow)


class LazySource(Source):
    """A Polars lazy frame, collected by Polars' own streaming engine.

    Args:
        frame: the query.
    """

    kind = "polars"

    def __init__(self, frame: Any) -> None:
        self._frame = frame
        arrow.library()
        self.columns: list[str] = shielded(
            "Polars", lambda: frame.collect_schema().names()
        )

    def head(self) -> nw.DataFrame[Any]:
        """No rows: names and dtypes."""
        schema = self._frame.collect_schema()
        return arrow.head(shielded("Polars", lambda: _empty(schema).to_arrow().schema))

    def count(self) -> int:
        """The true number of rows."""
        pl = importlib.import_module("polars")
        found = shielded("Polars", lambda: _collect(self._frame.select(pl.len())))
        return int(found.item())

    def groups(self, name: str) -> tuple[Any, np.ndarray]:
        """Distinct cells of a column, and the true count of each."""
        pl = importlib.import_module("polars")
        count = f"{_N}{name}"
        query = self._frame.select(pl.col(name))
        query = query.group_by(name).agg(pl.len().alias(count))
        found = shielded("Polars", lambda: _collect(query).to_arrow())
        return found[name], found[count].to_numpy()

    def batches(self, names: Sequence[str]) -> Iterator[Any]:
        """All rows of some columns, as Arrow tables of bounded size."""
        query = self._frame.select(list(names))
        parts = query.collect_batches(chunk_size=CHUNK, maintain_order=True)
        for part in streamed("Polars", iter(parts)):
            yield of_polars(part)


def _collect(query: Any) -> Any:
    return query.collect(engine="streaming")


def _empty(schema: Any) -> Any:
    return importlib.import_module("polars").DataFrame(schema=schema)


class DuckSource(Source):
    """A DuckDB relation; its connection runs the queries.

    Args:
        relation: the table.
        schema: Arrow names and types of its columns where they are known better.
        declares: as in ``Source``.
    """

    reader = "DuckDB"  # as errors name it

    def __init__(
        self, relation: Any, *, schema: Any = None, declares: bool = False
    ) -> None:
        arrow.library()
        self._relation, self._schema = relation, schema
        self.declares: bool = declares
        self.columns: list[str] = list(relation.columns)

    def head(self) -> nw.DataFrame[Any]:
        """No rows: names and dtypes."""
        schema = self._schema
        if schema is None:
            empty = self._relation.limit(0)
            schema = shielded(self.reader, lambda: empty.to_arrow_table().schema)
        return arrow.head(schema)

    def count(self) -> int:
        """The true number of rows."""
        query = self._relation.aggregate("count(*)")
        return int(shielded(self.reader, query.fetchall)[0][0])

    def groups(self, name: str) -> tuple[Any, np.ndarray]:
        """Distinct cells of a column, and the true count of each."""
        cell, count = quoted(name), quoted(f"{_N}{name}")
        query = self._relation.aggregate(f"{cell}, count(*) AS {count}", cell)
        found = shielded(self.reader, query.to_arrow_table)
        return found.column(0), found.column(1).to_numpy()

    def batches(self, names: Sequence[str]) -> Iterator[Any]:
        """All rows of some columns, as Arrow tables of bounded size."""
        pa = arrow.library()
        query = self._relation.select(", ".join(map(quoted, names)))
        reader = shielded(self.reader, lambda: query.to_arrow_reader(CHUNK))
        try:
            for batch in streamed(self.reader, iter(reader)):
                yield pa.Table.from_batches([batch]).rename_columns(list(names))
        finally:
            reader.close()  # or the connection would take no other query


class SparkSource(Source):
    """A PySpark frame: the cluster counts, and streams a partition at a time.

    Args:
        frame: of a classic session or of Spark Connect.
    """

    def __init__(self, frame: Any) -> None:
        arrow.library()
        self._frame = frame
        self.columns: list[str] = list(frame.columns)

    def head(self) -> nw.DataFrame[Any]:
        """No rows: names and dtypes."""
        empty = self._frame.limit(0)
        return arrow.head(shielded("Spark", lambda: empty.toArrow().schema))

    def count(self) -> int:
        """The true number of rows."""
        return int(shielded("Spark", self._frame.count))

    def groups(self, name: str) -> tuple[Any, np.ndarray]:
        """Distinct cells of a column, and the true count of each."""
        spark = importlib.import_module("pyspark.sql.functions")
        cell = spark.col(_ticked(name))
        counted = spark.count(spark.lit(1)).alias(f"{_N}{name}")
        query = self._frame.groupBy(cell).agg(counted)
        found = shielded("Spark", query.toArrow)
        return found.column(0), found.column(1).to_numpy()

    def batches(self, names: Sequence[str]) -> Iterator[Any]:
        """All rows of some columns, as Arrow tables of bounded size."""
        pa = arrow.library()
        spark = importlib.import_module("pyspark.sql.functions")
        cells = [spark.col(_ticked(n)).alias(f"c{j}") for j, n in enumerate(names)]
        query = self._frame.select(*cells)
        packed = query.mapInArrow(_packing(), "batch binary")
        rows = shielded("Spark", packed.toLocalIterator)
        for row in streamed("Spark", iter(rows)):
            table = pa.ipc.open_stream(row["batch"]).read_all()
            yield table.rename_columns(list(names))


def _packing() -> Any:
    """A function that turns each Arrow batch into one row of bytes.

    It is made inside another one, so that it travels to the workers by value: they need
    pyarrow and no fairveil.
    """

    def pack(batches: Any) -> Any:
        pa = importlib.import_module("pyarrow")
        for batch in batches:
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, batch.schema) as writer:
                writer.write_batch(batch)
            cell = pa.array([sink.getvalue().to_pybytes()], pa.binary())
            yield pa.record_batch({"batch": cell})

    return pack


def quoted(name: str) -> str:
    """A column in SQL."""
    return '"' + name.replace('"', '""') + '"'


def _ticked(name: str) -> str:
    """A column of Spark's, dots and all."""
    return "`" + name.replace("`", "``") + "`"
