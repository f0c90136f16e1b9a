"""Utility: hand-computed distances, planted problems, refusals."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import train_test_split

from fairveil.errors import ConfigError, TableError, UnsupportedError
from fairveil.evaluate import split, tstr, tvd


def _planted(n, seed, *, flip=0.1):
    """A numeric column and a category decide y, but for some flips."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    c = rng.choice(["red", "green", "blue"], size=n)
    y = (x + (c == "red") - (c == "blue") > 0) ^ (rng.random(n) < flip)
    return pd.DataFrame({"x": x, "c": c, "y": np.where(y, "yes", "no")})


# --- split -----------------------------------------------------------------------


def test_split_is_scikit_learns():
    frame = _planted(50, 0)
    ours = split(frame, seed=3)
    theirs = train_test_split(frame, test_size=0.3, random_state=3)
    for a, b in zip(ours, theirs, strict=True):
        pd.testing.assert_frame_equal(a, b)


# --- distance --------------------------------------------------------------------

REAL = pd.DataFrame({"a": list("xxyy"), "b": list("uvuv")})
FAKE = pd.DataFrame({"a": list("xxxy"), "b": list("uvvv")})


def test_distance_by_hand():
    # a: (1/2, 1/2) against (3/4, 1/4): 1/4; b the same
    one = tvd(REAL, FAKE, ways=1)
    assert (one.mean, one.worst, one.n_sets) == (0.25, 0.25, 2)
    # pairs xu xv yu yv: 1/4 each against 1/4, 1/2, 0, 1/4
    two = tvd(REAL, FAKE, ways=2)
    assert (two.mean, two.worst, two.n_sets) == (0.25, 0.25, 1)


def test_mean_and_worst_over_columns():
    fake = FAKE.assign(a=list("xxyy"))
    one = tvd(REAL, fake, ways=1)
    assert (one.mean, one.worst) == (0.125, 0.25)
    assert tvd(REAL, fake, ways=1, columns=["b"]).mean == 0.25


def test_a_missing_value_is_a_cell():
    real = pd.DataFrame({"a": [1.0, 1.0, 2.0, np.nan]})
    fake = pd.DataFrame({"a": [1, 1, 2, 2]})
    assert tvd(real, fake).mean == 0.25
    assert tvd(real, real).mean == 0


@pytest.mark.parametrize("ways", [1, 2, 3])
def test_a_copy_has_distance_zero_in_any_order_and_dtype(ways):
    real = _planted(200, 0).assign(k=np.arange(200) % 5)
    copy = real.sample(frac=1, random_state=1).astype({"k": float, "c": "category"})
    assert tvd(real, copy, ways=ways).mean == pytest.approx(0, abs=1e-12)


def test_disjoint_tables_have_distance_one():
    assert tvd(REAL, REAL.replace({"x": "p", "y": "q"}), columns=["a"]).mean == 1
    assert tvd(REAL, REAL.replace({"x": "p", "y": "q"}), ways=2).mean == 1


def test_shuffling_keeps_singles_and_breaks_pairs():
    twin = pd.DataFrame({"a": list("xy") * 500})
    twin["b"] = twin["a"]
    rng = np.random.default_rng(0)
    fake = pd.DataFrame({c: rng.permutation(twin[c].to_numpy()) for c in twin})
    assert tvd(twin, fake, ways=1).mean == 0
    # (1/2, 0, 0, 1/2) against about 1/4 each
    assert tvd(twin, fake, ways=2).mean == pytest.approx(0.5, abs=0.05)


def test_numbers_are_cut_at_real_quantiles_and_outliers_go_to_the_ends():
    real = pd.DataFrame({"x": np.arange(64.0)})
    # eight values leave the first quarter, eight more enter the last
    assert tvd(real, real + 8, bins=4).mean == 0.125
    wide = pd.DataFrame({"x": np.r_[np.full(16, -1e9), np.arange(16.0, 64)]})
    assert tvd(real, wide, bins=4).mean == 0
    # a moved half: quarters (.25 each) against (0, 0, 0, 1)
    assert tvd(real, real * 0 + 1e9, bins=4).mean == 0.75


def test_a_spike_is_a_cell_of_its_own():
    real = pd.DataFrame({"x": np.r_[np.zeros(970), np.arange(1.0, 31)]})
    without = pd.DataFrame({"x": np.arange(1.0, 1001)})
    assert tvd(real, without).mean == pytest.approx(0.97)


def test_few_numbers_are_taken_by_value():
    real = pd.DataFrame({"x": [0, 1, 2, 3] * 10})
    assert tvd(real, real + 0.5).mean == 1


def test_wide_cells_do_not_explode():
    rng = np.random.default_rng(0)
    names = [f"{i}" for i in range(3000)]
    real = pd.DataFrame({c: rng.permutation(names) for c in "abc"})
    fake = pd.DataFrame({c: rng.permutation(names) for c in "abc"})
    assert tvd(real, fake, ways=3).mean == 1
    assert tvd(real, real, ways=3).mean == 0


def test_triples_are_fifty_and_fixed_by_the_seed():
    rng = np.random.default_rng(0)
    real = pd.DataFrame(rng.integers(0, 3, (40, 9))).add_prefix("c")
    fake = pd.DataFrame(rng.integers(0, 3, (40, 9))).add_prefix("c")
    assert tvd(real, fake, ways=3).n_sets == 50
    assert tvd(real, fake, ways=3) == tvd(real, fake, ways=3)
    assert tvd(real, fake, ways=3, seed=1) != tvd(real, fake, ways=3)
    assert tvd(real, fake, ways=3, sets=84).n_sets == 84
    assert tvd(real, fake, ways=2).n_sets == 36
    assert tvd(real, fake, ways=2, sets=7).n_sets == 7


