"""From a bundle of released things to a sampler, for one fairness mode.

Sees released things only: it may be run again with another mode at no privacy cost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import jax
import numpy as np

from fairveil._cliques import cliques_of
from fairveil._types import Codes, Floats
from fairveil.config import Fit
from fairveil.errors import ConfigError, problem
from fairveil.marginals import Clique, Sizes
from fairveil.post import outcome
from fairveil.post.bundle import Bundle
from fairveil.post.calibrate import Pool
from fairveil.post.fit_gan import fit_gan
from fairveil.post.generator import Generator, RowSource
from fairveil.post.outcome import Outcome
from fairveil.post.roles import loosening_of, positions, redrawing, roles_of
from fairveil.post.sample import Sampler
from fairveil.post.targets import Target, independent_targets
from fairveil.post.teacher import Teacher
from fairveil.post.wish import Wish
from fairveil.seeds import Seeds

_MOST_PAIRS = 500  # of the counts that a release is balanced by: all of 32 columns
_MOST_TRIPLES = 100  # more of them; each costs time in every row
_PAIR_CELLS, _TRIPLE_CELLS = 100_000, 20_000  # larger marginals would fill the memory
_POOL_CELLS, _LEAST_POOL = 100_000_000, 4_000  # of rows with their probabilities
_TAUGHT_ROWS = 40_000  # of a release, that ``outcome`` learns from

Progress = Callable[[str, int, int], None]


def finish(
    bundle: Bundle,
    wish: Wish,
    *,
    settings: Fit,
    seeds: Seeds,
    progress: Progress,
    earlier: Sampler | None = None,
) -> Sampler:
    """Make a release: train its generator, then add what its promise needs.

    Args:
        bundle: what the private stage released.
        wish: what the release should be.
        settings: constants.
        seeds: randomness.
        progress: called with (stage, done, total).
        earlier: another release of the bundle whose generator will do; see ``trains``.

    Raises:
        ConfigError: shares that the release cannot have.
    """
    raked = settings.calibration.iterations > 0 or wish.fairness != "independence"
    if wish.shares != "kept" and not raked:
        what = "without calibration, 'independence' cannot set shares"
        raise ConfigError(problem(what, try_="fairness='redraw'"))
    believed = _believed(bundle, seeds)
    if earlier is None:
        earlier = _trained(
            bundle, wish, believed, settings=settings, seeds=seeds, progress=progress
        )
    redraw = redrawing(bundle, wish, believed) if wish.ends_apart else None
    loosen = loosening_of(bundle, wish)
    sampler = replace(earlier, redraw=redraw, outcome=None, loosen=loosen)
    if wish.fairness != "outcome":
        return sampler
    return replace(sampler, outcome=_outcome(bundle, wish, sampler, seeds))


def trains(wish: Wish) -> bool:
    """Whether the generator itself is trained for the promise."""
    return wish.fairness == "independence"


def _trained(
    bundle: Bundle,
    wish: Wish,
    believed: Codes,
    *,
    settings: Fit,
    seeds: Seeds,
    progress: Progress,
) -> Sampler:
    """The generator, with the fairness critic where it is guarded, and its weights."""
    guarded = positions(bundle, wish.sensitive) if trains(wish) else ()
    sizes, targets, given = bundle.codec.sizes, bundle.targets, None
    wanted, real = wanted_of(bundle, wish), believed
    stddev = settings.calibration.unmeasured_stddev
    pairs = [Target(t.columns, t.probs, stddev) for t in wanted if _is_pair(t)]
    if guarded:
        targets = _set_apart(targets, bundle, wish, believed)
        redraw = redrawing(bundle, wish, believed)
        real, given = redraw.apply(real, seeds.generator("real side")), redraw.given
    model: Generator | Teacher = bundle.teacher
    if wish.generator == "wgan":
        model = fit_gan(
            bundle.teacher,
            real,
            [*(t for t in targets if len(t.columns) == 1), *pairs],
            sensitive=guarded,
            strength=wish.strength,
            given=given,
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
    )


def _outcome(bundle: Bundle, wish: Wish, sampler: Sampler, seeds: Seeds) -> Outcome:
    """How the target of this release has to be drawn."""
    return outcome.fitted(
        sampler.codes(_TAUGHT_ROWS, Seeds(seeds.number("outcome rows"))),
        bundle.codec.sizes,
        roles_of(bundle, wish),
        strength=wish.strength,
        blind=wish.blind,
        seed=seeds.number("outcome"),
    )


def wanted_of(bundle: Bundle, wish: Wish) -> tuple[Target, ...]:
    """Marginals of the marginal model that a release is to have.

    All one-ways, what was measured, and of the pairs and triples but huge ones as many
    as are quickly watched; in the mode ``independence`` with the sensitive columns set
    apart. Where no marginal of several columns was measured, that model has independent
    columns: the one-ways alone.
    """
    sizes = bundle.codec.sizes
    cliques: list[Clique] = [(j,) for j in range(len(sizes))]
    if bundle.joint_measured:
        cliques += _some(sizes, 2, _PAIR_CELLS, _MOST_PAIRS)
        cliques += [m.columns for m in bundle.marginals]
        cliques += _some(sizes, 3, _TRIPLE_CELLS, _MOST_TRIPLES)
        cliques = list(dict.fromkeys(cliques))
    pool = Pool(bundle.rows, sizes)
    wanted = [Target(q, pool.probs(q), 0.0) for q in cliques]
    if wish.fairness == "independence" and bundle.joint_measured:
        wanted = _set_apart(wanted, bundle, wish, bundle.rows)
    return tuple(wanted)


def _some(sizes: Sizes, ways: int, most_cells: int, most: int) -> list[Clique]:
    """Sets of not too many cells; of more than enough, always the same ones."""
    rng = np.random.default_rng(0)  # public: depends on the number of sets alone
    return cliques_of(
        sizes,
        ways,
        most_cells=most_cells,
        most=most,
        words=lambda n: rng.integers(0, 2**63, n, dtype=np.uint64),
        choose=lambda n, k: np.sort(rng.choice(n, k, replace=False)),
    )


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
    codes, base = source.rows(_pool_rows(wish.pool, sum(sizes)))
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


def _pool_rows(wished: int, width: int) -> int:
    """Rows that the weights are fitted on: fewer where wide ones would fill memory."""
    return min(wished, max(_POOL_CELLS // width, _LEAST_POOL))


def _farthest(
    pool: Pool, targets: Sequence[Target], pairs: Sequence[Target], most: int
) -> list[Target]:
    """The unmeasured pairs that differ most from the rows at hand."""
    measured = {t.columns for t in targets}
    left = [t for t in pairs if t.columns not in measured]
    gap = [float(np.abs(t.probs - pool.probs(t.columns)).sum()) for t in left]
    return [left[i] for i in np.argsort(gap)[::-1][:most]]


def _set_apart(
    targets: Sequence[Target], bundle: Bundle, wish: Wish, believed: Codes
) -> list[Target]:
    """Marginals on the way to a release whose sensitive columns stand apart."""
    sizes = bundle.codec.sizes
    law: Callable[[Clique], Floats] | None = None
    if wish.legitimate or wish.shares != "kept":
        drawn = redrawing(bundle, wish, believed)
        law = partial(drawn.law, believed, sizes)

    return independent_targets(
        targets,
        sizes=sizes,
        sensitive=positions(bundle, wish.sensitive),
        strength=wish.strength,
        joint=Pool(believed, sizes).probs,
        law=law,
    )
