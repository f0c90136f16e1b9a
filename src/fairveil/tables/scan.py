"""Files read in place by DuckDB: one, several, or those that a pattern finds.

Secret: the rows. Public: the files' names and columns, and the types that Parquet
declares. CSV is read as text by fixed rules (commas, double quotes, UTF-8; only an
empty field is missing): nothing is guessed from a row. DuckDB runs in this process, may
load no extension, and writes nothing to the disk.
"""

from __future__ import annotations

import glob
import importlib
import re
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import narwhals as nw
import pandas as pd

from fairveil.errors import TableError, UnsupportedError, problem
from fairveil.tables import arrow, files
from fairveil.tables.engines import DuckSource, quoted
from fairveil.tables.frames import open_frame
from fairveil.tables.source import ArrowSource, Source, shielded

Paths = str | Path | Sequence[str | Path]

_SETTINGS = {
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
    "temp_directory": "",  # or rows would be spilled into files with names
}
_CSV = """
    SELECT * FROM read_csv($paths_{packed}, columns = $columns_{packed},
    compression = '{packed}', header = true, auto_detect = false,
    delim = ',', quote = '"', escape = '"', nullstr = '', {how})
"""
_STRICT = "strict_mode = true"
_LENIENT = "strict_mode = false, null_padding = true, parallel = false"
_INDEX = re.compile(r"__index_level_\d+__")


def is_paths(thing: Any) -> bool:
    """Whether a thing names files: a path, or a list of paths."""
    several = isinstance(thing, (list, tuple)) and len(thing) > 0
    return all(isinstance(p, (str, Path)) for p in (thing if several else [thing]))


def open_paths(paths: Paths, *, typed: bool = False) -> nw.DataFrame[Any] | Source:
    """The tables in files, one after the other, unread.

    Args:
        paths: a ``.csv``, ``.csv.gz`` or ``.parquet`` file, a pattern (``*``, ``?``,
            ``[...]``, ``**``), or a list of both; all files of one kind.
        typed: guess the types of CSV; never where there is privacy to keep.

    Returns:
        A source; or, where DuckDB is not installed, one file in memory.

    Raises:
        TableError: no such file, an unusable header, or other columns in some file.
        UnsupportedError: another suffix; several files without DuckDB.
    """
    found = expanded(paths)
    kinds = {files.declares_dtypes(path) for path in found}
    if len(kinds) > 1:
        raise TableError(
            problem("CSV and Parquet files cannot be one table", try_="one kind")
        )
    if not is_readable_in_place():
        return _in_memory(found, typed=typed)
    return _parquet(found) if kinds == {True} else _csv(found, typed=typed)


def expanded(paths: Paths) -> list[Path]:
    """The files that paths and patterns name, in order; those of a pattern sorted.

    Raises:
        TableError: a path or pattern finds no file.
    """
    given = [paths] if isinstance(paths, (str, Path)) else list(paths)
    found: list[Path] = []
    for path in given:
        one = Path(path)
        if one.is_file():
            found.append(one)
            continue
        pattern = str(path) if glob.has_magic(str(path)) else ""
        several = glob.glob(pattern, recursive=True)  # noqa: PTH207  (absolute ones)
        matched = sorted(p for p in map(Path, several) if p.is_file())
        if not matched:
            raise files.absent(path)
        found += matched
    return found


def is_readable_in_place() -> bool:
    """Whether the libraries for that are installed."""
    return all(find_spec(name) is not None for name in ("duckdb", "pyarrow"))


class CsvSource(DuckSource):
    """CSV files. Their types are guessed only by fits that protect nothing."""

    def __init__(self, paths: Sequence[Path], names: list[str]) -> None:
        self._paths, self._connection = paths, _connection()
        super().__init__(_of_csv(self._connection, paths, names))

    def count(self) -> int:
        """The true number of rows, once every field of every row was parsed.

        Short rows, line ends of two kinds and the like need a slower, lenient reader of
        the same parser, which reads all other rows as before: a row must never decide
        how the others are read, and two parsers differ (in ``1, "x"``). Pandas is asked
        only whether it takes the files; its errors say what is wrong with them.

        Raises:
            TableError: the rows are no CSV, or do not fit the header.
        """
        found = self._parsed()
        if found is not None:
            return found
        for path in self._paths:
            files.read_table(path)
        con, names = self._connection, self.columns
        self._relation = _of_csv(con, self._paths, names, strict=False)
        return super().count()

    def _parsed(self) -> int | None:
        lengths = ", ".join(f"max(strlen({quoted(name)}))" for name in self.columns)
        query = self._relation.aggregate(f"count(*), {lengths}")
        try:
            return int(shielded("DuckDB", query.fetchall)[0][0])
        except TableError:
            return None

    def whole(self) -> nw.DataFrame[Any]:
        """All rows in memory, with guessed dtypes."""
        parts = [files.read_table(path, typed=True) for path in self._paths]
        return nw.from_native(pd.concat(parts, ignore_index=True))


