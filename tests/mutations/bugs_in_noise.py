"""Planted bugs in what is drawn: its source, its size, its freshness, its choice."""

# ruff: noqa: ARG005  (a bug ignores what it is given)
from __future__ import annotations

import hashlib
import math

import detectors as by
import jax
import numpy as np
import pytest
from bugs_in_sums import exact_sums
from mutation_kit import Mutation, replace_in

from fairveil._types import Released
from fairveil.marginals import Marginal
from fairveil.privacy import noise as noise_module
from fairveil.privacy.ledger import Ledger
from fairveil.privacy.noise import NoiseSource
from fairveil.private import cluster, fit_vae as fit_vae_module, view
from fairveil.private.measure import Counter
from fairveil.synthesizer import FairVeil

# Size --------------------------------------------------------------------------------


def half_the_scale(honest):
    return lambda self, pairs, stddev: honest(self, pairs, stddev / 2)


def stddev_as_variance(honest):
    return lambda stddev: honest(math.sqrt(stddev))


def half_of_what_is_authorised(honest):
    return lambda *args, **more: honest(*args, **more) / 2


def half_the_sensitivity(honest):
    """Event and noise agree with each other, and not with the query."""

    def bug(*args, sensitivity, **more):
        return honest(*args, sensitivity=sensitivity / 2, **more)

    return bug


def full_cells_only(honest):
    """Noise where there are rows; an empty cell stays empty."""

    def bug(self, columns, **more):
        released = honest(self, columns, **more)
        released.value.counts[self._histogram(columns) == 0] = 0.0
        return released

    return bug


def bare_marginal(honest):
    def bug(self, columns, *, rho, stage, what):
        stddev = self._border.gaussian(stage, what, bound=1.0, rho=rho, discrete=True)
        bare = Marginal(columns, self._histogram(columns).copy(), stddev)
        return Released(bare, (f"{stage}/{what}",))

    return bug


def averaged(honest):
    """Two answers are averaged, and one of them is paid for."""

    def bug(self, columns, *, rho, stage, what):
        released = honest(self, columns, rho=rho, stage=stage, what=what)
        marginal = released.value
        true, stddev = self._histogram(columns), marginal.noise_stddev
        again = true + self._border.noise.discrete_gaussian(true.shape, stddev)
        marginal.counts[:] = (marginal.counts + again) / 2
        return released

    return bug


# Source ------------------------------------------------------------------------------


def reused(honest):
    """Equal shapes get equal noise, step after step."""
    kept: dict[object, np.ndarray] = {}

    def bug(self, shape, stddev):
        if shape not in kept:
            kept[shape] = honest(self, shape, 1.0)
        return stddev * kept[shape]

    return bug


def global_words(honest):
    def bug(self, n):
        return np.random.randint(0, 2**63, n).astype(np.uint64)  # noqa: NPY002  (the bug itself)

    return bug


def constant_key(patch):
    patch.setattr(NoiseSource, "secure", lambda: NoiseSource(bytes(32), None))


def key_of_random_state(honest):
    def bug(self, table, y=None, **more):
        key = hashlib.sha256(str(self.random_state).encode()).digest()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(NoiseSource, "secure", lambda: NoiseSource(key, None))
            return honest(self, table, y, **more)

    return bug


def jax_noise(patch):
    """Gradients and moments get noise of the tensor library, under a fixed key."""

    def bug(border, chunk_sum, *, noise_stddev):
        def noised(total):
            draw = jax.random.normal(jax.random.key(0), total.shape)
            return total + noise_stddev * np.asarray(draw, float)

        return jax.tree.map(noised, exact_sums(border, chunk_sum))

    for home in (fit_vae_module, cluster):
        patch.setattr(home, "noisy_sum", bug)


def continuous_counts(patch):
    def bug(self, columns, *, rho, stage, what):
        stddev = self._border.gaussian(stage, what, bound=1.0, rho=rho, discrete=True)
        true = self._histogram(columns)
        noisy = true + self._border.noise.gaussian(true.shape, stddev)
        return Released(Marginal(columns, noisy, stddev), (f"{stage}/{what}",))

    patch.setattr(Counter, "marginal", bug)


