"""The command line starts quickly: nothing heavy is loaded before it is needed."""

import os
import resource
import subprocess
import sys

HEAVY = ("jax", "jaxlib", "optax", "pandas", "sklearn", "scipy", "matplotlib", "duckdb")
HEAVY += ("starlette", "uvicorn", "jinja2")
LOADED = """
import sys
from fairveil.cli import app
for words in (["--help"], ["fit", "--help"], ["sample", "--help"]):
    try:
        app(words, prog_name="fairveil")
    except SystemExit as stopped:
        assert not stopped.code
print("LOADED", *sorted(name for name in sys.modules if "." not in name))
"""


def test_help_loads_nothing_heavy():
    done = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, check=True
    )
    loaded = done.stdout.split("LOADED")[1].split()
    assert "typer" in loaded
    assert not set(HEAVY) & set(loaded)


def test_help_takes_less_than_six_tenths_of_a_second():
    """CPU seconds of the process: a shared machine is no reason for a red test."""
    found = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, "-m", "fairveil", "--help"],
            stdout=subprocess.DEVNULL,
            check=True,
            env=dict(os.environ),
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append(
            after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
        )
    assert min(found) < 0.6
