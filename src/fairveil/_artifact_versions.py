"""Model files of earlier versions: what their facts and arrays are called now.

Public things only. A file says its version and is brought up step by step; what it says
must all be found again in what was read of it. A version that only adds facts with a
default needs no step here: it needs a greater number in ``artifact``, and a stored file
of the version before in the tests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

OLDEST = 5  # older files have another order of stages, and never left development

Facts = dict[str, Any]
Tensors = dict[str, np.ndarray]
Step = Callable[[Facts, Tensors], tuple[Facts, Tensors]]

STEPS: Mapping[int, Step] = {}  # from the version to the next one


def brought_up(
    facts: Mapping[str, Any], tensors: Tensors, *, current: int
) -> tuple[Facts, Tensors]:
    """Facts and arrays as the current version would name them."""
    new = dict(facts)
    for version in range(new["version"], current):
        step = STEPS.get(version)
        if step is not None:
            new, tensors = step(new, tensors)
    return {**new, "version": current}, tensors


def covers(said: Any, old: Any) -> bool:
    """Whether everything in an older file's facts is said again, type by type.

    Args:
        said: JSON values that the current version writes.
        old: JSON values of the file, brought up.
    """
    if type(said) is not type(old):
        return False
    if isinstance(old, dict):
        return all(k in said and covers(said[k], v) for k, v in old.items())
    if isinstance(old, list):
        same = len(said) == len(old)
        return same and all(map(covers, said, old))
    return said == old
