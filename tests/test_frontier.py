"""The frontier ranks by synthetic rows alone, the same way every time, for free."""

import dataclasses
import inspect
import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp

import fairveil.frontier as module
import test_architecture as architecture
from fairveil import (
    _frontier_measure as measures,
    _frontier_search as search,
    config,
    evaluate,
)
from fairveil.errors import ConfigError, NotFittedError, UnsupportedError
from fairveil.frontier import Candidate, Fit, Measured, Settings, frontier, undominated
from fairveil.synthesizer import FairVeil
from fairveil.tables import files, frames

QUICK = {"generator": "decoder", "rows": 600, "random_state": 3}
TRIED = {
    **QUICK,
    "strengths": (0.0, 1.0),
    "modes": ("redraw", "independence"),
    "target": "member",
    "positive": True,
}

pytestmark = pytest.mark.usefixtures("quick_compile")


@pytest.fixture(scope="module")
def found(tiny_model):
    return frontier(tiny_model, **TRIED)


def fit(epsilon=1.0, *, name="a", private=True):
    return Fit(
        name=name,
        epsilon=epsilon,
        delta=1e-5,
        private=private,
        statement={},
        digest=name,
    )


def candidate(loss, unfairness, *, of=None, mode="independence", strength=1.0):
    measured = Measured(
        distance=max(loss, 0.0),
        auroc=None,
        misfit=1.0,
        probes={"sex": 0.5 + unfairness},
        groups={"sex": 2},
        gaps={},
        shares=0.0,
    )
    return Candidate(
        fit=of or fit(),
        settings=Settings(mode=mode, strength=strength, sensitive=("sex",)),
        loss=loss,
        unfairness=unfairness,
        measured=measured,
    )


def of(*candidates):
    return module.Frontier(
        candidates=candidates,
        baselines=(),
        fits=tuple({c.fit.name: c.fit for c in candidates}.values()),
        reference="a",
        search="grid",
        rows=100,
        target=None,
        positive=None,
        random_state=0,
    )


# --- what nothing beats ---


@given(
    hnp.arrays(
        np.float64,
        st.tuples(st.integers(1, 25), st.integers(1, 3)),
        elements=st.sampled_from([0.0, 0.1, 0.2, 0.3, 1.0]),
    )
)
def test_undominated_points_are_those_of_brute_force(points):
    rows = points.tolist()

    def beaten(one):
        for other in rows:
            no_worse = [a <= b for a, b in zip(other, one, strict=True)]
            better = [a < b for a, b in zip(other, one, strict=True)]
            if all(no_worse) and any(better):
                return True
        return False

    assert undominated(points).tolist() == [not beaten(one) for one in rows]
    assert undominated(points).any()


def test_a_dominated_candidate_is_not_in_the_pareto_set():
    good, fair, beaten = (candidate(*at) for at in ((0.0, 0.2), (0.1, 0.0), (0.1, 0.2)))
    assert of(good, beaten, fair).pareto == (good, fair)


def test_equal_candidates_stay_together():
    one, other = candidate(0.1, 0.1), candidate(0.1, 0.1, strength=0.5)
    assert of(one, other).pareto == (one, other)


def test_a_smaller_epsilon_is_worth_a_loss_and_a_larger_one_without_gain_is_not():
    small, large = fit(0.5, name="a"), fit(3.0, name="b")
    cheap = candidate(0.1, 0.1, of=small)
    better = candidate(0.0, 0.1, of=large)
    useless = candidate(0.2, 0.1, of=large)
    assert of(cheap, better, useless).pareto == (cheap, better)


def test_two_promises_have_measures_of_their_own_and_do_not_compare():
    hidden, parity = candidate(0.0, 0.0), candidate(0.3, 0.3, mode="outcome")
    assert of(hidden, parity).pareto == (hidden, parity)


# --- the best ---


def test_the_best_is_the_fairest_that_loses_little_enough():
    fair, middle, good = (
        candidate(*at) for at in ((0.3, 0.0), (0.02, 0.1), (0.0, 0.2))
    )
    result = of(fair, middle, good)
    assert result.best() is middle
    assert result.best(most_loss=0.5) is fair
    assert result.best(most_loss=0.01) is good


