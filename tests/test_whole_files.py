"""``_files``: a path holds the old file or the whole new one, and JSON is strict."""

import errno
import os
import signal
import stat
import subprocess
import sys
import textwrap

import pytest
from hypothesis import given, strategies as st

from fairveil import _files
from fairveil._files import parse_json, read_whole, replaced, write_whole

OLD, NEW = b"old " * 100, b"new " * 1000
NAMELESS = _files._NAMELESS is not None
OPENERS = ["nameless", "named"] if NAMELESS else ["named"]


@pytest.fixture(params=OPENERS)
def opener(request, monkeypatch):
    """Both ways to write; the second is that of systems without nameless files."""
    if request.param == "named":
        monkeypatch.setattr(_files, "_NAMELESS", None)
    return request.param


def inside(folder):
    return sorted(path.name for path in folder.iterdir())


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


# --- written whole -----------------------------------------------------------------


@pytest.mark.usefixtures("opener")
def test_a_new_file_and_a_replaced_one(tmp_path):
    for data in (OLD, NEW, b""):
        write_whole(tmp_path / "f", data)
        assert (tmp_path / "f").read_bytes() == data
        assert inside(tmp_path) == ["f"]


@pytest.mark.usefixtures("opener")
def test_until_the_end_the_old_file_stands(tmp_path):
    (tmp_path / "f").write_bytes(OLD)
    with replaced(tmp_path / "f") as file:
        file.write(NEW)
        file.flush()
        assert (tmp_path / "f").read_bytes() == OLD
    assert (tmp_path / "f").read_bytes() == NEW


def fail_midway(path, error):
    with replaced(path) as file:
        file.write(NEW)
        raise error


@pytest.mark.usefixtures("opener")
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("old", [True, False])
def test_a_failure_inside_leaves_no_trace(tmp_path, error, old):
    if old:
        (tmp_path / "f").write_bytes(OLD)
    with pytest.raises(error):
        fail_midway(tmp_path / "f", error)
    assert inside(tmp_path) == (["f"] if old else [])
    assert not old or (tmp_path / "f").read_bytes() == OLD


@pytest.mark.usefixtures("opener")
@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("old", [True, False])
def test_a_full_disk_leaves_no_trace(tmp_path, monkeypatch, call, old):
    if old:
        (tmp_path / "f").write_bytes(OLD)
    monkeypatch.setattr(os, call, full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(tmp_path / "f", NEW)
    assert inside(tmp_path) == (["f"] if old else [])
    assert not old or (tmp_path / "f").read_bytes() == OLD


@pytest.mark.skipif(not NAMELESS, reason="this system has no nameless files")
def test_where_nothing_can_be_linked_the_file_is_copied(tmp_path, monkeypatch):
    (tmp_path / "f").write_bytes(OLD)
    monkeypatch.setattr(os, "link", full)
    write_whole(tmp_path / "f", NEW)
    assert (tmp_path / "f").read_bytes() == NEW
    assert inside(tmp_path) == ["f"]
    monkeypatch.setattr(_files.shutil, "copyfileobj", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(tmp_path / "f", OLD)
    assert (tmp_path / "f").read_bytes() == NEW
    assert inside(tmp_path) == ["f"]


@pytest.mark.usefixtures("opener")
def test_permissions(tmp_path):
    before = os.umask(0o027)
    try:
        write_whole(tmp_path / "open", OLD)
        write_whole(tmp_path / "secret", OLD, secret=True)
        assert (mode(tmp_path / "open"), mode(tmp_path / "secret")) == (0o640, 0o600)
        (tmp_path / "open").chmod(0o604)  # somebody decided so
        write_whole(tmp_path / "open", NEW, secret=True)
        assert mode(tmp_path / "open") == 0o604
    finally:
        os.umask(before)


@pytest.mark.usefixtures("opener")
def test_links_are_followed_and_pipes_are_written(tmp_path):
    (tmp_path / "f").write_bytes(OLD)
    (tmp_path / "link").symlink_to("f")
    write_whole(tmp_path / "link", NEW)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "f").read_bytes() == NEW
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_whole(tmp_path / "pipe", b"through")
        assert os.read(reader, 100) == b"through"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


@pytest.mark.parametrize("place", ["no/f", "."])
def test_places_that_cannot_be_written(tmp_path, place):
    with pytest.raises(OSError):
        write_whole(tmp_path / place, NEW)
    assert inside(tmp_path) == []


CHILD = """
import resource, signal, sys, time
from pathlib import Path
from fairveil import _files

signal.signal(signal.SIGINT, signal.default_int_handler)  # a job's may be ignored
what, path = sys.argv[1], Path(sys.argv[2])
if what == "limit":  # a real refusal by the system, such as a full disk gives
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
    try:
        _files.write_whole(path, b"x" * 100_000)
    except OSError as error:
        print(type(error).__name__, flush=True)
    sys.exit()
with _files.replaced(path) as file:
    file.write(b"half")
    file.flush()
    print("ready", flush=True)
    time.sleep(60)
"""


def child(what, path):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(CHILD), what, str(path)],
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.skipif(not NAMELESS, reason="this system has no nameless files")
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_process_leaves_the_old_file_and_nothing_else(tmp_path, sign):
    (tmp_path / "f").write_bytes(OLD)
    with child("kill", tmp_path / "f") as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(sign)
        process.wait(timeout=30)
    assert inside(tmp_path) == ["f"]
    assert (tmp_path / "f").read_bytes() == OLD


