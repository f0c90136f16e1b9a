"""Real processes over one ledger file: killed, racing, forked."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("ledger_processes.py")

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs fork and SIGKILL")


def run(mode, folder):
    done = subprocess.run(
        [sys.executable, SCRIPT, mode, folder],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def leaks(cases):
    """Deaths after which an answer had left that the file does not know."""
    return [case for case in cases if case["answers"] > case["events"]]


def test_death_at_any_system_call_leaves_every_answer_charged(tmp_path):
    cases = run("crash", tmp_path)
    assert {case["status"] for case in cases} == {9}
    assert len(cases) > 45
    assert leaks(cases) == []
    # at most the one event whose answer was about to leave is charged in vain
    assert {case["events"] - case["answers"] for case in cases} == {0, 1}
    # a reservation outlives nobody, and no file is left behind
    assert {tuple(case["recorded"]) for case in cases} == {
        ("closed",),
        ("abandoned", "closed"),
        ("closed", "closed"),
    }
    assert {tuple(case["left"]) for case in cases} == {("t.ledger",)}


def test_the_same_deaths_convict_a_journal_that_comes_after_the_answer(tmp_path):
    assert len(leaks(run("late", tmp_path))) > 10


def test_two_writers_killed_at_random_moments(tmp_path):
    (facts,) = run("chance", tmp_path)
    assert facts["fits"] >= 10
    assert facts["answers"] >= 10
    assert facts["killed"] >= 1
    # 25 rounds of two processes, each with one event under way at most
    assert 0 <= facts["events"] - facts["answers"] <= 50
    assert set(facts["statuses"]) == {"abandoned", "closed"}
    assert facts["left"] == ["t.ledger"]


def test_of_four_that_want_the_last_budget_one_gets_it(tmp_path):
    assert run("race", tmp_path) == [{"won": 1, "fits": 1}] * 8


def test_a_forked_child_neither_adds_to_a_fit_nor_ends_it(tmp_path):
    assert run("fork", tmp_path) == [
        {"refused": 5, "status": "open", "files": 2, "end": "closed", "events": 2}
    ]


def test_a_forked_child_does_not_keep_the_ledger_locked(tmp_path):
    assert run("inherited", tmp_path) == [{"fits": 0}]


def test_a_forked_child_keeps_a_reservation_as_long_as_it_lives(tmp_path):
    assert run("orphan", tmp_path) == [{"first": "open", "second": "abandoned"}]
