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
from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from fairveil._types import Codes, Params
from fairveil.config import GanTraining
from fairveil.nn import fair, vae, wgan
from fairveil.nn.layers import Array, host_rng, put, zero_state
from fairveil.nn.mixture import assign_from
from fairveil.post import draws
from fairveil.post.generator import Generator, guided, log_probs
from fairveil.post.groups import System
from fairveil.post.stakes import Held, Rules, cells, held
from fairveil.post.targets import Target
from fairveil.post.teacher import Teacher

Progress = Callable[[int, int], None]
_WIDE, _LINES = 1024, 256  # width from which on so many random lines are compared
_COMPILED = 16  # rules of games whose compiled steps are kept
_BURST = 20  # generator steps between two looks at the progress bar
_MOST_DRAWS = 2e7  # random numbers held at a time


class Draws(NamedTuple):
    """The random numbers of generator steps; each array has the steps first.

    Attributes:
        picked: rows of the real side, (critic steps, n).
        line: places between real and fake rows, (critic steps, n, 1).
        guides, cells: of the critic steps' fake rows; cells are (.., n, width).
        own_guides, own_cells: the same of the generator's rows.
        table_guides: of the rows of the marginal distance.
        lines: of a wide table, the lines that are compared.
    """

    picked: Array
    line: Array
    guides: draws.Guides
    cells: Array
    own_guides: draws.Guides
    own_cells: Array
    table_guides: draws.Guides
    lines: Array


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
    rules = _rules(teacher, training, sensitive, given, guarded=strength > 0)
    rng = host_rng(key)
    brought = held(
        rules,
        teacher,
        real,
        targets,
        strength=strength,
        given=given,
        rng=rng,
    )
    state, done = Game(rules, brought).start(rng), 0
    run = _compiled(rules)
    most = _burst(rules)
    while done < training.steps:
        burst = min(most, training.steps - done)
        stacked = drawn(rules, len(real), burst, rng)
        # dispatch is asynchronous: unwaited for, draws of all bursts pile up in memory
        jax.block_until_ready(state)
        state = run(brought, state, stacked)
        done += burst
        progress(done, training.steps)
    return Generator(state.average, rules.shape, teacher, rules.anchored)


def _rules(
    teacher: Teacher,
    training: GanTraining,
    sensitive: tuple[int, ...],
    given: System | None,
    *,
    guarded: bool,
) -> Rules:
    shape = wgan.GanShape(
        blocks=teacher.shape.blocks,
        latent=teacher.shape.latent,
        clusters=teacher.mixture.clusters,
        noise=training.noise,
        hidden=teacher.shape.hidden[::-1],
        extra=training.extra,
        critic=training.critic,
    )
    legitimate = () if given is None else given.columns
    guarded = guarded and bool(sensitive) and training.fairness > 0
    return Rules(shape, teacher.shape, training, sensitive, legitimate, guarded)


@lru_cache(maxsize=_COMPILED)
def _compiled(rules: Rules) -> Callable[..., _State]:
    """Compiled steps over stacked draws, of games of these rules.

    What was released comes in as arguments, so nothing of a fit is compiled in.
    """

    def run(brought: Held, state: _State, given: Draws) -> _State:
        game = Game(rules, brought)
        return jax.lax.scan(lambda s, d: (game.step(s, d), None), state, given)[0]

    return jax.jit(run)


def _burst(rules: Rules) -> int:
    """Steps whose draws are made at a time: few of a wide table."""
    training, width = rules.training, rules.shape.blocks.width
    of_one = (training.critic_steps + 1) * training.batch * width
    return max(1, min(_BURST, int(_MOST_DRAWS / of_one)))


def drawn(rules: Rules, real: int, steps: int, rng: np.random.Generator) -> Draws:
    """Draws of so many steps, with ``real`` rows on the critic's real side."""
    training, width = rules.training, rules.shape.blocks.width
    n, sizes = training.batch, {"latent": rules.shape.latent, "noise": training.noise}
    critic = (steps, training.critic_steps, n)
    lines = np.empty((steps, 0), dtype=np.int32)
    if width > _WIDE:
        some = [rng.choice(width, _LINES, replace=False) for _ in range(steps)]
        lines = np.array(some, dtype=np.int32)
    return Draws(
        draws.places(rng, real, *critic),
        draws.uniform(rng, *critic, 1),
        draws.guides(rng, *critic, **sizes),
        draws.uniform(rng, *critic, width),
        draws.guides(rng, steps, n, **sizes),
        draws.uniform(rng, steps, n, width),
        draws.guides(rng, steps, training.marginal_batch, **sizes),
        put(lines),
    )


