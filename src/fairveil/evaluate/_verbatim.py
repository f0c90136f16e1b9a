"""Membership by an equal row: was somebody released as they are?

Secret: reads real rows. The attacker claims those to be of the training table whose row
stands in the release, equal in every column. It costs little, so that it looks at many
more rows than the other attacks, and hears a few copies in a large release.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from fairveil.evaluate._proportions import beyond, rate
from fairveil.evaluate._tables import Ints, features
from fairveil.evaluate._trials import Shot, Trial
from fairveil.evaluate.results_risks import MEMBERSHIP

NAME = "an equal row"
_NOTE = "all whose row stands in the release are claimed"


def verbatim(
    train: pd.DataFrame,
    release: pd.DataFrame,
    control: pd.DataFrame | None,
    rng: np.random.Generator,
) -> Trial:
    """Claim who has an equal row; no attempt without control.

    Args:
        train, release, control: tables with the same columns.
        rng: draws the planted copy, and the guess without the release.
    """
    if control is None:
        nothing = Shot(rate(0, 0), rate(0, 0), 1.0)
        return Trial(NAME, MEMBERSHIP, "", nothing, rate(0, 0), None, (_NOTE,))
    one, two, made = _kinds((train, control, release))
    copied = one[rng.permutation(len(one))[: len(made)]]
    shot, planted = (_shot(one, two, seen) for seen in (made, copied))
    claims = shot.main.successes + shot.control.successes
    # as many claims, made at random among all who are shown
    lucky = int(rng.hypergeometric(len(one), len(two), claims)) if claims else 0
    naive = rate(lucky, len(one))
    return Trial(NAME, MEMBERSHIP, "", shot, naive, planted, (_NOTE,))


def _kinds(frames: Sequence[pd.DataFrame]) -> list[Ints]:
    """Kind of each row of each table: the same for equal rows only, (rows,)."""
    coding = features(frames, list(frames[0].columns))
    code = np.zeros(sum(map(len, frames)), dtype=np.int64)
    for values in np.vstack(coding.matrices).T:
        own = pd.factorize(values)[0].astype(np.int64) + 1  # a missing value is 0
        joined = code * (int(own.max()) + 1) + own
        code = pd.factorize(joined)[0].astype(np.int64)
    ends = np.cumsum([len(frame) for frame in frames])[:-1]
    return np.split(code, ends)


def _shot(train: Ints, control: Ints, seen: Ints) -> Shot:
    claimed: list[npt.NDArray[np.bool_]] = [
        np.isin(rows, seen) for rows in (train, control)
    ]
    main, other = (rate(int(part.sum()), len(part)) for part in claimed)
    return Shot(main, other, beyond(main, other))
