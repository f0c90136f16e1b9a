"""What a ledger file holds: a cap, fits, and what each fit is charged.

Public: settings, labels and events; nothing of a table. Pure values. Guarantees: a fit
that runs is charged what it reserved, one that ended its events alone; sums are rounded
up, and a limit is compared exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from fairveil import _check
from fairveil.errors import ConfigError, problem
from fairveil.privacy import events as ev, gdp, zcdp

OPEN: Final = "open"
_MOST_TEXT: Final = 500


class Charge(NamedTuple):
    """A cost that adds up: rho, and the delta spent beside it (see ``gdp``)."""

    rho: float
    delta: float

    @classmethod
    def total(cls, parts: list[Charge]) -> Charge:
        """The sum, rounded up."""
        return cls(*(_sum_up([part[i] for part in parts]) for i in range(2)))


@dataclass(frozen=True, kw_only=True)
class Cap:
    """What all fits together may cost.

    Attributes:
        epsilon: above 0, finite.
        delta: in (0, 1).
        reason: why it was set, in the steward's words.
        at: when, as ``2025-01-31T12:00Z``.

    Raises:
        ConfigError: a value lies outside its range.
    """

    epsilon: float
    delta: float
    reason: str
    at: str

    def __post_init__(self) -> None:
        check_target(self.epsilon, self.delta)
        check_text(reason=self.reason)


@dataclass(frozen=True, kw_only=True)
class Fit:
    """One fit, running or ended.

    Attributes:
        number: from 1 on, in the order in which the fits began.
        label: what the caller called it.
        at: when it began, as ``2025-01-31T12:00Z``.
        token: tells it from a fit of the same number in a copy of the file.
        epsilon: its own target.
        delta: its own target.
        reserved: most that its events may cost.
        status: ``open``, ``closed``, ``failed`` or ``abandoned``.
        events: what was done, in order.
        recorded: price of each event when it was recorded.
        costs: what each event is charged, which is never less.
    """

    number: int
    label: str
    at: str
    token: str
    epsilon: float
    delta: float
    reserved: Charge
    status: str = OPEN
    events: tuple[ev.Event, ...] = ()
    recorded: tuple[Charge, ...] = ()
    costs: tuple[Charge, ...] = ()

    @property
    def spent(self) -> Charge:
        """Cost of the events, rounded up."""
        return Charge.total(list(self.costs))

    @property
    def charge(self) -> Charge:
        """What counts against the cap."""
        if self.status != OPEN:
            return self.spent
        return dearer(self.spent, self.reserved)

    @property
    def epsilon_charged(self) -> float:
        """Of ``charge`` alone, at the fit's own delta, rounded up."""
        return epsilon_of(self.charge, self.delta)

    def allows(self, cost: Charge) -> bool:
        """Whether one more event stays within the reservation, compared exactly."""
        return all(
            math.fsum([*(old[i] for old in self.costs), cost[i], -self.reserved[i]])
            <= 0
            for i in range(2)
        )


@dataclass(frozen=True, kw_only=True)
class History:
    """A whole ledger file, up to some line.

    Attributes:
        name: what the steward calls the data set.
        unit: ``row``, or the name of the unit column.
        caps: in order; the last one holds.
        fits: in order.
        head: hash of the last line.
        records: number of lines.
        size: bytes of these lines, ends of lines included.
        ended: whether the last line has its end.
    """

    name: str = ""
    unit: str = ""
    caps: tuple[Cap, ...] = ()
    fits: tuple[Fit, ...] = ()
    head: str = ""
    records: int = 0
    size: int = 0
    ended: bool = True

    @property
    def cap(self) -> Cap:
        """The cap that holds."""
        return self.caps[-1]

    @property
    def open_fits(self) -> tuple[Fit, ...]:
        """Fits that run, as far as the file tells."""
        return tuple(fit for fit in self.fits if fit.status == OPEN)

    def charge(self) -> Charge:
        """What counts against the cap, rounded up."""
        return Charge.total([fit.charge for fit in self.fits])

    def ending(self, number: int, status: str) -> History:
        """The same with one fit ended."""
        return self.with_fit(replace(self.fits[number - 1], status=status))

    def with_fit(self, fit: Fit) -> History:
        """The same with one fit changed."""
        place = fit.number - 1
        return replace(self, fits=(*self.fits[:place], fit, *self.fits[place + 1 :]))


