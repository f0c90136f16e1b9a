"""Read the embedded tables and the schemas that their public code books declare.

Promises: no network and no file outside the package is touched; each call returns a
new frame; every value lies within the schema. A schema's facts come from the code book
and never from ``Schema.infer``. Public: everything here, rows included.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import TYPE_CHECKING

import pandas as pd

from fairveil.schema import Schema

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


def load_adult() -> pd.DataFrame:
    """The Adult table of UCI: 32,561 training rows, 14 columns.

    Unknown answers stay the category ``?``, as in UCI's own file, so that figures
    compare with published ones; the survey weight ``fnlwgt`` is left out.

    Returns:
        a new frame; strings have the type that the installed pandas gives them
        (``str`` since pandas 3, ``object`` before).
    """
    # na_filter is off: an answer such as "NA" or "?" is a category here.
    return _read("adult", na_filter=False)


def load_actg175() -> pd.DataFrame:
    """The ACTG 175 trial of HIV therapies: 2,139 patients, 25 columns.

    Codes stay integers, as published; ``cd496``, the CD4 count at 96 weeks (cells per
    cubic millimetre), is missing for 797 patients, which ``r`` = 0 repeats.

    Returns:
        a new frame of ``int64`` columns, with ``float64`` for ``wtkg`` and ``cd496``.
    """
    return _read("actg175", na_filter=True)


def adult_schema() -> Schema:
    """What UCI's adult.names and the survey's own fields say about the Adult table."""
    return _schema("adult")


def actg175_schema() -> Schema:
    """What the code book and the eligibility rules say about the ACTG 175 table."""
    return _schema("actg175")


def _read(name: str, *, na_filter: bool) -> pd.DataFrame:
    with _file(f"{name}.csv.gz").open("rb") as packed:
        return pd.read_csv(packed, compression="gzip", na_filter=na_filter)


def _schema(name: str) -> Schema:
    return Schema.from_dict(
        json.loads(_file(f"{name}.schema.json").read_text(encoding="utf-8"))
    )


def _file(name: str) -> Traversable:
    return resources.files("fairveil.datasets").joinpath(name)
