"""The two models that judge a table: gradient boosting and logistic regression.

Secret: models are fitted to, or score, real rows; they live only inside a call and are
never returned to the user. Default settings throughout: an evaluation that is tuned
measures the tuning.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits  # a dependency of scikit-learn

from fairveil._types import Floats
from fairveil.errors import ConfigError, TableError, UnsupportedError, problem
from fairveil.evaluate._tables import (
    FEWEST,
    MISSING,
    Ints,
    coded,
    column,
    features,
    key,
    numbers,
    paired,
    require,
)

MAX_NUMERIC_CLASSES = 20
MAX_CLASSES = 100
_MAX_CATEGORIES = 255  # of gradient boosting; above, codes are used as numbers
_SMALL_CELLS = 1_000_000
_STRATIFIABLE = 10  # rows of the rarest class that early stopping needs for its split


@dataclass(frozen=True)
class Task:
    """A prediction problem: learn on one table, be judged on another.

    Attributes:
        train, test: (rows, features) matrices.
        train_y, test_y: (rows,) class codes.
        cardinality: (features,) categories of each feature; 0 for numeric.
        classes: labels of the classes, in code order.
        test_rows: rows of the test table that are used.
        notes: what was left out.
    """

    train: Floats
    train_y: Ints
    test: Floats
    test_y: Ints
    cardinality: Ints
    classes: tuple[str, ...]
    test_rows: Ints
    notes: tuple[str, ...] = ()


def task(train: Any, test: Any, *, target: str, positive: Any = None) -> Task:
    """Build the problem of predicting ``target``; ``positive`` makes it two-valued.

    Raises:
        TableError: columns differ, the target is missing or the test has one class.
        ConfigError: ``positive`` is no value of the target.
        UnsupportedError: the target has too many values to be classes.
    """
    learn, judge = paired(train, test)
    require(learn, target)
    (y, test_y), labels = coded(column(learn, target), column(judge, target))
    _check_classes(column(judge, target), labels, target)
    if positive is not None:
        y, test_y, labels = _two_valued(y, test_y, labels, target, positive)
    rows, test_rows = np.flatnonzero(y != MISSING), np.flatnonzero(test_y != MISSING)
    if not len(rows) or len(np.unique(test_y[test_rows])) < FEWEST:
        raise TableError(
            problem("the target needs a value, and the test rows two", got=target)
        )
    columns = [name for name in learn.columns if name != target]
    if not columns:
        raise TableError(problem("no column is left to predict from"))
    coding = features((learn, judge), columns)
    whole = len(rows) == len(y) and len(test_rows) == len(test_y)
    return Task(
        train=coding.matrices[0][rows],
        train_y=y[rows],
        test=coding.matrices[1][test_rows],
        test_y=test_y[test_rows],
        cardinality=coding.cardinality,
        classes=tuple(labels),
        test_rows=test_rows,
        notes=() if whole else ("rows with a missing target are left out",),
    )


def is_number(real: pd.Series) -> bool:
    """Whether a target has too many numeric values to be taken as classes."""
    return numbers(real) is not None and real.nunique() > MAX_NUMERIC_CLASSES


def _check_classes(real: pd.Series, labels: list[str], target: str) -> None:
    if is_number(real):
        raise UnsupportedError(
            problem(
                f"the target is numeric with more than {MAX_NUMERIC_CLASSES} values",
                got=target,
                try_="a categorical target, or cut it into a few classes first",
            )
        )
    if len(labels) > MAX_CLASSES:
        raise UnsupportedError(
            problem(
                f"the target has more than {MAX_CLASSES} classes",
                got=target,
                try_="another target",
            )
        )


def _two_valued(
    y: Ints, test_y: Ints, labels: list[str], target: str, positive: Any
) -> tuple[Ints, Ints, list[str]]:
    label = key(positive)
    if label not in labels:  # a command line says "True" where a table holds a boolean
        label = {"true": "1", "false": "0"}.get(label.lower(), label)
    if label not in labels:
        raise ConfigError(
            problem(
                f"positive is no value of the target {target!r}",
                got=positive,
                try_="a value, written as in the table",
            )
        )
    code = labels.index(label)
    first, second = (
        np.where(v == MISSING, MISSING, v == code).astype(np.int64) for v in (y, test_y)
    )
    return first, second, [f"not {label}", label]


@dataclass(frozen=True)
class NumberTask:
    """The problem of predicting a number; attributes as of ``Task``.

    Attributes:
        train_y, test_y: (rows,) values of the target.
    """

    train: Floats
    train_y: Floats
    test: Floats
    test_y: Floats
    cardinality: Ints
    test_rows: Ints
    notes: tuple[str, ...] = ()


def number_task(learn: pd.DataFrame, judge: pd.DataFrame, target: str) -> NumberTask:
    """Build the problem of predicting a numeric target; both tables have it.

    Raises:
        TableError: the target is no number in one of them, or has no value.
    """
    y, test_y = (numbers(column(table, target)) for table in (learn, judge))
    if y is None or test_y is None or np.isnan(y).all() or np.isnan(test_y).all():
        raise TableError(problem("the target needs numbers in both tables", got=target))
    names = [name for name in learn.columns if name != target]
    if not names:
        raise TableError(problem("no column is left to predict from"))
    coding = features((learn, judge), names)
    rows, test_rows = np.flatnonzero(~np.isnan(y)), np.flatnonzero(~np.isnan(test_y))
    whole = len(rows) == len(y) and len(test_rows) == len(test_y)
    return NumberTask(
        train=coding.matrices[0][rows],
        train_y=y[rows],
        test=coding.matrices[1][test_rows],
        test_y=test_y[test_rows],
        cardinality=coding.cardinality,
        test_rows=test_rows,
        notes=() if whole else ("rows with a missing target are left out",),
    )


def boosted_numbers(work: NumberTask, *, seed: int) -> Floats:
    """Predictions of gradient boosting on the test rows, (rows,)."""
    used = _used(work)
    if not len(used):
        return np.full(len(work.test), work.train_y.mean())
    small = (work.cardinality > 0) & (work.cardinality <= _MAX_CATEGORIES)
    mask: Any = small[used]
    model = HistGradientBoostingRegressor(categorical_features=mask, random_state=seed)
    with threads(work.train):
        model.fit(work.train[:, used], work.train_y)
        return np.asarray(model.predict(work.test[:, used]), dtype=np.float64)


def threads(matrix: Floats) -> threadpool_limits:
    """Context that keeps small fits on one thread.

    On a busy machine the waiting threads of a small fit cost a hundred times its work.
    """
    limit = 1 if matrix.size < _SMALL_CELLS else None
    return threadpool_limits(limits=limit, user_api="openmp")


def boosted(work: Task, *, seed: int) -> Floats:
    """Class probabilities of gradient boosting on the test rows, (rows, classes)."""
    rarest = np.unique(work.train_y, return_counts=True)[1].min()
    small = (work.cardinality > 0) & (work.cardinality <= _MAX_CATEGORIES)
    used = _used(work)
    stopping: Any = "auto" if rarest >= _STRATIFIABLE else False
    mask: Any = small[used]
    model = HistGradientBoostingClassifier(
        categorical_features=mask, early_stopping=stopping, random_state=seed
    )
    return _probabilities(model, work, used)


def logistic(work: Task) -> Floats:
    """Class probabilities of logistic regression on the test rows, (rows, classes).

    Numbers are scaled, their gaps filled with the median; categories are one-hot, a
    missing one being a category of its own.
    """
    used = _used(work)
    categorical = work.cardinality[used] > 0
    scale = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    one_hot = OneHotEncoder(handle_unknown="ignore")
    table = ColumnTransformer(
        [
            ("numbers", scale, np.flatnonzero(~categorical)),
            ("categories", one_hot, np.flatnonzero(categorical)),
        ]
    )
    model = make_pipeline(table, LogisticRegression(max_iter=2000))
    return _probabilities(model, work, used)


def _used(work: Task | NumberTask) -> Ints:
    """Columns with at least one value to learn from."""
    return np.flatnonzero(~np.isnan(work.train).all(axis=0))


def _probabilities(model: Any, work: Task, used: Ints) -> Floats:
    """Fit and predict; a class never seen scores 0, one class or no feature is sure."""
    found, counts = np.unique(work.train_y, return_counts=True)
    result = np.zeros((len(work.test), len(work.classes)))
    if len(found) == 1 or not len(used):
        result[:, found] = counts / counts.sum()
        return result
    with threads(work.train):
        model.fit(work.train[:, used], work.train_y)
        result[:, found] = model.predict_proba(work.test[:, used])
    return result
