"""Scores of a selection against a slow twin: each candidate pays for its own noise."""

import math

import numpy as np
import pytest
from border_tools import SIZES, border_of, random_codes

from fairveil.marginals import cells, histogram
from fairveil.privacy.gdp import discrete_stddev
from fairveil.private.measure import Counter

EVERY = [(0,), (1, 2), (0, 2), (0, 1, 2)]
PRICES = {(0,): 1e-4, (1, 2): 0.01, (0, 2): 1e-3, (0, 1, 2): 0.3}


def scored(k=1, prices=PRICES, candidates=EVERY, n_hat=33):
    """The scores that a choice is made by, and the marginal that it takes."""
    rng = np.random.default_rng(1)
    model = {q: rng.dirichlet(np.ones(cells(SIZES, q))) for q in EVERY}
    border, tape = border_of(random_codes(30), k=k, mute=True)
    counter = Counter(border)
    picked = counter.select(
        candidates, model, n_hat=n_hat, rho=0.01, measure_rho=prices, stage="s"
    ).value
    ((_label, scores, _sensitivity, _e),) = [
        entry for entry in tape if isinstance(entry, tuple) and entry[0] == "scores"
    ]
    return scores, picked, model


@pytest.mark.parametrize("k", [1, 3])
def test_scores_are_the_error_beyond_the_noise_of_the_price(k):
    scores, _picked, model = scored(k)
    for q, score in zip(EVERY, scores, strict=True):
        true = histogram(random_codes(30), SIZES, q)
        error = sum(abs(t - 33 * p) for t, p in zip(true, model[q], strict=True))
        noise = discrete_stddev(k, PRICES[q]) * math.sqrt(2 / math.pi)
        assert score == pytest.approx(error - noise * cells(SIZES, q), rel=1e-9)


def test_a_dearer_measurement_is_more_worth_having():
    before, *_ = scored()
    after, *_ = scored(prices={**PRICES, (1, 2): 0.04})
    assert after[1] > before[1] + 1
    np.testing.assert_array_equal(np.delete(after, 1), np.delete(before, 1))


def test_scores_do_not_hang_on_the_order_of_the_candidates():
    turned, *_ = scored(candidates=EVERY[::-1])
    np.testing.assert_array_equal(turned[::-1], scored()[0])


def test_without_a_budget_the_worst_is_taken():
    scores, _picked, model = scored(prices=dict.fromkeys(EVERY, math.inf))
    border, _tape = border_of(random_codes(30), epsilon=math.inf)
    picked = Counter(border).select(
        EVERY,
        model,
        n_hat=33,
        rho=math.inf,
        measure_rho=dict.fromkeys(EVERY, math.inf),
        stage="s",
    )
    assert picked.value == EVERY[int(np.argmax(scores))]
    assert min(scores) > 0  # no noise is taken off
