"""Rows out: fresh draws of the generator, swept under the weights, then chosen.

Sees released things only; any number of rows costs no privacy. No pool is kept: each
row is new, so the output has no duplicates beyond those of the distribution itself.
Each row starts from a guide and a draw of its own; some Gibbs sweeps (``post.gibbs``)
move it towards the calibrated distribution, and of a few such rows the one is taken
that keeps the table balanced (``post.balance``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fairveil._types import Codes, Floats
from fairveil.codec import Codec
from fairveil.post.balance import Balance
from fairveil.post.calibrate import LogLinear
from fairveil.post.generator import Generator, RowSource
from fairveil.post.targets import Target
from fairveil.post.teacher import Teacher
from fairveil.seeds import Seeds

_BEFORE = 256  # rows chosen and left: the first ones are not yet chosen by their law


@dataclass(frozen=True)
class Redraw:
    """The trivial baseline: sensitive columns drawn apart from the rest of the row.

    Attributes:
        columns: positions of the sensitive columns.
        cells: their joint codes, shape ``(cells, columns)``.
        probs: probability of each cell, sum 1.
        strength: share of rows that are redrawn.
    """

    columns: tuple[int, ...]
    cells: Codes
    probs: Floats
    strength: float

    def apply(self, codes: Codes, rng: np.random.Generator) -> Codes:
        """Rows with their sensitive columns redrawn."""
        picks = rng.choice(len(self.cells), len(codes), p=self.probs)
        chosen = rng.random(len(codes)) < self.strength
        out = codes.copy()
        at = np.flatnonzero(chosen)[:, None]
        out[at, np.array(self.columns)] = self.cells[picks[chosen]]
        return out


@dataclass(frozen=True)
class Sampler:
    """All that is needed to draw rows.

    Attributes:
        codec: codes to values.
        model: draws codes.
        weights: calibration that rows are swept under; without any, they leave as the
            model draws them.
        sweeps: Gibbs sweeps of each row.
        wanted: marginals that the table is to have.
        choices: rows of which one is taken to that end; 1 takes them as they come.
        redraw: the baseline, where the mode asks for it.
    """

    codec: Codec
    model: Generator | Teacher
    weights: LogLinear
    sweeps: int
    wanted: tuple[Target, ...]
    choices: int
    redraw: Redraw | None = None

    def codes(self, n: int, seeds: Seeds) -> Codes:
        """N fresh rows as codes (n, columns)."""
        sizes = self.codec.sizes
        source = RowSource(self.model, seeds.number("rows"), sizes)
        sweeper, rng = self.weights.sweeper(), seeds.generator("sweeps")
        balance = Balance(sizes, self.wanted)
        parts: list[Codes] = [np.empty((0, len(sizes)), dtype=np.int32)]
        before = _BEFORE if self.choices > 1 and n else 0
        found = -before
        while found < n:
            drawn, base = source.next()
            rows = np.array(drawn, order="F")
            for _ in range(self.sweeps if self.weights.cliques else 0):
                sweeper.sweep(rows, base, rng)
            rows = rows[: (n - found) * self.choices]
            parts.append(balance.choose(rows, self.choices))
            found += len(parts[-1])
        rows = np.concatenate(parts)[before:]
        return rows if self.redraw is None else self.redraw.apply(rows, rng)

    def values(self, n: int, seeds: Seeds) -> dict[str, list[Any]]:
        """N fresh rows as values by column name; None where missing."""
        return self.codec.decode(self.codes(n, seeds), seeds.generator("decode"))
