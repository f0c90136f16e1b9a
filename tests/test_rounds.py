"""Adaptive rounds: what they may spend, what they look at, and what they find."""

import dataclasses
import math
import time

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats
from scipy.optimize import minimize

from fairveil import _rounds, config
from fairveil.audit.transcript import Recorder, Replayer
from fairveil.marginals import Marginal, cells, histogram
from fairveil.privacy.events import Exponential
from fairveil.privacy.ledger import Ledger
from fairveil.privacy.noise import NoiseSource
from fairveil.private.measure import Counter
from fairveil.private.view import Border, Sensitive

SIZES = (2, 3, 4, 2)


def fit_of(rounds=4, **changes):
    """Settings with about that many rounds, and a small pool."""
    facts = {"rounds": rounds, "least_rounds": rounds, "most_rounds": rounds}
    wish = config.Measuring(**{"pool": 2000, **facts, **changes})
    return config.Fit(measuring=wish)


def codes_of(n=500, sizes=SIZES, seed=0):
    """Rows whose last column follows the first ones."""
    rng = np.random.default_rng(seed)
    codes = np.stack([rng.integers(0, s, n) for s in sizes], axis=1)
    if len(sizes) > 2:
        parity = codes[:, 0] + codes[:, 1]
        codes[:, -1] = np.where(rng.random(n) < 0.9, parity % sizes[-1], codes[:, -1])
    return codes.astype(np.int32)


def border_of(codes, sizes=SIZES, epsilon=1.0, noise=None):
    ledger = Ledger(epsilon=epsilon, delta=1e-5)
    rows = Sensitive(codes, sizes=sizes)
    return Border(rows, ledger, noise or NoiseSource.insecure(4))


def singles_of(codes, sizes=SIZES, noise_stddev=1.0):
    """One-ways as if released; the rounds do not measure them."""
    return [
        Marginal((j,), histogram(codes, sizes, (j,)).astype(float), noise_stddev)
        for j in range(len(sizes))
    ]


def quiet(_stage, _done, _total):
    return


def run(border, singles, fit=None, n_hat=500, progress=quiet, groups=()):
    return _rounds.measured(
        border,
        singles,
        settings=fit or fit_of(),
        n_hat=n_hat,
        groups=groups,
        progress=progress,
    )


# --- a budget set apart for groups -------------------------------------------------


def test_wide_tables_are_measured_in_seconds():
    """3,000 columns and few rows: nothing is listed that grows with their square."""
    sizes = (2, 3) * 1500
    codes = codes_of(40, sizes)
    began = time.process_time()
    found, rows = run(
        border_of(codes, sizes),
        singles_of(codes, sizes),
        fit_of(1, settling=0, inner=1, pool=500),
    )
    assert time.process_time() - began < 60.0
    assert {len(m.columns) for m in found} <= {2, 3}
    assert len(found) >= 1
    assert rows.shape == (500, 3000)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.8])
def test_pairs_of_a_group_are_measured_first_out_of_their_share(share):
    codes = codes_of()
    border, fit = border_of(codes), fit_of(group_share=share)
    found, _rows = run(border, singles_of(codes), fit, groups=(1,))
    events = border.ledger.events
    named = [e for e in events if "groups" in e.what]
    if not share:
        assert not named
        return
    pairs = [m.columns for m in found[: len(named)]]
    assert sorted(pairs) == [(0, 1), (1, 2), (1, 3)]
    assert events[: len(named)] == tuple(named)  # before anything is selected
    spent = sum(e.rho for e in named) / border.ledger.rho_cap
    assert spent == pytest.approx(share * fit.split.marginals, rel=1e-3)
    whole = sum(e.rho for e in events) / border.ledger.rho_cap
    assert whole <= fit.split.marginals + fit.split.selection
    assert whole > 0.98 * (fit.split.marginals + fit.split.selection)
    for marginal, event in zip(found, named, strict=False):
        assert event.rho >= 0.5 / marginal.noise_stddev**2 * (1 - 1e-9)
    later = [m.columns for m in found[len(named) :]]
    assert not set(later) & set(pairs)


