"""What a ledger file adds up to, and whether one more fit has room.

Public: sums of what the file says; nothing of a table. Guarantees: costs and epsilons
are rounded up, what is left is rounded down, and ``check_room`` compares exactly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fairveil.errors import BudgetError, problem
from fairveil.privacy import _book_file as file, gdp, zcdp
from fairveil.privacy._book_history import (
    OPEN,
    Cap,
    Charge,
    History,
    epsilon_of,
    limits,
    within,
)

# of an epsilon that is suggested, so that asking for it succeeds
_ROOM = 1e-5


@dataclass(frozen=True, kw_only=True)
class Totals:
    """What a ledger file adds up to.

    Attributes:
        name: what the steward calls the data set.
        unit: ``row``, or the name of the unit column.
        cap: what all fits together may cost.
        spent: cost of the fits that ended.
        held: what running fits are charged.
        epsilon_spent: of ``spent``, at the cap's delta, rounded up.
        epsilon: of both together, at the cap's delta, rounded up.
        epsilon_left: most that one further fit may ask for at the cap's delta, if its
            events spend no delta themselves; an estimate, rounded down.
        fits: number of fits by status.
        head: hash of the last line.
    """

    name: str
    unit: str
    cap: Cap
    spent: Charge
    held: Charge
    epsilon_spent: float
    epsilon: float
    epsilon_left: float
    fits: Mapping[str, int]
    head: str

    @property
    def delta_left(self) -> float:
        """Part of the cap's delta that is left for what fits reserve of theirs."""
        used = Charge.total([self.spent, self.held]).delta
        return max(0.0, limits(self.cap).delta - used)

    @property
    def within_cap(self) -> bool:
        """Whether everything charged keeps the cap."""
        return within(self.cap, Charge.total([self.spent, self.held]))


def settled(history: History, path: Path) -> History:
    """The same, with every fit whose process died counted as abandoned."""
    for fit in history.open_fits:
        if not file.is_live(path, fit.token):
            history = history.ending(fit.number, "abandoned")
    return history


def totals(history: History) -> Totals:
    """The sums of a ledger."""
    cap = history.cap
    spent = Charge.total([f.charge for f in history.fits if f.status != OPEN])
    held = Charge.total([f.charge for f in history.fits if f.status == OPEN])
    return Totals(
        name=history.name,
        unit=history.unit,
        cap=cap,
        spent=spent,
        held=held,
        epsilon_spent=epsilon_of(spent, cap.delta),
        epsilon=epsilon_of(Charge.total([spent, held]), cap.delta),
        epsilon_left=_left(history, cap.delta, 0.0),
        fits=Counter(fit.status for fit in history.fits),
        head=history.head,
    )


def check_room(history: History, reserved: Charge, target_delta: float) -> None:
    """Raise unless a fit may reserve so much.

    Args:
        history: with dead fits put on record.
        reserved: by the fit.
        target_delta: of the fit, for the suggestion in the message.

    Raises:
        BudgetError: the cap could be passed.
    """
    cap = history.cap
    together = Charge.total([history.charge(), reserved])
    if within(cap, together):
        return
    left = _left(history, target_delta, reserved.delta)
    waiting = ", or wait until running fits end" if history.open_fits else ""
    most = limits(cap)
    if together.delta > most.delta:
        raise BudgetError(
            problem(
                f"the ledger {history.name!r} has no room for this fit: of the cap's "
                f"delta, {most.delta:.3g} is kept for events that spend delta "
                f"themselves, and {together.delta:.3g} would be reserved",
                try_=f"a smaller delta for each fit than the cap's {cap.delta:g}"
                f"{waiting}",
            )
        )
    epsilon = rounded(epsilon_of(together, cap.delta))
    raise BudgetError(
        problem(
            f"the ledger {history.name!r} has no room for this fit: together, epsilon "
            f"would be {epsilon} at delta {cap.delta:g}, and its cap is "
            f"{cap.epsilon:g}",
            try_=f"an epsilon of at most {rounded(left, up=False)}{waiting}",
        )
    )


def rounded(value: float, *, up: bool = True) -> str:
    """Four digits, rounded to the safe side."""
    safe = zcdp.round_up(value) if up else -zcdp.round_up(-value)
    return f"{safe + 0.0:.4g}"  # no minus before a zero


def _left(history: History, target_delta: float, reserved_delta: float) -> float:
    """Most epsilon of one further fit, rounded down."""
    most, charge = limits(history.cap), history.charge()
    own = target_delta - reserved_delta
    if charge.delta + reserved_delta > most.delta or own <= 0:
        return 0.0
    rho = most.rho - charge.rho
    return gdp.rho_to_epsilon(rho, own) * (1.0 - _ROOM) if rho > 0 else 0.0
