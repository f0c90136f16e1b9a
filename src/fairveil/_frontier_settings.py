"""What a frontier tries: settings of a release, and the space they are taken from.

Public: settings only; no row, real or synthetic, is seen here.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import qmc

from fairveil import _check, config
from fairveil._types import Floats
from fairveil.errors import ConfigError, problem

if TYPE_CHECKING:
    from fairveil.synthesizer import FairVeil

Progress = Callable[[str, int, int], None]

PROMISES = {"redraw": "hidden", "independence": "hidden", "outcome": "parity"}
DIMENSIONS = 5  # strength, mode, clusters, networks, blind
_DECIMALS = 3  # of a strength that a search found


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One release: arguments of ``FairVeil.refine``.

    Attributes:
        mode: None, ``redraw``, ``independence`` or ``outcome``.
        strength: 0 to 1.
        clusters: components that the released ones are merged to; None: as released.
        gan: networks and their training; None: as in the fit.
        target: the target of ``outcome``; None in other modes.
        blind: of ``outcome``, see ``FairVeil``; None: its default.
        sensitive: columns that the promise is about.
        generator: ``wgan`` or ``decoder``.
        random_state: seed of all that is trained.
    """

    mode: str | None
    strength: float = 1.0
    clusters: int | None = None
    gan: config.GanTraining | None = None
    target: str | None = None
    blind: float | None = None
    sensitive: tuple[str, ...]
    generator: str = "wgan"
    random_state: int = 0

    @property
    def promise(self) -> str:
        """``hidden`` or ``parity``: the measure by which the mode is ranked."""
        return PROMISES.get(self.mode or "", "hidden")

    def refine(self, model: FairVeil, *, progress: Progress | None = None) -> FairVeil:
        """The release with these settings; costs no privacy."""
        chosen: dict[str, Any] = {
            "clusters": self.clusters,
            "gan": self.gan,
            "target": self.target,
            "blind": self.blind,
            "progress": progress,
        }
        return model.refine(
            fairness=self.mode,
            sensitive=self.sensitive,
            strength=self.strength,
            generator=self.generator,
            random_state=self.random_state,
            **{name: value for name, value in chosen.items() if value is not None},
        )


@dataclass(frozen=True, kw_only=True)
class Space:
    """All settings that a frontier may try.

    Attributes:
        base: what is the same in all of them.
        strengths, modes, clusters, gans: the choices; between the least and the
            greatest strength a search (not the grid) may take any other.
        blinds: choices for the mode ``outcome``, taken as strengths are.
        target: of the mode ``outcome``.
    """

    base: Settings
    strengths: tuple[float, ...]
    modes: tuple[str, ...]
    clusters: tuple[int | None, ...] = (None,)
    gans: tuple[config.GanTraining | None, ...] = (None,)
    blinds: tuple[float | None, ...] = (None,)
    target: str | None = None

    def __post_init__(self) -> None:
        for name in ("strengths", "modes", "clusters", "gans", "blinds"):
            given = getattr(self, name)
            if not given or len(set(given)) < len(given):
                what = f"{name} must hold at least one value, and none twice"
                raise ConfigError(problem(what, got=list(given)))
        blinds = [b for b in self.blinds if b is not None]
        for name, numbers in (("strength", self.strengths), ("blind", blinds)):
            for number in numbers:
                _check.in_range(0.0, 1.0, **{name: number})
        for mode in self.modes:
            _check.one_of(tuple(PROMISES), mode=mode)
        for count in [c for c in self.clusters if c is not None]:
            _check.whole(1, clusters=count)
        if not all(g is None or isinstance(g, config.GanTraining) for g in self.gans):
            raise ConfigError(problem("gan must hold settings of GanTraining"))

    @property
    def promises(self) -> dict[str, tuple[str, ...]]:
        """The modes of each promise, in the order in which they were named."""
        names = dict.fromkeys(PROMISES[mode] for mode in self.modes)
        return {n: tuple(m for m in self.modes if PROMISES[m] == n) for n in names}

    def grid(self) -> list[Settings]:
        """Every combination of the choices."""
        every = itertools.product(
            self.modes, self.clusters, self.gans, self.blinds, sorted(self.strengths)
        )
        found = (self._settings(s, m, c, g, b) for m, c, g, b, s in every)
        return list(dict.fromkeys(found))  # other modes know no blind

    def at(self, place: Sequence[float]) -> Settings:
        """The settings at a point of the unit cube, shape ``(DIMENSIONS,)``."""
        numbers = [b for b in self.blinds if b is not None]
        return self._settings(
            _between(self.strengths, place[0]),
            _pick(self.modes, place[1]),
            _pick(self.clusters, place[2]),
            _pick(self.gans, place[3]),
            _between(numbers, place[4]) if numbers else None,
        )

    def only(self, modes: tuple[str, ...]) -> Space:
        """The same space with these modes alone."""
        return replace(self, modes=modes)

    def _settings(
        self,
        strength: float,
        mode: str,
        clusters: int | None,
        gan: config.GanTraining | None,
        blind: float | None,
    ) -> Settings:
        parity = PROMISES[mode] == "parity"
        return replace(
            self.base,
            mode=mode,
            strength=float(strength),
            clusters=clusters,
            gan=gan,
            target=self.target if parity else None,
            blind=blind if parity else None,
        )


def sobol(count: int, seed: int) -> Floats:
    """Points of a scrambled Sobol sequence, shape ``(count, DIMENSIONS)``.

    The first so many of a power of two (Owen 1998, as in ``scipy.stats.qmc``).
    """
    power = max(0, (count - 1).bit_length())
    return qmc.Sobol(DIMENSIONS, rng=np.random.default_rng(seed)).random_base2(power)[
        :count
    ]


def _between(choices: Sequence[float], place: float) -> float:
    low, high = min(choices), max(choices)
    return round(low + float(place) * (high - low), _DECIMALS)


def _pick(choices: Sequence[Any], place: float) -> Any:
    return choices[min(int(float(place) * len(choices)), len(choices) - 1)]
