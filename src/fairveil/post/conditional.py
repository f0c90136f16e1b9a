"""Rows that meet a condition, without drawing others until some happen to.

Sees released things only; it costs no privacy. The law is that of ``Sampler`` given the
condition: what a long plain release has left when it is filtered. A condition comes as
*evidence*: for some columns, the probability that a value of each code meets it.

How: latents are drawn in excess and kept by how likely they make the condition (latent
and cluster weights are re-estimated by it). Their rows are swept as every row is, with
the named columns last; each of those is drawn within the condition, and the row takes
as weight how likely the others made it. Rows are then drawn by weight; copies are swept
apart under the condition. Of a few rows one is chosen, as in a plain release, by the
marginals that it is balanced by, cut to the condition. Steps that draw columns anew at
the end (``redraw``, ``outcome``, proxies) do so within the condition, and what they
make of it weighs rows too.

Promise: every row's codes have evidence above zero; the work for a row is bounded, and
conditions that are next to impossible are refused after a pilot of bounded size.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from fairveil._types import Codes, Floats
from fairveil.errors import ConfigError, problem
from fairveil.marginals import Clique, Sizes
from fairveil.post.balance import Balance
from fairveil.post.generator import RowSource
from fairveil.post.gibbs import Base, Sweeper
from fairveil.post.late import Late, picked
from fairveil.post.sample import Sampler
from fairveil.post.targets import Target
from fairveil.seeds import Seeds

Evidence = Mapping[int, Floats]

_BEFORE = 256  # rows chosen and left, as in a plain release
_PILOT = 32  # swept batches after which a condition is refused
_ENOUGH = 400.0  # rows that a pilot's weights are worth: it ends
_FEWEST = 20.0  # the same, below which the condition is refused
_LEAST_SHARE = 1e-7  # of plain rows, below which it is refused
_EXCESS = 8  # batches of latents of which one is kept, at most
_LIKELY = 0.25  # how likely the latents that are kept should make the condition
_DEFENCE = 0.1  # part of the latents that is kept however unlikely they make it
_FEW_COPIES = 3.0  # of a row: one sweep parts them
_LEAST_ROWS = 128.0  # of each swept batch, on average
_TINY_CHANCE = 1e-4  # that the last steps meet the condition, below which it is refused


@dataclass(frozen=True)
class _Batch:
    """Swept rows with what they were drawn under, and their weights.

    The mean of all weights, over the latents that were looked at, estimates how large a
    part of plain rows meets the condition.
    """

    codes: Codes
    base: Base
    weights: Floats
    looked: int

    @property
    def worth(self) -> float:
        """Kish's effective number of rows."""
        return float(self.weights.sum() ** 2 / max((self.weights**2).sum(), 1e-300))


