"""What a screen shows of a report: all blocks, 80 columns, words for lacks."""

import copy

import numpy as np
import pandas as pd
import pytest

from fairveil._console import show_evaluation
from fairveil.evaluate import report, shown


def _table(n, seed):
    rng = np.random.default_rng(seed)
    s = rng.choice(["m", "f", "o"], n, p=[0.5, 0.47, 0.03])
    r = rng.choice(["u", "a rather long name of a group"], n)
    x = rng.normal(size=n) + (s == "m")
    y = np.where(x + rng.normal(size=n) > 0.5, "yes", "no")
    return pd.DataFrame({"s": s, "r": r, "x": x, "y": y, "z": rng.random(n)})


ASK = {"sensitive": ["s", "r"], "target": "y", "positive": "yes"}


@pytest.fixture(scope="module")
def full():
    release = _table(300, 2)
    release["s"] = "m"
    return report(_table(500, 0), _table(400, 1), release, **ASK, legitimate=["z"])


@pytest.mark.parametrize("width", [80, 200])
def test_it_fits_the_screen_and_leaves_no_block_out(full, width, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    show_evaluation(full)
    text = capsys.readouterr().out
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    assert text.startswith("CONFIDENTIAL. Not private")
    titles = ("Alike", "Useful", "Fair", "Hidden from an", "Hidden from cl")
    titles += ("Real people", "Independent", "By name", "Who pays")
    for title in titles:
        assert any(line.startswith(title) for line in lines), title
    assert "  s: constant (FAILS)" in text
    assert "    given legitimate columns" in text
    assert "few rows" in text
    for column in ("s", "r", "s x r"):
        assert f"within the groups of {column}\n" in text


def test_cells_are_the_figures_of_the_report(full):
    (_, (_, useful)), (_, (fair,)), (_, hidden), _ = shown.tables(full)
    expected = [f"{full['utility'][k]['auroc']:.3f}" for k in ("real", "synthetic")]
    assert useful[1][0] == ("AUROC (higher is better)", expected)
    assert fair[1][0][1][:2] == expected
    odds = dict(fair[1])["  equalized odds"]
    column = full["outcome"]["synthetic"]["without_sensitive"]["columns"][2]
    figure = column["at_base_rate"]["equalized_odds_difference"]["value"]
    assert odds[3] == f"{figure:.3f}"
    assert dict(hidden[0][1])["r"][0] == f"{full['probe']['real'][1]['auroc']:.3f}"


def test_sizes_distances_and_auroc_stand_beside_each_group(full):
    *_, (_, payers) = shown.tables(full)
    lines = dict(payers[0][1])
    m, f, o = lines["m"], lines["f"], lines["o"]
    groups = full["group_fidelity"]["synthetic"][0]["groups"]
    assert m[0] == f"{groups['m']['n_real']}/300"
    assert m[1] == f"{groups['m']['tvd2']:.3f}"
    assert f[0].endswith("/0")
    assert f[1:3] == o[1:3] == ["few rows", "few rows"]
    assert o[3] == "-/-"  # in the test rows it is too small too
    assert m[3].count("/") == 1


def test_a_report_without_questions_shows_what_it_has(capsys):
    tables = [_table(120, seed) for seed in range(3)]
    show_evaluation(report(*tables))
    text = capsys.readouterr().out
    assert "Alike" in text
    assert "Hidden" not in text
    assert "Few rows" not in text
    show_evaluation(report(*tables, target="y"))
    assert "Useful" in capsys.readouterr().out


def test_many_groups_are_cut_and_large_tables_shortened(full):
    wide = copy.deepcopy(full)
    one = wide["group_fidelity"]["synthetic"][0]
    group = {**one["groups"]["m"], "n_real": 22_654}
    one["groups"] = {f"g{k}": group for k in range(20)}
    lines = shown.tables(wide)[-1][1][0][1]
    assert len(lines) == 13
    assert lines[-1] == ("and 8 more groups", [])
    assert lines[0][1][0] == "23k/300"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        ("not enough data", "few rows"),
        ("below chance", "below .5"),
        ("blind", "blind"),
        (0.1234, "0.123"),
        ({"value": 1.0, "interval": {}}, "1.000"),
        ({"value": None, "interval": {}}, "-"),
    ],
)
def test_a_cell(value, text):
    assert shown._cell(value) == text


def test_an_interval_is_short():
    known = {"value": 0.2, "interval": {"low": 0.1, "high": 1.05}}
    assert shown._between(known) == ".100-1.050"
    unknown = {"value": None, "interval": {"low": None, "high": None}}
    assert shown._between(unknown) == shown._between("not enough data") == ""
