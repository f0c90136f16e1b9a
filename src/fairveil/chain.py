"""The private stage from end to end: which mechanism runs when, on which share.

Holds the border object but never looks through it: rows are read inside ``private/``
only. Between the adaptive rounds the model is raked by ``post.calibrate`` on released
numbers. Everything it returns is released.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import narwhals as nw
import numpy as np

from fairveil.bins import merge
from fairveil.codec import Codec, Inside
from fairveil.config import Fit
from fairveil.marginals import Clique, Marginal, cells
from fairveil.nn.blocks import Blocks
from fairveil.nn.vae import VaeShape
from fairveil.post.calibrate import Pool
from fairveil.post.finish import Bundle
from fairveil.post.generator import RowSource
from fairveil.post.targets import targets_of
from fairveil.post.teacher import Teacher
from fairveil.privacy.ledger import Ledger
from fairveil.privacy.noise import NoiseSource
from fairveil.private.cluster import fit_mixture
from fairveil.private.fit_vae import fit_vae
from fairveil.private.intake import open_border, recoded
from fairveil.private.measure import Counter
from fairveil.private.step import fresh_keys
from fairveil.private.view import Border
from fairveil.schema import Schema

Progress = Callable[[str, int, int], None]


def measure_table(
    table: nw.DataFrame[Any],
    schema: Schema,
    *,
    settings: Fit,
    ledger: Ledger,
    noise: NoiseSource,
    unit: str | None,
    max_rows_per_unit: int,
    progress: Progress,
) -> Bundle:
    """Spend the whole budget on a table and return what was released.

    Args:
        table: the real rows.
        schema: public facts of the columns to synthesise.
        settings: constants.
        ledger: a fresh ledger.
        noise: source of privacy noise.
        unit, max_rows_per_unit: unit of privacy.
        progress: called with (stage, done, total).

    Raises:
        BudgetError: the ledger refuses.
    """
    split, codec = settings.split, Codec.on_grid(schema)
    border, counted = open_border(
        table,
        codec,
        unit=unit,
        max_rows_per_unit=max_rows_per_unit,
        ledger=ledger,
        noise=noise,
        rho=ledger.share(split.rows),
    )
    n_hat = counted.value
    codec, labels, singles = _bins(border, codec, settings)
    sizes = codec.sizes
    border = recoded(border, labels, sizes)
    teacher = _teacher(border, sizes, settings, n_hat, progress)
    chosen = _rounds(
        border, teacher, singles, settings=settings, n_hat=n_hat, progress=progress
    )
    return Bundle(codec, teacher, (*singles, *chosen), n_hat)


def _bins(
    border: Border, codec: Codec, settings: Fit
) -> tuple[Codec, list[np.ndarray | None], list[Marginal]]:
    """One-way histograms on the public grids, and bins read off them."""
    counter = Counter(border)
    share = border.ledger.share(settings.split.single) / len(codec.columns)
    labels: list[np.ndarray | None] = []
    singles: list[Marginal] = []
    inside: dict[str, Inside] = {}
    for j, column in enumerate(codec.columns):
        name = column.column.name
        fine = counter.marginal((j,), rho=share, stage="one-way", what=name).value
        if column.bins is None:
            labels.append(None)
            singles.append(fine)
            continue
        counts, grid = fine.counts[: column.regular], column.bins
        bins, label = merge(
            grid,
            counts,
            most=settings.measuring.most_bins,
            noise_stddev=fine.noise_stddev,
        )
        labels.append(label)
        singles.append(_merged(fine, label, column.regular))
        inside[name] = Inside(bins, grid, label, _trusted(fine, column.regular))
    return codec.with_bins(inside), labels, singles


def _merged(fine: Marginal, label: np.ndarray, regular: int) -> Marginal:
    """The one-way of the bins: sums of its cells, with the mean bin's noise."""
    sums = np.bincount(label, weights=fine.counts[:regular])
    cells_per_bin = regular / len(sums)
    counts = np.r_[sums, fine.counts[regular:]]
    return Marginal(fine.columns, counts, fine.noise_stddev * cells_per_bin**0.5)


def _trusted(fine: Marginal, regular: int) -> np.ndarray:
    """Noisy mass of each cell where it stands out of the noise, else zero."""
    counts = fine.counts[:regular]
    return np.where(counts > 2.0 * fine.noise_stddev, counts, 0.0)


def _teacher(
    border: Border,
    sizes: tuple[int, ...],
    settings: Fit,
    n_hat: int,
    progress: Progress,
) -> Teacher:
    """VAE and mixture."""
    shape = VaeShape(
        blocks=Blocks(sizes), hidden=settings.vae.hidden, latent=settings.vae.latent
    )
    train_key, cluster_key = fresh_keys(border, 2)
    layers = fit_vae(
        border,
        shape=shape,
        training=settings.vae,
        clusters=settings.clustering.clusters,
        rho=border.ledger.share(settings.split.vae),
        n_hat=n_hat,
        key=train_key,
        progress=lambda done, total: progress("vae", done, total),
    ).value
    mixture = fit_mixture(
        border,
        layers=layers,
        shape=shape,
        clusters=settings.clustering.clusters,
        lloyd_steps=settings.clustering.lloyd_steps,
        rho=border.ledger.share(settings.split.clusters),
        key=cluster_key,
    ).value
    return Teacher(layers, shape, mixture)


def _rounds(
    border: Border,
    teacher: Teacher,
    singles: list[Marginal],
    *,
    settings: Fit,
    n_hat: int,
    progress: Progress,
) -> list[Marginal]:
    """Select the marginal where the model is worst, measure it, rake; repeat."""
    counter, sizes = Counter(border), border.rows.sizes
    candidates = _candidates(sizes, settings, border.noise)
    rounds = min(settings.measuring.rounds, len(candidates))
    if rounds == 0:  # a single column has no pairs
        return []
    choice = border.ledger.share(settings.split.selection) / rounds
    measure = border.ledger.share(settings.split.marginals) / rounds
    seed = int(border.noise.uint64(1)[0] >> np.uint64(32))
    pool = Pool(RowSource(teacher, seed).rows(settings.measuring.pool), sizes)
    belief = {
        "softness": settings.calibration.softness,
        "least_stddev": settings.calibration.least_stddev,
    }
    known = list(singles)
    pool.rake(targets_of(known, n_hat), sweeps=5, **belief)
    for done in range(rounds):
        picked = counter.select(
            candidates,
            {q: pool.probs(q) for q in candidates},
            n_hat=n_hat,
            rho=choice,
            measure_rho=measure,
            stage="marginals",
        ).value
        candidates.remove(picked)
        marginal = counter.marginal(
            picked, rho=measure, stage="marginals", what=f"round {done + 1}"
        ).value
        known.append(marginal)
        pool.rake(targets_of(known, n_hat), sweeps=2, **belief)
        progress("marginals", done + 1, rounds)
    return known[len(singles) :]


def _candidates(
    sizes: tuple[int, ...], settings: Fit, noise: NoiseSource
) -> list[Clique]:
    """Pairs and triples that may be measured; chosen without looking at any row."""
    wish, columns = settings.measuring, range(len(sizes))
    pairs = [
        q
        for q in itertools.combinations(columns, 2)
        if cells(sizes, q) <= wish.pair_cells
    ]
    triples = [
        q
        for q in itertools.combinations(columns, 3)
        if cells(sizes, q) <= wish.triple_cells
    ]
    if len(triples) > wish.most_triples:
        kept = noise.choose(len(triples), wish.most_triples)
        triples = [triples[i] for i in kept]
    return pairs + triples
