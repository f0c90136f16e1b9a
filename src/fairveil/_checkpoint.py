"""The checkpoint of a fit: what its budget has bought, kept until the release is made.

Holds released and public things only, as a model file does: it is written when the last
event of the private stage is over, and everything behind it is post-processing. So a
fit that dies while it trains its generator goes on from here (``FairVeil.resume``)
without spending again, as often as anybody likes.

There is no checkpoint inside the private stage. A fit that dies there is charged for
what its ledger file holds and starts anew with fresh noise: a state from which it could
go on would have to hold rows, or noise that was drawn for them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairveil import (
    _artifact_checks as checks,
    _artifact_zip as container,
    _files,
    _log,
    artifact,
    config,
)
from fairveil.errors import ArtifactError, ConfigError, problem
from fairveil.post.bundle import Bundle
from fairveil.post.wish import Wish
from fairveil.privacy.statement import Statement
from fairveil.tables.kinds import KINDS


@dataclass(frozen=True)
class Part:
    """A paid fit whose release is still to be made.

    Attributes:
        bundle: what the private stage released.
        settings: constants of the fit.
        statement: the privacy statement; it is final.
        wish: what the release is asked to be.
        random_state: seed of post-processing, or None.
        frame: kind of frame that was fitted (public).
    """

    bundle: Bundle
    settings: config.Fit
    statement: Statement
    wish: Wish
    random_state: int | None
    frame: str = KINDS[0]


def check(path: str | Path | None) -> None:
    """Refuse a place where an earlier fit's checkpoint lies, before anything is spent.

    Raises:
        ConfigError: the file exists, or its folder does not.
    """
    if path is None:
        return
    file = Path(path)
    if file.exists():
        raise ConfigError(
            problem(
                "the checkpoint file exists; it may be a paid fit",
                got=str(path),
                try_="fairveil resume with it, or another name",
            )
        )
    if not file.parent.is_dir():
        raise ConfigError(
            problem("the folder of the checkpoint does not exist", got=str(file.parent))
        )


def save(path: str | Path, part: Part) -> None:
    """Write a checkpoint, whole or not at all.

    Raises:
        ArtifactError: the path cannot be written.
    """
    tensors: artifact.Tensors = {}
    facts = _describe(part, tensors)
    try:
        _files.write_whole(path, container.pack(facts, tensors))
    except OSError:
        what = "the checkpoint cannot be written"
        raise ArtifactError(problem(what, got=str(path))) from None


def keep(path: str | Path | None, part: Part) -> bool:
    """Write a checkpoint if a path is given; whether there is one now.

    A paid fit does not fail because its checkpoint does: that is logged as a warning,
    which Python shows where nobody listens.
    """
    if path is None:
        return False
    try:
        save(path, part)
    except ArtifactError:
        _log.LOGGER.warning(
            "the checkpoint cannot be written; the fit goes on without it"
        )
        return False
    _log.tell("checkpoint written")
    return True


def load(path: str | Path) -> Part:
    """Read a checkpoint written by ``save``.

    Raises:
        ArtifactError: no such file, not a checkpoint, damaged, or of an unknown
            version.
    """
    return artifact.opened(path, artifact.PART, _restore, _describe)


def _describe(part: Part, tensors: artifact.Tensors) -> dict[str, Any]:
    return {
        "format": artifact.PART,
        **artifact.describe_paid(part.bundle, part.settings, part.statement, tensors),
        "wish": dataclasses.asdict(part.wish),
        "random_state": part.random_state,
        "frame": part.frame,
    }


def _restore(facts: Mapping[str, Any], tensors: artifact.Tensors) -> Part:
    bundle, settings, statement = artifact.restore_paid(facts, tensors)
    wish = artifact.wish_of(facts["wish"], bundle.codec.schema)
    seed = facts["random_state"]
    checks.require(seed is None or (type(seed) is int and seed >= 0), "seed is none")
    checks.require(facts["frame"] in KINDS, "no such kind of frame")
    return Part(bundle, settings, statement, wish, seed, facts["frame"])
