"""The promise ``outcome``: the target says nothing of the sensitive columns.

Sees generated rows only; it costs no privacy. All columns but the target stay as they
are. The target of each row is drawn anew from probabilities ``f'(y | x, s)``: of all
that meet the promise those nearest to what the release said before (``post.tilt``).

Two kinds of gaps are closed. *Group gaps*: the target's distribution within a group
(of each sensitive column and of their intersections, where enough rows have it) is that
of all rows; a model that sees the sensitive columns then treats groups alike. *Proxy
gaps*: a model that does not see them still tells groups apart by their proxies; what it
expects of a group is ``E[E[y | x] | s]``, and ``blind`` is the part of that which is
taken out beyond what closing the group gaps takes. The target's distribution over all
rows stays what it was. With legitimate columns all this holds within each of their
cells: what goes through them stays.

Proxies are what the auditor of this module, heads taught on generated rows, finds.
Fair scores without access to the group at prediction time: Denis et al. 2021,
"Fairness guarantee in multi-class classification"; Zeng, Dobriban and Cheng 2022,
"Bayes-optimal classifiers under group fairness" (both tilt by P(group | x)).
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import numpy as np

from fairveil._types import Codes, Floats, Params
from fairveil.marginals import Clique, Sizes
from fairveil.nn.blocks import Blocks
from fairveil.nn.heads import HeadShape
from fairveil.post import tilt
from fairveil.post.groups import System, shares
from fairveil.post.learn import judged, taught

_LEAST_IN_CELL = 0.005  # part of a cell's rows that a group needs to be held to it
_FEWEST_IN_CELL = 50  # rows of the release that it needs
_CHUNK = 16_384  # rows that are drawn at once


@dataclass(frozen=True)
class Roles:
    """Which columns play which part.

    Attributes:
        target: position of the target.
        systems: groups of the sensitive columns and of their intersections.
        cells: cells of the legitimate columns; one cell where there are none.
    """

    target: int
    systems: tuple[System, ...]
    cells: System

    @property
    def own(self) -> Clique:
        """Positions of the sensitive columns, rising."""
        return tuple(sorted({c for found in self.systems for c in found.columns}))


@dataclass(frozen=True)
class Outcome:
    """A target drawn anew, and all that it takes.

    Attributes:
        sizes: number of codes of each column.
        roles: target, groups and cells.
        expects: layers of the head that expects the target of the other columns.
        names: layers of the heads that name a row's groups without target and sensitive
            columns.
        shares: share of each group of each system in each cell, (cells, groups).
        theta: multipliers (cells, 2 groups + 1, classes): group gaps, proxy gaps, and
            what keeps the target's shares over all rows; older models lack the last.
    """

    sizes: Sizes
    roles: Roles
    expects: Params
    names: Params
    shares: Floats
    theta: Floats

    def apply(self, codes: Codes, rng: np.random.Generator) -> Codes:
        """Rows (n, columns) with their target drawn anew."""
        out, target = codes.copy(), self.roles.target
        for start in range(0, len(codes), _CHUNK):
            rows = codes[start : start + _CHUNK]
            drawn = tilt.moved(rows[:, target], *self.probabilities(rows), rng)
            out[start : start + _CHUNK, target] = drawn
        return out

    def probabilities(self, rows: Codes) -> tuple[Floats, Floats]:
        """Of the target's classes in each row, as it was and anew, (n, classes)."""
        before = judged(self.expects, expecting(self.sizes, self.roles), rows)[0]
        return before, self._after(rows, before)

    def _after(self, codes: Codes, before: Floats) -> Floats:
        weights = group_weights(
            codes, self.sizes, self.roles, self.names, shares_of=self.shares
        )
        cell, after = self.roles.cells.of(codes), before.copy()
        for c in np.unique(cell):
            rows = np.flatnonzero(cell == c)
            mine = weights[rows, : self.theta.shape[1]]
            after[rows] = tilt.tilted(before[rows], mine, self.theta[c])
        return after


def expecting(sizes: Sizes, roles: Roles) -> HeadShape:
    """The head that expects the target of all other columns."""
    seen = tuple(c for c in range(len(sizes)) if c != roles.target)
    return HeadShape(blocks=Blocks(sizes), seen=seen, classes=(sizes[roles.target],))


