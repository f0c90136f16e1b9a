import json
import re
import subprocess
import sys

import pandas as pd
import pytest
from typer.testing import CliRunner

import fairveil
from fairveil import _cli_use, evaluate as evaluation
from fairveil.cli import app
from fairveil.schema import Schema
from fairveil.synthesizer import FairVeil
from fairveil.tables import entry, files
from fairveil.tables.files import read_table, write_table

SECRET = "hunter2"
COMMANDS = (
    "demo",
    "schema",
    "fit",
    "resume",
    "refine",
    "frontier",
    "sample",
    "complete",
    "evaluate",
)


def run(*args):
    return CliRunner().invoke(app, [str(arg) for arg in args], prog_name="fairveil")


def worked(*args):
    result = run(*args)
    assert result.exit_code == 0, result.stderr
    assert "Error" not in result.stderr
    return result


def refused(*args, code=2):
    """The one line of a failed command."""
    result = run(*args)
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    told = result.stderr.splitlines()
    assert len(told) == 1, result.stderr
    assert "Traceback" not in told[0]
    assert SECRET not in told[0]
    return told[0]


@pytest.fixture
def place(tmp_path, monkeypatch, tiny_table, tiny_schema):
    """A folder with t.csv and s.json, which is the working folder."""
    monkeypatch.chdir(tmp_path)
    write_table(tiny_table, "t.csv")
    tiny_schema.save("s.json")
    return tmp_path


@pytest.fixture
def model(place, tiny_model):
    tiny_model.save("m.fairveil")
    return "m.fairveil"


def fit_args(*more, table="t.csv"):
    return ("fit", table, "--schema", "s.json", "-o", "out.fairveil", *more)


# --- help and version ---


def test_help_in_a_process_of_its_own_loads_nothing_heavy():
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "fairveil", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Example: fairveil demo" in done.stdout
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "fairveil.cli" in loaded
    assert not loaded & {"jax", "pandas", "numpy", "sklearn", "narwhals", "pydantic"}


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_with_an_example(command):
    help_text = worked(command, "--help").stdout
    assert f"Example: fairveil {command}" in help_text
    assert max(map(len, help_text.splitlines())) <= 80


def test_version_and_no_command():
    assert worked("--version").stdout == f"fairveil {fairveil.__version__}\n"
    shown = worked().stdout
    assert all(f" {command} " in shown for command in COMMANDS)


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["fot"], "No such command 'fot'"),
        (["--bogus"], "No such option"),
        (["fit"], "Missing argument 'TABLE...'"),
        (["fit", "t.csv"], "Missing option"),
        (["sample", "m", "-o", "x.csv"], "Missing option"),
        (["sample", "m", "-n", "many", "-o", "x.csv"], "Invalid value for"),
        (["demo", "--table", "iris"], "'iris' is not one of 'adult', 'actg175'"),
    ],
)
def test_a_wrong_command_line_is_one_line_with_a_hint(args, told):
    line = refused(*args)
    assert line.startswith("Error: ")
    assert told in line
    assert re.search(r"; try 'fairveil( \w+)? --help'\.$", line)


# --- schema ---


def test_a_drafted_schema_is_confidential_and_refused_by_a_private_fit(place):
    result = worked("schema", "t.csv", "-o", "draft.json")
    assert "CONFIDENTIAL" in result.stdout
    draft = Schema.load("draft.json")
    assert draft.names == ("sex", "age", "pay", "member", "city", "visits")
    assert {c.name for c in draft.columns if c.copied_from_data()} == set(draft.names)
    assert draft["visits"].dtype == "Int64"
    assert draft["pay"].decimals == 2
    line = refused("fit", "t.csv", "--schema", "draft.json", "-o", "m")
    assert "copied from the data" in line
    assert "public code book" in line
    assert "north" not in line