def test_groups_are_measured_where_no_round_is_planned():
    codes = codes_of()
    border = border_of(codes)
    fit = fit_of(rounds=0, group_share=0.3)
    found, _rows = run(border, singles_of(codes), fit, groups=(1,))
    assert sorted(m.columns for m in found) == [(0, 1), (1, 2), (1, 3)]


def test_a_table_of_two_columns_has_nothing_to_set_apart():
    codes = codes_of(sizes=(2, 3))
    border = border_of(codes, (2, 3))
    fit = fit_of(rounds=1, group_share=0.5)
    found, _rows = run(border, singles_of(codes, (2, 3)), fit, groups=(0,))
    assert [m.columns for m in found] == [(0, 1)]


def test_every_pair_of_a_group_is_measured_however_few_are_candidates():
    codes = codes_of()
    border = border_of(codes)
    fit = fit_of(group_share=0.3, most_pairs=1, most_triples=2)
    found, _rows = run(border, singles_of(codes), fit, groups=(1,))
    named = [e for e in border.ledger.events if "groups" in e.what]
    assert [m.columns for m in found[: len(named)]] == [(0, 1), (1, 2), (1, 3)]


# --- the budget --------------------------------------------------------------------


@st.composite
def plans(draw):
    """Sizes of candidates, shares, and settings of the prices."""
    sizes = tuple(draw(st.lists(st.integers(2, 60), min_size=2, max_size=6)))
    selection = draw(st.floats(0.001, 0.4))
    marginals = draw(st.floats(0.001, 0.5))
    split = config.Split(
        rows=0.01,
        single=0.01,
        vae=0.01,
        clusters=0.97 - selection - marginals,
        selection=selection,
        marginals=marginals,
    )
    wish = config.Measuring(
        cell_exponent=draw(st.floats(0, 1)), price_span=draw(st.floats(1, 50))
    )
    return sizes, config.Fit(split=split, measuring=wish), draw(st.integers(1, 40))


def candidates_of(sizes, wish=None):
    loose = config.Measuring(triple_cells=10**9, pair_cells=10**9, most_triples=10**6)
    return _rounds._candidates(sizes, wish or loose, NoiseSource.insecure(1))


def granted(budget, candidates, order):
    """Parts given to measurements, candidate by candidate, until it is closed."""
    parts, left = [], list(candidates)
    while left and budget.open:
        picked = left.pop(order.integers(len(left)))
        parts.append((picked, budget.granted(picked, last=not left)))
    return parts


@settings(max_examples=200)
@given(plans(), st.integers(0, 1000))
def test_the_rounds_spend_their_parts_and_no_more(plan, seed):
    sizes, fit, rounds = plan
    candidates = candidates_of(sizes)
    rounds = min(rounds, len(candidates))
    budget = _rounds.Budget(fit, candidates, sizes, rounds)
    whole = fit.split.selection + fit.split.marginals
    parts = granted(budget, candidates, np.random.default_rng(seed))
    spent = math.fsum(p for _q, p in parts) + len(parts) * budget.choice
    assert parts
    assert all(0 < part <= whole for _q, part in parts)
    assert max(budget.price.values()) <= whole <= 1  # a price can be asked for
    assert spent <= whole
    assert spent > whole * (1 - 1e-6)  # and nothing is left lying


@settings(max_examples=100)
@given(plans(), st.integers(0, 1000))
def test_a_price_is_paid_until_the_rest_goes_to_the_last(plan, seed):
    sizes, fit, rounds = plan
    candidates = candidates_of(sizes)
    budget = _rounds.Budget(fit, candidates, sizes, min(rounds, len(candidates)))
    parts = granted(budget, candidates, np.random.default_rng(seed))
    for picked, part in parts[:-1]:
        assert part == pytest.approx(budget.price[picked], rel=1e-6)


def test_the_last_candidate_gets_all_that_is_left():
    fit, candidates = fit_of(), candidates_of((2, 2, 2))
    budget = _rounds.Budget(fit, candidates, (2, 2, 2), rounds=40)
    parts = granted(budget, candidates, np.random.default_rng(0))
    assert len(parts) == len(candidates) == 4
    whole = fit.split.selection + fit.split.marginals
    assert parts[-1][1] > 0.8 * whole


