"""Whether a certificate holds: its hashes, its epsilon, and all that follows from them.

Public: certificates, statements and hashes; nothing here sees a row. What nobody can
check from outside is left out and said so: the caller's words, whether the program did
what its statement says, and whether the rows were drawn from the model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from fairveil.errors import ConfigError, FairveilError, problem
from fairveil.privacy.statement import Statement
from fairveil.privacy.verify import Check, Verification, verify
from fairveil.publish import certificate as whole, words
from fairveil.publish.budget import budget
from fairveil.publish.inputs import Model
from fairveil.publish.meaning import meaning

_CLOSE = 1e-6  # relative, for numbers that another machine computed
_OF_ROWS = ("measured", "measured_note")
_FINE = 1e-4  # absolute, for those that are rounded to four digits
UNCHECKED = (
    "Not checked, for nothing outside could: name, steward, purpose and date; that the "
    "program did what its statement says (fairveil audit attacks it); that the rows "
    "were drawn from the model; earlier releases outside the ledger."
)


def check(
    facts: Mapping[str, Any],
    *,
    model: Model | None = None,
    output_sha256: str | None = None,
) -> Verification:
    """Check a certificate.

    Args:
        facts: the certificate's JSON.
        model: the model it is about, if it is at hand.
        output_sha256: hash of the release it is about, if it is at hand.

    Returns:
        The answers; a certificate of something that is not private does not pass.

    Raises:
        ConfigError: it is no certificate of a version that is known.
    """
    _require(facts)
    try:
        statement = Statement.from_dict(facts["statement"])
    except (FairveilError, KeyError, TypeError) as error:
        detail = str(error) if isinstance(error, FairveilError) else "it has none"
        broken = Check(name="statement", passed=False, detail=detail)
        return Verification(checks=(broken,), epsilon=math.inf, recomputed=math.inf)
    found = verify(facts["statement"])
    checks = [*found.checks, _follows(facts, statement)]
    if model is not None:
        checks += _model_checks(facts, model)
    if output_sha256 is not None:
        checks.append(_same("release", _hash(facts, "output"), output_sha256))
    return Verification(
        checks=tuple(checks), epsilon=found.epsilon, recomputed=found.recomputed
    )


def _require(facts: Any) -> None:
    if not isinstance(facts, Mapping) or facts.get("format") != whole.FORMAT:
        raise ConfigError(
            problem(
                "this is no fairveil certificate", try_="the .json of a certificate"
            )
        )
    if facts.get("version") != whole.VERSION:
        raise ConfigError(
            problem(
                "the certificate's version is unknown", try_=f"version {whole.VERSION}"
            )
        )


def _follows(facts: Mapping[str, Any], statement: Statement) -> Check:
    """All that can be computed from the statement again is what the document says."""
    said_budget = facts.get("budget")
    ledger = said_budget.get("ledger") if isinstance(said_budget, Mapping) else None
    now = ledger.get("now") if isinstance(ledger, Mapping) else None
    again = {
        "private": statement.private,
        "promise": whole.promise_of(statement),
        "attacker": meaning(statement),
        "budget": budget(statement, now if isinstance(now, Mapping) else None),
        "assumptions": whole.assumptions_of(statement),
        "dp_label": whole.label_of(statement),
        "sources": whole.sources_of(private=statement.private),
    }
    wrong = [
        name for name, value in again.items() if not _close(facts.get(name), value)
    ]
    return Check(
        name="what follows from the statement",
        passed=not wrong,
        detail=f"differs: {', '.join(wrong)}" if wrong else "the same, computed anew",
    )


def _model_checks(facts: Mapping[str, Any], model: Model) -> list[Check]:
    checks = [
        _same("model file", _hash(facts, "model"), model.sha256),
        _same("schema", _hash(facts, "schema"), whole.schema_hash(model.schema)),
    ]
    same = facts["statement"] == model.statement.to_dict()
    checks.append(
        Check(
            name="the model's statement",
            passed=same,
            detail="the same" if same else "the certificate has another one",
        )
    )
    said = facts.get("fairness")
    said = said if isinstance(said, Mapping) else {}
    promise = {
        k: v for k, v in words.fairness(model, None).items() if k not in _OF_ROWS
    }
    told = {key: said.get(key) for key in promise}
    wrong = not _close(told, promise)
    wrong = wrong or not _close(facts.get("distortions"), words.distortions(model))
    checks.append(
        Check(
            name="fairness and distortions",
            passed=not wrong,
            detail="not those of the model" if wrong else "those of the model",
        )
    )
    return checks


def _hash(facts: Mapping[str, Any], name: str) -> Any:
    hashes = facts.get("hashes")
    return hashes.get(name) if isinstance(hashes, Mapping) else None


def _same(name: str, said: Any, found: str) -> Check:
    same = said == found
    other = f"{found[:12]}... is not {str(said)[:12]}..."
    return Check(name=name, passed=same, detail=f"sha256 {found}" if same else other)


def _close(said: Any, again: Any) -> bool:
    """Equal, but for what rounding does to floats."""
    if isinstance(again, bool) or again is None or isinstance(again, str):
        return type(said) is type(again) and said == again
    if isinstance(again, (int, float)):
        number = isinstance(said, (int, float)) and not isinstance(said, bool)
        return number and math.isclose(said, again, rel_tol=_CLOSE, abs_tol=_FINE)
    if isinstance(again, Mapping):
        return (
            isinstance(said, Mapping)
            and set(said) == set(again)
            and all(_close(said[key], again[key]) for key in again)
        )
    return (
        isinstance(said, (list, tuple))
        and len(said) == len(again)
        and all(map(_close, said, again))
    )