def test_a_declared_schema_is_public_and_says_by_whom(place):
    result = worked(
        "schema",
        "t.csv",
        "-o",
        "s2.json",
        "--declare-public",
        "--declared-by",
        "the mill",
    )
    assert "CONFIDENTIAL" not in result.stdout
    found = Schema.load("s2.json")
    assert found.copied_from_data() == ()
    assert found.declared_by.startswith("the mill (")
    assert "declared public" in found.declared_by


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["schema", "none.csv", "-o", "x"], "no such table file"),
        (["schema", "empty.csv", "-o", "x"], "no header"),
        (["schema", "bare.csv", "-o", "x"], "no value at all"),
        (["schema", "t.csv", "-o", "t.csv"], "overwrite an input"),
        (["schema", "t.csv", "-o", "no/x"], "folder of the output does not exist"),
        (["schema", "t.csv", "-o", "x", "--declared-by", "me"], "--declared-by"),
        (["schema", "ragged.csv", "-o", "x"], "do not fit its header"),
        (["schema", "s.json", "-o", "x"], "not supported"),
    ],
)
def test_schema_refuses(place, args, told):
    (place / "empty.csv").write_text("")
    (place / "bare.csv").write_text("sex,age\n")
    (place / "ragged.csv").write_text(f"sex,age\nf,1\nm,2,{SECRET}\n")
    before = (place / "t.csv").read_bytes()
    assert told in refused(*args)
    assert not (place / "x").exists()
    assert (place / "t.csv").read_bytes() == before


# --- fit ---


@pytest.mark.slow
def test_fit_then_sample_gives_the_columns_and_types_of_the_table(place, tiny_fits):
    result = worked(*fit_args("--sensitive", "sex, city", "--random-state", 3))
    assert "Differentially private: epsilon = 1" in result.stdout
    assert "declared by the tests" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "... generator" in result.stderr
    fitted = FairVeil.load("out.fairveil")
    assert list(fitted.sensitive) == ["sex", "city"]
    worked("sample", "out.fairveil", "-n", 50, "-o", "a.csv", "--random-state", 1)
    worked("sample", "out.fairveil", "-n", 50, "-o", "b.csv", "--random-state", 1)
    worked("sample", "out.fairveil", "-n", 50, "-o", "c.csv", "--random-state", 2)
    first, second, third = ((place / f"{x}.csv").read_bytes() for x in "abc")
    assert first == second != third
    drawn = read_table("a.csv", typed=True)
    assert list(drawn.columns) == list(fitted.schema_.names)
    assert drawn["age"].between(17, 90).all()
    assert set(drawn["member"]) <= {True, False}


@pytest.mark.slow
def test_no_privacy_needs_no_schema_and_is_stamped(place, tiny_fits):
    result = worked(
        *("fit", "t.csv", "-o", "m", "--epsilon", "inf", "--generator", "decoder")
    )
    assert result.stdout.startswith("NOT PRIVATE: epsilon is infinite")
    drawn = worked("sample", "m", "-n", 5, "-o", "x.csv")
    assert "NOT PRIVATE" in drawn.stdout
    # numbers were not taken for categories
    assert FairVeil.load("m").schema_["age"].kind == "numeric"


