import json
import os
import zipfile

import pytest

from fairveil.privacy import events as ev, zcdp
from fairveil.privacy.ledger import Ledger
from test_cli import refused, run, worked


@pytest.fixture
def statement(tmp_path):
    """The path of an honest statement, and its JSON."""
    ledger = Ledger(epsilon=1.0, delta=1e-5)
    stddev = zcdp.gaussian_stddev(1.0, ledger.share(0.9), count=50)
    ledger.spend(
        ev.Gaussian(
            stage="vae", what="steps", sensitivity=1.0, noise_stddev=stddev, count=50
        )
    )
    path = tmp_path / "statement.json"
    path.write_text(json.dumps(ledger.statement().to_dict()))
    return path


def test_an_honest_statement_holds(statement):
    told = worked("verify", statement).stdout
    assert "The promise holds" in told
    assert "FAILED" not in told
    found = json.loads(worked("verify", statement, "--json").stdout)
    assert found["passed"] is True
    assert 0 < found["slack"] < 0.1


def test_a_changed_statement_does_not_hold(statement):
    data = json.loads(statement.read_text())
    data["events"][0]["noise_stddev"] *= 0.5
    statement.write_text(json.dumps(data))
    result = run("verify", statement)
    assert result.exit_code == 1
    assert "does NOT hold" in result.stdout
    result = run("verify", statement, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["passed"] is False


def test_a_model_file_is_verified_by_its_statement(tmp_path, tiny_model):
    path = tmp_path / "m.fairveil"
    tiny_model.save(path)
    assert "The promise holds" in worked("verify", path).stdout


def test_files_that_are_none(tmp_path):
    assert "cannot be read" in refused("verify", tmp_path / "missing.json")
    (tmp_path / "a.json").write_text("{")
    assert "not JSON" in refused("verify", tmp_path / "a.json")
    (tmp_path / "deep.json").write_text("[" * 100_000)
    assert "not JSON" in refused("verify", tmp_path / "deep.json")
    (tmp_path / "b.json").write_bytes(b"\xff\xfe\x00")
    assert "not JSON" in refused("verify", tmp_path / "b.json")
    with zipfile.ZipFile(tmp_path / "c.fairveil", "w") as archive:
        archive.writestr("x", "y")
    assert "not a fairveil model" in refused("verify", tmp_path / "c.fairveil")
    (tmp_path / "d.json").write_text("[1]")
    assert "no fairveil statement" in refused("verify", tmp_path / "d.json")
    os.mkfifo(tmp_path / "pipe")  # nobody writes into it: reading would wait for ever
    assert "cannot be read" in refused("verify", tmp_path / "pipe")
