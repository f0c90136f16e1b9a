"""docs/types.md is executed: each Python block, one after another."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "types.md"
BLOCKS = re.findall(
    r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL
)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda b: b.strip().split("\n")[-1][:40])
def test_a_block_of_the_page_runs(block, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert "assert" in block  # it shows what comes back
    exec(compile(block, PAGE.name, "exec"), {})
