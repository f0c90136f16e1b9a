"""Whole fits of the worst pair: sound as they are, and loud about what is planted."""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np
import pytest
from scipy.stats import norm

from fairveil import chain
from fairveil._types import Released
from fairveil.audit import worst_case
from fairveil.audit.transcript import Choice, Sum
from fairveil.privacy.noise import NoiseSource
from fairveil.private import fit_vae, measure, step

pytestmark = pytest.mark.statistical
RUNS = 28  # 18 of them are judged: they can prove .7
EPSILON = 0.2


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch):
    monkeypatch.setattr(step, "CHUNK", 512)


@functools.cache
def control():
    return worst_case.fit_pairs(math.inf, runs=RUNS, seed=1)


def judged(attacker, runs=RUNS):
    """A finding of an attacker who sees no sampled rows: none are made for him."""
    assert attacker in ("transcript", "model")
    blank = np.zeros((worst_case._RELEASED_ROWS, len(worst_case.SIZES)), np.int32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worst_case, "_release", lambda _bundle, _seed: blank)
        fits = worst_case.fit_pairs(EPSILON, runs=runs, seed=2)
    return worst_case.judge(attacker, fits, control())


def test_fits_as_they_are():
    control()  # it is made without any planted bug
    seen = []
    fits = worst_case.fit_pairs(
        EPSILON,
        runs=RUNS,
        seed=2,
        progress=lambda done, all_: seen.append((done, all_)),
    )
    assert seen == [(i + 1, 2 * RUNS) for i in range(2 * RUNS)]
    for attacker in worst_case.ATTACKERS:
        found = worst_case.judge(attacker, fits, control())
        assert (found.verdict, found.faults) == ("no leak seen", ())
        assert found.runs == RUNS
        assert found.bound.epsilon_most > EPSILON
        assert found.control.epsilon > EPSILON
    assert fits.heard.shape == (2 * RUNS,)
    assert (fits.heard > 0.9 * fits.mu).all()  # the pair is nearly the worst there is
    assert (fits.heard <= fits.mu).all()
    remark = worst_case.judge("transcript", fits, control()).remarks[0]
    assert "of the stated mu" in remark


def test_redrawn_finds_what_is_stated():
    found = worst_case.redrawn(4.0, draws=6_000, seed=3)
    assert (found.verdict, found.faults) == ("pass", ())
    assert found.screams
    assert 0.8 * found.mu < found.bound.estimate.value < 1.1 * found.mu


def scaled(monkeypatch, factor):
    for kind in ("gaussian", "discrete_gaussian"):
        honest = getattr(NoiseSource, kind)
        monkeypatch.setattr(
            NoiseSource,
            kind,
            lambda self, shape, sd, honest=honest: honest(self, shape, factor * sd),
        )


@pytest.mark.parametrize(
    ("factor", "verdict"), [(0.1, "leak"), (0.5, "leak"), (2.0, "waste")]
)
def test_redrawn_sees_noise_of_another_size(monkeypatch, factor, verdict):
    scaled(monkeypatch, factor)
    assert worst_case.redrawn(4.0, draws=6_000, seed=3).verdict == verdict


def test_the_transcript_betrays_noise_all_but_gone(monkeypatch):
    control()
    scaled(monkeypatch, 0.01)
    found = judged("transcript")
    assert found.bound.mu > found.mu
    assert found.verdict == "leak"


def test_a_row_that_counts_twice_is_heard_without_luck(monkeypatch):
    """No statistics: the exact answers move by more than was paid for."""
    control()
    honest = measure.histograms

    def twice(*args):
        return [2 * counts for counts in honest(*args)]

    monkeypatch.setattr(measure, "histograms", twice)
    found = judged("transcript", runs=3)
    assert found.verdict == "leak"
    assert "the ledger was charged" in found.faults[0]


def test_a_selection_that_pays_half_is_heard(monkeypatch):
    control()
    honest = chain.Counter.select

    def cheap(self, candidates, predicted, **more):
        source = self._border.noise
        pick = source.exponential_mechanism

        def bold(scores, *, sensitivity, e):
            return pick(scores, sensitivity=sensitivity, e=400 * e)

        source.exponential_mechanism = bold
        out = honest(self, candidates, predicted, **more)
        source.exponential_mechanism = pick
        return out

    monkeypatch.setattr(chain.Counter, "select", cheap)
    assert judged("transcript", runs=10).faults


