"""The model file: its members, the way back, and damaged or hostile files.

Every refusal is an ``ArtifactError``: whatever a file holds, reading it neither runs
anything nor raises anything else, and what is read can be sampled.
"""

import contextlib
import dataclasses
import io
import json
import pickle
import struct
import tracemalloc
import warnings
import zipfile

import jax
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from safetensors.numpy import load as load_tensors, save as save_tensors

from fairveil import _artifact_zip, _files, artifact
from fairveil.codec import ColumnCodec
from fairveil.errors import ArtifactError
from fairveil.seeds import Seeds
from fairveil.synthesizer import FairVeil

pytestmark = pytest.mark.usefixtures("quick_compile")


@pytest.fixture(scope="module")
def blob(tiny_model, tmp_path_factory):
    path = tmp_path_factory.mktemp("artifact") / "model"
    tiny_model.save(path)
    return path.read_bytes()


@pytest.fixture(scope="module")
def redrawn(tiny_model, tmp_path_factory):
    path = tmp_path_factory.mktemp("artifact") / "model"
    tiny_model.refine(fairness="redraw", generator="decoder", random_state=1).save(path)
    return path.read_bytes()


def parts(data):
    """Facts without their digest, and tensors."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        facts = json.loads(archive.read("model.json"))
        del facts["digest"]
        return facts, load_tensors(archive.read("tensors.safetensors"))


def sealed(facts, data):
    """With the digest that belongs to it: whoever lies can compute it."""
    try:
        return {**facts, "digest": _artifact_zip.digest(facts, data)}
    except ValueError:  # what no digest is of
        return facts


def packed(facts, tensors, extra=()):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        data = tensors if isinstance(tensors, bytes) else save_tensors(tensors)
        whole = isinstance(facts, (str, bytes))
        text = facts if whole else json.dumps(sealed(facts, data))
        archive.writestr("model.json", text)
        archive.writestr("tensors.safetensors", data)
        for name, content in extra:
            archive.writestr(name, content)
    return buffer.getvalue()


def read(data, path):
    path.write_bytes(data)
    return artifact.load(path)


def refuse(data, path):
    with pytest.raises(ArtifactError) as caught:
        read(data, path)
    return str(caught.value)


# --- what is in it -----------------------------------------------------------------


def test_members_and_no_pickle(blob):
    with zipfile.ZipFile(io.BytesIO(blob)) as archive:
        assert archive.namelist() == ["model.json", "tensors.safetensors"]
        for name in archive.namelist():
            with pytest.raises(Exception):  # noqa: B017  (any refusal will do)
                pickle.loads(archive.read(name))
    facts, tensors = parts(blob)
    assert facts["format"] == "fairveil-model"
    assert facts["version"] == artifact.VERSION
    assert all(t.dtype.kind in "fiu" for t in tensors.values())


def test_a_file_from_before_a_setting_was_added_is_read(blob, tmp_path):
    facts, tensors = parts(blob)
    facts["version"] = 5
    for name in ("most_pairs", "most_offered"):
        del facts["settings"]["measuring"][name]
    found = read(packed(facts, tensors), tmp_path / "old")
    assert found.settings == read(blob, tmp_path / "new").settings
    facts["version"] = artifact.VERSION
    assert "facts" in refuse(packed(facts, tensors), tmp_path / "strange")


def test_equal_models_give_equal_files(tiny_model, blob, tmp_path):
    tiny_model.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == blob


def test_the_way_back_is_exact(tiny_model, blob, tmp_path):
    old, new = tiny_model._contents, read(blob, tmp_path / "m")
    assert new.settings == old.settings
    assert new.wish == old.wish
    assert new.statement == old.statement
    assert new.bundle.n_hat == old.bundle.n_hat
    assert new.bundle.codec.schema == old.bundle.codec.schema
    assert new.bundle.codec.schema.declared_by == "the tests"
    for part in ("bundle.teacher.layers", "sampler.model.layers"):
        a, b = old, new
        for name in part.split("."):
            a, b = getattr(a, name), getattr(b, name)
        assert jax.tree.structure(a) == jax.tree.structure(b)
        for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
            np.testing.assert_array_equal(x, y)
    for a, b in zip(old.bundle.marginals, new.bundle.marginals, strict=True):
        assert (a.columns, a.noise_stddev) == (b.columns, b.noise_stddev)
        np.testing.assert_array_equal(a.counts, b.counts)
    assert new.bundle.rows.dtype == np.int32
    np.testing.assert_array_equal(old.bundle.rows, new.bundle.rows)
    np.testing.assert_array_equal(
        old.sampler.codes(100, Seeds.of(1)), new.sampler.codes(100, Seeds.of(1))
    )


def test_rows_are_held_in_the_smallest_type(tiny_model, blob):
    rows = parts(blob)[1]["rows"]
    bundle = tiny_model._contents.bundle
    assert max(bundle.codec.sizes) <= 256
    assert rows.dtype == np.uint8
    assert rows.shape == (len(bundle.rows), len(bundle.codec.names))


@pytest.mark.parametrize(
    ("most", "kind"),
    [(1, np.uint8), (256, np.uint8), (257, np.uint16), (65_537, np.uint32)],
)
def test_the_smallest_type_holds_every_code(most, kind):
    found = artifact._narrow((2, most))
    assert found == kind
    assert np.array(most - 1).astype(found) == most - 1


@pytest.mark.parametrize("which", ["blob", "redrawn"])
def test_reading_and_writing_changes_no_byte(request, tmp_path, which):
    data = request.getfixturevalue(which)
    artifact.save(tmp_path / "again", read(data, tmp_path / "m"))
    assert (tmp_path / "again").read_bytes() == data


@pytest.mark.parametrize(
    "labels", [(0.5, 2.0), (1, 0), (True, 3), ("é\n", ""), (-1e-300, 2**70)], ids=repr
)
def test_categories_keep_their_types(tiny_model, tmp_path, labels):
    old = tiny_model._contents
    first, *rest = old.bundle.codec.columns
    column = first.column.model_copy(update={"categories": labels})
    codec = dataclasses.replace(old.bundle.codec, columns=(ColumnCodec(column), *rest))
    bundle = dataclasses.replace(old.bundle, codec=codec)
    statement = dataclasses.replace(old.statement, max_rows_per_unit=3)
    artifact.save(
        tmp_path / "m", dataclasses.replace(old, bundle=bundle, statement=statement)
    )
    new = artifact.load(tmp_path / "m")
    assert repr(new.bundle.codec.columns[0].values) == repr(labels)
    assert new.statement == statement


def test_writing_where_nothing_can_be_written(tiny_model, tmp_path):
    with pytest.raises(ArtifactError, match="cannot be written"):
        tiny_model.save(tmp_path / "no" / "folder")


# --- files that are no models ------------------------------------------------------


def test_missing_files_and_folders(tmp_path):
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(ArtifactError, match="cannot be read"):
            FairVeil.load(path)


@pytest.mark.parametrize(
    "data", [b"", b"x", b"PK\x03\x04", pickle.dumps([1])], ids=repr
)
def test_other_files(data, tmp_path):
    refuse(data, tmp_path / "m")


@pytest.mark.parametrize("name", ["more.txt", "../evil", "model.pkl", "sub/"])
def test_extra_members(blob, tmp_path, name):
    facts, tensors = parts(blob)
    refuse(packed(facts, tensors, [(name, b"x")]), tmp_path / "m")


def test_a_member_twice(blob, tmp_path):
    facts, tensors = parts(blob)
    for again in (b"{}", json.dumps(facts).encode()):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # zipfile tells of the second member
            twice = packed(facts, tensors, [("model.json", again)])
        refuse(twice, tmp_path / "m")


def test_a_lacking_member(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("model.json", "{}")
    refuse(buffer.getvalue(), tmp_path / "m")


def test_declared_sizes_are_limited(blob, tmp_path, monkeypatch):
    monkeypatch.setattr(_artifact_zip, "_MOST_BYTES", 1000)
    assert "too large" in refuse(blob, tmp_path / "m")


def test_declared_text_is_limited(blob, tmp_path, monkeypatch):
    monkeypatch.setattr(_files, "MOST_TEXT", 1000)
    refuse(blob, tmp_path / "m")


def test_no_more_is_unpacked_than_declared(tmp_path):
    """A member that says it is small and unpacks to much is cut, then refused."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.json", b" " * (1 << 26))
        archive.writestr("tensors.safetensors", b"")
    data = bytearray(buffer.getvalue())
    at = data.find(b"PK\x01\x02") + 24  # the size, where the directory tells it
    data[at : at + 4] = struct.pack("<I", 10)
    tracemalloc.start()
    try:
        refuse(bytes(data), tmp_path / "m")
        assert tracemalloc.get_traced_memory()[1] < 1 << 22
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_ways_to_pack(blob, tmp_path, method):
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(blob)) as old,
        zipfile.ZipFile(buffer, "w", method) as new,
    ):
        for name in old.namelist():
            new.writestr(name, old.read(name))
    refuse(buffer.getvalue(), tmp_path / "m")


