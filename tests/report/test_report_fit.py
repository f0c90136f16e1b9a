"""What a report says of the fit: released quantities, and distances to them alone."""

import dataclasses
import math

import numpy as np
import pytest

from fairveil.marginals import histogram
from fairveil.report.fit import described
from fairveil.seeds import Seeds


@pytest.fixture(scope="module")
def found(tiny_model):
    return described(tiny_model._contents)


def test_noise_is_told_as_it_was_added(found, tiny_model):
    marginals = tiny_model._contents.bundle.marginals
    assert len(found.noise) == len(marginals)
    rng = np.random.default_rng(0)
    for said, one in zip(found.noise, marginals, strict=True):
        drawn = rng.normal(0, one.noise_stddev, (400, len(one.counts)))
        mean = np.abs(drawn).sum(axis=1).mean() / 2 / found.rows
        assert said.expected == pytest.approx(mean, rel=0.1)
        assert said.stddev == one.noise_stddev
    assert sum(found.stages.values()) == pytest.approx(1)


def test_what_the_promise_moves_has_no_error(found):
    for one in found.noise:
        moved = "sex" in one.columns and len(one.columns) > 1
        assert (one.release is None) is moved


def test_the_last_stage_is_the_release(found, tiny_model):
    contents = tiny_model._contents
    codes = contents.sampler.codes(found.post[-1].rows, Seeds.of(0))
    sizes, n_hat = contents.bundle.codec.sizes, contents.bundle.n_hat
    singles = [
        np.abs(histogram(codes, sizes, m.columns) / len(codes) - m.counts / n_hat).sum()
        for m in contents.bundle.marginals
        if len(m.columns) == 1
    ]
    assert found.post[-1].single == pytest.approx(np.mean(singles) / 2)
    names = [stage.name for stage in found.post]
    assert names[0] == "model of the marginals"
    assert names[-2:] == ["generator", "released rows"]


def test_a_fit_that_is_not_private_says_so(tiny_model):
    contents = tiny_model._contents
    statement = dataclasses.replace(
        contents.statement,
        private=False,
        not_private_reason="insecure_noise_seed was set",
    )
    found = described(dataclasses.replace(contents, statement=statement))
    assert not found.private
    assert found.promise.startswith("NOT PRIVATE")
    assert math.isfinite(found.epsilon)
