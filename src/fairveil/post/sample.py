"""Rows out: fresh draws of the generator, swept under the weights, then chosen.

Sees released things only; any number of rows costs no privacy. No pool is kept: each
row is new, so the output has no duplicates beyond those of the distribution itself.
Each row starts from a guide and a draw of its own; some Gibbs sweeps (``post.gibbs``)
move it towards the calibrated distribution. The states of its last few sweeps are its
candidates, and the one is taken that keeps the table balanced (``post.balance``).
``post.stream`` makes them block by block on all cores.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fairveil._types import Codes, Values
from fairveil.codec import Codec
from fairveil.post import stream
from fairveil.post.apart import Redraw
from fairveil.post.balance import Balance
from fairveil.post.calibrate import LogLinear
from fairveil.post.generator import Generator, RowSource
from fairveil.post.loosen import Loosen
from fairveil.post.outcome import Outcome
from fairveil.post.targets import Target
from fairveil.post.teacher import Teacher
from fairveil.seeds import Seeds


@dataclass(frozen=True)
class Sampler:
    """All that is needed to draw rows.

    Attributes:
        codec: codes to values.
        model: draws codes.
        weights: calibration that rows are swept under; without any, they leave as the
            model draws them.
        sweeps: Gibbs sweeps before a row's first candidate.
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

    def blocks(self, n: int, seeds: Seeds) -> Iterator[Codes]:
        """N fresh rows as codes (rows, columns), in blocks of bounded size, in order.

        The same seeds give the same blocks; those of fewer rows are the first of more.
        """
        last = {"loosen": self.loosen, "redraw": self.redraw, "outcome": self.outcome}
        steps = [(s, seeds.generator(k)) for k, s in last.items() if s is not None]
        left = n
        for rows in self._made(seeds) if n else ():
            block = rows[:left]
            for step, rng in steps:
                block = step.apply(block, rng)
            yield block
            left -= len(block)
            if not left:
                return

    def _made(self, seeds: Seeds) -> Iterator[Codes]:
        """Endless blocks, before what a promise draws anew."""
        sizes = self.codec.sizes
        maker = stream.Maker(
            source=RowSource(self.model, seeds.number("rows"), sizes),
            sweeper=self.weights.sweeper(),
            balance=Balance(sizes, self.wanted),
            seed=seeds.number("sweeps"),
            sweeps=self.sweeps if self.weights.cliques else 0,
            choices=self.choices,
        )
        return stream.blocks(maker)

    def codes(self, n: int, seeds: Seeds) -> Codes:
        """N fresh rows as codes (n, columns)."""
        none = np.empty((0, len(self.codec.sizes)), dtype=np.int32)
        return np.concatenate([none, *self.blocks(n, seeds)])

    def parts(self, n: int, seeds: Seeds) -> Iterator[dict[str, Values]]:
        """N fresh rows as values by column name, in the same blocks as ``blocks``.

        None where missing. There is one part at least, of no rows where n is 0.
        """
        rng, start, none = seeds.generator("decode"), 0, True
        own = seeds.number("keys") if self.codec.identifiers else 0
        for block in self.blocks(n, seeds):
            none = False
            yield self.codec.decode(block, rng, start=start, seed=own)
            start += len(block)
        if none:
            yield self.codec.decode(self.codes(0, seeds), rng, seed=own)

    def values(self, n: int, seeds: Seeds) -> dict[str, Values]:
        """N fresh rows as values by column name: all ``parts`` joined."""
        parts = list(self.parts(n, seeds))
        return {name: joined([part[name] for part in parts]) for name in parts[0]}


def joined(parts: list[Values]) -> Values:
    """Parts of one column as one."""
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    return list(itertools.chain.from_iterable(parts))
