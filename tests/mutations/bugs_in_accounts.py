"""Planted bugs in prices, sums, statements, order and ledger files."""

# ruff: noqa: ARG005  (a bug ignores what it is given)
from __future__ import annotations

import math
from collections import deque

import detectors as by
from mutation_kit import Mutation, replace_in

from fairveil.privacy import (
    _book_history as told,
    _book_totals as sums,
    gdp,
    poisson,
    statement as statement_module,
    zcdp,
)
from fairveil.privacy.events import Thresholding
from fairveil.privacy.ledger import Ledger
from fairveil.private import cluster, view
from fairveil.synthesizer import FairVeil

# Prices ------------------------------------------------------------------------------


def shortcut(honest):
    def bug(sampling_rate, noise_multiplier, *, count, slack):
        if noise_multiplier == 0:
            return math.inf
        return count * sampling_rate**2 / (2 * noise_multiplier**2)

    return bug


def plain_variance(patch):
    """The price of zCDP for noise on the integers, under the curve of the Gaussian."""
    patch.setattr(gdp, "discrete_rho", zcdp.gaussian_rho)
    patch.setattr(gdp, "discrete_stddev", zcdp.gaussian_stddev)


def squared_over_eight(patch):
    """The price of zCDP for choices, under the curve of the Gaussian."""
    patch.setattr(gdp, "exponential_rho", zcdp.exponential_rho)
    patch.setattr(view, "exponential_e", zcdp.exponential_e)


def optimistic(honest):
    """What holds at twice an epsilon is said to hold at it."""
    return lambda mu, epsilon: honest(mu, 2 * epsilon)


def free_thresholds(patch):
    """The whole delta serves the conversion, and thresholds cost none of it."""
    honest = Ledger.__init__

    def bug(self, *, reserved_delta=0.0, **more):
        honest(self, **more)

    patch.setattr(Ledger, "__init__", bug)
    patch.setattr(Thresholding, "delta", 0.0)


# Sums --------------------------------------------------------------------------------


def cap_for_each(honest):
    def bug(self, event):
        self._events, kept = [], self._events
        honest(self, event)
        self._events = kept

    return bug


def equal_events_once(patch):
    """Events are held in a set: two equal rounds count as one."""

    def spent(self):
        return math.fsum(event.rho for event in set(self._events))

    patch.setattr(Ledger, "spent_rho", property(spent))


def shares_twice(honest):
    return lambda self, fraction: 2 * honest(self, fraction)


# Statements --------------------------------------------------------------------------


def printed_down(honest):
    def bug(value):
        text = honest(value)
        return f"{value:.3g}" if math.isfinite(value) else text

    return bug


def spent_down(honest):
    def bug(self):
        return math.floor(100 * honest(self)) / 100

    return bug


# Order -------------------------------------------------------------------------------


def eager(honest):
    """The mechanism looks at its rows, and then asks."""

    def bug(self, *args, **more):
        self.rows.unwrap()
        return honest(self, *args, **more)

    return bug


def opened_again(honest):
    """A last look at the rows, for a diagnostic that nobody pays for."""

    def bug(border, **more):
        released = honest(border, **more)
        border.rows.unwrap()
        return released

    return bug


def late_journal(honest):
    """An event reaches the journal when the next one is asked for."""
    waiting: deque[object] = deque()

    def bug(self, event):
        journal, self._journal = self._journal, None
        honest(self, event)
        self._journal = journal
        if journal is not None:
            while waiting:
                journal.record(waiting.popleft())
            waiting.append(event)

    return bug


def sized_by_the_table(honest):
    """The table's length chooses a setting before the budget is reserved."""

    def bug(self, table, y=None, **more):
        len(table)
        return honest(self, table, y, **more)

    return bug


def unchecked(honest):
    return lambda self, event: None


# Ledger files ------------------------------------------------------------------------


def no_cap(honest):
    return lambda history, reserved, target_delta: None


def free_death(honest):
    def charge(self):
        if self.status == "abandoned":
            return told.Charge(0.0, 0.0)
        return honest.fget(self)

    return property(charge)


MUTATIONS = (
    Mutation(
        name="q^2 / (2 sigma^2) as the price of sampled steps",
        pitfall="P1",
        plant=replace_in(poisson, "covering_rho", shortcut),
        detector=by.verified_samples,
    ),
    Mutation(
        name="discrete noise at the continuous price, under the exact curve",
        pitfall="too low a price",
        plant=plain_variance,
        detector=by.verified_counts,
    ),
    Mutation(
        name="choices at e^2 / 8, under the exact curve",
        pitfall="too low a price",
        plant=squared_over_eight,
        detector=by.verified_choices,
    ),
    Mutation(
        name="an optimistic conversion to epsilon",
        pitfall="too low a price",
        plant=replace_in(gdp, "_curve", optimistic),
        detector=by.verified_ledger,
    ),
    Mutation(
        name="thresholds whose delta is not charged",
        pitfall="too low a price",
        plant=free_thresholds,
        detector=by.verified_ledger,
    ),
    Mutation(
        name="the cap is held against each event alone",
        pitfall="a share spent twice",
        plant=replace_in(Ledger, "_check_rho", cap_for_each),
        detector=by.full_ledger,
    ),
    Mutation(
        name="no cap at all",
        pitfall="a share spent twice",
        plant=replace_in(Ledger, "_check_rho", unchecked),
        detector=by.overspending,
    ),
    Mutation(
        name="equal events are charged once",
        pitfall="a share spent twice",
        plant=equal_events_once,
        detector=by.verified_fit,
    ),
    Mutation(
        name="each share of the ledger is spent twice",
        pitfall="a share spent twice",
        plant=replace_in(Ledger, "share", shares_twice),
        detector=by.shares,
    ),
    Mutation(
        name="epsilon rounded down in print",
        pitfall="rounding",
        plant=replace_in(statement_module, "_up", printed_down),
        detector=by.printed_numbers,
    ),
    Mutation(
        name="epsilon rounded down in the statement",
        pitfall="rounding",
        plant=replace_in(Ledger, "_epsilon_spent", spent_down),
        detector=by.spent_epsilon,
    ),
    Mutation(
        name="a mechanism that runs before its event is authorised",
        pitfall="order",
        plant=replace_in(view.Border, "gaussian", eager),
        detector=by.events_before_rows,
    ),
    Mutation(
        name="rows opened again after the last answer",
        pitfall="order",
        plant=replace_in(cluster, "fit_mixture", opened_again),
        detector=by.paid_openings,
    ),
    Mutation(
        name="an event recorded after its answer left",
        pitfall="order",
        plant=replace_in(Ledger, "authorize", late_journal),
        detector=by.journal_before_answers,
    ),
    Mutation(
        name="the table is read before the budget is reserved",
        pitfall="order",
        plant=replace_in(FairVeil, "fit", sized_by_the_table),
        detector=by.refusal_before_the_table,
    ),
    Mutation(
        name="no cap over fits",
        pitfall="P12",
        plant=replace_in(sums, "check_room", no_cap),
        detector=by.fits_at_once,
    ),
    Mutation(
        name="a fit that died costs nothing",
        pitfall="P12",
        plant=replace_in(told.Fit, "charge", free_death),
        detector=by.dead_fit,
    ),
)
