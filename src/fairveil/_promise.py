"""The promise of fairness that a release makes, in words and settings.

Public: settings and column names only. It is no part of the privacy statement: one fit
may make many releases, each with a promise of its own, and none costs privacy.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fairveil.artifact import Contents

_NONE = "No sensitive column was named: the release makes no promise of fairness."
_MODES: Mapping[str | None, str] = {
    None: "Fairness is switched off: the release keeps the dependence on {columns}.",
    "redraw": (
        "The released {columns} were redrawn apart from the rest of each row{given}: "
        "they say nothing of it.{proxies}"
    ),
    "independence": (
        "The released {columns} are trained to carry no information on the rest of the "
        "row{given}; small tables and rare groups may keep some, so measure it "
        "('redraw' is exact).{proxies}"
    ),
    "outcome": (
        "The released {target} is drawn so that it says nothing of {columns}{given}, "
        "alone or together, where a group is large enough; all other columns keep what "
        "they say. A model of {target} that sees {columns} treats groups alike as far "
        "as the release is right about them; one that does not see them keeps a part "
        "of its gap (blind = {blind:g}). Equal odds are not promised."
    ),
}
_TRAINED_AND_REDRAWN = (
    "The released {columns} are trained to carry no information on the rest of the "
    "row{given}, and were redrawn apart from it at the end: they say nothing of "
    "it.{proxies}"
)
_UNTOUCHED = " Their proxies among the other columns are as in the data."
_NOTHING = " At strength 0 nothing of this holds: the release is as without a promise."
_PART = " At strength {strength:g} this holds in part."
_GIVEN = ", beyond what goes through {legitimate}"
_LOOSE = (
    " Proxies were loosened (proxies = {proxies:g}): the columns that name the groups "
    "best hang less on the others than they do in the data."
)
_SHARES = " Shares of the groups were set, not measured: {shares}."

_STILL = " This holds in this sample, too; its shares are as asked, not as measured."
_NOT_AMONG = (
    " This is a promise of the whole release: among rows picked by {columns} the "
    "groups may differ in the target."
)
_MIXED = (
    " In this sample it holds in part: groups and other columns were balanced together."
)


def fairness_promise(release: Contents) -> dict[str, Any]:
    """The promise of a release as plain JSON values, its words first."""
    wish = release.wish
    return {
        "promise": _words(release),
        "mode": wish.fairness,
        "sensitive": list(wish.sensitive),
        "strength": wish.strength,
        "target": wish.target,
        "legitimate": list(wish.legitimate),
        "blind": wish.blind if wish.fairness == "outcome" else None,
        "proxies": wish.proxies,
        "shares": wish.shares
        if isinstance(wish.shares, str)
        else {name: dict(found) for name, found in wish.shares.items()},
        "costs_privacy": False,
    }


def promise_of_sample(
    release: Contents, where: Collection[str] = (), balance: Collection[str] = ()
) -> str:
    """What the promise becomes for rows under a condition, or of balanced groups.

    Args:
        release: that the rows are drawn of.
        where: names of the columns that a condition is about.
        balance: names of the columns whose shares are set.
    """
    wish, words = release.wish, _words(release)
    named = {*where, *balance}
    if wish.fairness is None or not wish.sensitive or not named:
        return words
    own = named & set(wish.sensitive)
    if wish.fairness == "outcome":
        others = sorted(named - {wish.target, *wish.sensitive, *wish.legitimate})
        if not others:
            return words + _STILL
        return words + _NOT_AMONG.format(columns=", ".join(others))
    mixed = own and set(balance) - own
    if mixed and (wish.legitimate or wish.strength < 1.0):
        return words + _MIXED
    return words + _STILL


def _words(release: Contents) -> str:
    wish = release.wish
    if not wish.sensitive:
        return _NONE
    given = _GIVEN.format(legitimate=", ".join(wish.legitimate))
    # older model files of independence do not end with a redraw
    exact = wish.fairness == "independence" and release.sampler.redraw is not None
    text = (_TRAINED_AND_REDRAWN if exact else _MODES[wish.fairness]).format(
        columns=", ".join(wish.sensitive),
        target=wish.target,
        blind=wish.blind,
        given=given if wish.legitimate else "",
        proxies="" if wish.proxies else _UNTOUCHED,
    )
    if wish.fairness is not None and wish.strength < 1.0:
        text += _PART.format(strength=wish.strength) if wish.strength else _NOTHING
    if wish.proxies:
        text += _LOOSE.format(proxies=wish.proxies)
    if wish.shares != "kept":
        text += _SHARES.format(shares=_told(wish.shares))
    return text


def _told(shares: str | Mapping[str, Mapping[str, float]]) -> str:
    if isinstance(shares, str):
        return f"all values {shares}"
    return "; ".join(
        f"{name} " + ", ".join(f"{value} {share:g}" for value, share in found.items())
        for name, found in shares.items()
    )
