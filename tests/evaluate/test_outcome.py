"""Outcome parity on real rows: fairlearn as oracle, hand-made tables, limits."""

import json

import numpy as np
import pandas as pd
import pytest
from fairlearn import metrics as fairlearn
from scipy.stats import ks_2samp
from sklearn.metrics import roc_auc_score

from fairveil.errors import ConfigError, TableError
from fairveil.evaluate import outcome_fairness
from fairveil.evaluate._models import boosted, task
from fairveil.evaluate.results import NOT_ENOUGH


def _table(n, seed):
    """Outcome leans on x, higher for s = m; r has a rare value and is unrelated."""
    rng = np.random.default_rng(seed)
    s = rng.choice(["m", "f"], n)
    x = rng.normal(size=n) + (s == "m")
    y = np.where(x + rng.normal(size=n) > 1, "yes", "no")
    r = rng.choice(["u", "v", "w"], n, p=[0.5, 0.49, 0.01])
    return pd.DataFrame({"s": s, "r": r, "x": x, "z": rng.random(n), "y": y})


ASK = {"target": "y", "positive": "yes", "sensitive": ["s", "r"]}
TEST = _table(1500, 1)


@pytest.fixture(scope="module")
def found():
    return outcome_fairness(_table(1500, 0), TEST, **ASK)


@pytest.fixture(scope="module")
def score():
    work = task(_table(1500, 0), TEST, target="y", positive="yes")
    return boosted(work, seed=0)[:, 1]


# --- oracles ---------------------------------------------------------------------


def _threshold(score, share):
    return np.sort(score)[::-1][round(share * len(score)) - 1]


@pytest.mark.parametrize("where", ["at_half", "at_base_rate"])
@pytest.mark.parametrize("k", [0, 1, 2])
def test_gaps_are_those_of_fairlearn(found, score, where, k):
    one = found.with_sensitive.columns[k]
    truth = TEST["y"].eq("yes").to_numpy()
    group = [TEST["s"], TEST["r"], TEST["s"] + " x " + TEST["r"]][k]
    assert one.column == ["s", "r", "s x r"][k]
    said = score > 0.5
    if where == "at_base_rate":
        said = score >= _threshold(score, truth.mean())
    enough = group.map(group.value_counts()).ge(30).to_numpy()
    ask = {"y_true": truth[enough], "y_pred": said[enough]}
    ask["sensitive_features"] = group[enough]
    decision = getattr(one, where)
    assert decision.selected == pytest.approx(said.mean())
    for name in (
        "demographic_parity_difference",
        "demographic_parity_ratio",
        "equalized_odds_difference",
    ):
        ours = getattr(decision, name)
        assert ours.value == pytest.approx(getattr(fairlearn, name)(**ask)), name
        assert ours.interval.low < ours.interval.high


def test_groups_are_those_of_metric_frame(found, score):
    truth = TEST["y"].eq("yes").to_numpy()
    frame = fairlearn.MetricFrame(
        metrics={
            "n": fairlearn.count,
            "observed": lambda y, _: np.mean(y),
            "selection_rate": lambda _, p: np.mean(p > 0.5),
            "mean_score": lambda _, p: np.mean(p),
            "calibration": lambda y, p: np.mean(p) - np.mean(y),
            "auroc": roc_auc_score,
        },
        y_true=truth,
        y_pred=score,
        sensitive_features=TEST["s"],
    ).by_group
    for label, ours in found.with_sensitive.columns[0].groups.items():
        assert ours.n == frame.loc[label, "n"]
        for name in frame.columns[1:]:
            assert getattr(ours, name).value == pytest.approx(frame.loc[label, name])
    gap = found.with_sensitive.columns[0].score_gap.value
    assert gap == pytest.approx(np.ptp(frame["mean_score"]))
    assert found.with_sensitive.quality.value == pytest.approx(
        roc_auc_score(truth, score)
    )


