"""Releases of a fit: its first one, and others of the same released things.

Sees released things only; no release costs privacy.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable

from fairveil import _log
from fairveil.artifact import Contents
from fairveil.config import Fit, GanTraining
from fairveil.errors import ConfigError, problem
from fairveil.post.bundle import Bundle
from fairveil.post.finish import finish, trains
from fairveil.post.merge import merged
from fairveil.post.wish import Wish
from fairveil.privacy.statement import Statement
from fairveil.seeds import Seeds

Progress = Callable[[str, int, int], None]


def first(
    bundle: Bundle,
    wish: Wish,
    *,
    settings: Fit,
    statement: Statement,
    random_state: int | None,
    progress: Progress,
) -> tuple[Contents, ConfigError | None]:
    """The release that a fit ends with.

    Returns:
        The release; and where what was wished turns out impossible, why, beside a
        release without a promise: the budget is spent, so what it bought is kept.
    """
    began, seeds, refused = time.monotonic(), Seeds.of(random_state), None
    try:
        sampler = finish(
            bundle, wish, settings=settings, seeds=seeds, progress=progress
        )
    except ConfigError as error:
        what = f"{str(error).rstrip('.')}. The fit is done, and kept without a promise"
        refused = ConfigError(problem(what, try_="refine with other settings"))
        wish = Wish(
            fairness=None,
            sensitive=wish.sensitive,
            strength=1.0,
            generator="decoder",
        )
        sampler = finish(
            bundle, wish, settings=settings, seeds=seeds, progress=progress
        )
    _told("release made", wish, began)
    return Contents(bundle, sampler, wish, settings, statement), refused


def another(
    contents: Contents,
    wish: Wish,
    *,
    clusters: int | None,
    gan: GanTraining | None,
    random_state: int | None,
    progress: Progress,
) -> Contents:
    """Another release; a trained generator is kept where it will do.

    Raises:
        SchemaError: the wish names a column that is not there.
        ConfigError: clusters or shares that this fit cannot have.
    """
    began = time.monotonic()
    wish.check_columns(contents.bundle.codec.names)
    bundle, settings = contents.bundle, contents.settings
    if clusters is not None:
        mixture = merged(bundle.teacher.mixture, clusters)
        teacher = dataclasses.replace(bundle.teacher, mixture=mixture)
        bundle = dataclasses.replace(bundle, teacher=teacher)
    if gan is not None:
        settings = dataclasses.replace(settings, gan=gan)
    same = clusters is None and gan is None
    same = same and wish.generator == contents.wish.generator
    kept = same and not (trains(wish) or trains(contents.wish))
    sampler = finish(
        bundle,
        wish,
        settings=settings,
        seeds=Seeds.of(random_state),
        progress=progress,
        earlier=contents.sampler if kept else None,
    )
    _told("release refined", wish, began)
    return dataclasses.replace(
        contents, bundle=bundle, sampler=sampler, wish=wish, settings=settings
    )


def _told(event: str, wish: Wish, began: float) -> None:
    """Log a release; its time follows from released things."""
    seconds = round(time.monotonic() - began, 1)
    _log.tell(event, fairness=wish.fairness, generator=wish.generator, seconds=seconds)
