"""Rows of a fitted model: the methods of ``FairVeil`` that sample.

Public: released things and what the caller asks for. Any number of rows, under any
condition, is post-processing and costs no privacy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fairveil import _check, artifact
from fairveil._where import condition
from fairveil.post.conditional import Conditional
from fairveil.seeds import Seeds
from fairveil.tables import kinds

if TYPE_CHECKING:
    from fairveil.schema import Schema


class Rows:
    """What a fitted model draws; ``FairVeil`` inherits it."""

    schema_: Schema

    def sample(
        self,
        n: int,
        random_state: int | None = None,
        *,
        where: Mapping[str, Any] | None = None,
        backend: str | None = None,
    ) -> Any:
        """N synthetic rows: same columns, order, dtypes and kind of frame as the table.

        Any number of rows costs no privacy; ``random_state`` makes them repeatable.

        Args:
            n: number of rows.
            random_state: seed of this sample.
            where: a condition that every row meets: by column a value (None: missing),
                a tuple ``(low, high)`` with both ends included (None: open), or a list
                of values and ranges. The rows follow the law of a plain sample that is
                filtered; docs/sampling.md has how close they come.
            backend: another kind of frame: ``"pandas"``, ``"polars"``, ``"pyarrow"``.

        Raises:
            NotFittedError: before ``fit``.
            ConfigError: n is not an integer of at least 0; or no row, or hardly any
                row of this release, meets the condition; or no such backend.
            UnsupportedError: the backend's library is not installed.
        """
        contents = self._fitted()
        sampler, kind = contents.sampler, backend or contents.frame
        _check.whole(0, n=n)
        kinds.check_kind(kind)
        seeds = Seeds.of(random_state)
        if where is None or where == {}:
            return kinds.framed(sampler.values(int(n), seeds), self.schema_, kind)
        asked = condition(sampler.codec, where)
        codes = Conditional(sampler, asked.evidence, seeds).codes(int(n))
        values = asked.codec.decode(codes, seeds.generator("decode"))
        return kinds.framed(values, self.schema_, kind)

    def _fitted(self) -> artifact.Contents:
        raise NotImplementedError