@pytest.mark.parametrize("cut", [0.1, 0.5, 0.9, 0.999])
def test_truncated_files(blob, tmp_path, cut):
    refuse(blob[: int(len(blob) * cut)], tmp_path / "m")


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_flipped_bits(blob, tmp_path, data):
    """Either the file is refused, or the flip was in a byte that does not matter."""
    spoilt = bytearray(blob)
    # headers and the directory at the end are where the structure lies
    near = st.integers(0, 79) | st.integers(len(blob) - 200, len(blob) - 1)
    at = data.draw(near | st.integers(0, len(blob) - 1))
    spoilt[at] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path / "m"
    path.write_bytes(bytes(spoilt))
    with contextlib.suppress(ArtifactError):
        artifact.load(path)


def test_members_that_cannot_be_unpacked(tmp_path):
    """Stored bytes that claim to be deflated: zlib's own error stays inside."""
    data = bytearray(packed(b"\xff" * 50, {"a": np.zeros(2)}))
    for mark, method in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        at = data.find(mark)
        while at >= 0:
            data[at + method : at + method + 2] = b"\x08\x00"
            at = data.find(mark, at + 1)
    refuse(bytes(data), tmp_path / "m")


# --- files that lie ----------------------------------------------------------------

FACTS = {
    "version": lambda f: f.update(version=1),
    "version as text": lambda f: f.update(version="1"),
    "format": lambda f: f.update(format="other"),
    "no schema": lambda f: f.pop("schema"),
    "bad schema": lambda f: f.update(schema={}),
    "fewer columns": lambda f: f["schema"]["columns"].pop(),
    "another column size": lambda f: f["schema"]["columns"][0]["categories"].append(
        "x"
    ),
    "no bins": lambda f: f["steps"].__setitem__(1, None),
    "bins of a text": lambda f: f["steps"].__setitem__(0, [1.0, 1.0]),
    "steps": lambda f: f["steps"].pop(),
    "step other": lambda f: f["steps"].__setitem__(1, [0.5, 0.5]),
    "step text": lambda f: f["steps"].__setitem__(1, ["1", "1"]),
    "step true": lambda f: f["steps"].__setitem__(1, [True, True]),
    "one step": lambda f: f["steps"].__setitem__(1, [1.0]),
    "step nan": lambda f: f["steps"].__setitem__(1, [float("nan"), 1.0]),
    "no statement": lambda f: f.pop("statement"),
    "statement lies": lambda f: f["statement"].update(rho_spent=0.0),
    "settings": lambda f: f["settings"].update(vae={"more": 1}),
    "latent": lambda f: f["settings"]["vae"].update(latent=3),
    "hidden": lambda f: f["settings"]["vae"].update(hidden=[9]),
    "hidden as text": lambda f: f["settings"]["vae"].update(hidden="8"),
    "hidden real": lambda f: f["settings"]["vae"].update(hidden=[8.0]),
    "pool real": lambda f: f["settings"]["calibration"].update(pool=2000.5),
    "steps true": lambda f: f["settings"]["gan"].update(steps=True),
    "penalty text": lambda f: f["settings"]["gan"].update(penalty="10"),
    "penalty inf": lambda f: f["settings"]["gan"].update(penalty=float("inf")),
    "critic real": lambda f: f["settings"]["gan"].update(critic=[0.5]),
    "penalty huge": lambda f: f["settings"]["gan"].update(penalty=10**400),
    "extra": lambda f: f["settings"]["gan"].update(extra=5),
    "noise": lambda f: f["generator"].update(noise=3),
    "anchored outside": lambda f: f["generator"].update(anchored=[99]),
    "anchored negative": lambda f: f["generator"].update(anchored=[-1]),
    "anchored text": lambda f: f["generator"].update(anchored=["sex"]),
    "anchored real": lambda f: f["generator"].update(anchored=[0.0]),
    "anchored none": lambda f: f["generator"].update(anchored=[]),
    "anchored others": lambda f: f["generator"].update(anchored=[0, 1]),
    "noise real": lambda f: f["generator"].update(noise=2.0),
    "no generator": lambda f: f.update(generator=None),
    "n_hat real": lambda f: f.update(n_hat=400.5),
    "n_hat true": lambda f: f.update(n_hat=True),
    "n_hat text": lambda f: f.update(n_hat="400"),
    "n_hat inf": lambda f: f.update(n_hat=float("inf")),
    "n_hat huge": lambda f: f.update(n_hat=10**400),
    "n_hat": lambda f: f.update(n_hat=0),
    "n_hat nan": lambda f: f.update(n_hat=float("nan")),
    "sweeps none": lambda f: f.update(sweeps=0),
    "sweeps negative": lambda f: f.update(sweeps=-1),
    "sweeps real": lambda f: f.update(sweeps=2.0),
    "sweeps true": lambda f: f.update(sweeps=True),
    "sweeps text": lambda f: f.update(sweeps="3"),
    "sweeps huge": lambda f: f.update(sweeps=10**9),
    "sweeps nan": lambda f: f.update(sweeps=float("nan")),
    "clique true": lambda f: f["cliques"].__setitem__(1, [True]),
    "clique twice": lambda f: f["cliques"].__setitem__(0, [0, 0]),
    "clique falls": lambda f: f["cliques"].__setitem__(6, f["cliques"][6][::-1]),
    "clique outside": lambda f: f["cliques"].__setitem__(0, [99]),
    "clique negative": lambda f: f["cliques"].__setitem__(0, [-6]),
    "clique text": lambda f: f["cliques"].__setitem__(0, "0"),
    "more cliques": lambda f: f["cliques"].append([0]),
    "marginal outside": lambda f: f["marginals"].__setitem__(0, [[77], 1.0]),
    "marginal negative": lambda f: f["marginals"].__setitem__(0, [[-6], 1.0]),
    "marginal none": lambda f: f["marginals"].clear(),
    "marginal order": lambda f: f["marginals"].insert(0, f["marginals"].pop(3)),
    "marginal stddev inf": lambda f: f["marginals"][0].__setitem__(1, float("inf")),
    "marginal stddev": lambda f: f["marginals"][0].__setitem__(1, -1.0),
    "marginal stddev text": lambda f: f["marginals"][0].__setitem__(1, "x"),
    "wish": lambda f: f["wish"].update(more=1),
    "wish mode": lambda f: f["wish"].update(fairness="outcome"),
    "wish generator": lambda f: f["wish"].update(generator="gan"),
    "wish other mode": lambda f: f["wish"].update(fairness="redraw"),
    "wish no mode": lambda f: f["wish"].update(fairness=None),
    "wish other generator": lambda f: f["wish"].update(generator="decoder"),
    "wish list": lambda f: f["wish"].update(fairness=["independence"]),
    "wish none": lambda f: f["wish"].update(sensitive=[]),
    "wish twice": lambda f: f["wish"].update(sensitive=["sex", "sex"]),
    "wish other": lambda f: f["wish"].update(sensitive=["city"]),
    "wish strength text": lambda f: f["wish"].update(strength="1"),
    "one too many": lambda f: f.update(more=1),
    "one too many inside": lambda f: f["generator"].update(more=1),
    "wish strength": lambda f: f["wish"].update(strength=7.0),
    "wish column": lambda f: f["wish"].update(sensitive=["nobody"]),
}


