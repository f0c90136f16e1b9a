"""Hostile, truncated and mutated files: a clear refusal or an equal model.

Every digest is made to fit again where a test says "sealed": whoever writes a file can
compute it, so what is behind the digest must hold on its own.
"""

import contextlib
import copy
import io
import json
import math
import os
import struct
import subprocess
import sys
import textwrap
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from safetensors.numpy import load as load_tensors, save as save_tensors

from fairveil import _artifact_zip, artifact
from fairveil.errors import ArtifactError, ConfigError, SchemaError
from fairveil.privacy.statement import Statement
from fairveil.schema import Schema

pytestmark = pytest.mark.usefixtures("quick_compile")

NAMES = (b"model.json", b"tensors.safetensors")
MANY = settings(max_examples=150, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def blob(tiny_model, tmp_path_factory):
    path = tmp_path_factory.mktemp("artifact") / "model"
    tiny_model.save(path)
    return path.read_bytes()


@pytest.fixture(scope="module")
def members(blob):
    """The text and the tensors' bytes, as they stand in the file."""
    with zipfile.ZipFile(io.BytesIO(blob)) as archive:
        return tuple(archive.read(name.decode()) for name in NAMES)


@pytest.fixture(scope="module")
def facts(members):
    return json.loads(members[0])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "m"


def sealed(facts, data):
    """With the digest that belongs to it, where one can be computed."""
    with contextlib.suppress(ValueError):
        return {**facts, "digest": _artifact_zip.digest(facts, data)}
    return facts


def text_of(facts):
    return json.dumps(facts, indent=1, ensure_ascii=False).encode(
        "utf-8", "surrogatepass"
    )


def read(data, path):
    path.write_bytes(data)
    return artifact.load(path)


def refuse(data, path):
    """The refusal's text; it names the path at most, and hangs on no other error."""
    with pytest.raises(ArtifactError) as caught:
        read(data, path)
    assert len(str(caught.value)) < 200 + len(str(path))
    return str(caught.value)


def refuse_or_equal(data, path, blob):
    try:
        found = read(data, path)
    except ArtifactError:
        return
    artifact.save(path, found)
    assert path.read_bytes() == blob


# --- archives by hand --------------------------------------------------------------


def deflated(content):
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    return squeeze.compress(content) + squeeze.flush()


def entry(name, content, *, packed=None, method=8, **lies):
    """A member's fields; ``lies`` replace those that follow from its content."""
    packed = deflated(content) if packed is None else packed
    fields = {
        "version": 20,
        "flags": 0,
        "method": method,
        "time": 0,
        "date": 33,
        "crc": zlib.crc32(content),
        "packed": len(packed),
        "size": len(content),
        "extra": b"",
        "comment": b"",
        "disk": 0,
        "attributes": 0o600 << 16,
        "data": packed,
        "name": name,
        "local": {},  # differs in the local header
        "at": None,
    }
    return {**fields, **lies}


def shared(fields):
    return struct.pack(
        "<5H3L2H",
        *(fields[k] for k in ("version", "flags", "method", "time", "date")),
        *(fields[k] for k in ("crc", "packed", "size")),
        len(fields["name"]),
        len(fields["extra"]),
    )


def archive(*entries, before=b"", between=b"", last=b"", after=b"", comment=b"", **end):
    """A zip file of entries as they describe themselves."""
    body, places = before, []
    for fields in entries:
        local = {**fields, **fields["local"]}
        places.append(len(body) if fields["at"] is None else fields["at"])
        body += b"PK\3\4" + shared(local) + local["name"] + local["extra"]
        body += fields["data"] + between
    body, directory = body + last, b""
    for fields, place in zip(entries, places, strict=True):
        directory += b"PK\1\2" + struct.pack("<H", 3 << 8 | 20) + shared(fields)
        directory += struct.pack(
            "<3H2L", len(fields["comment"]), fields["disk"], 0, fields["attributes"],
            place,
        )  # fmt: skip
        directory += fields["name"] + fields["extra"] + fields["comment"]
    numbers = {
        "disk": 0,
        "first": 0,
        "here": len(entries),
        "all": len(entries),
        "size": len(directory),
        "at": len(body),
        "comment": len(comment),
        **end,
    }
    tail = struct.pack("<4H2LH", *numbers.values())
    return body + directory + b"PK\5\6" + tail + comment + after


def plain(members):
    return [entry(name, data) for name, data in zip(NAMES, members, strict=True)]


def with_(members, which=0, **lies):
    entries = plain(members)
    entries[which] = {**entries[which], **lies}
    return entries


def test_the_hand_made_archive_is_a_model(members, blob, path):
    artifact.save(path, read(archive(*plain(members)), path))
    assert path.read_bytes() == blob
    stored = [
        entry(n, d, packed=d, method=0) for n, d in zip(NAMES, members, strict=True)
    ]
    artifact.save(path, read(archive(*stored), path))
    assert path.read_bytes() == blob


def twins(members):
    first, second = plain(members)
    return [first, {**second, "at": 0, "name": NAMES[0]}]


END_RECORD = b"PK\5\6" + struct.pack("<4H2LH", 0, 0, 0, 0, 0, 0, 0)
ZIP64 = struct.pack("<2H2Q", 1, 16, 1 << 40, 1 << 40)

ARCHIVES = {
    "no member": lambda _: archive(),
    "one member": lambda m: archive(*plain(m)[:1]),
    "other order": lambda m: archive(*plain(m)[::-1]),
    "three members": lambda m: archive(*plain(m), entry(b"more", b"x")),
    "many members": lambda m: archive(
        *plain(m), *(entry(b"%d" % i, b"") for i in range(2000))
    ),
    "a member twice": lambda m: archive(*twins(m)),
    "members overlap": lambda m: archive(*with_(m, 1, at=0)),
    "members overlap in part": lambda m: archive(*with_(m, 1, at=40)),
    "a member beyond the end": lambda m: archive(*with_(m, 1, at=2**32 - 1)),
    "huge comment": lambda m: archive(*plain(m), comment=b"x" * 65535),
    "comment with an end": lambda m: archive(*plain(m), comment=END_RECORD),
    "member comment": lambda m: archive(*with_(m, comment=b"x" * 60000)),
    "extra field": lambda m: archive(*with_(m, extra=ZIP64)),
    "extra field before the data": lambda m: archive(*with_(m, local={"extra": ZIP64})),
    "64-bit sizes": lambda m: archive(
        *with_(m, 1, size=2**32 - 1, packed=2**32 - 1, extra=ZIP64)
    ),
    "a program before": lambda m: archive(*plain(m), before=b"#!/bin/sh\n"),
    "a program before, hidden": lambda m: b"#!/bin/sh\n" + archive(*plain(m)),
    "something behind": lambda m: archive(*plain(m), after=b"\0"),
    "something between": lambda m: archive(*plain(m), between=b"\0" * 9),
    "something before the directory": lambda m: archive(*plain(m), last=b"\0" * 9),
    "split": lambda m: archive(*plain(m), disk=1),
    "directory on another disk": lambda m: archive(*plain(m), first=1),
    "other number here": lambda m: archive(*plain(m), here=1),
    "other number in all": lambda m: archive(*plain(m), all=65535),
    "directory size": lambda m: archive(*plain(m), size=2**32 - 1),
    "directory place": lambda m: archive(*plain(m), at=0),
    "member on another disk": lambda m: archive(*with_(m, disk=1)),
    "encrypted": lambda m: archive(*with_(m, flags=1)),
    "strongly encrypted": lambda m: archive(*with_(m, flags=65)),
    "sizes follow": lambda m: archive(*with_(m, flags=8)),
    "utf-8 name": lambda m: archive(*with_(m, flags=1 << 11)),
    "name goes up": lambda m: archive(*with_(m, name=b"../el.json")),
    "name is absolute": lambda m: archive(*with_(m, name=b"/root.json")),
    "name of a drive": lambda m: archive(*with_(m, name=b"C:\\\\l.json")),
    "name is cut": lambda m: archive(*with_(m, name=b"model.jso\0")),
    "name is longer": lambda m: archive(*with_(m, name=b"a/../model.json")),
    "capitals": lambda m: archive(*with_(m, name=b"MODEL.JSON")),
    "other local name": lambda m: archive(*with_(m, local={"name": b"../el.json"})),
    "other local size": lambda m: archive(*with_(m, local={"size": 1})),
    "other local packed size": lambda m: archive(*with_(m, local={"packed": 1})),
    "other local checksum": lambda m: archive(*with_(m, local={"crc": 1})),
    "other local method": lambda m: archive(*with_(m, local={"method": 0})),
    "checksum": lambda m: archive(*with_(m, crc=1)),
    "says less": lambda m: archive(*with_(m, size=10)),
    "says more": lambda m: archive(*with_(m, size=len(m[0]) + 1)),
    "says nothing": lambda m: archive(*with_(m, 1, size=0)),
    "packed less": lambda m: archive(*with_(m, packed=10)),
    "packed more": lambda m: archive(*with_(m, packed=2**32 - 1)),
    "packed into the next": lambda m: archive(
        *with_(m, packed=len(deflated(m[0])) + 30)
    ),
    "more behind the stream": lambda m: archive(
        entry(NAMES[0], m[0], packed=deflated(m[0]) + b"more"), plain(m)[1]
    ),
    "a stream without end": lambda m: archive(
        entry(NAMES[0], m[0], packed=deflated(m[0])[:-1]), plain(m)[1]
    ),
    "no stream": lambda m: archive(
        entry(NAMES[0], m[0], packed=b"\xff" * 99), plain(m)[1]
    ),
    "bzip2": lambda m: archive(*with_(m, method=12)),
    "lzma": lambda m: archive(*with_(m, method=14)),
    "deflate64": lambda m: archive(*with_(m, method=9)),
    "stored, they say": lambda m: archive(*with_(m, method=0)),
    "a zip in the zip": lambda m: archive(entry(NAMES[0], archive()), plain(m)[1]),
    "zeros": lambda _: bytes(22),
    "end only": lambda _: END_RECORD,
    "long zeros": lambda _: bytes(1 << 16),
}


@pytest.mark.parametrize("make", ARCHIVES.values(), ids=ARCHIVES)
def test_archives_of_another_layout(members, path, make):
    text = refuse(make(members), path)
    assert str(path) in text


def test_a_link_is_only_read_as_text(members, blob, path):
    """Attributes say "symbolic link"; nothing is ever unpacked to disk."""
    link = archive(*with_(members, attributes=0o120777 << 16))
    refuse_or_equal(link, path, blob)
    assert sorted(p.name for p in path.parent.iterdir()) == ["m"]


@MANY
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["flip", "cut", "add", "drop"]),
            st.floats(0, 1),
            st.binary(min_size=1, max_size=6),
        ),
        min_size=1,
        max_size=3,
    )
)
def test_bytes_changed_anywhere(tmp_path_factory, blob, changes):
    path = tmp_path_factory.getbasetemp() / "bytes"
    data = bytearray(blob)
    for kind, where, new in changes:
        at = int(where * (len(data) - 1)) if data else 0
        if kind == "flip" and data:
            data[at] ^= new[0] or 1
        elif kind == "cut":
            del data[at:]
        elif kind == "add":
            data[at:at] = new
        else:
            del data[at : at + len(new)]
    refuse_or_equal(bytes(data), path, blob)


