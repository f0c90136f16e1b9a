"""Sums over eight devices; ``test_devices.py`` runs this file where JAX has so many.

One device is the yardstick: what the same functions gave in a process that has one.
"""

import math
import os
from functools import partial

import jax
import numpy as np
import pytest
from border_tools import (
    SHAPE,
    big_layers,
    border_of,
    centroids_of,
    check_noise_is_fresh,
    check_noise_matches_events,
    check_scale,
    check_within,
    draws,
    flat,
    random_codes,
    run_clusters,
    run_vae,
    small_chunks,
)

from fairveil.nn import vae
from fairveil.private import cluster, devices, fit_vae, step
from fairveil.private.step import noisy_sum

CLIP = 1.0
CHUNK = 16


@pytest.fixture(autouse=True)
def _cheap(monkeypatch):
    assert jax.local_device_count() == 8
    small_chunks(monkeypatch, CHUNK)
    jax.config.update("jax_disable_most_optimizations", True)


@pytest.fixture(scope="module")
def alone():
    with np.load(os.environ["FAIRVEIL_TEST_ALONE"]) as answers:
        yield dict(answers)


def gradient(seed=1, scale=3.0):
    one = fit_vae.chunk_gradient(SHAPE, vae.VaeWeights(), CLIP)
    return partial(one, big_layers(scale), centroids_of(), jax.random.key(seed))


def moments(scale=2.0):
    one = cluster._chunk_moments(SHAPE, second=True)
    return partial(one, big_layers(scale), centroids_of(), jax.random.key(1))


def sums(codes, made, **more):
    border, _tape = border_of(codes, mute=True, **more)
    return flat(noisy_sum(border, made(), noise_stddev=1.0))


SUMS = {"gradient": (gradient, CLIP), "moments": (moments, math.sqrt(3.0))}
# fewer rows than devices, one row into the next chunk or device, whole groups
ROWS = (0, 1, 7, CHUNK, CHUNK + 1, 8 * CHUNK, 8 * CHUNK + 1, 391)


@pytest.mark.parametrize("name", SUMS)
def test_the_sums_are_those_of_one_device(name, alone):
    made, bound = SUMS[name]
    for n in ROWS:
        ours = sums(random_codes(n), made)
        assert np.abs(ours - alone[f"{name} {n}"]).max() <= 1e-6 * bound * max(n, 1)
        assert ours.any() == (n > 0)


def test_rows_are_where_the_shards_say():
    """Eight devices work at once, each on rows of its own."""
    where = devices.by_rows(lambda codes: codes * 2, rows=1)(
        np.arange(64, dtype=np.int32).reshape(16, 4)
    )
    shards = where.addressable_shards
    assert len({s.device for s in shards}) == 8
    assert all(s.data.shape == (2, 4) for s in shards)
    assert (np.asarray(where) == 2 * np.arange(64).reshape(16, 4)).all()


@pytest.mark.parametrize("name", SUMS)
@pytest.mark.parametrize("n", [1, 3 * CHUNK + 1, 200])
def test_a_row_more_keeps_the_sensitivity(name, n):
    """It also moves every later row to another place, and some to another device."""
    made, bound = SUMS[name]
    codes = random_codes(n, seed=n)
    check_within(sums(codes[1:], made), sums(codes, made), bound)
    equal = np.repeat(codes[:1], n, axis=0)
    check_within(sums(equal[1:], made), sums(equal, made), bound)


def released(seed=3, epsilon=3.0, **vae_changes):
    border, tape = border_of(random_codes(300), seed=seed, epsilon=epsilon)
    layers = run_vae(border, n_hat=300, seed=5, **vae_changes)
    mixture = run_clusters(border, layers=layers, rho=0.02)
    parts = (mixture.weights, mixture.means, mixture.covariances)
    return np.concatenate([flat(layers), *(np.ravel(p) for p in parts)]), tape


# All rows in each step; and Poisson samples, which the host draws before any device
# works: without a budget, for their price takes long to compute and is no matter here.
TRAININGS = {"all rows": {}, "samples": {"most_row_steps": 300.0, "epsilon": math.inf}}


@pytest.mark.parametrize("name", TRAININGS)
def test_under_one_noise_the_releases_are_those_of_one_device(name, alone):
    ours, tape = released(**TRAININGS[name])
    assert np.abs(ours - alone[name]).max() < 1e-4
    if name == "all rows":
        check_noise_matches_events(tape)  # one draw a release, however many devices
        check_noise_is_fresh(tape)
    assert stddevs(tape).tolist() == alone[f"{name}: noise"].tolist()
    other = released(seed=4, **TRAININGS[name])[0]
    least = min(len(ours), len(other))  # clusters that drown are left out
    assert np.abs(ours[:least] - other[:least]).max() > 1e-3


def stddevs(tape):
    return np.array([(d.noise.size, d.stddev) for d in draws(tape)])


def answers():
    """All that is compared: run in a process with one device."""
    out = {
        f"{name} {n}": sums(random_codes(n), made)
        for name, (made, _bound) in SUMS.items()
        for n in ROWS
    }
    for name, changes in TRAININGS.items():
        out[name], tape = released(**changes)
        out[f"{name}: noise"] = stddevs(tape)
    return out


def errors(stddev=20.0, times=40):
    """What releases of one sum differ by from that sum."""
    codes = random_codes(200)
    true = sums(codes, gradient)
    border, _tape = border_of(codes, seed=9)
    noisy = [
        flat(noisy_sum(border, gradient(), noise_stddev=stddev)) for _ in range(times)
    ]
    return np.concatenate(noisy) - np.tile(true, times)


def test_the_noise_is_added_once():
    check_scale(errors(), 20.0)


def per_device(honest):
    """Each device adds noise of its own: eight times the variance."""

    def bug(border, chunk_sum, *, noise_stddev):
        out = [
            honest(border, chunk_sum if i == 0 else nothing(chunk_sum), noise_stddev=s)
            for i, s in enumerate([noise_stddev] * devices.number())
        ]
        return jax.tree.map(lambda *parts: sum(parts), *out)

    return bug


def a_part_each(honest):
    """Each device adds a part of the noise, and all but one are lost."""
    less = math.sqrt(devices.number())

    def bug(border, chunk_sum, *, noise_stddev):
        return honest(border, chunk_sum, noise_stddev=noise_stddev / less)

    return bug


def nothing(chunk_sum):
    return lambda codes, mask: chunk_sum(codes, 0 * mask)


@pytest.mark.parametrize("bug", [per_device, a_part_each])
def test_noise_of_another_size_is_caught(monkeypatch, bug):
    monkeypatch.setitem(globals(), "noisy_sum", bug(noisy_sum))
    with pytest.raises(AssertionError):
        check_scale(errors(times=4), 20.0)


def padding_counts(honest):
    """The padding of the last chunks is summed as if it were rows."""

    def bug(codes, picked=None):
        for rows, mask in honest(codes, picked):
            yield rows, np.ones_like(mask)

    return bug


def first_device_twice(honest):
    """One device gets its neighbour's rows: as many rows, but others."""

    def bug(codes, picked=None):
        for rows, mask in honest(codes, picked):
            rows[CHUNK : 2 * CHUNK] = rows[:CHUNK]
            yield rows, mask

    return bug


@pytest.mark.parametrize("bug", [padding_counts, first_device_twice])
def test_rows_at_wrong_devices_are_caught(monkeypatch, alone, bug):
    monkeypatch.setattr(step, "chunks", bug(step.chunks))
    with pytest.raises(AssertionError):
        test_the_sums_are_those_of_one_device("gradient", alone)
