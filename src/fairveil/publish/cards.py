"""Cards for Hugging Face: of a release (a data set) and of the model that draws it.

Public: the facts of a certificate as Markdown behind a YAML head. The head is written
as JSON values, which YAML reads; whatever a caller or a schema says is escaped. Nothing
has to be installed, and nothing is sent anywhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from fairveil.publish.labels import Labels
from fairveil.publish.page import number, percent

_SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
    (100_000_000, "10M<n<100M"),
)
_LARGEST = "n>100M"
_MARKUP = re.compile(r"([\\`*_{}\[\]|<>&~$]|^[-+#]|^\d+(?=[.)]))")


def dataset_card(facts: Mapping[str, Any], labels: Labels) -> str:
    """The ``README.md`` of a data set.

    Args:
        facts: of the certificate of its release.
        labels: its file, licence and place.
    """
    head = {
        "pretty_name": labels.title(facts),
        "license": labels.licence or "other",
        "tags": list(labels.tags(facts)),
        "size_categories": [_size(facts["data"]["rows"])],
        "configs": [{"config_name": "default", "data_files": labels.file}],
    }
    columns = _table(
        ("column", "kind", "role"),
        ((c["name"], c["kind"], c["role"]) for c in facts["data"]["columns"]),
    )
    body = [
        *_opening(facts, labels),
        "## The data",
        (
            f"{number(facts['data']['rows'])} synthetic rows in `{labels.file}`, "
            f"SHA-256 `{facts['hashes']['output']}`."
        ),
        columns,
        *_shared(facts),
    ]
    return _card(head, body)


def model_card(facts: Mapping[str, Any], labels: Labels) -> str:
    """The ``README.md`` of a model.

    Args:
        facts: of a certificate of it.
        labels: the model's file, licence and place.
    """
    head = {
        "license": labels.licence or "other",
        "library_name": "fairveil",
        "tags": list(labels.tags(facts)),
    }
    body = [
        *_opening(facts, labels),
        "## Use",
        (
            f"`fairveil sample {labels.file} -n 1000 -o synthetic.csv` draws rows; any "
            "number of them costs no privacy. The file holds JSON and arrays, no code. "
            f"SHA-256 `{facts['hashes']['model']}`."
        ),
        *_shared(facts),
    ]
    return _card(head, body)


def _opening(facts: Mapping[str, Any], labels: Labels) -> list[str]:
    identity = facts["identity"]
    stated = [
        f"{what}: {_plain(identity[key])}"
        for what, key in (
            ("Steward", "steward"),
            ("Purpose", "purpose"),
            ("Date", "date"),
        )
        if identity[key]
    ]
    place = [f"Page: {_plain(labels.url)}"] if labels.url else []
    return [
        f"# {_plain(labels.title(facts))}",
        f"**{facts['mark']}.** {facts['mark_note']}",
        _bullets([*stated, *place]),
        "## What is promised",
        _plain(facts["promise"]["sentence"]),
        _bullets(map(_plain, facts["promise"]["not_covered"])),
    ]


def _shared(facts: Mapping[str, Any]) -> list[str]:
    fairness, uses = facts["fairness"], facts["uses"]
    return [
        "## What that means for an attacker",
        _plain(facts["attacker"]["who"]),
        _beliefs(facts) if facts["private"] else "",
        "## Fairness",
        _plain(fairness["promise"]),
        _bullets(f"Not given: {_plain(text)}" for text in fairness["does_not_give"]),
        "## Fit for",
        _bullets(map(_plain, uses["fit"])),
        "## Not fit for",
        _bullets(map(_plain, uses["unfit"])),
        "## Known differences from the table",
        _bullets(
            f"{_plain(entry['text'])} (source: {entry['source']})"
            for entry in facts["distortions"]
        ),
        _plain(facts["choice"]["sentence"]),
        "## Budget",
        _plain(facts["budget"]["ledger"]["sentence"]),
        _table(
            ("stage", "looks", "share"),
            (
                (s["stage"], number(s["looks"]), percent(s["share"]))
                for s in facts["budget"]["stages"]
            ),
        ),
        "The certificate beside this card has every look at the table, with its noise.",
    ]


def _beliefs(facts: Mapping[str, Any]) -> str:
    return _table(
        ("belief before", "after: at least", "at most"),
        (
            tuple(percent(row[key]) for key in ("prior", "lowest", "highest"))
            for row in facts["attacker"]["beliefs"]
        ),
    )


def _card(head: Mapping[str, Any], body: Iterable[str]) -> str:
    lines = [
        f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in head.items()
    ]
    text = "\n\n".join(part for part in body if part)
    return "\n".join(("---", *lines, "---", "", text, ""))


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines += ["| " + " | ".join(map(_plain, row)) + " |" for row in rows]
    return "\n".join(lines)


def _bullets(texts: Iterable[str]) -> str:
    return "\n".join(f"- {text}" for text in texts)


def _plain(text: str) -> str:
    """A text that Markdown and HTML show as it is."""
    return _MARKUP.sub(r"\\\1", text)


def _size(rows: int) -> str:
    return next((name for most, name in _SIZES if rows < most), _LARGEST)
