"""What a table tells about sensitive columns, and how a model of it treats groups.

NOT PRIVATE: may read real rows without noise. Promises: rows with equal features never
stand on both sides of an auditor's split, so that duplicates do not look like
information; mutual information comes with its permutation null.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas import util as pandas_util

from fairveil import _check
from fairveil._types import Floats
from fairveil.errors import ConfigError, problem
from fairveil.evaluate import _clusters
from fairveil.evaluate._gaps import gaps
from fairveil.evaluate._groups import Groups, Sensitive, flat, groups, parts, title
from fairveil.evaluate._models import Task, boosted, task
from fairveil.evaluate._scores import (
    CHANCE,
    auroc,
    contingency,
    mutual_information,
    range_of_parity,
)
from fairveil.evaluate._tables import (
    FEWEST,
    Ints,
    door,
    features,
    paired,
    require,
    some,
)
from fairveil.evaluate.results import ClusterInformation, ParityGap, Probe

_TEST_SHARE = 0.3
_hash_rows: Any = pandas_util.hash_pandas_object  # its stub says "object"


def probe(
    frame: Any,
    column: Sensitive,
    *,
    exclude: Sequence[str] = (),
    seed: int = 0,
    max_rows: int = 30_000,
) -> Probe:
    """AUROC of a fresh gradient boosting that guesses ``column`` from the others.

    The auditor learns on 70 % of the rows and is scored on the rest; rows with equal
    features fall on one side. A numeric column with more than ten values is cut at its
    quartiles, a missing value is a group, and groups of fewer than 20 rows are left
    out. Where there is nothing to learn from, or one group only, the figure is .5 by
    definition. Judge it on both sides: clearly below .5 is dependence too.

    Args:
        frame: the table to audit, real or synthetic.
        column: the sensitive column; or several, whose joint groups are guessed.
        exclude: columns the auditor does not see, such as other sensitive ones.
        seed: of the choice of rows, the split, the model and the resamples.
        max_rows: rows used at most, drawn at random.

    Raises:
        TableError: a column is missing.
        ConfigError: an intersection names a column twice, or none.
    """
    rng = np.random.default_rng(seed)
    whole = door(frame)
    own, name = parts(column), title(column)
    require(whole, *own, *exclude)
    table = some(whole, max_rows, rng)
    found = groups(table, column)
    rows = np.flatnonzero(found.codes >= 0)
    names = [n for n in table.columns if n not in own and n not in exclude]
    coding = features((table.iloc[rows],), names)
    test = _apart(coding.matrices[0], rng)
    work = _audit(coding.matrices[0], found.codes[rows], test, coding.cardinality)
    reason = _nothing_to_learn(found, work)
    if reason:
        notes = (*found.notes, f"AUROC is .5 by definition: {reason}")
        return Probe(name, 0.5, CHANCE, len(rows), len(found.labels), notes)
    area, interval = auroc(
        work.test_y, boosted(work, seed=seed), rng=rng, by_prevalence=True
    )
    return Probe(name, area, interval, len(rows), len(found.labels), found.notes)


def cluster_information(
    frame: Any,
    columns: Sequence[Sensitive],
    *,
    exclude: Sequence[str] = (),
    clusters: int = 10,
    seed: int = 0,
    permutations: int = 100,
    max_rows: int = 100_000,
) -> list[ClusterInformation]:
    """How much clusters of the other columns tell about each sensitive column.

    K-Means on the columns that are neither in ``columns`` nor in ``exclude``. Groups
    are formed as in ``probe``. ``range_of_parity`` is the parity figure of the
    clustering-based evaluation of fair synthetic data (ECML PKDD 2025): under .05 is
    called evenly spread there, under .15 balanced; ``null_parity`` tells what chance
    alone makes of it.

    Args:
        frame: the table to audit, real or synthetic.
        columns: the sensitive columns; several in a tuple mean their joint groups.
        exclude: further columns that the clusters do not see.
        clusters: clusters wished.
        seed: of the choice of rows, the clusters and the permutations.
        permutations: of the null distribution.
        max_rows: rows used at most, drawn at random.

    Raises:
        TableError: a column is missing.
        ConfigError: no column is left to cluster on, or a number is not sensible.
    """
    whole = door(frame)
    names = _visible(whole, columns, exclude)
    rng = np.random.default_rng(seed)
    table = some(whole, max_rows, rng)
    size, member = _clustered(table, table, names, clusters=clusters, seed=seed)
    return _told(columns, table, size, member, permutations=permutations, rng=rng)


def real_people_information(
    release: Any,
    real_holdout: Any,
    columns: Sequence[Sensitive],
    *,
    exclude: Sequence[str] = (),
    clusters: int = 10,
    seed: int = 0,
    permutations: int = 100,
    max_rows: int = 100_000,
) -> list[ClusterInformation]:
    """What a release teaches about real people: its clusters, their sensitive columns.

    Clusters are fitted to the release; real rows that the synthesizer did not see are
    assigned to them by their other columns. Then as ``cluster_information``, with the
    real groups.

    Args:
        release: synthetic rows.
        real_holdout: real rows with the same columns.
        columns: the sensitive columns; several in a tuple mean their joint groups.
        exclude: further columns that the clusters do not see.
        clusters: clusters wished.
        seed: of the choice of rows, the clusters and the permutations.
        permutations: of the null distribution.
        max_rows: rows of each table used at most, drawn at random.

    Raises:
        TableError: columns differ or are missing.
        ConfigError: no column is left to cluster on, or a number is not sensible.
    """
    whole, whole_real = paired(release, real_holdout)
    names = _visible(whole, columns, exclude)
    rng = np.random.default_rng(seed)
    table, real = some(whole, max_rows, rng), some(whole_real, max_rows, rng)
    size, member = _clustered(table, real, names, clusters=clusters, seed=seed)
    return _told(columns, real, size, member, permutations=permutations, rng=rng)


def parity_gap(
    synthetic: Any,
    real_test: Any,
    *,
    target: str,
    sensitive: Sequence[Sensitive],
    positive: Any = None,
    seed: int = 0,
) -> list[ParityGap]:
    """Group gaps of gradient boosting trained on synthetic rows, on real test rows.

    Predictions are positive above probability .5. Demographic parity compares the
    share predicted positive, equalized odds the true and the false positive rate.
    Groups are formed as in ``probe``, those under 30 test rows left out; a group
    without rows of one outcome does not count in the rate on that outcome.

    Args:
        synthetic: rows to learn from; the model sees the sensitive columns too.
        real_test: real rows with the same columns.
        target: column to predict.
        sensitive: columns whose groups are compared; several in a tuple are joined.
        positive: the positive value; needed where the target has more than two.
        seed: of the model and the resamples.

    Raises:
        TableError, UnsupportedError: as ``tstr``.
        ConfigError: ``positive`` is needed or unknown, or the target is sensitive.
    """
    own = flat(sensitive)
    if target in own:
        raise ConfigError(problem("the target is a sensitive column", got=target))
    work = task(synthetic, real_test, target=target, positive=positive)
    if len(work.classes) > FEWEST:
        raise ConfigError(
            problem(
                "the target has more than two values", try_="naming the positive one"
            )
        )
    real = door(real_test)
    require(real, *own)
    return gaps(work, boosted(work, seed=seed), real, sensitive, seed=seed)


def _visible(
    frame: pd.DataFrame, columns: Sequence[Sensitive], exclude: Sequence[str]
) -> list[str]:
    own = flat(columns)
    require(frame, *own, *exclude)
    names = [n for n in frame.columns if n not in own and n not in exclude]
    if not names:
        raise ConfigError(problem("no column is left to cluster on"))
    return names


def _apart(matrix: Floats, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Mark about 30 % of the rows as test, equal rows all on one side.

    Nothing is marked where all rows are equal.
    """
    # one bit pattern per value: NaN has many, and zero two
    tidy = np.where(np.isnan(matrix), np.nan, matrix + 0.0)
    hashes = _hash_rows(pd.DataFrame(tidy), index=False).to_numpy()
    _, member, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    if len(counts) < FEWEST or not matrix.shape[1]:
        return np.zeros(len(matrix), dtype=bool)
    order = rng.permutation(len(counts))
    filled = np.cumsum(counts[order])[:-1]  # at least one kind of row stays to learn on
    last = int(np.abs(filled - _TEST_SHARE * len(matrix)).argmin())
    return np.isin(member, order[: last + 1])


