"""The budget of one fit: its ledger, and the ledger file over fits where there is one.

Public: budgets and totals; no row is seen here. Guarantee: where a ledger file is
named, the whole budget of the fit is reserved in it, durably, before a row is read, and
each event before it happens. What is authorised is told to the logger (``_log``), by
parameters, before the rows are touched.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairveil import _log
from fairveil.errors import ConfigError, problem
from fairveil.privacy.book import Book
from fairveil.privacy.events import Event
from fairveil.privacy.ledger import Journal, Ledger


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What one fit may spend.

    Attributes:
        ledger: of this fit.
        book: the ledger file over fits, or None.
        fit: the number of this fit in it, from 1 on; 0 without one.
    """

    ledger: Ledger
    book: Book | None = None
    fit: int = 0

    def totals(self) -> Mapping[str, Any]:
        """What the ledger file says now, for the statement; empty without one."""
        if self.book is None:
            return {}
        totals = self.book.totals()
        return {
            "name": totals.name,
            "fit": self.fit,
            "cap": {"epsilon": totals.cap.epsilon, "delta": totals.cap.delta},
            "epsilon_of_all_fits": totals.epsilon,
            "head": totals.head,
            "says": (
                "epsilon of every fit in this ledger, this one included, at the cap's "
                "delta; fits outside it, or of the same data under another name, are "
                "not in it"
            ),
        }


class _Told:
    """A journal that tells the log of each event, once the journal behind has it."""

    def __init__(self, behind: Journal | None, target: Ledger) -> None:
        self._behind, self._target = behind, target
        self._rho: list[float] = []

    def record(self, event: Event) -> None:
        if self._behind is not None:
            self._behind.record(event)
        self._rho.append(event.rho)
        target = self._target
        _log.tell(
            "mechanism authorised",
            stage=event.stage,
            mechanism=type(event).__name__,
            rho=event.rho,
            rho_spent=math.fsum(self._rho),
            rho_cap=target.rho_cap,
            epsilon=target.epsilon,
            delta=target.delta - target.reserved_delta,
        )


@contextmanager
def opened(
    *,
    epsilon: float,
    delta: float,
    reserved_delta: float,
    unit: str,
    path: str | Path | None,
    seeded: bool,
) -> Iterator[Budget]:
    """Reserve a fit's budget for as long as the fit runs.

    Args:
        epsilon, delta, reserved_delta: of the fit.
        unit: ``row``, or the name of the unit column.
        path: ledger file over fits; None: the fit stands alone.
        seeded: whether its noise can be repeated; such a fit enters no ledger file.

    Raises:
        BudgetError: the cap over fits would be passed, or the fit is not private.
        ConfigError: another unit than the ledger's, or seeded noise.
        TableError: the ledger file cannot be used.
    """
    alone = Ledger(epsilon=epsilon, delta=delta, reserved_delta=reserved_delta)
    _log.tell(
        "budget opened", epsilon=epsilon, delta=delta, ledger_file=path is not None
    )
    if path is None:
        yield Budget(ledger=_watched(alone, None))
        _log.tell("budget closed")
        return
    if seeded:
        raise ConfigError(
            problem(
                "a debugging fit cannot be entered in a ledger file: its noise can be "
                "repeated, so that no cap would hold",
                try_="leaving out insecure_noise_seed or the ledger",
            )
        )
    book = Book.open(path)
    entry = book.begin(
        rho=alone.rho_cap,
        delta=reserved_delta,
        unit=unit,
        epsilon=epsilon,
        target_delta=delta,
    )
    with entry:
        yield Budget(ledger=_watched(alone, entry), book=book, fit=entry.number)
    _log.tell("budget closed")


def _watched(alone: Ledger, journal: Journal | None) -> Ledger:
    """A ledger of the same target whose events are told to the log."""
    told = _Told(journal, alone)
    return Ledger(
        epsilon=alone.epsilon,
        delta=alone.delta,
        reserved_delta=alone.reserved_delta,
        journal=told,
    )
