"""What a careful adviser says before a budget is spent: odds, forecast, the ledger.

Public: numbers computed from what the steward declares and from the ledger file; no row
is looked at. All mathematics is that of ``privacy`` and ``planning``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairveil import config
from fairveil.errors import ConfigError, FairveilError
from fairveil.planning import plan
from fairveil.privacy import attacker, gdp
from fairveil.privacy._book_history import epsilon_of, within
from fairveil.privacy.book import Book, Charge, rounded
from fairveil.studio.answers import Answers

CHOICES = (0.5, 1.0, 3.0, 8.0)
_TENTH = 0.1  # of the reciprocal of the number of people, for delta
_LARGEST_DELTA = 1e-5
CAP_DELTAS = 10  # deltas of a fit that a new ledger has room for


@dataclass(frozen=True)
class Odds:
    """What an epsilon leaves an attacker.

    Attributes:
        epsilon: the budget.
        beliefs: for each prior of ``attacker.PRIORS`` the highest belief afterwards.
        accused: highest share of true accusations at 1 % of false ones.
        chosen: whether it is the steward's.
    """

    epsilon: float
    beliefs: tuple[tuple[float, float], ...]
    accused: float
    chosen: bool = False


def odds(epsilon: float, delta: float, *, chosen: bool = False) -> Odds:
    """The bounds of a fit with this budget and a ledger.

    Raises:
        ConfigError: a number lies outside its range.
    """
    kept = config.reserved_delta(delta, discovering=True)  # as every ledger keeps it
    rho = gdp.calibrate_rho(epsilon, delta - kept)
    promise = attacker.Promise(epsilon=epsilon, delta=delta, rho=rho, slack=kept)
    shift = attacker.most_shift(promise)
    beliefs = tuple((p, attacker.posterior(p, shift)[1]) for p in attacker.PRIORS)
    accused = attacker.most_power(promise, attacker.FALSE_POSITIVES)
    return Odds(epsilon, beliefs, accused, chosen)


def table_of_odds(epsilon: float, delta: float) -> list[Odds]:
    """The usual epsilons and the steward's own, in order."""
    tried = sorted({*CHOICES, epsilon})
    return [odds(each, delta, chosen=each == epsilon) for each in tried]


def usual_delta(rows: int) -> float:
    """A power of ten, at most 1e-5 and at most a tenth of one row's share."""
    return min(_LARGEST_DELTA, 10.0 ** math.floor(math.log10(_TENTH / max(rows, 1))))


def identifies(column: Mapping[str, Any]) -> bool:
    """Whether a drafted column is proposed as one that identifies a person."""
    text = column["unique"] and (column["kind"] == "categorical" or column["whole"])
    return bool(column["personal"] or text)


def forecast(answers: Answers) -> dict[str, Any]:
    """What a fit will take and how blurred it will be; empty where nothing is known."""
    try:
        found = plan(
            rows=answers.rows,
            columns=max(len(answers.learnt), 1),
            epsilon=answers.epsilon,
            delta=answers.delta,
            max_rows_per_unit=answers.most_rows,
        )
    except ConfigError:
        return {}
    smallest = found.count_noise / max(found.rows, 1)
    return {
        "rows": found.rows,
        "minutes": max(1, math.ceil(found.total_seconds / 60)),
        "memory": math.ceil(found.streamed_mb / 100) / 10,
        "count_noise": found.count_noise,
        "group_rows": found.group_rows,
        "group_noise": found.group_noise,
        "share_noise": found.effective_noise,
        "blurred": smallest,
        "advice": found.advice,
    }


@dataclass(frozen=True)
class Account:
    """What the ledger of a data set says.

    Attributes:
        path: the ledger file.
        exists: whether it was begun.
        name, unit: what it is called, and what it protects.
        cap, cap_delta: what all fits may cost.
        spent, left: epsilon so far, and for one more fit; in words.
        fits, running: number of fits, and of those that run now.
        together: epsilon of all with the next fit, in words; empty where it has no
            room.
        problem: why nothing can be spent; empty where it can.
    """

    path: Path
    exists: bool
    name: str = ""
    unit: str = ""
    cap: float = 0.0
    cap_delta: float = 0.0
    spent: str = "0"
    left: str = ""
    fits: int = 0
    running: int = 0
    together: str = ""
    problem: str = ""


def account(path: Path, answers: Answers) -> Account:
    """The ledger now, and with the fit that is planned."""
    if not path.exists():
        kept = answers.delta * CAP_DELTAS
        together = _together([_planned(answers)], kept)
        return Account(
            path, exists=False, cap=answers.cap, cap_delta=kept, together=together
        )
    try:
        totals = Book.open(path).totals()
    except FairveilError as error:
        return Account(path, exists=True, problem=str(error))
    charges = [totals.spent, totals.held, _planned(answers)]
    unit, trouble = answers.unit or "row", ""
    if unit != totals.unit:
        trouble = f"The ledger protects another unit ({totals.unit}) than you chose."
    elif totals.fits.get("open", 0):
        trouble = "Another fit of this data set is running now."
    elif not within(totals.cap, Charge.total(charges)):
        trouble = (
            "The ledger has no room for this epsilon: at most "
            f"{rounded(totals.epsilon_left, up=False)} is left for one fit."
        )
    return Account(
        path,
        exists=True,
        name=totals.name,
        unit=totals.unit,
        cap=totals.cap.epsilon,
        cap_delta=totals.cap.delta,
        spent=rounded(totals.epsilon),
        left=rounded(totals.epsilon_left, up=False),
        fits=sum(totals.fits.values()),
        running=totals.fits.get("open", 0),
        together=_together(charges, totals.cap.delta),
        problem=trouble,
    )


def _planned(answers: Answers) -> Charge:
    """What the ledger will reserve for the fit."""
    kept = config.reserved_delta(answers.delta, discovering=True)
    return Charge(gdp.calibrate_rho(answers.epsilon, answers.delta - kept), kept)


def _together(charges: list[Charge], delta: float) -> str:
    """Epsilon of all charges at a delta that pays for theirs too, in words."""
    found = epsilon_of(Charge.total(charges), delta)
    return rounded(found) if math.isfinite(found) else ""
