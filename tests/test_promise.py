"""The promise of a release, from wish to file: words, settings, modes, shares."""

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from fairveil import FairVeil, _release
from fairveil._promise import fairness_promise, promise_of_sample
from fairveil.config import GanTraining
from fairveil.errors import ArtifactError, ConfigError
from fairveil.post.wish import Wish
from fairveil.seeds import Seeds

PLAIN = {"generator": "decoder", "random_state": 1}


def wish_of(**settings):
    plain = {"sensitive": ("sex",), "strength": 1.0, "generator": "wgan"}
    return Wish(**{**plain, "fairness": "independence", **settings})


def release_of(wish, redrawn=None):
    """What the words are about: the wish, and whether rows end with a redraw."""
    ends = wish.ends_apart if redrawn is None else redrawn
    return SimpleNamespace(wish=wish, sampler=SimpleNamespace(redraw=ends or None))


def test_a_release_of_an_older_file_promises_less():
    new, old = (
        fairness_promise(release_of(wish_of(), redrawn=redrawn))["promise"]
        for redrawn in (True, False)
    )
    assert "redrawn apart" in new
    assert "redrawn apart" not in old
    assert "measure it" in old


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"fairness": None}, ["switched off", "sex"]),
        ({"sensitive": (), "fairness": None}, ["no promise of fairness"]),
        ({"fairness": "redraw"}, ["redrawn apart", "proxies", "as in the data"]),
        ({"strength": 0.5}, ["no information", "strength 0.5", "in part"]),
        ({"strength": 0.0}, ["At strength 0 nothing of this holds"]),
        ({"legitimate": ("job",)}, ["beyond what goes through job"]),
        ({"proxies": 0.7}, ["loosened", "0.7"]),
        ({"shares": "equal"}, ["were set, not measured: all values equal"]),
        ({"shares": {"sex": {"F": 0.4}}}, ["sex F 0.4"]),
        (
            {"fairness": "outcome", "target": "pay", "blind": 0.3},
            ["released pay", "nothing of sex", "blind = 0.3", "Equal odds are not"],
        ),
    ],
)
def test_the_words_say_what_is_promised_and_what_is_not(settings, words):
    wish = wish_of(**settings)
    wish.check()
    told = fairness_promise(release_of(wish))
    for word in words:
        assert word in told["promise"]
    assert told["costs_privacy"] is False
    json.dumps(told)


@pytest.mark.parametrize(
    ("settings", "where", "balance", "words"),
    [
        ({}, ["job"], [], "holds in this sample"),
        ({}, [], ["sex", "job"], "holds in this sample"),
        ({"legitimate": ("job",)}, [], ["sex", "age"], "in part: groups and other"),
        ({"legitimate": ("job",)}, ["age"], ["sex"], "holds in this sample"),
        ({"fairness": "outcome", "target": "pay"}, ["sex"], ["pay"], "holds in this"),
        ({"fairness": "outcome", "target": "pay"}, ["job"], [], "picked by job the"),
        ({"fairness": None}, ["job"], [], "switched off"),
    ],
)
def test_what_it_becomes_in_a_sample(settings, where, balance, words):
    wish = wish_of(**settings)
    release = release_of(wish)
    told = promise_of_sample(release, where, balance)
    assert told.startswith(fairness_promise(release)["promise"])
    assert words in told


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"fairness": "outcome"}, "needs a target"),
        ({"fairness": "outcome", "target": "pay", "sensitive": ()}, "needs a target"),
        ({"target": "pay"}, "belongs to the mode 'outcome'"),
        ({"fairness": "outcome", "target": "sex"}, "the target is a sensitive"),
        (
            {"fairness": "outcome", "target": "a", "legitimate": ("a",)},
            "the target is a sensitive or a legitimate",
        ),
        ({"legitimate": ("sex",)}, "both sensitive and legitimate"),
        ({"fairness": None, "legitimate": ("a",)}, "belong to a promise"),
        ({"fairness": None, "proxies": 0.5}, "proxies are loosened"),
        ({"proxies": 1.5}, "proxies must lie"),
        ({"blind": -1}, "blind must lie"),
        ({"shares": "even"}, "shares is unknown"),
        ({"shares": "equal", "strength": 0.5}, "shares can be set"),
        ({"shares": "equal", "legitimate": ("a",)}, "shares can be set"),
        ({"shares": "equal", "fairness": None}, "shares can be set"),
        ({"shares": {"race": {"x": 0.5}}}, "shares are of sensitive columns"),
        ({"shares": {}}, "shares name no column"),
        ({"sensitive": ()}, "needs a sensitive column"),
        ({"sensitive": tuple(f"c{i}" for i in range(33))}, "at most 32"),
        ({"shares": {"sex": {}}}, "must be a mapping"),
        ({"shares": {"sex": {1: 0.5}}}, "must be a mapping"),
        ({"shares": {"sex": 0.5}}, "must be a mapping"),
        ({"shares": {"sex": {"F": 0.9, "M": 0.9}}}, "sum to 1 at most"),
        ({"shares": {"sex": {"F": "half"}}}, "share of F"),
    ],
)
def test_wishes_that_do_not_go_together(settings, reason):
    with pytest.raises(ConfigError, match=reason):
        wish_of(**settings).check()


