"""The page on sampling is executed on a small fit of the table that it speaks of."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fairveil import cli
from fairveil.datasets import adult_schema, load_adult
from fairveil.post import teacher
from fairveil.synthesizer import FairVeil

PAGE = (Path(__file__).parents[1] / "docs" / "sampling.md").read_text("utf-8")


@pytest.fixture
def model(tiny_fits, tmp_path, monkeypatch):
    del tiny_fits
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(teacher, "BATCH", 4096)
    table = load_adult().head(3000)
    plain = FairVeil(
        fairness=None, generator="decoder", schema=adult_schema(), random_state=0
    )
    return plain.fit(table)


def blocks(kind):
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, flags=re.DOTALL)


def test_the_page_runs(model):
    scope = {"model": model}
    for block in blocks("python"):
        exec(compile(block, "sampling.md", "exec"), scope)
    assert len(scope["young"]) == 500
    model.save("model.fairveil")
    scope["mine"].to_csv("mine.csv", index=False)
    lines = [line for block in blocks("console") for line in block.splitlines()]
    assert len(lines) >= 3
    for line in lines:
        result = CliRunner().invoke(cli.app, shlex.split(line)[1:])
        assert result.exit_code == 0, (line, result.output)
