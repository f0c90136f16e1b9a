"""A second opinion on a privacy statement, from its JSON alone.

Public: it reads parameters of mechanisms and never a table. Epsilon is recomputed with
Google's dp-accounting (privacy loss distributions, pessimistic rounding). Nothing of
``gdp`` or ``events`` takes part in that number: what dp-accounting has no distribution
for is bounded here anew, by brute force instead of the closed forms used there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.special import log_ndtr, ndtri

from fairveil.errors import FairveilError
from fairveil.privacy.statement import Statement

_INTERVAL = 1e-4  # of the loss distributions; the result is pessimistic
_ROOM = 1e-4  # of "epsilon spent", which the pessimistic rounding may pass
_SUMMED = 2000.0  # standard deviations up to which a lattice is summed as a whole
_RANGES = 2001  # pairs of a bounded-range mechanism that are tried
_RESOLUTION = 1e-12
_LEAST_MU = 1e-9  # anything that tells less counts as this
_SPREADS = 100  # ways to spread a unit over lone cells that are tried


@dataclass(frozen=True, kw_only=True)
class Check:
    """One question about a statement.

    Attributes:
        name: what was asked.
        passed: the answer.
        detail: figures behind it, in words.
    """

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True, kw_only=True)
class Verification:
    """All answers.

    Attributes:
        checks: in the order asked; later ones are left out where an earlier one makes
            them meaningless.
        epsilon: what the statement promises; infinity where it cannot be read.
        recomputed: epsilon by the second accountant at the statement's delta.
    """

    checks: tuple[Check, ...]
    epsilon: float
    recomputed: float

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)

    @property
    def slack(self) -> float:
        """Promised less recomputed epsilon; negative where too little is promised."""
        return self.epsilon - self.recomputed

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, what is not finite as text."""
        numbers = {
            name: value if math.isfinite(value) else str(value)
            for name, value in (
                ("epsilon", self.epsilon),
                ("recomputed", self.recomputed),
                ("slack", self.slack),
            )
        }
        rows = [
            {"name": c.name, "passed": c.passed, "detail": c.detail}
            for c in self.checks
        ]
        return {"passed": self.passed, **numbers, "checks": rows}


def verify(data: Mapping[str, Any]) -> Verification:
    """Check a statement against itself and against a second accountant.

    Args:
        data: what ``Statement.to_dict`` wrote, read back from JSON.

    Returns:
        The answers. A statement that is not private, or no statement at all, does not
        pass; nothing is raised for it.
    """
    try:
        statement = Statement.from_dict(data)
    except FairveilError as error:
        check = Check(name="consistent with itself", passed=False, detail=str(error))
        return Verification(checks=(check,), epsilon=math.inf, recomputed=math.inf)
    consistent = Check(
        name="consistent with itself",
        passed=True,
        detail=f"{len(statement.events)} events, priced anew",
    )
    private = Check(
        name="private",
        passed=statement.private,
        detail=statement.not_private_reason or "finite epsilon, noise without a seed",
    )
    if not statement.private:
        return Verification(
            checks=(consistent, private), epsilon=statement.epsilon, recomputed=math.inf
        )
    recomputed = recompute_epsilon(data)
    checks = (
        consistent,
        private,
        _unit_check(data),
        _promise_check(statement, recomputed),
        _spent_check(statement, recomputed),
    )
    return Verification(checks=checks, epsilon=statement.epsilon, recomputed=recomputed)


def recompute_epsilon(data: Mapping[str, Any]) -> float:
    """Epsilon of the events at the statement's delta by dp-accounting.

    Args:
        data: a statement as JSON values.

    Returns:
        A pessimistic epsilon; infinity where an event has no bound, or where the
        events' own deltas leave nothing for the conversion.
    """
    import dp_accounting  # noqa: PLC0415  (heavy, and needed for this only)
    from dp_accounting.pld import PLDAccountant  # noqa: PLC0415  (heavy as well)

    events, delta = list(data["events"]), float(data["delta"])
    delta -= math.fsum(_cell_delta(e) for e in events if e["kind"] == "thresholding")
    parts = []
    for event in events:
        mu, count = _mu(event), int(event.get("count", 1))
        if mu == math.inf:
            return math.inf
        one = dp_accounting.GaussianDpEvent(1.0 / max(mu, _LEAST_MU))
        if event["kind"] == "poisson-gaussian":
            one = dp_accounting.PoissonSampledDpEvent(event["sampling_rate"], one)
        parts.append(dp_accounting.SelfComposedDpEvent(one, count))
    if delta <= 0:
        return math.inf
    if not parts:
        return 0.0
    accountant = PLDAccountant(value_discretization_interval=_INTERVAL)
    accountant.compose(dp_accounting.ComposedDpEvent(parts))
    return float(accountant.get_epsilon(delta))


