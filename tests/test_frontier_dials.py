"""Releases that share a generator; loosened proxies; legitimate columns; shares."""

import math

import numpy as np
import pandas as pd
import pytest

import fairveil.frontier as module
from fairveil import _frontier_measure as measures, config, evaluate
from fairveil.errors import ConfigError
from fairveil.frontier import frontier
from fairveil.post import finish
from fairveil.synthesizer import FairVeil
from test_frontier import QUICK
from test_frontier_wishes import never

pytestmark = pytest.mark.usefixtures("quick_compile")


@pytest.fixture
def trained(monkeypatch):
    """Counts trainings of a generator."""
    counted, real = [], finish._trained

    def train(*args, **more):
        counted.append(args[1].fairness)
        return real(*args, **more)

    monkeypatch.setattr(finish, "_trained", train)
    return counted


MANY = {
    **QUICK,
    "modes": ["outcome", "redraw"],
    "strengths": [0.5, 1.0],
    "blind": [0.0, 0.5],
    "target": "member",
}


def test_modes_without_a_critic_share_one_training_for_each_set_of_networks(
    tiny_model, trained
):
    few = {**MANY, "strengths": [1.0]}
    found = frontier(tiny_model, **few, gan=[None, config.GanTraining()])
    assert len(found.candidates) == 6
    assert trained == [None, None]  # for the fit's networks, and for the others


def test_what_was_measured_is_refined_again_from_the_model_or_quickly_from_its_plain(
    tiny_model, trained
):
    plain = tiny_model.refine(fairness=None, generator="decoder", random_state=5)
    few = {**MANY, "strengths": [1.0]}
    for model, asked, trainings in ((tiny_model, MANY, 1), (plain, few, 0)):
        trained.clear()
        found = frontier(model, **asked)
        assert len(trained) == trainings
        assert len(found.candidates) == 3 * len(asked["strengths"])
        base = found.baselines[0]
        own = base.settings.random_state
        judge = base.refine(model).sample(found.rows, random_state=own + 1)
        for tried in (found.candidates[1], found.candidates[-1], found.baselines[0]):
            seed, rows = tried.settings.random_state, found.rows
            trained.clear()
            release = tried.refine(model)
            assert len(trained) == trainings
            drawn = measures.Drawn.of(release, rows, seed)
            assert seed == own
            others = ["age", "pay", "member", "city", "visits"]
            far = evaluate.tvd(judge, drawn.frame, ways=2, columns=others, seed=seed)
            assert far.mean == tried.measured.distance


def test_another_release_of_the_fit_that_gives_other_rows_is_refused(tiny_model):
    found = frontier(tiny_model, **QUICK, modes=["redraw"], strengths=[1.0])
    sister = tiny_model.refine(fairness=None, generator="decoder", random_state=77)
    with pytest.raises(ConfigError, match="other rows than those measured; try the"):
        found.candidates[0].refine(sister)


@pytest.fixture(scope="module")
def tied(tiny_settings):
    """A fit of a table where three columns mostly say what the sensitive one is."""
    rng = np.random.default_rng(4)
    sex = rng.integers(0, 2, 1500)
    same = rng.random((1500, 3)) < 0.9
    proxies = np.where(same, sex[:, None], 1 - sex[:, None])
    frame = pd.DataFrame(rng.integers(0, 2, (1500, 6)), columns=list("uvwxyz"))
    frame[["sex", "a", "b", "c"]] = np.column_stack([sex, proxies])
    model = FairVeil(
        epsilon=math.inf,
        sensitive=["sex"],
        fairness=None,
        generator="decoder",
        preset=tiny_settings,
        random_state=0,
    )
    return model.fit(frame.replace({0: "no", 1: "yes"}))


def test_loosened_proxies_are_ranked_by_how_clusters_sort_the_references_people(tied):
    found = frontier(
        tied,
        **{**QUICK, "rows": 2000},
        modes=["redraw"],
        strengths=[1.0],
        proxies=[0.0, 1.0],
    )
    tight, loose = found.candidates
    assert found.promises == ("hidden", "people")
    assert found.baselines[0].people == 1.0
    told = [each.measured.people["sex"] for each in (found.baselines[0], loose)]
    assert loose.people == pytest.approx(max(0.0, told[1]) / told[0])
    assert loose.people < 0.7 < tight.people
    assert found.ranked("hidden") == (tight,)
    assert found.ranked("people") == (tight, loose)
    assert loose in found.front("people")
    assert loose in found.pareto
    assert loose.loss > tight.loss
    assert found.best(most_loss=1.0) is tight
    assert found.best(most_loss=1.0, promise="people") is loose
    text = found.table()
    assert max(map(len, text.splitlines())) <= 80
    lines = [line for line in text.splitlines() if line[3:].startswith("redraw")]
    assert [line[:2] for line in lines] == ["  ", "*p", " p"]
    assert " people " in text
    assert "stand in for real people" in " ".join(text.split())


