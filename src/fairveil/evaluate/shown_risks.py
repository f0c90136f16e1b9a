"""The attacks of ``privacy_risks`` as a table, for a screen of 80 columns.

Secret: shows figures of real rows. No figure is computed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fairveil.evaluate.results_risks import (
    FINDING,
    MEMBERSHIP,
    NO_CONTROL,
    PASS,
    QUESTIONS,
    WEAK,
)
from fairveil.evaluate.shown import Line, Report, Section, Shown

HEADS = ("training\nrows", "control\nrows", "release\nunseen", "a copied\nrelease")
CAPTION = (
    "Control rows were never in the table: what is told of them is told of anybody.",
    "Release unseen: a guess without it.",
    "A copied release: what the attack would find in a copy of training rows.",
    "A pass is no proof: a stronger attack may succeed. Epsilon bounds them all.",
)

CONTROL = (
    "Control rows are real rows of the same population that the fit did not see. What "
    "a release tells of them it tells of anybody; a leak is what it tells of training "
    "rows beyond that."
)
LACKING = (
    "Privacy risks cannot be judged: there are no control rows.",
    CONTROL,
    (
        "Keep some rows back before the fit, and name them: --holdout control.csv. A "
        "share of REAL is none, for the fit may have seen all of it. The rates of the "
        "attacks on training rows alone are in --json."
    ),
)

_STATES = {
    FINDING: "FINDING: beyond control",
    PASS: "pass: as good as guessing",
    WEAK: "too weak to tell",
    NO_CONTROL: "no control rows",
}


def table(risks: Report) -> Shown:
    """One table, a section for each question."""
    sections: list[Section] = []
    for question, asked in QUESTIONS.items():
        lines: list[Line] = []
        for one in risks["attacks"]:
            if one["question"] == question:
                lines += _lines(one)
        if lines:
            sections.append((f"{question.capitalize()}: {asked}", lines))
    return HEADS, sections


def words(risks: Report) -> list[str]:
    """How many findings, or what is lacking; the check of sanity, and the notes."""
    states = [one["state"] for one in risks["attacks"]]
    told = (
        f"{states.count(FINDING)} of {len(states)} attacks tell more of training rows "
        "than of control rows."
    )
    notes = [f"Note: {note}." for note in risks["notes"]]
    lacking = [] if judged(risks) else [*LACKING, *_untried(risks)]
    return [*(lacking or [told]), risks["nearest"]["sentence"], *notes]


def judged(risks: Report) -> bool:
    """Whether there were control rows, without which nothing follows from a rate."""
    return all(one["state"] != NO_CONTROL for one in risks["attacks"])


def _untried(risks: Report) -> list[str]:
    """A sentence on the questions that were not even tried; none where all were."""
    found = risks["attacks"]
    tried = {one["question"] for one in found if one["main"]["attempts"]}
    left = [q for q in QUESTIONS if q not in tried]
    return [f"Not even tried without them: {', '.join(left)}."] if left else []


def _lines(one: Report) -> list[Line]:
    cells = [one[key] for key in ("main", "control", "naive", "planted")]
    lines: list[Line] = [(_label(one), [])]
    done = "claimed" if one["question"] == MEMBERSHIP else "was right"
    if one["main"]["attempts"]:
        lines += [
            (f"  {done}", [_share(cell) for cell in cells]),
            ("    95 % interval", [_between(cell) for cell in cells]),
            ("    of attempts", [_attempts(cell) for cell in cells]),
        ]
    return [*lines, (f"  {_STATES[one['state']]}", [])]


def _label(one: Report) -> str:
    name = one["name"]
    return f"{name}: {one['target']}" if one["question"] == "inference" else name


def _known(cell: Mapping[str, Any] | None) -> bool:
    return cell is not None and cell["value"] is not None


def _share(cell: Any) -> str:
    return f"{cell['value']:.3f}" if _known(cell) else "-"


def _between(cell: Any) -> str:
    if not _known(cell):
        return ""
    ends = (cell["interval"][end] for end in ("low", "high"))
    return "-".join(f"{end:.3f}".replace("0.", ".", 1) for end in ends)


def _attempts(cell: Any) -> str:
    return f"{cell['attempts']:,}" if _known(cell) else ""
