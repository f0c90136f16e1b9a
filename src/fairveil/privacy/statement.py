"""The privacy statement: what was promised, what was spent, on which assumptions.

Public: it holds parameters of mechanisms and public facts only, and may be published. A
statement that is not private says so in its first line. Epsilon and delta are printed
rounded up. A statement that contradicts itself (private with an infinite epsilon, more
spent than allowed, less stated than its events cost) cannot be built or read.

The JSON form is described by ``statement.schema.json`` beside this file and, key by
key, in docs/statement.md; ``verify`` recomputes it with a second accountant.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from importlib import resources
from pathlib import Path
from typing import Any

from fairveil import _check, _files
from fairveil.errors import ConfigError, TableError, problem
from fairveil.privacy import events as ev, gdp, zcdp

FORMAT = "fairveil-statement"
VERSION = 2
ACCOUNTANT = "gaussian-cover 1"  # its number changes when a price does

INFINITE = "epsilon is infinite"
INSECURE = "insecure_noise_seed was set"

NEIGHBOURS = "add or remove one unit"
DEFAULT_ASSUMPTIONS = (
    "central model: whoever runs the fit sees the table, and the output is protected",
    "the adversary sees neither the noise source nor timings",
    "continuous noise is float64, not hardened against attacks on its low bits",
)
# Where each layer of NIST SP 800-226 (its pyramid, from the top) is answered.
LAYERS: Mapping[str, tuple[str, ...]] = {
    "guarantee: epsilon, delta and the unit of privacy": (
        "private",
        "not_private_reason",
        "epsilon",
        "delta",
        "delta_parts",
        "epsilon_spent",
        "unit",
        "max_rows_per_unit",
        "neighbours",
    ),
    "correctness: mechanisms and their accounting": (
        "accountant",
        "rho_cap",
        "rho_spent",
        "events",
    ),
    "utility and bias": ("fairness",),
    "security: noise and side channels": ("seeded", "assumptions"),
    "trust: who sees the data, what is public": ("assumptions", "provenance"),
    "exposure: earlier fits of the same data": ("ledger",),
}

# A release makes it, and one fit may make many; each has the very same statement.
FAIRNESS: Mapping[str, Any] = {
    "promise": (
        "Each release of this fit makes its own, which its model tells; it costs no "
        "privacy."
    ),
    "costs_privacy": False,
}

_TOLERANCE = 1e-9
_MOST_EVENTS = 100_000
_MOST_SAMPLED = 16  # their prices take a second each
_DERIVED = ("accountant", "seeded", "delta_parts", "layers")


@dataclass(frozen=True, kw_only=True)
class Statement:
    """What a fit promises and what it spent.

    Attributes:
        not_private_reason: empty, or why the result is not private.
        epsilon, delta: the target of the whole fit.
        delta_reserved: part of ``delta`` for events that spend delta themselves.
        epsilon_spent: what the events cost at ``delta``, the reserved part held back.
        rho_cap, rho_spent: the same in rho (see ``gdp``).
        events: what was done, in order.
        unit: whose presence is protected: ``row`` or the name of the unit column.
        max_rows_per_unit: most rows of one unit that were used.
        neighbours: the relation between tables that the promise is about.
        assumptions: sentences the promise rests on.
        provenance: public facts by name, and who declared them (plain JSON values).
        fairness: where the fairness promise stands (plain JSON values): it costs no
            privacy and differs between releases of one fit, this statement does not.
        ledger: the ledger over fits, its name and totals after this fit; empty where
            none was kept (plain JSON values).
    """

    private: bool
    not_private_reason: str = ""
    epsilon: float
    delta: float
    epsilon_spent: float
    rho_cap: float
    rho_spent: float
    events: tuple[ev.Event, ...]
    unit: str = "row"
    max_rows_per_unit: int = 1
    neighbours: str = NEIGHBOURS
    assumptions: tuple[str, ...] = DEFAULT_ASSUMPTIONS
    provenance: Mapping[str, Any] = field(default_factory=dict)
    fairness: Mapping[str, Any] = field(default_factory=dict)
    delta_reserved: float = 0.0
    ledger: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("events", "assumptions"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for name in ("provenance", "fairness", "ledger"):
            object.__setattr__(self, name, _plain(getattr(self, name), name))
        self._check_numbers()
        self._check_length()
        self._check_story()

    def _check_numbers(self) -> None:
        _check.one_of(
            ("", INFINITE, INSECURE), not_private_reason=self.not_private_reason
        )
        _check.positive(epsilon=self.epsilon)
        zcdp.open_probability(delta=self.delta)
        _check.in_range(0.0, self.delta, delta_reserved=self.delta_reserved)
        _check.in_range(
            0.0,
            math.inf,
            epsilon_spent=self.epsilon_spent,
            rho_spent=self.rho_spent,
        )
        _check.positive(rho_cap=self.rho_cap)
        _check.whole(1, max_rows_per_unit=self.max_rows_per_unit)
        for name in ("provenance", "fairness", "ledger"):
            if not isinstance(getattr(self, name), Mapping):
                raise ConfigError(problem(f"the statement's {name} must be a mapping"))
        texts = (self.unit, *self.assumptions)
        if not all(isinstance(t, str) and t and t.isprintable() for t in texts):
            raise ConfigError(problem("unit and assumptions must be printable texts"))
        _check.one_of((NEIGHBOURS,), neighbours=self.neighbours)

    def _check_length(self) -> None:
        """A statement is priced in seconds, whoever wrote it."""
        sampled = sum(event.kind == "poisson-gaussian" for event in self.events)
        if len(self.events) > _MOST_EVENTS or sampled > _MOST_SAMPLED:
            raise ConfigError(problem("the statement has too many events"))

    def _check_story(self) -> None:
        unbounded = math.inf in (self.epsilon, self.rho_cap, self.rho_spent)
        if self.private is not (self.not_private_reason == "") or (
            unbounded and self.private
        ):
            raise ConfigError(problem("the statement contradicts itself on privacy"))
        if self.rho_spent > self.rho_cap or self.epsilon_spent > self.epsilon:
            raise ConfigError(problem("the statement spends more than its cap"))
        if self.rho_spent < self._priced():
            raise ConfigError(problem("the statement's events cost more than it says"))
        if self.private and self.rho_spent > self._priced(1.0) * (1.0 + _TOLERANCE):
            raise ConfigError(problem("the statement's events cost less than it says"))
        self._check_conversion()

    def _check_conversion(self) -> None:
        if self.epsilon == math.inf:
            return
        conversion = self.delta - self.delta_reserved
        best = gdp.rho_to_epsilon(self.rho_cap, conversion)
        spent = gdp.rho_to_epsilon(self.rho_spent, conversion)
        slack = 1.0 + _TOLERANCE
        if best > self.epsilon * slack or spent > self.epsilon_spent * slack:
            raise ConfigError(problem("the statement's rho does not fit its epsilon"))
        if self.private and self.delta_spent > self.delta_reserved:
            raise ConfigError(problem("the statement spends more than its delta"))

    def _priced(self, side: float = -1.0) -> float:
        """What the events cost at least; some prices are rounded to few digits.

        With ``side`` 1: at most.
        """
        return math.fsum(e.rho * (1.0 + side * e.tolerance) for e in self.events)

    @property
    def is_private(self) -> bool:
        """Whether the result may be called differentially private."""
        return self.private

    @property
    def seeded(self) -> bool:
        """Whether the noise can be repeated from a seed."""
        return self.not_private_reason == INSECURE

    @property
    def delta_spent(self) -> float:
        """Delta that events spent themselves, beside the conversion."""
        return math.fsum(event.delta for event in self.events)

    @property
    def delta_parts(self) -> dict[str, float]:
        """Delta by what it is for; the parts sum to ``delta``."""
        parts = {"conversion": self.delta - self.delta_reserved}
        for event in self.events:
            if event.delta:
                parts[event.kind] = parts.get(event.kind, 0.0) + event.delta
        parts["unused"] = max(0.0, self.delta_reserved - self.delta_spent)
        return parts

    def spent_by_stage(self) -> dict[str, float]:
        """Rho by stage, in the order in which the stages began."""
        return by_stage(self.events)

    def to_dict(self) -> dict[str, Any]:
        """The statement as plain JSON values, infinity as the text ``inf``."""
        body = {f.name: ev.to_json(getattr(self, f.name)) for f in fields(self)}
        body["events"] = [event.to_dict() for event in self.events]
        body["assumptions"] = list(self.assumptions)
        body.update(self._derived())
        return {"format": FORMAT, "version": VERSION, **body}

    def _derived(self) -> dict[str, Any]:
        """What follows from the fields, written for readers who have no fairveil."""
        return {
            "accountant": ACCOUNTANT,
            "seeded": self.seeded,
            "delta_parts": self.delta_parts,
            "layers": {layer: list(keys) for layer, keys in LAYERS.items()},
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Statement:
        """Read what ``to_dict`` wrote.

        Raises:
            ConfigError: another format or version, or a statement that is impossible.
        """
        if not isinstance(data, Mapping) or data.get("format") != FORMAT:
            raise ConfigError(problem("this is not a fairveil statement"))
        if data.get("version") != VERSION:
            raise ConfigError(
                problem("the statement's version is unknown", try_=f"version {VERSION}")
            )
        said = {name: data.get(name) for name in _DERIVED}
        body = {
            k: v for k, v in data.items() if k not in ("format", "version", *_DERIVED)
        }
        numbers = ("epsilon", "epsilon_spent", "rho_cap", "rho_spent")
        body.update({k: ev.from_json(body[k]) for k in numbers if k in body})
        for name in ("events", "assumptions"):
            if not isinstance(body.get(name), (list, tuple)):
                raise ConfigError(problem(f"the statement's {name} must be a list"))
        try:
            body["events"] = tuple(ev.from_dict(item) for item in body["events"])
            found = cls(**body)
        except (TypeError, AttributeError, OverflowError):  # 10**400 is no float
            what = "the statement has other fields, or fields of another kind"
            raise ConfigError(problem(what)) from None
        if said != found._derived():
            raise ConfigError(problem("the statement contradicts its own events"))
        return found

    @property
    def ledger_text(self) -> str:
        """What the ledger over fits says, in a line; empty without one."""
        if not self.ledger:
            return ""
        cap = self.ledger.get("cap")
        cap = cap if isinstance(cap, Mapping) else {}
        return (
            f"Ledger: {self.ledger.get('name')}, fit {self.ledger.get('fit')}; all its "
            f"fits together: epsilon = {_shown(self.ledger.get('epsilon_of_all_fits'))}"
            f" of at most {_shown(cap.get('epsilon'))} at delta = "
            f"{_shown(cap.get('delta'))}."
        )

    def save(self, path: str | Path) -> None:
        """Write the statement as JSON.

        Raises:
            TableError: the path cannot be written.
        """
        text = json.dumps(self.to_dict(), indent=1, ensure_ascii=False) + "\n"
        try:
            _files.write_whole(path, text.encode("utf-8"))
        except OSError:
            raise TableError(
                problem("the statement cannot be written", got=str(path))
            ) from None

    def __str__(self) -> str:
        return "\n".join((*self._head(), "", *self._table(), "", *self._foot()))

    def _head(self) -> list[str]:
        target = f"epsilon = {_up(self.epsilon)}, delta = {_up(self.delta)}"
        spent = f"epsilon = {_up(self.epsilon_spent)} at this delta"
        first = (
            f"Differentially private: {target}."
            if self.private
            else f"NOT PRIVATE: {self.not_private_reason}"
        )
        lines = [first]
        if not self.private:
            lines.append(f"Target: {target} (not reached).")
        rows = "row" if self.max_rows_per_unit == 1 else "rows"
        unit = f"{self.unit}, at most {self.max_rows_per_unit} {rows} each"
        return [
            *lines,
            f"Spent:  {spent}; rho = {_up(self.rho_spent)} of {_up(self.rho_cap)}.",
            f"Unit:   {unit}; neighbours: {self.neighbours}.",
        ]

    def _table(self) -> list[str]:
        stages = self.spent_by_stage()
        width = max([len("stage"), *map(len, stages)])
        lines = [f"{'stage':<{width}}  {'rho':>10}  {'of cap':>8}"]
        for stage, rho in stages.items():
            lines.append(
                f"{stage:<{width}}  {_up(rho):>10}  {_percent(rho, self.rho_cap):>8}"
            )
        return lines

    def _foot(self) -> list[str]:
        lines = [f"Assumes: {sentence}." for sentence in self.assumptions]
        lines += [self.ledger_text] if self.ledger else []
        lines += [f"Public:  {key}: {value}" for key, value in self.provenance.items()]
        lines += [f"Fair:    {key}: {value}" for key, value in self.fairness.items()]
        return lines


def json_schema() -> dict[str, Any]:
    """The published JSON Schema of the JSON form."""
    place = resources.files("fairveil.privacy") / "statement.schema.json"
    return json.loads(place.read_text(encoding="utf-8"))


def by_stage(events: tuple[ev.Event, ...]) -> dict[str, float]:
    """Rho by stage, in the order in which the stages began."""
    stages = dict.fromkeys(event.stage for event in events)
    return {
        stage: math.fsum(event.rho for event in events if event.stage == stage)
        for stage in stages
    }


def _up(value: float) -> str:
    return f"{zcdp.round_up(value):.4g}"


def _shown(value: Any) -> str:
    """A number of a statement that may come from anywhere."""
    return _up(value) if isinstance(value, float) and value >= 0 else str(value)


def _percent(part: float, whole: float) -> str:
    if not math.isfinite(part) or not math.isfinite(whole):
        return "-"
    return f"{zcdp.round_up(100.0 * part / whole, 3):.3g} %"


def _plain(value: Any, name: str) -> Any:
    # Plain JSON values only, so that a round trip gives back the same statement.
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: _plain(item, name) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, name) for item in value]
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float) and value == value and value != -math.inf:  # noqa: PLR0124  (no NaN)
        return ev.to_json(float(value))
    raise ConfigError(problem(f"{name} must hold plain JSON values"))
