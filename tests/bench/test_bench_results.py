"""Rows of results: measured once, kept sorted, merged, averaged over seeds."""

import json
import math
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from fairveil.bench import results
from fairveil.bench.measure import Measured
from fairveil.errors import ConfigError, TableError

OK = {"status": "ok", "harness": "1", "cpu_seconds": 2.0, "peak_mb": 100}


def row(method="a", epsilon=1.0, seed=0, table="t", **facts):
    key = {"table": table, "method": method, "epsilon": epsilon, "seed": seed}
    return {**key, **OK, "measured": {"auroc_gbm": 0.5, "tvd2": None}, **facts}


@pytest.fixture
def counted(monkeypatch):
    calls = []

    def measure(train, test, synthetic, **asked):
        calls.append((len(train), len(test), len(synthetic), asked))
        return Measured({"auroc_gbm": 0.75, "odd": math.nan}, ("odd: no reason",))

    monkeypatch.setattr(results, "measure", measure)
    return calls


def test_a_run_is_measured_once_and_again_when_asked(bench, counted):
    job = bench.job()
    status = bench.run(job)
    found = results.row_of(job, status, work=bench.work)
    assert found["measured"] == {"auroc_gbm": 0.75, "odd": None}
    assert found["undefined"] == ["odd: no reason"]
    assert (found["library"], found["version"]) == ("fake", "1")
    assert found["rows"] == counted[0][0] == counted[0][2]
    assert found["cpu_seconds"] >= 0
    asked = {"target": "y", "positive": "yes", "sensitive": ("s",), "seed": 0}
    assert counted[0][3] == asked
    assert results.row_of(job, status, work=bench.work) == found
    assert len(counted) == 1
    results.row_of(job, status, work=bench.work, again=True)
    assert len(counted) == 2


def test_two_harnesses_measure_a_run_once(bench, counted, monkeypatch):
    job = bench.job()
    assert bench.run(job) == "ok"
    quick = results.measure

    def measure(*tables, **asked):
        time.sleep(0.5)
        return quick(*tables, **asked)

    monkeypatch.setattr(results, "measure", measure)
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(results.measured, job, work=bench.work) for _ in range(2)]
    assert both[0].result() == both[1].result()
    assert len(counted) == 1


@pytest.mark.usefixtures("counted")
def test_all_seeds_are_measured_with_one_seed(bench, counted):
    for seed in (1, 2):
        job = bench.job(seed=seed)
        results.row_of(job, bench.run(job), work=bench.work)
    assert [call[3]["seed"] for call in counted] == [0, 0]


def test_figures_of_an_older_harness_are_measured_anew(bench, counted, monkeypatch):
    job = bench.job()
    results.row_of(job, bench.run(job), work=bench.work)
    monkeypatch.setattr(results, "HARNESS", "later")
    assert results.row_of(job, "ok", work=bench.work)["harness"] == "later"
    assert len(counted) == 2


def test_a_copy_of_train_is_measured_as_such(bench):
    job = bench.job()
    found = results.row_of(job, bench.run(job), work=bench.work)["measured"]
    assert (found["tvd1"], found["tvd2"], found["copies"]) == (0.0, 0.0, 1.0)


@pytest.mark.parametrize(
    "body",
    [
        "open(job['out'], 'w').write('code,n,x,s,y\\n')\ndone()",  # no rows
        "open(job['out'], 'w').write('a,b\\n1,2\\n')\ndone()",
        "open(job['out'], 'w').write('')\ndone()",
    ],
)
def test_a_table_that_cannot_be_measured_is_a_failure(bench, body):
    job = bench.job(body)
    found = results.row_of(job, bench.run(job), work=bench.work)
    assert found["status"] == "failed"
    assert found["reason"]
    assert "measured" not in found


def test_lost_training_rows_are_no_fault_of_the_method(bench):
    job = bench.job()
    status = bench.run(job)
    (bench.work / "toy" / "train.csv").unlink()
    with pytest.raises(TableError):
        results.row_of(job, status, work=bench.work)


@pytest.mark.parametrize(
    ("body", "status"),
    [("sys.exit(1)", "failed"), ("done(refused='too wide')", "refused")],
)
def test_a_run_without_a_table_has_its_row(bench, counted, body, status):
    job = bench.job(body, epsilon=math.inf)
    found = results.row_of(job, bench.run(job), work=bench.work)
    assert (found["status"], found["epsilon"]) == (status, "inf")
    assert found.get("refused") == ("too wide" if status == "refused" else None)
    assert not counted


def test_rows_are_sorted_and_read_back(tmp_path):
    path = tmp_path / "below" / "r.jsonl"
    rows = [
        row(epsilon=epsilon, seed=seed, method=method)
        for seed in (1, 0)
        for method in ("b", "a")
        for epsilon in ("inf", 3.0, 0.5)
    ]
    results.write(path, rows)
    found = results.read(path)
    keys = [(float(r["epsilon"]), r["method"], r["seed"]) for r in found]
    assert keys == sorted(keys)
    assert len(keys) == len(rows)
    assert sorted(map(json.dumps, found)) == sorted(map(json.dumps, rows))


