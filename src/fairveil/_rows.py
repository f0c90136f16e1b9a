"""Rows of a fitted model: the methods of ``FairVeil`` that sample.

Public: released things and what the caller asks for. Any number of rows, under any
condition, is post-processing and costs no privacy.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from fairveil import _check, artifact
from fairveil._enforce import enforced
from fairveil._groups import Wanted, groups, sizes
from fairveil._partial import Given
from fairveil._promise import promise_of_sample
from fairveil._where import Condition, condition
from fairveil.errors import ConfigError, problem
from fairveil.post.complete import completed
from fairveil.post.conditional import Conditional
from fairveil.post.sample import joined
from fairveil.seeds import Seeds
from fairveil.tables import kinds
from fairveil.tables.writing import written

if TYPE_CHECKING:
    from fairveil._groups import Group
    from fairveil._types import Values
    from fairveil.post.sample import Sampler
    from fairveil.schema import Schema

_CONTENTS = "_contents"
_MADE = (_CONTENTS, "statement_", "promise_", "schema_")  # by ``_hold``
_ENOUGH = 512  # rows drawn under a condition, so that cells can be taken from others


_PART = 1 << 16  # rows of a condition written at a time


class Rows:
    """What a fitted model draws; ``FairVeil`` inherits it."""

    schema_: Schema

    @property
    def feature_names_in_(self) -> np.ndarray:
        """Names of the columns of a release, in order; of type object, (columns,).

        Raises:
            NotFittedError: before ``fit``; so ``hasattr`` says False.
        """
        return np.array(self._fitted().bundle.codec.schema.names, dtype=object)

    @property
    def n_features_in_(self) -> int:
        """How many columns a release has.

        Raises:
            NotFittedError: before ``fit``.
        """
        return len(self.feature_names_in_)

    def sample(
        self,
        n: int,
        random_state: int | None = None,
        *,
        where: Mapping[str, Any] | None = None,
        balance: Wanted | None = None,
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
            balance: groups in other shares than the table's: a column or several,
                whose values (or combinations) get equal shares, or a mapping such as
                ``{"income": {">50K": 0.4}}``. Within a group rows keep their law.
                ``promise_of_sample`` says what a promise of fairness becomes.
            backend: another kind of frame: ``"pandas"``, ``"polars"``, ``"pyarrow"``.

        Raises:
            NotFittedError: before ``fit``.
            ConfigError: n is not an integer of at least 0; no row, or hardly any row
                of this release, meets the condition or belongs to a group; shares that
                cannot be; no such backend.
            UnsupportedError: the backend's library is not installed.
        """
        kind = backend or self._fitted().frame
        _check.whole(0, n=n)
        kinds.check_kind(kind)
        parts = list(self._parts(n, random_state, where, balance))
        values = {name: joined([part[name] for part in parts]) for name in parts[0]}
        return kinds.framed(values, self.schema_, kind)

    def sample_to(
        self,
        path: str | Path,
        n: int,
        random_state: int | None = None,
        *,
        where: Mapping[str, Any] | None = None,
        balance: Wanted | None = None,
    ) -> None:
        """Write N synthetic rows to a file, part by part: the rows of ``sample``.

        Memory is bounded whatever the number of rows, but for rows under a condition or
        in other shares, which are all held. The file is there whole, or not at all.

        Args:
            path: a ``.csv``, ``.csv.gz`` or ``.parquet`` file; an existing one is
                replaced once all rows are written.
            n, random_state, where, balance: as in ``sample``.

        Raises:
            TableError: the file cannot be written, or the disk is full.
            UnsupportedError: another suffix, or Parquet without pyarrow.
            NotFittedError, ConfigError: as ``sample``.
        """
        self._fitted()
        _check.whole(0, n=n)
        written(path, self._parts(n, random_state, where, balance), self.schema_)

    def _parts(
        self,
        n: int,
        random_state: int | None,
        where: Mapping[str, Any] | None,
        balance: Wanted | None,
    ) -> Iterator[Mapping[str, Values]]:
        """The rows asked for, in parts of bounded size; one part at least."""
        sampler, seeds = self._fitted().sampler, Seeds.of(random_state)
        if balance is not None:
            wanted = groups(sampler.codec, balance, where or {})
            return _cut(_balanced(sampler, wanted, int(n), seeds), int(n))
        if where is None or where == {}:
            return sampler.parts(int(n), seeds)
        asked = condition(sampler.codec, where)
        return _cut(_conditional(sampler, asked, int(n), seeds), int(n))

    def complete(
        self,
        rows: Any,
        *,
        keep_missing: Collection[str] = (),
        random_state: int | None = None,
    ) -> Any:
        """Rows of the caller with their open cells drawn, given the others.

        The rows are the caller's own data: they stand outside the promise, which is
        about the table that was fitted, and are not kept.

        Args:
            rows: a frame with some of the columns. A column that is not there is drawn
                as in a sample, missing values included; a missing cell in a column that
                is there is filled with a value.
            keep_missing: columns whose missing cells are values and stay missing.
            random_state: makes the cells repeatable.

        Returns:
            All columns in the schema's order and dtypes, in the kind of frame that was
            fitted; given cells as they were. Identifiers that are not given are made
            anew, apart from those that are.

        Raises:
            NotFittedError: before ``fit``.
            TableError: not a frame, a column that the release does not have, or a cell
                that is no value of its column.
            ConfigError: ``keep_missing`` names what cannot be missing, or there are
                fewer identifiers than rows.
        """
        contents, seeds = self._fitted(), Seeds.of(random_state)
        codec = contents.sampler.codec
        given = Given(rows, codec, keep_missing)
        codes = completed(contents.sampler, given.partial, seeds)
        drawn = codec.learnt(codes, seeds.generator("decode"))
        values = given.values(drawn, seed=seeds.number("keys"))
        made = kinds.framed(values, self.schema_, contents.frame)
        same = hasattr(rows, "index") and hasattr(made, "set_axis")
        return made.set_axis(rows.index, axis=0) if same else made

    def promise_of_sample(
        self,
        *,
        where: Mapping[str, Any] | None = None,
        balance: Wanted | None = None,
    ) -> str:
        """What the promise of fairness becomes in such a sample, in words.

        Raises:
            NotFittedError: before ``fit``.
        """
        named = (balance,) if isinstance(balance, str) else tuple(balance or ())
        return promise_of_sample(self._fitted(), tuple(where or ()), named)

    def _fitted(self) -> artifact.Contents:
        raise NotImplementedError

    def _hold(self, contents: artifact.Contents) -> Self:
        raise NotImplementedError

    def __getstate__(self) -> dict[str, Any]:
        """Settings, and what was fitted as a model file has it: copies, workers."""
        state = {name: value for name, value in vars(self).items() if name not in _MADE}
        if (contents := vars(self).get(_CONTENTS)) is not None:
            state[_CONTENTS] = artifact.packed(contents)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        packed = state.get(_CONTENTS)
        vars(self).update({k: v for k, v in state.items() if k != _CONTENTS})
        if packed is not None:
            self._hold(artifact.load(packed))


