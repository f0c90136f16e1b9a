"""Discovery: the facts of columns that nobody declared, measured under the budget.

Secret: cells and their counts before the noise. Public: the schema that comes out,
whose facts are marked ``dp``. Each column is looked at once: one noisy histogram over
cells of a public partition and over the column's words, of which only those above a
threshold are shown. A part of the budget is kept for a second look at columns that the
first leaves open: words beside numbers (all values are counted as labels) and ranges
far from zero (their equal parts are counted).

Privacy: a row lies in one cell of a histogram, so its L2 sensitivity is the rows of a
unit, and a unit alone can add that many unknown cells at most (``Thresholding``). What
the second looks are for depends on released counts only. Sources: Korolova et al. 2009
(release of unknown cells above a threshold); Wilkins et al. 2024 (Gaussian noise).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from pydantic import ValidationError

from fairveil._column import limits_of
from fairveil._gaps import Gap, Plan
from fairveil._iso import TEMPORAL
from fairveil._types import Released
from fairveil.config import Discovery
from fairveil.errors import SchemaError, TooFewRowsError, problem
from fairveil.privacy.events import NonPrivate, Thresholding
from fairveil.privacy.gdp import discrete_stddev, threshold_of
from fairveil.private import _cells as cells
from fairveil.private._cells import Cells
from fairveil.private._facts import (
    ZOOM_PARTS,
    Reader,
    Seen,
    evidence,
    narrow,
    span,
    zoomed,
)
from fairveil.private._moments import in_text
from fairveil.private.raw import Gate
from fairveil.private.view import authorise
from fairveil.schema import Column, Schema

_STAGE = "discovery"


@dataclass(frozen=True)
class Noise:
    """Noise of one histogram, and the count above which an unknown cell is shown."""

    stddev: float
    threshold: float


def discover(
    gate: Gate,
    plan: Plan,
    *,
    n_hat: int,
    rules: Discovery,
    rho: float,
    delta: float,
) -> Released[Schema]:
    """Measure the gaps of a plan.

    Args:
        gate: the rows, admitted and counted.
        plan: what is public, and what is not.
        n_hat: the noisy row count.
        rules: constants.
        rho, delta: budget of the whole stage; what second looks would have cost is not
            spent where there are none.

    Raises:
        TooFewRowsError: the noise would hide most values; nothing of this budget has
            been spent.
        BudgetError: the ledger refuses.
        SchemaError: facts declared public contradict what was measured.
    """
    gaps = [column for column in plan.columns if isinstance(column, Gap)]
    later = rules.second_look
    budget = _Budget(gate, (1 - later) * rho, (1 - later) * delta, gaps)
    _check_size(gate, budget, gaps, n_hat=n_hat, rules=rules)
    readers = {
        gap.name: Reader(_look(gate, gap, budget), gap, n_hat, gate.count_stddev, rules)
        for gap in gaps
    }
    found = {name: reader.facts() for name, reader in readers.items()}
    found |= _second_looks(gate, readers, found, rho=later * rho, delta=later * delta)
    columns = tuple(
        _column(column, found[column.name]) if isinstance(column, Gap) else column
        for column in plan.columns
    )
    paid = tuple(e.label for e in gate.ledger.events if e.stage == _STAGE)
    return Released(Schema(columns=columns, declared_by=plan.declared_by), paid)


class _Budget:
    """Even parts of a budget for several columns."""

    def __init__(
        self, gate: Gate, rho: float, delta: float, columns: list[Gap]
    ) -> None:
        self._most = gate.rows.rows_per_unit
        self._private = gate.ledger.private
        self.rho = rho / max(len(columns), 1)
        self.delta = delta / max(sum(map(_unknown_labels, columns)), 1)

    @property
    def noise(self) -> Noise:
        """What each column's histogram would get; nothing is spent."""
        if not self._private:
            return Noise(0.0, 0.0)
        stddev = discrete_stddev(self._most, self.rho)
        return Noise(stddev, threshold_of(self.delta, stddev, rows=self._most))


def _unknown_labels(gap: Gap) -> bool:
    """Whether labels that nobody declared may have to be shown."""
    if gap.kind == "categorical":
        return "categories" not in gap.facts
    return gap.kind is None


def _check_size(
    gate: Gate, budget: _Budget, gaps: list[Gap], *, n_hat: int, rules: Discovery
) -> None:
    """Refuse a table on which the noise would hide most values."""
    noise = budget.noise
    least = noise.stddev * evidence(rules.mistakes, cells.PARTITION)
    if any(map(_unknown_labels, gaps)):
        least = max(least, noise.threshold)
    if least <= rules.most_threshold * n_hat:
        return
    ledger = gate.ledger
    raise TooFewRowsError(
        problem(
            "the table is too small to find the facts of its columns privately: at "
            f"this budget only what about {_about(least)} rows share can be seen, and "
            f"the noisy count of its rows is {n_hat}; only that count was paid for "
            f"(rho {ledger.spent_rho:.2g} of {ledger.rho_cap:.2g})",
            try_="a schema of public facts from a code book ('fairveil schema' drafts "
            "one), or a larger epsilon",
        )
    )


def _about(rows: float) -> int:
    """Two digits of a number of rows."""
    return int(float(f"{rows:.2g}"))


