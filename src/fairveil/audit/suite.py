"""The whole audit: single mechanisms, whole fits of a worst case, one-run canaries.

Public: every table is made up here; no user's table is read. Noise is the product's
real noise under a key of the operating system, unless a seed asks for a repeatable run.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from fairveil import __version__, _check
from fairveil.audit import canaries, worst_case
from fairveil.audit.mechanisms import audit_mechanism
from fairveil.audit.registry import MECHANISMS
from fairveil.audit.results import AuditReport, Finding

EPSILONS = (0.5, 1.0, 4.0)
QUICK_EPSILONS = (1.0,)
# expected seconds, for the time left
STAGES = {"mechanisms": 30.0, "worst case": 300.0, "one run": 30.0}
QUICK_STAGES = {"mechanisms": 12.0, "worst case": 22.0, "one run": 6.0}
_LEAST_REDRAWN = 50_000  # fewer leave the limits at epsilon 1 too wide

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much is done.

    Attributes:
        draws: releases of each table, for a mechanism.
        runs: whole fits of each table at each epsilon, and as many without noise.
        canaries: in a one-run audit.
        epsilons: budgets of the whole fits.
    """

    draws: int = 100_000
    runs: int = 600  # so that an attack can prove 4, of which a quarter is learnt on
    canaries: int = 3_000
    epsilons: tuple[float, ...] = EPSILONS

    def __post_init__(self) -> None:
        _check.whole(1_000, draws=self.draws)
        _check.whole(20, runs=self.runs)
        _check.whole(100, canaries=self.canaries)
        for epsilon in self.epsilons:
            _check.positive(epsilon=epsilon)
            _check.finite(epsilon=epsilon)


QUICK = Plan(draws=30_000, runs=60, canaries=1_000, epsilons=QUICK_EPSILONS)


def plan_of(
    *, quick: bool = False, epsilon: float | None = None, runs: int | None = None
) -> Plan:
    """The short or the long programme, with own settings where given.

    Args:
        quick: under a minute instead of under ten, with weaker bounds.
        epsilon: the only budget of the whole fits; None: .5, 1 and 4 (1 if quick).
        runs: whole fits of each table and budget; None: as the programme has it.

    Raises:
        ConfigError: epsilon is not a positive number, or runs is below 20.
    """
    base = QUICK if quick else Plan()
    return Plan(
        draws=base.draws,
        runs=base.runs if runs is None else runs,
        canaries=base.canaries,
        epsilons=base.epsilons if epsilon is None else (epsilon,),
    )


def run(
    *,
    quick: bool = False,
    epsilon: float | None = None,
    runs: int | None = None,
    seed: int | None = None,
    progress: Progress = lambda _stage, _done, _all: None,
) -> AuditReport:
    """Audit the installed fairveil.

    Args:
        quick, epsilon, runs: see ``plan_of``.
        seed: makes the audit repeatable with debugging noise; None: real noise.
        progress: called with (stage, steps done, steps).

    Raises:
        ConfigError: a setting is impossible.
    """
    plan = plan_of(quick=quick, epsilon=epsilon, runs=runs)
    if seed is not None:
        _check.whole(0, seed=seed)
    began = time.monotonic()
    findings = (
        *_mechanisms(plan, seed, progress),
        *_worst_cases(plan, seed, progress),
        *_one_runs(plan, seed, progress),
    )
    return AuditReport(
        findings=findings,
        version=__version__,
        quick=quick,
        seed=seed,
        seconds=round(time.monotonic() - began, 1),
    )


def _mechanisms(plan: Plan, seed: int | None, progress: Progress) -> list[Finding]:
    found = []
    for done, mechanism in enumerate(MECHANISMS):
        found.append(audit_mechanism(mechanism, draws=plan.draws, seed=seed))
        progress("mechanisms", done + 1, len(MECHANISMS))
    return found


def _worst_cases(plan: Plan, seed: int | None, progress: Progress) -> list[Finding]:
    budgets = (math.inf, *plan.epsilons)  # the control serves all
    steps = 2 * plan.runs * len(budgets)

    def fits(place: int, epsilon: float) -> worst_case.Runs:
        return worst_case.fit_pairs(
            epsilon,
            runs=plan.runs,
            seed=seed,
            progress=lambda done, all_: progress(
                "worst case", place * all_ + done, steps
            ),
        )

    control = fits(0, math.inf)
    found = []
    for place, epsilon in enumerate(plan.epsilons):
        draws = max(plan.draws, _LEAST_REDRAWN)
        found.append(worst_case.redrawn(epsilon, draws=draws, seed=seed))
        runs = fits(place + 1, epsilon)
        found += [
            worst_case.judge(name, runs, control) for name in worst_case.ATTACKERS
        ]
    return found


def _one_runs(plan: Plan, seed: int | None, progress: Progress) -> list[Finding]:
    control, found = canaries.control(plan.canaries, seed), []
    for done, epsilon in enumerate(plan.epsilons):
        found += canaries.audit_canaries(
            epsilon, canaries=plan.canaries, seed=seed, control=control
        )
        progress("one run", done + 1, len(plan.epsilons))
    return found
