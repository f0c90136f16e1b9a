"""``fairveil bench``: grids, progress, files, refusals; the methods are made up."""

import json
import types
from pathlib import Path

import pandas as pd
import pytest
from filelock import FileLock
from typer.testing import CliRunner

from fairveil import _cli_bench, cli
from fairveil.bench import envs, results
from fairveil.errors import ConfigError

COMMANDS = ("run", "measure", "table", "envs", "page")
BOTH = ("--tables", "toy", "--methods", "fake", "--epsilons", "1,inf", "--seeds", "0,1")
CONSTANT = """
import csv
rows = list(csv.reader(open(job["train"])))
csv.writer(open(job["out"], "w")).writerows([rows[0], *[rows[1]] * (len(rows) - 1)])
done()
"""


def call(*options, **env):
    return CliRunner().invoke(cli.app, ["bench", *map(str, options)], env=env)


def worked(*options, **env):
    result = call(*options, **env)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*options):
    result = call(*options)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    return line


@pytest.fixture
def folders(bench):
    return "--data", bench.data, "--work", bench.work


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_with_an_example(command):
    shown = worked(command, "--help")
    assert f"Example: fairveil bench {command}" in " ".join(shown.split())
    assert max(map(len, shown.splitlines())) <= 80


def test_without_a_command_the_commands_are_shown():
    shown = worked()
    assert all(f" {command} " in shown for command in COMMANDS)
    assert "not private" in shown


def test_a_grid_is_run_measured_and_written(bench, folders):
    bench.job()
    shown = worked("run", *BOTH, *folders).splitlines()
    assert len(shown) == 4
    assert shown[0].startswith("[1/4] toy, fake, epsilon 1, seed 0: ok; ")
    assert shown[3].startswith("[4/4] toy, fake, epsilon inf, seed 1: ok; ")
    assert "2-way 0.000" in shown[0]
    rows = results.read(bench.work / "results.jsonl")
    assert [(r["epsilon"], r["seed"]) for r in rows] == [
        (1.0, 0),
        (1.0, 1),
        ("inf", 0),
        ("inf", 1),
    ]
    assert all(r["measured"]["copies"] == 1.0 for r in rows)


def test_several_runs_at_once_give_the_same_rows(bench, folders):
    bench.job()
    worked("run", *BOTH, *folders)
    file = bench.work / "results.jsonl"
    keys = [results.key_of(row) for row in results.read(file)]
    file.unlink()
    shown = worked("run", *BOTH, *folders, "--again", "--jobs", 2).splitlines()
    assert [line.split()[0] for line in shown] == [f"[{n}/4]" for n in range(1, 5)]
    assert [results.key_of(row) for row in results.read(file)] == keys
    assert all(row["status"] == "ok" for row in results.read(file))


def test_the_folder_of_tables_may_come_from_the_surroundings(bench):
    bench.job()
    one = (*BOTH[:4], "--epsilons", 1, "--seeds", 0, "--work", bench.work)
    shown = worked("run", *one, FAIRVEIL_BENCH_DATA=str(bench.data))
    assert ": ok; " in shown


def test_it_resumes_and_can_be_told_not_to(bench, folders):
    bench.job("open(job['out'] + '.runs', 'a').write('x')\ncopy()\ndone()")
    one = (*BOTH[:4], "--epsilons", 1, "--seeds", 0, *folders)
    rows, told = [], []
    for more in ((), (), ("--again",)):
        told.append(": ok, cached; " in worked("run", *one, *more))
        rows.append(results.read(bench.work / "results.jsonl")[0])
    assert told == [False, True, False]
    (file,) = bench.work.glob("toy/*/*.runs")
    assert file.read_text(encoding="utf-8") == "xx"
    assert rows[0] == rows[1]


