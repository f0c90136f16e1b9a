"""Planted bugs in the row count, units, selection, discovery and samples."""

# ruff: noqa: ARG005  (a bug ignores what it is given)
from __future__ import annotations

import dataclasses

import detectors as by
import narwhals as nw
import numpy as np
import test_poisson_steps as sampled
from mutation_kit import Mutation, replace_in

from fairveil import chain, synthesizer
from fairveil._types import Released
from fairveil.codec import ColumnCodec
from fairveil.privacy.events import Thresholding
from fairveil.private import _cells, discover, intake, view
from fairveil.private.measure import Counter
from fairveil.schema import Schema

# Rows and units ----------------------------------------------------------------------


def known_count(honest):
    def bug(*args, **more):
        gate, _noisy = honest(*args, **more)
        return gate, Released(gate.rows.count(), ("rows/number of rows",))

    return bug


def all_rows(honest):
    return lambda units, n_rows, *, most, noise: np.ones(n_rows, dtype=bool)


def rows_charged_as_one(honest):
    """The bound is kept; the sensitivity is that of one row."""

    def bug(self, stage, what, *, bound, **more):
        return honest(self, stage, what, bound=bound / self.rows.rows_per_unit, **more)

    return bug


def forgetful_rows(honest):
    def bug(*args):
        border = honest(*args)
        border.rows.rows_per_unit = 1
        return border

    return bug


def gradients_charged_as_one(honest):
    def bug(self, stage, what, *, bound, **more):
        k = self.rows.rows_per_unit if stage == "vae" else 1
        return honest(self, stage, what, bound=bound / k, **more)

    return bug


# Selection ---------------------------------------------------------------------------


def scored_with_the_true_count(honest):
    def bug(self, candidates, predicted, *, n_hat, **more):
        true = len(self._border.rows.unwrap())
        return honest(self, candidates, predicted, n_hat=true, **more)

    return bug


def scored_for_one_row(honest):
    def bug(self, *args, **more):
        self._border.rows.rows_per_unit, k = 1, self._border.rows.rows_per_unit
        try:
            return honest(self, *args, **more)
        finally:
            self._border.rows.rows_per_unit = k

    return bug


def unpaid_choice(honest):
    return lambda self, stage, what, *, bound, rho: 0.5


# Domains -----------------------------------------------------------------------------


def facts_of_the_table(patch):
    """Rows are shown before the budget; categories and bounds are read off them."""

    def bare(table, *, private):
        del private
        return table

    def bug(wishes, table, *, declared):
        del declared
        found = Schema.infer(nw.to_native(table), declare_public=True)
        names = [n for n in found.names if n != wishes.unit]
        columns = tuple(found[name] for name in names)
        return Schema(columns=columns, declared_by="nobody")

    patch.setattr(synthesizer.entry, "shown", bare)
    patch.setattr(synthesizer, "public_facts", bug)


def true_bins(patch):
    """Bins are read off the true histogram; its noisy twin is paid for and unused."""
    true: list[np.ndarray] = []
    marginal, merge = Counter.marginal, chain.merge

    def remembered(self, columns, **more):
        true.append(self._histogram(columns))
        return marginal(self, columns, **more)

    def merged(grid, noisy, **more):
        return merge(grid, true[-1][: len(grid)], **more)

    patch.setattr(Counter, "marginal", remembered)
    patch.setattr(chain, "merge", merged)


def scaled_by_the_column(honest):
    """The codec stretches a column to its own largest value."""

    def bug(self, values):
        largest = np.nanmax(np.abs(values), initial=0.0) or 1.0
        return honest(self, values * (self.bins.highs[-1] / largest))

    return bug


def strict_labels(honest):
    def bug(self, labels):
        texts = {*map(str, self.values)}
        for label in labels:
            if label is not None and str(label) not in texts:
                raise ValueError(f"unknown value {label!r}")
        return honest(self, labels)

    return bug


# Discovery ---------------------------------------------------------------------------


def all_labels(honest):
    """Everything is shown; the event says that the rest is hidden."""

    def bug(gate, labels, noise):
        return honest(gate, labels, dataclasses.replace(noise, threshold=-np.inf))

    return bug


def truly_frequent(honest):
    """The threshold is held against the true count, the noisy one is shown."""

    def bug(gate, labels, noise):
        shown = {k: n for k, n in labels.items() if n > noise.threshold}
        return honest(gate, shown, dataclasses.replace(noise, threshold=-np.inf))

    return bug


def counted_twice(honest):
    """A number lies in its cell of the partition, and is a label too."""

    def bug(self, *, everything):
        if everything:
            return honest(self, everything=True)
        return {**self._numeric_labels(), **honest(self, everything=False)}

    return bug


def exact_missing(honest):
    def bug(gate, gap, *args, **more):
        seen = honest(gate, gap, *args, **more)
        missing = gate.rows.cells(gap.name).tags == _cells.MISSING
        seen.counts[_cells.MISSING] = missing.sum()
        return seen

    return bug


def true_ranges(honest):
    def bug(gate, *args, **more):
        released = honest(gate, *args, **more)
        columns = [
            column.model_copy(update=ends_of(gate.rows.cells(column.name).numbers))
            if column.kind == "numeric"
            else column
            for column in released.value.columns
        ]
        schema = released.value.model_copy(update={"columns": tuple(columns)})
        return Released(schema, released.paid_by)

    return bug


def ends_of(numbers):
    return {"lower": float(np.nanmin(numbers)), "upper": float(np.nanmax(numbers))}


