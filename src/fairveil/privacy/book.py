"""A ledger file: the budget of one data set over many fits, for processes that die.

Public: the file holds a name, a unit, caps, and the events of every fit; no value,
count, name or hash of a table. Guarantees:

- **write-ahead**: an event is on the disk before ``record`` returns, and ``Ledger``
  calls it before the data are touched; so what left a fit is always among its events;
- **a cap**: for all fits together, the sum of rho as a Gaussian curve at the cap's
  epsilon, plus the sum of the deltas spent beside it, stays within the cap's delta.
  ``begin`` refuses a fit that could pass it, before a table is read;
- **two at once**: a running fit is charged all that it reserved, under an exclusive
  lock; one whose process died, its events alone. Where death is seen wrongly, the
  living fit is refused its next event;
- a damaged file allows nothing.

What no file can do: see that two ledgers are of one data set, or that an older copy was
put back. Both defeat the cap. See docs/ledger.md.

Sources: ``gdp`` (covers compose, also adaptively and interleaved); Mohan et al. 1992,
"ARIES" (write-ahead).
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fairveil.errors import BudgetError, ConfigError, problem
from fairveil.privacy import (
    _book_file as file,
    _book_history as told,
    _book_rules as rules,
    _book_totals as sums,
    events as ev,
)
from fairveil.privacy._book_entry import Entry
from fairveil.privacy._book_history import Cap, Charge, Fit, History
from fairveil.privacy._book_totals import Totals, rounded
from fairveil.privacy._book_verify import Report, verify

__all__ = [
    "Book",
    "Cap",
    "Charge",
    "Entry",
    "Fit",
    "Report",
    "Totals",
    "beside",
    "rounded",
    "verify",
]

ROW = "row"
_SUFFIX = ".ledger"


def beside(table_path: str | Path) -> Path:
    """Where the ledger file of a table file lies: its name and ``.ledger``."""
    path = Path(table_path)
    return path.with_name(path.name + _SUFFIX)


class Book:
    """A ledger file of one data set; get one by ``create`` or ``open``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: tuple[bytes, History] | None = None
        first = self._read()
        self._name, self._unit = first.name, first.unit

    @classmethod
    def create(
        cls,
        path: str | Path,
        *,
        name: str,
        epsilon: float,
        delta: float,
        unit: str = ROW,
    ) -> Book:
        """Begin the ledger of a data set.

        Args:
            path: a new file, in a folder that fits may write to.
            name: what the steward calls the data set. One data set, one name.
            epsilon: cap over all fits, above 0 and finite.
            delta: cap over all fits, in (0, 1).
            unit: ``row``, or the name of the column that tells whose a row is.

        Raises:
            ConfigError: an impossible cap, an empty or unprintable name or unit.
            TableError: there is already such a file, or the system refused.
        """
        at = _now()
        Cap(epsilon=epsilon, delta=delta, reason="", at=at)
        told.check_text(name=name, unit=unit)
        if not name or not unit:
            raise ConfigError(problem("a ledger needs a name and a unit"))
        first = {"kind": "ledger", "format": rules.FORMAT, "version": rules.VERSION}
        first |= {"name": name, "unit": unit}
        first |= {"epsilon": epsilon, "delta": delta, "at": at}
        file.create(_absolute(path), file.seal("", first)[0] + b"\n")
        return cls.open(path)

    @classmethod
    def open(cls, path: str | Path) -> Book:
        """Open the ledger file of a data set and check it whole.

        Raises:
            TableError: no such file, no permission, no ledger, damaged, not lockable.
        """
        return cls(_absolute(path))

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return self._path

    @property
    def name(self) -> str:
        """What the steward calls the data set; it never changes."""
        return self._name

    @property
    def unit(self) -> str:
        """``row``, or the name of the unit column; it never changes."""
        return self._unit

    def begin(
        self,
        *,
        rho: float,
        delta: float,
        unit: str,
        epsilon: float,
        target_delta: float,
        label: str = "",
    ) -> Entry:
        """Reserve the whole budget of a fit, on the disk before this returns.

        Call it before a table is read.

        Args:
            rho: most that the fit's events may cost (``Ledger.rho_cap``).
            delta: most delta that they may spend beside it (``reserved_delta``).
            unit: the fit's unit of privacy; that of the ledger.
            epsilon: the fit's target, for the record.
            target_delta: the fit's target, for the record.
            label: what the steward may know the fit by; nothing of the table.

        Raises:
            BudgetError: the cap would be passed, or the fit is not private.
            ConfigError: another unit, or an argument outside its range.
            TableError: the file cannot be used.
        """
        reserved = _reservation(rho, delta, epsilon, target_delta)
        token = os.urandom(8).hex()
        with self._writing() as (locked, before):
            _check_unit(unit, before)
            history = self._bury(locked, before)
            sums.check_room(history, reserved, target_delta)
            live = file.Live(self._path, token)
            number = len(history.fits) + 1
            intent = {"kind": "intent", "fit": number, "token": token, "label": label}
            intent |= {"unit": unit, "epsilon": epsilon, "delta": target_delta}
            intent |= {"reserved_rho": rho, "reserved_delta": delta, "at": _now()}
            try:
                self._append(locked, history, intent)
            except BaseException:
                live.drop()
                raise
        return Entry(self._record, number=number, token=token, live=live)

    def set_cap(self, *, epsilon: float, delta: float, reason: str = "") -> None:
        """Change the cap, on the record.

        A lower cap than what is spent is allowed: no fit can begin then. A higher one,
        if chosen after answers were seen, promises no more than itself.

        Raises:
            ConfigError: an impossible cap, an unprintable reason.
            TableError: the file cannot be used.
        """
        cap = {"kind": "cap", "epsilon": epsilon, "delta": delta, "reason": reason}
        with self._writing() as (locked, history):
            self._append(locked, history, {**cap, "at": _now()})

    def totals(self) -> Totals:
        """What is spent, held and left; a fit whose process died is charged as ended.

        Raises:
            TableError: the file cannot be used.
        """
        return sums.totals(self._seen())

    def fits(self) -> tuple[Fit, ...]:
        """Every fit, in order.

        Raises:
            TableError: the file cannot be used.
        """
        return self._seen().fits

    def caps(self) -> tuple[Cap, ...]:
        """Every cap that was set, in order; the last one holds.

        Raises:
            TableError: the file cannot be used.
        """
        return self._read().caps

    def _record(self, entry: Entry, record: Mapping[str, Any]) -> None:
        """Append an event of a running fit, or its end."""
        with self._writing() as (locked, history):
            fit = _own(history, entry)
            if record["kind"] == "event":
                _check_event(fit, record["event"])
                record = {**record, "event": record["event"].to_dict()}
            elif fit.status != told.OPEN:
                return  # its events are all that counts already
            self._append(locked, history, record)

    def _seen(self) -> History:
        return sums.settled(self._read(), self._path)

    def _bury(self, locked: file.Locked, history: History) -> History:
        """Put on record which fits died; from then on they can add no event."""
        for fit in history.open_fits:
            if not file.is_live(self._path, fit.token):
                gone = {"kind": "abandoned", "fit": fit.number}
                history = self._append(locked, history, gone)
        file.sweep(self._path)
        return history

    def _read(self) -> History:
        with file.locked(self._path, write=False) as locked:
            data = locked.read()
        return self._replayed(data)

    @contextmanager
    def _writing(self) -> Iterator[tuple[file.Locked, History]]:
        with file.locked(self._path, write=True) as locked:
            yield locked, self._replayed(locked.read())

    def _replayed(self, data: bytes) -> History:
        start = None
        if self._known is not None and data.startswith(self._known[0]):
            start = self._known[1]  # the same bytes say the same
        history, _ = rules.replay(data, start)
        if history.ended:
            self._known = (data[: history.size], history)
        return history

    def _append(
        self, locked: file.Locked, history: History, record: Mapping[str, Any]
    ) -> History:
        """Put a record on the disk, if the rules of reading accept it."""
        after = rules.apply(history, record)
        line, head = file.seal(history.head, record)
        data = (b"" if history.ended else b"\n") + line + b"\n"
        locked.append(data, end=history.size)
        return told.advanced(after, head=head, size=history.size + len(data))

    def __repr__(self) -> str:
        return f"Book({str(self._path)!r})"


