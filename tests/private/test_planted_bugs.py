"""Each check catches the bug it is for: the bug is planted, the check must scream."""

from __future__ import annotations

from functools import partial

import jax
import numpy as np
import pytest
from border_tools import (
    SHAPE,
    SIZES,
    TapeNoise,
    big_layers,
    border_of,
    centroids_of,
    check_events_before_rows,
    check_noise_is_fresh,
    check_noise_matches_events,
    check_scale,
    check_within,
    flat,
    forget_compiled,
    gaussian_events,
    noisy_sums,
    plant,
    random_codes,
    run_clusters,
    small_chunks,
)

from fairveil.nn import layers as layers_module, vae
from fairveil.privacy.noise import NoiseSource
from fairveil.private import cluster, fit_vae as fit_vae_module, measure, step, view
from fairveil.private.measure import Counter
from fairveil.private.step import noisy_sum


@pytest.fixture(autouse=True)
def _cheap(monkeypatch):
    small_chunks(monkeypatch)
    yield
    forget_compiled()  # no planted bug outlives its test


def gradient_pair(codes=None):
    """The clipped gradient sum with and without its last row."""
    codes = random_codes(20) if codes is None else codes
    one = fit_vae_module.chunk_gradient(SHAPE, vae.VaeWeights(), 1.0)
    chunk_sum = partial(one, big_layers(5.0), None, jax.random.key(1))
    out = []
    for table in (codes, codes[:-1]):
        border, _tape = border_of(table, mute=True)
        out.append(flat(noisy_sum(border, chunk_sum, noise_stddev=1.0)))
    return out


def marginal_tape(k=1):
    border, tape = border_of(random_codes(20), k=k)
    Counter(border).marginal((0, 1), rho=1e-3, stage="s", what="w")
    return tape


def caught(check, *args, **kwargs):
    with pytest.raises(AssertionError):
        check(*args, **kwargs)


def test_forgotten_clipping(monkeypatch):
    check_within(*gradient_pair(), sensitivity=1.0)

    def unclipped(*args, l2_clip_norm):
        return layers_module.ghost_clip(*args, l2_clip_norm=float("inf"))

    plant(monkeypatch, fit_vae_module, "ghost_clip", unclipped)
    caught(check_within, *gradient_pair(), sensitivity=1.0)


def test_clipping_of_the_sum_instead_of_the_rows(monkeypatch):
    def batch_clip(loss, params, batch, *, l2_clip_norm):
        sums, norms = layers_module.ghost_clip(loss, params, batch, l2_clip_norm=1e9)
        total = sum((x**2).sum() for x in jax.tree.leaves(sums)) ** 0.5
        return jax.tree.map(lambda x: 3 * x / total, sums), norms

    plant(monkeypatch, fit_vae_module, "ghost_clip", batch_clip)
    codes = np.array([[0, 0, 0], [2, 1, 3]], np.int32)
    caught(check_within, *gradient_pair(codes), sensitivity=1.0)


def test_latent_noise_by_position(monkeypatch):
    def positional(key, codes, width):
        return jax.random.normal(key, (codes.shape[0], width))

    plant(monkeypatch, fit_vae_module, "row_normals", positional)
    codes = random_codes(64)
    one = fit_vae_module.chunk_gradient(SHAPE, vae.VaeWeights(), 1.0)
    chunk_sum = partial(one, big_layers(5.0), None, jax.random.key(1))
    out = []
    for table in (codes, codes[1:]):
        border, _tape = border_of(table, mute=True)
        out.append(flat(noisy_sum(border, chunk_sum, noise_stddev=1.0)))
    caught(check_within, *out, sensitivity=1.0)


def test_latents_that_are_not_cut(monkeypatch):
    def pair():
        chunk_sum = partial(
            cluster._chunk_moments(SHAPE, second=True),
            big_layers(20.0),
            centroids_of(),
            jax.random.key(1),
        )
        out = []
        for table in (random_codes(9), random_codes(9)[:-1]):
            border, _tape = border_of(table, mute=True)
            out.append(flat(noisy_sum(border, chunk_sum, noise_stddev=1.0)))
        return out

    check_within(*pair(), sensitivity=3**0.5)
    plant(monkeypatch, cluster, "cut", lambda z, _limit: z)
    caught(check_within, *pair(), sensitivity=3**0.5)


def test_noise_of_half_the_scale(monkeypatch):
    noise = NoiseSource.insecure(1).gaussian(2000, 1.0)
    check_scale(noise * 3.0, 3.0)
    for wrong in (0.5, 2 / 3, 1.5, 2.0):
        caught(check_scale, noise * wrong, 1.0)
    caught(check_scale, noise + 1.0, 1.0)


