"""The distances of the paper's own evaluation, and of its clusters.

NOT PRIVATE: reads real rows without noise. Promises: every figure is defined for tables
of a few rows and for constant, empty or foreign columns; figures depend on the tables
and ``seed`` alone, and not on the order of the rows while no sample is drawn.

Source: the clustering-based evaluation of fair, private synthetic data (ECML PKDD
2025), which names its metrics without saying how columns are coded; what stands here
is said in each function. Missing and infinite numbers are left out everywhere but in
``dimension_wise`` and ``copies``; ``tvd`` counts them, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import kstwo, wasserstein_distance
from sklearn.metrics import davies_bouldin_score, silhouette_score

from fairveil import _check
from fairveil._types import Floats
from fairveil.errors import ConfigError, problem
from fairveil.evaluate import _clusters
from fairveil.evaluate._cells import cells, shares
from fairveil.evaluate._tables import (
    FEWEST,
    Ints,
    column,
    door,
    features,
    paired,
    require,
    some,
)
from fairveil.evaluate.results import (
    ClusterQuality,
    Copies,
    DimensionWise,
    KernelDistance,
    KolmogorovSmirnov,
    TransportDistance,
)

_NAN = float("nan")
_BLOCK = 1000  # rows of a kernel matrix held at once
_GLANCE = 1000  # rows whose distances give the median


def mmd(
    real: Any,
    synthetic: Any,
    *,
    gamma: float | None = 0.5,
    max_rows: int = 3000,
    seed: int = 0,
) -> KernelDistance:
    """Squared maximum mean discrepancy (Gretton et al. 2012) of whole rows.

    The kernel is ``exp(-gamma * squared distance)``. Numbers are standardised by the
    real table's mean and deviation, categories one-hot without scaling (the 50 most
    frequent ones of each real column). The paper's gamma of .5 is so narrow that in
    more than about ten columns it sees nearly equal rows only: there, also look at
    the median rule.

    Args:
        real: real rows.
        synthetic: synthetic rows, with the same columns.
        gamma: of the kernel; None: one over the median squared distance between
            different real rows.
        max_rows: rows of each table used at most, drawn at random; time and the bias
            of ``squared`` depend on it, so compare only figures of one setting.
        seed: of the samples; two tables of one size are sampled at the same places.

    Raises:
        TableError: columns differ.
        ConfigError: a number is not sensible.
    """
    first, second = paired(real, synthetic)
    first, second = (some(t, max_rows, _rng(seed)) for t in (first, second))
    coding = features((first, second), list(first.columns))
    axes = _clusters.space(coding.matrices[0], coding.cardinality)
    x, y = (_clusters.embed(axes, m).astype(np.float64) for m in coding.matrices)
    if gamma is None:
        gamma = _median_gamma(x)
    _check.positive(gamma=gamma)
    _check.finite(gamma=gamma)
    within = _kernel_sum(x, x, gamma), _kernel_sum(y, y, gamma)
    between = _kernel_sum(x, y, gamma) / (len(x) * len(y))
    biased = within[0] / len(x) ** 2 + within[1] / len(y) ** 2 - 2 * between
    unbiased = _NAN
    if min(len(x), len(y)) >= FEWEST:
        apart = [
            (total - n) / (n * (n - 1))  # without each row's kernel with itself, 1
            for total, n in zip(within, (len(x), len(y)), strict=True)
        ]
        unbiased = sum(apart) - 2 * between
    return KernelDistance(max(0.0, biased), unbiased, gamma, len(x), len(y))


def wasserstein(real: Any, synthetic: Any) -> TransportDistance:
    """Mean 1-Wasserstein distance of single columns.

    A column is moved and scaled so that the real values span 0 to 1 (where the real
    column is constant, so that both tables together do); synthetic values outside that
    range count with their full distance. Categories are coded 0 to k - 1 in the order
    of their labels over both tables, which is arbitrary: ``mixed`` avoids it.
    A column of which one table knows no value has distance 1.

    Args:
        real: real rows.
        synthetic: synthetic rows, with the same columns.

    Raises:
        TableError: columns differ.
    """
    names, columns, counts = _columns(real, synthetic)
    both = list(zip(columns, counts, strict=True))
    coded = np.array([_transport(a, b, count) for (a, b), count in both])
    mixed = [
        _variation(a, b) if count else moved
        for moved, ((a, b), count) in zip(coded, both, strict=True)
    ]
    return TransportDistance(
        mean=_mean(coded),
        numeric=_mean(coded[counts == 0]),
        mixed=_mean(np.array(mixed)),
        columns=dict(zip(names, coded.tolist(), strict=True)),
    )


def kolmogorov_smirnov(real: Any, synthetic: Any) -> KolmogorovSmirnov:
    """Mean two-sample Kolmogorov-Smirnov statistic and p-value of single columns.

    Categories are coded as in ``wasserstein``. P-values are asymptotic and meant for
    numbers without ties; with ties they are too large. They fall with the number of
    rows, all of which are used: compare them only at equal sizes. A column of which
    one table knows no value has statistic 1 and p-value 0.

    Args:
        real: real rows.
        synthetic: synthetic rows, with the same columns.

    Raises:
        TableError: columns differ.
    """
    names, columns, counts = _columns(real, synthetic)
    numeric = counts == 0
    tests = np.array([_two_sample(a, b) for a, b in columns])
    return KolmogorovSmirnov(
        statistic=_mean(tests[:, 0]),
        p_value=_mean(tests[:, 1]),
        numeric=_mean(tests[numeric, 0]),
        numeric_p_value=_mean(tests[numeric, 1]),
        columns=dict(zip(names, tests[:, 0].tolist(), strict=True)),
    )


def dimension_wise(real: Any, synthetic: Any, *, bins: int = 16) -> DimensionWise:
    """Dimension-wise probability (Choi et al. 2017): shares of one-hot features.

    Every category of every column is a feature, a missing value is one, and so are the
    cells of numeric columns, formed as in ``tvd``.

    Args:
        real: real rows.
        synthetic: synthetic rows, with the same columns.
        bins: cells of a numeric column.

    Raises:
        TableError: columns differ.
        ConfigError: a number is not sensible.
    """
    _check.whole(2, bins=bins)
    first, second = paired(real, synthetic)
    parts = [
        shares([cells(column(first, name), column(second, name), bins)])
        for name in first.columns
    ]
    p, q = (np.concatenate(part) for part in zip(*parts, strict=True))
    seen = (p > 0) | (q > 0)
    p, q = p[seen], q[seen]
    return DimensionWise(_mean(np.abs(p - q)), _correlation(p, q), len(p))


def copies(real: Any, synthetic: Any) -> Copies:
    """Share of synthetic rows that equal a real row, or an earlier synthetic one.

    Neither says anything on privacy: a table of few categories repeats rows by nature.
    Compare with the figures of real rows that the synthesizer did not see.

    Args:
        real: real rows.
        synthetic: synthetic rows, with the same columns.

    Raises:
        TableError: columns differ.
    """
    first, second = paired(real, synthetic)
    coding = features((first, second), list(first.columns))
    both = pd.DataFrame(np.vstack(coding.matrices))
    kind = both.groupby(list(both.columns), dropna=False, sort=False).ngroup()
    known, fresh = np.split(kind.to_numpy(), [len(first)])
    return Copies(
        share=float(np.isin(fresh, known).mean()),
        within=1 - len(np.unique(fresh)) / len(fresh),
        n=len(fresh),
    )


def cluster_quality(
    frame: Any,
    *,
    exclude: Sequence[str] = (),
    clusters: int = 10,
    max_rows: int = 20_000,
    max_pairs_rows: int = 3000,
    seed: int = 0,
) -> ClusterQuality:
    """Silhouette and Davies-Bouldin index of K-Means clusters.

    Clusters are those of ``cluster_information``. Both figures are of the space that
    K-Means sees. The silhouette (Rousseeuw 1987) needs all pairs of rows and is the
    mean over a sample; the index (Davies and Bouldin 1979) uses all rows.

    Args:
        frame: the table, real or synthetic.
        exclude: columns that the clusters do not see, such as the sensitive ones.
        clusters: clusters wished.
        max_rows: rows used at most, drawn at random.
        max_pairs_rows: of these, rows the silhouette is computed on.
        seed: of the choice of rows and of the clusters.

    Raises:
        TableError: a column is missing.
        ConfigError: no column is left to cluster on, or a number is not sensible.
    """
    _check.whole(1, clusters=clusters)
    whole = door(frame)
    require(whole, *exclude)
    names = [name for name in whole.columns if name not in exclude]
    if not names:
        raise ConfigError(problem("no column is left to cluster on"))
    rng = _rng(seed)
    table = some(whole, max_rows, rng)
    coding = features((table,), names)
    (matrix,) = coding.matrices
    fitted = _clusters.fit(matrix, coding.cardinality, clusters=clusters, seed=seed)
    member = fitted.assign(matrix)
    points = _clusters.embed(fitted.axes, matrix)
    _check.whole(2, max_pairs_rows=max_pairs_rows)
    few = rng.permutation(len(points))[:max_pairs_rows]
    first = _score(silhouette_score, points[few], member[few])
    second = _score(davies_bouldin_score, points, member)
    why = "undefined: one cluster only, or as many as rows"
    notes = tuple(
        f"{name} {why}"
        for name, value in (("silhouette", first), ("Davies-Bouldin index", second))
        if np.isnan(value)
    )
    return ClusterQuality(first, second, fitted.size, len(points), notes)


def _rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def _mean(values: npt.ArrayLike) -> float:
    found = np.asarray(values, dtype=np.float64)
    return float(found.mean()) if len(found) else _NAN


def _squared(x: Floats, y: Floats) -> Floats:
    square = (x**2).sum(axis=1)[:, None] + (y**2).sum(axis=1) - 2 * (x @ y.T)
    return np.maximum(square, 0, out=square)


def _median_gamma(points: Floats) -> float:
    square = _squared(points[:_GLANCE], points[:_GLANCE])
    # equal rows differ by rounding only
    apart = square[square > 1e-9]  # noqa: PLR2004  (rounding of equal rows)
    return float(1 / np.median(apart)) if len(apart) else 1.0


def _kernel_sum(x: Floats, y: Floats, gamma: float) -> float:
    return sum(
        float(np.exp(-gamma * _squared(x[at : at + _BLOCK], y)).sum())
        for at in range(0, len(x), _BLOCK)
    )


def _columns(
    real: Any, synthetic: Any
) -> tuple[list[str], list[tuple[Floats, Floats]], Ints]:
    """Names, known values of both tables (categories as codes), cardinalities."""
    first, second = paired(real, synthetic)
    names = [str(name) for name in first.columns]
    coding = features((first, second), list(first.columns))
    known = [
        (a[~np.isnan(a)], b[~np.isnan(b)])
        for a, b in zip(*(m.T for m in coding.matrices), strict=True)
    ]
    return names, known, coding.cardinality


def _span(a: Floats, b: Floats) -> tuple[float, float]:
    """Range of the real values, or of both tables' where that is empty."""
    for values in (a, np.concatenate((a, b))):
        if len(values) and np.ptp(values) > 0:
            return float(values.min()), float(values.max())
    return 0.0, 0.0


