"""Embedded real tables for demonstrations, tests and tuning; nothing is downloaded.

All of it is public: the rows, and the schemas that the code books declare. Sources,
licences and changes are told in ``LICENSES.md`` beside this file.
"""

from fairveil.datasets.embedded import (
    actg175_schema,
    adult_schema,
    load_actg175,
    load_adult,
)
from fairveil.datasets.registry import TABLES, Table, get

__all__ = [
    "TABLES",
    "Table",
    "actg175_schema",
    "adult_schema",
    "get",
    "load_actg175",
    "load_adult",
]
