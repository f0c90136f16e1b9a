"""What a model file says of its fit: budget, noise, and how near each stage came.

Public: statements, noisy counts and rows of the model. No real row is here, and no loss
of a training that was not noised: distances are to the noisy marginals alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean
from typing import Any

import numpy as np

from fairveil._promise import fairness_promise
from fairveil._sizing import advice
from fairveil._types import Codes
from fairveil.artifact import Contents
from fairveil.marginals import Marginal, histogram
from fairveil.post.generator import RowSource
from fairveil.post.wish import Wish
from fairveil.privacy import events as ev
from fairveil.publish.meaning import unit_of
from fairveil.publish.words import promise
from fairveil.report import words
from fairveil.report.result import Fit, Noise, Stage
from fairveil.seeds import Seeds

_ROWS = 20_000  # drawn from each model
_MEAN = math.sqrt(2.0 / math.pi)  # of |noise|, in standard deviations


def described(contents: Contents, *, seed: int = 0) -> Fit:
    """The facts of a fitted model.

    Args:
        contents: of the model file.
        seed: of the rows that are drawn.
    """
    statement, bundle = contents.statement, contents.bundle
    told = _kept(contents)
    stages, release = _stages(contents, told, seed)
    rho = statement.rho_spent
    finite = math.isfinite(rho) and rho > 0
    spent = statement.spent_by_stage() if finite else {}
    said = advice(
        contents.settings,
        n_hat=bundle.n_hat,
        rho=statement.rho_cap,
        columns=len(bundle.codec.columns),
    )
    return Fit(
        private=statement.private,
        promise=promise(statement),
        epsilon=ev.to_json(statement.epsilon),
        delta=statement.delta,
        epsilon_spent=ev.to_json(statement.epsilon_spent),
        unit=unit_of(statement),
        rows=bundle.n_hat,
        stages={stage: part / rho for stage, part in spent.items()},
        fairness=fairness_promise(contents),
        noise=_noise(contents, release),
        post=stages,
        advice=said or "",
    )


def _kept(contents: Contents) -> list[Marginal]:
    """The marginals that the promise of fairness leaves as they were measured."""
    names = [column.column.name for column in contents.bundle.codec.columns]
    moved = words.moved(fairness_promise(contents))
    return [
        m
        for m in contents.bundle.marginals
        if m.noise_stddev >= 0 and not _touched(m, names, moved, contents.wish)
    ]


def _touched(one: Marginal, names: list[str], moved: set[str], wish: Wish) -> bool:
    own = {names[c] for c in one.columns} & moved
    return bool(own) and (len(one.columns) > 1 or wish.shares != "kept")


def _stages(
    contents: Contents, told: Sequence[Marginal], seed: int
) -> tuple[tuple[Stage, ...], Codes]:
    """Each stage, and the rows of the last."""
    bundle, sampler = contents.bundle, contents.sampler
    sizes, seeds = bundle.codec.sizes, Seeds.of(seed)
    drawn: dict[str, Any] = {"model of the marginals": bundle.rows}
    teacher = RowSource(bundle.teacher, seeds.number("report teacher"), sizes)
    drawn["variational autoencoder"] = teacher.rows(_ROWS)[0]
    if sampler.model is not bundle.teacher:
        made = RowSource(sampler.model, seeds.number("report generator"), sizes)
        drawn["generator"] = made.rows(_ROWS)[0]
    drawn["released rows"] = release = sampler.codes(_ROWS, seeds)
    groups = (
        [m for m in told if len(m.columns) == 1],
        [m for m in told if m.columns[1:]],
    )
    found = []
    for name, codes in drawn.items():
        means = [
            fmean(_distance(m, codes, contents) for m in group) if group else None
            for group in groups
        ]
        found.append(Stage(name=name, rows=len(codes), single=means[0], joint=means[1]))
    return tuple(found), release


def _distance(one: Marginal, codes: Codes, contents: Contents) -> float:
    """Total variation distance of rows to a noisy marginal, its noise included."""
    bundle = contents.bundle
    own = histogram(codes, bundle.codec.sizes, one.columns) / len(codes)
    return float(np.abs(own - one.counts / max(bundle.n_hat, 1)).sum() / 2)


def _noise(contents: Contents, release: Codes) -> tuple[Noise, ...]:
    bundle = contents.bundle
    names = [column.column.name for column in bundle.codec.columns]
    kept = {id(m) for m in _kept(contents)}
    return tuple(
        Noise(
            columns=tuple(names[c] for c in m.columns),
            cells=len(m.counts),
            stddev=float(m.noise_stddev),
            expected=len(m.counts) * m.noise_stddev * _MEAN / 2 / max(bundle.n_hat, 1),
            release=_distance(m, release, contents) if id(m) in kept else None,
        )
        for m in bundle.marginals
    )