def threshold_of_one_row(patch):
    """A unit may have k rows; noise, threshold and event are those of one."""
    stddev, least = discover.discrete_stddev, discover.threshold_of
    patch.setattr(discover, "discrete_stddev", lambda _k, rho: stddev(1, rho))
    patch.setattr(
        discover, "threshold_of", lambda delta, sd, *, rows: least(delta, sd, rows=1)
    )
    patch.setattr(
        discover,
        "Thresholding",
        lambda *, rows_per_unit, **facts: Thresholding(rows_per_unit=1, **facts),
    )


# Samples -----------------------------------------------------------------------------


def used_again(honest):
    """Each sample serves two steps."""
    held: list[np.ndarray] = []

    def bug(self):
        fresh = honest(self)
        if held:
            return held.pop()
        held.append(fresh)
        return fresh

    return bug


SAMPLING = {
    "sampling by rows": ("unit sampling by rows", "unit of privacy"),
    "batches of fixed size": ("batches of fixed size, accounted as Poisson", "P2"),
    "a shuffled loader": ("a shuffled loader, accounted as Poisson", "P2"),
    "one word for four units": ("one random word decides for four units", "P2"),
    "two thirds of the rate": ("sampling at two thirds of the rate", "waste"),
    "half more than the rate": ("sampling at one and a half of the rate", "P1"),
}


def sampling_bugs():
    """The bugs that ``test_poisson_steps`` keeps, with the checks it has for them."""
    for key, (bug, check, _rate) in sampled.PLANTED.items():
        name, pitfall = SAMPLING[key]
        yield Mutation(
            name=name,
            pitfall=pitfall,
            plant=replace_in(view.PoissonSampling, "draw", lambda _, bug=bug: bug),
            detector=by.SAMPLES[check],
        )


MUTATIONS = (
    Mutation(
        name="known row count",
        pitfall="P6",
        plant=replace_in(chain, "admit", known_count),
        detector=by.replayed_fit,
    ),
    Mutation(
        name="unit bound ignored: all rows are kept",
        pitfall="unit of privacy",
        plant=replace_in(intake, "bounded", all_rows),
        detector=by.audit_units,
    ),
    Mutation(
        name="unit bound ignored: k rows are charged as one",
        pitfall="unit of privacy",
        plant=replace_in(view.Border, "gaussian", rows_charged_as_one),
        detector=by.audit_marginal_of_units,
        also=(by.verified_fit, by.marginal_of_units, by.replayed_unit_fit),
    ),
    Mutation(
        name="re-binned rows forget how many a unit may have",
        pitfall="unit of privacy",
        plant=replace_in(chain, "recoded", forgetful_rows),
        detector=by.replayed_unit_fit,
    ),
    Mutation(
        name="gradients of k rows with the noise of one",
        pitfall="unit of privacy",
        plant=replace_in(view.Border, "gaussian", gradients_charged_as_one),
        detector=by.audit_gradients_of_units,
    ),
    Mutation(
        name="selection scored with the true row count",
        pitfall="P6",
        plant=replace_in(Counter, "select", scored_with_the_true_count),
        detector=by.selection_scores,
    ),
    Mutation(
        name="selection scaled for one row of many",
        pitfall="unit of privacy",
        plant=replace_in(Counter, "select", scored_for_one_row),
        detector=by.selection_scores,
    ),
    Mutation(
        name="a selection that nobody paid for",
        pitfall="forgotten event",
        plant=replace_in(view.Border, "exponential", unpaid_choice),
        detector=by.events_before_rows,
    ),
    Mutation(
        name="categories from the data",
        pitfall="P7",
        plant=facts_of_the_table,
        detector=by.replayed_fit,
        also=(by.replayed_discovering_fit,),
    ),
    Mutation(
        name="bins read off the true histogram",
        pitfall="P7",
        plant=true_bins,
        detector=by.replayed_fit,
    ),
    Mutation(
        name="a codec that fits a column's range to its values",
        pitfall="P7",
        plant=replace_in(ColumnCodec, "_encode_numbers", scaled_by_the_column),
        detector=by.codes_of_other_rows,
    ),
    Mutation(
        name="a value outside the schema stops the fit",
        pitfall="P7",
        plant=replace_in(ColumnCodec, "_encode_labels", strict_labels),
        detector=by.odd_cells,
    ),
    Mutation(
        name="all discovered categories are kept, whatever the threshold",
        pitfall="P7",
        plant=replace_in(discover, "_kept", all_labels),
        detector=by.lone_cells,
    ),
    Mutation(
        name="the threshold is held against true counts",
        pitfall="P7",
        plant=replace_in(discover, "_kept", truly_frequent),
        detector=by.lone_cells,
    ),
    Mutation(
        name="discovery counts one row in two cells",
        pitfall="sensitivity off by 2",
        plant=replace_in(_cells.Cells, "labels", counted_twice),
        detector=by.discovery_histogram,
    ),
    Mutation(
        name="the missing count leaves without noise",
        pitfall="forgotten noise",
        plant=replace_in(discover, "_look", exact_missing),
        detector=by.replayed_discovery,
    ),
    Mutation(
        name="ranges from the true least and largest value",
        pitfall="P7",
        plant=replace_in(discover, "discover", true_ranges),
        detector=by.replayed_discovery,
    ),
    Mutation(
        name="the threshold of one row for a unit of k",
        pitfall="unit of privacy",
        plant=threshold_of_one_row,
        detector=by.verified_discovery,
    ),
    Mutation(
        name="each sample serves two steps",
        pitfall="P2",
        plant=replace_in(view.PoissonSampling, "draw", used_again),
        detector=by.independent_samples,
    ),
    *sampling_bugs(),
)