def test_a_write_that_the_system_refuses_midway(tmp_path):
    (tmp_path / "f").write_bytes(OLD)
    with child("limit", tmp_path / "f") as process:
        assert process.stdout.read() == "OSError\n"
    assert inside(tmp_path) == ["f"]
    assert (tmp_path / "f").read_bytes() == OLD


# --- read ---------------------------------------------------------------------------


def test_only_regular_files_of_some_size_are_read(tmp_path):
    (tmp_path / "f").write_bytes(OLD)
    assert read_whole(tmp_path / "f", most=len(OLD)) == OLD
    with pytest.raises(ValueError, match="too large"):
        read_whole(tmp_path / "f", most=len(OLD) - 1)
    os.mkfifo(tmp_path / "pipe")  # nobody will ever write to it
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "none", "/dev/zero"):
        with pytest.raises(OSError):
            read_whole(path)


def nested(inner):
    return st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)


LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False)
LEAVES |= st.text()


@given(nested(LEAVES | nested(LEAVES | nested(LEAVES))) | LEAVES)
def test_what_the_standard_library_writes_is_read_or_refused(value):
    text = _files.json.dumps(value)
    try:
        assert parse_json(text.encode()) == value
    except ValueError:
        assert "Infinity" in text or "\\ud" in text


@given(st.binary(max_size=200) | st.text(alphabet='[]{}:,"1eE+-.\\ud ').map(str.encode))
def test_any_bytes_give_a_value_or_a_value_error(data):
    try:
        value = parse_json(data)
    except ValueError:
        return
    assert value == _files.json.loads(data)


@pytest.mark.parametrize(
    "data",
    [
        b'{"a": 1, "a": 1}',
        b'[{"b": {"a": 1, "a": 2}}]',
        b"NaN",
        b"[-Infinity]",
        b"1e999",
        b'["\\ud800"]',
        b'{"\\udc00": 1}',
        b'"\xff"',
        '{"a": 1}'.encode("utf-16"),
        b"\xef\xbb\xbf{}",
        b"1" * 5000,
        b"[" * 1000 + b"]" * 1000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000,
        b"[" * (_files.MOST_DEPTH + 1) + b"]" * (_files.MOST_DEPTH + 1),
        b"[" + b"1," * _files.MOST_PARTS + b"1]",
        b'"' + b"x" * _files.MOST_TEXT + b'"',
        b"",
        b"{} {}",
    ],
    ids=lambda data: repr(data[:12]),
)
def test_texts_that_are_refused(data):
    with pytest.raises(ValueError) as caught:
        parse_json(data)
    assert not isinstance(caught.value, RecursionError)


def test_texts_at_the_limits_are_read():
    depth = _files.MOST_DEPTH
    assert parse_json(b"[" * depth + b"1" + b"]" * depth)
    assert parse_json(b'"\\u00e9\\ud83d\\ude00"') == "é😀"
    assert parse_json(b"1" * 4000) == int("1" * 4000)
