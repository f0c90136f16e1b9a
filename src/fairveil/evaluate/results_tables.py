"""What the comparisons of whole tables return: columns, sets of columns, neighbours.

Secret: every figure was computed from real rows without noise; labelled so, like all of
``results``. Labels of cells are values of the tables.
"""

from __future__ import annotations

from dataclasses import dataclass

from fairveil.evaluate.results import Interval, Result

CATEGORIES, NUMBERS = "categories", "numbers"


@dataclass(frozen=True)
class ColumnShares(Result):
    """The share of the rows in each cell of one column, in both tables.

    Attributes:
        column: its name.
        kind: ``categories``, or ``numbers``: cells of equal width.
        labels: of the cells, rarest last; empty for numbers.
        edges: ends of the cells of numbers, one more than cells; empty for categories.
            What lies outside counts in the end cells.
        real, synthetic: share of the known values in each cell; they sum to 1, or to 0
            where a table knows no value.
        missing_real, missing_synthetic: share of the rows without a value.
        n_real, n_synthetic: rows of each table.
        notes: what was joined.
    """

    column: str
    kind: str
    labels: tuple[str, ...]
    edges: tuple[float, ...]
    real: tuple[float, ...]
    synthetic: tuple[float, ...]
    missing_real: float
    missing_synthetic: float
    n_real: int
    n_synthetic: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class SetError(Result):
    """Distance of one set of columns.

    Attributes:
        columns: of the set.
        error: total variation distance between the tables.
        noise: what it would be, on average, if both tables were of one law.
        noise_high: the largest of the permutations behind ``noise``.
    """

    columns: tuple[str, ...]
    error: float
    noise: float
    noise_high: float

    @property
    def beyond(self) -> float:
        """The error above the mean of chance; not below zero."""
        return max(0.0, self.error - self.noise)


@dataclass(frozen=True)
class MarginalErrors(Result):
    """Distances of sets of as many columns.

    Attributes:
        ways: columns of a set.
        mean: mean distance over the sets.
        interval: 95 % bootstrap interval around that; not below zero.
        noise, noise_high: mean over the sets if both tables were of one law: on
            average, and the largest of the permutations.
        sets: each set measured, in the order of the columns.
        possible: sets there are; more than ``sets`` where some were drawn at random.
        n_real, n_synthetic: rows.
    """

    ways: int
    mean: float
    interval: Interval
    noise: float
    noise_high: float
    sets: tuple[SetError, ...]
    possible: int
    n_real: int
    n_synthetic: int

    @property
    def worst(self) -> tuple[SetError, ...]:
        """The sets, the furthest beyond chance first."""
        return tuple(sorted(self.sets, key=lambda one: -one.beyond))


@dataclass(frozen=True)
class Associations(Result):
    """How much pairs of columns go together, in both tables.

    Attributes:
        columns: their names, in order.
        real, synthetic: (columns, columns) Cramer's V without its bias, 0 to 1; NaN
            where a column has one value.
        n_real, n_synthetic: rows.
        notes: columns left out.
    """

    columns: tuple[str, ...]
    real: tuple[tuple[float, ...], ...]
    synthetic: tuple[tuple[float, ...], ...]
    n_real: int
    n_synthetic: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class NearestRows(Result):
    """Whether released rows lie nearer to rows the fit saw than to others.

    Attributes:
        nearer: share of released rows whose nearest row is one that the fit saw, ties
            counting half; .5 where it makes no difference.
        interval: around that, what 95 % of all draws of the seen rows would span if the
            release were the same whichever rows the fit saw.
        seen_median, unseen_median: median distance to the nearest row.
        seen_close, unseen_close: the 5 % quantile of these distances.
        n_released: released rows measured.
        n_seen, n_unseen: real rows of each side; equal.
        notes: what was left out.
    """

    nearer: float
    interval: Interval
    seen_median: float
    unseen_median: float
    seen_close: float
    unseen_close: float
    n_released: int
    n_seen: int
    n_unseen: int
    notes: tuple[str, ...] = ()
