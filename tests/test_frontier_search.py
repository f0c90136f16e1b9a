"""Which settings a search tries: all, Sobol's, or NSGA-II's where pymoo is there."""

import sys
import types

import numpy as np
import pytest
from hypothesis import given, strategies as st

from fairveil import _frontier_search as search, config
from fairveil._frontier_settings import (
    DIMENSIONS,
    Settings,
    Space,
    frozen_shares,
    sobol,
    thawed_shares,
)
from fairveil.errors import ConfigError

BASE = Settings(mode=None, sensitive=("a",), random_state=9)


def space(**more):
    given = {"strengths": (0.0, 0.5, 1.0), "modes": ("independence",)}
    return Space(**{"base": BASE, **given, **more})


def tried(where, name, trials=None, *, seed=0, figures=None):
    """What is tried, and judged by made-up figures."""
    found = []

    def judge(settings):
        found.append(settings)
        weight = settings.strength
        return (weight, 1 - weight) if figures is None else figures(settings)

    count = search.planned(where, name, trials)
    search.explore(where, name, count, seed=seed, judge=judge)
    return found


def test_the_grid_has_every_combination_once():
    gan = config.GanTraining(fairness=2.0)
    where = space(
        modes=("redraw", "independence"), clusters=(None, 4), gans=(None, gan)
    )
    found = tried(where, "grid")
    assert len(found) == len(set(found)) == search.planned(where, "grid", None) == 24
    assert {s.clusters for s in found} == {None, 4}
    assert {s.gan for s in found} == {None, gan}
    assert {s.random_state for s in found} == {9}


def test_the_target_goes_to_the_mode_outcome_alone():
    found = tried(space(modes=("independence", "outcome"), target="y"), "grid")
    assert {(s.mode, s.target) for s in found} == {
        ("independence", None),
        ("outcome", "y"),
    }
    assert {s.promise for s in found} == {"hidden", "parity"}


def test_only_outcome_knows_blind():
    where = space(
        modes=("independence", "outcome"),
        strengths=(0.0, 1.0),
        blinds=(0.1, 0.4),
        target="y",
    )
    found = tried(where, "grid")
    assert len(found) == len(set(found)) == 6
    assert {s.blind for s in found if s.mode == "independence"} == {None}
    assert {s.blind for s in found if s.mode == "outcome"} == {0.1, 0.4}
    searched = [s.blind for s in tried(where, "sobol", 16) if s.mode == "outcome"]
    assert all(0.1 <= blind <= 0.4 for blind in searched)
    assert len(set(searched)) > 2
    with pytest.raises(ConfigError, match="blind must lie between 0 and 1"):
        space(blinds=(2.0,))


def test_only_the_modes_that_hide_know_proxies_and_shares():
    where = space(
        modes=("redraw", "outcome"),
        strengths=(1.0,),
        blinds=(0.1, 0.4),
        proxies=(0.0, 0.5),
        shares="equal",
        legitimate=("z",),
        target="y",
    )
    found = tried(where, "grid")
    told = [(s.mode, s.blind, s.proxies, s.shares) for s in found]
    assert told == [
        ("redraw", None, 0.0, "equal"),
        ("redraw", None, 0.5, "equal"),
        ("outcome", 0.1, 0.0, "kept"),
        ("outcome", 0.4, 0.0, "kept"),
    ]
    assert {s.legitimate for s in found} == {("z",)}
    searched = [s.proxies for s in tried(where, "sobol", 16) if s.mode == "redraw"]
    assert all(0.0 <= proxies <= 0.5 for proxies in searched)
    assert len(set(searched)) > 2


def test_proxies_need_a_mode_that_loosens_them():
    with pytest.raises(ConfigError, match="proxies must lie between 0 and 1"):
        space(proxies=(2.0,))
    with pytest.raises(ConfigError, match="got 'outcome'; try the mode redraw"):
        space(modes=("outcome",), proxies=(0.5,), target="y")


def test_shares_by_value_can_be_compared_and_given_back():
    given = {"a": {"x": 0.5, "y": 0.5}}
    kept = frozen_shares(given)
    assert hash(kept) == hash(frozen_shares(given))
    assert thawed_shares(kept) == given
    assert thawed_shares(frozen_shares("equal")) == "equal"
    with pytest.raises(ConfigError, match="a word or a mapping of columns; got 'list'"):
        frozen_shares([1])


def test_the_plain_release_keeps_what_its_generator_hangs_on():
    gan = config.GanTraining(fairness=2.0)
    where = space(
        modes=("redraw",), clusters=(4,), gans=(gan,), proxies=(0.5,), shares="equal"
    )
    (plain,) = {settings.plain for settings in where.grid()}
    assert (plain.mode, plain.clusters, plain.gan) == (None, 4, gan)
    assert (plain.proxies, plain.shares, plain.random_state) == (0.0, "kept", 9)


@given(st.lists(st.floats(0, 1), min_size=DIMENSIONS, max_size=DIMENSIONS))
def test_every_point_of_the_cube_is_settings_of_the_space(place):
    where = space(strengths=(0.2, 0.9), clusters=(2, 3), modes=("redraw", "outcome"))
    found = where.at(place)
    assert 0.2 <= found.strength <= 0.9
    assert found.clusters in where.clusters
    assert found.mode in where.modes


