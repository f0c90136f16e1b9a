"""From a bundle of released things to a sampler, for one fairness mode.

Sees released things only: it may be run again with another mode at no privacy cost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jax
import numpy as np

from fairveil._types import Codes
from fairveil.codec import Codec
from fairveil.config import Fit
from fairveil.marginals import Clique, Marginal
from fairveil.post.calibrate import Pool
from fairveil.post.fit_gan import fit_gan
from fairveil.post.generator import Generator, RowSource
from fairveil.post.sample import Redraw, Sampler, choose_cap
from fairveil.post.targets import Target, independent_targets, targets_of
from fairveil.post.teacher import Teacher
from fairveil.seeds import Seeds

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Bundle:
    """Everything that the private stage released.

    Attributes:
        codec: columns with their measured bins.
        teacher: VAE and mixture.
        marginals: all noisy marginals, one-ways first.
        n_hat: noisy number of rows.
    """

    codec: Codec
    teacher: Teacher
    marginals: tuple[Marginal, ...]
    n_hat: int

    @property
    def targets(self) -> list[Target]:
        """The marginals as probabilities."""
        return targets_of(self.marginals, self.n_hat)


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the release should be.

    Attributes:
        fairness: None, ``redraw`` or ``independence``.
        sensitive: names of the sensitive columns.
        strength: 0 to 1.
        generator: ``wgan`` or ``decoder``.
    """

    fairness: str | None
    sensitive: tuple[str, ...]
    strength: float
    generator: str


def finish(
    bundle: Bundle, wish: Wish, *, settings: Fit, seeds: Seeds, progress: Progress
) -> Sampler:
    """Train the generator and the fairness critic, calibrate, choose the cap."""
    own = tuple(sorted(bundle.codec.index(name) for name in wish.sensitive))
    guarded = own if wish.fairness == "independence" else ()
    teacher_pool = _raked_teacher(bundle, settings, seeds)
    rng = seeds.generator("real side")
    real = teacher_pool.draw(settings.calibration.pool // 2, rng)
    targets: Sequence[Target] = bundle.targets
    redraw = None
    if guarded:
        real = _set_apart(real, guarded, wish.strength, rng)
        targets = independent_targets(
            targets,
            bundle.codec.sizes,
            guarded,
            strength=wish.strength,
            joint=teacher_pool.probs,
        )
    elif own and wish.fairness == "redraw":
        redraw = _redraw(teacher_pool, own, wish.strength)
    model: Generator | Teacher = bundle.teacher
    if wish.generator == "wgan":
        model = fit_gan(
            bundle.teacher,
            real,
            targets,
            sensitive=guarded,
            strength=wish.strength,
            training=settings.gan,
            key=jax.random.key(seeds.number("gan")),
            progress=lambda done, total: progress("generator", done, total),
        )
    return _calibrated(
        bundle, model, targets, redraw=redraw, settings=settings, seeds=seeds
    )


def _raked_teacher(bundle: Bundle, settings: Fit, seeds: Seeds) -> Pool:
    """Teacher rows raked to the joint as measured."""
    source = RowSource(bundle.teacher, seeds.number("teacher pool"))
    pool = Pool(source.rows(settings.calibration.pool), bundle.codec.sizes)
    pool.rake(
        bundle.targets,
        sweeps=settings.calibration.sweeps,
        softness=settings.calibration.softness,
        least_stddev=settings.calibration.least_stddev,
    )
    return pool


def _calibrated(  # noqa: PLR0917  (the last step needs all that was made)
    bundle: Bundle,
    model: Generator | Teacher,
    targets: Sequence[Target],
    redraw: Redraw | None,
    settings: Fit,
    seeds: Seeds,
) -> Sampler:
    calibration = settings.calibration
    source = RowSource(model, seeds.number("calibration pool"))
    pool = Pool(source.rows(calibration.pool), bundle.codec.sizes)
    pool.rake(
        targets,
        sweeps=calibration.sweeps,
        softness=calibration.softness,
        least_stddev=calibration.least_stddev,
    )
    weights = pool.model()
    cap = choose_cap(weights.log_weights(pool.codes), calibration)
    return Sampler(bundle.codec, model, weights, cap, redraw)


def _set_apart(
    real: Codes, own: Clique, strength: float, rng: np.random.Generator
) -> Codes:
    """Teacher rows whose sensitive columns, for a share of rows, come from others."""
    out = real.copy()
    moved = np.flatnonzero(rng.random(len(real)) < strength)
    positions = np.array(own)
    out[moved[:, None], positions] = real[rng.permutation(moved)[:, None], positions]
    return out


def _redraw(pool: Pool, own: Clique, strength: float) -> Redraw:
    """Joint shares of the sensitive columns, as the raked teacher has them."""
    probs = pool.probs(own)
    shape = tuple(pool.sizes[c] for c in own)
    cells = np.stack(np.unravel_index(np.arange(len(probs)), shape), axis=1)
    return Redraw(own, cells.astype(np.int32), probs / probs.sum(), strength)
