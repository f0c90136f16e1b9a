"""The page on sampling is executed on a small fit of the table that it speaks of."""

import re
from pathlib import Path

import pytest

from fairveil.datasets import adult_schema, load_adult
from fairveil.synthesizer import FairVeil

PAGE = Path(__file__).parents[1] / "docs" / "sampling.md"


@pytest.fixture
def model(tiny_fits):
    del tiny_fits
    table = load_adult().head(3000)
    plain = FairVeil(
        fairness=None, generator="decoder", schema=adult_schema(), random_state=0
    )
    return plain.fit(table)


def test_the_blocks_run(model):
    blocks = re.findall(
        r"```python\n(.*?)```", PAGE.read_text("utf-8"), flags=re.DOTALL
    )
    assert len(blocks) == 2
    scope = {"model": model}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), scope)
    assert len(scope["young"]) == 500
