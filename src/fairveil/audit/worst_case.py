"""Many whole private fits of a worst-case pair of tables, and three who attack them.

Public: the tables are made up: four rows of zeros, and the same with (1, 1, 1), as in
the audit of six PATE-GAN codes by Ganev et al. 2024 (2406.13985). Each run is
``chain.measure_table`` from the table to the bundle, the real VAE included, with tiny
sizes. The attackers know both tables, all settings and the code:

- *transcript* sees every noisy number as it is released and thresholds the likelihood
  ratio at 1: no attacker on the noisy numbers does better, and nothing is tuned;
- *model* sees what a model file holds (row count, marginals, networks, mixture) and
  learns a score on a quarter of the runs: he finds what bypasses the noise source;
- *rows* sees sampled rows alone, and learns as well.

``redrawn`` takes one fit of the pair and draws its noise again and again under that one
history: not the real thing, but so many releases that the bound comes near the truth.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from fairveil import chain, config
from fairveil._types import Codes, Floats
from fairveil.audit.attacks import bundle_features, fisher, row_features
from fairveil.audit.bounds import (
    judged,
    least_caught,
    tuned,
)
from fairveil.audit.mechanisms import DELTA, Bench, Sample, heard
from fairveil.audit.results import Bound, Finding
from fairveil.audit.tiny import CLUSTERS, SIZES, TRAINING
from fairveil.audit.transcript import (
    LostError,
    Recorder,
    Release,
    Replayer,
    Sum,
    evidence,
    log_chances,
    shift,
)
from fairveil.post.bundle import Bundle
from fairveil.post.finish import finish
from fairveil.post.wish import Wish
from fairveil.privacy.gdp import exponential_rho
from fairveil.privacy.ledger import Ledger
from fairveil.privacy.noise import NoiseSource
from fairveil.schema import Column, Schema
from fairveil.seeds import Seeds

_SETTINGS = config.Fit(
    vae=TRAINING,
    clustering=config.Clustering(clusters=CLUSTERS, lloyd_steps=1),
    measuring=config.Measuring(
        rounds=3, least_rounds=3, most_rounds=3, pool=2000, settling=2
    ),
    calibration=config.Calibration(pool=4000, iterations=4, sweeps=1),
)
_RELEASED_ROWS = 256
_CONTROL_DRAWS = 2_000
_LEAST_LEARNT = 10  # runs of each table that a learnt score may look at
_ROUNDING = 1e-6  # of mu: what float32 sums may add
ATTACKERS = ("transcript", "model", "rows")
_ABOUT = {
    "transcript": "sees every noisy number, likelihood ratio",
    "model": "sees the released model, learnt score",
    "rows": "sees sampled rows only, learnt score",
}

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Runs:
    """Fits of both tables at one budget, as the attackers see them.

    Attributes:
        epsilon: of the budget; infinite for the control.
        mu: that the ledger was charged.
        scores: by attacker, features (runs, features) of either table.
        heard: mu of this pair by the exact answers and the noise asked for, per run.
        faults: what was seen to be wrong, once each.
    """

    epsilon: float
    mu: float
    scores: dict[str, tuple[Floats, Floats]]
    heard: Floats
    faults: tuple[str, ...]


def fit_pairs(
    epsilon: float,
    *,
    runs: int,
    seed: int | None,
    progress: Progress = lambda _done, _all: None,
) -> Runs:
    """Fit each of both tables ``runs`` times.

    Args:
        epsilon: of the budget; infinity for fits without noise.
        runs: of each table.
        seed: None for real noise.
        progress: called with (fits done, fits).
    """
    tables = [_frame(units) for units in (0, 1)]
    seen: list[list[_Run]] = [[], []]
    faults: list[str] = []
    for i in range(2 * runs):
        own = None if seed is None else 1_000_003 * seed + i
        try:
            run = _attacked(tables, i % 2, epsilon, own)
        except LostError as error:
            faults.append(str(error))
            continue
        seen[i % 2].append(run)
        progress(i + 1, 2 * runs)
    return _gathered(epsilon, seen, faults)


def judge(attacker: str, runs: Runs, control: Runs | None) -> Finding:
    """What one attacker proves against the budget.

    Args:
        attacker: one of ``ATTACKERS``.
        runs: fits at the budget.
        control: fits without noise, on which he must prove more.
    """
    faults, remarks = list(runs.faults), []
    if attacker == "transcript" and not faults:
        most = float(runs.heard.max(initial=0.0))
        remarks.append(_tightness(runs))
        if most > runs.mu * (1 + _ROUNDING):
            faults.append(
                f"the row moves the answers by {most:.3f} standard deviations of the "
                f"noise in all; the ledger was charged for {runs.mu:.3f}."
            )
    return Finding(
        group="worst case",
        name=f"whole fit, {attacker}",
        about=_ABOUT[attacker],
        runs=len(runs.heard) // 2,
        epsilon=runs.epsilon,
        delta=DELTA,
        mu=runs.mu,
        bound=_bound(attacker, runs),
        control=None if control is None else _bound(attacker, control),
        faults=tuple(faults),
        remarks=tuple(remarks),
    )


def redrawn(epsilon: float, *, draws: int, seed: int | None) -> Finding:
    """One history of a whole fit, its noise drawn again many times over.

    Args:
        epsilon: of the budget.
        draws: releases of each table.
        seed: None for real noise.
    """
    faults: list[str] = []
    samples: list[Sample] = []
    for budget, n in ((epsilon, draws), (math.inf, min(draws, _CONTROL_DRAWS))):
        bench = Bench(draws=n, seed=seed, epsilon=budget)
        try:
            samples.append(heard(bench, _whole_fit))
        except LostError as error:
            faults.append(str(error))
    bounds = [
        Bound.of(judged(s.outside.sum(1), s.inside.sum(1), 0.0), delta=DELTA)
        for s in samples
    ]
    if faults:
        bounds = [Bound.nothing()]
    return Finding(
        group="worst case",
        name="whole fit, redrawn",
        about="sees every noisy number of one history, likelihood ratio",
        runs=draws,
        epsilon=epsilon,
        delta=DELTA,
        mu=samples[0].mu if samples else 0.0,
        bound=bounds[0],
        control=bounds[1] if len(bounds) > 1 else None,
        expected=samples[0].mu if samples else None,
        faults=tuple(dict.fromkeys(faults)),
    )


def _whole_fit(units: int, ledger: Ledger, noise: NoiseSource) -> int:
    """The number of noisy numbers that a fit of either table releases."""
    bundle = _fit(_frame(units), ledger, noise)
    training, clusters = _SETTINGS.vae, _SETTINGS.clustering
    layers = bundle.teacher.layers.values()
    weights = sum(array.size for layer in layers for array in layer.values())
    lloyd = clusters.clusters * (1 + training.latent)
    steps = 2 * training.refreshes + clusters.lloyd_steps + 1  # one measures moments
    seconds = clusters.clusters * training.latent**2
    counted = sum(len(marginal.counts) for marginal in bundle.marginals)
    chosen = len(bundle.marginals) - len(SIZES)
    return 1 + counted + chosen + training.steps * weights + steps * lloyd + seconds


def _bound(attacker: str, runs: Runs) -> Bound:
    if attacker not in runs.scores:
        return Bound.nothing()
    outside, inside = runs.scores[attacker]
    if attacker == "transcript":
        counts = judged(outside[:, 0], inside[:, 0], 0.0)
    else:
        learn = max(_LEAST_LEARNT, min(len(outside), len(inside)) // 4)
        counts = tuned(*fisher(outside, inside, learn), learn=learn)
    return Bound.of(counts, delta=DELTA)


def _tightness(runs: Runs) -> str:
    each = len(runs.heard) // 2
    caught = runs.mu / least_caught(runs.mu, each)
    used = float(np.sqrt(np.mean(runs.heard**2))) / runs.mu
    return (
        f"At epsilon {runs.epsilon:g} this pair can use {used:.0%} of the stated mu; "
        f"noise below {caught:.0%} of its size would probably have been caught."
    )


@dataclass(frozen=True)
class _Run:
    """One fit as the attackers see it."""

    mu: float
    heard: float
    features: dict[str, Floats]


def _attacked(
    tables: Sequence[nw.DataFrame[Any]],
    units: int,
    epsilon: float,
    seed: int | None,
) -> _Run:
    """Fit one of both tables, and hear what the other would have answered."""
    ledger, record = Ledger(epsilon=epsilon, delta=DELTA), Recorder.of(seed)
    bundle = _fit(tables[units], ledger, record)
    replay = Replayer.of(record)
    _fit(tables[1 - units], Ledger(epsilon=epsilon, delta=DELTA), replay)
    logs = [record.log, replay.finished().log]
    outside, inside = logs if units == 0 else logs[::-1]
    return _Run(
        mu=math.sqrt(2 * ledger.spent_rho),
        heard=_heard(outside, inside),
        features={
            "transcript": np.array([evidence(inside, outside)]),
            "model": bundle_features(bundle, SIZES),
            "rows": row_features(_release(bundle, seed), SIZES),
        },
    )


def _fit(table: nw.DataFrame[Any], ledger: Ledger, noise: NoiseSource) -> Bundle:
    columns = [
        Column(name=name, kind="categorical", categories=("0", "1"))
        for name in table.columns
    ]
    return chain.measure_table(
        table,
        Schema(columns=tuple(columns), declared_by="the audit"),
        settings=_SETTINGS,
        ledger=ledger,
        noise=noise,
        unit=None,
        max_rows_per_unit=1,
        progress=lambda _stage, _done, _all: None,
    )


def _release(bundle: Bundle, seed: int | None) -> Codes:
    wish = Wish(fairness=None, sensitive=(), strength=1.0, generator="decoder")
    seeds = Seeds.of(seed)
    sampler = finish(
        bundle,
        wish,
        settings=_SETTINGS,
        seeds=seeds,
        progress=lambda _stage, _done, _all: None,
    )
    return sampler.codes(_RELEASED_ROWS, seeds)


def _heard(outside: list[Release], inside: list[Release]) -> float:
    """Mu of the pair under this history, if the noise is what was asked for."""
    rho = 0.0
    for a, b in zip(outside, inside, strict=True):
        if isinstance(a, Sum) and isinstance(b, Sum):
            rho += 0.5 * shift(b, a) ** 2
        elif not (isinstance(a, Sum) or isinstance(b, Sum)):
            ratios = log_chances(b) - log_chances(a)
            span = float(ratios.max() - ratios.min())  # bounded range
            rho += exponential_rho(span) if span > 0 else 0.0
    return math.sqrt(2 * rho)


def _gathered(epsilon: float, seen: list[list[_Run]], faults: list[str]) -> Runs:
    both = [*seen[0], *seen[1]]
    scores = {}
    if all(seen):
        for name in ATTACKERS:
            outside, inside = (
                np.stack([run.features[name] for run in side]) for side in seen
            )
            scores[name] = (outside, inside)
    return Runs(
        epsilon=epsilon,
        mu=max((run.mu for run in both), default=0.0),
        scores=scores,
        heard=np.array([run.heard for run in both]),
        faults=tuple(dict.fromkeys(faults)),
    )


def _frame(units: int) -> nw.DataFrame[Any]:
    rows = [["0"] * 3] * 4 + [["1"] * 3] * units
    table = pd.DataFrame(rows, columns=["a", "b", "c"])
    return nw.from_native(table, eager_only=True)
