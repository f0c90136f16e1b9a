"""Adding or removing one unit moves no pre-noise query beyond the declared bound."""

from __future__ import annotations

from functools import partial
from itertools import combinations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from border_tools import (
    SHAPE,
    SIZES,
    big_layers,
    border_of,
    centroids_of,
    check_within,
    count_rows,
    draws,
    flat,
    frame_of,
    gaussian_events,
    noisy_sums,
    random_codes,
    run_clusters,
    run_vae,
    small_chunks,
)
from hypothesis import HealthCheck, given, settings, strategies as st

from fairveil.marginals import cells
from fairveil.nn import vae
from fairveil.nn.blocks import Blocks
from fairveil.private import cluster
from fairveil.private.fit_vae import chunk_gradient
from fairveil.private.measure import Counter
from fairveil.private.step import CHUNK, noisy_sum, row_normals

CLIP = 1.0
EVERY = [q for ways in (1, 2, 3) for q in combinations(range(len(SIZES)), ways)]

quick = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
row = st.tuples(*(st.integers(0, s - 1) for s in SIZES))

UNKNOWN = jnp.full((1, SHAPE.latent), jnp.nan)  # centroids before the first


@st.composite
def neighbours(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, int]:
    """A table, the same with one unit of 1 to k rows put in anywhere, and k."""
    table = draw(st.lists(row, max_size=40))
    k = draw(st.integers(1, 4))
    unit = draw(st.lists(row, min_size=1, max_size=k))
    if draw(st.booleans()):  # the worst: all rows of the unit are the same
        unit = [unit[0]] * k
    more = list(table)
    for one in unit:
        more.insert(draw(st.integers(0, len(more))), one)
    as_codes = [np.array(t, np.int32).reshape(-1, len(SIZES)) for t in (table, more)]
    return as_codes[0], as_codes[1], k


def gradient(clip: float = CLIP):
    return chunk_gradient(SHAPE, vae.VaeWeights(cluster=0.5), clip)


def sum_of(codes, chunk_sum, k=1):
    border, _tape = border_of(codes, k=k, mute=True)
    return flat(noisy_sum(border, chunk_sum, noise_stddev=1.0))


# Counts ----------------------------------------------------------------------------


@quick
@given(neighbours())
def test_the_row_count_moves_by_its_event(pair):
    less, more, k = pair
    answers = []
    for codes in (less, more):
        units = [*range(len(less)), *[-7] * (len(codes) - len(less))]
        frame = frame_of(codes, person=units)
        _border, n_hat, tape = count_rows(frame, unit="person", k=k, mute=True)
        answers.append(np.array([n_hat]))
        (event,) = gaussian_events(tape)
        assert event.sensitivity == k
    check_within(*answers, sensitivity=k)


@quick
@given(neighbours())
def test_every_marginal_moves_by_its_event(pair):
    less, more, k = pair
    for columns in EVERY:
        answers = []
        for codes in (less, more):
            border, tape = border_of(codes, k=k, mute=True)
            counter = Counter(border)
            released = counter.marginal(columns, rho=0.02, stage="s", what="w").value
            assert released.counts.shape == (cells(SIZES, columns),)
            answers.append(released.counts)
            (event,) = gaussian_events(tape)
        check_within(*answers, sensitivity=event.sensitivity)


def test_a_unit_of_k_equal_rows_reaches_the_bound():
    answers = []
    for codes in (random_codes(9), np.r_[random_codes(9), [[1, 1, 1]] * 3]):
        border, tape = border_of(codes, k=3, mute=True)
        counter = Counter(border)
        answers.append(
            counter.marginal((0, 2), rho=1e-3, stage="s", what="w").value.counts
        )
    assert (
        np.linalg.norm(answers[1] - answers[0]) == gaussian_events(tape)[0].sensitivity
    )


@quick
@given(neighbours(), st.integers(1, 60), st.integers(0, 9))
def test_every_selection_score_moves_by_its_event(pair, n_hat, seed):
    less, more, k = pair
    rng = np.random.default_rng(seed)
    model = {q: rng.dirichlet(np.ones(cells(SIZES, q))) for q in EVERY}
    prices = {q: float(rng.uniform(0.01, 0.5)) for q in EVERY}
    scores = []
    for codes in (less, more):
        border, tape = border_of(codes, k=k, mute=True)
        Counter(border).select(
            EVERY, model, n_hat=n_hat, rho=0.01, measure_rho=prices, stage="s"
        )
        ((_label, found, sensitivity, e),) = [
            x for x in tape if isinstance(x, tuple) and x[0] == "scores"
        ]
        (event,) = border.ledger.events
        assert (event.sensitivity, event.e) == (sensitivity, e)
        scores.append(found)
    assert np.abs(scores[1] - scores[0]).max() <= sensitivity + 1e-9
    assert sensitivity == k


