import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from fairveil import demo as demonstration, evaluate
from fairveil._console import Stages, duration, show_demo, show_statement, wrote
from fairveil.cli import app
from fairveil.datasets import registry
from fairveil.errors import ConfigError, TableError
from fairveil.privacy.statement import Statement
from fairveil.synthesizer import FairVeil
from fairveil.tables.files import read_table

ROWS = 3000


class Copier:
    """Stands for ``FairVeil``: releases the rows it saw, sensitive columns shuffled."""

    made = ()

    def __init__(self, statement, **settings):
        self.settings, self.statement_ = settings, statement
        Copier.made = (*Copier.made, self)

    def fit(self, frame, *, progress):
        stages = {"marginals": 30, "warm start": 3000, "vae": 60, "generator": 1000}
        for stage, total in stages.items():
            progress(stage, total, total)
        self.frame = frame
        return self

    def refine(self, *, progress, **settings):
        other = Copier(self.statement_, **{**self.settings, **settings})
        other.frame = self.frame
        progress("generator", 1000, 1000)
        return other

    def sample(self, n, random_state):
        drawn = self.frame.sample(n, replace=True, random_state=random_state)
        if self.settings["fairness"] is None:
            return drawn
        own = list(self.settings["sensitive"])
        order = np.random.default_rng(random_state).permutation(n)
        return drawn.assign(**{c: drawn[c].to_numpy()[order] for c in own})

    def save(self, path):
        path.write_bytes(b"model")


@pytest.fixture
def copied(monkeypatch, tiny_model):
    """The demonstration with ``Copier`` in the place of ``FairVeil``."""
    Copier.made = ()
    statement = tiny_model.statement_
    monkeypatch.setattr(demonstration, "FairVeil", lambda **s: Copier(statement, **s))


@pytest.fixture(scope="module")
def trial(tiny_model):
    """A demonstration with ``Copier``: result, models in order, progress."""
    steps = []
    Copier.made = ()
    with pytest.MonkeyPatch.context() as patch:
        statement = tiny_model.statement_
        patch.setattr(demonstration, "FairVeil", lambda **s: Copier(statement, **s))
        result = demonstration.run(
            registry.get("adult"),
            epsilon=1.0,
            seed=4,
            rows=ROWS,
            progress=lambda *step: steps.append(step),
        )
    return result, Copier.made, steps


@pytest.fixture
def result(trial):
    return trial[0]


def test_one_private_fit_and_two_refinements(trial):
    result, made, _ = trial
    plain, critic, redraw = made
    assert plain.settings["fairness"] is None
    assert plain.settings["schema"] == registry.get("adult").schema()
    assert plain.settings["sensitive"] == ("sex", "race")
    assert (critic.settings["fairness"], redraw.settings["fairness"]) == (
        "independence",
        "redraw",
    )
    assert {m.settings["random_state"] for m in made} == {4}
    assert not any("noise" in name for m in made for name in m.settings)
    assert result.model is critic
    # no row of the test part was seen
    assert len(plain.frame) == result.train_rows == 0.7 * ROWS
    assert result.test_rows == 0.3 * ROWS
    pd.testing.assert_frame_equal(
        result.release, critic.sample(result.train_rows, random_state=4)
    )


def test_figures_are_of_the_rows_they_name(result):
    real, plain, critic, redraw = (result.figures[c] for c in demonstration.COLUMNS)
    assert real.probes[0].auroc > 0.85
    assert plain.probes[0].auroc > 0.85
    for hidden in (critic, redraw):
        assert 0.4 < hidden.probes[0].auroc < 0.6
        told = hidden.clusters[0]
        assert told.mutual_information < told.null_mean + 0.01
    assert real.clusters[0].mutual_information > 0.05
    # shuffling leaves each column alone and breaks pairs
    assert critic.distance[1] == pytest.approx(plain.distance[1], abs=0.002)
    assert critic.distance[2] > plain.distance[2]
    # real rows: the test rows' distance, not the zero of the rows to themselves
    assert 0 < real.distance[1] < 0.05
    assert real.auroc > 0.8
    assert real.auroc_interval.low < real.auroc < real.auroc_interval.high
    assert [p.column for p in real.probes] == ["sex", "race"]
    assert [c.column for c in real.clusters] == ["sex", "race"]


def test_an_auditor_sees_no_other_sensitive_column(trial):
    result, made, _ = trial
    train, found = made[0].frame, result.figures["real"].probes[0]
    assert found == evaluate.probe(train, "sex", exclude=["sex", "race"], seed=4)
    assert found != evaluate.probe(train, "sex", seed=4)


def test_progress_goes_through_all_stages_in_order(trial):
    steps = trial[2]
    assert list(dict.fromkeys(stage for stage, _, _ in steps)) == list(
        demonstration.STAGES
    )
    assert steps[-1] == ("measure the releases", 4, 4)


