"""Public facts about a table, each with its provenance.

Everything here is public: a schema may be printed, published and put into a model file.
A fact's provenance says where it comes from: ``public`` (declared by somebody: a code
book), ``dp`` (measured under the budget) or ``from-data`` (copied from the table, which
is refused under differential privacy). The file never reads a table except in
``Schema.infer``, whose facts are marked accordingly.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, Self

import narwhals as nw
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fairveil.errors import SchemaError, problem

FORMAT = "fairveil-schema"
VERSION = 1

Provenance = Literal["public", "dp", "from-data"]
Kind = Literal["categorical", "numeric", "boolean"]
Scalar = bool | int | float | str

_INT_LIMIT = 2**53


class Column(BaseModel):
    """Public facts of one column.

    Attributes:
        name: column name (always public).
        kind: ``categorical``, ``numeric`` or ``boolean``.
        dtype: the data frame's own name of the type, restored in the output.
        categories: allowed values of a categorical column, in their order.
        other: the category that stands for every value outside ``categories``; without
            it such a value becomes missing, or the first category if not nullable.
        lower, upper: bounds of a numeric column; values outside are clamped.
        decimals: places after the point (0: integers); None: continuous.
        special: numeric values that are kept apart from the scale (0, 99, -1).
        nullable: whether missing values may occur.
        provenance: where each fact comes from, by field name; ``public`` by default.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = Field(min_length=1)
    kind: Kind
    dtype: str = "object"
    categories: tuple[Scalar, ...] = ()
    other: Scalar | None = None
    lower: float | None = None
    upper: float | None = None
    decimals: int | None = Field(default=None, ge=0, le=12)
    special: tuple[float, ...] = ()
    nullable: bool = False
    provenance: Mapping[str, Provenance] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.kind == "categorical" and not self.categories:
            raise ValueError(f"column {self.name!r}: categories are missing")
        if len({str(c) for c in self.categories}) != len(self.categories):
            raise ValueError(f"column {self.name!r}: a category stands twice")
        if self.other is not None and self.other not in self.categories:
            raise ValueError(f"column {self.name!r}: 'other' is not a category")
        if self.kind == "numeric":
            self._check_bounds()
        return self

    def _check_bounds(self) -> None:
        if self.lower is None or self.upper is None:
            raise ValueError(f"column {self.name!r}: lower and upper are missing")
        bounds = (self.lower, self.upper, *self.special)
        if not all(math.isfinite(b) and abs(b) <= _INT_LIMIT for b in bounds):
            raise ValueError(f"column {self.name!r}: a bound is not finite")
        if self.lower > self.upper:
            raise ValueError(f"column {self.name!r}: lower is above upper")

    def copied_from_data(self) -> tuple[str, ...]:
        """Names of the facts that were copied from a table (sorted)."""
        return tuple(sorted(k for k, v in self.provenance.items() if v == "from-data"))


