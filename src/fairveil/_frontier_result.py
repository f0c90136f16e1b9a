"""What a frontier found: every release that was tried, and those nothing beats.

Public: settings, statements, and figures of synthetic rows.
"""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from fairveil import _check, _files, _frontier_plot
from fairveil._frontier_candidate import Candidate, Fit, undominated
from fairveil._frontier_settings import PEOPLE, PROMISES
from fairveil.errors import ConfigError, TableError, problem

FORMAT, VERSION = "fairveil-frontier", 2
_WIDTH = 80
_PROMISE = (
    "Ranked by synthetic rows alone: no privacy spent. Real rows may say otherwise."
)
_SEVERAL = (
    "Each fit spent its own epsilon; whoever chooses among fits of one table has spent "
    "them all together."
)
_MARK = (
    "* marks what no other release with the same measure of 'unfair' beats: as good in "
    "loss, unfair and epsilon, and better in one. The lines above them are baselines."
)
_MARK_PEOPLE = (
    "p marks the same by 'people'; releases with loosened proxies are ranked by that "
    "alone."
)
_LOSS = (
    "'loss' is the larger of AUROC lost and 2-way TVD added, against "
    "fairness=None{of}; 0 is none."
)
_UNFAIR = {
    "hidden": (
        "'unfair' of redraw and independence is what an auditor finds of a sensitive "
        "column{beyond}: the worst |AUROC - .5| on the release's own rows; 0 is none."
    ),
    "parity": (
        "'unfair' of outcome is the worst gap between groups{within} in the share that "
        "a model of the release, with or without the sensitive columns, says yes to on "
        "rows of fairness=None, beyond the gap that chance makes; 0 is none. Groups of "
        "few rows count in no gap."
    ),
    PEOPLE: (
        "'people': how well clusters of a release sort people by sensitive columns, as"
        " a part of what those of fairness=None do; its rows stand in for real people."
    ),
}