# --- releases of one fit -----------------------------------------------------------

RELEASES = {
    "outcome": {"fairness": "outcome", "target": "pay"},
    "outcome given": {
        "fairness": "outcome",
        "target": "city",
        "legitimate": ["age"],
        "blind": 0.0,
        "strength": 0.6,
    },
    "redraw given": {"fairness": "redraw", "legitimate": ["city"], "strength": 0.5},
    "redraw equal": {"fairness": "redraw", "shares": "equal", "proxies": 0.5},
    "independence given": {"legitimate": ["city", "age"]},
    "independence shares": {"shares": "equal"},
}


@pytest.fixture(scope="module", params=RELEASES)
def release(request, tiny_model):
    return tiny_model.refine(**RELEASES[request.param], **PLAIN)


def test_a_release_costs_nothing_and_survives_its_file(release, tiny_model, tmp_path):
    again = json.dumps(release.statement_.to_dict())
    assert again == json.dumps(tiny_model.statement_.to_dict())
    release.save(tmp_path / "m")
    loaded = FairVeil.load(tmp_path / "m")
    assert loaded.promise_ == release.promise_
    assert loaded.get_params()["target"] == release.target
    rows = release.sample(400, random_state=2)
    pd.testing.assert_frame_equal(loaded.sample(400, random_state=2), rows)
    assert list(rows) == list(tiny_model.schema_.names)


def test_outcome_changes_the_target_alone(tiny_model):
    plain = tiny_model.refine(fairness=None, **PLAIN)._contents.sampler
    fair = tiny_model.refine(fairness="outcome", target="pay", **PLAIN)
    sampler = fair._contents.sampler
    at = sampler.codec.index("pay")
    before, after = (s.codes(3000, Seeds.of(5)) for s in (plain, sampler))
    others = [j for j in range(before.shape[1]) if j != at]
    np.testing.assert_array_equal(before[:, others], after[:, others])


@pytest.mark.statistical
def test_equal_shares_are_equal(tiny_model):
    rows = tiny_model.refine(fairness="redraw", shares="equal", **PLAIN).sample(6000)
    counts = rows["sex"].value_counts(dropna=True)
    assert counts.min() / counts.sum() == pytest.approx(1 / len(counts), abs=0.03)


@pytest.mark.statistical
@pytest.mark.parametrize("mode", ["redraw", "independence"])
def test_wanted_shares_are_met(tiny_model, mode):
    first = str(tiny_model.schema_["sex"].categories[0])
    shares = {"sex": {first: 0.8}}
    made = tiny_model.refine(fairness=mode, shares=shares, **PLAIN)
    rows = made.sample(4000, random_state=1)
    assert (rows["sex"] == first).mean() == pytest.approx(0.8, abs=0.04)


def test_a_value_that_the_column_lacks_is_named(tiny_model):
    with pytest.raises(ConfigError, match="a value of sex"):
        tiny_model.refine(fairness="redraw", shares={"sex": {"X": 0.5}}, **PLAIN)