def test_without_sensitive_is_a_model_that_does_not_see_them(found):
    work = task(
        _table(1500, 0).drop(columns=["s", "r"]),
        TEST.drop(columns=["s", "r"]),
        target="y",
        positive="yes",
    )
    said = boosted(work, seed=0)[:, 1]
    blind = found.without_sensitive
    assert blind.features == "without sensitive"
    assert blind.columns[0].groups["m"].mean_score.value == pytest.approx(
        said[TEST["s"] == "m"].mean()
    )


@pytest.mark.statistical
def test_intervals_are_as_wide_as_the_formula_of_a_share(found):
    for one in found.with_sensitive.columns[0].groups.values():
        share = one.selection_rate.value
        width = one.selection_rate.interval.high - one.selection_rate.interval.low
        formula = 2 * 1.96 * np.sqrt(share * (1 - share) / one.n)
        assert 0.75 * formula < width < 1.25 * formula


# --- small groups ----------------------------------------------------------------


def test_groups_with_too_little_data_have_no_figure_and_enter_no_range(found):
    r = found.with_sensitive.columns[1]
    rare = r.groups["w"]
    assert 0 < rare.n < 30
    assert {rare.selection_rate, rare.auroc, rare.calibration} == {NOT_ENOUGH}
    rates = [one.selection_rate.value for n, one in r.groups.items() if n != "w"]
    ours = r.at_half.demographic_parity_difference.value
    assert ours == pytest.approx(np.ptp(rates))
    assert r.notes == ("not enough data: groups under 30 rows are left out: w",)


def test_one_group_with_enough_data_has_no_gap():
    test = _table(300, 1).assign(s="m")
    test.loc[:9, "s"] = None
    (one,) = outcome_fairness(
        _table(300, 0), test, target="y", positive="yes", sensitive=["s"]
    ).with_sensitive.columns
    assert one.groups["missing"].n == 10
    assert one.score_gap == NOT_ENOUGH
    assert one.at_half.equalized_odds_difference == NOT_ENOUGH
    assert np.isnan(one.at_half.by_chance)


@pytest.mark.parametrize("target", ["y", "x"])
def test_no_group_with_enough_data_is_no_error(target):
    test = _table(90, 1).assign(s=np.repeat(["a", "b", "c", "d"], 25)[:90])
    (one,) = outcome_fairness(
        _table(300, 0), test, target=target, sensitive=["s"], legitimate=["r"]
    ).with_sensitive.columns
    given = one.conditional if target == "x" else one.at_half.conditional
    assert given.difference == NOT_ENOUGH
    gap = one.mean_gap if target == "x" else one.score_gap
    assert gap == NOT_ENOUGH
    assert {group.observed for group in one.groups.values()} == {NOT_ENOUGH}


def test_rates_on_few_rows_of_an_outcome_are_no_rates():
    test = _table(800, 1)
    low = test[(test["s"] == "f") & (test["y"] == "yes")].sort_values("x").index
    test = test.drop(index=low[5:])  # of f, five positive rows that the model misses
    (one,) = outcome_fairness(
        _table(800, 0), test, target="y", positive="yes", sensitive=["s"]
    ).with_sensitive.columns
    assert one.groups["f"].auroc == NOT_ENOUGH
    assert one.groups["f"].calibration.value > 0
    work = task(_table(800, 0), test, target="y", positive="yes")
    said = boosted(work, seed=0)[:, 1] > 0.5
    no = (test["y"] == "no").to_numpy()
    rates = pd.Series(said[no]).groupby(test["s"].to_numpy()[no]).mean()
    odds = one.at_half.equalized_odds_difference.value
    assert odds == pytest.approx(np.ptp(rates))  # the false positive rates alone


# --- limits ----------------------------------------------------------------------


