"""The pictures of a report by name, from its JSON alone.

Secret, like the report; but ``budget``, ``stages`` and ``frontier`` show released and
synthetic figures only. A picture whose figures are not there is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from fairveil.report.charts import (
    BOTH,
    Line,
    Mark,
    Series,
    bars,
    cloud,
    dots,
    heat,
    shares,
    steps,
)
from fairveil.report.draw import ACCENT, SECOND, SOFT, Chart, label

Facts: TypeAlias = Mapping[str, Any]

WORST = 12  # sets of columns that are shown
MOST_GROUPS = 18
_PAIR = 2
_SIDES = (
    Series("training rows", ACCENT, "o"),
    Series("control rows", SOFT, "s"),
    Series("a guess without the release", SECOND, "x"),
)
_AXES = {
    "hidden": "what an auditor of the release finds (left is fairer)",
    "parity": "worst gap in predictions beyond chance (left is fairer)",
    "people": "part that clusters still tell (left is fairer)",
}
_PROMISES = {"redraw": "hidden", "independence": "hidden", "outcome": "parity"}


def columns(facts: Facts) -> list[Chart]:
    """Each column, real and synthetic."""
    return [shares(one) for one in facts["columns"]]


def pairs(facts: Facts) -> list[Chart]:
    """Association of all pairs: real, synthetic, and what was added or lost."""
    found = facts["associations"]
    real, made, names = found["real"], found["synthetic"], found["columns"]
    if len(names) < _PAIR:
        return []
    difference = [
        [None if a is None or b is None else b - a for a, b in zip(*row, strict=True)]
        for row in zip(real, made, strict=True)
    ]
    return [
        heat(real, names, title="Real rows"),
        heat(made, names, title="The release"),
        heat(
            difference,
            names,
            title="The release minus real rows",
            full=difference_scale(facts),
        ),
    ]


def difference_scale(facts: Facts) -> float:
    """The difference that has the full colour in ``pairs``."""
    found = facts["associations"]
    gaps = [
        abs(b - a)
        for row in zip(found["real"], found["synthetic"], strict=True)
        for a, b in zip(*row, strict=True)
        if a is not None and b is not None
    ]
    return max([0.1, *gaps])


def errors(facts: Facts) -> list[Chart]:
    """The pairs that are furthest beyond chance."""
    wanted = [one for one in facts["errors"] if one["ways"] == _PAIR]
    if not wanted:
        return []
    worst = sorted(wanted[0]["sets"], key=lambda one: one["noise"] - one["error"])
    lines = [
        Line(
            " x ".join(label(name, 12) for name in one["columns"]),
            (Mark(one["error"]),),
            band=(0.0, one["noise_high"]),
        )
        for one in worst[:WORST]
    ]
    return [
        dots(
            lines,
            title="Pairs of columns furthest beyond chance",
            x="distance (grey: chance)",
            series=BOTH[1:],
            zero=True,
        )
    ]


def usefulness(facts: Facts) -> list[Chart]:
    """AUROC on real test rows, of models of real rows and of the release."""
    block = facts["evaluation"]["utility"]
    if not block:
        return []
    whole = [
        _ended(block[source]["auroc"], block[source]["auroc_interval"])
        for source in ("real", "synthetic")
    ]
    lines = [Line("all test rows", tuple(whole))]
    for question in _judged(facts):
        found = _lines(question, "auroc")
        if any(any(line.marks) for line in found):
            lines += [Line(question[0]["column"], heading=True), *found]
    return [
        dots(
            lines[: MOST_GROUPS + 4],
            title="Prediction within groups: AUROC",
            x="AUROC on real test rows (right is better)",
        )
    ]


def fairness(facts: Facts) -> list[Chart]:
    """Share of each real group that models say yes to; what is true of it, a tick."""
    made = []
    for question in _judged(facts):
        rate = "matched_rate"
        if any("mean_prediction" in g for g in question[0]["groups"].values()):
            rate = "mean_prediction"
        found = _lines(question, rate, observed=True)[:MOST_GROUPS]
        if any(any(line.marks) for line in found):
            made.append(
                dots(
                    found,
                    title=f"Predicted positive, by {label(question[0]['column'], 40)}",
                    x="predicted positive (upright: observed)"
                    if rate == "matched_rate"
                    else "mean prediction (upright: observed)",
                )
            )
    return made


def _judged(facts: Facts) -> list[tuple[Facts, Facts]]:
    """Each question: groups under models of real rows, and under those of the release.

    Models that see all columns.
    """
    block = facts["evaluation"]["outcome"]
    if not block:
        return []
    sides = [block[s]["with_sensitive"]["columns"] for s in ("real", "synthetic")]
    return list(zip(*sides, strict=True))


def _lines(
    question: tuple[Facts, Facts], figure: str, *, observed: bool = False
) -> list[Line]:
    """A line for each group, the largest first."""
    real, made = question
    names = sorted(real["groups"], key=lambda name: -real["groups"][name]["n"])
    return [
        Line(
            name,
            tuple(
                Mark.of(side["groups"].get(name, {}).get(figure))
                for side in (real, made)
            ),
            tick=_value(real["groups"][name].get("observed")) if observed else None,
        )
        for name in names
    ]


def hidden(facts: Facts) -> list[Chart]:
    """How well an auditor reads each sensitive column from the others."""
    block = facts["evaluation"]["probe"]
    if not block.get("synthetic"):
        return []
    lines = [
        Line(
            made["column"],
            tuple(_ended(one["auroc"], one["interval"]) for one in (real, made)),
        )
        for real, made in zip(block["real"], block["synthetic"], strict=True)
    ]
    return [
        dots(
            lines,
            title="What the other columns tell of a sensitive one",
            x="AUROC of an auditor (.5: hidden)",
            reference=0.5,
        )
    ]


def payers(facts: Facts) -> list[Chart]:
    """Error of the pairs within each group, beside chance."""
    lines: list[Line] = []
    for one in facts["evaluation"]["group_fidelity"].get("synthetic", ()):
        groups = sorted(one["groups"].items(), key=lambda pair: -pair[1]["n_real"])
        lines.append(Line(one["column"], heading=True))
        for name, found in groups[:MOST_GROUPS]:
            if isinstance(found["tvd2"], str):
                lines.append(Line(name))
            else:
                mark = (Mark(found["tvd2"]),)
                lines.append(Line(name, mark, band=(0.0, found["noise2"])))
    if not any(line.marks for line in lines):
        return []
    return [
        dots(
            lines[: 2 * MOST_GROUPS],
            title="Who pays: error of pairs within groups",
            x="distance of pairs (grey: chance)",
            series=BOTH[1:],
            zero=True,
        )
    ]


def attacks(facts: Facts) -> list[Chart]:
    """Each attack on rows that the fit saw, on control rows, and a guess."""
    if facts["risks"] is None:
        return []
    lines: list[Line] = []
    tried = [one for one in facts["risks"]["attacks"] if one["main"]["attempts"]]
    for question, found in _by_question(tried):
        lines.append(Line(question, heading=True))
        lines += [
            Line(
                _named(one),
                tuple(Mark.of(one[side]) for side in ("main", "control", "naive")),
            )
            for one in found
        ]
    return [
        dots(
            lines,
            title="Attacks on the release",
            x="right among attempts",
            series=_SIDES,
            zero=True,
        )
    ]


def _named(attack: Facts) -> str:
    """The column that is attacked; of linkability, the attack."""
    one_column = attack["target"] and attack["question"] != "linkability"
    return attack["target"] if one_column else attack["name"]


def _by_question(found: Iterable[Facts]) -> list[tuple[str, list[Facts]]]:
    questions: dict[str, list[Facts]] = {}
    for one in found:
        questions.setdefault(one["question"], []).append(one)
    return list(questions.items())


def budget(facts: Facts) -> list[Chart]:
    """Part of the budget by stage."""
    stages = facts["fit"]["stages"]
    if not stages:
        return []
    return [bars(stages, title="Budget by stage", x="share of the budget (rho)")]


def stages(facts: Facts) -> list[Chart]:
    """Distance to the noisy marginals after each stage of post-processing."""
    post, noise = facts["fit"]["post"], facts["fit"]["noise"]
    lines = {
        name: [one[key] for one in post]
        for name, key in (("single columns", "single"), ("several columns", "joint"))
        if any(one[key] is not None for one in post)
    }
    floors = {}
    for name, several in (("single columns", False), ("several columns", True)):
        told = [
            one["expected"]
            for one in noise
            if (len(one["columns"]) > 1) is several and one["release"] is not None
        ]
        if told:
            floors[name] = sum(told) / len(told)
    return [
        steps(
            [one["name"].replace(" ", "\n", 1) for one in post],
            lines,
            floors,
            title="Distance to the noisy marginals, stage by stage",
            y="total variation distance",
        )
    ]


def frontier(facts: Facts) -> list[Chart]:
    """Loss against unfairness of other releases, a chart for each promise."""
    found = facts["frontier"]
    if found is None:
        return []
    made = []
    for promise, x in _AXES.items():
        own = [one for one in found["candidates"] if _place(one, promise) is not None]
        best = [one for one in own if promise in one["pareto"]]
        if not best:  # there is nothing, or the sweep did not rank by this
            continue
        rest = [one for one in own if promise not in one["pareto"]]
        groups = {"nothing beats it": best, "another is better": rest}
        ring = [_place(one, promise) for one in own if _is_this(one, facts)]
        made.append(
            cloud(
                {n: [_at(o, promise) for o in g] for n, g in groups.items()},
                title=f"Frontier: {promise}",
                x=x,
                y="loss of utility (down is better)",
                ring=ring[0] if ring else None,
            )
        )
    return made


def _at(one: Facts, promise: str) -> tuple[float, float]:
    place = _place(one, promise)
    return (0.0, 0.0) if place is None else place


def _place(one: Facts, promise: str) -> tuple[float, float] | None:
    """Where a candidate stands; None where the promise does not rank it."""
    if promise == "people":
        unfair = one.get("people")
    elif _PROMISES.get(one["settings"]["mode"]) != promise:
        return None
    else:
        unfair = None if one["settings"].get("proxies") else one["unfairness"]
    return None if unfair is None else (unfair, one["loss"])


def _is_this(one: Facts, facts: Facts) -> bool:
    """Whether a candidate has the settings of the release that the report is about."""
    said, settings = facts["fit"]["fairness"], one["settings"]
    same = ["strength", "proxies", *(["blind"] if said["mode"] == "outcome" else [])]
    return settings["mode"] == said["mode"] and all(
        settings.get(name) in (said.get(name), None) for name in same
    )


def _ended(value: float | None, interval: Facts) -> Mark | None:
    if value is None:
        return None
    return Mark(value, interval["low"], interval["high"])


def _value(figure: Any) -> float | None:
    mark = Mark.of(figure)
    return None if mark is None else mark.value


PLOTS: Mapping[str, Callable[[Facts], Sequence[Chart]]] = {
    "columns": columns,
    "pairs": pairs,
    "errors": errors,
    "usefulness": usefulness,
    "fairness": fairness,
    "hidden": hidden,
    "payers": payers,
    "attacks": attacks,
    "budget": budget,
    "stages": stages,
    "frontier": frontier,
}
TITLES: Mapping[str, str] = {
    "columns": "Columns: real rows (grey) and the release (blue)",
    "pairs": "Association of pairs of columns (full colour: 1, or the largest gap)",
    "errors": "Errors of pairs beside chance",
    "usefulness": "Models of real rows (grey) and of the release (blue)",
    "fairness": "Predictions of models of real rows (grey) and of the release (blue)",
    "hidden": "Sensitive columns: real rows (grey) and the release (blue)",
    "payers": "Error within groups beside chance",
    "attacks": "Attacks: training rows (blue), control rows (grey), a guess (orange)",
    "budget": "What the budget was spent on",
    "stages": "Distance to the noisy marginals",
    "frontier": "Other releases of the same fit",
}
PUBLIC = ("budget", "stages", "frontier")  # figures of no real row
