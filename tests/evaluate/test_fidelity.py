"""Fidelity: each figure against a slow twin, on hand-made tables, and by its laws."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from scipy.stats import ks_2samp, wasserstein_distance
from sklearn.metrics.pairwise import rbf_kernel

from fairveil.errors import ConfigError, TableError
from fairveil.evaluate import (
    ClusterInformation,
    cluster_quality,
    copies,
    dimension_wise,
    kolmogorov_smirnov,
    mmd,
    wasserstein,
)

NAN = float("nan")


def _table(n, seed, *, shift=0.0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "x": rng.normal(shift, 1, n),
            "k": rng.integers(0, 5, n),
            "c": rng.choice(["red", "green", "blue"], n, p=[0.6, 0.3, 0.1]),
            "d": rng.choice(["u", "v"], n),
        }
    )


REAL, FAKE = _table(90, 0), _table(70, 1, shift=0.7)


def _figures(real, fake):
    """Every distance, which is zero for equal tables."""
    apart, moved = mmd(real, fake), wasserstein(real, fake)
    return {
        "mmd": apart.squared,
        "median": mmd(real, fake, gamma=None).squared,
        "wasserstein": moved.mean,
        "mixed": moved.mixed,
        "ks": kolmogorov_smirnov(real, fake).statistic,
        "dwp": dimension_wise(real, fake).difference,
    }


# --- slow twins --------------------------------------------------------------------


def _points(frame):
    """Numbers standardised by the real table; categories one-hot."""
    numeric = [(frame[c] - REAL[c].mean()) / REAL[c].std(ddof=0) for c in ("x", "k")]
    one_hot = [
        (frame[c] == label).astype(float)
        for c in ("c", "d")
        for label in REAL[c].unique()
    ]
    return np.column_stack([*numeric, *one_hot])


@pytest.mark.parametrize("gamma", [0.5, 0.05])
def test_mmd_against_scikit_learns_kernel(gamma):
    found = mmd(REAL, FAKE, gamma=gamma)
    x, y = _points(REAL), _points(FAKE)
    xx, yy, xy = (rbf_kernel(a, b, gamma=gamma) for a, b in ((x, x), (y, y), (x, y)))
    assert found.squared == pytest.approx(xx.mean() + yy.mean() - 2 * xy.mean())
    apart = [k[~np.eye(len(k), dtype=bool)].mean() for k in (xx, yy)]
    # float32 coordinates: the difference of three means keeps six digits
    assert found.unbiased == pytest.approx(sum(apart) - 2 * xy.mean(), abs=1e-6)
    assert (found.n_real, found.n_synthetic, found.gamma) == (90, 70, gamma)


def test_the_median_rule():
    x = _points(REAL)
    square = ((x[:, None] - x[None]) ** 2).sum(axis=2)
    expected = 1 / np.median(square[square > 1e-9])
    assert mmd(REAL, FAKE, gamma=None).gamma == pytest.approx(expected, rel=1e-5)


def test_blocks_of_rows_change_nothing(monkeypatch):
    whole = mmd(REAL, FAKE)
    monkeypatch.setattr("fairveil.evaluate.fidelity._BLOCK", 7)
    assert mmd(REAL, FAKE).squared == pytest.approx(whole.squared)


def test_unbiased_mmd_of_one_law_is_zero_on_average():
    pairs = [(_table(60, 2 * i), _table(60, 2 * i + 1)) for i in range(100, 160)]
    found = [mmd(a, b, gamma=0.1) for a, b in pairs]
    mean = np.mean([one.unbiased for one in found])
    error = np.std([one.unbiased for one in found]) / np.sqrt(len(found))
    assert abs(mean) < 3 * error
    assert np.mean([one.squared for one in found]) > 10 * error  # the biased one is not


def test_wasserstein_against_scipy():
    found = wasserstein(REAL, FAKE)
    expected = {}
    for name in ("x", "k"):
        low, width = REAL[name].min(), np.ptp(REAL[name])
        expected[name] = wasserstein_distance(
            (REAL[name] - low) / width, (FAKE[name] - low) / width
        )
    for name, labels in (("c", ["blue", "green", "red"]), ("d", ["u", "v"])):
        place = {label: i / (len(labels) - 1) for i, label in enumerate(labels)}
        expected[name] = wasserstein_distance(
            REAL[name].map(place), FAKE[name].map(place)
        )
    assert found.columns == pytest.approx(expected)
    assert found.mean == pytest.approx(np.mean(list(expected.values())))
    assert found.numeric == pytest.approx((expected["x"] + expected["k"]) / 2)
    variation = [
        abs(
            REAL[c].value_counts(normalize=True) - FAKE[c].value_counts(normalize=True)
        ).sum()
        / 2
        for c in ("c", "d")
    ]
    assert found.mixed == pytest.approx(
        np.mean([expected["x"], expected["k"], *variation])
    )


def test_wasserstein_by_hand():
    real = pd.DataFrame({"x": [0.0, 10.0]})
    assert wasserstein(real, pd.DataFrame({"x": [5.0, 5.0]})).mean == 0.5
    assert wasserstein(real, pd.DataFrame({"x": [20.0, 30.0]})).mean == 2
    assert wasserstein(real, pd.DataFrame({"x": [5]})).mean == 0.5
    assert np.isnan(wasserstein(REAL[["c"]], FAKE[["c"]]).numeric)


def test_ks_against_scipy():
    found = kolmogorov_smirnov(REAL, FAKE)
    codes = {c: {v: i for i, v in enumerate(sorted(set(REAL[c])))} for c in ("c", "d")}
    tests = [
        ks_2samp(
            *(t[c].map(codes[c]) if c in codes else t[c] for t in (REAL, FAKE)),
            method="asymp",
        )
        for c in REAL
    ]
    assert found.statistic == pytest.approx(np.mean([t.statistic for t in tests]))
    assert found.p_value == pytest.approx(np.mean([t.pvalue for t in tests]))
    assert found.numeric == pytest.approx(np.mean([t.statistic for t in tests[:2]]))
    assert found.numeric_p_value == pytest.approx(
        np.mean([t.pvalue for t in tests[:2]])
    )
    assert list(found.columns) == list(REAL)


@pytest.mark.statistical
def test_ks_p_values_of_one_law_are_uniform():
    rng = np.random.default_rng(0)
    values = [
        kolmogorov_smirnov(*(pd.DataFrame({"x": rng.normal(size=200)}) for _ in "ab"))
        for _ in range(400)
    ]
    below = np.mean([v.p_value < 0.2 for v in values])
    assert 0.13 < below < 0.27


def test_dimension_wise_against_dummies():
    real, fake = REAL[["c", "d", "k"]], FAKE[["c", "d", "k"]]
    both = pd.concat([real, fake], keys=["real", "fake"])
    shares = pd.get_dummies(both.astype(str)).astype(float).groupby(level=0).mean()
    p, q = shares.loc["real"], shares.loc["fake"]
    found = dimension_wise(real, fake)
    assert found.cells == len(p)
    assert found.difference == pytest.approx((p - q).abs().mean())
    assert found.correlation == pytest.approx(np.corrcoef(p, q)[0, 1])


def test_dimension_wise_cuts_numbers_at_real_quantiles():
    real = pd.DataFrame({"x": np.arange(160.0)})
    fake = pd.DataFrame({"x": np.arange(80.0)})
    found = dimension_wise(real, fake)
    # 8 of 16 cells hold all synthetic rows, 1/8 each against 1/16
    assert found.cells == 16
    assert found.difference == pytest.approx(1 / 16)
    assert np.isnan(found.correlation)  # all real shares are alike


def test_copies_against_sets_of_tuples():
    real, fake = (t[["k", "c", "d"]] for t in (REAL, FAKE))
    known = set(map(tuple, real.to_numpy()))
    rows = list(map(tuple, fake.to_numpy()))
    found = copies(real, fake)
    assert found.share == pytest.approx(np.mean([row in known for row in rows]))
    assert found.within == pytest.approx(1 - len(set(rows)) / len(rows))
    assert 0 < found.share < 1
    assert copies(REAL, FAKE).share == 0


def test_copies_see_missing_values_and_other_dtypes_as_equal():
    real = pd.DataFrame({"a": [1.0, np.nan], "b": ["x", None]})
    fake = pd.DataFrame({"a": [1, 1], "b": ["x", "y"]})
    assert copies(real, fake).share == 0.5
    assert copies(real, real).share == 1


# --- clusters ------------------------------------------------------------------------


def _blobs(n=40):
    rng = np.random.default_rng(0)
    centres = np.array([[0, 0], [20, 0], [0, 20]])
    member = np.repeat([0, 1, 2], n)
    points = centres[member] + rng.normal(size=(3 * n, 2))
    return pd.DataFrame(points, columns=["x", "y"]), member


def _silhouette(points, member):
    """The definition of Rousseeuw (1987), one row at a time."""
    distance = np.sqrt(((points[:, None] - points[None]) ** 2).sum(axis=2))
    values = []
    for i, own in enumerate(member):
        mates = (member == own) & (np.arange(len(member)) != i)
        a = distance[i, mates].mean()
        b = min(distance[i, member == k].mean() for k in set(member) - {own})
        values.append((b - a) / max(a, b))
    return np.mean(values)


def _davies_bouldin(points, member):
    """The definition of Davies and Bouldin (1979)."""
    kinds = sorted(set(member))
    centre = {k: points[member == k].mean(axis=0) for k in kinds}
    width = {
        k: np.sqrt(((points[member == k] - centre[k]) ** 2).sum(axis=1)).mean()
        for k in kinds
    }
    worst = dict.fromkeys(kinds, 0.0)
    for j, k in itertools.permutations(kinds, 2):
        ratio = (width[j] + width[k]) / np.linalg.norm(centre[j] - centre[k])
        worst[j] = max(worst[j], ratio)
    return np.mean(list(worst.values()))


def test_cluster_quality_against_the_definitions():
    frame, member = _blobs()
    points = ((frame - frame.mean()) / frame.std(ddof=0)).to_numpy()
    found = cluster_quality(frame, clusters=3)
    assert (found.clusters, found.n, found.notes) == (3, 120, ())
    assert found.silhouette == pytest.approx(_silhouette(points, member), rel=1e-4)
    assert found.davies_bouldin == pytest.approx(
        _davies_bouldin(points, member), rel=1e-4
    )


def test_clusters_do_not_see_excluded_columns():
    frame, _ = _blobs()
    rng = np.random.default_rng(1)
    wide = frame.assign(s=np.where(rng.random(120) < 0.5, "a", "b"))
    plain = cluster_quality(frame, clusters=3)
    assert cluster_quality(wide, exclude=["s"], clusters=3) == plain
    assert cluster_quality(wide, clusters=3).silhouette < plain.silhouette


def test_samples_of_rows_are_close_to_all_rows():
    frame, _ = _blobs(400)
    whole = cluster_quality(frame, clusters=3)
    part = cluster_quality(frame, clusters=3, max_rows=600, max_pairs_rows=200)
    assert part.n == 600
    assert part.silhouette == pytest.approx(whole.silhouette, abs=0.03)
    assert part.davies_bouldin == pytest.approx(whole.davies_bouldin, abs=0.03)


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_clusters_of_almost_nothing_are_told(rows):
    frame = pd.DataFrame({"x": np.arange(rows, dtype=float)})
    found = cluster_quality(frame)
    assert np.isnan(found.silhouette)
    assert np.isnan(found.davies_bouldin)
    assert len(found.notes) == 2


def test_a_constant_table_is_one_cluster():
    found = cluster_quality(pd.DataFrame({"x": [1.0] * 30, "c": ["a"] * 30}))
    assert found.clusters == 1
    assert np.isnan(found.silhouette)
    assert "one cluster only" in found.notes[0]


@pytest.mark.parametrize(
    ("parity", "word"),
    [
        (0.0, "Evenly Spread"),
        (0.049, "Evenly Spread"),
        (0.05, "Balanced"),
        (0.149, "Balanced"),
        (0.15, "Uneven"),
        (1.0, "Uneven"),
        (NAN, "Unknown"),
    ],
)
def test_the_papers_words(parity, word):
    assert ClusterInformation("s", 0, 0, 0, 1, parity, 9, 3).spread == word


# --- laws ----------------------------------------------------------------------------

cell = st.one_of(st.none(), st.sampled_from(["a", "b", "c"]))
number = st.one_of(st.none(), st.integers(-3, 3), st.floats(-5, 5))
tables = st.integers(1, 12).flatmap(
    lambda n: st.fixed_dictionaries(
        {
            "x": st.lists(number, min_size=n, max_size=n).map(
                lambda v: pd.Series(v, dtype=float)
            ),
            "c": st.lists(cell, min_size=n, max_size=n).map(
                lambda v: pd.Series(v, dtype=object)
            ),
            "s": st.lists(cell, min_size=n, max_size=n).map(
                lambda v: pd.Series(v, dtype=object)
            ),
        }
    ).map(pd.DataFrame)
)


@settings(max_examples=60, deadline=None)
@given(tables)
def test_zero_on_itself(table):
    for name, value in _figures(table, table).items():
        assert value == pytest.approx(0, abs=1e-12), name
    assert kolmogorov_smirnov(table, table).p_value == 1
    assert dimension_wise(table, table).correlation == 1
    assert copies(table, table).share == 1


@settings(max_examples=60, deadline=None)
@given(tables, tables, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(real, fake, random):
    order = random.sample(range(len(fake)), len(fake))
    plain, moved = _figures(real, fake), _figures(real, fake.iloc[order])
    assert moved == pytest.approx(plain, abs=1e-9)
    assert copies(real, fake) == copies(real, fake.iloc[order])


@settings(max_examples=60, deadline=None)
@given(tables, tables)
def test_symmetry_and_range(one, two):
    forth, back = kolmogorov_smirnov(one, two), kolmogorov_smirnov(two, one)
    assert forth.statistic == pytest.approx(back.statistic)
    assert forth.p_value == pytest.approx(back.p_value)
    assert 0 <= forth.statistic <= 1
    assert 0 <= forth.p_value <= 1
    # categories have a range of their own, whichever table is the real one
    text = [t[["c", "s"]] for t in (one, two)]
    there, again = wasserstein(*text), wasserstein(*text[::-1])
    assert there.mean == pytest.approx(again.mean)
    assert 0 <= there.mixed <= 1
    shares = dimension_wise(*text), dimension_wise(*text[::-1])
    assert shares[0].difference == pytest.approx(shares[1].difference)
    assert 0 <= shares[0].difference <= 1


@settings(max_examples=40, deadline=None)
@given(tables, tables, tables)
def test_columns_without_a_scale_obey_the_triangle(one, two, three):
    a, b, c = (t[["c", "s"]] for t in (one, two, three))
    if any(t.isna().all().any() for t in (a, b, c)):
        return  # an empty column is at distance 1 of all others by definition
    for figure in (
        lambda p, q: wasserstein(p, q).mixed,
        lambda p, q: kolmogorov_smirnov(p.fillna("z"), q.fillna("z")).statistic,
    ):
        assert figure(a, c) <= figure(a, b) + figure(b, c) + 1e-9


@settings(max_examples=60, deadline=None)
@given(tables, tables)
def test_every_figure_is_defined_for_any_cells(real, fake):
    for name, value in _figures(real, fake).items():
        assert np.isfinite(value), name
        assert value >= 0, name
    assert 0 <= copies(real, fake).share <= 1
    assert cluster_quality(fake).clusters >= 1


# --- edges ---------------------------------------------------------------------------


def test_constant_columns():
    one = pd.DataFrame({"x": [3.0] * 5, "c": ["a"] * 5})
    assert set(_figures(one, one).values()) == {0}
    two = pd.DataFrame({"x": [7.0] * 4, "c": ["b"] * 4})
    assert wasserstein(one, two).columns == {"x": 1, "c": 1}
    assert kolmogorov_smirnov(one, two).statistic == 1
    assert dimension_wise(one, two).difference == 1


def test_a_column_without_values_is_at_the_largest_distance():
    real = pd.DataFrame({"x": [1.0, 2.0]})
    empty = pd.DataFrame({"x": [np.nan, np.nan]})
    for pair in ((real, empty), (empty, real)):
        assert wasserstein(*pair).mean == 1
        assert kolmogorov_smirnov(*pair).p_value == 0
    assert wasserstein(empty, empty).mean == 0
    assert kolmogorov_smirnov(empty, empty).p_value == 1


def test_foreign_and_infinite_cells():
    fake = FAKE.assign(x=np.inf, c="purple")
    found = _figures(REAL, fake)
    assert all(np.isfinite(v) and v > 0 for v in found.values())
    text = FAKE.assign(x=["much"] * len(FAKE))
    assert kolmogorov_smirnov(REAL, text).columns["x"] == 1


def test_a_single_row():
    one = pd.DataFrame({"x": [1.0], "c": ["a"]})
    found = mmd(one, REAL[["x", "c"]])
    assert np.isfinite(found.squared)
    assert np.isnan(found.unbiased)
    assert 0 < kolmogorov_smirnov(one, REAL[["x", "c"]]).p_value <= 1


def test_a_sample_of_a_copy_is_a_copy():
    big = _table(500, 3)
    assert mmd(big, big.copy(), max_rows=50).squared == 0
    assert mmd(big, big, max_rows=50).n_real == 50
    part = mmd(big, _table(500, 4, shift=2), max_rows=300, gamma=0.1)
    whole = mmd(big, _table(500, 4, shift=2), gamma=0.1)
    assert part.unbiased == pytest.approx(whole.unbiased, rel=0.2)


def test_refusals():
    for figure in (mmd, wasserstein, kolmogorov_smirnov, dimension_wise, copies):
        with pytest.raises(TableError, match="different columns"):
            figure(REAL, FAKE.drop(columns="x"))
    with pytest.raises(ConfigError, match="gamma"):
        mmd(REAL, FAKE, gamma=0.0)
    with pytest.raises(ConfigError, match="bins"):
        dimension_wise(REAL, FAKE, bins=1)
    with pytest.raises(ConfigError, match="no column is left"):
        cluster_quality(REAL, exclude=list(REAL))
    with pytest.raises(TableError, match="no such column"):
        cluster_quality(REAL, exclude=["z"])
    with pytest.raises(ConfigError, match="max_pairs_rows"):
        cluster_quality(REAL, max_pairs_rows=1)
