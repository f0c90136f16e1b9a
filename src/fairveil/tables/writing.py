"""Synthetic rows written part by part: any number of them in bounded memory.

Public: synthetic rows. The file is written whole or not at all (``_files.replaced``): a
full disk, an error or a killed process leaves the old file or none. Types follow from
the schema, so no part is written otherwise than the others.
"""

from __future__ import annotations

import gzip
import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd

from fairveil import _files
from fairveil._types import Values
from fairveil.errors import TableError, problem
from fairveil.schema import Schema
from fairveil.tables import arrow, files, kinds
from fairveil.tables.frames import to_frame

Parts = Iterator[Mapping[str, Values]]


def written(path: str | Path, parts: Parts, schema: Schema) -> None:
    """Write parts of a table, one after the other.

    Args:
        path: a ``.csv``, ``.csv.gz`` or ``.parquet`` file.
        parts: values by column name; one part at least.
        schema: names, order and dtypes.

    Raises:
        TableError: the file cannot be written.
        UnsupportedError: another suffix, or Parquet without pyarrow.
    """
    files.check_suffix(path)
    name = Path(path).name.lower()
    frames = (to_frame(part, schema) for part in parts)
    try:
        with _files.replaced(path) as opened:
            if files.declares_dtypes(path):
                _to_parquet(frames, opened, schema)
            elif name.endswith(".gz"):
                # equal tables give equal files: no name and no time in them
                with gzip.GzipFile("", "wb", fileobj=opened, mtime=1) as packed:
                    _to_csv(frames, packed, schema)
            else:
                _to_csv(frames, opened, schema)
    except OSError:
        pass
    else:
        return
    raise TableError(problem("the table file cannot be written", got=str(path)))


def _to_csv(frames: Iterator[pd.DataFrame], opened: Any, schema: Schema) -> None:
    first = True
    for frame in frames:
        text = _with_clocks(frame, schema)
        text.to_csv(
            opened,
            index=False,
            header=first,
            encoding="utf-8",
            lineterminator="\n",
            mode="wb",
        )
        first = False


def _with_clocks(frame: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """Moments as text with their time: pandas leaves it out of a part of midnights."""
    moments = {
        c.name: frame[c.name].map(lambda m: m.isoformat(sep=" "), na_action="ignore")
        for c in schema.columns
        if c.kind == "datetime" and c.dtype.startswith("datetime64")
    }
    return frame.assign(**moments) if moments else frame


def _to_parquet(
    frames: Iterator[pd.DataFrame], opened: BinaryIO, schema: Schema
) -> None:
    parquet = importlib.import_module("pyarrow.parquet")
    pa, writer = arrow.library(), None
    fixed = kinds.arrow_schema(schema)
    try:
        for frame in frames:
            table = pa.Table.from_pandas(
                frame, schema=fixed, preserve_index=False, safe=False
            )
            writer = writer or parquet.ParquetWriter(opened, table.schema)
            writer.write_table(table)
    finally:
        if writer is not None:
            writer.close()
