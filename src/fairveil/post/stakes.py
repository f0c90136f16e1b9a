"""What the game of ``post.fit_gan`` is played for: constants, and released arrays.

Sees released things and rows drawn from them only. ``Rules`` are what a game is
compiled for, ``Held`` is what a fit brings along: games of the same rules share their
compiled steps, in a process and, by JAX's cache of compilations, between processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from fairveil._types import Codes, Params
from fairveil.config import GanTraining
from fairveil.nn import fair, vae, wgan
from fairveil.nn.blocks import Blocks
from fairveil.nn.layers import Array, put
from fairveil.nn.mixture import assign_parameters, parameters
from fairveil.post.generator import Prior, Shapes
from fairveil.post.groups import System, shares
from fairveil.post.targets import Target
from fairveil.post.teacher import Teacher

_PAIR = 2
_ASKED = 16_384  # rows of the teacher that tell the usual shares of a cell


@dataclass(frozen=True)
class Rules:
    """What is constant in a game: sizes, training, who is sensitive.

    Attributes:
        shape: of the generator and its critic.
        teacher: of the released VAE.
        training: constants.
        sensitive: positions of the columns that the fairness critic guards.
        legitimate: positions of the columns whose cell its answer may depend on.
        guarded: whether there is a fairness critic.
    """

    shape: wgan.GanShape
    teacher: vae.VaeShape
    training: GanTraining
    sensitive: tuple[int, ...]
    legitimate: tuple[int, ...]
    guarded: bool

    @property
    def anchored(self) -> tuple[int, ...]:
        """Columns that keep the guiding teacher draw's value."""
        return tuple(sorted((*self.sensitive, *self.legitimate)))

    @property
    def shapes(self) -> Shapes:
        """What ``generator.log_probs`` has to know."""
        return self.shape, self.teacher, self.anchored

    @property
    def fair(self) -> fair.FairShape:
        """Sizes of the fairness critic."""
        return fair.FairShape(
            blocks=self.shape.blocks,
            sensitive=self.sensitive,
            clusters=self.shape.clusters,
            hidden=self.training.fair_critic,
        )


class Held(NamedTuple):
    """What a fit brings to the table; arrays only.

    Attributes:
        real: codes of the critic's real side (rows, columns).
        taught: the teacher's parameters.
        prior, clusters: its mixture, to draw from and to assign by.
        wanted, weight, radius: see ``wide_targets``.
        strength: weight of what the fairness critic knows.
        usual: log-shares of each head's classes in each cell, each (cells, classes).
        parts, levels: of the legitimate columns' ``System``.
    """

    real: Array
    taught: Params
    prior: Prior
    clusters: tuple[Array, Array, Array]
    wanted: Array
    weight: Array
    radius: Array
    strength: Array
    usual: list[Array]
    parts: list[Array]
    levels: list[Array]


def held(
    rules: Rules,
    teacher: Teacher,
    real: Codes,
    targets: Sequence[Target],
    *,
    strength: float,
    given: System | None,
    rng: np.random.Generator,
) -> Held:
    """The arrays of a game; ``rng`` draws the rows that tell the usual shares."""
    wanted, weight, radius = wide_targets(targets, rules.shape.blocks)
    usual, parts, levels = [], [], []
    if given is not None and rules.legitimate:
        if rules.guarded:
            rows = np.asarray(teacher.batch(rng, _ASKED)[0])
            usual = [put(t) for t in _usual(rules.fair, given, rows)]
        parts = [put(np.asarray(part, np.int32)) for part in given.parts]
        levels = [
            put(np.asarray(level if len(level) else [-1], np.int32))
            for level in given.levels
        ]
    return Held(
        put(real),
        teacher.layers,
        parameters(teacher.mixture),
        assign_parameters(teacher.mixture),
        wanted,
        weight,
        radius,
        put(np.float32(strength * rules.training.fairness)),
        usual,
        parts,
        levels,
    )


def _usual(shape: fair.FairShape, given: System, taught: Codes) -> list[np.ndarray]:
    """Log-shares of each head's classes in each cell, (cells, classes).

    Of rows of the teacher, whose draws are what the critic learns; a cell that none of
    them is in has the shares of all.
    """
    labels, cell = np.asarray(shape.labels(jnp.asarray(taught))), given.of(taught)
    out = []
    for i, size in enumerate(shape.heads):
        mine = labels[:, i].astype(np.int64)
        table = shares(mine, size, cell, given.count)
        table[table.sum(axis=1) == 0] = np.bincount(mine, minlength=size) / len(mine)
        out.append(np.log(table + 1e-4))
    return out


def cells(rules: Rules, held: Held, codes: Array) -> Array:
    """``System.of`` of the legitimate columns where codes are traced."""
    rest = held.usual[0].shape[0] - 1  # the rest is the last group
    place = jnp.zeros(codes.shape[0], jnp.int32)
    for column, part, known in zip(
        rules.legitimate, held.parts, held.levels, strict=True
    ):
        flat = place * (part.max() + 1) + part[codes[:, column]]
        at = jnp.minimum(jnp.searchsorted(known, flat), len(known) - 1)
        place = jnp.where((place >= 0) & (known[at] == flat), at, -1)
    return jnp.where(place < 0, rest, place)


def wide_targets(
    targets: Sequence[Target], blocks: Blocks
) -> tuple[Array, Array, Array]:
    """All one- and two-way targets as a (width, width) table.

    Returns:
        Wanted probabilities (one-ways on the diagonal), weights (zero where nothing was
        measured) and noise radius, each (width, width).
    """
    wanted = np.zeros((blocks.width, blocks.width))
    weight, radius = np.zeros_like(wanted), np.zeros_like(wanted)
    for target in targets:
        if len(target.columns) == 1:
            (a,) = target.columns
            at = np.arange(blocks.width)[blocks.span(a)]
            wanted[at, at], weight[at, at] = target.probs, 1.0
            radius[at, at] = target.stddev
        elif len(target.columns) == _PAIR:
            a, b = target.columns
            shape = (blocks.sizes[a], blocks.sizes[b])
            wanted[blocks.span(a), blocks.span(b)] = target.probs.reshape(shape)
            weight[blocks.span(a), blocks.span(b)] = 1.0
            radius[blocks.span(a), blocks.span(b)] = target.stddev
    first, second, third = (put(x.astype(np.float32)) for x in (wanted, weight, radius))
    return first, second, third
