"""Errors of single columns, pairs and triples, beside what chance makes of none.

NOT PRIVATE: reads real rows without noise. Promises: a copy has error 0; the figures
are those of ``tvd`` on the same sets; all depends on the tables and ``seed`` alone.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fairveil import _check
from fairveil._types import Floats
from fairveil.errors import ConfigError, problem
from fairveil.evaluate._cells import cells
from fairveil.evaluate._tables import Ints, column, paired
from fairveil.evaluate.results import Interval
from fairveil.evaluate.results_tables import MarginalErrors, SetError

PERMUTATIONS = 19  # the largest is passed by chance once in twenty
_RESAMPLES = 40
_MOST_SETS = {1: 1_000, 2: 300, 3: 60}
_DENSE = 4  # cells per row above which only those with a row are counted


def marginal_errors(
    real: Any,
    synthetic: Any,
    *,
    ways: int = 2,
    bins: int = 16,
    sets: int | None = None,
    seed: int = 0,
) -> MarginalErrors:
    """Total variation distance of sets of columns, each beside its sampling noise.

    Cells are those of ``tvd``. The noise is the distance where the rows of both tables
    are pooled, permuted and parted at the same sizes, 19 times over: an error above the
    largest of these happens by chance once in twenty sets. The interval of the mean has
    the spread of resamples of both tables; what sampling adds to the mean itself is the
    noise beside it.

    Args:
        real: real rows.
        synthetic: synthetic rows, with the same columns.
        ways: columns per set: 1, 2 or 3.
        bins: cells of a numeric column.
        sets: most sets, drawn at random where there are more; by default 300 pairs, or
            60 triples.
        seed: of the choice of sets, the permutations and the resamples.

    Raises:
        TableError: columns differ.
        ConfigError: fewer columns than ``ways``.
    """
    _check.one_of((1, 2, 3), ways=ways)
    _check.whole(2, bins=bins)
    first, second = paired(real, synthetic)
    names = list(first.columns)
    if len(names) < ways:
        raise ConfigError(problem("ways is above the number of columns", got=ways))
    most = _MOST_SETS[ways] if sets is None else sets
    _check.whole(1, sets=most)
    rng = np.random.default_rng(seed)
    chosen = _chosen(len(names), ways, most, rng)
    coded = [
        np.concatenate(cells(column(first, name), column(second, name), bins))
        for name in names
    ]
    signs = _signs(len(first), len(second), rng)
    found = np.array([_apart([coded[i] for i in one], signs) for one in chosen])
    error, noise = found[:, 0], found[:, 1 : PERMUTATIONS + 1]
    mean = float(error.mean())
    drawn = found[:, PERMUTATIONS + 1 :].mean(axis=0)
    spread = np.quantile(drawn - drawn.mean(), (0.025, 0.975))
    return MarginalErrors(
        ways=ways,
        mean=mean,
        interval=Interval(*(max(0.0, mean + float(end)) for end in spread)),
        noise=float(noise.mean()),
        noise_high=float(noise.mean(axis=0).max()),
        sets=tuple(
            SetError(
                tuple(str(names[i]) for i in one),
                float(own),
                float(chance.mean()),
                float(chance.max()),
            )
            for one, own, chance in zip(chosen, error, noise, strict=True)
        ),
        possible=math.comb(len(names), ways),
        n_real=len(first),
        n_synthetic=len(second),
    )


def _chosen(
    width: int, ways: int, most: int, rng: np.random.Generator
) -> list[tuple[int, ...]]:
    """All sets, or ``most`` different ones drawn at random, in order."""
    if math.comb(width, ways) <= most:
        return list(itertools.combinations(range(width), ways))
    drawn: set[tuple[int, ...]] = set()
    while len(drawn) < most:
        one = rng.choice(width, size=ways, replace=False)
        drawn.add(tuple(sorted(int(i) for i in one)))
    return sorted(drawn)


def _signs(real: int, fake: int, rng: np.random.Generator) -> Floats:
    """(1 + permutations + resamples, rows) signed weights, the ``real`` rows first."""
    signs = np.full((1 + PERMUTATIONS + _RESAMPLES, real + fake), -1.0 / fake)
    signs[0, :real] = 1 / real
    for one in signs[1 : PERMUTATIONS + 1]:
        one[rng.permutation(real + fake)[:real]] = 1 / real
    for one in signs[PERMUTATIONS + 1 :]:
        one[:real] = rng.multinomial(real, np.full(real, 1 / real)) / real
        one[real:] = -rng.multinomial(fake, np.full(fake, 1 / fake)) / fake
    return signs


def _apart(columns: Sequence[Ints], signs: Floats) -> Floats:
    """Half the absolute signed shares, summed over the joint cells, for each sign."""
    code = np.zeros(len(columns[0]), dtype=np.int64)
    for one in columns:
        code = code * (int(one.max()) + 1) + one
        if code.max() > _DENSE * len(code):
            code = np.unique(code, return_inverse=True)[1]
    return np.array([np.abs(np.bincount(code, weights=one)).sum() for one in signs]) / 2
