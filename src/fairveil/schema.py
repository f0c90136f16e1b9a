"""Public facts about a table, each with its provenance.

Everything here is public: a schema may be printed, published and put into a model file.
A fact's provenance says where it comes from: ``public`` (declared by somebody: a code
book), ``dp`` (measured under the budget) or ``from-data`` (copied from the table, which
is refused under differential privacy). The file never reads a table except in
``Schema.infer``, whose facts are marked accordingly.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import narwhals as nw
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fairveil import _files, _sdv
from fairveil._column import Column, Kind, Provenance
from fairveil._constraints import Constraint, check_constraints
from fairveil._infer import column_facts
from fairveil._shield import DEBUG, guarded
from fairveil.errors import FairveilError, SchemaError, TableError, problem

__all__ = ("Column", "Kind", "Provenance", "Schema")

FORMAT = "fairveil-schema"
VERSION = 1


class Schema(BaseModel):
    """The public facts of a table: its columns in order, and who declared them.

    ``declared_by`` is a sentence that the privacy statement repeats. ``constraints``
    hold in every released row (docs/constraints.md).
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="forbid", strict=True
    )

    columns: tuple[Column, ...] = Field(min_length=1)
    declared_by: str = ""
    constraints: tuple[Constraint, ...] = ()

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len(set(self.names)) != len(self.columns):
            raise ValueError("a column name stands twice")
        check_constraints(self.constraints, self.columns)
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(column.name for column in self.columns)

    @property
    def learnt(self) -> tuple[str, ...]:
        """Names of the columns that a fit measures: all but identifiers."""
        return tuple(column.name for column in self.columns if column.learnt)

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
        """The same schema with these columns only, in the order given.

        Constraints on a column that goes go with it.

        Raises:
            SchemaError: an unknown name, a name twice, or no name at all.
        """
        kept = tuple(self[n] for n in names)
        there = {column.name for column in kept}
        rules = (r for r in self.constraints if there >= set(r.names))
        return _checked(kept, self.declared_by, tuple(rules))

    def drop(self, names: Iterable[str]) -> Schema:
        """The same schema without these columns.

        Raises:
            SchemaError: an unknown name, or no column is left.
        """
        gone = {self[n].name for n in names}
        return self.select(n for n in self.names if n not in gone)

    def copied_from_data(self) -> tuple[str, ...]:
        """``column.fact`` for every fact that was copied from a table."""
        return tuple(
            f"{c.name}.{f}" for c in self.columns for f in c.copied_from_data()
        )

    def to_dict(self) -> dict[str, Any]:
        """The schema as plain JSON values."""
        columns = [column.to_dict() for column in self.columns]
        body = {"columns": columns, "declared_by": self.declared_by}
        if self.constraints:  # older files have none
            body["constraints"] = [r.model_dump(mode="json") for r in self.constraints]
        return {"format": FORMAT, "version": VERSION, **body}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Schema:
        """Read what ``to_dict`` wrote.

        Raises:
            SchemaError: another format, a newer version or inconsistent facts.
        """
        if not isinstance(data, Mapping) or data.get("format") != FORMAT:
            raise SchemaError(
                problem(
                    "this is not a fairveil schema",
                    try_="a file that 'fairveil schema' or Schema.save has written",
                )
            )
        if data.get("version") != VERSION:
            raise SchemaError(
                problem(
                    "the schema's version is unknown",
                    got=data["version"] if type(data.get("version")) is int else None,
                    try_=f"version {VERSION}",
                )
            )
        body = {k: v for k, v in data.items() if k not in ("format", "version")}
        try:
            text = json.dumps(body)
        except (TypeError, ValueError, RecursionError):
            raise SchemaError(problem("a schema holds plain JSON values")) from None
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise SchemaError(_first_problem(error)) from None

    def save(self, path: str | Path) -> None:
        """Write the schema as JSON, whole or not at all.

        A new file whose facts were copied from a table can be read by its owner only.

        Raises:
            SchemaError: the path cannot be written.
        """
        text = json.dumps(self.to_dict(), indent=1, ensure_ascii=False) + "\n"
        secret = bool(self.copied_from_data())
        try:
            _files.write_whole(path, text.encode("utf-8"), secret=secret)
        except OSError:
            raise SchemaError(
                problem("the schema file cannot be written", got=str(path))
            ) from None

    @classmethod
    def load(cls, path: str | Path) -> Schema:
        """Read a schema written by ``save``.

        Raises:
            SchemaError: no such file, not JSON, or not a schema.
        """
        try:
            data = _files.parse_json(_files.read_whole(path))
        except OSError:
            raise SchemaError(
                problem(
                    "the schema file cannot be read",
                    got=str(path),
                    try_="the path of a file that 'fairveil schema' has written",
                )
            ) from None
        except ValueError:
            raise SchemaError(
                problem(
                    "the schema file is not JSON",
                    got=str(path),
                    try_="a file that 'fairveil schema' has written",
                )
            ) from None
        return cls.from_dict(data)

    @classmethod
    def from_sdv(
        cls,
        metadata: Any,
        *,
        facts: Schema | Mapping[str, Mapping[str, Any]] | None = None,
        table: str | None = None,
        detected: bool = False,
        partial: bool = False,
        declared_by: str = "SDV metadata",
    ) -> Schema:
        """Read SDV's metadata of one table; docs/sdv.md has what each sdtype becomes.

        Args:
            metadata: the mapping, a JSON file's path, or SDV's own object.
            facts: what metadata does not hold, by column and field of ``Column``:
                ``{"age": {"lower": 0, "upper": 120}}``; or a schema. They stand above
                the metadata.
            table: which table, where there are several.
            detected: SDV read the metadata off the table, so its facts are no public
                ones and a private fit refuses them.
            partial: leave out the columns that lack facts, for ``discover=True``.
            declared_by: who declared the facts.

        Raises:
            SchemaError: not such metadata, or columns lack facts.
            UnsupportedError: several tables and none named, or sequences.
        """
        if isinstance(facts, Schema):
            facts = {column.name: column.to_dict() for column in facts.columns}
        columns = _sdv.columns_of(metadata, table)
        whole, lacking = _sdv.read(columns, facts or {}, detected=detected)
        if lacking and not (partial and whole):
            said = ", ".join(f"{n} ({', '.join(f)})" for n, f in lacking.items())
            what = "SDV's metadata lacks facts that a schema needs"
            try_ = "facts={'age': {'lower': 0, 'upper': 120}}"
            try_ += "" if partial else ", or partial=True, and discover=True in the fit"
            raise SchemaError(problem(what, got=said, try_=try_))
        body = {"columns": _plain(whole), "declared_by": declared_by}
        return cls.from_dict({"format": FORMAT, "version": VERSION, **body})

    def to_sdv(
        self,
        *,
        version: str = _sdv.UNIFIED,
        table: str = "table",
        primary_key: str | None = None,
    ) -> dict[str, Any]:
        """The schema as SDV's metadata: kinds, formats, patterns; bounds are lost.

        Args:
            version: ``V1``, ``MULTI_TABLE_V1`` or ``SINGLE_TABLE_V1``.
            table: its name, where the version has names.
            primary_key: an identifier that is to be the key.

        Raises:
            SchemaError: an unknown version, or the key is no identifier.
        """
        if version not in _sdv.VERSIONS:
            try_ = "one of " + ", ".join(_sdv.VERSIONS)
            raise SchemaError(problem("unknown version", got=version, try_=try_))
        if primary_key is not None and self[primary_key].learnt:
            what = "a primary key has to be an identifier"
            raise SchemaError(problem(what, got=primary_key))
        body = _sdv.written(self.columns, key=primary_key)
        stamp = {"METADATA_SPEC_VERSION": version}
        if version == _sdv.SINGLE:
            return body | stamp
        return {"tables": {table: body}, "relationships": [], **stamp}

    @classmethod
    @guarded
    def infer(cls, frame: Any, *, declare_public: bool = False) -> Schema:
        """Copy the facts of a table.

        Args:
            frame: any eager frame that narwhals reads.
            declare_public: the caller states that the *table itself* is public, so that
                its facts are too; the privacy statement repeats it. Without it every
                fact is marked ``from-data``, and a private fit refuses the schema.

        Raises:
            SchemaError: a column's facts cannot be copied: it holds no value at all,
                numbers too large, or cells that are no plain values. The text names
                the column and repeats no value.
            TableError: not a data frame, or a name stands twice.
        """
        table = _eager(frame)
        mark: Provenance = "public" if declare_public else "from-data"
        columns = tuple(_copied(series, mark) for series in table.iter_columns())
        said = (
            "facts of the table itself, which the caller declared public"
            if declare_public
            else "copied from the table; not public"
        )
        return _checked(columns, said)


