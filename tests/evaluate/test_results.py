"""Results: labelled, frozen, ready for JSON."""

import dataclasses
import json

import numpy as np
import pytest

from fairveil.evaluate import Interval, ParityGap, Utility
from fairveil.evaluate.results import plain


def _utility():
    return Utility(0.9, Interval(0.8, float("nan")), 0.7, 0.6, 10, 20, ("a note",))


def test_to_dict_is_json_with_the_label_and_without_nan():
    text = json.dumps(_utility().to_dict(), allow_nan=False)
    assert json.loads(text) == {
        "private": False,
        "auroc": 0.9,
        "auroc_interval": {"low": 0.8, "high": None},
        "accuracy": 0.7,
        "auroc_lr": 0.6,
        "n_train": 10,
        "n_test": 20,
        "notes": ["a note"],
        "accuracy_lr": None,
    }


def test_mappings_survive():
    nan = float("nan")
    unknown = Interval(nan, nan)
    gap = ParityGap("s", nan, unknown, nan, unknown, {"a": 3})
    assert gap.to_dict()["groups"] == {"a": 3}
    assert gap.to_dict()["demographic_parity"] is None


def test_results_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        _utility().auroc = 1.0


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float64(0.5), 0.5),
        (np.int64(3), 3),
        (np.float64("inf"), None),
        ((1, np.nan), [1, None]),
        ({1: "x"}, {"1": "x"}),
    ],
)
def test_plain(value, expected):
    assert plain(value) == expected
    assert type(plain(value)) is type(expected)
