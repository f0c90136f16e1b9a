"""Settings are frozen, possible, and change by ``replace``."""

import dataclasses
import math

import pytest

from fairveil import config
from fairveil.errors import ConfigError

PARTS = [f.default_factory for f in dataclasses.fields(config.Fit)]


def test_the_shares_sum_to_one():
    shares = dataclasses.astuple(config.Split())
    assert math.fsum(shares) == pytest.approx(1.0, abs=1e-12)
    with pytest.raises(ConfigError, match="sum to 1"):
        config.Split(vae=0.3)


def test_a_share_is_positive():
    with pytest.raises(ConfigError, match="vae"):
        config.Split(vae=0.0, marginals=0.81)


@pytest.mark.parametrize("part", [config.Fit, *PARTS])
def test_settings_are_frozen_and_by_keyword(part):
    made = part()
    name = dataclasses.fields(made)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(made, name, 1)
    with pytest.raises(TypeError):
        part(getattr(made, name))
    assert dataclasses.replace(made) == made
    assert hash(made) == hash(part())


BAD = [
    (config.VaeTraining, "latent", 0),
    (config.VaeTraining, "steps", 0),
    (config.VaeTraining, "steps", 1.5),
    (config.VaeTraining, "refreshes", -1),
    (config.VaeTraining, "l2_clip_norm", 0.0),
    (config.VaeTraining, "l2_clip_norm", -1.0),
    (config.VaeTraining, "learning_rate", math.nan),
    (config.VaeTraining, "refresh_share", 1.0),
    (config.Clustering, "clusters", 0),
    (config.Clustering, "lloyd_steps", 0),
    (config.Measuring, "most_bins", 1),
    (config.Measuring, "most_bins", 33),
    (config.VaeTraining, "warm_steps", -1),
    (config.VaeTraining, "warm_batch", 0),
    (config.VaeTraining, "warm_rate", 0.0),
    (config.VaeTraining, "warm_averaging", 1.5),
    (config.Measuring, "rounds", -1),
    (config.Measuring, "least_rounds", -1),
    (config.Measuring, "most_rounds", 0),
    (config.Measuring, "rounds_exponent", -0.5),
    (config.Measuring, "cell_exponent", 1.5),
    (config.Measuring, "reference_signal", 0.0),
    (config.Measuring, "price_span", 0.5),
    (config.Measuring, "inner", 0),
    (config.Measuring, "pool", 0),
    (config.GanTraining, "steps", 0),
    (config.GanTraining, "critic_steps", 0),
    (config.GanTraining, "batch", 1),
    (config.GanTraining, "marginal_batch", 1),
    (config.GanTraining, "temperature", 0.0),
    (config.GanTraining, "learning_rate", 0.0),
    (config.Calibration, "pool", 0),
    (config.Calibration, "sweeps", 0),
    (config.Calibration, "softness", 0.0),
    (config.Calibration, "iterations", -1),
    (config.Calibration, "choices", 0),
    (config.Calibration, "choices", 101),
    (config.Calibration, "pool", 10**7),
    (config.Calibration, "iterations", 101),
    (config.Calibration, "sweeps", 101),
    (config.Calibration, "most_pairs", 10**5),
    (config.GanTraining, "steps", 10**7),
    (config.Measuring, "settling", -1),
]


@pytest.mark.parametrize(("part", "name", "bad"), BAD)
def test_impossible_settings_are_refused(part, name, bad):
    named = name if bad != 10**7 or part is config.Calibration else "row_steps"
    with pytest.raises(ConfigError, match=named):
        part(**{name: bad})


def test_presets():
    assert config.preset(None) == config.Fit()
    paper = config.preset("paper")
    assert paper.vae.latent == 20
    assert paper.vae.hidden == (512, 256)
    assert paper.clustering.clusters == 15
    assert paper.split.rows == config.Fit().split.rows
    assert (
        paper.split.vae + paper.split.clusters > 0.9
    )  # no marginals: theirs goes here
    off = (paper.vae.warm_steps, paper.clustering.warm, paper.measuring.rounds)
    assert off == (0, False, 0)
    assert (paper.gan.marginal, paper.calibration.iterations) == (0.0, 0)
    with pytest.raises(ConfigError, match="preset"):
        config.preset("fast")
