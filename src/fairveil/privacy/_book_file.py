"""The bytes of a ledger file: locked, chained, appended, never rewritten.

Public: lines of JSON without a value of a table. Guarantees:

- whoever reads or writes holds an exclusive lock of the operating system on the file
  itself; where no lock can be had, nothing is read or written;
- a line counts as written only after ``fsync``; a line cut off by a crash was never
  acknowledged, and the next writer removes it. Nothing else is ever removed;
- every line ends with a hash over itself and all lines before it, so that a line that
  was edited, dropped, repeated or moved is found. Lines missing at the very end are
  not: only a hash that was noted elsewhere tells of them.

Locks are ``filelock``'s on a descriptor (flock, LockFileEx), which never fall back to
weaker ones.
"""

from __future__ import annotations

import errno
import glob
import hashlib
import json
import os
import re
import stat
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
from filelock import lock_descriptor, unlock_descriptor

from fairveil.errors import TableError, problem

MOST_BYTES: Final = 1 << 26
LOCK_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.002
_LOCAL: Final = "a place on a local disk"
_BEGIN: Final = "'fairveil ledger cap' with --name to begin one"
_SEAL = re.compile(rb',"hash":"([0-9a-f]{64})"\}\Z')
_TOKEN = re.compile(r"[0-9a-f]{16}\Z")
# a link is no ledger, and opening a pipe must not wait for its other end
_FLAGS: Final = (
    getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
)
_REASONS: Final = {
    errno.ENOENT: "there is no such ledger file",
    errno.ENOTDIR: "there is no such ledger file",
    errno.ELOOP: "a ledger file must not be a symbolic link",
    errno.EMLINK: "a ledger file must not be a symbolic link",
    errno.EISDIR: "a ledger file must not be a folder",
    errno.EACCES: "the ledger file may not be opened",
    errno.EPERM: "the ledger file may not be opened",
    errno.EROFS: "the ledger file is on a read-only file system",
    errno.EEXIST: "there is already a file of this name",
}


class DamagedError(ValueError):
    """A line is not what was once written; holds no text of the line."""


def seal(previous: str, record: Mapping[str, Any]) -> tuple[bytes, str]:
    """A record as a line that continues the chain.

    Args:
        previous: hash of the line before; empty for the first.
        record: plain JSON values.

    Returns:
        The line without its end, and its hash: SHA-256 over the previous hash in hex
        and the record's JSON (no blanks, ASCII, fields in the order given).
    """
    body = _plain(record)
    digest = hashlib.sha256(previous.encode("ascii") + body).hexdigest()
    return body[:-1] + f',"hash":"{digest}"}}'.encode("ascii"), digest


def unseal(previous: str, line: bytes) -> tuple[dict[str, Any], str]:
    """The record of a line and the line's hash.

    Raises:
        DamagedError: the line does not continue the chain, or is no record.
    """
    end = _SEAL.search(line)
    if end is None:
        raise DamagedError
    body, digest = line[: end.start()] + b"}", end.group(1).decode("ascii")
    if hashlib.sha256(previous.encode("ascii") + body).hexdigest() != digest:
        raise DamagedError
    try:
        record = json.loads(body)
        same = isinstance(record, dict) and _plain(record) == body
    except (ValueError, RecursionError):
        raise DamagedError from None
    if not same:
        raise DamagedError
    return record, digest


def digests(data: bytes) -> frozenset[str]:
    """The hash that each line says it has."""
    return frozenset(
        end.group(1).decode("ascii")
        for line in data.split(b"\n")
        if (end := _SEAL.search(line)) is not None
    )


def _plain(record: Mapping[str, Any]) -> bytes:
    text = json.dumps(record, separators=(",", ":"), allow_nan=False, default=_python)
    return text.encode("ascii")