def _audit(
    matrix: Floats, codes: Ints, test: npt.NDArray[np.bool_], cardinality: Ints
) -> Task:
    return Task(
        train=matrix[~test],
        train_y=codes[~test],
        test=matrix[test],
        test_y=codes[test],
        cardinality=cardinality,
        classes=tuple(str(k) for k in range(int(codes.max(initial=-1)) + 1)),
        test_rows=np.flatnonzero(test),
    )


def _nothing_to_learn(found: Groups, work: Task) -> str:
    """Why an auditor cannot be scored; empty where it can."""
    if len(found.labels) < FEWEST:
        return "fewer than two groups"
    if not len(work.test_y):
        return "all rows look alike"
    if min(len(np.unique(y)) for y in (work.train_y, work.test_y)) < FEWEST:
        return "one side of the split has a single group"
    return ""


def _clustered(
    fit_on: pd.DataFrame,
    assigned: pd.DataFrame,
    names: Sequence[str],
    *,
    clusters: int,
    seed: int,
) -> tuple[int, Ints]:
    """Fit clusters to one table; their number, and the cluster of each other row."""
    _check.whole(1, clusters=clusters)
    coding = features((fit_on, assigned), names)
    first, second = coding.matrices
    fitted = _clusters.fit(first, coding.cardinality, clusters=clusters, seed=seed)
    return fitted.size, fitted.assign(second)