def test_statuses_are_told_and_kept(bench, folders):
    bench.job("done(refused='too wide')", name="shy")
    bench.job("sys.exit(1)", name="ill")
    bench.job("import time\ntime.sleep(60)", name="slow")
    bench.job(name="away", environment="nowhere")
    options = ("--tables", "toy", "--epsilons", 1, "--seeds", 0, "--time-limit", 1)
    shown = worked("run", "--methods", "shy,ill,slow,away", *options, *folders)
    told = [line.partition(": ")[2].split("; ") for line in shown.splitlines()]
    assert [words[0] for words in told] == [
        "refused",
        "failed",
        "timeout",
        "missing-environment",
    ]
    assert told[0][1] == "too wide"
    rows = results.read(bench.work / "results.jsonl")
    assert {r["method"]: r["status"] for r in rows} == {
        "shy": "refused",
        "ill": "failed",
        "slow": "timeout",
        "away": "missing-environment",
    }


def test_a_run_of_another_harness_adds_no_row(bench, folders):
    job = bench.job()
    job.folder(bench.work).mkdir(parents=True)
    with FileLock(job.folder(bench.work) / ".lock"):
        shown = worked("run", *BOTH[:4], "--epsilons", 1, "--seeds", 0, *folders)
    assert shown.endswith("seed 0: busy\n")
    assert not (bench.work / "results.jsonl").exists()


def test_finished_runs_are_measured_anew_and_others_left_out(bench, folders):
    bench.job()
    one = ("--tables", "toy", "--methods", "fake", "--epsilons", 1)
    worked("run", *one, "--seeds", 0, *folders)
    folder = bench.work / "toy" / "fake-eps1-seed0"
    found = json.loads((folder / "measured.json").read_text(encoding="utf-8"))
    found["figures"]["tvd2"] = 0.9
    (folder / "measured.json").write_text(json.dumps(found), encoding="utf-8")
    (bench.data / "toy.csv").unlink()
    file = bench.root / "again.jsonl"
    shown = worked(
        "measure", *one, "--seeds", "0,1", "--work", bench.work, "--results", file
    )
    assert shown.startswith("[1/1] toy, fake, epsilon 1, seed 0: ok; ")
    assert results.read(file)[0]["measured"]["tvd2"] == 0.0


def test_the_table_of_means(bench, folders):
    bench.job()
    bench.job(CONSTANT, name="flat", free=False)
    worked("run", *BOTH[:2], "--methods", "fake,flat", *BOTH[4:], *folders)
    file = bench.work / "results.jsonl"
    shown = worked("table", file, "--metrics", "tvd1,copies").splitlines()
    heads = [line for line in shown if line.startswith("toy")]
    assert heads == ["toy, epsilon 1", "toy, not private"]
    fake, flat = (line.split() for line in shown[3:5])
    assert fake == ["fake", "2", "0.0000", "+-0.0000", "1.0000", "+-0.0000"]
    assert flat[:2] == ["flat", "2"]
    assert float(flat[2]) > 0.3  # every column of theirs is constant
    assert "interval over seeds" in shown[-1]


def test_the_table_marks_what_did_not_end_well(tmp_path):
    row = {"table": "adult", "method": "dpmm-mst", "epsilon": 1.0, "seed": 0}
    other = {**row, "table": "bank", "status": "ok", "measured": {}}
    file = tmp_path / "r.jsonl"
    results.write(file, [{**row, "status": "timeout"}, other])
    shown = worked("table", file, "--metrics", "cpu_seconds", "--grid", "small")
    assert "dpmm-mst" in shown
    line = next(x for x in shown.splitlines() if x.startswith("dpmm-mst"))
    assert line.split() == ["dpmm-mst", "0", "-", "timeout", "1"]
    assert "bank" not in shown  # no table of the small grid


def test_every_run_goes_into_a_csv_file(bench, folders):
    bench.job()
    worked("run", *BOTH, *folders)
    wanted = bench.root / "all.csv"
    worked("table", bench.work / "results.jsonl", "--csv", wanted)
    found = pd.read_csv(wanted)
    assert len(found) == 4
    assert found["tvd1"].tolist() == [0.0] * 4
    line = refused("table", bench.work / "results.jsonl", "--csv", "/none/x.csv")
    assert "cannot be written" in line


