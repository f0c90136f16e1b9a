"""Sampled rows have the calibrated distribution; any number of rows; redraw."""

import dataclasses
import threading

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.special import softmax

from fairveil.codec import Codec
from fairveil.marginals import histogram
from fairveil.post import stream
from fairveil.post.apart import Redraw
from fairveil.post.calibrate import LogLinear
from fairveil.post.generator import BATCH, RowSource
from fairveil.post.groups import system
from fairveil.post.sample import Sampler
from fairveil.post.targets import Target
from fairveil.schema import Column, Schema
from fairveil.seeds import Seeds

pytestmark = pytest.mark.usefixtures("quick_compile")
SIZES = (2, 3)
GUIDES = (0.3, 0.7)  # chances of two guides, under each of which columns part
FIRST = np.array([[0.8, 0.2], [0.35, 0.65]])
SECOND = np.array([[0.6, 0.3, 0.1], [0.1, 0.3, 0.6]])
THETA = np.array([0.0, 1.2, -0.7, 0.4, 2.0, -2.0])
OWN = np.array([0.5, -0.5])
WEIGHTS = LogLinear(SIZES, ((0, 1), (0,)), (THETA, OWN))
SCHEMA = Schema(
    columns=(
        Column(name="a", kind="categorical", categories=("x", "y")),
        Column(name="b", kind="categorical", categories=("p", "q"), nullable=True),
    )
)


class Toy:
    """Rows of two guides: the columns hang together through the guide alone."""

    def step(self, rng):
        guide = (rng.random(BATCH) < GUIDES[1]).astype(int)
        logs = [
            jnp.log(jnp.asarray(one, jnp.float32))[guide] for one in (FIRST, SECOND)
        ]
        return jnp.concatenate(logs, axis=1)


def wanted_of(probs):
    joint = probs.reshape(SIZES)
    one, two = Target((0,), joint.sum(1), 0.0), Target((1,), joint.sum(0), 0.0)
    return one, two, Target((0, 1), probs, 0.0)


def calibrated(factor=1.0):
    """Each guide's rows are weighted cell by cell; the guides keep their chances."""
    logs = factor * (THETA + np.repeat(OWN, 3))
    joints = [
        np.log(np.outer(a, b)).ravel() for a, b in zip(FIRST, SECOND, strict=True)
    ]
    return sum(
        chance * softmax(joint + logs)
        for chance, joint in zip(GUIDES, joints, strict=True)
    )


PLAIN = Sampler(
    Codec.on_grid(SCHEMA), Toy(), WEIGHTS, 12, wanted_of(calibrated()), choices=1
)
CHOSEN = dataclasses.replace(PLAIN, choices=3)


def fits(codes, probs):
    seen = histogram(codes, SIZES, (0, 1))
    return stats.chisquare(seen, probs / probs.sum() * seen.sum()).pvalue


@pytest.mark.statistical
@pytest.mark.parametrize("seed", [1, 2])
def test_sampled_rows_have_the_calibrated_distribution(seed):
    codes = PLAIN.codes(30_000, Seeds.of(seed))
    assert fits(codes, calibrated()) > 1e-4
    for factor in (0.0, 0.8, 1.25):  # the test can tell
        assert fits(codes, calibrated(factor)) < 1e-4


@pytest.mark.statistical
def test_chosen_rows_lie_nearer_to_what_is_wanted_than_draws_do():
    """A chi-square far below its mean: counts vary less than those of draws."""
    expected = 9000 * calibrated()
    for seed in (1, 2, 3):
        seen = histogram(CHOSEN.codes(9000, Seeds.of(seed)), SIZES, (0, 1))
        assert ((seen - expected) ** 2 / expected).sum() < 0.2
    seen = histogram(PLAIN.codes(9000, Seeds.of(1)), SIZES, (0, 1))
    assert ((seen - expected) ** 2 / expected).sum() > 0.6


def test_the_first_chosen_rows_are_left(monkeypatch):
    """They do not have their law yet (``test_balance``)."""
    made = CHOSEN.codes(500, Seeds.of(1))
    monkeypatch.setattr(stream, "BEFORE", 0)
    np.testing.assert_array_equal(made, CHOSEN.codes(756, Seeds.of(1))[256:])


