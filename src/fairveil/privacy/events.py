"""What was done to the data: frozen descriptions that a ledger can price.

Public: an event holds the parameters of a mechanism and never an answer. An event says
*what was done*; ``rho`` and ``delta`` say what it costs: it is covered by (rho, delta)
in the sense of ``gdp``, and rho-zCDP where delta is 0. Both are computed from the
parameters, never taken from a file. A kind that this module does not know is refused,
both as an object (by the ledger) and as JSON (``from_dict``).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

from fairveil import _check
from fairveil.errors import ConfigError, problem
from fairveil.privacy import gdp, poisson, zcdp


@dataclass(frozen=True, kw_only=True)
class _Described:
    """Where an event belongs: the stage of the fit, and what was released."""

    kind: ClassVar[str]
    # how closely another machine finds the same price
    tolerance: ClassVar[float] = 1e-9

    stage: str
    what: str

    def __post_init__(self) -> None:
        for name in ("stage", "what"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value:
                raise ConfigError(
                    problem(f"an event's {name} must be a non-empty text")
                )
        self._validate()

    def _validate(self) -> None:
        """Raise ConfigError where a parameter is impossible."""

    @property
    def label(self) -> str:
        """``stage/what``, as ``Released.paid_by`` and the statement name it."""
        return f"{self.stage}/{self.what}"

    def to_dict(self) -> dict[str, Any]:
        """The event as plain JSON values, infinity as the text ``inf``."""
        fields = {**dataclasses.asdict(self), "rho": self.rho, "delta": self.delta}
        return {"kind": self.kind, **{k: to_json(v) for k, v in fields.items()}}

    @property
    def rho(self) -> float:
        """Cost that adds up over events; see ``gdp``."""
        raise NotImplementedError

    @property
    def delta(self) -> float:
        """Delta that the event spends beside its rho."""
        raise NotImplementedError


class _NoDelta(_Described):
    """An event whose whole cost is its rho."""

    @property
    def delta(self) -> float:
        """Delta that the event spends beside its rho: none."""
        return 0.0


@dataclass(frozen=True, kw_only=True)
class Gaussian(_NoDelta):
    """Gaussian noise on a vector, ``count`` times with the same parameters.

    Attributes:
        sensitivity: L2 sensitivity to one unit of the released vector.
        noise_stddev: standard deviation of all noise added to each coordinate.
        count: number of adaptive compositions (gradient steps).
        discrete: whether the noise was the discrete Gaussian, which costs a little more
            (``gdp.discrete_rho``).
    """

    kind: ClassVar[str] = "gaussian"

    sensitivity: float
    noise_stddev: float
    count: int = 1
    discrete: bool = False

    def _validate(self) -> None:
        zcdp.gaussian_rho(self.sensitivity, self.noise_stddev, count=self.count)
        _check.one_of((True, False), discrete=self.discrete)

    @property
    def rho(self) -> float:
        """Cost of all compositions."""
        price = gdp.discrete_rho if self.discrete else zcdp.gaussian_rho
        return price(self.sensitivity, self.noise_stddev, count=self.count)


@dataclass(frozen=True, kw_only=True)
class PoissonGaussian(_Described):
    """Gaussian noise on sums over Poisson samples of the units, ``count`` times.

    Attributes:
        sampling_rate: chance with which each unit takes part in a sum, independently of
            the others and anew each time; all of its rows take part, or none.
        sensitivity: L2 sensitivity to one unit of a sum in which it takes part.
        noise_stddev: standard deviation of all noise added to each coordinate.
        count: number of adaptive sums.
        slack: delta that the covering Gaussian leaves uncovered, over all sums.
    """

    kind: ClassVar[str] = "poisson-gaussian"
    tolerance: ClassVar[float] = 2e-3  # rounded to few digits, see ``poisson``

    sampling_rate: float
    sensitivity: float
    noise_stddev: float
    count: int
    slack: float

    def _validate(self) -> None:
        zcdp.gaussian_rho(self.sensitivity, self.noise_stddev, count=self.count)
        _check.in_range(0.0, 1.0, sampling_rate=self.sampling_rate)
        poisson.exact_rate(self.sampling_rate)
        zcdp.open_probability(slack=self.slack)

    @property
    def rho(self) -> float:
        """Cost of all sums."""
        multiplier = self.noise_stddev / self.sensitivity
        if multiplier == 0:
            return math.inf
        return poisson.covering_rho(
            self.sampling_rate, multiplier, count=self.count, slack=self.slack
        )

    @property
    def delta(self) -> float:
        """The slack."""
        return self.slack


@dataclass(frozen=True, kw_only=True)
class Exponential(_NoDelta):
    """A choice with probability proportional to exp(e score / (2 sensitivity)).

    Attributes:
        sensitivity: most by which one unit moves any score.
        e: pure-DP parameter of one choice.
        count: number of adaptive choices.
    """

    kind: ClassVar[str] = "exponential"

    sensitivity: float
    e: float
    count: int = 1

    def _validate(self) -> None:
        _check.positive(sensitivity=self.sensitivity)
        _check.finite(sensitivity=self.sensitivity)
        zcdp.exponential_rho(self.e, count=self.count)

    @property
    def rho(self) -> float:
        """Cost of all choices."""
        return gdp.exponential_rho(self.e, count=self.count)


@dataclass(frozen=True, kw_only=True)
class Thresholding(_Described):
    """Noisy histogram over unknown cells, of which only large ones are released.

    Attributes:
        noise_stddev: standard deviation of the discrete Gaussian noise on each cell.
        threshold: a cell is released where its noisy count is above.
        rows_per_unit: rows of one unit at most; each row lies in one cell. It is the L2
            sensitivity, and the most cells that a unit can have alone.
    """

    kind: ClassVar[str] = "thresholding"

    noise_stddev: float
    threshold: float
    rows_per_unit: int = 1

    def _validate(self) -> None:
        _check.whole(1, rows_per_unit=self.rows_per_unit)
        zcdp.gaussian_rho(self.rows_per_unit, self.noise_stddev)
        _check.finite(threshold=self.threshold)

    @property
    def rho(self) -> float:
        """Cost of the histogram."""
        return gdp.discrete_rho(self.rows_per_unit, self.noise_stddev)

    @property
    def delta(self) -> float:
        """Bound on the chance that a cell which one unit has alone is released."""
        return gdp.threshold_delta(
            self.threshold, self.noise_stddev, rows=self.rows_per_unit
        )


@dataclass(frozen=True, kw_only=True)
class NonPrivate(_NoDelta):
    """Something was read without any protection: rho and epsilon are infinite."""

    kind: ClassVar[str] = "non-private"

    @property
    def rho(self) -> float:
        """Infinity."""
        return math.inf


Event: TypeAlias = Gaussian | PoissonGaussian | Exponential | Thresholding | NonPrivate

KINDS: Mapping[str, type[Event]] = {
    kind.kind: kind
    for kind in (Gaussian, PoissonGaussian, Exponential, Thresholding, NonPrivate)
}


def from_dict(data: Mapping[str, Any]) -> Event:
    """Read what an event's ``to_dict`` wrote.

    Raises:
        ConfigError: an unknown kind, a missing or unknown field, an impossible value.
    """
    if not isinstance(data, Mapping) or data.get("kind") not in tuple(KINDS):
        raise ConfigError(
            problem(
                "this is no event of a known kind", try_="one of " + ", ".join(KINDS)
            )
        )
    kind = KINDS[data["kind"]]
    known = {field.name for field in dataclasses.fields(kind)}
    body = {k: from_json(v) for k, v in data.items() if k != "kind"}
    # A text field is taken as it stands: a stage may be called "inf".
    body.update({k: data[k] for k in ("stage", "what") if k in data})
    costs = {name: body.pop(name, None) for name in ("rho", "delta")}
    try:
        event = kind(**body)
    except TypeError:
        raise ConfigError(
            problem(
                f"an event of kind {kind.kind!r} has other fields",
                try_=", ".join(sorted(known)),
            )
        ) from None
    _check_costs(event, costs)
    return event


def _check_costs(event: Event, costs: Mapping[str, Any]) -> None:
    """What a file says of the cost is what the parameters cost, if it says anything."""
    for name, said in costs.items():
        known = getattr(event, name)
        number = isinstance(said, (int, float)) and not isinstance(said, bool)
        if said is not None and not (
            number
            and math.isclose(said, known, rel_tol=event.tolerance, abs_tol=1e-300)
        ):
            raise ConfigError(
                problem(f"an event does not cost the {name} that it says")
            )


def to_json(value: Any) -> Any:
    """Infinity as the text ``inf``; anything else as it is."""
    return "inf" if isinstance(value, float) and value == math.inf else value


def from_json(value: Any) -> Any:
    """The text ``inf`` as infinity; anything else as it is."""
    return math.inf if isinstance(value, str) and value == "inf" else value
