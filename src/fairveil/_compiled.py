"""Where the command line keeps compiled programs, so that they are compiled once.

Public: a program is made of sizes (released, or declared by the caller) and constants;
rows, released values and keys are its arguments, and none is compiled into it. Programs
are code that later runs load, so the folder is the user's own: one that others may
write to is not used. It is told to JAX by the environment, before JAX loads; a library
that is imported sets nothing, since its caller may have a cache of their own.
"""

from __future__ import annotations

import os
import stat
from collections.abc import MutableMapping
from pathlib import Path

VARIABLE = "FAIRVEIL_CACHE"  # a folder, or one of OFF
OFF = ("off", "0", "")
_JAX = {
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    "JAX_COMPILATION_CACHE_MAX_SIZE": str(256 * 2**20),  # the oldest make way
}
_FOLDER = "JAX_COMPILATION_CACHE_DIR"
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def keep(environment: MutableMapping[str, str]) -> Path | None:
    """Tell JAX where compiled programs are kept; whoever has told it is not overruled.

    Args:
        environment: of this process; changed before JAX is imported.

    Returns:
        The folder, or None where nothing is kept: it is switched off, set by the
        caller, cannot be made, or is not the user's alone.
    """
    wished = environment.get(VARIABLE)
    if _FOLDER in environment or (wished is not None and wished.lower() in OFF):
        return None
    folder = Path(wished) if wished else _usual(environment)
    if folder is None or not _own(folder):
        return None
    environment[_FOLDER] = str(folder)
    for name, value in _JAX.items():
        environment.setdefault(name, value)
    return folder


def _usual(environment: MutableMapping[str, str]) -> Path | None:
    """The platform's folder for things that can be made again."""
    if base := environment.get("XDG_CACHE_HOME") or environment.get("LOCALAPPDATA"):
        return Path(base) / "fairveil" / "compiled"
    home = environment.get("HOME") or environment.get("USERPROFILE")
    return Path(home) / ".cache" / "fairveil" / "compiled" if home else None


def _own(folder: Path) -> bool:
    """Make the folder if it is missing; whether only this user can write to it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        facts = folder.stat()
    except OSError:
        return False
    if not hasattr(os, "getuid"):  # no such owners there
        return os.access(folder, os.W_OK)
    mine = facts.st_uid == os.getuid() and not facts.st_mode & _OTHERS_WRITE
    return mine and os.access(folder, os.W_OK)
