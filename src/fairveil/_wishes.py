"""What a user may ask of a fit: checks before any row is read.

Public facts only: settings, column names and the schema.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, Protocol

import narwhals as nw
import numpy as np

from fairveil import _check, config
from fairveil._fakes import check_installed
from fairveil._gaps import Plan, of_earlier, plan
from fairveil._personal import personal_columns
from fairveil.codec import Codec
from fairveil.errors import (
    ConfigError,
    SchemaError,
    TableError,
    problem,
)
from fairveil.post.wish import Wish
from fairveil.privacy.statement import Statement
from fairveil.schema import Column, Schema
from fairveil.tables.frames import check_columns

_ROW = "row"  # the unit of a fit without a unit column
_TRIED = 500  # rows of the schema alone, on which constraints are tried
_SHOWN = 5  # facts that an error names
_ALWAYS = ("kind", "dtype", "nullable")
_FACTS: Mapping[str, tuple[str, ...]] = {
    "numeric": ("lower", "upper", "decimals", "special"),
    "categorical": ("categories", "other"),
    "boolean": (),
    "identifier": ("lower", "upper", "pattern", "fake"),
    **dict.fromkeys(
        ("date", "datetime", "time", "duration"),
        ("lower", "upper", "special", "resolution", "zone", "layout"),
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
    blind: float
    proxies: float
    shares: Any
    schema: Schema | None
    discover: bool | None
    discovery_share: float
    personal_data: str
    public_dtypes: bool
    unit: str | None
    max_rows_per_unit: int
    leave_out: Any
    ledger: Any
    group_budget: float
    generator: str
    preset: str | config.Fit | None
    random_state: int | None
    insecure_noise_seed: int | None


def check_wishes(wishes: Wishes) -> None:
    """Raise for every setting that is impossible.

    Raises:
        ConfigError: so it is.
    """
    _check.positive(epsilon=wishes.epsilon)
    _check.finite(delta=wishes.delta)
    if not 0 < wishes.delta < 1:
        raise ConfigError(
            problem("delta must lie between 0 and 1", got=wishes.delta, try_="1e-5")
        )
    if wishes.schema is not None and not isinstance(wishes.schema, Schema):
        raise ConfigError(
            problem(
                "schema must be a Schema",
                got=type(wishes.schema).__name__,
                try_="Schema.load(file) or Schema.from_dict(facts)",
            )
        )
    _check.one_of((None, True, False), discover=wishes.discover)
    _check.one_of((True, False), public_dtypes=wishes.public_dtypes)
    _check.one_of(("refuse", "replace", "allow"), personal_data=wishes.personal_data)
    _check.in_range(0.0, 0.5, discovery_share=wishes.discovery_share)
    _check.positive(discovery_share=wishes.discovery_share)
    _check.whole(1, max_rows_per_unit=wishes.max_rows_per_unit)
    _check_unit(wishes.unit)
    wish = wish_of(wishes)
    _check.names(leave_out=wishes.leave_out)
    named = {"sensitive": wish.sensitive, "legitimate": wish.legitimate}
    named |= {"target": [wish.target], "unit": [wishes.unit]}
    _check.unused("leave_out", wishes.leave_out, **named)
    _check_constraints(schema_of(wishes), wish)
    _check.in_range(0.0, 0.9, group_budget=wishes.group_budget)
    if not isinstance(wishes.preset, config.Fit):
        _check.one_of(config.PRESETS, preset=wishes.preset)
    for name in ("random_state", "insecure_noise_seed"):
        value = getattr(wishes, name)
        if value is not None:
            _check.whole(0, **{name: value})


def schema_of(wishes: Wishes) -> Schema | None:
    """The declared schema, without the columns that are left out."""
    schema, names = wishes.schema, wishes.leave_out
    return schema and schema.drop(n for n in names if n in schema.names)


def _check_constraints(schema: Schema | None, wish: Wish) -> None:
    """Raise where constraints contradict one another or the promise."""
    if schema is None or not schema.constraints:
        return
    own = set(wish.sensitive if wish.fairness in ("redraw", "independence") else ())
    if wish.fairness == "outcome":
        own = {*own, wish.target}
    for rule in schema.constraints:
        tied = own & set(rule.names)
        if tied and not set(rule.names) <= own:
            what = "a constraint ties a column to others that the promise sets apart"
            raise ConfigError(
                problem(what, got=", ".join(sorted(map(str, tied))), try_="one of both")
            )
    codec, rng = Codec.on_grid(schema), np.random.default_rng(0)  # public facts alone
    drawn = [rng.integers(0, size, _TRIED) for size in codec.sizes]
    codec.decode(np.stack(drawn, axis=1).astype(np.int32), rng)


def _check_unit(unit: str | None) -> None:
    named = isinstance(unit, str) and unit and unit.isprintable()
    if unit is not None and not named:
        what = "unit must be a printable column name"
        raise ConfigError(problem(what, try_="another name"))
    if unit == _ROW:
        what = "a unit column may not be called 'row': that names fits by row"
        raise ConfigError(problem(what, got=unit, try_="another name"))


def wish_of(wishes: Wishes) -> Wish:
    """What the release should be; without a sensitive column there is no promise.

    Raises:
        ConfigError: settings that are impossible or do not go together.
    """
    _check.names(sensitive=wishes.sensitive, legitimate=wishes.legitimate)
    apart = wishes.fairness in ("independence", "redraw")
    shares = wishes.shares
    if isinstance(shares, Mapping):
        shares = {
            name: dict(wanted) if isinstance(wanted, Mapping) else wanted
            for name, wanted in shares.items()
        }
    wish = Wish(
        fairness=None if apart and not wishes.sensitive else wishes.fairness,
        sensitive=tuple(wishes.sensitive),
        strength=wishes.strength,
        generator=wishes.generator,
        target=wishes.target,
        legitimate=tuple(wishes.legitimate),
        blind=wishes.blind,
        proxies=wishes.proxies,
        shares=shares,
    )
    wish.check()
    return wish


def settings_of(wishes: Wishes) -> config.Fit:
    """The constants of the fit, with the budget that is set apart for groups.

    Raises:
        ConfigError: no column is sensitive.
    """
    settings = config.preset(wishes.preset)
    if not wishes.group_budget:
        return settings
    if not wishes.sensitive:
        raise ConfigError(
            problem(
                "group_budget needs a sensitive column",
                got=wishes.group_budget,
                try_="sensitive=['sex'], or leaving the budget out",
            )
        )
    measuring = replace(settings.measuring, group_share=wishes.group_budget)
    return replace(settings, measuring=measuring)


def public_facts(
    wishes: Wishes, table: nw.DataFrame[Any], *, declared: bool = False
) -> Schema | Plan:
    """What is public before the fit, without looking at a value where privacy holds.

    Args:
        wishes: the settings.
        table: its columns; its rows are looked at only where nothing is protected.
        declared: whether the place where the table lies declares its dtypes.

    Returns:
        A schema where every fact is there, else a plan with the gaps that will be
        measured under the budget. Without a budget gaps are filled by copying.

    Raises:
        SchemaError: facts are missing or copied, and nothing may be measured; or a
            column that the promise of fairness names is not among the columns.
        TableError: where gaps are filled, the table lacks a column that was named.
    """
    private = not math.isinf(wishes.epsilon)
    if private:
        facts = _measured(wishes, table, public_dtypes=declared or wishes.public_dtypes)
    else:
        facts = _copied(wishes, table)
    facts = _impersonal(facts, wishes.personal_data)
    if not facts.learnt:
        what = "there is no column to learn beside identifiers"
        raise SchemaError(problem(what, try_="a table with other columns"))
    if wishes.unit is not None and wishes.unit in facts.learnt:
        raise SchemaError(
            problem(
                "the unit column is not synthesised",
                got=wishes.unit,
                try_="a schema without it",
            )
        )
    wish = wish_of(wishes)
    wish.check_columns(facts.learnt)
    for name in wish.sensitive if wish.shares != "kept" else ():
        for column in facts.columns:
            if column.name == name and isinstance(column, Column):
                _check_shares(column, wish)
    return facts


def _impersonal(facts: Schema | Plan, rule: str) -> Schema | Plan:
    """The facts, with no column that is learnt and by its name holds personal data.

    Raises:
        SchemaError: there is one, and the rule is to refuse it.
        UnsupportedError: there is one, and fakes cannot be made up on this machine.
    """
    found = {} if rule == "allow" else personal_columns(facts.learnt)
    if not found:
        return facts
    if rule == "refuse":
        said = ", ".join(f"{name} ({what})" for name, what in found.items())
        raise SchemaError(
            problem(
                "columns seem to hold personal data, by their names",
                got=said,
                try_=f"leave_out={list(found)}, a schema that declares them as kind "
                "'identifier', personal_data='replace' (plausible fakes), or "
                "personal_data='allow' if the names mislead",
            )
        )
    check_installed()
    fakes = {
        name: Column(name=name, kind="identifier", fake=what)
        for name, what in found.items()
    }
    columns = tuple(fakes.get(column.name, column) for column in facts.columns)
    if isinstance(facts, Schema):
        return facts.model_copy(update={"columns": columns})
    return replace(facts, columns=columns)


def _check_shares(column: Column, wish: Wish) -> None:
    """Raise where shares are wished that the column cannot have."""
    asked = (
        {} if isinstance(wish.shares, str) else dict(wish.shares.get(column.name, {}))
    )
    if column.on_scale and (wish.shares == "equal" or asked):
        what = "shares can be set for categories only"
        raise ConfigError(problem(what, got=column.name, try_="leaving the column out"))
    values = (False, True) if column.kind == "boolean" else column.categories
    for value in asked:
        _check.one_of([str(v) for v in values], **{f"a value of {column.name}": value})


def discovers(wishes: Wishes) -> bool:
    """Whether facts may be measured under the budget; known before the table is."""
    if math.isinf(wishes.epsilon) or wishes.discover is False:
        return False
    return wishes.schema is None or bool(wishes.discover)


def _measured(
    wishes: Wishes, table: nw.DataFrame[Any], *, public_dtypes: bool
) -> Schema | Plan:
    """The facts of a private fit: public ones, and gaps where that is allowed."""
    schema = schema_of(wishes)
    if discovers(wishes):
        _check_named(wishes, table)
        return plan(table, schema, unit=wishes.unit, public_dtypes=public_dtypes)
    if schema is None:
        raise SchemaError(
            problem(
                "a private fit needs a schema of public facts",
                try_=(
                    "discover=True to measure them under the budget, a code book's "
                    "facts ('fairveil schema --help'), or Schema.infer(df, "
                    "declare_public=True) if the table itself is public"
                ),
            )
        )
    copied = schema.copied_from_data()
    if copied:
        raise SchemaError(
            problem(
                "facts of the schema were copied from the data",
                got=", ".join((*copied[:_SHOWN], *(["..."] * bool(copied[_SHOWN:])))),
                try_="facts from a public code book, or discover=True to measure them "
                "anew under the budget",
            )
        )
    return of_earlier(schema)


def _copied(wishes: Wishes, table: nw.DataFrame[Any]) -> Schema:
    """The facts of a fit that protects nothing: gaps are copied from the table."""
    schema, names = schema_of(wishes), table.columns
    known = () if schema is None else schema.names
    if schema is not None and not wishes.discover:
        return schema
    _check_named(wishes, table)
    gaps = [n for n in names if n not in known and n != wishes.unit]
    if not gaps and schema is not None:
        return schema
    found = Schema.infer(nw.to_native(table.select(gaps)))
    if schema is None:
        return found
    columns = {c.name: c for c in (*schema.columns, *found.columns)}
    ordered = tuple(columns[name] for name in names if name in columns)
    ordered += tuple(c for c in columns.values() if c.name not in names)
    said = f"{schema.declared_by}; the others {found.declared_by}"
    return Schema(columns=ordered, declared_by=said)


def _check_named(wishes: Wishes, table: nw.DataFrame[Any]) -> None:
    """Raise where a column that was named is not there, or none is left to release."""
    if (schema := schema_of(wishes)) is not None:
        check_columns(table, schema, unit=wishes.unit, partial=True)
    if wishes.unit is not None and wishes.unit not in table.columns:
        raise TableError(
            problem(
                "the table lacks the unit column",
                got=wishes.unit,
                try_="one of " + ", ".join(table.columns),
            )
        )
    if table.columns == [wishes.unit]:
        what = "the table has no column beside the unit column"
        raise TableError(problem(what, try_="a table with other columns"))


def recalled(wish: Wish, statement: Statement, schema: Schema) -> dict[str, Any]:
    """Constructor arguments that a stored fit tells of."""
    budget = {"epsilon": statement.epsilon, "delta": statement.delta}
    asked = {field.name: getattr(wish, field.name) for field in fields(wish)}
    return {**budget, **asked, "schema": schema}


def provenance(schema: Schema) -> dict[str, Any]:
    """Who declared the facts, and where each comes from, for the statement."""
    columns = {column.name: _marks(column) for column in schema.columns}
    counted = Counter(
        mark for column in schema.columns for mark in column.provenance.values()
    )
    facts = ", ".join(f"{count} {mark}" for mark, count in sorted(counted.items()))
    return {
        "declared_by": schema.declared_by,
        "facts": facts or "no facts",
        "always_public": "column names, and dtypes in the schema",
        "columns": columns,
    }


def _marks(column: Column) -> dict[str, str]:
    """Provenance of each fact that says something about a column of this kind."""
    held = [f for f in _FACTS[column.kind] if getattr(column, f) not in (None, ())]
    return {fact: column.provenance.get(fact, "public") for fact in (*_ALWAYS, *held)}
