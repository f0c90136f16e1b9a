"""The page holds what hand-made rows say, in which direction, and what is missing."""

import math
import re
from pathlib import Path
from typing import Any

import pytest

from fairveil.bench import reproduction, results
from fairveil.config import preset

FIGURES = {
    "mmd": 0.02,
    "mmd_median": 0.03,
    "wasserstein": 0.04,
    "wasserstein_mixed": 0.05,
    "ks_p": 0.6,
    "ks": 0.07,
    "dwp": 0.08,
    "dwp_corr": 0.9,
    "silhouette": 0.1,
    "davies_bouldin": 1.5,
    "cluster_parity_sex": 0.11,
    "cluster_parity_null_sex": 0.12,
    "cluster_mi_sex": 0.5,
    "cluster_mi_null_sex": 0.013,
    "probe_sex": 0.7,
    "tvd2": 0.15,
    "auroc_gbm": 0.8,
}
INF: Any = "inf"  # as files of results have it
COLUMNS = (
    "fairveil-paper",
    "fairveil-independence",
    "fairveil",
    "fairveil-redraw",
    "real",
    "independent",
)


def row(method, *, seed=0, epsilon=1.0, status="ok", table="heart_failure", **figures):
    facts = {"table": table, "method": method, "epsilon": epsilon, "seed": seed}
    facts |= {"status": status, "harness": "1", "library": "fairveil"}
    facts |= {"version": "9.9", "build": "abc"}
    if status != "ok":
        return facts
    facts |= {"rows": 209, "epsilon_spent": 0.99991}
    return facts | {"measured": FIGURES | figures}


@pytest.fixture
def written(tmp_path):
    def write(*rows):
        reproduction.write(rows, tmp_path / "page.md")
        return (tmp_path / "page.md").read_text(encoding="utf-8")

    return write


def cells(text, figure, title="heart_failure, epsilon 1"):
    """The cells of a figure in a section: which way is better, then by method."""
    section = text[text.index(f"### {title}\n") :]
    section = re.split(r"\n#+ ", section[4:])[0]
    lines = [line.strip("| ").split(" | ") for line in section.splitlines()]
    heads = next(line for line in lines if line[0] == "figure")
    assert heads[2:] == [f"`{name}`" for name in COLUMNS]
    found = next(line for line in lines if line[0] in {figure, f"`{figure}`"})
    return dict(zip(["better", *COLUMNS], found[1:] or [""], strict=True))


def changes(text, figure):
    """The last cells of a figure in the ablation, for heart_failure."""
    part = text[text.index("## The paper's ablation") :]
    lines = [line.strip("| ").split(" | ") for line in part.splitlines()]
    return next(
        x[4:] for x in lines if x[0] == "heart_failure" and x[2] == f"`{figure}`"
    )


def test_means_and_half_widths_are_of_the_rows(written):
    text = written(
        row("fairveil-paper", mmd=0.10, ks_p=0.001234),
        row("fairveil-paper", seed=1, mmd=0.20, ks_p=0.001234),
        row("fairveil-paper", seed=2, mmd=0.60, ks_p=0.001234),
        row("fairveil", mmd=0.25),
    )
    found = cells(text, "mmd")
    # mean .3, deviation .26458, over the root of 3, times Student's 4.30265
    assert found["fairveil-paper"] == "0.3000 ± 0.6572"
    assert found["fairveil"] == "0.2500"
    assert cells(text, "ks_p")["fairveil-paper"] == "0.00123 ± 0.0000"


@pytest.mark.parametrize("name", sorted(FIGURES.keys() - {"tvd2", "auroc_gbm"}))
def test_each_figure_of_the_paper_has_its_own_value(written, name):
    text = written(row("fairveil-redraw"))
    if name.startswith("probe"):
        assert changes(text, name)[2] == "0.7000 (0.2000)"  # and how far from .5
    else:
        assert cells(text, name)["fairveil-redraw"] == f"{FIGURES[name]:.4f}"


@pytest.mark.parametrize(
    ("better", "names"),
    [
        ("larger", ("ks_p", "dwp_corr")),
        ("smaller", ("mmd", "wasserstein", "ks", "dwp", "cluster_parity_sex")),
        ("smaller", ("mmd_median", "wasserstein_mixed", "cluster_mi_sex")),
        ("near `real`", ("silhouette", "davies_bouldin")),
        ("chance", ("cluster_parity_null_sex", "cluster_mi_null_sex")),
    ],
)
def test_directions(written, better, names):
    text = written(row("fairveil"))
    assert {cells(text, name)["better"] for name in names} == {better}


