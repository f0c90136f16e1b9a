"""Environments of the peers: one virtual environment per library, at pinned versions.

Public; no table is read here. The pins are whole: every package that a library brings
along is in ``peers/<environment>.txt``, for one version of Python. Nothing outside the
folder that is asked for is changed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from fairveil.bench.methods import METHODS, OURS
from fairveil.errors import ConfigError, problem

PYTHON = (3, 11)  # that the pins are for
_PINS = Path(__file__).parent / "peers"
_TAIL = 600  # characters of pip's last words that are shown


def environments() -> tuple[str, ...]:
    """Names of the peers' environments."""
    names = (each.environment for each in METHODS.values())
    return tuple(dict.fromkeys(name for name in names if name != OURS))


def pins(environment: str) -> Path:
    """File of the pinned versions of an environment.

    Raises:
        ConfigError: no such environment.
    """
    if environment not in environments():
        raise ConfigError(
            problem(
                "no such environment", got=environment, try_=", ".join(environments())
            )
        )
    return _PINS / f"{environment}.txt"


def python_of(environment: str, folder: Path) -> Path:
    """Interpreter of an environment in a folder, whether it is installed or not.

    Raises:
        ConfigError: no such environment.
    """
    return folder / pins(environment).stem / "bin" / "python"


def make(environment: str, folder: Path) -> Path:
    """Install an environment, or bring one that is there to the pinned versions.

    Returns:
        Its interpreter.

    Raises:
        ConfigError: no such environment, no Python of the version of the pins, or an
            installation that failed.
    """
    wanted, python = pins(environment), python_of(environment, folder)
    if not python.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _run([_base(), "-m", "venv", str(folder / environment)], environment)
    install = ["-m", "pip", "install", "--quiet", "--requirement", str(wanted)]
    _run([str(python), *install], environment)
    return python


def _base() -> str:
    """An interpreter of the version that the pins are for."""
    if sys.version_info[:2] == PYTHON:
        return sys.executable
    name = "python" + ".".join(map(str, PYTHON))
    found = shutil.which(name)
    if found is None:
        raise ConfigError(problem(f"no {name} for the peers", try_=f"install {name}"))
    return found


def _run(command: list[str], environment: str) -> None:
    done = subprocess.run(  # noqa: S603  (our own arguments)
        command, check=False, capture_output=True, text=True, errors="replace"
    )
    if done.returncode:
        told = done.stderr.strip()[-_TAIL:]
        raise ConfigError(
            problem(f"environment {environment} was not installed", got=told)
        )
