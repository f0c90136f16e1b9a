"""The page says what the rows say, marks what is unfinished, and counts fairly."""

import re

import numpy as np
import pytest
from pages import cells, judged, row, runs, section
from scipy import stats

from fairveil.bench import page, verdicts
from fairveil.errors import ConfigError


def test_means_intervals_and_the_best(page_of):
    text = page_of(
        row("fairveil", 0.90), row("fairveil", 0.91, seed=1), row("peer", 0.88)
    )
    assert re.search(r"\| fairveil \| 2 \| \*\*0\.9050 ± 0\.0635\*\*", text)
    assert "| peer | 1 | 0.8800 |" in text
    assert "1 of 1 cells" in text
    assert "lib 1.2" in text


def test_a_cell_that_a_peer_leads_is_named(page_of):
    text = page_of(row("fairveil", 0.88, 0.04), row("peer", 0.90, 0.06))
    assert "leads in 0 of 1 cells, level in 0, behind in 1" in judged(text)[0]
    assert judged(text)[1] == "- behind on adult at epsilon 1 by 0.0200 against peer"
    assert "leads in 1 of 1 cells" in judged(text, "tvd2")[0]
    assert judged(text, "tvd2")[1:] == []


def test_an_unfinished_peer_is_shown_and_not_beaten(page_of):
    text = page_of(row("fairveil", 0.9), row("peer", status="timeout"))
    assert "| peer | 0, timeout 1 |" in text
    assert "0 of 0 cells" in text


def test_a_difference_within_its_interval_is_level_not_led(page_of):
    # 0.02 apart, but the interval of the difference is 0.0304 wide on either side
    text = page_of(*runs("fairveil", 0.90, 0.91), *runs("peer", 0.88, 0.89))
    assert "leads in 0 of 1 cells, level in 1, behind in 0." in judged(text)[0]
    text = page_of(*runs("fairveil", 0.88, 0.89), *runs("peer", 0.90, 0.91))
    assert "leads in 0 of 1 cells, level in 1, behind in 0." in judged(text)[0]


def test_a_difference_beyond_its_interval_is_led_or_behind_with_its_interval(page_of):
    text = page_of(*runs("fairveil", 0.90, 0.91), *runs("peer", 0.80, 0.81))
    assert "leads in 1 of 1 cells, level in 0, behind in 0." in judged(text)[0]
    text = page_of(*runs("fairveil", 0.80, 0.81), *runs("peer", 0.90, 0.91))
    assert judged(text)[1].endswith("by 0.1000 ± 0.0304 against peer")


def test_single_runs_are_compared_by_bare_means_and_counted_as_such(page_of):
    text = page_of(row("fairveil", 0.90), *runs("peer", 0.88, 0.92, 0.89))
    assert "leads in 1 of 1 cells" in judged(text)[0]
    assert judged(text)[0].endswith(
        " Bare means decided 1 of these 1 verdicts: 1 leads."
    )
    text = page_of(*runs("fairveil", 0.90, 0.91), *runs("peer", 0.80, 0.81))
    assert "Bare means" not in text


def test_a_level_names_the_peer_that_makes_it_with_its_gap(page_of):
    text = page_of(
        *runs("fairveil", 0.90, 0.91), *runs("near", 0.89, 0.90), *runs("far", 0.5, 0.5)
    )
    line = "- level on adult at epsilon 1 with near (+0.0100 ± 0.0304)"
    assert judged(text)[1:] == [line]


def test_equal_single_runs_are_level(page_of):
    text = page_of(row("fairveil", 0.9), row("peer", 0.9))
    assert "leads in 0 of 1 cells, level in 1, behind in 0" in judged(text)[0]


def test_the_worst_of_all_peers_decides_a_cell(page_of):
    # the best peer by its mean is uncertain, a lesser one is surely ahead
    text = page_of(
        *runs("fairveil", 0.80, 0.81, 0.80),
        *runs("wild", 0.70, 0.99, 0.95),
        *runs("sure", 0.85, 0.86, 0.85),
        *runs("low", 0.5, 0.51, 0.5),
    )
    assert "leads in 0 of 1 cells, level in 0, behind in 1" in judged(text)[0]
    assert "against sure" in judged(text)[1]


