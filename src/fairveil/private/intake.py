"""The table comes in: rows encoded, units bounded, and hidden behind ``Sensitive``.

Secret: everything but the return value's type. A value outside the schema is mapped by
the schema alone; no error here depends on a value.
"""

from __future__ import annotations

from typing import Any

import narwhals as nw
import numpy as np

from fairveil.codec import Codec
from fairveil.privacy.noise import NoiseSource
from fairveil.private.view import Sensitive, bounded


def take_in(
    table: nw.DataFrame[Any],
    codec: Codec,
    *,
    unit: str | None,
    max_rows_per_unit: int,
    noise: NoiseSource,
) -> Sensitive:
    """Encode a table and bound each unit's rows.

    Args:
        table: the real rows; the unit column, if any, is not encoded.
        codec: from the schema alone.
        unit: column whose equal values belong to one unit; None: each row is a unit.
        max_rows_per_unit: rows kept of each unit, at random.
        noise: source of that choice.
    """
    codes = codec.encode(table)
    units = None if unit is None else _unit_codes(table[unit].to_list())
    keep = bounded(units, len(codes), most=max_rows_per_unit, noise=noise)
    most = 1 if unit is None else max_rows_per_unit
    return Sensitive(codes[keep], sizes=codec.sizes, rows_per_unit=most)


def _unit_codes(values: list[Any]) -> np.ndarray:
    """A number for each unit; nulls get -1, a unit of their own each."""
    seen: dict[Any, int] = {}

    def code(value: Any) -> int:
        if value is None or value != value:  # noqa: PLR0124  (not-a-number)
            return -1
        return seen.setdefault(value, len(seen))

    return np.fromiter(map(code, values), dtype=np.int64, count=len(values))