def test_a_constant_model_treats_all_alike_at_both_thresholds():
    train = _table(400, 0).assign(y="no")
    train.loc[:99, "y"] = "yes"
    train[["s", "r", "x", "z"]] = "a", "b", 0.0, 1.0
    model = outcome_fairness(train, _table(400, 1), **ASK).with_sensitive
    share = _table(400, 1)["y"].eq("yes").mean()
    assert model.quality.value == 0.5
    for one in model.columns:
        assert one.at_base_rate.selected == pytest.approx(share)
        for decision in (one.at_half, one.at_base_rate):
            gap = decision.demographic_parity_difference.value
            assert gap == pytest.approx(0, abs=1e-12)
            odds = decision.equalized_odds_difference.value
            assert odds == pytest.approx(0, abs=1e-12)
        assert one.at_base_rate.demographic_parity_ratio.value == pytest.approx(1)
    assert np.isnan(model.columns[0].at_half.demographic_parity_ratio.value)


@pytest.mark.statistical
def test_a_gap_of_an_unrelated_column_is_that_of_chance(found):
    s, r, _ = found.with_sensitive.columns
    assert r.at_half.demographic_parity_difference.value < 4 * r.at_half.by_chance
    assert s.at_half.demographic_parity_difference.value > 8 * s.at_half.by_chance
    # of two halves of 750 rows: sqrt(2/pi) times the standard error of a difference
    share = s.at_half.selected
    expected = np.sqrt(2 / np.pi * share * (1 - share) * 4 / 1500)
    assert s.at_half.by_chance == pytest.approx(expected, rel=0.5)


# --- legitimate columns ----------------------------------------------------------


def _admissions(n, seed):
    """Within each department all are treated alike; departments differ."""
    rng = np.random.default_rng(seed)
    s = rng.choice(["m", "f"], n)
    d = np.where(rng.random(n) < np.where(s == "m", 0.8, 0.3), "easy", "hard")
    y = (rng.random(n) < np.where(d == "easy", 0.9, 0.2)).astype(int)
    return pd.DataFrame({"s": s, "d": d, "y": y})


def test_a_gap_through_a_legitimate_column_is_allowed():
    train, test = _admissions(4000, 0), _admissions(4000, 1)
    found = outcome_fairness(
        train, test, target="y", sensitive=["s"], legitimate=["d"]
    ).without_sensitive.columns[0]
    gap = test["d"].eq("easy").groupby(test["s"]).mean()
    half = found.at_half
    assert half.demographic_parity_difference.value == pytest.approx(np.ptp(gap))
    assert half.conditional.difference.value == 0
    assert (half.conditional.cells, half.conditional.coverage) == (2, 1)


def test_conditional_parity_by_hand():
    # the model says x; in cell p: m .6, f .2; in cell q: m .5, f .5; cell t is small
    def cell(d, s, n, said):
        return pd.DataFrame({"s": s, "d": d, "x": [1] * said + [0] * (n - said)})

    test = pd.concat(
        [
            cell("p", "m", 100, 60),
            cell("p", "f", 100, 20),
            cell("q", "m", 40, 20),
            cell("q", "f", 60, 30),
            cell("t", "m", 30, 30),
            cell("t", "f", 10, 0),
        ]
    )
    test["y"] = test["x"]
    train = pd.concat([test] * 5)
    (one,) = outcome_fairness(
        train, test, target="y", sensitive=["s"], legitimate=["d"]
    ).with_sensitive.columns
    given = one.at_half.conditional
    assert given.difference.value == pytest.approx((200 * 0.4 + 100 * 0) / 300)
    assert (given.cells, given.coverage) == (2, pytest.approx(300 / 340))
    assert 0.02 < given.by_chance < 0.12


def test_cells_without_two_groups_are_not_enough():
    train, test = _admissions(400, 0), _admissions(400, 1)
    test["d"] = test["s"]
    (one,) = outcome_fairness(
        train, test, target="y", sensitive=["s"], legitimate=["d"]
    ).with_sensitive.columns
    assert one.at_half.conditional.difference == NOT_ENOUGH
    assert one.at_half.conditional.cells == 0


