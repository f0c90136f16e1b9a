"""What is opened was paid for, and what is told was written down before.

Both read a tape of ``border_tools``, on which rows, ledger and noise write all that
happens to them.
"""

from __future__ import annotations

from typing import Any

from border_tools import Draw

from fairveil.privacy.events import Exponential, Thresholding


class TapeJournal:
    """A journal that writes what it is told on the tape."""

    def __init__(self, tape: list[Any]) -> None:
        self.tape = tape

    def record(self, event: Any) -> None:
        self.tape.append(("journal", event))


def check_openings_are_paid(tape: list[Any]) -> None:
    """Rows are opened only between an event and an answer that it paid for.

    An event pays for ``count`` answers, told apart by the size of their noise. An
    opening must be followed by an answer before anything else is asked for.
    """
    left: dict[Any, int] = {}  # answers that were paid for, by their noise
    opened = answering = False
    for entry in tape:
        if isinstance(entry, Draw) or entry[0] == "scores":
            key = entry.stddev if isinstance(entry, Draw) else "choice"
            if not answering or key == "choice":  # one noise for all arrays of a sum
                assert left.get(key, 0) > 0, f"an answer that nobody paid for: {key}"
                left[key] -= 1
            opened, answering = False, key != "choice"
            continue
        answering = False
        if entry[0] == "event":
            assert not opened, "rows were opened before the event of their answer"
            key, count = _paid(entry[1])
            left[key] = left.get(key, 0) + count
        elif entry[0] == "open":
            assert any(left.values()), "rows were opened that nobody paid for"
            opened = True
    assert left
    assert not opened, "rows were opened and nothing was answered"


def _paid(event: Any) -> tuple[Any, int]:
    if isinstance(event, Exponential):
        return "choice", event.count
    if isinstance(event, Thresholding):
        return event.noise_stddev, 2  # of the partition and of the labels
    return event.noise_stddev, event.count


def check_journal_first(tape: list[Any]) -> None:
    """Whenever noise is drawn, the journal holds every event of the ledger so far."""
    journalled, charged, drawn = [], [], 0
    for entry in tape:
        if isinstance(entry, Draw):
            drawn += 1
            assert charged == journalled
            assert charged
        elif entry[0] in ("journal", "event"):
            (journalled if entry[0] == "journal" else charged).append(entry[1])
    assert drawn
