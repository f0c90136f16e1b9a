"""The files of one job as tables that the peers' libraries take, and back.

Public; NOT PRIVATE by itself. Stands alone: numpy, pandas and the standard library of
any recent version, nothing of fairveil, since it runs in each peer's environment. What
it knows of a column comes from the public code book, never from the rows: categories
and bounds from ``schema.json``, bins of equal width between the bounds (``edges``).

Three views of a table. ``labels``: every cell a text, whole numbers of few values and
missing cells included, for libraries of categories. ``codes``: every column small whole
numbers 0 .. size - 1, for libraries that want bins ready. ``values``: numbers stay
numbers, without gaps, and a column of marks tells which were missing, for networks.
``write`` brings any of them back to the form of ``train.csv``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

MISSING = "(missing)"
FEW = 20  # whole numbers of at most this many values are categories
BINS = 20
MARK = " is missing"  # ends the name of a column of marks

Column = dict[str, Any]  # one of ``schema.json``


class PeerJob:
    """What ``job.json`` says, with the training rows as texts and the code book."""

    def __init__(self, path: str | Path) -> None:
        self.facts: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
        book = json.loads(Path(self.facts["schema"]).read_text(encoding="utf-8"))
        self.columns: list[Column] = book["columns"]
        names = [column["name"] for column in self.columns]
        rows = pd.read_csv(self.facts["train"], dtype=str, keep_default_na=False)
        self.texts: Any = rows[names]  # a frame; pandas' types call it a series, too

    def __getitem__(self, name: str) -> Any:
        """A fact of ``job.json``: method, epsilon, delta, seed, rows and others."""
        return self.facts[name]

    def write(self, table: pd.DataFrame) -> None:
        """Write the synthetic table, a frame of texts."""
        names = [column["name"] for column in self.columns]
        table[names].to_csv(self.facts["out"], index=False)

    def done(
        self,
        library: str,
        settings: dict[str, Any],
        epsilon_spent: float | None,
        notes: Iterable[str] = (),
    ) -> None:
        """Say what was run; after ``write``."""
        self._done(
            {
                "library": library,
                "version": metadata.version(library),
                "settings": settings,
                "epsilon_spent": epsilon_spent,
                "notes": list(notes),
            }
        )

    def refuse(self, library: str, reason: str) -> None:
        """Say that the library cannot take this table or this budget."""
        version = metadata.version(library)
        self._done({"library": library, "version": version, "refused": reason})

    def _done(self, facts: dict[str, Any]) -> None:
        Path(self.facts["done"]).write_text(json.dumps(facts), encoding="utf-8")


def labels_of(column: Column) -> list[str] | None:
    """Labels of a column given as categories; None: it stays a number.

    The label of missing cells comes last. Whole numbers of few values are labels.
    """
    if column["kind"] == "category":
        labels = list(column["categories"])
    elif column["kind"] == "integer" and column["upper"] - column["lower"] < FEW:
        values = range(int(column["lower"]), int(column["upper"]) + 1)
        labels = [str(value) for value in values]
    else:
        return None
    return [*labels, MISSING] if column["missing"] else labels


def label_cells(texts: pd.Series, column: Column) -> pd.Series:
    """The cells of a column that has labels, as those labels."""
    if column["kind"] == "category":
        return texts.where(texts != "", MISSING)
    return texts.map(lambda text: str(round(float(text))) if text else MISSING)


def number_cells(texts: pd.Series) -> pd.Series:
    """The cells of a column of numbers as floats; missing is NaN."""
    return pd.Series(pd.to_numeric(texts, errors="coerce"), dtype=float)


def written(cells: Iterable[Any], column: Column) -> pd.Series:
    """Cells in the form of the benchmark's files, from labels or from numbers."""
    if labels_of(column) is not None:
        texts = ["" if value == MISSING else str(value) for value in cells]
        return pd.Series(texts, dtype=object)
    numbers = number_cells(pd.Series(list(cells))).to_numpy()
    numbers = np.clip(numbers, column["lower"], column["upper"])
    places = 0 if column["kind"] == "integer" else column["decimals"]
    return pd.Series([_text(number, places) for number in numbers], dtype=object)


def _cells(table: pd.DataFrame, name: str) -> pd.Series:
    return cast("pd.Series", table[name])


def _text(number: float, places: int) -> str:
    if np.isnan(number):
        return ""
    number = float(number)  # of Python, whose repr is the bare number
    return str(round(number)) if places == 0 else repr(round(number, places))


# ---------------------------------------------------------------- codes