def test_what_is_missing_or_unfinished_is_said(written):
    text = written(
        *(row("fairveil", seed=seed) for seed in (0, 1, 2)),
        row("fairveil-paper"),
        row("fairveil-paper", seed=1, status="timeout"),
        row("fairveil-independence", status="refused"),
    )
    runs = cells(text, "runs")
    assert runs["fairveil"] == "3"
    assert runs["fairveil-paper"] == "1, timeout 1, missing 1"
    assert runs["fairveil-independence"] == "0, refused 1, missing 2"
    assert runs["fairveil-redraw"] == runs["real"] == "not run"
    assert cells(text, "mmd")["fairveil-independence"] == "—"
    for name in reproduction.TABLES[1:]:
        assert f"### {name}, epsilon 1\n\nNot run.\n" in text


def test_undefined_and_unmeasured_figures_are_said(written):
    bare = row("fairveil-redraw")
    del bare["measured"]["silhouette"]
    text = written(
        row("fairveil", silhouette=None),
        row("fairveil", seed=1, silhouette=0.3),
        row("fairveil-paper", silhouette=None),
        bare,
    )
    found = cells(text, "silhouette")
    assert found["fairveil"] == "0.3000 (1 of 2)"
    assert found["fairveil-paper"] == "undefined"
    assert found["fairveil-redraw"] == "not measured"


def test_references_stand_beside_every_budget(written):
    text = written(
        row("fairveil"),
        row("fairveil", epsilon=3.0, mmd=0.5),
        row("real", epsilon=INF, mmd=0.0),
        row("independent", epsilon=INF, mmd=0.9),
    )
    for title in ("heart_failure, epsilon 1", "heart_failure, epsilon 3"):
        found = cells(text, "mmd", title)
        assert (found["real"], found["independent"]) == ("0.0000", "0.9000")
    assert cells(text, "mmd", "heart_failure, epsilon 3")["fairveil"] == "0.5000"
    assert "not private\n" not in text


def test_spent_epsilon_is_the_largest_rounded_up(written):
    more = row("fairveil", seed=1) | {"epsilon_spent": 1.00000001}
    unknown = row("fairveil-paper") | {"epsilon_spent": None}
    text = written(row("fairveil"), more, unknown, row("real", epsilon=INF))
    spent = cells(text, "epsilon_spent")
    assert spent["fairveil"] == "1.0001"
    assert spent["fairveil-paper"] == "unknown"
    assert spent["real"] == "not private"


def test_a_budget_of_infinity_is_not_private(written):
    text = written(row("fairveil", epsilon=INF))
    spent = cells(text, "epsilon_spent", "heart_failure, not private")
    assert spent["fairveil"] == "not private"


def test_the_ablation_pairs_by_seed(written):
    text = written(
        row("fairveil", cluster_mi_sex=0.50),
        row("fairveil", seed=1, cluster_mi_sex=0.90),
        row("fairveil", seed=2, cluster_mi_sex=9.0),  # without a partner
        row("fairveil-independence", cluster_mi_sex=0.20),
        row("fairveil-independence", seed=1, cluster_mi_sex=0.40),
        row("fairveil-redraw", cluster_mi_sex=0.10),
    )
    # -.3 and -.5: mean -.4, half width .1 times Student's 12.7062
    assert changes(text, "cluster_mi_sex")[-1] == "-0.4000 ± 1.2706"
    assert changes(text, "cluster_mi_sex")[2] == "0.1000"
    assert "below that of `fairveil` in 1 of 1 cells" in text
    assert "below that of `fairveil-redraw`" not in text  # chance, no achievement


def test_a_probe_changes_by_its_distance_from_blind(written):
    text = written(
        row("fairveil", probe_sex=0.55), row("fairveil-independence", probe_sex=0.27)
    )
    plain, critic, _, change = changes(text, "probe_sex")
    assert (plain, critic) == ("0.5500 (0.0500)", "0.2700 (0.2300)")
    assert change == "0.1800"  # further from .5, though smaller


def test_what_chance_makes_of_a_probe_is_told(written):
    text = written(row("fairveil"), row("independent", epsilon=INF, probe_sex=0.38))
    assert "it lies up to 0.1200 from .5 (heart_failure, probe_sex)" in text
    assert "Chance alone moves a probe" not in written(row("fairveil"))