# --- tensors -----------------------------------------------------------------------


def raw(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def f64(begin, end, shape=(1,), dtype="F64"):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


TENSORS = {
    "terabytes": raw({"a": f64(0, 1 << 42, (1 << 39,))}, b"x" * 8),
    "exabytes": raw({"a": f64(0, 1 << 63, (1 << 60,))}, b"x" * 8),
    "more than 64 bits": raw({"a": f64(0, 1 << 70, (1 << 67,))}, b"x" * 8),
    "product overflows": raw({"a": f64(0, 8, (1 << 33, 1 << 31, 1))}, b"x" * 8),
    "product wraps to one": raw({"a": f64(0, 8, (1 << 32, 1 << 32, 1))}, b"x" * 8),
    "negative": raw({"a": f64(-8, 0)}, b"x" * 8),
    "backwards": raw({"a": f64(8, 0)}, b"x" * 8),
    "overlap": raw({"a": f64(0, 8), "b": f64(0, 8)}, b"x" * 8),
    "overlap in part": raw({"a": f64(0, 8), "b": f64(4, 12)}, b"x" * 12),
    "hole": raw({"a": f64(0, 8), "b": f64(16, 24)}, b"x" * 24),
    "rest": raw({"a": f64(0, 8)}, b"x" * 9),
    "too short": raw({"a": f64(0, 8)}, b"x" * 7),
    "negative shape": raw({"a": f64(0, 8, (-1,))}, b"x" * 8),
    "real shape": raw({"a": f64(0, 8, (1.0,))}, b"x" * 8),
    "unknown dtype": raw({"a": f64(0, 8, dtype="PICKLE")}, b"x" * 8),
    "short floats": raw({"a": f64(0, 8, (8,), "F8_E4M3")}, b"x" * 8),
    "brain floats": raw({"a": f64(0, 8, (4,), "BF16")}, b"x" * 8),
    "twice": raw(
        b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},'
        b'"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}',
        b"xy",
    ),
    "many empty": raw({f"t{i}": f64(0, 0, (0,)) for i in range(30_000)}),
    "wide empty": raw({"a": f64(0, 0, (1 << 62, 0))}),
    "deep": raw(b"[" * 100_000),
    "deep inside": raw(b'{"a":' * 50_000),
    "not text": raw(b"\xff\xfe"),
    "a list": raw([1]),
    "strange metadata": raw({"__metadata__": {"a": 1}}),
    "header beyond": struct.pack("<Q", 1 << 40) + b"{}",
    "header largest": struct.pack("<Q", 2**64 - 1) + b"{}",
    "nothing": b"",
}


