"""Checkpoints: what the budget bought is kept, and going on from it spends nothing."""

import errno
import os

import pandas as pd
import pytest

from fairveil import _checkpoint, _files, synthesizer
from fairveil.errors import ArtifactError, ConfigError
from fairveil.synthesizer import FairVeil

pytestmark = pytest.mark.usefixtures("quick_compile")


@pytest.fixture(scope="module")
def part(tiny_model):
    """The checkpoint that the fit of ``tiny_model`` would have left."""
    held = tiny_model._contents
    return _checkpoint.Part(held.bundle, held.settings, held.statement, held.wish, 7)


@pytest.fixture
def stored(part, tmp_path):
    _checkpoint.save(tmp_path / "m-part", part)
    return tmp_path / "m-part"


def test_a_checkpoint_reads_back(part, stored):
    again = _checkpoint.load(stored)
    assert again.wish == part.wish
    assert again.settings == part.settings
    assert again.statement == part.statement
    assert again.random_state == 7
    assert again.bundle.n_hat == part.bundle.n_hat
    assert (again.bundle.rows == part.bundle.rows).all()


@pytest.mark.slow
def test_going_on_gives_the_release_that_the_fit_would_have_given(stored, tiny_model):
    model = FairVeil.resume(stored)
    assert model.statement_ == tiny_model.statement_
    assert model.get_params()["random_state"] == 7
    assert model.promise_ == tiny_model.promise_
    pd.testing.assert_frame_equal(
        model.sample(300, random_state=1), tiny_model.sample(300, random_state=1)
    )
    assert stored.exists()  # it may be used again: it costs nothing


def test_a_checkpoint_is_no_model_and_a_model_no_checkpoint(stored, tiny_model):
    with pytest.raises(ArtifactError, match="not a model yet; try fairveil resume"):
        FairVeil.load(stored)
    tiny_model.save(stored)
    with pytest.raises(ArtifactError, match="finished model"):
        FairVeil.resume(stored)


@pytest.mark.parametrize("spoil", ["cut", "bit", "empty", "gone"])
def test_a_damaged_checkpoint_is_refused(stored, spoil):
    data = bytearray(stored.read_bytes())
    data[len(data) // 2] ^= 255 * (spoil == "bit")
    data = data[: {"cut": len(data) // 2, "empty": 0}.get(spoil, len(data))]
    stored.write_bytes(data)
    if spoil == "gone":
        stored.unlink()
    with pytest.raises(ArtifactError):
        FairVeil.resume(stored)


def test_the_place_is_checked_before_anything_is_spent(tmp_path, monkeypatch):
    def never(*_, **__):
        raise AssertionError

    monkeypatch.setattr(synthesizer, "opened", never)
    (tmp_path / "there").write_text("an earlier fit")
    for place, told in (("there", "may be a paid fit"), ("no/x", "does not exist")):
        with pytest.raises(ConfigError, match=told):
            FairVeil().fit(None, checkpoint=tmp_path / place)
    assert (tmp_path / "there").read_text() == "an earlier fit"


@pytest.fixture
def coins(monkeypatch, tiny_fits):
    """A fit that costs little; what it calls after the private stage stops it."""

    def stops(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("fairveil._release.finish", stops)
    table = pd.DataFrame({"a": ["x", "y"] * 50, "b": [True, False] * 50})
    model = FairVeil(fairness=None, generator="decoder", epsilon=50.0, random_state=3)
    return lambda **more: model.fit(table, **more)


@pytest.mark.slow
def test_a_fit_that_is_stopped_later_leaves_its_checkpoint(coins, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        coins(checkpoint=tmp_path / "part")
    kept = _checkpoint.load(tmp_path / "part")
    assert 0.9 < kept.statement.rho_spent / kept.statement.rho_cap <= 1.0
    assert kept.random_state == 3
    assert [p.name for p in tmp_path.iterdir()] == ["part"]


@pytest.mark.slow
def test_a_full_disk_does_not_stop_a_paid_fit(coins, tmp_path, monkeypatch, caplog):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(_files, "write_whole", full)
    with pytest.raises(KeyboardInterrupt):  # it got as far as the release
        coins(checkpoint=tmp_path / "part")
    assert "checkpoint cannot be written" in caplog.text
    assert not list(tmp_path.iterdir())
