"""What one attack counted, before it is judged beside the others.

Secret: counts over real rows. The tables of an attack stand on one grid; their numbers
in it are the constants below. Tests by permutation swap training and control rows, of
which the release knows neither where there is nothing to find.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fairveil._types import Floats
from fairveil.evaluate._nearness import Places
from fairveil.evaluate.results_fairness import Estimate
from fairveil.evaluate.results_risks import Rate

# places of the tables on the grid: targets, then what the attacker sees
TRAIN, CONTROL, RELEASE, COPY, ALL_TRAIN, ALL_CONTROL = range(6)
SHUFFLES = 4999


@dataclass(frozen=True)
class Setting:
    """What all attacks share.

    Attributes:
        grid: training targets; control targets; release; a copy of training rows as
            large as the release; as many training as control rows, of which somebody
            may be singled out. Without control, training rows stand for control.
        control: whether there are control rows.
        seed: of everything drawn at random.
    """

    grid: Places
    control: bool
    seed: int

    def rows(self, table: int) -> int:
        """Rows of a table of the grid."""
        return self.grid.tables[table].shape[1]

    @property
    def width(self) -> int:
        """Columns."""
        return len(self.grid.names)

    def rng(self, *attack: int) -> np.random.Generator:
        """A generator of one attack, the same whichever other attacks are made."""
        return np.random.default_rng([self.seed, *attack])


@dataclass(frozen=True)
class Shot:
    """One attack on one release: training rows, control rows, and the test of both.

    Attributes:
        main: on training rows.
        control: on control rows; without an attempt where there are none.
        p_value: as of ``Attack``; 1 without control.
        ranking: as of ``Attack``.
    """

    main: Rate
    control: Rate
    p_value: float
    ranking: Estimate | None = None


@dataclass(frozen=True)
class Trial:
    """One attack, on the release and on the copy; fields as of ``Attack``.

    Attributes:
        whom: what ``main`` counts, for the sentence.
    """

    name: str
    question: str
    target: str
    release: Shot
    naive: Rate
    planted: Shot | None
    notes: tuple[str, ...] = ()
    whom: str = "training people"


def swapped(
    first: Floats, second: Floats, rng: np.random.Generator, *, shuffles: int = SHUFFLES
) -> float:
    """P-value that the mean of the first is the larger, by permutation; one-sided.

    Args:
        first, second: (n,) and (m,) values of exchangeable units.
        rng: draws the permutations.
        shuffles: permutations; the p-value is at least one over one more.
    """
    if not len(first) or not len(second):
        return 1.0
    pooled, seen = np.concatenate((first, second)), first.sum()
    more = 1
    for _ in range(shuffles):
        more += bool(rng.permutation(pooled)[: len(first)].sum() >= seen - 1e-9)
    return more / (shuffles + 1)
