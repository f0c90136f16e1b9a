"""Type hints are complete: every public name has a type that other checkers see."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import fairveil

SOURCE = Path(fairveil.__file__).parents[1]
PUBLIC = ("config", "constraints", "datasets", "errors", "evaluate", "frontier")
PUBLIC += ("hosts", "planning", "schema", "synthesizer", "certificate")
COMMAND = ("-m", "pyright", "--ignoreexternal", "--verifytypes", "fairveil")


@pytest.fixture(scope="module")
def report():
    """What Pyright says of the package as somebody else's program would see it."""
    done = subprocess.run(
        [sys.executable, *COMMAND, "--outputjson"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
    )
    return json.loads(done.stdout)["typeCompleteness"]


def test_every_public_name_has_a_type(report):
    unknown = []
    for symbol in report["symbols"]:
        _, first, *rest = *symbol["name"].split("."), ""
        public = first in PUBLIC or first in fairveil.__all__ or not rest[0]
        if public and symbol["isExported"] and not symbol["isTypeKnown"]:
            unknown.append((symbol["name"], symbol["diagnostics"][0]["message"]))
    assert unknown == []
    assert Path(report["packageRootDirectory"]) == SOURCE / "fairveil"


def test_nearly_every_inner_name_has_one(report):
    assert report["exportedSymbolCounts"]["withKnownType"] > 2000
    assert report["completenessScore"] > 0.99


def test_the_package_says_that_it_has_types():
    assert (SOURCE / "fairveil/py.typed").is_file()