def test_where_clusters_tell_nothing_there_are_no_proxies_to_loosen(
    tiny_model, monkeypatch
):
    def nothing(_frame, _judge, roles):
        return {str(name): (0.001, 0.002) for name in roles.questions}

    monkeypatch.setattr(measures, "_people", nothing)
    with pytest.raises(ConfigError, match="there are no proxies to loosen"):
        frontier(tiny_model, **QUICK, modes=["redraw"], proxies=[0.5])
    found = frontier(tiny_model, **QUICK, modes=["redraw"], strengths=[1.0])
    assert math.isnan(found.candidates[0].people)
    assert found.to_dict()["candidates"][0]["people"] is None


def test_a_fit_that_knows_of_no_proxies_is_told_so_before_any_training(
    tiny_model, monkeypatch
):
    def unknown(_bundle, wish):
        if wish.proxies:
            raise ConfigError("no proxies are known")

    monkeypatch.setattr(module, "loosening_of", unknown)
    asked = {**QUICK, "modes": ["redraw"], "progress": never}
    with pytest.raises(ConfigError, match="no proxies are known"):
        frontier(tiny_model, **asked, proxies=[0.0, 0.5])
    with pytest.raises(AssertionError, match="work was begun"):
        frontier(tiny_model, **asked)


def test_legitimate_columns_make_both_measures_conditional(tiny_model):
    found = frontier(
        tiny_model,
        **{**QUICK, "rows": 2000},
        modes=["redraw", "outcome"],
        strengths=[1.0],
        target="member",
        legitimate=["city"],
    )
    redrawn, outcome = found.candidates
    assert {c.settings.legitimate for c in found.candidates} == {("city",)}
    assert [c.settings.legitimate for c in found.baselines] == [(), ("city",)]
    seed = redrawn.settings.random_state
    plain = tiny_model.refine(fairness=None, generator="decoder", random_state=seed)
    judge = plain.sample(2000, random_state=seed + 1)
    rows = redrawn.refine(tiny_model).sample(2000, random_state=seed)
    allowed = evaluate.probe(rows[["sex", "city"]], "sex", seed=seed).auroc
    assert redrawn.measured.allowed == {"sex": allowed}
    area = redrawn.measured.probes["sex"]
    assert redrawn.unfairness == max(0.0, abs(area - 0.5) - abs(allowed - 0.5))
    rows = outcome.refine(tiny_model).sample(2000, random_state=seed)
    told = evaluate.outcome_fairness(
        rows, judge, target="member", sensitive=["sex"], legitimate=["city"], seed=seed
    )
    for model, name in (
        (told.with_sensitive, "sex"),
        (told.without_sensitive, "sex unseen"),
    ):
        within = model.columns[0].at_base_rate.conditional
        assert outcome.measured.gaps[name] == pytest.approx(within.difference.value)
    assert outcome.measured.auroc == told.with_sensitive.quality.value
    assert "within legitimate cells" in " ".join(found.table().split())
    assert "beyond what legitimate ones tell" in " ".join(found.table().split())


def test_shares_go_to_refine_and_those_that_cannot_be_are_refused_at_once(tiny_model):
    few = {**QUICK, "modes": ["redraw"], "strengths": [1.0]}
    wanted = {"sex": {"f": 0.9}}
    found = frontier(tiny_model, **few, shares=wanted)
    (tried,) = found.candidates
    sex = tried.refine(tiny_model).sample(2000, random_state=0)["sex"]
    assert (sex == "f").mean() == pytest.approx(0.9, abs=0.03)
    assert tried.measured.shares > 0.2 > found.baselines[1].measured.shares
    assert found.to_dict()["candidates"][0]["settings"]["shares"] == wanted
    for wrong, told in (
        ({"shares": {"sex": {"nobody": 0.5}}}, "nobody"),
        ({"shares": {"city": {"north": 0.5}}}, "shares are of sensitive columns"),
        ({"shares": "equal", "strengths": [0.5]}, "at strength 1"),
        ({"shares": "equal", "legitimate": ["city"]}, "without legitimate columns"),
    ):
        with pytest.raises(ConfigError) as caught:
            frontier(tiny_model, **{**few, **wrong}, progress=never)
        assert told in str(caught.value)
