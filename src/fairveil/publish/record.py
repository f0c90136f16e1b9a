"""A record of what was looked at and what was published, for one data set.

Public: hashes of model files, releases and statements, and what was done with them; no
figure, and nothing of a table. An internal report reads real rows, so a choice made
after it is a choice by the rows, which no budget has paid for. Whoever makes a report
notes the release that it was about; a certificate then says whether what it is about is
that release, or another one.

The record is a promise of the steward, not a proof: it knows what was noted in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairveil import _files
from fairveil.errors import ConfigError, TableError, problem
from fairveil.publish.inputs import check_hash

FORMAT, VERSION = "fairveil-record", 1
REPORT, CERTIFICATE = "report", "certificate"
_KINDS = (REPORT, CERTIFICATE)
_FIELDS = {"kind", "model", "output"}
_MOST = 10_000
NONE, SAME, ANOTHER = "no report", "this release", "another release"
_SENTENCES: Mapping[str, str] = {
    NONE: (
        "By the record, no internal report on real rows was made before this "
        "certificate."
    ),
    SAME: (
        "By the record, internal reports on real rows were made of this very release "
        "only; nothing was chosen after them."
    ),
    ANOTHER: (
        "CHOSEN AFTER A REPORT: by the record, an internal report on real rows was "
        "made of another release before this certificate. The choice of this release "
        "may tell of the rows, and no budget has paid for it."
    ),
}


@dataclass(frozen=True)
class Entry:
    """Something that was made of a release.

    Attributes:
        kind: ``report`` (it read real rows) or ``certificate``.
        model: SHA-256 of the model file.
        output: SHA-256 of the file of synthetic rows; empty where there was none.
    """

    kind: str
    model: str
    output: str = ""

    def __post_init__(self) -> None:
        if self.kind not in _KINDS:
            raise ConfigError(
                problem(
                    "the record has an entry of another kind", try_="a newer fairveil"
                )
            )
        check_hash(model=self.model)
        if self.output != "":
            check_hash(output=self.output)


@dataclass(frozen=True)
class Record:
    """Entries in the order in which they were made."""

    entries: tuple[Entry, ...] = ()

    def noting(self, entry: Entry) -> Record:
        """The record with one more entry; one that stands last already adds nothing."""
        if self.entries[-1:] == (entry,):
            return self
        return Record((*self.entries, entry))

    def choice(self, model: str, output: str) -> dict[str, Any]:
        """Whether a release was chosen after a report had been read.

        Args:
            model: SHA-256 of the model file.
            output: SHA-256 of the release; empty without one.
        """
        reports = [e for e in self.entries if e.kind == REPORT]
        same = [
            entry
            for entry in reports
            if entry.model == model and (not output or entry.output in ("", output))
        ]
        state = ANOTHER if len(same) < len(reports) else SAME
        state = state if reports else NONE
        return {
            "state": state,
            "reports": len(reports),
            "sentence": _SENTENCES[state],
        }

    def to_dict(self) -> dict[str, Any]:
        """The record as plain JSON values."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "entries": [vars(entry) for entry in self.entries],
        }

    @classmethod
    def from_dict(cls, data: Any) -> Record:
        """Read what ``to_dict`` wrote.

        Raises:
            ConfigError: another format or version, or an entry that cannot be.
        """
        if not isinstance(data, Mapping) or data.get("format") != FORMAT:
            raise ConfigError(problem("this is not a fairveil record"))
        if data.get("version") != VERSION:
            raise ConfigError(problem("the record's version is unknown"))
        entries = data.get("entries")
        if not isinstance(entries, list) or len(entries) > _MOST:
            raise ConfigError(problem("the record has no list of entries"))
        if not all(isinstance(e, Mapping) and set(e) == _FIELDS for e in entries):
            raise ConfigError(problem("an entry of the record has other fields"))
        return cls(tuple(Entry(**entry) for entry in entries))

    @classmethod
    def load(cls, path: str | Path, *, missing: bool = False) -> Record:
        """Read a record file.

        Args:
            path: the file.
            missing: a file that is not there is an empty record.

        Raises:
            ConfigError: it cannot be read, or is no record.
        """
        if missing and not Path(path).exists():
            return cls()
        what = "the record file cannot be read"
        try:
            data = _files.parse_json(_files.read_whole(path))
        except OSError:
            data = None
        except ValueError:
            data, what = None, "the record file is not JSON"
        if data is None:
            raise ConfigError(problem(what, got=str(path)))
        return cls.from_dict(data)

    def save(self, path: str | Path) -> None:
        """Write the record file, whole or not at all.

        Raises:
            TableError: it cannot be written.
        """
        text = json.dumps(self.to_dict(), indent=1) + "\n"
        try:
            _files.write_whole(path, text.encode("ascii"))
        except OSError:
            raise TableError(
                problem("the record file cannot be written", got=str(path))
            ) from None


UNKNOWN: Mapping[str, Any] = {
    "state": "not recorded",
    "reports": None,
    "sentence": (
        "No record was kept of internal reports on real rows, so it is not known "
        "whether this release was chosen after one."
    ),
}