@pytest.mark.parametrize("change", FACTS.values(), ids=FACTS)
def test_facts_that_do_not_fit(blob, tmp_path, change):
    facts, tensors = parts(blob)
    change(facts)
    refuse(packed(facts, tensors), tmp_path / "m")


def swap(name, make):
    def change(tensors):
        tensors[name] = np.ascontiguousarray(make(tensors[name]))

    return change


def spoil(value):
    def make(array):
        out = array.astype(np.float64)
        out.flat[0] = value
        return out

    return make


def coded(code):
    """Rows whose last has another code in the first column (sex: two codes)."""

    def make(rows):
        out = rows.astype(np.int64)
        out[-1, 0] = code
        return out

    return make


TENSORS = {
    "lacking": lambda t: t.pop("theta/0"),
    "rows lacking": lambda t: t.pop("rows"),
    "rows none": swap("rows", lambda a: a[:0]),
    "rows flat": swap("rows", lambda a: a[0]),
    "rows deep": swap("rows", lambda a: a[None]),
    "rows real": swap("rows", lambda a: a.astype(np.float32)),
    "rows nan": swap("rows", spoil(np.nan)),
    "rows of fewer columns": swap("rows", lambda a: a[:, :-1]),
    "rows of more columns": swap("rows", lambda a: np.c_[a, a[:, 0]]),
    "rows with an unknown code": swap("rows", coded(99)),
    "rows with the first unknown code": swap("rows", coded(2)),
    "rows below zero": swap("rows", coded(-1)),
    "rows huge": swap("rows", coded(2**62)),
    "layer shape": swap("teacher/dec0/w", lambda a: a.T),
    "layer nan": swap("generator/gen0/w", spoil(np.nan)),
    "layer inf": swap("teacher/enc0/b", spoil(np.inf)),
    "bias": swap("teacher/dec1/b", lambda a: a[:-1]),
    "mixture weights nan": swap("mixture/weights", spoil(np.nan)),
    "mixture weights negative": swap("mixture/weights", spoil(-1.0)),
    "mixture weights empty": swap("mixture/weights", lambda a: a[:0]),
    "mixture weights sum": swap("mixture/weights", lambda a: a * 1.01),
    "mixture weights flat": swap("mixture/weights", lambda a: a[None]),
    "mixture means": swap("mixture/means", lambda a: a[:, :1]),
    "covariance not positive": swap("mixture/covariances", lambda a: -a),
    "covariance flat": swap("mixture/covariances", lambda a: a * 0),
    "covariance singular": swap("mixture/covariances", lambda a: a * 0 + 1),
    "covariance not symmetric": swap("mixture/covariances", lambda a: np.triu(a + 0.1)),
    "covariance nan": swap("mixture/covariances", spoil(np.nan)),
    "covariance complex": swap("mixture/covariances", lambda a: a.astype("c8")),
    "layer huge": swap("teacher/enc0/w", spoil(1e30)),
    "one too many": lambda t: t.update(more=np.zeros(1)),
    "marginal": swap("marginal/0", lambda a: a[:-1]),
    "marginal inf": swap("marginal/1", spoil(np.inf)),
    "theta": swap("theta/1", lambda a: np.r_[a, 0.0]),
    "theta nan": swap("theta/1", spoil(np.nan)),
    "bins lows": swap("bins/2/lows", lambda a: a[:-1]),
    "bins highs": swap("bins/2/highs", lambda a: a[:-1]),
    "bins nan": swap("bins/2/lows", spoil(np.nan)),
    "bins fall": swap("bins/2/lows", lambda a: a[::-1]),
    "bins fall a little": swap("bins/2/lows", lambda a: np.r_[a[1], a[0], a[2:]]),
    "bins cross": swap("bins/2/highs", lambda a: a + 1),
    "bins of other cells": swap("bins/2/lows", lambda a: a + (a > a[0])),
    "bins outside": swap("bins/2/highs", lambda a: a + 1e6),
    "grid highs": swap("grid/2/highs", lambda a: a[:-1]),
    "grid nan": swap("grid/2/highs", spoil(np.inf)),
    "label outside": swap("grid/2/label", lambda a: a + 100),
    "label negative": swap("grid/2/label", lambda a: a - 100),
    "label skips": swap("grid/2/label", lambda a: np.where(a == 1, 2, a)),
    "label falls": swap("grid/2/label", lambda a: a[::-1]),
    "labels of one bin": swap("grid/2/label", lambda a: a * 0),
    "label shape": swap("grid/2/label", lambda a: a[:-1]),
    "label real": swap("grid/2/label", lambda a: a + 0.5),
    "mass negative": swap("grid/2/mass", spoil(-5.0)),
    "mass shape": swap("grid/2/mass", lambda a: a[:-1]),
    "mass huge": swap("grid/2/mass", spoil(1e308)),
    "mass nan": swap("grid/2/mass", spoil(np.nan)),
}


