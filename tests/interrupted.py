"""A command whose process waits at one stage, for tests that kill it there.

``python interrupted.py STAGE ARGS...`` runs ``fairveil ARGS`` with tiny sizes; when it
comes to the stage it prints a line and waits for its end.
"""

import signal
import sys
import time

import pytest

from conftest import _tiny
from fairveil import cli
from tiny_sizes import TINY

STAGES = {
    "reading": "fairveil.synthesizer.measure_table",
    "marginals": "fairveil.chain.measured",
    "release": "fairveil._release.finish",
}


def wait(*_, **__):
    sys.stdout.write("here\n")
    sys.stdout.flush()
    time.sleep(600)


def main():
    # a runner in the background may have Ctrl-C ignored
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.MonkeyPatch.context() as patch, _tiny(TINY):
        patch.setattr(STAGES[sys.argv[1]], wait)
        sys.argv[1:] = sys.argv[2:]
        cli.main()


if __name__ == "__main__":
    main()
