"""The page on metrics: its blocks run, and it leaves no figure out."""

import re
from pathlib import Path

import pytest

from fairveil import evaluate

PAGE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text("utf-8")


@pytest.fixture(scope="module")
def scope():
    """What the page's blocks leave behind, run in their order as one program."""
    names = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL):
        exec(compile(block, "metrics.md", "exec"), names)
    return names


def test_the_blocks_run_and_each_metric_has_its_heading(scope):
    headings = re.findall(r"^## .*$", PAGE, flags=re.MULTILINE)
    named = {name for line in headings for name in re.findall(r"`(\w+)`", line)}
    general = {re.sub(r"_(sex|race)$", "_c", name) for name in scope["ceiling"]}
    assert named == general
    assert scope["notes"] == ()


def test_each_function_is_on_the_page():
    functions = {n for n in evaluate.__all__ if n[0].islower()} - {"report"}
    assert {name for name in functions if f"{name}" not in PAGE} == set()
