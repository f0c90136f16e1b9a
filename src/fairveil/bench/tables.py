"""The public tables of the benchmark: how to read them, what to predict, what to drop.

Public: every table here is published under the licence that ``source`` names. Columns
that tell the target, weights and constants are dropped, each with its reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from fairveil import _check
from fairveil.errors import TableError, problem

TEST_PART = 0.3
SPLIT_SEED = 0
_MOST_DECIMALS = 6


@dataclass(frozen=True, kw_only=True)
class BenchTable:
    """One table.

    Attributes:
        name: in the results.
        file: its file in the folder of tables.
        source: where it is published, and its licence.
        target: column to predict.
        positive: its value against all others; None: as it is.
        sensitive: columns that fairness is measured for.
        dropped: columns left out, and why.
        missing: a text that stands for a missing value, beside the empty one.
        texts: columns of numbers that are labels.
    """

    name: str
    file: str
    source: str
    target: str
    positive: Any
    sensitive: tuple[str, ...]
    dropped: Mapping[str, str] = field(default_factory=dict)
    missing: str | None = None
    texts: tuple[str, ...] = ()

    def path(self, folder: Path) -> Path:
        """Its file in a folder.

        Raises:
            TableError: the file is not there.
        """
        path = folder / self.file
        if not path.is_file():
            raise TableError(
                problem(
                    f"no file {self.file} among the tables",
                    got=str(folder),
                    try_="--data FOLDER of the public tables",
                )
            )
        return path

    def load(self, folder: Path) -> pd.DataFrame:
        """Read the table from a folder.

        Raises:
            TableError: the file is not there, or columns are missing.
        """
        path = self.path(folder)
        frame = pd.read_csv(
            path,
            keep_default_na=False,
            na_values=[""] if self.missing is None else ["", self.missing],
            skipinitialspace=True,
            dtype=dict.fromkeys(self.texts, str),
        )
        lacking = {self.target, *self.sensitive, *self.dropped} - set(frame)
        if lacking:
            raise TableError(problem("columns are missing", got=sorted(lacking)))
        return whole_numbers(frame.drop(columns=list(self.dropped)))


def whole_numbers(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns of whole numbers as integers, those with missing values too."""
    out = frame.copy()
    for name in out.columns:
        values = cast("pd.Series", out[name])
        known = values.dropna()
        if values.dtype.kind == "f" and len(known) and _whole(known):
            gaps = len(known) < len(values)
            out[name] = values.astype("Int64" if gaps else "int64")
    return out


def _whole(numbers: pd.Series) -> bool:
    values = numbers.to_numpy(float)
    return bool((values == np.floor(values)).all())


def code_book(frame: pd.DataFrame) -> dict[str, Any]:
    """The public facts that every method may be given, from a whole public table."""
    return {
        "columns": [_facts(str(n), cast("pd.Series", frame[n])) for n in frame.columns]
    }


def _facts(name: str, values: pd.Series) -> dict[str, Any]:
    known = values.dropna()
    facts: dict[str, Any] = {"name": name, "missing": len(known) < len(values)}
    if known.dtype.kind in "iuf":  # Int64 is of kind "i", too
        whole = _whole(known)
        return facts | {
            "kind": "integer" if whole else "number",
            "categories": None,
            "lower": float(known.min()),
            "upper": float(known.max()),
            "decimals": 0 if whole else _decimals(known),
        }
    labels = sorted({str(value) for value in known})
    return facts | {"kind": "category", "categories": labels}


def _decimals(numbers: pd.Series) -> int:
    """Places after the point that the values need, at most six."""
    values = numbers.to_numpy(float)
    for places in range(1, _MOST_DECIMALS):
        if np.allclose(values, values.round(places), rtol=0, atol=1e-9):
            return places
    return _MOST_DECIMALS


