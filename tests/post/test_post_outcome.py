"""``outcome`` on rows whose law is known: gaps, proxies, cells, strength, limits."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from fairveil.marginals import histogram
from fairveil.post import outcome as oc
from fairveil.post.groups import LEAST_CELL, system, systems

pytestmark = [pytest.mark.usefixtures("quick_compile"), pytest.mark.statistical]
# sex, race, a proxy of sex, merit, a legitimate column that hangs on sex, the target
SIZES = (2, 3, 2, 4, 2, 2)
TARGET = 5
N = 20_000


def rows_of(seed, n=N, classes=2):
    rng = np.random.default_rng(seed)
    sex = rng.integers(0, 2, n)
    race = rng.choice(3, n, p=[0.75, 0.247, 0.003])
    proxy = np.where(rng.random(n) < 0.85, sex, 1 - sex)
    merit = rng.integers(0, 4, n)
    job = (rng.random(n) < np.where(sex, 0.7, 0.3)).astype(int)
    score = -1.6 + 0.8 * merit + 0.7 * sex + 0.8 * proxy + 0.8 * job - 0.6 * race
    y = (score + rng.logistic(size=n) > 0).astype(int)
    if classes > 2:
        y = np.clip(np.round(score + rng.logistic(size=n)), 0, classes - 1).astype(int)
    return np.stack([sex, race, proxy, merit, job, y], axis=1).astype(np.int32)


def roles(rows, sizes=SIZES, own=(0, 1), legitimate=()):
    return oc.Roles(
        TARGET,
        systems(rows, sizes, own, {}),
        system(rows, sizes, legitimate, {}, least=LEAST_CELL),
    )


def fitted(rows, sizes=SIZES, strength=1.0, blind=0.0, **who):
    found = roles(rows, sizes, **who)
    return oc.fitted(rows, sizes, found, strength=strength, blind=blind, seed=3)


def gap(rows, column=0):
    """Largest difference of the target's mean between groups of 1 % at least."""
    groups = [
        g for g in np.unique(rows[:, column]) if (rows[:, column] == g).mean() > 0.01
    ]
    means = [rows[rows[:, column] == g, TARGET].mean() for g in groups]
    return max(means) - min(means)


def proxy_gap(rows):
    """What a model that sees proxy, merit and job expects of women and men."""
    cell = np.ravel_multi_index(rows[:, [2, 3, 4]].T, (2, 4, 2))
    mean = np.bincount(cell, rows[:, TARGET]) / np.maximum(np.bincount(cell), 1)
    return abs(mean[cell[rows[:, 0] == 1]].mean() - mean[cell[rows[:, 0] == 0]].mean())


@pytest.fixture(scope="module")
def rows():
    return rows_of(0)


@pytest.fixture(scope="module")
def usual(rows):
    """Fitted on all rows as it is by default; an ``Outcome`` is frozen."""
    return fitted(rows)


@pytest.fixture(scope="module")
def blinded(rows):
    return fitted(rows, blind=1.0)


@pytest.fixture(scope="module")
def aware(rows, usual):
    return usual.apply(rows, np.random.default_rng(1))


def test_the_target_says_nothing_of_any_group(rows, aware):
    assert gap(rows) > 0.2
    assert gap(rows, 1) > 0.08
    noise = 4.5 * 0.5 * np.sqrt(2 / (0.25 * N))
    assert gap(aware) < 0.015 + noise
    assert gap(aware, 1) < 0.015 + noise
    both = aware[:, 0] * 3 + aware[:, 1]
    means = [aware[both == g, TARGET].mean() for g in (0, 1, 3, 4)]
    assert max(means) - min(means) < 0.02 + noise


def test_all_other_columns_stay(rows, aware):
    np.testing.assert_array_equal(aware[:, :TARGET], rows[:, :TARGET])


@pytest.mark.parametrize(
    "how", [{}, {"strength": 0.5}, {"blind": 0.5}, {"blind": 1.0}, {"legitimate": (4,)}]
)
def test_the_shares_of_the_target_stay(rows, how):
    """Of rare and of usual values; without their multiplier they move."""
    skew = rows.copy()
    skew[:, TARGET] &= rows_of(8)[:, TARGET]
    found = fitted(skew, **how)
    noise = 4.5 * np.sqrt(0.25 / N)
    made = found.apply(skew, np.random.default_rng(9))
    assert abs(made[:, TARGET].mean() - skew[:, TARGET].mean()) < 0.005 + noise
    if how.get("blind") == 1.0:
        older = dataclasses.replace(found, theta=found.theta[:, :-1])
        moved = older.apply(skew, np.random.default_rng(9))
        assert abs(moved[:, TARGET].mean() - skew[:, TARGET].mean()) > 0.01