def _python(value: Any) -> Any:
    """A NumPy number as Python's."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError


class Locked:
    """An open ledger file that nobody else can read or write.

    Args:
        path: for messages.
        fd: open descriptor, locked; writable ones append.
    """

    def __init__(self, path: Path, fd: int) -> None:
        self._path = path
        self._fd = fd

    def read(self) -> bytes:
        """All bytes.

        Raises:
            TableError: too large to be a ledger, or not readable.
        """
        self._check_size(os.fstat(self._fd).st_size)
        try:
            os.lseek(self._fd, 0, os.SEEK_SET)
            pieces = []
            while piece := os.read(self._fd, 1 << 20):
                pieces.append(piece)
        except OSError as error:
            raise refusal(error, self._path) from None
        return b"".join(pieces)

    def append(self, data: bytes, *, end: int) -> None:
        """Write behind byte ``end`` and return when the data are on the disk.

        Raises:
            TableError: the system refused, and the line was taken back where possible;
                or somebody else wrote despite the lock.
        """
        self._check_size(end + len(data))
        try:
            if os.fstat(self._fd).st_size != end:
                os.ftruncate(self._fd, end)  # a cut line; see the module's promise
            _write(self._fd, data)
            os.fsync(self._fd)
            size = os.fstat(self._fd).st_size
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._fd, end)
            raise refusal(error, self._path) from None
        if size != end + len(data):
            what = "somebody wrote into the ledger file despite its lock"
            raise TableError(problem(what, got=str(self._path), try_=_LOCAL))

    def _check_size(self, size: int) -> None:
        if size > MOST_BYTES:
            what = f"a ledger file holds at most {MOST_BYTES >> 20} MiB"
            raise TableError(problem(what, got=str(self._path)))


@contextmanager
def locked(path: Path, *, write: bool) -> Iterator[Locked]:
    """Open a ledger file and hold it exclusively.

    Raises:
        TableError: no such file, a link, a folder, not permitted, replaced meanwhile,
            or no lock to be had (in time, or at all).
    """
    if path.is_symlink():  # not every system has O_NOFOLLOW
        raise refusal(OSError(errno.ELOOP, "link"), path)
    mode = os.O_RDWR | os.O_APPEND if write else os.O_RDONLY
    try:
        fd = os.open(path, mode | _FLAGS)
    except (OSError, ValueError) as error:
        raise refusal(error, path) from None
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise TableError(problem("this is not a ledger file", got=str(path)))
        _lock(fd, path)
        try:
            _check_place(fd, path)
            yield Locked(path, fd)
        finally:
            # closing is not enough: a forked child may hold the descriptor too
            with suppress(OSError):
                unlock_descriptor(fd)
    finally:
        os.close(fd)


def create(path: Path, data: bytes) -> None:
    """Make a new file with these bytes, on the disk before this returns.

    Raises:
        TableError: there is already such a file, no such folder, or the system refused.
    """
    if not path.parent.is_dir():
        what = "the folder of the ledger file does not exist"
        raise TableError(problem(what, got=str(path.parent), try_="making it first"))
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, 0o666)
    except (OSError, ValueError) as error:
        raise refusal(error, path) from None
    try:
        _write(fd, data)
        os.fsync(fd)
        _sync_folder(path.parent)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise refusal(error, path) from None
    finally:
        os.close(fd)


class Live:
    """A sign that a fit is running: a lock that the system frees when we die.

    Args:
        path: the ledger file.
        token: of the fit, 16 hexadecimal digits.

    Raises:
        TableError: the sign cannot be made.
    """

    def __init__(self, path: Path, token: str) -> None:
        sign = _sign(path, token)
        try:
            fd = os.open(sign, os.O_RDWR | os.O_CREAT | os.O_EXCL | _FLAGS, 0o666)
        except OSError:
            what = "a running fit puts a file beside the ledger file, and could not"
            raise TableError(problem(what, got=str(sign))) from None
        self.drop: Callable[[], object] = weakref.finalize(
            self, _drop, fd, sign, os.getpid()
        )
        try:
            mine = lock_descriptor(fd, blocking=False)
        except OSError:
            mine = False
        if not mine:
            self.drop()
            raise _no_lock(path)


def is_live(path: Path, token: str) -> bool:
    """Whether the process of a fit may still run; unknown counts as yes."""
    try:
        fd = os.open(_sign(path, token), os.O_RDONLY | _FLAGS)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        if not lock_descriptor(fd, blocking=False):
            return True
        unlock_descriptor(fd)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False


def sweep(path: Path) -> None:
    """Remove the signs of dead fits. Call it with the ledger file locked."""
    start = f"{path.name}."
    for sign in path.parent.glob(glob.escape(start) + "*.live"):
        token = sign.name.removeprefix(start).removesuffix(".live")
        if _TOKEN.match(token) and not is_live(path, token):
            with suppress(OSError):
                sign.unlink()


def refusal(error: Exception, path: Path) -> TableError:
    """What the system's refusal of a ledger file means for the user."""
    number = error.errno if isinstance(error, OSError) else None
    told = f" ({os.strerror(number)})" if number else ""
    what = _REASONS.get(number or 0, f"the system refused the ledger file{told}")
    try_ = _BEGIN if number in (errno.ENOENT, errno.ENOTDIR) else None
    return TableError(problem(what, got=str(path), try_=try_))


def _sign(path: Path, token: str) -> Path:
    return path.with_name(f"{path.name}.{token}.live")


def _drop(fd: int, sign: Path, owner: int) -> None:
    """Free the lock and remove the sign; a forked child only closes its copy."""
    if os.getpid() == owner:
        with suppress(OSError):
            unlock_descriptor(fd)
    os.close(fd)
    if os.getpid() == owner:
        with suppress(OSError):
            sign.unlink()


def _lock(fd: int, path: Path) -> None:
    give_up = time.monotonic() + LOCK_SECONDS
    try:
        while not lock_descriptor(fd, blocking=False):
            if time.monotonic() > give_up:
                raise TableError(
                    problem(
                        "another process holds the ledger file",
                        got=str(path),
                        try_="again when it is done",
                    )
                )
            time.sleep(_POLL_SECONDS)
    except OSError:
        raise _no_lock(path) from None


def _no_lock(path: Path) -> TableError:
    return TableError(
        problem(
            "the ledger file cannot be locked, so nothing was read or written",
            got=str(path),
            try_=_LOCAL,
        )
    )


def _check_place(fd: int, path: Path) -> None:
    """The name still leads to what was opened."""
    mine = os.fstat(fd)
    try:
        there = path.lstat()
    except OSError as error:
        raise refusal(error, path) from None
    if (mine.st_dev, mine.st_ino) != (there.st_dev, there.st_ino):
        raise TableError(
            problem("the ledger file was replaced while it was opened", got=str(path))
        )


def _write(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # folders cannot be opened there
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
