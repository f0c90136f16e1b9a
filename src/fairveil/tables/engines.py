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
        self.columns = shielded("Polars", lambda: frame.collect_schema().names())

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
