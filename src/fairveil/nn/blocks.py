"""Columns side by side in one wide array: one-hot rows and a softmax per column.

Pure functions; sizes are public (they come from the schema and released bins).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np

_GROUP = 32  # columns whose sums are taken by one product
_LOGIT_BOUND = 20.0  # keeps one shift for all columns safe in float32


@dataclass(frozen=True)
class Blocks:
    """Spans of the columns in a wide array.

    Attributes:
        sizes: number of codes of each column.
    """

    sizes: tuple[int, ...]

    @property
    def width(self) -> int:
        """Length of a wide row."""
        return sum(self.sizes)

    @cached_property
    def offsets(self) -> np.ndarray:
        """First position of each column, shape ``(columns,)``."""
        return np.r_[0, np.cumsum(self.sizes)[:-1]].astype(np.int32)

    @cached_property
    def groups(self) -> tuple[tuple[slice, np.ndarray], ...]:
        """Positions of some columns at a time, and the map from them to the columns.

        One map for all columns would make sums over columns quadratic in their number.
        """
        out = []
        for first in range(0, len(self.sizes), _GROUP):
            sizes = self.sizes[first : first + _GROUP]
            start = int(self.offsets[first])
            own = np.eye(len(sizes), dtype=np.float32).repeat(sizes, axis=0)
            out.append((slice(start, start + sum(sizes)), own))
        return tuple(out)

    def totals(self, rows: jax.Array) -> jax.Array:
        """Sums within each column, (n, columns), of wide rows (n, width)."""
        parts = [rows[:, span] @ jnp.asarray(own) for span, own in self.groups]
        return parts[0] if len(parts) == 1 else jnp.concatenate(parts, axis=1)

    def spread(self, values: jax.Array) -> jax.Array:
        """Each column's value (n, columns) at all its positions, (n, width)."""
        parts, first = [], 0
        for _span, own in self.groups:
            last = first + own.shape[1]
            parts.append(values[:, first:last] @ jnp.asarray(own).T)
            first = last
        return parts[0] if len(parts) == 1 else jnp.concatenate(parts, axis=1)

    @cached_property
    def owner(self) -> np.ndarray:
        """One-hot map from position to column, shape ``(width, columns)``."""
        return np.eye(len(self.sizes), dtype=np.float32).repeat(self.sizes, axis=0)

    def span(self, column: int) -> slice:
        """Positions of one column."""
        start = int(self.offsets[column])
        return slice(start, start + self.sizes[column])

    def mask(self, columns: tuple[int, ...]) -> np.ndarray:
        """1 at the positions of these columns, 0 elsewhere, shape ``(width,)``."""
        out = np.zeros(self.width, dtype=np.float32)
        for column in columns:
            out[self.span(column)] = 1.0
        return out

    def one_hot(self, codes: jax.Array) -> jax.Array:
        """Wide rows (n, width) of codes (n, columns)."""
        n = codes.shape[0]
        at = codes + jnp.asarray(self.offsets)
        rows = jnp.arange(n)[:, None]
        return jnp.zeros((n, self.width), jnp.float32).at[rows, at].set(1.0)

    def codes(self, rows: jax.Array, columns: tuple[int, ...]) -> jax.Array:
        """Codes (n, len(columns)) of the largest entries of these columns."""
        picks = [rows[:, self.span(j)].argmax(1) for j in columns]
        return jnp.stack(picks, axis=1).astype(jnp.int32)

    def log_softmax(self, logits: jax.Array) -> jax.Array:
        """Log-probabilities, normalised within each column; (n, width)."""
        bounded = _LOGIT_BOUND * jnp.tanh(logits / _LOGIT_BOUND)
        sums = self.totals(jnp.exp(bounded - _LOGIT_BOUND))
        return bounded - _LOGIT_BOUND - self.spread(jnp.log(sums + 1e-30))

    def cross_entropy(self, rows: jax.Array, logits: jax.Array) -> jax.Array:
        """Nats (n,) of one-hot rows (n, width) under ``log_softmax`` of the logits.

        The same numbers as ``-(rows * log_softmax(logits)).sum(1)``, and half its work:
        the logarithms are summed by column, not laid out over the width.
        """
        bounded = _LOGIT_BOUND * jnp.tanh(logits / _LOGIT_BOUND)
        sums = self.totals(jnp.exp(bounded - _LOGIT_BOUND))
        shifted = jnp.sum(rows * (bounded - _LOGIT_BOUND), axis=1)
        return jnp.sum(jnp.log(sums + 1e-30), axis=1) - shifted

    def sample(self, uniform: jax.Array, log_probs: jax.Array) -> jax.Array:
        """Codes (n, columns) of each column's softmax, by its inverse cdf.

        Args:
            uniform: draws (n, columns) from 0 to 1.
            log_probs: of the columns (n, width).
        """
        ranks = jnp.arange(len(self.sizes), dtype=jnp.float32)
        # every column sums to 1, so column j's cdf runs from j to j + 1
        below = jnp.cumsum(jnp.exp(log_probs), axis=1)
        reached = below <= (uniform + ranks) @ jnp.asarray(self.owner).T
        codes = reached.astype(jnp.float32) @ jnp.asarray(self.owner)
        return jnp.minimum(codes, jnp.asarray(self.sizes) - 1.0).astype(jnp.int32)

    def relax(
        self, uniform: jax.Array, log_probs: jax.Array, temperature: float
    ) -> jax.Array:
        """Gumbel-softmax rows (n, width): hard one-hot forward, soft backward.

        Source: Jang, Gu, Poole 2017 (straight-through estimator).

        Args:
            uniform: draws strictly between 0 and 1, (n, width).
            log_probs: of the columns, (n, width).
            temperature: of the soft rows.
        """
        gumbel = -jnp.log(-jnp.log(uniform))
        noisy = (log_probs + gumbel) / temperature
        shift = self._column_max(noisy)
        scaled = jnp.exp(noisy - shift)
        soft = scaled / self.spread(self.totals(scaled))
        hard = (noisy >= shift).astype(jnp.float32)
        return soft + jax.lax.stop_gradient(hard - soft)

    def _column_max(self, x: jax.Array) -> jax.Array:
        """The largest entry of each column at all its positions; has no gradient."""
        x = jax.lax.stop_gradient(x)
        if len(self.groups) == 1:
            tops = [
                jnp.broadcast_to(
                    x[:, self.span(j)].max(1, keepdims=True), (x.shape[0], size)
                )
                for j, size in enumerate(self.sizes)
            ]
            return jnp.concatenate(tops, axis=1)
        longest = max(self.sizes)
        inside = np.minimum(np.arange(longest), np.array(self.sizes)[:, None] - 1)
        at = self.offsets[:, None] + inside  # the last position stands for those beyond
        largest = x[:, jnp.asarray(at)].max(axis=2)
        column = np.arange(len(self.sizes)).repeat(self.sizes)
        return largest[:, jnp.asarray(column)]
