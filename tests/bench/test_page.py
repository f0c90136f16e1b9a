"""The page says what the rows say, marks what is unfinished, and counts fairly."""

import re

import numpy as np
import pytest
from scipy import stats

from fairveil.bench import page
from fairveil.errors import ConfigError


def row(method, auroc=None, tvd2=0.05, *, epsilon: float | str = 1.0, seed=0, **more):
    status = more.get("status", "ok")
    facts = {"table": "adult", "method": method, "epsilon": epsilon, "seed": seed}
    facts |= {"status": status, "harness": "1", "library": "lib", "version": "1.2"}
    if status != "ok":
        return facts | more
    figures: dict[str, float | None] = {
        "auroc_gbm": auroc,
        "auroc_lr": 0.8,
        "tvd1": 0.01,
    }
    figures |= {"tvd2": tvd2, "tvd3": 0.1}
    costs = {"cpu_seconds": 10.0, "wall_seconds": 11.0, "peak_mb": 100}
    return facts | costs | {"measured": figures} | more


def runs(method, *aurocs, **more):
    """One run for each seed."""
    return [row(method, auroc, seed=i, **more) for i, auroc in enumerate(aurocs)]


def judged(text, metric="auroc_gbm"):
    """The line that counts the cells of a metric, and the lines under it."""
    lines = iter(text.splitlines())
    found = [next(line for line in lines if line.startswith(f"- `{metric}`"))]
    for line in lines:
        if not line.startswith("  - "):
            return found
        found.append(line.strip())
    return found


def section(text, title):
    return text[text.index(f"## {title}") :].split("\n## ")[0]


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.fixture
def written_with_plots(tmp_path):
    def write(*rows):
        page.write(rows, tmp_path / "page.md")
        return (tmp_path / "page.md").read_text(encoding="utf-8")

    return write


@pytest.fixture
def written(written_with_plots, monkeypatch):
    """The page alone: drawing takes a second."""
    monkeypatch.setattr(page.plots, "draw", lambda *_: [])
    return written_with_plots


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
    assert "leads in 0 of 1 cells, level in 0, behind in 1" in judged(text)[0]
    assert judged(text)[1] == "- behind on adult at epsilon 1 by 0.0200 against peer"
    assert "leads in 1 of 1 cells" in judged(text, "tvd2")[0]
    assert judged(text, "tvd2")[1:] == []


def test_an_unfinished_peer_is_shown_and_not_beaten(written):
    text = written(row("fairveil", 0.9), row("peer", status="timeout"))
    assert "| peer | 0, timeout 1 |" in text
    assert "0 of 0 cells" in text


def test_a_difference_within_its_interval_is_level_not_led(written):
    # 0.02 apart, but the interval of the difference is 0.0304 wide on either side
    text = written(*runs("fairveil", 0.90, 0.91), *runs("peer", 0.88, 0.89))
    assert "leads in 0 of 1 cells, level in 1, behind in 0." in judged(text)[0]
    text = written(*runs("fairveil", 0.88, 0.89), *runs("peer", 0.90, 0.91))
    assert "leads in 0 of 1 cells, level in 1, behind in 0." in judged(text)[0]


def test_a_difference_beyond_its_interval_is_led_or_behind_with_its_interval(written):
    text = written(*runs("fairveil", 0.90, 0.91), *runs("peer", 0.80, 0.81))
    assert "leads in 1 of 1 cells, level in 0, behind in 0." in judged(text)[0]
    text = written(*runs("fairveil", 0.80, 0.81), *runs("peer", 0.90, 0.91))
    assert judged(text)[1].endswith("by 0.1000 ± 0.0304 against peer")


def test_single_runs_are_compared_by_bare_means_and_counted_as_such(written):
    text = written(row("fairveil", 0.90), *runs("peer", 0.88, 0.92, 0.89))
    assert "leads in 1 of 1 cells" in judged(text)[0]
    assert judged(text)[0].endswith("; 1 of them by bare means.")


def test_equal_single_runs_are_level(written):
    text = written(row("fairveil", 0.9), row("peer", 0.9))
    assert "leads in 0 of 1 cells, level in 1, behind in 0" in judged(text)[0]


def test_the_worst_of_all_peers_decides_a_cell(written):
    # the best peer by its mean is uncertain, a lesser one is surely ahead
    text = written(
        *runs("fairveil", 0.80, 0.81, 0.80),
        *runs("wild", 0.70, 0.99, 0.95),
        *runs("sure", 0.85, 0.86, 0.85),
        *runs("low", 0.5, 0.51, 0.5),
    )
    assert "leads in 0 of 1 cells, level in 0, behind in 1" in judged(text)[0]
    assert "against sure" in judged(text)[1]


def test_of_several_peers_ahead_the_furthest_is_named(written):
    text = written(
        row("fairveil", 0.8, 0.07), row("a", 0.9, 0.06), row("b", 0.85, 0.01)
    )
    assert judged(text)[1].endswith("by 0.1000 against a")
    assert judged(text, "tvd2")[1].endswith("by 0.0600 against b")