def test_a_collapsed_column_is_flagged_and_no_fairness(written):
    lost: dict[str, Any] = {
        "cluster_parity_sex": 0.0,
        "cluster_parity_null_sex": 0.0,
        "cluster_mi_sex": 0.0,
        "cluster_mi_null_sex": 0.0,
        "probe_sex": 0.5,
    }
    text = written(row("fairveil-independence", **lost), row("fairveil"))
    for name in ("cluster_parity_sex", "cluster_mi_sex", "cluster_mi_null_sex"):
        assert cells(text, name)["fairveil-independence"] == "0.0000 †"
        assert "†" not in cells(text, name)["fairveil"]
    assert "†" not in cells(text, "mmd")["fairveil-independence"]
    assert (
        "- † The figures of `fairveil-independence` are those of a column sex" in text
    )
    assert changes(text, "probe_sex")[1] == "0.5000 † (0.0000)"
    hidden = {**lost, "cluster_mi_null_sex": 0.01}  # chance makes something of it
    assert "†" not in written(row("fairveil-independence", **hidden))


def test_a_kernel_figure_that_tells_a_shuffle_from_nothing_is_flagged(written):
    shuffled = row("independent", epsilon=INF, mmd=0.0200)
    flat = written(row("fairveil", mmd=0.0205), row("fairveil-paper"), shuffled)
    assert cells(flat, "mmd ‡".replace("mmd", "`mmd`"))["fairveil"] == "0.0205"
    assert "- ‡ within a tenth for every release" in flat
    assert "`mmd_median` ‡" in flat
    text = written(row("fairveil", mmd=0.0230), row("fairveil-paper"), shuffled)
    assert cells(text, "mmd")["fairveil"] == "0.0230"
    assert "`mmd` ‡" not in text
    assert "‡" not in written(row("fairveil"), row("fairveil-paper"))  # no shuffle


def test_where_the_papers_sizes_were_run_is_told(written):
    text = written(
        row("fairveil-paper"),
        row("fairveil-paper", table="hiv_actg175"),
        row("fairveil-paper", table="obesity", status="timeout"),
        row("fairveil", table="appendicitis"),
    )
    told = "was run on 1 of the paper's six tables (heart_failure) and on hiv_actg175."
    assert told in text
    assert "(obesity, appendicitis, diabetes_brfss: no finished run)" in text
    assert "was run on 0 of the paper's six tables (none)." in written(row("fairveil"))


def test_an_ablation_without_partner_counts_nothing(written):
    text = written(row("fairveil-independence"))
    assert changes(text, "cluster_mi_sex")[-1] == "—"
    assert "below that of `fairveil` in 0 of 0 cells" in text


def test_both_sensitive_columns_of_the_stand_in_are_shown(written):
    figures: dict[str, Any] = {"cluster_mi_gender": 0.21, "cluster_mi_race": 0.22}
    text = written(row("fairveil", table="hiv_actg175", **figures))
    for name, value in figures.items():
        found = cells(text, name, "hiv_actg175, epsilon 1")
        assert found["fairveil"] == f"{value:.4f}"


def test_other_tables_and_peers_are_passed_over(written):
    text = written(row("fairveil", table="adult"), row("dpmm-mst"))
    assert "No run of fairveil on these tables" in text
    assert "###" not in text
    assert "dpmm" not in text
    assert "adult" not in text


def test_the_settings_are_those_of_the_preset(written):
    ours = preset("paper")
    text = written()
    assert f"| 20; 15 | {ours.vae.latent}; {ours.clustering.clusters} |" in text
    assert f"| .5 | {ours.vae.l2_clip_norm} |" in text
    assert f"| .1 | {ours.gan.fairness} |" in text


def test_mixed_builds_are_said(written):
    other = row("fairveil", seed=1) | {"build": "def"}
    assert "several builds are mixed" in written(row("fairveil"), other)
    assert "builds are mixed" not in written(row("fairveil"))


def test_every_module_that_is_named_is_there(written):
    root = Path(reproduction.__file__).parents[1]
    named = set(re.findall(r"`([a-z_]+/[a-z_]+\.py)`", written()))
    assert len(named) > 8
    assert [name for name in sorted(named) if not (root / name).is_file()] == []


def test_the_command_reads_files_and_refuses_what_is_none(tmp_path, capsys):
    source, output = tmp_path / "rows.jsonl", tmp_path / "page.md"
    results.write(source, [row("fairveil", mmd=0.77), row("real", epsilon=INF)])
    reproduction.main([str(source), "-o", str(output)])
    text = output.read_text(encoding="utf-8")
    assert cells(text, "mmd")["fairveil"] == "0.7700"
    assert math.isfinite(float(cells(text, "mmd")["real"]))
    with pytest.raises(SystemExit):
        reproduction.main([str(tmp_path / "none.jsonl"), "-o", str(output)])
    assert "no such file of results" in capsys.readouterr().err