class Game:
    """The three players' losses and one round of the game."""

    def __init__(self, rules: Rules, brought: Held) -> None:
        self.rules: Rules = rules
        self.held: Held = brought
        self.shape: wgan.GanShape = rules.shape
        self.training: GanTraining = rules.training
        rate = optax.cosine_decay_schedule(
            self.training.learning_rate, self.training.steps, alpha=0.1
        )
        self.opt: optax.GradientTransformation = optax.adam(rate, b1=0.5, b2=0.95)
        self.critic_opt: optax.GradientTransformation = optax.adam(
            2 * self.training.learning_rate, b1=0.5, b2=0.95
        )

    def start(self, rng: np.random.Generator) -> _State:
        """Parameters before the first step."""
        layers = wgan.generator_from_decoder(rng, self.shape, self.held.taught)
        critic = wgan.critic_init(rng, self.shape)
        judge = fair.init(rng, self.rules.fair) if self.rules.guarded else {}
        opt = (
            zero_state(self.opt, layers),
            zero_state(self.critic_opt, critic),
            zero_state(self.critic_opt, judge),
        )
        return _State(layers, critic, judge, opt, layers)

    def step(self, state: _State, given: Draws) -> _State:
        """Some critic steps, then one generator step, by one step's draws."""
        # a loop, not its unrolled steps, which take as many times longer to compile
        state = jax.lax.scan(
            lambda s, d: (self._critic_step(s, *d), None),
            state,
            (given.picked, given.line, given.guides, given.cells),
        )[0]
        return self._generator_step(state, given)

    def _critic_step(
        self,
        state: _State,
        picked: Array,
        line: Array,
        guides: draws.Guides,
        uniform: Array,
    ) -> _State:
        fake, s, _usual = self._fake(state.generator, guides, uniform)
        fake = jax.lax.stop_gradient(fake)
        rows = self.shape.blocks.one_hot(self.held.real[picked])
        real_side = jnp.concatenate([rows, self._soft(rows)], axis=1)
        fake_side = jnp.concatenate([fake, self._soft(fake)], axis=1)
        grads = jax.grad(wgan.critic_loss)(
            state.critic, real_side, fake_side, line, penalty=self.training.penalty
        )
        updates, opt1 = self.critic_opt.update(grads, state.opt[1])
        state = state._replace(critic=optax.apply_updates(state.critic, updates))
        opt2 = state.opt[2]
        if self.rules.guarded:
            grads = jax.grad(fair.critic_loss)(
                state.fair, self.rules.fair, fake, self._soft(fake), s
            )
            updates, opt2 = self.critic_opt.update(grads, opt2)
            state = state._replace(fair=optax.apply_updates(state.fair, updates))
        return state._replace(opt=(state.opt[0], opt1, opt2))

    def _generator_step(self, state: _State, given: Draws) -> _State:
        grads = jax.grad(self._generator_loss)(state.generator, state, given)
        updates, opt0 = self.opt.update(grads, state.opt[0])
        layers = optax.apply_updates(state.generator, updates)
        decay = self.training.averaging
        average = jax.tree.map(
            lambda a, p: decay * a + (1 - decay) * p, state.average, layers
        )
        return state._replace(
            generator=layers, average=average, opt=(opt0, *state.opt[1:])
        )

    def _generator_loss(self, layers: Params, state: _State, given: Draws) -> Array:
        fake, _s, usual = self._fake(layers, given.own_guides, given.own_cells)
        soft = self._soft(fake)
        side = jnp.concatenate([fake, soft], axis=1)
        loss = -self.training.wasserstein * wgan.criticise(state.critic, side).mean()
        loss += self.training.marginal * self._marginal_distance(
            layers, given.table_guides, given.lines
        )
        if self.rules.guarded:
            loss += self.held.strength * fair.generator_loss(
                state.fair, self.rules.fair, fake, soft, usual
            )
        return loss

    def _fake(
        self, layers: Params, guides: draws.Guides, uniform: Array
    ) -> tuple[Array, Array, list[Array]]:
        """Relaxed rows (n, width), and what the fairness critic is held to.

        Returns:
            The rows, the guides' sensitive classes (n, heads), and for each head the
            log-shares (n, classes) of the cell that each guide is in.
        """
        n = uniform.shape[0]
        logs = self.log_probs(layers, guides)
        rows = self.shape.blocks.relax(uniform, logs, self.training.temperature)
        if not self.rules.guarded:
            return rows, jnp.zeros((n, 0), jnp.int32), []
        own = self.shape.blocks.codes(rows, self.rules.anchored)
        codes = jnp.zeros((n, len(self.shape.blocks.sizes)), jnp.int32)
        codes = codes.at[:, jnp.array(self.rules.anchored)].set(own)
        labels = self.rules.fair.labels(codes)
        if not self.rules.legitimate:
            return rows, labels, fair.log_shares(self.rules.fair, labels)
        cell = cells(self.rules, self.held, codes)
        return rows, labels, [table[cell] for table in self.held.usual]

    def log_probs(self, layers: Params, guides: draws.Guides) -> Array:
        """Log-probabilities (n, width) under these guides."""
        latents, guide = guided(self.held.prior, self.shape, guides)
        shapes = self.rules.shapes
        return log_probs(layers, self.held.taught, latents, guide, shapes=shapes)

    def _soft(self, rows: Array) -> Array:
        """Soft cluster assignment of (relaxed) rows through the released encoder."""
        if self.rules.sensitive:  # clusters must not be told apart by s itself
            mask = jnp.asarray(self.shape.blocks.mask(self.rules.sensitive))
            shares = jnp.maximum(self.held.wanted.diagonal(), 0.0)
            rows = rows * (1 - mask) + mask * shares
        mean, _log_var = vae.encode(self.held.taught, self.rules.teacher, rows)
        return assign_from(self.held.clusters, mean)

    def _marginal_distance(
        self, layers: Params, guides: draws.Guides, some: Array
    ) -> Array:
        """Of all cells; of a wide table, by random lines, which give it on average."""
        mine = self.held
        probs = jnp.exp(self.log_probs(layers, guides))
        n, width = probs.shape
        if width <= _WIDE:
            table = probs.T @ probs / n
            table = table - jnp.diag(table.diagonal()) + jnp.diag(probs.mean(0))
            gap = jnp.abs(table - mine.wanted)
            return jnp.sum(mine.weight * jnp.maximum(gap - mine.radius, 0.0))
        lines = probs[:, some]
        table = lines.T @ probs / n
        here = jnp.arange(len(some))
        table = table.at[here, some].set(lines.mean(0))
        gap = jnp.maximum(jnp.abs(table - mine.wanted[some]) - mine.radius[some], 0.0)
        return jnp.sum(mine.weight[some] * gap) * (width / len(some))
