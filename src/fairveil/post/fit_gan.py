"""WGAN-GP with a fairness critic, trained on released things only.

Sees the teacher (released decoder and mixture), rows drawn from it and raked, and
targets made of released marginals. The critic's real side are raked teacher rows, never
reconstructions of real rows; so the training costs no privacy, whatever its length.

The generator minimises ``wasserstein + marginal distance + strength * what the fairness
critic knows``. The marginal distance compares all one- and two-way tables at once (the
batch's mean outer product of column probabilities) with the noisy ones, and stops
pulling inside the noise radius.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from fairveil._types import Codes, Params
from fairveil.config import GanTraining
from fairveil.nn import fair, vae, wgan
from fairveil.nn.blocks import Blocks
from fairveil.nn.layers import Array
from fairveil.nn.mixture import soft_assign
from fairveil.post.generator import Generator, draw_guide
from fairveil.post.groups import System, shares
from fairveil.post.targets import Target
from fairveil.post.teacher import Teacher

Progress = Callable[[int, int], None]
_PAIR = 2
_WIDE, _LINES = 1024, 256  # width from which on so many random lines are compared
_ASKED = 16_384  # rows of the teacher that tell the usual shares of a cell
_BURST = 20  # generator steps between two looks at the progress bar


class _State(NamedTuple):
    generator: Params
    critic: Params
    fair: Params
    opt: tuple[optax.OptState, optax.OptState, optax.OptState]
    average: Params


def fit_gan(  # noqa: PLR0913  (what it learns from, and its constants)
    teacher: Teacher,
    real: Codes,
    targets: Sequence[Target],
    *,
    sensitive: tuple[int, ...],
    strength: float,
    given: System | None = None,
    training: GanTraining,
    key: Array,
    progress: Progress = lambda _done, _all: None,
) -> Generator:
    """Train the generator.

    Args:
        teacher: released decoder and mixture.
        real: the critic's real side: raked teacher rows (rows, columns), in
            ``independence`` with the sensitive columns drawn apart from the rest.
        targets: released marginals (in ``independence`` with products).
        sensitive: positions of the sensitive columns that the fairness critic guards;
            empty switches the critic off and leaves no column anchored.
        strength: of the fairness critic, 0 to 1.
        given: cells of the legitimate columns, which are anchored too: the critic's
            answer may depend on the cell.
        training: constants.
        key: randomness.
        progress: called with (steps done, steps).
    """
    shape = wgan.GanShape(
        blocks=teacher.shape.blocks,
        latent=teacher.shape.latent,
        clusters=teacher.mixture.clusters,
        noise=training.noise,
        hidden=teacher.shape.hidden[::-1],
        extra=training.extra,
        critic=training.critic,
    )
    init_key, run_key = jax.random.split(key)
    game = _Game(
        teacher,
        shape,
        training,
        targets,
        _taught(teacher, given, init_key),
        sensitive=sensitive,
        given=given,
        strength=strength,
    )
    state, held = jax.jit(game.start)(init_key), jnp.asarray(real)
    run = jax.jit(lambda s, k: jax.lax.scan(lambda a, b: game.step(a, held, b), s, k))
    done = 0
    while done < training.steps:
        burst = min(_BURST, training.steps - done)
        keys = jax.random.split(jax.random.fold_in(run_key, done), burst)
        state, _ = run(state, keys)
        done += burst
        progress(done, training.steps)
    return Generator(state.average, shape, teacher, game.model.anchored)


class _Game:
    """The three players' losses and one round of the game."""

    def __init__(
        self,
        teacher: Teacher,
        shape: wgan.GanShape,
        training: GanTraining,
        targets: Sequence[Target],
        taught: Codes,
        *,
        sensitive: tuple[int, ...],
        given: System | None,
        strength: float,
    ) -> None:
        self.teacher, self.shape, self.training = teacher, shape, training
        self.sensitive, self.given = sensitive, given
        legitimate = () if given is None else given.columns
        anchored = tuple(sorted((*sensitive, *legitimate)))
        self.model = Generator(None, shape, teacher, anchored)
        self.strength = strength * training.fairness if sensitive else 0.0
        self.positions = jnp.array(anchored, dtype=jnp.int32)
        self.fair_shape = fair.FairShape(
            blocks=shape.blocks,
            sensitive=sensitive,
            clusters=shape.clusters,
            hidden=training.fair_critic,
        )
        self.usual = _usual(self.fair_shape, given, taught) if self.strength else []
        tables = _wide_targets(targets, shape.blocks)
        self.wanted, self.weight, self.radius = tables
        self.shares = jnp.maximum(self.wanted.diagonal(), 0.0)
        rate = optax.cosine_decay_schedule(
            training.learning_rate, training.steps, alpha=0.1
        )
        self.opt = optax.adam(rate, b1=0.5, b2=0.95)
        self.critic_opt = optax.adam(2 * training.learning_rate, b1=0.5, b2=0.95)

    def start(self, key: Array) -> _State:
        """Parameters before the first step."""
        g_key, c_key, f_key = jax.random.split(key, 3)
        layers = wgan.generator_from_decoder(g_key, self.shape, self.teacher.layers)
        critic = wgan.critic_init(c_key, self.shape)
        judge = fair.init(f_key, self.fair_shape) if self.strength else {}
        opt = (
            self.opt.init(layers),
            self.critic_opt.init(critic),
            self.critic_opt.init(judge),
        )
        return _State(layers, critic, judge, opt, layers)

    def step(self, state: _State, real: Array, key: Array) -> tuple[_State, None]:
        """Some critic steps, then one generator step."""
        *critic_keys, g_key = jax.random.split(key, self.training.critic_steps + 1)
        for critic_key in critic_keys:
            state = self._critic_step(state, real, critic_key)
        return self._generator_step(state, g_key), None

    def _critic_step(self, state: _State, real: Array, key: Array) -> _State:
        pick, fake_key, line = jax.random.split(key, 3)
        n = self.training.batch
        fake, s, _usual = self._fake(state.generator, fake_key, n)
        fake = jax.lax.stop_gradient(fake)
        picked = real[jax.random.randint(pick, (n,), 0, real.shape[0])]
        rows = self.shape.blocks.one_hot(picked)
        real_side = jnp.concatenate([rows, self._soft(rows)], axis=1)
        fake_side = jnp.concatenate([fake, self._soft(fake)], axis=1)
        grads = jax.grad(wgan.critic_loss)(
            state.critic, real_side, fake_side, line, penalty=self.training.penalty
        )
        updates, opt1 = self.critic_opt.update(grads, state.opt[1])
        state = state._replace(critic=optax.apply_updates(state.critic, updates))
        opt2 = state.opt[2]
        if self.strength:
            grads = jax.grad(fair.critic_loss)(
                state.fair, self.fair_shape, fake, self._soft(fake), s
            )
            updates, opt2 = self.critic_opt.update(grads, opt2)
            state = state._replace(fair=optax.apply_updates(state.fair, updates))
        return state._replace(opt=(state.opt[0], opt1, opt2))

    def _generator_step(self, state: _State, key: Array) -> _State:
        grads = jax.grad(self._generator_loss)(state.generator, state, key)
        updates, opt0 = self.opt.update(grads, state.opt[0])
        layers = optax.apply_updates(state.generator, updates)
        decay = self.training.averaging
        average = jax.tree.map(
            lambda a, p: decay * a + (1 - decay) * p, state.average, layers
        )
        return state._replace(
            generator=layers, average=average, opt=(opt0, *state.opt[1:])
        )

    def _generator_loss(self, layers: Params, state: _State, key: Array) -> Array:
        game_key, table_key = jax.random.split(key)
        fake, _s, usual = self._fake(layers, game_key, self.training.batch)
        soft = self._soft(fake)
        side = jnp.concatenate([fake, soft], axis=1)
        loss = -self.training.wasserstein * wgan.criticise(state.critic, side).mean()
        loss += self.training.marginal * self._marginal_distance(layers, table_key)
        if self.strength:
            loss += self.strength * fair.generator_loss(
                state.fair, self.fair_shape, fake, soft, usual
            )
        return loss

    def _fake(
        self, layers: Params, key: Array, n: int
    ) -> tuple[Array, Array, list[Array]]:
        """Relaxed rows (n, width), and what the fairness critic is held to.

        Returns:
            The rows, the guides' sensitive classes (n, heads), and for each head the
            log-shares (n, classes) of the cell that each guide is in.
        """
        guide_key, relax_key = jax.random.split(key)
        latents, guide = draw_guide(self.teacher, self.shape, guide_key, n)
        log_probs = self.model.log_probs(layers, latents, guide)
        rows = self.shape.blocks.relax(relax_key, log_probs, self.training.temperature)
        if not self.strength:
            return rows, jnp.zeros((n, 0), jnp.int32), []
        own = self.shape.blocks.codes(rows, self.model.anchored)
        codes = jnp.zeros((n, len(self.shape.blocks.sizes)), jnp.int32)
        codes = codes.at[:, self.positions].set(own)
        labels = self.fair_shape.labels(codes)
        if self.given is None or not self.given.columns:
            return rows, labels, fair.log_shares(self.fair_shape, labels)
        cell = _cells(self.given, codes)
        return rows, labels, [jnp.asarray(table)[cell] for table in self.usual]

    def _soft(self, rows: Array) -> Array:
        """Soft cluster assignment of (relaxed) rows through the released encoder."""
        if self.sensitive:  # clusters must not be told apart by s itself
            mask = jnp.asarray(self.shape.blocks.mask(self.sensitive))
            rows = rows * (1 - mask) + mask * self.shares
        mean, _log_var = vae.encode(self.teacher.layers, self.teacher.shape, rows)
        return soft_assign(self.teacher.mixture, mean)

    def _marginal_distance(self, layers: Params, key: Array) -> Array:
        """Of all cells; of a wide table, by random lines, which give it on average."""
        n = self.training.marginal_batch
        latents, guide = draw_guide(self.teacher, self.shape, key, n)
        probs = jnp.exp(self.model.log_probs(layers, latents, guide))
        width = self.wanted.shape[0]
        if width <= _WIDE:
            table = probs.T @ probs / n
            table = table - jnp.diag(table.diagonal()) + jnp.diag(probs.mean(0))
            gap = jnp.abs(table - self.wanted)
            return jnp.sum(self.weight * jnp.maximum(gap - self.radius, 0.0))
        some = jax.random.choice(
            jax.random.fold_in(key, 1), width, (_LINES,), replace=False
        )
        lines = probs[:, some]
        table = lines.T @ probs / n
        here = jnp.arange(_LINES)
        table = table.at[here, some].set(lines.mean(0))
        gap = jnp.maximum(jnp.abs(table - self.wanted[some]) - self.radius[some], 0.0)
        return jnp.sum(self.weight[some] * gap) * (width / _LINES)


