"""``fairveil audit``: options, table, files, exit codes; the audit itself is faked."""

from __future__ import annotations

import dataclasses
import json

import pytest
import typer
from typer.testing import CliRunner

from fairveil import _cli_audit, _console, audit
from fairveil.audit.bounds import Estimate
from fairveil.audit.results import AuditReport, Bound, Finding

LOUD = Bound(epsilon=5.0, epsilon_most=5.0, mu=5.0, mu_most=5.0)
GOOD = Finding(
    group="mechanism",
    name="row count",
    about="a row more",
    runs=100,
    epsilon=1.996,
    delta=1e-5,
    mu=0.5,
    bound=Bound(
        epsilon=0.3,
        epsilon_most=8.0,
        mu=0.45,
        mu_most=6.0,
        estimate=Estimate(value=0.49, low=0.44, high=0.54),
    ),
    control=LOUD,
    expected=0.5,
    remarks=("a remark",),
)
LEAK = dataclasses.replace(GOOD, name="bad one", faults=("a bare number",))
WEAK = dataclasses.replace(GOOD, name="weak one", control=None)


@pytest.fixture
def command(monkeypatch):
    """Runs the command on a report; keeps the settings that the audit was given."""
    given = {}

    def call(*options, findings=(GOOD,)):
        def run(*, progress, **settings):
            given.update(settings)
            progress("mechanisms", 1, 1)
            return AuditReport(
                findings=findings,
                version="1.2.3",
                quick=settings["quick"],
                seed=settings["seed"],
                seconds=12.3,
            )

        monkeypatch.setattr(audit, "run", run)
        app = typer.Typer(cls=_console.Commands, add_completion=False)
        app.callback()(lambda: None)
        _cli_audit.register(app)
        result = CliRunner().invoke(app, ["audit", *map(str, options)])
        return result, given

    return call


def test_a_good_audit(command):
    result, given = command()
    assert result.exit_code == 0
    assert given == {"quick": False, "epsilon": None, "runs": None, "seed": None}
    line = next(x for x in result.stdout.splitlines() if x.startswith("row count"))
    assert line.split()[2:] == ["2.00", "1.77", "8.00", "0.49/0.50", "pass"]
    assert "row count: a remark" in result.stdout
    assert "every control screamed" in result.stdout
    assert all(len(x) <= 88 for x in result.stdout.splitlines())


@pytest.mark.parametrize(
    ("finding", "said"),
    [(LEAK, "Something is wrong: bad one"), (WEAK, "Too weak to tell: weak one")],
)
def test_what_is_not_good_leaves_with_one(command, finding, said):
    result, _ = command(findings=(GOOD, finding))
    assert result.exit_code == 1
    assert said in result.stdout
    assert "every control screamed" not in result.stdout
    if finding is LEAK:
        assert "FAULT in bad one: a bare number" in result.stdout


def test_options_reach_the_audit(command):
    result, given = command("--quick", "--epsilon", 2, "--runs", 50, "--seed", 7)
    assert given == {"quick": True, "epsilon": 2.0, "runs": 50, "seed": 7}
    assert result.stdout.startswith("Repeatable noise")


def test_json_alone_on_standard_output(command):
    result, _ = command("--json", findings=(GOOD, LEAK))
    told = json.loads(result.stdout)
    assert result.exit_code == 1
    assert told["passed"] is False
    assert [f["verdict"] for f in told["findings"]] == ["pass", "leak"]


def test_files(command, tmp_path):
    output, page = tmp_path / "audit.json", tmp_path / "audit.md"
    result, _ = command("--quick", "--output", output, "--page", page)
    assert result.exit_code == 0
    assert json.loads(output.read_text())["format"] == "fairveil-audit"
    text = page.read_text()
    assert text.startswith("# Audit\n")
    assert "with `--quick`: fairveil 1.2.3, real noise, 12 s" in text
    assert "| row count | 100 | 2.00 |" in text
    assert "- row count: a remark" in text


def test_a_place_that_cannot_be_written_is_refused_first(command, tmp_path):
    result, given = command("--output", tmp_path / "none" / "audit.json")
    assert result.exit_code == 2
    assert "folder" in result.stderr
    assert given == {}
    same = tmp_path / "one"
    same.write_text("")
    result, given = command("--output", same, "--page", same)
    assert result.exit_code == 2
    assert given == {}


def test_an_impossible_setting_is_one_line(command, monkeypatch):
    real = audit.run
    command()
    monkeypatch.setattr(audit, "run", real)
    app = typer.Typer(cls=_console.Commands, add_completion=False)
    app.callback()(lambda: None)
    _cli_audit.register(app)
    result = CliRunner().invoke(app, ["audit", "--epsilon", "-1"])
    assert result.exit_code == 2
    assert result.stderr.strip().splitlines()[-1].startswith("Error: --epsilon must be")
