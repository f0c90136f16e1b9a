"""What makes thousands of fits affordable: tiny sizes, and rows without a compiler.

Public: constants, and released parameters. The product's sampler is compiled for each
model, which takes 20 times as long as the rest of a tiny fit. Drawing rows is
post-processing, so an audit may draw them in another way: the distribution is the same.
All audits share their sizes, so that the product's functions are compiled once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from fairveil import chain, config
from fairveil._types import Codes, Floats
from fairveil.nn import vae
from fairveil.post import finish as finishing, sample as sampling

SIZES = (2, 2, 2)
CLUSTERS = 2
TRAINING = config.VaeTraining(
    hidden=(4,),
    latent=2,
    steps=2,
    l2_clip_norm=0.1,  # so low that the row's gradient is cut to it
)


class Rows:
    """Rows of a teacher, as ``post.generator.RowSource`` draws them, not compiled."""

    _BATCH = 2_000

    def __init__(self, model: Any, seed: int) -> None:
        self._model = model
        self._rng = np.random.Generator(np.random.PCG64(seed))

    def next(self) -> Codes:
        """The next rows (batch, columns)."""
        return self.rows(self._BATCH)

    def rows(self, n: int) -> Codes:
        """The next n rows."""
        mixture, shape = self._model.mixture, self._model.shape
        which = self._rng.choice(mixture.clusters, n, p=mixture.weights)
        roots = np.linalg.cholesky(mixture.covariances)[which]
        normal = self._rng.standard_normal((n, mixture.latent))
        latents = mixture.means[which] + np.einsum("nij,nj->ni", roots, normal)
        logs = vae.decode(self._model.layers, shape, latents.astype(np.float32))
        shares = np.exp(np.asarray(logs, dtype=np.float64))
        spans = [shape.blocks.span(j) for j in range(len(shape.blocks.sizes))]
        return np.stack([self._pick(shares[:, span]) for span in spans], axis=1)

    def _pick(self, shares: Floats) -> Codes:
        below = np.cumsum(shares, axis=1)
        at = self._rng.random((len(shares), 1)) * below[:, -1:]
        return (below < at).sum(axis=1).astype(np.int32)


@contextlib.contextmanager
def light_rows() -> Iterator[None]:
    """Where it is held, fits draw their pool and their release by ``Rows``."""
    homes: tuple[Any, ...] = (chain, finishing, sampling)
    kept = [home.RowSource for home in homes]
    try:
        for home in homes:
            home.RowSource = Rows
        yield
    finally:
        for home, original in zip(homes, kept, strict=True):
            home.RowSource = original
