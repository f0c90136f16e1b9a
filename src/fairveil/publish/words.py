"""What a certificate says in sentences: the promise, its limits, uses, distortions.

Public: settings, declared facts and released numbers. Each sentence with a number names
that number's source, one of ``SOURCES``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from fairveil.privacy.statement import Statement
from fairveil.privacy.zcdp import round_up
from fairveil.publish.inputs import Model, Output, Released
from fairveil.publish.meaning import unit_of

PUBLIC, RELEASED, SYNTHETIC = "public", "dp-released", "synthetic"
UNPROTECTED = "not protected"
SOURCES: Mapping[str, str] = {
    PUBLIC: "declared, or a setting, or computed from such",
    RELEASED: "released by the fit under its budget, or computed from such",
    SYNTHETIC: "computed from the synthetic rows",
    UNPROTECTED: "of a fit that is NOT PRIVATE",
}

_MOST_NAMES = 12
_SIGNS = 2.0  # standard deviations of noise below which a count says nothing


def source_of(facts: Mapping[str, Any], path: str) -> str | None:
    """The source of what stands at a path such as ``/budget/rho_cap``.

    That of the longest beginning of the path that ``sources`` names; None if none does.
    """
    named: Mapping[str, str] = facts["sources"]
    while path:
        if path in named:
            return named[path]
        path = path.rpartition("/")[0]
    return None


def promise(statement: Statement) -> str:
    """The privacy promise in one sentence."""
    unit = unit_of(statement)
    if not statement.private:
        return (
            f"NOT PRIVATE ({statement.not_private_reason}): nothing is promised, and "
            "this release may betray anybody in the table."
        )
    factor = math.exp(min(statement.epsilon, 700.0))
    return (
        f"Whether or not any one {unit} was in the table, whatever anybody may compute "
        f"from this release is at most {round_up(factor):.4g} times as likely, up to a "
        f"chance of {one_in(statement.delta)} (epsilon = "
        f"{round_up(statement.epsilon):.4g}, delta = {round_up(statement.delta):.4g})."
    )


def one_in(chance: float) -> str:
    """A small probability as ``1 in 100,000``, rounded up."""
    parts = math.floor(1.0 / chance * (1.0 + 1e-12))
    return f"1 in {-round_up(-parts, 3):,.0f}"


def not_covered(statement: Statement) -> list[str]:
    """What the privacy promise does not speak of."""
    declared = statement.provenance.get("declared_by") or "nobody"
    said = [
        (
            "Facts that were declared public: column names, and what the schema states "
            f"(declared by: {declared})."
        ),
        (
            "Several units together, such as a family: the promise grows weaker with "
            "their number."
        ),
        "What holds for people in general, and would be found without any one of them.",
        "Other releases of the same data, unless the ledger on this page counts them.",
    ]
    if statement.unit != "row":
        said.append(
            f"Rows of a person beyond the first {statement.max_rows_per_unit} chosen: "
            "they were not used at all."
        )
    else:
        said.append("A person with several rows: the promise is for one row.")
    return said if statement.private else []


_NOTION: Mapping[str | None, str] = {
    "redraw": "statistical independence of the sensitive columns from the rest of the "
    "released row (demographic parity for any task that uses only the other columns)",
    "independence": "statistical independence of the sensitive columns from the rest "
    "of the released row (demographic parity for any task that uses only the other "
    "columns), trained for, and made exact by a redraw where the promise says so",
    "outcome": "demographic parity of the target in the released rows",
    None: "none",
}
_NOT_GIVEN = (
    "Equal error rates between groups (equalised odds).",
    "Individual fairness: alike treatment of two persons who are alike.",
    "Fairness of a model that sees the real sensitive columns, or other data.",
)
_PROXIES = (
    "Alike treatment of real people by a model that was trained on this release: their "
    "other columns still tell of the group."
)
_OTHERS = "Anything about sensitive traits that were not named."


def fairness(model: Model, output: Output | None) -> dict[str, Any]:
    """The promise of fairness, what it does not give, and what was measured."""
    said = model.promise
    mode = said["mode"] if said["sensitive"] else None
    gone = [*_NOT_GIVEN, _OTHERS] if mode is not None else []
    if mode in ("redraw", "independence"):
        gone.insert(2, _PROXIES)
    found = () if output is None else output.measured
    return {
        **{key: said[key] for key in sorted(said)},
        "notion": _NOTION[mode],
        "does_not_give": gone,
        "measured": [dict(entry) for entry in found],
        "measured_note": _measured_note(said, found),
    }


def _measured_note(said: Mapping[str, Any], found: tuple[Any, ...]) -> str:
    if not found:
        return "Nothing was measured."
    note = (
        "Measured on the synthetic rows alone: bias-corrected Cramer's V (0: no "
        "dependence, 1: full) with 95 % intervals; independent columns stay below "
        "'chance' in 95 of 100 tables of this size."
    )
    if said["mode"] == "outcome":
        note += f" The promise is about {said['target']}; other columns may depend."
    if said["legitimate"]:
        names = ", ".join(said["legitimate"])
        note += f" Dependence through {names} is allowed, and included in the figures."
    return note


def uses(model: Model) -> dict[str, list[str]]:
    """What the release is fit for, and what not."""
    fit = [
        "Developing and testing software and analyses before access to the real data.",
        "Teaching, and showing what the data look like.",
        (
            "Exploring distributions, and relations between the columns that were "
            "measured; confirm what matters on the real data."
        ),
        "Training models that are then validated on real data.",
    ]
    unfit = [
        "Any decision about an individual person: no row is a person.",
        "Official figures, or confirmatory findings, without a check on the real data.",
        "Rare groups and rare values, which the noise hides (see the distortions).",
        "Linking rows to other data: rows are not those of anybody.",
        "Claims of fairness beyond those above.",
    ]
    if not model.statement.private:
        fit = ["Debugging, by people who may see the real table."]
        unfit = ["Publication, or any handing on."]
    return {"fit": fit, "unfit": unfit}


def distortions(model: Model) -> list[dict[str, Any]]:
    """Known differences from the table, each with the source of what it says."""
    out = [_entry(PUBLIC, text) for text in _by_design(model)]
    if model.released is not None:
        out += [_entry(RELEASED, text) for text in _by_noise(model.released)]
    return out


def _entry(source: str, text: str) -> dict[str, Any]:
    return {"text": text, "source": source}


def _by_design(model: Model) -> list[str]:
    said, schema = model.promise, model.schema
    kinds = {column.kind for column in schema.columns}
    out = []
    if "numeric" in kinds:
        out.append("Numbers outside the declared bounds were moved to the bounds.")
    if "categorical" in kinds:
        named = [c.name for c in schema.columns if c.other is not None]
        place = f"the category 'other' ({_listed(named)}), elsewhere " if named else ""
        out.append(
            f"Categories that the schema does not list became {place}missing values, "
            "or the first category of columns without any."
        )
    if said["sensitive"] and said["mode"] in ("redraw", "independence"):
        names = _listed(said["sensitive"])
        out.append(
            f"{names}: relations with the other columns were taken away on purpose."
        )
    if said["sensitive"] and said["mode"] == "outcome":
        out.append(
            f"{said['target']}: drawn anew, so that its relation with "
            f"{_listed(said['sensitive'])} is not the table's."
        )
    if said["shares"] != "kept":
        out.append("The shares of the groups were set, and are not the table's.")
    if said["proxies"]:
        out.append("Columns that name the groups were loosened from the others.")
    if model.statement.unit != "row":
        out.append(
            f"At most {model.statement.max_rows_per_unit} rows of one person were used."
        )
    return out


def _by_noise(released: Released) -> list[str]:
    ones = [(c, s) for c, s in released.marginals if len(c) == 1]
    joint = [(c, s) for c, s in released.marginals if len(c) > 1]
    names = [c[0] for c, _ in ones]
    out = []
    if ones:
        least = max(stddev for _, stddev in ones)
        out.append(
            f"Counts of single values carry noise of up to {_up(least)} rows (standard "
            f"deviation) in a table of about {released.rows:,} rows: values that fewer "
            f"than about {_up(_SIGNS * least)} rows have may be lost or made up."
        )
    pairs = {tuple(sorted((a, b))) for c, _ in joint for a in c for b in c if a < b}
    every = len(names) * (len(names) - 1) // 2
    if every:
        out.append(
            f"Of {every} pairs of columns, {len(pairs)} were measured, with noise of "
            f"up to {_up(max((s for _, s in joint), default=0.0))} rows in each cell; "
            "other relations are what the model makes of these."
        )
    alone = [name for name in names if not any(name in pair for pair in pairs)]
    if alone and every:
        out.append(f"In no measured pair: {_listed(alone)}.")
    bins = [f"{name} {count}" for name, count in released.bins.items()]
    if bins:
        out.append(
            f"Numbers are drawn within bins, whose numbers are: {_listed(bins)}; what "
            "happens inside a bin follows its own column alone."
        )
    return out + ([_sentence(released.advice)] if released.advice else [])


def _listed(names: Any) -> str:
    names = list(names)
    more = len(names) - _MOST_NAMES
    shown = ", ".join(names[:_MOST_NAMES])
    return f"{shown} and {more} more" if more > 0 else shown


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."


def _up(value: float) -> str:
    return f"{round_up(value, 3):.3g}"
