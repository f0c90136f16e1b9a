"""Tables in files: CSV and Parquet, by suffix.

Secret: the rows of a file that is read. Public: its name, its column names and every
message here, which never repeats a value, a line number or a parser's own words. Only
an empty field is missing; ``NA`` or ``?`` are ordinary values.

Guarantees: whatever a parser raises becomes an error of ours that does not even hold it
as its cause; a parser's warnings are never shown; a table is written whole or not at
all.
"""

from __future__ import annotations

import csv
import gzip
import itertools
import os
import re
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, BinaryIO, TypeVar, cast

import pandas as pd

from fairveil import _files
from fairveil.errors import ConfigError, TableError, UnsupportedError, problem

T = TypeVar("T")

_CSV, _PARQUET = (".csv", ".csv.gz"), (".parquet",)
_NUMBER = re.compile(r"[-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?")
# how files of other kinds begin, which are no line of column names
_OTHER_FORMATS = ("{", "[{", "[[", "<!", "<?", "<html", "<HTML", "%PDF", "PAR1")
_ENCODING = "utf-8-sig"  # with or without a byte order mark
_GZIP = {"method": "gzip", "mtime": 1}  # equal tables give equal files


def absent(path: str | Path) -> TableError:
    """What is raised where no table file lies."""
    try_ = "the path of a .csv, .csv.gz or .parquet file"
    return TableError(problem("there is no such table file", got=str(path), try_=try_))


def read_table(path: str | Path, *, typed: bool = False) -> pd.DataFrame:
    """Read a table.

    Args:
        path: a ``.csv``, ``.csv.gz`` or ``.parquet`` file.
        typed: guess the dtypes of a CSV file's columns by looking at its values. A
            private fit must not: there every field stays text, and the schema decides.
            Parquet declares its dtypes itself.

    Raises:
        TableError: no such file, not readable, or a header that cannot be used.
        UnsupportedError: another suffix, or Parquet without pyarrow.
    """
    file = Path(path)
    kind = _kind(file)
    if not file.is_file():
        raise absent(path)
    if kind == "parquet":
        return _read_parquet(file)
    _check_header(file)
    return _guessed(_read_csv(file, dtype=None)) if typed else _read_csv(file, str)


def declares_dtypes(path: str | Path) -> bool:
    """Whether a file of this kind states the dtypes of its columns itself.

    Raises:
        UnsupportedError: another suffix, or Parquet without pyarrow.
    """
    return _kind(Path(path)) == "parquet"


