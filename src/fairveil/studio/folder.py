"""The folder of one decision: what lies where, the steward's answers, the journal.

Secret: nothing of the table; names of columns and what the steward declared. Files are
whole or absent, and readable by their owner only. The journal holds what the steward
did, to the minute, and how work ended, without a time: how long a fit takes grows with
its rows. It holds no value, count or name of a column.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fairveil import _files
from fairveil.errors import ConfigError, TableError, problem
from fairveil.studio.jobs import Lock

SUFFIX = "-fairveil"
_ANSWERS, _JOURNAL, _RELEASE = "studio.json", "journal.jsonl", "release-"


class Folder:
    """Places in the folder of one decision."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.schema: Path = path / "schema.json"
        self.model: Path = path / "model.fairveil"
        self.part: Path = path / "model.fairveil-part"
        self.facts: Path = path / "facts.json"
        self.frontier: Path = path / "frontier.json"
        self.record: Path = path / "record.json"
        self.log: Path = path / "log.jsonl"
        self.lock: Lock = Lock(path / "work.lock")

    @classmethod
    def beside(cls, table: Path) -> Path:
        """Where the folder of a table lies if none is named."""
        return table.with_name(f"{table.name}{SUFFIX}")

    def make(self) -> None:
        """Make the folder, for its owner alone, unless it is there.

        Raises:
            TableError: it cannot be made or written.
        """
        try:
            self.path.mkdir(mode=0o700, exist_ok=True)
        except OSError:
            raise TableError(
                problem(
                    "the folder for the results cannot be made",
                    got=str(self.path),
                    try_="a new name in a folder that you may write to",
                )
            ) from None
        if not os.access(self.path, os.W_OK):
            what = "the folder for the results cannot be written"
            raise TableError(problem(what, got=str(self.path)))

    def stage(self) -> str:
        """How far it is, by its files: ``asking``, ``paid``, ``made`` or ``fitted``.

        ``elsewhere`` where a child works in it. ``made``: the model was not read yet.
        """
        if self.lock.holder() is not None:
            return "elsewhere"
        if self.facts.exists():
            return "fitted"
        if self.model.exists():
            return "made"
        return "paid" if self.part.exists() else "asking"

    def release(self, number: int) -> Path:
        """The folder of the release that was chosen as the first, second and so on."""
        return self.path / f"{_RELEASE}{number}"

    def releases(self) -> list[int]:
        """Numbers of the releases that are whole: their certificate is there."""
        found = self.path.glob(f"{_RELEASE}*/certificate.json")
        tails = (place.parent.name.removeprefix(_RELEASE) for place in found)
        return sorted(int(tail) for tail in tails if tail.isdecimal())

    def next_release(self) -> int:
        """The number of the next one; numbers of broken ones are not used again."""
        found = (p.name.removeprefix(_RELEASE) for p in self.path.glob(f"{_RELEASE}*"))
        return max((int(tail) for tail in found if tail.isdecimal()), default=0) + 1

    def read(self, path: Path) -> dict[str, Any]:
        """A JSON file of this folder; empty where there is none.

        Raises:
            ConfigError: it is damaged.
        """
        if not path.exists():
            return {}
        try:
            found = _files.parse_json(_files.read_whole(path))
        except (OSError, ValueError):
            found = None
        if not isinstance(found, dict):
            raise ConfigError(
                problem(
                    "a file of the folder cannot be read",
                    got=str(path),
                    try_="another folder for the results",
                )
            )
        return found

    def answers(self) -> dict[str, Any]:
        """What the steward answered so far; empty where nothing is kept."""
        return self.read(self.path / _ANSWERS)

    def keep(self, answers: Mapping[str, Any]) -> None:
        """Keep the answers, so that a new server finds them.

        Raises:
            TableError: the file cannot be written.
        """
        self.write(self.path / _ANSWERS, answers)

    def write(self, path: Path, facts: Mapping[str, Any]) -> None:
        """Write JSON, whole or not at all, for the owner alone.

        Raises:
            TableError: the file cannot be written.
        """
        text = json.dumps(facts, indent=1, ensure_ascii=False) + "\n"
        try:
            _files.write_whole(path, text.encode(), secret=True)
        except OSError:
            what = "a file of the folder cannot be written"
            raise TableError(problem(what, got=str(path))) from None

    def note(self, what: str, **facts: Any) -> None:
        """Append what the steward does, with the minute; on the disk on return.

        Raises:
            TableError: it cannot be written; then the step is not taken.
        """
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%MZ")
        self._append({"at": at, "what": what, **facts})

    def ended(self, kind: str, code: int | None) -> None:
        """Append how work has ended, without a time.

        Raises:
            TableError: it cannot be written.
        """
        self._append({"what": "work ended", "kind": kind, "code": code})

    def _append(self, facts: Mapping[str, Any]) -> None:
        line = json.dumps(facts) + "\n"
        path = self.path / _JOURNAL
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        try:
            fd = os.open(path, flags, 0o600)
            try:
                os.write(fd, line.encode())
                os.fsync(fd)
            finally:
                os.close(fd)
        except OSError:
            what = "the journal cannot be written"
            raise TableError(problem(what, got=str(path))) from None

    def journal(self) -> list[dict[str, Any]]:
        """What was done, in order; a line that was cut off by a crash is left out."""
        try:
            text = (self.path / _JOURNAL).read_text(encoding="utf-8")
        except OSError:
            return []
        found = []
        for line in text.splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return found