_LEAKS = "tells the target"
_WEIGHT = "a survey weight"
_TABLES = (
    BenchTable(
        name="adult",
        file="adult.csv",
        source="UCI 2, adult.data with a header; CC BY 4.0",
        target="income",
        positive=">50K",
        sensitive=("sex", "race"),
        dropped={"fnlwgt": _WEIGHT},
        missing="?",
    ),
    BenchTable(
        name="compas",
        file="compas.csv",
        source="ProPublica, compas-scores-two-years.csv, 14 columns; public records",
        target="two_year_recid",
        positive=1,
        sensitive=("race", "sex"),
        dropped={"is_recid": _LEAKS},
    ),
    BenchTable(
        name="health_insurance_meps",
        file="health_insurance_meps.csv",
        source="R package AER, HealthInsurance (MEPS 1996); GPL",
        target="insurance",
        positive="yes",
        sensitive=("gender", "ethnicity"),
    ),
    BenchTable(
        name="bank",
        file="bank.csv.gz",
        source="UCI 222, bank-full.csv; CC BY 4.0",
        target="y",
        positive="yes",
        sensitive=("marital",),
        dropped={"duration": _LEAKS},
    ),
    BenchTable(
        name="credit_default",
        file="credit_default.csv",
        source="UCI 350, SEX decoded; CC BY 4.0",
        target="default_payment_next_month",
        positive=1,
        sensitive=("SEX",),
    ),
    BenchTable(
        name="law_school",
        file="law_school.csv",
        source="LSAC bar passage study, as cleaned by Le Quy et al. 2022",
        target="pass_bar",
        positive=1,
        sensitive=("race", "sex"),
        dropped={
            "decile1b": "a later result",
            "decile3": "a later result",
            "zgpa": "a later result",
        },
    ),
    BenchTable(
        name="acs_national2019",
        file="acs_national2019.csv",
        source="NIST ACS Data Excerpts, national2019.csv; public domain",
        target="PINCP_DECILE",
        positive=None,
        sensitive=("SEX",),
        dropped={
            "PWGTP": _WEIGHT,
            "WGTP": _WEIGHT,
            "PINCP": "the income that the target is made of",
        },
        texts=("PUMA",),
    ),
    BenchTable(
        name="diabetes_brfss",
        file="diabetes_brfss.csv.gz",
        source="CDC BRFSS 2015, Kaggle alexteboul, full binary file; CC0",
        target="Diabetes_binary",
        positive=1,
        sensitive=("Sex",),
    ),
    BenchTable(
        name="kdd_census_income",
        file="kdd_census_income.csv.gz",
        source="UCI 117, training file with a header; CC BY 4.0",
        target="income",
        positive=">50K",
        sensitive=("sex", "race"),
        dropped={"instance_weight": _WEIGHT},
    ),
    BenchTable(
        name="heart_failure",
        file="heart_failure.csv",
        source="UCI 519; CC BY 4.0",
        target="DEATH_EVENT",
        positive=1,
        sensitive=("sex",),
        dropped={"time": "days of follow-up, which tell the outcome"},
    ),
    BenchTable(
        name="obesity",
        file="obesity.csv",
        source="UCI 544; CC BY 4.0",
        target="NObeyesdad",
        positive=None,
        sensitive=("Gender",),
    ),
    BenchTable(
        name="appendicitis",
        file="appendicitis.csv",
        source="UCI 938, all cases; CC BY 4.0",
        target="Diagnosis",
        positive="appendicitis",
        sensitive=("Sex",),
        dropped={
            "Diagnosis_Presumptive": _LEAKS,
            "Management": _LEAKS,
            "Severity": _LEAKS,
            "Length_of_Stay": _LEAKS,
        },
    ),
    BenchTable(
        name="hiv_actg175",
        file="hiv_actg175.csv",
        source="ACTG 175, in lifelines with gender, race and arms decoded; CC BY 4.0",
        target="cens",
        positive=1,
        sensitive=("gender", "race"),
        dropped={
            "days": "days of follow-up, which tell the outcome",
            "zprior": "constant",
        },
    ),
)
TABLES: Mapping[str, BenchTable] = {table.name: table for table in _TABLES}


def table(name: str) -> BenchTable:
    """A table by name.

    Raises:
        ConfigError: no such table.
    """
    _check.one_of(tuple(TABLES), table=name)
    return TABLES[name]