@pytest.mark.parametrize("change", TENSORS.values(), ids=TENSORS)
def test_arrays_that_do_not_fit(blob, tmp_path, change):
    facts, tensors = parts(blob)
    change(tensors)
    refuse(packed(facts, tensors), tmp_path / "m")


REDRAWS = {
    "cells outside": swap("redraw/cells", lambda a: a + 50),
    "cells negative": swap("redraw/cells", lambda a: a - 50),
    "cells shape": swap("redraw/cells", lambda a: a[:1]),
    "cells real": swap("redraw/cells", lambda a: a + 0.5),
    "probs sum": swap("redraw/probs", lambda a: a * 2),
    "probs negative": swap("redraw/probs", lambda a: a * [3, -2]),
    "probs nan": swap("redraw/probs", spoil(np.nan)),
}


@pytest.mark.parametrize("change", REDRAWS.values(), ids=REDRAWS)
def test_redraws_that_do_not_fit(redrawn, tmp_path, change):
    facts, tensors = parts(redrawn)
    read(packed(facts, tensors), tmp_path / "m")
    change(tensors)
    refuse(packed(facts, tensors), tmp_path / "m")


@pytest.mark.parametrize("strength", [-0.1, 1.1, 0.5, "1", None, True, 10**400])
def test_redraw_strengths_that_do_not_fit(redrawn, tmp_path, strength):
    facts, tensors = parts(redrawn)
    facts["redraw"]["strength"] = strength
    refuse(packed(facts, tensors), tmp_path / "m")