def test_shares_of_numbers_are_refused(tiny_model):
    with pytest.raises(ConfigError, match="categories only"):
        tiny_model.refine(
            fairness="redraw", sensitive=["age"], shares={"age": {"3": 0.5}}, **PLAIN
        )


def test_clusters_can_be_merged_and_networks_changed(tiny_model):
    made = tiny_model.refine(clusters=1, gan=GanTraining(steps=2), random_state=1)
    assert made._contents.bundle.teacher.mixture.clusters == 1
    assert made._contents.settings.gan.steps == 2
    assert made.statement_ == tiny_model.statement_


def test_a_generator_is_kept_where_the_promise_is_made_of_its_rows(tiny_model):
    plain = tiny_model.refine(fairness=None, **PLAIN)
    kept = plain.refine(fairness="outcome", target="pay", **PLAIN)
    anew = tiny_model.refine(fairness="outcome", target="pay", **PLAIN)
    assert kept._contents.sampler.weights is plain._contents.sampler.weights
    pd.testing.assert_frame_equal(
        kept.sample(300, random_state=1), anew.sample(300, random_state=1)
    )
    back = kept.refine(fairness=None, **PLAIN).sample(300, random_state=1)
    pd.testing.assert_frame_equal(back, plain.sample(300, random_state=1))
    fair = plain.refine(fairness="independence", **PLAIN)
    assert fair._contents.sampler.weights is not plain._contents.sampler.weights


def test_shares_that_no_column_can_have_are_refused_before_the_fit(
    tiny_table, tiny_schema, monkeypatch
):
    def spent(*_args, **_kwargs):
        raise AssertionError("the budget was touched")

    monkeypatch.setattr("fairveil.synthesizer.measure_table", spent)
    plain = {"schema": tiny_schema, "fairness": "redraw"}
    for wish, reason in [
        ({"sensitive": ["sex"], "shares": {"sex": {"nope": 0.5}}}, "a value of sex"),
        ({"sensitive": ["age"], "shares": "equal"}, "categories only"),
    ]:
        with pytest.raises(ConfigError, match=reason):
            FairVeil(**plain, **wish).fit(tiny_table)


def test_a_paid_fit_is_kept_where_its_release_is_impossible(tiny_model):
    """The bundle is held without a promise, and can be refined."""
    held = tiny_model._contents
    alone = tuple(m for m in held.bundle.marginals if len(m.columns) == 1)
    bundle = dataclasses.replace(held.bundle, marginals=alone)
    contents, refused = _release.first(
        bundle,
        wish_of(fairness="redraw", proxies=0.5, generator="decoder"),
        settings=held.settings,
        statement=held.statement,
        random_state=1,
        progress=lambda *_: None,
    )
    assert "knows of no proxies" in str(refused)
    assert "kept without a promise" in str(refused)
    assert contents.wish.fairness is None
    assert contents.statement is held.statement


def test_a_file_whose_shares_are_not_met_is_refused(tiny_model, tmp_path, monkeypatch):
    made = tiny_model.refine(fairness="redraw", **PLAIN)
    first = str(tiny_model.schema_["sex"].categories[0])
    false = dataclasses.replace(made._contents.wish, shares={"sex": {first: 0.99}})
    made._contents = dataclasses.replace(made._contents, wish=false)
    made.save(tmp_path / "m")
    with pytest.raises(ArtifactError, match="shares are not the wish's"):
        FairVeil.load(tmp_path / "m")


def test_legitimate_columns_are_not_loosened(tiny_model):
    made = tiny_model.refine(legitimate=["pay"], proxies=1.0, **PLAIN)
    sampler = made._contents.sampler
    assert sampler.loosen.parts[sampler.codec.index("pay")] == 0.0


def test_refine_takes_the_columns_that_the_model_was_made_for(tiny_model):
    kept = tiny_model.refine(fairness=None, **PLAIN)
    kept.set_params(sensitive=["city"], group_budget=0.2)
    assert kept.refine(fairness="redraw", **PLAIN).promise_["sensitive"] == ["sex"]
    assert kept.refine(fairness=None, sensitive=[], **PLAIN).promise_["mode"] is None
