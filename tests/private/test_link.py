"""Rows in several processes, here within one: a link that asks lenders directly.

Real processes are in ``tests/test_hosts.py``.
"""

import math
from functools import partial

import jax
import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from border_tools import (
    SHAPE,
    TapeLedger,
    TapeNoise,
    big_layers,
    centroids_of,
    check_events_before_rows,
    check_noise_is_fresh,
    check_noise_matches_events,
    check_scale,
    check_within,
    draws,
    flat,
    frame_of,
    random_codes,
    run_clusters,
    run_vae,
    schema_of,
    small_chunks,
)

from fairveil.codec import Codec
from fairveil.errors import UnsupportedError
from fairveil.nn import vae
from fairveil.private import cluster, fit_vae, lend, step
from fairveil.private.intake import admit, recoded
from fairveil.private.link import Link, Question
from fairveil.private.measure import Counter
from fairveil.private.shared import SharedRaw, codec_of, encoding
from fairveil.schema import Column, Schema


class Direct(Link):
    """Asks lenders of this process; what is asked goes through bytes all the same."""

    def __init__(self, lenders, tape):
        self.index, self.number = 0, 1 + len(lenders)
        self.lenders, self.asked, self.tape = lenders, [], tape

    def together(self, question, own):
        self.asked.append(question.name)
        self.tape.append(("open",))
        packed = question.packed()
        total = [np.array(part, dtype=np.float64) for part in own()]
        for lender in self.lenders:
            answer = lender.answer(Question.unpacked(packed))
            assert [a.shape for a in answer] == [t.shape for t in total]
            total = [t + a for t, a in zip(total, answer, strict=True)]
        return total


@pytest.fixture(autouse=True)
def _cheap(monkeypatch, quick_compile):
    del quick_compile
    small_chunks(monkeypatch)


def table_of(codes):
    return nw.from_native(frame_of(codes), eager_only=True)


def shared(codes, parts, *, seed=0, mute=False, epsilon=1.0):
    """A border on rows that are split after these positions, its link and its tape."""
    first, *others = np.split(codes, parts)
    lenders = [lend._Lender(table_of(part), i + 1) for i, part in enumerate(others)]
    tape = []
    link = Direct(lenders, tape)
    gate, _n_hat = admit(
        table_of(first),
        unit=None,
        max_rows_per_unit=1,
        ledger=TapeLedger.make(tape, epsilon=epsilon, reserved_delta=1e-7),
        noise=TapeNoise.make(tape, seed=seed, mute=mute),
        rho=1e-3,
        link=link,
    )
    return gate.border(Codec.on_grid(schema_of())), link, tape


CODES = random_codes(90)
PARTS = ([], [40], [0], [90], [1, 2, 60])  # one process, and uneven ones, some empty


def released(parts, **more):
    border, _link, tape = shared(CODES, parts, seed=3, **more)
    counter = Counter(border)
    pair = counter.marginal((0, 2), rho=1e-3, stage="s", what="w").value
    layers = run_vae(border, n_hat=90, rho=0.01)
    mixture = run_clusters(border, layers=layers, rho=0.01)
    rest = [flat(layers), mixture.weights, mixture.means.ravel()]
    return pair.counts, np.concatenate(rest), tape


def test_the_releases_are_those_of_all_rows_in_one_process():
    counts, rest, tape = released([])
    for parts in PARTS[1:]:
        others, more, other = released(parts)
        assert counts.tolist() == others.tolist()
        assert np.abs(rest - more).max() < 1e-4
        noises = [
            [(d.kind, d.shape, d.stddev) for d in draws(t)] for t in (tape, other)
        ]
        assert noises[0] == noises[1]  # noise is drawn once, by the one that leads
        check_noise_is_fresh(other)
        check_noise_matches_events(other)
        assert [e for e in other if isinstance(e, tuple)] == [
            e for e in tape if isinstance(e, tuple)
        ]


def test_events_come_before_any_question():
    border, link, tape = shared(CODES, [40])
    check_events_before_rows(tape)
    del link.asked[:]
    with pytest.raises(Exception, match="budget"):
        Counter(border).marginal((0, 1), rho=10.0, stage="s", what="w")
    assert link.asked == []


def gradient():
    one = fit_vae.chunk_gradient(SHAPE, vae.VaeWeights(), 1.0)
    constants = fit_vae._constants(SHAPE, vae.VaeWeights(), 1.0)
    held = (big_layers(3.0), centroids_of(), jax.random.key(1))
    return step.NamedSum(one, fit_vae.GRADIENT, constants, held)


def moments():
    one = cluster._chunk_moments(SHAPE, second=True)
    held = (big_layers(2.0), centroids_of(), jax.random.key(1))
    constants = {**SHAPE.facts(), "second": True}
    return step.NamedSum(one, cluster.MOMENTS, constants, held)


def sums(codes, parts, made):
    border, _link, _tape = shared(codes, parts, mute=True)
    return flat(step.noisy_sum(border, made(), noise_stddev=1.0))


@pytest.mark.parametrize(("made", "bound"), [(gradient, 1.0), (moments, math.sqrt(3))])
def test_a_row_more_in_any_process_keeps_the_sensitivity(made, bound):
    whole = sums(CODES, [40], made)
    assert np.abs(whole - sums(CODES, [], made)).max() < 1e-4
    for gone, parts in ((0, [39]), (50, [40]), (89, [40])):
        check_within(sums(np.delete(CODES, gone, axis=0), parts, made), whole, bound)


