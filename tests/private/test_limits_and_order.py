"""Without a budget the fit is plain training; the order of the rows never matters."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from border_tools import (
    SHAPE,
    SIZES,
    big_layers,
    border_of,
    centroids_of,
    check_noise_matches_events,
    draws,
    flat,
    noisy_sums,
    random_codes,
    run_clusters,
    run_vae,
    small_chunks,
    training,
)

from fairveil.marginals import histogram
from fairveil.nn import vae
from fairveil.nn.layers import host_rng, zero_taps
from fairveil.privacy.events import NonPrivate
from fairveil.private import cluster, fit_vae, step
from fairveil.private.measure import Counter
from fairveil.private.step import row_normals


@pytest.fixture(autouse=True)
def _cheap(monkeypatch):
    small_chunks(monkeypatch)


INFINITE = float("inf")


def plain_training(codes: np.ndarray, steps: int, n_hat: int, seed: int = 5):
    """A loop by hand: the mean gradient of the plain loss, Adam, an average."""
    facts = training(steps=steps)
    run_key = jax.random.key(seed)
    layers = vae.init(host_rng(run_key), SHAPE)
    rate = optax.cosine_decay_schedule(facts.learning_rate, steps, alpha=0.1)
    optimiser = optax.adam(rate, b1=0.9, b2=0.99, eps=1e-4)
    state, average = optimiser.init(layers), layers
    weights = vae.VaeWeights(kl=facts.kl, cluster=facts.cluster)
    rows = SHAPE.blocks.one_hot(jnp.asarray(codes))

    def loss(p, noise):
        losses, _inputs = vae.tapped_loss(
            p,
            zero_taps(p, len(codes)),
            rows,
            noise,
            shape=SHAPE,
            weights=weights,
            centroids=jnp.full((1, SHAPE.latent), jnp.nan),
        )
        return losses.sum() / n_hat

    gradient = jax.jit(jax.grad(loss))  # one program, not one for each operation
    for i in range(steps):
        key = jax.random.fold_in(run_key, i)
        noise = row_normals(key, jnp.asarray(codes), SHAPE.latent)
        updates, state = optimiser.update(gradient(layers, noise), state, layers)
        layers = optax.apply_updates(layers, updates)
        average = jax.tree.map(
            lambda a, p: facts.averaging * a + (1 - facts.averaging) * p,
            average,
            layers,
        )
    return average


def test_an_infinite_budget_is_plain_full_batch_training(monkeypatch):
    small_chunks(monkeypatch)
    codes = random_codes(50)
    border, tape = border_of(codes, epsilon=INFINITE)
    found = run_vae(border, steps=3, refreshes=0, n_hat=50, rho=INFINITE)
    expected = plain_training(codes, steps=3, n_hat=50)
    assert np.abs(flat(found) - flat(expected)).max() < 2e-5
    start = flat(vae.init(host_rng(jax.random.key(5)), SHAPE))
    assert np.abs(flat(found) - start).max() > 1e-3  # it did learn
    assert [type(e) for e in border.ledger.events] == [NonPrivate]
    assert all((d.noise == 0).all() for d in draws(tape))


def test_a_finite_budget_is_not_plain_training(monkeypatch):
    small_chunks(monkeypatch)
    border, tape = border_of(random_codes(50))
    run_vae(border, steps=2, refreshes=0)
    assert all((d.noise != 0).any() for d in draws(tape))


def test_without_a_budget_counts_are_exact():
    codes = random_codes(30)
    border, _tape = border_of(codes, epsilon=INFINITE)
    released = Counter(border).marginal((0, 2), rho=INFINITE, stage="s", what="w").value
    assert (released.counts == histogram(codes, SIZES, (0, 2))).all()
    assert not border.ledger.statement().is_private


def sums(codes, chunk_sum):
    border, _tape = border_of(codes, mute=True)
    return flat(step.noisy_sum(border, chunk_sum, noise_stddev=1.0))


@pytest.mark.parametrize("second", [False, True])
def test_the_order_of_rows_changes_no_moment(monkeypatch, second):
    small_chunks(monkeypatch)
    moments = partial(cluster._chunk_moments(SHAPE, second=second), big_layers(2.0))
    chunk_sum = partial(moments, centroids_of(), jax.random.key(1))
    codes = random_codes(100)
    order = np.random.default_rng(1).permutation(100)
    assert np.abs(sums(codes[order], chunk_sum) - sums(codes, chunk_sum)).max() < 1e-4


def test_the_order_of_rows_changes_no_gradient_and_no_count(monkeypatch):
    small_chunks(monkeypatch)
    codes = random_codes(100)
    order = np.random.default_rng(1).permutation(100)
    answers = []
    for table in (codes, codes[order]):
        border, _tape = border_of(table, mute=True)
        with noisy_sums() as seen:
            run_vae(border, steps=1, refreshes=0)
        counts = Counter(border).marginal((0, 1, 2), rho=1e-3, stage="s", what="w")
        answers.append(np.r_[seen[0], counts.value.counts])
    assert np.abs(answers[0] - answers[1]).max() < 1e-4


def test_the_size_of_chunks_changes_no_sum(monkeypatch):
    codes, answers = random_codes(100), []
    for rows in (16, 100, 128):
        small_chunks(monkeypatch, rows)
        border, tape = border_of(codes, mute=True)
        with noisy_sums() as seen:
            run_vae(border, steps=1, refreshes=0)
        answers.append(seen[0])
        check_noise_matches_events(tape)  # one draw a step, however many chunks
    assert np.abs(answers[0] - answers[1]).max() < 1e-4
    assert np.abs(answers[0] - answers[2]).max() < 1e-4


def test_no_noise_hangs_on_the_number_of_rows(monkeypatch):
    small_chunks(monkeypatch)
    shapes = []
    for n in (3, 40):
        border, tape = border_of(random_codes(n))
        run_clusters(border)
        shapes.append([(d.shape, d.stddev) for d in draws(tape)])
    assert shapes[0] == shapes[1]


def test_a_second_fit_of_equal_sizes_compiles_nothing():
    compiled = (fit_vae.chunk_gradient, fit_vae._descent, cluster._latents)

    def made():
        gradient = fit_vae.chunk_gradient(SHAPE, vae.VaeWeights(), 1.0)
        moments = cluster._chunk_moments(SHAPE, second=True)
        latents = moments.args[0]  # the compiled part
        sizes = [one._cache_size() for one in (gradient, latents)]
        return sizes, [one.cache_info().misses for one in compiled]

    seen = []
    for n in (10, 50):
        border, _tape = border_of(random_codes(n), seed=n)
        layers = run_vae(border, steps=3, seed=n)
        run_clusters(border, layers=layers)
        seen.append(made())
    assert seen[0] == seen[1]
    assert min(seen[0][0]) >= 1