@dataclass(frozen=True, kw_only=True)
class Frontier:
    """All releases that were tried, of one fit or several.

    Attributes:
        candidates: in the order in which they were tried.
        baselines: for each fit the release without debiasing and, where what is hidden
            is ranked, the trivial solution ``redraw``; never among the candidates'
            Pareto set.
        fits: the fitted models.
        reference: name of the fit whose release without debiasing is the yardstick.
        search: how settings were found.
        rows: synthetic rows of each sample.
        target, positive: what was predicted.
        random_state: seed of everything.
    """

    candidates: tuple[Candidate, ...]
    baselines: tuple[Candidate, ...]
    fits: tuple[Fit, ...]
    reference: str
    search: str
    rows: int
    target: str | None
    positive: Any
    random_state: int

    @property
    def legitimate(self) -> tuple[str, ...]:
        """Columns through which dependence was allowed."""
        return self.candidates[0].settings.legitimate

    @property
    def private(self) -> bool:
        """Whether every fit is private; a frontier adds nothing to what they spent."""
        return all(fit.private for fit in self.fits)

    @property
    def promises(self) -> tuple[str, ...]:
        """What is ranked: ``hidden``, ``parity``, and ``people`` with loose proxies."""
        names = dict.fromkeys(c.settings.promise for c in self.candidates)
        return tuple(name for name in (*names, PEOPLE) if self.ranked(name))

    def ranked(self, promise: str) -> tuple[Candidate, ...]:
        """The candidates that a promise ranks.

        Loosened proxies hide nothing more from an auditor of the release: where they
        were tried, those releases are ranked by ``people`` alone.
        """
        loose = any(c.settings.proxies for c in self.candidates)
        if promise == PEOPLE:
            return tuple(c for c in self.candidates if loose and c.people is not None)
        own = (c for c in self.candidates if c.settings.promise == promise)
        return tuple(c for c in own if not c.settings.proxies)

    def front(self, promise: str) -> tuple[Candidate, ...]:
        """What no other candidate that the promise ranks beats.

        In loss, the measure of the promise and epsilon: another is not better where it
        is worse in any of the three.
        """
        own = self.ranked(promise)
        if not own:
            return ()
        marks = undominated(np.array([_objectives(c, promise) for c in own]))
        return tuple(c for c, mark in zip(own, marks, strict=True) if mark)

    @cached_property
    def pareto(self) -> tuple[Candidate, ...]:
        """What is in the front of any promise; their measures do not compare."""
        kept = {id(c) for promise in self.promises for c in self.front(promise)}
        return tuple(c for c in self.candidates if id(c) in kept)

    def best(
        self,
        *,
        most_loss: float = 0.02,
        mode: str | None = None,
        promise: str | None = None,
    ) -> Candidate:
        """The fairest candidate that loses no more than this.

        Args:
            most_loss: of utility.
            mode: of this mode only; None: of any that makes the promise.
            promise: one of ``promises``; None: that of the mode, or the first.

        Raises:
            ConfigError: none loses so little, or there is none of this mode or promise.
        """
        _check.finite(most_loss=most_loss)
        if mode is not None:
            tried = dict.fromkeys(c.settings.mode for c in self.candidates)
            _check.one_of(tuple(tried), mode=mode)
        if promise is None:
            own = [p for p in self.promises if PROMISES.get(mode or "", p) == p]
            promise = own[0] if own else PEOPLE
        _check.one_of(self.promises, promise=promise)
        named = [
            c for c in self.ranked(promise) if mode is None or c.settings.mode == mode
        ]
        if not named:
            raise ConfigError(
                problem(
                    "no candidate of this mode is ranked by the promise",
                    got=mode,
                    try_="the other promise",
                )
            )
        able = [c for c in named if c.loss <= most_loss]
        if not able:
            least = math.ceil(min(c.loss for c in named) * 1000) / 1000
            raise ConfigError(
                problem(
                    "every candidate loses more than most_loss",
                    got=most_loss,
                    try_=f"{least:g}",
                )
            )
        return min(able, key=lambda c: (c.unfair(promise), c.loss, c.epsilon))

    def table(self) -> str:
        """The candidates and baselines as text; marks tell the Pareto sets."""
        columns = _columns(self)
        rows = [[name for name, _ in columns]]
        rows += [
            [show(candidate) for _, show in columns]
            for candidate in (*self.baselines, *self.candidates)
        ]
        marks = _marks(self)
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            f"{mark} {row[0]:<{widths[0]}}"
            + "".join(
                f"  {cell:>{w}}" for cell, w in zip(row[1:], widths[1:], strict=True)
            )
            for mark, row in zip(marks, rows, strict=True)
        ]
        return "\n".join((*self._head(), "", *lines, "", *self._legend()))

    def plot(self, path: str | Path) -> None:
        """Draw loss against unfairness as an SVG file, a colour for each epsilon.

        Raises:
            ConfigError: matplotlib is not installed, or another suffix.
            TableError: the file cannot be written.
        """
        _frontier_plot.check(path)
        _write(path, _frontier_plot.svg(self))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, the privacy statement of each fit among them."""
        fronts = {p: set(map(id, self.front(p))) for p in self.promises}
        return {
            "format": FORMAT,
            "version": VERSION,
            "note": _PROMISE,
            "private": self.private,
            "fits": [
                {"name": fit.name, "digest": fit.digest, "statement": fit.statement}
                for fit in self.fits
            ],
            "reference": self.reference,
            "search": self.search,
            "rows": self.rows,
            "target": self.target,
            "positive": None if self.positive is None else str(self.positive),
            "random_state": self.random_state,
            "baselines": [c.to_dict() for c in self.baselines],
            "candidates": [
                {
                    "pareto": [p for p in fronts if id(c) in fronts[p]],
                    **c.to_dict(),
                }
                for c in self.candidates
            ],
        }

    def save(self, path: str | Path) -> None:
        """Write ``to_dict`` as JSON, whole or not at all.

        Raises:
            TableError: the path cannot be written.
        """
        text = json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
        _write(path, f"{text}\n".encode())

    def __str__(self) -> str:
        return self.table()

    def _head(self) -> list[str]:
        lines = []
        if not self.private:
            bare = ", ".join(fit.name for fit in self.fits if not fit.private)
            lines.append(f"NOT PRIVATE: {bare}.")
        lines.append(_PROMISE)
        if len(self.fits) > 1:
            lines += textwrap.wrap(_SEVERAL, _WIDTH)
        return lines

    def _legend(self) -> list[str]:
        several, legitimate = len(self.fits) > 1, self.legitimate
        words = {
            "beyond": " beyond what legitimate ones tell" if legitimate else "",
            "within": " within legitimate cells" if legitimate else "",
        }
        told = [
            _MARK,
            *([_MARK_PEOPLE] if PEOPLE in self.promises else []),
            _LOSS.format(of=f" of {self.reference}" if several else ""),
            *(_UNFAIR[promise].format(**words) for promise in self.promises),
        ]
        return [line for text in told for line in textwrap.wrap(text, _WIDTH)]


def _write(path: str | Path, data: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        TableError: the path cannot be written.
    """
    try:
        _files.write_whole(path, data)
    except OSError:
        raise TableError(problem("the file cannot be written", got=str(path))) from None


