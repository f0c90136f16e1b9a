"""What a frontier found: every release that was tried, and those nothing beats.

Public: settings, statements, and figures of synthetic rows.
"""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from fairveil import _check, _files, _frontier_plot
from fairveil._frontier_candidate import Candidate, Fit, undominated
from fairveil._frontier_settings import PROMISES
from fairveil.errors import ConfigError, TableError, problem

FORMAT, VERSION = "fairveil-frontier", 1
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
_LOSS = (
    "'loss' is the larger of AUROC lost and 2-way TVD added, against "
    "fairness=None{of}; 0 is none."
)
_UNFAIR = {
    "hidden": (
        "'unfair' of redraw and independence is what an auditor finds of a sensitive "
        "column: the worst |AUROC - .5| on the release's own rows; 0 is nothing."
    ),
    "parity": (
        "'unfair' of outcome is the worst gap between groups in the share that a model "
        "of the release says yes to, on rows of fairness=None; 0 is none. Rare "
        "groups make it noisy: it is then a little above what more rows would show."
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
    def private(self) -> bool:
        """Whether every fit is private; a frontier adds nothing to what they spent."""
        return all(fit.private for fit in self.fits)

    @cached_property
    def pareto(self) -> tuple[Candidate, ...]:
        """What no other candidate of the same promise beats.

        In loss, unfairness and epsilon: another is not better where it is worse in any
        of the three. The two promises have measures of their own, which do not
        compare, so each has its own set.
        """
        kept: set[int] = set()
        for promise in dict.fromkeys(PROMISES.values()):
            own = [
                i
                for i, c in enumerate(self.candidates)
                if c.settings.promise == promise
            ]
            if own:
                figures = [_objectives(self.candidates[i]) for i in own]
                marks = undominated(np.array(figures))
                kept |= {i for i, mark in zip(own, marks, strict=True) if mark}
        return tuple(c for i, c in enumerate(self.candidates) if i in kept)

    def best(self, *, most_loss: float = 0.02, mode: str | None = None) -> Candidate:
        """The fairest candidate that loses no more than this.

        Args:
            most_loss: of utility.
            mode: of this mode only; None: of the promise that the first candidate
                makes.

        Raises:
            ConfigError: none loses so little, or there is none of this mode.
        """
        _check.finite(most_loss=most_loss)
        promise = self.candidates[0].settings.promise
        named = [
            c
            for c in self.candidates
            if (
                c.settings.promise == promise
                if mode is None
                else c.settings.mode == mode
            )
        ]
        if not named:
            tried = tuple(dict.fromkeys(c.settings.mode for c in self.candidates))
            _check.one_of(tried, mode=mode)
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
        return min(able, key=lambda c: (c.unfairness, c.loss, c.epsilon))

    def table(self) -> str:
        """The candidates and baselines as text; ``*`` marks the Pareto set."""
        columns = _columns(self)
        rows = [[name for name, _ in columns]]
        front = set(map(id, self.pareto))
        for candidate in (*self.baselines, *self.candidates):
            cells = [show(candidate) for _, show in columns]
            rows.append(cells)
        marks = [" ", *(" " for _ in self.baselines)]
        marks += ["*" if id(c) in front else " " for c in self.candidates]
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
        front = set(map(id, self.pareto))
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
                {"pareto": id(c) in front, **c.to_dict()} for c in self.candidates
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
        several = len(self.fits) > 1
        promises = dict.fromkeys(c.settings.promise for c in self.candidates)
        told = [
            _MARK,
            _LOSS.format(of=f" of {self.reference}" if several else ""),
            *(_UNFAIR[promise] for promise in promises),
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


def _objectives(candidate: Candidate) -> tuple[float, float, float]:
    return candidate.loss, candidate.unfairness, candidate.epsilon


def _columns(found: Frontier) -> list[tuple[str, Callable[[Candidate], str]]]:
    """Headings and cells; a setting that is the same everywhere is left out."""
    columns: list[tuple[str, Callable[[Candidate], str]]] = [
        ("mode", lambda c: c.settings.mode or "none"),
        (
            "strength",
            lambda c: f"{c.settings.strength:.3g}" if c.settings.mode else "-",
        ),
    ]
    clusters = {c.settings.clusters for c in found.candidates}
    gans = list(dict.fromkeys(c.settings.gan for c in found.candidates))
    if clusters != {None}:
        columns.append(("clusters", lambda c: _or_all(c.settings.clusters)))
    if len({c.settings.blind for c in found.candidates}) > 1:
        columns.append(("blind", lambda c: _figure(c.settings.blind)))
    if len(gans) > 1:
        columns.append(("gan", lambda c: _place(gans, c.settings.gan)))
    if len(found.fits) > 1:
        columns += [
            ("fit", lambda c: c.fit.name),
            ("epsilon", lambda c: f"{c.epsilon:g}"),
        ]
    columns += [
        ("loss", lambda c: f"{c.loss:.3f}"),
        ("unfair", lambda c: _figure(c.unfairness)),
        ("AUROC", lambda c: _figure(c.measured.auroc)),
        ("2-way TVD", lambda c: f"{c.measured.distance:.3f}"),
        ("misfit", lambda c: _figure(c.measured.misfit, 2)),
    ]
    if found.target is None:
        columns = [pair for pair in columns if pair[0] != "AUROC"]
    return columns


def _or_all(clusters: int | None) -> str:
    return "all" if clusters is None else str(clusters)


def _place(choices: Sequence[Any], choice: Any) -> str:
    """The number, from 1, of the networks among those given; - of a baseline's."""
    return str(choices.index(choice) + 1) if choice in choices else "-"


def _figure(value: float | None, places: int = 3) -> str:
    unknown = value is None or math.isnan(value)
    return "-" if unknown else f"{value:.{places}f}"