def _look(gate: Gate, gap: Gap, budget: _Budget, *, what: str = "facts of") -> Seen:
    """One noisy histogram of a column."""
    what = f"{what} {gap.name}"
    if _unknown_labels(gap):
        noise = _thresholding(gate, what, budget)
    else:
        noise = Noise(_gaussian(gate, what, budget), 0.0)
    counts, labels = histogram(gate.rows.cells(gap.name, gap), gap)
    noisy = np.zeros(cells.PARTITION)
    drawn = gate.noise.discrete_gaussian(counts.shape, noise.stddev)
    noisy[: len(counts)] = counts + drawn
    return Seen(noisy, _kept(gate, labels, noise), noise.stddev)


def histogram(column: Cells, gap: Gap) -> tuple[np.ndarray, dict[str, int]]:
    """The true counts that one look asks for; each row is in one of them at most.

    Args:
        column: the cells.
        gap: what is public of the column decides what is counted.

    Returns:
        Counts of the public partition (of its first cell, missing, where every value
        is a label), and of labels that nobody declared.
    """
    counts = column.public(words_missing=gap.kind not in (None, "categorical"))
    if not _unknown_labels(gap):
        return counts, {}
    if gap.kind is None:
        return counts, column.labels(everything=False)
    return counts[: cells.MISSING + 1], column.labels(everything=True)


def _kept(gate: Gate, labels: Mapping[str, int], noise: Noise) -> dict[str, float]:
    """Noisy counts of the labels above the threshold."""
    counts = np.array(list(labels.values()), dtype=np.int64)
    noisy = counts + gate.noise.discrete_gaussian(counts.shape, noise.stddev)
    pairs = zip(labels, noisy.tolist(), strict=True)
    return {label: float(n) for label, n in pairs if n > noise.threshold}


def _second_looks(
    gate: Gate,
    readers: Mapping[str, Reader],
    found: Mapping[str, dict[str, Any]],
    *,
    rho: float,
    delta: float,
) -> dict[str, dict[str, Any]]:
    """Facts of the columns that a first look leaves open, by name."""
    mixed = [r for r in readers.values() if r.mixed]
    far = [
        r.gap
        for r in readers.values()
        if not r.mixed and r.on_scale and narrow(found[r.gap.name])
    ]
    as_labels = [dataclasses.replace(r.gap, kind="categorical") for r in mixed]
    budget = _Budget(gate, rho, delta, [*as_labels, *far])
    again: dict[str, dict[str, Any]] = {}
    for gap, reader in zip(as_labels, mixed, strict=True):
        if budget.noise.threshold <= reader.rules.most_threshold * reader.n_hat:
            seen = _look(gate, gap, budget, what="labels of")
            again |= _settled(dataclasses.replace(reader, seen=seen, gap=gap), reader)
    for gap in far:
        facts = found[gap.name]
        again[gap.name] = facts | _zoom(gate, gap, facts, budget, readers[gap.name])
    return again


def _settled(labels: Reader, first: Reader) -> dict[str, dict[str, Any]]:
    """A mixed column as categories, where the labels kept hold enough of its rows."""
    present = labels.n_hat - (labels.seen.missing if labels.nullable else 0.0)
    if first.kind != "categorical" and (
        labels.seen.labelled < labels.rules.covered * present
    ):
        return {}
    return {labels.gap.name: labels.categorical()}


def _zoom(
    gate: Gate, gap: Gap, facts: Mapping[str, Any], budget: _Budget, reader: Reader
) -> dict[str, Any]:
    """A narrower range, from noisy counts of equal parts of the one found."""
    stddev = _gaussian(gate, f"range of {gap.name}", budget)
    counts = gate.rows.cells(gap.name, gap).within(*span(facts), ZOOM_PARTS)
    noisy = counts + gate.noise.discrete_gaussian(counts.shape, stddev)
    return zoomed(noisy.astype(np.float64), stddev, facts, reader.rules)


def _gaussian(gate: Gate, what: str, budget: _Budget) -> float:
    return authorise(
        gate.ledger,
        _STAGE,
        what,
        sensitivity=gate.rows.rows_per_unit,
        rho=budget.rho,
        discrete=True,
    )


def _thresholding(gate: Gate, what: str, budget: _Budget) -> Noise:
    if not gate.ledger.private:
        gate.ledger.authorize(NonPrivate(stage=_STAGE, what=what))
        return Noise(0.0, 0.0)
    noise = budget.noise
    gate.ledger.authorize(
        Thresholding(
            stage=_STAGE,
            what=what,
            noise_stddev=noise.stddev,
            threshold=noise.threshold,
            rows_per_unit=gate.rows.rows_per_unit,
        )
    )
    return noise


def _column(gap: Gap, found: Mapping[str, Any]) -> Column:
    """The column of a gap: public facts stand, the others were measured."""
    facts = {**found, **gap.facts}
    if facts["kind"] in TEMPORAL:
        facts |= in_text(facts)
    if facts["kind"] == "numeric":
        facts |= _consistent(facts)
    public = {*gap.facts, *(["kind"] if gap.kind is not None else [])}
    marks = {fact: "public" if fact in public else "dp" for fact in facts}
    try:
        return Column(name=gap.name, **facts, provenance=cast("Any", marks))
    except ValidationError:  # its own text would repeat facts
        what = "facts declared public contradict each other"
        raise SchemaError(problem(what, got=gap.name)) from None


def _consistent(facts: Mapping[str, Any]) -> dict[str, float]:
    """Bounds of which the lower is not above the upper."""
    lower, upper = facts["lower"], facts["upper"]
    limits = limits_of(str(facts.get("dtype", "")))
    if limits is not None:  # neighbours that noise has widened it by
        lower, upper = (min(max(end, limits[0]), limits[1]) for end in (lower, upper))
    return {"lower": min(lower, upper), "upper": max(lower, upper)}