def _promise_check(statement: Statement, recomputed: float) -> Check:
    return Check(
        name="epsilon promised",
        passed=recomputed <= statement.epsilon,
        detail=f"promised {statement.epsilon:.6g}, recomputed {recomputed:.6g}, "
        f"slack {statement.epsilon - recomputed:.3g}",
    )


def _spent_check(statement: Statement, recomputed: float) -> Check:
    spent = statement.epsilon_spent
    return Check(
        name="epsilon spent",
        passed=recomputed <= spent * (1.0 + _ROOM),
        detail=f"stated {spent:.6g}, recomputed {recomputed:.6g}",
    )


def _unit_check(data: Mapping[str, Any]) -> Check:
    """No count, choice or selection is charged for fewer rows than a unit may have."""
    rows = data["max_rows_per_unit"]
    short = [
        f"{event['stage']}/{event['what']}"
        for event in data["events"]
        if _rows_charged(event) < rows
    ]
    return Check(
        name="unit",
        passed=not short,
        detail=f"charged for fewer than {rows} rows: {', '.join(short)}"
        if short
        else f"every count and choice is charged for {rows} row(s) of a unit",
    )


def _rows_charged(event: Mapping[str, Any]) -> float:
    if event["kind"] == "thresholding":
        return float(event["rows_per_unit"])
    if event["kind"] == "exponential" or event.get("discrete"):
        return float(event["sensitivity"])
    return math.inf  # gradients and moments have scales of their own


def _mu(event: Mapping[str, Any]) -> float:
    """Distance in standard deviations that one application shows, at most."""
    kind = event["kind"]
    if kind == "exponential":
        return _range_mu(float(event["e"]))
    if kind == "non-private" or not event["noise_stddev"]:
        return math.inf
    stddev = float(event["noise_stddev"])
    if kind == "thresholding":
        return float(event["rows_per_unit"]) * _lattice_mu(stddev)
    if event.get("discrete"):
        return float(event["sensitivity"]) * _lattice_mu(stddev)
    return float(event["sensitivity"]) / stddev


@lru_cache(maxsize=1024)
def _lattice_mu(stddev: float) -> float:
    """Largest step between normal scores of the discrete Gaussian's tails.

    Its tails are summed; a shift by one moves every threshold by one, so the largest
    step is the mu of the Gaussian that covers it. It is the step over the middle; with
    much noise only that one is computed, from the chance of zero.
    """
    if stddev > _SUMMED:
        zero = 1.0 / (stddev * math.sqrt(2.0 * math.pi))
        return 2.0 * float(ndtri(0.5 + 0.5 * zero)) * (1.0 + _RESOLUTION)
    reach = math.ceil(40.0 * stddev) + 2
    x = np.arange(-reach, reach + 1, dtype=np.float64)
    mass = np.exp(-0.5 * (x / stddev) ** 2)
    upper = np.cumsum(mass[::-1])[::-1] / mass.sum()
    most = int(20.0 * stddev)
    scores = -ndtri(upper[reach : reach + most + 1])  # thresholds 0 ... most
    steps = np.r_[2.0 * scores[1:2], np.diff(scores)[1:]]  # the first is symmetric
    return float(steps.max()) * (1.0 + _RESOLUTION)


@lru_cache(maxsize=1024)
def _range_mu(e: float) -> float:
    """The same for a choice of bounded range e, over its extreme pairs."""
    if math.isinf(e):
        return math.inf
    t = np.linspace(0.0, e, _RANGES)[1:-1]
    high = np.expm1(t - e) / math.expm1(-e)  # chance of the larger loss
    return float((ndtri(high) - ndtri(high * np.exp(-t))).max()) * (1.0 + 1e-9)


def _cell_delta(event: Mapping[str, Any]) -> float:
    """Chance that a cell which one unit has alone is shown: its tails, summed."""
    stddev, rows = float(event["noise_stddev"]), int(event["rows_per_unit"])

    def tail(count: int) -> float:
        least = math.floor(float(event["threshold"]) - count) + 1
        if least <= 0:
            return 1.0
        # P(X >= m) of the discrete Gaussian is at most P(N >= m - 1)
        return math.exp(float(log_ndtr(-(least - 1) / stddev)))

    tried = {1, rows, *range(1, min(rows, _SPREADS) + 1)}
    return max((m - 1) * tail(1) + tail(rows - m + 1) for m in tried)