def test_marginals_that_bypass_the_noise_are_in_the_model(monkeypatch):
    control()
    honest = chain.Counter.marginal

    def leaky(self, columns, **more):
        out = honest(self, columns, **more).value
        exact = self._histogram(columns)
        return Released(dataclasses.replace(out, counts=exact), ())

    monkeypatch.setattr(chain.Counter, "marginal", leaky)
    found = judged("model")
    assert found.verdict == "leak"
    assert found.bound.epsilon > EPSILON


def test_a_known_row_count_is_in_the_model(monkeypatch):
    control()
    honest = chain.admit

    def exact(table, **more):
        gate, _noisy = honest(table, **more)
        return gate, Released(len(table), ())

    monkeypatch.setattr(chain, "admit", exact)
    assert judged("model").verdict == "leak"


def test_raw_latents_in_the_mixture_are_in_the_model(monkeypatch):
    """The mean of the mixture is that of the real rows' latents, without noise."""
    control()
    honest = chain.fit_mixture

    def raw(border, **more):
        mixture = honest(border, **more).value
        codes = border.rows.unwrap()
        means = np.full_like(mixture.means, codes.mean())
        return Released(dataclasses.replace(mixture, means=means), ())

    monkeypatch.setattr(chain, "fit_mixture", raw)
    assert judged("model").verdict == "leak"


def test_a_history_that_branches_on_rows_is_a_fault(monkeypatch):
    control()
    honest = chain.measured

    def branching(border, *args, settings, **more):
        rounds = 3 if len(border.rows.unwrap()) > 4 else 2
        measuring = dataclasses.replace(
            settings.measuring, least_rounds=rounds, most_rounds=rounds
        )
        settings = dataclasses.replace(settings, measuring=measuring)
        return honest(border, *args, settings=settings, **more)

    monkeypatch.setattr(chain, "measured", branching)
    found = judged("transcript", runs=2)
    assert found.verdict == "leak"
    assert "depend" in found.faults[0]


def test_steps_without_noise_are_a_fault_of_the_redrawn_fit(monkeypatch):
    honest, calls = fit_vae.noisy_sum, []

    def lazy(border, chunk_sum, **more):
        calls.append(1)
        if len(calls) % 2:
            return honest(border, chunk_sum, **more)
        codes, mask = next(step.chunks(border.rows.unwrap()))
        sums = chunk_sum(codes, mask)
        return {
            layer: {name: np.asarray(a, float) for name, a in parts.items()}
            for layer, parts in sums.items()
        }

    monkeypatch.setattr(fit_vae, "noisy_sum", lazy)
    found = worst_case.redrawn(1.0, draws=2_000, seed=1)
    assert found.verdict == "leak"
    assert "with noise" in found.faults[0]


def test_an_audit_without_its_control_is_too_weak():
    fits = worst_case.fit_pairs(EPSILON, runs=12, seed=2)
    assert worst_case.judge("rows", fits, None).verdict == "too weak to tell"
    few = worst_case.fit_pairs(math.inf, runs=5, seed=2)
    weak = worst_case.judge("transcript", dataclasses.replace(fits, epsilon=9.0), few)
    assert weak.control.epsilon < 9.0


def test_what_is_heard_of_both_kinds():
    outside = [Sum("gaussian", np.zeros(2), np.zeros(2), 2.0)]
    inside = [Sum("gaussian", np.array([6.0, 8.0]), np.zeros(2), 2.0)]
    assert worst_case._heard(outside, inside) == pytest.approx(5.0)
    outside = [Choice(np.array([0.0, 1.0]), 0, 0.5)]
    inside = [Choice(np.array([1.0, 0.0]), 0, 0.5)]
    mu = worst_case._heard(outside, inside)
    # the scores part by .5 twice: bounded range 1, randomised response at 1 / 2
    assert mu == pytest.approx(2 * norm.ppf(1 / (1 + math.exp(-0.5))), rel=1e-6)
    assert worst_case._heard(inside, inside) == 0.0
