"""What the studio starts in tests: tiny sizes, or stubs that need no JAX."""

import sys
from pathlib import Path

from fairveil.studio.jobs import Programs

_HERE = Path(__file__).parent


def _programs(file):
    path = str(_HERE / file)
    return Programs(*((sys.executable, path, word) for word in ("fairveil", "work")))


TINY = _programs("studio_program.py")
STUBS = _programs("studio_stub.py")