@pytest.mark.parametrize("data", TENSORS.values(), ids=TENSORS)
def test_tensors_that_lie(facts, path, data):
    text = text_of(sealed(facts, data))
    refuse(archive(*plain((text, data))), path)


@MANY
@given(st.data())
def test_a_tensor_header_changed_and_sealed(
    tmp_path_factory, facts, members, blob, st_
):
    path = tmp_path_factory.getbasetemp() / "header"
    data = bytearray(members[1])
    length = int.from_bytes(data[:8], "little")
    at = st_.draw(st.integers(0, length + 7))
    data[at] = st_.draw(st.sampled_from(b'0123456789-,:[]{}"eFIU \xff\0'))
    text = text_of(sealed(facts, bytes(data)))
    try:
        found = read(archive(*plain((text, bytes(data)))), path)
    except ArtifactError:
        return
    # a number may have moved, or names changed places: what is read is what is said
    for name, array in load_tensors(bytes(data)).items():
        assert np.isfinite(array).all(), name
    assert found.statement.to_dict() == facts["statement"]


# --- facts -------------------------------------------------------------------------


def places(value, at=()):
    """Paths to everything inside JSON, the containers too."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in inner:
        yield (*at, key)
        if isinstance(item, (dict, list)):
            yield from places(item, (*at, key))


def deep(levels):
    value = 1
    for _ in range(levels):
        value = [value]
    return value


STRANGE = [
    None, True, False, 0, 1, -1, 7, 0.5, -0.0, 1e308, 5e-324, 10**400, 2**53, 2**64,
    "", "inf", "nan", "x", "row", "\0", "\ud800", "a" * 3000, [], [0], [[]], {},
    {"": 0}, deep(20), deep(40), float("nan"), float("inf"),
]  # fmt: skip


def mutated(facts, draw):
    """One leaf or container made strange, dropped, doubled or moved."""
    out = copy.deepcopy(facts)
    at = draw(st.sampled_from(list(places(facts))))
    inner = out
    for key in at[:-1]:
        inner = inner[key]
    kind = draw(st.sampled_from(["strange", "drop", "add", "rename", "near"]))
    old = inner[at[-1]]
    if kind == "strange":
        inner[at[-1]] = copy.deepcopy(draw(st.sampled_from(STRANGE)))
    elif kind == "near" and isinstance(old, (int, float)):
        inner[at[-1]] = draw(st.sampled_from([old + 1, -old, old * 1.001, not old]))
    elif kind == "add" and isinstance(inner, dict):
        inner[draw(st.sampled_from(["more", "", "rho", "__class__"]))] = 0
    elif kind == "add" and isinstance(inner, list):
        inner.append(copy.deepcopy(old))
    elif kind == "rename" and isinstance(inner, dict):
        inner["other"] = inner.pop(at[-1])
    else:
        del inner[at[-1]]
    return out


@MANY
@given(st.data())
def test_facts_changed_by_hand_are_refused(tmp_path_factory, facts, members, blob, st_):
    """Without a new digest nothing can be changed, the statement least of all."""
    path = tmp_path_factory.getbasetemp() / "hand"
    other = mutated(facts, st_.draw)
    refuse_or_equal(archive(*plain((text_of(other), members[1]))), path, blob)


@MANY
@given(st.data())
def test_facts_changed_and_sealed(tmp_path_factory, facts, members, st_):
    """What is read says what the file says, and the statement still holds together."""
    path = tmp_path_factory.getbasetemp() / "sealed"
    other = mutated(facts, st_.draw)
    try:
        text = text_of(sealed(other, members[1]))
        found = read(archive(*plain((text, members[1]))), path)
    except ArtifactError:
        return
    assert found.statement.to_dict() == other["statement"]
    assert found.statement.private
    assert found.statement.rho_spent >= sum(e.rho for e in found.statement.events) * (
        1 - 1e-9
    )
    assert not found.bundle.codec.schema.copied_from_data()


@pytest.mark.parametrize(
    "change",
    [
        lambda f: f["statement"].update(epsilon=0.5),
        lambda f: f["statement"].update(delta=1e-9),
        lambda f: f["statement"].update(epsilon_spent=0.1),
        lambda f: f["statement"]["assumptions"].pop(),
        lambda f: f["statement"]["events"].pop(),
        lambda f: f["statement"]["events"][0].update(what="other"),
        lambda f: f["statement"]["provenance"].update(declared_by="somebody"),
        lambda f: f["schema"]["columns"][0]["categories"].reverse(),
        lambda f: f.update(n_hat=f["n_hat"] + 1),
        lambda f: f.pop("digest"),
        lambda f: f.update(digest=None),
        lambda f: f.update(digest="0" * 64),
    ],
)
def test_a_statement_or_fact_changed_by_hand(facts, members, path, change):
    other = copy.deepcopy(facts)
    change(other)
    text = refuse(archive(*plain((text_of(other), members[1]))), path)
    assert "changed after it was saved" in text


def test_one_changed_number_of_a_tensor(members, path):
    data = bytearray(members[1])
    data[-1] ^= 1
    refuse(archive(*plain((members[0], bytes(data)))), path)


def say(name, value):
    return lambda f: f["statement"]["fairness"].update({name: value})


def mark(f):
    f["schema"]["columns"][1]["provenance"] = {"lower": "from-data"}


MARKS = {
    "a private statement on copied facts": mark,
    "another promise": say("promise", "all is fair"),
    "a mode": say("mode", "redraw"),
    "a cost": say("costs_privacy", True),
    "no fairness": lambda f: f["statement"].update(fairness={}),
    "declared by others": lambda f: f["schema"].update(declared_by="nobody"),
    "too many columns": lambda f: f["schema"]["columns"].extend([{}] * 5000),
    "too many events": lambda f: f["statement"].update(
        events=f["statement"]["events"][:1] * 17_000
    ),
    "a width beyond sense": lambda f: f["settings"]["gan"].update(critic=[10**9]),
    "steps beyond sense": lambda f: f["settings"]["gan"].update(steps=10**12),
    "a pool beyond sense": lambda f: f["settings"]["calibration"].update(pool=10**15),
}


REFUSED = {
    "a private statement": "facts were copied",
    "too many": "lists are too long",
    "declared": "declared by others",
    "a width": "is damaged",
    "steps": "is damaged",
    "a pool": "is damaged",
}


@pytest.mark.parametrize("name", MARKS)
def test_marks_that_disagree_and_amounts_without_sense(facts, members, path, name):
    other = copy.deepcopy(facts)
    MARKS[name](other)
    text = text_of(sealed(other, members[1]))
    told = [text for start, text in REFUSED.items() if name.startswith(start)]
    refused = refuse(archive(*plain((text, members[1]))), path)
    assert (told or ["fairness statement is not"])[0] in refused


def test_too_many_tensors_are_not_even_read(facts, path):
    data = raw({f"t{i}": f64(0, 0, (0,)) for i in range(70_000)})
    text = text_of(sealed(facts, data))
    assert "too large" in refuse(archive(*plain((text, data))), path)


TEXTS = {
    "a key twice": lambda t: b'{"format": "fairveil-model",' + t[1:],
    "a key twice inside": lambda t: t.replace(b'"rho_cap"', b'"rho_spent"'),
    "nan": lambda t: b'{"more": NaN,' + t[1:],
    "infinity": lambda t: b'{"more": -Infinity,' + t[1:],
    "beyond floats": lambda t: b'{"more": 1e999,' + t[1:],
    "huge integer": lambda t: b'{"more": ' + b"9" * 4000 + b"," + t[1:],
    "hugest integer": lambda t: b'{"more": ' + b"9" * 100_000 + b"," + t[1:],
    "deep": lambda t: b'{"more": ' + b"[" * 500 + b"]" * 500 + b"," + t[1:],
    "deepest": lambda t: b'{"more": ' + b"[" * 10**6 + b"]" * 10**6 + b"," + t[1:],
    "half a character": lambda t: b'{"\\ud800": 1,' + t[1:],
    "not utf-8": lambda t: b'{"\xff": 1,' + t[1:],
    "utf-16": lambda t: t.decode().encode("utf-16"),
    "byte order mark": lambda t: b"\xef\xbb\xbf" + t,
    "behind it": lambda t: t + b"{}",
    "many parts": lambda t: b'{"more": [' + b"1," * (1 << 20) + b"1]," + t[1:],
}


@pytest.mark.parametrize("make", TEXTS.values(), ids=TEXTS)
def test_texts_that_no_writer_writes(members, path, make):
    refuse(archive(*plain((make(members[0]), members[1]))), path)


# --- schema and statement files ----------------------------------------------------


@MANY
@given(st.data())
def test_a_schema_file_changed(tmp_path_factory, facts, st_):
    path = tmp_path_factory.getbasetemp() / "schema.json"
    other = mutated(facts["schema"], st_.draw)
    path.write_bytes(text_of(other))
    try:
        found = Schema.load(path)
    except SchemaError:
        return
    assert Schema.from_dict(json.loads(json.dumps(found.to_dict()))) == found


@MANY
@given(st.data())
def test_the_bytes_of_a_schema_file_changed(tmp_path_factory, facts, st_):
    path = tmp_path_factory.getbasetemp() / "schema.json"
    data = bytearray(text_of(facts["schema"]))
    for _ in range(st_.draw(st.integers(1, 3))):
        data[st_.draw(st.integers(0, len(data) - 1))] = st_.draw(st.integers(0, 255))
    path.write_bytes(bytes(data))
    with contextlib.suppress(SchemaError):
        Schema.load(path)


@pytest.mark.parametrize("make", TEXTS.values(), ids=TEXTS)
def test_schema_texts_that_no_writer_writes(facts, path, make):
    text = json.dumps(facts["schema"]).encode()
    path.write_bytes(make(text).replace(b'"rho_spent"', b'"x"'))
    if make(text) == text:
        return
    with pytest.raises(SchemaError):
        Schema.load(path)


def test_a_schema_file_that_is_none(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "none", tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(SchemaError, match="cannot be read"):
            Schema.load(path)


def keeps(whole, part):
    """Whether all that ``part`` says stands in ``whole``, which may say defaults."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(
            key in whole and keeps(whole[key], value) for key, value in part.items()
        )
    if isinstance(part, list):
        both = isinstance(whole, list) and len(whole) == len(part)
        return both and all(map(keeps, whole, part))
    if isinstance(part, float):  # a cost may be said a little differently
        if part == float("inf"):
            return whole == "inf"
        return math.isclose(whole, part, rel_tol=1e-8, abs_tol=1e-300)
    return part is None or whole == part  # a cost may be left unsaid


