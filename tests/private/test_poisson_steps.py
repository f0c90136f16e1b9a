"""Poisson-sampled steps: who takes part, what is paid, and bugs that must be caught.

The checks raise ``AssertionError``; each is shown to scream at the bug it is for.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import pickle
import tracemalloc
from functools import partial

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
    check_events_before_rows,
    check_noise_is_fresh,
    check_noise_matches_events,
    check_within,
    draws,
    flat,
    gaussian_events,
    noisy_sums,
    random_codes,
    run_vae,
    small_chunks,
    training,
)
from scipy.special import ndtr

from fairveil import config
from fairveil.errors import BudgetError, ConfigError
from fairveil.nn import vae
from fairveil.privacy import poisson
from fairveil.privacy.events import NonPrivate, PoissonGaussian
from fairveil.privacy.ledger import Ledger
from fairveil.privacy.noise import NoiseSource
from fairveil.privacy.verify import verify
from fairveil.private import fit_vae, view
from fairveil.private.step import noisy_sum
from fairveil.private.view import Border, Sensitive

RESERVED = 1e-7
SLACK = 0.9e-7
RATE = 0.25
SIZES_OF_UNITS = (1, 2, 3, 3, 3, 1)  # rows of a unit, over and over


@pytest.fixture(autouse=True)
def _cheap(monkeypatch):
    small_chunks(monkeypatch)


@pytest.fixture
def drawn(monkeypatch):
    """All samples that are drawn, in order."""
    seen = []
    honest = view.PoissonSampling.draw

    def watched(self):
        seen.append(honest(self))
        return seen[-1]

    monkeypatch.setattr(view.PoissonSampling, "draw", watched)
    return seen


def units_of(n):
    """``n`` units of one to three rows each; the rows of a unit lie apart."""
    sizes = np.resize(SIZES_OF_UNITS, n)
    owners = np.repeat(np.arange(n), sizes)
    return np.random.default_rng(1).permutation(owners)


def open_to(codes, *, units=None, k=1, epsilon=1.0, seed=0, mute=False):
    return border_of(
        codes,
        units=units,
        k=k,
        epsilon=epsilon,
        reserved_delta=RESERVED,
        seed=seed,
        mute=mute,
    )


def sampling_of(border, *, rate=RATE, count=400, rho=0.01, bound=1.0):
    return border.poisson(
        "s", "w", bound=bound, rho=rho, count=count, sampling_rate=rate, slack=SLACK
    )


def samples_of(units, *, count=400, rate=RATE, seed=0):
    """Positions drawn, over and over, from rows with these owners."""
    border, _tape = open_to(random_codes(len(units)), units=units, k=3, seed=seed)
    sampling = sampling_of(border, rate=rate, count=count)
    return [sampling.draw() for _ in range(count)]


# The checks --------------------------------------------------------------------------


def check_whole_units(samples, units):
    """All rows of a unit take part or none."""
    sizes = np.bincount(units)
    for rows in samples:
        assert len(np.unique(rows)) == len(rows)
        drawn = np.bincount(units[rows], minlength=len(sizes))
        assert ((drawn == 0) | (drawn == sizes)).all()


def masks(samples, units):
    """(samples, units) who took part."""
    out = np.zeros((len(samples), units.max() + 1), dtype=bool)
    for mask, rows in zip(out, samples, strict=True):
        mask[units[rows]] = True
    return out


def check_rate(samples, units, rate):
    """Two-sided, over all and for each unit: as often as the event says."""
    taken = masks(samples, units)
    stddev = math.sqrt(rate * (1 - rate))
    assert abs(taken.mean() - rate) < 4 * stddev / math.sqrt(taken.size)
    each = (taken.mean(axis=0) - rate) * math.sqrt(len(samples)) / stddev
    assert np.abs(each).max() < 5
    assert 0.75 < each.std() < 1.25


def check_independent(samples, units, rate):
    """Sizes vary as sums of coins; neighbours and following samples do not hang on."""
    taken = masks(samples, units)
    n, m = taken.shape
    spread = taken.sum(axis=1).var() / (m * rate * (1 - rate))
    assert abs(spread - 1) < 5 * math.sqrt(2 / n), spread
    coins = (taken - rate) / math.sqrt(rate * (1 - rate))
    for gap in (1, 2, 3, 4, 7):
        beside = (coins[:, gap:] * coins[:, :-gap]).mean()
        assert abs(beside) < 5 / math.sqrt(n * (m - gap)), gap
        after = (coins[gap:] * coins[:-gap]).mean()
        assert abs(after) < 5 / math.sqrt((n - gap) * m), gap


def check_all(samples, units, rate=RATE):
    check_whole_units(samples, units)
    check_rate(samples, units, rate)
    check_independent(samples, units, rate)


@pytest.mark.statistical
@pytest.mark.parametrize("seed", [0, 1])
def test_units_are_drawn_whole_at_the_rate_and_independently(seed):
    units = units_of(300)
    check_all(samples_of(units, seed=seed), units)


@pytest.mark.statistical
def test_without_units_rows_are_drawn_at_the_rate_and_independently():
    border, _tape = open_to(random_codes(500))
    sampling = sampling_of(border, rate=0.1)
    samples = [sampling.draw() for _ in range(400)]
    check_all(samples, np.arange(500), rate=0.1)


# Planted bugs ------------------------------------------------------------------------


def by_rows(self):
    rate = self.event.sampling_rate
    size = len(self.border.rows.unwrap())
    return np.flatnonzero(view._bernoulli(self.border.noise, size, rate))


def of_fixed_size(self):
    """What a shuffled loader gives: batches of one size."""
    units = self.border.rows.unwrap_units()
    n = units.max() + 1
    chosen = self.border.noise.choose(n, round(n * self.event.sampling_rate))
    return np.flatnonzero(np.isin(units, chosen))


def of_one_order(self):
    """Batches that share out the units: each is seen once in an epoch."""
    units = self.border.rows.unwrap_units()
    order = np.random.default_rng(0).permutation(units.max() + 1)
    batches = np.array_split(order, round(1 / self.event.sampling_rate))
    done = self.event.count - self._left.__length_hint__()
    next(self._left)
    return np.flatnonzero(np.isin(units, batches[done % len(batches)]))


def of_one_word(self):
    """One word decides for four units in a row."""
    units = self.border.rows.unwrap_units()
    n = units.max() + 1
    few = view._bernoulli(self.border.noise, -(-n // 4), self.event.sampling_rate)
    return np.flatnonzero(few.repeat(4)[:n][units])


def of_factor(factor):
    def draw(self):
        units = self.border.rows.unwrap_units()
        rate = poisson.exact_rate(self.event.sampling_rate * factor)
        return np.flatnonzero(
            view._bernoulli(self.border.noise, units.max() + 1, rate)[units]
        )

    return draw


PLANTED = {
    "sampling by rows": (by_rows, check_whole_units, False),
    "batches of fixed size": (of_fixed_size, check_independent, True),
    "a shuffled loader": (of_one_order, check_independent, True),
    "one word for four units": (of_one_word, check_independent, True),
    "two thirds of the rate": (of_factor(2 / 3), check_rate, True),
    "half more than the rate": (of_factor(3 / 2), check_rate, True),
}


@pytest.mark.statistical
@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_bug_is_caught(monkeypatch, name):
    bug, check, needs_rate = PLANTED[name]
    units = units_of(300)
    facts = (RATE,) if needs_rate else ()
    check(samples_of(units), units, *facts)
    monkeypatch.setattr(view.PoissonSampling, "draw", bug)
    samples = samples_of(units)
    with pytest.raises(AssertionError):
        check(samples, units, *facts)


@pytest.mark.statistical
def test_a_sample_that_is_used_again_is_caught():
    units = units_of(300)
    samples = samples_of(units)
    again = [samples[i // 2] for i in range(len(samples))]
    with pytest.raises(AssertionError):
        check_independent(again, units, RATE)


# The coins ---------------------------------------------------------------------------


class Words:
    """Gives these 64-bit words, one list for each request."""

    def __init__(self, *lists):
        self.lists = list(lists)

    def uint64(self, n):
        words = np.array(self.lists.pop(0), dtype=np.uint64)
        assert len(words) == n
        return words


def test_ties_of_the_first_bits_are_settled_by_more():
    """P(word below) is the rate to the last bit, by hand on both sides of each edge."""
    high, low = 0x1234, 0x0000_00AB_CD00  # 53 bits: the rate is a double
    rate = (high * 2**48 + low) / 2**64
    first = [sum(h << 16 * i for i, h in enumerate((high - 1, high, high + 1, high)))]
    second = [(low - 1) << 16 | 0xFFFF, low << 16]
    taken = view._bernoulli(Words(first, second), 4, rate)
    assert taken.tolist() == [True, True, False, False]


@pytest.mark.statistical
@pytest.mark.parametrize("rate", [2.0**-14, 1e-3, 0.5, 0.999])
def test_coins_have_the_rate(monkeypatch, rate):
    monkeypatch.setattr(view, "_PIECE", 1 << 16)  # cross the borders of pieces
    rate, n = poisson.exact_rate(rate), 3_000_001
    taken = view._bernoulli(NoiseSource.insecure(4), n, rate)
    stddev = math.sqrt(n * rate * (1 - rate))
    assert abs(taken.sum() - n * rate) < 4 * stddev
    assert 3 * stddev < n * rate or rate < 1e-3  # 2/3 and 3/2 would be refused


def test_a_rate_of_one_takes_all_and_draws_nothing():
    assert view._bernoulli(Words(), 5, 1.0).all()


def test_ten_million_units_need_little_memory():
    noise = NoiseSource.insecure(0)
    tracemalloc.start()
    try:
        view._bernoulli(noise, 10_000_000, 0.02)
        _now, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 32e6


# Payment -----------------------------------------------------------------------------


def gradient_of(seed=1, scale=3.0):
    one = fit_vae.chunk_gradient(SHAPE, vae.VaeWeights(), 1.0)
    return partial(one, big_layers(scale), centroids_of(), jax.random.key(seed))


@pytest.mark.parametrize("k", [1, 3])
def test_the_event_says_what_is_done(k):
    codes = random_codes(12)
    border, tape = open_to(codes, units=np.arange(12) // k, k=k)
    sampling = sampling_of(border, rate=0.1, count=20, rho=0.002, bound=0.5)
    (event,) = border.ledger.events
    assert sampling.event is event
    assert event == PoissonGaussian(
        stage="s",
        what="w",
        sampling_rate=poisson.exact_rate(0.1),
        sensitivity=0.5 * k,
        noise_stddev=event.noise_stddev,
        count=20,
        slack=SLACK,
    )
    assert 0.99 * 0.002 < event.rho <= 0.002
    assert border.ledger.spent_rho == event.rho
    assert tape == [("event", event)]  # no row was read
    again = poisson.calibrate(event.sampling_rate, count=20, rho=0.002, slack=SLACK)
    assert event.noise_stddev == pytest.approx(0.5 * k * again, rel=1e-5)


def test_no_more_samples_than_were_paid_for():
    border, _tape = open_to(random_codes(9))
    sampling = sampling_of(border, count=2)
    for _ in range(2):
        noisy_sum(border, gradient_of(), sampling=sampling)
    with pytest.raises(BudgetError, match="2 samples"):
        noisy_sum(border, gradient_of(), sampling=sampling)
    copied = copy.copy(sampling)
    with pytest.raises(BudgetError):
        copied.draw()


def test_another_sampling_is_another_payment():
    border, _tape = open_to(random_codes(9))
    sampling = sampling_of(border, rho=0.9 * border.ledger.rho_cap)
    with pytest.raises(BudgetError):
        dataclasses.replace(sampling)
    with pytest.raises(dataclasses.FrozenInstanceError):
        sampling.event = None
    with pytest.raises(TypeError):
        pickle.dumps(sampling)
    with pytest.raises(TypeError):
        copy.deepcopy(sampling)
    assert len(border.ledger.events) == 1


def test_a_refused_sampling_reads_no_row():
    for reserved, rho in ((0.0, 0.001), (RESERVED, 5.0)):
        border, tape = border_of(random_codes(9), reserved_delta=reserved)
        with pytest.raises(BudgetError):
            sampling_of(border, rho=rho)
        assert tape == []


def test_rows_of_unknown_units_are_not_sampled():
    border, tape = open_to(random_codes(9), k=3)
    with pytest.raises(ConfigError, match="unit"):
        sampling_of(border)
    assert tape == []


def test_a_sum_has_one_noise_and_its_own_rows():
    border, tape = open_to(random_codes(9))
    other, _tape = open_to(random_codes(9))
    sampling = sampling_of(border)
    seen = len(tape)
    for home, facts in (
        (border, {}),
        (border, {"sampling": sampling, "noise_stddev": 1.0}),
        (other, {"sampling": sampling}),
    ):
        with pytest.raises(ConfigError):
            noisy_sum(home, gradient_of(), **facts)
    assert len(tape) == seen
    assert len(sampling.draw()) <= 9  # none of them used a sample up


# Sums --------------------------------------------------------------------------------


def count_rows(codes, mask):
    """A sum that counts: rows by their first code."""
    return jnp.zeros(SIZES[0]).at[codes[:, 0]].add(mask)


def test_the_sum_is_that_of_the_rows_drawn(drawn):
    codes = random_codes(100)
    border, _tape = open_to(codes, mute=True)
    sampling = sampling_of(border)
    sums = [noisy_sum(border, count_rows, sampling=sampling) for _ in range(5)]
    assert len({len(picked) for picked in drawn}) > 1
    for total, picked in zip(sums, drawn, strict=True):
        assert (total == np.bincount(codes[picked, 0], minlength=SIZES[0])).all()


@pytest.mark.statistical
def test_the_expected_sum_is_the_rate_times_the_full_one():
    codes = random_codes(200)
    full = np.bincount(codes[:, 0], minlength=SIZES[0])
    border, _tape = open_to(codes, mute=True)
    sampling = sampling_of(border, count=600)
    sums = [noisy_sum(border, count_rows, sampling=sampling) for _ in range(600)]
    stddev = np.sqrt(RATE * (1 - RATE) * full / 600)
    assert (np.abs(np.mean(sums, axis=0) - RATE * full) < 4 * stddev).all()
    assert np.var(sums, axis=0) == pytest.approx(RATE * (1 - RATE) * full, rel=0.25)


def distance_from_the_price(sums, rate, stddev):
    """Kolmogorov's distance from the distribution that the price is computed of."""
    x = np.sort(sums)
    expected = (1 - rate) * ndtr(x / stddev) + rate * ndtr((x - 1) / stddev)
    return np.abs(expected - (np.arange(len(x)) + 0.5) / len(x)).max()