def inherited(honest):
    return lambda self: None


def unstamped(honest):
    def bug(self, *, insecure_noise=False, **more):
        return honest(self, **more)

    return bug


# Choices -----------------------------------------------------------------------------


def without_the_factor(honest):
    """exp(e score / Delta) instead of exp(e score / (2 Delta))."""
    return lambda self, scores, sensitivity, e: honest(self, scores, sensitivity, 2 * e)


def best_score(honest):
    return lambda self, scores, sensitivity, e: int(np.argmax(scores))


MUTATIONS = (
    Mutation(
        name="noise of half the size leaves the source",
        pitfall="too little noise",
        plant=replace_in(NoiseSource, "_box_muller", half_the_scale),
        detector=by.scale_of_sums,
    ),
    Mutation(
        name="the standard deviation is taken for the variance",
        pitfall="too little noise",
        plant=replace_in(noise_module, "_variance_above", stddev_as_variance),
        detector=by.scale_of_counts,
    ),
    Mutation(
        name="noise halved while the event says otherwise",
        pitfall="sensitivity off by 2",
        plant=replace_in(view, "authorise", half_of_what_is_authorised),
        detector=by.noise_of_counts,
    ),
    Mutation(
        name="sensitivity off by 2",
        pitfall="sensitivity off by 2",
        plant=replace_in(view, "authorise", half_the_sensitivity),
        detector=by.marginal_of_rows,
    ),
    Mutation(
        name="noise on cells with rows only",
        pitfall="P7",
        plant=replace_in(Counter, "marginal", full_cells_only),
        detector=by.replayed_fit,
    ),
    Mutation(
        name="a marginal without noise",
        pitfall="forgotten noise",
        plant=replace_in(Counter, "marginal", bare_marginal),
        detector=by.noise_of_counts,
    ),
    Mutation(
        name="two answers averaged, one of them charged",
        pitfall="forgotten event",
        plant=replace_in(Counter, "marginal", averaged),
        detector=by.noise_of_counts,
        also=(by.replayed_fit,),
    ),
    Mutation(
        name="noise reused across steps",
        pitfall="noise cancels out",
        plant=replace_in(NoiseSource, "gaussian", reused),
        detector=by.fresh_noise,
    ),
    Mutation(
        name="noise from NumPy's global state",
        pitfall="predictable noise",
        plant=replace_in(NoiseSource, "uint64", global_words),
        detector=by.global_state,
    ),
    Mutation(
        name="a constant key",
        pitfall="predictable noise",
        plant=constant_key,
        detector=by.secure_sources,
    ),
    Mutation(
        name="noise by jax.random under a fixed key",
        pitfall="predictable noise",
        plant=jax_noise,
        detector=by.noise_of_networks,
    ),
    Mutation(
        name="noise seeded by random_state",
        pitfall="P6",
        plant=replace_in(FairVeil, "fit", key_of_random_state),
        detector=by.noise_of_equal_seeds,
    ),
    Mutation(
        name="a forked process repeats its parent's noise",
        pitfall="noise cancels out",
        plant=replace_in(NoiseSource, "_leave_parent", inherited),
        detector=by.forked_noise,
    ),
    Mutation(
        name="a debugging fit without its stamp",
        pitfall="predictable noise",
        plant=replace_in(Ledger, "statement", unstamped),
        detector=by.stamp,
    ),
    Mutation(
        name="continuous noise on counts, declared discrete",
        pitfall="P10",
        plant=continuous_counts,
        detector=by.noise_of_counts,
    ),
    Mutation(
        name="selection scored without its factor 2",
        pitfall="P8",
        plant=replace_in(NoiseSource, "exponential_mechanism", without_the_factor),
        detector=by.audit_selection,
        also=(by.chances_of_choices,),
    ),
    Mutation(
        name="the best score is chosen, without noise",
        pitfall="P8",
        plant=replace_in(NoiseSource, "exponential_mechanism", best_score),
        detector=by.chances_of_choices,
    ),
)
