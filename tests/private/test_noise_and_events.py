"""What is drawn is what is declared, before the rows are read, and never twice."""

from __future__ import annotations

import copy
import math
import pickle

import jax
import numpy as np
import pytest
from border_tools import (
    SHAPE,
    SIZES,
    TapeLedger,
    TapeNoise,
    TapeTable,
    big_layers,
    border_of,
    check_events_before_rows,
    check_noise_is_fresh,
    check_noise_matches_events,
    check_scale,
    count_rows,
    draws,
    frame_of,
    gaussian_events,
    noisy_sums,
    random_codes,
    run_clusters,
    run_vae,
    schema_of,
    small_chunks,
)

from fairveil.codec import Codec
from fairveil.errors import BudgetError
from fairveil.marginals import cells, histogram
from fairveil.private.cluster import refresh_centroids
from fairveil.private.intake import open_border
from fairveil.private.measure import Counter
from fairveil.private.view import Sensitive


@pytest.fixture(autouse=True)
def _cheap(monkeypatch):
    small_chunks(monkeypatch)


PAIRS = [(0, 1), (0, 2), (1, 2)]


def flat_model():
    return {q: np.full(cells(SIZES, q), 1.0 / cells(SIZES, q)) for q in PAIRS}


def prices(rho):
    return dict.fromkeys(PAIRS, rho)


def counted(tape_and_border=None):
    border, tape = tape_and_border or border_of(random_codes(30))
    counter = Counter(border)
    for columns in [(0,), (1,), (0, 1), (0, 1)]:
        counter.marginal(columns, rho=1e-3 * (1 + len(tape)), stage="s", what="w")
    return tape


def selected():
    border, tape = border_of(random_codes(30))
    Counter(border).select(
        PAIRS, flat_model(), n_hat=30, rho=0.01, measure_rho=prices(0.01), stage="s"
    )
    return tape


def vae_tape():
    border, tape = border_of(random_codes(40))
    run_vae(border, steps=4, refreshes=2)
    return tape


def cluster_tape():
    border, tape = border_of(random_codes(40))
    run_clusters(border, steps=3)
    return tape


def count_tape():
    return count_rows(frame_of(random_codes(30)))[2]


MECHANISMS = {
    "row count": (count_tape, True),
    "marginals": (counted, True),
    "gradient steps": (vae_tape, False),
    "k-means": (cluster_tape, False),
}


@pytest.mark.parametrize("name", MECHANISMS)
def test_noise_is_that_of_the_events(monkeypatch, name):
    small_chunks(monkeypatch)
    make, discrete = MECHANISMS[name]
    tape = make()
    check_noise_matches_events(tape, discrete=discrete)
    check_events_before_rows(tape)


@pytest.mark.parametrize("name", ["gradient steps", "k-means"])
def test_noise_is_never_reused(monkeypatch, name):
    small_chunks(monkeypatch)
    check_noise_is_fresh(MECHANISMS[name][0]())


def test_selection_is_authorised_before_the_rows():
    check_events_before_rows(selected())


def test_every_gradient_step_draws_for_every_parameter(monkeypatch):
    border, tape = border_of(random_codes(40))
    with noisy_sums() as seen:
        run_vae(border, steps=4, refreshes=0)
    (event,) = gaussian_events(tape)
    shapes = sorted(np.shape(x) for x in jax.tree.leaves(big_layers(1.0)))
    found = draws(tape)
    assert event.count == len(seen) == 4
    assert len(found) == 4 * len(shapes)
    for i in range(4):
        own = found[i * len(shapes) : (i + 1) * len(shapes)]
        assert sorted(d.shape for d in own) == shapes
        assert {d.stddev for d in own} == {event.noise_stddev}


def test_every_number_of_the_mixture_is_noised(monkeypatch):
    border, tape = border_of(random_codes(40))
    run_clusters(border, steps=2)
    clusters, latent = 3, SHAPE.latent
    first = sorted([(clusters,), (clusters, latent)])
    last = sorted([*first, (clusters, latent, latent)])
    found = [d.shape for d in draws(tape)]
    assert sorted(found[:2]) == sorted(found[2:4]) == first
    assert sorted(found[4:]) == last


def test_costs_are_the_shares_that_were_asked_for(monkeypatch):
    border, _tape = border_of(random_codes(20))
    run_vae(border, rho=0.01, steps=3, refreshes=2)
    assert border.ledger.spent_rho == pytest.approx(0.01, rel=1e-9)
    border, _tape = border_of(random_codes(20))
    run_clusters(border, rho=0.02)
    assert border.ledger.spent_rho == pytest.approx(0.02, rel=1e-9)


def test_released_values_name_their_events(monkeypatch):
    border, tape = border_of(random_codes(20))
    released = Counter(border).marginal((0,), rho=1e-3, stage="one-way", what="age")
    assert released.paid_by == tuple(e.label for e in gaussian_events(tape))


# Refusal ---------------------------------------------------------------------------


