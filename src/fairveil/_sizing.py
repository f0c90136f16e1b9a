"""What a table of this size can carry at this budget: shares and grids that follow it.

Public: everything here hangs on constants, the budget, the number of columns and the
noisy row count, which was paid for. Where the noise would drown the one-way counts of a
small table, these get more of the budget and are taken on fewer cells; in a large
table, where one-ways are cheap, nothing changes.
"""

from __future__ import annotations

import dataclasses
import math

from fairveil.bins import GRID_CELLS
from fairveil.config import Fit, Measuring

_WORTH_A_WORD = 0.03  # of all rows: noise of a count that users should know of


def signal(n_hat: float, rho: float) -> float:
    """How far the row count would stand out of its noise under the whole budget."""
    return n_hat * math.sqrt(2.0 * rho)


def rounds_of(wish: Measuring, rho: float, n_hat: int) -> int:
    """Rounds to plan for, from how far a row count stands out of the noise.

    The ratio is that of n_hat and the noise of one count under the whole budget. More
    rows, or more budget, make more marginals worth their price; the power comes from
    a few trials on public tables and is not fitted.
    """
    if wish.rounds == 0:
        return 0
    clear = signal(n_hat, rho)
    planned = wish.rounds * (clear / wish.reference_signal) ** wish.rounds_exponent
    return round(min(max(planned, wish.least_rounds), wish.most_rounds))


def one_way_noise(settings: Fit, *, n_hat: float, rho: float, columns: int) -> float:
    """Noise of one count of a column's one-way, as a part of all rows.

    For a column that gets an even part of the one-way budget.
    """
    clear = signal(n_hat, rho)
    if clear == 0.0:
        return math.inf
    return math.sqrt(columns / settings.split.single) / clear


def sized(settings: Fit, *, n_hat: float, rho: float, columns: int) -> Fit:
    """Settings whose one-ways get what a table of this size needs for them.

    Args:
        settings: constants.
        n_hat: released row count.
        rho: the whole budget.
        columns: number of columns.
    """
    wish, split = settings.measuring, settings.split
    noise = one_way_noise(settings, n_hat=n_hat, rho=rho, columns=columns)
    needed = split.single * (noise / wish.one_way_noise) ** 2
    share = min(needed, wish.most_single)
    if share <= split.single:
        return settings
    return dataclasses.replace(settings, split=split.with_single(share))


def grid_cells(settings: Fit, *, n_hat: float, rho: float, columns: int) -> int:
    """Cells of the public grid on which a numeric column is counted, at most.

    A sum of many cells carries the noise of each. With noise of a part r of all rows
    in a cell, a grid of 1 / (4 r) cells leaves the most bins that stand out of it
    (``bins.merge``); skewed columns want a finer one.
    """
    noise = one_way_noise(settings, n_hat=n_hat, rho=rho, columns=columns)
    wish = settings.measuring
    if noise * GRID_CELLS <= wish.grid_noise:
        return GRID_CELLS
    return max(int(wish.grid_noise / noise), wish.least_cells)


def advice(settings: Fit, *, n_hat: float, rho: float, columns: int) -> str | None:
    """A sentence for users whose table is small for their budget; else None."""
    size = {"n_hat": n_hat, "rho": rho, "columns": columns}
    noise = one_way_noise(sized(settings, **size), **size)
    if noise <= _WORTH_A_WORD:
        return None
    part = f"{100.0 * noise:.0f} %" if noise < 1.0 else "more than all"
    return (
        f"the table is small for this budget and {columns} columns: how often a value "
        f"occurs is off by about {part} of the rows, and how columns hang together is "
        "mostly noise; try a larger epsilon, fewer columns or more rows"
    )