@pytest.mark.slow
def test_a_table_without_rows_is_fitted_as_any_other(
    place, tiny_fits, tiny_table, monkeypatch
):
    """But for the note on small tables, which follows the noisy row count."""
    monkeypatch.setattr("fairveil.synthesizer.advice", lambda *_, **__: None)
    (place / "bare.csv").write_text(",".join(tiny_table.columns) + "\n")
    shown = {
        table: worked(*fit_args("--generator", "decoder", table=table)).stdout
        for table in ("t.csv", "bare.csv")
    }
    assert shown["t.csv"] == shown["bare.csv"]


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--epsilon", "0"], "--epsilon must be positive; got 0.0"),
        (["--epsilon", "-1"], "epsilon must be positive; got -1.0"),
        (["--epsilon", "nan"], "epsilon must be a number"),
        (["--epsilon", "abc"], "Invalid value for '--epsilon'"),
        (["--delta", "0"], "delta must lie between 0 and 1"),
        (["--delta", "2"], "delta must lie between 0 and 1"),
        (["--sensitive", "sex,sex"], "sensitive names a column twice; got 'sex'"),
        (["--sensitive", "sex", "--sensitive", "sex"], "names a column twice"),
        (["--sensitive", "gender"], "got 'gender'; try one of sex, age"),
        (["--fairness", "magic"], "'magic' is not one of 'independence', 'redraw'"),
        (["--generator", "gpt"], "'gpt' is not one of"),
        (["--preset", "huge"], "'huge' is not one of"),
        (["--strength", "1.5"], "strength must lie between"),
        (["--unit", "patient"], "lacks the unit column; got 'patient'"),
        (["--unit", "sex"], "unit column is not synthesised"),
        (["--leave-out", "phone"], "to be left out; got 'phone'; try one of sex, age"),
        (
            ["--sensitive", "sex", "--leave-out", "sex"],
            "--leave-out names a column that sensitive names, too; got 'sex'",
        ),
        (["--max-rows-per-unit", "0"], "--max-rows-per-unit must be"),
        (["--random-state", "-1"], "--random-state must be"),
        (["--insecure-noise-seed", "-1"], "--insecure-noise-seed must be"),
        (["--target", "sex"], "a target belongs to the mode 'outcome'"),
        (["--legitimate", "age"], "legitimate columns belong to a promise"),
        (["--group-budget", ".95"], "--group-budget must lie between 0 and 0.9"),
        (["--blind", "2"], "blind must lie between"),
        (["--proxies", "-1"], "proxies must lie between"),
        (["--shares", "sex"], "shares cannot be read"),
        (["--ledger", "l.json"], "no such ledger file; got"),
        (["--ledger", "s.json"], "not a ledger file"),
        (["--discovery-share", "0"], "--discovery-share must be"),
        (["--statement", "no/s.json"], "folder of the output does not exist"),
        (["--statement", "out.fairveil"], "overwrite"),
        (["--schema", "none.json"], "schema file cannot be read"),
        (["--schema", "t.csv"], "schema file is not JSON"),
        (["--schema", "odd.json"], "not a fairveil schema"),
        (["--schema", "short.json"], "does not describe columns of the table"),
        (["-o", "no/m"], "folder of the output does not exist; got 'no'"),
        (["-o", "."], "the output is a folder"),
        (["-o", "t.csv"], "overwrite an input"),
        (["-o", "s.json"], "overwrite an input"),
    ],
)
def test_fit_refuses_a_bad_setting(place, monkeypatch, tiny_schema, args, told):
    monkeypatch.setattr("fairveil.synthesizer.measure_table", _no_row_may_be_read)
    (place / "odd.json").write_text("[1]")
    tiny_schema.drop(["pay"]).save("short.json")
    line = refused(*fit_args(*args))
    assert line.startswith("Error: ")
    assert told in line
    assert not (place / "out.fairveil").exists()


def _no_row_may_be_read(*_, **__):
    raise AssertionError


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "no such table file; got 'x.csv'"),
        ("", "no header"),
        (f"sex,age\nf,{SECRET}\n", "lacks columns of the schema"),
        (
            f"sex,age,pay,member,city,visits\nf,1,,,,\nm,2,,,,,{SECRET}\n",
            "do not fit its header",
        ),
        (f"{SECRET},{SECRET}\n", "stands twice"),
    ],
)
def test_fit_refuses_a_bad_table(place, text, told):
    if text is not None:
        (place / "x.csv").write_text(text)
    assert told in refused(*fit_args(table="x.csv"))


def test_a_private_fit_without_schema_is_told_how_to_get_one(place):
    line = refused("fit", "t.csv", "-o", "m", "--no-discover")
    assert "needs a schema of public facts" in line
    assert "fairveil schema --help" in line


def test_a_private_fit_reads_text_so_that_no_type_hangs_on_a_value(place, monkeypatch):
    seen = []

    def looks(_, paths, **__):
        seen.append(entry.shown(entry.open_table(paths), private=True))
        raise KeyboardInterrupt

    monkeypatch.setattr(FairVeil, "fit", looks)
    refused(*fit_args(), code=130)
    (head,) = seen
    assert {str(head[name].dtype) for name in head.columns} == {"String"}


