"""The table comes in: units bounded, rows hidden and counted, then encoded.

Secret: the rows and their number. Public: the noisy number of rows. A value outside the
schema is mapped by the schema alone; no error here depends on a value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import numpy as np

from fairveil._objects import STRANGE, objects_of
from fairveil._types import Released
from fairveil.codec import Codec, is_missing
from fairveil.privacy.ledger import Ledger
from fairveil.privacy.noise import NoiseSource
from fairveil.private import store
from fairveil.private.link import Link, Question, everywhere
from fairveil.private.raw import Gate, RawRows
from fairveil.private.shared import SharedRaw
from fairveil.private.streamed import StreamedRows, unit_cells
from fairveil.private.view import Border, Sensitive, authorise, bounded
from fairveil.tables import arrow
from fairveil.tables.source import ArrowSource, Source, shielded
from fairveil.tables.spool import spooled

_MISSING, _UNREADABLE = -1, -2


def admit(
    table: nw.DataFrame[Any] | Source,
    *,
    unit: str | None,
    max_rows_per_unit: int,
    ledger: Ledger,
    noise: NoiseSource,
    rho: float,
    link: Link | None = None,
) -> tuple[Gate, Released[int]]:
    """Bound each unit's rows, and release the number of rows that are left.

    Args:
        table: the real rows.
        unit: column whose equal values belong to one unit; None: each row is a unit.
        max_rows_per_unit: rows kept of each unit, at random.
        ledger: asked before the first cell is read.
        noise: source of the privacy noise, and of the rows kept.
        rho: budget of the row count.
        link: to other processes, which hold more rows; then each row is a unit.

    Returns:
        The gate, and the noisy number of kept rows, at least 1.

    Raises:
        BudgetError: the ledger refuses; no cell has been read.
    """
    most = 1 if unit is None else max_rows_per_unit
    what = "number of rows"
    stddev = authorise(ledger, "rows", what, sensitivity=most, rho=rho, discrete=True)
    rows = take_in(table, unit=unit, most=most, noise=noise)
    if link is not None:
        rows = SharedRaw(rows, link, noise)
    count = np.array([rows.count()])
    noisy = count + noise.discrete_gaussian(count.shape, stddev)
    n_hat = Released(max(int(noisy[0]), 1), (f"rows/{what}",))
    return Gate(rows, ledger, noise, stddev), n_hat


def open_border(
    table: nw.DataFrame[Any] | Source,
    codec: Codec,
    *,
    unit: str | None,
    max_rows_per_unit: int,
    ledger: Ledger,
    noise: NoiseSource,
    rho: float,
) -> tuple[Border, Released[int]]:
    """``admit`` a table whose codec is known, and encode its rows.

    Args:
        table: the real rows; the unit column, if any, is not encoded.
        codec: from the schema alone.
        unit, max_rows_per_unit, ledger, noise, rho: as in ``admit``.

    Returns:
        The border, and the noisy number of kept rows, at least 1.

    Raises:
        BudgetError: the ledger refuses; no cell has been read.
    """
    gate, n_hat = admit(
        table,
        unit=unit,
        max_rows_per_unit=max_rows_per_unit,
        ledger=ledger,
        noise=noise,
        rho=rho,
    )
    return gate.border(codec), n_hat


def recoded(
    border: Border, labels: Sequence[np.ndarray | None], sizes: tuple[int, ...]
) -> Border:
    """The same rows on merged bins; ``labels`` maps old to new codes by column."""
    old = border.rows
    made: list[Sensitive] = []

    def own() -> list[np.ndarray]:
        made.append(recoded_rows(old, labels, sizes))
        return []

    everywhere(old.link, recoding(labels, sizes), own)
    return Border(made[0], border.ledger, border.noise)


def recoding(labels: Sequence[np.ndarray | None], sizes: tuple[int, ...]) -> Question:
    """The question that has every process recode its rows."""
    arrays = {str(j): label for j, label in enumerate(labels) if label is not None}
    return Question("recode", {"sizes": list(sizes)}, arrays)


def recoded_rows(
    old: Sensitive, labels: Sequence[np.ndarray | None], sizes: tuple[int, ...]
) -> Sensitive:
    """The rows of this process on merged bins."""
    return Sensitive(
        store.recoded(old.unwrap(), labels, sizes),
        sizes=sizes,
        rows_per_unit=old.rows_per_unit,
        units=old.unwrap_units(),
        link=old.link,
    )


def take_in(
    table: nw.DataFrame[Any] | Source,
    *,
    unit: str | None,
    most: int,
    noise: NoiseSource,
) -> RawRows:
    """The rows of a table that count, of this process alone."""
    if isinstance(table, Source):
        return _streamed(table, unit=unit, most=most, noise=noise)
    units = None if unit is None else _units(table[unit])
    keep = _bounded(units, len(table), most=most, noise=noise)
    kept = None if units is None else _numbered(units[keep])
    return RawRows(arrow.unbacked(table), keep, rows_per_unit=most, units=kept)


def _units(column: nw.Series[Any]) -> np.ndarray:
    """Each row's unit, shape ``(n,)``; of Arrow memory as Arrow tells cells apart."""
    cells = arrow.cells_of(column)
    if cells is None:
        return _unit_codes(objects_of(column))
    keys, which = shielded("pyarrow", lambda: arrow.keys(cells))
    return _unit_codes(keys)[which]


def _streamed(
    source: Source, *, unit: str | None, most: int, noise: NoiseSource
) -> StreamedRows:
    if unit is None:
        return StreamedRows(source, None, rows_per_unit=most, units=None)
    if not isinstance(source, ArrowSource):
        source = spooled(source)
    cells, which = unit_cells(source, unit)
    units = _unit_codes(cells)[which]
    keep = _bounded(units, len(units), most=most, noise=noise)
    kept = _numbered(units[keep])
    return StreamedRows(source, keep, rows_per_unit=most, units=kept)


def _bounded(
    units: np.ndarray | None, n_rows: int, *, most: int, noise: NoiseSource
) -> np.ndarray:
    """Rows to use, shape ``(n,)``: none of those whose unit cannot be read."""
    keep = bounded(units, n_rows, most=most, noise=noise)
    return keep if units is None else keep & (units != _UNREADABLE)


def _numbered(units: np.ndarray) -> np.ndarray:
    """Units from 0 without gaps; each null (negative) becomes a unit of its own."""
    apart = units.copy()
    null = units < 0
    apart[null] = units.max(initial=0) + 1 + np.arange(null.sum())
    return np.unique(apart, return_inverse=True)[1]


def _unit_codes(values: list[Any]) -> np.ndarray:
    """A number for each unit; a null gets -1, a unit of its own.

    Equal numbers are one unit (7 and 7.0), whatever the dtype. A cell that cannot be
    compared (a list) or read gets -2: it is not known whose it is. Such rows are not
    used: each as a unit would pass the bound, and all of them as one unit would let a
    person's rows push out another's, which is more than the bound pays for.
    """
    seen: dict[Any, int] = {}

    def code(value: Any) -> int:
        if is_missing(value):
            return _MISSING
        try:
            return (
                seen.setdefault(value, len(seen)) if value != STRANGE else _UNREADABLE
            )
        except Exception:  # noqa: BLE001  (a cell must never stop a fit)
            return _UNREADABLE

    return np.fromiter(map(code, values), dtype=np.int64, count=len(values))
