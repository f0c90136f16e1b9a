"""The certificate of a release: facts that anybody may read, as one JSON document.

Public: it is made of declared facts, released numbers and synthetic rows only
(``inputs``). Guarantees:

- equal inputs give equal documents, byte for byte; no clock is read;
- every number has a source: ``sources`` names one for the longest part of its path;
- it is linked by hashes to the model file, the schema and the release, never to the
  table;
- what is not private says so first, and carries no number of its fit as released.

The JSON form is described by ``certificate.schema.json`` beside this file and in
docs/certificate.md; ``check`` recomputes it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from fairveil import _files
from fairveil.errors import ConfigError, TableError, problem
from fairveil.privacy.statement import Statement
from fairveil.publish import words
from fairveil.publish.budget import budget
from fairveil.publish.inputs import About, Model, Output
from fairveil.publish.meaning import meaning, unit_of
from fairveil.publish.record import UNKNOWN
from fairveil.schema import Schema

FORMAT, VERSION = "fairveil-certificate", 1
MARK = "SYNTHETIC"
MARK_NOTE = "No row is a person. All rows were drawn from a model."
CENTRAL = "central: whoever ran the fit saw the table; readers of the release do not"

# Where each layer of NIST SP 800-226 (its pyramid, from the top) is answered.
LAYERS: Mapping[str, tuple[str, ...]] = {
    "guarantee: epsilon, delta and the unit of privacy": ("/promise", "/attacker"),
    "correctness: mechanisms and their accounting": ("/budget", "/statement"),
    "utility and bias": ("/uses", "/distortions", "/fairness"),
    "security: noise and side channels": ("/assumptions/noise", "/assumptions/stated"),
    "trust: who sees the data, what is public": (
        "/promise/trust",
        "/assumptions/declared",
    ),
    "exposure: earlier fits of the same data": ("/budget/ledger", "/choice"),
}
# ranges that a reader should ask about
_LARGE_EPSILON = 20.0
_TYPICAL_DELTA = (1e-8, 1e-5)


@dataclass(frozen=True)
class Certificate:
    """A certificate; ``facts`` are plain JSON values."""

    facts: Mapping[str, Any]

    @property
    def private(self) -> bool:
        """Whether what it certifies is differentially private."""
        return bool(self.facts["private"])

    def to_dict(self) -> dict[str, Any]:
        """The facts, as a copy of their own."""
        return json.loads(json.dumps(dict(self.facts)))

    def to_json(self) -> str:
        """The JSON document: the same text for the same facts."""
        text = json.dumps(self.facts, indent=1, ensure_ascii=False, allow_nan=False)
        return text + "\n"

    def html(self) -> str:
        """The certificate as one page without any reference to a network.

        Raises:
            UnsupportedError: jinja2 is not installed.
        """
        from fairveil.publish.certificate_page import rendered  # noqa: PLC0415  (needs an extra)

        return rendered(self.facts)

    def save(self, path: str | Path) -> tuple[Path, ...]:
        """Write ``.html`` with ``.json`` beside it, or ``.json`` alone, by suffix.

        Returns:
            The files written.

        Raises:
            ConfigError: another suffix.
            TableError: a file cannot be written.
            UnsupportedError: a page is wanted, and jinja2 is not installed.
        """
        texts = {place: self._text(place) for place in places(path)}
        for place, text in texts.items():
            try:
                _files.write_whole(place, text.encode("utf-8"))
            except OSError:
                raise TableError(
                    problem("the certificate cannot be written", got=str(place))
                ) from None
        return tuple(texts)

    def _text(self, place: Path) -> str:
        return self.html() if place.suffix.lower() == ".html" else self.to_json()


def places(path: str | Path) -> tuple[Path, ...]:
    """The files that ``Certificate.save`` would write.

    Raises:
        ConfigError: the suffix is neither ``.html`` nor ``.json``.
    """
    file = Path(path)
    if file.suffix.lower() == ".html":
        return file, file.with_suffix(".json")
    if file.suffix.lower() == ".json":
        return (file,)
    raise ConfigError(
        problem(
            "a certificate is .html or .json", got=str(path), try_="certificate.html"
        )
    )


def compose(
    model: Model,
    output: Output | None,
    about: About,
    *,
    version: str,
    ledger: Mapping[str, Any] | None = None,
    choice: Mapping[str, Any] = UNKNOWN,
) -> Certificate:
    """Put a certificate together.

    Args:
        model: what was fitted.
        output: the release, where one was given.
        about: who publishes it, and why.
        version: of fairveil.
        ledger: totals of the ledger file over fits, as plain values.
        choice: whether it was chosen after an internal report (``record``).
    """
    statement = model.statement
    facts: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "mark": MARK,
        "mark_note": MARK_NOTE,
        "private": statement.private,
        "identity": {**asdict(about), "tool": "fairveil", "tool_version": version},
        "hashes": {
            "algorithm": "sha256",
            "model": model.sha256,
            "schema": schema_hash(model.schema),
            "output": None if output is None else output.sha256,
        },
        "promise": promise_of(statement),
        "attacker": meaning(statement),
        "budget": budget(statement, ledger),
        "assumptions": assumptions_of(statement),
        "fairness": words.fairness(model, output),
        "data": _data(model, output),
        "uses": words.uses(model),
        "distortions": words.distortions(model),
        "choice": dict(choice),
        "dp_label": label_of(statement),
        "nist_sp_800_226": {layer: list(paths) for layer, paths in LAYERS.items()},
        "statement": statement.to_dict(),
    }
    facts["sources"] = sources_of(private=statement.private)
    return Certificate(json.loads(json.dumps(facts)))


def schema_hash(schema: Schema) -> str:
    """SHA-256 of a schema's canonical JSON: keys sorted, no blanks, UTF-8."""
    text = json.dumps(
        schema.to_dict(), sort_keys=True, ensure_ascii=False, separators=(",", ":")
    )
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def json_schema() -> dict[str, Any]:
    """The published JSON Schema of a certificate."""
    place = resources.files("fairveil.publish") / "certificate.schema.json"
    return json.loads(place.read_text(encoding="utf-8"))