@MANY
@given(st.data())
def test_a_statement_changed(facts, st_):
    """It is refused, or what it says is kept and still holds together."""
    other = mutated(facts["statement"], st_.draw)
    try:
        found = Statement.from_dict(other)
    except ConfigError:
        return
    assert keeps(found.to_dict(), other)
    assert Statement.from_dict(found.to_dict()) == found
    assert found.private
    assert str(found).startswith("Differentially private")


def test_a_statement_that_is_none():
    for data in (None, [], "x", 7, {}, {"format": "fairveil-statement"}):
        with pytest.raises(ConfigError):
            Statement.from_dict(data)


# --- bounds ------------------------------------------------------------------------

CHILD = """
import json, os, resource, sys, time
from pathlib import Path
from fairveil import artifact
from fairveil.errors import ArtifactError

folder = Path(sys.argv[1])
statement = artifact.load(folder / "good").statement
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 29),) * 2)
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
seen = []
bad = ("exec", "compile", "pickle.", "subprocess.", "os.system", "socket.", "import")
armed = False
def watch(event, details):
    if armed and event.startswith(bad):
        seen.append(event)
sys.addaudithook(watch)
base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sorted(folder.glob("bad*")):
    began = time.monotonic()
    armed = True
    try:
        artifact.load(path)
        found = "read"
    except ArtifactError:
        found = "refused"
    armed = False
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base) << 10
    print(json.dumps([path.name, found, grown, time.monotonic() - began, seen]))
"""


