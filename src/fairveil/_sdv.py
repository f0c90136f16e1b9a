"""SDV's metadata in and out: what its sdtypes say of columns, and back.

Public as declared: metadata that a person wrote. What SDV *detected* in a table
(``detect_from_dataframe``) is copied from that table, and is marked so where the caller
says that it was. No row is read here.

Three layouts are read: ``SINGLE_TABLE_V1`` (one table), ``MULTI_TABLE_V1`` and ``V1``
(tables by name). Metadata holds kinds, formats and patterns; it knows no bounds and
mostly no categories, which a schema needs, so these come from the caller or are left
to discovery. A column of personal data is never left to it: it becomes an identifier.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fairveil import _files
from fairveil._column import Column
from fairveil.errors import SchemaError, UnsupportedError, problem

Facts = dict[str, Any]

SINGLE, MULTI, UNIFIED = "SINGLE_TABLE_V1", "MULTI_TABLE_V1", "V1"
VERSIONS = (SINGLE, MULTI, UNIFIED)
_FAKES = {  # sdtypes of personal data, and what ``_fakes`` makes up
    "name": "name",
    "first_name": "first name",
    "last_name": "last name",
    "email": "e-mail",
    "phone_number": "phone",
    "address": "address",
    "street_address": "address",
    "ssn": "national number",
    "passport_number": "passport",
    "iban": "bank account",
    "credit_card_number": "card",
    "user_name": "user name",
    "ipv4_address": "network address",
}
_SDTYPES = {fake: sdtype for sdtype, fake in reversed(_FAKES.items())}
_HEX = "[0-9a-f]"
_UUID = f"{_HEX}{{8}}-{_HEX}{{4}}-4{_HEX}{{3}}-[89ab]{_HEX}{{3}}-{_HEX}{{12}}"
_SIGNS = {"#": "[0-9]", "@": "[A-Z]"}
_SPECIAL = "\\[](){}|*+?.^$"
_SIGN = r"(\\d|\[0-9\]|\[A-Z\]|\\\W|[^\\\[\](){}|*+?.^$])"
_PIECE = re.compile(_SIGN + r"(?:\{(\d+)\})?")
_CLASSES = {r"\d": "#", "[0-9]": "#", "[A-Z]": "@"}
_CLOCK = re.compile(r"%-?[HIMSfpXcTrs]")
_NEEDS = {"categorical": ("categories",), "boolean": (), "identifier": ()}
_ON_SCALE = ("lower", "upper")
_WRITTEN = "a file that SDV's metadata.save_to_json has written"
_LONGEST_RUN = 200  # a pattern is no longer than that


def columns_of(metadata: Any, table: str | None) -> dict[str, Mapping[str, Any]]:
    """The columns of one table of the metadata, by name.

    Args:
        metadata: a mapping, the path of a JSON file, or an object of SDV's.
        table: which table, where there are several.

    Raises:
        SchemaError: not SDV's metadata, or there is no such table.
        UnsupportedError: the table is a sequence.
    """
    body = _one(_read(metadata), table)
    columns = body.get("columns")
    whole = isinstance(columns, Mapping) and all(
        isinstance(told, Mapping) and isinstance(told.get("sdtype"), str)
        for told in columns.values()
    )
    if not whole or not columns:
        what = "SDV's metadata has to say the sdtype of each column"
        raise SchemaError(problem(what, try_=_WRITTEN))
    if body.get("sequence_key") or body.get("sequence_index"):
        what = "SDV's sequences are not supported: rows of one person hang together"
        try_ = "leaving the keys out, and unit='person', if that is the name of "
        try_ += "the column that names the person"
        raise UnsupportedError(problem(what, try_=try_))
    _check_keys(body, columns)
    return {str(name): told for name, told in columns.items()}


def _read(metadata: Any) -> Mapping[str, Any]:
    if isinstance(metadata, (str, Path)):
        try:
            metadata = _files.parse_json(_files.read_whole(metadata))
        except OSError:
            what, got = "the metadata file cannot be read", str(metadata)
            raise SchemaError(problem(what, got=got, try_=_WRITTEN)) from None
        except ValueError:
            what, got = "the metadata file is not JSON", str(metadata)
            raise SchemaError(problem(what, got=got, try_=_WRITTEN)) from None
    elif hasattr(metadata, "to_dict"):
        metadata = metadata.to_dict()
    if not isinstance(metadata, Mapping):
        what = "this is not SDV's metadata"
        raise SchemaError(problem(what, got=type(metadata).__name__, try_=_WRITTEN))
    version = metadata.get("METADATA_SPEC_VERSION", SINGLE)
    if version not in VERSIONS:
        shown = version if isinstance(version, str) else None
        what = "the version of SDV's metadata is unknown"
        raise SchemaError(
            problem(what, got=shown, try_="one of " + ", ".join(VERSIONS))
        )
    return metadata


def _one(metadata: Mapping[str, Any], table: str | None) -> Mapping[str, Any]:
    """The part that describes the table."""
    if "tables" not in metadata:
        return metadata
    tables = metadata["tables"]
    if not isinstance(tables, Mapping) or not tables:
        raise SchemaError(problem("SDV's metadata names no table", try_=_WRITTEN))
    if table is None and len(tables) > 1:
        what = "SDV's metadata describes several tables; fairveil fits one"
        first, *others = map(str, tables)
        try_ = f"table={first!r}, or {', '.join(others)}"
        raise UnsupportedError(problem(what, try_=try_))
    name = next(iter(tables)) if table is None else table
    if not isinstance(tables.get(name), Mapping):
        try_ = "one of " + ", ".join(map(str, tables))
        raise SchemaError(problem("there is no such table", got=name, try_=try_))
    return tables[name]


def _check_keys(body: Mapping[str, Any], columns: Mapping[str, Any]) -> None:
    """Raise where a key is not made anew, as it would name a person."""
    key = body.get("primary_key") or []
    for name in [key] if isinstance(key, str) else key:
        told = columns.get(name)
        said = {} if told is None else _facts(str(name), told, asked=False)
        if said.get("kind") != "identifier":
            what = "a primary key has to be a column of ids or of personal data"
            raise SchemaError(problem(what, got=name, try_='sdtype "id"'))


def read(
    columns: Mapping[str, Mapping[str, Any]],
    given: Mapping[str, Mapping[str, Any]],
    *,
    detected: bool,
) -> tuple[list[Facts], dict[str, tuple[str, ...]]]:
    """Facts of the columns that are complete, and what the others lack.

    Args:
        columns: from ``columns_of``.
        given: the caller's facts by column; they stand above the metadata's.
        detected: whether SDV read the metadata off a table.

    Raises:
        SchemaError: a fact is for no column, or a pattern cannot be read.
    """
    for name in given:
        if name not in columns:
            what = "facts are given for a column that the metadata does not have"
            raise SchemaError(problem(what, got=name))
    whole, lacking = [], {}
    for name, told in columns.items():
        own = dict(given.get(name, {}))
        said = _facts(name, told, asked="pattern" not in own and "fake" not in own)
        if own.get("kind", said.get("kind")) != said.get("kind"):
            said = {}  # the caller knows better what it is
        facts = {**said, **own}
        missing = ("kind",) if "kind" not in facts else _missing(facts)
        if missing:
            lacking[name] = missing
            continue
        if detected:
            copied = {f for f in said if f not in own and f != "kind"}
            marks = dict.fromkeys(sorted(copied), "from-data")
            facts["provenance"] = marks | dict(own.get("provenance", {}))
        whole.append({"name": name, **facts})
    return whole, lacking


def _missing(facts: Facts) -> tuple[str, ...]:
    needs = _NEEDS.get(facts["kind"], _ON_SCALE)
    return tuple(fact for fact in needs if facts.get(fact) in (None, (), []))


def _facts(name: str, told: Mapping[str, Any], *, asked: bool = True) -> Facts:
    """What an sdtype says; no kind where it says none.

    What is marked as personal data is made anew, whatever its sdtype.

    Args:
        name, told: the column.
        asked: whether its pattern is needed.
    """
    sdtype = told["sdtype"]
    if sdtype in _LEARNT and told.get("pii") is not True:
        return {**_learnt(name, told), "nullable": True}
    if sdtype == "id":
        regex = told.get("regex_format") if asked else None
        pattern = {"pattern": _pattern(name, regex)} if regex else {}
        return {"kind": "identifier", **pattern}
    if told.get("pii") is False:
        return {} if sdtype == "unknown" else {**_words(told), "nullable": True}
    # personal data; of some kinds no fakes are made up
    fake = _FAKES.get(sdtype)
    made = {"pattern": "uuid"} if fake is None else {"fake": fake}
    return {"kind": "identifier", **made}


def _learnt(name: str, told: Mapping[str, Any]) -> Facts:
    try:
        return _LEARNT[told["sdtype"]](told)
    except TypeError:
        what = f"SDV's metadata says what is no text or list of column {name!r}"
        raise SchemaError(problem(what, try_="metadata.validate() of SDV")) from None


def _moments(told: Mapping[str, Any]) -> Facts:
    layout = told.get("datetime_format")
    if layout is None:
        return {"kind": "datetime"}
    kind = "datetime" if _CLOCK.search(layout) else "date"
    return {"kind": kind, "layout": layout}


def _words(told: Mapping[str, Any]) -> Facts:
    order = {"categories": list(told["order"])} if told.get("order") else {}
    ordered = bool(order or told.get("order_by"))
    return {"kind": "categorical", **order, "ordered": ordered}


def _numbers(told: Mapping[str, Any]) -> Facts:
    return {"kind": "numeric", **_representation(told)}


def _flags(_told: Mapping[str, Any]) -> Facts:
    return {"kind": "boolean", "dtype": "boolean"}


_LEARNT = {
    "numerical": _numbers,
    "datetime": _moments,
    "categorical": _words,
    "boolean": _flags,
}


def _representation(told: Mapping[str, Any]) -> Facts:
    known = told.get("computer_representation") or "Float"
    if "Int" in known:
        return {"dtype": known, "decimals": 0}
    return {"dtype": "float32" if known == "Float32" else "float64"}


def _pattern(name: str, regex: str) -> str:
    """A regular expression of fixed length, as a pattern of identifiers.

    Raises:
        SchemaError: it has more than digits, capital letters and signs.
    """
    if regex == _UUID:
        return "uuid"
    out, at = "", 0
    while at < len(regex):
        piece = _PIECE.match(regex, at)
        times = int(piece[2] or 1) if piece else 0
        if piece is None or not 1 <= times <= _LONGEST_RUN:
            what = f"the regex_format of column {name!r} cannot be read: digits, "
            what += "capital letters and signs make identifiers"
            try_ = "facts={name: {'pattern': ...}}, as in docs/types.md"
            raise SchemaError(problem(what, got=regex, try_=try_))
        sign = _CLASSES.get(piece[1]) or _literal(piece[1].removeprefix("\\"))
        out, at = out + sign * times, piece.end()
    return out


def _literal(sign: str) -> str:
    return f"\\{sign}" if sign in (*_SIGNS, "\\") else sign


def written(columns: tuple[Column, ...], *, key: str | None) -> dict[str, Any]:
    """The columns as SDV's metadata of one table, without a version."""
    body: dict[str, Any] = {"columns": {c.name: _told(c) for c in columns}}
    if key is not None:
        body["primary_key"] = key
    return body