_ROUNDING = 1e-9
SLACK_SHARE = 0.11  # of a cap's delta, for events that spend delta beside their rho


def within(cap: Cap, charge: Charge) -> bool:
    """Whether rho and delta each stay within their own limit; see ``limits``."""
    most = limits(cap)
    return charge.rho <= most.rho and charge.delta <= most.delta


def limits(cap: Cap) -> Charge:
    """What a cap allows: most rho, and most delta beside it.

    Two fixed limits, not one region of pairs: if rho could be traded for delta after
    answers were seen, the total delta could reach twice the cap's.
    """
    slack = cap.delta * SLACK_SHARE
    conversion = math.nextafter(cap.delta - slack, 0.0)
    rho = gdp.calibrate_rho(cap.epsilon, conversion)
    # what rounding up adds to sums is paid by the 1e-5 of rho that calibration keeps
    return Charge(rho * (1.0 + _ROUNDING), slack * (1.0 + _ROUNDING))


def epsilon_of(charge: Charge, delta: float) -> float:
    """Epsilon of a cost at a delta that pays for its delta too, rounded up."""
    if charge == Charge(0.0, 0.0):
        return 0.0
    conversion = math.nextafter(delta - charge.delta, 0.0)
    return gdp.rho_to_epsilon(charge.rho, conversion) if conversion > 0 else math.inf


def advanced(after: History, *, head: str, size: int, ended: bool = True) -> History:
    """What ``apply`` gave, with the place of its line."""
    return replace(after, head=head, records=after.records + 1, size=size, ended=ended)


def price(event: ev.Event) -> Charge:
    """What an event costs by its parameters."""
    return Charge(event.rho, event.delta)


def repriced(history: History) -> tuple[History, int]:
    """Every event at its price now, where that is higher.

    Returns:
        The history at these prices, and how many events were recorded as cheaper.
    """
    higher = 0
    for fit in history.fits:
        now = [price(event) for event in fit.events]
        rules = zip(fit.recorded, now, fit.events, strict=True)
        higher += sum(_exceeds(new, old, event) for old, new, event in rules)
        costs = tuple(map(dearer, fit.costs, now))
        history = history.with_fit(replace(fit, costs=costs))
    return history, higher


def _exceeds(new: Charge, old: Charge, event: ev.Event) -> bool:
    near = 1.0 + getattr(event, "tolerance", 1e-9)
    return new.rho > old.rho * near or new.delta > old.delta * near


def dearer(one: Charge, other: Charge) -> Charge:
    return Charge(max(one.rho, other.rho), max(one.delta, other.delta))


def check_target(epsilon: float, delta: float) -> None:
    """Raise unless a private fit may aim at so much."""
    _check.positive(epsilon=epsilon)
    _check.finite(epsilon=epsilon)
    zcdp.open_probability(delta=delta)


def check_reservation(reserved: Charge) -> None:
    """Raise unless a fit may reserve so much: finite, rho above 0, delta below 1."""
    _check.positive(reserved_rho=reserved.rho)
    _check.finite(reserved_rho=reserved.rho)
    _check.in_range(0.0, 1.0, reserved_delta=reserved.delta)


def check_text(**texts: str) -> None:
    """Raise unless every text is short and may be printed as it stands."""
    for name, text in texts.items():
        ok = isinstance(text, str) and text.isprintable() and len(text) <= _MOST_TEXT
        if not ok:
            what = f"{name} must be a text of at most {_MOST_TEXT} printable characters"
            raise ConfigError(problem(what))


def _sum_up(values: list[float]) -> float:
    total = math.fsum(values)
    return math.nextafter(total, math.inf) if total else 0.0
