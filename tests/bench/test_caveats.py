"""What limits a comparison is read from the rows and told: noise, floors, gaps."""

import numpy as np
import pytest
from pages import cells, row, runs, section
from scipy import stats

from fairveil.bench import methods, verdicts


def test_what_is_worse_than_the_floor_is_marked_and_named(page_of):
    floor = row("independent", 0.5, 0.06, epsilon="inf")
    text = page_of(
        row("fairveil", 0.9, 0.07), row("a", 0.8, 0.08), row("b", 0.7, 0.09), floor
    )
    assert "| 0.0700 ‡, leads (bare) | 0.0800 ‡, a |" in text
    line = "- adult at epsilon 1, floor 0.0600: all 3 private methods.\n"
    assert line in section(text, "Releases worse than a shuffle")
    text = page_of(row("fairveil", 0.9, 0.05), row("a", 0.8, 0.08), floor)
    assert "floor 0.0600: `a`.\n" in text
    assert "| 0.0500, leads (bare) | 0.0800 ‡, a |" in text
    text = page_of(row("fairveil", 0.9, 0.05), row("a", 0.8, 0.06), floor)
    assert "Releases worse" not in text
    assert "‡" not in section(text, "Overview").split("|", 1)[1]


def test_a_peer_that_gets_worse_with_budget_marks_the_verdict(page_of):
    text = page_of(
        *(row("fairveil", 0.90 + e / 100, epsilon=e) for e in (1.0, 3.0, 8.0)),
        row("good", 0.7),
        row("good", 0.8, epsilon=3.0),
        row("odd", 0.85),
        row("odd", 0.80, epsilon=3.0),
        row("odd", 0.82, epsilon=8.0),
    )
    found = section(text, "Methods that get worse")
    assert "`odd` on adult from epsilon 1 to 3 (0.8500 to 0.8000, bare means)" in found
    assert "`odd` on adult from epsilon 1 to 8 (0.8500 to 0.8200, bare means)" in found
    assert "good" not in found
    assert "fairveil itself: nowhere." in found
    assert "So marked: 2 of fairveil's 3 leads." in found
    assert "| adult | 1 | 0.9100, leads (bare) | 0.8500, odd |" in text
    assert "| adult | 3 | 0.9300, leads (bare) † |" in text
    assert "- `tvd2`: no peer." in found


def test_fairveil_too_is_told_where_it_gets_worse(page_of):
    text = page_of(
        *runs("fairveil", 0.90, 0.91), *runs("fairveil", 0.80, 0.81, epsilon=3.0)
    )
    assert (
        "fairveil itself: `fairveil` on adult from epsilon 1 to 3 (0.9050 to 0.8050,"
        " beyond its interval)."
    ) in text
    text = page_of(
        *runs("fairveil", 0.90, 0.91), *runs("fairveil", 0.89, 0.90, epsilon=3.0)
    )
    assert "get worse" not in text  # within the interval: no setback


def test_tables_come_with_targets_and_test_rows(page_of):
    text = page_of(
        row("fairveil", 0.9, rows=700),
        row("fairveil", 0.9, table="obesity", rows=70),
        row("fairveil", 0.9, table="bank"),
    )
    found = section(text, "Tables")
    # 300 test rows: 1.96 * sqrt(301 / (3 * 300**2))
    adult = "| adult | income, two classes | sex, race | 700 | about 300 | ± 0.065 |"
    assert adult in found
    several = "| obesity | NObeyesdad, several classes | Gender | 70 | about 30 |  |"
    assert several in found
    assert "| bank | y, two classes | marital |  |  |  |" in found


def test_a_guess_and_what_is_above_the_ceiling_are_told(page_of):
    rows = (
        row("fairveil", 0.56, rows=700),
        row("fairveil", 0.57, epsilon=3.0, rows=700),
        row("fairveil-decoder", 0.96, rows=700),
        row("real", 0.95, epsilon="inf", rows=700),
    )
    text = page_of(*rows)
    assert "no better than a guess" in text
    assert "adult at epsilon 1 (0.5600)" in text
    assert "adult at epsilon 3 (" not in text  # .57 is beyond .5 and .065
    assert "Above the ceiling: `fairveil-decoder` on adult at epsilon 1." in text
    assert "Above the ceiling" not in page_of(*rows[:2], rows[3])


def test_what_was_run_of_the_full_grid_is_counted(page_of):
    text = page_of(
        row("fairveil", 0.9),
        row("fairveil", 0.9, epsilon=2.0),  # no budget of the grid
        row("dpmm-aim", 0.8),
        row("dpmm-aim", status="timeout", seed=1),
        row("dpmm-mst", 0.8),
        row("fairveil", 0.9, table="bank"),
        row("dpmm-mst", 0.8, table="bank"),
    )
    found = section(text, "What was run")
    # 13 tables, 3 seeds; fairveil at 5 budgets, ceiling and floor at one
    assert "| ours | 273 | 2 |  |" in found
    assert "| `dpmm-aim` | 156 | 1 | timeout 1 |" in found
    assert "| `ctgan` | 39 | 0 |  |" in found
    assert "Of the 2 cells that are judged: dpmm-aim in 1, dpmm-mst in 2." in found
    assert "- dpmm-mst is the only peer on bank at epsilon 1." in found


