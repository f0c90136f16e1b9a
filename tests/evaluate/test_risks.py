"""Attacks on releases whose leaks are known: a copy, fresh rows, shuffled columns."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from fairveil.errors import FairveilError
from fairveil.evaluate import privacy_risks
from fairveil.evaluate.results_risks import (
    FINDING,
    NO_CONTROL,
    PASS,
    QUESTIONS,
    RISK_STATES,
    WEAK,
)


def people(n, seed):
    """A law of mixed columns that depend on each other, with missing cells."""
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 90, n)
    job = rng.choice(["a", "b", "c", "d", "e"], n)
    pay = np.round(1000 * (age + rng.exponential(20, n) + 10 * (job == "a")), -2)
    pay[rng.random(n) < 0.1] = np.nan
    ill = np.where(rng.random(n) < age / 100, "yes", "no").astype(object)
    ill[rng.random(n) < 0.05] = None
    return pd.DataFrame(
        {"age": age, "job": job, "pay": pay, "ill": ill, "size": rng.normal(170, 9, n)}
    )


TRAIN, CONTROL, FRESH = (people(300, seed) for seed in range(3))


def attacked(release, control=CONTROL, **asked):
    return privacy_risks(TRAIN, release, control, **asked)


@pytest.fixture(scope="module")
def copied():
    return attacked(TRAIN.sample(frac=1, random_state=0))


@pytest.fixture(scope="module")
def fresh():
    return attacked(FRESH)


def test_every_attack_finds_a_copy(copied):
    assert {a.state for a in copied.attacks if a.target != "ill"} == {FINDING}
    assert set(copied.states) == set(QUESTIONS)
    for one in copied.attacks:
        assert one.main.value > one.naive.value
        assert one.main.value > one.control.value
    assert copied.nearest.identical_train.value == 1
    assert copied.nearest.identical_control.value == 0
    assert copied.nearest.distance.interval.low > 0.9


def test_fresh_rows_of_the_law_pass(fresh):
    assert {a.state for a in fresh.attacks} <= {PASS, WEAK}
    assert fresh.states["membership"] == PASS
    assert fresh.findings == ()
    nearer = fresh.nearest.distance.interval
    assert nearer.low < 0.5 < nearer.high


def test_the_record_is_json_and_says_that_it_is_not_private(fresh):
    record = json.loads(json.dumps(fresh.to_dict(), allow_nan=False))
    assert record["private"] is False
    assert record["n_control"] == 300
    one = record["attacks"][0]
    assert one["asked"] == QUESTIONS["singling out"]
    assert one["main"]["attempts"] > 100
    assert one["state"] in RISK_STATES
    assert one["sentence"].endswith(".")


def test_without_control_nothing_is_concluded():
    alone = attacked(TRAIN, None)
    assert {a.state for a in alone.attacks} == {NO_CONTROL}
    assert all(a.control is a.planted is None for a in alone.attacks)
    assert alone.attacks[0].main.value > 0.9  # and yet it was tried
    assert alone.nearest.distance is alone.nearest.identical_control is None
    assert "cannot be said" in alone.attacks[0].sentence


def test_the_seed_makes_it_repeatable(fresh):
    assert attacked(FRESH) == fresh
    assert attacked(FRESH, seed=1) != fresh


@pytest.mark.parametrize(
    "asked",
    [
        {"secrets": ["nobody"]},
        {"secrets": ["age", "age"]},
        {"linked": (["age"], ["age", "pay"])},
        {"linked": (["age"],)},
        {"linked": ("age", "pay")},
        {"secrets": "age"},
        {"known": ["age", "age"]},
        {"max_rows": 1},
        {"max_targets": 1},
    ],
)
def test_what_is_asked_wrongly_is_refused(asked):
    with pytest.raises(FairveilError):
        attacked(FRESH, **asked)


def test_a_part_of_copies_is_found_where_it_is():
    release = pd.concat([TRAIN[:90], FRESH[90:]])
    found = attacked(release)
    assert found.states["membership"] == FINDING
    assert found.nearest.identical_train.successes == 90


def shuffled(table):
    rng = np.random.default_rng(3)
    return table.apply(lambda one: rng.permutation(one.to_numpy()))


def test_shuffled_columns_link_nothing_but_their_values_are_those_of_people():
    assert attacked(shuffled(FRESH)).findings == ()
    found = attacked(shuffled(TRAIN))
    assert {(a.question, a.name) for a in found.findings} == {
        ("singling out", "by one column")
    }


def test_a_table_too_small_or_too_poor_is_too_weak():
    few = privacy_risks(TRAIN[:3], TRAIN[:3], CONTROL[:3])
    assert set(few.states.values()) == {WEAK}
    same = pd.DataFrame({"a": ["x"] * 50, "b": [1] * 50})
    poor = privacy_risks(same, same, same)
    assert {a.state for a in poor.attacks} == {WEAK}
    assert poor.of("inference") == ()  # one value: nothing to infer


def test_control_rows_out_of_the_training_table_are_noted():
    wrong = attacked(FRESH, TRAIN[:150])
    assert "100% of the control rows equal a training row" in wrong.notes[0]
    assert WEAK in wrong.states.values()
    assert attacked(FRESH).notes == ()


def test_what_is_drawn_and_left_out_is_noted():
    wide = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 12)))
    wide.columns = [f"c{k}" for k in range(12)]
    found = privacy_risks(wide, wide, wide, max_rows=50, max_targets=40)
    assert found.notes[1:] == (
        "inferred are the first 10 columns; name others",
        "the attacker sees 50 synthetic rows, drawn at random",
    )
    assert {a.main.attempts for a in found.of("inference")} == {40}
    assert len(found.of("inference")) == 10


def test_the_state_of_a_question_is_that_of_its_ablest_attack_and_gravest_target():
    def risks(*states):
        attacks = [
            dataclasses.replace(attack, question=question, target=target, state=state)
            for question, target, state in states
        ]
        return dataclasses.replace(found, attacks=tuple(attacks))

    found = attacked(FRESH, None)
    attack = found.attacks[0]
    membership, inference = "membership", "inference"
    told = risks(
        (membership, "", WEAK), (membership, "", PASS), (inference, "a", PASS)
    ).states
    assert told == {inference: PASS, membership: PASS}
    told = risks((inference, "a", PASS), (inference, "b", WEAK)).states
    assert told == {inference: WEAK}
    told = risks((membership, "", PASS), (membership, "", FINDING)).states
    assert told == {membership: FINDING}


@pytest.mark.statistical
def test_where_nothing_leaks_training_and_control_rows_do_alike():
    """Both sides: neither more nor less is told of training rows; p-values are even."""
    excess, p_values, family = {}, {}, 0
    for k in range(16):
        train, release, control = (people(70, 1000 + 3 * k + i) for i in range(3))
        found = privacy_risks(train, release, control, secrets=["job", "pay"], seed=k)
        family += bool(found.findings)
        for one in found.attacks:
            place = one.name, one.target
            if one.main.attempts and one.control.attempts:
                excess.setdefault(place, []).append(one.excess.value)
                p_values.setdefault(place, []).append(one.p_value)
    assert family <= 4  # of 16, at 5 %: more in one of a thousand suites
    assert not any(excess.pop(("an equal row", "")))  # of a law without ties
    assert len(excess) == 8
    for place, found in excess.items():
        error = np.std(found) / np.sqrt(len(found))
        assert abs(np.mean(found)) < 4 * error, place
        # conservative where counts are small, never the contrary
        assert np.mean(np.array(p_values[place]) <= 0.2) < 0.2 + 4 * 0.1, place
        assert np.min(p_values[place]) < 0.6, place
