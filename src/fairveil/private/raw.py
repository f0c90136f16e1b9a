"""Raw rows behind a wrapper: what discovery sees before there is a codec.

Secret: the cells, which rows were kept, and their number. The wrapper has no length, no
repr of content, no pickle and no copy; only modules of this folder call its methods.
Public: column names, and the most rows that one unit can own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

import narwhals as nw
import numpy as np

from fairveil._gaps import Gap
from fairveil._iso import TEMPORAL
from fairveil.codec import Codec
from fairveil.privacy.ledger import Ledger
from fairveil.privacy.noise import NoiseSource
from fairveil.private._cells import Cells, read
from fairveil.private._moments import read_moments
from fairveil.private.view import Border, Sensitive


class RawRows:
    """The rows of a table that count, unread.

    Args:
        table: the real rows.
        keep: mask of the rows within the bound of their unit, shape ``(n,)``.
        rows_per_unit: rows that one unit owns at most.
        units: unit of each kept row; None: each row is a unit.
    """

    __slots__ = ("_keep", "_table", "_units", "rows_per_unit")

    def __init__(
        self,
        table: nw.DataFrame[Any],
        keep: np.ndarray,
        *,
        rows_per_unit: int,
        units: np.ndarray | None,
    ) -> None:
        self._table, self._keep, self._units = table, keep, units
        self.rows_per_unit: int = rows_per_unit

    def cells(self, name: str, gap: Gap | None = None) -> Cells:
        """The cells of one column, as what it is where that is public.

        Nothing of them may leave without noise.
        """
        series = self._table[name]
        if gap is not None and gap.kind in TEMPORAL:
            return read_moments(series, self._keep, gap)
        return without_special(read(series, self._keep), gap)

    def count(self) -> int:
        """The true number of rows, as secret as they are."""
        return int(self._keep.sum())

    def encoded(self, codec: Codec) -> Sensitive:
        """The rows as codes."""
        codes = codec.encode(self._table)[self._keep]
        return Sensitive(
            codes,
            sizes=codec.sizes,
            rows_per_unit=self.rows_per_unit,
            units=self._units,
        )

    def __repr__(self) -> str:
        return "RawRows(<hidden>)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("raw rows are never written or copied")

    def __copy__(self) -> NoReturn:
        self.__reduce__()

    def __deepcopy__(self, memo: dict[int, Any]) -> NoReturn:
        self.__reduce__()


def without_special(cells: Cells, gap: Gap | None) -> Cells:
    """The cells of a column of numbers, without the codes declared to stand apart."""
    special = () if gap is None else gap.facts.get("special", ())
    return cells.without(special) if special else cells


@dataclass(frozen=True, repr=False)
class Gate:
    """A table that was admitted and counted, before its columns are known.

    Attributes:
        rows: the raw rows.
        ledger: asked before each mechanism.
        noise: source of all privacy noise.
        count_stddev: standard deviation of the noise on the row count (public).
    """

    rows: RawRows
    ledger: Ledger
    noise: NoiseSource
    count_stddev: float

    def border(self, codec: Codec) -> Border:
        """The rows as this codec encodes them; nothing is released."""
        return Border(self.rows.encoded(codec), self.ledger, self.noise)
