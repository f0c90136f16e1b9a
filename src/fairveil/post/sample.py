"""Rows out: fresh draws of the generator, swept under the weights, then chosen.

Sees released things only; any number of rows costs no privacy. No pool is kept: each
row is new, so the output has no duplicates beyond those of the distribution itself.
Each row starts from a guide and a draw of its own; some Gibbs sweeps (``post.gibbs``)
move it towards the calibrated distribution, and of a few such rows the one is taken
that keeps the table balanced (``post.balance``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fairveil._types import Codes, Values
from fairveil.codec import Codec
from fairveil.post.apart import Redraw
from fairveil.post.balance import Balance
from fairveil.post.calibrate import LogLinear
from fairveil.post.generator import Generator, RowSource
from fairveil.post.loosen import Loosen
from fairveil.post.outcome import Outcome
from fairveil.post.targets import Target
from fairveil.post.teacher import Teacher
from fairveil.seeds import Seeds

_BEFORE = 256  # rows chosen and left: the first ones are not yet chosen by their law


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
        loosen: loosens proxies, where that is wished.
        redraw: draws the sensitive columns apart, in the mode ``redraw``.
        outcome: draws the target anew, in the mode ``outcome``.
    """

    codec: Codec
    model: Generator | Teacher
    weights: LogLinear
    sweeps: int
    wanted: tuple[Target, ...]
    choices: int
    redraw: Redraw | None = None
    outcome: Outcome | None = None
    loosen: Loosen | None = None

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
        last = {"loosen": self.loosen, "redraw": self.redraw, "outcome": self.outcome}
        for name, step in last.items():
            if step is not None:
                rows = step.apply(rows, seeds.generator(name))
        return rows

    def values(self, n: int, seeds: Seeds) -> dict[str, Values]:
        """N fresh rows as values by column name; None where missing."""
        return self.codec.decode(self.codes(n, seeds), seeds.generator("decode"))
