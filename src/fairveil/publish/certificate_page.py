"""The certificate as a page for people: the same facts as its JSON, nothing more.

Public, like the facts. Bounds that the page draws are computed from the statement in
them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fairveil.privacy.attacker import promised
from fairveil.privacy.statement import Statement
from fairveil.publish import page, pictures, words
from fairveil.publish.meaning import power_curve

_ADDED = ("times", "share")
_CHANCE = [(0.0, 0.0), (1.0, 1.0)]


def rendered(facts: Mapping[str, Any]) -> str:
    """The page.

    Args:
        facts: of a certificate.

    Raises:
        UnsupportedError: jinja2 is not installed.
    """
    private = facts["private"]
    used = set(facts["sources"].values())
    return page.render(
        "certificate.html",
        stamps=("synthetic",) if private else ("not-private", "synthetic"),
        facts=facts,
        curve=_curve(facts) if private else "",
        looks=_together(facts["budget"]["events"]),
        interval=pictures.interval,
        share=pictures.share,
        picture=page.picture,
        src=lambda path: words.source_of(facts, path),
        sources={name: text for name, text in words.SOURCES.items() if name in used},
    )


def _together(events: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Looks that are alike in everything but their place, in one line."""
    lines: dict[str, dict[str, Any]] = {}
    for event in events:
        alike = {k: v for k, v in event.items() if k not in _ADDED}
        line = lines.setdefault(repr(alike), {**alike, **dict.fromkeys(_ADDED, 0)})
        for key in _ADDED:
            missing = None in (event[key], line[key])
            line[key] = None if missing else line[key] + event[key]
    return list(lines.values())


def _curve(facts: Mapping[str, Any]) -> str:
    promise = promised(Statement.from_dict(facts["statement"]))
    rate = facts["attacker"]["false_positives"]
    found = facts["attacker"]["true_positives"]
    return pictures.curves(
        [
            ("this fit", power_curve(promise)),
            ("epsilon and delta alone", power_curve(promise.by_epsilon)),
            ("guessing", _CHANCE),
        ],
        title=(
            "Share of those inside the table that an attack finds at most, by the "
            f"share of those outside that it accuses: {page.percent(found)} at "
            f"{page.percent(rate)}."
        ),
        x="wrongly accused",
        y="found, at most",
        mark=(rate, found),
    )
