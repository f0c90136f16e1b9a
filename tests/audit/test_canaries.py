"""One run with canaries: sound as it is, loud without noise or with too little."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest

from fairveil.audit import canaries
from fairveil.audit.canaries import Game, audit_canaries, play
from fairveil.audit.transcript import LostError, Sum
from fairveil.privacy.noise import NoiseSource

pytestmark = pytest.mark.statistical
CANARIES = 400


@functools.cache
def control():
    return canaries.control(CANARIES, 1)


def audit(epsilon=1.0):  # 400 canaries can refute no larger one
    return audit_canaries(epsilon, canaries=CANARIES, seed=2, control=control())


def test_one_run_as_it_is():
    dependent, independent = audit()
    for found in (dependent, independent):
        assert found.faults == ()
        assert found.screams
        assert found.verdict == "no leak seen"
        assert found.runs == CANARIES
    assert independent.bound.estimate.low < independent.mu
    share = int(independent.remarks[0].split("%")[0].split()[-1])
    assert 60 < share <= 100  # the canaries see most of what is spent


def test_without_noise_every_coin_is_told():
    game = control()
    right = game.correct(CANARIES)
    assert right > 0.98 * CANARIES
    assert 0.3 < game.joined.mean() < 0.7


def test_too_little_noise_is_seen_by_both(monkeypatch):
    control()
    for kind in ("gaussian", "discrete_gaussian"):
        honest = getattr(NoiseSource, kind)
        monkeypatch.setattr(
            NoiseSource,
            kind,
            lambda self, shape, sd, honest=honest: honest(self, shape, 0.05 * sd),
        )
    for found in audit():
        assert found.verdict == "leak"


def test_a_fit_that_cannot_be_followed_is_a_leak(monkeypatch):
    control()

    def lost(*_args, **_more):
        raise LostError("so it is")

    monkeypatch.setattr(canaries, "play", lost)
    for found in audit():
        assert found.faults == ("so it is",)
        assert found.verdict == "leak"
    assert canaries.control(CANARIES, 1) is None


def test_the_surest_guesses_are_counted():
    game = Game(
        joined=np.array([True, False, True, False]),
        scores=np.array([5.0, 4.0, -0.1, -3.0]),
        mu=1.0,
        owned=1.0,
    )
    assert [game.correct(k) for k in (1, 2, 3, 4)] == [1, 1, 2, 2]


def test_more_coins_are_guessed_where_more_is_to_be_refuted():
    counts = [canaries.guesses_for_mu(3_000, mu) for mu in (0.1, 0.27, 0.93, 5.0)]
    assert counts == [150, 150, 600, 1_200]


def test_each_canary_owns_its_numbers():
    m = 5
    hist = np.arange(m + 1)
    assert canaries._own(hist, m).ravel().tolist() == [1, 2, 3, 4, 5]
    pair = np.arange(2 * (m + 1))
    assert canaries._own(pair, m).ravel().tolist() == [3, 5, 7, 9, 11]
    first = np.arange(2 * (m + 3)).reshape(m + 3, 2)
    assert canaries._own(first, m).tolist() == first[1 : m + 1].tolist()
    assert canaries._own(first.T, m).tolist() == first[1 : m + 1].tolist()
    assert canaries._own(np.zeros((4, 4)), m) is None


def test_scores_are_log_likelihood_ratios():
    m = 3
    nobody = np.array([7.0, 0.0, 0.0, 0.0])
    everyone = np.array([7.0, 1.0, 1.0, 1.0])
    noisy = np.array([7.0, 1.0, 0.5, -1.0])
    logs = [Sum("gaussian", exact, noisy, 2.0) for exact in (nobody, everyone)]
    scores, owned = canaries._scores(logs[:1], logs[1:], m)
    assert scores.tolist() == [0.125, 0.0, -0.375]
    assert owned.tolist() == [0.25] * 3


def test_real_coins_and_noise_by_default():
    games = [play(math.inf, canaries=CANARIES, seed=None) for _ in range(2)]
    assert (games[0].joined != games[1].joined).any()
    seeded = [play(math.inf, canaries=CANARIES, seed=4) for _ in range(2)]
    assert np.array_equal(seeded[0].joined, seeded[1].joined)
    assert np.array_equal(seeded[0].scores, seeded[1].scores)