def test_distance_refuses_nonsense():
    with pytest.raises(ConfigError, match="ways"):
        tvd(REAL, FAKE, ways=4)
    with pytest.raises(ConfigError, match="number of columns"):
        tvd(REAL, FAKE, ways=3)
    with pytest.raises(TableError, match="different columns"):
        tvd(REAL, FAKE[["a"]])
    with pytest.raises(ConfigError, match="sets"):
        tvd(REAL, FAKE, sets=0)
    with pytest.raises(ConfigError, match="twice"):
        tvd(REAL, FAKE, columns=["a", "a"])


# --- train on synthetic, test on real --------------------------------------------


def test_a_planted_problem_is_learnt():
    found = tstr(_planted(1500, 0), _planted(800, 1), target="y", positive="yes")
    # ten per cent of flips: the best rule has accuracy .9 and area about .9
    assert 0.85 < found.auroc < 0.93
    assert 0.85 < found.auroc_lr < 0.93
    assert 0.85 < found.accuracy < 0.93
    assert found.auroc_interval.low < found.auroc < found.auroc_interval.high
    assert (found.n_train, found.n_test, found.notes) == (1500, 800, ())


def test_the_choice_of_positive_does_not_matter_for_two_values():
    train, test = _planted(400, 0), _planted(400, 1)
    yes, no, either = (
        tstr(train, test, target="y", positive=p).auroc for p in ("yes", "no", None)
    )
    assert yes == pytest.approx(no, abs=0.005)  # ties between splits fall otherwise
    assert either in {yes, no}


def test_noise_is_not_learnt():
    rng = np.random.default_rng(5)
    train = _planted(1500, 0)
    train["y"] = rng.permutation(train["y"].to_numpy())
    assert tstr(train, _planted(1500, 1), target="y").auroc == pytest.approx(
        0.5, abs=0.2
    )


def test_missing_values_and_dtypes_may_differ():
    train, test = _planted(800, 0), _planted(800, 1)
    train["k"] = np.arange(800) % 7
    test["k"] = (np.arange(800) % 7).astype(float)
    test.loc[::5, ["x", "k"]] = np.nan
    test.loc[::7, "c"] = None
    test.loc[3, "y"] = None
    found = tstr(train, test, target="y", positive="yes")
    assert found.auroc > 0.75
    assert found.auroc_lr > 0.75
    assert found.n_test == 799
    assert any("missing target" in note for note in found.notes)


def test_an_empty_synthetic_column_and_an_unseen_category_are_harmless():
    train, test = _planted(600, 0), _planted(600, 1)
    train["x"] = np.nan
    test.loc[::3, "c"] = "violet"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = tstr(train, test, target="y")
    assert 0.5 < found.auroc < 0.85


def test_one_synthetic_value_of_the_target_is_chance_by_definition():
    found = tstr(_planted(100, 0).assign(y="no"), _planted(100, 1), target="y")
    assert (found.auroc, found.auroc_lr) == (0.5, 0.5)
    assert found.accuracy == (_planted(100, 1)["y"] == "no").mean()
    assert "by definition" in found.notes[-1]


def test_constant_synthetic_rows_are_chance():
    train = pd.concat([_planted(1, 0)] * 100).assign(y=["yes", "no"] * 50)
    found = tstr(train, _planted(100, 1), target="y")
    assert found.auroc == pytest.approx(0.5)
    assert found.auroc_lr == pytest.approx(0.5)


def _three(n, seed):
    frame = _planted(n, seed)
    kind = np.digitize(frame["x"], [-0.5, 0.5])
    return frame.drop(columns="y").assign(t=np.array(["low", "mid", "high"])[kind])


def test_many_classes_are_averaged_and_a_lacking_one_counts_chance():
    test = _three(600, 1)
    full = tstr(_three(600, 0), test, target="t")
    assert full.auroc > 0.99
    train = _three(600, 0)
    lacking = tstr(train[train["t"] != "mid"], test, target="t")
    # low and high are still ranked well against the rest; mid is a constant score
    assert 0.7 < lacking.auroc < 0.95
    assert tstr(train, test, target="t", positive="mid").auroc > 0.99


def test_a_rare_class_in_a_long_table_does_not_stop_the_model():
    train = _three(12_000, 0)
    train.loc[0, "t"] = "once"
    assert tstr(train, _three(300, 1), target="t").auroc > 0.99


def test_numbers_and_text_name_the_same_positive():
    train, test = _planted(300, 0), _planted(300, 1)
    for frame in (train, test):
        frame["y"] = frame["y"] == "yes"
    by_value = tstr(train, test, target="y", positive=True)
    assert tstr(train.astype({"y": int}), test, target="y", positive="1") == by_value
    assert tstr(train, test, target="y", positive="True") == by_value


def test_prediction_refuses_what_it_cannot_do():
    train, test = _planted(100, 0), _planted(100, 1)
    with pytest.raises(UnsupportedError, match="numeric with more than 20"):
        tstr(train, test, target="x")
    with pytest.raises(UnsupportedError, match="more than 100 classes"):
        tstr(train, test.assign(c=[f"n{i}" for i in range(100)]), target="c")
    with pytest.raises(ConfigError, match="no value of the target"):
        tstr(train, test, target="y", positive="maybe")
    with pytest.raises(TableError, match="test rows two"):
        tstr(train, test.assign(y="yes"), target="y")
    with pytest.raises(TableError, match="no such column"):
        tstr(train, test, target="z")
    with pytest.raises(TableError, match="no column is left"):
        tstr(train[["y"]], test[["y"]], target="y")