@pytest.mark.statistical
def test_the_sum_of_one_unit_has_the_distribution_that_is_priced(monkeypatch):
    """White box: noise, rate and coins together, from outside, and not too little."""
    small_chunks(monkeypatch, 4)
    n, rate = 6000, 0.3
    border, _tape = open_to(random_codes(1), epsilon=10_000.0)
    rho = border.ledger.share(0.9)
    sampling = sampling_of(border, rate=rate, count=n, rho=rho)
    stddev = sampling.event.noise_stddev
    assert 0.4 < stddev < 0.7
    sums = [
        float(noisy_sum(border, lambda _c, mask: mask.sum(), sampling=sampling))
        for _ in range(n)
    ]
    assert distance_from_the_price(sums, rate, stddev) < 1.9 / math.sqrt(n)
    for wrong_rate, wrong_noise in ((0.2, 1), (0.45, 1), (rate, 1.5), (rate, 2 / 3)):
        wrong = distance_from_the_price(sums, wrong_rate, wrong_noise * stddev)
        assert wrong > 2.5 / math.sqrt(n)


def test_an_empty_sample_is_pure_noise():
    codes = random_codes(30)
    border, tape = open_to(codes)
    sampling = sampling_of(border, rate=1e-9, count=3)
    total = noisy_sum(border, gradient_of(), sampling=sampling)
    noise = np.concatenate([d.noise.ravel() for d in draws(tape)])
    assert (flat(total) == noise).all()
    assert (noise != 0).all()
    assert {d.stddev for d in draws(tape)} == {sampling.event.noise_stddev}