@pytest.mark.parametrize(
    "columns", [[99], [-1], ["sex"], [0, 0], [3], [0.0], [], "0", None], ids=str
)
def test_redraw_columns_outside(redrawn, tmp_path, columns):
    facts, tensors = parts(redrawn)
    facts["redraw"]["columns"] = columns
    refuse(packed(facts, tensors), tmp_path / "m")


def leaves(value, at=()):
    """Paths to everything inside JSON, the containers too."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in inner:
        yield (*at, key)
        if isinstance(item, (dict, list)):
            yield from leaves(item, (*at, key))


STRANGE = [
    None,
    True,
    0,
    -1,
    7,
    0.5,
    1e308,
    -1e-300,
    10**400,
    "",
    "\ud800",
    [],
    [0],
    {},
]


@settings(max_examples=400, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_fact_made_strange(blob, tmp_path, data):
    """It is refused, or what was read says just that, and is not lost in writing."""
    facts, tensors = parts(blob)
    at = data.draw(st.sampled_from(list(leaves(facts))))
    inner = facts
    for key in at[:-1]:
        inner = inner[key]
    inner[at[-1]] = data.draw(st.sampled_from(STRANGE))
    try:
        found = read(packed(facts, tensors), tmp_path / "m")
    except ArtifactError:
        return
    artifact.save(tmp_path / "again", found)
    assert parts((tmp_path / "again").read_bytes())[0] == facts


@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(
    at=st.integers(0, 999),
    kind=st.sampled_from(["u1", "i8", "u8", "f2", "f4", "f8", "c8", "?"]),
    value=st.sampled_from([0.0, -1.0, 1e300, np.nan, np.inf]),
)
def test_any_array_made_strange(blob, tmp_path, at, kind, value):
    facts, tensors = parts(blob)
    name = sorted(tensors)[at % len(tensors)]
    with np.errstate(all="ignore"):
        tensors[name] = spoil(value)(tensors[name]).astype(kind)
    try:
        found = read(packed(facts, tensors), tmp_path / "m")
    except ArtifactError:
        return
    artifact.save(tmp_path / "again", found)
    again = parts((tmp_path / "again").read_bytes())[1][name]
    assert np.isfinite(again).all()
    np.testing.assert_array_equal(again, tensors[name])


@pytest.mark.parametrize(
    "text",
    [b"", b"[]", b"null", b"\xff", b"{", b"[" * 100_000, b"1" * 5000],
    ids=lambda t: repr(t[:4]),
)
def test_text_that_is_no_model(blob, tmp_path, text):
    refuse(packed(text, parts(blob)[1]), tmp_path / "m")


@pytest.mark.parametrize(
    "data",
    [b"", b"x" * 20, struct.pack("<Q", 2**62) + b"{}", struct.pack("<Q", 2) + b"{}"],
    ids=["empty", "noise", "huge header", "no tensors"],
)
def test_tensors_that_are_none(blob, tmp_path, data):
    refuse(packed(parts(blob)[0], data), tmp_path / "m")


def test_a_refusal_names_the_path_and_no_content(blob, tmp_path):
    facts, tensors = parts(blob)
    facts["schema"]["columns"][0]["categories"][0] = ["secret"]
    text = refuse(packed(facts, tensors), tmp_path / "m")
    assert "secret" not in text
    assert str(tmp_path / "m") in text
