"""Linkability: which of ten records with some columns goes with one of the others?

Secret: reads real rows. Two holders know different columns of the same ten people,
drawn at random. For one record of the first the attacker takes that record of the
second which makes, with it, the row that is nearest to some synthetic row. A guess that
does not see the release takes one of the ten at random.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fairveil._types import Floats
from fairveil.evaluate._nearness import sums
from fairveil.evaluate._proportions import rate
from fairveil.evaluate._trials import (
    CONTROL,
    COPY,
    RELEASE,
    TRAIN,
    Setting,
    Shot,
    Trial,
    swapped,
)
from fairveil.evaluate.results_risks import LINKABILITY

LINEUP = 10  # people among whom the record is looked for


@dataclass(frozen=True)
class _Game:
    """Sets of columns on both sides, people in a line-up, and what breaks ties."""

    sides: tuple[list[int], list[int]]
    size: int
    rng: np.random.Generator


def linkability(setting: Setting, first: Sequence[str], second: Sequence[str]) -> Trial:
    """Link two sets of columns, each known to somebody else."""
    sides = setting.grid.columns(first), setting.grid.columns(second)
    tables = (TRAIN, CONTROL) if setting.control else (TRAIN,)
    size = min(LINEUP, *(setting.rows(table) for table in tables))
    rng = setting.rng(1)
    game = _Game(sides, size, rng)
    release = _shot(setting, RELEASE, game)
    planted = _shot(setting, COPY, game) if setting.control else None
    attempts = release.main.attempts
    hits = int((rng.integers(max(size, 1), size=attempts) == 0).sum())
    return Trial(
        name=f"nearest pair among {size}",
        question=LINKABILITY,
        target=f"{', '.join(map(str, first))} with {', '.join(map(str, second))}",
        release=release,
        naive=rate(hits, attempts),
        planted=planted,
    )


def _shot(setting: Setting, others: int, game: _Game) -> Shot:
    hits = _hits(setting, TRAIN, others, game)
    main = rate(int(hits.sum()), game.size * len(hits))
    if not setting.control:
        return Shot(main, rate(0, 0), 1.0)
    apart = _hits(setting, CONTROL, others, game)
    control = rate(int(apart.sum()), game.size * len(apart))
    # people of one line-up share their candidates, so line-ups are what is swapped
    return Shot(main, control, swapped(hits, apart, game.rng))


def _hits(setting: Setting, rows: int, others: int, game: _Game) -> Floats:
    """Records linked rightly in each line-up, (line-ups,)."""
    size = game.size
    if size < 2 or not all(game.sides):  # noqa: PLR2004  (nobody to be taken for another)
        return np.empty(0)
    found: list[int] = []
    for _, (one, two) in sums(setting.grid, rows, others, game.sides, each=size):
        for start in range(0, len(one) - size + 1, size):
            left, right = one[start : start + size], two[start : start + size]
            nearest = np.stack([(own + right).min(axis=1) for own in left])
            # less than one step: decides ties only, and those at random
            chosen = (nearest + game.rng.random(nearest.shape)).argmin(axis=1)
            found.append(int((chosen == np.arange(size)).sum()))
    return np.array(found, dtype=np.float64)
