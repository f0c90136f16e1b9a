"""The process that lends its rows to a fit which another process leads.

Secret: its rows, and every answer. It has no ledger and draws no privacy noise: it
answers what the leader asks, and the leader adds noise to the sum of all answers, once.
Poisson samples are the exception: each process draws a coin for each of its own rows,
from its own cryptographic source, so that all together draw one Poisson sample.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import narwhals as nw
import numpy as np

from fairveil.marginals import histograms
from fairveil.nn import vae
from fairveil.nn.blocks import Blocks
from fairveil.privacy.noise import NoiseSource
from fairveil.private.cluster import MOMENTS, named_moments
from fairveil.private.fit_vae import GRADIENT, named_gradient
from fairveil.private.intake import recoded_rows, take_in
from fairveil.private.link import Answer, Link, Question
from fairveil.private.shared import codec_of
from fairveil.private.step import NamedSum, sum_of
from fairveil.private.view import Sensitive, coins
from fairveil.tables.source import Source

_SEED_STRIDE = 1 << 32  # between the debugging seeds of two processes
_MAKERS = {GRADIENT: named_gradient, MOMENTS: named_moments}


def lend(table: nw.DataFrame[Any] | Source, link: Link) -> None:
    """Answer the leader's questions about these rows until its fit ends.

    Args:
        table: the real rows of this process; each is a unit.
        link: to the other processes.

    Raises:
        HostError: another process failed, or is gone.
        SchemaError: the table lacks columns of the leader's schema.
    """
    link.serve(_Lender(table, link.index).answer)


class _Lender:
    """Rows of this process, as far as the leader has had them prepared."""

    def __init__(self, table: nw.DataFrame[Any] | Source, index: int) -> None:
        self._noise = NoiseSource.secure()
        self._index = index
        self._raw = take_in(table, unit=None, most=1, noise=self._noise)
        self._rows: Sensitive | None = None

    def __repr__(self) -> str:
        return "Lender(<hidden>)"

    def answer(self, question: Question) -> Answer:
        """What the rows of this process add to the answer; secret."""
        if question.name == "count":
            seed = question.facts["seed"]
            if seed is not None:
                other = seed + self._index * _SEED_STRIDE
                self._noise = NoiseSource.insecure(other)
            return [np.array([self._raw.count()])]
        if question.name == "encode":
            self._rows = self._raw.encoded(codec_of(question))
            return []
        if self._rows is None:
            raise TypeError(question.name)
        if question.name == "recode":
            sizes = tuple(question.facts["sizes"])
            labels = [question.arrays.get(str(j)) for j in range(len(sizes))]
            self._rows = recoded_rows(self._rows, labels, sizes)
            return []
        if question.name == "histograms":
            cliques = [tuple(q) for q in question.facts["cliques"]]
            return histograms(self._rows.unwrap(), self._rows.sizes, cliques)
        return self._sum(question, self._rows)

    def _sum(self, question: Question, rows: Sensitive) -> Answer:
        """Clipped gradients or moments, over all rows or a sample of them."""
        codes, rate = rows.unwrap(), question.facts["rate"]
        picked = None
        if rate < 1:
            picked = np.flatnonzero(coins(self._noise, len(codes), rate))
        return sum_of(codes, _named(question), picked)[0]


def _named(question: Question) -> NamedSum:
    """The sum that ``NamedSum.question`` was made of."""
    kind, constants = question.facts["kind"], dict(question.facts["constants"])
    made = dict(constants)
    shape = vae.VaeShape(
        blocks=Blocks(tuple(made.pop("sizes"))),
        hidden=tuple(made.pop("hidden")),
        latent=made.pop("latent"),
    )
    layers: dict[str, dict[str, jax.Array]] = {}
    for name, value in question.arrays.items():
        layer, _, part = name.partition("/")
        if part:
            layers.setdefault(layer, {})[part] = jnp.asarray(value)
    held = (
        layers,
        jnp.asarray(question.arrays["centroids"]),
        jax.random.wrap_key_data(jnp.asarray(question.arrays["key"])),
    )
    return NamedSum(_MAKERS[kind](shape, **made), kind, constants, held)