# --- numeric targets -------------------------------------------------------------


def _wages(n, seed):
    rng = np.random.default_rng(seed)
    s = rng.choice(["m", "f", "o"], n)
    x = np.round(rng.normal(size=n) + (s == "m"), 1)
    return pd.DataFrame({"s": s, "x": x, "w": 100 * x + rng.normal(size=n)})


def test_a_numeric_target_is_judged_by_mean_and_distribution():
    test = _wages(1200, 1)
    found = outcome_fairness(_wages(3000, 0), test, target="w", sensitive=["s"])
    model = found.without_sensitive
    assert (model.measure, found.observed) == ("r2", test["w"].mean())
    assert 0.98 < model.quality.value < 1
    (one,) = model.columns
    means = test["w"].groupby(test["s"]).mean()
    assert one.mean_gap.value == pytest.approx(np.ptp(means), rel=0.02)
    for label, group in one.groups.items():
        assert group.observed.value == pytest.approx(means[label])
        assert abs(group.calibration.value) < 5
    by = {label: test["w"][test["s"] == label] for label in "mfo"}
    steps = max(ks_2samp(by[a], by[b]).statistic for a, b in ("mf", "mo", "fo"))
    assert one.kolmogorov_smirnov.value == pytest.approx(steps, abs=0.03)
    assert one.mean_gap.interval.low < one.mean_gap.value
    assert one.by_chance < one.mean_gap.value / 5


def test_a_constant_prediction_of_a_number_has_no_gap():
    train = _wages(300, 0).assign(w=7.0)
    (one,) = outcome_fairness(
        train, _wages(300, 1), target="w", sensitive=["s"]
    ).with_sensitive.columns
    assert one.mean_gap.value == pytest.approx(0, abs=1e-12)
    assert one.kolmogorov_smirnov.value == 0


# --- the record, and errors ------------------------------------------------------


def test_the_record_is_json_and_fixed_by_the_seed(found):
    record = found.to_dict()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert record["private"] is False
    again = outcome_fairness(_table(1500, 0), TEST, **ASK)
    assert again == found


def test_where_no_other_column_is_left_there_is_one_model():
    tables = [_table(300, i)[["s", "y"]] for i in range(2)]
    found = outcome_fairness(*tables, target="y", positive="yes", sensitive=["s"])
    assert found.without_sensitive is None


def test_rows_without_a_target_are_left_out():
    test = TEST.copy()
    test.loc[:99, "y"] = None
    found = outcome_fairness(_table(300, 0), test, **ASK)
    assert (found.n_test, found.n_train) == (1400, 300)
    assert sum(g.n for g in found.with_sensitive.columns[0].groups.values()) == 1400
    assert "missing target" in found.notes[0]


def test_outcome_fairness_refuses_nonsense():
    ours = _table(200, 0), _table(200, 1)
    with pytest.raises(ConfigError, match="two of target, sensitive"):
        outcome_fairness(*ours, target="s", sensitive=["s"])
    with pytest.raises(ConfigError, match="two of target, sensitive"):
        outcome_fairness(*ours, **ASK, legitimate=["r"])
    with pytest.raises(ConfigError, match="no sensitive column"):
        outcome_fairness(*ours, target="y", sensitive=[])
    with pytest.raises(ConfigError, match="positive one"):
        outcome_fairness(*ours, target="r", sensitive=["s"])
    with pytest.raises(ConfigError, match="no value of the target"):
        outcome_fairness(*ours, target="y", positive="maybe", sensitive=["s"])
    with pytest.raises(TableError, match="no such column"):
        outcome_fairness(*ours, target="y", sensitive=["q"])
    words = ours[0].assign(z="word")
    with pytest.raises(TableError, match="needs numbers"):
        outcome_fairness(words, ours[1], target="z", sensitive=["s"])
