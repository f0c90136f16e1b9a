"""Table to matrix of codes and back, from the schema alone.

Pure: nothing is learnt here. ``encode`` maps a value that the schema does not know by
fixed rules (to ``other``, to missing, to the nearest bound), so a row never makes it
fail or adapt. Only ``private/`` and ``evaluate/`` call ``encode`` on real rows;
``decode`` turns released codes into a table.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import narwhals as nw
import numpy as np

from fairveil._constraints import Constraint
from fairveil._enforce import enforced
from fairveil._iso import TEMPORAL
from fairveil._keys import keys
from fairveil._objects import as_number, is_missing, objects_of
from fairveil._temporal import array_of, ticks
from fairveil._types import Codes, Floats, Values
from fairveil.bins import GRID_CELLS, Bins, Inside, public_grid
from fairveil.errors import ConfigError, SchemaError, problem
from fairveil.schema import Column, Schema

_EXACT = 2.0**53  # whole numbers up to here are floats
_PUBLIC_ROWS = 2000  # drawn from the schema alone, where no row meets a constraint


@dataclass(frozen=True)
class ColumnCodec:
    """One column's cells: its categories or bins, then a code for missing if nullable.

    A categorical column of very many categories has bins, too: of the places of its
    categories in their declared order.

    Attributes:
        column: the public facts.
        bins: intervals of a numeric column, or groups of many categories; else None.
        inside: how values lie in measured bins; None before they are measured.
    """

    column: Column
    bins: Bins | None = None
    inside: Inside | None = None

    @property
    def values(self) -> tuple[Any, ...]:
        """Categories in code order (empty for a numeric column)."""
        if self.column.kind == "boolean":
            return (False, True)
        return self.column.categories

    @property
    def regular(self) -> int:
        """Number of codes that are not missing."""
        return len(self.values) if self.bins is None else len(self.bins)

    @property
    def size(self) -> int:
        """Number of codes, missing included."""
        return self.regular + int(self.column.nullable)

    def encode(self, series: nw.Series[Any]) -> np.ndarray:
        """Codes of one column, shape ``(n,)``, int32."""
        if self.column.kind in TEMPORAL:
            return self._encode_numbers(ticks_of(series, self.column))
        if self.bins is None:
            return self._encode_labels(objects_of(series))
        if self.column.on_scale:
            return self._encode_numbers(_numbers(series))
        places = self._encode_labels(objects_of(series))
        missing = places >= len(self.values)
        groups = self.bins.assign(np.where(missing, 0, places).astype(np.float64))
        return np.where(missing, self.regular, groups).astype(np.int32)

    def decode(self, codes: np.ndarray, rng: np.random.Generator) -> Values:
        """Values of one column; missing as None, numbers drawn inside their bin.

        Dates, times and durations as NumPy moments and durations (``array_of``).
        """
        missing = codes >= self.regular
        if self.bins is None:
            return self._lookup[np.minimum(codes, self.regular)].tolist()
        source = self.inside or self.bins
        drawn = source.draw(np.where(missing, 0, codes), rng)
        if self.column.kind in TEMPORAL:
            drawn = np.where(missing, math.nan, drawn)
            return array_of(drawn, self.column.kind, self.column.unit)
        if not self.column.on_scale:
            found = self._lookup[drawn.astype(np.intp)].tolist()
        else:
            found = self._rounded(drawn)
        if not missing.any():
            return found
        return [None if m else v for v, m in zip(found, missing, strict=True)]

    @cached_property
    def _lookup(self) -> np.ndarray:
        """The categories, and None behind them."""
        out = np.empty(len(self.values) + 1, dtype=object)
        out[:-1] = self.values
        return out

    @cached_property
    def _by_text(self) -> dict[str, int]:
        words = {"false": 0, "true": 1} if self.column.kind == "boolean" else {}
        return words | {str(v): i for i, v in enumerate(self.values)}

    @cached_property
    def _by_number(self) -> dict[float, int]:
        """Categories that are numbers, or text that reads as one."""
        pairs = ((as_number(v), i) for i, v in enumerate(self.values))
        return {number: i for number, i in pairs if not math.isnan(number)}

    def _unknown(self) -> int:
        if self.column.other is not None:
            return self.values.index(self.column.other)
        return len(self.values) if self.column.nullable else 0

    def _encode_labels(self, labels: list[Any]) -> np.ndarray:
        """Place of each label among the categories, behind them where missing."""
        unknown = self._unknown()
        missing = len(self.values) if self.column.nullable else unknown
        texts, numbers = self._by_text, self._by_number

        def known(label: Any) -> int:
            if isinstance(label, str):
                found = texts.get(label)
                if found is not None:
                    return found
            elif is_missing(label):
                return missing
            # by number, so that 1, 1.0, True and "1" are one label whatever the dtype
            # that the other rows gave to the column
            number = as_number(label)
            if not math.isnan(number):
                return numbers.get(number, unknown)
            return texts.get(_text(label), unknown)

        def code(label: Any) -> int:
            try:
                return known(label)
            except Exception:  # noqa: BLE001  (a cell must never stop a fit)
                return unknown

        return np.fromiter(map(code, labels), dtype=np.int32, count=len(labels))

    def _encode_numbers(self, values: Floats) -> np.ndarray:
        if self.bins is None:
            raise TypeError(self.column.name)
        missing = np.isnan(values)
        ends = self.column.ends() if self.column.singles else self.bins.ends
        codes = self.bins.assign(
            self._clamped(np.where(missing, ends[0], values), ends)
        )
        return np.where(missing & self.column.nullable, self.regular, codes)

    def _clamped(self, values: Floats, ends: tuple[float, float]) -> Floats:
        """Values on the scale between its ends; special ones as they are."""
        places, singles = self.column.places, self.column.singles
        inside = np.clip(values, *ends)
        if places is not None:
            inside = np.asarray(inside, dtype=np.float64).round(places)
        if not singles:
            return inside
        with np.errstate(over="ignore"):  # 1e300 becomes infinity: no special value
            exact = values if places is None else np.round(values, places)
        return np.where(np.isin(exact, singles), exact, inside)

    def _rounded(self, drawn: Floats) -> list[Any]:
        decimals = self.column.decimals
        if decimals == 0:
            whole = np.rint(drawn)
            if np.abs(whole).max(initial=0.0) < _EXACT:
                return whole.astype(np.int64).tolist()
            return [int(v) for v in whole]
        if self.bins is not None and (decimals is None or self.bins.step == 0):
            return self.bins.shorten(drawn).tolist()
        return np.round(drawn, decimals or 0).tolist()


@dataclass(frozen=True)
class Codec:
    """All columns of a table, in order.

    ``Codec.on_grid(schema)`` uses the public grid of numeric columns; after the bins
    are measured, ``with_bins`` gives the codec that everything later uses.

    Attributes:
        columns: those that have codes.
        declared_by: who declared the public facts.
        identifiers: columns that are made anew, with their places in the schema.
    """

    columns: tuple[ColumnCodec, ...]
    declared_by: str = ""
    constraints: tuple[Constraint, ...] = ()
    identifiers: tuple[tuple[int, Column], ...] = ()

    @classmethod
    def on_grid(cls, schema: Schema, cells: int = GRID_CELLS) -> Codec:
        """The codec on the schema's public grids, of some ``cells`` at most."""
        kept = (column for column in schema.columns if column.learnt)
        columns = tuple(_on_grid(column, cells) for column in kept)
        more = (schema.declared_by, schema.constraints, identifiers_of(schema))
        return cls(columns, *more)

    def with_bins(self, inside: Mapping[str, Inside]) -> Codec:
        """The same codec with measured bins for the named numeric columns."""

        def measured(codec: ColumnCodec) -> ColumnCodec:
            found = inside.get(codec.column.name)
            if found is None:
                return codec
            return ColumnCodec(codec.column, found.bins, found)

        return replace(self, columns=tuple(measured(c) for c in self.columns))

    def unprotected(self) -> Codec:
        """The same, where what was measured counts as copied: its noise repeats."""

        def marked(codec: ColumnCodec) -> ColumnCodec:
            marks = {
                fact: "from-data" if mark == "dp" else mark
                for fact, mark in codec.column.provenance.items()
            }
            column = codec.column.model_copy(update={"provenance": marks})
            return replace(codec, column=column)

        return replace(self, columns=tuple(marked(c) for c in self.columns))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns with codes, in order."""
        return tuple(c.column.name for c in self.columns)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of codes of each column."""
        return tuple(c.size for c in self.columns)

    @property
    def schema(self) -> Schema:
        """The public facts of all columns, identifiers at their places."""
        facts = [c.column for c in self.columns]
        for place, column in self.identifiers:
            facts.insert(place, column)
        return Schema(
            columns=tuple(facts),
            declared_by=self.declared_by,
            constraints=self.constraints,
        )

    @property
    def numeric(self) -> dict[int, int]:
        """Number of bins by position, of the columns on a scale."""
        return {j: c.regular for j, c in enumerate(self.columns) if c.column.on_scale}

    def index(self, name: str) -> int:
        """Position of a column."""
        return self.names.index(name)

    def encode(self, table: nw.DataFrame[Any]) -> Codes:
        """Codes of a table, shape ``(n, columns)``.

        Raises:
            SchemaError: a column of the schema is not in the table (names only).
        """
        missing = [n for n in self.names if n not in table.columns]
        if missing:
            raise SchemaError(
                problem("the table lacks columns of the schema", got=", ".join(missing))
            )
        out = np.empty((len(table), len(self.columns)), dtype=np.int32)
        for j, codec in enumerate(self.columns):
            out[:, j] = codec.encode(table[codec.column.name])
        return out

    def decode(
        self,
        codes: Codes,
        rng: np.random.Generator,
        *,
        start: int = 0,
        seed: int | None = None,
    ) -> dict[str, Values]:
        """Values by column name, constraints met; see ``ColumnCodec.decode``.

        Args:
            codes: rows (n, columns).
            rng: draws values inside bins.
            start, seed: place of the first row in a sample that is made in pieces, and
                the sample's seed: identifiers are a function of both.

        Raises:
            ConfigError: the constraints contradict one another, or there are fewer
                identifiers than rows.
            UnsupportedError: fakes cannot be made up on this machine.
        """
        values = self.learnt(codes, rng)
        if self.identifiers and seed is None:
            seed = int(rng.integers(2**63))
        return values | self.made_anew(start=start, n=len(codes), seed=seed or 0)

    def made_anew(self, *, start: int, n: int, seed: int) -> dict[str, Values]:
        """Identifiers by column name; see ``decode``."""
        return {
            column.name: keys(column, start=start, n=n, seed=seed)
            for _place, column in self.identifiers
        }

    def learnt(self, codes: Codes, rng: np.random.Generator) -> dict[str, Values]:
        """Values of the columns with codes, constraints met."""
        values = self.raw(codes, rng)
        if not self.constraints or not len(codes):
            return values
        facts = [codec.column for codec in self.columns]
        try:
            return enforced(values, facts, self.constraints, rng)
        except ConfigError:  # few rows, and none to take a cell from: public ones help
            drawn = [rng.integers(0, size, _PUBLIC_ROWS) for size in self.sizes]
            more = np.stack(drawn, axis=1).astype(np.int32)
        values = self.raw(np.concatenate([codes, more]), rng)
        found = enforced(values, facts, self.constraints, rng)
        return {name: cells[: len(codes)] for name, cells in found.items()}

    def raw(self, codes: Codes, rng: np.random.Generator) -> dict[str, Values]:
        """Values by column name, whatever the constraints say."""
        return {
            c.column.name: c.decode(codes[:, j], rng)
            for j, c in enumerate(self.columns)
        }