def edges(column: Column, bins: int = BINS) -> np.ndarray:
    """Edges of the bins of a column of numbers: equal widths between the bounds.

    Whole numbers get edges between them, and no more bins than values. Zero as the
    lower bound has a bin of its own, since amounts and counts often are nothing at all.
    """
    lower, upper = column["lower"], column["upper"]
    if column["kind"] == "integer":
        lower, upper, step = lower - 0.5, upper + 0.5, 1.0
        bins = int(min(bins, upper - lower))
        ends = np.floor(np.linspace(lower, upper, bins + 1) + 0.5) - 0.5
    else:
        ends, step = np.linspace(lower, upper, bins + 1), 0.1 ** column["decimals"]
    if column["lower"] == 0.0 and ends[1] > step / 2:
        ends = np.insert(ends, 1, step / 2)
    return ends


def sizes(columns: Sequence[Column], bins: int = BINS) -> dict[str, int]:
    """Number of codes of each column, by name; missing is one more code."""
    out = {}
    for column in columns:
        labels = labels_of(column)
        if labels is None:
            count = len(edges(column, bins)) - 1 + bool(column["missing"])
        else:
            count = len(labels)
        out[column["name"]] = count
    return out


def codes(
    texts: pd.DataFrame, columns: Sequence[Column], bins: int = BINS
) -> pd.DataFrame:
    """All columns as whole numbers from 0 on; missing has the last code."""
    out = {}
    for column in columns:
        cells, labels = _cells(texts, column["name"]), labels_of(column)
        if labels is None:
            numbers, ends = number_cells(cells).to_numpy(), edges(column, bins)
            found = np.searchsorted(ends, numbers, side="right") - 1
            found = np.clip(found, 0, len(ends) - 2)
            found = np.where(np.isnan(numbers), len(ends) - 1, found)
        else:
            place = {label: code for code, label in enumerate(labels)}
            found = label_cells(cells, column).map(place).to_numpy()
        out[column["name"]] = found.astype(int)
    return pd.DataFrame(out)


def from_codes(
    table: pd.DataFrame,
    columns: Sequence[Column],
    rng: np.random.Generator,
    bins: int = BINS,
) -> pd.DataFrame:
    """Texts from codes; a number is drawn evenly from its bin."""
    out = {}
    for column in columns:
        found, labels = table[column["name"]].to_numpy().astype(int), labels_of(column)
        if labels is None:
            ends = edges(column, bins)
            code = np.minimum(found, len(ends) - 2)
            low, high = ends[code], ends[code + 1]
            drawn = low + (high - low) * rng.random(len(code))
            if column["kind"] == "integer":  # edges lie between whole numbers
                drawn = np.minimum(np.floor(drawn + 0.5), high - 0.5)
            drawn = np.where(found > len(ends) - 2, np.nan, drawn)
            out[column["name"]] = written(drawn, column)
        else:
            out[column["name"]] = written([labels[code] for code in found], column)
    return pd.DataFrame(out)


# ---------------------------------------------------------------- values


def values(texts: pd.DataFrame, columns: Sequence[Column]) -> pd.DataFrame:
    """Labels as texts, numbers as numbers without gaps, and marks of the gaps.

    A missing number becomes the middle of the bounds; the marks are "yes" and "no".
    """
    out = {}
    for column in columns:
        name, cells = column["name"], _cells(texts, column["name"])
        if labels_of(column) is not None:
            out[name] = label_cells(cells, column).astype(object)
            continue
        numbers = number_cells(cells)
        if column["missing"]:
            marks = np.where(numbers.isna(), "yes", "no")
            out[name + MARK] = pd.Series(marks, dtype=object)
            numbers = numbers.fillna((column["lower"] + column["upper"]) / 2)
        out[name] = numbers
    return pd.DataFrame(out)


def discrete(columns: Sequence[Column]) -> list[str]:
    """Names of the columns of ``values`` that are not numbers."""
    out = []
    for column in columns:
        if labels_of(column) is not None:
            out.append(column["name"])
        elif column["missing"]:
            out.append(column["name"] + MARK)
    return out


def from_values(table: pd.DataFrame, columns: Sequence[Column]) -> pd.DataFrame:
    """Texts from what ``values`` made."""
    out, table = {}, table.reset_index(drop=True)
    for column in columns:
        cells = _cells(table, column["name"])
        if labels_of(column) is None and column["missing"]:
            marked = table[column["name"] + MARK].astype(str) == "yes"
            cells = number_cells(cells).mask(marked)
        out[column["name"]] = written(cells, column)
    return pd.DataFrame(out)
