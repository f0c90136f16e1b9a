"""Rows in blocks: candidates made on all cores, chosen in order, in bounded memory.

Sees released things only. Block k has its own seed, so the rows do not hang on the
number of cores; choices among candidates are made in the order of the blocks. Promise:
the same seed gives the same rows, a longer stream begins with the shorter one, and only
a few blocks are held at a time, however many rows are asked for.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from fairveil._types import Codes
from fairveil.post.balance import Balance, Places
from fairveil.post.generator import RowSource
from fairveil.post.gibbs import Base, Held, Sweeper

BEFORE = 256  # rows chosen and left: the first ones are not yet chosen by their law

_Made: TypeAlias = tuple[npt.NDArray[np.int32], list[Places]]


@dataclass(frozen=True)
class Maker:
    """What makes the candidates of a block.

    Attributes:
        source: guides, and the probabilities that they give.
        sweeper: moves rows towards the calibrated distribution.
        balance: knows the cells of a row; its counts are not touched here.
        seed: 32-bit seed of all draws.
        sweeps: sweeps before the first candidate; 0: candidates are draws of the base.
        choices: candidates of each row: the first after ``sweeps`` sweeps of its chain,
            each of the others one sweep later.
    """

    source: RowSource
    sweeper: Sweeper
    balance: Balance
    seed: int
    sweeps: int
    choices: int

    def block(self, k: int) -> _Made:
        """Candidates (choices, columns, n), and the places of each where it matters."""
        rng = np.random.default_rng([self.seed, k])
        wide = self.source.base(k)
        parts = self.source.parted(np.exp(wide))
        probs = [np.ascontiguousarray(part) for part in parts]
        held = self.sweeper.first(len(wide), probs, rng)
        for _ in range(self.sweeps - 1):
            self.sweeper.redraw(held, probs, rng)
        made, places = np.empty((self.choices, *held.shape), np.int32), []
        for i in range(self.choices):
            held = self._moved(held, probs, rng, first=i == 0)
            made[i] = held
            if self.choices > 1:
                places.append(self.balance.places(held))
        return made, places

    def _moved(
        self, held: Held, probs: Base, rng: np.random.Generator, *, first: bool
    ) -> Held:
        """The next candidates of the same guides."""
        if self.sweeps:
            self.sweeper.redraw(held, probs, rng)
            return held
        return held if first else self.sweeper.first(held.shape[1], probs, rng)


def _cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def blocks(maker: Maker) -> Iterator[Codes]:
    """Endless blocks of rows (n, columns); the first one is shorter.

    Threads end when the iterator is closed or let go.
    """
    cores = _cores()
    before = BEFORE if maker.choices > 1 else 0
    waiting: deque[Future[_Made]] = deque()
    with ThreadPoolExecutor(cores) as pool:
        k = 0
        try:
            while True:
                while len(waiting) <= cores:
                    k += 1
                    waiting.append(pool.submit(maker.block, k))
                made, places = waiting.popleft().result()
                rows = made[0].T
                if places:
                    picks = maker.balance.pick(places)
                    rows = made[picks, :, np.arange(made.shape[2])]
                yield np.ascontiguousarray(rows[before:])
                before = 0
        finally:
            for one in waiting:
                one.cancel()
