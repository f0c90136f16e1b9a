"""One running fit of a ledger file, as its ``Ledger`` sees it.

Public: events. Guarantees: an event is on the disk before ``record`` returns; only the
process that began the fit adds events or ends it; an ended fit stays so.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, NoReturn, Self, SupportsIndex

from fairveil.errors import BudgetError, ConfigError, FairveilError, problem
from fairveil.privacy import events as ev
from fairveil.privacy._book_file import Live


class Entry:
    """One running fit in a ledger file: a ``Journal`` for its ``Ledger``.

    As a context it ends by itself: ``closed``, or ``failed`` if an error came. A fit
    that was never ended counts as abandoned once its process is gone.

    Args:
        keep: puts an event or an end of this fit on the disk, or raises.
        number: of the fit in its ledger, from 1 on.
        token: tells the fit from one of the same number in a copy of the file.
        live: the sign that the fit is running.
    """

    def __init__(self, keep: Keep, *, number: int, token: str, live: Live) -> None:
        self._keep = keep
        self._number = number
        self._token = token
        self._live = live
        self._process = os.getpid()
        self._recorded = 0
        self._over = False

    @property
    def number(self) -> int:
        """Of the fit in its ledger, from 1 on."""
        return self._number

    @property
    def token(self) -> str:
        """Tells the fit from one of the same number in a copy of the file."""
        return self._token

    @property
    def recorded(self) -> int:
        """Number of events that this entry put on the disk."""
        return self._recorded

    def record(self, event: ev.Event) -> None:
        """Put an event on the disk; nothing may be noised before this returns.

        Raises:
            BudgetError: the fit has ended or counts as abandoned, its reservation
                would be passed, its file was put aside, or this is another process.
            ConfigError: not an event of a known kind.
            TableError: the file cannot be used.
        """
        self._check_mine()
        if type(event) not in tuple(ev.KINDS.values()):
            what = "the ledger file does not know this event"
            raise ConfigError(problem(what, got=type(event).__name__))
        record = {"kind": "event", "fit": self._number, "event": event}
        self._keep(self, record)
        self._recorded += 1

    def close(self) -> None:
        """End the fit: what it reserved and did not spend is free again.

        Raises:
            BudgetError: this is another process, or the file was put aside.
            TableError: the file cannot be used.
        """
        self._end("closed")

    def _end(self, status: str) -> None:
        if self._over:
            return
        self._check_mine()
        self._over = True
        try:
            record = {"kind": status, "fit": self._number}
            self._keep(self, record)
        finally:
            self._live.drop()

    def _check_mine(self) -> None:
        if os.getpid() != self._process:
            what = "this fit belongs to the process that began it"
            raise BudgetError(problem(what, try_="a fit of its own for each process"))
        if self._over:
            raise BudgetError(problem("this fit has ended"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if os.getpid() != self._process:
            return  # a forked child left the block; the fit is not its own
        if kind is None:
            self.close()
            return
        with suppress(FairveilError):  # the error that came says more
            self._end("failed")

    def __repr__(self) -> str:
        return f"Entry(fit {self._number}, {self._recorded} events)"

    def __copy__(self) -> NoReturn:
        raise TypeError("a fit's entry cannot be copied: a budget is spent once")

    def __deepcopy__(self, memo: object) -> NoReturn:
        self.__copy__()

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a fit's entry cannot be pickled: a budget is spent once")


Keep = Callable[[Entry, Mapping[str, Any]], None]
