"""One release of the tiny model, its real and control rows, and one report on it."""

import copy

import numpy as np
import pytest

from fairveil.publish.inputs import About
from fairveil.report.gather import internal_report


@pytest.fixture(scope="session")
def place(tmp_path_factory, tiny_model, tiny_table):
    """A folder: ``m.fairveil``, ``s.csv``, ``real.csv`` and ``control.csv``."""
    folder = tmp_path_factory.mktemp("report")
    tiny_model.save(folder / "m.fairveil")
    tiny_model.sample(400, random_state=3).to_csv(folder / "s.csv", index=False)
    tiny_table.to_csv(folder / "real.csv", index=False)
    rng = np.random.default_rng(5)
    control = tiny_table.iloc[rng.integers(0, 400, 300)].copy()
    control["age"] = rng.integers(17, 91, 300)
    control.to_csv(folder / "control.csv", index=False)
    return folder


@pytest.fixture(scope="session")
def made(place):
    return internal_report(
        place / "real.csv",
        place / "s.csv",
        place / "m.fairveil",
        control=place / "control.csv",
        sensitive=["sex", "city"],
        target="member",
        positive=True,
        legitimate=["visits"],
        about=About(name="Survey <b>", steward="The office"),
    )


@pytest.fixture
def facts(made):
    """The report's JSON, a copy of its own for each test."""
    return copy.deepcopy(made.to_dict())