def test_methods_are_told_with_their_rounds_and_notes(page_of):
    aim = {"gen_kwargs": {"rounds": 28}}
    text = page_of(
        row("fairveil", 0.9), row("dpmm-aim", 0.8, settings=aim, notes=["a fault"])
    )
    found = section(text, "Methods\n")
    assert "- `fairveil`: `fairness=None`" in found
    assert "2 rounds for each column; its default of 16 takes hours." in found
    assert "Rounds: adult 28. Its runs note: a fault." in found
    assert "`dpmm-mst`" not in found
    assert "runs with 2 rounds for each column (28 on\nAdult)" in text


def test_every_method_says_what_it_is():
    assert [m.name for m in methods.METHODS.values() if not m.about] == []


def test_builds_are_told_with_their_runs(page_of):
    text = page_of(
        row("fairveil", 0.9, build="aaa"),
        row("fairveil", 0.9, build="aaa", seed=1),
        row("fairveil-decoder", 0.9, build="bbb", table="bank"),
        row("peer", 0.8),
    )
    found = section(text, "Versions")
    assert "- build aaa: 2 runs of `fairveil` on adult.\n" in found
    assert "- build bbb: 1 runs of `fairveil-decoder` on bank.\n" in found


def test_the_ablation_has_differences_from_fairveil(page_of):
    text = page_of(
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


def test_a_variant_is_level_within_the_noise_of_fairveils_runs(page_of):
    # deviation .01, Student's 4.30265, roots of 1 + 1/3: a half width of .0497
    seeds = runs("fairveil", 0.90, 0.91, 0.92)
    text = page_of(
        *seeds,
        row("fairveil-decoder", 0.87),
        row("fairveil-no-raking", 0.85),
        row("fairveil-redraw", 0.97, 0.04),
        row("fairveil-paper", 0.9, epsilon=3.0),
        row("fairveil", 0.9, epsilon=3.0),
    )
    found = section(text, "Ablation")
    assert (
        "level with fairveil in AUROC and 2-way TVD are `fairveil-decoder`: no" in found
    )
    assert "`fairveil-no-raking` worse in AUROC;" in found
    assert "`fairveil-redraw` better in AUROC and better in 2-way TVD." in found
    assert "Single runs, taken to spread as fairveil's 3 do: all of these." in found
    assert "On adult at epsilon 3 fairveil has a single run: nothing there" in found


def test_the_borrowed_spread_is_that_of_a_single_new_run():
    own, one = np.array([1.0, 2.0, 3.0]), np.array([5.0])
    gap, half = verdicts.borrowed(one, own)
    quantile = stats.t.ppf(0.975, 2)
    assert (gap, half) == pytest.approx((3.0, quantile * np.sqrt(4 / 3)))
    assert verdicts.borrowed(own, own + 1) == verdicts.difference(own, own + 1)
    assert np.isnan(verdicts.borrowed(one, one)[1])


def test_a_difference_between_builds_is_marked(page_of):
    text = page_of(
        row("fairveil", 0.9, build="aaa"),
        row("fairveil-decoder", 0.9, build="aaa"),
        row("fairveil-no-raking", 0.9, build="bbb"),
    )
    found = section(text, "Ablation")
    assert "| fairveil-no-raking § | 1 |" in found
    assert "| fairveil-decoder | 1 |" in found
    assert "- § compares two builds of fairveil (bbb with" in found
    assert "§" not in page_of(
        row("fairveil", 0.9, build="a"), row("fairveil-decoder", 0.9, build="a")
    )


def with_figures(line, **figures):
    return {**line, "measured": {**line["measured"], **figures}}


def test_the_price_of_the_default_stands_beside_what_it_hides(page_of):
    text = page_of(
        with_figures(row("fairveil", 0.9), probe_hidden_sex=0.9, parity_gap_sex=0.2),
        with_figures(
            row("fairveil-independence", 0.88, 0.07),
            probe_hidden_sex=0.5,
            parity_gap_sex=0.25,
        ),
        with_figures(row("independent", 0.5, epsilon="inf"), probe_hidden_sex=0.51),
        with_figures(row("fairveil", 0.9, table="bank"), probe_hidden_marital=0.7),
    )
    found = section(text, "Fairness, and what it costs")
    assert "**The library's default is `independence`**" in found
    assert "(fairness.md)" in found
    assert "(figures.md)" in found
    line = "| adult | 1 | `probe_hidden_sex` | 0.9000 | 0.5000 | — | — | 0.5100 |"
    assert line in found
    assert "| adult | 1 | `tvd2` | 0.0500 | 0.0700 | — | — | 0.0500 |" in found
    changes = "`auroc_gbm` -0.0200, `tvd2` +0.0200."
    assert f"The default on adult at epsilon 1 (runs: 1, against 1): {changes}" in found
    assert (
        "`parity_gap_c` is smaller with the default than with `fairveil` in 0 of 1"
        in found
    )
    assert "bank" not in found


def test_without_variants_there_is_no_ablation(page_of):
    assert "Ablation" not in page_of(row("fairveil", 0.9), row("peer", 0.8))
