"""Whether what a model file says can be true: ranges, order, sums, definiteness.

Everything here is public or released. A file may come from anybody, so each part that
``artifact`` reads back passes a check before it is used; nothing is repaired. Every
function raises a ``FairveilError`` whose text holds no number or name of the file.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fairveil import _check, config
from fairveil.bins import Bins
from fairveil.codec import Inside
from fairveil.errors import ArtifactError, problem
from fairveil.marginals import Clique, Marginal, Sizes
from fairveil.nn.mixture import Mixture
from fairveil.post.apart import Redraw
from fairveil.post.generator import Generator
from fairveil.post.outcome import Outcome
from fairveil.post.sample import Sampler
from fairveil.post.wish import Wish
from fairveil.privacy.statement import FAIRNESS, Statement
from fairveil.schema import Column, Schema

# No honest number comes near it (bounds of a schema end at 2^53), and products of two,
# summed over a layer, stay finite in float32.
_MOST_SWEEPS = 100  # more would only be a trap for whoever samples
_LARGEST = 2.0**54
_SUM_TOLERANCE = 1e-9  # of probabilities; what NumPy's draws allow is wider
_LEAST_CONDITION = 1e-9  # of covariances: their roots and inverses can be trusted
_MOST_COLUMNS, _MOST_EVENTS = 1 << 12, 1 << 14
_MOST_WORK = 10**7  # of any width, number of steps or rows


def require(ok: object, what: str) -> None:
    """Raise unless ``ok``; ``what`` ends the sentence "the model file's ..."."""
    if not ok:
        raise ArtifactError(problem(f"the model file's {what}"))


def sized(array: np.ndarray, shape: tuple[int, ...], kind: type = float) -> np.ndarray:
    """The array, if it has this shape and only finite numbers of this kind."""
    fits = array.shape == shape and np.can_cast(array.dtype, kind, "same_kind")
    require(fits, "arrays do not fit together")
    near = np.abs(array.astype(kind)) <= _LARGEST  # not so for not-a-number
    require(near.all(), "numbers are out of range")
    return array


def positions(columns: Any, count: int) -> Clique:
    """Positions of columns: integers that rise and stay below ``count``."""
    require(isinstance(columns, list), "positions are no list")
    for column in columns:
        _check.whole(0, position=column)
    ends = [-1, *columns, count]
    rising = all(a < b for a, b in itertools.pairwise(ends))
    require(rising, "positions do not rise below the number of columns")
    return tuple(columns)


def amounts(facts: Mapping[str, Any]) -> None:
    """So few columns and events that what is done for each pair of them ends soon."""
    columns, events = facts["schema"]["columns"], facts["statement"]["events"]
    few = len(columns) <= _MOST_COLUMNS and len(events) <= _MOST_EVENTS
    require(few, "lists are too long")


def settings(fit: config.Fit) -> None:
    """Constants of the kind of their defaults, and no larger than is sensible."""
    for part in (getattr(fit, field.name) for field in dataclasses.fields(fit)):
        usual = type(part)()
        for field in dataclasses.fields(part):
            _like(field.name, getattr(part, field.name), getattr(usual, field.name))


def _like(name: str, value: Any, default: Any) -> None:
    if isinstance(default, tuple):
        require(isinstance(value, tuple), "settings are of another kind")
        for width in value:
            _sensible(1, **{name: width})
    elif isinstance(default, int) and not isinstance(default, bool):
        _sensible(0, **{name: value})
    elif isinstance(default, float):
        _check.finite(**{name: value})
    else:  # a switch, a name or nothing
        require(type(value) is type(default), "settings are of another kind")


def _sensible(least: int, **values: Any) -> None:
    _check.whole(least, **values)
    require(max(values.values()) <= _MOST_WORK, "settings are too large")


def steps(column: Column, step: Any) -> None:
    """Steps of bins where there are bins; very many categories may have some."""
    fits = column.kind == "categorical" or (step is None) != column.on_scale
    require(fits, "steps do not fit")


def inside(column: Column, parts: Inside) -> None:
    """Bins that the grid's cells make up, within the column's bounds."""
    bins, grid, label = parts.bins, parts.grid, parts.label
    for intervals in (grid, bins):
        _intervals(column, intervals)
    sized(label, (len(grid),), int)
    sized(parts.mass, (len(grid),))
    jumps = np.diff(label, prepend=-1, append=len(bins))
    first, last = jumps[:-1] == 1, jumps[1:] == 1
    covered = np.isin(jumps, (0, 1)).all() and jumps[0] == jumps[-1] == 1
    require(covered, "labels miss a bin")
    require((bins.lows == grid.lows[first]).all(), "bins do not begin with a cell")
    require((bins.highs == grid.highs[last]).all(), "bins do not end with a cell")
    require((parts.mass >= 0).all(), "masses lie below zero")


def _intervals(column: Column, bins: Bins) -> None:
    count = (bins.lows.size,)
    ends = np.stack([sized(bins.lows, count), sized(bins.highs, count)], axis=1).ravel()
    require(len(ends) and (np.diff(ends) >= 0).all(), "bins do not rise")
    step = 0.0 if column.places is None else 10.0**-column.places
    known = isinstance(bins.step, float) and bins.step in (0.0, step)
    require(known, "steps are not those of the schema")
    lowest, highest = column.reach()
    slack = step / 2  # rounding to the column's decimals may differ in the last bit
    within = lowest - slack <= ends[0] and ends[-1] <= highest + slack
    require(within, "bins lie outside the schema's bounds")


def mixture(parts: Mixture) -> None:
    """Positive weights of sum 1, symmetric positive definite covariances."""
    _shares(parts.weights)
    require((parts.weights > 0).all(), "mixture weights are not positive")
    cov = parts.covariances
    scale = np.maximum(np.abs(cov).max(axis=(1, 2)), 1.0)
    gap = np.abs(cov - cov.transpose(0, 2, 1)).max(axis=(1, 2))
    require((gap <= _SUM_TOLERANCE * scale).all(), "covariances are not symmetric")
    least = np.linalg.eigvalsh(cov).min(axis=1)
    require((least > _LEAST_CONDITION * scale).all(), "covariances are not positive")


def _shares(probs: np.ndarray) -> None:
    near = math.isclose(float(probs.sum()), 1.0, rel_tol=_SUM_TOLERANCE)
    require(near and (probs >= 0).all(), "probabilities are none")


def marginals(found: Sequence[Marginal], columns: int) -> None:
    """Every column's own counts first, then those of several."""
    for marginal in found:
        _check.in_range(0.0, _LARGEST, noise_stddev=marginal.noise_stddev)
        require(marginal.columns, "marginals have no columns")
    singles = [marginal.columns for marginal in found[:columns]]
    require(singles == [(j,) for j in range(columns)], "marginals lack a column")


