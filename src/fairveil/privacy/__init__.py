"""Privacy core: mathematics, events, ledger and noise; nothing here reads a table."""

from fairveil.privacy.events import (
    Exponential,
    Gaussian,
    NonPrivate,
    PoissonGaussian,
    Thresholding,
)
from fairveil.privacy.ledger import Ledger
from fairveil.privacy.noise import NoiseSource
from fairveil.privacy.statement import Statement

__all__ = [
    "Exponential",
    "Gaussian",
    "Ledger",
    "NoiseSource",
    "NonPrivate",
    "PoissonGaussian",
    "Statement",
    "Thresholding",
]