def _told(column: Column) -> dict[str, Any]:
    """A column in SDV's words."""
    if column.kind == "categorical":
        order = {"order": list(column.categories)} if column.ordered else {}
        return {"sdtype": "categorical", **order}
    if column.kind == "numeric":
        return {"sdtype": "numerical", "computer_representation": _width(column)}
    if column.kind in ("date", "datetime"):
        layout = column.layout or ("%Y-%m-%d" if column.kind == "date" else None)
        written = {} if layout is None else {"datetime_format": layout}
        return {"sdtype": "datetime", **written}
    if column.kind == "identifier":
        return _identifier(column)
    if column.kind == "boolean":
        return {"sdtype": "boolean"}
    return {"sdtype": "unknown", "pii": False}  # times of day, durations: SDV has none


def _width(column: Column) -> str:
    bare = column.dtype.lower().removesuffix("[pyarrow]")
    found = re.fullmatch(r"(u?)int(8|16|32|64)", bare)
    if found:
        return f"{found[1].upper()}Int{found[2]}"
    if bare == "float32":
        return "Float32"
    return "Int64" if column.decimals == 0 and column.dtype == "object" else "Float"


def _identifier(column: Column) -> dict[str, Any]:
    if column.fake is not None:
        return {"sdtype": _SDTYPES[column.fake], "pii": True}
    if column.pattern is None:
        return {"sdtype": "id"}
    if column.pattern == "uuid":
        return {"sdtype": "id", "regex_format": _UUID}
    signs, literal = [], False
    for sign in column.pattern:
        if sign == "\\" and not literal:
            literal = True
            continue
        escaped = f"\\{sign}" if sign in _SPECIAL else sign
        signs.append(escaped if literal else _SIGNS.get(sign, escaped))
        literal = False
    return {"sdtype": "id", "regex_format": _runs(signs)}


def _runs(signs: list[str]) -> str:
    """Signs in a row, each run written once: ``[0-9]{6}``."""
    out, at = "", 0
    while at < len(signs):
        end = at
        while end < len(signs) and signs[end] == signs[at]:
            end += 1
        out += signs[at] + (f"{{{end - at}}}" if end - at > 1 else "")
        at = end
    return out
