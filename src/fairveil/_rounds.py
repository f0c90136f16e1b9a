"""Adaptive rounds: measure the marginals where the model is worst, one after another.

Holds the border object but never looks through it. The model between the rounds is
made of released numbers alone: independent columns under log-linear weights, kept as
rows that are redrawn as the weights change (``post.calibrate.Pool``). Which marginals
are candidates, and what each costs, hangs on sizes and the noisy row count only.

A marginal of c cells gets a share of the budget that grows with c^(2/3): that split
of a budget makes the summed noise of many marginals least, since the noise of one is
c / sqrt(its share).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from fairveil._cliques import cliques_of
from fairveil._sizing import rounds_of
from fairveil._types import Codes, Floats
from fairveil.config import Fit, Measuring
from fairveil.marginals import Clique, Marginal, Sizes, cells
from fairveil.post.calibrate import Pool
from fairveil.post.targets import targets_of
from fairveil.privacy.noise import NoiseSource
from fairveil.private.measure import Counter
from fairveil.private.step import seed_of
from fairveil.private.view import Border

Progress = Callable[[str, int, int], None]
_STAGE = "marginals"
_SLACK = 1e-9  # of a part: sums of rounded parts never pass the whole
_POOL_CELLS, _LEAST_POOL = 20_000_000, 4_000
_LEAST_COUNT = 0.1  # rows in a cell of the first model: nothing is impossible


def measured(
    border: Border,
    singles: Sequence[Marginal],
    *,
    settings: Fit,
    n_hat: int,
    groups: Clique = (),
    progress: Progress,
) -> tuple[list[Marginal], Codes]:
    """Select a marginal, measure it, fit the model; until the budget is spent.

    Args:
        border: rows, ledger and noise.
        singles: released one-ways of all columns.
        settings: constants.
        n_hat: released row count.
        groups: sensitive columns, whose pairs are measured before any selection.
        progress: called with ("marginals", done, rounds expected).

    Returns:
        The marginals in the order of their selection, and rows of the final model.

    Raises:
        BudgetError: the ledger refuses.
    """
    counter, sizes, wish = Counter(border), border.rows.sizes, settings.measuring
    rng = np.random.default_rng(seed_of(border))
    codes, base = _independent(singles, _pool_rows(wish, len(sizes)), rng)
    pool = Pool(codes, sizes, base)
    belief = {
        "softness": settings.calibration.softness,
        "least_stddev": settings.calibration.least_stddev,
    }
    known = list(singles)
    pool.rake(targets_of(known, n_hat), sweeps=1, **belief)
    candidates = _candidates(sizes, wish, border.noise)
    rounds = min(rounds_of(wish, border.ledger.rho_cap, n_hat), len(candidates))
    share = border.ledger.share
    pairs = _pairs_of_groups(groups, sizes, wish) if wish.group_share else []
    apart = set(pairs)
    others = [q for q in candidates if q not in apart]
    if pairs and others:
        known += _of_groups(counter, pairs, sizes, settings, share)
        candidates = others
        pool.rake(targets_of(known, n_hat), sweeps=wish.inner, **belief)
        pool.refresh(rng)
        settings = _without_groups(settings)
        rounds = min(round(rounds * (1.0 - wish.group_share)), len(candidates))
    first = len(known)
    if rounds == 0 and first == len(singles):  # a single column has no pairs
        return [], pool.codes
    budget = Budget(settings, candidates, sizes, max(rounds, 1))
    while rounds and candidates and budget.open:
        offered = _offered(candidates, known[len(singles) :], budget.rounds_left)
        offered = _some(offered, wish.most_offered, rng)
        picked = counter.select(
            offered,
            {q: pool.probs(q) for q in offered},
            n_hat=n_hat,
            rho=share(budget.choice),
            measure_rho={q: share(budget.price[q]) for q in offered},
            stage=_STAGE,
        ).value
        candidates.remove(picked)
        done = len(known) - first + 1
        rho = share(budget.granted(picked, last=not candidates))
        known.append(
            counter.marginal(picked, rho=rho, stage=_STAGE, what=f"round {done}").value
        )
        pool.rake(targets_of(known, n_hat), sweeps=wish.inner, **belief)
        pool.refresh(rng)
        progress(_STAGE, done, max(done, rounds))
    for _ in range(wish.settling):
        pool.rake(targets_of(known, n_hat), sweeps=1, **belief)
        pool.refresh(rng)
    pool.rake(targets_of(known, n_hat), sweeps=1, **belief)
    pool.temper()
    return known[len(singles) :], pool.resampled(rng)


def _offered(
    candidates: Sequence[Clique], chosen: Sequence[Marginal], rounds_left: float
) -> Sequence[Clique]:
    """Candidates of a round: near the end, those that tie up a column left alone.

    The largest errors are those of a few strongly dependent columns. One that depends
    less on the others would stay independent of them all, and it may be the one that
    somebody wants to predict. Hangs on earlier selections only, which are released.
    """
    seen = {j for one in chosen for j in one.columns}
    alone = [q for q in candidates if not seen.issuperset(q)]
    columns = {j for q in alone for j in q} - seen
    return alone if len(columns) >= max(rounds_left, 1.0) else candidates


def _some(
    offered: Sequence[Clique], most: int, rng: np.random.Generator
) -> Sequence[Clique]:
    """A fresh random part of too many candidates; which part is told by no row."""
    if len(offered) <= most:
        return offered
    kept = np.sort(rng.choice(len(offered), most, replace=False))
    return [offered[i] for i in kept]


def _of_groups(
    counter: Counter,
    pairs: Sequence[Clique],
    sizes: Sizes,
    settings: Fit,
    share: Callable[[float], float],
) -> list[Marginal]:
    """Pairs of a sensitive column with the others, measured without being selected."""
    wish = settings.measuring
    whole = settings.split.marginals * wish.group_share * (1.0 - _SLACK)
    parts = shares_by_cells([cells(sizes, q) for q in pairs], wish) * whole
    return [
        counter.marginal(
            pair, rho=share(float(part)), stage=_STAGE, what=f"groups {i + 1}"
        ).value
        for i, (pair, part) in enumerate(zip(pairs, parts, strict=True))
    ]


def _without_groups(settings: Fit) -> Fit:
    """What is left to the rounds; the split still sums to 1."""
    split = settings.split
    spent = split.marginals * settings.measuring.group_share
    left = replace(split, marginals=split.marginals - spent, rows=split.rows + spent)
    return replace(settings, split=left)


class Budget:
    """What the rounds may spend, in parts of the whole cap.

    Attributes:
        choice: part for one selection.
        price: part for one measurement of each candidate.
    """

    def __init__(
        self, settings: Fit, candidates: Sequence[Clique], sizes: Sizes, rounds: int
    ) -> None:
        split, wish = settings.split, settings.measuring
        self._left = split.selection + split.marginals
        self.choice = split.selection / rounds
        unit = split.marginals / rounds
        size = [cells(sizes, q) for q in candidates]
        prices = np.minimum(unit * _relative(size, wish), split.marginals)
        self.price = dict(zip(candidates, prices.tolist(), strict=True))
        self._least = float(prices.min())
        self._mean = self.choice + unit

    @property
    def rounds_left(self) -> float:
        """Rounds that the rest would pay at the mean price."""
        return self._left / self._mean

    @property
    def open(self) -> bool:
        """Whether another selection and the cheapest measurement can be paid."""
        return self._left >= self.choice + self._least * (1.0 - _SLACK)

    def granted(self, picked: Clique, *, last: bool) -> float:
        """Part for the measurement of what was picked; the selection is paid too.

        A rest that would not pay another round goes to this one.
        """
        self._left -= self.choice
        part = min(self.price[picked], self._left)
        after = self._left - part
        if last or after < self.choice + self._least:
            part = self._left
        self._left -= part
        return part * (1.0 - _SLACK)


def _relative(size: Sequence[int], wish: Measuring) -> Floats:
    """Prices of marginals of these numbers of cells; the middle one costs 1."""
    count = np.array(size, dtype=np.float64)
    prices = (count / np.exp(np.log(count).mean())) ** wish.cell_exponent
    return np.clip(prices, 1.0 / wish.price_span, wish.price_span)


def shares_by_cells(size: Sequence[int], wish: Measuring) -> Floats:
    """Parts of one budget for marginals of these numbers of cells; they sum to 1."""
    prices = _relative(size, wish)
    return prices / prices.sum()


def _independent(
    singles: Sequence[Marginal], n: int, rng: np.random.Generator
) -> tuple[Codes, list[np.ndarray]]:
    """Rows with independent columns, and the log-probabilities they follow."""
    codes, base = np.empty((n, len(singles)), dtype=np.int32, order="F"), []
    for j, single in enumerate(singles):
        mass = _on_simplex(single.counts) + _LEAST_COUNT
        probs = mass / mass.sum()
        codes[:, j] = rng.choice(len(probs), n, p=probs)
        base.append(np.log(probs, dtype=np.float64).astype(np.float32)[None])
    return codes, base


def _on_simplex(counts: Floats) -> Floats:
    """The nearest counts of the same sum, none below zero.

    Cutting noisy counts at zero alone would keep the noise that happens to be positive:
    of a column with many rare values that is a large part of the rows. Euclidean
    projection (Duchi et al. 2008) takes the same amount off every cell that is left.
    """
    total = max(float(counts.sum()), 1.0)
    falling = np.sort(counts)[::-1]
    excess = np.cumsum(falling) - total
    over = falling - excess / np.arange(1, len(counts) + 1) > 0
    last = int(np.flatnonzero(over)[-1])
    return np.maximum(counts - excess[last] / (last + 1), 0.0)


def _candidates(sizes: Sizes, wish: Measuring, noise: NoiseSource) -> list[Clique]:
    """Pairs and triples that may be measured; chosen without looking at any row."""
    chance = {"words": noise.uint64, "choose": noise.choose}
    limits = {2: (wish.pair_cells, wish.most_pairs)}
    limits[3] = (wish.triple_cells, wish.most_triples)
    found: list[Clique] = []
    for ways, (most_cells, most) in limits.items():
        found += cliques_of(sizes, ways, most_cells=most_cells, most=most, **chance)
    return found


def _pairs_of_groups(groups: Clique, sizes: Sizes, wish: Measuring) -> list[Clique]:
    """Every pair with a sensitive column, of not too many cells."""
    columns = range(len(sizes))
    pairs = sorted({(min(s, j), max(s, j)) for s in groups for j in columns if j != s})
    return [q for q in pairs if cells(sizes, q) <= wish.pair_cells]


def _pool_rows(wish: Measuring, columns: int) -> int:
    """Rows that stand for the model: fewer where many columns would fill the memory."""
    return min(wish.pool, max(_POOL_CELLS // columns, _LEAST_POOL))
