"""Rows out: fresh draws of the generator, swept under the calibration weights.

Sees released things only; any number of rows costs no privacy. No pool is kept: each
row is new, so the output has no duplicates beyond those of the distribution itself.
Each row starts from a guide and a draw of its own; some Gibbs sweeps (``post.gibbs``)
move it towards the calibrated distribution, and it is accepted by the little weight
that is missing then. The weights were fitted to that same number of sweeps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fairveil._types import Codes, Floats
from fairveil.codec import Codec
from fairveil.config import Calibration
from fairveil.errors import FairveilError, problem
from fairveil.post.calibrate import LogLinear
from fairveil.post.generator import Generator, RowSource
from fairveil.post.teacher import Teacher
from fairveil.seeds import Seeds

_MOST_EMPTY_DRAWS = 200  # batches without one accepted row before giving up


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
        last: what is missing after the sweeps: rows are accepted by it.
        log_cap: last log-weights above it count as equal to it.
        sweeps: Gibbs sweeps of each row.
        redraw: the baseline, where the mode asks for it.
    """

    codec: Codec
    model: Generator | Teacher
    weights: LogLinear
    last: LogLinear
    log_cap: float
    sweeps: int
    redraw: Redraw | None = None

    def codes(self, n: int, seeds: Seeds) -> Codes:
        """N fresh rows as codes (n, columns).

        Raises:
            FairveilError: the calibration accepts next to nothing.
        """
        source = RowSource(self.model, seeds.number("rows"), self.codec.sizes)
        sweeper, rng = self.weights.sweeper(), seeds.generator("sweeps")
        parts: list[Codes] = [np.empty((0, len(self.codec.sizes)), dtype=np.int32)]
        found, empty = 0, 0
        while found < n:
            drawn, base = source.next()
            rows = np.array(drawn, order="F")
            for _ in range(self.sweeps if self.weights.cliques else 0):
                sweeper.sweep(rows, base, rng)
            log_ratio = self.last.log_weights(rows) - self.log_cap
            kept = rows[np.log(rng.random(len(rows))) < log_ratio]
            parts.append(kept)
            found += len(kept)
            empty = 0 if len(kept) else empty + 1
            if empty > _MOST_EMPTY_DRAWS:
                raise FairveilError(
                    problem(
                        "the calibration accepts none of the generator's rows",
                        try_="a larger epsilon, or fitting again",
                    )
                )
        rows = np.concatenate(parts)[:n]
        return rows if self.redraw is None else self.redraw.apply(rows, rng)

    def values(self, n: int, seeds: Seeds) -> dict[str, list[Any]]:
        """N fresh rows as values by column name; None where missing."""
        return self.codec.decode(self.codes(n, seeds), seeds.generator("decode"))


def choose_cap(log_weights: Floats, settings: Calibration) -> float:
    """Log-weight at which acceptance is cut off, from a pool's log-weights.

    The quantile asked for, lowered until enough rows are accepted: a lower cap costs
    a little accuracy in the heaviest rows and saves draws.
    """
    cap = float(np.quantile(log_weights, settings.cap_quantile))
    while np.mean(np.exp(np.minimum(log_weights - cap, 0.0))) < (
        settings.least_acceptance
    ):
        cap -= 0.1
    return cap