class Conditional:
    """Draws rows of a release that meet a condition.

    Args:
        sampler: the release.
        evidence: by position of a column, the probability that a value of each code
            meets the condition.
        seeds: randomness.
    """

    def __init__(self, sampler: Sampler, evidence: Evidence, seeds: Seeds) -> None:
        self._sampler, self._seeds = sampler, seeds
        self._late = Late(sampler, evidence)
        core = self._late.core
        self._evidence = {j: core[j] for j in sorted(core)}
        self._all = dict(evidence)
        self._sweeper: Sweeper = sampler.weights.sweeper()
        self._rng = seeds.generator("conditional sweeps")
        self._excess: int | None = None  # batches of latents looked at for each kept

    def codes(self, n: int) -> Codes:
        """N rows as codes (n, columns).

        Raises:
            ConfigError: the release hardly ever makes such rows.
        """
        sampler, sizes = self._sampler, self._sampler.codec.sizes
        wanted = conditional_targets(sampler.wanted, sizes, self._evidence)
        choices = sampler.choices if wanted else 1
        balance = Balance(sizes, wanted) if choices > 1 else None
        parts: list[Codes] = [np.empty((0, len(sizes)), dtype=np.int32)]
        skip = _BEFORE if choices > 1 else 0
        found = 0
        stream = self._candidates() if n else iter(())
        rng, bound = self._seeds.generator("conditional last"), None
        while found < n:
            rows = next(stream)
            rows = rows if balance is None else balance.choose(rows, choices)
            rows, skip = rows[skip:], max(skip - len(rows), 0)
            chance = self._late.chance(rows)
            bound = _bound(chance) if bound is None and len(rows) else bound
            if bound is None:
                continue
            rows = rows[_systematic(chance / bound, rng)]
            rows = self._kept(self._late.apply(rows, rng), self._all)
            parts.append(rows[: n - found])
            found += len(parts[-1])
        return np.concatenate(parts)

    def _candidates(self) -> Iterator[Codes]:
        """Rows that meet the condition before the last steps, in random order."""
        source = RowSource(
            self._sampler.model, self._seeds.number("rows"), self._sampler.codec.sizes
        )
        pilot = self._pilot(source)
        total = sum(batch.weights.sum() for batch in pilot)
        worth = total**2 / sum((batch.weights**2).sum() for batch in pilot)
        rows = max(worth / len(pilot), _LEAST_ROWS)  # of a batch
        scale = rows / (total / len(pilot))
        for batch in itertools.chain(pilot, self._batches(source)):
            yield self._drawn(batch, batch.weights * scale)

    def _drawn(self, batch: _Batch, counts: Floats) -> Codes:
        """Rows by weight, then swept under the condition, which parts copies of a row.

        All are swept: rows that were drawn once do not have the condition's law without
        the others.
        """
        rng = self._rng
        picked = rng.permutation(_systematic(counts, rng))
        codes = np.asfortranarray(batch.codes[picked])
        if counts.max(initial=0.0) > 1.0:
            base = [b[picked] for b in batch.base]
            with np.errstate(divide="ignore"):
                for j, evidence in self._evidence.items():
                    base[j] = base[j] + np.log(evidence).astype(np.float32)
            for _ in range(1 if counts.max() <= _FEW_COPIES else self._sampler.sweeps):
                self._sweeper.sweep(codes, base, rng)
        return self._kept(codes, self._evidence)

    def _kept(self, rows: Codes, evidence: Evidence) -> Codes:
        """Rows with evidence above zero: all but those that a rounding error moved."""
        good = np.ones(len(rows), dtype=bool)
        for j, held in evidence.items():
            good &= held[rows[:, j]] > 0
        return rows[good]

    def _pilot(self, source: RowSource) -> list[_Batch]:
        """The first batches: until they are worth enough rows, or are too many.

        Raises:
            ConfigError: they are worth next to nothing.
        """
        found: list[_Batch] = []
        total = squares = 0.0
        for batch in itertools.islice(self._batches(source), _PILOT):
            used = batch.weights > 0
            base = [b[used] for b in batch.base]
            found.append(
                _Batch(batch.codes[used], base, batch.weights[used], batch.looked)
            )
            total += float(batch.weights.sum())
            squares += float((batch.weights**2).sum())
            if total**2 >= _ENOUGH * max(squares, 1e-300):
                break
        share = total / sum(b.looked for b in found)
        if share < _LEAST_SHARE or total**2 < _FEWEST * max(squares, 1e-300):
            raise _too_rare(share)
        return found

    def _batches(self, source: RowSource) -> Iterator[_Batch]:
        while True:
            codes, base, weights, looked = self._latents(source)
            yield self._swept(codes, base, weights, looked)

    def _latents(self, source: RowSource) -> tuple[Codes, Base, Floats, int]:
        """One batch of rows of latents that make the condition likely.

        With each comes what makes up for the choice: the plain density over that of the
        latents that were kept.
        """
        drawn, likely = [], []
        while len(drawn) < (self._excess or 1):
            codes, base = source.next()
            drawn.append((codes, base))
            likely.append(self._likelihood(base))
            if self._excess is None:
                mean = max(float(likely[0].mean()), 1e-12)
                self._excess = int(np.clip(round(_LIKELY / mean), 1, _EXCESS))
        size, looked = len(drawn[0][0]), len(drawn) * len(drawn[0][0])
        if len(drawn) == 1:
            return *drawn[0], np.ones(size), looked
        flat = np.concatenate(likely)
        chance = _DEFENCE * flat.mean() + (1.0 - _DEFENCE) * flat + 1e-300
        chance = chance * size / chance.sum()  # times that a latent is kept
        picked = _systematic(chance, self._rng)
        at = [picked[picked // size == i] % size for i in range(len(drawn))]
        codes = np.concatenate([c[i] for (c, _), i in zip(drawn, at, strict=True)])
        parts = [[b[i] for b in base] for (_, base), i in zip(drawn, at, strict=True)]
        base = [np.concatenate(part) for part in zip(*parts, strict=True)]
        return codes, base, 1.0 / chance[picked], looked

    def _likelihood(self, base: Base) -> Floats:
        """How likely each latent makes the condition, before any weight."""
        out = np.ones(len(base[0]))
        for j, evidence in self._evidence.items():
            out *= np.exp(base[j]) @ evidence
        return out

    def _swept(self, codes: Codes, base: Base, weights: Floats, looked: int) -> _Batch:
        """Swept like the rows of a plain release, with the condition in the end."""
        rows, rng = np.array(codes, order="F"), self._rng
        named = tuple(self._evidence)
        others = tuple(j for j in range(rows.shape[1]) if j not in self._evidence)
        if self._sampler.weights.cliques:
            for _ in range(self._sampler.sweeps - 1):
                self._sweeper.sweep(rows, base, rng)
            if self._sampler.sweeps:
                self._sweeper.sweep(rows, base, rng, others)
        weights = weights.copy()
        for j in rng.permutation(np.array(named, dtype=np.intp)):
            logits = self._sweeper.logits(j, rows, base)
            logits -= logits.max(axis=1, keepdims=True)
            mass = np.exp(logits, dtype=np.float64)
            held = mass * self._evidence[j]
            weights *= held.sum(axis=1) / mass.sum(axis=1)
            rows[:, j] = picked(held, rng)
        return _Batch(rows, base, weights, looked)


def conditional_targets(
    wanted: tuple[Target, ...], sizes: Sizes, evidence: Evidence
) -> tuple[Target, ...]:
    """The marginals that a release is balanced by, cut to a condition.

    A marginal without some named column says nothing of the others under the condition,
    and is left out.
    """
    if not evidence:
        return wanted
    cut: dict[Clique, Target] = {}
    for target in wanted:
        if not set(evidence) <= set(target.columns):
            continue
        shape = [sizes[c] for c in target.columns]
        table = np.maximum(target.probs, 0.0).reshape(shape)
        for j, held in evidence.items():
            along = [1] * table.ndim
            along[target.columns.index(j)] = -1
            table = table * held.reshape(along)
        if table.sum() > 0:
            probs = (table / table.sum()).ravel()
            cut[target.columns] = Target(target.columns, probs, target.stddev)
    return tuple(cut.values())


def _systematic(counts: Floats, rng: np.random.Generator) -> np.ndarray:
    """Rows in rising order, each ``counts`` times on average, as evenly as can be."""
    ends = np.floor(np.cumsum(counts) + rng.random()).astype(np.int64)
    return np.repeat(np.arange(len(counts)), np.diff(ends, prepend=0))


def _bound(chance: Floats) -> float:
    """The largest chance of the last steps, or a refusal where all are tiny."""
    if chance.mean() < _TINY_CHANCE:
        raise _too_rare(float(chance.mean()))
    return float(chance.max())


def _too_rare(share: float) -> ConfigError:
    return ConfigError(
        problem(
            "the release hardly ever makes rows that meet this condition",
            got=f"an estimated share of {share:.1g}",
            try_="a wider range, fewer columns, or complete() to fix many cells",
        )
    )