def test_a_line_of_another_file_than_the_first_says_so(tmp_path):
    row = {"table": "adult", "method": "a", "epsilon": 1.0, "seed": 0, "status": "ok"}
    row = {**row, "measured": {"tvd1": 0.5}}
    own, kept = tmp_path / "own.jsonl", tmp_path / "kept.jsonl"
    results.write(own, [row])
    results.write(kept, [row, {**row, "method": "b"}])
    shown = worked("table", own, kept, "--metrics", "tvd1").splitlines()
    lines = {line.split()[0]: line for line in shown if line[:2] in ("a ", "b ")}
    assert "kept" not in lines["a"]
    assert lines["b"].endswith("(kept in kept.jsonl)")


@pytest.mark.parametrize(
    ("command", "text", "options", "told"),
    [
        ("table", None, (), "no such file of results; got '{}'; try a file"),
        ("page", None, (), "no such file of results; got '{}'; try a file"),
        ("table", "{", (), "not a file of results; got '{}'; try a file"),
        ("page", "", (), "page from; got 'no rows'; try fairveil"),
        (
            "table",
            "ok",
            ("--metrics", "tvd"),
            "figure; got 'tvd'; try tvd1, or another",
        ),
        ("table", "ok", ("--metrics", "status"), "got 'status'; try "),
        ("table", "ok", ("--metrics", ","), "--metrics is empty; got ','; try to"),
        ("page", "ok", ("-o", "/proc/no/x.md"), "got '/proc/no/x.md'; try a folder"),
    ],
)
def test_wrong_files_and_figures_say_what_was_got_and_what_to_try(
    tmp_path, monkeypatch, command, text, options, told
):
    row = {"table": "t", "method": "m", "epsilon": 1.0, "seed": 0, "status": "ok"}
    row = {**row, "measured": {"tvd1": 0.5}}
    file = tmp_path / "r.jsonl"
    if text is not None:
        file.write_text(json.dumps(row) if text == "ok" else text, encoding="utf-8")
    if options[:1] == ("-o",):
        fake = types.SimpleNamespace(write=lambda _, path: path.write_text(""))
        monkeypatch.setattr(_cli_bench, "import_module", lambda _name: fake)
    assert told.format(file) in refused(command, file, *options)


def test_no_results_yet(tmp_path):
    (tmp_path / "r.jsonl").write_text("", encoding="utf-8")
    assert worked("table", tmp_path / "r.jsonl") == "There are no results yet.\n"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--tables", "nothing"], "table is unknown"),
        (["--methods", "nobody"], "method is unknown"),
        (["--tables", " , "], "--tables is empty; got ' , '; try to leave"),
        (["--epsilons", "1,much"], "zero, or inf; got 'much'; try --epsilons 1,3"),
        (["--epsilons", "nan"], "zero, or inf; got 'nan'; try --epsilons 1,3"),
        (["--epsilons", "-1"], "zero, or inf; got '-1'; try --epsilons 1,3"),
        (["--epsilons", ""], "--epsilons is empty; got ''; try to leave"),
        (["--seeds", "x"], "zero or more; got 'x'; try --seeds 0,1,2"),
        (["--seeds", "-1"], "zero or more; got '-1'; try --seeds 0,1,2"),
        (["--time-limit", "0"], "--time-limit must be positive; got 0.0; try --time"),
        (["--time-limit", "nan"], "--time-limit must be positive; got nan; try --time"),
        (["--grid", "huge"], "'huge' is not one of"),
        (["--jobs", "0"], "--jobs"),
    ],
)
def test_wrong_options_are_one_line_and_nothing_runs(bench, folders, options, told):
    assert told in refused("run", *options, *folders)
    assert not (bench.work / "results.jsonl").exists()


