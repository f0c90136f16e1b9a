"""Validators that take keyword arguments, so that messages name the caller's variable.

Public facts only: settings, names and sizes that the caller chose. Each raises
``ConfigError`` and returns nothing.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from numbers import Integral

from fairveil.errors import ConfigError, problem


def positive(**values: float) -> None:
    """Raise unless every value is a number above zero (infinity allowed)."""
    for name, value in values.items():
        _number(name, value)
        if not value > 0:
            raise ConfigError(
                problem(f"{name} must be positive", got=value, try_="a number above 0")
            )


def finite(**values: float) -> None:
    """Raise unless every value is a finite number."""
    for name, value in values.items():
        _number(name, value)
        if not math.isfinite(value):
            raise ConfigError(
                problem(f"{name} must be finite", got=value, try_="a finite number")
            )


def in_range(low: float, high: float, **values: float) -> None:
    """Raise unless every value lies in the closed interval [low, high]."""
    for name, value in values.items():
        _number(name, value)
        if not low <= value <= high:
            raise ConfigError(
                problem(
                    f"{name} must lie between {low:g} and {high:g}",
                    got=value,
                    try_=f"{min(max(value, low), high):g}",
                )
            )


def one_of(allowed: Collection[object], **values: object) -> None:
    """Raise unless every value is one of ``allowed``."""
    for name, value in values.items():
        if value not in allowed:
            listed = ", ".join(repr(a) for a in allowed)
            raise ConfigError(
                problem(f"{name} is unknown", got=value, try_=f"one of {listed}")
            )


def whole(minimum: int = 0, **values: Integral | int) -> None:
    """Raise unless every value is an integer of at least ``minimum``."""
    for name, value in values.items():
        integral = isinstance(value, Integral) and not isinstance(value, bool)
        if not integral or value < minimum:
            raise ConfigError(
                problem(
                    f"{name} must be an integer of at least {minimum}",
                    got=value,
                    try_=f"{minimum} or more",
                )
            )


def names(**values: object) -> None:
    """Raise unless every value is a list or tuple of column names."""
    for name, value in values.items():
        listed = isinstance(value, (list, tuple))
        if not listed or not all(isinstance(item, str) for item in value):
            hint = [value] if isinstance(value, str) else ["a", "b"]
            raise ConfigError(
                problem(f"{name} must be a list of names", got=value, try_=repr(hint))
            )


def unused(argument: str, columns: Sequence[str], **uses: Sequence[object]) -> None:
    """Raise where a column that an argument names is named by another one, too."""
    for name, items in uses.items():
        both = [column for column in columns if column in items]
        if both:
            raise ConfigError(
                problem(
                    f"{argument} names a column that {name} names, too",
                    got=", ".join(both),
                    try_="one of both",
                )
            )


def distinct(**values: Sequence[str]) -> None:
    """Raise where a name stands twice in a list of names."""
    for name, items in values.items():
        twice = sorted({item for item in items if list(items).count(item) > 1})
        if twice:
            raise ConfigError(
                problem(
                    f"{name} names a column twice",
                    got=", ".join(twice),
                    try_="naming it once",
                )
            )


def _number(name: str, value: float) -> None:
    ok = isinstance(value, (int, float)) and not isinstance(value, bool)
    try:
        ok = ok and not math.isnan(value)
    except OverflowError:  # an integer beyond all floats
        raise ConfigError(
            problem(f"{name} is too large a number", try_="a smaller one")
        ) from None
    if not ok:
        raise ConfigError(
            problem(f"{name} must be a number", got=value, try_="a number such as 1")
        )
