"""How a ledger file is read: which record may stand where, and what it means.

Public: settings, labels and events; nothing of a table. Pure: bytes in, values out.
Guarantees:

- a file that breaks the chain, or holds a record that this version would not have
  written there, is refused as a whole;
- an event is charged the larger of its price when it was recorded and its price now,
  computed from its parameters, so that another version or machine never charges less.
  A kind whose price takes a second is charged the former, and ``verify`` prices it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from fairveil import _check
from fairveil.errors import ConfigError, FairveilError, TableError, problem
from fairveil.privacy import events as ev
from fairveil.privacy._book_file import DamagedError, unseal
from fairveil.privacy._book_history import (
    Cap,
    Charge,
    Fit,
    History,
    advanced,
    check_reservation,
    check_target,
    check_text,
    dearer,
    price,
)

FORMAT: Final = "fairveil-ledger"
VERSION: Final = 1
ENDED: Final = ("closed", "failed", "abandoned")
_TEXTS: Final = ("name", "unit", "label", "reason", "at", "token")
_SLOW: Final = ("poisson-gaussian",)


def replay(data: bytes, known: History | None = None) -> tuple[History, bytes]:
    """Read a ledger file from its first byte, or from where ``known`` ends.

    Args:
        data: the whole file.
        known: what its first ``known.size`` bytes say; the caller has compared them.

    Returns:
        What all complete lines say, and what is left behind them: a line that was cut.

    Raises:
        TableError: not a ledger, of another version, or damaged.
    """
    history = known or History()
    if not data:
        raise _no_ledger(data)
    *lines, rest = data[history.size :].split(b"\n")
    for line in lines:
        history = _read(history, line, end=1)
    if rest:
        try:
            return _read(history, rest, end=0), b""  # only its end is missing
        except TableError:
            if not history.records:
                raise
    return history, rest


def _read(history: History, line: bytes, *, end: int) -> History:
    number = history.records + 1
    try:
        record, digest = unseal(history.head, line)
        after = apply(history, record)
    except (DamagedError, FairveilError, TypeError, ArithmeticError):
        if number == 1:
            raise _no_ledger(line) from None
        raise TableError(
            problem(
                f"line {number} of the ledger file was changed, or a later version "
                "wrote it; what was spent is not known and no fit is allowed",
                try_="'fairveil ledger verify', and to find out who changed the file",
            )
        ) from None
    size = history.size + len(line) + end
    return advanced(after, head=digest, size=size, ended=bool(end))


def _no_ledger(line: bytes) -> TableError:
    try:
        facts = json.loads(line)
    except (ValueError, RecursionError):
        facts = None
    facts = facts if isinstance(facts, dict) else {}
    if facts.get("format") == FORMAT and facts.get("version") != VERSION:
        try_ = f"a ledger file of version {VERSION}"
        return TableError(problem("the ledger file's version is unknown", try_=try_))
    what = "this is not a ledger file, or it was cut off while it was created"
    return TableError(problem(what, try_="'fairveil ledger cap --help'"))


def apply(history: History, record: Mapping[str, Any]) -> History:
    """What is known after one more record.

    Raises:
        ConfigError: a record that cannot stand there.
    """
    body = {**record}
    kind = body.pop("kind", None)
    rule = _RULES.get(kind) if isinstance(kind, str) else None
    if rule is None or (kind == "ledger") != (history.records == 0):
        raise _impossible()
    fields, act = rule
    if set(body) != set(fields):
        raise _impossible()
    check_text(**{name: body[name] for name in _TEXTS if name in body})
    return act(history, body)


def _begun(history: History, body: dict[str, Any]) -> History:
    written = (body["format"], body["version"]) == (FORMAT, VERSION)
    if not written or not body["name"] or not body["unit"]:
        raise _impossible()
    return replace(
        _capped(history, {**body, "reason": ""}), name=body["name"], unit=body["unit"]
    )


def _capped(history: History, body: dict[str, Any]) -> History:
    fields = ("epsilon", "delta", "reason", "at")
    cap = Cap(**{name: body[name] for name in fields})
    return replace(history, caps=(*history.caps, cap))


def _intended(history: History, body: dict[str, Any]) -> History:
    reserved = Charge(body.pop("reserved_rho"), body.pop("reserved_delta"))
    number = body.pop("fit")
    check_reservation(reserved)
    check_target(body["epsilon"], body["delta"])
    if (
        type(number) is not int
        or body.pop("unit") != history.unit
        or number != len(history.fits) + 1
    ):
        raise _impossible()
    fit = Fit(number=number, reserved=reserved, **body)
    return replace(history, fits=(*history.fits, fit))


def _happened(history: History, body: dict[str, Any]) -> History:
    fit = _running(history, body["fit"])
    event, recorded = _described(body["event"])
    cost = recorded if event.kind in _SLOW else dearer(recorded, price(event))
    return history.with_fit(
        replace(
            fit,
            events=(*fit.events, event),
            recorded=(*fit.recorded, recorded),
            costs=(*fit.costs, cost),
        )
    )


def _described(described: Any) -> tuple[ev.Event, Charge]:
    """An event and the price that the file says it had."""
    if not isinstance(described, Mapping):
        raise _impossible()
    body = {**described}
    said = Charge(body.pop("rho", None), body.pop("delta", None))
    _check.positive(rho=said.rho)
    _check.finite(rho=said.rho)
    _check.in_range(0.0, 1.0, delta=said.delta)
    return ev.from_dict(body), said


def _ended(status: str) -> _Act:
    def end(history: History, body: dict[str, Any]) -> History:
        return history.ending(_running(history, body["fit"]).number, status)

    return end


def _running(history: History, number: Any) -> Fit:
    fits = {fit.number: fit for fit in history.open_fits}
    if type(number) is not int or number not in fits:
        raise _impossible()
    return fits[number]


def _impossible() -> ConfigError:
    return ConfigError(problem("a record cannot stand there"))


_Act = Callable[[History, dict[str, Any]], History]
_INTENT = ("fit", "token", "label", "unit", "epsilon", "delta")
_INTENT += ("reserved_rho", "reserved_delta", "at")
_RULES: Final[Mapping[str, tuple[tuple[str, ...], _Act]]] = {
    "ledger": (("format", "version", "name", "unit", "epsilon", "delta", "at"), _begun),
    "cap": (("epsilon", "delta", "reason", "at"), _capped),
    "intent": (_INTENT, _intended),
    "event": (("fit", "event"), _happened),
    **{status: (("fit",), _ended(status)) for status in ENDED},
}