def naming(sizes: Sizes, roles: Roles) -> HeadShape:
    """The heads that name a row's groups."""
    hidden = {roles.target, *roles.own}
    seen = tuple(c for c in range(len(sizes)) if c not in hidden)
    classes = tuple(found.count for found in roles.systems)
    return HeadShape(blocks=Blocks(sizes), seen=seen, classes=classes)


def fitted(
    codes: Codes,
    sizes: Sizes,
    roles: Roles,
    *,
    strength: float,
    blind: float,
    seed: int,
) -> Outcome:
    """Learn from rows of a release how its target has to be drawn.

    Args:
        codes: rows of the release as it is (n, columns).
        sizes: number of codes of each column.
        roles: target, groups and cells.
        strength: part of the gaps that is closed, 0 to 1.
        blind: part of the remaining proxy gaps that is closed at strength 1.
        seed: of the heads.
    """
    first, second = jax.random.split(jax.random.key(seed))
    target = codes[:, [roles.target]].astype(np.int64)
    groups = np.stack([found.of(codes) for found in roles.systems], axis=1)
    expects = taught(codes, target, expecting(sizes, roles), first)
    names = taught(codes, groups, naming(sizes, roles), second)
    cell = roles.cells.of(codes)
    table = np.concatenate(
        [
            shares(groups[:, i], found.count, cell, roles.cells.count)
            for i, found in enumerate(roles.systems)
        ],
        axis=1,
    )
    sizes_of_cells = np.bincount(cell, minlength=roles.cells.count)
    table[table * sizes_of_cells[:, None] < _FEWEST_IN_CELL] = 0.0  # held to nothing
    before = judged(expects, expecting(sizes, roles), codes)[0]
    weights = group_weights(codes, sizes, roles, names, shares_of=table)
    theta = np.zeros((roles.cells.count, weights.shape[1], sizes[roles.target]))
    for c in np.unique(cell):
        rows = np.flatnonzero(cell == c)
        theta[c] = _closed(before[rows], weights[rows], strength, blind)
    return Outcome(sizes, roles, expects, names, table, theta)


def group_weights(
    codes: Codes, sizes: Sizes, roles: Roles, names: Params, *, shares_of: Floats
) -> Floats:
    """Weights of rows (n, 2 groups + 1): own group, the one that proxies name, and 1.

    ``1[s in G] / P(G | cell) - 1`` and ``P(G | x) / P(G | cell) - 1``; zero for a rest
    and for groups that a cell has too few rows of.
    """
    own = np.concatenate(
        [np.eye(found.count)[found.of(codes)] for found in roles.systems], axis=1
    )
    said = np.concatenate(judged(names, naming(sizes, roles), codes), axis=1)
    held = shares_of[roles.cells.of(codes)]
    ends = np.cumsum([found.count for found in roles.systems]) - 1
    used = (held >= _LEAST_IN_CELL) & (held <= 1.0 - _LEAST_IN_CELL)
    used[:, ends] = False  # nothing is promised for the rest
    safe = np.where(used, held, 1.0)
    parts = [np.where(used, part / safe - 1.0, 0.0) for part in (own, said)]
    return np.concatenate([*parts, np.ones((len(codes), 1))], axis=1)


def _closed(before: Floats, weights: Floats, strength: float, blind: float) -> Floats:
    """Multipliers that close the group gaps and a part of the proxy gaps left by that.

    The last weight is that of all rows, whose shares stay. Those of the proxies are
    found first, with the shares let go: held there too, closing a part of small proxy
    gaps has made releases nearly useless.
    """
    half = weights.shape[1] // 2
    own, proxies, aware = np.s_[:half], np.s_[half:-1], np.r_[:half, 2 * half]
    wanted = tilt.gaps(before, weights)
    wanted[own] *= 1.0 - strength
    theta = np.zeros_like(wanted)
    if blind * strength > 0.0:
        theta[own] = tilt.solved(before, weights[:, own], wanted[own])
        left = tilt.gaps(tilt.tilted(before, weights, theta), weights)[proxies]
        asked = np.concatenate([wanted[own], (1.0 - blind * strength) * left])
        theta[:-1] = tilt.solved(before, weights[:, :-1], asked)
        theta[own] = 0.0
    named = tilt.tilted(before, weights, theta)
    theta[aware] = tilt.solved(named, weights[:, aware], wanted[aware])
    return theta
