"""Chosen rows: the least overfull, balanced counts, an unchanged law of each row."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from fairveil.marginals import cell_index, histogram
from fairveil.post import balance
from fairveil.post.balance import Balance
from fairveil.post.targets import Target

SIZES = (2, 3, 4)
ALL = (0, 1, 2)
CELLS = np.array(list(itertools.product(*map(range, SIZES))), dtype=np.int32)
JOINT = np.random.default_rng(7).dirichlet(np.full(len(CELLS), 0.8))
CLIQUES = [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2)]


def wanted_of(probs, cliques=CLIQUES):
    return [Target(q, histogram(CELLS, SIZES, q, probs), 0.0) for q in cliques]


def drawn(n, seed, probs=JOINT):
    rng = np.random.default_rng(seed)
    return CELLS[rng.choice(len(CELLS), n, p=probs)]


def chosen(n, choices, seed, *, probs=JOINT, wanted=None):
    grown = Balance(SIZES, wanted or wanted_of(JOINT))
    return grown.choose(drawn(n * choices, seed, probs), choices)


def spread(rows, columns, probs=JOINT):
    """Chi-square of the counts of a marginal, and its degrees of freedom."""
    seen = histogram(rows, SIZES, columns)
    expected = histogram(CELLS, SIZES, columns, probs) * len(rows)
    return ((seen - expected) ** 2 / expected).sum(), len(seen) - 1


def slow_twin(candidates, choices, wanted):
    """The same choice with whole tables of counts, and rows one by one."""
    counts = {t.columns: np.zeros(len(t.probs)) for t in wanted}
    out, block, size = [], [], 1
    for group in candidates.reshape(-1, choices, len(SIZES)):
        scores = [
            sum(
                (counts[t.columns] - (len(out) - len(block)) * t.probs)[
                    cell_index(row[None], SIZES, t.columns)[0]
                ]
                for t in wanted
            )
            for row in group
        ]
        best = group[int(np.argmin(np.round(scores, 9)))]
        out.append(best)
        block.append(best)
        if len(block) == size:
            for t in wanted:
                counts[t.columns] += histogram(np.array(block), SIZES, t.columns)
            block, size = [], max(len(out) // balance._PART, 1)
            size = min(size, balance._FEWEST)
    return np.array(out)


@pytest.mark.parametrize("choices", [2, 3])
def test_the_least_overfull_candidate_is_chosen(choices):
    """Probabilities that are binary fractions: sums of both kinds are exact."""
    even = np.random.default_rng(3).multinomial(64, JOINT) / 64
    wanted, candidates = wanted_of(even), drawn(300 * choices, seed=1)
    found = Balance(SIZES, wanted).choose(candidates, choices)
    np.testing.assert_array_equal(found, slow_twin(candidates, choices, wanted))
    plain = candidates[::choices]
    assert (found != plain).any(axis=1).mean() > 0.2


@pytest.mark.parametrize("settled", [1, 100])
def test_when_counts_are_settled_changes_no_choice(settled, monkeypatch):
    even = np.random.default_rng(3).multinomial(64, JOINT) / 64
    wanted, candidates = wanted_of(even), drawn(1500, seed=2)
    usual = Balance(SIZES, wanted).choose(candidates, 3)
    monkeypatch.setattr(balance, "_SETTLED", settled)
    often = Balance(SIZES, wanted).choose(candidates, 3)
    np.testing.assert_array_equal(often, usual)


@pytest.mark.statistical
@pytest.mark.parametrize("columns", [*CLIQUES, ALL])
def test_counts_vary_less_than_those_of_draws(columns):
    plain, few, more = (
        np.mean([spread(chosen(3000, k, s), columns)[0] for s in range(12)])
        for k in (1, 2, 4)
    )
    free = spread(CELLS, columns)[1]
    low, high = stats.chi2.ppf([1e-4, 1 - 1e-4], 12 * free) / 12
    assert low < plain < high  # one choice is a draw
    if columns == ALL:  # nobody watches the three together; they may not get worse
        assert max(few, more) < plain
    else:
        assert more < few < 0.25 * plain


def gap(rows):
    return 0.5 * np.abs(histogram(rows, SIZES, ALL) / len(rows) - JOINT).sum()


@pytest.mark.statistical
def test_rows_follow_their_law_once_some_were_chosen():
    """Over many tables the choice prefers no cell; of the second row it still does."""
    tables = np.stack([chosen(100, 3, 1000 + s) for s in range(2500)])
    usual = np.mean([gap(drawn(2500, s)) for s in range(20)])
    assert gap(tables[:, 0]) < 1.35 * usual
    assert gap(tables[:, 1]) > 1.8 * usual  # what ``sample._BEFORE`` is for
    for place in (50, 80, 99):
        assert gap(tables[:, place]) < 1.35 * usual
    late = tables[:, 50:].reshape(-1, 3)
    assert gap(late) < 1.35 * np.mean([gap(drawn(len(late), s)) for s in range(5)])


@pytest.mark.statistical
def test_rows_are_moved_towards_what_candidates_miss():
    other = np.random.default_rng(8).dirichlet(np.full(len(CELLS), 0.8))
    other = 0.5 * JOINT + 0.5 * other
    for columns in CLIQUES:
        before, after = (
            spread(chosen(3000, k, 2, probs=other), columns)[0] for k in (1, 4)
        )
        assert after < 0.2 * before, columns


@settings(max_examples=40)
@given(
    groups=st.lists(st.integers(0, 30), max_size=4),
    choices=st.integers(1, 5),
    extra=st.integers(0, 4),
    seed=st.integers(0, 99),
)
def test_one_of_each_group_and_the_table_goes_on(groups, choices, extra, seed):
    candidates = drawn(sum(groups) * choices + extra, seed)
    grown, at, parts = Balance(SIZES, wanted_of(JOINT)), 0, []
    for count in groups:
        part = candidates[at : at + count * choices]
        parts.append(grown.choose(part, choices))
        at += count * choices
        assert len(parts[-1]) == count
        for row, group in zip(parts[-1], part.reshape(count, choices, 3), strict=True):
            assert (row == group).all(axis=1).any()
    whole = Balance(SIZES, wanted_of(JOINT)).choose(candidates[:at], choices)
    joined = np.concatenate([np.empty((0, 3), np.int32), *parts])
    np.testing.assert_array_equal(whole, joined)
    assert len(Balance(SIZES, wanted_of(JOINT)).choose(candidates, choices)) == (
        len(candidates) // choices
    )


@pytest.mark.statistical
def test_blocks_cost_little_of_the_balance(monkeypatch):
    """Rows judged by the counts before their block, beside rows judged one by one."""
    free = spread(CELLS, (0, 1))[1]
    found = []
    for most in (1, balance._FEWEST):
        monkeypatch.setattr(balance, "_FEWEST", most)
        tables = [spread(chosen(4000, 3, s), (0, 1))[0] for s in range(6)]
        found.append(np.mean(tables) / free)
    assert found[1] < found[0] + 0.03


def test_cells_beyond_what_short_floats_count_are_exact():
    """2^24 + 1 is no short float; a cell must not slip into its neighbour."""
    sizes = (5000, 5000)
    probs = np.full(25_000_000, 4e-8, dtype=np.float32)
    grown = Balance(sizes, [Target((0, 1), probs, 0.0)])
    rows = np.array([[4999, 3355, 0], [4999, 2217, 1]])
    wanted = np.array([[4999 * 5000 + 4999, 3355 * 5000 + 2217, 1]]).T
    np.testing.assert_array_equal(grown.places([rows])[:, 0], wanted)
