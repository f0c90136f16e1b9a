"""A table streamed once into an unlinked temporary file, to be read in one order.

Secret: the rows, which lie in that file for as long as the fit reads them. It has no
name (Linux; elsewhere its owner alone can read it), so nobody can open it, and it goes
with the process, however that ends. Only rows that say whose they are need it: which
rows of a unit count is drawn by position, and an engine may give rows in any order.
"""

from __future__ import annotations

import mmap
import tempfile
from typing import Any

from fairveil.errors import TableError, problem
from fairveil.tables import arrow
from fairveil.tables.source import ArrowSource, Source


def spooled(source: Source) -> ArrowSource:
    """The same rows in a memory map.

    Raises:
        TableError: they cannot be read, or the disk of temporary files is full.
    """
    pa = arrow.library()
    try:
        with tempfile.TemporaryFile(prefix="fairveil-") as file:
            empty = _write(source, file)
            file.flush()
            held = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError:
        held = empty = None
    if held is None:
        raise TableError(
            problem(
                "the disk of temporary files has no room for the table",
                try_="TMPDIR in the environment, naming a folder with more room",
            )
        )
    table = empty
    if table is None:
        table = pa.ipc.open_file(pa.BufferReader(pa.py_buffer(held))).read_all()
    return ArrowSource(table, kind=source.kind, declares=source.declares)


def _write(source: Source, file: Any) -> Any:
    """Write all batches; a table without rows where there was none."""
    pa = arrow.library()
    writer = schema = None
    for batch in source.batches(source.kept):
        part = arrow.decoded(batch)
        if writer is None:
            schema = part.schema
            writer = pa.ipc.new_file(file, schema)
        writer.write_table(part.cast(schema))
    if writer is not None:
        writer.close()
        return None
    file.write(b"\0")
    return pa.table({name: pa.nulls(0) for name in source.kept})