def _cut(values: Mapping[str, Values], n: int) -> Iterator[Mapping[str, Values]]:
    for at in range(0, max(n, 1), _PART):
        yield {name: column[at : at + _PART] for name, column in values.items()}


def _conditional(
    sampler: Sampler, asked: Condition, n: int, seeds: Seeds
) -> dict[str, Values]:
    rules, rng = sampler.codec.constraints, seeds.generator("decode")
    if not rules or not n:
        codes = Conditional(sampler, asked.evidence, seeds).codes(n)
        return asked.codec.decode(codes, rng)
    _check_named(rules, asked, sampler.codec.names)
    codes = Conditional(sampler, asked.evidence, seeds).codes(max(n, _ENOUGH))
    facts = [codec.column for codec in sampler.codec.columns]
    values = asked.codec.learnt(codes, rng)  # cells are taken from rows that meet it
    found = enforced(values, facts, rules, rng, invent=False)
    anew = asked.codec.made_anew(start=0, n=n, seed=seeds.number("keys"))
    return {name: cells[:n] for name, cells in found.items()} | anew


def _check_named(rules: Sequence[Any], asked: Condition, names: Sequence[str]) -> None:
    """Raise where a condition is on a column that a constraint computes."""
    computed = {rule.target for rule in rules if rule.kind == "dependency"}
    sums = [rule for rule in rules if rule.kind == "sum"]
    computed |= {rule.total for rule in sums}
    both = sorted(computed & {names[j] for j in asked.evidence})
    if both:
        what = "a constraint computes the column from others"
        raise ConfigError(
            problem(what, got=", ".join(both), try_="a condition on those others")
        )


def _balanced(
    sampler: Sampler, parts: list[Group], n: int, seeds: Seeds
) -> dict[str, Values]:
    """Each group's rows, shuffled together."""
    counts = sizes([group.share for group in parts], n)
    found = [
        _conditional(sampler, group.condition, count, Seeds(seeds.number(f"group {i}")))
        for i, (group, count) in enumerate(zip(parts, counts, strict=True))
    ]
    order = seeds.generator("groups").permutation(n)
    shuffled = {
        name: _taken([values[name] for values in found], order)
        for name in sampler.codec.names
    }
    # those of single groups would repeat
    return shuffled | sampler.codec.made_anew(start=0, n=n, seed=seeds.number("keys"))


def _taken(parts: list[Values], order: np.ndarray) -> Values:
    """One column of all groups in this order."""
    if all(isinstance(part, np.ndarray) for part in parts):
        return np.concatenate(parts)[order]
    together = [value for part in parts for value in part]
    return [together[i] for i in order]
