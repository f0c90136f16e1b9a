"""Names of array shapes, and ``Released``: what may leave the private folder.

Public. ``Released`` carries no row, only a value that a recorded mechanism produced.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

Codes: TypeAlias = npt.NDArray[np.int32]  # (rows, columns): one code per cell
Floats: TypeAlias = npt.NDArray[np.float64]
Values: TypeAlias = "list[Any] | npt.NDArray[Any]"  # of one column, decoded
Params: TypeAlias = Any  # a pytree of float32 arrays

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class Released(Generic[T_co]):
    """A value that left the private folder, with the ledger events that paid for it.

    Attributes:
        value: the noisy value; reading it costs nothing more.
        paid_by: labels of the ledger events, as in the privacy statement.
    """

    value: T_co
    paid_by: tuple[str, ...]
