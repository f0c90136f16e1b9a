"""A worst-case attack on the releases: nothing beyond epsilon is learnt of one row.

The pair of tables is that of the PATE-GAN study (Ganev et al., 2406.13985): four rows
of zeros, and the same with (1, 1, 1). The attacker knows both tables and everything
but the noise, and thresholds the likelihood ratio of what was released. He must stay
below epsilon, and must win at once when the noise is switched off.

``fairveil.audit`` does more, through a noise source that listens. These tests share its
bounds but not its ears: they draw the noise inside the product's own calls.
"""

from __future__ import annotations

import math
from functools import cache, partial

import jax
import jax.numpy as jnp
import narwhals as nw
import numpy as np
import pytest
from border_tools import flat, frame_of, rows_of, schema_of, small_chunks

from fairveil import chain, config
from fairveil.audit.bounds import epsilon_bound, tuned
from fairveil.nn import vae
from fairveil.nn.blocks import Blocks
from fairveil.nn.mixture import Mixture
from fairveil.post.teacher import Teacher
from fairveil.privacy.ledger import Ledger
from fairveil.privacy.noise import NoiseSource
from fairveil.private import cluster
from fairveil.private.fit_vae import chunk_gradient
from fairveil.private.step import noisy_sum
from fairveil.private.view import Border

SIZES = (2, 2, 2)
WITHOUT = np.zeros((4, 3), np.int32)
WITH = np.r_[WITHOUT, [[1, 1, 1]]].astype(np.int32)
SHAPE = vae.VaeShape(blocks=Blocks(SIZES), hidden=(4,), latent=2)
UNKNOWN = jnp.full((1, 2), jnp.nan)  # centroids before the first
TINY = config.Fit(
    vae=config.VaeTraining(hidden=(4,), latent=2, steps=2, warm_steps=2, warm_batch=16),
    # few passes over the model's rows: the attacker is shown the counts, not the rows
    measuring=config.Measuring(
        rounds=3, least_rounds=3, most_rounds=3, pool=200, inner=1, settling=0
    ),
)
DELTA = 1e-5
RUNS, RUNS_WITHOUT_NOISE = 300, 100  # what screams in the fewer screams in all


class Scaled(NoiseSource):
    """Noise times a factor: 0 and 0.1 are the positive controls."""

    factor = 1.0

    def gaussian(self, shape, stddev):
        return super().gaussian(shape, stddev) * self.factor

    def discrete_gaussian(self, shape, stddev):
        return super().discrete_gaussian(shape, stddev) * self.factor


def noise_of(factor, seed):
    source = Scaled.insecure(seed)
    source.factor = factor
    return source


def proven(out, inside):
    """Lower bound on epsilon, from a threshold chosen on the first half of the runs."""
    return epsilon_bound(tuned(out, inside, learn=len(out) // 2), delta=DELTA)


@cache
def teacher():
    flat_prior = Mixture(np.ones(1), np.zeros((1, 2)), np.eye(2)[None])
    return Teacher(vae.init(np.random.default_rng(0), SHAPE), SHAPE, flat_prior)


@pytest.fixture
def _counts_only(monkeypatch):
    monkeypatch.setattr(chain, "_teacher", lambda *_args, **_more: teacher())


def seeds(first, factor):
    return range(first, first + (RUNS if factor else RUNS_WITHOUT_NOISE))


def count_scores(codes, factor, first_seed):
    """Log-likelihood ratio, up to constants, of all noisy counts of a fit."""
    frame, scores = nw.from_native(frame_of(codes, SIZES), eager_only=True), []
    schema = schema_of(SIZES)
    for seed in seeds(first_seed, factor):
        ledger = Ledger(epsilon=1.0, delta=DELTA)
        bundle = chain.measure_table(
            frame,
            schema,
            settings=TINY,
            ledger=ledger,
            noise=noise_of(factor, seed),
            unit=None,
            max_rows_per_unit=1,
            progress=lambda *_: None,
        )
        rows = next(e for e in ledger.events if e.stage == "rows")
        score = bundle.n_hat / rows.noise_stddev**2
        for marginal in bundle.marginals:  # the canary's cell is the last of each
            score += marginal.counts[-1] / marginal.noise_stddev**2
        scores.append(score)
    return np.array(scores)


@cache
def white_box():
    """The canary's own contribution to a gradient sum and to the moments."""
    layers = vae.init(np.random.default_rng(3), SHAPE)
    layers = jax.tree.map(lambda a: a * 3, layers)
    gradient = partial(
        chunk_gradient(SHAPE, vae.VaeWeights(), 1.0), layers, UNKNOWN, jax.random.key(1)
    )
    centroids = jnp.asarray([[1.0, 0.0], [-1.0, 0.0]], jnp.float32)
    moments = partial(
        cluster._chunk_moments(SHAPE, second=True),
        layers,
        centroids,
        jax.random.key(1),
    )
    return {"gradient": (gradient, 1.0), "moments": (moments, math.sqrt(3.0))}


def sum_scores(codes, name, factor, first_seed, rho):
    chunk_sum, bound = white_box()[name]
    sums = []
    for table in (WITH, WITHOUT):
        quiet = Border(
            rows_of(table, SIZES), Ledger(epsilon=1.0, delta=DELTA), noise_of(0.0, 0)
        )
        sums.append(flat(noisy_sum(quiet, chunk_sum, noise_stddev=1.0)))
    direction = sums[0] - sums[1]
    assert 0.5 * bound < np.linalg.norm(direction) <= bound  # a canary worth its name
    scores = []
    for seed in seeds(first_seed, factor):
        ledger = Ledger(epsilon=1.0, delta=DELTA)
        border = Border(rows_of(codes, SIZES), ledger, noise_of(factor, seed))
        stddev = border.gaussian("audit", name, bound=bound, rho=ledger.share(rho))
        scores.append(
            flat(noisy_sum(border, chunk_sum, noise_stddev=stddev)) @ direction
        )
    return np.array(scores)


@pytest.mark.statistical
@pytest.mark.usefixtures("_counts_only")
@pytest.mark.parametrize(("factor", "screams"), [(1.0, False), (0.0, True)])
def test_noisy_counts_betray_no_row(factor, screams):
    out = count_scores(WITHOUT, factor, 0)
    inside = count_scores(WITH, factor, 10_000)
    found = proven(out, inside)
    assert (found > 1.0) is screams, found


@pytest.mark.statistical
@pytest.mark.parametrize("name", ["gradient", "moments"])
@pytest.mark.parametrize(
    ("factor", "screams"), [(1.0, False), (0.1, True), (0.0, True)]
)
def test_noisy_sums_betray_no_row(monkeypatch, name, factor, screams):
    """The whole budget in one sum, and an attacker who knows the canary's gradient."""
    small_chunks(monkeypatch, 8)
    out = sum_scores(WITHOUT, name, factor, 0, rho=1.0)
    inside = sum_scores(WITH, name, factor, 10_000, rho=1.0)
    found = proven(out, inside)
    assert (found > 1.0) is screams, found