def test_of_several_peers_ahead_the_furthest_is_named(page_of):
    text = page_of(
        row("fairveil", 0.8, 0.07), row("a", 0.9, 0.06), row("b", 0.85, 0.01)
    )
    assert judged(text)[1].endswith("by 0.1000 against a")
    assert judged(text, "tvd2")[1].endswith("by 0.0600 against b")


def test_the_difference_of_means_and_its_interval_by_welch():
    one, other = np.array([1.0, 2.0, 3.0]), np.array([2.0, 6.0])
    gap, half = verdicts.difference(one, other)
    known = stats.ttest_ind(one, other, equal_var=False).confidence_interval(0.95)
    assert (gap - half, gap + half) == pytest.approx((known.low, known.high))
    assert gap == -2.0
    pair = np.array([1.0, 1.0])
    assert verdicts.difference(pair, np.array([0.5, 0.5])) == (0.5, 0.0)
    assert np.isnan(verdicts.difference(np.array([1.0, 2.0]), np.array([0.5]))[1])


def test_unfinished_runs_of_peers_are_told_and_a_lack_of_ours_is_a_cell(page_of):
    text = page_of(
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


def test_the_overview_shows_both_sides_of_a_cell(page_of):
    text = page_of(
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
        (
            "adult; 1; 0.9000, behind (bare); 0.9100, a; 0.0500, leads (bare);"
            " 0.0550, b; 30; 200 / 7"
        ),
        (
            "adult; 3; 0.9200, leads (bare); 0.9100, a; 0.0500, level (bare);"
            " 0.0500, a; 10; 201"
        ),
    ]


def test_a_peer_that_was_not_run_is_not_one_that_did_not_finish(page_of):
    text = page_of(
        row("fairveil", 0.9),
        row("fairveil", 0.9, epsilon=3.0),
        row("peer", status="timeout", epsilon=3.0),
    )
    assert "| adult | 1 | 0.9000 | not run | 0.0500 | not run | 10 |" in text
    assert "| adult | 3 | 0.9000 | none finished | 0.0500 | none finished |" in text


def test_what_is_not_private_comes_last_and_is_no_peer(page_of):
    text = page_of(
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


def test_plots_are_linked_with_words_where_they_were_drawn(page_with_plots, tmp_path):
    text = page_with_plots(row("fairveil", 0.9), row("peer", 0.8))
    linked = re.findall(r"!\[(.+)\]\((.+)\)", text)
    assert [name for _, name in linked] == ["page/dots.svg", "page/costs.svg"]
    assert all((tmp_path / name).is_file() for _, name in linked)
    assert all("adult" in words for words, _ in linked)
    assert "Tables on which no peer has a run are left out of the plots." in text


def test_without_a_finished_run_there_is_a_page_without_plots(
    page_with_plots, tmp_path
):
    text = page_with_plots(
        row("fairveil", status="timeout"), row("peer", status="failed")
    )
    assert "![" not in text
    assert not (tmp_path / "page").exists()


def test_a_page_needs_rows(tmp_path):
    with pytest.raises(ConfigError, match="no results"):
        page.write([], tmp_path / "page.md")
    assert list(tmp_path.iterdir()) == []


def test_ceiling_and_floor_stand_beside_and_never_lead(page_of):
    text = page_of(
        row("fairveil", 0.9),
        row("fairveil-decoder", 0.95),
        row("real", 0.93, epsilon="inf"),
        row("independent", 0.5, epsilon="inf"),
    )
    section = text[text.index("## adult, epsilon 1") :].split("\n## ")[0]
    assert "| real | 1 | 0.9300 |" in section
    assert "| independent | 1 | 0.5000 |" in section
    assert "0 of 0 cells" in text  # variants of ours are no peers
