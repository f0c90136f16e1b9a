"""The game on a hand-made teacher: start, anchors, marginal distance, forgetting."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fairveil.config import GanTraining
from fairveil.marginals import histogram
from fairveil.nn import vae
from fairveil.nn.blocks import Blocks
from fairveil.nn.mixture import Mixture, parameters, placed
from fairveil.post import fit_gan as fg
from fairveil.post.generator import Generator, RowSource
from fairveil.post.stakes import held, wide_targets
from fairveil.post.targets import Target, independent_targets
from fairveil.post.teacher import Teacher

pytestmark = pytest.mark.usefixtures("quick_compile")
BLOCKS = Blocks((2, 2, 3))
TRAINING = GanTraining(
    steps=3,
    critic_steps=1,
    batch=64,
    marginal_batch=128,
    noise=2,
    extra=6,
    critic=(8,),
    fair_critic=(8,),
)


@functools.cache
def teacher():
    """Latent 0 decides columns 0 and 1 alike; column 2 is on its own."""
    shape = vae.VaeShape(blocks=BLOCKS, hidden=(4,), latent=2)
    layers = vae.init(np.random.default_rng(0), shape)
    first, last = np.zeros((2, 4), np.float32), np.zeros((4, 7), np.float32)
    first[0, 0], first[1, 1] = 4.0, 1.0
    last[0, :4], last[1, 4] = [-3, 3, -3, 3], 1.0
    layers |= {
        "dec0": {"w": jnp.asarray(first), "b": jnp.zeros(4)},
        "dec1": {"w": jnp.asarray(last), "b": jnp.zeros(7)},
    }
    mixture = Mixture(
        np.array([0.5, 0.5]),
        np.array([[1.0, 0.0], [-1.0, 0.0]]),
        np.stack([0.3 * np.eye(2)] * 2),
    )
    return Teacher(layers, shape, mixture)


@functools.cache
def taught_rows():
    return RowSource(teacher(), 1, BLOCKS.sizes).rows(4000)[0]


def marginal(*columns, stddev=0.005):
    counts = histogram(taught_rows(), BLOCKS.sizes, columns)
    return Target(columns, counts / counts.sum(), stddev)


@functools.cache
def targets():
    return [marginal(0), marginal(1), marginal(2), marginal(0, 1), marginal(1, 2)]


def game(sensitive=(), strength=1.0, given=None, **changes):
    training = dataclasses.replace(TRAINING, **changes)
    rules = fg._rules(teacher(), training, sensitive, given, guarded=strength > 0)
    brought = held(
        rules,
        teacher(),
        taught_rows(),
        targets(),
        strength=strength,
        given=given,
        rng=np.random.default_rng(0),
    )
    return fg.Game(rules, brought)


def drawn(play, seed=3):
    """Draws of one step."""
    rng = np.random.default_rng(seed)
    given = fg.drawn(play.rules, len(play.held.real), 1, rng)
    return jax.tree.map(lambda d: d[0], given)


def taught(guides):
    """The teacher's log-probabilities under these guides."""
    latents, _clusters = placed(
        parameters(teacher().mixture), guides.cluster, guides.latent
    )
    return np.asarray(vae.decode(teacher().layers, teacher().shape, latents))


# --- before the first step ---------------------------------------------------------


@pytest.mark.parametrize("sensitive", [(), (0,)])
def test_the_game_starts_at_the_teacher(sensitive):
    play = game(sensitive)
    state = play.start(np.random.default_rng(1))
    guides = drawn(play).own_guides
    got = play.log_probs(state.generator, guides)
    np.testing.assert_allclose(got, taught(guides), rtol=1e-5, atol=1e-5)


def test_anchored_columns_are_the_teachers_for_any_parameters():
    play = game((0,))
    layers = jax.tree.map(
        lambda p: p + 1.0, play.start(np.random.default_rng(1)).generator
    )
    guides = drawn(play).own_guides
    got, wanted = np.asarray(play.log_probs(layers, guides)), taught(guides)
    np.testing.assert_array_equal(got[:, :2], wanted[:, :2])
    assert np.abs(got[:, 2:] - wanted[:, 2:]).max() > 0.1


# --- gradients ---------------------------------------------------------------------