@pytest.mark.parametrize("count", [1, 5, 8, 16])
def test_a_sobol_sequence_fills_the_cube_the_same_way_every_time(count):
    points = sobol(count, 4)
    assert points.shape == (count, DIMENSIONS)
    assert ((points >= 0) & (points < 1)).all()
    np.testing.assert_array_equal(points, sobol(count, 4))
    if count == 16:  # each eighth of each axis holds two of sixteen
        eighths = np.floor(points * 8).astype(int)
        assert all((np.bincount(axis, minlength=8) == 2).all() for axis in eighths.T)


def test_sobol_tries_so_many_different_settings():
    where = space(strengths=(0.0, 1.0), clusters=(2, 3, 4))
    found = tried(where, "sobol", 12)
    assert len(found) == len(set(found)) == 12
    assert {s.clusters for s in found} == {2, 3, 4}
    assert found == tried(where, "sobol", 12)
    assert found != tried(where, "sobol", 12, seed=1)
    assert len(tried(where, "sobol")) == search.TRIALS


def test_equal_settings_are_measured_once():
    assert len(tried(space(strengths=(1.0,)), "sobol", 8)) == 1


def test_nsga2_needs_some_trials_for_each_promise(monkeypatch):
    monkeypatch.setattr(search, "find_spec", lambda _: object())
    both = space(modes=("independence", "outcome"), target="y")
    assert search.planned(both, "nsga2", 8) == 8
    with pytest.raises(ConfigError, match="NSGA-II needs more trials; got 7; try 8"):
        search.planned(both, "nsga2", 7)


# --- NSGA-II: its wiring with a stand-in, and pymoo itself where it is installed ---


class Asked(list):
    """What pymoo calls a population, as far as it is used."""

    def get(self, name):
        assert name == "X"
        return np.array(self)


class StandIn:
    """An algorithm that walks along the first axis and keeps what it is told."""

    made: list["StandIn"]

    def __init__(self, pop_size, sampling):
        self.size, self.next, self.told = pop_size, sampling, []
        StandIn.made.append(self)

    def setup(self, problem, **given):
        self.problem, self.given = problem, given

    def ask(self):
        return Asked(self.next)

    def tell(self, infills):
        self.told.append(infills.figures)
        self.next = (np.array(infills) + 0.0371 * np.eye(DIMENSIONS)[0]) % 1.0


@pytest.fixture
def stand_in(monkeypatch):
    def evaluated(problem, asked):
        asked.figures = problem["F"]

    homes = {
        "pymoo": {},
        "pymoo.algorithms": {},
        "pymoo.algorithms.moo": {},
        "pymoo.algorithms.moo.nsga2": {"NSGA2": StandIn},
        "pymoo.core": {},
        "pymoo.core.problem": {"Problem": dict},
        "pymoo.core.evaluator": {
            "Evaluator": lambda: types.SimpleNamespace(eval=evaluated)
        },
        "pymoo.problems": {},
        "pymoo.problems.static": {"StaticProblem": lambda task, F: {**task, "F": F}},
    }
    for name, body in homes.items():
        module = types.ModuleType(name)
        module.__dict__.update(body)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(search, "find_spec", lambda _: object())
    StandIn.made = []
    return StandIn


def test_nsga2_is_told_both_figures_and_stops_at_the_trials(stand_in):
    found = tried(space(strengths=(0.0, 1.0)), "nsga2", 14, seed=5)
    (made,) = stand_in.made
    assert made.size == 4
    np.testing.assert_array_equal(made.told[0][:, 0] + made.told[0][:, 1], np.ones(4))
    assert made.problem == {"n_var": DIMENSIONS, "n_obj": 2, "xl": 0.0, "xu": 1.0}
    assert made.given["seed"] == 5
    assert len(found) == 14  # the last generation is cut
    assert [len(each) for each in made.told] == [4, 4, 4]


def test_nsga2_works_on_each_promise_by_itself(stand_in):
    where = space(modes=("independence", "outcome", "redraw"), target="y")
    found = tried(where, "nsga2", 9)
    assert len(stand_in.made) == 2
    hidden = [s for s in found if s.promise == "hidden"]
    assert found[: len(hidden)] == hidden
    assert {s.mode for s in hidden} <= {"independence", "redraw"}
    assert len(found) <= 9


def test_nsga2_of_loose_proxies_has_three_figures_to_lower(stand_in):
    where = space(modes=("outcome", "redraw"), proxies=(0.0, 1.0), target="y")

    def figures(settings):
        return (0.1, 0.2, 0.3)[: where.objectives(settings.promise)]

    found = tried(where, "nsga2", 12, figures=figures)
    assert [made.problem["n_obj"] for made in stand_in.made] == [2, 3]
    assert {s.proxies for s in found if s.mode == "outcome"} == {0.0}
    assert len({s.proxies for s in found if s.mode == "redraw"}) > 2


def test_nsga2_measures_no_setting_twice(stand_in):
    where = space(strengths=(1.0,), clusters=(2, 3))
    found = tried(where, "nsga2", 12)
    assert len(found) == len(set(found)) <= 2


def test_nsga2_of_pymoo_comes_near_the_best_trade_off():
    pytest.importorskip("pymoo", reason="the extra 'frontier' is not installed")
    where = space(strengths=(0.0, 1.0), clusters=(2, 3, 4, 5))

    def figures(settings):  # five clusters are best at every strength
        beside = 5 - settings.clusters
        return settings.strength + beside, 1 - settings.strength + beside

    found = tried(where, "nsga2", 60, figures=figures)
    assert found == tried(where, "nsga2", 60, figures=figures)
    assert 20 <= len(found) == len(set(found)) <= 60
    late = found[len(found) // 2 :]
    assert np.mean([s.clusters == 5 for s in late]) > 0.7