@pytest.mark.parametrize(("text", "rows"), [("7", 7), ("1e6", 10**6), ("2.5e1", 25)])
def test_a_number_of_rows_may_be_written_short(text, rows):
    assert _cli_use.rows_of(text) == rows


@pytest.mark.parametrize("text", ["many", "1.5", "inf", "nan", ""])
def test_a_number_of_rows_is_whole(place, text):
    assert "--number" in refused("sample", "m", "-n", text, "-o", "x.csv")


def test_a_fit_takes_several_files_and_patterns(place, monkeypatch):
    pytest.importorskip("duckdb", reason="duckdb is not installed")
    seen = []

    def looks(_, paths, **__):
        seen.append(entry.open_table(paths).count())
        raise KeyboardInterrupt

    monkeypatch.setattr(FairVeil, "fit", looks)
    (place / "u.csv").write_text((place / "t.csv").read_text())
    for tables in (["t.csv", "u.csv"], ["?.csv"]):
        refused("fit", *tables, *fit_args()[2:], code=130)
    assert seen == [800, 800]
    for name in ("t.csv.ledger", "u.csv.ledger"):
        (place / name).touch()
    line = refused("fit", "?.csv", *fit_args()[2:])
    assert "several of the files have ledger files" in line


def test_settings_are_refused_before_the_table_is_opened(place, monkeypatch):
    monkeypatch.setattr(files, "read_table", _no_row_may_be_read)
    assert "epsilon must be positive" in refused(*fit_args("--epsilon", "-1"))
    assert "folder of the output" in refused(*fit_args("-o", "no/m"))


def test_the_text_of_an_unforeseen_error_is_hidden(place, monkeypatch):
    def fails(*_, **__):
        raise RuntimeError(f"row 7 holds {SECRET}")

    monkeypatch.setattr(FairVeil, "fit", fails)
    line = refused(*fit_args(), code=1)
    assert line.startswith("Error: fairveil failed (RuntimeError)")
    monkeypatch.setenv("FAIRVEIL_DEBUG", "1")
    assert isinstance(run(*fit_args()).exception, RuntimeError)


def test_a_full_disk_is_told_without_a_path_or_value(place, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device", SECRET)

    monkeypatch.setattr(Schema, "save", full)
    line = refused("schema", "t.csv", "-o", "x")
    assert line == (
        "Error: the system refused a file (No space left on device); try a disk with "
        "more room."
    )


def test_interrupting_is_told_in_one_line(place, monkeypatch):
    def stops(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(FairVeil, "fit", stops)
    told = refused(*fit_args(), code=130)
    assert told.startswith("Interrupted. No model was written; count what was spent")
    monkeypatch.setattr(FairVeil, "load", stops)
    assert refused("sample", "m", "-n", 1, "-o", "x.csv", code=130) == "Interrupted."


# --- sample ---


def test_a_sample_has_the_rows_asked_for(model):
    result = worked("sample", model, "-n", 7, "-o", "x.csv")
    assert "Wrote x.csv: 7 synthetic rows." in result.stdout
    assert "Differentially private: epsilon = 1" in result.stdout
    assert len(read_table("x.csv")) == 7
    worked("sample", model, "-n", 0, "-o", "x.csv")
    assert len(read_table("x.csv")) == 0


def test_a_sample_under_conditions_in_equal_shares(model):
    result = worked(
        *("sample", model, "-n", 40, "-o", "x.csv", "--random-state", 1),
        *("--where", "age=20..60", "--where", "city=north|", "--balance", "sex"),
    )
    assert "Fair: " in result.stdout
    drawn = read_table("x.csv", typed=True)
    assert drawn["age"].between(20, 60).all()
    assert set(drawn["city"].dropna()) <= {"north"}
    assert (drawn["sex"] == "f").sum() == 20


def test_rows_of_ones_own_are_completed(model, place):
    (place / "mine.csv").write_text("sex,age\nf,\n,30\n", encoding="utf-8")
    result = worked("complete", model, "mine.csv", "-o", "full.csv")
    assert "no promise of privacy covers them" in result.stdout
    full = read_table("full.csv", typed=True)
    assert full["sex"].iloc[0] == "f"
    assert full["age"].iloc[1] == 30
    assert full[["sex", "age"]].notna().all().all()
    assert "overwrite an input" in refused(
        "complete", model, "mine.csv", "-o", "mine.csv"
    )


@pytest.mark.parametrize(
    ("option", "told"),
    [
        (("--where", "ages=3"), "COLUMN=LOW..HIGH"),
        (("--where", "age=100"), "no such value"),
        (("--where", "sex=x"), "one of f, m"),
        (("--balance", "nope"), "COLUMN:VALUE=SHARE"),
        (("--balance", "age"), "no groups of its own"),
    ],
)
def test_conditions_that_cannot_be_are_explained(model, option, told):
    assert told in refused("sample", model, "-n", 5, "-o", "x.csv", *option)


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["none", "-n", 5, "-o", "x.csv"], "model file cannot be read"),
        (["t.csv", "-n", 5, "-o", "x.csv"], "not a fairveil model"),
        (["s.json", "-n", 5, "-o", "x.csv"], "not a fairveil model"),
        (["m.fairveil", "-n", -1, "-o", "x.csv"], "--number must be an integer"),
        (["m.fairveil", "-n", 5, "-o", "no/x.csv"], "folder of the output"),
        (["m.fairveil", "-n", 5, "-o", "x.xls"], "not supported"),
        (["m.fairveil", "-n", 5, "-o", "x.parquet"], "pip install pyarrow"),
        (["m.fairveil", "-n", 5, "-o", "m.fairveil"], "overwrite an input"),
        (
            ["m.fairveil", "-n", 5, "-o", "x.csv", "--random-state", -1],
            "--random-state must be",
        ),
    ],
)
def test_sample_refuses(model, monkeypatch, args, told):
    monkeypatch.setattr(files, "find_spec", lambda _: None)
    assert told in refused("sample", *args)


