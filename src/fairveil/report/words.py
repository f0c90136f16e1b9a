"""What a report says in sentences: its warnings, and its first table.

Secret, like the figures it repeats. No sentence says that a release is safe: "no better
than guessing" is what an attack reached, and epsilon is what bounds the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fairveil.evaluate import MarginalErrors
from fairveil.evaluate.results_fairness import CONSTANT, COPIED
from fairveil.publish.record import ANOTHER, UNKNOWN

if TYPE_CHECKING:
    from fairveil.report.result import Fit, Identity

SOURCES: Mapping[str, str] = {
    "real": "computed from real rows, without noise",
    "real and synthetic": "computed from real rows and from the release, without noise",
    "synthetic": "computed from the release alone",
    "dp-released": "released by the fit under its budget, or computed from such",
}
_FAR = 3.0  # times chance, from which a pair is named
_NAMED = 5
_LOSS = 0.05  # of AUROC


def warnings(measured: Mapping[str, Any]) -> tuple[str, ...]:
    """What a reader has to know first, the gravest first.

    Args:
        measured: the fields of the report by name.
    """
    identity: Identity = measured["identity"]
    fit: Fit = measured["fit"]
    found = [
        *_of_the_fit(fit),
        *_of_the_attacks(measured["risks"], control=identity.control),
        *_of_the_choice(identity),
        *_of_fairness(measured["evaluation"]),
        *_of_use(measured["evaluation"]),
        *_of_pairs(measured["errors"], fit),
    ]
    if not identity.control:
        found.append(
            "No control rows were given: usefulness and fairness are judged on rows "
            "that the fit saw, which flatters them, and no attack can tell what the "
            "release gives away from what is true of the population."
        )
    return tuple(found)


def _of_the_fit(fit: Fit) -> list[str]:
    said = []
    if not fit.private:
        said.append(fit.promise)
    if fit.advice:
        said.append(f"Small for its budget: {fit.advice}.")
    return said


def _of_the_attacks(risks: Any, *, control: bool) -> list[str]:
    if risks is None:
        return ["No attack was made."]
    said = [
        f"ATTACK SUCCEEDED ({_attack(one)}): {one.sentence}" for one in risks.findings
    ]
    if control:
        weak = [q for q, state in risks.states.items() if "weak" in state]
        if weak:
            said.append(
                f"Attacks too weak to tell: {', '.join(weak)}. That is no pass."
            )
    return said


def _attack(one: Any) -> str:
    return f"{one.name}: {one.target}" if one.target else one.name


def _of_the_choice(identity: Identity) -> list[str]:
    state = identity.choice["state"]
    if state == ANOTHER:
        return [
            (
                "An earlier report was of another release: whoever chooses between "
                "them chooses by the rows, and no budget has paid for that choice. The "
                "certificate will say so."
            )
        ]
    if state == UNKNOWN["state"]:
        return [
            (
                "No record file was named, so the certificate cannot know that this "
                "report was read (--record FILE, the same for both)."
            )
        ]
    return []


def _of_fairness(evaluation: Mapping[str, Any]) -> list[str]:
    said = [
        f"{one['column']}: {one['state']}. The release only seems fair: it lost what "
        "it is about."
        for one in evaluation["honesty"].get("synthetic", ())
        if one["state"] in (CONSTANT, COPIED)
    ]
    for one in evaluation["group_fidelity"].get("synthetic", ()):
        few = [name for name, g in one["groups"].items() if isinstance(g["tvd2"], str)]
        if few:
            said.append(
                f"{one['column']}: {len(few)} of {len(one['groups'])} groups have too "
                "few rows for a figure; what the release does to them is not known."
            )
    return said


def _of_use(evaluation: Mapping[str, Any]) -> list[str]:
    block = evaluation["utility"]
    if not block:
        return [
            (
                "No target was named: whether models of the release are of use was not "
                "measured."
            )
        ]
    real, made = (block[source]["auroc"] for source in ("real", "synthetic"))
    if real is None or made is None or real - made < _LOSS:
        return []
    return [
        (
            f"Models of the release lose {real - made:.3f} of AUROC against models of "
            "real rows."
        )
    ]


def moved(said: Mapping[str, Any]) -> set[str]:
    """Columns whose relations a promise of fairness moves on purpose.

    Args:
        said: the promise, as ``_promise.fairness_promise`` describes it.

    Returns:
        The sensitive columns, and under ``outcome`` the target, whose relations with
        all other columns are changed; none where nothing is debiased.
    """
    if not said["mode"]:
        return set()
    target = said["target"] if said["mode"] == "outcome" else None
    return {*said["sensitive"], *([target] if target else [])}


def _of_pairs(errors: Sequence[MarginalErrors], fit: Fit) -> list[str]:
    own = moved(fit.fairness)
    pairs = [one for one in errors if len(one.sets[0].columns) > 1][:1]
    far = [
        one
        for one in (pairs[0].worst if pairs else ())
        if one.error > _FAR * one.noise_high and not own & set(one.columns)
    ]
    if not far:
        return []
    names = ", ".join(" x ".join(one.columns) for one in far[:_NAMED])
    more = f" and {len(far) - _NAMED} more" if len(far) > _NAMED else ""
    loose = fit.fairness.get("proxies")  # of any column that names a group
    why = (
        "unless they are loosened proxies" if loose else "though no promise moves them"
    )
    return [
        (
            f"Pairs of columns that are more than {_FAR:g} times as far off as chance "
            f"explains, {why}: {names}{more}."
        )
    ]