def pull(sensitive, **changes):
    play = game(sensitive, **changes)
    state = play.start(np.random.default_rng(1))
    given = drawn(play)
    slope = jax.jit(jax.grad(lambda p: play._generator_loss(p, state, given)))
    return slope(state.generator)


def test_the_fairness_critic_leaves_the_anchored_columns():
    grads = pull((0,), wasserstein=0.0, marginal=0.0)
    bias, w = (np.asarray(grads["gen1"][k]) for k in "bw")
    np.testing.assert_array_equal(bias[:2], 0)
    np.testing.assert_array_equal(w[:, :2], 0)
    assert np.abs(bias[2:4]).max() > 1e-6
    assert np.abs(w[:, 2:4]).max() > 1e-6
    assert max(np.abs(g).max() for g in jax.tree.leaves(grads["gen0"])) > 1e-6


def test_without_the_critic_and_the_rest_there_is_no_pull():
    grads = pull((0,), wasserstein=0.0, marginal=0.0, fairness=0.0)
    assert all(np.abs(g).max() == 0 for g in jax.tree.leaves(grads))


def test_the_wasserstein_term_reaches_the_generator():
    grads = pull((), wasserstein=1.0, marginal=0.0)
    for layer in grads.values():
        assert np.abs(layer["w"]).max() > 1e-6


# --- marginal distance -------------------------------------------------------------


def test_wide_targets_by_hand():
    pair = Target((0, 2), np.arange(6) / 15, 0.02)
    wanted, weight, radius = wide_targets([pair, marginal(1)], BLOCKS)
    np.testing.assert_allclose(
        wanted[:2, 4:], (np.arange(6) / 15).reshape(2, 3), rtol=1e-6
    )
    np.testing.assert_allclose(np.diag(wanted)[2:4], marginal(1).probs, rtol=1e-6)
    assert weight.sum() == 6 + 2
    assert weight[:2, 4:].min() == 1
    np.testing.assert_allclose(radius[:2, 4:], 0.02)
    assert radius[0, 1] == 0


def test_three_way_targets_are_left_to_the_raking():
    triple = Target((0, 1, 2), np.ones(12) / 12, 0.02)
    assert wide_targets([triple], BLOCKS)[1].sum() == 0


def distance(play, layers, given):
    return play._marginal_distance(layers, given.table_guides, given.lines)


def test_marginal_distance_by_hand():
    play = game()
    layers = play.start(np.random.default_rng(1)).generator
    given = drawn(play)
    probs = np.exp(np.asarray(play.log_probs(layers, given.table_guides)))
    total = 0.0
    for t in targets():
        if len(t.columns) == 1:
            found = probs[:, BLOCKS.span(t.columns[0])].mean(0)
        else:
            a, b = (probs[:, BLOCKS.span(c)] for c in t.columns)
            found = (a.T @ b / 128).ravel()
        total += np.maximum(np.abs(found - t.probs) - t.stddev, 0).sum()
    assert float(distance(play, layers, given)) == pytest.approx(total, rel=1e-3)
    assert total > 0.01


def test_random_lines_of_a_wide_table_give_its_distance_on_average(monkeypatch):
    play = game(marginal_batch=4096)
    layers = play.start(np.random.default_rng(1)).generator

    def found(seeds):
        return [float(distance(play, layers, drawn(play, s))) for s in seeds]

    whole = np.mean(found(range(8)))
    monkeypatch.setattr(fg, "_WIDE", 0)
    monkeypatch.setattr(fg, "_LINES", 4)
    some = found(range(60))
    assert np.std(some) > 0.02 * whole  # not all lines each time
    error = np.std(some) / np.sqrt(len(some))
    assert abs(np.mean(some) - whole) < 4.5 * error


def test_inside_the_noise_nothing_pulls():
    play = game()
    play.held = play.held._replace(radius=jnp.ones_like(play.held.radius))
    layers = play.start(np.random.default_rng(1)).generator
    given = drawn(play)
    slope = jax.jit(jax.grad(lambda p: distance(play, p, given)))(layers)
    assert all(np.abs(g).max() == 0 for g in jax.tree.leaves(slope))


@pytest.mark.parametrize(("width", "steps"), [(7, 20), (20_000, 3), (10**6, 1)])
def test_few_steps_of_a_wide_table_are_drawn_at_a_time(width, steps):
    rules = fg._rules(teacher(), GanTraining(), (), None, guarded=False)
    shape = dataclasses.replace(rules.shape, blocks=Blocks((width,)))
    assert fg._burst(dataclasses.replace(rules, shape=shape)) == pytest.approx(
        steps, abs=2 * (1 < steps < 20)
    )


