"""The model file: one zip of JSON and safetensors, versioned, without pickle.

Holds released and public things only: schema, statement, networks, noisy marginals,
calibration weights. Reading refuses other members, other versions, sizes beyond the
limits, facts that cannot be true (``_artifact_checks``), and whatever ``save`` would
have written otherwise; nothing in a file is executed.
"""

from __future__ import annotations

import dataclasses
import io
import itertools
import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors, save as save_tensors

from fairveil import _artifact_checks as checks, config
from fairveil.bins import Bins
from fairveil.codec import Codec, ColumnCodec, Inside
from fairveil.errors import ArtifactError, FairveilError, problem
from fairveil.marginals import Clique, Marginal, Sizes, cells
from fairveil.nn.blocks import Blocks
from fairveil.nn.mixture import Mixture
from fairveil.nn.vae import VaeShape
from fairveil.nn.wgan import GanShape
from fairveil.post.calibrate import LogLinear
from fairveil.post.finish import Bundle, Wish
from fairveil.post.generator import Generator
from fairveil.post.sample import Redraw, Sampler
from fairveil.post.teacher import Teacher
from fairveil.privacy.statement import Statement
from fairveil.schema import Column, Schema

FORMAT = "fairveil-model"
VERSION = 1
_JSON, _TENSORS = "model.json", "tensors.safetensors"
_NO_MODEL = "this is not a fairveil model"
_MOST_BYTES = 1 << 30
_MOST_TEXT = 1 << 26  # parsed text takes many times its size in memory
_EPOCH = (1980, 1, 1, 0, 0, 0)  # equal models give equal files

_UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError)
_UNREADABLE += (NotImplementedError, RuntimeError, ValueError, MemoryError)
_DAMAGED = (FairveilError, SafetensorError, ValueError, LookupError, TypeError)
_DAMAGED += (AttributeError, ArithmeticError, RecursionError, MemoryError)

Tensors = dict[str, np.ndarray]


@dataclass(frozen=True)
class Contents:
    """All that a model file holds.

    Attributes:
        bundle: what the private stage released.
        sampler: the finished release.
        wish: what it was asked to be.
        settings: constants of the fit.
        statement: the privacy statement.
    """

    bundle: Bundle
    sampler: Sampler
    wish: Wish
    settings: config.Fit
    statement: Statement


def save(path: str | Path, contents: Contents) -> None:
    """Write a model file.

    Raises:
        ArtifactError: the path cannot be written.
    """
    tensors: Tensors = {}
    facts = _describe(contents, tensors)
    text = json.dumps(facts, indent=1, ensure_ascii=False, allow_nan=False)
    data = save_tensors({k: np.ascontiguousarray(v) for k, v in tensors.items()})
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(_JSON, _EPOCH), text)
        archive.writestr(zipfile.ZipInfo(_TENSORS, _EPOCH), data)
    try:
        Path(path).write_bytes(buffer.getvalue())
    except OSError:
        raise _refusal("the model file cannot be written", path) from None


def load(path: str | Path) -> Contents:
    """Read a model file written by ``save``.

    Raises:
        ArtifactError: no such file, not a model, damaged, or of an unknown version.
    """
    text, data = _members(path)
    try:
        facts, tensors = json.loads(text), load_tensors(data)
        _check_version(facts)
        contents = _restore(facts, tensors)
        _check_complete(contents, facts, tensors)
    except ArtifactError:
        raise
    except _DAMAGED:
        raise _refusal("the model file is damaged", path) from None
    return contents


def _check_version(facts: Mapping[str, Any]) -> None:
    version = facts.get("version")
    if (facts.get("format"), version) != (FORMAT, VERSION):
        raise ArtifactError(
            problem(
                "the model file's format is unknown",
                got=version if isinstance(version, int) else None,
                try_=f"a {FORMAT} file of version {VERSION}",
            )
        )


