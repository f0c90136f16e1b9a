"""Rows completed: some cells are given, the others are drawn given those.

Sees released things and the caller's rows only; it costs no privacy. The given rows are
the caller's data and stand outside the promise, which is about the fitted table. The
law is that of a plain release given the cells of the row.

How: each row picks its latent from a pool of fresh ones, by how likely each makes the
row; then its open columns are swept under the calibrated weights, as in a plain
release; and so again some times, the latent then proposed by the whole row. Weights
make some latents' rows more likely than others'; what that norm is for a latent nobody
knows, so a proposal is taken by a row of its own, swept under the weights (the exchange
algorithm: Murray, Ghahramani and MacKay 2006, "MCMC for doubly-intractable
distributions"). The steps
that draw columns anew at the end are kept to: a cell that they would have drawn apart
tells nothing of the others, and a known target weighs candidates by how likely it is.

Promise: given cells stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fairveil._types import Codes
from fairveil.post import tilt
from fairveil.post.apart import Redraw
from fairveil.post.generator import RowSource
from fairveil.post.gibbs import Base, drawn
from fairveil.post.late import picked
from fairveil.post.outcome import Outcome
from fairveil.post.sample import Sampler
from fairveil.seeds import Seeds

_CHUNK = 256  # rows whose latents are picked at once
_POOL = 4096  # latents that rows pick from
_ROUNDS = 5  # of picking a latent and sweeping
_CANDIDATES = 16  # rows of which one is taken where the target was drawn anew
_TINY = -60.0  # log-probability that an impossible cell is held to have


@dataclass(frozen=True)
class Partial:
    """Rows with open cells.

    Attributes:
        codes: rows (n, columns); what stands in open cells does not matter.
        open: True where a cell is to be drawn (n, columns).
        valued: True where a drawn cell must not be missing (n, columns).
    """

    codes: Codes
    open: np.ndarray
    valued: np.ndarray


def completed(sampler: Sampler, partial: Partial, seeds: Seeds) -> Codes:
    """The rows (n, columns) with their open cells drawn."""
    rng = seeds.generator("complete")
    if not len(partial.codes):
        return partial.codes.copy()
    source = RowSource(sampler.model, seeds.number("rows"), sampler.codec.sizes)
    core = _Core(sampler, source, rng)
    out = np.empty_like(partial.codes)
    told = np.zeros(len(out), dtype=bool)
    if sampler.outcome is not None:
        told = ~partial.open[:, sampler.outcome.roles.target]
        rows = np.flatnonzero(told)
        out[rows] = _by_target(core, sampler.outcome, _some(partial, rows), rng)
    rows = np.flatnonzero(~told)
    out[rows] = _finished(core, sampler, _some(partial, rows), rng)
    return np.where(partial.open, out, partial.codes)


def _some(partial: Partial, rows: np.ndarray) -> Partial:
    return Partial(partial.codes[rows], partial.open[rows], partial.valued[rows])


def _finished(
    core: _Core, sampler: Sampler, partial: Partial, rng: np.random.Generator
) -> Codes:
    """Rows through the core and the last steps of the release."""
    unknown, chosen = partial.open.copy(), np.zeros(len(partial.codes), dtype=bool)
    if sampler.loosen is not None:  # a cell drawn from its own shares tells nothing
        unknown |= rng.random(unknown.shape) < sampler.loosen.parts
    if sampler.redraw is not None:
        chosen = rng.random(len(chosen)) < sampler.redraw.strength
        own = np.array(sampler.redraw.columns)
        unknown[:, own] |= chosen[:, None]
    rows = core.rows(partial, unknown)
    if sampler.loosen is not None:
        anew = sampler.loosen.apply(rows, rng)
        missing = partial.valued & (anew >= core.regular)
        rows = np.where(missing, rows, anew)
    rows = np.where(partial.open, rows, partial.codes)
    if sampler.redraw is not None:
        _redrawn(sampler.redraw, rows, partial, chosen, rng)
    if sampler.outcome is not None:
        rows = sampler.outcome.apply(rows, rng)
    return rows


def _redrawn(
    step: Redraw,
    rows: Codes,
    partial: Partial,
    chosen: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """Open sensitive cells given the known ones and nothing else, in place."""
    own = np.array(step.columns)
    at = np.flatnonzero(chosen & partial.open[:, own].any(axis=1))
    mass = step.probs[step.given.of(rows[at])].copy()
    for place, column in enumerate(own):
        known = ~partial.open[at, column]
        same = step.cells[None, :, place] == partial.codes[at, column][:, None]
        mass *= same | ~known[:, None]
    some = mass.sum(axis=1) > 0  # else no row has the known ones together
    at, mass = at[some], mass[some]
    anew = step.cells[picked(mass, rng)]
    rows[at[:, None], own] = np.where(partial.open[at][:, own], anew, rows[at][:, own])


def _by_target(
    core: _Core, step: Outcome, partial: Partial, rng: np.random.Generator
) -> Codes:
    """Rows whose target is known: of some candidates one, by how likely it makes it."""
    count = len(partial.codes)
    if not count:
        return partial.codes
    many = _some(partial, np.repeat(np.arange(count), _CANDIDATES))
    target = step.roles.target
    many.open[:, target] = True
    rows = core.rows(many, many.open)
    chance = tilt.moves(rows[:, target], *step.probabilities(rows))
    weights = chance[np.arange(len(rows)), many.codes[:, target]]
    best = picked(weights.reshape(count, _CANDIDATES) + 1e-12, rng)
    return rows[np.arange(count) * _CANDIDATES + best]


class _Core:
    """Rows of the calibrated distribution given some of their cells.

    Args:
        sampler: the release.
        source: of fresh latents.
        rng: randomness.
    """

    def __init__(
        self, sampler: Sampler, source: RowSource, rng: np.random.Generator
    ) -> None:
        self.regular = np.array([c.regular for c in sampler.codec.columns])
        self._rng = rng
        self._sweeper = sampler.weights.sweeper()
        self._sweeps = max(sampler.sweeps, 1)
        codes, base = source.next()
        self._pool: Base = [table[:_POOL] for table in base]
        self._own = np.array(codes[:_POOL], order="F")  # a row of each latent
        for _ in range(self._sweeps):
            self._sweeper.sweep(self._own, self._pool, rng)

    def rows(self, partial: Partial, unknown: np.ndarray) -> Codes:
        """Rows (n, columns) with their unknown cells drawn."""
        rows = np.asfortranarray(partial.codes)
        latents = self._latents(rows, ~unknown)
        self._sweep(rows, latents, partial, unknown, first=True)
        for done in range(_ROUNDS):
            if done:
                latents = self._moved(rows, latents)
            for _ in range(self._sweeps):
                self._sweep(rows, latents, partial, unknown)
        return rows

    def _latents(self, rows: Codes, known: np.ndarray | None) -> np.ndarray:
        """A latent of the pool for each row, by how likely it makes the row's cells."""
        out = [np.empty(0, dtype=np.int64)]
        for start in range(0, len(rows), _CHUNK):
            part = slice(start, start + _CHUNK)
            logs = np.zeros((len(rows[part]), len(self._pool[0])), dtype=np.float32)
            for j, table in enumerate(self._pool):
                held = np.maximum(table.T[rows[part, j]], _TINY)
                logs += held if known is None else held * known[part, j, None]
            out.append(drawn(logs, self._rng).astype(np.int64))
        return np.concatenate(out)

    def _moved(self, rows: Codes, latents: np.ndarray) -> np.ndarray:
        """Latents proposed by whole rows, where they are taken."""
        found = self._latents(rows, None)
        odds = np.zeros(len(rows))
        for j, table in enumerate(self._pool):
            cell = self._own[found, j]
            odds += table[latents, cell] - table[found, cell]
        taken = np.log(self._rng.random(len(rows))) < odds
        return np.where(taken, found, latents)

    def _sweep(
        self,
        rows: Codes,
        latents: np.ndarray,
        partial: Partial,
        unknown: np.ndarray,
        *,
        first: bool = False,
    ) -> None:
        """Each unknown cell redrawn once given the rest of its row, in place.

        Args:
            rows, latents, partial, unknown: the rows and what is known of them.
            first: draw them by their latents alone.
        """
        for j in self._rng.permutation(rows.shape[1]):
            at = np.flatnonzero(unknown[:, j])
            if not len(at):
                continue
            own = self._pool[j][latents[at]]
            if not first:
                base = [own if i == j else own[:0] for i in range(rows.shape[1])]
                own = self._sweeper.logits(j, rows[at], base)
            barred = np.flatnonzero(partial.valued[at, j])
            own[barred, self.regular[j] :] = -np.inf
            rows[at, j] = drawn(own, self._rng)