# Sums ------------------------------------------------------------------------------


@quick
@given(neighbours(), st.sampled_from([0.1, 1.0, 30.0, 1e4, 1e20, 1e38]))
def test_clipped_gradient_sums(monkeypatch, pair, scale):
    small_chunks(monkeypatch)
    less, more, k = pair
    layers, key = big_layers(scale), jax.random.key(3)
    chunk_sum = partial(gradient(), layers, centroids_of(), key)
    before, after = (sum_of(codes, chunk_sum, k) for codes in (less, more))
    assert np.isfinite(after).all()
    check_within(before, after, CLIP * k)


def moments(scale: float, second: bool):
    return partial(cluster._chunk_moments(SHAPE, second=second), big_layers(scale))


@quick
@given(
    neighbours(),
    st.sampled_from([0.1, 1.0, 30.0, 1e20, 1e38]),
    st.booleans(),
)
def test_counts_sums_and_second_moments_together(monkeypatch, pair, scale, second):
    small_chunks(monkeypatch)
    less, more, k = pair
    chunk_sum = partial(moments(scale, second), centroids_of(), jax.random.key(3))
    before, after = (sum_of(codes, chunk_sum, k) for codes in (less, more))
    assert np.isfinite(after).all()
    check_within(before, after, (3 if second else 2) ** 0.5 * k)


@pytest.mark.parametrize("at", ["first", "middle", "last"])
@pytest.mark.parametrize("k", [1, 3])
def test_the_first_step_of_a_whole_fit(monkeypatch, at, k):
    """Through the public function: same key, one unit less, wherever it stands."""
    small_chunks(monkeypatch)
    codes = random_codes(70)
    gone = {
        "first": slice(0, k),
        "middle": slice(30, 30 + k),
        "last": slice(70 - k, 70),
    }
    answers = []
    for table in (codes, np.delete(codes, gone[at], axis=0)):
        border, tape = border_of(table, k=k, mute=True)
        with noisy_sums() as seen:
            run_vae(border, steps=1, refreshes=0)
        answers.append(seen[0])
    (event,) = gaussian_events(tape)
    assert event.sensitivity == k * 1.0
    check_within(*answers, sensitivity=event.sensitivity)


@pytest.mark.parametrize("at", [0, 20, 39])
def test_the_first_lloyd_step_and_its_event(monkeypatch, at):
    small_chunks(monkeypatch)
    codes = random_codes(40)
    answers = []
    for table in (codes, np.delete(codes, at, axis=0)):
        border, tape = border_of(table, mute=True)
        with noisy_sums() as seen:
            run_clusters(border, steps=1)
        answers.append(seen[0])
    assert [e.what for e in gaussian_events(tape)] == ["centroids", "moments"]
    check_within(*answers, sensitivity=gaussian_events(tape)[0].sensitivity)


def test_events_of_clusters_declare_the_joint_release():
    border, tape = border_of(random_codes(20), k=2)
    run_clusters(border)
    first, second = gaussian_events(tape)
    assert first.sensitivity == pytest.approx(2 * 2**0.5)
    assert second.sensitivity == pytest.approx(2 * 3**0.5)


# Extremes --------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e38])
def test_latents_that_are_no_numbers_count_as_zero(value):
    latents = jnp.asarray([[value, 1.0, 0.0], [3.0, 4.0, 0.0]], jnp.float32)
    cut = np.asarray(cluster.cut(latents, 2.0), float)
    assert np.isfinite(cut).all()
    assert (np.linalg.norm(cut, axis=1) <= 2.0).all()
    if not np.isfinite(value):
        assert (cut[0] == 0).all()


@pytest.mark.parametrize("scale", [1e20, 1e38])
def test_broken_parameters_release_finite_sums(monkeypatch, scale):
    small_chunks(monkeypatch)
    layers = big_layers(scale)
    border, _tape = border_of(random_codes(20))
    mixture = run_clusters(border, layers=layers)
    assert np.isfinite(mixture.means).all()


def test_an_empty_table_is_released_like_any_other(monkeypatch):
    small_chunks(monkeypatch)
    kinds = []
    for n in (0, 50):
        _border, _n_hat, counted = count_rows(frame_of(random_codes(n)))
        border, tape = border_of(random_codes(n))
        counter = Counter(border)
        counter.marginal((0, 1), rho=1e-3, stage="s", what="w")
        run_vae(border, rho=1e-3)
        run_clusters(border, rho=1e-3)
        kinds.append([(d.kind, d.shape, d.stddev) for d in draws(counted + tape)])
    assert kinds[0] == kinds[1]


