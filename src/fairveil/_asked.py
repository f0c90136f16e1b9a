"""Conditions and shares on the command line, as text.

Public: what the caller typed and the schema. ``sex=Female``, ``age=0..18``,
``job=clerk|cook``, ``pay=`` (missing); ``income``, ``sex:Female=.5,Male=.5``.
"""

from __future__ import annotations

import csv
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from fairveil.errors import ConfigError, problem

if TYPE_CHECKING:
    from fairveil.schema import Column, Schema

_GRAMMAR = (
    "COLUMN=VALUE, COLUMN=LOW..HIGH (one end may be left out), COLUMN=A|B, or COLUMN= "
    "for missing"
)
_SHARES = "COLUMN, or COLUMN:VALUE=SHARE,VALUE=SHARE"


def conditions(given: list[str], schema: Schema) -> dict[str, Any]:
    """Conditions out of texts; two on one column are refused.

    Values with a bar or two points in them stand in double quotes.

    Raises:
        ConfigError: a text that cannot be read, or a column that is not there.
    """
    out: dict[str, Any] = {}
    for text in given:
        name = _column(text, "=", schema.names)
        if name is None:
            options = f"{_GRAMMAR}; columns: " + ", ".join(schema.names)
            raise ConfigError(
                problem("a condition cannot be read", got=text, try_=options)
            )
        if name in out:
            what = "two conditions on one column"
            raise ConfigError(problem(what, got=name, try_=f"{name}=A|B"))
        rest = text.strip()[len(name) + 1 :]
        out[name] = [_value(part, schema[name]) for part in _alternatives(rest)]
    return out


def shares(given: list[str], names: Collection[str]) -> dict[str, Any]:
    """Equal or given shares by column out of texts.

    Raises:
        ConfigError: a text that cannot be read, or a column that is not there.
    """
    out: dict[str, Any] = {}
    for text in given:
        if text.strip() in names:
            out[text.strip()] = "equal"
            continue
        name = _column(text, ":", names)
        if name is None:
            listed = [part.strip() for part in text.split(",")]
            if not all(part in names for part in listed):
                options = f"{_SHARES}; columns: " + ", ".join(names)
                raise ConfigError(
                    problem("a balance cannot be read", got=text, try_=options)
                )
            out.update(dict.fromkeys(listed, "equal"))
            continue
        out[name] = dict(_pairs(text.strip()[len(name) + 1 :], text))
    return out


def _pairs(rest: str, text: str) -> list[tuple[Any, float]]:
    """Values or ranges with their shares."""
    out = []
    for pair in next(csv.reader([rest], skipinitialspace=True), []):
        value, equals, share = pair.rpartition("=")
        try:
            number = float(share)
        except ValueError:
            number = None
        if not equals or number is None:
            raise ConfigError(
                problem("a balance cannot be read", got=text, try_=_SHARES)
            )
        low, points, high = value.partition("..")
        out.append(((low or None, high or None) if points else value or None, number))
    if not out:
        raise ConfigError(problem("a balance cannot be read", got=text, try_=_SHARES))
    return out


def _column(text: str, mark: str, names: Collection[str]) -> str | None:
    """The longest column name that stands before the mark."""
    found = [name for name in names if text.strip().startswith(name + mark)]
    return max(found, key=len) if found else None


def _alternatives(rest: str) -> list[tuple[str, bool]]:
    """What stands between the bars, and whether it was quoted."""
    row = next(csv.reader([rest], delimiter="|"), []) or [""]
    raw = next(csv.reader([rest], delimiter="|", quoting=csv.QUOTE_NONE), []) or [""]
    quoted = [part.startswith('"') for part in raw]
    same = len(raw) == len(row)
    return [(part, same and quoted[i]) for i, part in enumerate(row)]


def _value(part: tuple[str, bool], column: Column) -> Any:
    """A value, a range, or None for missing."""
    text, quoted = part
    if quoted:
        return text
    text = text.strip()
    if not text:
        return None
    low, points, high = text.partition("..")
    if points and (column.on_scale or column.ordered):
        return (low.strip() or None, high.strip() or None)
    return text
