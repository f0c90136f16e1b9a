"""Dependence on the sensitive columns: beside brute force and known laws."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2_contingency

from fairveil.publish.dependence import cramer, measured


def by_hand(a, b):
    """Bergsma's corrected V, from scipy's chi-squared."""
    table = pd.crosstab(a, b).to_numpy()
    n, (r, c) = table.sum(), table.shape
    # SciPy's stubs leave the type of the statistic open
    phi2 = float(chi2_contingency(table, correction=False)[0]) / n  # pyright: ignore[reportArgumentType]  (see above)
    phi2 = max(0.0, phi2 - (r - 1) * (c - 1) / (n - 1))
    r2, c2 = r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)
    return np.sqrt(phi2 / (min(r2, c2) - 1))


@pytest.mark.parametrize("mixed", [0.0, 0.3, 0.9])
def test_v_is_bergsmas(mixed):
    rng = np.random.default_rng(1)
    a = rng.integers(0, 3, 800)
    b = np.where(rng.random(800) < mixed, a, rng.integers(0, 4, 800))
    v, low, high, chance = cramer(a, b)
    assert v == pytest.approx(by_hand(a, b), abs=1e-12)
    assert low <= v <= high
    assert 0 < chance < 0.2


def test_the_interval_holds_and_chance_is_passed_as_often_as_said():
    rng = np.random.default_rng(2)
    truth, inside, past = 0.25, 0, 0
    for _ in range(150):
        a = rng.integers(0, 2, 500)
        b = np.where(rng.random(500) < truth, a, rng.integers(0, 2, 500))
        _, low, high, _ = cramer(a, b)  # V of this law is the share that is copied
        inside += low <= truth <= high
        v, _, _, chance = cramer(rng.integers(0, 3, 500), rng.integers(0, 4, 500))
        past += v > chance
    assert 0.9 <= inside / 150 <= 0.99
    assert 0.01 <= past / 150 <= 0.1


def test_full_dependence_and_none():
    a = np.arange(900) % 3
    assert cramer(a, a)[0] == pytest.approx(1.0, abs=1e-3)
    assert cramer(a, np.zeros(900, dtype=int)) == (0.0, 0.0, 0.0, 0.0)


def frame(n=600, seed=3):
    rng = np.random.default_rng(seed)
    sex = rng.choice(["f", "m"], n)
    race = np.array(["a", "b", None], dtype=object)[rng.integers(0, 3, n)]
    paid = rng.normal(5, 1, n) + 9 * (sex == "m")
    return pd.DataFrame(
        {
            "sex": sex,
            "race": race,
            "pay": np.where(rng.random(n) < 0.8, 0.0, paid),
            "xor": (sex == "f") ^ (race == "a"),
            "free": rng.integers(0, 500, n).astype(str),
        }
    )


def test_each_sensitive_column_and_all_together():
    first, second, both = measured(frame(), ["sex", "race"])
    assert [first["sensitive"], both["sensitive"]] == [["sex"], ["sex", "race"]]
    v = {entry["column"]: entry["v"] for entry in both["columns"]}
    assert both["columns"][0]["column"] == "xor"
    assert v["xor"] > 0.8  # neither column alone tells as much
    assert {e["column"]: e["v"] for e in first["columns"]}["xor"] < v["xor"]
    assert second["n"] == 600
    entries = first["columns"]
    assert [e["v"] for e in entries] == sorted((e["v"] for e in entries), reverse=True)


def test_a_heap_at_one_value_does_not_hide_the_rest():
    (group,) = measured(frame(2000).filter(["sex", "pay"]), ["sex"])
    (pay,) = group["columns"]
    assert pay["v"] > 0.3  # the fifth that is paid differs by sex
    assert pay["low"] > pay["chance"]


def test_rare_values_are_taken_together():
    (group,) = measured(frame(3000).filter(["sex", "free"]), ["sex"])
    assert group["columns"][0]["chance"] < 0.2  # not 500 categories


def test_nothing_is_said_without_rows_or_columns():
    assert measured(frame(99), ["sex"]) == ()
    assert measured(frame(), []) == ()
    assert measured(frame().filter(["sex"]), ["sex"]) == ()


def test_equal_rows_give_equal_figures_whatever_they_are_called():
    table = frame()
    renamed = table.replace({"sex": {"f": "z", "m": "y"}})
    assert measured(table, ["sex"]) == measured(renamed, ["sex"])