def _told(
    columns: Sequence[Sensitive],
    table: pd.DataFrame,
    size: int,
    member: Ints,
    *,
    permutations: int,
    rng: np.random.Generator,
) -> list[ClusterInformation]:
    _check.whole(1, permutations=permutations)
    return [
        _information(
            title(c),
            member,
            groups(table, c),
            size=size,
            permutations=permutations,
            rng=rng,
        )
        for c in columns
    ]


def _information(
    column: str,
    member: Ints,
    found: Groups,
    *,
    size: int,
    permutations: int,
    rng: np.random.Generator,
) -> ClusterInformation:
    rows = np.flatnonzero(found.codes >= 0)
    clusters, codes = member[rows], found.codes[rows]
    if len(found.labels) < FEWEST:
        notes = (*found.notes, "fewer than two groups: nothing to tell apart")
        return ClusterInformation(
            column, 0, 0, 0, 1, 0, len(rows), size, notes, null_parity=0
        )
    shape = (size, len(found.labels))
    counts = contingency(clusters, codes, shape)
    observed = mutual_information(counts)
    shuffled = [
        contingency(clusters, rng.permutation(codes), shape)
        for _ in range(permutations)
    ]
    null = np.array([mutual_information(table) for table in shuffled])
    # equal tables may differ in the last bits; count them as equally informative
    reached = int((null >= observed - 1e-12).sum())
    return ClusterInformation(
        column=column,
        mutual_information=observed,
        null_mean=float(null.mean()),
        null_q95=float(np.quantile(null, 0.95)),
        p_value=(1 + reached) / (1 + permutations),
        range_of_parity=range_of_parity(counts),
        n=len(rows),
        clusters=size,
        notes=found.notes,
        null_parity=float(np.mean([range_of_parity(table) for table in shuffled])),
    )
