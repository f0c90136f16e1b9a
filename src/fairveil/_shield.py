"""What a failure may say about a table: nothing but its kind.

Secret: what an unforeseen error says (a parser quotes a cell, NumPy's ``MemoryError``
tells the number of rows) and what its frames and causes hold (the rows themselves, for
as long as the error lives). Public: the kind of the error, and errors of ours.

Guarantees of a ``guarded`` function, unless the environment sets ``FAIRVEIL_DEBUG``:

- an error of ours passes, without the errors that it came from;
- what the caller's own ``progress`` raises passes as it is;
- the frames of both keep their lines and lose their variables;
- an interruption and a lack of memory keep their kinds and lose their texts;
- no warning is shown, whose text or coming could tell of a cell;
- any other exception becomes an ``UnforeseenError`` that names its type.
"""

from __future__ import annotations

import functools
import os
import traceback
import warnings
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from fairveil.errors import FairveilError, problem

DEBUG = "FAIRVEIL_DEBUG"

P = ParamSpec("P")
T = TypeVar("T")


class UnforeseenError(FairveilError):
    """A fault of ours, or of a library; its own text is hidden."""


def guarded(function: Callable[P, T]) -> Callable[P, T]:
    """Let no failure inside a function that sees real rows tell of them."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        if os.environ.get(DEBUG):
            return function(*args, **kwargs)
        own: list[BaseException] = []
        if kwargs.get("progress") is not None:
            kwargs["progress"] = _noted(kwargs["progress"], own)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # their texts may quote a value
                return function(*args, **kwargs)
        except BaseException as error:  # noqa: BLE001  (all kinds)
            told = _told(error, own)
        own.clear()
        del args, kwargs  # a frame on a traceback keeps its variables
        # outside the handler, so that the error has no context
        raise told

    return run


def is_panic(error: BaseException) -> bool:
    """Whether a library in Rust (Polars) gave up: no ``Exception``, but a failure."""
    return type(error).__name__ == "PanicException"


def _noted(progress: Any, own: list[BaseException]) -> Callable[..., None]:
    """The caller's callback; what it raises is noted."""

    def noting(*call: Any) -> None:
        try:
            progress(*call)
        except BaseException as error:
            own.append(error)
            raise

    return noting


def _told(error: BaseException, own: list[BaseException]) -> BaseException:
    """What the caller may learn of an error."""
    if any(error is theirs for theirs in own):
        traceback.clear_frames(error.__traceback__)
        return error
    if isinstance(error, FairveilError):
        traceback.clear_frames(error.__traceback__)
        error.__cause__ = error.__context__ = None
        return error
    for kind in (KeyboardInterrupt, MemoryError):
        if isinstance(error, kind):
            return kind()
    if not isinstance(error, Exception) and not is_panic(error):
        # somebody leaves, or cancels
        traceback.clear_frames(error.__traceback__)
        error.__cause__ = error.__context__ = None
        return error
    what = f"fairveil failed ({type(error).__name__}), a fault of ours; the text is "
    return UnforeseenError(
        problem(
            f"{what}hidden, for it may hold values of the table",
            try_=f"{DEBUG}=1 in the environment to see it",
        )
    )
