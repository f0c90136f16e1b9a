"""The mechanisms that are audited one by one, each on its worst neighbouring tables.

Public: all rows are made up here. A new mechanism of the product joins ``MECHANISMS``
with a function that takes a ``Bench`` and returns a ``Sample``; ``mechanisms.heard``
does that for any product function that draws from a noise source.
"""

from __future__ import annotations

import math
from dataclasses import replace

import narwhals as nw
import numpy as np
import pandas as pd

from fairveil._gaps import Gap, Plan
from fairveil._types import Codes
from fairveil.audit.mechanisms import (
    Bench,
    Mechanism,
    Sample,
    border_of,
    copies,
    heard,
    sampled_copies,
)
from fairveil.audit.tiny import CLUSTERS, SIZES, TRAINING
from fairveil.codec import Codec
from fairveil.config import Discovery
from fairveil.nn import vae
from fairveil.nn.blocks import Blocks
from fairveil.nn.layers import host_rng
from fairveil.privacy.ledger import Ledger
from fairveil.privacy.noise import NoiseSource
from fairveil.private.cluster import fit_mixture
from fairveil.private.discover import discover
from fairveil.private.fit_vae import fit_vae
from fairveil.private.intake import admit, open_border
from fairveil.private.measure import Counter
from fairveil.private.step import fresh_keys
from fairveil.schema import Column, Schema

_COUNT_RHO = 0.125  # mu .5, noise of about 2: the least that a formula prices
_COARSE_RHO = 1.0  # mu 1.41: noise on so few integers that its tails are summed
_SUM_RHO = 0.5  # mu 1
_SHAPE = vae.VaeShape(
    blocks=Blocks(SIZES), hidden=TRAINING.hidden, latent=TRAINING.latent
)
_LONE_DELTA = 0.2  # large, so that labels of one unit are shown often enough to count
_STEEP = 30.0  # factor of the weights at which every latent is cut to the radius


def _row_count(bench: Bench) -> Sample:
    def run(units: int, ledger: Ledger, noise: NoiseSource) -> int:
        table = pd.DataFrame({"c": ["0"] * (4 + units)})
        return _count(table, None, 1, ledger, noise)

    return heard(bench, run)


def _row_count_by_unit(bench: Bench) -> Sample:
    def run(units: int, ledger: Ledger, noise: NoiseSource) -> int:
        who = [*range(4), *([4] * 40 * units)]
        table = pd.DataFrame({"c": ["0"] * len(who), "who": who})
        return _count(table, "who", 3, ledger, noise)

    return heard(bench, run)


def _count(
    table: pd.DataFrame, unit: str | None, most: int, ledger: Ledger, noise: NoiseSource
) -> int:
    column = Column(name="c", kind="categorical", categories=("0", "1"))
    schema = Schema(columns=(column,), declared_by="the audit")
    open_border(
        nw.from_native(table, eager_only=True),
        Codec.on_grid(schema),
        unit=unit,
        max_rows_per_unit=most,
        ledger=ledger,
        noise=noise,
        rho=_COUNT_RHO,
    )
    return 1


def _discovery(bench: Bench) -> Sample:
    """Two columns of unknown kind: the row adds to a label and to a magnitude."""
    columns = (Gap(name="label"), Gap(name="number"))

    def run(units: int, ledger: Ledger, noise: NoiseSource) -> None:
        n = 2_000
        table = pd.DataFrame({"label": ["a", "b"] * n, "number": ["1", "20"] * n})
        more = pd.DataFrame({"label": ["a"] * units, "number": ["1"] * units})
        _discover(pd.concat([table, more]), columns, ledger, noise)

    return heard(bench, run)


def _lone_label(bench: Bench, *, k: int = 1) -> Sample:
    """Every label is a copy of the worst case: it is that of all rows of one unit."""
    ledger = Ledger(epsilon=bench.epsilon, delta=0.5, reserved_delta=_LONE_DELTA)
    labels = [f"w{i}" for i in range(bench.draws)]
    table = pd.DataFrame({"label": np.repeat(labels, k)})
    table["who"] = np.arange(len(table)) // k
    columns = (Gap(name="label", kind="categorical"),)
    schema = _discover(table, columns, ledger, bench.source(0), most=k)
    shown = set(schema["label"].categories)
    seen = np.array([label in shown for label in labels], dtype=np.float64)
    return Sample(
        outside=np.zeros((bench.draws, 1)),
        inside=seen[:, None],
        mu=math.sqrt(2 * ledger.spent_rho),
        slack=math.fsum(event.delta for event in ledger.events),
    )


def _discover(
    table: pd.DataFrame,
    columns: tuple[Gap, ...],
    ledger: Ledger,
    noise: NoiseSource,
    *,
    most: int = 1,
) -> Schema:
    """Discover a table; ``most`` above 1: the column ``who`` says whose a row is."""
    gate, n_hat = admit(
        nw.from_native(table, eager_only=True),
        unit="who" if most > 1 else None,
        max_rows_per_unit=most,
        ledger=ledger,
        noise=noise,
        rho=1e-3 * _COUNT_RHO,
    )
    rho = (
        2 * _COUNT_RHO / (1 - Discovery().second_look)
    )  # mu .5 for each of two columns
    return discover(
        gate,
        Plan(columns=columns, declared_by="the audit"),
        n_hat=n_hat.value,
        rules=Discovery(),
        rho=rho,
        delta=ledger.reserved_delta,
    ).value


def _one_way(bench: Bench) -> Sample:
    return copies(bench, sizes=(bench.draws,), k=1, rho=_COUNT_RHO)