def _objectives(candidate: Candidate, promise: str) -> tuple[float, float, float]:
    return candidate.loss, candidate.unfair(promise), candidate.epsilon


def _marks(found: Frontier) -> list[str]:
    """Before each line of the table: the heading, baselines, then candidates."""
    people = PEOPLE in found.promises
    sets = [set(map(id, found.front(name))) for name in found.promises]
    loose = sets.pop() if people else set()
    main = set().union(*sets)
    marks = [
        ("*" if id(c) in main else " ") + ("p" if id(c) in loose else " ")
        for c in found.candidates
    ]
    blank = [" " * (1 + people)] * (1 + len(found.baselines))
    return [*blank, *(mark if people else mark[0] for mark in marks)]


def _columns(found: Frontier) -> list[tuple[str, Callable[[Candidate], str]]]:
    """Headings and cells; a setting that is the same everywhere is left out."""
    columns: list[tuple[str, Callable[[Candidate], str]]] = [
        ("mode", lambda c: c.settings.mode or "none"),
        (
            "strength",
            lambda c: f"{c.settings.strength:.3g}" if c.settings.mode else "-",
        ),
    ]
    gans = list(dict.fromkeys(c.settings.gan for c in found.candidates))
    dials: dict[str, Callable[[Candidate], str]] = {
        "clusters": lambda c: _or_all(c.settings.clusters),
        "blind": partial(_dial, "blind"),
        "proxies": partial(_dial, "proxies"),
        "gan": lambda c: _place(gans, c.settings.gan),
    }
    columns += [pair for pair in dials.items() if _varies(found, pair[0])]
    if len(found.fits) > 1:
        columns += [
            ("fit", lambda c: c.fit.name),
            ("epsilon", lambda c: f"{c.epsilon:g}"),
        ]
    people = PEOPLE in found.promises
    figures: dict[str, tuple[bool, Callable[[Candidate], str]]] = {
        "loss": (True, lambda c: f"{c.loss:.3f}"),
        "unfair": (True, lambda c: _figure(c.unfairness)),
        PEOPLE: (people, lambda c: _figure(c.people, 2)),
        "AUROC": (found.target is not None, lambda c: _figure(c.measured.auroc)),
        "2-way TVD": (True, lambda c: f"{c.measured.distance:.3f}"),
        "misfit": (not people, lambda c: _figure(c.measured.misfit, 2)),
    }
    return columns + [(name, show) for name, (used, show) in figures.items() if used]


def _varies(found: Frontier, name: str) -> bool:
    """Whether candidates differ in a setting; clusters, from none being merged."""
    values = {getattr(c.settings, name) for c in found.candidates}
    return len(values) > 1 or (name == "clusters" and values != {None})


def _dial(name: str, candidate: Candidate) -> str:
    """A setting that not every mode knows."""
    settings = candidate.settings
    known = settings.mode is not None and (name == "blind") == (
        settings.promise == "parity"
    )
    value = getattr(settings, name)
    return f"{value:.3g}" if known and value is not None else "-"


def _or_all(clusters: int | None) -> str:
    return "all" if clusters is None else str(clusters)


def _place(choices: Sequence[Any], choice: Any) -> str:
    """The number, from 1, of the networks among those given; - of a baseline's."""
    return str(choices.index(choice) + 1) if choice in choices else "-"


def _figure(value: float | None, places: int = 3) -> str:
    unknown = value is None or math.isnan(value)
    return "-" if unknown else f"{value:.{places}f}"
