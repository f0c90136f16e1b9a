"""The budget table: every look at the table, its noise, and its share.

Public: it copies a privacy statement, which holds parameters of mechanisms only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from fairveil.privacy import events as ev
from fairveil.privacy.statement import ACCOUNTANT, Statement

# what each kind of event is called, and what its noise is measured in
MECHANISMS: Mapping[str, str] = {
    "gaussian": "Gaussian",
    "discrete gaussian": "discrete Gaussian",
    "poisson-gaussian": "Gaussian on a random sample",
    "exponential": "exponential (a choice)",
    "thresholding": "noisy histogram with a threshold",
    "non-private": "none: NOT PRIVATE",
}
NO_LEDGER = (
    "No ledger file was kept: the budget is that of this one fit. Earlier or later "
    "releases of the same data have to be added by whoever made them."
)


def budget(statement: Statement, ledger: Mapping[str, Any] | None) -> dict[str, Any]:
    """The certificate's section on what was spent.

    Args:
        statement: of the fit.
        ledger: totals of the ledger file now, where one was given.
    """
    spent = statement.rho_spent
    stages = statement.spent_by_stage()
    return {
        "accountant": ACCOUNTANT,
        "epsilon_spent": ev.to_json(statement.epsilon_spent),
        "rho_cap": ev.to_json(statement.rho_cap),
        "rho_spent": ev.to_json(spent),
        "delta_parts": statement.delta_parts,
        "stages": [
            {
                "stage": stage,
                "looks": sum(e.stage == stage for e in statement.events),
                "rho": ev.to_json(rho),
                "share": _share(rho, spent),
            }
            for stage, rho in stages.items()
        ],
        "events": [_row(event, spent) for event in statement.events],
        "ledger": _ledger(statement, ledger),
    }


def _row(event: ev.Event, spent: float) -> dict[str, Any]:
    kind = event.kind
    if isinstance(event, ev.Gaussian) and event.discrete:
        kind = "discrete gaussian"
    return {
        "stage": event.stage,
        "what": event.what,
        "mechanism": MECHANISMS[kind],
        "noise": _noise(event),
        "times": getattr(event, "count", 1),
        "rho": ev.to_json(event.rho),
        "delta": event.delta,
        "share": _share(event.rho, spent),
    }


def _noise(event: ev.Event) -> dict[str, Any] | None:
    """How large the noise is, and beside what one unit can do."""
    if isinstance(event, ev.NonPrivate):
        return None
    if isinstance(event, ev.Exponential):
        return {
            "kind": "e of the choice",
            "value": ev.to_json(event.e),
            "sensitivity": event.sensitivity,
        }
    rows = getattr(event, "rows_per_unit", None)
    return {
        "kind": "standard deviation",
        "value": event.noise_stddev,
        "sensitivity": event.sensitivity
        if isinstance(event, (ev.Gaussian, ev.PoissonGaussian))
        else rows,
    }


def _share(part: float, whole: float) -> float | None:
    """Part of rho; None where nothing was protected."""
    if not (math.isfinite(part) and math.isfinite(whole)) or whole == 0:
        return None
    return round(part / whole, 4)


def _ledger(statement: Statement, now: Mapping[str, Any] | None) -> dict[str, Any]:
    kept = bool(statement.ledger)
    return {
        "kept": kept,
        "at_fit": dict(statement.ledger) if kept else None,
        "now": None if now is None else dict(now),
        "sentence": statement.ledger_text if kept else NO_LEDGER,
    }