def _plain(columns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Facts as JSON has them: dates as text, without what is not there."""
    return [
        {k: v.isoformat() if hasattr(v, "isoformat") else v for k, v in facts.items()}
        for facts in columns
    ]


def _checked(
    columns: tuple[Column, ...],
    declared_by: str,
    constraints: tuple[Constraint, ...] = (),
) -> Schema:
    """A schema, or a refusal in our own words."""
    if not columns:
        raise SchemaError(problem("a schema needs at least one column"))
    try:
        return Schema(columns=columns, declared_by=declared_by, constraints=constraints)
    except ValidationError as error:
        raise SchemaError(_first_problem(error)) from None


def _eager(frame: Any) -> nw.DataFrame[Any]:
    try:
        return nw.from_native(frame, eager_only=True)
    except TypeError:
        what, got = "this is not a data frame", type(frame).__name__
    except ValueError:  # narwhals refuses repeated column names
        what, got = "the table's column names are not unique", None
    raise TableError(problem(what, got=got))


def _copied(series: nw.Series[Any], mark: Provenance) -> Column:
    try:
        return Column(**column_facts(series, mark))
    except ValidationError as error:  # its own text would repeat the values
        said = error.errors(include_input=False, include_url=False)[0]["msg"]
        said = said.rsplit(": ", maxsplit=1)[-1]
    except (FairveilError, MemoryError):
        raise
    except Exception:  # cells raise of every kind, and quote themselves
        if os.environ.get(DEBUG):
            raise
        said = "it holds cells that are no plain values, such as lists"
    raise SchemaError(
        problem(
            f"the facts of a column cannot be copied: {said}",
            got=series.name,
            try_="dropping or rescaling it",
        )
    )


def _first_problem(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    said = first["msg"].removeprefix("Value error, ")
    return problem(f"the schema is inconsistent at {where or 'top'}: {said}")
