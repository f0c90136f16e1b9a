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

import numpy as np
import numpy.typing as npt

from fairveil._types import Codes
from fairveil.post.balance import Balance
from fairveil.post.generator import RowSource
from fairveil.post.gibbs import Base, Held, Sweeper

SMALL = 2  # first blocks, of one batch, for those who ask for few rows
BEFORE = 256  # rows chosen and left: the first ones are not yet chosen by their law


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

    def block(self, k: int) -> npt.NDArray[np.int32]:
        """Candidates (choices, columns, n)."""
        rng = np.random.default_rng([self.seed, k])
        wide = np.concatenate([self.source.base(batch) for batch in _batches(k)])
        parts = self.source.parted(np.exp(wide))
        probs = [np.ascontiguousarray(part) for part in parts]
        held = self.sweeper.first(len(wide), probs, rng)
        for _ in range(self.sweeps - 1):
            self.sweeper.redraw(held, probs, rng)
        made = np.empty((self.choices, *held.shape), np.int32)
        for i in range(self.choices):
            held = self._moved(held, probs, rng, first=i == 0)
            made[i] = held
        return made

    def _moved(
        self, held: Held, probs: Base, rng: np.random.Generator, *, first: bool
    ) -> Held:
        """The next candidates of the same guides."""
        if self.sweeps:
            self.sweeper.redraw(held, probs, rng)
            return held
        return held if first else self.sweeper.first(held.shape[1], probs, rng)


def _batches(k: int) -> range:
    """The batches of block k = 1, 2, ...: one of each of the first, then two.

    Threads wait for the interpreter between any two steps, so few long steps are
    faster; longer ones than these leave the cache.
    """
    if k <= SMALL:
        return range(k, k + 1)
    end = 2 * k - SMALL
    return range(end - 1, end + 1)


def _cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _chosen(maker: Maker, k: int, before: Future[Codes] | None) -> Codes:
    """Rows (n, columns) of block k, chosen once all blocks before it were."""
    made = maker.block(k)
    if before is not None:
        before.result()  # it began earlier, so it ends
    if maker.choices == 1:
        return np.ascontiguousarray(made[0].T)
    return maker.balance.best(made)


def blocks(maker: Maker) -> Iterator[Codes]:
    """Endless blocks of rows (n, columns); the first one is shorter.

    Threads end when the iterator is closed or let go.
    """
    cores = _cores()
    left = BEFORE if maker.choices > 1 else 0
    waiting: deque[Future[Codes]] = deque()
    with ThreadPoolExecutor(cores) as pool:
        k, last = 0, None
        try:
            while True:
                while len(waiting) <= cores:
                    k += 1
                    last = pool.submit(_chosen, maker, k, last)
                    waiting.append(last)
                yield waiting.popleft().result()[left:]
                left = 0
        finally:
            for one in waiting:
                one.cancel()
