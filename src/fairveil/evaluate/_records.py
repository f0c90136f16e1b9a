"""Distance to the nearest record: a check of sanity that guarantees nothing.

Secret: reads real rows. A release may be far from every training row and still betray
them, and near to them because the table has few kinds of rows; so training rows stand
beside as many control rows, and no state is given.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from fairveil._types import Floats
from fairveil.evaluate._nearness import UNIT, nearest, places
from fairveil.evaluate._proportions import rate
from fairveil.evaluate.fidelity import copies
from fairveil.evaluate.results_risks import NearestRecords, Rate

_NAN = float("nan")
_LOW = 0.05
_CAUTION = "This is no guarantee: releases have passed such checks and leaked."


def nearest_records(  # noqa: PLR0917  (of one caller)
    train: pd.DataFrame,
    release: pd.DataFrame,
    control: pd.DataFrame | None,
    max_targets: int,
    max_rows: int,
    rng: np.random.Generator,
) -> NearestRecords:
    """Compare a sample of the release with equally many training and control rows."""

    def drawn(frame: pd.DataFrame, most: int) -> pd.DataFrame:
        return frame.iloc[rng.permutation(len(frame))[:most]].reset_index(drop=True)

    size = min(max_rows, len(train), len(train if control is None else control))
    asked, near = drawn(release, max_targets), drawn(train, size)
    apart = near if control is None else drawn(control, size)
    grid = places((asked, near, apart), spread_of=(1, 2))
    one, two = (
        nearest(grid, 0, table, range(train.shape[1])) / (UNIT * train.shape[1])
        for table in (1, 2)
    )
    copied = _identical(train, release)
    if control is None:
        told = f"{copied.value:.1%} of the synthetic rows equal a training row. "
        ends = float(np.median(one)), _NAN, float(np.quantile(one, _LOW)), _NAN
        return NearestRecords(copied, None, None, *ends, sentence=told + _CAUTION)
    copied, new = _identical(near, release), _identical(apart, release)
    closer = _closer(one, two)
    told = (
        f"{copied.value:.1%} of the synthetic rows equal one of {size:,} training "
        f"rows, {new.value:.1%} one of as many control rows; {closer.value:.1%} are "
        "nearer to a training row than to a control row (50% is expected). "
    )
    return NearestRecords(
        copied,
        new,
        closer,
        float(np.median(one)),
        float(np.median(two)),
        float(np.quantile(one, _LOW)),
        float(np.quantile(two, _LOW)),
        sentence=told + _CAUTION,
    )


def _identical(real: pd.DataFrame, release: pd.DataFrame) -> Rate:
    found = copies(real, release)
    return rate(round(found.share * found.n), found.n)


def _closer(one: Floats, two: Floats) -> Rate:
    """Rows nearer to the first; of every two ties, one counts."""
    return rate(int((one < two).sum() + (one == two).sum() // 2), len(one))
