"""``Sensitive``: encoded real rows behind a wrapper, and the border they sit behind.

Secret: the rows and their number. The wrapper has no length, no repr of content, no
pickle and no copy; only modules of this folder call ``unwrap``. Public: the columns'
sizes, and the most rows that one unit (a person) can own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import numpy as np

from fairveil._types import Codes
from fairveil.errors import BudgetError, ConfigError, problem
from fairveil.privacy import poisson
from fairveil.privacy.events import Exponential, Gaussian, NonPrivate, PoissonGaussian
from fairveil.privacy.gdp import discrete_stddev, exponential_e
from fairveil.privacy.ledger import Ledger
from fairveil.privacy.noise import NoiseSource
from fairveil.privacy.zcdp import gaussian_stddev
from fairveil.private.link import Link

_PIECE = 1 << 20  # units drawn at a time; bounds memory, changes no chance


class Sensitive:
    """Codes of real rows, (n, columns), that only the private folder may read.

    Args:
        codes: the encoded rows.
        sizes: number of codes of each column (public).
        rows_per_unit: rows that one unit owns at most (public, enforced by the caller
            through ``bounded``); every sensitivity is multiplied by it.
        units: unit of each row, shape ``(n,)``, numbered from 0 without gaps (a null is
            a unit of its own); None: each row is a unit. Secret, for sampling by unit.
        link: to other processes that hold more rows; None: these are all.
    """

    __slots__ = ("_codes", "_units", "link", "rows_per_unit", "sizes")

    def __init__(
        self,
        codes: Codes,
        *,
        sizes: tuple[int, ...],
        rows_per_unit: int = 1,
        units: np.ndarray | None = None,
        link: Link | None = None,
    ) -> None:
        self.link: Link | None = link
        self._codes = codes
        self._units = units
        self.sizes: tuple[int, ...] = sizes
        self.rows_per_unit: int = rows_per_unit

    def unwrap(self) -> Codes:
        """The rows. Nothing computed from them may leave without noise."""
        return self._codes

    def unwrap_units(self) -> np.ndarray | None:
        """The unit of each row, as secret as the rows; None: each row is a unit."""
        return self._units

    @property
    def has_units(self) -> bool:
        """Whether rows say whose they are: public, for a unit column is declared."""
        return self._units is not None

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

    def poisson(
        self,
        stage: str,
        what: str,
        *,
        bound: float,
        rho: float,
        count: int,
        sampling_rate: float,
        slack: float,
    ) -> PoissonSampling:
        """Authorise noisy sums over Poisson samples, before the rows are read.

        Args:
            stage, what: names in the ledger.
            bound: L2 sensitivity of a sum to one row in it.
            rho: budget of all ``count`` sums together.
            count: adaptive sums, each over a fresh sample.
            sampling_rate: chance of each unit to take part, in (0, 1]; used as the next
                multiple of 2^-64 below.
            slack: delta of all sums together, taken from what the ledger keeps.

        Returns:
            What ``step.noisy_sum`` asks for samples; without a budget its noise is 0.

        Raises:
            BudgetError: the ledger refuses.
            ConfigError: a unit may own several rows and nothing says which.
        """
        if self.rows.rows_per_unit > 1 and not self.rows.has_units:
            raise ConfigError(problem("rows are sampled by unit; no units are known"))
        event = PoissonGaussian(
            stage=stage,
            what=what,
            sampling_rate=poisson.exact_rate(sampling_rate),
            sensitivity=bound * self.rows.rows_per_unit,
            noise_stddev=0.0,
            count=count,
            slack=slack,
        )
        if self.ledger.private:
            event = _with_noise(event, rho)
        return PoissonSampling(self, event)

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


@dataclass(frozen=True, repr=False, eq=False)
class PoissonSampling:
    """Fresh Poisson samples of the units, as many as were paid for.

    Making one is what spends its event: what is sampled, what noise goes with it and
    what the ledger holds are one object. There is no order of the rows, no batch size
    and no way to put back a sample, so a shuffled loader cannot be made of it. How many
    units or rows were drawn is as secret as the rows.

    Attributes:
        border: rows and noise; the ledger that was asked.
        event: what was paid for; without a budget the ledger has a ``NonPrivate`` one.
    """

    border: Border
    event: PoissonGaussian
    _left: Iterator[int] = field(init=False)

    def __post_init__(self) -> None:
        """Spend the event, or raise BudgetError."""
        event, ledger = self.event, self.border.ledger
        free = NonPrivate(stage=event.stage, what=event.what)
        ledger.spend(event if ledger.private else free)
        object.__setattr__(self, "_left", iter(range(event.count)))

    def draw(self) -> np.ndarray:
        """Positions of the rows of a fresh sample, in increasing order; secret.

        Raises:
            BudgetError: all samples of the event were drawn.
        """
        if next(self._left, None) is None:
            raise BudgetError(
                problem(f"{self.event.label} paid for {self.event.count} samples only")
            )
        rows, units = self.border.rows, self.border.rows.unwrap_units()
        n_units = len(rows.unwrap()) if units is None else units.max(initial=-1) + 1
        taken = _bernoulli(self.border.noise, int(n_units), self.event.sampling_rate)
        return np.flatnonzero(taken if units is None else taken[units])


def _with_noise(event: PoissonGaussian, rho: float) -> PoissonGaussian:
    """The event with the least noise that keeps it within ``rho``."""
    multiplier = poisson.calibrate(
        event.sampling_rate, count=event.count, rho=rho, slack=event.slack
    )
    noisy = replace(event, noise_stddev=event.sensitivity * multiplier)
    while noisy.rho > rho:  # the product was rounded
        noisy = replace(noisy, noise_stddev=noisy.noise_stddev * (1.0 + 1e-6))
    return noisy


def coins(noise: NoiseSource, size: int, rate: float) -> np.ndarray:
    """A mask, shape ``(size,)``: who takes part in a sample of this rate."""
    return _bernoulli(noise, size, rate)


def _bernoulli(noise: NoiseSource, size: int, rate: float) -> np.ndarray:
    """A mask, shape ``(size,)``: each True with chance ``rate``, a multiple of 2^-64.

    Exact: 16 bits decide, and where they tie with those of the rate, 48 more.
    """
    out = np.ones(size, dtype=bool)
    if rate == 1:
        return out
    high, low = divmod(int(rate * 2.0**64), 1 << 48)
    for start in range(0, size, _PIECE):
        piece = out[start : start + _PIECE]
        words = noise.uint64(-(-piece.size // 4)).view(np.uint16)[: piece.size]
        np.less(words, np.uint16(high), out=piece)
        ties = np.flatnonzero(words == np.uint16(high))
        piece[ties] = noise.uint64(ties.size) >> np.uint64(16) < np.uint64(low)
    return out


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