# --- evaluate ---


@pytest.fixture
def release(place, tiny_table):
    write_table(tiny_table.sample(frac=1, random_state=1).iloc[:300], "r.csv")
    return "r.csv"


def test_json_is_the_report_of_the_library(release):
    args = ("--sensitive", "sex", "--target", "member", "--positive", "True")
    args += ("--legitimate", "city")
    printed = json.loads(worked("evaluate", "t.csv", release, *args, "--json").stdout)
    real = read_table("t.csv", typed=True)
    train, test = evaluation.split(real, test=0.3)
    expected = evaluation.report(
        train,
        test,
        read_table(release, typed=True),
        sensitive=["sex"],
        target="member",
        positive="True",
        legitimate=["city"],
    )
    assert printed == expected
    assert printed["legitimate"] == ["city"]
    assert printed["private"] is False


def test_the_printed_evaluation_is_labelled_and_fits_the_screen(release):
    shown = worked(
        *("evaluate", "t.csv", release, "--sensitive", "sex,city", "--target", "member")
    ).stdout
    assert shown.startswith("CONFIDENTIAL. Not private")
    assert max(map(len, shown.splitlines())) <= 80
    for line in ("  1-way", "  AUROC", "    equalized odds", "    by chance alone"):
        assert f"\n{line}" in shown
    assert "300 rows of the release beside 280 real" in " ".join(shown.split())


def test_a_table_may_be_the_holdout(release, tiny_table):
    write_table(tiny_table.iloc[:90], "h.csv")
    shown = worked("evaluate", "t.csv", release, "--holdout", "h.csv", "--json").stdout
    assert json.loads(shown)["rows"] == {
        "real_train": 400,
        "real_test": 90,
        "synthetic": 300,
    }


def test_attacks_take_the_holdout_table_as_control(release, tiny_table):
    write_table(tiny_table.iloc[:90], "h.csv")
    args = ("evaluate", "t.csv", release, "--risks", "--sensitive", "sex")
    told = json.loads(worked(*args, "--holdout", "h.csv", "--json").stdout)
    train, made, control = (
        read_table(name, typed=True) for name in ("t.csv", release, "h.csv")
    )
    expected = evaluation.privacy_risks(train, made, control, secrets=["sex"])
    assert told["privacy_risks"] == json.loads(json.dumps(expected.to_dict()))


