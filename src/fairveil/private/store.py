"""Codes of real rows in an unlinked temporary memory map.

Secret: the codes. The file has no name from its first byte on (Linux; elsewhere its
owner alone can read it and it goes with the process), so nobody can open it, a killed
process leaves nothing behind, and no path of it is ever shown. It holds codes of the
schema's cells and no value. Each code takes the fewest bytes that hold the largest one;
columns lie one after the other, so that counting two of them reads two.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence

import numpy as np

from fairveil._types import Codes
from fairveil.codec import recode
from fairveil.errors import TableError, problem


def room(rows: int, sizes: Sequence[int]) -> Codes:
    """A map of zeros for so many rows, shape ``(rows, columns)``.

    Args:
        rows: number of rows; secret, so no error tells it.
        sizes: number of codes of each column.

    Raises:
        TableError: the disk of temporary files is full.
    """
    dtype = np.min_scalar_type(max(max(sizes) - 1, 0))
    size = max(rows * len(sizes) * dtype.itemsize, 1)
    try:
        with tempfile.TemporaryFile(prefix="fairveil-") as file:
            _reserve(file.fileno(), size)
            flat = np.memmap(file, dtype=np.uint8, mode="r+", shape=(size,))
    except OSError:
        flat = None
    if flat is None:
        raise TableError(
            problem(
                "the disk of temporary files has no room for the encoded table",
                try_="TMPDIR in the environment, naming a folder with more room",
            )
        )
    used = flat[: rows * len(sizes) * dtype.itemsize]
    return used.view(dtype).reshape((rows, len(sizes)), order="F")


def is_mapped(codes: Codes) -> bool:
    """Whether codes lie in such a map."""
    return isinstance(codes, np.memmap)


def recoded(
    codes: Codes, labels: Sequence[np.ndarray | None], sizes: Sequence[int]
) -> Codes:
    """``codec.recode`` that leaves mapped codes in a map, a column at a time."""
    if not is_mapped(codes):
        return recode(codes, labels)
    out = room(len(codes), sizes)
    for j, label in enumerate(labels):
        old = codes[:, j : j + 1]
        out[:, j : j + 1] = old if label is None else recode(old, [label])
    return out


def _reserve(descriptor: int, size: int) -> None:
    """Take the room on the disk now: a map on a full disk would kill the process."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
    else:
        os.ftruncate(descriptor, size)