class Schema(BaseModel):
    """The public facts of a table: its columns in order, and who declared them.

    ``declared_by`` is a sentence that the privacy statement repeats.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    columns: tuple[Column, ...] = Field(min_length=1)
    declared_by: str = ""

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len(set(self.names)) != len(self.columns):
            raise ValueError("a column name stands twice")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(column.name for column in self.columns)

    def __getitem__(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise SchemaError(
            problem(
                "the schema has no such column",
                got=name,
                try_="one of " + ", ".join(self.names),
            )
        )

    def select(self, names: Iterable[str]) -> Schema:
        """The same schema with these columns only, in the order given."""
        return self.model_copy(update={"columns": tuple(self[n] for n in names)})

    def drop(self, names: Iterable[str]) -> Schema:
        """The same schema without these columns."""
        gone = {self[n].name for n in names}
        return self.select(n for n in self.names if n not in gone)

    def copied_from_data(self) -> tuple[str, ...]:
        """``column.fact`` for every fact that was copied from a table."""
        return tuple(
            f"{c.name}.{f}" for c in self.columns for f in c.copied_from_data()
        )

    def to_dict(self) -> dict[str, Any]:
        """The schema as plain JSON values."""
        body = self.model_dump(mode="json")
        return {"format": FORMAT, "version": VERSION, **body}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Schema:
        """Read what ``to_dict`` wrote.

        Raises:
            SchemaError: another format, a newer version or inconsistent facts.
        """
        if not isinstance(data, Mapping) or data.get("format") != FORMAT:
            raise SchemaError(problem("this is not a fairveil schema"))
        if data.get("version") != VERSION:
            raise SchemaError(
                problem(
                    "the schema's version is unknown",
                    got=data.get("version"),
                    try_=f"version {VERSION}",
                )
            )
        body = {k: v for k, v in data.items() if k not in ("format", "version")}
        try:
            return cls.model_validate_json(json.dumps(body))
        except ValidationError as error:
            raise SchemaError(_first_problem(error)) from None

    def save(self, path: str | Path) -> None:
        """Write the schema as JSON."""
        text = json.dumps(self.to_dict(), indent=1, ensure_ascii=False)
        Path(path).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> Schema:
        """Read a schema written by ``save``.

        Raises:
            SchemaError: no such file, not JSON, or not a schema.
        """
        try:
            data = json.loads(Path(path).read_text(encoding="utf-8"))
        except OSError:
            raise SchemaError(
                problem("the schema file cannot be read", got=str(path))
            ) from None
        except ValueError:
            raise SchemaError(
                problem("the schema file is not JSON", got=str(path))
            ) from None
        return cls.from_dict(data)

    @classmethod
    def infer(cls, frame: Any, *, declare_public: bool = False) -> Schema:
        """Copy the facts of a table.

        Args:
            frame: any eager frame that narwhals reads.
            declare_public: the caller states that the *table itself* is public, so that
                its facts are too; the privacy statement repeats it. Without it every
                fact is marked ``from-data``, and a private fit refuses the schema.

        Raises:
            SchemaError: a column holds no value at all, so that nothing can be copied.
        """
        table = nw.from_native(frame, eager_only=True)
        mark: Provenance = "public" if declare_public else "from-data"
        native = nw.to_native(table)
        columns = tuple(
            _infer_column(table[name], _dtype_name(native, name), mark)
            for name in table.columns
        )
        said = (
            "facts of the table itself, which the caller declared public"
            if declare_public
            else "copied from the table; not public"
        )
        return cls(columns=columns, declared_by=said)


def _dtype_name(native: Any, name: str) -> str:
    return str(native[name].dtype)


def _infer_column(series: nw.Series[Any], dtype: str, mark: Provenance) -> Column:
    values = [_plain(v) for v in series.drop_nulls().unique().to_list()]
    values = [v for v in values if v == v]  # noqa: PLR0124  (drops not-a-number)
    if not values:
        raise SchemaError(
            problem(
                "a column holds no value at all", got=series.name, try_="dropping it"
            )
        )
    nullable = bool(series.is_null().any()) or bool(
        series.dtype.is_float() and series.is_nan().any()
    )
    if all(isinstance(v, bool) for v in values):
        return Column(
            name=series.name,
            kind="boolean",
            dtype=dtype,
            nullable=nullable,
            provenance={"nullable": mark},
        )
    if all(isinstance(v, (int, float)) for v in values):
        return _infer_numbers(series, values, dtype, nullable=nullable, mark=mark)
    return _infer_categories(series, values, dtype, nullable=nullable, mark=mark)


def _infer_categories(
    series: nw.Series[Any],
    values: list[Any],
    dtype: str,
    *,
    nullable: bool,
    mark: Provenance,
) -> Column:
    if isinstance(series.dtype, (nw.Categorical, nw.Enum)):
        used = set(values)
        values = [_plain(v) for v in series.cat.get_categories().to_list()]
        values = values or sorted(used)
    else:
        values = sorted({v if isinstance(v, str) else str(v) for v in values})
    return Column(
        name=series.name,
        kind="categorical",
        dtype=dtype,
        categories=tuple(values),
        nullable=nullable,
        provenance={"categories": mark, "nullable": mark},
    )


def _infer_numbers(
    series: nw.Series[Any],
    values: list[Any],
    dtype: str,
    *,
    nullable: bool,
    mark: Provenance,
) -> Column:
    numbers = [float(v) for v in values if math.isfinite(v)]
    if not numbers:
        raise SchemaError(problem("a column holds no finite number", got=series.name))
    return Column(
        name=series.name,
        kind="numeric",
        dtype=dtype,
        lower=min(numbers),
        upper=max(numbers),
        decimals=_decimals(numbers),
        nullable=nullable or len(numbers) < len(values),
        provenance=dict.fromkeys(("lower", "upper", "decimals", "nullable"), mark),
    )


def _decimals(numbers: Iterable[float], most: int = 6) -> int | None:
    places = 0
    for number in numbers:
        while places <= most and round(number, places) != number:
            places += 1
        if places > most:
            return None
    return places


def _plain(value: Any) -> Scalar:
    return value.item() if hasattr(value, "item") else value


def _first_problem(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return problem(f"the schema is inconsistent at {where or 'top'}: {first['msg']}")
