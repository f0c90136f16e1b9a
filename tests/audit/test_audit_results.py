"""Verdicts: leak, waste, too weak to tell; and the report that carries them."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest

from fairveil.audit.bounds import Counts, Estimate
from fairveil.audit.results import AuditReport, Bound, Finding, down, up


def bound(mu, low, high, *, epsilon=0.0, mu_bound=None):
    return Bound(
        epsilon=epsilon,
        epsilon_most=5.0,
        mu=low if mu_bound is None else mu_bound,
        mu_most=6.0,
        estimate=Estimate(value=mu, low=low, high=high),
    )


LOUD = bound(5.5, 5.0, math.inf, epsilon=5.0)
SHARP = Finding(
    group="mechanism",
    name="a mechanism",
    about="a row more",
    runs=100,
    epsilon=4.4,
    delta=1e-5,
    mu=1.0,
    bound=bound(0.98, 0.9, 1.05),
    control=LOUD,
    expected=1.0,
)
BLUNT = dataclasses.replace(SHARP, expected=None, name="an attacker")


def changed(**changes):
    return dataclasses.replace(SHARP, **changes)


@pytest.mark.parametrize(
    ("finding", "verdict"),
    [
        (SHARP, "pass"),
        (BLUNT, "no leak seen"),
        (changed(mu=1.0, bound=bound(1.2, 1.04, 1.3)), "leak"),
        (changed(bound=bound(0.9, 0.8, 1.0, epsilon=4.5)), "leak"),
        (changed(mu=2.0, bound=bound(1.2, 1.04, 1.3)), "leak"),  # above expected
        (changed(faults=("a number left bare",)), "leak"),
        (changed(bound=bound(0.79, 0.75, 0.83)), "waste"),
        (changed(bound=bound(0.9, 0.7, 1.2)), "too weak to tell"),  # limits too wide
        (changed(control=bound(0.5, 0.4, 0.6)), "too weak to tell"),  # silent
        (changed(control=None), "too weak to tell"),
        (dataclasses.replace(BLUNT, control=None), "too weak to tell"),
        (dataclasses.replace(BLUNT, bound=bound(0.1, 0.0, 3.0)), "no leak seen"),
        (dataclasses.replace(BLUNT, bound=bound(1.4, 1.1, 1.6)), "leak"),
    ],
)
def test_verdicts(finding, verdict):
    assert finding.verdict == verdict


def test_there_is_room_only_below_what_is_stated():
    at_most = changed(mu=1.0, expected=1.0, bound=bound(1.1, 1.001, 1.2))
    assert at_most.verdict == "leak"
    covered = changed(mu=2.0, expected=1.0, bound=bound(1.1, 1.02, 1.2))
    assert covered.verdict == "pass"


def test_a_leak_needs_no_control():
    assert changed(control=None, bound=bound(1.5, 1.2, 1.8)).verdict == "leak"


def test_a_bound_from_counts_is_below_what_was_possible():
    found = Bound.of(Counts(hits=90, inside=100, alarms=10, outside=100), delta=1e-5)
    assert 0 < found.epsilon < found.epsilon_most
    assert 0 < found.mu < found.mu_most
    assert found.estimate.low <= found.mu <= found.estimate.value
    assert Bound.nothing().epsilon_most == 0.0


def report(*findings):
    return AuditReport(
        findings=findings, version="1.2.3", quick=True, seed=None, seconds=3.0
    )


def test_a_report_passes_only_if_every_audit_does():
    assert report(SHARP, BLUNT).passed
    assert not report(SHARP, changed(control=None)).passed
    assert not report(changed(bound=bound(0.5, 0.45, 0.55))).passed
    assert not report(changed(faults=("bare",))).passed


def test_the_json_form_is_plain():
    control = dataclasses.replace(LOUD, mu=math.inf)
    told = report(changed(control=control, remarks=("so",))).to_dict()
    again = json.loads(json.dumps(told, allow_nan=False))
    assert again == told
    assert again["passed"] is True
    assert (again["format"], again["format_version"]) == ("fairveil-audit", 1)
    (finding,) = again["findings"]
    assert finding["verdict"] == "pass"
    assert finding["control"]["mu"] == "inf"
    assert finding["control"]["estimate"]["high"] == "inf"
    assert finding["remarks"] == ["so"]
    assert finding["proven"] > finding["bound"]["epsilon"]


def test_the_markdown_has_a_row_for_each_finding_and_every_fault():
    bad = changed(name="bad", faults=("a number left bare",), remarks=("look",))
    text = report(SHARP, bad).markdown()
    lines = text.splitlines()
    assert len({line.count("|") for line in lines[:4]}) == 1
    assert "| pass |" in lines[2]
    assert "| LEAK |" in lines[3]
    assert "- FAULT in bad: a number left bare" in lines
    assert "- bad: look" in lines
    assert text.endswith("\n")
    assert "SILENT" in report(changed(control=bound(0.1, 0.0, 0.2))).markdown()
    assert "not run" in report(changed(control=None)).markdown()


def test_figures_round_to_the_safe_side():
    assert (up(0.501), down(0.509)) == ("0.51", "0.50")
    assert (up(math.inf), down(math.inf)) == ("inf", "inf")
    assert down(-0.001) == "-0.01"