def test_an_empty_table_is_sampled_like_any_other():
    shapes = []
    for n in (0, 40):
        for units in (None, np.arange(n)):
            border, tape = open_to(random_codes(n), units=units)
            noisy_sum(border, gradient_of(), sampling=sampling_of(border))
            shapes.append([(d.kind, d.shape, d.stddev) for d in draws(tape)])
    assert all(shape == shapes[0] for shape in shapes)


@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_a_unit_moves_a_sum_by_its_event_whoever_else_is_drawn(scale, drawn):
    """The unit comes last, so that the same words decide about everybody else."""
    k, units = 3, units_of(30)
    codes = random_codes(len(units) + k)
    codes[-k:] = codes[-1]  # the worst: all rows of the unit are the same
    tables = (units, np.r_[units, np.full(k, 30)])
    moved = set()
    for seed in range(12):
        sums = []
        for owners in tables:
            table = codes[: len(owners)]
            border, _tape = open_to(table, units=owners, k=k, seed=seed, mute=True)
            sampling = sampling_of(border, rate=0.5, count=1)
            total = noisy_sum(border, gradient_of(scale=scale), sampling=sampling)
            sums.append(flat(total))
        here = drawn[-1] >= len(units)
        assert here.sum() in (0, k)
        assert (drawn[-1][~here] == drawn[-2]).all()
        check_within(*sums, sensitivity=sampling.event.sensitivity)
        assert (sums[0] != sums[1]).any() == here.any()
        moved.add(bool(here.any()))
    assert moved == {True, False}