@pytest.mark.statistical
def test_chosen_rows_make_up_for_weights_that_are_missing():
    bare = dataclasses.replace(CHOSEN, weights=LogLinear(SIZES), choices=6)
    gaps = [
        np.abs(histogram(made.codes(9000, Seeds.of(1)), SIZES, (0, 1)) / 9000 - goal)
        for made in (dataclasses.replace(bare, choices=1), bare)
        for goal in [calibrated()]
    ]
    assert gaps[1].sum() < 0.25 * gaps[0].sum()


@pytest.mark.statistical
def test_every_part_of_a_release_has_that_distribution():
    codes = PLAIN.codes(2 * BATCH + 5000, Seeds.of(4))
    for part in (codes[:BATCH], codes[BATCH : 2 * BATCH], codes[2 * BATCH :]):
        assert fits(part, calibrated()) > 1e-4


@pytest.mark.statistical
def test_without_weights_rows_leave_as_the_model_draws_them():
    bare = LogLinear(SIZES)
    plain = dataclasses.replace(PLAIN, weights=bare)
    codes = plain.codes(30_000, Seeds.of(1))
    assert fits(codes, calibrated(0.0)) > 1e-4


@pytest.mark.statistical
def test_more_sweeps_come_nearer():
    """One sweep from the model's own draw is on the way; many are there."""
    gaps = []
    for sweeps in (1, 12):
        made = dataclasses.replace(PLAIN, sweeps=sweeps).codes(BATCH, Seeds.of(1))
        seen = histogram(made, SIZES, (0, 1)) / BATCH
        gaps.append(0.5 * np.abs(seen - calibrated()).sum())
    assert gaps[1] < gaps[0] < 0.5 * np.abs(calibrated(0.0) - calibrated()).sum()


@pytest.mark.parametrize("made", [PLAIN, CHOSEN], ids=["plain", "chosen"])
@pytest.mark.parametrize("n", [0, 1, 2, BATCH + 1])
def test_any_number_of_rows(n, made):
    codes = made.codes(n, Seeds.of(1))
    assert codes.shape == (n, 2)
    assert codes.dtype == np.int32
    values = made.values(n, Seeds.of(1))
    assert [len(v) for v in values.values()] == [n, n]
    assert set(values["b"]) <= {"p", "q", None}


def test_same_seed_same_rows():
    a, b, c = (PLAIN.codes(500, Seeds.of(s)) for s in (3, 3, 4))
    np.testing.assert_array_equal(a, b)
    assert (a != c).any()


@pytest.mark.parametrize("made", [PLAIN, CHOSEN], ids=["plain", "chosen"])
@pytest.mark.parametrize(("n", "more"), [(500, 800), (BATCH, BATCH + 1), (1, BATCH)])
def test_fewer_rows_are_the_first_of_more(n, more, made):
    few, many = made.codes(n, Seeds.of(3)), made.codes(more, Seeds.of(3))
    np.testing.assert_array_equal(many[:n], few)


@pytest.mark.parametrize("made", [PLAIN, CHOSEN], ids=["plain", "chosen"])
def test_rows_do_not_hang_on_the_number_of_cores(made, monkeypatch):
    usual = made.codes(3 * BATCH, Seeds.of(2))
    for cores in (1, 5):
        monkeypatch.setattr(stream, "_cores", lambda cores=cores: cores)
        np.testing.assert_array_equal(made.codes(3 * BATCH, Seeds.of(2)), usual)


def test_blocks_are_bounded_and_add_up_to_the_rows(monkeypatch):
    """However many rows are asked for, only a few blocks are made ahead."""
    made, honest = [], stream.Maker.block

    def counted(self, k):
        made.append(k)
        return honest(self, k)

    monkeypatch.setattr(stream, "_cores", lambda: 2)
    monkeypatch.setattr(stream.Maker, "block", counted)
    found, ahead = [], []
    for block in CHOSEN.blocks(10 * BATCH + 1, Seeds.of(5)):
        found.append(block)
        ahead.append(len(made) - len(found))
    assert max(ahead) <= 3
    assert max(map(len, found)) == 2 * BATCH
    whole = CHOSEN.codes(10 * BATCH + 1, Seeds.of(5))
    np.testing.assert_array_equal(np.concatenate(found), whole)


