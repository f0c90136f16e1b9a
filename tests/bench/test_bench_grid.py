"""Grids: what is crossed with what, and in which order."""

import math

import pytest

from fairveil.bench.grid import GRIDS, GROUPS, OWN, PEERS, Grid, expanded
from fairveil.bench.methods import METHODS
from fairveil.errors import ConfigError

INF = math.inf


def grid(**changes):
    base = {"tables": ["adult"], "methods": ["fairveil"], "epsilons": [1.0]}
    return Grid(**{**base, "seeds": [0], **changes})


def test_seeds_are_outermost_then_budgets_then_tables():
    wanted = grid(tables=["adult", "bank"], epsilons=[3.0, 1.0], seeds=[0, 1])
    found = [(job.seed, job.epsilon, job.table) for job in wanted.jobs()]
    assert found == [
        (seed, epsilon, table)
        for seed in (0, 1)
        for epsilon in (3.0, 1.0)
        for table in ("adult", "bank")
    ]


@pytest.mark.parametrize("epsilons", [[1.0, 3.0], [INF], [1.0, INF]])
def test_a_method_without_privacy_runs_once_at_infinity(epsilons):
    jobs = grid(methods=["real", "ctgan"], epsilons=epsilons).jobs()
    assert [(job.method, job.epsilon) for job in jobs] == [
        ("real", INF),
        ("ctgan", INF),
    ]


def test_a_method_that_is_private_only_does_not_run_at_infinity():
    jobs = grid(methods=["dpmm-aim", "fairveil"], epsilons=[1.0, INF]).jobs()
    assert {(job.method, job.epsilon) for job in jobs} == {
        ("dpmm-aim", 1.0),
        ("fairveil", 1.0),
        ("fairveil", INF),
    }


def test_a_budget_that_stands_twice_is_run_once():
    assert len(grid(epsilons=[1.0, 1.0]).jobs()) == 1


def test_groups_are_spelled_out_without_repeats():
    assert expanded(["ours", "real"]) == ("fairveil", "real", "independent")
    assert set(expanded(["all"])) == set(METHODS)
    assert set(OWN).isdisjoint(PEERS)
    names = ("ours", "variants", "ablations", "peers")
    parts = [method for name in names for method in GROUPS[name]]
    assert sorted(parts) == sorted(METHODS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tables": ["nothing"]}, "table is unknown"),
        ({"methods": ["nobody"]}, "method is unknown"),
        ({"epsilons": [0.0]}, "epsilon must be positive"),
        ({"epsilons": [math.nan]}, "epsilon must be a number"),
        ({"seeds": [-1]}, "seed -1 must be an integer of at least 0"),
    ],
)
def test_what_cannot_be_run_is_refused_before_anything_runs(changes, message):
    with pytest.raises(ConfigError, match=message):
        grid(**changes).jobs()


def test_the_small_grid_is_small():
    jobs = GRIDS["small"].jobs()
    assert len(jobs) == 8
    assert {job.table for job in jobs} == {"adult", "health_insurance_meps"}


def test_each_grid_holds_the_one_before():
    small, core, full = (
        {job.key for job in GRIDS[name].jobs()} for name in ("small", "core", "full")
    )
    assert small < core < full