def test_a_folder_without_the_table_is_told_before_any_run(bench):
    away = bench.root / "no"
    line = refused("run", "--data", away, "--work", bench.work)
    assert f"no such folder of tables; got '{away}'; try --data FOLDER" in line
    bench.job()
    both = ("--tables", "toy,adult", "--methods", "fake", "--seeds", 0)
    line = refused("run", *both, "--data", bench.data, "--work", bench.work)
    assert f"no file adult.csv among the tables; got '{bench.data}'; try --" in line
    assert not (bench.work / "results.jsonl").exists()
    file = bench.data / "toy.csv"
    line = refused("run", *both, "--data", file, "--work", bench.work)
    assert "no such folder" in line


def test_the_folder_is_needed_by_runs_alone(bench, folders):
    bench.job()
    one = (*BOTH[:4], "--epsilons", 1, "--seeds", 0)
    worked("run", *one, *folders)
    away = ("--data", bench.root / "no", "--work", bench.work)
    assert "ok, cached" in worked("run", *one, *away)
    bench.job(name="off", environment="nowhere")
    assert "missing-environment" in worked("run", *one[:2], "--methods", "off", *away)
    assert ": ok; " in worked("run", *one, *away, "--again")  # laid down before


def test_what_stands_twice_is_run_once(bench, folders):
    bench.job()
    twice = ("--tables", "toy,toy", "--methods", "fake,fake", "--epsilons", "1,1.0")
    shown = worked("run", *twice, "--seeds", "0,0,00", *folders)
    assert shown.startswith("[1/1] toy, fake, epsilon 1, seed 0: ok; ")


def test_a_missing_environment_comes_with_the_command_that_makes_it(
    bench, folders, monkeypatch
):
    bench.job(name="away", environment="dpmm")
    one = ("--tables", "toy", "--methods", "away", "--epsilons", 1, "--seeds", 0)
    hint = f"try fairveil bench envs dpmm --work {bench.work}\n"
    assert worked("run", *one, *folders).endswith(f"missing-environment; {hint}")
    monkeypatch.chdir(bench.root)  # where the usual folder of runs is the right one
    assert worked("run", *one).endswith("; try fairveil bench envs dpmm\n")


def test_measuring_nothing_says_so(tmp_path):
    shown = worked("measure", "--work", tmp_path / "none", "--seeds", 0)
    assert shown.startswith("No run of these has ended")


def test_environments_are_made_in_the_work_folder(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(envs, "make", lambda name, folder: made.append((name, folder)))
    assert worked("envs", "dpmm", "--work", tmp_path) == "dpmm: installed\n"
    assert made == [("dpmm", tmp_path / "envs")]
    assert "no such environment" in refused("envs", "ctgan", "conda")
    assert len(made) == 1  # not even the one that is known
    worked("envs", "--work", tmp_path)
    assert [name for name, _ in made[1:]] == list(envs.environments())


def test_the_page_is_written_from_files_of_results(tmp_path, monkeypatch):
    given = []
    fake = types.SimpleNamespace(write=lambda *args: given.append(args))
    monkeypatch.setattr(_cli_bench, "import_module", lambda _name: fake)
    row = {"table": "t", "method": "m", "epsilon": 1.0, "seed": 0, "status": "failed"}
    results.write(tmp_path / "r.jsonl", [row])
    monkeypatch.chdir(tmp_path)  # a short path: a long one would be wrapped
    assert worked("page", "r.jsonl", "-o", "page.md") == "Wrote page.md.\n"
    assert given == [([row], Path("page.md"))]


def test_an_interrupted_measurement_leaves_the_run(bench, folders, monkeypatch):
    bench.job()

    def measure(*_args, **_kwargs):
        raise ConfigError("stopped")

    one = (*BOTH[:4], "--epsilons", 1, "--seeds", 0, *folders)
    with monkeypatch.context() as patch:
        patch.setattr(results, "measure", measure)
        refused("run", *one)
    assert "ok" in worked("run", *one)
    assert len(results.read(bench.work / "results.jsonl")) == 1