def overspenders():
    layers, key = big_layers(1.0), jax.random.key(0)
    return {
        "marginal": lambda b: Counter(b).marginal((0,), rho=1.0, stage="s", what="w"),
        "selection": lambda b: Counter(b).select(
            PAIRS, flat_model(), n_hat=3, rho=1.0, measure_rho=prices(1.0), stage="s"
        ),
        "gradient steps": lambda b: run_vae(b, rho=1.0, steps=2),
        "centroids": lambda b: refresh_centroids(
            b, layers=layers, shape=SHAPE, previous=None, clusters=2, rho=1.0, key=key
        ),
        "mixture": lambda b: run_clusters(b, rho=1.0),
    }


@pytest.mark.parametrize("name", overspenders())
def test_overspending_is_refused_before_the_rows_are_read(name):
    border, tape = border_of(random_codes(10))
    with pytest.raises(BudgetError):
        overspenders()[name](border)
    assert tape == []
    assert border.ledger.events == ()


def test_overspending_on_the_row_count_reads_no_cell():
    tape = []
    ledger, noise = TapeLedger.make(tape), TapeNoise.make(tape)
    with pytest.raises(BudgetError):
        open_border(
            TapeTable(frame_of(random_codes(5)), tape),
            Codec.on_grid(schema_of()),
            unit=None,
            max_rows_per_unit=1,
            ledger=ledger,
            noise=noise,
            rho=1.0,
        )
    assert tape == []


# Scale -----------------------------------------------------------------------------


@pytest.mark.statistical
@pytest.mark.parametrize("k", [1, 3])
def test_marginals_have_the_declared_scale(k):
    codes = random_codes(50)
    true = histogram(codes, SIZES, (0, 1, 2))
    noise = []
    for seed in range(40):
        border, tape = border_of(codes, k=k, seed=seed)
        counter = Counter(border)
        released = counter.marginal((0, 1, 2), rho=5e-3, stage="s", what="w").value
        (event,) = gaussian_events(tape)
        assert released.noise_stddev == event.noise_stddev
        noise.append(released.counts - true)
    assert event.noise_stddev == pytest.approx(math.sqrt(k**2 / (2 * 5e-3) + 0.25))
    check_scale(np.array(noise), event.noise_stddev)


@pytest.mark.statistical
@pytest.mark.parametrize("k", [1, 4])
def test_row_counts_have_the_declared_scale(k):
    frame = frame_of(random_codes(500), person=range(500))
    found = []
    for seed in range(500):
        _border, n_hat, tape = count_rows(
            frame, rho=0.02, unit="person", k=k, seed=seed
        )
        found.append(n_hat - 500)
    (event,) = gaussian_events(tape)
    assert event.noise_stddev == pytest.approx(math.sqrt(k**2 / (2 * 0.02) + 0.25))
    check_scale(np.array(found), event.noise_stddev)


@pytest.mark.statistical
def test_gradient_sums_have_the_declared_scale(monkeypatch):
    small_chunks(monkeypatch)
    sums = []
    for mute in (True, False):
        border, tape = border_of(random_codes(40), seed=3, mute=mute)
        with noisy_sums() as seen:
            run_vae(border, steps=1, refreshes=0, l2_clip_norm=0.5)
        sums.append(seen[0])
    noise = sums[1] - sums[0]
    (event,) = gaussian_events(tape)
    assert event.noise_stddev == pytest.approx(0.5 / math.sqrt(2 * 0.01))
    reps = [noise]
    for seed in range(4, 9):  # more draws of the same source
        more = TapeNoise.make(seed=seed).gaussian(noise.shape, event.noise_stddev)
        reps.append(more)
    assert noise.size > 90
    check_scale(np.concatenate(reps), event.noise_stddev)
    assert 0.7 < noise.std() / event.noise_stddev < 1.4


@pytest.mark.statistical
def test_centroid_sums_have_the_declared_scale(monkeypatch):
    small_chunks(monkeypatch)
    layers, key = big_layers(1.0), jax.random.key(0)
    sums = []
    for mute in (True, False):
        border, tape = border_of(random_codes(40), seed=3, mute=mute)
        with noisy_sums() as seen:
            refresh_centroids(
                border,
                layers=layers,
                shape=SHAPE,
                previous=None,
                clusters=150,
                rho=1e-3,
                key=key,
            )
        sums.append(seen[0])
    (event,) = gaussian_events(tape)
    assert event.noise_stddev == pytest.approx(math.sqrt(2) / math.sqrt(1e-3))
    check_scale(sums[1] - sums[0], event.noise_stddev)


# The wrapper -----------------------------------------------------------------------


def test_the_wrapper_shows_nothing():
    codes = np.full((12345, 1), 77, np.int32)
    rows = Sensitive(codes, sizes=(78,))
    border, _tape = border_of(random_codes(4321))
    for thing in (rows, border, border.rows, Counter(border)):
        assert not any(n in repr(thing) + str(thing) for n in ("12345", "4321", "77"))
        with pytest.raises(TypeError):
            pickle.dumps(thing)
    for change in (copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            change(rows)
    with pytest.raises(TypeError):
        len(rows)
    assert not hasattr(rows, "__dict__")
