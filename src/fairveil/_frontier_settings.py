"""What a frontier tries: settings of a release, and the space they are taken from.

Public: settings only; no row, real or synthetic, is seen here.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from scipy.stats import qmc

from fairveil import _check, config
from fairveil._types import Floats
from fairveil.errors import ConfigError, problem
from fairveil.post.wish import Wish

if TYPE_CHECKING:
    from fairveil.synthesizer import FairVeil

Progress = Callable[[str, int, int], None]
# of the groups: a word, or (column, ((value, share), ...)) for each column
Shares: TypeAlias = str | tuple[tuple[str, tuple[tuple[str, float], ...]], ...]

PROMISES = {"redraw": "hidden", "independence": "hidden", "outcome": "parity"}
PEOPLE = (
    "people"  # the other promise of the modes that hide, where proxies are loosened
)
KEPT = "kept"
DIMENSIONS = 6  # strength, mode, clusters, networks, blind, proxies
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
        proxies: of the other two modes, see ``FairVeil``.
        legitimate: columns through which dependence is allowed.
        shares: of the groups, as ``frozen_shares`` gives them.
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
    proxies: float = 0.0
    legitimate: tuple[str, ...] = ()
    shares: Shares = KEPT
    sensitive: tuple[str, ...]
    generator: str = "wgan"
    random_state: int = 0

    @property
    def promise(self) -> str:
        """``hidden`` or ``parity``: the measure by which the mode is ranked."""
        return PROMISES.get(self.mode or "", "hidden")

    @property
    def trains(self) -> bool:
        """Whether the generator itself is trained for the promise."""
        return self.mode == "independence"

    @property
    def plain(self) -> Settings:
        """The release without debiasing whose generator this one would have."""
        return Settings(
            mode=None,
            clusters=self.clusters,
            gan=self.gan,
            sensitive=self.sensitive,
            generator=self.generator,
            random_state=self.random_state,
        )

    def check(self) -> None:
        """Raise for what ``refine`` would refuse.

        Raises:
            ConfigError: so it is.
        """
        self.wish.check()

    @property
    def wish(self) -> Wish:
        """What the release should be."""
        return Wish(
            fairness=self.mode,
            sensitive=self.sensitive,
            strength=self.strength,
            generator=self.generator,
            target=self.target,
            legitimate=self.legitimate,
            blind=config.BLIND if self.blind is None else self.blind,
            proxies=self.proxies,
            shares=thawed_shares(self.shares),
        )

    def refine(self, model: FairVeil, *, progress: Progress | None = None) -> FairVeil:
        """The release with these settings; costs no privacy.

        A generator is trained unless the model's own will do.
        """
        chosen = {"clusters": self.clusters, "gan": self.gan, "progress": progress}
        return self._refined(model, chosen)

    def again(self, plain: FairVeil) -> FairVeil:
        """The same release, of the one that ``self.plain`` gave: nothing is trained.

        It has the very rows that ``refine`` would give, unless ``trains``.
        """
        return self._refined(plain, {})

    def _refined(self, model: FairVeil, more: Mapping[str, Any]) -> FairVeil:
        chosen: dict[str, Any] = {
            "target": self.target,
            "blind": self.blind,
            "proxies": self.proxies or None,
            "legitimate": self.legitimate or None,
            "shares": None if self.shares == KEPT else thawed_shares(self.shares),
            **more,
        }
        return model.refine(
            fairness=self.mode,
            sensitive=self.sensitive,
            strength=self.strength,
            generator=self.generator,
            random_state=self.random_state,
            **{name: value for name, value in chosen.items() if value is not None},
        )


def frozen_shares(given: str | Mapping[str, Mapping[str, float]]) -> Shares:
    """Shares of the groups in a form that settings can be compared by.

    Raises:
        ConfigError: neither a word nor mappings of values to shares.
    """
    if isinstance(given, str):
        return given
    if not isinstance(given, Mapping) or not all(
        isinstance(wanted, Mapping) for wanted in given.values()
    ):
        raise ConfigError(
            problem(
                "shares must be a word or a mapping of columns",
                got=type(given).__name__,
                try_='"equal", or {"sex": {"Female": 0.5}}',
            )
        )
    return tuple((name, tuple(wanted.items())) for name, wanted in given.items())


def thawed_shares(shares: Shares) -> str | dict[str, dict[str, float]]:
    """The shares as ``refine`` takes them."""
    if isinstance(shares, str):
        return shares
    return {name: dict(wanted) for name, wanted in shares}


@dataclass(frozen=True, kw_only=True)
class Space:
    """All settings that a frontier may try.

    Attributes:
        base: what is the same in all of them.
        strengths, modes, clusters, gans: the choices; between the least and the
            greatest strength a search (not the grid) may take any other.
        blinds: choices for the mode ``outcome``, taken as strengths are.
        proxies: the same for the other two modes.
        target: of the mode ``outcome``.
        legitimate: of all modes.
        shares: of the modes that draw the sensitive columns apart.
    """

    base: Settings
    strengths: tuple[float, ...]
    modes: tuple[str, ...]
    clusters: tuple[int | None, ...] = (None,)
    gans: tuple[config.GanTraining | None, ...] = (None,)
    blinds: tuple[float | None, ...] = (None,)
    proxies: tuple[float, ...] = (0.0,)
    target: str | None = None
    legitimate: tuple[str, ...] = ()
    shares: Shares = KEPT

    def __post_init__(self) -> None:
        for name in ("strengths", "modes", "clusters", "gans", "blinds", "proxies"):
            given = getattr(self, name)
            if not given or len(set(given)) < len(given):
                what = f"{name} must hold at least one value, and none twice"
                raise ConfigError(problem(what, got=list(given)))
        blinds = tuple(b for b in self.blinds if b is not None)
        dials = {"strength": self.strengths, "blind": blinds, "proxies": self.proxies}
        for name, numbers in dials.items():
            for number in numbers:
                _check.in_range(0.0, 1.0, **{name: number})
        self._check_modes()
        for count in [c for c in self.clusters if c is not None]:
            _check.whole(1, clusters=count)
        if not all(g is None or isinstance(g, config.GanTraining) for g in self.gans):
            raise ConfigError(problem("gan must hold settings of GanTraining"))

    def _check_modes(self) -> None:
        for mode in self.modes:
            _check.one_of(tuple(PROMISES), mode=mode)
        if any(self.proxies) and not self.people:
            what = "proxies are loosened where the sensitive columns are drawn apart"
            asked = ", ".join(self.modes)
            raise ConfigError(
                problem(what, got=asked, try_="the mode redraw or independence, too")
            )

    @property
    def promises(self) -> dict[str, tuple[str, ...]]:
        """The modes of each promise, in the order in which they were named."""
        names = dict.fromkeys(PROMISES[mode] for mode in self.modes)
        return {n: tuple(m for m in self.modes if PROMISES[m] == n) for n in names}

    @property
    def people(self) -> bool:
        """Whether proxies are loosened, and what that is for is ranked, too."""
        return any(self.proxies) and "hidden" in self.promises

    def objectives(self, promise: str) -> int:
        """How many figures are to be low in the modes of a promise."""
        return 2 + (promise == "hidden" and self.people)

    def grid(self) -> list[Settings]:
        """Every combination of the choices."""
        every = itertools.product(
            self.modes,
            self.clusters,
            self.gans,
            self.blinds,
            self.proxies,
            sorted(self.strengths),
        )
        found = (self._settings(s, m, c, g, (b, p)) for m, c, g, b, p, s in every)
        return list(dict.fromkeys(found))  # no mode knows both blind and proxies

    def at(self, place: Sequence[float]) -> Settings:
        """The settings at a point of the unit cube, shape ``(DIMENSIONS,)``."""
        numbers = [b for b in self.blinds if b is not None]
        return self._settings(
            _between(self.strengths, place[0]),
            _pick(self.modes, place[1]),
            _pick(self.clusters, place[2]),
            _pick(self.gans, place[3]),
            (
                _between(numbers, place[4]) if numbers else None,
                _between(self.proxies, place[5]),
            ),
        )

    def only(self, modes: tuple[str, ...]) -> Space:
        """The same space with these modes alone."""
        hides = any(PROMISES[mode] == "hidden" for mode in modes)
        return replace(self, modes=modes, proxies=self.proxies if hides else (0.0,))

    def _settings(
        self,
        strength: float,
        mode: str,
        clusters: int | None,
        gan: config.GanTraining | None,
        dials: tuple[float | None, float],
    ) -> Settings:
        parity, (blind, proxies) = PROMISES[mode] == "parity", dials
        return replace(
            self.base,
            mode=mode,
            strength=float(strength),
            clusters=clusters,
            gan=gan,
            target=self.target if parity else None,
            blind=blind if parity else None,
            proxies=0.0 if parity else float(proxies),
            legitimate=self.legitimate,
            shares=KEPT if parity else self.shares,
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
