"""Forecasts: the noise that a fit has, from public facts alone, and sizes in order."""

import dataclasses
import json
import math
import subprocess
import sys

import pytest
from typer.testing import CliRunner

import fairveil
from fairveil import _sizing, config, planning
from fairveil.cli import app
from fairveil.datasets import get
from fairveil.errors import ConfigError
from fairveil.planning import plan, rounded
from fairveil.post import fit_gan
from fairveil.privacy.ledger import Ledger
from fairveil.schema import Column, Schema

SCHEMA = Schema(
    columns=(
        Column(name="a", kind="categorical", categories=("x", "y", "z")),
        Column(name="b", kind="boolean", nullable=True),
        Column(name="c", kind="numeric", lower=0, upper=9, decimals=0),
    )
)


@pytest.mark.parametrize(
    ("rows", "kept"),
    [(1, 1), (7, 7), (99, 99), (104, 100), (22_792, 23_000), (1_049_999, 1_000_000)],
)
def test_two_digits_of_a_row_count_are_used(rows, kept):
    assert rounded(rows) == kept
    found = plan(rows=rows, columns=5)
    assert found.rows == kept
    assert found == plan(rows=kept, columns=5)


def test_noise_is_that_of_a_fit():
    """The same budget, shares and rounds as the private stage has."""
    found = plan(rows=20_000, schema=SCHEMA, epsilon=2.0, delta=1e-6)
    kept = config.reserved_delta(1e-6, discovering=False)
    ledger = Ledger(epsilon=2.0, delta=1e-6, reserved_delta=kept)
    assert found.rho == pytest.approx(ledger.rho_cap, rel=1e-6)
    fit = config.Fit()
    size = {"n_hat": 20_000, "rho": found.rho, "columns": 3}
    fit = _sizing.sized(fit, **size)
    part = ledger.share(fit.split.single) / 3
    assert found.count_noise == pytest.approx(math.sqrt(0.5 / part), rel=1e-6)
    assert found.row_count_noise == pytest.approx(
        math.sqrt(0.5 / ledger.share(fit.split.rows)), rel=1e-6
    )
    assert found.rounds == 4  # three pairs and one triple are all there are


def test_the_measured_noise_of_a_fit_is_as_forecast(tiny_model):
    """One-ways and the row count of a real fit, by what its marginals say of noise."""
    contents = tiny_model._contents
    schema, statement = contents.bundle.codec.schema, contents.statement
    found = plan(
        rows=contents.bundle.n_hat,
        schema=schema,
        epsilon=statement.epsilon,
        delta=statement.delta,
        preset=contents.settings,
    )
    chosen = [m for m in contents.bundle.marginals if len(m.columns) > 1]
    mean = sum(0.5 / m.noise_stddev**2 for m in chosen) / len(chosen)
    assert math.sqrt(0.5 / mean) == pytest.approx(found.joint_noise, rel=0.3)


def test_more_rows_or_budget_blur_less_and_units_blur_more():
    usual = plan(rows=20_000, columns=10)
    for better in (
        plan(rows=40_000, columns=10),
        plan(rows=20_000, columns=10, epsilon=3),
    ):
        assert better.effective_noise < usual.effective_noise
        assert better.group_noise < usual.group_noise
    worse = plan(rows=20_000, columns=10, max_rows_per_unit=4)
    assert worse.row_count_noise == pytest.approx(4 * usual.row_count_noise)
    assert worse.effective_noise > 1.5 * usual.effective_noise
    small = plan(rows=20_000, columns=10, group=0.01)
    assert small.effective_noise == pytest.approx(5 * usual.effective_noise)
    declared = plan(rows=20_000, schema=SCHEMA)
    searched = plan(rows=20_000, columns=3)
    assert searched.rho < declared.rho  # delta that discovery keeps
    assert plan(rows=200, columns=10).advice
    assert usual.advice is None


def test_the_feasible_epsilon_is_just_enough():
    wish = {"rows": 20_000, "columns": 10, "accuracy": 0.02}
    least = plan(**wish).feasible_epsilon
    assert plan(**wish, epsilon=least).effective_noise <= 0.02
    assert plan(**wish, epsilon=0.9 * least).effective_noise > 0.02
    assert plan(rows=20_000, columns=10).feasible_epsilon is None
    assert plan(rows=10, columns=10, accuracy=1e-9).feasible_epsilon is None
    assert plan(rows=10**9, columns=2, accuracy=1.0).feasible_epsilon == 1e-3


def test_time_and_memory_grow_with_the_table():
    usual = plan(rows=20_000, columns=14)
    for more in (plan(rows=500_000, columns=14), plan(rows=20_000, columns=60)):
        assert more.total_seconds > 1.2 * usual.total_seconds
        assert more.memory_mb > usual.memory_mb
        assert usual.streamed_mb < more.streamed_mb < more.memory_mb
        assert all(s >= 0 for s in more.cpu_seconds.values())
    assert planning._WIDE == (fit_gan._WIDE, fit_gan._LINES)
    tall = [plan(rows=n, columns=14).total_seconds for n in (10**7, 2 * 10**7)]
    assert tall[1] < 2.1 * tall[0]  # linear in rows


def test_the_forecast_of_adult_is_that_of_its_fit():
    """CPU seconds measured before: docs/speed.md."""
    found = plan(rows=22_792, schema=get("adult").schema())
    assert 35 < found.total_seconds < 140
    assert 500 < found.memory_mb < 2200


@pytest.mark.parametrize(
    "wrong",
    [
        {"rows": 0, "columns": 3},
        {"rows": 10},
        {"rows": 10, "columns": 3, "schema": SCHEMA},
        {"rows": 10, "columns": 0},
        {"rows": 10, "columns": 3, "epsilon": math.inf},
        {"rows": 10, "columns": 3, "epsilon": 0},
        {"rows": 10, "columns": 3, "delta": 1.0},
        {"rows": 10, "columns": 3, "group": 1.5},
        {"rows": 10, "columns": 3, "accuracy": -1},
        {"rows": 10, "columns": 3, "max_rows_per_unit": 0},
    ],
)
def test_wrong_numbers_are_refused(wrong):
    with pytest.raises(ConfigError):
        plan(**wrong)


def test_the_command_says_the_same(tmp_path):
    SCHEMA.save(tmp_path / "schema.json")
    words = ["plan", "--rows", "20500", "--schema", str(tmp_path / "schema.json")]
    shown = CliRunner().invoke(app, [*words, "--accuracy", ".01"])
    assert shown.exit_code == 0
    for text in ("20,000 rows, 3 columns", "to be within 1.0%", "together", "MB"):
        assert text in shown.output
    told = CliRunner().invoke(app, [*words, "--json"])
    found = plan(rows=20_500, schema=SCHEMA)
    assert json.loads(told.output) == json.loads(json.dumps(found.to_dict()))
    assert fairveil.plan is planning.plan
    assert dataclasses.is_dataclass(found)


def test_a_plan_loads_neither_networks_nor_what_reads_rows():
    code = (
        "import sys, fairveil; fairveil.plan(rows=1000, columns=4);"
        "print('jax' in sys.modules, 'fairveil.private' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "False"]
