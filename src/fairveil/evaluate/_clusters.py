"""K-Means in the space of the columns that are not sensitive.

Secret where the table is real. Numbers are standardised and categories one-hot, so that
two different categories are as far apart (squared distance 2) as two random numbers of
one column are on average. Missing numbers sit at the mean, missing and rare categories
at the origin.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.cluster import MiniBatchKMeans

from fairveil._types import Floats
from fairveil.evaluate._models import threads
from fairveil.evaluate._tables import Ints

_MOST_CATEGORIES = 50
_BATCH = 4096
_FAR = 1e6  # deviations: squares keep their digits
_GLANCE = 1000  # rows that mostly show enough different ones already


@dataclass(frozen=True)
class Axis:
    """How one column enters the space; ``categories`` is None for a number.

    A number is moved by ``centre`` and multiplied by ``scale``; 0 hides a constant.
    Values of another table than the fitted one are held within ``_FAR`` of the centre.
    """

    categories: Floats | None
    centre: float = 0.0
    scale: float = 0.0

    def place(self, values: Floats) -> npt.NDArray[np.float32]:
        """The (rows, 1 or categories) coordinates of a column."""
        if self.categories is None:
            moved = np.nan_to_num((values - self.centre) * self.scale)
            return np.clip(moved, -_FAR, _FAR)[:, None].astype(np.float32)
        hit = np.equal.outer(values, self.categories)
        return hit.astype(np.float32)


@dataclass(frozen=True)
class Clustering:
    """Clusters fitted to one table, ready to take the rows of another.

    Attributes:
        size: number of clusters; fewer than wished where rows look alike.
    """

    axes: tuple[Axis, ...]
    model: MiniBatchKMeans
    size: int

    def assign(self, matrix: Floats) -> Ints:
        """Cluster of each row of a (rows, features) matrix, coded as the fitted one."""
        with threads(matrix):
            member: Any = self.model.predict(embed(self.axes, matrix))
        return np.asarray(member, dtype=np.int64)


def fit(matrix: Floats, cardinality: Ints, *, clusters: int, seed: int) -> Clustering:
    """Fit K-Means to a (rows, features) matrix with NaN for missing.

    Args:
        matrix: numbers, and codes of categories.
        cardinality: (features,) number of categories; 0 for a numeric column.
        clusters: clusters wished.
        seed: of the initial centroids and the batches.
    """
    axes = space(matrix, cardinality)
    points = embed(axes, matrix)
    size = min(clusters, _distinct(points, enough=clusters))
    starts: Any = 5
    model = MiniBatchKMeans(size, batch_size=_BATCH, n_init=starts, random_state=seed)
    with threads(matrix):
        return Clustering(axes, model.fit(points), size)


def space(matrix: Floats, cardinality: Ints) -> tuple[Axis, ...]:
    """The axes that a (rows, features) matrix spans; arguments as of ``fit``."""
    return tuple(
        _number_axis(values) if count == 0 else _category_axis(values)
        for values, count in zip(matrix.T, cardinality, strict=True)
    )


def embed(axes: tuple[Axis, ...], matrix: Floats) -> npt.NDArray[np.float32]:
    """The (rows, dimensions) points of a matrix in a space."""
    return np.hstack([a.place(v) for a, v in zip(axes, matrix.T, strict=True)])


def _distinct(points: npt.NDArray[np.float32], *, enough: int) -> int:
    """Number of different rows, or any number of at least ``enough``."""
    seen = len(np.unique(points[:_GLANCE], axis=0))
    return seen if seen >= enough else len(np.unique(points, axis=0))


def _number_axis(values: Floats) -> Axis:
    known = values[~np.isnan(values)]
    if not len(known):
        return Axis(None)
    deviation = float(known.std())
    return Axis(None, float(known.mean()), 1 / deviation if deviation > 0 else 0.0)


def _category_axis(values: Floats) -> Axis:
    known, counts = np.unique(values[~np.isnan(values)], return_counts=True)
    top = np.argsort(-counts, kind="stable")[:_MOST_CATEGORIES]
    return Axis(known[top])
