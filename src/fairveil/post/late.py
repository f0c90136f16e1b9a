"""The last steps of a release under a condition: proxies, sensitive columns, target.

Sees generated rows and released parameters only. These steps draw columns anew behind
the sweeps, so a condition on such a column is met there, not before. ``Late`` splits a
condition: ``core`` is what rows have to meet before the steps, ``chance`` how likely
the steps then make a row meet the rest, and ``apply`` takes them given that they do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from fairveil._types import Codes, Floats
from fairveil.post import tilt
from fairveil.post.apart import Redraw
from fairveil.post.loosen import Loosen
from fairveil.post.outcome import Outcome

if TYPE_CHECKING:
    from fairveil.post.sample import Sampler

Evidence = Mapping[int, Floats]


class Late:
    """The last steps of a release, within a condition.

    Args:
        sampler: the release.
        evidence: by position of a column, the probability that a value of each code
            meets the condition.

    Attributes:
        core: evidence that rows have to meet before these steps.
    """

    def __init__(self, sampler: Sampler, evidence: Evidence) -> None:
        self._loosen, self._redraw = sampler.loosen, sampler.redraw
        self._outcome, self._evidence = sampler.outcome, dict(evidence)
        own: set[int] = set()
        if self._redraw is not None:
            own = {j for j in self._redraw.columns if j in evidence}
        if self._outcome is not None:
            own |= {self._outcome.roles.target} & evidence.keys()
        self._own = tuple(sorted(own))
        self.core: dict[int, Floats] = {}
        for j, held in evidence.items():
            if j not in own:
                self.core[j] = (
                    held if self._loosen is None else _soft(self._loosen, j, held)
                )

    def chance(self, rows: Codes) -> Floats:
        """How likely the last steps make each row meet the condition, (n,)."""
        if not self._own or not len(rows):
            return np.ones(len(rows))
        if self._redraw is not None:
            stay, anew = self._of_redraw(self._redraw, rows)
            return stay + anew
        if self._outcome is not None:
            return self._of_outcome(self._outcome, rows).sum(axis=1)
        raise TypeError(self._own)

    def apply(self, rows: Codes, rng: np.random.Generator) -> Codes:
        """The rows (n, columns) after these steps, given that they meet it all."""
        if not len(rows):
            return rows
        if self._loosen is not None:
            rows = _loosened(self._loosen, rows, self._evidence, rng)
        if self._redraw is not None:
            rows = self._redrawn(self._redraw, rows, rng)
        if self._outcome is not None:
            if not self._own:
                return self._outcome.apply(rows, rng)
            out, mass = rows.copy(), self._of_outcome(self._outcome, rows)
            out[:, self._outcome.roles.target] = picked(mass, rng)
            return out
        return rows

    def _of_redraw(self, step: Redraw, rows: Codes) -> tuple[Floats, Floats]:
        """Chance of meeting the condition, as the row is and as it is drawn anew."""
        as_is = np.ones(len(rows))
        for j in self._own:
            as_is *= self._evidence[j][rows[:, j]]
        line = self._kinds(step).sum(axis=1)[step.given.of(rows)]
        return (1.0 - step.strength) * as_is, step.strength * line

    def _kinds(self, step: Redraw) -> Floats:
        """Probability of each kind in each cell, and that it meets the condition."""
        held = np.ones(len(step.cells))
        for j in self._own:
            held *= self._evidence[j][step.cells[:, step.columns.index(j)]]
        return step.probs * held

    def _redrawn(self, step: Redraw, rows: Codes, rng: np.random.Generator) -> Codes:
        stay, anew = self._of_redraw(step, rows)
        chosen = rng.random(len(rows)) * (stay + anew) >= stay
        at = np.flatnonzero(chosen)
        out = rows.copy()
        if len(at):
            mass = self._kinds(step)[step.given.of(rows[at])]
            out[at[:, None], np.array(step.columns)] = step.cells[picked(mass, rng)]
        return out

    def _of_outcome(self, step: Outcome, rows: Codes) -> Floats:
        """Probability of each class of the target that meets it, (n, classes)."""
        before, after = step.probabilities(rows)
        target = step.roles.target
        return tilt.moves(rows[:, target], before, after) * self._evidence[target]


def picked(mass: Floats, rng: np.random.Generator) -> Codes:
    """One code a row by mass (n, size); of a row without any, any code."""
    below = np.cumsum(mass, axis=1)
    level = rng.random(len(mass)) * below[:, -1]
    codes = (below <= level[:, None]).sum(axis=1)
    return np.minimum(codes, mass.shape[1] - 1).astype(np.int32)


def _soft(step: Loosen, column: int, held: Floats) -> Floats:
    """Chance that a code meets the evidence after its column may be drawn anew."""
    part, probs = step.parts[column], step.probs[column]
    return (1.0 - part) * held + part * float(probs @ held)


def _loosened(
    step: Loosen, rows: Codes, evidence: Evidence, rng: np.random.Generator
) -> Codes:
    """As ``Loosen.apply``, with named columns drawn within the evidence."""
    out = step.apply(rows, rng)
    for j, held in evidence.items():
        out[:, j] = rows[:, j]
        part, mass = step.parts[j], step.probs[j] * held
        anew = part * mass.sum()
        total = (1.0 - part) * held[rows[:, j]] + anew
        at = np.flatnonzero(rng.random(len(rows)) * total < anew)
        if len(at):
            out[at, j] = picked(np.broadcast_to(mass, (len(at), len(mass))), rng)
    return out
