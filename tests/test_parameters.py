"""scikit-learn's manners: its own checks of estimators, pipelines, searches, copies.

The checks bring tables of some 20 rows, far too few for discovery under a budget, so
they run without privacy; searches run with it, since each fit of theirs has a price.
"""

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, ParameterGrid
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.validation import check_is_fitted

from fairveil import config
from fairveil.errors import BudgetError, ConfigError, NotFittedError
from fairveil.privacy.book import Book
from fairveil.schema import Column, Schema
from fairveil.synthesizer import FairVeil

# the paper's stages only, as small as they go: little to compile for each new width
PAPER = config.preset("paper")
SMALL = config.Fit(
    split=PAPER.split,
    vae=config.VaeTraining(hidden=(1,), latent=1, steps=1, warm_steps=0, refreshes=0),
    clustering=config.Clustering(clusters=1, lloyd_steps=1, warm=False),
    measuring=config.Measuring(most_bins=2, rounds=0, least_rounds=0),
    gan=PAPER.gan,
    calibration=config.Calibration(iterations=0, choices=1),
)
EXPECTED = {  # told in docs/python.md, word for word
    "check_estimators_empty_data_messages": (
        "it asks for the number of rows in an error, and that tables without rows are "
        "refused; under privacy both would betray the number"
    ),
}
STATES = ("passed", "skipped", "xfail")
DOCS = Path(__file__).parents[1] / "docs/python.md"
SKIPPED = {
    "check_pipeline_consistency",  # noise is never the same
    "check_array_api_input",  # asks for a setting of SciPy's
}


def small(**settings):
    plain = {"fairness": None, "generator": "decoder", "preset": SMALL}
    return FairVeil(**{**plain, "random_state": 0, **settings})


@pytest.mark.slow
@pytest.mark.usefixtures("quick_compile")
# its base class would make scikit-learn a need of the core
@pytest.mark.filterwarnings("ignore:Estimator FairVeil does not inherit:UserWarning")
def test_the_checks_of_scikit_learn():
    found = check_estimator(
        small(epsilon=float("inf")),
        expected_failed_checks=EXPECTED,
        on_skip=None,
        on_fail=None,
    )
    failed = {c["check_name"]: c["exception"] for c in found if c["status"] == "failed"}
    assert failed == {}
    ran = {s: {c["check_name"] for c in found if c["status"] == s} for s in STATES}
    assert ran["xfail"] == set(EXPECTED)
    assert ran["skipped"] == SKIPPED
    assert len(ran["passed"]) >= 30


def test_the_docs_tell_each_expected_failure():
    said = " ".join(DOCS.read_text(encoding="utf-8").split())
    for name, reason in EXPECTED.items():
        assert f"`{name}`: {reason}" in said
    for name in SKIPPED:
        assert f"`{name}`" in said


COINS = pd.DataFrame(
    {"coin": ["h", "t", "t", "h"] * 20, "who": [f"p{i}" for i in range(80)]}
)


@pytest.fixture(scope="module")
def coin_schema():
    coin = Column(name="coin", kind="categorical", categories=("h", "t"))
    return Schema(columns=(coin,), declared_by="the tests")


def without_names(frame):
    return frame.drop(columns="who")


@pytest.fixture
def pipe(coin_schema):
    steps = [
        ("names", FunctionTransformer(without_names)),
        ("veil", small(epsilon=9.0, schema=coin_schema)),
    ]
    return Pipeline(steps)


@pytest.mark.usefixtures("quick_compile")
def test_the_last_step_of_a_pipeline(pipe):
    assert "not fitted" in repr(pipe)
    assert "FairVeil" in pipe._repr_html_()
    with pytest.raises(NotFittedError):
        pipe[-1].sample(3)
    fitted: Any = clone(pipe)
    fitted.set_params(veil__epsilon=3.0).fit(COINS)
    check_is_fitted(fitted[-1])
    assert fitted[-1].statement_.epsilon == 3.0
    assert list(fitted[-1].sample(5)) == ["coin"]
    assert not hasattr(pipe[-1], "statement_")  # a clone was fitted


def evenness(model, _rows):
    return -abs((model.sample(50)["coin"] == "h").mean() - 0.5)


@pytest.mark.usefixtures("quick_compile")
def test_every_fit_of_a_search_is_paid_for(coin_schema, tmp_path):
    """Two folds of two candidates, and the best again: the cap stops it."""
    path = tmp_path / "coins.ledger"
    Book.create(path, epsilon=2.0, delta=1e-4, name="coins", unit="row")
    search = GridSearchCV(
        small(epsilon=1.0, schema=coin_schema, ledger=path),
        {"random_state": [1, 2]},
        scoring=evenness,
        cv=2,
        error_score="raise",  # pyright: ignore[reportArgumentType]  (the stubs want a number)
    )
    with pytest.raises(BudgetError):
        search.fit(COINS[["coin"]])
    paid = len(Book.open(path).fits())
    assert 2 <= paid < 5


@pytest.mark.usefixtures("quick_compile")
def test_releases_of_one_fit_can_be_searched_for_nothing(coin_schema):
    model = small(epsilon=1.0, schema=coin_schema).fit(COINS[["coin"]])
    found = [
        model.refine(fairness=None, generator="decoder", **wish)
        for wish in ParameterGrid({"random_state": [1, 2]})
    ]
    assert {one.statement_.rho_spent for one in found} == {model.statement_.rho_spent}


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))],
    ids=["copy", "deepcopy", "pickle"],
)
def test_a_copy_of_a_fitted_model_draws_the_same_rows(tiny_model, copied):
    tiny_model.sample(3)  # compiled functions are kept in it and not in the copy
    found = copied(tiny_model)
    pd.testing.assert_frame_equal(
        found.sample(40, random_state=1), tiny_model.sample(40, random_state=1)
    )
    assert found.statement_ == tiny_model.statement_
    assert found.promise_ == tiny_model.promise_
    assert found.get_params().keys() == tiny_model.get_params().keys()
    assert found.random_state == tiny_model.random_state  # a setting no file holds


def test_a_copy_of_a_model_that_is_not_fitted():
    found = pickle.loads(pickle.dumps(FairVeil(epsilon=2.0, sensitive=["sex"])))
    assert found.get_params() == FairVeil(epsilon=2.0, sensitive=["sex"]).get_params()
    assert not hasattr(found, "n_features_in_")


def test_names_are_an_array_and_none_before_the_fit(tiny_model):
    assert isinstance(tiny_model.feature_names_in_, np.ndarray)
    assert tiny_model.feature_names_in_.dtype == object
    assert tiny_model.n_features_in_ == len(tiny_model.feature_names_in_) == 6
    for name in ("feature_names_in_", "n_features_in_"):
        assert not hasattr(FairVeil(), name)


def test_an_unknown_parameter_changes_none():
    model = FairVeil(epsilon=2.0)
    with pytest.raises(ConfigError, match="budget"):
        model.set_params(epsilon=3.0, budget=1)
    assert model.epsilon == 2.0
