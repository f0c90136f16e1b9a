import dataclasses
import json
import math
from statistics import NormalDist

import pytest

from fairveil.errors import ConfigError
from fairveil.privacy import events as ev, poisson

EXAMPLES = [
    ev.Gaussian(
        stage="vae", what="steps", sensitivity=1.5, noise_stddev=30.0, count=300
    ),
    ev.Gaussian(
        stage="count", what="rows", sensitivity=1.0, noise_stddev=9.0, discrete=True
    ),
    ev.Gaussian(stage="vae", what="no noise", sensitivity=1.0, noise_stddev=0.0),
    ev.Exponential(stage="select", what="pairs", sensitivity=2.0, e=0.1, count=20),
    ev.Exponential(stage="select", what="best", sensitivity=2.0, e=math.inf),
    ev.Thresholding(
        stage="schema",
        what="job",
        noise_stddev=40.0,
        threshold=200.0,
    ),
    ev.NonPrivate(stage="inf", what="inf"),
]


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda e: e.label)
def test_json_both_ways(event):
    text = json.dumps(event.to_dict(), allow_nan=False)
    assert ev.from_dict(json.loads(text)) == event


def test_costs():
    rhos = [event.rho for event in EXAMPLES]
    assert rhos[0] == pytest.approx(300 * 1.5**2 / (2 * 30.0**2))
    assert rhos[1] == pytest.approx(1 / (2 * (81 - 0.25)))
    assert rhos[2] == math.inf
    mu = 2 * NormalDist().inv_cdf(1 / (1 + math.exp(-0.05)))
    assert rhos[3] == pytest.approx(20 * mu**2 / 2)
    assert 1.5 < rhos[3] / (20 * 0.01 / 8) < math.pi / 2 + 1e-9
    assert rhos[4] == math.inf
    assert rhos[5] == pytest.approx(1 / (2 * (1600 - 0.25)))
    assert rhos[6] == math.inf
    deltas = [event.delta for event in EXAMPLES]
    assert deltas[:5] + deltas[6:] == [0] * 6
    # a cell with one row is shown from a noise of 200 on; the bound is one unit looser
    assert NormalDist().cdf(-199.5 / 40) < deltas[5] < NormalDist().cdf(-198.9 / 40)


def test_labels():
    assert EXAMPLES[0].label == "vae/steps"


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda e: e.label)
def test_events_are_frozen_and_named_by_keyword(event):
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.stage = "other"
    with pytest.raises(TypeError):
        type(event)(*dataclasses.astuple(event))


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "laplace"},
        {"kind": None},
        {"kind": ["gaussian"]},
        {"noise_stddev": -1.0},
        {"noise_stddev": "much"},
        {"sensitivity": 0.0},
        {"sensitivity": "inf"},
        {"count": 0},
        {"count": 1.5},
        {"count": "inf"},
        {"discrete": "yes"},
        {"stage": ""},
        {"what": 3},
        {"rho": 0.0},
    ],
    ids=str,
)
def test_json_that_is_no_event_is_refused(change):
    with pytest.raises(ConfigError):
        ev.from_dict({**EXAMPLES[0].to_dict(), **change})


def test_json_without_a_field_or_a_mapping_is_refused():
    data = EXAMPLES[0].to_dict()
    del data["sensitivity"]
    with pytest.raises(ConfigError, match="fields"):
        ev.from_dict(data)
    with pytest.raises(ConfigError, match="kind"):
        ev.from_dict([1])


@pytest.mark.parametrize("change", [{"rows_per_unit": 0}, {"threshold": math.inf}])
def test_impossible_thresholds_are_refused(change):
    with pytest.raises(ConfigError):
        dataclasses.replace(EXAMPLES[5], **change)


@pytest.mark.parametrize("change", [{"e": 0.0}, {"sensitivity": -1.0}])
def test_impossible_choices_are_refused(change):
    with pytest.raises(ConfigError):
        dataclasses.replace(EXAMPLES[3], **change)


STEPS = ev.PoissonGaussian(
    stage="vae",
    what="steps",
    sampling_rate=0.125,
    sensitivity=2.0,
    noise_stddev=10.0,
    count=100,
    slack=1e-7,
)


def test_sampled_steps_both_ways_and_their_costs():
    text = json.dumps(STEPS.to_dict(), allow_nan=False)
    assert ev.from_dict(json.loads(text)) == STEPS
    assert STEPS.delta == 1e-7
    assert STEPS.rho == poisson.covering_rho(0.125, 5.0, count=100, slack=1e-7)
    believed = 100 * 0.125**2 / (2 * 5.0**2)  # pitfall P1
    plain = dataclasses.replace(STEPS, sampling_rate=1.0)
    assert plain.rho == pytest.approx(100 / (2 * 5.0**2))
    assert believed < STEPS.rho < 0.1 * plain.rho
    bare = dataclasses.replace(STEPS, noise_stddev=0.0)
    assert bare.rho == math.inf
    assert ev.from_dict(bare.to_dict()) == bare


def test_a_scale_changes_no_price_of_sampled_steps():
    scaled = dataclasses.replace(STEPS, sensitivity=2e-3, noise_stddev=1e-2)
    assert scaled.rho == pytest.approx(STEPS.rho, rel=2e-3)


@pytest.mark.parametrize(
    "change",
    [
        {"sampling_rate": 0.0},
        {"sampling_rate": 1.5},
        {"sampling_rate": 1e-25},
        {"sampling_rate": True},
        {"sensitivity": 0.0},
        {"noise_stddev": -1.0},
        {"count": 0},
        {"slack": 0.0},
        {"slack": 1},
        {"slack": "inf"},
        {"rho": 0.001},
        {"delta": 1e-9},
        {"more": 1},
    ],
    ids=str,
)
def test_impossible_sampled_steps_are_refused(change):
    with pytest.raises(ConfigError):
        ev.from_dict({**STEPS.to_dict(), **change})


def test_a_price_from_another_machine_may_differ_in_its_last_digit():
    data = STEPS.to_dict()
    assert ev.from_dict({**data, "rho": data["rho"] * (1 + 1e-3)}) == STEPS
    with pytest.raises(ConfigError):
        ev.from_dict({**data, "rho": data["rho"] * (1 - 5e-3)})
