"""The model file: one zip of JSON and safetensors, versioned, without pickle.

Holds released and public things only: schema, statement, networks, noisy marginals,
calibration weights. Reading refuses other members, other versions, sizes beyond the
limits and arrays that do not fit together; nothing in a file is executed.
"""

from __future__ import annotations

import dataclasses
import io
import itertools
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors, save as save_tensors

from fairveil import config
from fairveil._types import Codes
from fairveil.bins import Bins
from fairveil.codec import Codec, ColumnCodec, Inside
from fairveil.errors import ArtifactError, FairveilError, problem
from fairveil.marginals import Marginal, cells
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
from fairveil.schema import Schema

FORMAT = "fairveil-model"
VERSION = 1
_JSON, _TENSORS = "model.json", "tensors.safetensors"
_MOST_BYTES = 1 << 30
_EPOCH = (1980, 1, 1, 0, 0, 0)  # equal models give equal files

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
        raise ArtifactError(
            problem("the model file cannot be written", got=str(path))
        ) from None


def load(path: str | Path) -> Contents:
    """Read a model file written by ``save``.

    Raises:
        ArtifactError: no such file, not a model, damaged, or of an unknown version.
    """
    text, data = _members(path)
    try:
        facts = json.loads(text)
        _check_version(facts)
        return _restore(facts, load_tensors(data))
    except ArtifactError:
        raise
    except (
        FairveilError,
        SafetensorError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        IndexError,
    ):
        raise ArtifactError(
            problem("the model file is damaged", got=str(path))
        ) from None


def _check_version(facts: Mapping[str, Any]) -> None:
    found = facts.get("format"), facts.get("version")
    if found != (FORMAT, VERSION):
        raise ArtifactError(
            problem(
                "the model file's format is unknown",
                got=found,
                try_=f"a {FORMAT} file of version {VERSION}",
            )
        )


def _members(path: str | Path) -> tuple[bytes, bytes]:
    try:
        with zipfile.ZipFile(path) as archive:
            infos = {info.filename: info for info in archive.infolist()}
            if set(infos) != {_JSON, _TENSORS}:
                raise ArtifactError(
                    problem("this is not a fairveil model", got=str(path))
                )
            if sum(info.file_size for info in infos.values()) > _MOST_BYTES:
                raise ArtifactError(
                    problem("the model file is too large", got=str(path))
                )
            return archive.read(_JSON), archive.read(_TENSORS)
    except OSError:
        raise ArtifactError(
            problem("the model file cannot be read", got=str(path))
        ) from None
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError):
        raise ArtifactError(
            problem("this is not a fairveil model", got=str(path))
        ) from None


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
    marginals = tuple(
        _marginal(codec, tuple(columns), stddev, tensors[f"marginal/{i}"])
        for i, (columns, stddev) in enumerate(facts["marginals"])
    )
    bundle = Bundle(codec, teacher, marginals, int(facts["n_hat"]))
    cliques = tuple(tuple(q) for q in facts["cliques"])
    thetas = tuple(
        _sized(tensors[f"theta/{i}"], (cells(codec.sizes, q),))
        for i, q in enumerate(cliques)
    )
    sampler = Sampler(
        codec,
        _generator(facts["generator"], teacher, settings, tensors),
        LogLinear(codec.sizes, cliques, thetas),
        float(facts["log_cap"]),
        _redraw(facts["redraw"], codec, tensors),
    )
    raw = facts["wish"]
    wish = Wish(**{**raw, "sensitive": tuple(raw["sensitive"])})
    return Contents(
        bundle, sampler, wish, settings, Statement.from_dict(facts["statement"])
    )


def _settings(raw: Mapping[str, Any]) -> config.Fit:
    parts = {
        part.name: part.default_factory(**_tuples(raw[part.name]))  # type: ignore[misc]
        for part in dataclasses.fields(config.Fit)
    }
    return config.Fit(**parts)


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


def _codec(schema: Schema, steps: list[Any], tensors: Tensors) -> Codec:
    columns = []
    for j, (column, step) in enumerate(zip(schema.columns, steps, strict=True)):
        if step is None:
            columns.append(ColumnCodec(column))
            continue
        bins, grid = (
            Bins(tensors[f"{kind}/{j}/lows"], tensors[f"{kind}/{j}/highs"], width)
            for kind, width in zip(("bins", "grid"), step, strict=True)
        )
        label = _sized(tensors[f"grid/{j}/label"], (len(grid),))
        mass = _sized(tensors[f"grid/{j}/mass"], (len(grid),))
        columns.append(ColumnCodec(column, bins, Inside(bins, grid, label, mass)))
    return Codec(tuple(columns))


def _teacher(codec: Codec, settings: config.Fit, tensors: Tensors) -> Teacher:
    latent = settings.vae.latent
    shape = VaeShape(
        blocks=Blocks(codec.sizes), hidden=settings.vae.hidden, latent=latent
    )
    clusters = len(tensors["mixture/weights"])
    mixture = Mixture(
        tensors["mixture/weights"],
        _sized(tensors["mixture/means"], (clusters, latent)),
        _sized(tensors["mixture/covariances"], (clusters, latent, latent)),
    )
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
    shape = GanShape(
        blocks=teacher.shape.blocks,
        latent=teacher.shape.latent,
        clusters=teacher.mixture.clusters,
        noise=int(facts["noise"]),
        hidden=teacher.shape.hidden[::-1],
        extra=settings.gan.extra,
        critic=settings.gan.critic,
    )
    wider = (h + shape.extra for h in shape.hidden)
    sizes = (shape.guide, *wider, shape.blocks.width)
    layers = _layers("generator", "gen", sizes, tensors)
    return Generator(layers, shape, teacher, tuple(facts["anchored"]))


def _redraw(
    facts: Mapping[str, Any] | None, codec: Codec, tensors: Tensors
) -> Redraw | None:
    if facts is None:
        return None
    columns = tuple(int(c) for c in facts["columns"])
    count = cells(codec.sizes, columns)
    table: Codes = _sized(tensors["redraw/cells"], (count, len(columns)))
    probs = _sized(tensors["redraw/probs"], (count,))
    return Redraw(columns, table, probs, float(facts["strength"]))


def _marginal(
    codec: Codec, columns: tuple[int, ...], stddev: float, counts: np.ndarray
) -> Marginal:
    return Marginal(columns, _sized(counts, (cells(codec.sizes, columns),)), stddev)


def _layers(
    root: str, prefix: str, sizes: tuple[int, ...], tensors: Tensors
) -> dict[str, dict[str, np.ndarray]]:
    return {
        f"{prefix}{i}": {
            "w": _sized(tensors[f"{root}/{prefix}{i}/w"], (n_in, n_out)),
            "b": _sized(tensors[f"{root}/{prefix}{i}/b"], (n_out,)),
        }
        for i, (n_in, n_out) in enumerate(itertools.pairwise(sizes))
    }


def _sized(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The array, if it has this shape and only finite numbers."""
    if array.shape != shape or not np.isfinite(array).all():
        raise ArtifactError(problem("an array of the model file has the wrong shape"))
    return array


def _flatten(root: str, layers: Mapping[str, Mapping[str, Any]]) -> Tensors:
    return {
        f"{root}/{name}/{part}": np.asarray(array)
        for name, layer in layers.items()
        for part, array in layer.items()
    }
