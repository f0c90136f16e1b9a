"""The first table of a report: each question, a short answer, its figures.

Secret, like the figures. Answers are words that a figure earns; none says "safe".
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from statistics import fmean
from typing import Any

from fairveil.evaluate.results_risks import NO_CONTROL
from fairveil.report import words

Facts = Mapping[str, Any]

_WAYS = {1: "single columns", 2: "pairs of columns", 3: "triples of columns"}
_ASKED = {
    "singling out": "Do the rows tell what is true of one person only?",
    "linkability": "Do they link two records of one person?",
    "inference": "Do they tell one thing of a person whose others are known?",
    "membership": "Do they tell who was in the table?",
}


def lines(facts: Facts) -> list[dict[str, str]]:
    """The lines: ``question``, ``answer``, ``figure``, ``n``, ``source``."""
    return [
        *_alike(facts),
        *_useful(facts),
        *_hidden(facts),
        *_gap(facts),
        *_payer(facts),
        *_attacks(facts),
    ]


def _line(question: str, answer: str, figure: str, n: str) -> dict[str, str]:
    return {
        "question": question,
        "answer": answer,
        "figure": figure,
        "n": n,
        "source": "real and synthetic",
    }


def _alike(facts: Facts) -> list[dict[str, str]]:
    found = []
    for one in facts["errors"]:
        mean, chance = one["mean"], one["noise"]
        answer = "within chance"
        if mean > one["noise_high"]:
            answer = f"{mean / chance:.2g} times chance" if chance else "beyond chance"
        found.append(
            _line(
                f"Are {_WAYS[one['ways']]} as in the real rows?",
                answer,
                f"distance {mean:.3f} {_ends(one['interval'])}; chance {chance:.3f}, "
                f"up to {one['noise_high']:.3f}{_apart(one, facts)}",
                f"{one['n_real']:,} real, {one['n_synthetic']:,} synthetic; "
                f"{len(one['sets']):,} of {one['possible']:,} sets",
            )
        )
    return found


def _apart(one: Facts, facts: Facts) -> str:
    """The same without the columns that a promise of fairness moves."""
    own = words.moved(facts["fit"]["fairness"])
    error, noise = apart(one, own) if own else (None, None)
    if error is None:
        return ""
    return f"; without {' and '.join(sorted(own))} {error:.3f} (chance {noise:.3f})"


def apart(one: Facts, moved: Collection[str]) -> tuple[float | None, float | None]:
    """Mean error and mean chance of the sets without a column that was moved."""
    own = [s for s in one["sets"] if not set(moved) & set(s["columns"])]
    if not own:
        return None, None
    return fmean(s["error"] for s in own), fmean(s["noise"] for s in own)


def _useful(facts: Facts) -> list[dict[str, str]]:
    block, target = facts["evaluation"]["utility"], facts["evaluation"]["target"]
    if not block or None in (block["real"]["auroc"], block["synthetic"]["auroc"]):
        return []
    real, made = block["real"], block["synthetic"]
    return [
        _line(
            f"Do models of the release predict {target}?",
            f"{made['auroc'] - real['auroc']:+.3f} of AUROC",
            f"AUROC {made['auroc']:.3f} {_ends(made['auroc_interval'])}; models of "
            f"real rows {real['auroc']:.3f} {_ends(real['auroc_interval'])}",
            f"{made['n_test']:,} real test rows",
        )
    ]


def _hidden(facts: Facts) -> list[dict[str, str]]:
    block = facts["evaluation"]["probe"]
    if not block.get("synthetic"):
        return []
    places = range(len(block["synthetic"]))
    worst = max(places, key=lambda k: abs(block["synthetic"][k]["auroc"] - 0.5))
    made, real = block["synthetic"][worst], block["real"][worst]
    return [
        _line(
            "Do released rows tell a sensitive column from the others?",
            f"{made['verdict']} at {made['auroc']:.3f}: {made['column']}",
            f"AUROC {made['auroc']:.3f} {_ends(made['interval'])}; in real rows "
            f"{real['auroc']:.3f} {_ends(real['interval'])}; .5 is hidden",
            f"{made['n']:,} synthetic, {real['n']:,} real",
        )
    ]


def _gap(facts: Facts) -> list[dict[str, str]]:
    block = facts["evaluation"]["outcome"]
    if not block:
        return []
    found = []
    sides = [block[s]["with_sensitive"]["columns"] for s in ("real", "synthetic")]
    for real, made in zip(*sides, strict=True):
        if "at_base_rate" not in made:
            continue
        first, second = (
            one["at_base_rate"]["demographic_parity_difference"] for one in (real, made)
        )
        if not isinstance(first, str) and not isinstance(second, str):
            found.append((second["value"], real, made, first, second))
    if not found:
        return []
    _, real, made, first, second = max(found, key=lambda one: one[0])
    n = sum(group["n"] for group in real["groups"].values())
    change = second["value"] - first["value"]
    return [
        _line(
            "Do models of the release say yes to groups alike?",
            f"gap {change:+.3f} against real rows: {made['column']}",
            f"gap {second['value']:.3f} {_ends(second['interval'])}; models of real "
            f"rows {first['value']:.3f} {_ends(first['interval'])}; chance "
            f"{made['at_base_rate']['by_chance']:.3f}",
            f"{n:,} real test rows, {len(real['groups']):,} groups",
        )
    ]


def _payer(facts: Facts) -> list[dict[str, str]]:
    found = [
        (group["tvd2"] / max(group["noise2"], 1e-9), one["column"], name, group)
        for one in facts["evaluation"]["group_fidelity"].get("synthetic", ())
        for name, group in one["groups"].items()
        if not isinstance(group["tvd2"], str)
    ]
    if not found:
        return []
    times, column, name, group = max(found, key=lambda one: one[0])
    return [
        _line(
            "Which group pays most?",
            f"{name} ({column}): {times:.2g} times chance",
            f"distance of pairs {group['tvd2']:.3f}; chance {group['noise2']:.3f}",
            f"{group['n_real']:,} real, {group['n_synthetic']:,} synthetic",
        )
    ]


def _attacks(facts: Facts) -> list[dict[str, str]]:
    risks = facts["risks"]
    if risks is None:
        return []
    found = []
    for question, state in risks["states"].items():
        own = [a for a in risks["attacks"] if a["question"] == question]
        graver = [a for a in own if a["state"] == state] or own
        told = max(graver, key=_excess)
        if state == NO_CONTROL:
            found.append(_unjudged(question, told, own))
            continue
        found.append(
            _line(
                _ASKED[question],
                state,
                _rates(told),
                _tried(told, own),
            )
        )
    return found


def _tried(told: Facts, own: Sequence[Facts]) -> str:
    attacks = "1 attack" if len(own) == 1 else f"{len(own):,} attacks"
    return f"{told['main']['attempts']:,} attempts; {attacks}"


def _unjudged(question: str, told: Facts, own: Sequence[Facts]) -> dict[str, str]:
    """A question that nobody can answer without control rows."""
    if not told["main"]["attempts"]:
        state, why = "not tried: there are no control rows", told["sentence"]
        tried = "no attempt"
    else:
        state, why = "not known: there are no control rows", _rates(told)
        tried = _tried(told, own)
    return _line(_ASKED[question], state, why, tried)


def _excess(attack: Facts) -> float:
    value = attack["excess"]["value"]
    return -1.0 if value is None else value


def _rates(attack: Facts) -> str:
    name = attack["name"]
    if attack["target"] and attack["question"] != "linkability":  # two long lists
        name = f"{name}: {attack['target']}"
    parts = [f"{name}: right {_rate(attack['main'])}"]
    if attack["control"] is not None:
        parts.append(f"control rows {_rate(attack['control'])}")
    parts.append(f"a guess {_rate(attack['naive'])}")
    return "; ".join(parts)


def _rate(rate: Facts) -> str:
    if rate["value"] is None:
        return "-"
    return f"{rate['value']:.3f} {_ends(rate['interval'])}"


def _ends(interval: Facts) -> str:
    if interval["low"] is None or interval["high"] is None:
        return ""
    return f"({interval['low']:.3f} to {interval['high']:.3f})"
