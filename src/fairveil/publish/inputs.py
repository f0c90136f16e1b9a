"""What a certificate is made of, as plain values: declared, released and synthetic.

Public: these values, by what the caller promises; nothing here can reach a real row.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from fairveil import _check
from fairveil.errors import ConfigError, problem
from fairveil.privacy.statement import Statement
from fairveil.schema import Schema

MOST_TEXT = 500
_DATE = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def check_texts(words: Any) -> None:
    """Raise ``ConfigError`` unless all fields are short printable lines."""
    for part in fields(words):
        text = getattr(words, part.name)
        plain = isinstance(text, str) and (text == "" or text.isprintable())
        if not plain or len(text) > MOST_TEXT:
            raise ConfigError(
                problem(
                    f"{part.name} must be one line of printable text",
                    try_=f"at most {MOST_TEXT} characters",
                )
            )


@dataclass(frozen=True, kw_only=True)
class About:
    """Who publishes what, and why: the caller's words, which nobody can check.

    Attributes:
        name: of the data set.
        steward: who answers for it, with a way to reach them.
        purpose: what it is released for.
        date: of the certificate, as ``2026-01-31``. Empty: none is printed, so that
            equal inputs give equal files.
    """

    name: str = ""
    steward: str = ""
    purpose: str = ""
    date: str = ""

    def __post_init__(self) -> None:
        check_texts(self)
        if self.date and not _DATE.fullmatch(self.date):
            raise ConfigError(
                problem("the date cannot be read", got=self.date, try_="2026-01-31")
            )


@dataclass(frozen=True, kw_only=True)
class Released:
    """Numbers that a fit released; a fit that is not private has none to publish.

    Attributes:
        rows: noisy number of rows of the table.
        marginals: columns of each noisy marginal, and its noise in each cell.
        bins: number of bins of each numeric column.
        advice: a sentence where the table is small for its budget; else empty.
    """

    rows: int
    marginals: tuple[tuple[tuple[str, ...], float], ...]
    bins: Mapping[str, int] = field(default_factory=dict)
    advice: str = ""


@dataclass(frozen=True, kw_only=True)
class Model:
    """A fitted model, as far as it is told here.

    Attributes:
        sha256: of the model file.
        statement: its privacy statement.
        promise: of fairness (``FairVeil.promise_``).
        schema: facts of its columns.
        released: what the fit released; None where it is not private.
    """

    sha256: str
    statement: Statement
    promise: Mapping[str, Any]
    schema: Schema
    released: Released | None

    def __post_init__(self) -> None:
        check_hash(sha256=self.sha256)
        if self.released is not None and not self.statement.private:
            raise ConfigError(problem("a fit that is not private released nothing"))


@dataclass(frozen=True, kw_only=True)
class Output:
    """A file of synthetic rows.

    Attributes:
        sha256: of the file.
        rows: number of rows in it.
        size: bytes of the file.
        measured: dependence on the sensitive columns in it (``dependence.measured``).
    """

    sha256: str
    rows: int
    size: int
    measured: tuple[Mapping[str, Any], ...] = ()

    def __post_init__(self) -> None:
        check_hash(sha256=self.sha256)
        _check.whole(0, rows=self.rows, size=self.size)


def check_hash(**values: str) -> None:
    """Raise unless every value is a SHA-256 in small hexadecimal digits."""
    for name, value in values.items():
        if not isinstance(value, str) or not _SHA256.fullmatch(value):
            raise ConfigError(problem(f"{name} is no SHA-256 in hexadecimal digits"))
