"""Conditional rows have the law of filtered plain rows, enumerated on a toy."""

import dataclasses
import itertools

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.special import softmax

from fairveil.codec import Codec
from fairveil.errors import ConfigError
from fairveil.marginals import cell_index, histogram
from fairveil.post.apart import Redraw
from fairveil.post.calibrate import LogLinear
from fairveil.post.conditional import Conditional, conditional_targets
from fairveil.post.generator import BATCH
from fairveil.post.groups import System, system
from fairveil.post.late import Late
from fairveil.post.loosen import Loosen
from fairveil.post.outcome import Outcome, Roles
from fairveil.post.sample import Sampler
from fairveil.post.targets import Target
from fairveil.schema import Column, Schema
from fairveil.seeds import Seeds

pytestmark = pytest.mark.usefixtures("quick_compile")
SIZES = (2, 3, 4)
CELLS = np.array(list(itertools.product(*map(range, SIZES))), dtype=np.int32)
GUIDES = np.array([0.93, 0.07])
BASES = (
    np.array([[0.8, 0.2], [0.35, 0.65]]),
    np.array([[0.59, 0.4, 0.01], [0.1, 0.3, 0.6]]),
    np.array([[0.3, 0.3, 0.3, 0.1], [0.1, 0.1, 0.1, 0.7]]),
)
_RNG = np.random.default_rng(5)
CLIQUES = ((0, 1), (1, 2), (0,))
THETAS = (_RNG.normal(0, 0.8, 6), _RNG.normal(0, 0.8, 12), np.array([0.4, -0.4]))
WEIGHTS = LogLinear(SIZES, CLIQUES, THETAS)
SCHEMA = Schema(
    columns=tuple(
        Column(name=name, kind="categorical", categories=tuple("abcd"[:size]))
        for name, size in zip("xyz", SIZES, strict=True)
    )
)
RARE = np.array([0.0, 0.0, 1.0])  # of the second column: a few rows in a hundred
SOFT = np.array([1.0, 0.25, 0.0, 0.5])


class Toy:
    """Rows of two guides; the columns hang together through guide and weights."""

    def step(self, rng):
        guide = (rng.random(BATCH) < GUIDES[1]).astype(int)
        logs = [jnp.log(jnp.asarray(one, jnp.float32))[guide] for one in BASES]
        return jnp.concatenate(logs, axis=1)


def plain_law():
    """Probability of each cell: each guide's rows are weighted, guides stay."""
    law = np.zeros(len(CELLS))
    for guide, chance in enumerate(GUIDES):
        logs = sum(np.log(base[guide])[CELLS[:, j]] for j, base in enumerate(BASES))
        law += chance * softmax(logs + WEIGHTS.log_weights(CELLS))
    return law


LAW = plain_law()
PLAIN = Sampler(Codec.on_grid(SCHEMA), Toy(), WEIGHTS, 12, (), choices=1)


def targets(law):
    out = []
    for size in (1, 2, 3):
        for q in itertools.combinations(range(3), size):
            probs = np.bincount(cell_index(CELLS, SIZES, q), law).astype(float)
            out.append(Target(q, probs, 0.0))
    return tuple(out)


CHOSEN = dataclasses.replace(PLAIN, wanted=targets(LAW), choices=3)


def given(law, evidence):
    """A law under a condition."""
    for j, held in evidence.items():
        law = law * held[CELLS[:, j]]
    return law / law.sum()


def fits(rows, law):
    seen = histogram(rows, SIZES, (0, 1, 2))
    assert not seen[law == 0].any()
    held = law > 0
    return stats.chisquare(seen[held], law[held] * len(rows)).pvalue


CONDITIONS = {
    "one value": {0: np.array([0.0, 1.0])},
    "a rare one": {1: RARE},
    "part of a bin": {2: SOFT},
    "two columns": {0: np.array([1.0, 0.0]), 2: SOFT},
    "all columns": {0: np.array([0.2, 1.0]), 1: RARE, 2: SOFT},
}


@pytest.mark.statistical
@pytest.mark.parametrize("name", CONDITIONS)
def test_rows_have_the_conditional_law(name):
    evidence = CONDITIONS[name]
    rows = Conditional(PLAIN, evidence, Seeds.of(2)).codes(4000)
    law = given(LAW, evidence)
    assert fits(rows, law) > 1e-3
    # the test can tell: latents that were not re-estimated have another law
    blind = np.zeros(len(CELLS))
    for guide, chance in enumerate(GUIDES):
        logs = sum(np.log(base[guide])[CELLS[:, j]] for j, base in enumerate(BASES))
        blind += chance * given(softmax(logs + WEIGHTS.log_weights(CELLS)), evidence)
    assert np.abs(law - blind).sum() < 0.03 or fits(rows, blind) < 1e-3


@pytest.mark.statistical
def test_chosen_rows_lie_nearer_to_it_than_draws_do():
    evidence = CONDITIONS["one value"]
    law = given(LAW, evidence)
    held = law > 0
    gaps = []
    for sampler in (PLAIN, CHOSEN):
        rows = Conditional(sampler, evidence, Seeds.of(3)).codes(3000)
        seen = histogram(rows, SIZES, (0, 1, 2))[held]
        gaps.append(((seen - 3000 * law[held]) ** 2 / (3000 * law[held])).sum())
    assert gaps[1] < 0.3 * gaps[0]


