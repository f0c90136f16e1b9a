"""Wiring of the last stage: rows set apart, the redraw baseline, modes."""

import dataclasses
import itertools

import numpy as np
import pytest
from scipy import stats

from fairveil.marginals import Marginal, cells, histogram
from fairveil.post import finish as fin
from fairveil.post.calibrate import Pool
from fairveil.post.generator import RowSource
from fairveil.post.sample import Sampler
from fairveil.post.targets import Target
from fairveil.post.teacher import Teacher
from fairveil.seeds import Seeds

pytestmark = pytest.mark.usefixtures("quick_compile")
ROWS = np.repeat(np.array([[0, 0, 0], [1, 1, 1]], np.int32), 5000, axis=0)


def quiet(_stage, _done, _total):
    return


def wish_of(**wish):
    plain = {"fairness": None, "sensitive": (), "strength": 1.0, "generator": "decoder"}
    return fin.Wish(**{**plain, **wish})


def finished(bundle, settings, **wish):
    return fin.finish(
        bundle,
        wish_of(**wish),
        settings=settings,
        seeds=Seeds.of(1),
        progress=quiet,
    )


@pytest.fixture(scope="module")
def decoder_release(tiny_bundle, tiny_settings):
    return finished(tiny_bundle, tiny_settings)


def test_the_decoder_alone(decoder_release):
    assert isinstance(decoder_release.model, Teacher)
    assert decoder_release.redraw is None


def test_redraw_mode_leaves_the_model_alone(
    tiny_bundle, tiny_settings, decoder_release
):
    made = finished(tiny_bundle, tiny_settings, fairness="redraw", sensitive=("sex",))
    assert made.redraw.columns == (tiny_bundle.codec.index("sex"),)
    np.testing.assert_allclose(made.redraw.probs.sum(axis=1), 1.0)
    for a, b in zip(made.weights.thetas, decoder_release.weights.thetas, strict=True):
        np.testing.assert_array_equal(a, b)


def test_independence_rakes_to_products(tiny_bundle, tiny_settings):
    made = finished(
        tiny_bundle, tiny_settings, fairness="independence", sensitive=("sex",)
    )
    own = tiny_bundle.codec.index("sex")
    assert made.redraw.columns == (own,)  # what marginals reach is made exact
    pairs = {q for q in made.weights.cliques if len(q) == 2 and own in q}
    others = len(tiny_bundle.codec.names) - 1
    assert len(pairs) == others


def test_the_release_comes_near_to_the_marginals(tiny_bundle, tiny_settings):
    """Calibration pulls the rows to the one-ways, here almost without noise."""
    sizes = tiny_bundle.codec.sizes
    rng = np.random.default_rng(0)
    plain = RowSource(tiny_bundle.teacher, 1, sizes).rows(16_000)[0]
    ones = []
    for j, size in enumerate(sizes):
        own = histogram(plain, sizes, (j,)) / 16_000
        ones.append(0.3 * own + 0.7 * rng.dirichlet(np.full(size, 5.0)))
    exact = tuple(
        Marginal((j,), 1e6 * probs, noise_stddev=1.0) for j, probs in enumerate(ones)
    )
    drawn = [rng.choice(len(probs), 20_000, p=probs) for probs in ones]
    believed = np.stack(drawn, axis=1).astype(np.int32)  # the model of those one-ways
    bundle = dataclasses.replace(
        tiny_bundle, marginals=exact, rows=believed, n_hat=1_000_000
    )
    few = dataclasses.replace(
        tiny_settings.calibration, pool=16_000, softness=500.0, iterations=12
    )
    made = finished(bundle, dataclasses.replace(tiny_settings, calibration=few))
    rows = made.codes(16_000, Seeds.of(2))
    assert sum(size > 1 for size in sizes) > 3
    for j, wish in enumerate(ones):
        if sizes[j] == 1:  # bins that did not stand out of the noise
            continue
        before, after = (
            np.abs(histogram(r, sizes, (j,)) / 16_000 - wish).sum()
            for r in (plain, rows)
        )
        assert before > 0.03
        assert after < 0.6 * before + 0.02


def calibration_of(tiny_settings, **changes):
    wish = dataclasses.replace(tiny_settings.calibration, **changes)
    return dataclasses.replace(tiny_settings, calibration=wish)