def test_the_noise_is_added_once():
    true = sums(CODES, [40, 60], gradient)
    border, _link, _tape = shared(CODES, [40, 60], seed=8)
    errors = [
        flat(step.noisy_sum(border, gradient(), noise_stddev=20.0)) - true
        for _ in range(30)
    ]
    check_scale(np.concatenate(errors), 20.0)


def test_noise_of_every_process_is_caught(monkeypatch):
    honest = lend._Lender.answer

    def noisy(self, question):
        answer = honest(self, question)
        if question.name != "sum":
            return answer
        return [a + self._noise.gaussian(a.shape, 20.0) for a in answer]

    monkeypatch.setattr(lend._Lender, "answer", noisy)
    with pytest.raises(AssertionError):
        test_the_noise_is_added_once()


def test_recoding_reaches_every_row():
    border, _link, _tape = shared(CODES, [30], mute=True)
    labels = [None, None, np.array([0, 0, 1, 1])]
    found = recoded(border, labels, (3, 2, 2))
    counts = Counter(found).marginal((2,), rho=1e-3, stage="s", what="w").value.counts
    assert counts.tolist() == np.bincount(CODES[:, 2] // 2).tolist()


def test_public_grids_reach_every_process():
    column = Column(
        name="age", kind="numeric", dtype="float64", lower=0.5, upper=9.0, decimals=1
    )
    codec = Codec.on_grid(Schema(columns=(column,), declared_by="a test"), 8)
    made = codec_of(Question.unpacked(encoding(codec).packed()))
    ages = pd.DataFrame({"age": np.linspace(0, 10, 40)})
    cells = nw.from_native(ages, eager_only=True)
    assert (made.encode(cells) == codec.encode(cells)).all()
    assert made.sizes == codec.sizes
    assert made.schema == codec.schema


# Samples -----------------------------------------------------------------------------


def test_each_process_draws_coins_for_its_own_rows(monkeypatch):
    """All rows take part at the rate and independently, whoever holds them."""
    taken = []
    honest = step.sum_of

    def watched(codes, chunk_sum, picked=None):
        mask = np.zeros(len(codes), dtype=bool)
        mask[picked] = True
        taken.append(mask)
        return honest(codes, chunk_sum, picked)

    monkeypatch.setattr(step, "sum_of", watched)
    monkeypatch.setattr(lend, "sum_of", watched)
    border, _link, _tape = shared(CODES, [40], epsilon=math.inf)
    times, rate = 150, 0.25
    sampling = border.poisson(
        "s", "w", bound=1.0, rho=1.0, count=times, sampling_rate=rate, slack=1e-8
    )
    made = gradient()
    for _ in range(times):
        step.noisy_sum(border, made, sampling=sampling)
    masks = np.array(
        [np.r_[a, b] for a, b in zip(taken[::2], taken[1::2], strict=True)]
    )
    assert masks.shape == (times, 90)
    stddev = math.sqrt(rate * (1 - rate))
    assert abs(masks.mean() - rate) < 4 * stddev / math.sqrt(masks.size)
    each = (masks.mean(axis=0) - rate) * math.sqrt(times) / stddev
    assert np.abs(each).max() < 5
    # the sizes vary as sums of coins: no process fixes its part
    for part in (masks[:, :40], masks[:, 40:]):
        spread = part.sum(axis=1).var() / (part.shape[1] * rate * (1 - rate))
        assert 0.5 < spread < 1.7
    both = np.corrcoef(masks[:, :40].sum(axis=1), masks[:, 40:].sum(axis=1))[0, 1]
    assert abs(both) < 5 / math.sqrt(times)


def test_debugging_seeds_of_two_processes_differ():
    _border, link, _tape = shared(CODES, [40, 60], seed=5)
    seeds = {lender._noise.insecure_seed for lender in link.lenders}
    assert len(seeds | {5}) == 3


def test_without_a_debugging_seed_nothing_repeats():
    lender = lend._Lender(table_of(CODES), 1)
    lender.answer(Question("count", {"seed": None}))
    assert lender._noise.insecure_seed is None


# What is refused ---------------------------------------------------------------------


def test_cells_are_not_discovered():
    border, link, _tape = shared(CODES, [40])
    del border
    raw = lend._Lender(table_of(CODES), 1)._raw
    with pytest.raises(UnsupportedError, match="schema"):
        SharedRaw(raw, link, TapeNoise.make()).cells("c0")


def test_a_sum_without_a_name_is_refused_before_it_is_noised():
    border, _link, tape = shared(CODES, [40])
    before = len(draws(tape))
    with pytest.raises(TypeError, match="name"):
        step.noisy_sum(border, partial(gradient()), noise_stddev=1.0)
    assert len(draws(tape)) == before


def test_questions_hold_no_pickle_and_no_row():
    border, link, _tape = shared(CODES, [40], mute=True)
    seen = []
    honest = link.together

    def watched(question, own):
        seen.append(question.packed())
        return honest(question, own)

    link.together = watched
    run_clusters(border)
    Counter(border).marginal((0, 1, 2), rho=1e-3, stage="s", what="w")
    assert len(seen) > 2
    for packed in seen:
        arrays = Question.unpacked(packed).arrays  # loads with allow_pickle=False
        assert all(
            len(CODES) not in a.shape and 40 not in a.shape for a in arrays.values()
        )
