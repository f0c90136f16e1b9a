"""Append-only spending of one privacy budget.

Public: what was done and what it cost; never an answer. Guarantees:

- ``authorize`` is called before the data are touched, checks everything before
  anything changes, and refuses what would pass the cap, what it does not know, and
  under a finite epsilon whatever costs infinity;
- spending is never undone: no reset, no removal, no copy, no pickle;
- sums are compared exactly. Rounding is settled by the shares: ``share`` is rounded
  down by 1e-9, so that calibrated spenders whose fractions sum to 1 always fit.

As the cap is on the sum of rho, an event's parameters may depend on earlier answers: a
privacy filter (Smith and Thakurta 2022 for the Gaussian curve; see ``gdp``).
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from typing import Any, NoReturn, Protocol, SupportsIndex

from fairveil import _check
from fairveil.errors import BudgetError, ConfigError, problem
from fairveil.privacy import events as ev, gdp, zcdp
from fairveil.privacy.statement import (
    DEFAULT_ASSUMPTIONS,
    INFINITE,
    INSECURE,
    Statement,
    by_stage,
)

__all__ = ["Journal", "Ledger", "Statement"]

_SHARE_SLACK = 1e-9


class Journal(Protocol):
    """Where events are made durable before the data are touched."""

    def record(self, event: ev.Event) -> None:
        """Keep an event for good, or raise; nothing has happened yet."""
        ...


class Ledger:
    """One budget and what was spent of it.

    Args:
        epsilon: target, above 0; infinity is the budget that protects nothing.
        delta: target, in (0, 1).
        reserved_delta: part of delta kept for events that spend delta themselves
            (thresholding, subsampled steps), below delta.
        journal: told of each event before it may happen; its refusal counts. A ledger
            file over several fits (``book``) is one.

    Raises:
        ConfigError: a target lies outside its range.
    """

    def __init__(
        self,
        *,
        epsilon: float,
        delta: float,
        reserved_delta: float = 0.0,
        journal: Journal | None = None,
    ) -> None:
        _check.positive(epsilon=epsilon)
        zcdp.open_probability(delta=delta)
        _check.in_range(0.0, delta, reserved_delta=reserved_delta)
        conversion = math.nextafter(delta - reserved_delta, 0.0)
        if conversion <= 0:
            raise ConfigError(
                problem("reserved_delta must be below delta", got=reserved_delta)
            )
        self._epsilon = epsilon
        self._delta = delta
        self._reserved_delta = reserved_delta
        self._rho_cap = gdp.calibrate_rho(epsilon, conversion)
        self._conversion_delta = conversion
        self._events: list[ev.Event] = []
        self._journal = journal
        self._lock = threading.Lock()

    @property
    def epsilon(self) -> float:
        """Target of everything that is spent here."""
        return self._epsilon

    @property
    def delta(self) -> float:
        """Target of everything that is spent here, discovery included."""
        return self._delta

    @property
    def reserved_delta(self) -> float:
        """Part of delta that events may spend beside their rho."""
        return self._reserved_delta

    @property
    def rho_cap(self) -> float:
        """Most rho that may be spent."""
        return self._rho_cap

    @property
    def private(self) -> bool:
        """Whether the budget is finite."""
        return self.epsilon != math.inf

    @property
    def events(self) -> tuple[ev.Event, ...]:
        """What was authorized, in order."""
        return tuple(self._events)

    @property
    def spent_rho(self) -> float:
        """Sum of the events' rho."""
        return math.fsum(event.rho for event in self._events)

    @property
    def remaining_rho(self) -> float:
        """What can still be spent, rounded down."""
        if not self.private:
            return math.inf
        left = math.fsum([self.rho_cap, *(-event.rho for event in self._events)])
        return max(0.0, math.nextafter(left, 0.0))

    def share(self, fraction: float) -> float:
        """Rho of this fraction of the whole cap, rounded down by 1e-9.

        Raises:
            ConfigError: the fraction lies outside [0, 1].
        """
        _check.in_range(0.0, 1.0, fraction=fraction)
        return fraction * self.rho_cap * (1.0 - _SHARE_SLACK) if fraction else 0.0

    def authorize(self, event: ev.Event) -> None:
        """Record an event that is about to happen, or refuse it.

        Call it before the data are touched.

        Raises:
            ConfigError: not an event of a known kind.
            BudgetError: it would pass the cap on rho or on delta, or costs infinity
                under a finite epsilon. Nothing was changed.
        """
        if type(event) not in tuple(ev.KINDS.values()):
            raise ConfigError(
                problem("the ledger does not know this event", got=type(event).__name__)
            )
        with self._lock:
            self._check_rho(event)
            self._check_delta(event)
            if self._journal is not None:
                self._journal.record(event)
            self._events.append(event)

    spend = authorize

    def spent_by_stage(self) -> dict[str, float]:
        """Rho by stage, in the order in which the stages began."""
        return by_stage(self.events)

    def statement(
        self,
        *,
        insecure_noise: bool = False,
        unit: str = "row",
        max_rows_per_unit: int = 1,
        assumptions: tuple[str, ...] = DEFAULT_ASSUMPTIONS,
        provenance: Mapping[str, Any] | None = None,
        fairness: Mapping[str, Any] | None = None,
        ledger: Mapping[str, Any] | None = None,
    ) -> Statement:
        """What was promised and spent so far.

        Args:
            insecure_noise: whether noise came from ``NoiseSource.insecure``.
            unit: ``row``, or the name of the unit column.
            max_rows_per_unit: most rows of one unit that were used.
            assumptions: sentences the promise rests on.
            provenance: public facts by name, and who declared them.
            fairness: the fairness promise.
            ledger: name and totals of the ledger over fits, if one was kept.
        """
        reason = INSECURE if insecure_noise else ""
        reason = reason if self.private else INFINITE
        return Statement(
            private=not reason,
            not_private_reason=reason,
            epsilon=self.epsilon,
            delta=self.delta,
            delta_reserved=self.reserved_delta,
            epsilon_spent=self._epsilon_spent(),
            rho_cap=self.rho_cap,
            rho_spent=self.spent_rho,
            events=self.events,
            unit=unit,
            max_rows_per_unit=max_rows_per_unit,
            assumptions=assumptions,
            provenance=provenance or {},
            fairness=fairness or {},
            ledger=ledger or {},
        )

    def _epsilon_spent(self) -> float:
        # The reserved delta is held back whether or not it was spent.
        spent = gdp.rho_to_epsilon(self.spent_rho, self._conversion_delta)
        return min(spent, self.epsilon)

    def _check_rho(self, event: ev.Event) -> None:
        if not self.private:
            return
        if event.rho == math.inf:
            raise BudgetError(
                problem(
                    f"{event.label} is not private and epsilon is finite",
                    try_='noise above 0, or epsilon=float("inf") for a fit that is not '
                    "private",
                )
            )
        rhos = [event.rho, *(old.rho for old in self._events)]
        if math.fsum([*rhos, -self.rho_cap]) > 0:  # exact in sign
            raise BudgetError(
                problem(
                    f"{event.label} would pass the privacy budget: it costs rho "
                    f"{event.rho:.6g}, and {self.remaining_rho:.6g} of "
                    f"{self.rho_cap:.6g} remain",
                    try_="a smaller share, more noise or a larger epsilon",
                )
            )

    def _check_delta(self, event: ev.Event) -> None:
        if not self.private:
            return
        deltas = [event.delta, *(old.delta for old in self._events)]
        if math.fsum([*deltas, -self.reserved_delta]) > 0:
            raise BudgetError(
                problem(
                    f"{event.label} would pass the delta kept for events",
                    got=event.delta,
                    try_="a higher threshold or a larger reserved_delta",
                )
            )

    def __repr__(self) -> str:
        stamp = "" if self.private else "NOT PRIVATE: epsilon is infinite; "
        return (
            f"Ledger({stamp}epsilon={self.epsilon}, delta={self.delta}, "
            f"spent_rho={self.spent_rho:.6g}, rho_cap={self.rho_cap:.6g})"
        )

    def __copy__(self) -> NoReturn:
        raise TypeError("a ledger cannot be copied: a budget is spent once")

    def __deepcopy__(self, memo: object) -> NoReturn:
        self.__copy__()

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a ledger cannot be pickled: a budget is spent once")
