"""What an audit returns: findings with a verdict, and the report they make up.

Public: every figure comes from rows that the audit made up. A finding puts a lower
bound that an attack has proven beside what the ledger says, the largest bound that the
attack could have proven in so many runs, and the same attack on a fit without noise.

Verdicts: *leak*, more was proven than is stated; *too weak to tell*, the attack proves
nothing without noise either, or its limits are too wide; *waste*, a sharp attack finds
less than 80 % of what is stated; *pass*, a sharp attack finds just what is stated; *no
leak seen*, an attack that is not sharp finds nothing, though without noise it does.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from fairveil.audit.bounds import (
    CONFIDENCE,
    Counts,
    Estimate,
    epsilon_bound,
    gaussian_epsilon,
    mu_bound,
    mu_estimate,
)

Verdict = Literal["pass", "no leak seen", "leak", "waste", "too weak to tell"]
GOOD = ("pass", "no leak seen")
FORMAT, VERSION = "fairveil-audit", 1
_WASTE = 0.8  # of the expected mu that a sharp attack has to find
_ROOM = 1.03  # of it that may be proven: some expectations are simulated
_HEADS = (
    "audit",
    "runs",
    "epsilon stated",
    "epsilon proven",
    "if the curve is Gaussian",
    "provable at most",
    "mu stated",
    "mu found (limits)",
    "without noise",
    "verdict",
)


@dataclass(frozen=True, kw_only=True)
class Bound:
    """What was proven against one promise, and what could have been.

    Attributes:
        epsilon: lower bound at the promise's delta, whatever the privacy curve.
        epsilon_most: the same, had every guess been right.
        mu: lower bound on mu.
        mu_most: the same, had every guess been right.
        estimate: point estimate of the attack's mu with limits; None where the attack
            gives none.
    """

    epsilon: float
    epsilon_most: float
    mu: float
    mu_most: float
    estimate: Estimate | None = None

    @classmethod
    def of(cls, counts: Counts, *, delta: float) -> Bound:
        """What an attack with these counts proves."""
        best = counts.perfect
        return cls(
            epsilon=epsilon_bound(counts, delta=delta),
            epsilon_most=epsilon_bound(best, delta=delta),
            mu=mu_bound(counts),
            mu_most=mu_bound(best),
            estimate=mu_estimate(counts),
        )

    @classmethod
    def of_epsilon(cls, counts: Counts, *, delta: float) -> Bound:
        """The same of epsilon alone, where delta is not that of a Gaussian."""
        return replace(
            cls.nothing(),
            epsilon=epsilon_bound(counts, delta=delta),
            epsilon_most=epsilon_bound(counts.perfect, delta=delta),
        )

    @classmethod
    def nothing(cls) -> Bound:
        """Where no attack could be run."""
        return cls(epsilon=0.0, epsilon_most=0.0, mu=0.0, mu_most=0.0)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One audit.

    Attributes:
        group: ``mechanism``, ``worst case`` or ``one run``.
        name: which mechanism or attacker.
        about: the neighbouring tables and what the attacker sees, in words.
        runs: releases attacked for each of both tables; canaries, in one run.
        epsilon, delta: what the ledger states.
        mu: the same as the Gaussian that covers it.
        bound: what was proven.
        control: the same attack without noise; None where it could not be run.
        expected: mu that a sharp attack finds where all is as stated, so that more is
            a leak and less than 80 % of it is wasted noise; None where the attack is
            not that sharp. Below ``mu`` where a curve is not Gaussian but covered.
        faults: what was seen to be wrong beside the figures.
        remarks: what a reader should know.
    """

    group: str
    name: str
    about: str
    runs: int
    epsilon: float
    delta: float
    mu: float
    bound: Bound
    control: Bound | None
    expected: float | None = None
    faults: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def screams(self) -> bool:
        """Whether the attack proves more than is stated where there is no noise."""
        return self.control is not None and self._beats(self.control)

    @property
    def verdict(self) -> Verdict:
        """Leak before waste; neither is told where the attack was too weak to."""
        found, expected = self.bound.estimate, self.expected
        if self.faults or self._beats(self.bound):
            return "leak"
        if not self.screams:
            return "too weak to tell"
        if expected is None or found is None:
            return "no leak seen"
        if found.high - found.low > 2 * (1 - _WASTE) * expected:
            return "too weak to tell"
        return "waste" if found.value < _WASTE * expected else "pass"

    @property
    def due(self) -> float:
        """Mu that a sharp attack finds where all is as stated."""
        return self.mu if self.expected is None else self.expected

    @property
    def proven(self) -> float:
        """Epsilon that was proven, if the curve is the Gaussian one that is stated."""
        return max(self.bound.epsilon, gaussian_epsilon(self.bound.mu, self.delta))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; infinity as the text ``inf``."""
        told = ("screams", "verdict", "proven")
        return _plain({**asdict(self), **{name: getattr(self, name) for name in told}})

    def _beats(self, bound: Bound) -> bool:
        sharp = math.inf if self.expected is None else _ROOM * self.expected
        return bound.epsilon > self.epsilon or bound.mu > min(self.mu, sharp)


@dataclass(frozen=True, kw_only=True)
class AuditReport:
    """All findings of one call.

    Attributes:
        findings: in the order in which they were made.
        version: of fairveil.
        quick: whether the short programme was run.
        seed: None for real noise; else the noise was repeatable.
        seconds: that it took.
        confidence: of each bound by itself.
    """

    findings: tuple[Finding, ...]
    version: str
    quick: bool
    seed: int | None
    seconds: float
    confidence: float = field(default=CONFIDENCE)

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong or untold, which needs every control to scream."""
        return all(finding.verdict in GOOD for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        own = {k: getattr(self, k) for k in ("version", "quick", "seed", "seconds")}
        return _plain(
            {
                "format": FORMAT,
                "format_version": VERSION,
                **own,
                "confidence": self.confidence,
                "passed": self.passed,
                "findings": [finding.to_dict() for finding in self.findings],
            }
        )

    def rows(self) -> list[tuple[str, ...]]:
        """The table as text cells, heads first."""
        return [_HEADS, *(_cells(finding) for finding in self.findings)]

    def remarks(self) -> list[str]:
        """What is to be said of single findings, faults first."""
        told: list[str] = []
        for finding in self.findings:
            told += [f"FAULT in {finding.name}: {said}" for said in finding.faults]
        for finding in self.findings:
            told += [f"{finding.name}: {said}" for said in finding.remarks]
        return told

    def markdown(self) -> str:
        """The table, then the remarks as a list, in Markdown."""
        heads, *rows = self.rows()
        lines = ["| " + " | ".join(cells) + " |" for cells in (heads, *rows)]
        lines.insert(1, "|" + "---|" * len(heads))
        told = [f"- {said}" for said in self.remarks()]
        return "\n".join([*lines, *(["", *told] if told else [])]) + "\n"


def _cells(finding: Finding) -> tuple[str, ...]:
    bound, control = finding.bound, finding.control
    return (
        finding.name,
        f"{finding.runs:,}",
        up(finding.epsilon),
        f">= {down(bound.epsilon)}",
        f">= {down(gaussian_epsilon(bound.mu, finding.delta))}",
        f"{down(bound.epsilon_most)}, mu {down(bound.mu_most)}",
        up(finding.mu),
        _found(bound),
        "not run"
        if control is None
        else f">= {down(control.epsilon)}, mu >= {down(control.mu)}: "
        + ("screams" if finding.screams else "SILENT"),
        finding.verdict if finding.verdict in GOOD else finding.verdict.upper(),
    )


def _found(bound: Bound) -> str:
    if bound.estimate is None:
        return f">= {down(bound.mu)}" if bound.mu_most else "-"
    found = bound.estimate
    return f"{found.value:.2f} ({down(found.low)} to {up(found.high)})"


def up(value: float) -> str:
    """Two decimals, rounded up: what is stated."""
    return f"{math.ceil(value * 100) / 100:.2f}" if math.isfinite(value) else "inf"


def down(value: float) -> str:
    """Two decimals, rounded down: what is proven."""
    return f"{math.floor(value * 100) / 100:.2f}" if math.isfinite(value) else "inf"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "inf" if value > 0 else "-inf"
    return value
