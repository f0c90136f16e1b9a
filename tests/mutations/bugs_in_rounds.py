"""Planted bugs in the rounds that measure marginals, and in the warm start."""

# ruff: noqa: ARG005  (a bug ignores what it is given)
from __future__ import annotations

import dataclasses
import hashlib

import detectors as by
import numpy as np
from mutation_kit import Mutation, replace_in

from fairveil import _rounds, chain
from fairveil._types import Released
from fairveil.marginals import Marginal, histogram
from fairveil.privacy.gdp import discrete_stddev
from fairveil.private.measure import Counter

# What the rounds spend ---------------------------------------------------------------


def free_measurements(honest):
    """A measurement takes nothing off what the rounds have left."""

    def bug(self, picked, *, last):
        self._left -= self.choice
        return self.price[picked]

    return bug


def free_selections(honest):
    def bug(self, picked, *, last):
        self._left += self.choice
        return honest(self, picked, last=last)

    return bug


def charged_at_another_price(honest):
    """Noise of the marginal's own price; the event has a quarter of it."""

    def bug(self, columns, *, rho, stage, what):
        border, true = self._border, self._histogram(columns)
        border.gaussian(stage, what, bound=1.0, rho=rho / 4, discrete=True)
        stddev = discrete_stddev(border.rows.rows_per_unit, rho)
        noisy = true + border.noise.discrete_gaussian(true.shape, stddev)
        marginal = Marginal(columns, noisy.astype(np.float64), stddev)
        return Released(marginal, (f"{stage}/{what}",))

    return bug


def priced_by_full_cells(patch):
    """A marginal's price grows with the cells that rows fill, not with all of them."""
    held = borders_of(patch)

    def full(sizes, columns):
        return int((histogram(held[-1].rows.unwrap(), sizes, columns) > 0).sum())

    patch.setattr(_rounds, "cells", full)


# What the rounds look at -------------------------------------------------------------


def borders_of(patch):
    """The border of each fit whose rounds have begun."""
    held: list = []
    honest = Counter.__init__

    def keeping(self, border):
        honest(self, border)
        held.append(border)

    patch.setattr(Counter, "__init__", keeping)
    return held


def candidates_by_the_rows(patch):
    """Only pairs whose cells are uneven in the rows may be chosen."""
    held, honest = borders_of(patch), _rounds._candidates

    def bug(sizes, wish, noise):
        rows = held[-1].rows.unwrap()
        found = honest(sizes, wish, noise)
        return sorted(found, key=lambda q: -histogram(rows, sizes, q).std())[:4]

    patch.setattr(_rounds, "_candidates", bug)


def enough_for_the_rows(patch):
    """The rounds end when the model is near to the real rows."""
    errors: list[float] = []
    select, still_open = Counter.select, _rounds.Budget.open

    def bug(self, candidates, predicted, *, n_hat, **more):
        gaps = [
            np.abs(self._histogram(q) / n_hat - predicted[q]).sum() for q in candidates
        ]
        errors.append(max(gaps))
        return select(self, candidates, predicted, n_hat=n_hat, **more)

    def opened(self):
        enough = 0.6
        return still_open.fget(self) and not (errors and errors[-1] < enough)

    patch.setattr(Counter, "select", bug)
    patch.setattr(_rounds.Budget, "open", property(opened))


def seeded_by_the_rows(patch):
    def bug(border):
        rows = border.rows.unwrap().tobytes()
        return int.from_bytes(hashlib.sha256(rows).digest()[:4], "big")

    patch.setattr(_rounds, "seed_of", bug)


def model_of_real_rows(patch):
    """The rows that stand for the first model are drawn from the real ones."""
    held, honest = borders_of(patch), _rounds._independent

    def bug(singles, n, rng):
        _codes, base = honest(singles, n, rng)
        rows = held[-1].rows.unwrap()
        return np.asfortranarray(rows[rng.integers(0, len(rows), n)]), base

    patch.setattr(_rounds, "_independent", bug)


def raked_to_the_truth(patch):
    """The model between the rounds follows the exact marginals."""
    held, honest = borders_of(patch), _rounds.targets_of

    def bug(marginals, n_hat):
        rows, sizes = held[-1].rows.unwrap(), held[-1].rows.sizes
        exact = [
            dataclasses.replace(
                m, counts=histogram(rows, sizes, m.columns).astype(float)
            )
            for m in marginals
        ]
        return honest(exact, n_hat)

    patch.setattr(_rounds, "targets_of", bug)


def judged_by_another(honest):
    """Each candidate is scored beyond the noise of its neighbour in the list."""

    def bug(self, candidates, predicted, *, measure_rho, **more):
        turned = [*candidates[1:], candidates[0]]
        other = {q: measure_rho[r] for q, r in zip(candidates, turned, strict=True)}
        return honest(self, candidates, predicted, measure_rho=other, **more)

    return bug