def bombs(members, facts):
    """Small files that would grow, each with what is fair to need at most."""
    zeros = bytes(1 << 28)
    wide = copy.deepcopy(facts)
    wide["schema"]["columns"] = wide["schema"]["columns"][:1] * 4000
    columns = text_of(sealed(wide, members[1]))
    many = raw({f"t{i}": f64(0, 0, (0,)) for i in range(50_000)})
    text = b'{"x": [' + b"[]," * ((1 << 24) // 3 - 10) + b"1]}"
    names = b'{"x": "' + b"a" * (1 << 24) + b'"}'
    return {
        "zeros": archive(entry(NAMES[0], zeros), plain(members)[1]),
        "tensors of zeros": archive(plain(members)[0], entry(NAMES[1], zeros)),
        "zeros that lie": archive(*with_(members, data=deflated(zeros),
                                         packed=len(deflated(zeros)))),
        "many lists": archive(entry(NAMES[0], text), plain(members)[1]),
        "long text": archive(entry(NAMES[0], names), plain(members)[1]),
        "many tensors": archive(*plain((text_of(sealed(facts, many)), many))),
        "many columns": archive(*plain((columns, members[1]))),
        "large covariances": archive(*plain(covariances(facts, members))),
        "comments": archive(*plain(members), comment=b"PK\5\6" * 16_000),
    }  # fmt: skip


def covariances(facts, members, latent=1000):
    """An identity matrix that packs to little and takes long to decompose."""
    tensors = load_tensors(members[1])
    count = len(tensors["mixture/weights"])
    tensors["mixture/means"] = np.zeros((count, latent))
    tensors["mixture/covariances"] = np.tile(np.eye(latent), (count, 1, 1))
    other = copy.deepcopy(facts)
    other["settings"]["vae"]["latent"] = latent
    data = save_tensors(tensors)
    return text_of(sealed(other, data)), data


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_memory_and_time_are_bounded_and_nothing_runs(members, facts, blob, tmp_path):
    (tmp_path / "good").write_bytes(blob)
    made = bombs(members, facts)
    for name, data in made.items():
        assert len(data) < 1 << 20, name
        (tmp_path / f"bad {name}").write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(CHILD), str(tmp_path)],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == len(made)
    for name, found, grown, seconds, seen in lines:
        assert found == "refused", name
        assert grown < 1 << 28, (name, grown)
        assert seconds < 10, (name, seconds)
        assert seen == [], name
