"""What exports of a certificate need beside its facts: a licence, a place, a file name.

Public: the caller's words, and texts that the exports share.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fairveil.errors import ConfigError, problem
from fairveil.publish.inputs import check_texts

_VERSION = re.compile(r"\d+\.\d+\.\d+")
_TAGS = ("synthetic", "differential-privacy", "fairness", "tabular", "fairveil")


@dataclass(frozen=True, kw_only=True)
class Labels:
    """Labels of a release.

    Attributes:
        file: name of its file, beside which the export will lie.
        licence: a name or address of the licence; empty: none is stated.
        url: page of the data set; empty: none.
        version: of the data set, as ``1.0.0``.
    """

    file: str
    licence: str = ""
    url: str = ""
    version: str = "1.0.0"

    def __post_init__(self) -> None:
        check_texts(self)
        if not self.file or set(self.file) & set("/\\`"):
            raise ConfigError(problem("the file must be a name without a folder"))
        if self.url and not self.url.startswith(("https://", "http://")):
            raise ConfigError(
                problem("the url cannot be used", got=self.url, try_="https://...")
            )
        if not _VERSION.fullmatch(self.version):
            raise ConfigError(
                problem("the version cannot be read", got=self.version, try_="1.0.0")
            )

    def title(self, facts: Mapping[str, Any]) -> str:
        """The data set's name with its marks."""
        name = facts["identity"]["name"] or self.file
        mark = "" if facts["private"] else "NOT PRIVATE: "
        return f"{mark}{name} ({facts['mark']})"

    def tags(self, facts: Mapping[str, Any]) -> tuple[str, ...]:
        """Keywords; those of privacy only where it is kept."""
        if facts["private"]:
            return _TAGS
        return tuple("not-private" if t == "differential-privacy" else t for t in _TAGS)


def headline(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """What a reader has to know first: purpose, and the promise of privacy."""
    purpose = facts["identity"]["purpose"]
    told = (facts["promise"]["sentence"],)
    return (*told, f"Purpose: {purpose.rstrip('.')}.") if purpose else told


def text_of(parts: Iterable[str]) -> str:
    """Sentences in one text; each ends with a point, and empty ones are left out."""
    kept = (part.strip() for part in parts)
    return " ".join(
        part if part.endswith((".", "!", "?")) else f"{part}." for part in kept if part
    )
