"""Teacher and generator draw what their softmax says; anchored columns with it."""

import dataclasses

import jax
import numpy as np
import pytest

from fairveil.post.generator import RowSource, draw_guide

pytestmark = pytest.mark.usefixtures("quick_compile")


@pytest.fixture(scope="module")
def generator(tiny_model):
    return tiny_model._contents.sampler.model


def test_sensitive_columns_are_anchored(generator, tiny_bundle):
    assert generator.anchored == (tiny_bundle.codec.index("sex"),)


def test_guides_are_latent_label_and_noise(generator):
    latents, guide = draw_guide(
        generator.teacher, generator.shape, jax.random.key(0), 50
    )
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
    rows = RowSource(model, 3).rows(3000)
    sizes = np.array(generator.shape.blocks.sizes)
    assert rows.min() >= 0
    assert (rows < sizes).all()
    np.testing.assert_array_equal(RowSource(model, 3).rows(3000), rows)
    assert (RowSource(model, 4).rows(3000) != rows).any()


@pytest.mark.statistical
def test_anchored_columns_keep_the_teachers_shares(generator):
    n = 16_000
    (own,) = generator.anchored
    taught = RowSource(generator.teacher, 5).rows(n)[:, own]
    made = RowSource(generator, 6).rows(n)[:, own]
    size = generator.shape.blocks.sizes[own]
    gap = np.bincount(taught, minlength=size) - np.bincount(made, minlength=size)
    assert np.abs(gap).max() < 4.5 * np.sqrt(n / 2)


def test_without_anchors_the_generator_speaks_for_itself(generator):
    free = dataclasses.replace(generator, anchored=())
    latents, guide = draw_guide(
        generator.teacher, generator.shape, jax.random.key(1), 20
    )
    own = free.log_probs(free.layers, latents, guide)
    held = generator.log_probs(generator.layers, latents, guide)
    (column,) = generator.anchored
    span = generator.shape.blocks.span(column)
    others = np.setdiff1d(np.arange(own.shape[1]), np.arange(own.shape[1])[span])
    np.testing.assert_array_equal(own[:, others], held[:, others])
    assert np.abs(np.asarray(own[:, span] - held[:, span])).max() > 1e-7