def test_the_best_is_sought_in_the_first_promise_or_in_the_mode_that_is_named():
    hidden = candidate(0.0, 0.2)
    redrawn = candidate(0.0, 0.1, mode="redraw")
    parity = candidate(0.0, 0.0, mode="outcome")
    result = of(hidden, redrawn, parity)
    assert result.best() is redrawn
    assert result.best(mode="independence") is hidden
    assert result.best(mode="outcome") is parity
    with pytest.raises(ConfigError, match="mode is unknown; got 'magic'"):
        result.best(mode="magic")


def test_where_all_lose_more_the_least_loss_is_told():
    with pytest.raises(ConfigError, match=r"got 0\.02; try 0\.124"):
        of(candidate(0.1234, 0.0)).best()


# --- a small fit, end to end ---


def test_all_settings_of_the_grid_are_tried_beside_the_baselines(found):
    tried = [(c.settings.mode, c.settings.strength) for c in found.candidates]
    assert tried == [
        ("redraw", 0.0),
        ("redraw", 1.0),
        ("independence", 0.0),
        ("independence", 1.0),
    ]
    assert [c.settings.mode for c in found.baselines] == [None, "redraw"]
    assert found.baselines[0].loss == 0.0
    assert found.baselines[1].measured == found.candidates[1].measured
    assert all(c in found.candidates for c in found.pareto)
    assert found.fits[0].epsilon == 1.0
    assert found.private


def test_the_figures_are_those_of_evaluate_on_synthetic_rows(found, tiny_model):
    seed = found.candidates[0].settings.random_state
    plain = tiny_model.refine(fairness=None, generator="decoder", random_state=seed)
    judge = plain.sample(600, random_state=seed + 1)
    tried = found.candidates[3]
    rows = tried.refine(tiny_model).sample(600, random_state=seed)
    others = [name for name in rows if name != "sex"]
    measured = tried.measured
    assert measured.distance == evaluate.tvd(judge, rows, ways=2, columns=others).mean
    told = evaluate.tstr(rows, judge, target="member", positive=True, seed=seed)
    assert measured.auroc == told.auroc
    assert measured.probes == {"sex": evaluate.probe(rows, "sex", seed=seed).auroc}
    (gap,) = evaluate.parity_gap(
        rows, judge, target="member", sensitive=["sex"], positive=True, seed=seed
    )
    assert measured.gaps == {"sex": gap.demographic_parity}
    shares = evaluate.tvd(judge, rows, columns=["sex"]).mean
    assert measured.shares == shares
    usual = found.baselines[0].measured
    assert tried.loss == pytest.approx(
        max(measured.distance - usual.distance, usual.auroc - measured.auroc)
    )
    assert tried.unfairness == abs(measured.probes["sex"] - 0.5)


def test_the_same_seed_gives_the_same_frontier(found, tiny_model):
    again = frontier(tiny_model, **TRIED)
    assert again == found
    assert json.dumps(again.to_dict()) == json.dumps(found.to_dict())


def test_without_a_seed_the_drawn_one_is_kept(tiny_model):
    few = {"modes": ["redraw"], "strengths": [1.0]}
    first = frontier(tiny_model, **{**QUICK, "random_state": None, **few})
    again = frontier(tiny_model, **{**QUICK, "random_state": first.random_state, **few})
    assert again == first


def test_no_candidate_changes_the_privacy_statement(found, tiny_model):
    def spent(model):
        body = model.statement_.to_dict()
        body.pop("fairness", None)
        return json.dumps(body).encode()

    before = spent(tiny_model)
    for tried in (*found.candidates, *found.baselines):
        assert spent(tried.refine(tiny_model)) == before
        assert json.dumps(tried.fit.statement).encode() == before
    assert spent(tiny_model) == before


def test_a_candidate_is_refused_the_model_of_another_fit(found, tiny_model):
    other = dataclasses.replace(
        found.candidates[0],
        fit=dataclasses.replace(found.fits[0], digest="0" * 64, name="the other"),
    )
    with pytest.raises(ConfigError, match="another fit; try the model of the other"):
        other.refine(tiny_model)


