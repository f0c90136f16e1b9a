"""Groups of a release in wanted shares: ``balance="income"`` as conditions.

Public: schemas, released bins and what the caller asks for; no row is seen. Each group
is a condition of its own (``_where``); rows inside a group keep the law that they have
in a plain sample, only the groups' sizes change.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from fairveil import _check
from fairveil._where import Condition, condition, interval
from fairveil.codec import Codec, ColumnCodec, is_missing
from fairveil.errors import ConfigError, problem

Wanted: TypeAlias = str | Sequence[str] | Mapping[str, str | Mapping[Any, float]]

_MOST_GROUPS = 256
_CLOSE = 1e-9


@dataclass(frozen=True)
class Group:
    """One group and its share of the rows."""

    condition: Condition
    share: float


def groups(codec: Codec, balance: Wanted, where: Mapping[str, Any]) -> list[Group]:
    """The groups that a caller wants, each with the condition that makes it.

    Args:
        codec: of the release.
        balance: a column or several, whose values (or combinations of values) get equal
            shares; or a mapping of columns to ``"equal"`` or to shares of some values
            or ranges, where the values left share the rest as they do in the release.
            Shares of several columns are multiplied.
        where: a condition that all rows meet, of other columns.

    Raises:
        ConfigError: no such column or value; shares that cannot be; too many groups.
    """
    wanted = _by_column(balance)
    both = sorted(set(wanted) & set(where))
    if both:
        what = "a column is balanced and stands in the condition"
        raise ConfigError(problem(what, got=", ".join(both), try_="one of the two"))
    parts = []
    for name, shares in wanted.items():
        _known(codec, name)
        parts.append([(name, *part) for part in _parts(codec, name, shares)])
    if math.prod(map(len, parts)) > _MOST_GROUPS:
        what = f"at most {_MOST_GROUPS} groups can be balanced"
        got = math.prod(map(len, parts))
        raise ConfigError(problem(what, got=got, try_="fewer columns"))
    out = []
    for chosen in itertools.product(*parts):
        meets = {name: values for name, values, _share in chosen}
        share = math.prod(share for _name, _values, share in chosen)
        if share > 0:
            out.append(Group(condition(codec, {**where, **meets}), share))
    return out


def _known(codec: Codec, name: str) -> None:
    if name not in codec.names:
        what = "the release has no such column"
        options = "one of " + ", ".join(codec.names)
        raise ConfigError(problem(what, got=name, try_=options))


def sizes(shares: Sequence[float], n: int) -> list[int]:
    """Whole numbers of rows in these shares, n in all: by the largest remainders."""
    exact = np.array(shares) / math.fsum(shares) * n
    found = np.floor(exact + _CLOSE).astype(np.int64)
    order = np.argsort(found - exact, kind="stable")
    found[order[: n - int(found.sum())]] += 1
    return found.tolist()


def _by_column(balance: Wanted) -> dict[str, str | Mapping[Any, float]]:
    found: dict[str, str | Mapping[Any, float]] = {}
    if isinstance(balance, Mapping):
        found.update(balance)
    else:
        names = [balance] if isinstance(balance, str) else list(balance)
        _check.names(balance=names)
        _check.distinct(balance=names)
        found.update(dict.fromkeys(names, "equal"))
    if not found:
        raise ConfigError(problem("balance names no column", try_="balance='income'"))
    return found


def _parts(
    codec: Codec, name: str, shares: str | Mapping[Any, float]
) -> list[tuple[list[Any], float]]:
    """Lists of values of a column with the share of each list."""
    column = codec.columns[codec.index(name)]
    if isinstance(shares, str):
        _check.one_of(("equal",), **{f"balance of {name}": shares})
        values = _categories(column)
        return [([value], 1.0 / len(values)) for value in values]
    if not isinstance(shares, Mapping) or not shares:
        what = "shares of a column must be a mapping of its values"
        raise ConfigError(problem(what, got=name, try_="'equal', or {'yes': 0.5}"))
    _check.in_range(0.0, 1.0, **{f"share of {v}": s for v, s in shares.items()})
    total = math.fsum(shares.values())
    if not 0.0 < total <= 1.0 + _CLOSE:
        what = f"the shares of {name!r} must sum to 1 at most"
        raise ConfigError(problem(what, got=f"{total:g}", try_="smaller ones"))
    found = [([value], float(share)) for value, share in shares.items()]
    _apart(codec, name, [values for values, _share in found])
    if total < 1.0 - _CLOSE:
        found.append((_rest(codec, column, list(shares), f"{total:g}"), 1.0 - total))
    return found


def _apart(codec: Codec, name: str, parts: list[list[Any]]) -> None:
    """Raise where two parts of a column share a value."""
    at = codec.index(name)
    column = codec.columns[at]
    held = np.sum([condition(codec, {name: p}).evidence[at] for p in parts], axis=0)
    apart = bool(np.max(held) <= 1.0 + _CLOSE)
    if column.bins is not None:
        ranges = [interval(column.column, v) for p in parts for v in p if _told(v)]
        ranges.sort()
        pairs = itertools.pairwise(ranges)
        apart = apart and all(one[1] < two[0] for one, two in pairs)
    if not apart:
        what = f"two groups of {name!r} share values"
        raise ConfigError(problem(what, got=name, try_="groups that stand apart"))


def _told(value: Any) -> bool:
    return not is_missing(value)


def _categories(column: ColumnCodec) -> list[Any]:
    if column.bins is not None:
        what = "a column of numbers has no groups of its own"
        name = column.column.name
        raise ConfigError(
            problem(what, got=name, try_="{" + repr(name) + ": {(0, 18): 0.5}}")
        )
    return list(column.values)


def _rest(codec: Codec, column: ColumnCodec, named: list[Any], total: str) -> list[Any]:
    """All values that are not named, whose shares have this sum; missing ones, too."""
    if column.bins is not None:
        what = f"shares of ranges of {column.column.name!r} must sum to 1"
        raise ConfigError(problem(what, got=total, try_="a range for the rest"))
    at = codec.index(column.column.name)
    taken = condition(codec, {column.column.name: named}).evidence[at] > 0
    values = [v for v, gone in zip(column.values, taken, strict=False) if not gone]
    if column.column.nullable and not any(map(is_missing, named)):
        values.append(None)
    if not values:
        what = (
            f"all values of {column.column.name!r} are named, so shares must sum to 1"
        )
        raise ConfigError(problem(what, got=total, try_="larger ones"))
    return values
