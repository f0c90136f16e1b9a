"""The page says what the rows say, marks what is unfinished, and counts fairly."""

import re

import pytest

from fairveil.bench import page


def row(method, auroc=None, tvd2=0.05, *, epsilon=1.0, seed=0, status="ok", **more):
    facts = {"table": "adult", "method": method, "epsilon": epsilon, "seed": seed}
    facts |= {"status": status, "harness": "1", "library": "lib", "version": "1.2"}
    if status != "ok":
        return facts | more
    figures = {"auroc_gbm": auroc, "auroc_lr": 0.8, "tvd1": 0.01}
    figures |= {"tvd2": tvd2, "tvd3": 0.1}
    costs = {"cpu_seconds": 10.0, "wall_seconds": 11.0, "peak_mb": 100}
    return facts | costs | {"measured": figures} | more


@pytest.fixture
def written(tmp_path):
    def write(*rows):
        page.write(rows, tmp_path / "page.md")
        return (tmp_path / "page.md").read_text(encoding="utf-8")

    return write


def test_means_intervals_and_the_best(written):
    text = written(
        row("fairveil", 0.90), row("fairveil", 0.91, seed=1), row("peer", 0.88)
    )
    assert re.search(r"\| fairveil \| 2 \| \*\*0\.9050 ± 0\.0635\*\*", text)
    assert "| peer | 1 | 0.8800 |" in text
    assert "1 of 1 cells" in text
    assert "lib 1.2" in text


def test_a_cell_that_a_peer_leads_is_named(written):
    text = written(row("fairveil", 0.88, 0.04), row("peer", 0.90, 0.06))
    judged = [line for line in text.splitlines() if line.startswith("- `")]
    assert "0 of 1 cells" in judged[0]
    assert "not on adult at epsilon 1" in judged[0]
    assert "1 of 1 cells" in judged[1]


def test_an_unfinished_peer_is_shown_and_not_beaten(written):
    text = written(row("fairveil", 0.9), row("peer", status="timeout"))
    assert "| peer | 0, timeout 1 |" in text
    assert "0 of 0 cells" in text


def test_ceiling_and_floor_stand_beside_and_never_lead(written):
    text = written(
        row("fairveil", 0.9),
        row("fairveil-decoder", 0.95),
        row("real", 0.93, epsilon="inf"),
        row("independent", 0.5, epsilon="inf"),
    )
    section = text[text.index("## adult, epsilon 1") :].split("\n## ")[0]
    assert "| real | 1 | 0.9300 |" in section
    assert "| independent | 1 | 0.5000 |" in section
    assert "0 of 0 cells" in text  # variants of ours are no peers
