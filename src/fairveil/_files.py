"""Files written whole or not at all, and JSON read without surprises.

Public or secret: whatever the caller writes; nothing is kept here, and no error text
holds content. Guarantees of ``replaced``:

- the path holds the old file or the whole new one, on disk, never a part;
- a failure, an interruption or a full disk leaves the old file and nothing beside it;
- so does a killed process, where the system can write files without a name (Linux, on
  its common file systems); elsewhere a hidden ``.*.tmp`` may stay behind.

Guarantees of ``parse_json``: every text gives a value of bounded depth and size without
a key that stands twice, or a ``ValueError``; never another exception.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

MOST_TEXT = 1 << 24  # bytes of JSON; no schema, statement or model comes near it
MOST_PARTS = 1 << 20  # parsed parts take some 100 bytes each
MOST_DEPTH = 32

_NAMELESS = getattr(os, "O_TMPFILE", None)


@contextlib.contextmanager
def replaced(path: str | Path, *, secret: bool = False) -> Iterator[BinaryIO]:
    """Open a file that takes the place of ``path`` once the block has ended well.

    A link is followed. A device or pipe is written as it is. An existing file keeps
    its permissions.

    Args:
        path: where the file will be.
        secret: a new file can be read by its owner only.

    Raises:
        OSError: it cannot be written, or the disk is full.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        with target.open("wb") as there:
            yield there
        return
    descriptor, draft = _opened(target.parent, 0o600 if secret else 0o666)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield file
            file.flush()
            if target.exists():
                _copy_mode(target, descriptor)
            os.fsync(descriptor)
            draft = draft or _named(file, target.parent)
        draft.replace(target)
    finally:
        if draft is not None:
            draft.unlink(missing_ok=True)
    _settle(target.parent)


def write_whole(path: str | Path, data: bytes, *, secret: bool = False) -> None:
    """Write a file's whole content; see ``replaced``.

    Raises:
        OSError: it cannot be written, or the disk is full.
    """
    with replaced(path, secret=secret) as file:
        file.write(data)


def read_whole(path: str | Path, *, most: int = MOST_TEXT) -> bytes:
    """The content of a regular file; devices and pipes, which may never end, are none.

    Raises:
        OSError: no such regular file, or it cannot be read.
        ValueError: more than ``most`` bytes.
    """
    file = Path(path)
    if file.exists() and not file.is_file():
        raise OSError("not a regular file")
    with file.open("rb") as opened:
        size = os.fstat(opened.fileno()).st_size
        data = opened.read(min(size, most) + 1)  # sets so much memory aside
    if len(data) > most:
        raise ValueError("too large")
    return data


def parse_json(data: bytes) -> Any:
    """The value of a JSON text in UTF-8; stricter than the standard library.

    Raises:
        ValueError: not JSON, a key twice, a number that is not finite, half of a
            character, or more than ``MOST_TEXT``, ``MOST_PARTS`` or ``MOST_DEPTH``.
    """
    if len(data) > MOST_TEXT or sum(map(data.count, (b",", b"[", b"{"))) > MOST_PARTS:
        raise ValueError("too large")
    text = data.decode("utf-8")
    try:
        value = json.loads(
            text,
            object_pairs_hook=_distinct,
            parse_float=_finite,
            parse_constant=_finite,
        )
    except RecursionError:
        value = None
        text = ""  # raised below, without the parser's thousand frames
    if not text or _too_deep(value):
        raise ValueError("too deep")
    if "\\u" in text:  # half characters stand in escapes only
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    return value


def is_writable(value: Any) -> bool:
    """Whether a value is no text, or text without half of a character."""
    try:
        return not isinstance(value, str) or bool(value.encode("utf-8")) or not value
    except UnicodeError:
        return False


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError("a number is not finite")
    return value


def _too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MOST_DEPTH):
        level = [inner for outer in level for inner in _inside(outer)]
    return any(isinstance(inner, (dict, list)) for inner in level)


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _opened(folder: Path, mode: int) -> tuple[int, Path | None]:
    """A new file in the folder, and its name unless it has none yet."""
    if _NAMELESS is not None:
        with contextlib.suppress(OSError):  # not every file system can
            return os.open(folder, _NAMELESS | os.O_RDWR, mode), None
    draft = _fresh(folder)
    binary = getattr(os, "O_BINARY", 0)
    return os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | binary, mode), draft


def _fresh(folder: Path) -> Path:
    return folder / f".{secrets.token_hex(8)}.tmp"


def _named(file: BinaryIO, folder: Path) -> Path:
    """Give a nameless, finished file a name in the folder."""
    draft = _fresh(folder)
    descriptor = file.fileno()
    try:
        # a folder's descriptor makes the call follow the link; the path is absolute
        os.link(f"/proc/self/fd/{descriptor}", draft, src_dir_fd=descriptor)
    except OSError:  # a place without links, or without /proc
        _copied(file, draft)
    return draft


def _copied(file: BinaryIO, draft: Path) -> None:
    mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
    file.seek(0)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        with os.fdopen(os.open(draft, flags, mode), "wb") as copy:
            shutil.copyfileobj(file, copy)
            copy.flush()
            os.fsync(copy.fileno())
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _copy_mode(target: Path, descriptor: int) -> None:
    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, stat.S_IMODE(target.stat().st_mode))


def _settle(folder: Path) -> None:
    """Make the new name durable, where folders can be synced."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
