"""Raking: log-linear weights that bring generated rows to the noisy marginals.

Sees generated rows and released marginals only. The weights are the maximum a
posteriori answer of a maximum-entropy problem: of all reweightings of the pool it takes
the one nearest to the pool that meets the noisy marginals *softly*; where the noise of
a cell is large the answer pulls less, so that noise is not fitted (DESIGN: residual
``p - q = sd^2 M theta``). They hold for rows outside the pool too: the weight of a row
is a sum over its cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fairveil._types import Codes, Floats
from fairveil.marginals import Clique, Sizes, cell_index, cells, histogram
from fairveil.post.targets import Target

_THETA_BOUND = 8.0
_LEAST_PULL = 1e-9


@dataclass(frozen=True)
class LogLinear:
    """Weights of rows: ``log w(row) = sum over marginals of theta[cell of the row]``.

    Attributes:
        sizes: number of codes of each column.
        cliques: columns of each marginal.
        thetas: one array of cells for each.
    """

    sizes: Sizes
    cliques: tuple[Clique, ...] = ()
    thetas: tuple[Floats, ...] = ()

    def log_weights(self, codes: Codes) -> Floats:
        """Log-weights of rows, shape ``(n,)``."""
        total = np.zeros(len(codes))
        for columns, theta in zip(self.cliques, self.thetas, strict=True):
            total += theta[cell_index(codes, self.sizes, columns)]
        return total


class Pool:
    """Generated rows and their weights while they are raked.

    Args:
        codes: generated rows (n, columns).
        sizes: number of codes of each column.
    """

    def __init__(self, codes: Codes, sizes: Sizes) -> None:
        self.codes = codes
        self.sizes = sizes
        self.weights: Floats = np.full(len(codes), 1.0 / len(codes))
        self._index: dict[Clique, np.ndarray] = {}
        self._theta: dict[Clique, Floats] = {}

    def probs(self, columns: Clique) -> Floats:
        """Weighted probabilities of a marginal's cells."""
        return histogram(self.codes, self.sizes, columns, self.weights)

    def rake(
        self,
        targets: Sequence[Target],
        *,
        sweeps: int,
        softness: float,
        least_stddev: float = 0.0,
    ) -> None:
        """Block coordinate steps: each sweep solves each marginal given the others.

        Args:
            targets: what the weighted pool should look like.
            sweeps: passes over all targets.
            softness: M above; larger trusts noisy cells less.
            least_stddev: noise that each cell is held to have at least.
        """
        for _ in range(sweeps):
            for target in targets:
                stddev = max(target.stddev, least_stddev)
                self._solve(target, max(stddev**2 * softness, _LEAST_PULL))

    def draw(self, n: int, rng: np.random.Generator) -> Codes:
        """N rows drawn by weight, with repetition."""
        return self.codes[rng.choice(len(self.codes), n, p=self.weights)]

    def effective_size(self) -> float:
        """Kish's effective number of rows under the weights."""
        return float(1.0 / np.sum(self.weights**2))

    def model(self) -> LogLinear:
        """The weights as a function of any row."""
        cliques = tuple(self._theta)
        return LogLinear(self.sizes, cliques, tuple(self._theta[c] for c in cliques))

    def _cells(self, columns: Clique) -> np.ndarray:
        if columns not in self._index:
            flat = cell_index(self.codes, self.sizes, columns)
            self._index[columns] = flat.astype(np.int32)
        return self._index[columns]

    def _solve(self, target: Target, pull: float) -> None:
        columns = target.columns
        at = self._cells(columns)
        count = cells(self.sizes, columns)
        now = np.bincount(at, self.weights, minlength=count).astype(np.float64)
        old = self._theta.get(columns, np.zeros(len(now)))
        new = _root(target.probs, now, old, pull)
        self._theta[columns] = new
        self.weights = self.weights * np.exp(new - old)[at]
        self.weights /= self.weights.sum()


def _root(wanted: Floats, now: Floats, old: Floats, pull: float) -> Floats:
    """Solve ``wanted - now exp(theta - old) - pull theta = 0`` cell by cell.

    The left side falls in theta, so Newton's steps, kept short, find the only root.
    """
    theta = old.copy()
    for _ in range(12):
        mass = now * np.exp(theta - old)
        step = (wanted - mass - pull * theta) / (mass + pull)
        theta = np.clip(theta + np.clip(step, -1.0, 1.0), -_THETA_BOUND, _THETA_BOUND)
    return theta
