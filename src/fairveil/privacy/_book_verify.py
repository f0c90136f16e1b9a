"""Check a ledger file: its chain, its prices, its cap, with a second accountant.

Public: it reads parameters of mechanisms and never a table. A damaged file is an answer
here, not an error.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fairveil.errors import FairveilError
from fairveil.privacy import _book_file as file, _book_rules as rules
from fairveil.privacy._book_history import OPEN, Fit, History, repriced
from fairveil.privacy._book_totals import Totals, settled, totals
from fairveil.privacy.verify import recompute_epsilon

_ROOM = 1e-4  # of the cap, which the second accountant's rounding may pass


@dataclass(frozen=True, kw_only=True)
class Report:
    """What is known of a ledger file.

    Attributes:
        problem: why the file allows nothing; empty if it is intact.
        cut: whether something behind the last whole line was ignored. A crash leaves
            that, and then nothing left for it.
        records: number of lines that hold.
        cheap: events that were recorded at a lower price than this version computes.
        totals: the sums, at the higher prices; None for a damaged file.
        second_epsilon: of everything charged, at the cap's delta, by dp-accounting;
            None for a damaged file or where dp-accounting is not installed.
        missing_heads: hashes that were asked for and are not in the file.
    """

    problem: str
    cut: bool
    records: int
    cheap: int
    totals: Totals | None
    second_epsilon: float | None
    missing_heads: tuple[str, ...]

    @property
    def intact(self) -> bool:
        """Whether every line is as it was once written, as far as the file tells."""
        return not self.problem

    @property
    def within_cap(self) -> bool:
        """Whether everything charged keeps the cap, by both accountants."""
        if self.totals is None:
            return False
        second = self.second_epsilon or 0.0
        most = self.totals.cap.epsilon * (1.0 + _ROOM)
        return self.totals.within_cap and second <= most

    @property
    def ok(self) -> bool:
        """Whether the file is intact, keeps its cap and holds the hashes asked for."""
        return self.intact and self.within_cap and not self.missing_heads


def verify(path: str | Path, *, heads: Collection[str] = ()) -> Report:
    """Check a ledger file; nothing is written.

    Args:
        path: the file.
        heads: hashes that were noted elsewhere when they were the last line's. A file
            that was cut short or put back from an older copy lacks them.

    Raises:
        TableError: no such file, no permission, too large, not lockable.
    """
    place = Path(path).absolute()
    with file.locked(place, write=False) as locked:
        data = locked.read()
    there = file.digests(data)
    missing = tuple(head for head in heads if head not in there)
    try:
        history, rest = rules.replay(data)
    except FairveilError as error:
        return Report(
            problem=str(error),
            cut=False,
            records=0,
            cheap=0,
            totals=None,
            second_epsilon=None,
            missing_heads=missing,
        )
    history, cheap = repriced(settled(history, place))
    return Report(
        problem="",
        cut=bool(rest) or not history.ended,
        records=history.records,
        cheap=cheap,
        totals=totals(history),
        second_epsilon=_second_epsilon(history),
        missing_heads=missing,
    )


def _second_epsilon(history: History) -> float | None:
    if find_spec("dp_accounting") is None:
        return None
    events = [event for fit in history.fits for event in _charged(fit)]
    held = math.fsum(fit.charge.delta for fit in history.fits if fit.status == OPEN)
    delta = math.nextafter(history.cap.delta - held, 0.0)
    return recompute_epsilon({"events": events, "delta": delta})


def _charged(fit: Fit) -> list[dict[str, Any]]:
    """Events of a fit, or one that costs what it reserved while it runs."""
    if fit.status != OPEN:
        return [event.to_dict() for event in fit.events]
    mu = math.sqrt(2.0 * fit.charge.rho)
    return [{"kind": "gaussian", "sensitivity": mu, "noise_stddev": 1.0}]
