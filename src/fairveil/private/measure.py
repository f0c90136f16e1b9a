"""Noisy counts: histograms on public grids, marginals, and selection.

Secret: counts before the noise, and the cache of true histograms inside ``Counter``.
Public: noisy counts (discrete Gaussian) and the index that the selection returns.

Privacy: one row adds 1 to one cell of a histogram, so a marginal has L2 sensitivity 1
(k for a unit of k rows). Selection: the score
``||h_q(D) - n_hat p_q||_1 - sqrt(2 / pi) sigma cells_q`` changes by at most 1 when a
row comes or goes, since n_hat and the model's p_q are released; the exponential
mechanism with parameter e is priced by ``gdp.exponential_rho`` (e^2 / 8 as zCDP: Cesar
and Rogers 2021; McKenna et al. 2022, AIM).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from fairveil._types import Floats, Released
from fairveil.marginals import Clique, Marginal, histograms
from fairveil.privacy.gdp import discrete_stddev
from fairveil.private.link import Question, everywhere
from fairveil.private.view import Border


class Counter:
    """Histograms of the rows, cached; noise is added to what leaves.

    The cache is secret and lives as long as the fit.
    """

    __slots__ = ("_border", "_cache")

    def __init__(self, border: Border) -> None:
        self._border = border
        self._cache: dict[Clique, np.ndarray] = {}

    def __repr__(self) -> str:
        return "Counter(<hidden>)"

    def marginal(
        self, columns: Clique, *, rho: float, stage: str, what: str
    ) -> Released[Marginal]:
        """Release one marginal under ``rho``.

        Args:
            columns: positions of the columns.
            rho: budget of this marginal.
            stage, what: names in the ledger.
        """
        stddev = self._border.gaussian(stage, what, bound=1.0, rho=rho, discrete=True)
        true = self._histogram(columns)
        noisy = true + self._border.noise.discrete_gaussian(true.shape, stddev)
        marginal = Marginal(columns, noisy.astype(np.float64), stddev)
        return Released(marginal, (f"{stage}/{what}",))

    def select(
        self,
        candidates: Sequence[Clique],
        predicted: Mapping[Clique, Floats],
        *,
        n_hat: int,
        rho: float,
        measure_rho: Mapping[Clique, float],
        stage: str,
    ) -> Released[Clique]:
        """Choose the candidate where the model is worst, beyond the expected noise.

        Args:
            candidates: sets of columns.
            predicted: the model's probabilities of each candidate's cells (released).
            n_hat: released row count.
            rho: budget of this choice.
            measure_rho: budget of the measurement that would follow, for each.
            stage: name in the ledger.
        """
        e = self._border.exponential(stage, "selection", bound=1.0, rho=rho)
        most = self._border.rows.rows_per_unit
        expected = math.sqrt(2 / math.pi)
        self._count(candidates)
        scores = np.array(
            [
                np.abs(self._histogram(q) - n_hat * predicted[q]).sum()
                - expected * discrete_stddev(most, measure_rho[q]) * len(predicted[q])
                for q in candidates
            ]
        )
        picked = self._border.noise.exponential_mechanism(
            scores, sensitivity=float(most), e=e
        )
        return Released(candidates[picked], (f"{stage}/selection",))

    def _histogram(self, columns: Clique) -> Floats:
        self._count([columns])
        return self._cache[columns].astype(np.float64)

    def _count(self, cliques: Sequence[Clique]) -> None:
        """Count what was not counted yet, in one pass over the rows."""
        new = [q for q in cliques if q not in self._cache]
        if new:
            rows = self._border.rows
            found = everywhere(
                rows.link,
                Question("histograms", {"cliques": new}),
                lambda: histograms(rows.unwrap(), rows.sizes, new),
            )
            self._cache |= zip(new, map(_short, found), strict=True)


def _short(counts: np.ndarray) -> np.ndarray:
    """The same counts in few bytes: a wide table has thousands of histograms."""
    return counts.astype(np.min_scalar_type(int(counts.max(initial=0))))
