"""Runs: statuses, costs, limits, resuming; nothing of a run outlives it."""

import json
import subprocess
import sys
import textwrap
import time
from contextlib import closing
from pathlib import Path

import pytest
from filelock import FileLock

from fairveil.bench import launch, methods, runner
from fairveil.bench.jobs import Job, write_json
from fairveil.errors import ConfigError, TableError

COUNTED = "open(job['out'] + '.runs', 'a').write('x')\ncopy()\ndone()"


def alive(pid):
    """Whether the process runs (one that ended but is not waited for does not)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")


def gone(pid, seconds=10.0):
    deadline = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not alive(pid)


def runs(bench, job):
    path = job.folder(bench.work) / "synthetic.csv.runs"
    return len(path.read_text(encoding="utf-8"))


def test_a_run_that_ends_well(bench):
    job = bench.job()
    assert bench.run(job) == "ok"
    made = (job.folder(bench.work) / "synthetic.csv").read_bytes()
    assert made == (bench.work / "toy" / "train.csv").read_bytes()
    usage = bench.read(job, "usage.json")
    assert usage["status"] == "ok"
    assert usage["exit_code"] == 0
    assert 0 < usage["cpu_seconds"] < 10
    assert usage["time_limit"] == 30


def test_a_job_has_one_thread_and_no_accelerator(bench):
    names = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]
    job = bench.job("copy()\ndone(env=dict(os.environ))")
    bench.run(job)
    env = bench.read(job, "done.json")["env"]
    assert [env[name] for name in names] == ["1", "1", "1"]
    assert "intra_op_parallelism_threads=1" in env["XLA_FLAGS"]
    assert env["CUDA_VISIBLE_DEVICES"] == ""


def test_costs_are_those_of_the_job_and_its_children_alone(bench):
    body = """
    import subprocess, time
    burn = "import time\\nwhile time.process_time() < .5: pass"
    subprocess.run([sys.executable, "-S", "-c", burn])
    held = bytearray(b"x") * (60 << 20)
    copy()
    done()
    """
    ballast = bytearray(b"x") * (300 << 20)  # ours does not count as the job's
    job = bench.job(body)
    assert bench.run(job) == "ok"
    usage = bench.read(job, "usage.json")
    assert 0.5 <= usage["cpu_seconds"] < 5
    assert 60 <= usage["peak_mb"] < 200
    assert len(ballast) > 200 << 20


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("copy()\ndone()\nsys.exit(3)", "failed"),
        ("done()", "failed"),  # no table
        ("copy()", "failed"),  # no word
        ("copy()\nopen(job['done'], 'w').write('{')", "failed"),
        ("done(refused='too wide')", "refused"),
        ("os.kill(os.getpid(), 9)", "failed"),
    ],
)
def test_a_run_that_ends_otherwise_keeps_its_status(bench, body, status):
    job = bench.job(body)
    assert bench.run(job) == status
    assert bench.read(job, "usage.json")["status"] == status
    assert runner.status_of(job, bench.work) == status


def test_the_end_of_the_error_output_is_kept(bench):
    job = bench.job("sys.stderr.write('a' * 9000 + 'the reason')\nsys.exit(3)")
    assert bench.run(job) == "failed"
    usage = bench.read(job, "usage.json")
    assert usage["exit_code"] == 3
    assert usage["errors"].endswith("aaa" + "the reason")
    assert len(usage["errors"]) == 4000


def test_the_limit_ends_a_job_and_its_children(bench):
    body = """
    import subprocess, time
    child = subprocess.Popen(["sleep", "60"])
    open(job["out"] + ".pids", "w").write(f"{os.getpid()} {child.pid}")
    time.sleep(60)
    """
    job = bench.job(body)
    began = time.monotonic()
    assert bench.run(job, time_limit=1.5) == "timeout"
    assert time.monotonic() - began < 20
    pids = (job.folder(bench.work) / "synthetic.csv.pids").read_text().split()
    assert len(pids) == 2
    assert all(gone(pid) for pid in pids)
    assert bench.read(job, "usage.json")["wall_seconds"] >= 1.5


def test_a_child_left_behind_is_ended(bench):
    body = """
    import subprocess
    child = subprocess.Popen(["sleep", "60"])
    open(job["out"] + ".pids", "w").write(str(child.pid))
    copy()
    done()
    """
    job = bench.job(body)
    assert bench.run(job) == "ok"
    assert gone((job.folder(bench.work) / "synthetic.csv.pids").read_text())


def test_a_finished_run_is_not_run_again_unless_asked(bench):
    job = bench.job(COUNTED)
    assert [bench.run(job), bench.run(job)] == ["ok", "ok"]
    assert runs(bench, job) == 1
    assert bench.run(job, again=True) == "ok"
    assert runs(bench, job) == 2


def test_a_failed_run_is_not_run_again(bench):
    job = bench.job("open(job['out'] + '.runs', 'a').write('x')\nsys.exit(1)")
    assert [bench.run(job), bench.run(job)] == ["failed", "failed"]
    assert runs(bench, job) == 1


def test_a_run_without_a_status_is_run_again_from_nothing(bench):
    job = bench.job("done()")  # writes no table
    folder = job.folder(bench.work)
    folder.mkdir(parents=True)
    (folder / "synthetic.csv").write_text("left by a stopped run", encoding="utf-8")
    write_json(folder / "measured.json", {"harness": "1"})
    assert bench.run(job) == "failed"
    assert not (folder / "synthetic.csv").exists()
    assert not (folder / "measured.json").exists()


@pytest.mark.parametrize(("limit", "expected"), [(10.0, "timeout"), (10.1, None)])
def test_a_timeout_is_tried_again_with_more_time_only(bench, limit, expected):
    job = bench.job()
    folder = job.folder(bench.work)
    folder.mkdir(parents=True)
    write_json(folder / "usage.json", {"status": "timeout", "time_limit": 10.0})
    assert runner.status_of(job, bench.work, time_limit=limit) == expected
    assert runner.status_of(job, bench.work) == "timeout"
    assert bench.run(job, time_limit=limit) == (expected or "ok")


def test_a_job_that_another_harness_runs_is_left_alone(bench):
    job = bench.job(COUNTED)
    folder = job.folder(bench.work)
    folder.mkdir(parents=True)
    with FileLock(folder / ".lock"):
        assert bench.run(job) == "busy"
    assert not (folder / "synthetic.csv.runs").exists()
    assert bench.run(job) == "ok"


def test_a_missing_environment_is_told_and_leaves_nothing(bench):
    job = bench.job(environment="nowhere")
    assert bench.run(job) == "missing-environment"
    assert not job.folder(bench.work).exists()
    assert runner.status_of(job, bench.work) is None


def test_environments_may_lie_elsewhere(bench, tmp_path):
    job = bench.job(environment="other")
    assert bench.run(job, envs=tmp_path / "none") == "missing-environment"
    (bench.work / "envs" / "fake").rename(tmp_path / "other")
    assert bench.run(job, envs=tmp_path) == "ok"


def test_unknown_names_and_missing_tables_are_refused(bench):
    with pytest.raises(ConfigError, match="method is unknown"):
        bench.run(Job(table="toy", method="nobody", epsilon=1.0, seed=0))
    job = bench.job()
    with pytest.raises(ConfigError, match="table is unknown"):
        bench.run(Job(table="nothing", method=job.method, epsilon=1.0, seed=0))
    (bench.data / "toy.csv").unlink()
    with pytest.raises(TableError, match=r"no file toy\.csv"):
        bench.run(job)


def test_an_interrupt_ends_the_job(bench, monkeypatch):
    pids = bench.root / "pids"
    job = bench.job(
        f"import time\nopen({str(pids)!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)"
    )

    class Interrupted(subprocess.Popen):
        def communicate(self, **_):
            while not (pids.exists() and pids.read_text()):
                time.sleep(0.05)
            raise KeyboardInterrupt

    monkeypatch.setattr(runner.subprocess, "Popen", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        bench.run(job)
    assert gone(pids.read_text())
    assert runner.status_of(job, bench.work) is None  # it will be run again


def test_jobs_run_at_once(bench):
    body = """
    import pathlib, time
    me, other = job["seed"], 1 - job["seed"]
    shared = pathlib.Path(job["train"]).parent
    (shared / f"here-{me}").touch()
    limit = time.monotonic() + 20
    while not (shared / f"here-{other}").exists() and time.monotonic() < limit:
        time.sleep(.05)
    assert (shared / f"here-{other}").exists()
    copy()
    done()
    """
    jobs = [bench.job(body, seed=seed) for seed in (0, 1)]
    options = {"work": bench.work, "data": bench.data, "time_limit": 60.0}
    with closing(runner.run_jobs(jobs, at_once=2, **options)) as ended:
        found = sorted((job.seed, status) for job, status in ended)
    assert found == [(0, "ok"), (1, "ok")]


def test_one_at_a_time_waits_for_the_caller(bench):
    jobs = [bench.job(seed=seed) for seed in (0, 1)]
    options = {"work": bench.work, "data": bench.data, "time_limit": 60.0}
    with closing(runner.run_jobs(jobs, **options)) as ended:
        assert next(ended) == (jobs[0], "ok")
        assert runner.status_of(jobs[1], bench.work) is None
        assert next(ended) == (jobs[1], "ok")


def test_to_stop_ends_what_runs_and_starts_nothing_more(bench):
    body = """
    import time
    open(job["out"] + ".pids", "w").write(str(os.getpid()))
    time.sleep(60 if job["seed"] else 0)
    copy()
    done()
    """
    jobs = [bench.job(body, seed=seed) for seed in (1, 0, 2, 3)]
    options = {"work": bench.work, "data": bench.data, "time_limit": 60.0}
    began = time.monotonic()
    pids = jobs[0].folder(bench.work) / "synthetic.csv.pids"
    with closing(runner.run_jobs(jobs, at_once=2, **options)) as ended:
        assert next(ended) == (jobs[1], "ok")
        while not (pids.exists() and pids.read_text()):
            time.sleep(0.05)
    assert time.monotonic() - began < 30
    assert gone(pids.read_text())
    assert [runner.status_of(j, bench.work) for j in jobs] == [None, "ok", None, None]
    assert not jobs[3].folder(bench.work).exists()


def test_two_harnesses_share_the_work_and_run_nothing_twice(bench):
    slow = bench.job("import time\ntime.sleep(.3)\n" + COUNTED)
    script = methods.METHODS[slow.method].script
    driver = f"""
    from pathlib import Path
    from fairveil.bench import methods, runner, tables
    from fairveil.bench.jobs import Job
    methods.METHODS["fake"] = methods.Method(name="fake", environment="fake",
        script=Path({str(script)!r}), private=True, free=True)
    tables.TABLES["toy"] = tables.BenchTable(name="toy", file="toy.csv", source="",
        target="y", positive="yes", sensitive=("s",))
    for seed in range(4):
        job = Job(table="toy", method="fake", epsilon=1.0, seed=seed)
        print(runner.run_job(job, work=Path({str(bench.work)!r}),
            data=Path({str(bench.data)!r}), time_limit=60))
    """
    command = [sys.executable, "-c", textwrap.dedent(driver)]
    harnesses = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    told = [harness.communicate(timeout=120)[0].split() for harness in harnesses]
    assert [harness.returncode for harness in harnesses] == [0, 0]
    assert all(len(words) == 4 for words in told)
    assert {word for words in told for word in words} <= {"ok", "busy"}
    jobs = [Job(table="toy", method="fake", epsilon=1.0, seed=s) for s in range(4)]
    assert [runs(bench, job) for job in jobs] == [1] * 4
    assert [runner.status_of(job, bench.work) for job in jobs] == ["ok"] * 4


def test_a_signal_at_the_very_start_ends_the_job_too(tmp_path):
    driver = f"""
    import importlib.util, os, signal, subprocess
    spec = importlib.util.spec_from_file_location("launch", {launch.__file__!r})
    launch = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(launch)
    start = subprocess.Popen
    def popen(*args, **options):
        process = start(*args, **options)
        open({str(tmp_path / "pid")!r}, "w").write(str(process.pid))
        os.kill(os.getpid(), signal.SIGTERM)
        return process
    subprocess.Popen = popen
    launch.main(60, {str(tmp_path / "errors")!r}, ["sleep", "60"])
    """
    command = [sys.executable, "-c", textwrap.dedent(driver)]
    ended = subprocess.run(command, capture_output=True, check=False, timeout=30)
    assert (ended.returncode, ended.stdout) == (1, b"")
    assert gone((tmp_path / "pid").read_text())


def test_a_launcher_ended_from_outside_gives_no_status(bench):
    job = bench.job("import signal\nos.kill(os.getppid(), signal.SIGKILL)")
    with pytest.raises(ConfigError, match="ended from outside"):
        bench.run(job)
    assert runner.status_of(job, bench.work) is None


def test_a_job_does_not_outlive_a_harness_that_was_killed(tmp_path):
    pids = tmp_path / "pids"
    job = f"import os, time; open({str(pids)!r}, 'w').write(str(os.getpid())); "
    command = [sys.executable, launch.__file__, "60", str(tmp_path / "errors")]
    command += [sys.executable, "-S", "-c", job + "time.sleep(60)"]
    harness = subprocess.Popen(
        [
            sys.executable,
            "-S",
            "-c",
            f"import subprocess; subprocess.run({command!r})",
        ],
        stdout=subprocess.DEVNULL,
    )
    while not (pids.exists() and pids.read_text()):
        assert harness.poll() is None
        time.sleep(0.05)
    assert alive(pids.read_text())
    harness.kill()
    harness.wait()
    assert gone(pids.read_text())


def test_the_launcher_prints_one_object(tmp_path):
    command = [sys.executable, "-S", "-c", "import sys; print(1); sys.exit(5)"]
    told = subprocess.run(
        [sys.executable, launch.__file__, "60", str(tmp_path / "e"), *command],
        capture_output=True,
        check=True,
    ).stdout
    facts = json.loads(told)
    assert facts["exit_code"] == 5
    assert facts["timeout"] is False


def test_every_method_of_ours_has_its_script():
    own = [m for m in methods.METHODS.values() if m.environment == methods.OURS]
    assert all(each.script.is_file() for each in own)
    assert all(each.python(Path("nowhere")) == sys.executable for each in own)
