"""The model file: one zip of JSON and safetensors, versioned, without pickle.

Holds released and public things only: schema, statement, networks, noisy marginals,
calibration weights. Reading refuses another layout or size (``_artifact_zip``), unknown
versions, impossible facts (``_artifact_checks``), and what ``save`` would have written
otherwise; earlier versions are brought up to this one (``_artifact_versions``). Nothing
in a file is executed. Writing leaves a whole file or none.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from fairveil import (
    _artifact_checks as checks,
    _artifact_parts as parts,
    _artifact_versions as versions,
    _artifact_zip as container,
    _files,
    config,
)
from fairveil.bins import Bins
from fairveil.codec import Codec, ColumnCodec, Inside, identifiers_of
from fairveil.errors import ArtifactError, FairveilError, problem
from fairveil.marginals import Clique, Marginal, Sizes, cells
from fairveil.nn.blocks import Blocks
from fairveil.nn.mixture import Mixture
from fairveil.nn.vae import VaeShape
from fairveil.nn.wgan import GanShape
from fairveil.post.bundle import Bundle
from fairveil.post.calibrate import LogLinear
from fairveil.post.finish import wanted_of
from fairveil.post.generator import Generator
from fairveil.post.roles import loosening_of
from fairveil.post.sample import Sampler
from fairveil.post.teacher import Teacher
from fairveil.post.wish import Wish
from fairveil.privacy.statement import Statement
from fairveil.schema import Column, Schema
from fairveil.tables.kinds import KINDS

FORMAT, PART = "fairveil-model", "fairveil-part"
VERSION = 6
_VERSIONS = 1000  # a greater number is none

_DAMAGED = (FairveilError, ValueError, LookupError, TypeError, AttributeError)
_DAMAGED += (ArithmeticError, RecursionError, MemoryError)

Tensors = dict[str, np.ndarray]
T = TypeVar("T")


@dataclass(frozen=True)
class Contents:
    """All that a model file holds.

    Attributes:
        bundle: what the private stage released.
        sampler: the finished release.
        wish: what it was asked to be.
        settings: constants of the fit.
        statement: the privacy statement.
        frame: kind of frame that was fitted and that ``sample`` returns (public).
    """

    bundle: Bundle
    sampler: Sampler
    wish: Wish
    settings: config.Fit
    statement: Statement
    frame: str = KINDS[0]


def save(path: str | Path, contents: Contents) -> None:
    """Write a model file, whole or not at all.

    Raises:
        ArtifactError: the path cannot be written.
    """
    try:
        _files.write_whole(path, packed(contents))
    except OSError:
        raise container.refusal("the model file cannot be written", path) from None


def packed(contents: Contents) -> bytes:
    """The bytes that ``save`` writes: the same for the same contents."""
    return container.pack(_describe(contents, tensors := Tensors()), tensors)


def load(path: str | Path | bytes) -> Contents:
    """Read a model file written by ``save``, or the bytes of one.

    Raises:
        ArtifactError: no such file, not a model, damaged, or of an unknown version.
    """
    return opened(path, FORMAT, _restore, _describe)


def opened(
    path: str | Path | bytes,
    kind: str,
    restore: Callable[[Mapping[str, Any], Tensors], T],
    describe: Callable[[T, Tensors], dict[str, Any]],
) -> T:
    """Read a file of a kind by what its facts and arrays mean.

    Args:
        path: the file.
        kind: the format that it must name.
        restore: from facts and arrays to what they describe.
        describe: the way back, which fills the arrays.

    Raises:
        ArtifactError: as ``load``.
    """
    facts, data = container.unpack(path)
    try:
        old = _version(facts, kind) < VERSION
        tensors = container.unsealed(facts, data)
        facts, tensors = versions.brought_up(facts, tensors, current=VERSION)
        found, again = restore(facts, tensors), Tensors()
        said = {**describe(found, again), "digest": facts["digest"]}
        _check_complete(said, facts, again.keys() - tensors.keys(), old=old)
        checks.require(again.keys() >= tensors.keys(), "arrays have other names")
    except ArtifactError:
        raise
    except _DAMAGED:
        raise container.refusal(container.DAMAGED, path) from None
    return found


def _version(facts: Mapping[str, Any], kind: str) -> int:
    found, version = facts.get("format"), facts.get("version")
    if type(version) is not int:
        version = _VERSIONS
    if found == kind and versions.OLDEST <= version <= VERSION:
        return version
    if {found, kind} == {FORMAT, PART}:
        what, try_ = (
            ("this is a finished model, not the checkpoint of a fit", "fairveil sample")
            if found == FORMAT
            else ("this is the checkpoint of a fit, not a model yet", "fairveil resume")
        )
        raise ArtifactError(problem(what, try_=try_))
    raise ArtifactError(
        problem(
            "the model file's format is unknown",
            got=version if version < _VERSIONS else None,
            try_=f"a {kind} file of version {VERSION}",
        )
    )


def _check_complete(
    said: dict[str, Any], facts: Mapping[str, Any], new: Any, *, old: bool
) -> None:
    """What was read says all that the file says, number by number and type by type.

    The file of an earlier version may lack what has a default since then.
    """
    if old:
        same = versions.covers(json.loads(container.canonical(said)), dict(facts))
    else:
        same = container.canonical(said) == container.canonical(facts)
        checks.require(not new, "arrays have other names")
    checks.require(same, "facts are not what this version writes")


def _describe(contents: Contents, tensors: Tensors) -> dict[str, Any]:
    sampler = contents.sampler
    paid = describe_paid(
        contents.bundle, contents.settings, contents.statement, tensors
    )
    for i, theta in enumerate(sampler.weights.thetas):
        tensors[f"theta/{i}"] = theta
    return {
        "format": FORMAT,
        **paid,
        "wish": dataclasses.asdict(contents.wish),
        "cliques": [list(q) for q in sampler.weights.cliques],
        "sweeps": sampler.sweeps,
        "generator": _describe_generator(sampler.model, tensors),
        "redraw": parts.describe_redraw(sampler.redraw, tensors),
        "outcome": parts.describe_outcome(sampler.outcome, tensors),
        # left out of fits of pandas frames, whose files are as they were before
        **({} if contents.frame == KINDS[0] else {"frame": contents.frame}),
    }


def describe_paid(
    bundle: Bundle, settings: config.Fit, statement: Statement, tensors: Tensors
) -> dict[str, Any]:
    """Facts of what the private stage released, and of what it cost; fills arrays."""
    tensors.update(parts.flattened("teacher", bundle.teacher.layers))
    for name in ("weights", "means", "covariances"):
        tensors[f"mixture/{name}"] = getattr(bundle.teacher.mixture, name)
    for i, marginal in enumerate(bundle.marginals):
        tensors[f"marginal/{i}"] = marginal.counts
    tensors["rows"] = bundle.rows.astype(_narrow(bundle.codec.sizes))
    for j, column in enumerate(bundle.codec.columns):
        tensors.update(_inside_tensors(j, column.inside))
    return {
        "version": VERSION,
        "schema": bundle.codec.schema.to_dict(),
        "statement": statement.to_dict(),
        "settings": dataclasses.asdict(settings),
        "n_hat": bundle.n_hat,
        "steps": [_steps(column.inside) for column in bundle.codec.columns],
        "marginals": [[list(m.columns), m.noise_stddev] for m in bundle.marginals],
    }


def _narrow(sizes: Sizes) -> np.dtype[Any]:
    """The smallest type that holds every code."""
    return np.min_scalar_type(max(sizes) - 1)


def _describe_generator(
    model: Generator | Teacher, tensors: Tensors
) -> dict[str, Any] | None:
    if isinstance(model, Teacher):
        return None
    tensors.update(parts.flattened("generator", model.layers))
    return {"noise": model.shape.noise, "anchored": list(model.anchored)}


def restore_paid(
    facts: Mapping[str, Any], tensors: Tensors
) -> tuple[Bundle, config.Fit, Statement]:
    """What ``describe_paid`` described."""
    checks.amounts(facts)
    settings = _settings(facts["settings"])
    codec = _codec(Schema.from_dict(facts["schema"]), facts["steps"], tensors)
    teacher = _teacher(codec, settings, tensors)
    marginals = _marginals(codec.sizes, facts["marginals"], tensors)
    rows = checks.codes(tensors["rows"], codec.sizes)
    bundle = Bundle(codec, teacher, marginals, rows, checks.rows(facts["n_hat"]))
    statement = Statement.from_dict(facts["statement"])
    checks.agreed(statement, codec.schema)
    return bundle, settings, statement


def _restore(facts: Mapping[str, Any], tensors: Tensors) -> Contents:
    bundle, settings, statement = restore_paid(facts, tensors)
    codec = bundle.codec
    wish = wish_of(facts["wish"], codec.schema)
    sampler = Sampler(
        codec,
        _generator(facts["generator"], bundle.teacher, settings, tensors),
        _weights("theta", codec.sizes, facts["cliques"], tensors),
        checks.sweeps(facts["sweeps"]),
        wanted_of(bundle, wish),
        settings.calibration.choices,
        parts.redraw(facts["redraw"], bundle, wish, tensors),
        parts.outcome(facts["outcome"], bundle, wish, tensors),
        loosening_of(bundle, wish),
    )
    checks.granted(wish, sampler)
    frame = facts.get("frame", KINDS[0])
    checks.require(frame in KINDS, "no such kind of frame")
    return Contents(bundle, sampler, wish, settings, statement, frame)


def wish_of(raw: Mapping[str, Any], schema: Schema) -> Wish:
    """A wish out of a file, which goes together and fits the schema."""
    lists = {name: tuple(raw[name]) for name in ("sensitive", "legitimate")}
    wish = Wish(**{**raw, **lists})
    checks.wish(wish, schema)
    return wish


def _settings(raw: Mapping[str, Any]) -> config.Fit:
    kinds = {k: type(v) for k, v in vars(config.Fit()).items()}
    parts = {name: kind(**_tuples(raw[name])) for name, kind in kinds.items()}
    settings = config.Fit(**parts)
    checks.settings(settings)
    return settings


def _tuples(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in raw.items()}


def _steps(inside: Inside | None) -> list[float] | None:
    return None if inside is None else [inside.bins.step, inside.grid.step]


def _inside_tensors(j: int, inside: Inside | None) -> Tensors:
    if inside is None:
        return {}
    return {
        f"bins/{j}/lows": inside.bins.lows,
        f"bins/{j}/highs": inside.bins.highs,
        f"grid/{j}/lows": inside.grid.lows,
        f"grid/{j}/highs": inside.grid.highs,
        f"grid/{j}/label": inside.label,
        f"grid/{j}/mass": inside.mass,
    }


def _codec(schema: Schema, steps: Sequence[Any], tensors: Tensors) -> Codec:
    kept = enumerate(zip(map(schema.__getitem__, schema.learnt), steps, strict=True))
    columns = tuple(_column(j, column, step, tensors) for j, (column, step) in kept)
    names = (schema.declared_by, schema.constraints, identifiers_of(schema))
    return Codec(columns, *names)


def _column(j: int, column: Column, step: Any, tensors: Tensors) -> ColumnCodec:
    checks.steps(column, step)
    if step is None:
        return ColumnCodec(column)
    bins, grid = (
        Bins(tensors[f"{kind}/{j}/lows"], tensors[f"{kind}/{j}/highs"], width)
        for kind, width in zip(("bins", "grid"), step, strict=True)
    )
    inside = Inside(bins, grid, tensors[f"grid/{j}/label"], tensors[f"grid/{j}/mass"])
    checks.inside(column, inside)
    return ColumnCodec(column, bins, inside)


def _teacher(codec: Codec, settings: config.Fit, tensors: Tensors) -> Teacher:
    latent = settings.vae.latent
    shape = VaeShape(
        blocks=Blocks(codec.sizes), hidden=settings.vae.hidden, latent=latent
    )
    clusters = len(tensors["mixture/weights"])
    mixture = Mixture(
        checks.sized(tensors["mixture/weights"], (clusters,)),
        checks.sized(tensors["mixture/means"], (clusters, latent)),
        checks.sized(tensors["mixture/covariances"], (clusters, latent, latent)),
    )
    checks.mixture(mixture)
    wide, hidden = shape.blocks.width, shape.hidden
    enc, dec = (wide, *hidden, 2 * latent), (latent, *hidden[::-1], wide)
    layers = parts.layers("teacher", "enc", enc, tensors)
    return Teacher(
        layers | parts.layers("teacher", "dec", dec, tensors), shape, mixture
    )


def _generator(
    facts: Mapping[str, Any] | None,
    teacher: Teacher,
    settings: config.Fit,
    tensors: Tensors,
) -> Generator | Teacher:
    if facts is None:
        return teacher
    anchored = checks.positions(facts["anchored"], len(teacher.shape.blocks.sizes))
    shape = GanShape(
        blocks=teacher.shape.blocks,
        latent=teacher.shape.latent,
        clusters=teacher.mixture.clusters,
        noise=settings.gan.noise,
        hidden=teacher.shape.hidden[::-1],
        extra=settings.gan.extra,
        critic=settings.gan.critic,
    )
    wider = (h + shape.extra for h in shape.hidden)
    sizes = (shape.guide, *wider, shape.blocks.width)
    layers = parts.layers("generator", "gen", sizes, tensors)
    return Generator(layers, shape, teacher, anchored)


def _marginals(
    sizes: Sizes, facts: Sequence[Any], tensors: Tensors
) -> tuple[Marginal, ...]:
    columns = [checks.positions(found, len(sizes)) for found, _stddev in facts]
    counts = _tables("marginal", sizes, columns, tensors)
    stddevs = [stddev for _found, stddev in facts]
    marginals = tuple(map(Marginal, columns, counts, stddevs))
    checks.marginals(marginals, len(sizes))
    return marginals


def _weights(
    root: str, sizes: Sizes, facts: Sequence[Any], tensors: Tensors
) -> LogLinear:
    cliques = tuple(checks.positions(found, len(sizes)) for found in facts)
    return LogLinear(sizes, cliques, _tables(root, sizes, cliques, tensors))


def _tables(
    root: str, sizes: Sizes, cliques: Sequence[Clique], tensors: Tensors
) -> tuple[np.ndarray, ...]:
    """One flat array of cells for each clique."""
    return tuple(
        checks.sized(tensors[f"{root}/{i}"], (cells(sizes, columns),))
        for i, columns in enumerate(cliques)
    )
