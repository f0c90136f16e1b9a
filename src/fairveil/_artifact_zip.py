"""The model file's container: a zip of one JSON text and one set of tensors.

Public things only. ``unpack`` reads exactly the layout that ``pack`` writes: the two
members by name and in order, nothing before, between or behind them, stored or
deflated. Comments, extra fields, encryption, split or 64-bit archives and whatever two
readers could read differently are refused. Memory is bounded by the file's size, and
nothing in a file is executed.

The digest finds damage and edits by hand; it is no signature, since whoever writes a
file can compute it.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors, save as save_tensors

from fairveil import _files
from fairveil.errors import ArtifactError, problem

DAMAGED = "the model file is damaged"
TOO_LARGE = "the model file is too large"

_MEMBERS = (b"model.json", b"tensors.safetensors")
_EPOCH = (1980, 1, 1, 0, 0, 0)  # equal models give equal files
_NO_MODEL = "this is not a fairveil model"

_MOST_BYTES = 1 << 30
_MOST_GROWTH = 64  # of a member by unpacking; trained numbers hardly shrink
_SMALL = 1 << 24  # that a member may have, however much it grew
_MOST_HEADER = 1 << 22  # text that describes the tensors

# after the signature: version, flags, method, time, date, crc, packed size, size, and
# lengths of name and extra field (these fields stand in both headers)
_SHARED = "5H3L2H"
_LOCAL = struct.Struct("<4s" + _SHARED)
# maker before them; comment length, disk, attributes (two) and offset behind them
_CENTRAL = struct.Struct("<4sH" + _SHARED + "3H2L")
_END = struct.Struct("<4s4H2LH")
_STORED, _DEFLATED = 0, 8

Tensors = dict[str, np.ndarray]


def pack(facts: Mapping[str, Any], tensors: Tensors) -> bytes:
    """The bytes of a model file."""
    data = save_tensors({k: np.ascontiguousarray(v) for k, v in tensors.items()})
    sealed = {**facts, "digest": digest(facts, data)}
    text = json.dumps(sealed, indent=1, ensure_ascii=False, allow_nan=False)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in zip(_MEMBERS, (text, data), strict=True):
            archive.writestr(zipfile.ZipInfo(name.decode(), _EPOCH), content)
    return buffer.getvalue()


def unpack(path: str | Path | bytes) -> tuple[dict[str, Any], bytes]:
    """What a model file says, not yet checked, and its tensors as bytes.

    Args:
        path: of the file, or all its bytes.

    Raises:
        ArtifactError: no such file, not a model, or too large.
    """
    try:
        return _read(path)
    except OSError:
        what = "the model file cannot be read"
    except _RefusedError as refused:
        what = refused.what
    raise refusal(what, path)


def unsealed(facts: Mapping[str, Any], data: bytes) -> Tensors:
    """The tensors, if the digest says that nothing was changed since ``pack``.

    Raises:
        ArtifactError: something was changed, or the tensors cannot be read.
    """
    if facts.get("digest") != digest(facts, data):
        raise ArtifactError(problem("the model file was changed after it was saved"))
    header = int.from_bytes(data[:8], "little")
    if header > _MOST_HEADER:
        raise ArtifactError(problem(TOO_LARGE))
    try:
        return load_tensors(data)
    except (SafetensorError, ValueError, LookupError, TypeError, MemoryError):
        pass
    raise ArtifactError(problem(DAMAGED))


def digest(facts: Mapping[str, Any], data: bytes) -> str:
    """SHA-256 of all facts but the digest itself, and of the tensors.

    Raises:
        ValueError: a fact cannot be written as JSON.
    """
    own = {key: value for key, value in facts.items() if key != "digest"}
    return hashlib.sha256(canonical(own) + b"\0" + data).hexdigest()


def canonical(facts: Mapping[str, Any]) -> bytes:
    """One text for equal facts, number by number and type by type.

    Raises:
        ValueError: a number that is not finite, or half of a character.
    """
    text = json.dumps(facts, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8")


def refusal(what: str, path: str | Path | bytes) -> ArtifactError:
    """An error that names the path and nothing of the file's content."""
    got = None if isinstance(path, bytes) else str(path)
    try_ = "a file that 'fairveil fit' has written, whole" if got else None
    return ArtifactError(problem(what, got=got, try_=try_))


class _RefusedError(Exception):
    """Why a container is refused, without the path."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


def _read(path: str | Path | bytes) -> tuple[dict[str, Any], bytes]:
    whole = path if isinstance(path, bytes) else _whole(path)
    text, data = _members(whole)
    try:
        facts = _files.parse_json(text)
    except ValueError:
        facts = None
    if not isinstance(facts, dict):
        raise _RefusedError(DAMAGED)
    return facts, data


def _whole(path: str | Path) -> bytes:
    try:
        return _files.read_whole(path, most=_MOST_BYTES)
    except ValueError:
        raise _RefusedError(TOO_LARGE) from None


def _members(whole: bytes) -> tuple[bytes, bytes]:
    """The unpacked members, where the file is laid out as ``pack`` does it."""
    end = len(whole) - _END.size
    directory = end - sum(_CENTRAL.size + len(name) for name in _MEMBERS)
    if directory < 0:
        raise _RefusedError(_NO_MODEL)
    signature, *numbers = _END.unpack_from(whole, end)
    _require(signature == b"PK\5\6")
    _require(numbers == [0, 0, 2, 2, end - directory, directory, 0])
    at, entry, contents = 0, directory, []
    for name in _MEMBERS:
        content, at = _member(whole, name, at, entry)
        contents.append(content)
        entry += _CENTRAL.size + len(name)
    _require(at == directory)
    text, data = contents
    return text, data


def _member(whole: bytes, name: bytes, at: int, entry: int) -> tuple[bytes, int]:
    """A member that begins at ``at`` and is described at ``entry``; and its end."""
    signature, _maker, *fields = _CENTRAL.unpack_from(whole, entry)
    shared, others = fields[:10], fields[10:]
    _require(signature == b"PK\1\2" and others[:2] == [0, 0] and others[4] == at)
    _version, flags, method, _time, _date, crc, packed, size, named, extra = shared
    _require((flags, named, extra) == (0, len(name), 0))
    begin = at + _LOCAL.size + len(name)
    end = begin + packed
    _require(end <= entry)
    _require(_LOCAL.unpack_from(whole, at) == (b"PK\3\4", *shared))
    names = (whole[at + _LOCAL.size : begin], _named(whole, entry, len(name)))
    _require(names == (name, name))
    if size > max(_SMALL, _MOST_GROWTH * packed) or size > _MOST_BYTES:
        raise _RefusedError(TOO_LARGE)
    content = _content(memoryview(whole)[begin:end], method, size)
    _require(zlib.crc32(content) == crc)
    return content, end


def _named(whole: bytes, entry: int, length: int) -> bytes:
    begin = entry + _CENTRAL.size
    return whole[begin : begin + length]


def _content(packed: memoryview, method: int, size: int) -> bytes:
    """A member's bytes: never more than it declares, and no less."""
    if method == _STORED:
        _require(len(packed) == size)
        return bytes(packed)
    _require(method == _DEFLATED)
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        content = inflate.decompress(packed, size + 1)
    except zlib.error:
        content = None
    if content is None or not inflate.eof or inflate.unused_data:
        raise _RefusedError(DAMAGED)
    _require(len(content) == size)
    return content


def _require(ok: bool) -> None:  # noqa: FBT001  (reads as a sentence)
    if not ok:
        raise _RefusedError(_NO_MODEL)