def _one_way_coarse(bench: Bench) -> Sample:
    return copies(bench, sizes=(bench.draws,), k=1, rho=_COARSE_RHO)


def _two_way_by_unit(bench: Bench) -> Sample:
    side = math.ceil(math.sqrt(bench.draws))
    return copies(bench, sizes=(side, side), k=24, rho=_COUNT_RHO)


def _selection(bench: Bench) -> Sample:
    predicted = {
        (0,): np.array([0.85, 0.0, 0.0]),  # the row adds to what is above the model
        (1,): np.array([0.9, 0.15, 0.0]),  # and makes up for what is below it
    }

    def run(units: int, ledger: Ledger, noise: NoiseSource) -> int:
        codes = np.zeros((10 + units, 2), dtype=np.int32)
        codes[10:] = 1
        Counter(border_of(codes, ledger, noise, sizes=(3, 3))).select(
            list(predicted),
            predicted,
            n_hat=10,
            rho=_COUNT_RHO,
            measure_rho=dict.fromkeys(predicted, _COUNT_RHO),
            stage="audit",
        )
        return 1

    return heard(bench, run)


def _gradients(bench: Bench, *, k: int = 1, alone: bool = False) -> Sample:
    """Two steps; with ``alone`` the unit takes part in the first one only."""
    training = replace(TRAINING, refreshes=0) if alone else TRAINING

    def run(units: int, ledger: Ledger, noise: NoiseSource) -> int:
        border = border_of(_rows(units, k), ledger, noise, sizes=SIZES, k=k)
        (key,) = fresh_keys(border, 1)
        layers = fit_vae(
            border,
            shape=_SHAPE,
            training=training,
            clusters=CLUSTERS,
            rho=_SUM_RHO,
            n_hat=5,
            key=key,
        ).value
        weights = sum(a.size for layer in layers.values() for a in layer.values())
        return training.steps * weights + training.refreshes * 2 * _lloyd_numbers()

    return heard(bench, run, moved=0.5 if alone else 1.0)


def _sampled(bench: Bench, *, k: int = 1) -> Sample:
    return sampled_copies(bench, steps=20, sampling_rate=0.2, k=k, rho=_SUM_RHO)


def _clusters(bench: Bench) -> Sample:
    def run(units: int, ledger: Ledger, noise: NoiseSource) -> int:
        border = border_of(_rows(units), ledger, noise, sizes=SIZES)
        init_key, key = fresh_keys(border, 2)
        layers = vae.init(host_rng(init_key), _SHAPE)
        fit_mixture(
            border,
            layers={
                n: {p: _STEEP * a for p, a in x.items()} for n, x in layers.items()
            },
            shape=_SHAPE,
            clusters=CLUSTERS,
            lloyd_steps=2,
            rho=_SUM_RHO,
            key=key,
        )
        seconds = CLUSTERS * _SHAPE.latent**2
        return 3 * _lloyd_numbers() + seconds

    return heard(bench, run)


def _rows(units: int, k: int = 1) -> Codes:
    """K rows of zeros and, with the unit, k rows of ones: (rows, columns)."""
    return np.repeat(np.array([[0] * 3, [1] * 3], np.int32)[: 1 + units], k, axis=0)


def _lloyd_numbers() -> int:
    """Counts and sums of all clusters."""
    return CLUSTERS * (1 + _SHAPE.latent)


MECHANISMS: tuple[Mechanism, ...] = (
    Mechanism(name="row count", about="4 rows, and a fifth", sample=_row_count),
    Mechanism(
        name="row count by unit",
        about="4 units, and a fifth of 40 rows of which 3 may count",
        sample=_row_count_by_unit,
    ),
    Mechanism(
        name="discovery",
        about="a row more, with a known label and a known number",
        sample=_discovery,
    ),
    Mechanism(
        name="discovery, lone label",
        about="a row more, with a label that nobody else has",
        sample=_lone_label,
    ),
    Mechanism(
        name="discovery, lone label by unit",
        about="a unit of 3 rows more, with a label that nobody else has",
        sample=lambda bench: _lone_label(bench, k=3),
    ),
    Mechanism(name="one-way marginal", about="a row more", sample=_one_way),
    Mechanism(
        name="one-way marginal, coarse",
        about="a row more, under noise of less than a row",
        sample=_one_way_coarse,
    ),
    Mechanism(
        name="two-way marginal by unit",
        about="a unit of 24 rows more, all in one cell",
        sample=_two_way_by_unit,
    ),
    Mechanism(
        name="selection",
        about="a row that raises one score by 1 and lowers another by 1",
        sample=_selection,
    ),
    Mechanism(
        name="VAE steps and refresh",
        about="a row more, its gradient at the clip norm",
        sample=_gradients,
    ),
    Mechanism(
        name="VAE steps by unit",
        about="a unit of 3 equal rows more",
        sample=lambda bench: _gradients(bench, k=3),
    ),
    Mechanism(
        name="VAE steps apart",
        about="a row in the first of two steps: the second must not tell its noise",
        sample=lambda bench: _gradients(bench, alone=True),
    ),
    Mechanism(
        name="Poisson-sampled steps",
        about="a row more, in each of 20 steps with chance .2",
        sample=_sampled,
    ),
    Mechanism(
        name="Poisson-sampled steps by unit",
        about="a unit of 3 rows more, all of them in a step or none",
        sample=lambda bench: _sampled(bench, k=3),
    ),
    Mechanism(
        name="K-Means and moments",
        about="a row more, its latent at the radius",
        sample=_clusters,
    ),
)
