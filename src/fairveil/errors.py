"""The error family: every message says what is wrong, what was got and what to try.

Public. A message may name columns, declared types and schema facts; it never holds a
value, a category or a count of a real table, because an error may leave the machine.
All errors are ``ValueError`` so that callers who know nothing of fairveil catch them.
"""

from __future__ import annotations

_LONGEST_SHOWN = 300  # characters of what was got
_LONGEST_HINT = 600  # of what to try, which may list the values of a column


class FairveilError(ValueError):
    """Base of all errors raised on purpose by fairveil."""


class ConfigError(FairveilError):
    """A setting is impossible: a negative epsilon, an unknown mode."""


class SchemaError(FairveilError):
    """A schema is inconsistent, or does not describe the table it is used with."""


class TableError(FairveilError):
    """A table or file cannot be used: missing, empty, or without a needed column."""


class TooFewRowsError(FairveilError):
    """A table is too small for what was asked; the text says what was spent."""


class BudgetError(FairveilError):
    """A privacy budget would be overspent; raised before any row is read."""


class NotFittedError(FairveilError, AttributeError):
    """A fitted model is needed, and ``fit`` has not run."""


class ArtifactError(FairveilError):
    """A model file is damaged, hostile or of an unknown version."""


class HostError(FairveilError):
    """Another process of a fit over several has failed or is gone."""


class UnsupportedError(FairveilError):
    """A wish that this version refuses rather than half fulfils."""


def problem(what: str, *, got: object = None, try_: str | None = None) -> str:
    """Build the one-line text of an error.

    Args:
        what: what is wrong, in the caller's words.
        got: the offending *public* value (a setting, a column name); never real data.
        try_: what the caller can do about it.

    Returns:
        ``what``, then ``got ...``, then ``try ...``, each where given, and cut off
        where it is very long.
    """
    parts = [what]
    if got is not None:
        shown = repr(got)
        if len(shown) > _LONGEST_SHOWN:
            shown = f"{shown[:_LONGEST_SHOWN]}..."
        parts.append(f"got {shown}")
    if try_ is not None:
        cut = len(try_) > _LONGEST_HINT
        parts.append(f"try {try_[:_LONGEST_HINT]}..." if cut else f"try {try_}")
    return "; ".join(parts) + "."