def test_rows_repeat_with_a_seed_and_any_number_of_them_is_made():
    evidence = CONDITIONS["a rare one"]
    first, again, other = (
        Conditional(CHOSEN, evidence, Seeds.of(s)).codes(700) for s in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert (first[:, 1] == 2).all()
    assert Conditional(CHOSEN, evidence, Seeds.of(1)).codes(0).shape == (0, 3)
    assert len(Conditional(CHOSEN, evidence, Seeds.of(1)).codes(1)) == 1


def test_without_a_condition_they_are_plain_rows():
    rows = Conditional(PLAIN, {}, Seeds.of(2)).codes(20_000)
    assert fits(rows, LAW) > 1e-3


class Never(Toy):
    """The last code of the last column has no mass to speak of."""

    def step(self, rng):
        return super().step(rng).at[:, -1].set(-40.0)


def test_what_is_next_to_impossible_is_refused_soon():
    model = Never()
    calls = []
    step = model.step
    model.step = lambda rng: calls.append(1) or step(rng)
    bare = dataclasses.replace(PLAIN, model=model, weights=LogLinear(SIZES))
    with pytest.raises(ConfigError, match=r"hardly ever.*estimated share"):
        Conditional(bare, {2: np.array([0, 0, 0, 1.0])}, Seeds.of(1)).codes(5)
    assert len(calls) <= 256


def test_targets_are_cut_to_the_condition():
    evidence = CONDITIONS["two columns"]
    law = given(LAW, evidence)
    cut = conditional_targets(targets(LAW), SIZES, evidence)
    assert [t.columns for t in cut] == [(0, 2), (0, 1, 2)]
    for target in cut:
        index = cell_index(CELLS, SIZES, target.columns)
        np.testing.assert_allclose(target.probs, np.bincount(index, law))


# --- the last steps ----------------------------------------------------------------


ONE_CELL = System((), (), (), 1)


def redraw_law(law, step):
    """Law after redrawing the first column by the cell of the third."""
    table = law.reshape(SIZES)
    cell = step.given.of(CELLS).reshape(SIZES)[0]
    anew = table.sum(axis=0) * step.probs.T[:, cell]
    return ((1 - step.strength) * table + step.strength * anew).ravel()


@pytest.mark.statistical
@pytest.mark.parametrize("strength", [1.0, 0.4])
@pytest.mark.parametrize("legitimate", [False, True])
def test_redraw_within_a_condition(strength, legitimate):
    groups = ONE_CELL
    probs = np.array([[0.3, 0.7]])
    if legitimate:
        groups = system(CELLS, SIZES, (2,), {}, least=0.01)
        probs = np.linspace(0.1, 0.9, groups.count)[:, None] * [1, -1] + [0, 1]
    step = Redraw((0,), np.array([[0], [1]], dtype=np.int32), probs, strength, groups)
    evidence = CONDITIONS["two columns"]
    sampler = dataclasses.replace(PLAIN, redraw=step)
    rows = Conditional(sampler, evidence, Seeds.of(4)).codes(12_000)
    assert fits(rows, given(redraw_law(LAW, step), evidence)) > 1e-3
    assert fits(rows, given(LAW, evidence)) < 1e-3


@pytest.mark.statistical
def test_proxies_within_a_condition():
    parts = np.array([0.0, 0.6, 0.3])
    probs = tuple(np.full(size, 1 / size) for size in SIZES)
    sampler = dataclasses.replace(PLAIN, loosen=Loosen(parts, probs))
    law = LAW.reshape(SIZES)
    for j in (1, 2):
        even = np.broadcast_to(law.sum(axis=j, keepdims=True) / SIZES[j], SIZES)
        law = (1 - parts[j]) * law + parts[j] * even
    evidence = {1: RARE, 2: SOFT}
    rows = Conditional(sampler, evidence, Seeds.of(4)).codes(12_000)
    assert fits(rows, given(law.ravel(), evidence)) > 1e-3
    assert fits(rows, given(LAW, evidence)) < 1e-3


class Told:
    """An ``Outcome`` of known probabilities: the target is the last column."""

    roles = Roles(2, (), ONE_CELL)

    def probabilities(self, rows):
        after = np.array([[0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1]])[rows[:, 0]]
        before = LAW.reshape(SIZES)[rows[:, 0], rows[:, 1]]
        return before / before.sum(axis=1, keepdims=True), after

    apply = Outcome.apply


@pytest.mark.statistical
def test_a_target_within_a_condition():
    sampler = dataclasses.replace(PLAIN, outcome=Told())
    _before, after = Told().probabilities(CELLS[:: SIZES[2]])
    law = (LAW.reshape(6, 4).sum(axis=1, keepdims=True) * after).ravel()
    evidence = {1: np.array([1.0, 0.0, 1.0]), 2: SOFT}
    rows = Conditional(sampler, evidence, Seeds.of(6)).codes(6000)
    assert fits(rows, given(law, evidence)) > 1e-3
    assert fits(rows, given(LAW, evidence)) < 1e-3


def test_late_conditions_that_cannot_be_met_are_refused():
    step = Redraw(
        (0,),
        np.array([[0], [1]], dtype=np.int32),
        np.array([[1.0, 0.0]]),
        1.0,
        ONE_CELL,
    )
    sampler = dataclasses.replace(PLAIN, redraw=step)
    with pytest.raises(ConfigError, match="hardly ever"):
        Conditional(sampler, {0: np.array([0.0, 1.0])}, Seeds.of(1)).codes(5)


def test_what_is_met_at_the_end_binds_nothing_before():
    step = Redraw(
        (0,),
        np.array([[0], [1]], dtype=np.int32),
        np.array([[0.5, 0.5]]),
        1.0,
        ONE_CELL,
    )
    late = Late(dataclasses.replace(PLAIN, redraw=step), {0: np.ones(2), 2: SOFT})
    assert set(late.core) == {2}
