"""Frozen settings of a fit: public constants, none of them chosen by looking at rows.

``Fit`` holds all; changes are made with ``dataclasses.replace``. What can change the
privacy of a release (clip norm, steps, shares of the budget) stands apart from what
cannot (``GanTraining``, ``Calibration``: post-processing).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields

from fairveil import _check
from fairveil._config_release import Calibration, GanTraining
from fairveil.errors import ConfigError, problem

FAIRNESS_MODES = (None, "redraw", "independence", "outcome")
SHARES = ("kept", "equal")
BLIND = 0.0  # part of the proxy gaps: docs/fairness.md shows what each costs
GENERATORS = ("wgan", "decoder")
PRESETS = (None, "paper")
SUBSAMPLING_DELTA = 0.01  # part of delta kept for steps on sampled rows


@dataclass(frozen=True, kw_only=True)
class Split:
    """Shares of rho for each private stage; they sum to 1.

    Attributes:
        rows: the number of rows.
        discovery: facts that nobody declared; 0 where all are public.
        single: one-way histograms, which also give the bins.
        vae: noisy gradient steps and centroid refreshes.
        clusters: K-Means and the mixture's moments.
        selection: choices of marginals.
        marginals: their measurement.
    """

    rows: float = 0.01
    single: float = 0.078
    vae: float = 0.08
    clusters: float = 0.03
    selection: float = 0.04
    marginals: float = 0.762
    discovery: float = 0.0

    def __post_init__(self) -> None:
        shares = {f.name: getattr(self, f.name) for f in fields(self)}
        _check.in_range(0.0, 1.0, discovery=self.discovery)
        _check.positive(**{k: v for k, v in shares.items() if k != "discovery"})
        if not math.isclose(total := math.fsum(shares.values()), 1.0, rel_tol=1e-9):
            raise ConfigError(problem("shares must sum to 1", got=total))

    def with_discovery(self, share: float) -> Split:
        """The same split with this share for discovery.

        The share of the rows stays; the later stages are scaled to what is left.
        """
        return self._with({"rows": self.rows, "discovery": share})

    def with_single(self, share: float) -> Split:
        """The same split with this share for one-ways; later stages are scaled."""
        kept = {"rows": self.rows, "discovery": self.discovery}
        return self._with({**kept, "single": share})

    def _with(self, fixed: dict[str, float]) -> Split:
        before = 1.0 - math.fsum(getattr(self, n) for n in fixed)
        scale = (1.0 - math.fsum(fixed.values())) / before
        later = [f.name for f in fields(self) if f.name not in fixed]
        return Split(**fixed, **{n: getattr(self, n) * scale for n in later})


@dataclass(frozen=True, kw_only=True)
class Discovery:
    """How facts are found under the budget where nobody declared them.

    Attributes:
        delta_share: part of delta for categories that nobody declared.
        second_look: part of the stage's budget kept for columns that one look leaves
            open; where there is none, the later stages have it.
        most_threshold: a table is too small where a value must fill more than this part
            of the noisy row count in order to be seen.
        mistakes: chance that a column gets a false value or magnitude out of noise.
        likely: standard deviations that make missing values, or a rest of rare values,
            likely; the one-way counts decide (``pruned``).
        pruned: standard deviations of a one-way count up to which missing values or a
            rest that were likely are dropped again.
        growth: standard deviations that widen a range by the next magnitude.
        rare: decimals carried by a smaller part of the numbers are not kept.
        zoom: a closer look at a range counts where it leaves less than this part of it.
        covered: part of the rows that kept labels must hold, where numbers and words
            stand side by side, for the column to become categorical.
    """

    delta_share: float = 0.1
    second_look: float = 0.15
    most_threshold: float = 0.1
    mistakes: float = 1e-3
    likely: float = 1.5
    pruned: float = 3.0
    growth: float = 3.0
    rare: float = 0.01
    zoom: float = 0.5
    covered: float = 0.5

    def __post_init__(self) -> None:
        _check.positive(**{f.name: getattr(self, f.name) for f in fields(self)})
        _check.in_range(0.0, 0.5, delta_share=self.delta_share)
        _check.in_range(0.0, 0.9, second_look=self.second_look)
        _check.in_range(0.0, 1.0, most_threshold=self.most_threshold)
        _check.in_range(0.0, 0.5, mistakes=self.mistakes, rare=self.rare)


@dataclass(frozen=True, kw_only=True)
class VaeTraining:
    """Sizes and training of the VAE.

    Attributes:
        hidden: widths of the encoder's hidden layers; the decoder mirrors them.
        latent: number of latent dimensions.
        warm_steps: plain steps on generated rows before the first noisy one; 0 starts
            from fresh weights.
        warm_batch: generated rows in each of them.
        warm_rate: learning rate of Adam in them, decayed to a twentieth by a cosine.
        warm_averaging: decay of the weight average in them.
        steps: noisy gradient steps.
        most_row_steps: expected rows times steps up to which each step sees all rows;
            a taller table is Poisson-sampled by unit, to this many on average.
        l2_clip_norm: bound on the norm of each row's gradient.
        learning_rate: of Adam, decayed to a tenth by a cosine.
        averaging: decay of the weight average.
        kl, cluster: weights of the divergence to N(0, I), and of the squared distance
            to the nearest released centroid.
        refreshes: DP centroid refreshes, evenly spaced from the middle on.
        refresh_share: part of the stage's rho for the refreshes.
    """

    hidden: tuple[int, ...] = (128,)
    latent: int = 16
    warm_steps: int = 1500
    warm_batch: int = 512
    warm_rate: float = 3e-3
    warm_averaging: float = 0.995
    steps: int = 60
    most_row_steps: float = 3e7
    l2_clip_norm: float = 1.0
    learning_rate: float = 1e-3
    averaging: float = 0.95
    kl: float = 1.0
    cluster: float = 0.05
    refreshes: int = 1
    refresh_share: float = 0.05

    def __post_init__(self) -> None:
        _check.whole(1, latent=self.latent, steps=self.steps)
        _check.whole(0, refreshes=self.refreshes, warm_steps=self.warm_steps)
        _check.whole(1, warm_batch=self.warm_batch)
        _check.in_range(0.0, 1.0, warm_averaging=self.warm_averaging)
        _check.positive(
            warm_rate=self.warm_rate,
            most_row_steps=self.most_row_steps,
            l2_clip_norm=self.l2_clip_norm,
            learning_rate=self.learning_rate,
        )
        _check.in_range(0.0, 0.9, refresh_share=self.refresh_share)


@dataclass(frozen=True, kw_only=True)
class Clustering:
    """DP K-Means.

    Attributes:
        clusters: number of clusters looked for; empty ones are dropped.
        lloyd_steps: noisy Lloyd steps before the moments are measured.
        warm: whether the first centroids are those of generated rows.
    """

    clusters: int = 10
    lloyd_steps: int = 1
    warm: bool = True

    def __post_init__(self) -> None:
        _check.whole(1, clusters=self.clusters, lloyd_steps=self.lloyd_steps)


@dataclass(frozen=True, kw_only=True)
class Measuring:
    """Noisy marginals.

    Attributes:
        most_bins: bins of a numeric column at most (32 is the limit).
        rounds: adaptive rounds (select one marginal, measure it, fit) at the reference
            signal; see ``_sizing.rounds_of``.
        reference_signal: ratio of the row count to the noise of a count that was given
            the whole budget, at which ``rounds`` holds.
        rounds_exponent: power of the signal with which the rounds grow.
        least_rounds, most_rounds: bounds of the rounds planned.
        one_way_noise: noise of a one-way's count, as a part of all rows, from which on
            one-ways get more of the budget (``_sizing``).
        most_single: the largest share of the budget that they then get.
        group_share: part of the marginals' budget for pairs with a sensitive column.
        grid_noise: noise of all cells of a public grid together, as a part of all rows
            and counted without cancelling, from which on the grid is made coarser.
        least_cells: cells of the coarsest one.
        cell_exponent, price_span: power of the number of cells with which a marginal's
            price grows; prices lie within this factor of the middle one.
        triple_cells: three-way marginals up to this many cells are candidates.
        most_triples: three-way candidates at most; of more, a random part is taken.
        pair_cells: two-way marginals up to this many cells are candidates.
        most_pairs: two-way candidates at most; of more, a random part is taken.
        most_offered: candidates that one round looks at, a fresh random part of more.
        pool: rows that stand for the model between the rounds.
        inner: passes over all marginals after each round.
        settling: passes with fresh rows after the last one.
    """

    most_bins: int = 32
    rounds: int = 30
    reference_signal: float = 6000.0
    rounds_exponent: float = 0.5
    least_rounds: int = 3
    most_rounds: int = 80
    one_way_noise: float = 0.02
    most_single: float = 0.6
    group_share: float = 0.0
    grid_noise: float = 0.35
    least_cells: int = 8
    cell_exponent: float = 2.0 / 3.0
    price_span: float = 5.0
    triple_cells: int = 600
    most_triples: int = 400
    pair_cells: int = 4096
    most_pairs: int = 20_000
    most_offered: int = 2_000
    pool: int = 40_000
    inner: int = 2
    settling: int = 8

    def __post_init__(self) -> None:
        _check.whole(2, most_bins=self.most_bins)
        _check.in_range(2, 32, most_bins=self.most_bins)
        _check.whole(
            0,
            rounds=self.rounds,
            least_rounds=self.least_rounds,
            settling=self.settling,
        )
        _check.whole(1, pool=self.pool, inner=self.inner)
        _check.whole(1, most_offered=self.most_offered)
        _check.in_range(self.least_rounds, 10_000, most_rounds=self.most_rounds)
        _check.in_range(0.0, 1.0, rounds_exponent=self.rounds_exponent)
        _check.in_range(0.0, 1.0, cell_exponent=self.cell_exponent)
        _check.positive(reference_signal=self.reference_signal)
        _check.in_range(1.0, 1e3, price_span=self.price_span)
        _check.positive(one_way_noise=self.one_way_noise, grid_noise=self.grid_noise)
        _check.in_range(
            0.0, 0.9, most_single=self.most_single, group_share=self.group_share
        )
        _check.whole(4, least_cells=self.least_cells)


@dataclass(frozen=True, kw_only=True)
class Fit:
    """All constants of a fit."""

    split: Split = field(default_factory=Split)
    discovery: Discovery = field(default_factory=Discovery)
    vae: VaeTraining = field(default_factory=VaeTraining)
    clustering: Clustering = field(default_factory=Clustering)
    measuring: Measuring = field(default_factory=Measuring)
    gan: GanTraining = field(default_factory=GanTraining)
    calibration: Calibration = field(default_factory=Calibration)


def reserved_delta(delta: float, *, discovering: bool) -> float:
    """Part of delta kept for events that spend delta beside their rho.

    Args:
        delta: target of the whole fit.
        discovering: whether categories will be looked for, or a ledger file keeps that
            part of its cap in any case.
    """
    share = SUBSAMPLING_DELTA
    share += Discovery().delta_share if discovering else 0.0
    return delta * round(share, 12)  # the very number that ledger files keep


def preset(name: str | Fit | None) -> Fit:
    """Constants by name: None is the default, ``paper`` is the paper's system.

    Constants of one's own are taken as they are.

    The paper's numbers (Adouani and Chelly Dagdia 2025, settings of its first data set)
    are latent 20, K = 15, layers 512-256, KL .5, centroid weight .01, clip .5, fairness
    weight .1, critic 256-128. Its mini-batches become full-batch steps, because its
    privacy accounting of mini-batches does not hold. What it does not have is off: no
    marginals, no warm start, no marginal loss, no calibration.
    """
    if isinstance(name, Fit):
        return name
    _check.one_of(PRESETS, preset=name)
    if name is None:
        return Fit()
    return Fit(
        split=Split(
            single=0.078,
            vae=0.71,
            clusters=0.2,
            selection=0.001,
            marginals=0.001,
        ),
        vae=VaeTraining(
            hidden=(512, 256),
            latent=20,
            warm_steps=0,
            steps=150,
            learning_rate=0.02,
            l2_clip_norm=0.5,
            kl=0.5,
            cluster=0.01,
        ),
        clustering=Clustering(clusters=15, lloyd_steps=3, warm=False),
        measuring=Measuring(rounds=0, least_rounds=0),
        gan=GanTraining(
            steps=1000,
            wasserstein=1.0,
            marginal=0.0,
            fairness=0.1,
            critic=(256, 128),
            fair_critic=(128, 64),
            extra=16,
        ),
        calibration=Calibration(iterations=0, choices=1),
    )
