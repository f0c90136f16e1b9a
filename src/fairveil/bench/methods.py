"""The methods: what each one is, which script, in which environment, private or not."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fairveil import _check

OURS = "fairveil"
ENDS = ("real", "independent")  # ceiling and floor
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
        about: what it is, in one line of the page.
    """

    name: str
    environment: str
    script: Path
    private: bool
    free: bool
    about: str = ""

    def python(self, envs: Path) -> str | None:
        """The interpreter to run it with; None where it is not installed."""
        if self.environment == OURS:
            return sys.executable
        path = envs / self.environment / "bin" / "python"
        return str(path) if path.exists() else None

    def takes(self, epsilon: float) -> bool:
        """Whether a run at this budget means anything."""
        return self.free if epsilon == float("inf") else self.private


def _ours(name: str, about: str, *, private: bool = True) -> Method:
    script = _HERE / "ours.py"
    return Method(
        name=name,
        environment=OURS,
        script=script,
        private=private,
        free=True,
        about=about,
    )


def _peer(
    name: str, environment: str, about: str, *, private: bool = True, free: bool = False
) -> Method:
    script = _HERE / "peers" / f"{environment}_adapter.py"
    return Method(
        name=name,
        environment=environment,
        script=script,
        private=private,
        free=free,
        about=about,
    )


_METHODS = (
    _ours(OURS, "`fairness=None`: no debiasing; all else as the library has it"),
    _ours(
        "fairveil-decoder",
        'rows are the decoder\'s of the VAE: no WGAN-GP (`generator="decoder"`)',
    ),
    _ours(
        "fairveil-redraw",
        '`fairness="redraw"`: sensitive columns drawn apart from the rest of a row',
    ),
    _ours(
        "fairveil-independence",
        '`fairness="independence"`, the library\'s default: a fairness critic',
    ),
    _ours(
        "fairveil-paper",
        "the paper's sizes and weights under honest accounting, with its critic",
    ),
    _ours(
        "fairveil-no-balance",
        "rows go out as they are drawn: none is chosen so that the table balances",
    ),
    _ours(
        "fairveil-no-raking",
        "no weights fitted to the noisy marginals; rows are chosen for balance still",
    ),
    _ours("fairveil-no-calibration", "neither raking nor balance: rows as generated"),
    _ours(
        "fairveil-no-sizing",
        "single columns, grids and rounds as on a tall table, however few the rows",
    ),
    _ours(
        "fairveil-no-warm-start",
        "networks and centroids begin at random, not on rows of the marginal model",
    ),
    _ours(
        "fairveil-no-marginals",
        "no adaptive marginals and no warm start; their budget goes to the networks",
    ),
    _ours("real", "the training rows themselves: the ceiling", private=False),
    _ours("independent", "each column shuffled: the floor", private=False),
    _peer(
        "dpmm-aim",
        "dpmm",
        "AIM of dpmm with 2 rounds for each column; its default of 16 takes hours",
    ),
    _peer("dpmm-mst", "dpmm", "MST of dpmm, its defaults"),
    _peer("dpmm-privbayes", "dpmm", "PrivBayes of dpmm, its defaults"),
    _peer("mbi-mst", "mbi", "MST written over mbi's estimation, which ships none"),
    _peer("smartnoise-mst", "smartnoise", "MST of smartnoise-synth, its defaults"),
    _peer(
        "smartnoise-aim",
        "smartnoise",
        "AIM of smartnoise-synth with 2 rounds for each column",
    ),
    _peer("smartnoise-patectgan", "smartnoise", "PATE-CTGAN of smartnoise-synth"),
    _peer("mostlyai-dp", "mostlyai", "mostlyai-engine with DP-SGD"),
    _peer(
        "mostlyai",
        "mostlyai",
        "mostlyai-engine, trained for a part of the time limit",
        private=False,
        free=True,
    ),
    _peer(
        "mostlyai-fair",
        "mostlyai",
        "the same, its target sampled for parity over the first sensitive column",
        private=False,
        free=True,
    ),
    _peer(
        "ctgan",
        "ctgan",
        "CTGAN, as many epochs as a core has time for",
        private=False,
        free=True,
    ),
    _peer(
        "tvae",
        "ctgan",
        "TVAE, as many epochs as a core has time for",
        private=False,
        free=True,
    ),
    _peer("tabfairgan", "tabfairgan", "TabFairGAN", private=False, free=True),
)
METHODS: Mapping[str, Method] = {each.name: each for each in _METHODS}


def method(name: str) -> Method:
    """A method by name.

    Raises:
        ConfigError: no such method.
    """
    _check.one_of(tuple(METHODS), method=name)
    return METHODS[name]


def is_peer(name: str) -> bool:
    """Whether a method is somebody else's: no end of the scale, none of ours."""
    return name not in ENDS and name != OURS and not name.startswith(f"{OURS}-")