def _reservation(
    rho: float, delta: float, epsilon: float, target_delta: float
) -> Charge:
    if math.inf in (rho, epsilon):
        raise BudgetError(
            problem(
                "a fit that is not private cannot be entered in a ledger file",
                got=epsilon,
                try_="a finite epsilon, or a fit without a ledger",
            )
        )
    reserved = Charge(rho, delta)
    told.check_reservation(reserved)
    told.check_target(epsilon, target_delta)
    return reserved


def _check_unit(unit: str, history: History) -> None:
    if unit != history.unit:
        raise ConfigError(
            problem(
                "fits of different units of privacy cannot be added up",
                got=unit,
                try_=f"the ledger's unit, {history.unit!r}",
            )
        )


def _own(history: History, entry: Entry) -> Fit:
    """The fit of an entry, with all events that the entry put there."""
    fits = {fit.token: fit for fit in history.fits}
    fit = fits.get(entry.token)
    if fit is None or fit.number != entry.number or len(fit.events) < entry.recorded:
        what = "the ledger file was replaced by another or older one during the fit"
        raise BudgetError(problem(what))
    return fit


def _check_event(fit: Fit, event: ev.Event) -> None:
    if fit.status != told.OPEN:
        raise BudgetError(
            problem(
                "this fit counts as ended in its ledger file, so it may add no event",
                got=fit.status,
                try_="another fit",
            )
        )
    if not fit.allows(told.price(event)):
        what = f"{event.label} would pass what the fit reserved in its ledger file"
        raise BudgetError(problem(what, try_="the Ledger that reserved it"))


def _absolute(path: str | Path) -> Path:
    return Path(path).absolute()  # a later change of folder moves nothing


def _now() -> str:
    # To the minute: the ends of fits are not noted, as their length may tell of rows.
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%MZ")