def test_the_json_holds_settings_figures_and_the_statement(found, tmp_path):
    found.save(tmp_path / "f.json")
    body = json.loads((tmp_path / "f.json").read_text(encoding="utf-8"))
    assert body == found.to_dict()
    assert body["format"] == "fairveil-frontier"
    assert body["private"] is True
    assert "no privacy spent" in body["note"]
    assert body["fits"][0]["statement"]["epsilon"] == 1.0
    marks = [each["pareto"] for each in body["candidates"]]
    assert sum(marks) == len(found.pareto)


def test_the_table_marks_the_pareto_set_and_says_what_it_rests_on(found):
    text = found.table()
    assert str(found) == text
    assert "no privacy spent" in text
    assert max(map(len, text.splitlines())) <= 80
    lines = [line for line in text.splitlines() if line[2:].startswith(("re", "in"))]
    assert len(lines) == 5  # the baseline redraw among them
    assert sum(line.startswith("*") for line in lines) == len(found.pareto)
    assert "NOT PRIVATE" not in text
    bare = dataclasses.replace(found, fits=(fit(math.inf, name="x", private=False),))
    assert bare.table().startswith("NOT PRIVATE: x.")


def test_progress_rises_stage_by_stage_to_its_end(tiny_model):
    told = []
    frontier(
        tiny_model,
        **QUICK,
        strengths=[1.0],
        modes=["redraw"],
        progress=lambda *step: told.append(step),
    )
    stages = list(dict.fromkeys(stage for stage, _, _ in told))
    assert stages == ["reference", "baselines", "candidates"]
    for stage in stages:
        shares = [done / total for name, done, total in told if name == stage]
        assert shares == sorted(shares)
        assert shares[-1] == 1.0


def test_parity_is_ranked_by_the_gap_of_predictions_and_clusters_are_merged(
    tiny_model,
):
    found = frontier(
        tiny_model,
        **QUICK,
        strengths=[1.0],
        modes=["outcome"],
        target="city",
        positive="north",
        clusters=[1, None],
        blind=[0.0, 0.5],
    )
    tried = [(c.settings.clusters, c.settings.blind) for c in found.candidates]
    assert tried == [(1, 0.0), (1, 0.5), (None, 0.0), (None, 0.5)]
    for each in found.candidates:
        assert each.settings.promise == "parity"
        assert each.unfairness == each.measured.gaps["sex"]
    assert [c.settings.mode for c in found.baselines] == [None]
    assert " all " in found.table()
    assert " blind " in found.table()
    assert found.best(most_loss=1.0) in found.pareto


def test_outcome_needs_a_target_of_two_values_or_the_positive_one(tiny_model):
    with pytest.raises(ConfigError, match="more than two values; try naming the"):
        frontier(tiny_model, **QUICK, modes=["outcome"], target="city")
    with pytest.raises(ConfigError, match="positive is no value of the target"):
        frontier(tiny_model, **QUICK, target="city", positive="moon")


# --- several fits ---


@pytest.fixture(scope="module")
def two(tiny_model, tiny_table, tiny_schema, tiny_settings):
    """The tiny model, and one with more budget."""
    richer = FairVeil(
        epsilon=3.0,
        sensitive=["sex"],
        schema=tiny_schema,
        generator="decoder",
        preset=tiny_settings,
        random_state=7,
    )
    return tiny_model, richer.fit(tiny_table.copy())


def test_several_fits_are_judged_by_the_one_that_knows_most(two):
    found = frontier(
        two, **QUICK, strengths=[1.0], modes=["redraw"], names=["poor", "rich"]
    )
    assert found.reference == "rich"
    assert [c.fit.name for c in found.candidates] == ["poor", "rich"]
    assert [c.epsilon for c in found.candidates] == [1.0, 3.0]
    losses = {c.fit.name: c.loss for c in found.baselines if c.settings.mode is None}
    assert losses["rich"] == 0.0
    assert losses["poor"] > 0.0
    assert len({f.statement["epsilon"] for f in found.fits}) == 2
    assert "has spent them all together" in " ".join(found.table().split())
    for tried, model in zip(found.candidates, two, strict=True):
        assert tried.refine(model).statement_.epsilon == tried.epsilon
    with pytest.raises(ConfigError, match="another fit"):
        found.candidates[0].refine(two[1])


