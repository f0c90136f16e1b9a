"""Teacher and generator draw what their softmax says; anchored columns with it."""

import dataclasses

import numpy as np
import pytest

from fairveil.nn.mixture import parameters
from fairveil.post import draws
from fairveil.post.generator import RowSource, guided

pytestmark = pytest.mark.usefixtures("quick_compile")


@pytest.fixture(scope="module")
def generator(tiny_model):
    return tiny_model._contents.sampler.model


def guides_of(generator, n):
    shape, rng = generator.shape, np.random.default_rng(n)
    drawn = draws.guides(rng, n, latent=shape.latent, noise=shape.noise)
    return guided(parameters(generator.teacher.mixture), shape, drawn)


def test_sensitive_columns_are_anchored(generator, tiny_bundle):
    assert generator.anchored == (tiny_bundle.codec.index("sex"),)


def test_guides_are_latent_label_and_noise(generator):
    latents, guide = guides_of(generator, 50)
    shape = generator.shape
    assert guide.shape == (50, shape.guide)
    np.testing.assert_array_equal(guide[:, : shape.latent], latents)
    label = guide[:, shape.latent : shape.latent + shape.clusters]
    np.testing.assert_array_equal(np.sort(label, axis=1)[:, -1], 1)
    np.testing.assert_array_equal(label.sum(1), 1)


@pytest.mark.statistical
@pytest.mark.parametrize("who", ["teacher", "generator"])
def test_codes_lie_in_their_columns_and_repeat(generator, who):
    model = generator if who == "generator" else generator.teacher
    sizes = generator.shape.blocks.sizes
    rows, base = RowSource(model, 3, sizes).rows(3000)
    assert rows.min() >= 0
    assert (rows < np.array(sizes)).all()
    assert [one.shape for one in base] == [(3000, size) for size in sizes]
    for one in base:
        np.testing.assert_allclose(np.exp(one).sum(1), 1.0, atol=1e-5)
    again, same = RowSource(model, 3, sizes).rows(3000)
    np.testing.assert_array_equal(again, rows)
    np.testing.assert_array_equal(same[0], base[0])
    assert (RowSource(model, 4, sizes).rows(3000)[0] != rows).any()


@pytest.mark.statistical
@pytest.mark.parametrize("who", ["teacher", "generator"])
def test_rows_are_drawn_from_the_base_beside_them(generator, who):
    """Each code's surprise under its own base, summed, against mean and variance."""
    model = generator if who == "generator" else generator.teacher
    sizes = generator.shape.blocks.sizes
    rows, base = RowSource(model, 7, sizes).rows(16_000)
    for j, one in enumerate(base):
        logs = one.astype(float)
        if sizes[j] == 1:  # bins that did not stand out of the noise
            assert not rows[:, j].any()
            np.testing.assert_allclose(logs, 0.0, atol=1e-5)
            continue
        seen = logs[np.arange(len(rows)), rows[:, j]]
        mean = (np.exp(logs) * logs).sum(1)
        spread = (np.exp(logs) * logs**2).sum(1) - mean**2
        gap = (seen - mean).sum() / np.sqrt(spread.sum())
        assert abs(gap) < 4.5, j


@pytest.mark.statistical
def test_anchored_columns_keep_the_teachers_shares(generator):
    n = 16_000
    (own,) = generator.anchored
    sizes = generator.shape.blocks.sizes
    taught = RowSource(generator.teacher, 5, sizes).rows(n)[0][:, own]
    made = RowSource(generator, 6, sizes).rows(n)[0][:, own]
    size = sizes[own]
    gap = np.bincount(taught, minlength=size) - np.bincount(made, minlength=size)
    assert np.abs(gap).max() < 4.5 * np.sqrt(n / 2)


def test_without_anchors_the_generator_speaks_for_itself(generator):
    free = dataclasses.replace(generator, anchored=())
    latents, guide = guides_of(generator, 20)
    own = free.log_probs(free.layers, latents, guide)
    held = generator.log_probs(generator.layers, latents, guide)
    (column,) = generator.anchored
    span = generator.shape.blocks.span(column)
    others = np.setdiff1d(np.arange(own.shape[1]), np.arange(own.shape[1])[span])
    np.testing.assert_array_equal(own[:, others], held[:, others])
    assert np.abs(np.asarray(own[:, span] - held[:, span])).max() > 1e-7