def test_padding_contributes_exactly_zero():
    codes = np.zeros((CHUNK, len(SIZES)), np.int32)
    none = np.zeros(CHUNK, np.float32)
    for scale in (1.0, 1e38):
        layers, key = big_layers(scale), jax.random.key(0)
        assert (flat(gradient()(layers, centroids_of(), key, codes, none)) == 0).all()
        for second in (False, True):
            sums = moments(scale, second)(centroids_of(), key, codes, none)
            assert (flat(sums) == 0).all()


# Tall tables: float32 must not eat the margin ----------------------------------------


@pytest.mark.parametrize("n", [CHUNK, 3001, 1000])
@pytest.mark.parametrize(
    ("scale", "row", "seed"),
    # without the margin, the last two moved the sum by 1.0001 C where this was found
    [
        (1.0, [2, 1, 3], 0),
        (30.0, [2, 1, 3], 0),
        (3.0, [1, 0, 2], 3),
        (10.0, [0] * 3, 2),
    ],
)
def test_tall_tables_of_equal_rows_keep_the_clip(n, scale, row, seed):
    """The worst for rounding: all contributions point the same way."""
    codes = np.tile(np.array([row], np.int32), (n, 1))
    layers = vae.init(np.random.default_rng(seed), SHAPE)
    layers = jax.tree.map(lambda a: a * scale, layers)
    chunk_sum = partial(gradient(), layers, UNKNOWN, jax.random.key(1))
    check_within(sum_of(codes[1:], chunk_sum), sum_of(codes, chunk_sum), CLIP)


@pytest.mark.parametrize("n", [CHUNK, 3001, 1000])
def test_tall_tables_of_equal_rows_keep_the_moments(n):
    codes = np.tile(np.array([[2, 1, 3]], np.int32), (n, 1))
    chunk_sum = partial(moments(30.0, True), centroids_of(), jax.random.key(1))
    check_within(sum_of(codes[1:], chunk_sum), sum_of(codes, chunk_sum), 3**0.5)


@pytest.mark.parametrize("columns", [3, 40])
def test_a_wide_row_keeps_the_clip(columns):
    sizes = (32,) * columns
    shape = vae.VaeShape(blocks=Blocks(sizes), hidden=(64,), latent=8)
    layers = jax.tree.map(lambda a: a * 3, vae.init(np.random.default_rng(0), shape))
    one = chunk_gradient(shape, vae.VaeWeights(), CLIP)
    codes, unknown = random_codes(16, sizes), jnp.full((1, 8), jnp.nan)
    for i in range(16):
        mask = np.eye(16, dtype=np.float32)[i]
        found = one(layers, unknown, jax.random.key(1), codes, mask)
        norm = np.linalg.norm(flat(found))
        assert norm <= CLIP


# Latent noise of a row is its own ----------------------------------------------------


def test_a_rows_draws_do_not_hang_on_other_rows():
    codes = random_codes(CHUNK)
    key = jax.random.key(3)
    before = np.asarray(row_normals(key, jnp.asarray(codes), 3))
    changed = codes.copy()
    changed[100] = (codes[100] + 1) % np.array(SIZES)
    after = np.asarray(row_normals(key, jnp.asarray(changed), 3))
    assert np.flatnonzero((before != after).any(axis=1)).tolist() == [100]


@pytest.mark.parametrize("width", [1, 3, 8])
@pytest.mark.parametrize("n", [1, 7, 64])
def test_a_rows_draws_do_not_hang_on_its_place(n, width):
    codes, key = random_codes(n), jax.random.key(3)
    draw = np.asarray(row_normals(key, jnp.asarray(codes), width))
    order = np.random.default_rng(0).permutation(n)
    moved = np.asarray(row_normals(key, jnp.asarray(codes[order]), width))
    assert np.array_equal(moved, draw[order])
    alone = np.asarray(row_normals(key, jnp.asarray(codes[:1]), width))
    assert np.array_equal(alone, draw[:1])


@pytest.mark.statistical
def test_a_rows_draws_are_standard_normal():
    rng = np.random.default_rng(0)
    codes = jnp.asarray(np.unique(rng.integers(0, 30, (4000, 5)), axis=0), jnp.int32)
    draw = np.asarray(row_normals(jax.random.key(1), codes, 4), float)
    assert abs(draw.mean()) < 0.03
    assert abs(draw.std() - 1) < 0.03
    assert np.abs(np.corrcoef(draw.T) - np.eye(4)).max() < 0.08
    other = np.asarray(row_normals(jax.random.key(2), codes, 4), float)
    assert abs(np.corrcoef(draw.ravel(), other.ravel())[0, 1]) < 0.04