@pytest.mark.statistical
def test_the_pool_is_left_as_a_release_will_be(tiny_bundle, tiny_settings):
    """Rows of the pool and rows of the sampler: two draws of one distribution."""
    settings, sizes = (
        calibration_of(tiny_settings, pool=16_000),
        tiny_bundle.codec.sizes,
    )
    source = RowSource(tiny_bundle.teacher, 8, sizes)
    wanted = fin.wanted_of(tiny_bundle, wish_of())
    pool = fin.calibrated(
        source,
        sizes,
        tiny_bundle.targets,
        [t for t in wanted if fin._is_pair(t)],
        settings=settings,
        rng=np.random.default_rng(3),
    )
    swept = settings.calibration.sweeps
    sampler = Sampler(
        tiny_bundle.codec, tiny_bundle.teacher, pool.model(), swept, wanted, 1
    )
    rows = sampler.codes(16_000, Seeds.of(5))
    kept = pool.resampled(np.random.default_rng(4))
    plain = RowSource(tiny_bundle.teacher, 9, sizes).rows(16_000)[0]
    assert len(pool.codes) == 16_000
    apart = []
    for j, size in enumerate(sizes):
        one, two, three = (
            np.bincount(codes[:, j], minlength=size) for codes in (kept, rows, plain)
        )
        seen = one + two > 20
        assert stats.chi2_contingency([one[seen], two[seen]]).pvalue > 1e-4
        apart.append(stats.chi2_contingency([one[seen], three[seen] + 1]).pvalue)
    assert min(apart) < 1e-4  # the weights do something


def test_without_iterations_the_generator_stays_as_it_is(tiny_bundle, tiny_settings):
    made = finished(tiny_bundle, calibration_of(tiny_settings, iterations=0))
    assert made.weights.cliques == ()


@pytest.mark.parametrize("sweeps", [1, 4])
def test_a_release_is_swept_as_often_as_the_fit(tiny_bundle, tiny_settings, sweeps):
    made = finished(tiny_bundle, calibration_of(tiny_settings, sweeps=sweeps))
    assert made.sweeps == sweeps


# --- pairs that nobody measured ----------------------------------------------------


def pool_and_pairs(seed=0):
    """Rows of five columns, and pairs that differ from them by known amounts."""
    sizes = (2, 3, 2, 4, 2)
    rng = np.random.default_rng(seed)
    codes = np.stack([rng.integers(0, s, 4000) for s in sizes], axis=1)
    pool = Pool(codes.astype(np.int32), sizes)
    pairs = [pool.probs(q) for q in itertools.combinations(range(5), 2)]
    gaps = dict(
        zip(itertools.combinations(range(5), 2), rng.permutation(10) / 40, strict=True)
    )
    wanted = []
    for probs, (q, gap) in zip(pairs, gaps.items(), strict=True):
        moved = probs.copy()
        most = np.argsort(moved)[::-1][:2]
        moved[most] += np.array([-gap / 2, gap / 2])
        wanted.append(Target(q, moved, 1e-3))
    return pool, wanted, gaps


def test_the_farthest_unmeasured_pairs_are_taken():
    pool, pairs, gaps = pool_and_pairs()
    order = sorted(gaps, key=gaps.__getitem__, reverse=True)
    measured = [
        Target(order[0], pool.probs(order[0]), 0.01),
        Target(order[2], pool.probs(order[2]), 0.01),
        Target((0, 1, 2), pool.probs((0, 1, 2)), 0.01),
        Target((3,), pool.probs((3,)), 0.01),
    ]
    found = fin._farthest(pool, measured, pairs, 4)
    assert [t.columns for t in found] == [order[1], *order[3:6]]
    assert all(any(t is pair for pair in pairs) for t in found)
    assert {t.columns for t in fin._farthest(pool, measured, pairs, 99)} == (
        set(order) - {order[0], order[2]}
    )
    assert fin._farthest(pool, measured, pairs, 0) == []
    assert fin._farthest(pool, pairs, pairs, 99) == []


def test_no_measured_pair_is_made_a_target_twice(tiny_bundle, tiny_settings):
    """A measured pair keeps its own noise, not that of what the model says of it."""
    made = finished(tiny_bundle, calibration_of(tiny_settings, most_pairs=100))
    cliques = made.weights.cliques
    assert len(set(cliques)) == len(cliques)
    columns = range(len(tiny_bundle.codec.names))
    assert set(itertools.combinations(columns, 2)) <= set(cliques)
    few = finished(tiny_bundle, calibration_of(tiny_settings, most_pairs=0))
    assert set(few.weights.cliques) == {m.columns for m in tiny_bundle.marginals}


def test_all_pairs_and_what_was_measured_are_wanted_as_the_model_has_them(tiny_bundle):
    sizes, rows = tiny_bundle.codec.sizes, tiny_bundle.rows
    found = {t.columns: t.probs for t in fin.wanted_of(tiny_bundle, wish_of())}
    columns = range(len(sizes))
    known = {q for k in (1, 2, 3) for q in itertools.combinations(columns, k)}
    assert set(found) == known
    for q, probs in found.items():
        np.testing.assert_allclose(probs, histogram(rows, sizes, q) / len(rows))


