"""Which columns of a bundle play which part in a promise of fairness.

Sees released things only. Everything here follows from the bundle and the wish, so a
model that is read back finds the same groups and cells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fairveil import _check
from fairveil._types import Codes
from fairveil.codec import ColumnCodec
from fairveil.errors import ConfigError, problem
from fairveil.marginals import Clique
from fairveil.post.apart import Redraw, learnt
from fairveil.post.bundle import Bundle
from fairveil.post.groups import LEAST_CELL, System, system, systems
from fairveil.post.loosen import Loosen, loosening
from fairveil.post.outcome import Roles
from fairveil.post.wish import Wish


def roles_of(bundle: Bundle, wish: Wish) -> Roles:
    """Which columns play which part in ``outcome``."""
    codec = bundle.codec
    own = positions(bundle, wish.sensitive)
    found = systems(bundle.rows, codec.sizes, own, codec.numeric)
    return Roles(codec.index(wish.target or ""), found, cells_of(bundle, wish))


def cells_of(bundle: Bundle, wish: Wish) -> System:
    """Cells of the legitimate columns; one where there are none."""
    return system(
        bundle.rows,
        bundle.codec.sizes,
        positions(bundle, wish.legitimate),
        bundle.codec.numeric,
        least=LEAST_CELL,
    )


def redrawing(bundle: Bundle, wish: Wish, believed: Codes) -> Redraw:
    """How the sensitive columns are drawn apart from the rest.

    Raises:
        ConfigError: shares that the release cannot have.
    """
    own = positions(bundle, wish.sensitive)
    found = learnt(believed, own, cells_of(bundle, wish), wish.strength)
    asked = wanted_shares(bundle, wish, found)
    return found.with_shares(asked) if asked else found


def positions(bundle: Bundle, names: Sequence[str]) -> Clique:
    """Positions of these columns, rising."""
    return tuple(sorted(bundle.codec.index(name) for name in names))


def loosening_of(bundle: Bundle, wish: Wish) -> Loosen | None:
    """How proxies are loosened; None where they are not.

    Raises:
        ConfigError: nothing is known of proxies, as no marginal of several columns was
            measured.
    """
    if not wish.proxies:
        return None
    if not bundle.joint_measured:
        what = "this fit measured no columns together, so it knows of no proxies"
        raise ConfigError(problem(what, try_="proxies=0"))
    return loosening(
        bundle.rows,
        bundle.codec.sizes,
        positions(bundle, wish.sensitive),
        wish.proxies,
        kept=positions(bundle, wish.legitimate),
        n_hat=bundle.n_hat,
        noise={m.columns: m.noise_stddev for m in bundle.marginals},
    )


def wanted_shares(
    bundle: Bundle, wish: Wish, found: Redraw
) -> dict[int, dict[int, float]]:
    """Shares that are asked for, by position of the column and by code.

    Raises:
        ConfigError: a value or a kind of column that cannot be meant.
    """
    if wish.shares == "kept":
        return {}
    out: dict[int, dict[int, float]] = {}
    for name in wish.sensitive if isinstance(wish.shares, str) else wish.shares:
        at = bundle.codec.index(name)
        column = bundle.codec.columns[at]
        if column.bins is not None:
            what = "shares can be set for categories only"
            raise ConfigError(problem(what, got=name, try_="leaving the column out"))
        if isinstance(wish.shares, str):
            out[at] = _equal(column, found, at)
        else:
            out[at] = _named(column, wish.shares[name])
    return out


def _equal(column: ColumnCodec, found: Redraw, at: int) -> dict[int, float]:
    """The same share for each value of the release; missing values keep theirs."""
    codes = found.cells[:, found.columns.index(at)]
    missing = float(found.probs[0, codes >= column.regular].sum())
    present = [int(code) for code in np.unique(codes[codes < column.regular])]
    return dict.fromkeys(present, (1.0 - missing) / max(len(present), 1))


def _named(column: ColumnCodec, wanted: Mapping[str, float]) -> dict[int, float]:
    labels = [str(value) for value in column.values]
    for value in wanted:
        _check.one_of(labels, **{f"a value of {column.column.name}": value})
    return {labels.index(value): float(share) for value, share in wanted.items()}
