"""From a bundle of released things to a sampler, for one fairness mode.

Sees released things only: it may be run again with another mode at no privacy cost.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jax
import numpy as np

from fairveil._types import Codes
from fairveil.codec import Codec
from fairveil.config import Fit
from fairveil.marginals import Clique, Marginal, Sizes, cells
from fairveil.post.calibrate import Pool
from fairveil.post.fit_gan import fit_gan
from fairveil.post.generator import Generator, RowSource
from fairveil.post.sample import Redraw, Sampler
from fairveil.post.targets import Target, independent_targets, targets_of
from fairveil.post.teacher import Teacher
from fairveil.seeds import Seeds

_MOST_TRIPLES = 400  # of the counts that a release is balanced by
_PAIR_CELLS, _TRIPLE_CELLS = 100_000, 20_000  # larger marginals would fill the memory

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Bundle:
    """Everything that the private stage released.

    Attributes:
        codec: columns with their measured bins.
        teacher: VAE and mixture.
        marginals: all noisy marginals, one-ways first.
        rows: rows (n, columns) of the model that was fitted to the marginals.
        n_hat: noisy number of rows.
    """

    codec: Codec
    teacher: Teacher
    marginals: tuple[Marginal, ...]
    rows: Codes
    n_hat: int

    @property
    def joint_measured(self) -> bool:
        """Whether any marginal of several columns was measured."""
        return any(len(m.columns) > 1 for m in self.marginals)

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
    """Train the generator and the fairness critic, and fit the weights of its rows."""
    own = positions(bundle, wish)
    guarded = own if wish.fairness == "independence" else ()
    sizes, rng = bundle.codec.sizes, seeds.generator("real side")
    real, targets = _believed(bundle, seeds), bundle.targets
    believed, wanted = Pool(real, sizes), wanted_of(bundle, wish)
    stddev = settings.calibration.unmeasured_stddev
    pairs = [Target(t.columns, t.probs, stddev) for t in wanted if _is_pair(t)]
    redraw = None
    if guarded:
        real = _set_apart(real, guarded, wish.strength, rng)
        targets = independent_targets(
            targets,
            sizes=sizes,
            sensitive=guarded,
            strength=wish.strength,
            joint=believed.probs,
        )
    elif own and wish.fairness == "redraw":
        redraw = _redraw(believed, own, wish.strength)
    model: Generator | Teacher = bundle.teacher
    if wish.generator == "wgan":
        model = fit_gan(
            bundle.teacher,
            real,
            [*(t for t in targets if len(t.columns) == 1), *pairs],
            sensitive=guarded,
            strength=wish.strength,
            training=settings.gan,
            key=jax.random.key(seeds.number("gan")),
            progress=lambda done, total: progress("generator", done, total),
        )
    source = RowSource(model, seeds.number("calibration pool"), sizes)
    rng = seeds.generator("calibration")
    pool = calibrated(source, sizes, targets, pairs, settings=settings, rng=rng)
    return Sampler(
        bundle.codec,
        model,
        pool.model(),
        settings.calibration.sweeps,
        wanted,
        settings.calibration.choices,
        redraw,
    )


def positions(bundle: Bundle, wish: Wish) -> Clique:
    """The sensitive columns, rising."""
    return tuple(sorted(bundle.codec.index(name) for name in wish.sensitive))


def wanted_of(bundle: Bundle, wish: Wish) -> tuple[Target, ...]:
    """Marginals of the marginal model that a release is to have.

    All one-ways, all pairs but huge ones, what was measured, and of the triples as many
    as are quickly watched; in the mode ``independence`` with the sensitive columns set
    apart. Where no marginal of several columns was measured, that model has independent
    columns: the one-ways alone.
    """
    sizes = bundle.codec.sizes
    cliques: list[Clique] = [(j,) for j in range(len(sizes))]
    if bundle.joint_measured:
        pairs = itertools.combinations(range(len(sizes)), 2)
        cliques += [q for q in pairs if cells(sizes, q) <= _PAIR_CELLS]
        more = [*(m.columns for m in bundle.marginals), *_triples(sizes)]
        cliques = list(dict.fromkeys([*cliques, *more]))
    pool = Pool(bundle.rows, sizes)
    wanted = [Target(q, pool.probs(q), 0.0) for q in cliques]
    if wish.fairness == "independence" and bundle.joint_measured:
        wanted = independent_targets(
            wanted,
            sizes=sizes,
            sensitive=positions(bundle, wish),
            strength=wish.strength,
            joint=pool.probs,
        )
    return tuple(wanted)


def _triples(sizes: Sizes) -> list[Clique]:
    """Triples of not too many cells; of more than enough, always the same ones."""
    columns = itertools.combinations(range(len(sizes)), 3)
    found = [q for q in columns if cells(sizes, q) <= _TRIPLE_CELLS]
    if len(found) <= _MOST_TRIPLES:
        return found
    rng = np.random.default_rng(0)  # public: depends on the number of triples alone
    kept = rng.choice(len(found), _MOST_TRIPLES, replace=False)
    return [found[i] for i in np.sort(kept)]


def _is_pair(target: Target) -> bool:
    _first, *more = target.columns
    return len(more) == 1


def _believed(bundle: Bundle, seeds: Seeds) -> Codes:
    """Rows of the best model of the joint: of the marginals, or else of the teacher.

    Where no marginal of several columns was measured, the marginal model's columns are
    independent, and only the teacher knows what goes together.
    """
    sizes = bundle.codec.sizes
    if len(sizes) == 1 or bundle.joint_measured:
        return bundle.rows
    source = RowSource(bundle.teacher, seeds.number("teacher rows"), sizes)
    return source.rows(len(bundle.rows))[0]


def calibrated(
    source: RowSource,
    sizes: Sizes,
    targets: Sequence[Target],
    pairs: Sequence[Target],
    *,
    settings: Fit,
    rng: np.random.Generator,
) -> Pool:
    """Rows of a model with the weights that bring them to the targets.

    Each iteration sweeps the same first rows anew under the weights so far, as a
    release will sweep its own; what the last sweeps left undone is in the weights.

    Args:
        source: fresh rows of the model.
        sizes: number of codes of each column.
        targets: measured marginals.
        pairs: what the marginal model says of pairs; those that were not measured and
            where the rows are farthest from it become targets too.
        settings: constants.
        rng: randomness.
    """
    wish = settings.calibration
    codes, base = source.rows(wish.pool)
    pool = Pool(codes, sizes, base)
    wanted = [*targets, *_farthest(pool, targets, pairs, wish.most_pairs)]
    for done in range(wish.iterations):
        if done:
            pool.restart(wish.sweeps, rng)
        pool.rake(
            wanted, sweeps=2, softness=wish.softness, least_stddev=wish.least_stddev
        )
    pool.temper()
    return pool


def _farthest(
    pool: Pool, targets: Sequence[Target], pairs: Sequence[Target], most: int
) -> list[Target]:
    """The unmeasured pairs that differ most from the rows at hand."""
    measured = {t.columns for t in targets}
    left = [t for t in pairs if t.columns not in measured]
    gap = [float(np.abs(t.probs - pool.probs(t.columns)).sum()) for t in left]
    return [left[i] for i in np.argsort(gap)[::-1][:most]]


def _set_apart(
    real: Codes, own: Clique, strength: float, rng: np.random.Generator
) -> Codes:
    """Rows whose sensitive columns, for a share of rows, come from other rows."""
    out = real.copy()
    moved = np.flatnonzero(rng.random(len(real)) < strength)
    positions = np.array(own)
    out[moved[:, None], positions] = real[rng.permutation(moved)[:, None], positions]
    return out


def _redraw(pool: Pool, own: Clique, strength: float) -> Redraw:
    """Joint shares of the sensitive columns, as the believed rows have them."""
    probs = pool.probs(own)
    shape = tuple(pool.sizes[c] for c in own)
    joint = np.stack(np.unravel_index(np.arange(len(probs)), shape), axis=1)
    return Redraw(own, joint.astype(np.int32), probs / probs.sum(), strength)
