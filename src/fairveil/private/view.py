"""``Sensitive``: encoded real rows behind a wrapper, and the border they sit behind.

Secret: the rows and their number. The wrapper has no length, no repr of content, no
pickle and no copy; only modules of this folder call ``unwrap``. Public: the columns'
sizes, and the most rows that one unit (a person) can own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from fairveil._types import Codes
from fairveil.privacy.events import Exponential, Gaussian, NonPrivate
from fairveil.privacy.gdp import discrete_stddev, exponential_e
from fairveil.privacy.ledger import Ledger
from fairveil.privacy.noise import NoiseSource
from fairveil.privacy.zcdp import gaussian_stddev


class Sensitive:
    """Codes of real rows, (n, columns), that only the private folder may read.

    Args:
        codes: the encoded rows.
        sizes: number of codes of each column (public).
        rows_per_unit: rows that one unit owns at most (public, enforced by the caller
            through ``bounded``); every sensitivity is multiplied by it.
        units: unit of each row, shape ``(n,)``, numbered from 0 without gaps (a null is
            a unit of its own); None: each row is a unit. Secret, for sampling by unit.
    """

    __slots__ = ("_codes", "_units", "rows_per_unit", "sizes")

    def __init__(
        self,
        codes: Codes,
        *,
        sizes: tuple[int, ...],
        rows_per_unit: int = 1,
        units: np.ndarray | None = None,
    ) -> None:
        self._codes = codes
        self._units = units
        self.sizes = sizes
        self.rows_per_unit = rows_per_unit

    def unwrap(self) -> Codes:
        """The rows. Nothing computed from them may leave without noise."""
        return self._codes

    def unwrap_units(self) -> np.ndarray | None:
        """The unit of each row, as secret as the rows; None: each row is a unit."""
        return self._units

    def __repr__(self) -> str:
        return "Sensitive(<hidden>)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("sensitive rows are never written or copied")

    def __copy__(self) -> NoReturn:
        self.__reduce__()

    def __deepcopy__(self, memo: dict[int, Any]) -> NoReturn:
        self.__reduce__()


@dataclass(frozen=True, repr=False)
class Border:
    """What a mechanism needs: the rows, the budget that must allow it, the noise.

    Attributes:
        rows: the sensitive rows.
        ledger: asked before each mechanism.
        noise: source of all privacy noise.
    """

    rows: Sensitive
    ledger: Ledger
    noise: NoiseSource

    def gaussian(
        self,
        stage: str,
        what: str,
        *,
        bound: float,
        rho: float,
        count: int = 1,
        discrete: bool = False,
    ) -> float:
        """Authorise Gaussian noise before the rows are read.

        Args:
            stage, what: names in the ledger.
            bound: L2 sensitivity of the query to one row.
            rho: budget of all ``count`` queries together.
            count: adaptive queries with the same noise.
            discrete: whether the noise will be drawn on the integers.

        Returns:
            Standard deviation of the noise; 0 where the budget is infinite.

        Raises:
            BudgetError: the ledger refuses.
        """
        return authorise(
            self.ledger,
            stage,
            what,
            sensitivity=bound * self.rows.rows_per_unit,
            rho=rho,
            count=count,
            discrete=discrete,
        )

    def exponential(self, stage: str, what: str, *, bound: float, rho: float) -> float:
        """Authorise one choice; its parameter e (infinite without a budget)."""
        if not self.ledger.private:
            self.ledger.spend(NonPrivate(stage=stage, what=what))
            return math.inf
        e = exponential_e(rho)
        sensitivity = bound * self.rows.rows_per_unit
        self.ledger.spend(
            Exponential(stage=stage, what=what, sensitivity=sensitivity, e=e)
        )
        return e


def authorise(
    ledger: Ledger,
    stage: str,
    what: str,
    *,
    sensitivity: float,
    rho: float,
    count: int = 1,
    discrete: bool = False,
) -> float:
    """Ask the ledger for Gaussian noise; see ``Border.gaussian``."""
    if not ledger.private:
        ledger.spend(NonPrivate(stage=stage, what=what))
        return 0.0
    calibrate = discrete_stddev if discrete else gaussian_stddev
    stddev = calibrate(sensitivity, rho, count=count)
    event = Gaussian(
        stage=stage,
        what=what,
        sensitivity=sensitivity,
        noise_stddev=stddev,
        count=count,
        discrete=discrete,
    )
    ledger.spend(event)
    return stddev


def bounded(
    units: np.ndarray | None, n_rows: int, *, most: int, noise: NoiseSource
) -> np.ndarray:
    """Rows to keep so that each unit owns at most ``most``: a mask, shape ``(n,)``.

    Args:
        units: code of each row's unit, or None where each row is its own unit; a
            negative code is a unit of its own (a null).
        n_rows: number of rows.
        most: rows kept of each unit, at random.
        noise: source of the random choice.
    """
    if units is None:
        return np.ones(n_rows, dtype=bool)
    order = noise.permutation(n_rows)
    shuffled = units[order]
    by_unit = np.argsort(shuffled, kind="stable")
    ordered = shuffled[by_unit]
    starts = np.flatnonzero(np.r_[True, np.diff(ordered) != 0])
    rank = np.arange(n_rows) - np.repeat(starts, np.diff(np.r_[starts, n_rows]))
    keep = np.empty(n_rows, dtype=bool)
    keep[order[by_unit]] = (rank < most) | (ordered < 0)
    return keep
