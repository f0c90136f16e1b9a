"""The private stage from end to end: which mechanism runs when, on which share.

Holds the border object but never looks through it: rows are read inside ``private/``
only. The marginals come first (``_rounds``); rows of the model that they make
warm-start the VAE, at no cost. Everything it returns is released.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import narwhals as nw
import numpy as np

from fairveil._gaps import Gap, Plan
from fairveil._rounds import measured, shares_by_cells
from fairveil._sizing import grid_cells, sized
from fairveil._trim import (
    empty_codes,
    inside_mass,
    measured_bounds,
    occupied,
    seen_ends,
    trimmed,
    without,
)
from fairveil._types import Codes
from fairveil.bins import Bins, merge, positions, standing_alone
from fairveil.codec import Codec, ColumnCodec, Inside
from fairveil.config import Fit
from fairveil.marginals import Marginal
from fairveil.nn.blocks import Blocks
from fairveil.nn.vae import VaeShape
from fairveil.post.finish import Bundle
from fairveil.post.teacher import Teacher
from fairveil.post.warm import warm_centroids, warm_vae
from fairveil.privacy.ledger import Ledger
from fairveil.privacy.noise import NoiseSource
from fairveil.private.cluster import fit_mixture
from fairveil.private.discover import discover
from fairveil.private.fit_vae import fit_vae
from fairveil.private.intake import admit, recoded
from fairveil.private.link import Link
from fairveil.private.measure import Counter
from fairveil.private.raw import Gate
from fairveil.private.step import fresh_keys, seed_of
from fairveil.private.view import Border
from fairveil.schema import Schema
from fairveil.tables.source import Source

PARTNER = 32  # codes of another column, with which a pair is still a candidate
_MOST_PRICED = 256  # cells that a one-way pays for; of many categories few stand out

Progress = Callable[[str, int, int], None]


def measure_table(  # noqa: PLR0913  (all that a fit is made of)
    table: nw.DataFrame[Any] | Source,
    facts: Schema | Plan,
    *,
    settings: Fit,
    groups: Sequence[str] = (),
    ledger: Ledger,
    noise: NoiseSource,
    unit: str | None,
    max_rows_per_unit: int,
    progress: Progress,
    link: Link | None = None,
) -> Bundle:
    """Spend the whole budget on a table and return what was released.

    Args:
        table: the real rows.
        facts: public facts of the columns to synthesise; a plan names those that are to
            be discovered under the split's share.
        settings: constants.
        groups: sensitive columns whose pairs are measured first (public names).
        ledger: a fresh ledger; for a plan it reserves the delta of discovery.
        noise: source of privacy noise.
        unit, max_rows_per_unit: unit of privacy.
        progress: called with (stage, done, total).
        link: to other processes, which hold more rows.

    Raises:
        BudgetError: the ledger refuses.
        HostError: another process failed.
        TooFewRowsError: the table is too small for discovery.
    """
    gate, counted = admit(
        table,
        unit=unit,
        max_rows_per_unit=max_rows_per_unit,
        ledger=ledger,
        noise=noise,
        rho=ledger.share(settings.split.rows),
        link=link,
    )
    n_hat = counted.value
    schema, settings = _schema(gate, facts, settings, n_hat)
    size = {
        "n_hat": n_hat,
        "rho": ledger.rho_cap,
        "columns": len(schema.learnt),
    }
    settings = sized(settings, **size)
    codec = Codec.on_grid(schema, grid_cells(settings, **size))
    border = gate.border(codec)
    codec, labels, singles = _bins(border, codec, settings)
    sizes = codec.sizes
    border = recoded(border, labels, sizes)
    chosen, rows = measured(
        border,
        singles,
        settings=settings,
        n_hat=n_hat,
        groups=tuple(codec.index(name) for name in groups),
        progress=progress,
    )
    teacher = _teacher(border, rows, settings, n_hat, progress)
    return Bundle(codec, teacher, (*singles, *chosen), rows, n_hat)


def _schema(
    gate: Gate, facts: Schema | Plan, settings: Fit, n_hat: int
) -> tuple[Schema, Fit]:
    """The facts to fit with, and settings that share out what discovery left over."""
    if isinstance(facts, Schema):
        return facts, settings
    known = tuple(c for c in facts.columns if not isinstance(c, Gap))
    ledger, split, rules = gate.ledger, settings.split, settings.discovery
    if len(known) == len(facts.columns):
        schema = Schema(columns=known, declared_by=facts.declared_by)
        return schema, dataclasses.replace(settings, split=split.with_discovery(0.0))
    before = ledger.spent_rho
    schema = discover(
        gate,
        facts,
        n_hat=n_hat,
        rules=rules,
        rho=ledger.share(split.discovery),
        delta=rules.delta_share * ledger.delta,
    ).value
    if not ledger.private:
        return schema, settings
    spent = (ledger.spent_rho - before) / ledger.rho_cap
    return schema, dataclasses.replace(settings, split=split.with_discovery(spent))


def _bins(
    border: Border, codec: Codec, settings: Fit
) -> tuple[Codec, list[np.ndarray | None], list[Marginal]]:
    """One-way histograms on the public grids, and bins read off them."""
    counter = Counter(border)
    priced = [min(size, _MOST_PRICED) for size in codec.sizes]
    parts = shares_by_cells(priced, settings.measuring) * settings.split.single
    columns: list[ColumnCodec] = []
    labels: list[np.ndarray | None] = []
    singles: list[Marginal] = []
    for j, column in enumerate(codec.columns):
        name = column.column.name
        rho = border.ledger.share(float(parts[j]))
        fine = counter.marginal((j,), rho=rho, stage="one-way", what=name).value
        found, label, single = _read_off(column, fine, settings)
        columns.append(found)
        labels.append(label)
        singles.append(single)
    return dataclasses.replace(codec, columns=tuple(columns)), labels, singles


def _read_off(
    codec: ColumnCodec, fine: Marginal, settings: Fit
) -> tuple[ColumnCodec, np.ndarray | None, Marginal]:
    """A column as its one-way shows it, the new code of each old one, its one-way."""
    limit = settings.discovery.pruned * fine.noise_stddev
    gone = empty_codes(codec, fine.counts, limit)
    label = None
    if gone:
        codec, counts, label = without(codec, fine.counts, gone)
        fine = dataclasses.replace(fine, counts=counts)
    grid = codec.bins
    most = settings.measuring.pair_cells // PARTNER  # categories with a code each
    if grid is None and codec.regular > most:
        grid = positions(codec.regular)
    if grid is None:
        return codec, label, fine
    codec, of_cells, fine = _binned(codec, grid, fine, settings)
    return codec, of_cells if label is None else of_cells[label], fine


def _binned(
    codec: ColumnCodec, grid: Bins, fine: Marginal, settings: Fit
) -> tuple[ColumnCodec, np.ndarray, Marginal]:
    """A column with measured bins, the bin of each cell, and its one-way.

    Very many categories are grouped as numbers are, in their declared order: those that
    stand out of the noise stay alone. Bounds that discovery found are drawn in to the
    cells that hold anything; the rows outside them are clamped, as those beyond any
    bound.
    """
    noisy, missing = np.split(fine.counts, [codec.regular])
    noise, first, last = fine.noise_stddev, 0, len(noisy) - 1
    column = codec.column
    if measured_bounds(column):
        first, last = occupied(noisy, noise)
        begin, end = seen_ends(column, grid)
        first, last = min(first, begin), max(last, end)
        column, grid = trimmed(column, grid, first, last)
    counts = noisy[first : last + 1]
    bins, label = merge(
        grid,
        counts,
        most=settings.measuring.most_bins,
        noise_stddev=noise,
        alone=standing_alone(grid, column) if column.on_scale else None,
    )
    mass = inside_mass(counts, label, grid, noise)
    sums = np.bincount(label, weights=counts)
    single = Marginal(
        fine.columns, np.r_[sums, missing], noise * (len(counts) / len(sums)) ** 0.5
    )
    of_cells = label[np.clip(np.arange(len(noisy)) - first, 0, last - first)]
    inside = Inside(bins, grid, label, mass)
    return ColumnCodec(column, bins, inside), of_cells, single


def _teacher(
    border: Border,
    rows: Codes,
    settings: Fit,
    n_hat: int,
    progress: Progress,
) -> Teacher:
    """VAE and mixture: from rows of the marginal model to noisy steps on real ones."""
    wish = settings.vae
    shape = VaeShape(
        blocks=Blocks(border.rows.sizes), hidden=wish.hidden, latent=wish.latent
    )
    warm_key, train_key, cluster_key = fresh_keys(border, 3)
    warm = None
    if wish.warm_steps:
        warm = warm_vae(
            rows,
            shape=shape,
            training=wish,
            key=warm_key,
            progress=lambda done, total: progress("warm start", done, total),
        )
    layers = fit_vae(
        border,
        shape=shape,
        training=wish,
        clusters=settings.clustering.clusters,
        rho=border.ledger.share(settings.split.vae),
        n_hat=n_hat,
        key=train_key,
        start=warm,
        progress=lambda done, total: progress("vae", done, total),
    ).value
    clusters = settings.clustering
    mixture = fit_mixture(
        border,
        layers=layers,
        shape=shape,
        clusters=clusters.clusters,
        lloyd_steps=clusters.lloyd_steps,
        rho=border.ledger.share(settings.split.clusters),
        key=cluster_key,
        start=warm_centroids(layers, shape, rows, clusters.clusters, seed_of(border))
        if clusters.warm
        else None,
    ).value
    return Teacher(layers, shape, mixture)