def test_the_difference_of_means_and_its_interval_by_welch():
    one, other = np.array([1.0, 2.0, 3.0]), np.array([2.0, 6.0])
    gap, half = page.difference(one, other)
    known = stats.ttest_ind(one, other, equal_var=False).confidence_interval(0.95)
    assert (gap - half, gap + half) == pytest.approx((known.low, known.high))
    assert gap == -2.0
    assert page.difference(np.array([1.0, 1.0]), np.array([0.5, 0.5])) == (0.5, 0.0)
    assert np.isnan(page.difference(np.array([1.0, 2.0]), np.array([0.5]))[1])


def test_unfinished_runs_of_peers_are_told_and_a_lack_of_ours_is_a_cell(written):
    text = written(
        row("fairveil", status="timeout"),
        row("peer", 0.7),
        row("other", status="refused"),
        row("other", status="timeout", seed=1),
        row("other", status="timeout", epsilon=3.0),
        row("free", status="failed", epsilon="inf"),
    )
    first, *under = judged(text)
    assert "leads in 0 of 1 cells, level in 0, behind in 0, no figure of" in first
    assert under == ["- no figure of fairveil on adult at epsilon 1"]
    assert (
        "- Runs of private peers that did not finish: other (refused 1, timeout 2).\n"
    ) in text
    assert "| adult | 1 | timeout 1 | 0.7000, peer |" in text
    assert "| adult | 3 | not run | none finished |" in text


def test_the_overview_shows_both_sides_of_a_cell(written):
    text = written(
        row("fairveil", 0.90, 0.05, cpu_seconds=30.0),
        row("fairveil-paper", 0.99, 0.001),
        row("real", 0.99, 0.001),
        row("a", 0.91, 0.06, cpu_seconds=200.0),
        row("b", 0.80, 0.055, cpu_seconds=7.0),
        row("fairveil", 0.92, epsilon=3.0),
        row("a", 0.91, epsilon=3.0, cpu_seconds=201.0),
        row("free", 0.99, 0.001, epsilon="inf"),
    )
    lines = [cells(x) for x in section(text, "Overview").splitlines() if x[:2] == "| "]
    assert ["; ".join(line) for line in lines[1:]] == [
        "adult; 1; 0.9000, behind; 0.9100, a; 0.0500, leads; 0.0550, b; 30; 200 / 7",
        "adult; 3; 0.9200, leads; 0.9100, a; 0.0500, level; 0.0500, a; 10; 201",
    ]


def test_the_ablation_has_differences_from_fairveil(written):
    text = written(
        *runs("fairveil", 0.90, 0.91, tvd2=0.05),
        *runs("fairveil-paper", 0.80, 0.81, tvd2=0.07, cpu_seconds=4.0),
        row("fairveil-redraw", 0.89),
        row("fairveil-decoder", status="failed"),
        row("fairveil-paper", 0.9, epsilon="inf"),
        row("peer", 0.7),
    )
    lines = [cells(x) for x in section(text, "Ablation").splitlines() if x[:2] == "| "]
    found = {(line[1], line[2]): line[3:] for line in lines[1:]}
    assert len(found) == 4
    paper = found["1", "fairveil-paper"]
    assert paper[:2] == ["2", "-0.1000 ± 0.0304"]
    assert paper[4] == "+0.0200 ± 0.0000"
    assert paper[6] == "-6"
    assert found["1", "fairveil-redraw"][:2] == ["1", "-0.0150"]
    assert found["1", "fairveil-decoder"] == ["0, failed 1", *[""] * 7]
    assert found["none", "fairveil-paper"] == ["1", *[""] * 7]


def test_without_variants_there_is_no_ablation(written):
    assert "Ablation" not in written(row("fairveil", 0.9), row("peer", 0.8))


def test_what_is_not_private_comes_last_and_is_no_peer(written):
    text = written(
        row("fairveil", 0.9),
        row("ctgan", 0.95, epsilon="inf"),
        row("peer", 0.8, table="bank"),
    )
    heads = [line for line in text.splitlines() if line.startswith("#")]
    assert heads[-4:] == [
        "## bank, epsilon 1",
        "## Not private",
        "### adult, not private",
        "## Versions",
    ]
    assert "| ctgan | 1 | **0.9500** |" in section(text, "Not private")
    assert "0 of 1 cells" in judged(text)[0]  # bank's alone


def test_plots_are_linked_with_words_where_they_were_drawn(
    written_with_plots, tmp_path
):
    text = written_with_plots(row("fairveil", 0.9), row("peer", 0.8))
    linked = re.findall(r"!\[(.+)\]\((.+)\)", text)
    assert [name for _, name in linked] == ["page/dots.svg", "page/costs.svg"]
    assert all((tmp_path / name).is_file() for _, name in linked)
    assert all("adult" in words for words, _ in linked)


def test_without_a_finished_run_there_is_a_page_without_plots(
    written_with_plots, tmp_path
):
    text = written_with_plots(
        row("fairveil", status="timeout"), row("peer", status="failed")
    )
    assert "![" not in text
    assert not (tmp_path / "page").exists()


def test_a_page_needs_rows(tmp_path):
    with pytest.raises(ConfigError, match="no results"):
        page.write([], tmp_path / "page.md")
    assert list(tmp_path.iterdir()) == []


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