# The fit -----------------------------------------------------------------------------

SAMPLED = {"steps": 6, "refreshes": 1, "most_row_steps": 40.0}


def sampled_fit(n=60, *, n_hat=50, **facts):
    units = facts.pop("units", None)
    border, tape = open_to(random_codes(n), units=units, **facts)
    with noisy_sums() as seen:
        average = run_vae(border, n_hat=n_hat, **SAMPLED)
    return border, tape, seen, average


def test_a_sampled_fit_pays_before_it_reads_and_draws_what_it_paid():
    border, tape, seen, average = sampled_fit()
    first, refresh = gaussian_events(tape)
    assert isinstance(first, PoissonGaussian)
    assert first.sampling_rate == poisson.exact_rate(40 / (50 * 6))
    assert (first.count, refresh.count) == (6, 2)
    assert len(seen) == 6 + 2
    assert 0.99 * 1e-7 < first.delta <= 1e-7
    assert 0.99 * 0.01 < border.ledger.spent_rho <= 0.01
    check_events_before_rows(tape)
    check_noise_matches_events(tape)
    check_noise_is_fresh(tape)
    assert np.isfinite(flat(average)).all()


def test_units_are_sampled_whole_inside_the_fit(drawn):
    units = units_of(40)
    border, *_ = sampled_fit(len(units), units=units, k=3)
    assert len(drawn) == 6
    check_whole_units(drawn, units)
    assert border.ledger.events[0].sensitivity == 3.0