def test_a_part_of_the_real_table_is_no_control(release):
    shown = worked("evaluate", "t.csv", release, "--risks", "--target", "sex").stdout
    assert "no control rows\n" not in shown  # nothing under each attack
    assert shown.count("there are no control rows") == 1
    assert "Privacy risks cannot be judged: there are no control rows." in shown
    assert "--holdout control.csv" in shown
    assert "Not even tried without them: membership." in shown
    assert "nearest row: sex" not in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_columns_that_a_release_lacks_are_not_compared(release, place, tiny_table):
    write_table(tiny_table.assign(notes="n")[["notes", *tiny_table]], "more.csv")
    args = (release, "--sensitive", "sex", "--json")
    more = json.loads(worked("evaluate", "more.csv", *args).stdout)
    assert more.pop("not_compared") == ["notes"]
    assert more == json.loads(worked("evaluate", "t.csv", *args).stdout)
    control = ("--holdout", "more.csv")
    assert worked("evaluate", "t.csv", *args, *control)
    shown = worked("evaluate", "more.csv", release).stdout
    assert shown.endswith("Not in the release, so not compared: notes.\n")
    assert "not compared" not in worked("evaluate", "t.csv", release).stdout


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["none.csv", "r.csv"], "no such table file"),
        (["t.csv", "none.csv"], "no such table file"),
        (["t.csv", "other.csv"], "different columns"),
        (["bare.csv", "r.csv"], "no rows"),
        (["one.csv", "r.csv"], "too few rows to be split so"),
        (["t.csv", "r.csv", "--holdout", "0.9999"], "too few rows to be split so"),
        (["t.csv", "bare.csv"], "no rows"),
        (["t.csv", "r.csv", "--sensitive", "gender"], "no such column; got 'gender'"),
        (["t.csv", "r.csv", "--sensitive", "sex,sex"], "names a column twice"),
        (["t.csv", "r.csv", "--target", "wages"], "no such column; got 'wages'"),
        (["t.csv", "r.csv", "--target", "age"], "numeric with more than"),
        (["t.csv", "r.csv", "--positive", "f"], "--positive is a value of --target"),
        (["t.csv", "r.csv", "--target", "sex", "--positive", "q"], "no value of"),
        (["t.csv", "r.csv", "--legitimate", "city"], "--legitimate is about"),
        (
            [
                "t.csv",
                "r.csv",
                "--sensitive",
                "sex",
                "--target",
                "member",
                "--legitimate",
                "town",
            ],
            "no such column; got 'town'",
        ),
        (["t.csv", "r.csv", "--target", "sex", "--sensitive", "age,sex"], None),
        (["t.csv", "r.csv", "--holdout", "1.5"], "--holdout must lie between 0 and 1"),
        (["t.csv", "r.csv", "--holdout", "nan"], "--holdout must lie between 0 and 1"),
        (["t.csv", "r.csv", "--holdout", "none.csv"], "no such table file"),
        (["t.csv", "r.csv", "--seed", "-1"], "seed must be an integer"),
    ],
)
def test_evaluate_refuses(release, place, tiny_table, args, told):
    (place / "bare.csv").write_text(",".join(tiny_table.columns) + "\n")
    write_table(pd.DataFrame({"sex": [SECRET], "phone": [1]}), "other.csv")
    write_table(tiny_table.iloc[:1], "one.csv")
    if told is None:  # a target that is sensitive too is no mistake
        worked("evaluate", *args)
        return
    assert re.search(told, refused("evaluate", *args, "--json"))


# --- demo: its figures are tested in test_demo.py ---


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--epsilon", "0"], "--epsilon must be positive"),
        (["--rows", "10"], "rows must be an integer of at least 1000"),
        (["--seed", "-1"], "seed must be an integer"),
        (["--out", "no/demo"], "output folder cannot be made"),
        (["--out", "t.csv"], "output folder cannot be made"),
    ],
)
def test_demo_refuses(place, monkeypatch, args, told):
    monkeypatch.setattr("fairveil.synthesizer.measure_table", _no_row_may_be_read)
    assert told in refused("demo", *args)
