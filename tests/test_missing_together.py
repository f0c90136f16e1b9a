"""Missing not at random: where values are missing hangs on others, and stays so.

A missing value is a code like any other, so its dependence is measured and released
with that of the values. The noise of these fits is fixed: no test hangs on luck.
"""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from fairveil.privacy.noise import NoiseSource
from fairveil.schema import Column, Schema
from fairveil.synthesizer import FairVeil

OFTEN, SELDOM = 0.6, 0.05
N = 4000


def column(kind) -> tuple[dict[str, Any], np.ndarray]:
    """A column with missing values, and a draw of its values."""
    rng = np.random.default_rng(1)
    if kind == "numeric":
        facts = {"dtype": "float64", "lower": 0, "upper": 10, "decimals": 0}
        return facts, rng.integers(0, 11, N).astype(object)
    if kind == "date":
        facts = {"lower": "2000-01-01", "upper": "2009-12-31"}
        days = np.datetime64("2000-01-01") + rng.integers(0, 3650, N)
        return facts, days.astype(object)
    return {"categories": ("a", "b")}, rng.choice(["a", "b"], N).astype(object)


def rates(frame):
    """Share of missing answers where the interview was short, and where long."""
    missing = frame["answer"].isna()
    return [missing[frame["interview"] == kind].mean() for kind in ("short", "long")]


@pytest.mark.usefixtures("quick_compile")
@pytest.mark.parametrize("kind", ["numeric", "date", "categorical"])
def test_missing_values_keep_their_dependence(kind, tiny_settings, monkeypatch):
    facts, answer = column(kind)
    rng = np.random.default_rng(0)
    interview = rng.choice(["short", "long"], N)
    chance = np.where(interview == "short", OFTEN, SELDOM)
    answer[rng.random(N) < chance] = None
    table = pd.DataFrame({"answer": answer, "interview": interview})
    table["other"] = rng.choice(["x", "y"], N)
    schema = Schema(
        columns=(
            Column(name="answer", kind=kind, nullable=True, **facts),
            Column(name="interview", kind="categorical", categories=("short", "long")),
            Column(name="other", kind="categorical", categories=("x", "y")),
        )
    )
    monkeypatch.setattr(NoiseSource, "secure", lambda: NoiseSource(b"gaps" * 8, None))
    model = FairVeil(
        schema=schema,
        preset=tiny_settings,
        generator="decoder",
        epsilon=8.0,
        random_state=3,
    ).fit(table)
    made = model.sample(N, random_state=4)
    real, found = rates(table), rates(made)
    difference = found[0] - found[1]
    assert abs(difference - (real[0] - real[1])) < 0.1
    assert np.abs(np.array(found) - real).max() < 0.1
    # the test can tell: columns drawn apart from each other have no difference
    apart = made.assign(interview=rng.permutation(made["interview"]))
    assert abs(np.subtract(*rates(apart))) < 0.1
    # as a condition it picks the same rows
    asked = model.sample(500, random_state=5, where={"answer": None})
    assert asked["answer"].isna().all()
    share = (table["interview"] == "short")[table["answer"].isna()].mean()
    assert abs((asked["interview"] == "short").mean() - share) < 0.1