@pytest.mark.parametrize("sizes", [(2, 3, 4), (2, 20, 30), (5, 5, 5, 7)])
def test_prices_make_the_summed_noise_least(sizes):
    """Against a general minimiser, which knows nothing of the power."""
    fit = fit_of(cell_exponent=2 / 3, price_span=1e3)
    candidates = candidates_of(sizes)
    budget = _rounds.Budget(fit, candidates, sizes, rounds=40)
    prices = np.array([budget.price[q] for q in candidates])
    size = np.array([cells(sizes, q) for q in candidates], dtype=float)

    def noise(parts):  # of a marginal: a Gaussian of variance 1 / (2 part) per cell
        return float((size / np.sqrt(2 * parts)).sum())

    whole = prices.sum()
    best = minimize(
        lambda logs: np.log(noise(whole * np.exp(logs) / np.exp(logs).sum())),
        np.zeros(len(size)),
        method="BFGS",
        options={"gtol": 1e-9},
    ).x
    shares = np.exp(best) / np.exp(best).sum()
    np.testing.assert_allclose(prices / whole, shares, rtol=1e-3)
    even = np.full(len(size), whole / len(size))
    assert noise(prices) < noise(even)


@given(plans())
def test_prices_lie_within_their_span(plan):
    sizes, fit, rounds = plan
    candidates = candidates_of(sizes)
    budget = _rounds.Budget(fit, candidates, sizes, rounds)
    middle, span = fit.split.marginals / rounds, fit.measuring.price_span
    assert budget.price.keys() == set(candidates)
    by_size = sorted(candidates, key=lambda q: cells(sizes, q))
    prices = np.array([budget.price[q] for q in by_size])
    assert (np.diff(prices) >= -1e-12).all()  # more cells, no lower price
    assert prices.min() >= min(middle / span, fit.split.marginals) * (1 - 1e-9)
    assert prices.max() <= middle * span * (1 + 1e-9)
    assert budget.choice == pytest.approx(fit.split.selection / rounds)


@given(
    st.lists(st.integers(1, 10**6), min_size=1, max_size=80),
    st.floats(0, 1),
    st.floats(1, 50),
)
def test_shares_by_cells_are_parts_of_one_budget(size, power, span):
    wish = config.Measuring(cell_exponent=power, price_span=span)
    shares = _rounds.shares_by_cells(size, wish)
    assert shares.shape == (len(size),)
    assert (shares > 0).all()
    assert math.fsum(shares) == pytest.approx(1.0, rel=1e-12)
    order = np.argsort(size, kind="stable")
    assert (np.diff(shares[order]) >= -1e-15).all()  # more cells, no smaller part
    assert shares.max() <= shares.min() * span**2 * (1 + 1e-9)


def test_shares_by_cells_follow_the_power():
    wish = config.Measuring(cell_exponent=2 / 3, price_span=1e3)
    shares = _rounds.shares_by_cells([1, 8, 64], wish)
    np.testing.assert_allclose(shares, np.array([1, 4, 16]) / 21)
    even = config.Measuring(cell_exponent=0.0)
    np.testing.assert_allclose(_rounds.shares_by_cells([2, 500], even), [0.5, 0.5])


@given(
    st.floats(1e-6, 1e3),
    st.integers(1, 10**9),
    st.floats(0, 1),
    st.integers(0, 20),
    st.integers(0, 60),
)
def test_planned_rounds_grow_with_the_signal_inside_their_bounds(
    rho, n, power, least, more
):
    wish = config.Measuring(
        rounds=20, rounds_exponent=power, least_rounds=least, most_rounds=least + more
    )
    few, many = _rounds.rounds_of(wish, rho, n), _rounds.rounds_of(wish, 4 * rho, n)
    assert least <= few <= many <= least + more
    assert _rounds.rounds_of(wish, rho, 2 * n) == many  # twice the signal as well
    at = wish.reference_signal
    assert _rounds.rounds_of(wish, 0.5, round(at)) == np.clip(20, least, least + more)