def _transport(a: Floats, b: Floats, count: int) -> float:
    """Of one column with ``count`` categories; 0 for a number."""
    if not len(a) or not len(b):
        return float(len(a) != len(b))
    low, high = (0.0, count - 1.0) if count else _span(a, b)
    if low == high:
        return 0.0
    return float(wasserstein_distance(*((v - low) / (high - low) for v in (a, b))))


def _variation(a: Floats, b: Floats) -> float:
    if not len(a) or not len(b):
        return float(len(a) != len(b))
    code = np.unique(np.concatenate((a, b)), return_inverse=True)[1]
    p, q = shares([(code[: len(a)], code[len(a) :])])
    return float(np.abs(p - q).sum() / 2)


def _two_sample(a: Floats, b: Floats) -> tuple[float, float]:
    if not len(a) or not len(b):
        return (0.0, 1.0) if len(a) == len(b) else (1.0, 0.0)
    a, b = np.sort(a), np.sort(b)
    at = np.concatenate((a, b))
    below = [np.searchsorted(v, at, side="right") / len(v) for v in (a, b)]
    statistic = float(np.abs(below[0] - below[1]).max())
    effective = max(1, round(len(a) * len(b) / (len(a) + len(b))))
    return statistic, float(kstwo.sf(statistic, effective))


def _correlation(p: Floats, q: Floats) -> float:
    if np.array_equal(p, q):
        return 1.0
    if min(np.ptp(p), np.ptp(q)) == 0:
        return _NAN
    return float(np.corrcoef(p, q)[0, 1])


def _score(
    index: Callable[[npt.NDArray[np.float32], Ints], Any],
    points: npt.NDArray[np.float32],
    member: Ints,
) -> float:
    """An index of clusters; NaN for one cluster, or for one to each row."""
    found = len(np.unique(member))
    return float(index(points, member)) if 1 < found < len(points) else _NAN
