"""Log-linear weights that bring generated rows to the noisy marginals.

Sees generated rows and released marginals only. The rows are not only reweighted: they
are redrawn column by column under the weights (``post.gibbs``), so that heavy weights
leave no repeated rows and the weights need not be carried by a few. The weights are the
maximum a posteriori answer of a maximum-entropy problem: of all reweightings of the
pool it takes the one nearest to the pool that meets the noisy marginals *softly*; where
the noise of a cell is large the answer pulls less, so that noise is not fitted (DESIGN:
residual ``p - q = sd^2 M theta``). They hold for rows outside the pool too: the weight
of a row is a sum over its cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fairveil._types import Codes, Floats
from fairveil.errors import ConfigError, problem
from fairveil.marginals import Clique, Sizes, cell_index, cells, histogram
from fairveil.post.gibbs import Base, Sweeper
from fairveil.post.targets import Target

_THETA_BOUND = 10.0
_LEAST_PULL = 1e-9
_UNSEEN = 0.5  # rows that a cell is held to have beside those in the pool
_INERTIA = 200.0  # rows in a cell at which half of a gap is closed before new rows
_LONGEST_STEP = 1.5  # of a weight in one pass: the pool says little about more
_EFFECTIVE = 0.3  # part of the rows that has to carry the weights
_LEAST_PART = 0.02
_TINY = 1e-300


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

    def sweeper(self) -> Sweeper:
        """Gibbs sweeps under these weights."""
        return Sweeper(self.sizes, self.cliques, self.thetas)


class Pool:
    """Generated rows and their weights while they are fitted.

    Args:
        codes: generated rows (n, columns).
        sizes: number of codes of each column.
        base: log-probabilities under which the rows were drawn, column by column;
            None: the rows can be reweighted, not redrawn.
    """

    def __init__(self, codes: Codes, sizes: Sizes, base: Base | None = None) -> None:
        self.sizes = sizes
        self._start, self._start_base = codes, base
        self._base = base
        self._theta: dict[Clique, Floats] = {}
        self._hold(codes)

    def _hold(self, codes: Codes) -> None:
        self.codes = codes
        self.weights: Floats = np.full(len(codes), 1.0 / len(codes))
        self._settled = dict(self._theta)  # the weights under which rows were drawn
        self._index: dict[Clique, np.ndarray] = {}

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

    def refresh(self, rng: np.random.Generator) -> None:
        """Resample the rows by weight, then sweep once: the weights are even again."""
        base = self._known_base()
        self.temper()
        picked = self._picked(rng)
        self._base = [b if len(b) == 1 else b[picked] for b in base]
        codes = np.asfortranarray(self.codes[picked])
        self.model().sweeper().sweep(codes, self._base, rng)
        self._hold(codes)

    def restart(self, sweeps: int, rng: np.random.Generator) -> None:
        """The rows as they came, swept under the weights so far.

        What ``Sampler`` will do with fresh rows; so the weights are fitted to what
        some sweeps give, not to what endlessly many would.
        """
        self._known_base()
        self.temper()
        self._base = self._start_base
        codes = np.asfortranarray(self._start)
        if self._theta:
            codes = codes.copy(order="F")
            sweeper = self.model().sweeper()
            for _ in range(sweeps):
                sweeper.sweep(codes, self._known_base(), rng)
        self._hold(codes)

    def resampled(self, rng: np.random.Generator) -> Codes:
        """As many rows as in the pool, drawn by weight; few repeat where it is even."""
        return self.codes[self._picked(rng)]

    def _picked(self, rng: np.random.Generator) -> np.ndarray:
        """Systematic draws by weight: of all draws those of the least variance."""
        n = len(self.codes)
        spread = (rng.random() + np.arange(n)) / n
        return np.minimum(np.searchsorted(np.cumsum(self.weights), spread), n - 1)

    def temper(self) -> None:
        """Take back a part of the last steps where few rows would carry the weights.

        Weights that few rows carry fit those rows' own noise, and the next rows swing
        back too far: without this, marginals with little noise make the fit diverge.
        """
        log = np.log(np.maximum(self.weights, _TINY))
        part = 1.0
        while part > _LEAST_PART and _effective(log * part) < _EFFECTIVE * len(log):
            part *= 0.7
        if part < 1.0:
            for columns, theta in self._theta.items():
                before = self._settled.get(columns, 0.0)
                self._theta[columns] = before + part * (theta - before)
            self.weights = np.exp(part * (log - log.max()))
            self.weights /= self.weights.sum()

    def _known_base(self) -> Base:
        if self._base is None:
            raise ConfigError(problem("these rows came without their base"))
        return self._base

    def effective_size(self) -> float:
        """Kish's effective number of rows under the weights."""
        return float(1.0 / np.sum(self.weights**2))

    def model(self) -> LogLinear:
        """The weights as a function of any row."""
        return LogLinear(self.sizes, tuple(self._theta), tuple(self._theta.values()))

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
        settled = self._settled.get(columns, np.zeros(len(now)))
        new = _root(
            target.probs,
            now + _UNSEEN / len(self.codes),
            old,
            settled,
            pull=pull,
            inertia=_INERTIA / len(self.codes),
        )
        self._theta[columns] = new
        self.weights = self.weights * np.exp(new - old)[at]
        self.weights /= self.weights.sum()


def _root(
    wanted: Floats,
    now: Floats,
    old: Floats,
    settled: Floats,
    *,
    pull: float,
    inertia: float,
) -> Floats:
    """Solve ``wanted - now e^(theta - old) = pull theta + inertia (theta - settled)``.

    Cell by cell: the left side falls in theta and the right side grows, so Newton's
    steps, kept short, find the only root.
    """
    low = np.maximum(old - _LONGEST_STEP, -_THETA_BOUND)
    high = np.minimum(old + _LONGEST_STEP, _THETA_BOUND)
    theta = old.copy()
    for _ in range(12):
        mass = now * np.exp(theta - old)
        gap = wanted - mass - pull * theta - inertia * (theta - settled)
        step = gap / (mass + pull + inertia)
        theta = np.clip(theta + np.clip(step, -1.0, 1.0), low, high)
    return theta


def _effective(log_weights: Floats) -> float:
    """Kish's effective number of rows, from log-weights."""
    weights = np.exp(log_weights - log_weights.max())
    return float(weights.sum() ** 2 / (weights**2).sum())