def judged_by_full_cells(honest):
    """The noise that a candidate must beat is that of its full cells alone."""

    def bug(self, candidates, predicted, *, measure_rho, **more):
        full = {
            q: measure_rho[q] / max((self._histogram(q) > 0).mean() ** 2, 1e-9)
            for q in candidates
        }
        return honest(self, candidates, predicted, measure_rho=full, **more)

    return bug


# The warm start ----------------------------------------------------------------------


def warmed_by_real_rows(honest):
    """Plain steps, without noise, on the real rows."""

    def bug(border, rows, *more):
        return honest(border, border.rows.unwrap(), *more)

    return bug


def mixed_with_real_rows(honest):
    """The rounds hand over a model's rows of which a few are real."""

    def bug(border, singles, **more):
        chosen, rows = honest(border, singles, **more)
        real = border.rows.unwrap()[:3]
        return chosen, np.r_[rows, real]

    return bug


def first_centroids_of_real_rows(patch):
    """K-means++ on real latents, then noisy steps from there."""
    held: list = []
    keys, honest = chain.fresh_keys, chain.warm_centroids

    def keeping(border, n):
        held.append(border)
        return keys(border, n)

    patch.setattr(chain, "fresh_keys", keeping)
    patch.setattr(
        chain,
        "warm_centroids",
        lambda layers, shape, rows, *more: honest(
            layers, shape, held[-1].rows.unwrap(), *more
        ),
    )


def as_many_steps_as_rows(honest):
    """Longer training for taller tables: as many epochs, by the true row count."""

    def bug(border, rows, settings, *more):
        steps = len(border.rows.unwrap()) // 10
        vae = dataclasses.replace(settings.vae, warm_steps=steps)
        return honest(border, rows, dataclasses.replace(settings, vae=vae), *more)

    return bug


MUTATIONS = (
    Mutation(
        name="measurements are not taken off the rounds' part",
        pitfall="a share spent twice",
        plant=replace_in(_rounds.Budget, "granted", free_measurements),
        detector=by.spent_by_the_rounds,
    ),
    Mutation(
        name="selections are not taken off the rounds' part",
        pitfall="a share spent twice",
        plant=replace_in(_rounds.Budget, "granted", free_selections),
        detector=by.spent_by_the_rounds,
    ),
    Mutation(
        name="a marginal's noise at four times the price that is charged",
        pitfall="forgotten event",
        plant=replace_in(Counter, "marginal", charged_at_another_price),
        detector=by.noise_of_counts,
    ),
    Mutation(
        name="prices by the cells that rows fill",
        pitfall="P7",
        plant=priced_by_full_cells,
        detector=by.replayed_rounds,
        also=(by.replayed_fit,),
    ),
    Mutation(
        name="candidates are chosen by a look at the rows",
        pitfall="P7",
        plant=candidates_by_the_rows,
        detector=by.replayed_rounds,
    ),
    Mutation(
        name="the rounds end when the real rows are met",
        pitfall="P9",
        plant=enough_for_the_rows,
        detector=by.replayed_rounds,
    ),
    Mutation(
        name="the model's rows are seeded by the real ones",
        pitfall="P6",
        plant=seeded_by_the_rows,
        detector=by.replayed_rounds,
    ),
    Mutation(
        name="the first model is made of real rows",
        pitfall="P4",
        plant=model_of_real_rows,
        detector=by.replayed_rounds,
    ),
    Mutation(
        name="the model between the rounds is raked to true marginals",
        pitfall="P4",
        plant=raked_to_the_truth,
        detector=by.replayed_rounds,
    ),
    Mutation(
        name="a candidate is judged by the price of another one",
        pitfall="waste",
        plant=replace_in(Counter, "select", judged_by_another),
        detector=by.scores_of_candidates,
    ),
    Mutation(
        name="a candidate is judged by the cells that rows fill",
        pitfall="P8",
        plant=replace_in(Counter, "select", judged_by_full_cells),
        detector=by.replayed_fit,
        also=(by.scores_of_candidates,),
    ),
    Mutation(
        name="the warm start is trained on real rows",
        pitfall="P4",
        plant=replace_in(chain, "_teacher", warmed_by_real_rows),
        detector=by.replayed_teacher,
    ),
    Mutation(
        name="real rows among those of the model",
        pitfall="P4",
        plant=replace_in(chain, "measured", mixed_with_real_rows),
        detector=by.replayed_fit,
    ),
    Mutation(
        name="warm centroids from real latents",
        pitfall="P4",
        plant=first_centroids_of_real_rows,
        detector=by.replayed_teacher,
    ),
    Mutation(
        name="as many warm steps as the true row count asks for",
        pitfall="P6",
        plant=replace_in(chain, "_teacher", as_many_steps_as_rows),
        detector=by.replayed_teacher,
    ),
)
