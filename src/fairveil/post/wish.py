"""What a release should be: the promise of fairness in settings, and their rules.

Public: settings and column names only.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from fairveil import _check
from fairveil.config import BLIND, FAIRNESS_MODES, GENERATORS, SHARES
from fairveil.errors import ConfigError, SchemaError, problem

MOST_SENSITIVE = 32  # each pair of them is looked at
_APART = ("redraw", "independence")  # modes that draw the sensitive columns apart


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the release should be.

    Attributes:
        fairness: None, ``redraw``, ``independence`` or ``outcome``.
        sensitive: names of the sensitive columns.
        strength: 0 to 1.
        generator: ``wgan`` or ``decoder``.
        target: the column that ``outcome`` is about; None in other modes.
        legitimate: names of columns through which dependence is allowed.
        blind: part of the gap of models that do not see the sensitive columns that
            ``outcome`` takes out too.
        proxies: how far columns that name a sensitive group are loosened from the
            others, 0 to 1, where the sensitive columns are drawn apart.
        shares: of the groups in the release: ``kept``, ``equal``, or wanted ones by
            column and value.
    """

    fairness: str | None
    sensitive: tuple[str, ...]
    strength: float
    generator: str
    target: str | None = None
    legitimate: tuple[str, ...] = ()
    blind: float = BLIND
    proxies: float = 0.0
    shares: str | Mapping[str, Mapping[str, float]] = field(default="kept")

    @property
    def ends_apart(self) -> bool:
        """Whether the sensitive columns of a finished row are drawn anew.

        ``independence`` ends with it at full strength, since what a critic and
        marginals reach is near independence and never it; at less, they hold the part
        that stays.
        """
        whole = self.fairness == "independence" and self.strength == 1
        return whole or self.fairness == "redraw"

    def check(self) -> None:
        """Raise for settings that are impossible or do not go together.

        Raises:
            ConfigError: so it is.
        """
        _check.one_of(FAIRNESS_MODES, fairness=self.fairness)
        _check.one_of(GENERATORS, generator=self.generator)
        _check.in_range(0.0, 1.0, strength=self.strength, blind=self.blind)
        _check.in_range(0.0, 1.0, proxies=self.proxies)
        if self.proxies and self.fairness not in _APART:
            what = "proxies are loosened where the sensitive columns are drawn apart"
            raise ConfigError(
                problem(
                    what,
                    got=self.fairness or "none",
                    try_="fairness='independence' or 'redraw'",
                )
            )
        for name in ("sensitive", "legitimate"):
            _check.names(**{name: getattr(self, name)})
            _check.distinct(**{name: getattr(self, name)})
        self._check_target()
        if self.fairness is not None and not self.sensitive:
            what = "a promise of fairness needs a sensitive column"
            raise ConfigError(
                problem(what, got=self.fairness, try_="sensitive=['sex']")
            )
        if len(self.sensitive) > MOST_SENSITIVE:
            what = f"at most {MOST_SENSITIVE} columns can be sensitive"
            raise ConfigError(
                problem(what, got=len(self.sensitive), try_="fewer of them")
            )
        both = sorted(set(self.sensitive) & set(self.legitimate))
        if both:
            what = "a column is both sensitive and legitimate"
            raise ConfigError(problem(what, got=", ".join(both), try_="one of the two"))
        if self.legitimate and self.fairness is None:
            what = "legitimate columns belong to a promise of fairness"
            raise ConfigError(
                problem(
                    what,
                    got=", ".join(self.legitimate),
                    try_="a mode and a sensitive column, or leaving them out",
                )
            )
        self._check_shares()

    def _check_target(self) -> None:
        outcome = self.fairness == "outcome"
        named = ", ".join(
            map(str, (*([self.target] * bool(self.target)), *self.sensitive))
        )
        if outcome and not (isinstance(self.target, str) and self.sensitive):
            raise ConfigError(
                problem(
                    "the mode 'outcome' needs a target and a sensitive column",
                    got=named or "neither",
                    try_="target='income', sensitive=['sex']",
                )
            )
        if self.target is not None and not outcome:
            raise ConfigError(
                problem(
                    "a target belongs to the mode 'outcome'",
                    got=self.fairness or "no mode",
                    try_="fairness='outcome', or leaving the target out",
                )
            )
        if self.target in (*self.sensitive, *self.legitimate):
            what = "the target is a sensitive or a legitimate column"
            raise ConfigError(problem(what, got=self.target, try_="another column"))

    def _check_shares(self) -> None:
        if isinstance(self.shares, Mapping):
            if not self.shares:
                raise ConfigError(problem("shares name no column", try_="'kept'"))
            for name, wanted in self.shares.items():
                _check_shares_of(name, wanted, self.sensitive)
        else:
            _check.one_of(SHARES, shares=self.shares)
        if self.shares == "kept":
            return
        if self.fairness not in _APART or self.legitimate or self.strength < 1.0:
            raise ConfigError(
                problem(
                    "shares can be set where the sensitive columns are drawn apart "
                    "from all others",
                    got=f"{self.fairness or 'no mode'} at strength {self.strength:g}",
                    try_="'redraw' or 'independence' at strength 1, without legitimate "
                    "columns",
                )
            )

    def check_columns(self, names: Collection[str]) -> None:
        """Raise where a column that is named is not among those released.

        Raises:
            SchemaError: so it is.
        """
        named = (*self.sensitive, *self.legitimate)
        for name in (*named, *(() if self.target is None else (self.target,))):
            if name not in names:
                raise SchemaError(
                    problem(
                        "the schema has no such column",
                        got=name,
                        try_="one of " + ", ".join(names),
                    )
                )


def _check_shares_of(name: Any, wanted: Any, sensitive: Collection[str]) -> None:
    """A mapping of some values of a sensitive column to shares of sum 1 at most."""
    if name not in sensitive:
        raise ConfigError(
            problem(
                "shares are of sensitive columns",
                got=name,
                try_="one of " + ", ".join(sensitive)
                if sensitive
                else "naming it as one",
            )
        )
    good = isinstance(wanted, Mapping) and bool(wanted)
    if not good or not all(isinstance(value, str) for value in wanted):
        raise ConfigError(
            problem("shares of a column must be a mapping of its values", got=name)
        )
    _check.in_range(0.0, 1.0, **{f"share of {value}": s for value, s in wanted.items()})
    if not 0.0 < sum(wanted.values()) <= 1.0 + 1e-9:
        raise ConfigError(
            problem(
                f"the shares of {name!r} must sum to 1 at most",
                got=f"{sum(wanted.values()):g}",
                try_="smaller ones",
            )
        )
