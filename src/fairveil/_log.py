"""What a run did, for those who operate it: events on the logger ``fairveil``.

Public: stages, settings, versions, mechanisms and their price, kinds of errors. No
value, count or category of a table is told, nor anything that follows from one without
noise. Guarantees:

- only modules that see no row tell anything; ``private/`` and all on its way cannot
  import a logger (a test reads the imports);
- mechanisms are told before the rows are touched for them, by their parameters;
- **no time is told of anything that reads rows.** How long a private stage takes grows
  with the number of rows, and no noise covers that. A line of a file written by
  ``JsonLines`` has the minute where the command began, and seconds only of stages that
  see released things alone.

Nothing is shown or written unless the caller sets a handler.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
from pathlib import Path
from typing import Any

LOGGER = logging.getLogger("fairveil")
_FACTS = "fairveil"  # attribute of a record that holds its facts


def tell(event: str, **facts: Any) -> None:
    """Log an event at level INFO, with facts that are plain JSON values."""
    LOGGER.info(event, extra={_FACTS: facts})


def facts_of(record: logging.LogRecord) -> dict[str, Any]:
    """The facts of a record; none for a record that somebody else has made."""
    return getattr(record, _FACTS, {})


class JsonLines(logging.Handler):
    """Writes each event as one line of JSON: ``event``, then its facts.

    The record's own time, process and thread are left out on purpose. Other records,
    whose text nobody has checked, are left out too.

    Args:
        path: appended to; made for its owner alone.

    Raises:
        OSError: the file cannot be written.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__(logging.INFO)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        self._file = os.fdopen(os.open(path, flags, 0o600), "a", encoding="utf-8")

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line; a full disk loses lines and stops nothing."""
        if record.name != LOGGER.name or not hasattr(record, _FACTS):
            return
        facts = {name: _plain(value) for name, value in facts_of(record).items()}
        line = {"event": record.msg, **facts}
        try:
            self._file.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")
            self._file.flush()
        except (OSError, ValueError):
            return

    def close(self) -> None:
        """Close the file."""
        with contextlib.suppress(OSError):
            self._file.close()
        super().close()


def _plain(value: Any) -> Any:
    """Infinity as text: JSON has no number for it."""
    return str(value) if value in (math.inf, -math.inf) else value


class listening:  # noqa: N801  (reads as a function)
    """Hand events to a handler for as long as a block runs.

    The logger's level is lowered meanwhile, and set back as it was.
    """

    def __init__(self, handler: logging.Handler) -> None:
        self._handler, self._level = handler, logging.NOTSET

    def __enter__(self) -> logging.Handler:
        self._level = LOGGER.level
        if LOGGER.getEffectiveLevel() > logging.INFO:
            LOGGER.setLevel(logging.INFO)
        LOGGER.addHandler(self._handler)
        return self._handler

    def __exit__(self, *_: object) -> None:
        LOGGER.removeHandler(self._handler)
        LOGGER.setLevel(self._level)
        self._handler.close()