def test_huge_pairs_are_not_watched(tiny_bundle, monkeypatch):
    sizes = tiny_bundle.codec.sizes
    pairs = list(itertools.combinations(range(len(sizes)), 2))
    most = max(cells(sizes, q) for q in pairs)
    monkeypatch.setattr(fin, "_PAIR_CELLS", most - 1)
    known = {m.columns for m in tiny_bundle.marginals}
    found = {t.columns for t in fin.wanted_of(tiny_bundle, wish_of())}
    huge = {q for q in pairs if cells(sizes, q) == most}
    assert huge - known
    assert not found & (huge - known)
    assert set(pairs) - huge <= found


def triples_of(sizes):
    return fin._some(sizes, 3, fin._TRIPLE_CELLS, fin._MOST_TRIPLES)


def test_measured_triples_and_no_more_others_than_are_quickly_watched(
    tiny_bundle, monkeypatch
):
    sizes = tiny_bundle.codec.sizes
    columns = range(len(sizes))
    triples = list(itertools.combinations(columns, 3))
    assert triples_of(sizes) == triples
    monkeypatch.setattr(fin, "_MOST_TRIPLES", 4)
    kept = triples_of(sizes)
    assert len(kept) == len(set(kept)) == 4
    assert set(kept) < set(triples)
    assert kept == triples_of(sizes)
    least = min(cells(sizes, q) for q in triples)
    monkeypatch.setattr(fin, "_TRIPLE_CELLS", least)
    assert all(cells(sizes, q) == least for q in triples_of(sizes))
    monkeypatch.setattr(fin, "_TRIPLE_CELLS", 0)
    assert triples_of(sizes) == []
    triple = Marginal(triples[5], np.ones(cells(sizes, triples[5])), 1.0)
    bundle = dataclasses.replace(
        tiny_bundle, marginals=(*tiny_bundle.marginals, triple)
    )
    found = [t.columns for t in fin.wanted_of(bundle, wish_of())]
    known = {m.columns for m in tiny_bundle.marginals}
    assert {q for q in found if len(q) > 2} == {q for q in known if len(q) > 2} | {
        triples[5]
    }


@pytest.mark.parametrize("strength", [1.0, 0.4])
def test_independence_wants_products_with_the_sensitive_column(tiny_bundle, strength):
    sizes, own = tiny_bundle.codec.sizes, tiny_bundle.codec.index("sex")
    fair = {"fairness": "independence", "sensitive": ("sex",), "strength": strength}
    found = fin.wanted_of(tiny_bundle, wish_of(**fair))
    plain = {t.columns: t.probs for t in fin.wanted_of(tiny_bundle, wish_of())}
    assert {t.columns for t in found} == set(plain)
    apart = 0
    for target in found:
        q, before = target.columns, plain[target.columns]
        if len(q) != 2 or own not in q:
            if own not in q or len(q) == 1:
                np.testing.assert_allclose(target.probs, before)
            continue
        table = before.reshape([sizes[c] for c in q])
        product = np.outer(table.sum(1), table.sum(0)).ravel()
        mixed = (1 - strength) * before + strength * product
        np.testing.assert_allclose(target.probs, mixed, atol=1e-12)
        apart += np.abs(product - before).sum() > 1e-3
    assert apart > 1


def test_without_measured_pairs_the_one_ways_alone_are_wanted(tiny_bundle):
    singles = tuple(m for m in tiny_bundle.marginals if len(m.columns) == 1)
    alone = dataclasses.replace(tiny_bundle, marginals=singles)
    fair = {"fairness": "independence", "sensitive": ("sex",)}
    for wish in (wish_of(), wish_of(**fair)):
        found = [t.columns for t in fin.wanted_of(alone, wish)]
        assert found == [(j,) for j in range(len(tiny_bundle.codec.names))]


@pytest.mark.statistical
def test_a_release_is_balanced(tiny_bundle, tiny_settings):
    """Chosen rows are nearer to what is wanted than rows as they come."""
    gaps = []
    for choices in (1, 3):
        settings = calibration_of(tiny_settings, choices=choices)
        made = finished(tiny_bundle, settings)
        assert made.choices == choices
        rows, sizes = made.codes(2000, Seeds.of(3)), tiny_bundle.codec.sizes
        gaps.append(
            [
                np.abs(histogram(rows, sizes, t.columns) / 2000 - t.probs).sum()
                for t in made.wanted
            ]
        )
    assert np.mean(gaps[1]) < 0.7 * np.mean(gaps[0])


def test_without_measured_pairs_the_teacher_is_believed(tiny_bundle):
    """Else the generator would learn from rows whose columns are independent."""
    seeds, sizes = Seeds.of(1), tiny_bundle.codec.sizes
    assert fin._believed(tiny_bundle, seeds) is tiny_bundle.rows
    singles = tuple(m for m in tiny_bundle.marginals if len(m.columns) == 1)
    alone = dataclasses.replace(tiny_bundle, marginals=singles)
    found = fin._believed(alone, seeds)
    source = RowSource(tiny_bundle.teacher, seeds.number("teacher rows"), sizes)
    np.testing.assert_array_equal(found, source.rows(len(tiny_bundle.rows))[0])