@pytest.mark.parametrize(
    "wrong", [{"rows": 999}, {"seed": -1}, {"rows": True}, {"seed": 0.5}]
)
def test_impossible_settings_are_refused(copied, wrong):
    settings = {"epsilon": 1.0, "seed": 0, **wrong}
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        demonstration.run(registry.get("adult"), **settings, progress=lambda *_: None)
    assert Copier.made == ()


def test_the_files_are_the_release_the_model_and_the_statement(result, tmp_path):
    written = demonstration.write(result, tmp_path)
    assert tuple(p.name for p in written) == demonstration.FILES
    pd.testing.assert_frame_equal(
        read_table(written[0], typed=True),
        result.release.reset_index(drop=True),
        check_dtype=False,
    )
    assert written[1].read_bytes() == b"model"
    saved = json.loads(written[2].read_text(encoding="utf-8"))
    assert Statement.from_dict(saved) == result.statement


def test_a_folder_that_is_not_there_is_told(result, tmp_path):
    with pytest.raises(TableError, match="cannot be written"):
        demonstration.write(result, tmp_path / "none")


def test_the_comparison_fits_the_screen_and_says_how_to_read_it(result, capsys):
    show_demo(result)
    shown = capsys.readouterr().out
    lines = shown.splitlines()
    assert max(map(len, lines)) <= 80
    for figures in result.figures.values():
        assert f"{figures.auroc:.3f}" in shown
        assert f"{figures.clusters[1].mutual_information:.4f}" in shown
    text = " ".join(shown.split())
    assert "never credited to the critic" in text
    assert "NOT PRIVATE: these figures compare with real rows" in text
    assert "2,100 real rows to learn from, 900 to be judged on" in text
    # every row of figures has one cell under each of the four heads
    figures = [line for line in lines if line.startswith("  ") and line[-1].isdigit()]
    assert len(figures) == 2 + 2 + 4 + 4
    assert {len(line[30:].split()) for line in figures} == {4}


def test_a_long_column_name_is_folded_and_markup_is_not_obeyed(result, capsys):
    name = "[red]" + "x" * 60
    table = dataclasses.replace(result.table, sensitive=(name, "race"))
    show_demo(dataclasses.replace(result, table=table))
    shown = capsys.readouterr().out
    assert "[red]x" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_the_statement_is_wrapped_and_whole(tiny_model, capsys):
    statement = tiny_model.statement_
    show_statement(statement, tiny_model.promise_)
    shown = capsys.readouterr().out
    assert shown.startswith("Differentially private: epsilon = 1, delta = 1e-05.\n")
    assert max(map(len, shown.splitlines())) <= 80
    for stage in statement.spent_by_stage():
        assert f"\n{stage} " in shown
    text = " ".join(shown.split())
    for sentence in (*statement.assumptions, tiny_model.promise_["promise"]):
        assert " ".join(sentence.split()) in text
    assert "declared by the tests" in text


def test_a_command_to_copy_is_never_broken(capsys):
    far = Path("a_folder_of_a_long_name") / "another_one" / "model of a year.fairveil"
    wrote(far)
    *_, last = capsys.readouterr().out.splitlines()
    assert last == f"  fairveil sample {far} -n 1000 -o synthetic.csv"
    assert len(last) > 80


def test_stages_are_lines_away_from_a_terminal(capsys):
    with Stages({"one": 1.0, "two": 3.0}) as progress:
        progress("one", 1, 2)
        progress("one", 2, 2)
        progress("two", 1, 2)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "... one\n... two\n"


def test_stages_on_a_terminal_tell_the_time_left(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with Stages({"one": 1.0, "two": 3.0}) as progress:
        progress("one", 2, 2)
        progress("two", 1, 3)
    shown = capsys.readouterr().err
    assert "two" in shown
    assert "0 s left" in shown
    assert "... two" not in shown


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59.6, "1 min 00 s"), (125, "2 min 05 s")]
)
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.slow
def test_the_command_from_end_to_end(tiny_fits, tmp_path):
    out = tmp_path / "trial"
    result = CliRunner().invoke(
        app, ["demo", "--table", "actg175", "--rows", "1000", "--out", str(out)]
    )
    assert result.exit_code == 0, result.stderr
    assert sorted(p.name for p in out.iterdir()) == sorted(demonstration.FILES)
    model = FairVeil.load(out / "model.fairveil")
    assert model.statement_.private
    assert model.fairness == "independence"
    release = read_table(out / "release.csv", typed=True)
    assert len(release) == 700
    assert list(release.columns) == list(registry.get("actg175").schema().names)
    assert "fairveil sample" in result.stdout
    assert "redrawn" in result.stdout