def promise_of(statement: Statement) -> dict[str, Any]:
    """The section on what is promised."""
    return {
        "sentence": words.promise(statement),
        **_target(statement),
        "unit": statement.unit,
        "unit_words": unit_of(statement),
        "max_rows_per_unit": statement.max_rows_per_unit,
        "neighbours": statement.neighbours,
        "trust": CENTRAL,
        "not_covered": words.not_covered(statement),
    }


def assumptions_of(statement: Statement) -> dict[str, Any]:
    """The section on what the promise rests on."""
    noise = (
        "a seed: anybody who has it can repeat the noise and take it away"
        if statement.seeded
        else "the operating system's random numbers, without a seed"
    )
    if not statement.private and not statement.seeded:
        noise = "none"
    return {
        "stated": list(statement.assumptions),
        "declared": dict(statement.provenance),
        "noise": {"source": noise, "seeded": statement.seeded},
    }


def _data(model: Model, output: Output | None) -> dict[str, Any]:
    said = model.promise
    roles = dict.fromkeys(said["sensitive"], "sensitive")
    roles |= dict.fromkeys(said["legitimate"], "legitimate")
    if said["target"]:
        roles[said["target"]] = "target"
    released = model.released
    return {
        "columns": [
            {
                "name": column.name,
                "kind": column.kind,
                "role": roles.get(column.name, ""),
                "facts": sorted(set(column.provenance.values()) | {"public"}),
            }
            for column in model.schema.columns
        ],
        "noisy_rows_of_table": None if released is None else released.rows,
        "rows": None if output is None else output.rows,
        "bytes": None if output is None else output.size,
    }


def label_of(statement: Statement) -> dict[str, Any]:
    """The facts of a differential-privacy label, under one name each."""
    cap = statement.ledger.get("cap")
    kept = isinstance(cap, Mapping)
    return {
        **_target(statement),
        "rho": statement.rho_cap if statement.private else None,
        "unit_of_privacy": unit_of(statement),
        "neighbouring_relation": statement.neighbours,
        "trust_model": "central",
        "mechanisms": sorted({event.kind for event in statement.events}),
        "total_budget": dict(cap) if kept else None,
        "spent_budget": statement.ledger.get("epsilon_of_all_fits") if kept else None,
        "ask_about": _ask_about(statement),
    }


def _target(statement: Statement) -> dict[str, float | None]:
    """What is promised; None where the fit is not private, whatever it was set to."""
    if not statement.private:
        return {"epsilon": None, "delta": None}
    return {"epsilon": statement.epsilon, "delta": statement.delta}


def _ask_about(statement: Statement) -> list[str]:
    """What a careful reader of a label would ask about."""
    low, high = _TYPICAL_DELTA
    found = [
        (not statement.private, "it is not private"),
        (statement.epsilon > _LARGE_EPSILON, "epsilon is above 20"),
        (statement.delta > high, "delta is above 1e-5"),
        (statement.delta < low, "delta is below 1e-8"),
        (statement.unit == "row", "the unit is a row; a person may have several"),
        (not statement.ledger, "no ledger over several releases was kept"),
    ]
    return [text for is_so, text in found if is_so]


def sources_of(*, private: bool) -> dict[str, str]:
    """The source of every number, by its path."""
    of_fit = words.RELEASED if private else words.UNPROTECTED
    known = words.PUBLIC if private else words.UNPROTECTED
    return {
        "/version": words.PUBLIC,
        "/identity": words.PUBLIC,
        "/hashes/schema": known,
        "/hashes/model": of_fit,
        "/hashes/output": words.SYNTHETIC,
        "/promise": words.PUBLIC,
        "/attacker": words.PUBLIC,
        "/budget": of_fit,  # noise and rounds may follow earlier released answers
        "/assumptions": words.PUBLIC,
        "/fairness": words.PUBLIC,
        "/fairness/measured": words.SYNTHETIC if private else words.UNPROTECTED,
        "/data/columns": known,
        "/data/noisy_rows_of_table": of_fit,
        "/data/rows": words.SYNTHETIC,
        "/data/bytes": words.SYNTHETIC,
        "/choice": words.PUBLIC,
        "/dp_label": words.PUBLIC,
        "/statement": of_fit,
    }