def test_the_same_fit_twice_or_a_name_twice_is_refused(two):
    with pytest.raises(ConfigError, match="the same fit is given twice"):
        frontier([two[0], two[0].refine(fairness=None, generator="decoder")], **QUICK)
    with pytest.raises(ConfigError, match="names must name each fit once"):
        frontier(two, **QUICK, names=["a", "a"])


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
    monkeypatch.setattr("fairveil.synthesizer.open_frame", refuse)
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
    def never(*_args):
        raise AssertionError("work was begun")

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


# --- measures ---


def roles(**more):
    given = {
        "sensitive": ("s",),
        "target": None,
        "positive": None,
        "rows": 1,
        "seed": 0,
    }
    return measures.Roles(**{**given, **more})


def test_several_sensitive_columns_are_audited_one_by_one_and_together():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 2, (2, 1500))
    frame = pd.DataFrame({"a": a, "b": b, "x": a ^ b, "y": rng.random(1500)})
    probes = measures._probes(frame, roles(sensitive=("a", "b")))
    areas = {each.column: each.auroc for each in probes}
    assert areas["a"] == pytest.approx(0.5, abs=0.07)  # neither alone,
    assert areas["b"] == pytest.approx(0.5, abs=0.07)
    assert areas["a x b"] > 0.65  # but both together


def test_a_sensitive_column_held_constant_does_not_count_as_hidden():
    usual = candidate(0.0, 0.0).measured
    reference = measures.Reference(pd.DataFrame(), usual)
    gone = dataclasses.replace(usual, groups={"sex": 1})
    assert reference.unfairness(usual, "hidden") == 0.0
    assert reference.unfairness(gone, "hidden") == 0.5


def test_an_auroc_below_a_half_is_no_more_hidden_than_one_above():
    below = dataclasses.replace(candidate(0, 0).measured, probes={"a": 0.3, "b": 0.6})
    assert below.hidden == pytest.approx(0.2)


def test_loss_is_the_larger_of_both_and_parity_ignores_what_is_unknown():
    usual = dataclasses.replace(candidate(0.1, 0).measured, auroc=0.9)
    reference = measures.Reference(pd.DataFrame(), usual)
    far = dataclasses.replace(usual, distance=0.15, auroc=0.89)
    blunt = dataclasses.replace(usual, distance=0.1, auroc=0.8)
    assert reference.loss(far) == pytest.approx(0.05)
    assert reference.loss(blunt) == pytest.approx(0.1)
    gaps = dataclasses.replace(usual, gaps={"a": math.nan, "b": 0.1})
    assert gaps.parity == 0.1
    assert math.isnan(usual.parity)
    assert gaps.to_dict()["gaps"] == {"a": None, "b": 0.1}


def test_misfit_is_in_standard_deviations_and_leaves_moved_columns_out(tiny_model):
    drawn = measures.Drawn.of(tiny_model, 500, 0)
    assert drawn.frame.equals(tiny_model.sample(500, random_state=0))
    bundle, columns = drawn.bundle, tiny_model.feature_names_in_
    gaps = []
    for marginal in bundle.marginals:
        if 0 in marginal.columns:  # sex
            continue
        shape = [bundle.codec.sizes[c] for c in marginal.columns]
        cells = np.ravel_multi_index(
            drawn.codes[:, list(marginal.columns)].T, tuple(shape)
        )
        share = np.bincount(cells, minlength=math.prod(shape)) / 500
        noise = marginal.noise_stddev / bundle.n_hat
        gaps += list(np.abs(share - marginal.counts / bundle.n_hat) / noise)
    assert measures._misfit(drawn, {"sex"}) == pytest.approx(np.mean(gaps))
    assert measures._misfit(drawn, set(columns)) is None


@pytest.mark.parametrize("extra", [{"clusters": 3}, {"gan": config.GanTraining()}])
def test_settings_pass_on_what_refine_is_to_use(extra):
    class Model:
        def refine(self, **given):
            return given

    given = Settings(mode="independence", sensitive=("a",), **extra).refine(Model())
    assert set(given) >= {"fairness", "strength", "random_state", *extra}
    assert "target" not in given
