"""A table whose values would be known anywhere, a desk, and a server of it."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("starlette", reason="the extra 'studio' is not installed")
pytest.importorskip("uvicorn", reason="the extra 'studio' is not installed")

from studio_desk import answered
from studio_programs import STUBS

from fairveil.studio import commands
from fairveil.studio.desk import Desk
from fairveil.studio.server import Studio

HERE = Path(__file__).parent


@pytest.fixture
def table(tmp_path):
    """People with an e-mail address each; two towns with names found nowhere else."""
    rng = np.random.default_rng(8)
    n = 1500
    frame = pd.DataFrame(
        {
            "email": [f"person{i}@quirkhollow.example" for i in range(n)],
            "sex": rng.choice(["xantha", "zebulon"], n),
            "age": rng.integers(18, 90, n),
            "town": rng.choice(["quirkhollow", "vexmarch"], n),
            "yes": rng.choice(["nayword", "yeaword"], n),
            "spare": "otherword",
        }
    )
    path = tmp_path / "people.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture(autouse=True)
def paths(monkeypatch):
    """Children find the source tree and the tests' own modules."""
    roots = [str(HERE.parents[1] / "src"), str(HERE.parent)]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(roots))
    monkeypatch.setattr(commands, "ROWS", 600)


@pytest.fixture
def desk(table):
    """A desk of stubs that has answered everything but the confirmation."""
    made = Desk(STUBS)
    made.choose_table(str(table))
    answered(made)
    yield made
    made.stop()
    if made.job is not None:
        made.job.wait(120)


@pytest.fixture
def studio(desk):
    """The desk's server, and its address."""
    server = Studio(desk)
    with server.serving() as address:
        yield server, address
