"""Who leads where, by how much, and how far that is beyond noise.

NOT PRIVATE: figures of public tables. Promises: a run that did not finish never counts
as beaten; a difference within its interval over seeds is level.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from fairveil.bench.methods import OURS, is_peer
from fairveil.bench.results import HEADLINE, Row, frame

Place = tuple[str, float]  # a table and a budget
Values = Mapping[tuple[str, float, str], np.ndarray]  # one for each finished run
BETTER = {"auroc_gbm": 1, "auroc_lr": 1, "tvd1": -1, "tvd2": -1, "tvd3": -1}
JUDGED = {"auroc_gbm": "AUROC", "tvd2": "2-way TVD"}  # what the count looks at
CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How fairveil stands in one cell.

    Attributes:
        place: table and budget.
        word: leads, level or behind; missing without a figure of fairveil.
        against: the peer that decided: where behind, the one furthest ahead.
        gap: by how much the means differ; half: half width of its interval, or NaN.
        bare: whether a single run on either side left the means alone to decide.
    """

    place: Place
    word: str
    against: str = ""
    gap: float = math.nan
    half: float = math.nan
    bare: bool = False


@dataclass(frozen=True, kw_only=True)
class Setback:
    """A method that is worse at a budget than it was at a smaller one.

    Attributes:
        place: table and the larger budget.
        method: its name; before: the smaller budget.
        was, now: its means there.
        bare: whether a single run at either budget left the means alone to decide.
    """

    place: Place
    method: str
    before: float
    was: float
    now: float
    bare: bool


def values_of(
    rows: Sequence[Row], metrics: Collection[str] = HEADLINE
) -> Mapping[str, Values]:
    """For each metric, the known figures of the finished runs."""
    runs: Any = frame(rows)
    good = runs[runs["status"] == "ok"]
    found: dict[str, dict[tuple[str, float, str], np.ndarray]] = {}
    for metric in metrics:
        known = good.dropna(subset=[metric]) if metric in good else good[:0]
        groups = known.groupby(["table", "epsilon", "method"])
        found[metric] = {k: g[metric].to_numpy(float) for k, g in groups}
    return found


def judge(values: Mapping[str, Values], metric: str) -> Iterator[Verdict]:
    """A verdict on each cell in which at least one private peer finished."""
    known, cells = values[metric], {}
    for (table, epsilon, method), figures in known.items():
        if is_peer(method) and math.isfinite(epsilon):
            cells.setdefault((table, epsilon), {})[method] = figures
    for place, peers in sorted(cells.items()):
        own = known.get((*place, OURS))
        if own is None:
            yield Verdict(place=place, word="missing")
            continue
        found = [_verdict(place, metric, own, *each) for each in peers.items()]
        # the worst word decides, and of those the widest gap to fairveil's harm
        order = ("behind", "level", "leads")
        sign = BETTER[metric]
        yield min(found, key=lambda each: (order.index(each.word), sign * each.gap))


def _verdict(
    place: Place, metric: str, own: np.ndarray, name: str, other: np.ndarray
) -> Verdict:
    gap, half = difference(own, other)
    ahead = BETTER[metric] * gap
    word = "leads" if ahead > 0 else "behind"
    if ahead == 0 or abs(gap) < half:  # never so where half is NaN
        word = "level"
    return Verdict(
        place=place, word=word, against=name, gap=gap, half=half, bare=math.isnan(half)
    )


def difference(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Difference of means, and the half width of its 95 % interval by Welch's t.

    Runs are not paired: two methods' seeds have nothing in common. The half width is
    NaN where either side has fewer than two values.
    """
    gap = float(one.mean() - other.mean())
    if min(len(one), len(other)) < 2:  # noqa: PLR2004  (no spread of a single run)
        return gap, math.nan
    parts = [float(each.var(ddof=1)) / len(each) for each in (one, other)]
    if sum(parts) == 0:
        return gap, 0.0
    weights = (p**2 / (len(v) - 1) for p, v in zip(parts, (one, other), strict=True))
    return gap, _quantile(sum(parts) ** 2 / sum(weights)) * math.sqrt(sum(parts))


def borrowed(one: np.ndarray, own: np.ndarray) -> tuple[float, float]:
    """As ``difference``; a single run of ``one`` is taken to spread as ``own``.

    Right for variants of one method only. NaN where ``own`` has fewer than two values.
    """
    gap, half = difference(one, own)
    if not math.isnan(half) or len(own) < 2:  # noqa: PLR2004  (no spread to borrow)
        return gap, half
    spread = float(own.std(ddof=1)) * math.sqrt(1 / len(one) + 1 / len(own))
    return gap, _quantile(len(own) - 1) * spread


def _quantile(freedom: float) -> float:
    return float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom))


def setbacks(values: Mapping[str, Values], metric: str) -> list[Setback]:
    """Where more budget went with a worse figure, of peers and of fairveil.

    Of several smaller budgets, the one at which the method did best.
    """
    known = {
        key: figures
        for key, figures in values[metric].items()
        if math.isfinite(key[1]) and (is_peer(key[2]) or key[2] == OURS)
    }
    found = []
    for (table, epsilon, method), figures in sorted(known.items()):
        lower = [e for t, e, m in known if (t, m) == (table, method) and e < epsilon]
        if not lower:
            continue
        sign = BETTER[metric]
        best = max(lower, key=lambda e: sign * known[table, e, method].mean())
        was = known[table, best, method]
        gap, half = difference(figures, was)
        if sign * gap < 0 and not abs(gap) < half:  # NaN: the means decide
            found.append(
                Setback(
                    place=(table, epsilon),
                    method=method,
                    before=best,
                    was=float(was.mean()),
                    now=float(figures.mean()),
                    bare=math.isnan(half),
                )
            )
    return found
