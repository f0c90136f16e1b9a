"""The border of the package: what it may load, and how it speaks of a missing extra."""

import subprocess
import sys

import pytest

from fairveil import evaluate
from fairveil.errors import UnsupportedError
from fairveil.evaluate._extra import need


def _python(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )


def test_loads_neither_jax_nor_the_private_folder():
    done = _python(
        "import sys, fairveil.evaluate\n"
        "bad = [m for m in sys.modules if m.split('.')[0] == 'jax'"
        " or m.startswith(('fairveil.private', 'fairveil.post'))]\n"
        "print(bad)"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_a_missing_extra_is_told_in_our_words():
    done = _python(
        "import sys; sys.modules['sklearn'] = None; import fairveil.evaluate"
    )
    assert done.returncode != 0
    assert "UnsupportedError" in done.stderr
    assert "pip install 'fairveil[eval]'" in done.stderr


def test_need_accepts_what_is_there_and_names_what_is_not():
    need("json", extra="eval", purpose="a test")
    with pytest.raises(UnsupportedError, match=r"no_such_package.*fairveil\[x\]"):
        need("no_such_package", extra="x", purpose="a test")


@pytest.mark.parametrize(
    "name",
    ["Interval", "Utility", "Distance", "Probe", "ClusterInformation", "ParityGap"],
)
def test_every_result_class_is_labelled_not_private(name):
    assert getattr(evaluate, name).private is False
