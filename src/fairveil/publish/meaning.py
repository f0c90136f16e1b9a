"""What epsilon means for an attacker, as a section of the certificate.

Public: numbers computed from the privacy statement (``privacy.attacker``).
"""

from __future__ import annotations

import math
from typing import Any

from fairveil.privacy import attacker
from fairveil.privacy.attacker import Promise
from fairveil.privacy.statement import Statement

WHO = (
    "The attacker may know everything about the table but whether one {unit} is in it, "
    "and see all that the fit released. These are bounds on every attack, not "
    "forecasts: known attacks reach less."
)
NOTHING = "NOT PRIVATE: nothing bounds what an attacker learns."


def meaning(statement: Statement) -> dict[str, Any]:
    """Bounds by the fit's exact curve, and by epsilon and delta alone."""
    promise = attacker.promised(statement)
    alone = promise.by_epsilon
    shift, shift_alone = (attacker.most_shift(p) for p in (promise, alone))
    return {
        "who": WHO.format(unit=unit_of(statement)) if statement.private else NOTHING,
        "chance": attacker.CHANCE,
        "beliefs": [
            {
                "prior": prior,
                **_belief(prior, shift),
                "by_epsilon": _belief(prior, shift_alone),
            }
            for prior in attacker.PRIORS
        ],
        "false_positives": attacker.FALSE_POSITIVES,
        "true_positives": attacker.most_power(promise, attacker.FALSE_POSITIVES),
        "true_positives_by_epsilon": attacker.most_power(
            alone, attacker.FALSE_POSITIVES
        ),
        "advantage": attacker.most_advantage(promise),
        "advantage_by_epsilon": attacker.most_advantage(alone),
    }


def unit_of(statement: Statement) -> str:
    """What is protected, in words."""
    if statement.unit == "row":
        return "row"
    most = statement.max_rows_per_unit
    rows = "one row" if most == 1 else f"{most} rows"
    return f"person ({statement.unit}, at most {rows})"


def power_curve(promise: Promise, points: int = 41) -> list[tuple[float, float]]:
    """False and true positives of the best attack that the promise allows.

    The false ones are spaced so that both ends of the curve are seen.
    """
    rates = [0.5 - 0.5 * math.cos(math.pi * i / (points - 1)) for i in range(points)]
    return [(rate, attacker.most_power(promise, rate)) for rate in rates]


def _belief(prior: float, shift: float) -> dict[str, float]:
    lowest, highest = attacker.posterior(prior, shift)
    return {"lowest": lowest, "highest": highest}
