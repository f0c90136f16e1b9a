"""Groups of sensitive columns, one at a time or joined, alike over several tables.

Secret: reads real rows. Promises: a group has the same code in every table; a missing
value is a group of its own; a group without enough rows is left out and noted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from fairveil.errors import ConfigError, problem
from fairveil.evaluate._tables import MISSING, Ints, coded, column, cut, numbers
from fairveil.evaluate.results import NOT_ENOUGH

Sensitive: TypeAlias = str | Sequence[str]  # a column, or several joined

SMALL_GROUP = 20
MAX_GROUPS = 10  # a numeric sensitive column with more values is cut at its quartiles
_JOINED = " x "


@dataclass(frozen=True)
class Groups:
    """Sensitive columns as group codes.

    Attributes:
        codes: (rows,) group of each row; -1 where the row is left out.
        labels: name of each group.
        notes: what was left out or cut.
    """

    codes: Ints
    labels: tuple[str, ...]
    notes: tuple[str, ...] = field(default=())


def parts(sensitive: Sensitive) -> tuple[str, ...]:
    """The columns behind one question: one name, or those of an intersection.

    Raises:
        ConfigError: no column is named, or one is named twice.
    """
    names = (sensitive,) if isinstance(sensitive, str) else tuple(sensitive)
    if not names or len(set(names)) < len(names):
        raise ConfigError(
            problem(
                "an intersection needs different columns",
                got=", ".join(map(str, names)),
                try_="('a', 'b')",
            )
        )
    return names


def title(sensitive: Sensitive) -> str:
    """The name of a column or an intersection, such as ``sex x race``."""
    return _JOINED.join(parts(sensitive))


def flat(questions: Iterable[Sensitive]) -> list[str]:
    """All columns behind several questions, each once, in their order."""
    return list(dict.fromkeys(name for one in questions for name in parts(one)))


def asked(sensitive: Sequence[Sensitive]) -> list[Sensitive]:
    """What to measure: each column, and where only columns are named, their joint."""
    given = list(sensitive)
    if len(given) > 1 and all(isinstance(one, str) for one in given):
        return [*given, tuple(flat(given))]
    return given


def groups(
    frame: pd.DataFrame, sensitive: Sensitive, *, smallest: int = SMALL_GROUP
) -> Groups:
    """Group codes of a column or an intersection.

    A numeric column with more than ten values is cut at its quartiles; a missing value
    is a group of its own. Groups of fewer than ``smallest`` rows are left out and
    noted.
    """
    (codes,), labels, notes = alike((frame,), sensitive)
    counts = np.bincount(codes, minlength=len(labels))
    return kept(codes, labels, counts >= smallest, smallest=smallest, notes=notes)


def kept(
    codes: Ints,
    labels: Sequence[str],
    keep: npt.NDArray[np.bool_],
    *,
    smallest: int,
    notes: Sequence[str] = (),
) -> Groups:
    """Renumber group codes after leaving out some, and note those that have rows."""
    few = [label for label, ok in zip(labels, keep, strict=True) if not ok]
    if few:
        told = f"{NOT_ENOUGH}: groups under {smallest} rows are left out"
        notes = (*notes, f"{told}: {', '.join(few)}")
    renumbered = np.append(np.where(keep, np.cumsum(keep) - 1, MISSING), MISSING)
    names = tuple(label for label, ok in zip(labels, keep, strict=True) if ok)
    return Groups(renumbered[codes], names, tuple(notes))


def alike(
    frames: Sequence[pd.DataFrame], sensitive: Sensitive
) -> tuple[list[Ints], list[str], tuple[str, ...]]:
    """Group codes of several tables under one coding, small groups included.

    Args:
        frames: tables; a numeric column is cut at the quartiles of the first.
        sensitive: a column of all of them, or several to be joined.

    Returns:
        The (rows,) codes of each table; the labels of all groups that occur; notes.
    """
    joint, names, notes = _single([column(f, parts(sensitive)[0]) for f in frames])
    for name in parts(sensitive)[1:]:
        codes, more, also = _single([column(f, name) for f in frames])
        joint = [a * len(more) + b for a, b in zip(joint, codes, strict=True)]
        names = [f"{one}{_JOINED}{two}" for one in names for two in more]
        notes = [*notes, *(note for note in also if note not in notes)]
        joint, names = _present(joint, names)
    return joint, names, tuple(notes)


def _present(codes: list[Ints], labels: list[str]) -> tuple[list[Ints], list[str]]:
    """Drop the labels that no row has."""
    found, dense = np.unique(np.concatenate(codes), return_inverse=True)
    ends = np.cumsum([len(part) for part in codes])[:-1]
    return np.split(dense, ends), [labels[i] for i in found]


def _single(series: Sequence[pd.Series]) -> tuple[list[Ints], list[str], list[str]]:
    """Codes of one column over several tables; the last label is the missing one."""
    codes, labels = coded(*series)
    values = [floats for part in series if (floats := numbers(part)) is not None]
    notes = []
    known = np.unique(codes[0][codes[0] != MISSING])
    if len(values) == len(series) and len(known) > MAX_GROUPS:
        edges = np.unique(np.nanquantile(values[0], (0.25, 0.5, 0.75)))
        labels = [f"quarter {i + 1}" for i in range(len(edges) + 1)]
        codes = [cut(part, edges) for part in values]
        notes = ["numeric values are cut at the quartiles"]
    missing = "missing"
    while missing in labels:
        missing = f"({missing})"
    filled = [np.where(part == MISSING, len(labels), part) for part in codes]
    return *_present(filled, [*labels, missing]), notes