def recode(codes: Codes, labels: Sequence[np.ndarray | None]) -> Codes:
    """Apply a map of old to new codes column by column; None leaves a column.

    Codes behind the map's end (missing) move behind the new codes.
    """
    out = codes.copy()
    for j, label in enumerate(labels):
        if label is not None:
            with_missing = np.r_[label, label.max() + 1]
            out[:, j] = with_missing[codes[:, j]]
    return out


def identifiers_of(schema: Schema) -> tuple[tuple[int, Column], ...]:
    """The columns that are made anew, with their places."""
    return tuple((i, c) for i, c in enumerate(schema.columns) if not c.learnt)


def _on_grid(column: Column, cells: int) -> ColumnCodec:
    if column.on_scale:
        return ColumnCodec(column, public_grid(column, cells))
    return ColumnCodec(column)


def ticks_of(series: nw.Series[Any], column: Column) -> Floats:
    """Cells of dates, times or durations as ticks; see ``_temporal.ticks``."""
    return ticks(
        series, column.kind, column.unit, zone=column.zone, layout=column.layout
    )


def _numbers(series: nw.Series[Any]) -> Floats:
    if is_numeric(series):
        values = series.cast(nw.Float64).to_numpy()
        return np.asarray(values, dtype=np.float64)
    return np.array([as_number(v) for v in objects_of(series)], dtype=np.float64)


def is_numeric(series: nw.Series[Any]) -> bool:
    """Whether a column's dtype says that it holds numbers; no cell is looked at.

    Of a pandas column of objects narwhals finds the dtype by looking at cells, and one
    of them could stop that.
    """
    objects = str(getattr(nw.to_native(series), "dtype", "")) == "object"
    return not objects and series.dtype.is_numeric()


def _text(value: Any) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001  (a cell must never stop a fit)
        return ""
