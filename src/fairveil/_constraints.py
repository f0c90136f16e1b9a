"""Constraints that every released row meets, declared with the schema.

Public facts: whoever declares a constraint says that it holds in the world, not that it
holds in the table. Real rows are never checked against it, so nothing about them can
leak through it, and a row that breaks one does not stop a fit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from fairveil._column import Column, Scalar
from fairveil._iso import TEMPORAL

Cell: TypeAlias = Scalar | None


def _as_pairs(value: Any) -> Any:
    return tuple(value.items()) if isinstance(value, Mapping) else value


class _Facts(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")


class Order(_Facts):
    """``low <= high``, or ``low < high`` where it is strict.

    Attributes:
        low, high: names of two columns of numbers, or of dates and times of one kind.
        strict: whether equal values are forbidden.
    """

    kind: Literal["order"] = "order"
    low: str
    high: str
    strict: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Columns that it ties together."""
        return (self.low, self.high)


class Dependency(_Facts):
    """``target`` follows from ``source`` by a public table: a code and its name.

    Attributes:
        source, target: names of two columns; the source has categories.
        pairs: value of the target for each category of the source (and for None where
            the source may be missing); a mapping is taken, too.
    """

    kind: Literal["dependency"] = "dependency"
    source: str
    target: str
    pairs: Annotated[tuple[tuple[Cell, Cell], ...], BeforeValidator(_as_pairs)]

    @property
    def names(self) -> tuple[str, ...]:
        """Columns that it ties together."""
        return (self.source, self.target)


class Combinations(_Facts):
    """Only these combinations of values of some columns occur.

    Attributes:
        columns: names of columns with categories.
        allowed: the combinations, in the order of the columns.
    """

    kind: Literal["combinations"] = "combinations"
    columns: tuple[str, ...] = Field(min_length=2)
    allowed: tuple[tuple[Cell, ...], ...] = Field(min_length=1)

    @property
    def names(self) -> tuple[str, ...]:
        """Columns that it ties together."""
        return self.columns


class Sum(_Facts):
    """``parts`` sum to ``total``, or to ``total`` at most.

    Attributes:
        parts, total: names of columns of numbers.
        relation: ``equal`` or ``at most``.
    """

    kind: Literal["sum"] = "sum"
    parts: tuple[str, ...] = Field(min_length=1)
    total: str
    relation: Literal["equal", "at most"] = "at most"

    @property
    def names(self) -> tuple[str, ...]:
        """Columns that it ties together."""
        return (*self.parts, self.total)


Constraint: TypeAlias = Annotated[
    Order | Dependency | Combinations | Sum, Field(discriminator="kind")
]


def check_constraints(
    constraints: Sequence[Order | Dependency | Combinations | Sum],
    columns: Sequence[Column],
) -> None:
    """Raise ``ValueError`` for constraints that the columns cannot meet.

    Each is looked at by itself, and each derived column must have one source only.
    """
    known = {column.name: column for column in columns}
    derived: list[str] = []
    for found in constraints:
        for name in found.names:
            if name not in known:
                raise ValueError(f"a constraint names no column: {name!r}")
        if len(set(found.names)) < len(found.names):
            raise ValueError(f"a constraint names a column twice: {found.names[0]!r}")
        _CHECKS[found.kind](found, known)
        if isinstance(found, Dependency):
            derived.append(found.target)
        if isinstance(found, Sum) and found.relation == "equal":
            derived.append(found.total)
    twice = sorted({name for name in derived if derived.count(name) > 1})
    if twice:
        raise ValueError(f"two constraints set the column {twice[0]!r}")


def _check_order(found: Order, known: Mapping[str, Column]) -> None:
    low, high = known[found.low], known[found.high]
    same = low.kind == high.kind and (low.kind not in TEMPORAL or low.unit == high.unit)
    if not low.on_scale or not same:
        raise ValueError(
            f"an order needs two columns of one kind, in numbers or time: {found.low!r}"
        )
    least, most = low.ends()[0], high.ends()[1]
    if least > most or (found.strict and least == most):
        raise ValueError(f"no values of {found.low!r} and {found.high!r} are in order")


def _check_dependency(found: Dependency, known: Mapping[str, Column]) -> None:
    source, target = known[found.source], known[found.target]
    needed = set(map(str, values_of(source)))
    given = [str(value) for value, _target in found.pairs if value is not None]
    if not needed or set(given) != needed or len(given) != len(set(given)):
        raise ValueError(
            f"the pairs have to name each category of {found.source!r} once"
        )
    if source.nullable and not any(value is None for value, _t in found.pairs):
        raise ValueError(f"the pairs leave out a missing {found.source!r}: None")
    for _value, wanted in found.pairs:
        if not _holds(target, wanted):
            raise ValueError(f"the pairs hold what {found.target!r} cannot be")


def _check_combinations(found: Combinations, known: Mapping[str, Column]) -> None:
    for row in found.allowed:
        if len(row) != len(found.columns):
            raise ValueError("a combination has another number of values than columns")
        for name, cell in zip(found.columns, row, strict=True):
            column = known[name]
            if column.on_scale or not _holds(column, cell):
                raise ValueError(f"a combination holds what {name!r} cannot be")


def _check_sum(found: Sum, known: Mapping[str, Column]) -> None:
    if any(known[name].kind != "numeric" for name in found.names):
        raise ValueError(f"a sum needs columns of numbers: {found.total!r}")
    least = sum(known[name].ends()[0] for name in found.parts)
    if least > known[found.total].ends()[1]:
        raise ValueError(f"no values of the parts sum to {found.total!r}")


_CHECKS: Mapping[str, Any] = {
    "order": _check_order,
    "dependency": _check_dependency,
    "combinations": _check_combinations,
    "sum": _check_sum,
}


def values_of(column: Column) -> tuple[Cell, ...]:
    """Categories of a column; none of one on a scale."""
    return (False, True) if column.kind == "boolean" else column.categories


def _holds(column: Column, cell: Cell) -> bool:
    if cell is None:
        return column.nullable
    if column.kind == "numeric":
        low, high = column.ends()
        numeric = isinstance(cell, int | float)
        return numeric and (low <= cell <= high or cell in column.singles)
    return str(cell) in map(str, values_of(column))