def rows(n_hat: Any) -> int:
    """The noisy number of rows."""
    _check.whole(1, n_hat=n_hat)
    _check.in_range(1, _LARGEST, n_hat=n_hat)
    return n_hat


def codes(rows: np.ndarray, sizes: Sizes) -> np.ndarray:
    """Rows of codes that the columns have."""
    require(rows.ndim == 2 and len(rows) > 0, "rows are no table")  # noqa: PLR2004  (rows, columns)
    table = sized(rows, (len(rows), len(sizes)), int)
    known = (table >= 0) & (table < np.array(sizes))
    require(known.all(), "rows have unknown codes")
    return table.astype(np.int32)


def sweeps(count: Any) -> int:
    """Gibbs sweeps of each row."""
    _check.whole(1, sweeps=count)
    _check.in_range(1, _MOST_SWEEPS, sweeps=count)
    return count


def redraw(parts: Redraw, sizes: Sizes) -> None:
    """Codes that the columns have, with probabilities of sum 1 in each cell."""
    require(len(parts.cells) > 0, "redrawn cells are none")
    for line in parts.probs:
        _shares(line)
    limits = np.array([sizes[column] for column in parts.columns])
    known = (parts.cells >= 0) & (parts.cells < limits)
    require(known.all(), "redrawn cells have unknown codes")
    _check.in_range(0.0, 1.0, strength=parts.strength)


def outcome(parts: Outcome) -> None:
    """Shares of groups that lie between 0 and 1."""
    known = (parts.shares >= 0) & (parts.shares <= 1)
    require(known.all(), "shares of groups are none")


def wish(wanted: Wish, schema: Schema) -> None:
    """Settings that go together, for columns of the schema."""
    shares = wanted.shares
    require(isinstance(shares, (str, dict)), "shares are of another kind")
    wanted.check()
    wanted.check_columns(schema.learnt)


def granted(wanted: Wish, sampler: Sampler) -> None:
    """The sampler is what was wished for: its generator, its guarded columns."""
    own = _positions(wanted.sensitive, sampler)
    model, again = sampler.model, sampler.redraw
    trained = isinstance(model, Generator)
    require(trained == (wanted.generator == "wgan"), "generator is not the wish's")
    if isinstance(model, Generator):
        held = _positions((*wanted.sensitive, *wanted.legitimate), sampler)
        guarded = held if wanted.fairness == "independence" else ()
        require(model.anchored == guarded, "anchored columns are not the wish's")
    redrawn = {own} if wanted.ends_apart else {()}
    if wanted.fairness == "independence":
        redrawn.add(())  # files from before it ended with a redraw
    require((again.columns if again else ()) in redrawn, "redraw is not the wish's")
    require(again is None or again.strength == wanted.strength, "strengths differ")
    told = wanted.fairness == "outcome"
    require((sampler.outcome is not None) == told, "outcome is not the wish's")


def _positions(names: Sequence[str], sampler: Sampler) -> Clique:
    return tuple(sorted(sampler.codec.index(name) for name in names))


def agreed(statement: Statement, schema: Schema) -> None:
    """The statement speaks of this model: its schema's facts."""
    copied = bool(schema.copied_from_data())
    require(not (statement.private and copied), "facts were copied from the data")
    require(statement.fairness == FAIRNESS, "fairness statement is not the usual one")
    declared = statement.provenance.get("declared_by")
    require(declared == schema.declared_by, "facts were declared by others")