def _taught(teacher: Teacher, given: System | None, key: Array) -> Codes:
    """Rows of the teacher, where there are legitimate columns to ask them about."""
    columns = len(teacher.shape.blocks.sizes)
    if given is None or not given.columns:
        return np.empty((0, columns), dtype=np.int32)
    return np.asarray(teacher.batch(key, _ASKED)[0])


def _usual(
    shape: fair.FairShape, given: System | None, taught: Codes
) -> list[np.ndarray]:
    """Log-shares of each head's classes in each cell, (cells, classes).

    Of rows of the teacher, whose draws are what the critic learns; a cell that none of
    them is in has the shares of all.
    """
    if given is None or not given.columns:
        return []
    labels, cell = np.asarray(shape.labels(jnp.asarray(taught))), given.of(taught)
    out = []
    for i, size in enumerate(shape.heads):
        mine = labels[:, i].astype(np.int64)
        table = shares(mine, size, cell, given.count)
        table[table.sum(axis=1) == 0] = np.bincount(mine, minlength=size) / len(mine)
        out.append(np.log(table + 1e-4))
    return out


def _cells(given: System, codes: Array) -> Array:
    """``System.of`` where codes are traced."""
    place = jnp.zeros(codes.shape[0], jnp.int32)
    for column, part, level in zip(
        given.columns, given.parts, given.levels, strict=True
    ):
        known = jnp.asarray(level if len(level) else [-1], jnp.int32)
        mine = jnp.asarray(part, jnp.int32)[codes[:, column]]
        flat = place * (int(part.max()) + 1) + mine
        at = jnp.minimum(jnp.searchsorted(known, flat), len(known) - 1)
        place = jnp.where((place >= 0) & (known[at] == flat), at, -1)
    return jnp.where(place < 0, given.count - 1, place)


def _wide_targets(
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
    first, second, third = (
        jnp.asarray(x, jnp.float32) for x in (wanted, weight, radius)
    )
    return first, second, third
