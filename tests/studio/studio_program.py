"""The programs that the studio starts, with tiny sizes.

``python studio_program.py fairveil ARGS`` runs the command line, ``... work KIND`` the
studio's own work. ``FAIRVEIL_TEST_WAIT=STAGE FILE`` in the environment makes a fit
write the file when it comes to the stage, and wait there.
"""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from conftest import _tiny
from fairveil import cli
from fairveil.studio import work
from interrupted import STAGES
from tiny_sizes import TINY


def _waiting(place):
    def wait(*_, **__):
        Path(place).write_text("here", encoding="ascii")
        time.sleep(600)

    return wait


def main():
    signal.signal(signal.SIGINT, signal.default_int_handler)
    kind = sys.argv.pop(1)
    with pytest.MonkeyPatch.context() as patch, _tiny(TINY):
        stage, _, place = os.environ.get("FAIRVEIL_TEST_WAIT", "").partition(" ")
        if stage and "fit" in sys.argv:
            patch.setattr(STAGES[stage], _waiting(place))
        if kind == "fairveil":
            cli.main()
        else:
            work.app(prog_name="work")


if __name__ == "__main__":
    main()
