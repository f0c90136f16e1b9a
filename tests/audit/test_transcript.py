"""The recorder hears every noisy number; the replayer keeps one history."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from fairveil.audit.transcript import (
    Choice,
    LostError,
    Recorder,
    Replayer,
    Sum,
    evidence,
    log_chances,
    shift,
)
from fairveil.errors import FairveilError


def recorder():
    return Recorder.of(3)


def test_exact_and_noisy_answers_are_heard():
    source = recorder()
    exact = np.arange(4.0)
    released = exact + source.gaussian(exact.shape, 2.0)
    (heard,) = source.finished().log
    assert type(released) is np.ndarray
    assert heard == Sum("gaussian", heard.exact, heard.noisy, 2.0)
    assert heard.exact.tolist() == exact.tolist()
    assert heard.noisy.tolist() == released.tolist()
    assert np.std(released - exact) > 0.5


def test_counts_stay_whole_numbers():
    source = recorder()
    released = np.array([7]) + source.discrete_gaussian((1,), 3.0)
    assert released.dtype == np.int64
    assert source.log[0].kind == "discrete"
    assert source.log[0].exact.tolist() == [7]


@pytest.mark.parametrize("order", ["left", "right", "in place"])
def test_noise_is_heard_from_either_side(order):
    source, exact = recorder(), np.full(3, 5.0)
    noise = source.gaussian(3, 1.0)
    if order == "left":
        released = noise + exact
    elif order == "right":
        released = exact + noise
    else:
        released = exact.copy()
        released += noise
    (heard,) = source.finished().log
    assert heard.exact.tolist() == [5.0] * 3
    assert released.tolist() == heard.noisy.tolist()


def test_the_noise_is_the_products_own():
    class Plain(Recorder):
        pass

    source, twin = Recorder.of(11), Plain.of(11)
    released = np.zeros(5) + source.gaussian(5, 1.5)
    again = np.zeros(5) + twin.gaussian(5, 1.5)
    assert released.tolist() == again.tolist()
    assert Recorder.of(None).insecure_seed is None


def test_noise_that_is_added_to_nothing_is_lost():
    source = recorder()
    source.gaussian(3, 1.0)
    with pytest.raises(LostError, match="added to no answer"):
        source.finished()
    assert issubclass(LostError, FairveilError)  # passes the shield around rows


@pytest.mark.parametrize("how", ["a part", "scaled", "to other noise"])
def test_noise_that_is_changed_first_is_lost(how):
    source = recorder()
    noise = source.gaussian(4, 1.0)
    if how == "a part":
        np.zeros(2) + noise[:2]
    elif how == "scaled":
        np.zeros(4) + 0.5 * noise
    else:
        noise + source.gaussian(4, 1.0)
    with pytest.raises(LostError):
        source.finished()


def test_noise_that_is_used_twice_is_heard_once():
    source = recorder()
    noise = source.gaussian(2, 1.0)
    for _ in range(2):
        np.zeros(2) + noise
    assert len(source.log) == 1  # so the second release counts as bare


def fit(source, answer, scores=(0.0, 1.0)):
    """A small adaptive fit: what is asked for hangs on what was released."""
    (word,) = source.uint64(1)
    first = np.array([answer]) + source.discrete_gaussian((1,), 4.0)
    second = np.full(2, float(first[0])) + source.gaussian(2, 1.0)
    picked = source.exponential_mechanism(np.array(scores), 1.0, 0.5)
    order = source.permutation(6)
    return int(word), first.tolist(), second.tolist(), picked, order.tolist()


def test_a_replay_has_the_same_history():
    record = recorder()
    released = fit(record, 10)
    replay = Replayer.of(record)
    assert fit(replay, 12, scores=(3.0, 1.0)) == released
    first, second, choice = replay.finished().log
    assert first.exact.tolist() == [12]
    assert second.exact.tolist() == record.log[1].exact.tolist()
    assert choice.scores.tolist() == [3.0, 1.0]
    assert choice.picked == record.log[2].picked


@pytest.mark.parametrize(
    "other",
    [
        lambda s: np.zeros(2) + s.gaussian(2, 1.0),  # a release less
        lambda s: np.zeros(3) + s.gaussian(3, 1.0),  # another size
        lambda s: np.zeros(2) + s.gaussian(2, 1.5),  # other noise
        lambda s: np.zeros(2) + s.discrete_gaussian(2, 1.0),  # another kind
        lambda s: s.exponential_mechanism([0.0, 1.0], 1.0, 1.0),
        lambda s: [np.zeros(2) + s.gaussian(2, 1.0) for _ in range(3)],  # one more
    ],
)
def test_a_history_that_branches_on_a_row_is_lost(other):
    record = recorder()
    for _ in range(2):
        np.zeros(2) + record.gaussian(2, 1.0)

    def played():
        replay = Replayer.of(record)
        other(replay)
        replay.finished()

    with pytest.raises(LostError, match="depend"):
        played()


def test_another_choice_of_candidates_is_lost():
    record = recorder()
    record.exponential_mechanism([0.0, 1.0], 1.0, 1.0)
    with pytest.raises(LostError, match="chosen"):
        Replayer.of(record).exponential_mechanism([0.0, 1.0, 2.0], 1.0, 1.0)


def test_rows_may_need_another_number_of_coins():
    record = recorder()
    record.permutation(4)
    record.uint64(2)
    kept = record.words[1].tolist()
    replay = Replayer.of(record)
    assert sorted(replay.permutation(5).tolist()) == [0, 1, 2, 3, 4]
    assert replay.uint64(2).tolist() == kept


def test_evidence_is_the_log_likelihood_ratio():
    noisy = np.array([1.0, -2.0])
    inside = [Sum("gaussian", np.array([1.0, 0.0]), noisy, 2.0)]
    outside = [Sum("gaussian", np.array([0.0, 0.0]), noisy, 2.0)]
    wanted = sum(norm.logpdf(noisy, inside[0].exact, 2.0)) - sum(
        norm.logpdf(noisy, outside[0].exact, 2.0)
    )
    assert evidence(inside, outside) == pytest.approx(wanted)
    assert evidence(outside, inside) == pytest.approx(-wanted)
    assert shift(inside[0], outside[0]) == 0.5


def test_evidence_of_choices():
    a = Choice(np.array([0.0, 2.0]), 1, 0.5)
    b = Choice(np.array([1.0, 0.0]), 1, 0.5)
    wanted = np.log(np.exp(1) / (1 + np.exp(1))) - np.log(1 / (1 + np.exp(0.5)))
    assert evidence([a], [b]) == pytest.approx(wanted)
    assert np.exp(log_chances(a)).sum() == pytest.approx(1.0)
    sure = Choice(np.array([0.0, 2.0]), 1, np.inf)
    assert evidence([sure], [Choice(np.array([1.0, 0.0]), 1, np.inf)]) > 1e5


def test_evidence_without_noise_is_all_but_infinite():
    bare = Sum("discrete", np.array([4]), np.array([4]), 0.0)
    other = Sum("discrete", np.array([5]), np.array([4]), 0.0)
    assert evidence([bare], [other]) > 1e5
    assert evidence([other], [bare]) < -1e5
    assert evidence([bare], [bare]) == 0.0


def test_a_kind_that_depends_on_a_row_is_lost():
    with pytest.raises(LostError):
        evidence(
            [Choice(np.zeros(2), 0, 1.0)],
            [Sum("gaussian", np.zeros(1), np.zeros(1), 1)],
        )
