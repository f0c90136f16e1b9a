"""The methods: which script, in which environment, private or not."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fairveil import _check

OURS = "fairveil"
_HERE = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class Method:
    """One method.

    Attributes:
        name: in the results.
        environment: of its library; ours is the running one.
        script: file that runs a job of it.
        private: whether it takes a finite epsilon.
        free: whether it takes an infinite one.
    """

    name: str
    environment: str
    script: Path
    private: bool
    free: bool

    def python(self, envs: Path) -> str | None:
        """The interpreter to run it with; None where it is not installed."""
        if self.environment == OURS:
            return sys.executable
        path = envs / self.environment / "bin" / "python"
        return str(path) if path.exists() else None

    def takes(self, epsilon: float) -> bool:
        """Whether a run at this budget means anything."""
        return self.free if epsilon == float("inf") else self.private


def _ours(name: str, *, private: bool = True, free: bool = True) -> Method:
    script = _HERE / "ours.py"
    return Method(
        name=name, environment=OURS, script=script, private=private, free=free
    )


def _peer(
    name: str, environment: str, *, private: bool = True, free: bool = False
) -> Method:
    script = _HERE / "peers" / f"{environment}_adapter.py"
    return Method(
        name=name, environment=environment, script=script, private=private, free=free
    )


_METHODS = (
    _ours("fairveil"),
    _ours("fairveil-decoder"),
    _ours("fairveil-redraw"),
    _ours("fairveil-independence"),
    _ours("fairveil-paper"),
    _ours("fairveil-no-balance"),
    _ours("fairveil-no-raking"),
    _ours("fairveil-no-calibration"),
    _ours("fairveil-no-sizing"),
    _ours("fairveil-no-warm-start"),
    _ours("fairveil-no-marginals"),
    _ours("real", private=False),
    _ours("independent", private=False),
    _peer("dpmm-aim", "dpmm"),
    _peer("dpmm-mst", "dpmm"),
    _peer("dpmm-privbayes", "dpmm"),
    _peer("mbi-mst", "mbi"),
    _peer("smartnoise-mst", "smartnoise"),
    _peer("smartnoise-aim", "smartnoise"),
    _peer("smartnoise-patectgan", "smartnoise"),
    _peer("mostlyai-dp", "mostlyai"),
    _peer("mostlyai", "mostlyai", private=False, free=True),
    _peer("ctgan", "ctgan", private=False, free=True),
    _peer("tvae", "ctgan", private=False, free=True),
    _peer("tabfairgan", "tabfairgan", private=False, free=True),
)
METHODS: Mapping[str, Method] = {each.name: each for each in _METHODS}


def method(name: str) -> Method:
    """A method by name.

    Raises:
        ConfigError: no such method.
    """
    _check.one_of(tuple(METHODS), method=name)
    return METHODS[name]
