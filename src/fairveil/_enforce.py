"""Released rows brought into line with the constraints of their schema.

Sees decoded rows and public constraints only. A cell that breaks a constraint gets the
value of the same column in another row of the same block, so that shares stay near
what they were and a condition that all these rows meet stays met; only derived columns
(``Dependency``, ``Sum`` with ``equal``) are computed. Promise: every row that comes out
meets every constraint.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from fairveil._column import Column
from fairveil._constraints import Combinations, Dependency, Order, Sum, values_of
from fairveil._types import Floats, Values
from fairveil.errors import ConfigError, problem

Rule: TypeAlias = Order | Dependency | Combinations | Sum
Table: TypeAlias = dict[str, Values]

_PASSES = 6  # over all constraints, before rows that still break one are replaced
_SLACK = 1e-9


def enforced(
    values: Mapping[str, Values],
    columns: Sequence[Column],
    rules: Sequence[Rule],
    rng: np.random.Generator,
    *,
    invent: bool = True,
) -> Table:
    """The rows with every constraint met.

    Args:
        values: cells by column.
        columns: facts of the columns.
        rules: the constraints.
        rng: randomness.
        invent: whether a declared combination may stand in where no row has any.

    Raises:
        ConfigError: no row of the block meets them all: they contradict one another.
    """
    table: Table = {
        n: v.copy() if isinstance(v, np.ndarray) else list(v) for n, v in values.items()
    }
    known = {column.name: column for column in columns}
    count = len(next(iter(table.values())))
    if not rules or not count:
        return table
    if not invent:
        _check_combined(table, known, rules)
    good = np.zeros(count, dtype=bool)
    for _ in range(_PASSES):
        for rule in rules:
            _MENDS[rule.kind](table, rule, known, rng)
        good = met(table, columns, rules)
        if good.all():
            return table
    if not good.any():
        raise _contradiction()
    bad, pool = np.flatnonzero(~good), np.flatnonzero(good)
    donors = rng.choice(pool, len(bad))
    for name in {name for rule in rules for name in rule.names}:
        _copy(table[name], bad, donors)
    return table


def _check_combined(
    table: Table, known: Mapping[str, Column], rules: Sequence[Rule]
) -> None:
    """Raise where no row has any of the combinations that are allowed."""
    for rule in rules:
        combined = isinstance(rule, Combinations)
        if combined and _broken_combinations(table, rule, known).all():
            raise _contradiction()


def _contradiction() -> ConfigError:
    what = "no row meets all constraints of the schema at once"
    return ConfigError(problem(what, try_="fewer constraints, or wider bounds"))


def met(
    table: Mapping[str, Values], columns: Sequence[Column], rules: Sequence[Rule]
) -> np.ndarray:
    """Which rows meet all constraints, (n,); one with a missing cell in it is met."""
    known = {column.name: column for column in columns}
    good = np.ones(len(next(iter(table.values()))), dtype=bool)
    for rule in rules:
        good &= ~_BREAKS[rule.kind](table, rule, known)
    return good


def _copy(cells: Values, to: np.ndarray, source: np.ndarray) -> None:
    if isinstance(cells, np.ndarray):
        cells[to] = cells[source]
        return
    for i, j in zip(to.tolist(), source.tolist(), strict=True):
        cells[i] = cells[j]


def _numbers(cells: Values) -> Floats:
    """Cells as floats, not-a-number where missing; moments as their ticks."""
    if isinstance(cells, np.ndarray):
        ticks = cells.astype(np.int64).astype(np.float64)
        return np.where(np.isnat(cells), np.nan, ticks)
    return np.array([np.nan if c is None else c for c in cells], dtype=np.float64)


def _broken_order(table: Table, rule: Order, known: Mapping[str, Column]) -> np.ndarray:
    del known
    low, high = _numbers(table[rule.low]), _numbers(table[rule.high])
    return low >= high if rule.strict else low > high


def _mend_order(
    table: Table, rule: Order, known: Mapping[str, Column], rng: np.random.Generator
) -> None:
    """A new upper value out of those above the lower one; or a lower one; or both."""
    for name, other, side in ((rule.high, rule.low, 1), (rule.low, rule.high, -1)):
        bad = np.flatnonzero(_broken_order(table, rule, known))
        mine, fixed = side * _numbers(table[name]), side * _numbers(table[other])
        pool = np.flatnonzero(~np.isnan(mine))
        pool = pool[np.argsort(mine[pool], kind="stable")]
        after = "right" if rule.strict else "left"
        first = np.searchsorted(mine[pool], fixed[bad], side=after)
        some = first < len(pool)
        bad, first = bad[some], first[some]
        picks = first + (rng.random(len(bad)) * (len(pool) - first)).astype(np.int64)
        _copy(table[name], bad, pool[picks])
    _from_others(table, rule, known, rng)


def _from_others(
    table: Table, rule: Rule, known: Mapping[str, Column], rng: np.random.Generator
) -> None:
    """Rows that still break the constraint take its cells from one that meets it."""
    broken = _BREAKS[rule.kind](table, rule, known)
    bad, good = np.flatnonzero(broken), np.flatnonzero(~broken)
    if len(bad) and len(good):
        donors = rng.choice(good, len(bad))
        for name in rule.names:
            _copy(table[name], bad, donors)


def _broken_dependency(
    table: Table, rule: Dependency, known: Mapping[str, Column]
) -> np.ndarray:
    wanted = _wanted(table, rule, known)
    pairs = zip(wanted, table[rule.target], strict=True)
    return np.array([want != have for want, have in pairs], dtype=bool)


def _wanted(table: Table, rule: Dependency, known: Mapping[str, Column]) -> list[Any]:
    target = known[rule.target]
    texts = {str(value): value for value in values_of(target)}
    by_source = {
        None if source is None else str(source): texts.get(str(value), value)
        for source, value in rule.pairs
    }
    return [by_source[None if c is None else str(c)] for c in table[rule.source]]


def _mend_dependency(
    table: Table,
    rule: Dependency,
    known: Mapping[str, Column],
    rng: np.random.Generator,
) -> None:
    del rng
    table[rule.target] = _wanted(table, rule, known)


def _rows_of(table: Table, rule: Combinations) -> list[tuple[str | None, ...]]:
    cells = zip(*(table[name] for name in rule.columns), strict=True)
    return [tuple(None if c is None else str(c) for c in row) for row in cells]


def _broken_combinations(
    table: Table, rule: Combinations, known: Mapping[str, Column]
) -> np.ndarray:
    del known
    allowed = {tuple(None if c is None else str(c) for c in r) for r in rule.allowed}
    return np.array([row not in allowed for row in _rows_of(table, rule)], dtype=bool)


def _mend_combinations(
    table: Table,
    rule: Combinations,
    known: Mapping[str, Column],
    rng: np.random.Generator,
) -> None:
    """The nearest allowed combination that some row has: it shares the most cells.

    Of equally near ones each is taken as often as rows have it.
    """
    broken = _broken_combinations(table, rule, known)
    rows = _rows_of(table, rule)
    bad, good = np.flatnonzero(broken), np.flatnonzero(~broken)
    if not len(good):
        _declared(table, rule, known, rng)
        return
    held = np.array([[hash(c) for c in rows[i]] for i in good])
    donors: dict[tuple[str | None, ...], np.ndarray] = {}
    for i in bad:
        if rows[i] not in donors:
            shared = (held == [hash(c) for c in rows[i]]).sum(axis=1)
            donors[rows[i]] = good[shared == shared.max()]
    source = np.array([rng.choice(donors[rows[i]]) for i in bad], dtype=np.int64)
    for name in rule.columns:
        _copy(table[name], bad, source)


def _declared(
    table: Table,
    rule: Combinations,
    known: Mapping[str, Column],
    rng: np.random.Generator,
) -> None:
    """Combinations out of the declared ones, where no row has any."""
    count = len(table[rule.columns[0]])
    picks = rng.integers(0, len(rule.allowed), count).tolist()
    for place, name in enumerate(rule.columns):
        texts = {str(value): value for value in values_of(known[name])}
        cells = [rule.allowed[pick][place] for pick in picks]
        table[name] = [None if c is None else texts[str(c)] for c in cells]


def _sums(
    table: Table, rule: Sum, known: Mapping[str, Column]
) -> tuple[Floats, Floats]:
    parts = np.sum([_numbers(table[name]) for name in rule.parts], axis=0)
    places = [known[name].decimals for name in rule.parts]
    if None not in places:
        parts = np.round(parts, max(p for p in places if p is not None))
    return parts, _numbers(table[rule.total])


def _broken_sum(table: Table, rule: Sum, known: Mapping[str, Column]) -> np.ndarray:
    parts, total = _sums(table, rule, known)
    slack = _SLACK * np.maximum(np.abs(total), 1.0)
    if rule.relation == "equal":
        return np.abs(parts - total) > slack
    return parts > total + slack


def _mend_sum(
    table: Table, rule: Sum, known: Mapping[str, Column], rng: np.random.Generator
) -> None:
    column = known[rule.total]
    parts, total = _sums(table, rule, known)
    low, high = column.ends()
    if rule.relation == "equal":
        fits = (parts >= low - _SLACK) & (parts <= high + _SLACK)
        at = np.flatnonzero(fits & ~np.isnan(total))
    else:
        at = np.flatnonzero((parts > total) & (parts <= high))
    cells = list(table[rule.total])
    for i in at.tolist():
        cells[i] = int(parts[i]) if column.decimals == 0 else float(parts[i])
    table[rule.total] = cells
    _from_others(table, rule, known, rng)


_MENDS: Mapping[str, Any] = {
    "order": _mend_order,
    "dependency": _mend_dependency,
    "combinations": _mend_combinations,
    "sum": _mend_sum,
}
_BREAKS: Mapping[str, Any] = {
    "order": _broken_order,
    "dependency": _broken_dependency,
    "combinations": _broken_combinations,
    "sum": _broken_sum,
}
