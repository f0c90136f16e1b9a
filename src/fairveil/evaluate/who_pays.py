"""Who pays for privacy and fairness: fidelity within each group.

NOT PRIVATE: reads real rows without noise. Promises: a distance stands beside what
sampling noise alone makes of one at the same two sizes; a copy has distance 0.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from fairveil import _check
from fairveil._types import Floats
from fairveil.errors import ConfigError, problem
from fairveil.evaluate._cells import cells
from fairveil.evaluate._gaps import SMALLEST_GROUP
from fairveil.evaluate._groups import Sensitive, alike, asked, flat, parts, title
from fairveil.evaluate._tables import FEWEST, Ints, column, paired, require
from fairveil.evaluate.results import NOT_ENOUGH
from fairveil.evaluate.results_fairness import GroupDistance, GroupFidelity

_DENSE = 4  # cells per row above which only those with a row are counted


def group_fidelity(
    real: Any,
    synthetic: Any,
    sensitive: Sequence[Sensitive],
    *,
    bins: int = 16,
    permutations: int = 3,
    seed: int = 0,
) -> list[GroupFidelity]:
    """Distance between the real and the synthetic rows of each group.

    1-way and 2-way total variation distance as of ``tvd``, over all columns but those
    that make the groups; numeric columns are cut at the quantiles of the whole real
    table, so that groups are measured on one scale. The noise beside it is the mean
    distance where the group's real and synthetic rows are pooled, permuted and parted
    at the same sizes: real rows against real rows would not have the synthetic size.
    Groups under 30 rows in either table get "not enough data".

    Args:
        real: real rows.
        synthetic: synthetic rows with the same columns.
        sensitive: columns, and, where only columns are named and several, their
            intersection; a tuple means joint groups.
        bins: cells of a numeric column.
        permutations: that the noise is averaged over.
        seed: of the permutations.

    Raises:
        TableError: columns differ or are missing.
        ConfigError: fewer than two columns are left besides those of a question.
    """
    _check.whole(2, bins=bins)
    _check.whole(1, permutations=permutations)
    first, second = paired(real, synthetic)
    require(first, *flat(sensitive))
    rng = np.random.default_rng(seed)
    coded = {
        name: np.concatenate(cells(column(first, name), column(second, name), bins))
        for name in first.columns
    }
    return [
        _question((first, second), one, coded, permutations, rng)
        for one in asked(sensitive)
    ]


def _question(
    frames: tuple[pd.DataFrame, pd.DataFrame],
    one: Sensitive,
    coded: dict[str, Ints],
    permutations: int,
    rng: np.random.Generator,
) -> GroupFidelity:
    others = [codes for name, codes in coded.items() if name not in parts(one)]
    if len(others) < FEWEST:
        raise ConfigError(
            problem("fewer than two columns are left to compare", got=title(one))
        )
    (real, fake), labels, notes = alike(frames, one)
    records, few = {}, []
    for code, label in enumerate(labels):
        rows = np.flatnonzero(real == code), np.flatnonzero(fake == code)
        sizes = len(rows[0]), len(rows[1])
        if min(sizes) < SMALLEST_GROUP:
            records[label] = GroupDistance(*sizes, *[NOT_ENOUGH] * 4)
            few.append(label)
            continue
        both = np.concatenate([rows[0], len(real) + rows[1]])
        told = _distances(
            [codes[both] for codes in others], sizes[0], permutations, rng
        )
        records[label] = GroupDistance(*sizes, *told)
    if few:
        reason = f"{NOT_ENOUGH}: groups under {SMALLEST_GROUP} rows in a table"
        notes = (*notes, f"{reason}: {', '.join(few)}")
    return GroupFidelity(title(one), records, notes)


def _distances(
    columns: list[Ints], real: int, permutations: int, rng: np.random.Generator
) -> tuple[float, float, float, float]:
    """Mean distance of single columns and of pairs; the same two of permuted rows.

    Args:
        columns: (rows,) cells of each, the ``real`` real rows first.
        real: number of real rows.
        permutations: to average over.
        rng: draws them.
    """
    n = len(columns[0])
    signs = np.full((permutations + 1, n), -1.0 / (n - real))
    signs[0, :real] = 1 / real
    for one in signs[1:]:
        one[rng.permutation(n)[:real]] = 1 / real
    ones = np.mean([_apart(codes, signs) for codes in columns], axis=0)
    twos = np.mean(
        [
            _apart(a * (int(b.max()) + 1) + b, signs)
            for a, b in itertools.combinations(columns, 2)
        ],
        axis=0,
    )
    noise = float(ones[1:].mean()), float(twos[1:].mean())
    return float(ones[0]), float(twos[0]), *noise


def _apart(codes: Ints, signs: Floats) -> Floats:
    """(permutations + 1,) distances: half the absolute signed shares, cells summed."""
    if codes.max() > _DENSE * len(codes):
        codes = np.unique(codes, return_inverse=True)[1]
    return (
        np.array([np.abs(np.bincount(codes, weights=one)).sum() for one in signs]) / 2
    )