def test_without_a_budget_as_many_rounds_as_allowed():
    wish = config.Measuring(rounds_exponent=0.5, most_rounds=77)
    assert _rounds.rounds_of(wish, math.inf, 1) == 77


# --- what is a candidate -----------------------------------------------------------


def test_candidates_are_small_enough():
    wish = config.Measuring(pair_cells=8, triple_cells=16)
    found = candidates_of(SIZES, wish)
    assert found == [(0, 1), (0, 2), (0, 3), (1, 3), (2, 3), (0, 1, 3), (0, 2, 3)]


def test_of_too_many_triples_a_random_part_is_taken():
    sizes, wish = (2,) * 9, config.Measuring(most_triples=10)
    seen = set()
    for seed in range(5):
        found = _rounds._candidates(sizes, wish, NoiseSource.insecure(seed))
        triples = tuple(q for q in found if len(q) == 3)
        assert len(set(triples)) == 10
        assert len(found) == 36 + 10
        seen.add(triples)
    assert len(seen) == 5


# --- whole runs --------------------------------------------------------------------


@pytest.mark.parametrize("epsilon", [0.1, 1.0, 8.0])
def test_the_ledger_is_charged_the_two_shares(epsilon):
    border, fit = border_of(codes_of(), epsilon=epsilon), fit_of()
    found, _codes = run(border, singles_of(codes_of()), fit)
    ledger = border.ledger
    share = fit.split.selection + fit.split.marginals
    assert ledger.spent_rho <= ledger.share(share)
    assert ledger.spent_rho > 0.995 * ledger.share(share)
    choices = [e for e in ledger.events if isinstance(e, Exponential)]
    assert len(choices) == len(found)
    assert len(ledger.events) == 2 * len(found)  # each is chosen, then measured
    assert {e.stage for e in ledger.events} == {"marginals"}
    assert len({m.columns for m in found}) == len(found)  # none twice


def watched(monkeypatch):
    """What each selection is given, as the border sees it."""
    seen, honest = [], Counter.select

    def select(self, candidates, predicted, **facts):
        known = {q: predicted[q].tobytes() for q in candidates}
        prices = {q: facts["measure_rho"][q] for q in candidates}
        seen.append((list(candidates), known, prices, facts["rho"], facts["n_hat"]))
        return honest(self, candidates, predicted, **facts)

    monkeypatch.setattr(Counter, "select", select)
    return seen


def test_nothing_but_the_answers_depends_on_the_rows(monkeypatch):
    """Two tables that share no rows, under the same noisy answers."""
    wish = fit_of(most_triples=2)
    record, singles = Recorder.of(3), singles_of(codes_of())
    seen = watched(monkeypatch)
    border = border_of(codes_of(), noise=record)
    found, codes = run(border, singles, wish)
    first, others = list(seen), (codes_of(90, seed=8), np.zeros((700, 4), np.int32))
    for other in others:
        seen.clear()
        replay = Replayer.of(record)
        far = border_of(other, noise=replay)
        again, same = run(far, singles, wish)
        replay.finished()
        assert far.ledger.events == border.ledger.events
        assert seen == first
        np.testing.assert_array_equal(same, codes)
        assert [m.columns for m in again] == [m.columns for m in found]
        for one, two in zip(found, again, strict=True):
            np.testing.assert_array_equal(one.counts, two.counts)


def chained(n=4000, width=9, seed=0):
    """Strongly dependent columns first; the last three follow them weakly."""
    rng = np.random.default_rng(seed)
    codes = np.empty((n, width), np.int32)
    codes[:, 0] = rng.integers(0, 4, n)
    for j in range(1, width):
        strong = 0.95 if j < width - 3 else 0.25
        kept = rng.random(n) < strong
        codes[:, j] = np.where(kept, codes[:, 0], rng.integers(0, 4, n))
    return codes


def test_the_last_rounds_reach_columns_that_no_round_measured(monkeypatch):
    sizes, fit = (4,) * 9, fit_of(rounds=7, cell_exponent=0.0)
    found, _rows = run(
        border_of(chained(), sizes), singles_of(chained(), sizes), fit, n_hat=4000
    )
    assert {j for one in found for j in one.columns} == set(range(9))
    monkeypatch.setattr(_rounds, "_offered", lambda candidates, *_: candidates)
    found, _rows = run(
        border_of(chained(), sizes), singles_of(chained(), sizes), fit, n_hat=4000
    )
    assert len({j for one in found for j in one.columns}) < 9  # left alone before