def test_a_later_row_of_a_run_takes_the_place_of_the_earlier(tmp_path):
    path = tmp_path / "r.jsonl"
    for facts in ({"peak_mb": 1}, {"peak_mb": 2}, {"peak_mb": 3, "epsilon": "inf"}):
        results.add(path, row(**facts))
    found = [(r["epsilon"], r["peak_mb"]) for r in results.read(path)]
    assert found == [(1.0, 2), ("inf", 3)]


def test_a_missing_environment_does_not_wipe_out_a_row(tmp_path):
    path = tmp_path / "r.jsonl"
    results.add(path, row())
    results.add(path, row(status="missing-environment"))
    results.add(path, row(seed=1, status="missing-environment"))
    found = [r["status"] for r in results.read(path)]
    assert found == ["ok", "missing-environment"]


def test_the_first_file_stands_unless_it_found_no_environment(tmp_path):
    one, two = tmp_path / "1.jsonl", tmp_path / "2.jsonl"
    missing = row(seed=1, status="missing-environment")
    results.write(one, [row(peak_mb=1), missing, row(seed=2, status="timeout")])
    results.write(two, [row(peak_mb=2, seed=seed) for seed in (0, 1, 2, 3)])
    found = [(r["seed"], r["status"], r["peak_mb"]) for r in results.read(one, two)]
    assert found == [(0, "ok", 1), (1, "ok", 2), (2, "timeout", 100), (3, "ok", 2)]


@pytest.mark.parametrize(
    "text", ["{", "[1]\n", '{"table": "t"}\n', '"a"\n', '{"epsilon": "x"}']
)
def test_what_is_no_file_of_results_is_refused(tmp_path, text):
    path = tmp_path / "r.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="not a file of results"):
        results.read(path)
    with pytest.raises(ConfigError, match="no such file"):
        results.read(tmp_path / "none.jsonl")


def test_an_unknown_status_is_refused(tmp_path):
    results.write(tmp_path / "r.jsonl", [row(status="fine")])
    with pytest.raises(ConfigError, match="status is unknown; got 'fine'"):
        results.read(tmp_path / "r.jsonl")


def test_nothing_but_plain_numbers_is_written(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        results.write(tmp_path / "r.jsonl", [row(measured={"x": math.nan})])
    assert not (tmp_path / "r.jsonl").exists()


def test_the_tidy_table_has_a_line_for_each_run():
    found = results.frame([row(), row(epsilon="inf", status="timeout", measured={})])
    assert found["epsilon"].tolist() == [1.0, math.inf]
    assert found["auroc_gbm"].isna().tolist() == [False, True]
    assert found["tvd2"].isna().all()
    assert found["cpu_seconds"].tolist() == [2.0, 2.0]
    assert {"table", "method", "seed", "status"} <= set(results.frame([]).columns)


def test_the_interval_is_students():
    middle, low, high = results.interval(np.array([1.0, 2.0, 3.0, math.nan]))
    assert middle == 2.0
    assert high - 2.0 == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)  # t, 2 df
    assert 2.0 - low == pytest.approx(high - 2.0)
    assert results.interval(np.array([5.0]))[0] == 5.0
    assert all(map(math.isnan, results.interval(np.array([5.0]))[1:]))
    assert all(map(math.isnan, results.interval(np.array([]))))


def test_the_summary_counts_what_did_not_end_well():
    rows = [
        row(seed=0, measured={"auroc_gbm": 0.8}),
        row(seed=1, measured={"auroc_gbm": 0.9}),
        row(seed=2, status="timeout", measured={"auroc_gbm": 0.0}),
        row(seed=3, status="failed", measured={}),
        row(seed=4, status="timeout", measured={}),
        row(method="b", status="refused", measured={}),
        row(method="b", epsilon="inf", measured={"auroc_gbm": 0.7}),
    ]
    found = results.summary(rows, ["auroc_gbm"]).set_index(["method", "epsilon"])
    first = found.loc[("a", 1.0)]
    assert (first["runs"], first["unfinished"]) == (2, "failed 1, timeout 2")
    assert first["auroc_gbm"] == pytest.approx(0.85)
    assert first["auroc_gbm_high"] > 0.9
    assert found.loc[("b", 1.0), "runs"] == 0
    assert math.isnan(found.loc[("b", 1.0), "auroc_gbm"])
    assert found.loc[("b", math.inf), "unfinished"] == ""


def test_a_figure_that_no_run_has_is_refused():
    with pytest.raises(ConfigError, match="no run has this figure; got 'beauty'"):
        results.summary([row()], ["beauty"])
    assert results.summary([]).empty
