"""Identifiers, made anew: unique, repeatable, and a function of the row's place alone.

Public: patterns, ranges, and the seed of a sample. Nothing here has seen a row: an
identifier is never learnt, so it can point to nobody. The value of row i is the i-th
number under a secret-free permutation of all numbers that the pattern has (a Feistel
network; numbers beyond the end are permuted again), so a release in pieces has the same
identifiers as one in a whole, and none twice.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Collection
from typing import Any

import numpy as np

from fairveil._column import Column
from fairveil._fakes import fakes
from fairveil.errors import ConfigError, problem

_SIGNS = {"#": "0123456789", "@": "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
_ESCAPE = "\\"
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_ROUNDS = 8
MOST = 1 << 62  # numbers that a permutation is made of


def keys(column: Column, *, start: int, n: int, seed: int) -> list[Any]:
    """Identifiers of the rows ``start`` to ``start + n``.

    Args:
        column: public facts of a column of kind ``identifier``.
        start, n: place of the first row, and number of rows.
        seed: of the sample.

    Raises:
        ConfigError: the pattern has fewer identifiers than rows are asked for.
        UnsupportedError: plausible fakes without the package that makes them.
    """
    if column.fake is not None:
        return fakes(column.fake, start=start, n=n, seed=_seed(column.name, seed))
    room = capacity(column)
    if start + n > room:
        raise ConfigError(
            problem(
                f"the identifiers of column {column.name!r} are fewer than the rows",
                got=start + n,
                try_=f"at most {room:,} rows, or a longer pattern",
            )
        )
    places = np.arange(start, start + n, dtype=np.uint64)
    if column.pattern is None and column.lower is None:
        return (places.astype(np.int64) + 1).tolist()
    own = _seed(column.name, seed)
    if column.pattern == "uuid":
        return [_uuid(own, int(place)) for place in places]
    numbers = permuted(places, room, own)
    if column.pattern is not None:
        return _texts(numbers, column.pattern)
    lowest = int(column.ends()[0])
    return [lowest + int(number) for number in numbers]


def keys_beside(
    given: Collection[Any], column: Column, *, n: int, seed: int
) -> list[Any]:
    """N identifiers that differ from the given ones, as text; fakes can repeat.

    Args:
        given: identifiers of the caller, of any form.
        column, n, seed: as in ``keys``.

    Raises:
        ConfigError: the pattern has fewer that are left.
        UnsupportedError: plausible fakes without the package that makes them.
    """
    if column.fake is not None or not n:
        return keys(column, start=0, n=n, seed=seed)
    taken = {_as_text(value) for value in given}
    most = min(n + len(taken), max(capacity(column), n))  # so n at least are left
    found = keys(column, start=0, n=most, seed=seed)
    found = [key for key in found if str(key) not in taken][:n]
    if len(found) < n:
        what = f"too few identifiers of column {column.name!r} are left"
        raise ConfigError(problem(what, got=len(found), try_="a longer pattern"))
    return found


def _as_text(value: Any) -> str:
    """7 and 7.0, which a column with missing cells makes of it, are one identifier."""
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value) if whole else value)


def capacity(column: Column) -> int:
    """How many identifiers a column has."""
    if column.pattern == "uuid" or (column.pattern is None and column.lower is None):
        return MOST
    if column.pattern is None:
        lowest, highest = column.ends()
        return int(highest) - int(lowest) + 1
    room = 1
    for signs in _parts(column.pattern):
        room *= len(signs)
    return min(room, MOST)


def permuted(places: np.ndarray, room: int, seed: int) -> np.ndarray:
    """A permutation of the numbers below ``room``, at these places, uint64."""
    half = max((max(room - 1, 1).bit_length() + 1) // 2, 1)
    round_keys = np.random.default_rng(seed).integers(2**63, size=_ROUNDS)
    out = places.astype(np.uint64)
    outside = np.ones(len(out), dtype=bool)
    while outside.any():
        out[outside] = _feistel(out[outside], half, round_keys.astype(np.uint64))
        outside = out >= np.uint64(room)
    return out


def _feistel(numbers: np.ndarray, half: int, round_keys: np.ndarray) -> np.ndarray:
    bits, mask = np.uint64(half), np.uint64((1 << half) - 1)
    left, right = numbers >> bits, numbers & mask
    for key in round_keys:
        left, right = right, left ^ (_mixed(right ^ key) & mask)
    return (left << bits) | right


def _mixed(numbers: np.ndarray) -> np.ndarray:
    """The finaliser of splitmix64 (Steele, Lea and Flood 2014)."""
    with np.errstate(over="ignore"):
        numbers = (numbers ^ (numbers >> np.uint64(30))) * _MIX[0]
        numbers = (numbers ^ (numbers >> np.uint64(27))) * _MIX[1]
    return numbers ^ (numbers >> np.uint64(31))


def _seed(name: str, seed: int) -> int:
    """A seed of the column's own: two columns of one pattern are not alike."""
    told = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=8).digest()
    return int.from_bytes(told, "big")


def _uuid(seed: int, place: int) -> str:
    told = hashlib.blake2b(
        place.to_bytes(8, "big"), key=seed.to_bytes(8, "big"), digest_size=16
    ).digest()
    return str(uuid.UUID(bytes=told, version=4))


def _parts(pattern: str) -> list[str]:
    """The signs that each place of a pattern can have."""
    out, literal = [], False
    for sign in pattern:
        if sign == _ESCAPE and not literal:
            literal = True
            continue
        out.append(sign if literal else _SIGNS.get(sign, sign))
        literal = False
    return out


def _texts(numbers: np.ndarray, pattern: str) -> list[str]:
    columns: list[np.ndarray] = []
    left = numbers.copy()
    for signs in reversed(_parts(pattern)):
        size = np.uint64(len(signs))
        columns.append(np.array(list(signs))[(left % size).astype(np.int64)])
        left //= size
    text = columns.pop() if columns else np.full(len(numbers), "")
    while columns:
        text = np.char.add(text, columns.pop())
    return text.tolist()