def test_all_is_offered_while_rounds_are_plenty_and_the_unseen_at_the_end():
    chosen = [Marginal(q, np.ones(4), 1.0) for q in ((0, 1), (1, 2))]
    candidates = [(0, 2), (0, 3), (1, 4), (3, 4)]
    for left, wanted in ((9, candidates), (2.5, candidates), (2, candidates[1:])):
        assert list(_rounds._offered(candidates, chosen, left)) == wanted
    assert list(_rounds._offered([(0, 2)], chosen, 0.2)) == [(0, 2)]  # 3, 4: too large


def test_each_candidate_is_judged_by_its_own_price(monkeypatch):
    """And what is picked is measured under the price it was judged by."""
    seen = watched(monkeypatch)
    border, fit = border_of(codes_of()), fit_of(cell_exponent=2 / 3)
    found, _codes = run(border, singles_of(codes_of()), fit)
    budget = _rounds.Budget(
        fit, candidates_of(SIZES, fit.measuring), SIZES, fit.measuring.rounds
    )
    whole = border.ledger.rho_cap
    paid = [e.rho for e in border.ledger.events if not isinstance(e, Exponential)]
    for (candidates, _known, prices, rho, _n), one in zip(seen, found, strict=True):
        assert one.columns in candidates
        for q in candidates:
            assert prices[q] == pytest.approx(budget.price[q] * whole)
        assert rho == pytest.approx(budget.choice * whole)
    for (_c, _k, prices, _r, _n), one, rho in zip(
        seen[:-1], found[:-1], paid[:-1], strict=True
    ):
        assert rho == pytest.approx(prices[one.columns], rel=1e-3)
    assert len(set(seen[0][2].values())) > 3  # the prices do differ


def test_without_a_budget_all_is_exact_and_the_joint_is_found():
    codes = codes_of(5000)
    border = border_of(codes, epsilon=math.inf)
    fit = fit_of(rounds=8, pool=20_000, inner=4)
    found, rows = run(border, singles_of(codes), fit, n_hat=5000)
    assert not border.ledger.private
    for one in found:
        assert one.noise_stddev == 0
        np.testing.assert_array_equal(one.counts, histogram(codes, SIZES, one.columns))
    first = {q for one in found[:2] for q in one.columns}
    assert first >= {0, 1, 3}  # where independence is wrong
    true = histogram(codes, SIZES, (0, 1, 3)) / len(codes)
    ones = [histogram(codes, SIZES, (j,)) / len(codes) for j in (0, 1, 3)]
    product = np.einsum("i,j,k->ijk", *ones).ravel()
    model = histogram(rows, SIZES, (0, 1, 3)) / len(rows)
    assert 0.5 * np.abs(product - true).sum() > 0.3
    assert 0.5 * np.abs(model - true).sum() < 0.05


def test_a_single_column_needs_no_rounds():
    codes, calls = codes_of(sizes=(5,)), []
    border = border_of(codes, sizes=(5,))
    found, rows = run(
        border,
        singles_of(codes, (5,)),
        fit_of(pool=3000),
        progress=lambda *call: calls.append(call),
    )
    assert (found, calls) == ([], [])
    assert border.ledger.events == ()
    assert rows.shape == (3000, 1)
    gap = np.bincount(rows[:, 0], minlength=5) / 3000 - np.bincount(codes[:, 0]) / 500
    assert np.abs(gap).max() < 0.05


def test_columns_too_wide_for_any_pair_need_no_rounds():
    border = border_of(codes_of())
    found, rows = run(
        border, singles_of(codes_of()), fit_of(pair_cells=1, triple_cells=1)
    )
    assert found == []
    assert rows.shape == (2000, 4)


