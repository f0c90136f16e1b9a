"""Sweeps against the joint by enumeration: where they end, what they keep."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats
from scipy.special import log_softmax, softmax

from fairveil.marginals import cell_index, cells
from fairveil.post.gibbs import Sweeper, drawn

SIZES = (2, 3, 4)
CELLS = np.array(list(itertools.product(*map(range, SIZES))), dtype=np.int32)
CLIQUES = {
    "one column": ((1,),),
    "pairs": ((0, 1), (1, 2)),
    "three columns": ((0, 1, 2),),
    "out of order": ((2, 0), (2, 1, 0)),
    "all kinds": ((0,), (2,), (0, 2), (0, 1), (0, 1, 2)),
}
N = 40_000


def thetas_of(cliques, seed=1):
    rng = np.random.default_rng(seed)
    return tuple(
        rng.permutation(np.linspace(-1.3, 1.3, cells(SIZES, q))) for q in cliques
    )


def base_of(rows, seed=2, sizes=SIZES):
    """Log-probabilities of each column, (rows, size)."""
    rng = np.random.default_rng(seed)
    logits = [0.6 * rng.standard_normal((rows, size)) for size in sizes]
    return [log_softmax(one, axis=1).astype(np.float32) for one in logits]


def tilted(base, cliques, thetas, guide=0):
    """The slow twin: the joint over all cells, given one row of the base."""
    logs = sum(one[guide].astype(float)[CELLS[:, j]] for j, one in enumerate(base))
    for columns, theta in zip(cliques, thetas, strict=True):
        logs = logs + theta[cell_index(CELLS, SIZES, columns)]
    return softmax(logs)


def fits(codes, probs):
    seen = np.bincount(cell_index(codes, SIZES, (0, 1, 2)), minlength=len(CELLS))
    return stats.chisquare(seen, probs * seen.sum()).pvalue


def swept(codes, base, cliques, thetas, times, seed=3):
    rows = np.array(codes, order="F")
    sweeper, rng = Sweeper(SIZES, cliques, thetas), np.random.default_rng(seed)
    for _ in range(times):
        sweeper.sweep(rows, base, rng)
    return rows


@pytest.mark.statistical
@pytest.mark.parametrize("name", CLIQUES)
def test_sweeps_end_in_the_weighted_joint(name):
    cliques, base = CLIQUES[name], base_of(1)
    thetas, start = thetas_of(cliques), np.zeros((N, 3), np.int32)  # all in one corner
    codes = swept(start, base, cliques, thetas, times=25)
    assert fits(codes, tilted(base, cliques, thetas)) > 1e-4
    for factor in (0.0, 0.8, 1.2):  # the test can tell, on both sides
        other = tuple(factor * theta for theta in thetas)
        assert fits(codes, tilted(base, cliques, other)) < 1e-4, factor


@pytest.mark.statistical
@pytest.mark.parametrize("name", CLIQUES)
@pytest.mark.parametrize("times", [1, 3])
def test_a_sweep_leaves_the_weighted_joint_as_it_is(name, times):
    cliques, base = CLIQUES[name], base_of(1)
    thetas = thetas_of(cliques, seed=5)
    probs = tilted(base, cliques, thetas)
    rng = np.random.default_rng(6)
    start = CELLS[rng.choice(len(CELLS), N, p=probs)]
    codes = swept(start, base, cliques, thetas, times, seed=7)
    assert fits(codes, probs) > 1e-4
    assert (codes != start).any(axis=1).mean() > 0.3  # and yet rows move


@pytest.mark.statistical
def test_each_row_has_its_own_base():
    cliques = CLIQUES["all kinds"]
    thetas, guides = thetas_of(cliques), base_of(3, seed=8)
    which = np.arange(3 * N) % 3
    base = [one[which] for one in guides]
    codes = swept(np.zeros((3 * N, 3), np.int32), base, cliques, thetas, times=25)
    for guide in range(3):
        own = codes[which == guide]
        assert fits(own, tilted(guides, cliques, thetas, guide)) > 1e-4
        assert fits(own, tilted(guides, cliques, thetas, (guide + 1) % 3)) < 1e-4


def test_a_shared_base_is_that_of_every_row():
    cliques, base = CLIQUES["all kinds"], base_of(1)
    repeated = [np.repeat(one, 500, axis=0) for one in base]
    mixed = [base[0], repeated[1], base[2]]
    start = np.zeros((500, 3), np.int32)
    wanted = swept(start, repeated, cliques, thetas_of(cliques), times=2)
    for one in (base, mixed):
        codes = swept(start, one, cliques, thetas_of(cliques), times=2)
        np.testing.assert_array_equal(codes, wanted)


@pytest.mark.statistical
def test_without_weights_one_sweep_draws_from_the_base():
    base = base_of(1)
    start = np.zeros((N, 3), np.int32)
    assert fits(swept(start, base, (), (), times=1), tilted(base, (), ())) > 1e-4


@pytest.mark.statistical
def test_weights_of_the_same_columns_add_up():
    base, theta = base_of(1), thetas_of(((0, 1), (2,)))
    twice = ((0, 1), (2,), (0, 1), (2,))
    start = np.zeros((N, 3), np.int32)
    codes = swept(start, base, twice, (*theta, *theta), times=25)
    double = tuple(2 * one for one in theta)
    assert fits(codes, tilted(base, twice[:2], double)) > 1e-4


def test_heavy_weights_force_a_function_of_the_others():
    """The third column is what a table of the first two says, whatever its base."""
    wanted = np.array([[0, 1, 2], [3, 0, 1]])
    theta = np.full((2, 3, 4), -40.0)
    np.put_along_axis(theta, wanted[:, :, None], 0.0, axis=2)
    codes = CELLS[np.random.default_rng(9).integers(0, len(CELLS), 3000)]
    rows = swept(codes, base_of(1), ((0, 1, 2),), (theta.ravel(),), times=3)
    np.testing.assert_array_equal(rows[:, 2], wanted[rows[:, 0], rows[:, 1]])


def test_nothing_but_the_rows_is_changed():
    cliques, base = CLIQUES["all kinds"], base_of(50)
    thetas = thetas_of(cliques)
    before = [one.copy() for one in (*base, *thetas)]
    start = np.zeros((50, 3), np.int32)
    once = swept(start, base, cliques, thetas, times=4)
    for one, kept in zip((*base, *thetas), before, strict=True):
        np.testing.assert_array_equal(one, kept)
    np.testing.assert_array_equal(start, 0)
    np.testing.assert_array_equal(swept(start, base, cliques, thetas, times=4), once)
    other = swept(start, base, cliques, thetas, times=4, seed=4)
    assert (other != once).any(axis=0).all()  # every column is redrawn


@settings(max_examples=40)
@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=4),
    st.integers(0, 9),
    st.integers(0, 2**31),
)
def test_codes_stay_inside_their_columns(sizes, n, seed):
    sizes, rng = tuple(sizes), np.random.default_rng(seed)
    count = rng.integers(1, len(sizes) + 1)
    clique = tuple(int(c) for c in rng.permutation(len(sizes))[:count])
    theta = rng.choice([-8.0, 0.0, 8.0], cells(sizes, clique))
    base = [(30 * one).astype(np.float32) for one in base_of(1, seed, sizes)]
    codes = np.zeros((n, len(sizes)), np.int32, order="F")
    Sweeper(sizes, (clique,), (theta,)).sweep(codes, base, rng)
    assert codes.dtype == np.int32
    assert ((codes >= 0) & (codes < np.array(sizes))).all()


# --- one column --------------------------------------------------------------------


@pytest.mark.statistical
def test_codes_are_drawn_by_their_logits():
    probs = np.array([0.05, 0.0, 0.5, 0.2, 0.25, 0.0])
    with np.errstate(divide="ignore"):
        logits = np.log(probs).astype(np.float32)[None] + 100.0  # a constant is nothing
    codes = drawn(np.repeat(logits, N, axis=0), np.random.default_rng(0))
    seen = np.bincount(codes, minlength=6)
    assert codes.dtype == np.int32
    assert seen[1] == seen[5] == 0
    alive = probs > 0
    assert stats.chisquare(seen[alive], probs[alive] * N).pvalue > 1e-4
    assert stats.chisquare(seen[alive], np.full(4, N / 4)).pvalue < 1e-4


class Edge:
    """A generator that always gives the least, or nearly the greatest, number."""

    def __init__(self, level):
        self.level = level

    def random(self, n, dtype):
        return np.full(n, self.level, dtype)


def test_the_ends_of_the_range_fall_on_codes_that_are_possible():
    with np.errstate(divide="ignore"):
        logits = np.log(np.array([[0, 0.5, 0.5, 0]], np.float32))
    assert drawn(logits.copy(), Edge(0.0)).tolist() == [1]
    assert drawn(logits.copy(), Edge(np.nextafter(np.float32(1), 0))).tolist() == [2]
    assert drawn(np.zeros((1, 1), np.float32), Edge(0.5)).tolist() == [0]
