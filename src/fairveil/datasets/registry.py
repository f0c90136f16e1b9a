"""The embedded tables by name, each with its roles, source and licence.

Public throughout. The registry promises that ``sensitive`` and ``target`` are columns
of the table, and that ``positive`` is a category of the target.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from fairveil.datasets.embedded import (
    actg175_schema,
    adult_schema,
    load_actg175,
    load_adult,
)
from fairveil.errors import ConfigError, problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd

    from fairveil.schema import Schema


@dataclass(frozen=True, kw_only=True)
class Table:
    """An embedded table and what a study of fairness needs to know about it.

    Attributes:
        name: key in ``TABLES``.
        load: reads the rows as a new frame.
        schema: reads the public code book.
        sensitive: names of the protected columns.
        target: name of the column that a later model predicts.
        positive: the target's category that counts as the event.
        source: where the rows come from, with a citable address.
        licence: terms of the rows.
    """

    name: str
    load: Callable[[], pd.DataFrame]
    schema: Callable[[], Schema]
    sensitive: tuple[str, ...]
    target: str
    positive: str | int
    source: str
    licence: str


_ADULT = Table(
    name="adult",
    load=load_adult,
    schema=adult_schema,
    sensitive=("sex", "race"),
    target="income",
    positive=">50K",
    source="Becker and Kohavi (1996), UCI 2, https://doi.org/10.24432/C5XW20",
    licence="CC BY 4.0",
)

_ACTG175 = Table(
    name="actg175",
    load=load_actg175,
    schema=actg175_schema,
    sensitive=("gender", "race"),
    target="cens",
    positive=1,
    source="Hammer et al. (1996), UCI 890, https://doi.org/10.24432/C5ZG8F",
    licence="CC BY 4.0; packaged by lifelines under MIT",
)

TABLES: Mapping[str, Table] = MappingProxyType(
    {table.name: table for table in (_ADULT, _ACTG175)}
)


def get(name: str) -> Table:
    """The embedded table of this name.

    Raises:
        ConfigError: there is no such table.
    """
    if name not in TABLES:
        raise ConfigError(
            problem(
                "there is no embedded table of this name",
                got=name,
                try_="one of " + ", ".join(TABLES),
            )
        )
    return TABLES[name]
