"""Sensitive columns drawn apart from the rest of a row, given the cell that it is in.

Sees generated rows and released probabilities only. The law is
``P(s | cell of the legitimate columns) P(all others)``; without legitimate columns
there is one cell, and the sensitive columns say nothing of the rest. It is the trivial
baseline (``redraw``), the real side of the critic in ``independence``, and what the
marginals of such a release have to be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from fairveil._types import Codes, Floats
from fairveil.errors import ConfigError, problem
from fairveil.marginals import Clique, Sizes, cell_index, cells
from fairveil.post.groups import Ints, System, shares

_PASSES = 200  # of the proportional fit of wanted shares
_CLOSE = 1e-9
_MET = 1e-3  # of a wanted share


@dataclass(frozen=True)
class Redraw:
    """How the sensitive columns are drawn.

    Attributes:
        columns: positions of the sensitive columns.
        cells: their joint codes, shape ``(kinds, columns)``.
        probs: probability of each kind in each cell of ``given``, (cells, kinds); each
            line sums to 1.
        strength: share of rows that are redrawn.
        given: cells of the legitimate columns; one where there are none.
    """

    columns: Clique
    cells: Codes
    probs: Floats
    strength: float
    given: System

    def apply(self, codes: Codes, rng: np.random.Generator) -> Codes:
        """Rows (n, columns) with their sensitive columns redrawn, a share of them."""
        chosen, level = rng.random((len(codes), 2)).T
        found, picks = self.given.of(codes), np.zeros(len(codes), dtype=np.int64)
        for cell in np.unique(found):
            rows = np.flatnonzero(found == cell)
            below = np.cumsum(self.probs[cell])
            picks[rows] = np.searchsorted(below, level[rows] * below[-1], side="right")
        out = codes.copy()
        at = np.flatnonzero(chosen < self.strength)
        kinds = np.minimum(picks[at], len(self.cells) - 1)
        out[at[:, None], np.array(self.columns)] = self.cells[kinds]
        return out

    def law(self, rows: Codes, sizes: Sizes, columns: Clique) -> Floats:
        """Probabilities of a marginal after redrawing every one of these rows.

        Args:
            rows: rows (n, columns).
            sizes: number of codes of each column.
            columns: positions of the marginal's columns.
        """
        rest = tuple(c for c in columns if c not in self.columns)
        own = tuple(c for c in columns if c in self.columns)
        count = cells(sizes, rest)
        found = self.given.of(rows)
        flat = cell_index(rows, sizes, rest) * self.given.count + found
        others = np.bincount(flat, minlength=count * self.given.count) / len(rows)
        places = np.array([self.columns.index(c) for c in own], dtype=np.int64)
        kinds = np.zeros(len(self.cells), dtype=np.int64)
        for place, column in zip(places, own, strict=True):
            kinds = kinds * sizes[column] + self.cells[:, place]
        sensitive = np.zeros((self.given.count, cells(sizes, own)))
        np.add.at(sensitive.T, kinds, self.probs.T)
        table = others.reshape(count, self.given.count) @ sensitive
        shape = tuple(sizes[c] for c in (*rest, *own))
        order = [(*rest, *own).index(c) for c in columns]
        return table.reshape(shape).transpose(order).ravel()

    def with_shares(self, wanted: Mapping[int, Mapping[int, float]]) -> Redraw:
        """The same with the shares of some codes of some columns set.

        Proportional fitting: of all laws with these shares the one nearest to the old.
        Codes that are not named share the rest as before.

        Args:
            wanted: share by position of the column and by code.

        Raises:
            ConfigError: no row has a code whose share is to be above zero, the others
                have none to share the rest, or columns hang together so much that not
                all shares can be met.
        """
        probs = self.probs.copy()
        for _ in range(_PASSES):
            before = probs.copy()
            for column, named in wanted.items():
                at = self.cells[:, self.columns.index(column)]
                for i, line in enumerate(probs):
                    probs[i] = line * _factors(at, line, named)
            if np.abs(probs - before).max() < _CLOSE:
                break
        probs /= probs.sum(axis=1, keepdims=True)
        for column, named in wanted.items():
            at = self.cells[:, self.columns.index(column)]
            for line in probs:
                now = np.bincount(at, weights=line, minlength=max(named) + 1)
                if max(abs(now[c] - s) for c, s in named.items()) > _MET:
                    what = "no release has all these shares at once"
                    raise ConfigError(problem(what, try_="shares of one column"))
        return replace(self, probs=probs)


def _factors(at: Codes, probs: Floats, named: Mapping[int, float]) -> Floats:
    """What each kind's probability is multiplied by, to give a column its shares."""
    now = np.bincount(at, weights=probs, minlength=max(named) + 1)
    target = now.copy()
    others = np.ones(len(now), dtype=bool)
    others[list(named)] = False
    rest = 1.0 - sum(named.values())
    held = now[others].sum()
    target[others] *= max(rest, 0.0) / held if held > 0 else 0.0
    target[list(named)] = list(named.values())
    if (target[now <= 0] > 0).any() or (held <= 0 and rest > _CLOSE):
        what = "the release has no row of a group that is to have a share"
        raise ConfigError(problem(what, try_="shares of groups that it has"))
    return (target / np.maximum(now, 1e-300))[at]


def learnt(rows: Codes, columns: Clique, given: System, strength: float) -> Redraw:
    """The joint shares of the sensitive columns in each cell, as these rows have them.

    Args:
        rows: rows of the believed joint (n, columns).
        columns: positions of the sensitive columns.
        given: cells of the legitimate columns.
        strength: share of rows that are redrawn.
    """
    kinds, kind = np.unique(rows[:, columns], axis=0, return_inverse=True)
    flat: Ints = kind.reshape(-1).astype(np.int64)
    cell = given.of(rows)
    probs = shares(flat, len(kinds), cell, given.count)
    overall = np.bincount(flat, minlength=len(kinds)) / len(rows)
    probs[probs.sum(axis=1) == 0] = overall  # a cell that no row is in
    return Redraw(columns, kinds.astype(np.int32), probs, strength, given)