class ParquetSource(DuckSource):
    """Parquet files, which declare their types."""

    reader = "DuckDB, of Parquet files,"


def _in_memory(paths: Sequence[Path], *, typed: bool) -> nw.DataFrame[Any] | Source:
    if len(paths) > 1:
        raise UnsupportedError(
            problem(
                "several files are read by duckdb and pyarrow, which are not installed",
                try_="pip install 'fairveil[engines]'",
            )
        )
    if files.declares_dtypes(paths[0]):
        parquet = importlib.import_module("pyarrow.parquet")
        table = _read(paths[0], parquet.read_table)
        return ArrowSource(table, kind="pandas", declares=True)
    return open_frame(files.read_table(paths[0], typed=typed))


def _csv(paths: Sequence[Path], *, typed: bool) -> nw.DataFrame[Any] | Source:
    names = [files.header_of(path) for path in paths]
    if any(header != names[0] for header in names):
        raise _unlike()
    # DuckDB takes an empty line for a header or, in a lone column, for a missing value
    if len(names[0]) == 1 or any(map(_begins_empty, paths)):
        frames = [files.read_table(path, typed=typed) for path in paths]
        return open_frame(pd.concat(frames, ignore_index=True))
    return CsvSource(paths, names[0])


def _of_csv(
    con: Any, paths: Sequence[Path], names: list[str], *, strict: bool = True
) -> Any:
    relation = None
    for packed in (False, True):
        some = [p for p in paths if p.name.lower().endswith(".gz") is packed]
        if some:
            packing = "gzip" if packed else "none"
            how = {"packed": packing, "how": _STRICT if strict else _LENIENT}
            part = _read_csv(con, some, names, how)
            relation = part if relation is None else relation.union(part)
    return relation


def _read_csv(
    con: Any, paths: Sequence[Path], names: list[str], how: Mapping[str, str]
) -> Any:
    packed = how["packed"]
    asked = {
        f"paths_{packed}": _literal(paths),
        f"columns_{packed}": dict.fromkeys(names, "VARCHAR"),
    }
    query = _CSV.format(**how)  # constants
    return shielded("DuckDB", lambda: con.sql(query, params=asked))


def _begins_empty(path: Path) -> bool:
    with files.opened(path) as text:
        return text.readline().strip("\ufeff\r\n") == ""


def _parquet(paths: Sequence[Path]) -> Source:
    parquet = importlib.import_module("pyarrow.parquet")
    schemas = [_read(path, parquet.read_schema) for path in paths]
    if any(not schema.equals(schemas[0]) for schema in schemas):
        raise _unlike()
    con = _connection()
    table = shielded("DuckDB", lambda: con.read_parquet(_literal(paths)))
    names = [name for name in schemas[0].names if not _INDEX.fullmatch(name)]
    table = table.select(", ".join(map(quoted, names)))
    fields = [schemas[0].field(name) for name in names]
    return ParquetSource(table, schema=arrow.library().schema(fields), declares=True)


def _read(path: Path, read: Any) -> Any:
    try:
        return read(path)
    except Exception:  # noqa: BLE001, S110  (outside the handler ours holds no cause)
        pass
    raise TableError(problem("the Parquet file cannot be read", got=str(path)))


def _connection() -> Any:
    return importlib.import_module("duckdb").connect(config=_SETTINGS)


def _literal(paths: Sequence[Path]) -> list[str]:
    """The paths, where DuckDB would look for patterns."""
    return [glob.escape(str(path)) for path in paths]


def _unlike() -> TableError:
    return TableError(
        problem(
            "the files do not have the same columns, in the same order and of the same "
            "types",
            try_="one table after the other",
        )
    )