def test_more_rounds_than_candidates():
    codes = codes_of(sizes=(2, 3))
    border, fit = border_of(codes, sizes=(2, 3)), fit_of(rounds=30)
    (only,), _rows = run(border, singles_of(codes, (2, 3)), fit)
    assert only.columns == (0, 1)
    share = border.ledger.share(fit.split.selection + fit.split.marginals)
    assert 0.99 * share < border.ledger.spent_rho <= share


def test_progress_counts_up_to_the_end():
    calls = []
    found, _codes = run(
        border_of(codes_of()),
        singles_of(codes_of()),
        progress=lambda *call: calls.append(call),
    )
    assert [done for _stage, done, _total in calls] == [*range(1, len(found) + 1)]
    assert {stage for stage, _done, _total in calls} == {"marginals"}
    assert all(done <= total for _stage, done, total in calls)


# --- the first model ---------------------------------------------------------------


@pytest.mark.statistical
def test_the_first_rows_have_independent_columns_with_the_released_shares():
    singles = [
        Marginal((0,), np.array([300.0, 100.0, -20.0]), 1.0),
        Marginal((1,), np.array([50.0, 350.0]), 1.0),
    ]
    codes, base = _rounds._independent(singles, 30_000, np.random.default_rng(0))
    joint = histogram(codes, (3, 2), (0, 1)).reshape(3, 2)
    wanted = np.einsum("i,j->ij", *(np.exp(one[0].astype(float)) for one in base))
    assert stats.chisquare(joint[:2].ravel(), _of(joint[:2], wanted[:2])).pvalue > 1e-4
    shares = np.exp(base[1][0].astype(float))
    np.testing.assert_allclose(shares, [0.125, 0.875], rtol=1e-2)
    rare = math.exp(base[0][0, 2])
    assert 0 < rare < 0.01  # a count below zero is small, and not impossible
    assert [one.shape for one in base] == [(1, 3), (1, 2)]


def _of(seen, wanted):
    return (wanted / wanted.sum() * seen.sum()).ravel()


def test_with_no_rows_at_all_nothing_is_impossible():
    for counts in ([-3.0, -1.0, -7.0], [-5.0, -5.0, -5.0]):
        zero = [Marginal((0,), np.array(counts), 1.0)]
        _codes, base = _rounds._independent(zero, 10, np.random.default_rng(0))
        shares = np.exp(base[0][0].astype(float))
        assert shares.sum() == pytest.approx(1.0, rel=1e-5)
        assert shares.min() > 0.05
        assert shares[1] == shares.max()
    np.testing.assert_allclose(shares, 1 / 3, rtol=1e-5)


@given(st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=30))
def test_counts_go_to_the_nearest_ones_of_their_sum(counts):
    """Against bisection for the amount that is taken off every cell."""
    noisy = np.array(counts)
    total = max(noisy.sum(), 1.0)
    low, high = noisy.min() - total, noisy.max()
    for _ in range(200):
        middle = (low + high) / 2
        enough = np.maximum(noisy - middle, 0).sum() >= total
        low, high = (middle, high) if enough else (low, middle)
    found = _rounds._on_simplex(noisy)
    assert found.min() >= 0
    np.testing.assert_allclose(found, np.maximum(noisy - low, 0), atol=1e-6)


@pytest.mark.statistical
def test_many_empty_cells_do_not_draw_rows_to_themselves():
    """Cut at zero, 200 empty cells would hold some 640 rows beside the thousand."""
    noisy = np.r_[1000.0, np.zeros(200)] + np.random.default_rng(0).normal(0, 8, 201)
    assert np.maximum(noisy, 0)[1:].sum() > 500
    rest = _rounds._on_simplex(noisy)[1:].sum()
    assert 0 <= rest < 100


def test_a_run_hangs_on_its_noise_alone():
    """Same source, same rows of the model; another source, others."""
    out = []
    for seed in (4, 4, 5):
        border = border_of(codes_of(), noise=NoiseSource.insecure(seed))
        out.append(run(border, singles_of(codes_of()))[1])
    np.testing.assert_array_equal(out[0], out[1])
    assert (out[0] != out[2]).any()


def test_settings_are_only_read():
    fit = fit_of()
    before = dataclasses.asdict(fit)
    run(border_of(codes_of()), singles_of(codes_of()), fit)
    assert dataclasses.asdict(fit) == before
