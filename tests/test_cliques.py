"""Sets of columns: all that are small enough, or a fair part of them, quickly."""

import itertools
import time

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from fairveil import _cliques, _rounds, config
from fairveil._cliques import cliques_of
from fairveil.marginals import cells
from fairveil.privacy.noise import NoiseSource


def found(sizes, ways, *, most_cells=10**9, most=10**9, seed=1):
    noise = NoiseSource.insecure(seed)
    chance = {"words": noise.uint64, "choose": noise.choose}
    return cliques_of(sizes, ways, most_cells=most_cells, most=most, **chance)


@settings(max_examples=60)
@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=7).map(tuple),
    st.integers(1, 3),
    st.integers(1, 200),
)
def test_all_small_sets_are_listed_while_there_are_few(sizes, ways, limit):
    every = itertools.combinations(range(len(sizes)), ways)
    small = [q for q in every if cells(sizes, q) <= limit]
    assert found(sizes, ways, most_cells=limit) == small
    some = found(sizes, ways, most_cells=limit, most=3)
    assert len(some) == min(3, len(small))
    assert set(some) <= set(small)
    assert some == sorted(some)


def test_listed_sets_draw_no_words():
    def never(*_sizes):
        raise AssertionError

    assert len(
        cliques_of((2,) * 9, 3, most_cells=8, most=99, words=never, choose=never)
    )


@pytest.mark.parametrize("ways", [2, 3])
def test_of_many_sets_distinct_small_ones_are_drawn(monkeypatch, ways):
    monkeypatch.setattr(_cliques, "_LISTED", 200)
    sizes = tuple(np.random.default_rng(0).integers(1, 9, 60).tolist())
    some = found(sizes, ways, most_cells=20, most=10)
    assert len(some) == len(set(some)) == 10
    for q in some:
        assert list(q) == sorted(set(q))
        assert all(isinstance(j, int) for j in q)
        assert cells(sizes, q) <= 20
    assert some != found(sizes, ways, most_cells=20, most=10, seed=2)


@pytest.mark.statistical
def test_each_drawn_set_is_equally_likely(monkeypatch):
    monkeypatch.setattr(_cliques, "_LISTED", 40)
    sizes = (2, 2, 3, 2, 2, 9, 2, 2, 3, 2)
    every = [q for q in itertools.combinations(range(10), 3) if cells(sizes, q) <= 12]
    seen: dict[tuple[int, ...], int] = dict.fromkeys(every, 0)
    for seed in range(600):
        for q in found(sizes, 3, most_cells=12, most=5, seed=seed):
            seen[q] += 1
    assert stats.chisquare(list(seen.values())).pvalue > 1e-4


@pytest.mark.parametrize("most_cells", [8, 600])
def test_thousands_of_columns_take_seconds(most_cells):
    """Of 4.5e9 triples; where small columns are rare, they are the ones looked at."""
    sizes = tuple([3] * 2960 + [2] * 40)
    began = time.process_time()
    wish = config.Measuring(triple_cells=most_cells)
    some = _rounds._candidates(sizes, wish, NoiseSource.insecure(3))
    assert time.process_time() - began < 10.0
    by_ways = {k: [q for q in some if len(q) == k] for k in (2, 3)}
    assert len(by_ways[2]) == wish.most_pairs
    assert len(by_ways[3]) == wish.most_triples
    assert max(cells(sizes, q) for q in by_ways[3]) <= most_cells


def test_a_round_looks_at_a_fresh_part_of_too_many():
    rng = np.random.default_rng(0)
    many = list(itertools.combinations(range(30), 2))
    one, other = (_rounds._some(many, 50, rng) for _ in range(2))
    assert len(one) == len(set(one)) == len(other) == 50
    assert set(one) != set(other)
    assert set(one) | set(other) <= set(many)
    assert _rounds._some(many, len(many), rng) is many
