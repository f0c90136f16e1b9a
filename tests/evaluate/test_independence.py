"""Distance correlation: a brute-force twin, known limits, and its p-value."""

import numpy as np
import pandas as pd
import pytest

from fairveil.errors import ConfigError, TableError
from fairveil.evaluate import dependence


def _slow(x, y):
    """The definition of Székely and Rizzo (2014), sum by sum; x, y are (rows, k)."""
    n = len(x)

    def centred(points):
        d = [[np.linalg.norm(p - q) for q in points] for p in points]
        rows = [sum(row) for row in d]
        whole = sum(rows)
        return [
            [
                d[i][j]
                - rows[i] / (n - 2)
                - rows[j] / (n - 2)
                + whole / ((n - 1) * (n - 2))
                for j in range(n)
            ]
            for i in range(n)
        ]

    def product(a, b):
        pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
        return sum(a[i][j] * b[i][j] for i, j in pairs) / (n * (n - 3))

    a, b = centred(x), centred(y)
    return product(a, b) / np.sqrt(product(a, a) * product(b, b))


def _z(x):
    return (x - x.mean()) / x.std()


def test_agrees_with_brute_force_on_numbers_and_categories():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 30))
    s = rng.choice(["a", "b", "c"], 30)
    frame = pd.DataFrame({"s": s, "x": x + (s == "a"), "y": y})
    one_hot = pd.get_dummies(frame["s"]).to_numpy(float)
    rest = np.column_stack([_z(frame["x"]), _z(frame["y"])])
    found = dependence(frame, "s")
    assert found.distance_correlation == pytest.approx(_slow(one_hot, rest), abs=1e-5)
    numeric = dependence(frame, "x", exclude=["s"])
    expected = _slow(rest[:, :1], rest[:, 1:])
    assert numeric.distance_correlation == pytest.approx(expected, abs=1e-5)


def test_missing_values_are_coordinates():
    rng = np.random.default_rng(0)
    x = rng.normal(size=40)
    x[:10] = np.nan
    frame = pd.DataFrame({"s": x, "y": rng.normal(size=40)})
    gone = np.isnan(x)
    filled = np.where(gone, 0, (x - np.nanmean(x)) / np.nanstd(x))
    points = np.column_stack([filled, gone])
    expected = _slow(points, _z(frame["y"]).to_numpy()[:, None])
    found = dependence(frame, "s")
    assert found.distance_correlation == pytest.approx(expected, abs=1e-5)


@pytest.mark.statistical
def test_that_a_value_is_missing_may_be_the_dependence():
    rng = np.random.default_rng(0)
    s = rng.choice(["a", "b"], 400).astype(object)
    y = rng.normal(size=400)
    s[y > 0.5] = None
    found = dependence(pd.DataFrame({"s": s, "y": y}), "s")
    assert found.p_value == pytest.approx(1 / 200)


def test_an_equal_column_has_correlation_one():
    s = np.random.default_rng(0).choice(["a", "b"], 200)
    found = dependence(pd.DataFrame({"s": s, "t": s}), "s")
    assert found.distance_correlation == pytest.approx(1)
    assert found.p_value == pytest.approx(1 / 200)


@pytest.mark.statistical
def test_a_relation_without_any_slope_is_seen():
    rng = np.random.default_rng(0)
    x = rng.normal(size=500)
    found = dependence(pd.DataFrame({"x": x, "y": np.abs(x)}), "x")
    assert found.distance_correlation > 5 * found.null_q95
    assert found.p_value < 0.01


@pytest.mark.statistical
def test_columns_may_depend_together_only():
    rng = np.random.default_rng(0)
    s, r = rng.integers(0, 2, (2, 800))
    frame = pd.DataFrame({"s": s, "r": r, "x": s ^ r})
    assert dependence(frame, "s", exclude=["r"]).p_value > 0.02
    both = dependence(frame, ("s", "r"))
    assert (both.column, both.p_value) == ("s x r", pytest.approx(1 / 200))


@pytest.mark.statistical
def test_p_values_of_independent_tables_are_spread_evenly():
    found = []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        frame = pd.DataFrame(
            {
                "s": rng.choice(["a", "b", None], 80),
                "x": rng.exponential(size=80),
                "c": rng.choice(list("uvw"), 80),
            }
        )
        found.append(dependence(frame, "s", permutations=19, seed=seed))
    values = np.array([one.p_value for one in found])
    assert values.mean() == pytest.approx(0.525, abs=0.09)
    assert (values <= 0.1).mean() == pytest.approx(0.1, abs=0.08)
    # bias-corrected: 0 on average, which the plain figure (about .05) is not
    told = np.array([one.distance_correlation for one in found])
    assert abs(told.mean()) < 3 * told.std() / 10


def test_constants_and_few_rows_have_no_figure():
    frame = pd.DataFrame({"s": ["a", "b"] * 50, "x": range(100)})
    flat = dependence(frame.assign(s="a"), "s")
    assert (flat.distance_correlation, flat.p_value) == (0, 1)
    assert "constant" in flat.notes[0]
    few = dependence(frame.head(19), "s")
    assert np.isnan(few.p_value)
    assert few.notes == ("not enough data",)


def test_at_most_max_rows_are_used_and_the_seed_fixes_them():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"s": rng.choice(["a", "b"], 500), "x": rng.random(500)})
    found = dependence(frame, "s", max_rows=60, permutations=9)
    assert found.n == 60
    assert found == dependence(frame, "s", max_rows=60, permutations=9)
    other = dependence(frame, "s", max_rows=60, permutations=9, seed=1)
    assert found.distance_correlation != other.distance_correlation


def test_dependence_refuses_nonsense():
    frame = pd.DataFrame({"s": ["a", "b"] * 20, "x": range(40)})
    with pytest.raises(ConfigError, match="no column is left"):
        dependence(frame, "s", exclude=["x"])
    with pytest.raises(ConfigError, match="permutations"):
        dependence(frame, "s", permutations=0)
    with pytest.raises(TableError, match="no such column"):
        dependence(frame, "q")
