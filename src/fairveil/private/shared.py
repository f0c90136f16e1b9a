"""Raw rows of several processes, as the one that leads sees them.

Secret: the rows, and their true number. Each process encodes and counts its own rows;
what is asked of it is public, and the sums of the answers leave with noise only.
"""

from __future__ import annotations

import numpy as np

from fairveil._gaps import Gap
from fairveil.bins import Bins
from fairveil.codec import Codec, ColumnCodec
from fairveil.errors import UnsupportedError, problem
from fairveil.privacy.noise import NoiseSource
from fairveil.private._cells import Cells
from fairveil.private.link import Link, Question
from fairveil.private.raw import RawRows
from fairveil.private.view import Sensitive
from fairveil.schema import Schema


class SharedRaw(RawRows):
    """The rows of this process, and through the link those of the others.

    Args:
        own: rows of this process; each is a unit.
        link: to the other processes; this one leads.
        noise: source of the privacy noise, which the others never see. Where it repeats
            itself (for debugging), the samples that they draw do so, too.
    """

    __slots__ = ("_link", "_own", "_seed")

    def __init__(self, own: RawRows, link: Link, noise: NoiseSource) -> None:
        self._own, self._link, self._seed = own, link, noise.insecure_seed
        self.rows_per_unit = 1

    def cells(self, name: str, gap: Gap | None = None) -> Cells:
        """Refused: facts are not discovered over several processes."""
        del name, gap
        raise UnsupportedError(
            problem(
                "facts of columns are not found over several processes",
                try_="a schema with public facts of every column",
            )
        )

    def count(self) -> int:
        """The true number of rows of all processes, as secret as they are."""
        own = self._own.count
        (total,) = self._link.together(
            Question("count", {"seed": self._seed}), lambda: [np.array([own()])]
        )
        return int(total[0])

    def encoded(self, codec: Codec) -> Sensitive:
        """The rows as codes; every process keeps its own."""
        made: list[Sensitive] = []

        def own() -> list[np.ndarray]:
            made.append(self._own.encoded(codec))
            return []

        self._link.together(encoding(codec), own)
        made[0].link = self._link
        return made[0]


def encoding(codec: Codec) -> Question:
    """The question that has every process encode its rows on public grids."""
    arrays = {}
    for j, column in enumerate(codec.columns):
        if column.bins is not None:
            ends = np.stack([column.bins.lows, column.bins.highs])
            arrays[str(j)] = np.r_[column.bins.step, ends.ravel()]
    return Question("encode", {"schema": codec.schema.model_dump_json()}, arrays)


def codec_of(question: Question) -> Codec:
    """The codec that ``encoding`` was made of."""
    schema = Schema.model_validate_json(question.facts["schema"])
    columns = []
    for j, column in enumerate(c for c in schema.columns if c.learnt):
        found = question.arrays.get(str(j))
        bins = None
        if found is not None:
            lows, highs = found[1:].reshape(2, -1)
            bins = Bins(lows, highs, float(found[0]))
        columns.append(ColumnCodec(column, bins))
    return Codec(tuple(columns), schema.declared_by)
