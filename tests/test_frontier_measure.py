"""The figures that a frontier ranks by, on rows that are made up or drawn."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest

from fairveil import _frontier_measure as measures, config, evaluate
from fairveil.frontier import Settings
from test_frontier import candidate

pytestmark = pytest.mark.usefixtures("quick_compile")


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
    lucky = dataclasses.replace(gaps, chance={"a": math.nan, "b": 0.12})
    assert lucky.parity == 0.0
    assert lucky.to_dict()["chance"] == {"a": None, "b": 0.12}
    assert math.isnan(usual.parity)
    assert gaps.to_dict()["gaps"] == {"a": None, "b": 0.1}


def test_misfit_is_in_standard_deviations_and_leaves_moved_columns_out(tiny_model):
    drawn = measures.Drawn.of(tiny_model, 500, 0)
    assert drawn.frame.equals(tiny_model.sample(500, random_state=0))
    bundle, columns = drawn.bundle, list(tiny_model.feature_names_in_)
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


def test_parity_is_that_of_evaluate_beyond_chance(tiny_model):
    rows, judge = (tiny_model.sample(1500, random_state=k) for k in (1, 2))
    asked = roles(sensitive=("sex", "city"), target="member", parity=True)
    found = measures._predicted(rows, judge, asked)
    told = evaluate.outcome_fairness(
        rows, judge, target="member", sensitive=["sex", "city"]
    )
    for model, ending in (
        (told.with_sensitive, ""),
        (told.without_sensitive, " unseen"),
    ):
        for column in model.columns:
            decision, name = column.at_base_rate, column.column + ending
            difference = decision.demographic_parity_difference
            wanted = math.nan if isinstance(difference, str) else difference.value
            assert found.gaps[name] == pytest.approx(wanted, nan_ok=True)
            assert found.chance[name] == pytest.approx(decision.by_chance, abs=0.02)


def test_a_group_of_few_rows_wins_and_loses_nothing():
    rng = np.random.default_rng(0)
    x = rng.random(4000)
    frame = pd.DataFrame({"s": "a", "x": x, "y": (x > 0.5).astype(int)})
    frame.loc[:1999, "s"] = "b"
    frame.loc[3980:, ["s", "x", "y"]] = ["rare", 0.99, 1]  # 20 rows, all of them yes
    found = measures._predicted(frame, frame, roles(target="y", parity=True))
    assert found.gaps["s"] < 0.05
    assert any("under 30 rows are left out: rare" in note for note in found.notes)