def test_noise_drawn_for_half_the_sensitivity(monkeypatch):
    check_noise_matches_events(marginal_tape())
    honest = TapeNoise.discrete_gaussian
    monkeypatch.setattr(
        TapeNoise,
        "discrete_gaussian",
        lambda self, shape, sd: honest(self, shape, sd / 2),
    )
    caught(check_noise_matches_events, marginal_tape())


def test_events_that_forget_the_rows_of_a_unit(monkeypatch):
    codes = random_codes(20)
    answers = []
    for table in (codes, np.r_[codes, [[1, 1, 1]] * 3]):
        border, tape = border_of(table, k=1, mute=True)  # as if k were 1
        counter = Counter(border)
        answers.append(
            counter.marginal((0,), rho=1e-3, stage="s", what="w").value.counts
        )
    caught(check_within, *answers, sensitivity=gaussian_events(tape)[0].sensitivity)


def test_reused_noise(monkeypatch):
    def tape():
        border, found = border_of(random_codes(20))
        run_clusters(border)
        return found

    check_noise_is_fresh(tape())

    def same(self, shape, stddev):
        out = NoiseSource.insecure(9).gaussian(shape, stddev)
        return self._kept("gaussian", out, stddev)

    monkeypatch.setattr(TapeNoise, "gaussian", same)
    caught(check_noise_is_fresh, tape())


def test_centroids_without_noise(monkeypatch):
    def bare(border, chunk_sum, *, noise_stddev):
        codes, mask = next(step.chunks(border.rows.unwrap()))
        return jax.tree.map(lambda x: np.asarray(x, float), chunk_sum(codes, mask))

    monkeypatch.setattr(cluster, "noisy_sum", bare)
    border, tape = border_of(random_codes(12))
    run_clusters(border)
    caught(check_noise_matches_events, tape)


def test_one_step_without_noise(monkeypatch):
    """The event says three steps, two of them are noised."""
    honest, calls = cluster.noisy_sum, []

    def lazy(border, chunk_sum, *, noise_stddev):
        calls.append(1)
        if len(calls) != 2:
            return honest(border, chunk_sum, noise_stddev=noise_stddev)
        codes, mask = next(step.chunks(border.rows.unwrap()))
        return jax.tree.map(lambda x: np.asarray(x, float), chunk_sum(codes, mask))

    monkeypatch.setattr(cluster, "noisy_sum", lazy)
    border, tape = border_of(random_codes(12))
    run_clusters(border, steps=2)
    caught(check_noise_matches_events, tape)


def test_rows_read_before_the_event(monkeypatch):
    check_events_before_rows(marginal_tape())
    honest = view.Border.gaussian

    def eager(self, *args, **kwargs):
        self.rows.unwrap()
        return honest(self, *args, **kwargs)

    monkeypatch.setattr(view.Border, "gaussian", eager)
    caught(check_events_before_rows, marginal_tape())


def test_an_un_noised_count(monkeypatch):
    def bare(self, columns, *, rho, stage, what):
        self._border.gaussian(stage, what, bound=1.0, rho=rho, discrete=True)
        return self._histogram(columns)

    monkeypatch.setattr(measure.Counter, "marginal", bare)
    caught(check_noise_matches_events, marginal_tape())


def test_continuous_noise_declared_discrete(monkeypatch):
    monkeypatch.setattr(TapeNoise, "discrete_gaussian", TapeNoise.gaussian)
    caught(check_noise_matches_events, marginal_tape(), discrete=True)


def test_selection_scaled_for_one_row_of_many():
    """The sensitivity that is passed on is that of a whole unit."""
    model = {(0,): np.full(SIZES[0], 1 / SIZES[0])}
    scores = []
    for extra in (0, 4):
        border, tape = border_of(np.r_[random_codes(9), np.zeros((extra, 3))], k=4)
        Counter(border).select(
            [(0,)], model, n_hat=1, rho=1e-3, measure_rho=1e-3, stage="s"
        )
        ((_l, found, sensitivity, _e),) = [
            x for x in tape if isinstance(x, tuple) and x[0] == "scores"
        ]
        scores.append(found)
    check_within(*scores, sensitivity=sensitivity)
    caught(check_within, *scores, sensitivity=sensitivity / 4)


def test_spies_see_the_sums_of_both_homes():
    border, _tape = border_of(random_codes(9))
    with noisy_sums() as seen:
        run_clusters(border, steps=1)
    assert len(seen) == 2
