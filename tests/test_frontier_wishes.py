"""A frontier takes no rows, and refuses what cannot be before any training."""

import inspect

import numpy as np
import pytest

import test_architecture as architecture
from fairveil import _frontier_search as search
from fairveil.errors import ConfigError, NotFittedError, UnsupportedError
from fairveil.frontier import frontier
from fairveil.synthesizer import FairVeil
from fairveil.tables import files, frames
from test_frontier import QUICK

pytestmark = pytest.mark.usefixtures("quick_compile")


@pytest.mark.parametrize(
    ("target", "positive", "told"),
    [
        ("city", None, "more than two values"),
        ("visits", None, "more than two values"),
        ("city", "moon", "positive is no value of the target 'city'; got 'moon'"),
        ("member", "perhaps", "positive is no value of the target 'member'"),
        ("visits", "many", "positive is no value of the target 'visits'"),
        ("visits", 10_000, "positive is no value of the target 'visits'"),
    ],
)
def test_a_target_that_cannot_be_judged_is_refused_before_any_training(
    tiny_model, target, positive, told
):
    with pytest.raises(ConfigError) as caught:
        frontier(
            tiny_model,
            **QUICK,
            modes=["outcome"],
            target=target,
            positive=positive,
            progress=never,
        )
    assert told in str(caught.value)


@pytest.mark.parametrize("positive", [True, "true", "True", 1, "0", np.True_])
def test_a_positive_value_may_be_written_as_evaluation_reads_it(tiny_model, positive):
    with pytest.raises(AssertionError, match="work was begun"):
        frontier(
            tiny_model, **QUICK, target="member", positive=positive, progress=never
        )


def never(*_args):
    raise AssertionError("work was begun")


# --- never a real row ---


def test_no_argument_takes_rows(tiny_model, tiny_table):
    names = inspect.signature(frontier).parameters
    assert not {"X", "table", "data", "frame", "real", "holdout"} & set(names)
    for model in (tiny_table, [tiny_table], [tiny_model, tiny_table], [], "m", None):
        with pytest.raises(ConfigError, match="fitted models, never rows"):
            frontier(model)
    for argument in ("target", "positive", "modes", "strengths", "sensitive"):
        with pytest.raises((ConfigError, ValueError, TypeError)):
            frontier(tiny_model, **QUICK, **{argument: tiny_table})


def test_an_unfitted_model_is_refused():
    with pytest.raises(NotFittedError):
        frontier(FairVeil(sensitive=["sex"]))


def test_nothing_that_opens_rows_can_be_reached_from_the_imports():
    edges = {}
    for each in architecture.imports(architecture.ROOT):
        if each.own:
            edges.setdefault(each.source, set()).add(each.target)
    reached, left = set(), ["frontier", "post.merge"]
    while left:
        name = left.pop()
        if name not in reached:
            reached.add(name)
            left += edges.get(name, ())
    assert "evaluate.fairness" in reached  # the walk goes through late imports
    assert not any(architecture.belongs(n, ("private", "chain")) for n in reached)


def test_no_table_is_opened_or_read_on_the_way(tiny_model, tmp_path, monkeypatch):
    tiny_model.save(tmp_path / "m.fairveil")
    loaded = FairVeil.load(tmp_path / "m.fairveil")

    def refuse(*_args, **_more):
        raise AssertionError("a table was opened")

    monkeypatch.setattr(frames, "open_frame", refuse)
    monkeypatch.setattr(files, "read_table", refuse)
    monkeypatch.setattr("fairveil.synthesizer.open_table", refuse)
    monkeypatch.setattr("fairveil.synthesizer.measure_table", refuse)
    found = frontier(loaded, **QUICK, strengths=[1.0], modes=["redraw"])
    assert len(found.candidates) == 1


# --- wrong wishes ---


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"strengths": [0.5, 2.0]}, "strength must lie between 0 and 1; got 2.0"),
        ({"strengths": []}, "strengths must hold at least one value"),
        ({"strengths": [1.0, 1.0]}, "none twice"),
        ({"strengths": ".5"}, "strengths must be a list"),
        ({"modes": ["magic"]}, "mode is unknown; got 'magic'"),
        ({"modes": "redraw"}, "modes must be a list"),
        ({"modes": ["outcome"]}, "the mode outcome needs a target"),
        ({"positive": "yes"}, "positive needs a target"),
        ({"target": "nobody"}, "target is unknown; got 'nobody'"),
        ({"target": "sex"}, "the target is a sensitive column"),
        ({"legitimate": ["nobody"]}, "legitimate is unknown; got 'nobody'"),
        ({"legitimate": ["sex"]}, "a column is both sensitive and legitimate"),
        (
            {"legitimate": ["member"], "target": "member"},
            "the target is a sensitive or a legitimate column",
        ),
        ({"proxies": 2.0}, "proxies must lie between 0 and 1"),
        ({"shares": 5}, "shares must be a word or a mapping"),
        ({"sensitive": []}, "needs sensitive columns"),
        ({"sensitive": ["sex", "sex"]}, "names a column twice"),
        ({"sensitive": ["nobody"]}, "sensitive is unknown; got 'nobody'"),
        (
            {"sensitive": ["sex", "age", "pay", "member", "city", "visits"]},
            "every column is sensitive",
        ),
        ({"rows": 5}, "rows must be an integer of at least 100"),
        ({"clusters": 0}, "clusters must be an integer of at least 1"),
        ({"clusters": [1, 99]}, "clusters is above the number that was released"),
        ({"gan": "big"}, "gan must hold settings of GanTraining"),
        ({"search": "magic"}, "search is unknown"),
        ({"trials": 0}, "trials must be an integer of at least 1"),
        ({"trials": 2}, "the grid has 5 settings, more than trials allow; got 2"),
        ({"random_state": -1}, "random_state must be an integer of at least 0"),
    ],
)
def test_impossible_settings_are_refused_before_any_training(tiny_model, wrong, told):
    with pytest.raises(ConfigError) as caught:
        frontier(tiny_model, **{**QUICK, **wrong}, progress=never)
    assert told in str(caught.value)


def test_fits_of_different_columns_are_refused(tiny_model):
    class Other:
        statement_ = tiny_model.statement_
        feature_names_in_ = ["x"]  # noqa: RUF012  (as a model has it)

    with pytest.raises(ConfigError, match="the fits have different columns"):
        frontier([tiny_model, Other()])


def test_a_missing_extra_is_told_with_what_to_install(tiny_model, monkeypatch):
    monkeypatch.setattr(search, "find_spec", lambda _: None)
    with pytest.raises(UnsupportedError, match=r"pip install 'fairveil\[frontier\]'"):
        frontier(tiny_model, **QUICK, search="nsga2")
