"""Stored model files of each version, read by the present code.

``models/vN.model`` was written by the code of version N from the table of ``conftest``;
such a file is added whenever the version is raised, and none is ever made anew.
"""

import io
import json
import zipfile
from pathlib import Path

import pytest

from fairveil import _artifact_versions as versions, _artifact_zip, artifact
from fairveil.errors import ArtifactError
from fairveil.privacy.verify import verify
from fairveil.synthesizer import FairVeil

STORED = sorted((Path(__file__).parent / "models").glob("v*.model"))

pytestmark = pytest.mark.usefixtures("quick_compile")


def parts(path):
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        facts = json.loads(archive.read("model.json"))
        return facts, archive.read("tensors.safetensors")


def packed(path, change, place):
    """A stored file with other facts, sealed anew."""
    facts, data = parts(path)
    del facts["digest"]
    change(facts)
    tensors = _artifact_zip.load_tensors(data)
    (place / "m").write_bytes(_artifact_zip.pack(facts, tensors))
    return place / "m"


def test_each_version_has_a_small_stored_file():
    found = {int(path.stem[1:].partition("-")[0]) for path in STORED}
    assert found == set(range(versions.OLDEST, artifact.VERSION)) | (
        found & {artifact.VERSION}
    )
    assert all(path.stat().st_size < 200_000 for path in STORED)


@pytest.mark.parametrize("path", STORED, ids=lambda p: p.stem)
def test_a_stored_file_samples_and_is_written_in_the_present_version(path, tmp_path):
    model = FairVeil.load(path)
    rows = model.sample(40, random_state=1)
    assert list(rows.columns) == ["sex", "age", "pay", "member", "city", "visits"]
    assert rows["age"].between(17, 90).all()
    assert verify(model.statement_.to_dict()).passed
    model.save(tmp_path / "m")
    facts, _data = parts(tmp_path / "m")
    assert facts["version"] == artifact.VERSION
    assert FairVeil.load(tmp_path / "m").sample(40, random_state=1).equals(rows)


@pytest.mark.slow
def test_a_stored_file_is_refined():
    model = FairVeil.load(STORED[-1])
    other = model.refine(fairness="redraw", generator="decoder", random_state=1)
    assert other.statement_ == model.statement_
    assert len(other.sample(5)) == 5


def test_a_file_names_no_device_and_holds_plain_numbers():
    """So one that was written on a GPU opens on a CPU."""
    facts, data = parts(STORED[0])
    text = json.dumps(facts).lower()
    for word in ("gpu", "cuda", "device", "platform", "jax", "sharding"):
        assert word not in text
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    assert {tuple(sorted(v)) for v in header.values()} == {
        ("data_offsets", "dtype", "shape")
    }
    kinds = {v["dtype"] for v in header.values()}
    assert kinds <= {"F32", "F64", "I32", "I64", "U8", "U16", "U32"}


@pytest.mark.parametrize("version", [1, versions.OLDEST - 1, artifact.VERSION + 1])
def test_other_versions_are_refused_by_name(version, tmp_path):
    path = packed(STORED[0], lambda f: f.update(version=version), tmp_path)
    with pytest.raises(ArtifactError, match=f"format is unknown; got {version}"):
        artifact.load(path)


def test_an_old_file_may_say_nothing_that_is_not_understood(tmp_path):
    def more(facts):
        facts["version"] = versions.OLDEST
        facts["secret"] = 1

    with pytest.raises(ArtifactError, match="not what this version writes"):
        artifact.load(packed(STORED[0], more, tmp_path))


def test_a_step_brings_a_file_to_the_next_version(tmp_path, monkeypatch):
    """As if the present version had a new name for a fact, and a later one came."""

    def renamed(facts):
        facts["version"] = artifact.VERSION
        facts["passes"] = facts.pop("sweeps")

    old = packed(STORED[0], renamed, tmp_path)
    with pytest.raises(ArtifactError):
        artifact.load(old)

    def step(facts, tensors):
        return {"sweeps": facts.pop("passes"), **facts}, tensors

    monkeypatch.setattr(versions, "STEPS", {artifact.VERSION: step})
    monkeypatch.setattr(artifact, "VERSION", artifact.VERSION + 1)
    assert artifact.load(old).sampler.sweeps == 2


@pytest.mark.parametrize(
    ("said", "old", "holds"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({"a": 1.0}, {"a": 1}, False),
        ({"a": True}, {"a": 1}, False),
        ({"a": [{"x": 1, "y": 2}]}, {"a": [{"x": 1}]}, True),
        ({"a": [1, 2]}, {"a": [1]}, False),
        ({"a": None}, {"a": None}, True),
    ],
)
def test_what_is_said_again_covers_the_file(said, old, holds):
    assert versions.covers(said, old) is holds


@pytest.mark.parametrize(
    ("part", "trap"),
    [
        ("gan", {"steps": 10**7}),
        ("gan", {"steps": 10**5, "batch": 10**5}),
        ("gan", {"critic": [10**5]}),
        ("calibration", {"pool": 10**7}),
        ("calibration", {"iterations": 10**4}),
        ("calibration", {"choices": 1000}),
    ],
)
def test_settings_that_would_run_for_days_are_refused(part, trap, tmp_path):
    path = packed(STORED[0], lambda f: f["settings"][part].update(trap), tmp_path)
    with pytest.raises(ArtifactError, match="damaged"):
        artifact.load(path)
