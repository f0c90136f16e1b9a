"""Prediction within groups: scikit-learn's scores row by row, and what is left out."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score

from fairveil.errors import ConfigError, TableError
from fairveil.evaluate import parity_gap, prediction, tstr
from fairveil.evaluate._models import boosted, logistic, task


def _table(n, seed, *, classes=2):
    """A number decides y in group m, and nothing does in group f."""
    rng = np.random.default_rng(seed)
    s = rng.choice(["f", "m"], n)
    x = rng.normal(size=n)
    hidden = np.where(s == "m", x, rng.normal(size=n)) + rng.normal(0, 0.3, n)
    cuts = [0] if classes == 2 else [-0.5, 0.5]
    y = np.array(["no", "yes", "very"])[np.digitize(hidden, cuts)]
    age = rng.integers(20, 60, n)
    return pd.DataFrame({"s": s, "x": x, "age": age, "y": y})


TRAIN, TEST = _table(600, 0), _table(500, 1)
ASK = {"target": "y", "positive": "yes", "sensitive": ["s", "age"]}


@pytest.fixture(scope="module")
def found():
    return prediction(TRAIN, TEST, **ASK)


def test_the_whole_is_tstr_and_the_gaps_are_parity_gaps(found):
    assert found.utility == tstr(TRAIN, TEST, target="y", positive="yes")
    assert list(found.gaps) == parity_gap(TRAIN, TEST, **ASK)


def test_scores_against_scikit_learn_within_each_group(found):
    work = task(TRAIN, TEST, target="y", positive="yes")
    truth = (TEST["y"] == "yes").to_numpy()
    first, second = boosted(work, seed=0)[:, 1], logistic(work)[:, 1]
    by_sex, by_age = found.groups
    quarter = pd.qcut(TEST["age"], 4, labels=[f"quarter {i}" for i in (1, 2, 3, 4)])
    for scores, column in ((by_sex, TEST["s"]), (by_age, quarter)):
        assert set(scores.groups) == set(column)
        for label, score in scores.groups.items():
            rows = (column == label).to_numpy()
            assert score.n == rows.sum()
            for probability, area, right in (
                (first, score.auroc, score.accuracy),
                (second, score.auroc_lr, score.accuracy_lr),
            ):
                assert area == pytest.approx(
                    roc_auc_score(truth[rows], probability[rows])
                )
                said = probability[rows] > 0.5
                assert right == pytest.approx(accuracy_score(truth[rows], said))


def test_the_groups_make_up_the_whole(found):
    for scores in found.groups:
        parts = scores.groups.values()
        assert sum(part.n for part in parts) == found.utility.n_test
        for name in ("accuracy", "accuracy_lr"):
            mean = np.average(
                [getattr(part, name) for part in parts],
                weights=[part.n for part in parts],
            )
            assert mean == pytest.approx(getattr(found.utility, name))


def test_the_planted_difference_is_seen(found):
    scores = found.groups[0].groups
    assert scores["m"].auroc > 0.9
    assert scores["f"].auroc == pytest.approx(0.5, abs=0.1)
    assert found.groups[0].worst_auroc == scores["f"].auroc
    assert found.groups[0].worst_accuracy == scores["f"].accuracy
    assert scores["m"].accuracy_lr > scores["f"].accuracy_lr


def test_accuracy_of_logistic_regression_on_a_line():
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    table = pd.DataFrame({"x": x, "y": np.where(x > 0, "yes", "no")})
    assert tstr(table, table, target="y").accuracy_lr > 0.97


def test_small_and_uniform_groups_are_left_out_and_told():
    test = TEST.copy()
    test.loc[test.index[:10], "s"] = "rare"
    test["one"] = np.where(test["y"] == "yes", "a", "b")
    train = TRAIN.assign(one="b")
    by_s, by_one = prediction(
        train, test, target="y", positive="yes", sensitive=["s", "one"]
    ).groups
    assert set(by_s.groups) == {"f", "m"}
    assert by_s.notes == ("not enough data: groups under 30 rows are left out: rare",)
    assert by_one.groups == {}
    assert by_one.notes == ("groups of one class are left out: a, b",)
    assert np.isnan(by_one.worst_auroc)
    assert np.isnan(by_one.worst_accuracy)


def test_many_classes_have_groups_and_no_gaps():
    train, test = _table(600, 0, classes=3), _table(600, 1, classes=3)
    found = prediction(train, test, target="y", sensitive=["s"])
    assert found.gaps == ()
    m = found.groups[0].groups["m"]
    assert m.auroc > found.groups[0].groups["f"].auroc + 0.2
    one = prediction(train, test, target="y", positive="no", sensitive=["s"])
    assert [gap.column for gap in one.gaps] == ["s"]


def test_one_synthetic_class_is_defined():
    found = prediction(TRAIN.assign(y="no"), TEST, **ASK)
    share = (TEST["y"] == "no").mean()
    assert (found.utility.auroc, found.utility.auroc_lr) == (0.5, 0.5)
    assert found.utility.accuracy == pytest.approx(share)
    assert found.utility.accuracy_lr == pytest.approx(share)
    assert found.groups[0].worst_auroc == 0.5
    assert found.gaps[0].demographic_parity == 0


def test_rows_without_a_target_are_in_no_group():
    test = TEST.copy()
    test.loc[test["s"] == "f", "y"] = None
    found = prediction(TRAIN, test, **ASK)
    assert set(found.groups[0].groups) == {"m"}
    assert found.groups[0].notes[0] == "rows with a missing target are left out"


def test_the_target_is_not_split_by_itself():
    found = prediction(TRAIN, TEST, target="y", positive="yes", sensitive=["y", "s"])
    assert [scores.column for scores in found.groups] == ["s"]
    assert [gap.column for gap in found.gaps] == ["s"]


def test_results_are_json_and_marked(found):
    text = json.dumps(found.to_dict(), allow_nan=False)
    assert json.loads(text)["private"] is False
    assert found.groups[0].to_dict()["groups"]["m"]["n"] > 30


def test_refusals():
    with pytest.raises(TableError, match="no such column"):
        prediction(TRAIN, TEST, target="y", sensitive=["z"])
    with pytest.raises(ConfigError, match="positive"):
        prediction(TRAIN, TEST, target="y", positive="maybe", sensitive=["s"])
