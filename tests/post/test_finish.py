"""Wiring of the last stage: rows set apart, the redraw baseline, modes."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from fairveil.marginals import Marginal, histogram
from fairveil.post import finish as fin
from fairveil.post.calibrate import Pool
from fairveil.post.generator import RowSource
from fairveil.post.teacher import Teacher
from fairveil.seeds import Seeds

pytestmark = pytest.mark.usefixtures("quick_compile")
ROWS = np.repeat(np.array([[0, 0, 0], [1, 1, 1]], np.int32), 5000, axis=0)


def quiet(_stage, _done, _total):
    return


def finished(bundle, settings, **wish):
    plain = {"fairness": None, "sensitive": (), "strength": 1.0, "generator": "decoder"}
    return fin.finish(
        bundle,
        fin.Wish(**{**plain, **wish}),
        settings=settings,
        seeds=Seeds.of(1),
        progress=quiet,
    )


@pytest.mark.statistical
@pytest.mark.parametrize("own", [(0,), (0, 2)])
def test_sensitive_columns_are_set_apart(own):
    out = fin._set_apart(ROWS, own, 1.0, np.random.default_rng(0))
    for column in range(3):
        assert sorted(out[:, column]) == sorted(ROWS[:, column])
    np.testing.assert_array_equal(out[:, 1], ROWS[:, 1])
    table = histogram(out, (2, 2, 2), (0, 1)).reshape(2, 2)
    assert stats.chi2_contingency(table).pvalue > 1e-4
    if len(own) == 2:  # they move together
        np.testing.assert_array_equal(out[:, 0], out[:, 2])


def test_strength_moves_a_share_of_the_rows():
    still = fin._set_apart(ROWS, (0,), 0.0, np.random.default_rng(0))
    np.testing.assert_array_equal(still, ROWS)
    half = fin._set_apart(ROWS, (0,), 0.5, np.random.default_rng(0))
    assert (half[:, 0] != ROWS[:, 0]).mean() == pytest.approx(0.25, abs=0.03)


def test_redraw_has_the_pools_joint():
    pool = Pool(np.array([[0, 1], [1, 0], [1, 1], [1, 1]], np.int32), (2, 2))
    redraw = fin._redraw(pool, (0, 1), 0.5)
    assert redraw.cells.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert redraw.probs.tolist() == [0, 0.25, 0.25, 0.5]
    assert redraw.strength == 0.5


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
    assert made.redraw.probs.sum() == pytest.approx(1.0)
    for a, b in zip(made.weights.thetas, decoder_release.weights.thetas, strict=True):
        np.testing.assert_array_equal(a, b)


def test_independence_rakes_to_products(tiny_bundle, tiny_settings):
    made = finished(
        tiny_bundle, tiny_settings, fairness="independence", sensitive=("sex",)
    )
    own = tiny_bundle.codec.index("sex")
    assert made.redraw is None
    pairs = {q for q in made.weights.cliques if len(q) == 2 and own in q}
    others = len(tiny_bundle.codec.names) - 1
    assert len(pairs) == others


def test_the_release_comes_near_to_the_marginals(tiny_bundle, tiny_settings):
    """Calibration pulls the rows to the one-ways, here almost without noise."""
    sizes = tiny_bundle.codec.sizes
    rng = np.random.default_rng(0)
    plain = RowSource(tiny_bundle.teacher, 1).rows(16_000)
    ones = []
    for j, size in enumerate(sizes):
        own = histogram(plain, sizes, (j,)) / 16_000
        ones.append(0.5 * own + 0.5 * rng.dirichlet(np.full(size, 5.0)))
    exact = tuple(
        Marginal((j,), 1e6 * probs, noise_stddev=1.0) for j, probs in enumerate(ones)
    )
    bundle = dataclasses.replace(tiny_bundle, marginals=exact, n_hat=1_000_000)
    few = dataclasses.replace(tiny_settings.calibration, pool=16_000, softness=500.0)
    made = finished(bundle, dataclasses.replace(tiny_settings, calibration=few))
    rows = made.codes(16_000, Seeds.of(2))
    for j, wish in enumerate(ones):
        before, after = (
            np.abs(histogram(r, sizes, (j,)) / 16_000 - wish).sum()
            for r in (plain, rows)
        )
        assert before > 0.03
        assert after < 0.6 * before + 0.02
