"""The demonstration: one private fit of an embedded table, three releases, one verdict.

Pure functions; ``cli`` prints what they return. The embedded rows are public, which is
why this module may show figures computed from them. For a secret table such figures are
confidential: they are not private.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from fairveil import _check, evaluate
from fairveil.datasets.registry import Table
from fairveil.evaluate.results import ClusterInformation, Interval, Probe
from fairveil.privacy.statement import Statement
from fairveil.synthesizer import FairVeil
from fairveil.tables.files import write_table

Progress = Callable[[str, int, int], None]

FILES = ("release.csv", "model.fairveil", "statement.json")
FEWEST_ROWS = 1000  # below, halves of the figures are undefined
SPLIT_SEED = 0  # one fixed split, so that figures of different seeds compare
COLUMNS = ("real", "plain", "critic", "redraw")
# seconds of each stage for Adult on a busy machine of two cores, for the time left
STAGES: Mapping[str, float] = {
    "private fit: marginals": 30,
    "warm start of the VAE": 20,
    "private fit: VAE": 24,
    "release without debiasing": 33,
    "release with the fairness critic": 44,
    "release with redrawn columns": 38,
    "measure the releases": 34,
}


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What was measured on one column of the comparison.

    Attributes:
        auroc: of a model that learnt on these rows, judged on real test rows.
        auroc_interval: of that, over resamples of the test rows.
        distance: mean total variation distance to the real training rows, by the number
            of columns looked at together; for real rows that of the test rows, which
            is sampling error alone.
        probes: an auditor's guess of each sensitive column.
        clusters: what clusters of the other columns tell about each sensitive column.
    """

    auroc: float
    auroc_interval: Interval
    distance: Mapping[int, float]
    probes: tuple[Probe, ...]
    clusters: tuple[ClusterInformation, ...]


@dataclass(frozen=True, kw_only=True)
class Demo:
    """What a demonstration made and measured.

    Attributes:
        table: the embedded table.
        train_rows, test_rows: sizes of the split.
        figures: by column of the comparison, see ``COLUMNS``.
        model: the fitted model with the fairness critic.
        release: its rows, as many as there are training rows.
    """

    table: Table
    train_rows: int
    test_rows: int
    figures: Mapping[str, Figures]
    model: FairVeil
    release: pd.DataFrame

    @property
    def statement(self) -> Statement:
        """What the one private fit promised and spent."""
        return self.model.statement_


def run(
    table: Table,
    *,
    epsilon: float,
    seed: int,
    rows: int | None = None,
    progress: Progress,
) -> Demo:
    """Fit once, release three times, measure each release beside the real rows.

    Args:
        table: an embedded table.
        epsilon: budget of the fit; its delta is the default of ``FairVeil``.
        seed: of post-processing, sampling and measuring; privacy noise has no seed.
        rows: use this many random rows of the table only.
        progress: called with (stage of ``STAGES``, done, total).

    Raises:
        ConfigError: epsilon, seed or rows is impossible.
    """
    _check.whole(0, seed=seed)
    train, test = evaluate.split(_some(table.load(), rows, seed), seed=SPLIT_SEED)
    models = _models(table, train, epsilon=epsilon, seed=seed, progress=progress)
    samples = {
        name: model.sample(len(train), random_state=seed)
        for name, model in models.items()
    }
    sources = {"real": train, **samples}
    figures: dict[str, Figures] = {}
    for done, (name, frame) in enumerate(sources.items()):
        progress("measure the releases", done, len(sources))
        against = test if name == "real" else frame
        distance = {
            ways: evaluate.tvd(train, against, ways=ways, seed=seed).mean
            for ways in (1, 2)
        }
        figures[name] = _measured(table, frame, test, distance, seed)
    progress("measure the releases", len(sources), len(sources))
    return Demo(
        table=table,
        train_rows=len(train),
        test_rows=len(test),
        figures=figures,
        model=models["critic"],
        release=samples["critic"],
    )


def write(demo: Demo, folder: Path) -> tuple[Path, ...]:
    """Write the release, the model and the statement into an existing folder.

    Returns:
        The files written, in the order of ``FILES``.

    Raises:
        TableError, ArtifactError: a file cannot be written.
    """
    release, model, statement = (folder / name for name in FILES)
    write_table(demo.release, release)
    demo.model.save(model)
    demo.statement.save(statement)
    return release, model, statement


def _some(frame: pd.DataFrame, rows: int | None, seed: int) -> pd.DataFrame:
    if rows is None:
        return frame
    _check.whole(FEWEST_ROWS, rows=rows)
    return frame if rows >= len(frame) else frame.sample(rows, random_state=seed)


def _models(
    table: Table, train: Any, *, epsilon: float, seed: int, progress: Progress
) -> dict[str, FairVeil]:
    """One private fit and its two refinements, which cost no privacy."""
    names = {
        "marginals": "private fit: marginals",
        "warm start": "warm start of the VAE",
        "vae": "private fit: VAE",
        "generator": "release without debiasing",
    }
    plain = FairVeil(
        epsilon=epsilon,
        sensitive=table.sensitive,
        fairness=None,
        schema=table.schema(),
        random_state=seed,
    ).fit(train, progress=lambda s, done, total: progress(names[s], done, total))
    models = {"plain": plain}
    for name, mode, stage in (
        ("critic", "independence", "release with the fairness critic"),
        ("redraw", "redraw", "release with redrawn columns"),
    ):
        models[name] = plain.refine(
            fairness=mode, random_state=seed, progress=_named(progress, stage)
        )
    return models


def _named(progress: Progress, stage: str) -> Progress:
    return lambda _, done, total: progress(stage, done, total)


def _measured(
    table: Table,
    frame: pd.DataFrame,
    test: pd.DataFrame,
    distance: Mapping[int, float],
    seed: int,
) -> Figures:
    own = table.sensitive
    useful = evaluate.tstr(
        frame, test, target=table.target, positive=table.positive, seed=seed
    )
    return Figures(
        auroc=useful.auroc,
        auroc_interval=useful.auroc_interval,
        distance=distance,
        probes=tuple(evaluate.probe(frame, c, exclude=own, seed=seed) for c in own),
        clusters=tuple(evaluate.cluster_information(frame, own, seed=seed)),
    )
