"""Fair, differentially private synthetic tables, without labels.

The names below are the public ones; heavy modules load when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fairveil.certificate import certify
    from fairveil.planning import plan
    from fairveil.privacy.statement import Statement
    from fairveil.schema import Column, Schema
    from fairveil.synthesizer import FairVeil

__version__ = "0.1.0"
__all__ = [
    "Column",
    "FairVeil",
    "Schema",
    "Statement",
    "__version__",
    "certify",
    "plan",
]

_HOMES = {
    "FairVeil": "fairveil.synthesizer",
    "Schema": "fairveil.schema",
    "Column": "fairveil.schema",
    "certify": "fairveil.certificate",
    "Statement": "fairveil.privacy.statement",
    "plan": "fairveil.planning",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(name)
    return getattr(importlib.import_module(_HOMES[name]), name)