def test_draws_are_of_the_sizes_that_the_steps_use(monkeypatch):
    play = game()
    monkeypatch.setattr(fg, "_WIDE", 0)
    monkeypatch.setattr(fg, "_LINES", 4)
    given = fg.drawn(play.rules, 4000, 5, np.random.default_rng(0))
    assert all(len(part) == 5 for part in jax.tree.leaves(given))
    assert given.cells.shape == (5, 1, 64, BLOCKS.width)
    assert given.table_guides.latent.shape == (5, 128, 2)
    assert given.picked.min() >= 0
    assert given.picked.max() < 4000
    assert all(len(set(lines)) == 4 for lines in given.lines.tolist())


# --- training ----------------------------------------------------------------------


def dependence(model):
    """Total variation of columns 0 and 1 from the product of their margins."""
    rows = RowSource(model, 9, BLOCKS.sizes).rows(4000)[0]
    joint = histogram(rows, BLOCKS.sizes, (0, 1)).reshape(2, 2) / 4000
    product = joint.sum(1, keepdims=True) * joint.sum(0)
    return 0.5 * np.abs(joint - product).sum()


def trained(*, sensitive, strength, seen=None, **changes):
    # the real side and the targets keep the dependence: only the critic can lower it
    return fg.fit_gan(
        teacher(),
        taught_rows(),
        [marginal(0), marginal(1), marginal(2)],
        sensitive=sensitive,
        strength=strength,
        training=dataclasses.replace(TRAINING, **changes),
        key=jax.random.key(5),
        progress=(lambda *step: seen.append(step)) if seen is not None else _silent,
    )


def _silent(_done, _total):
    return


def test_the_fairness_critic_makes_the_generator_forget():
    changes = {"steps": 160, "learning_rate": 0.02, "averaging": 0.5, "fairness": 2.0}
    before = dependence(teacher())
    assert before > 0.3
    kept = trained(sensitive=(0,), strength=0.0, **{**changes, "steps": 60})
    forgot = trained(sensitive=(0,), strength=1.0, **changes)
    assert dependence(kept) > 0.8 * before
    assert dependence(forgot) < 0.35 * before
    rows = RowSource(forgot, 3, BLOCKS.sizes).rows(4000)[0]
    for column in range(2):  # the margins stay
        share = histogram(rows, BLOCKS.sizes, (column,)) / 4000
        np.testing.assert_allclose(share, marginal(column).probs, atol=0.08)


def test_training_reports_and_repeats():
    seen = []
    first = trained(sensitive=(), strength=0.0, seen=seen)
    assert seen == [(3, 3)]
    assert isinstance(first, Generator)
    assert first.anchored == ()
    again = trained(sensitive=(), strength=0.0)
    for a, b in zip(
        jax.tree.leaves(first.layers), jax.tree.leaves(again.layers), strict=True
    ):
        np.testing.assert_array_equal(a, b)
        assert np.isfinite(a).all()


class Working:
    """Stands for an array that is being computed."""

    def __init__(self, done):
        self.done = done

    def block_until_ready(self):
        self.done.append(True)
        return self


def test_no_more_draws_wait_than_those_of_the_next_steps(monkeypatch):
    """Unwaited for, the draws of a whole training would lie in memory at once."""
    monkeypatch.setattr(fg, "_BURST", 1)
    finished, asked = [], []

    def run(_brought, _state, _given):
        asked.append(len(finished))
        return fg._State(*[Working(finished)] * 4, average=Working([]))

    monkeypatch.setattr(fg, "_compiled", lambda _rules: run)
    trained(sensitive=(), strength=0.0, steps=5)
    assert asked[0] == 0
    assert (np.diff(asked) > 0).all()  # each burst waits for the one before it


def test_products_are_what_independence_aims_at():
    goal = independent_targets(
        targets(), BLOCKS.sizes, (0,), strength=1.0, joint=lambda q: marginal(*q).probs
    )
    wide = wide_targets(goal, BLOCKS)[0]
    np.testing.assert_allclose(
        wide[:2, 2:4], np.outer(np.diag(wide)[:2], np.diag(wide)[2:4]), atol=1e-3
    )
