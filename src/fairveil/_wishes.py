"""What a user may ask of a fit: checks before any row is read, and the promises made.

Public facts only: settings, column names and the schema.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any, Protocol

import narwhals as nw

from fairveil import _check, config
from fairveil.errors import ConfigError, SchemaError, UnsupportedError, problem
from fairveil.post.finish import Wish
from fairveil.schema import Schema

_SHOWN = 5  # facts that an error names
_NO_PROMISE = "No sensitive column was named: the release makes no promise of fairness."
_PROMISES: Mapping[str | None, str] = {
    None: "Fairness is switched off: the release keeps the dependence on {columns}.",
    "redraw": (
        "The released {columns} were redrawn apart from the rest of each row: they say "
        "nothing of it. Their proxies among the other columns are untouched."
    ),
    "independence": (
        "The released {columns} are trained to carry no information on the rest of the "
        "row; small tables and rare groups may keep some, so measure it ('redraw' is "
        "exact). Other columns of real people still do."
    ),
}


class Wishes(Protocol):
    """The settings of ``FairVeil`` that are checked here."""

    epsilon: float
    delta: float
    sensitive: Any
    fairness: str | None
    target: str | None
    strength: float
    legitimate: Any
    schema: Schema | None
    unit: str | None
    max_rows_per_unit: int
    ledger: Any
    generator: str
    preset: str | None
    random_state: int | None
    insecure_noise_seed: int | None


def check_wishes(wishes: Wishes) -> None:
    """Raise for every setting that is impossible or not there yet.

    Raises:
        ConfigError: impossible.
        UnsupportedError: promised for a later version.
    """
    _check.positive(epsilon=wishes.epsilon)
    _check.in_range(0.0, 1.0, delta=wishes.delta)
    if not 0 < wishes.delta < 1:
        raise ConfigError(
            problem("delta must lie between 0 and 1", got=wishes.delta, try_="1e-5")
        )
    _check.names(sensitive=wishes.sensitive)
    _check.distinct(sensitive=wishes.sensitive)
    if wishes.schema is not None and not isinstance(wishes.schema, Schema):
        raise ConfigError(
            problem(
                "schema must be a Schema",
                got=type(wishes.schema).__name__,
                try_="Schema.load(file) or Schema.from_dict(facts)",
            )
        )
    _check.in_range(0.0, 1.0, strength=wishes.strength)
    _check.whole(1, max_rows_per_unit=wishes.max_rows_per_unit)
    _refuse_later(wishes)
    _check.one_of(config.FAIRNESS_MODES, fairness=wishes.fairness)
    _check.one_of(config.GENERATORS, generator=wishes.generator)
    _check.one_of(config.PRESETS, preset=wishes.preset)
    for name in ("random_state", "insecure_noise_seed"):
        value = getattr(wishes, name)
        if value is not None:
            _check.whole(0, **{name: value})


def _refuse_later(wishes: Wishes) -> None:
    later = {
        "fairness='outcome'": wishes.fairness == "outcome",
        "target": wishes.target is not None,
        "legitimate": bool(wishes.legitimate),
        "ledger": wishes.ledger is not None,
    }
    for name, wanted in later.items():
        if wanted:
            raise UnsupportedError(
                problem(
                    f"{name} is not supported by this version",
                    try_="leaving it out",
                )
            )


def public_schema(wishes: Wishes, table: nw.DataFrame[Any]) -> Schema:
    """The schema to fit with, without looking at a value where privacy holds.

    Raises:
        SchemaError: none was given, facts were copied from the data, or a sensitive
            column is not in it.
    """
    schema, private = wishes.schema, not math.isinf(wishes.epsilon)
    if schema is None:
        if private:
            raise SchemaError(
                problem(
                    "a private fit needs a schema of public facts",
                    try_=(
                        "Schema.load(file), or Schema.infer(df, declare_public=True) "
                        "if the table itself is public"
                    ),
                )
            )
        frame = nw.to_native(table)
        schema = Schema.infer(
            frame if wishes.unit is None else frame.drop(columns=wishes.unit)
        )
    copied = schema.copied_from_data()
    if private and copied:
        raise SchemaError(
            problem(
                "facts of the schema were copied from the data",
                got=", ".join((*copied[:_SHOWN], *(["..."] * bool(copied[_SHOWN:])))),
                try_="facts from a public code book",
            )
        )
    if wishes.unit in schema.names:
        raise SchemaError(
            problem("the unit column is not synthesised", try_="schema.drop([unit])")
        )
    for name in wishes.sensitive:
        schema[name]  # raises for an unknown column
    return schema


def provenance(schema: Schema) -> dict[str, Any]:
    """Who declared the facts, and how many of each provenance, for the statement."""
    marks = Counter(
        mark for column in schema.columns for mark in column.provenance.values()
    )
    facts = ", ".join(f"{count} {mark}" for mark, count in sorted(marks.items()))
    return {
        "declared_by": schema.declared_by,
        "facts": facts or "no facts",
        "always_public": "column names, and dtypes in the schema",
    }


def fairness_promise(wish: Wish) -> dict[str, Any]:
    """The fairness promise in words and settings, for the statement."""
    columns = ", ".join(wish.sensitive)
    text = _PROMISES[wish.fairness].format(columns=columns) if columns else _NO_PROMISE
    return {
        "promise": text,
        "mode": wish.fairness,
        "sensitive": list(wish.sensitive),
        "strength": wish.strength,
        "costs_privacy": False,
    }
