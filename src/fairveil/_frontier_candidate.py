"""One release that a frontier tried, and which of several nothing beats.

Public: settings, statements, and figures of synthetic rows.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from fairveil._frontier_measure import Measured
from fairveil._frontier_settings import Progress, Settings
from fairveil._types import Floats
from fairveil.errors import ConfigError, problem

if TYPE_CHECKING:
    from fairveil.synthesizer import FairVeil


@dataclass(frozen=True, kw_only=True)
class Fit:
    """One fitted model that was explored.

    Attributes:
        name: what it is called in tables and plots.
        epsilon, delta: what its statement promises.
        private: whether it may be called private.
        statement: its privacy statement as JSON values, the fairness promise left out:
            that of every release of the fit.
        digest: of what the fit released, so that a candidate finds its model again.
    """

    name: str
    epsilon: float
    delta: float
    private: bool
    statement: dict[str, Any] = field(repr=False)
    digest: str

    @classmethod
    def of(cls, model: FairVeil, name: str) -> Self:
        """The facts of a fitted model."""
        statement = model.statement_
        body = statement.to_dict()
        body.pop("fairness", None)  # a word, not a cost
        return cls(
            name=name,
            epsilon=statement.epsilon,
            delta=statement.delta,
            private=statement.is_private,
            statement=body,
            digest=digest(model),
        )


def digest(model: FairVeil) -> str:
    """A name for what a fit released: SHA-256 of its rows and noisy counts."""
    bundle = model._contents.bundle  # noqa: SLF001  (released things, the same package)
    parts = [np.int64(bundle.n_hat), bundle.rows, *(m.counts for m in bundle.marginals)]
    told = hashlib.sha256()
    for part in parts:
        told.update(np.ascontiguousarray(part, dtype=np.float64).tobytes())
    return told.hexdigest()


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One release that was tried.

    Attributes:
        fit: the fitted model.
        settings: arguments of ``refine``.
        loss: of utility, against the release without debiasing; 0 is none.
        unfairness: by the measure of ``settings.promise``; 0 is what it asks for.
        measured: the figures behind both.
    """

    fit: Fit
    settings: Settings
    loss: float
    unfairness: float
    measured: Measured

    @property
    def epsilon(self) -> float:
        """Of the fit; no setting of a release changes it."""
        return self.fit.epsilon

    @property
    def utility(self) -> float:
        """``1 - loss``."""
        return 1.0 - self.loss

    @property
    def fairness(self) -> float:
        """``1 - unfairness``."""
        return 1.0 - self.unfairness

    def refine(self, model: FairVeil, *, progress: Progress | None = None) -> FairVeil:
        """The very release that was measured, from its fitted model.

        Raises:
            ConfigError: another fit than the one that was measured.
        """
        if digest(model) != self.fit.digest:
            raise ConfigError(
                problem(
                    "this candidate was measured on another fit",
                    try_=f"the model of {self.fit.name}",
                )
            )
        return self.settings.refine(model, progress=progress)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "fit": self.fit.name,
            "settings": json.loads(json.dumps(asdict(self.settings))),
            "loss": self.loss,
            "unfairness": self.unfairness,
            "measured": self.measured.to_dict(),
        }


def undominated(points: Floats) -> npt.NDArray[np.bool_]:
    """Which points no other is at least as low as everywhere, and lower somewhere.

    Args:
        points: (n, objectives), all to be low.

    Returns:
        (n,) marks; equal points are marked alike.
    """
    low = np.all(points[:, None, :] <= points[None, :, :], axis=2)
    lower = np.any(points[:, None, :] < points[None, :, :], axis=2)
    return np.asarray(~np.any(low & lower, axis=0))