def write_table(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a table without its index; missing values become empty fields in CSV.

    Raises:
        TableError: the file cannot be written.
        UnsupportedError: another suffix, or Parquet without pyarrow.
    """
    file = Path(path)
    kind = _kind(file)
    try:
        with _files.replaced(file) as opened:
            _write(frame, opened, file, kind)
    except OSError:
        pass
    else:
        return
    raise TableError(problem("the table file cannot be written", got=str(path)))


def check_suffix(path: str | Path) -> None:
    """Raise unless ``write_table`` can write this kind of file on this machine.

    Raises:
        UnsupportedError: another suffix, or Parquet without pyarrow.
    """
    _kind(Path(path))


def check_output(output: Path, *inputs: Path) -> None:
    """Refuse, before any work, a place that cannot be written or holds an input.

    Raises:
        ConfigError: no such folder, not writable, or the file of an input.
    """
    if not output.parent.is_dir():
        raise ConfigError(
            problem(
                "the folder of the output does not exist",
                got=str(output.parent),
                try_="making it first",
            )
        )
    if output.is_dir():
        what = "the output is a folder"
        raise ConfigError(problem(what, got=str(output), try_="a name in it"))
    places = [output.parent, *([output] if output.exists() else [])]
    if not all(os.access(place, os.W_OK) for place in places):
        what = "the output cannot be written"
        raise ConfigError(problem(what, got=str(output), try_="another place"))
    if any(_same(output, i) for i in inputs):
        raise ConfigError(
            problem(
                "the output would overwrite an input",
                got=str(output),
                try_="another name",
            )
        )


def _same(one: Path, other: Path) -> bool:
    if one.exists() and other.exists():
        return one.samefile(other)
    # links that run in a circle are resolved as far as they go
    return os.path.realpath(one) == os.path.realpath(other)


def make_folder(folder: Path) -> None:
    """Make a folder in one that exists, unless it is there.

    Raises:
        ConfigError: it cannot be made.
    """
    try:
        folder.mkdir(exist_ok=True)
    except OSError:
        raise ConfigError(
            problem(
                "the output folder cannot be made",
                got=str(folder),
                try_="a new name in a folder that exists",
            )
        ) from None


def _kind(file: Path) -> str:
    name = file.name.lower()
    if name.endswith(_CSV):
        return "csv"
    if not name.endswith(_PARQUET):
        listed = ", ".join((*_CSV, *_PARQUET))
        raise UnsupportedError(
            problem(
                "this kind of table file is not supported",
                got=file.name,
                try_=f"a name that ends in one of {listed}",
            )
        )
    if find_spec("pyarrow") is None:
        raise UnsupportedError(
            problem(
                "Parquet needs the package pyarrow, which is not installed",
                try_="pip install pyarrow, or a .csv file",
            )
        )
    return "parquet"


def _write(frame: pd.DataFrame, opened: BinaryIO, file: Path, kind: str) -> None:
    if kind == "parquet":
        frame.to_parquet(opened, engine="pyarrow", index=False)
        return
    packed: Any = _GZIP if file.name.lower().endswith(".gz") else None
    frame.to_csv(
        opened,
        index=False,
        encoding="utf-8",
        lineterminator="\n",
        mode="wb",
        compression=packed,
    )


def _parsed(
    file: Path,
    parse: Callable[[], T],
    refused: TableError,
    *,
    ragged: TableError | None = None,
) -> T:
    """What a parser returns, or one of our errors for whatever it raises.

    Raised outside the handler, ours holds no parser's error, which could quote a value.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # their texts may quote a value
            # rows longer than the header would otherwise lose their last fields
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return parse()
    except MemoryError:  # its text may tell the number of rows
        what = "memory ran out while a table file was read"
        refused = TableError(problem(what, got=str(file), try_="fewer rows"))
    except (pd.errors.ParserError, pd.errors.ParserWarning):
        refused = ragged or refused
    except Exception:  # noqa: BLE001, S110  (parsers raise of every kind)
        pass
    raise refused


def _read_parquet(file: Path) -> pd.DataFrame:
    # nullable dtypes whatever the rows hold: NumPy's would tell whether any is null
    return _parsed(
        file,
        lambda: pd.read_parquet(file, engine="pyarrow", dtype_backend="numpy_nullable"),
        TableError(
            problem(
                "the Parquet file cannot be read",
                got=str(file),
                try_="writing it anew, or a CSV file",
            )
        ),
    )


def _read_csv(file: Path, dtype: Any) -> pd.DataFrame:
    return _parsed(
        file,
        lambda: pd.read_csv(
            file,
            dtype=dtype,
            keep_default_na=False,
            na_values=[""],
            index_col=False,
            encoding=_ENCODING,
            low_memory=False,
        ),
        _unreadable(file),
        ragged=TableError(
            problem(
                "the CSV file's rows do not fit its header",
                got=str(file),
                try_="commas between fields, and quotes around a field with a comma",
            )
        ),
    )


def _check_header(file: Path) -> None:
    """Pandas would rename a repeated or empty name silently; we refuse it."""
    names = header_of(file, check=False)
    if not names:
        raise TableError(
            problem(
                "the table file has no header",
                got=str(file),
                try_="a first line with the column names",
            )
        )
    if "\0" in "".join(names) or names[0].lstrip().startswith(_OTHER_FORMATS):
        raise _unreadable(file)  # not said why: this line may hold real values
    if any(not name.strip() for name in names):
        raise TableError(
            problem(
                "a column of the file has no name",
                got=str(file),
                try_="a first line with one name for each column",
            )
        )
    if len(set(names)) < len(names):
        # not said which: without a header this line would hold real values
        raise TableError(
            problem(
                "a column name stands twice in the file's first line",
                got=str(file),
                try_="a first line with one name for each column",
            )
        )
    if len(names) == 1 and any(mark in names[0] for mark in ";\t|"):
        raise TableError(
            problem(
                "the file's fields do not seem to be separated by commas",
                got=str(file),
                try_="a CSV file with commas between the fields",
            )
        )
    if _like_a_row(names):  # not said why: this line may hold real values
        raise TableError(
            problem(
                "the file's first line looks like a row, not like column names, which "
                "are public",
                got=str(file),
                try_="a first line with the column names",
            )
        )


def _like_a_row(names: list[str]) -> bool:
    """Whether a quarter of the names are numbers, other than 0, 1, 2 or years."""
    numbers = [float(name) for name in names if _NUMBER.fullmatch(name.strip())]
    rising = all(a < b for a, b in itertools.pairwise(numbers))
    whole = all(number.is_integer() for number in numbers)
    return len(numbers) * 4 >= len(names) and bool(numbers) and not (rising and whole)


def header_of(file: Path, *, check: bool = True) -> list[str]:
    """The column names of a CSV file.

    Raises:
        TableError: not readable, or, if ``check``, a header that cannot be used.
    """
    if check:
        _check_header(file)

    def first() -> list[str]:
        with opened(file) as text:
            return next((row for row in csv.reader(text) if row), [])

    return _parsed(file, first, _unreadable(file))


def opened(file: Path) -> IO[str]:
    """A CSV file as text, unpacked, without its byte order mark."""
    open_ = gzip.open if file.name.lower().endswith(".gz") else open
    return cast("IO[str]", open_(file, "rt", encoding=_ENCODING, newline=""))


def _unreadable(file: Path) -> TableError:
    return TableError(
        problem(
            "the CSV file cannot be read",
            got=str(file),
            try_="a text file in UTF-8 with commas between the fields",
        )
    )


def _guessed(frame: pd.DataFrame) -> pd.DataFrame:
    """Whole numbers stay whole where a missing one made pandas choose floats."""
    whole = [
        name
        for name, values in frame.items()
        if pd.api.types.is_float_dtype(values)
        and values.isna().any()
        and not values.isna().all()
        and (values.dropna() % 1 == 0).all()
    ]
    return frame.astype(dict.fromkeys(whole, "Int64"))
