"""A report as text in tables, for a screen of 80 columns.

Secret: shows figures of real rows. No figure is computed here; a cell that has not
enough data says ``few rows``, one without a figure ``-``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from fairveil.evaluate.results import NOT_ENOUGH

Line: TypeAlias = tuple[str, list[str]]  # a label and its cells
Section: TypeAlias = tuple[str, list[Line]]  # a title and its lines
Shown: TypeAlias = tuple[tuple[str, ...], list[Section]]  # heads of cells, and sections
Report: TypeAlias = Mapping[str, Any]

FEW = "few rows"
_UNKNOWN = "-"
_SOURCES = ("real", "synthetic")
_BESIDE = ("real\nrows", "the\nrelease")
_MODELS = ("with_sensitive", "without_sensitive")
_FOUR = ("real\nrows", "the\nrelease", "real,\nhidden", "release,\nhidden")
_WITHIN = ("rows\nreal/made", "distance\nof pairs", "noise\nalone", "AUROC\nreal/made")
_MOST_GROUPS = 12
_LARGE = 10_000  # rows; above, in thousands
_WORDS = {NOT_ENOUGH: FEW, "below chance": "below .5"}

CAPTION = (
    "Under hidden, models do not see the sensitive columns.",
    "By chance alone: what permuted groups would have.",
    f"{FEW.capitalize()}: not enough data; such groups enter no range.",
)


def tables(report: Report) -> list[Shown]:
    """The tables of ``evaluate.report``; those without a line are left out."""
    found: list[Shown] = [
        (_BESIDE, [_alike(report), *_useful(report)]),
        (_FOUR, _outcomes(report)),
        (_BESIDE, [*_hidden(report), *_honest(report)]),
        (_WITHIN, _payers(report)),
    ]
    return [(heads, sections) for heads, sections in found if sections]


def _alike(report: Report) -> Section:
    title = "Alike: total variation distance to the real rows (lower is better)"
    distance = report["distance"]
    return title, [
        (ways, [_cell(distance[source][ways]["mean"]) for source in _SOURCES])
        for ways in distance["real"]
    ]


def _useful(report: Report) -> list[Section]:
    names = {"auroc": "AUROC (higher is better)", "accuracy": "accuracy"}
    if not report["utility"]:
        return []
    lines: list[Line] = [
        (text, [_cell(report["utility"][source][key]) for source in _SOURCES])
        for key, text in names.items()
    ]
    return [(f"Useful: predict {report['target']} of test rows", lines)]


# --- outcome ---------------------------------------------------------------------

_GAPS: Mapping[str, Callable[[Report], Any]] = {
    "parity at .5": lambda c: c["at_half"]["demographic_parity_difference"],
    "parity at the base rate": (
        lambda c: c["at_base_rate"]["demographic_parity_difference"]
    ),
    "  by chance alone": lambda c: c["at_base_rate"]["by_chance"],
    "  given legitimate columns": (
        lambda c: (c["at_base_rate"]["conditional"] or {}).get("difference")
    ),
    "ratio at the base rate": lambda c: c["at_base_rate"]["demographic_parity_ratio"],
    "equalized odds": lambda c: c["at_base_rate"]["equalized_odds_difference"],
    "mean score": lambda c: c["score_gap"],
}


def _outcomes(report: Report) -> list[Section]:
    block = report["outcome"]
    if not block:
        return []
    found = [block[source][model] for model in _MODELS for source in _SOURCES]
    lines: list[Line] = [("AUROC", [_cell(m and m["quality"]) for m in found])]
    for k, column in enumerate(found[0]["columns"]):
        lines.append((column["column"], []))
        each = [m["columns"][k] if m else None for m in found]
        for text, pick in _GAPS.items():
            cells = [pick(c) if c else None for c in each]
            if any(cell is not None for cell in cells):
                lines.append((f"  {text}", [_cell(cell) for cell in cells]))
            if text == "parity at the base rate":
                ends = [_between(cell) for cell in cells]
                lines.append(("    95 % interval", ends))
    title = "Fair: gaps between real groups of that prediction (0 is none, ratio 1)"
    return [(title, lines)]


# --- what rows tell of sensitive columns -----------------------------------------


def _hidden(report: Report) -> list[Section]:
    probed = _columns(
        report["probe"],
        {"": ("auroc", 3), "  verdict": ("verdict", 0)},
    )
    chance = {"": ("mutual_information", 4), "  by chance alone": ("null_mean", 4)}
    tested = {"": ("distance_correlation", 4), "  p-value": ("p_value", 3)}
    sections = [
        ("Hidden from an auditor of the other columns: AUROC (.5 is hidden)", probed),
        (
            "Hidden from clusters of the other columns: nats (by chance is hidden)",
            _columns(report["cluster_information"], chance),
        ),
        (
            "Real people: what clusters of these rows tell of the test rows, nats",
            _columns(report["real_people_information"], chance),
        ),
        (
            "Independent of the other columns: distance correlation, squared",
            _columns(report["dependence"], tested),
        ),
    ]
    return [(title, lines) for title, lines in sections if lines]


def _columns(block: Report, names: Mapping[str, tuple[str, int]]) -> list[Line]:
    lines: list[Line] = []
    for pair in zip(*(block.get(source, []) for source in _SOURCES), strict=True):
        for text, (key, places) in names.items():
            label = text or pair[0]["column"]
            lines.append((label, [_cell(found[key], places) for found in pair]))
    return lines


def _honest(report: Report) -> list[Section]:
    lines: list[Line] = []
    for one in report["honesty"].get("synthetic", []):
        mark = " (FAILS)" if one["fails"] else ""
        lines.append((f"{one['column']}: {one['state']}{mark}", []))
        sure = [_cell(one[key]) for key in ("confidence_real", "confidence")]
        lines.append(("  auditor's confidence", sure))
        told = [_cell(one[key], 4) for key in ("people_real", "people")]
        lines.append(("  real people beyond chance", told))
    title = "By name: what the release does; an auditor of real rows judges it, nats"
    return [(title, lines)] if lines else []


# --- who pays --------------------------------------------------------------------


def _payers(report: Report) -> list[Section]:
    sections: list[Section] = []
    for one in report["group_fidelity"].get("synthetic", []):
        areas = [_areas(report, source, one["column"]) for source in _SOURCES]
        names = list(one["groups"])
        lines: list[Line] = []
        for name in names[:_MOST_GROUPS]:
            group = one["groups"][name]
            rows = f"{_rows(group['n_real'])}/{_rows(group['n_synthetic'])}"
            both = "/".join(_short(found.get(name)) for found in areas)
            told = [_cell(group[key]) for key in ("tvd2", "noise2")]
            lines.append((name, [rows, *told, both if any(areas) else _UNKNOWN]))
        if len(names) > _MOST_GROUPS:
            lines.append((f"and {len(names) - _MOST_GROUPS} more groups", []))
        sections.append((f"Who pays: within the groups of {one['column']}", lines))
    return sections


def _areas(report: Report, source: str, column: str) -> Mapping[str, Any]:
    """AUROC within each group of one question; empty where nothing is predicted."""
    block = report["group_utility"].get(source, [])
    if report["outcome"]:  # knows which groups have enough of both outcomes
        block = report["outcome"][source]["with_sensitive"]["columns"]
    groups = next((one["groups"] for one in block if one["column"] == column), {})
    return {name: group["auroc"] for name, group in groups.items()}


# --- cells -----------------------------------------------------------------------


def _cell(value: Any, places: int = 3) -> str:
    if isinstance(value, Mapping):
        value = value["value"]
    if value is None:
        return _UNKNOWN
    return _WORDS.get(value, value) if isinstance(value, str) else f"{value:.{places}f}"


def _between(figure: Any) -> str:
    ends = figure["interval"] if isinstance(figure, Mapping) else {}
    if None in ends.values() or not ends:
        return ""
    return f"{_short(ends['low'])}-{_short(ends['high'])}"


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        value = value["value"]
    if value is None or isinstance(value, str):
        return _UNKNOWN
    return f"{value:.3f}".replace("0.", ".", 1)


def _rows(n: int) -> str:
    return str(n) if n < _LARGE else f"{n / 1000:.0f}k"
