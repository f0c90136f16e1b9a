"""The programme: what runs, in which order, with which settings."""

from __future__ import annotations

import json
import math

import pytest

from fairveil import audit
from fairveil.audit import suite
from fairveil.audit.suite import QUICK_STAGES, STAGES, Plan, plan_of
from fairveil.errors import ConfigError
from fairveil.private import step

TINY = Plan(draws=2_000, runs=20, canaries=400, epsilons=(1.0,))


@pytest.fixture
def _tiny(monkeypatch):
    monkeypatch.setattr(suite, "QUICK", TINY)
    monkeypatch.setattr(suite, "MECHANISMS", suite.MECHANISMS[:2])
    monkeypatch.setattr(suite, "_LEAST_REDRAWN", 2_000)
    monkeypatch.setattr(step, "CHUNK", 512)


def test_programmes():
    assert plan_of() == Plan()
    assert plan_of().epsilons == (0.5, 1.0, 4.0)
    assert plan_of().draws == 100_000
    quick = plan_of(quick=True)
    assert quick.epsilons == (1.0,)
    assert quick.draws < plan_of().draws
    assert plan_of(epsilon=2.0).epsilons == (2.0,)
    assert plan_of(quick=True, runs=33).runs == 33


@pytest.mark.parametrize(
    "bad", [{"epsilon": 0.0}, {"epsilon": math.inf}, {"epsilon": -1.0}, {"runs": 19}]
)
def test_impossible_settings_are_refused(bad):
    with pytest.raises(ConfigError):
        audit.run(quick=True, **bad)


def test_an_impossible_seed_is_refused():
    with pytest.raises(ConfigError, match="seed"):
        audit.run(quick=True, seed=-1)


@pytest.mark.statistical
@pytest.mark.usefixtures("_tiny")
def test_a_whole_small_audit():
    steps = []
    report = audit.run(quick=True, seed=5, progress=lambda *step_: steps.append(step_))
    names = [finding.name for finding in report.findings]
    assert names == [
        "row count",
        "row count by unit",
        "whole fit, redrawn",
        "whole fit, transcript",
        "whole fit, model",
        "whole fit, rows",
        "one run, any dependence",
        "one run, independent noise",
    ]
    assert {f.group for f in report.findings} == {"mechanism", "worst case", "one run"}
    assert (report.quick, report.seed) == (True, 5)
    assert not any(f.verdict in ("leak", "waste") for f in report.findings)
    # 2,000 draws are too few for a pass, and that is said
    assert report.findings[0].verdict == "too weak to tell"
    assert not report.passed
    json.dumps(report.to_dict(), allow_nan=False)
    assert [s[0] for s in steps] == sorted(
        (s[0] for s in steps), key=list(STAGES).index
    )
    for stage in STAGES:
        done = [s[1] for s in steps if s[0] == stage]
        assert done == sorted(done)
        assert done[-1] == next(s[2] for s in steps if s[0] == stage)
    assert list(QUICK_STAGES) == list(STAGES)
