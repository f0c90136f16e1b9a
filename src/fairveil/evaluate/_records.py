"""Copied rows and nearest records: a check of sanity that guarantees nothing.

Secret: reads real rows. A release may be far from every training row and still betray
them, and near to them because the table has few kinds of rows; so training rows stand
beside as many control rows, and no state is given.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from fairveil.evaluate._proportions import rate
from fairveil.evaluate.fidelity import copies
from fairveil.evaluate.nearest import nearest_rows
from fairveil.evaluate.results_risks import NearestRecords, Rate

_COUNTED = 200_000  # rows among which equal ones are looked for
_CAUTION = "This is no guarantee: releases have passed such checks and leaked."


def nearest_records(
    train: pd.DataFrame,
    release: pd.DataFrame,
    control: pd.DataFrame | None,
    rng: np.random.Generator,
    *,
    max_rows: int,
) -> NearestRecords:
    """Compare a release with training rows and with as many control rows.

    Args:
        train, release, control: tables with the same columns.
        rng: draws rows where a table has more than it may.
        max_rows: rows of each table whose distances are measured.
    """
    made = release.iloc[rng.permutation(len(release))[:_COUNTED]]
    if control is None:
        copied = _identical(train, made)
        told = f"{copied.value:.1%} of the synthetic rows equal a training row. "
        return NearestRecords(copied, None, None, told + _CAUTION)
    size = min(len(train), len(control), _COUNTED)
    seen, unseen = (
        frame.iloc[rng.permutation(len(frame))[:size]] for frame in (train, control)
    )
    copied, new = _identical(seen, made), _identical(unseen, made)
    seed = int(rng.integers(2**31))
    near = nearest_rows(train, control, release, seed=seed, max_rows=max_rows)
    told = (
        f"{copied.value:.1%} of the synthetic rows equal one of {size:,} training "
        f"rows, {new.value:.1%} one of as many control rows; {near.nearer:.1%} are "
        "nearer to a training row than to a control row (50% is expected). "
    )
    return NearestRecords(copied, new, near, told + _CAUTION)


def _identical(real: pd.DataFrame, release: pd.DataFrame) -> Rate:
    found = copies(real, release)
    return rate(round(found.share * found.n), found.n)