def _check_complete(
    contents: Contents, facts: Mapping[str, Any], tensors: Tensors
) -> None:
    """What was read says all that the file says, number by number and type by type."""
    again: Tensors = {}
    said = _text(_describe(contents, again)) == _text(facts)
    checks.require(said, "facts are not what this version writes")
    checks.require(again.keys() == tensors.keys(), "arrays have other names")


def _text(facts: Mapping[str, Any]) -> bytes:
    text = json.dumps(facts, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8")  # refuses half characters


def _members(path: str | Path) -> tuple[bytes, bytes]:
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(archive, path)
            return _unpacked(archive, _JSON), _unpacked(archive, _TENSORS)
    except ArtifactError:
        raise
    except OSError:
        raise _refusal("the model file cannot be read", path) from None
    except _UNREADABLE:
        raise _refusal(_NO_MODEL, path) from None


def _check_members(archive: zipfile.ZipFile, path: str | Path) -> None:
    infos = archive.infolist()
    if sorted(info.filename for info in infos) != [_JSON, _TENSORS]:
        raise _refusal(_NO_MODEL, path)
    declared = sum(info.file_size for info in infos)
    if declared > _MOST_BYTES or archive.getinfo(_JSON).file_size > _MOST_TEXT:
        raise _refusal("the model file is too large", path)
    methods = {info.compress_type for info in infos}
    if not methods <= {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise _refusal(_NO_MODEL, path)


def _unpacked(archive: zipfile.ZipFile, name: str) -> bytes:
    """One member, never more than the size that it declares."""
    with archive.open(name) as member:
        return member.read(archive.getinfo(name).file_size)


def _refusal(what: str, path: str | Path) -> ArtifactError:
    return ArtifactError(problem(what, got=str(path)))


def _describe(contents: Contents, tensors: Tensors) -> dict[str, Any]:
    bundle, sampler = contents.bundle, contents.sampler
    tensors.update(_flatten("teacher", bundle.teacher.layers))
    for name in ("weights", "means", "covariances"):
        tensors[f"mixture/{name}"] = getattr(bundle.teacher.mixture, name)
    for i, marginal in enumerate(bundle.marginals):
        tensors[f"marginal/{i}"] = marginal.counts
    for i, theta in enumerate(sampler.weights.thetas):
        tensors[f"theta/{i}"] = theta
    for j, column in enumerate(bundle.codec.columns):
        tensors.update(_inside_tensors(j, column.inside))
    return {
        "format": FORMAT,
        "version": VERSION,
        "schema": bundle.codec.schema.to_dict(),
        "statement": contents.statement.to_dict(),
        "wish": dataclasses.asdict(contents.wish),
        "settings": dataclasses.asdict(contents.settings),
        "n_hat": bundle.n_hat,
        "steps": [_steps(column.inside) for column in bundle.codec.columns],
        "marginals": [[list(m.columns), m.noise_stddev] for m in bundle.marginals],
        "cliques": [list(q) for q in sampler.weights.cliques],
        "log_cap": sampler.log_cap,
        "generator": _describe_generator(sampler.model, tensors),
        "redraw": _describe_redraw(sampler.redraw, tensors),
    }


def _describe_generator(
    model: Generator | Teacher, tensors: Tensors
) -> dict[str, Any] | None:
    if isinstance(model, Teacher):
        return None
    tensors.update(_flatten("generator", model.layers))
    return {"noise": model.shape.noise, "anchored": list(model.anchored)}


def _describe_redraw(redraw: Redraw | None, tensors: Tensors) -> dict[str, Any] | None:
    if redraw is None:
        return None
    tensors["redraw/cells"], tensors["redraw/probs"] = redraw.cells, redraw.probs
    return {"columns": list(redraw.columns), "strength": redraw.strength}


def _restore(facts: Mapping[str, Any], tensors: Tensors) -> Contents:
    settings = _settings(facts["settings"])
    codec = _codec(Schema.from_dict(facts["schema"]), facts["steps"], tensors)
    teacher = _teacher(codec, settings, tensors)
    marginals = _marginals(codec.sizes, facts["marginals"], tensors)
    bundle = Bundle(codec, teacher, marginals, checks.rows(facts["n_hat"]))
    sampler = Sampler(
        codec,
        _generator(facts["generator"], teacher, settings, tensors),
        _weights(codec.sizes, facts["cliques"], tensors),
        checks.log_cap(facts["log_cap"]),
        _redraw(facts["redraw"], codec.sizes, tensors),
    )
    wish = _wish(facts["wish"], codec.schema)
    checks.granted(wish, sampler)
    statement = Statement.from_dict(facts["statement"])
    return Contents(bundle, sampler, wish, settings, statement)


def _wish(raw: Mapping[str, Any], schema: Schema) -> Wish:
    wish = Wish(**{**raw, "sensitive": tuple(raw["sensitive"])})
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
    columns = tuple(
        _column(j, column, step, tensors)
        for j, (column, step) in enumerate(zip(schema.columns, steps, strict=True))
    )
    return Codec(columns, schema.declared_by)


def _column(j: int, column: Column, step: Any, tensors: Tensors) -> ColumnCodec:
    checks.require((step is None) == (column.kind != "numeric"), "steps do not fit")
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
    layers = _layers("teacher", "enc", enc, tensors)
    return Teacher(layers | _layers("teacher", "dec", dec, tensors), shape, mixture)


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
    layers = _layers("generator", "gen", sizes, tensors)
    return Generator(layers, shape, teacher, anchored)


def _redraw(
    facts: Mapping[str, Any] | None, sizes: Sizes, tensors: Tensors
) -> Redraw | None:
    if facts is None:
        return None
    columns = checks.positions(facts["columns"], len(sizes))
    count = cells(sizes, columns)
    table = checks.sized(tensors["redraw/cells"], (count, len(columns)), int)
    probs = checks.sized(tensors["redraw/probs"], (count,))
    redraw = Redraw(columns, table, probs, facts["strength"])
    checks.redraw(redraw, sizes)
    return redraw


def _marginals(
    sizes: Sizes, facts: Sequence[Any], tensors: Tensors
) -> tuple[Marginal, ...]:
    columns = [checks.positions(found, len(sizes)) for found, _stddev in facts]
    counts = _tables("marginal", sizes, columns, tensors)
    stddevs = [stddev for _found, stddev in facts]
    marginals = tuple(map(Marginal, columns, counts, stddevs))
    checks.marginals(marginals, len(sizes))
    return marginals


def _weights(sizes: Sizes, facts: Sequence[Any], tensors: Tensors) -> LogLinear:
    cliques = tuple(checks.positions(found, len(sizes)) for found in facts)
    return LogLinear(sizes, cliques, _tables("theta", sizes, cliques, tensors))


def _tables(
    root: str, sizes: Sizes, cliques: Sequence[Clique], tensors: Tensors
) -> tuple[np.ndarray, ...]:
    """One flat array of cells for each clique."""
    return tuple(
        checks.sized(tensors[f"{root}/{i}"], (cells(sizes, columns),))
        for i, columns in enumerate(cliques)
    )


def _layers(
    root: str, prefix: str, sizes: tuple[int, ...], tensors: Tensors
) -> dict[str, dict[str, np.ndarray]]:
    return {
        f"{prefix}{i}": {
            "w": checks.sized(tensors[f"{root}/{prefix}{i}/w"], (n_in, n_out)),
            "b": checks.sized(tensors[f"{root}/{prefix}{i}/b"], (n_out,)),
        }
        for i, (n_in, n_out) in enumerate(itertools.pairwise(sizes))
    }


def _flatten(root: str, layers: Mapping[str, Mapping[str, Any]]) -> Tensors:
    return {
        f"{root}/{name}/{part}": np.asarray(array)
        for name, layer in layers.items()
        for part, array in layer.items()
    }