def test_each_batch_is_in_one_block_in_its_turn():
    batches = [batch for k in range(1, 30) for batch in stream._batches(k)]
    assert batches == list(range(1, len(batches) + 1))


def test_a_stream_that_is_let_go_ends_its_threads():
    before = threading.active_count()
    first = CHOSEN.blocks(10**9, Seeds.of(6))
    assert len(next(first)) == BATCH - stream.BEFORE
    first.close()
    assert threading.active_count() == before


@pytest.mark.parametrize("fatal", [1, 3])
def test_a_failure_in_a_block_is_raised_where_rows_are_asked_for(fatal, monkeypatch):
    honest = stream.Maker.block

    def broken(self, k):
        if k == fatal:
            raise OSError
        return honest(self, k)

    monkeypatch.setattr(stream, "_cores", lambda: 2)
    monkeypatch.setattr(stream.Maker, "block", broken)
    found = CHOSEN.blocks(10**9, Seeds.of(1))
    for _ in range(1, fatal):
        next(found)
    with pytest.raises(OSError):
        next(found)


def test_two_batches_differ():
    source = RowSource(Toy(), 5, SIZES)
    (first, _base), (second, base) = source.next(), source.next()
    assert (first != second).any()
    assert [one.shape for one in base] == [(BATCH, 2), (BATCH, 3)]
    codes, joined = RowSource(Toy(), 5, SIZES).rows(BATCH + 10)
    np.testing.assert_array_equal(codes, np.r_[first, second[:10]])
    np.testing.assert_array_equal(joined[1][BATCH:], base[1][:10])
    assert RowSource(Toy(), 5, SIZES).rows(3)[0].tolist() == first[:3].tolist()


# --- redraw ------------------------------------------------------------------------


def redraw_of(columns, cells, probs):
    """Drawn alike in every row: there are no legitimate columns."""
    anywhere = system(np.zeros((9, 3), np.int32), (2, 3, 3), (), {}, least=0.01)
    lines = np.tile(probs, (anywhere.count, 1))
    return Redraw(columns, np.array(cells, np.int32), lines, 1.0, anywhere)


REDRAW = redraw_of((0,), [[0], [1]], [0.25, 0.75])


@pytest.mark.statistical
def test_redraw_frequencies_and_independence():
    codes = np.repeat(np.array([[0, 0], [1, 2]], np.int32), 10_000, axis=0)
    out = REDRAW.apply(codes, np.random.default_rng(0))
    np.testing.assert_array_equal(out[:, 1], codes[:, 1])
    table = histogram(out, SIZES, (0, 1)).reshape(2, 3)[:, [0, 2]]
    assert stats.chisquare(table.sum(1), [5000, 15_000]).pvalue > 1e-4
    assert stats.chi2_contingency(table).pvalue > 1e-4
    assert codes[:10_000, 0].max() == 0  # the input is not changed


@pytest.mark.statistical
def test_redraw_of_a_share_of_the_rows():
    part = dataclasses.replace(REDRAW, strength=0.4)
    codes = np.zeros((20_000, 2), np.int32)
    moved = part.apply(codes, np.random.default_rng(1))[:, 0].mean()
    assert abs(moved - 0.3) < 4.5 * np.sqrt(0.3 * 0.7 / 20_000)
    still = dataclasses.replace(REDRAW, strength=0.0)
    np.testing.assert_array_equal(still.apply(codes, np.random.default_rng(1)), codes)


@pytest.mark.statistical
def test_redraw_keeps_the_joint_of_the_sensitive_columns():
    both = redraw_of((0, 2), [[0, 0], [1, 2]], [0.5, 0.5])  # never 0 with 2
    codes = np.ones((5000, 3), np.int32)
    out = both.apply(codes, np.random.default_rng(2))
    np.testing.assert_array_equal(out[:, 2], 2 * out[:, 0])
    assert (out[:, 1] == 1).all()
    assert abs(out[:, 0].mean() - 0.5) < 0.04


@pytest.mark.statistical
def test_the_sampler_redraws_last():
    sampler = dataclasses.replace(PLAIN, redraw=REDRAW)
    codes = sampler.codes(30_000, Seeds.of(1))
    second = calibrated().reshape(2, 3).sum(0)
    assert fits(codes, np.outer([0.25, 0.75], second).ravel()) > 1e-4