def test_merit_still_counts(rows, aware):
    def slope(table):
        return np.polyfit(table[:, 3], table[:, TARGET], 1)[0]

    assert slope(aware) > 0.8 * slope(rows)


def test_models_that_do_not_see_the_column_keep_a_gap_that_blind_closes(
    rows, aware, blinded
):
    before, left = proxy_gap(rows), proxy_gap(aware)
    assert 0.2 * before < left < 0.9 * before
    half = proxy_gap(fitted(rows, blind=0.5).apply(rows, np.random.default_rng(2)))
    whole = blinded.apply(rows, np.random.default_rng(2))
    assert proxy_gap(whole) < 0.03  # the shares of all rows come after the proxies
    assert half == pytest.approx(left / 2, abs=0.02)
    assert gap(whole) < 0.03


@pytest.mark.parametrize("strength", [0.0, 0.3, 0.7])
def test_strength_closes_a_part_of_the_gap(rows, strength):
    part = fitted(rows, strength=strength).apply(rows, np.random.default_rng(3))
    assert gap(part) == pytest.approx((1 - strength) * gap(rows), abs=0.02)
    if strength == 0.0:
        assert (part != rows).mean() < 1e-3


def test_legitimate_columns_may_carry_dependence(rows):
    given = fitted(rows, legitimate=(4,)).apply(rows, np.random.default_rng(4))
    for job in (0, 1):
        within = given[given[:, 4] == job]
        assert gap(rows[rows[:, 4] == job]) > 0.1
        assert gap(within) < 0.03
    through = gap(given)  # women and men have other jobs, and jobs still count
    assert 0.02 < through < 0.6 * gap(rows)


def test_a_target_of_several_values_keeps_none_of_its_law_by_group():
    sizes = (*SIZES[:-1], 5)
    rows = rows_of(5, classes=5)
    out = fitted(rows, sizes).apply(rows, np.random.default_rng(5))
    before, after = (
        histogram(r, sizes, (0, TARGET)).reshape(2, 5) for r in (rows, out)
    )
    assert stats.chi2_contingency(before).statistic > 500
    assert stats.chi2_contingency(after).statistic < 40  # the heads are not exact


def test_numbers_stay_finite_where_the_target_tells_all():
    rows = rows_of(6, n=2000)
    rows[:, TARGET] = rows[:, 0]
    out = fitted(rows).apply(rows, np.random.default_rng(6))
    assert gap(rows) == 1.0
    assert gap(out) < 0.35  # what is certain is hard to tilt; it does not break


def test_a_longer_table_begins_with_the_shorter_one(rows):
    found = fitted(rows[:4000])
    whole = found.apply(rows[:900], np.random.default_rng(7))
    part = found.apply(rows[:200], np.random.default_rng(7))
    np.testing.assert_array_equal(whole[:200], part)
    assert len(found.apply(rows[:0], np.random.default_rng(7))) == 0


def test_rare_groups_are_left_to_the_rest(rows, usual):
    found = usual
    weights = oc.group_weights(
        rows, SIZES, found.roles, found.names, shares_of=found.shares
    )
    rare = rows[:, 1] == 2
    ends = np.cumsum([f.count for f in found.roles.systems])
    race = slice(int(ends[0]), int(ends[1]))  # systems: sex, race, both
    assert not weights[rare, race][:, -1].any()
    np.testing.assert_allclose(weights[rare, race][:, :-1], -1.0)
    np.testing.assert_allclose(weights.mean(axis=0)[: int(ends[-1])], 0.0, atol=1e-9)


def test_the_same_seed_gives_the_same(rows):
    a, b = (fitted(rows[:3000]) for _ in "ab")
    np.testing.assert_array_equal(a.theta, b.theta)
    other = dataclasses.replace(a, theta=np.zeros_like(a.theta))
    still = other.apply(rows[:3000], np.random.default_rng(8))
    np.testing.assert_array_equal(still, rows[:3000])