def test_gradients_are_divided_by_the_expected_rows(monkeypatch):
    """By a number that hangs on the released count and constants alone."""
    means = []
    honest = fit_vae._descent

    def watched(facts):
        optimiser, update = honest(facts)

        def see(layers, state, average, mean):
            means.append(flat(mean))
            return update(layers, state, average, mean)

        return optimiser, see

    monkeypatch.setattr(fit_vae, "_descent", watched)
    _border, _tape, seen, _average = sampled_fit()
    steps = [total for total in seen if total.shape == means[0].shape]
    assert len(steps) == len(means) == 6
    for total, mean in zip(steps, means, strict=True):
        assert mean == pytest.approx(total / (50 * 40 / (50 * 6)), rel=1e-5)


def test_the_switch_hangs_on_the_released_count_alone():
    facts = config.VaeTraining(steps=150, most_row_steps=3e7)
    assert fit_vae.sampling_rate(facts, 200_000) == 1
    assert fit_vae.sampling_rate(facts, 200_001) < 1
    assert fit_vae.sampling_rate(facts, 2_000_000) == pytest.approx(0.1)
    events = []
    for n in (20, 90):
        _border, tape, *_ = sampled_fit(n)
        events.append(gaussian_events(tape))
    assert events[0] == events[1]
    border, _tape = open_to(random_codes(20))
    run_vae(border, n_hat=3, **SAMPLED)  # few rows on paper: full passes
    assert not any(isinstance(e, PoissonGaussian) for e in border.ledger.events)


def test_full_passes_stay_the_default():
    assert fit_vae.sampling_rate(training(), 100_000) == 1
    assert fit_vae.sampling_rate(config.VaeTraining(), 100_000) == 1
    assert fit_vae.sampling_rate(training(most_row_steps=math.inf), 10**9) == 1
    with pytest.raises(ConfigError):
        config.VaeTraining(most_row_steps=0)


def test_without_a_budget_the_same_samples_carry_no_noise():
    border, tape, seen, average = sampled_fit(epsilon=math.inf)
    assert [type(e) for e in border.ledger.events] == [NonPrivate] * 2
    assert all((d.noise == 0).all() for d in draws(tape))
    assert not border.ledger.statement().is_private
    assert len(seen) == 8
    again = sampled_fit(epsilon=math.inf, seed=1)[3]
    assert (flat(average) != flat(again)).any()  # other samples


def test_a_statement_of_a_sampled_fit_is_verified():
    """Written, read and checked by the second accountant."""
    codes = random_codes(80)
    ledger = Ledger(epsilon=1.0, delta=1e-5, reserved_delta=1e-7)
    border = Border(Sensitive(codes, sizes=SIZES), ledger, NoiseSource.secure())
    run_vae(border, rho=ledger.share(0.9), n_hat=80, **SAMPLED)
    data = json.loads(json.dumps(ledger.statement().to_dict()))
    found = verify(data)
    assert found.passed, found.checks
    assert 0.9 * 0.9 < found.recomputed < 1.0
