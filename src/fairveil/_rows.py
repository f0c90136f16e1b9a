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
from fairveil.tables.frames import to_frame

if TYPE_CHECKING:
    import pandas as pd

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
    ) -> pd.DataFrame:
        """N synthetic rows: same columns, order and dtypes as the table.

        Any number of rows costs no privacy; ``random_state`` makes them repeatable.

        Args:
            n: number of rows.
            random_state: seed of this sample.
            where: a condition that every row meets: by column a value (None: missing),
                a tuple ``(low, high)`` with both ends included (None: open), or a list
                of values and ranges. The rows follow the law of a plain sample that is
                filtered; docs/sampling.md has how close they come.

        Raises:
            NotFittedError: before ``fit``.
            ConfigError: n is not an integer of at least 0; or no row, or hardly any
                row of this release, meets the condition.
        """
        sampler = self._fitted().sampler
        _check.whole(0, n=n)
        seeds = Seeds.of(random_state)
        if where is None or where == {}:
            return to_frame(sampler.values(int(n), seeds), self.schema_)
        asked = condition(sampler.codec, where)
        codes = Conditional(sampler, asked.evidence, seeds).codes(int(n))
        values = asked.codec.decode(codes, seeds.generator("decode"))
        return to_frame(values, self.schema_)

    def _fitted(self) -> artifact.Contents:
        raise NotImplementedError
