"""Parts of a model file: networks, and how sensitive columns or targets are drawn.

Public: released things only. Each part is written as facts and arrays, and read back
with the checks of ``_artifact_checks``.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from fairveil import _artifact_checks as checks
from fairveil.nn.heads import HeadShape
from fairveil.post.apart import Redraw
from fairveil.post.bundle import Bundle
from fairveil.post.outcome import Outcome, expecting, naming
from fairveil.post.roles import cells_of, positions, roles_of, wanted_shares
from fairveil.post.wish import Wish

Tensors = dict[str, np.ndarray]
_MET = 1e-3  # of a share


def describe_redraw(redraw: Redraw | None, tensors: Tensors) -> dict[str, Any] | None:
    if redraw is None:
        return None
    tensors["redraw/cells"], tensors["redraw/probs"] = redraw.cells, redraw.probs
    return {"strength": redraw.strength}


def describe_outcome(found: Outcome | None, tensors: Tensors) -> dict[str, Any] | None:
    if found is None:
        return None
    tensors.update(flattened("expects", found.expects))
    tensors.update(flattened("names", found.names))
    tensors["outcome/shares"], tensors["outcome/theta"] = found.shares, found.theta
    return {"target": found.roles.target}


def redraw(
    facts: Mapping[str, Any] | None, bundle: Bundle, wish: Wish, tensors: Tensors
) -> Redraw | None:
    if facts is None:
        return None
    columns, given = positions(bundle, wish.sensitive), cells_of(bundle, wish)
    kinds = len(tensors["redraw/cells"])
    table = checks.sized(tensors["redraw/cells"], (kinds, len(columns)), int)
    probs = checks.sized(tensors["redraw/probs"], (given.count, kinds))
    redraw = Redraw(columns, table, probs, facts["strength"], given)
    checks.redraw(redraw, bundle.codec.sizes)
    asked = wanted_shares(bundle, wish, redraw)
    if asked:
        met = redraw.with_shares(asked).probs
        checks.require(np.abs(met - probs).max() < _MET, "shares are not the wish's")
    return redraw


def outcome(
    facts: Mapping[str, Any] | None, bundle: Bundle, wish: Wish, tensors: Tensors
) -> Outcome | None:
    checks.require(
        (facts is None) == (wish.target is None), "outcome is not the wish's"
    )
    if facts is None:
        return None
    sizes, roles = bundle.codec.sizes, roles_of(bundle, wish)
    groups = sum(found.count for found in roles.systems)
    theta = tensors["outcome/theta"]
    older = theta.ndim == 3 and theta.shape[1] == 2 * groups  # noqa: PLR2004  (cells, weights, classes)
    found = Outcome(
        sizes,
        roles,
        _heads("expects", expecting(sizes, roles), tensors),
        _heads("names", naming(sizes, roles), tensors),
        checks.sized(tensors["outcome/shares"], (roles.cells.count, groups)),
        checks.sized(
            theta,
            (roles.cells.count, 2 * groups + (not older), sizes[roles.target]),
        ),
    )
    checks.outcome(found)
    return found


def _heads(
    root: str, shape: HeadShape, tensors: Tensors
) -> dict[str, dict[str, np.ndarray]]:
    width, total = shape.blocks.width, sum(shape.classes)
    deep = layers(root, "head", (width, shape.hidden, total), tensors)
    return deep | layers(root, "direct", (width, total), tensors)


def layers(
    root: str, prefix: str, sizes: tuple[int, ...], tensors: Tensors
) -> dict[str, dict[str, np.ndarray]]:
    return {
        f"{prefix}{i}": {
            "w": checks.sized(tensors[f"{root}/{prefix}{i}/w"], (n_in, n_out)),
            "b": checks.sized(tensors[f"{root}/{prefix}{i}/b"], (n_out,)),
        }
        for i, (n_in, n_out) in enumerate(itertools.pairwise(sizes))
    }


def flattened(root: str, layers: Mapping[str, Mapping[str, Any]]) -> Tensors:
    return {
        f"{root}/{name}/{part}": np.asarray(array)
        for name, layer in layers.items()
        for part, array in layer.items()
    }
