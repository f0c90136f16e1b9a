"""The report as one page: the facts of its JSON, nothing more. CONFIDENTIAL.

Promises: one file, which asks nothing of a network; every text of a table is escaped;
the same facts give the same page under one version of matplotlib.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fairveil.evaluate import shown_risks
from fairveil.publish import page
from fairveil.publish.page import percent, picture
from fairveil.report import draw, glance, plots, words

_WORST = 12
_NOISIEST = 15


def rendered(facts: Mapping[str, Any]) -> str:
    """The page.

    Args:
        facts: of a report (``InternalReport.to_dict``).

    Raises:
        UnsupportedError: jinja2 or matplotlib is not installed.
    """
    stamps = (
        ("confidential",)
        if facts["fit"]["private"]
        else ("not-private", "confidential")
    )
    return page.render(
        "report.html",
        stamps=stamps,
        facts=facts,
        charts={name: _drawn(name, facts) for name in plots.PLOTS},
        glance=glance.lines(facts),
        singles={s["columns"][0]: s for s in facts["errors"][0]["sets"]},
        errors={one["ways"]: one for one in facts["errors"]},
        worst=_worst(facts),
        noisiest=sorted(facts["fit"]["noise"], key=lambda n: -n["expected"])[
            :_NOISIEST
        ],
        expected=_expected(facts),
        apart=_apart(facts),
        legitimate=bool(facts["evaluation"]["legitimate"]),
        scale=plots.difference_scale(facts),
        questions=_questions(facts),
        sources=words.SOURCES,
        control_rows=shown_risks.CONTROL,
        figure=figure,
        parts=parts,
        rate=rate,
        rates=rates,
        percent=percent,
    )


def figure(found: Any, digits: int = 3) -> str:
    """A figure with its interval, as text; a dash where there is none."""
    value, ends = parts(found, digits)
    return f"{value} ({ends})" if ends else value


def parts(found: Any, digits: int = 3) -> tuple[str, str]:
    """A figure and its interval as two texts; the second is empty without one."""
    if found is None:
        return "-", ""
    if isinstance(found, str):
        return found, ""
    if isinstance(found, (int, float)):
        return f"{found:.{digits}f}", ""
    if found.get("value") is None:
        return "-", ""
    ends = found.get("interval") or {}
    if ends.get("low") is None or ends.get("high") is None:
        return f"{found['value']:.{digits}f}", ""
    said = f"{ends['low']:.{digits}f} to {ends['high']:.{digits}f}"
    return f"{found['value']:.{digits}f}", said


def rates(found: Any, digits: int = 1) -> tuple[str, str]:
    """``parts`` of a share, as per cent."""
    if found is None or found["value"] is None:
        return "-", ""
    ends = found["interval"]
    low, high = (f"{100 * ends[end]:.{digits}f}" for end in ("low", "high"))
    return f"{100 * found['value']:.{digits}f} %", f"{low} to {high} %"


def rate(found: Any) -> str:
    """A rate of an attack with its interval, as text."""
    value, ends = rates(found)
    return f"{value} ({ends})" if ends else value


def _drawn(name: str, facts: Mapping[str, Any]) -> list[Any]:
    return [picture(draw.inline(chart)) for chart in plots.PLOTS[name](facts)]


def _worst(facts: Mapping[str, Any]) -> dict[int, list[Mapping[str, Any]]]:
    """Sets of columns by number of columns, the furthest beyond chance first."""
    return {
        one["ways"]: sorted(one["sets"], key=lambda s: s["noise"] - s["error"])[:_WORST]
        for one in facts["errors"]
    }


def _apart(facts: Mapping[str, Any]) -> dict[int, tuple[float | None, float | None]]:
    """Errors without the columns that the promise moves, by number of columns."""
    own = words.moved(facts["fit"]["fairness"])
    if not own:
        return {}
    return {one["ways"]: glance.apart(one, own) for one in facts["errors"]}


def _expected(facts: Mapping[str, Any]) -> dict[int, float]:
    """Mean distance that the budget's noise alone makes, by number of columns."""
    found: dict[int, list[float]] = {}
    for one in facts["fit"]["noise"]:
        found.setdefault(len(one["columns"]), []).append(one["expected"])
    return {ways: sum(values) / len(values) for ways, values in found.items()}


def _questions(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What is known of each sensitive question, real rows beside the release."""
    block = facts["evaluation"]
    found = []
    for k, made in enumerate(block["probe"].get("synthetic", ())):
        one: dict[str, Any] = {"column": made["column"]}
        for name in (
            "probe",
            "cluster_information",
            "real_people_information",
            "dependence",
        ):
            sides = block[name]
            one[name] = {
                side: sides[side][k] if k < len(sides.get(side, ())) else None
                for side in ("real", "synthetic")
            }
        honest = block["honesty"].get("synthetic", ())
        one["honesty"] = honest[k] if k < len(honest) else None
        found.append(one)
    return found
