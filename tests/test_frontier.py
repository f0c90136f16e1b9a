"""The frontier ranks by synthetic rows alone, the same way every time, for free."""

import dataclasses
import json
import math

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp

import fairveil.frontier as module
from fairveil import (
    evaluate,
)
from fairveil.errors import ConfigError
from fairveil.frontier import Candidate, Fit, Measured, Settings, frontier, undominated
from fairveil.synthesizer import FairVeil

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


def candidate(loss, unfairness, *, of=None, mode="independence", strength=1.0, **more):
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
        settings=Settings(mode=mode, strength=strength, sensitive=("sex",), **more),
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
    assert measured.gaps == {}  # no parity is asked for
    assert measured.people == {"sex": pytest.approx(_sorted(rows, judge, seed))}
    shares = evaluate.tvd(judge, rows, columns=["sex"]).mean
    assert measured.shares == shares
    usual = found.baselines[0].measured
    assert tried.loss == pytest.approx(
        max(measured.distance - usual.distance, usual.auroc - measured.auroc)
    )
    assert tried.unfairness == abs(measured.probes["sex"] - 0.5)


def _sorted(rows, judge, seed):
    """Information above chance, the mean over five starts of K-Means."""
    told = [
        evaluate.real_people_information(
            rows, judge, ["sex"], seed=seed + k, permutations=10
        )[0]
        for k in range(5)
    ]
    return np.mean([each.mutual_information - each.null_mean for each in told])


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
    assert {tuple(mark) for mark in marks} <= {(), ("hidden",)}
    assert sum(map(bool, marks)) == len(found.pareto)


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
        measured = each.measured
        assert set(measured.gaps) == set(measured.chance) == {"sex", "sex unseen"}
        beyond = [measured.gaps[n] - measured.chance[n] for n in measured.gaps]
        assert each.unfairness == max(0.0, *beyond)
        assert each.people is None
    assert [c.settings.mode for c in found.baselines] == [None]
    assert " all " in found.table()
    assert " blind " in found.table()
    assert found.best(most_loss=1.0) in found.pareto


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
    with pytest.raises(ConfigError, match="each fit needs a name of its own"):
        frontier(two, **QUICK, names=["a", "a"])
