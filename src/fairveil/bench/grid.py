"""Which runs make up a grid, and in which order.

Public. The order makes the most of a run that is stopped: seed by seed, budget by
budget.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from fairveil import _check
from fairveil.bench.jobs import Job
from fairveil.bench.methods import ENDS, METHODS, OURS, method
from fairveil.bench.tables import TABLES, table

OWN = tuple(name for name, each in METHODS.items() if each.environment == OURS)
PEERS = tuple(name for name in METHODS if name not in OWN)
ABLATIONS = tuple(n for n in OWN if n.startswith(f"{OURS}-no-"))
VARIANTS = tuple(n for n in OWN if n not in (OURS, *ENDS, *ABLATIONS))
GROUPS: Mapping[str, tuple[str, ...]] = {
    "ours": (OURS, *ENDS),
    "variants": VARIANTS,
    "ablations": ABLATIONS,
    "peers": PEERS,
    "all": tuple(METHODS),
}


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Tables, methods, budgets and seeds that are crossed."""

    tables: Sequence[str]
    methods: Sequence[str]
    epsilons: Sequence[float]
    seeds: Sequence[int]

    def jobs(self) -> list[Job]:
        """The runs: a method without privacy has one budget, infinity.

        Raises:
            ConfigError: an unknown table or method, a budget that is not positive.
        """
        methods = expanded(self.methods)
        for name in self.tables:
            table(name)
        _check.whole(**{f"seed {seed}": seed for seed in self.seeds})
        budgets = dict.fromkeys((*self.epsilons, math.inf))
        return [
            Job(table=t, method=m, epsilon=epsilon, seed=seed)
            for seed in self.seeds
            for epsilon in budgets
            for t in self.tables
            for m in methods
            if epsilon in _budgets(m, self.epsilons)
        ]


def expanded(names: Iterable[str]) -> tuple[str, ...]:
    """Names of methods, with ``ours``, ``variants``, ``all`` and so on spelled out.

    Raises:
        ConfigError: no such method.
    """
    found: dict[str, None] = {}
    for name in names:
        for each in GROUPS.get(name, (name,)):
            found[method(each).name] = None
    return tuple(found)


def _budgets(name: str, epsilons: Sequence[float]) -> list[float]:
    known = method(name)
    for epsilon in epsilons:
        _check.positive(epsilon=epsilon)
    if not known.private:
        return [math.inf]
    return [epsilon for epsilon in epsilons if known.takes(epsilon)]


GRIDS: Mapping[str, Grid] = {
    "small": Grid(
        tables=("health_insurance_meps", "adult"),
        methods=("fairveil", *ENDS, "dpmm-mst"),
        epsilons=(1.0,),
        seeds=(0,),
    ),
    "core": Grid(
        tables=("adult", "compas", "health_insurance_meps", "bank"),
        methods=("ours", "peers"),
        epsilons=(1.0, 3.0, math.inf),
        seeds=(0, 1, 2),
    ),
    "full": Grid(
        tables=tuple(TABLES),
        methods=("ours", "variants", "peers"),
        epsilons=(1.0, 3.0, 0.5, 8.0, math.inf),
        seeds=(0, 1, 2),
    ),
}
