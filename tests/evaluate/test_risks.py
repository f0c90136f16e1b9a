"""Attacks on releases whose leaks are known: a copy, fresh rows, shuffled columns."""

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
        {"max_targets": 1},
    ],
)
def test_what_is_asked_wrongly_is_refused(asked):
    with pytest.raises(FairveilError):
        attacked(FRESH, **asked)
