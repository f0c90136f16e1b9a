"""Which facts of a table are public before a fit, and which are gaps to be measured.

Public: column names, settings, the schema, and dtypes where the caller declared them;
no value is looked at. A ``Plan`` lists the columns in the table's order: those that are
fully described cost nothing, and each ``Gap`` is measured under the budget.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import narwhals as nw

from fairveil.schema import Column, Kind, Schema

_NUMERIC = {"decimals", "lower", "upper", "special"}
_OF_CATEGORIES = ("categories", "ordered", "other")
_OF_TIME = ("resolution", "zone", "layout")
_FACTS = (
    *("kind", "dtype", "nullable"),
    *(*sorted(_NUMERIC), *_OF_TIME, *_OF_CATEGORIES),
)
_TEMPORAL: dict[Kind, Any] = {
    "datetime": nw.Datetime,
    "date": nw.Date,
    "time": nw.Time,
    "duration": nw.Duration,
}
_CANNOT_MISS = re.compile(r"u?int\d+|bool")  # NumPy's own dtypes hold no missing value
_BY_DTYPES = "dtypes declared by the caller"
_MEASURED = "nobody (facts marked dp were measured under this budget)"
_EARLIER = "nobody (an earlier fit measured facts marked dp; its budget counts too)"


@dataclass(frozen=True, kw_only=True)
class Gap:
    """A column with facts that have to be measured.

    Attributes:
        name: column name (always public).
        kind: kind of the column where it is public; None: to be found.
        facts: further public facts, by field name of ``Column``; they stand.
    """

    name: str
    kind: Kind | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The columns to synthesise, in order.

    Attributes:
        columns: a ``Column`` where all facts are public, else a ``Gap``.
        declared_by: who declared the public facts.
    """

    columns: tuple[Column | Gap, ...]
    declared_by: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(column.name for column in self.columns)

    @property
    def learnt(self) -> tuple[str, ...]:
        """Names of the columns that a fit measures: all but identifiers."""
        kept = (c for c in self.columns if isinstance(c, Gap) or c.learnt)
        return tuple(column.name for column in kept)

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """The columns that have to be measured."""
        return tuple(c for c in self.columns if isinstance(c, Gap))


def plan(
    table: nw.DataFrame[Any],
    schema: Schema | None,
    *,
    unit: str | None,
    public_dtypes: bool,
) -> Plan:
    """What is public of a table's columns, and what has to be measured.

    A column of the schema that holds a fact copied from the data keeps only the facts
    that are marked ``public`` one by one; its kind too counts as copied otherwise.

    Args:
        table: only names are read, and dtypes where ``public_dtypes``.
        schema: facts that somebody declared; its columns must be in the table.
        unit: column that is not synthesised.
        public_dtypes: whether the caller declares the dtypes public.
    """
    known = {} if schema is None else {c.name: c for c in schema.columns}
    columns: list[Column | Gap] = []
    anew = [column for column in known.values() if not column.learnt]
    for name in table.columns:
        column = known.get(name)
        if name == unit and (column is None or column.learnt):
            continue
        if column is not None and not column.copied_from_data():
            columns.append(column)
            continue
        public = {} if column is None else _kept(column)
        by_dtype = _declared(table[name]) if public_dtypes else {}
        columns.append(_column(name, {**by_dtype, **public}))
    columns += [column for column in anew if column.name not in table.columns]
    said = [of_earlier(schema).declared_by] if schema is not None else []
    said += [_BY_DTYPES] * public_dtypes
    said += [_MEASURED] * any(isinstance(column, Gap) for column in columns)
    return Plan(columns=tuple(columns), declared_by="; ".join(filter(None, said)))


def of_earlier(schema: Schema) -> Schema:
    """The schema, with a word on facts that an earlier fit has measured.

    To use them again costs nothing; but whoever asks what the fits of one table have
    cost together has to add that fit's budget.
    """
    marks = {mark for column in schema.columns for mark in column.provenance.values()}
    if "dp" not in marks or _EARLIER in schema.declared_by:
        return schema
    others = [part for part in schema.declared_by.split("; ") if part != _MEASURED]
    said = "; ".join(filter(None, [*others, _EARLIER]))
    return schema.model_copy(update={"declared_by": said})


def _kept(column: Column) -> dict[str, Any]:
    """Facts that are marked public beside others that were copied."""
    copied = column.copied_from_data()
    public = {fact for fact, mark in column.provenance.items() if mark == "public"}
    if public & {*_NUMERIC, *_OF_TIME}:  # they say what the column is
        public.add("kind")
    if "categories" in public:
        public |= {"kind", *_OF_CATEGORIES} - {*copied}
    facts = {name: getattr(column, name) for name in _FACTS if name in public}
    return {n: v for n, v in facts.items() if n not in _OF_TIME or v is not None}


def _column(name: str, facts: dict[str, Any]) -> Column | Gap:
    """A column where nothing is left to measure, else a gap."""
    kind = facts.pop("kind", None)
    if kind == "boolean" and "nullable" in facts:
        marks = dict.fromkeys(("kind", *facts), "public")
        return Column(name=name, kind=kind, **facts, provenance=cast("Any", marks))
    return Gap(name=name, kind=kind, facts=facts)


def _declared(series: nw.Series[Any]) -> dict[str, Any]:
    """Facts that a dtype states; an object column states nothing."""
    native = str(getattr(nw.to_native(series), "dtype", None) or series.dtype)
    # of objects the dtype would be found by looking at cells
    kind, decimals = _kind_of(series.dtype) if native != "object" else (None, None)
    if kind is None:
        return {}
    facts: dict[str, Any] = {"kind": kind, "dtype": native}
    if decimals is not None:
        facts["decimals"] = decimals
    zone = getattr(series.dtype, "time_zone", None)
    if zone is not None:
        facts["zone"] = zone
    if _CANNOT_MISS.fullmatch(native):
        facts["nullable"] = False
    return facts


def _kind_of(dtype: Any) -> tuple[Kind | None, int | None]:
    """Kind and decimals of a dtype, None where it states none."""
    for temporal, own in _TEMPORAL.items():
        if isinstance(dtype, own):
            return temporal, None
    if dtype == nw.Boolean:
        return "boolean", None
    if dtype.is_integer():
        return "numeric", 0
    if dtype.is_numeric():
        return "numeric", None
    if isinstance(dtype, (nw.String, nw.Categorical, nw.Enum)):
        return "categorical", None
    return None, None
