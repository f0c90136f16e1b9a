"""Our own methods by the protocol: what they write, and what is told of it."""

import csv
import math
import types

import pandas as pd
import pytest

import fairveil
from fairveil import Schema
from fairveil.bench import ours
from fairveil.bench.grid import GROUPS
from fairveil.bench.jobs import Job, lay_job, lay_table, read_cells, read_json
from fairveil.bench.methods import METHODS, OURS
from fairveil.bench.tables import TABLES, code_book
from fairveil.config import Fit


def made(bench, method, *, epsilon=math.inf, seed=0):
    """Lay a job down and run our script on it, in this process."""
    job = Job(table="toy", method=method, epsilon=epsilon, seed=seed)
    lay_table("toy", work=bench.work, data=bench.data)
    job.folder(bench.work).mkdir(parents=True)
    path = lay_job(job, work=bench.work, time_limit=60.0)
    ours.main(str(path))
    return job.folder(bench.work) / "synthetic.csv", bench.read(job, "done.json")


def train(bench):
    return bench.work / "toy" / "train.csv"


def test_the_ceiling_is_a_copy_of_the_training_rows(bench):
    out, done = made(bench, "real")
    assert out.read_bytes() == train(bench).read_bytes()
    assert done["library"] == "fairveil"
    assert done["version"] == fairveil.__version__
    assert done["epsilon_spent"] is None


def test_the_floor_shuffles_each_column_by_itself(bench):
    out, _ = made(bench, "independent")
    other, _ = made(bench, "independent", seed=1)
    with out.open() as one, train(bench).open() as two:
        shuffled, real = list(csv.DictReader(one)), list(csv.DictReader(two))
    for name in real[0]:
        mine, theirs = ([row[name] for row in rows] for rows in (shuffled, real))
        assert sorted(mine) == sorted(theirs)
        assert mine != theirs
    assert out.read_bytes() != other.read_bytes()


@pytest.mark.slow
@pytest.mark.usefixtures("tiny_fits")
def test_fairveil_writes_what_the_code_book_allows(bench):
    out, done = made(bench, "fairveil", epsilon=1.0)
    text = pd.read_csv(out, dtype=str, keep_default_na=False)
    real = pd.read_csv(train(bench), dtype=str, keep_default_na=False)
    assert list(text.columns) == list(real.columns)
    assert len(text) == len(real)
    assert set(text["code"]) <= {"01", "2", "NA"}
    assert set(text["n"]) <= {"", *map(str, range(9))}  # whole, missing is empty
    assert pd.to_numeric(text["x"]).between(0, 25).all()
    assert done["settings"] == {"fairness": None}
    assert 0.9 < done["epsilon_spent"] <= 1.0


@pytest.mark.parametrize("name", sorted(ours._SETTINGS))
@pytest.mark.parametrize("epsilon", [0.5, math.inf])
def test_a_fit_is_asked_for_what_the_job_says(bench, monkeypatch, name, epsilon):
    given = {}

    class Fit:
        def __init__(self, **settings):
            given.update(settings)
            private = settings["epsilon"] < math.inf
            self.statement_ = types.SimpleNamespace(private=private, epsilon_spent=0.4)

        def fit(self, rows):
            self.rows = rows
            return self

        def sample(self, rows, random_state):
            given["sampled"] = rows, random_state
            return self.rows

    monkeypatch.setattr(ours, "FairVeil", Fit)
    out, done = made(bench, name, epsilon=epsilon, seed=3)
    assert out.read_bytes() == train(bench).read_bytes()
    rows = len(pd.read_csv(train(bench)))
    assert given.pop("sampled") == (rows, 3)
    schema = given.pop("schema")
    assert schema.declared_by
    assert not any(column.copied_from_data() for column in schema.columns)
    expected = {"epsilon": epsilon, "delta": 1e-5, "sensitive": ["s"]}
    assert given == {**expected, "random_state": 3, **ours._SETTINGS[name]}
    assert done["epsilon_spent"] == (0.4 if epsilon < math.inf else None)


def test_each_ablation_takes_away_what_its_name_says_and_no_more():
    usual, parts = Fit(), {}
    for name in GROUPS["ablations"]:
        fit = ours._SETTINGS[name]["preset"]
        assert ours._told(name) == {"fairness": None, "preset": name}
        parts[name.removeprefix("fairveil-no-")] = {
            part for part, value in vars(fit).items() if value != getattr(usual, part)
        }
    networks = {"vae", "clustering"}
    assert parts == {
        "balance": {"calibration"},
        "raking": {"calibration"},
        "calibration": {"calibration"},
        "sizing": {"measuring"},
        "warm-start": networks,
        "marginals": networks | {"split", "measuring"},
    }
    raking, balance, both = (
        ours._ABLATED[f"fairveil-no-{name}"].calibration
        for name in ("raking", "balance", "calibration")
    )
    assert (raking.iterations, raking.choices) == (0, usual.calibration.choices)
    assert (balance.iterations, balance.choices) == (usual.calibration.iterations, 1)
    assert (both.iterations, both.choices) == (0, 1)


@pytest.mark.parametrize("name", sorted(ours._SETTINGS))
def test_each_setting_is_a_method(name):
    assert METHODS[name].environment == OURS
    assert METHODS[name].private


def test_each_method_of_ours_is_known_to_the_script():
    own = {name for name, each in METHODS.items() if each.environment == OURS}
    assert own == {*ours._SETTINGS, "real", "independent"}


def test_the_code_book_is_a_public_schema_that_fits_the_table(bench):
    frame = TABLES["toy"].load(bench.data)
    columns = [ours.column_of(facts) for facts in code_book(frame)["columns"]]
    schema = Schema(columns=tuple(columns), declared_by="a test")
    assert schema.names == tuple(frame.columns)
    assert not any(column.copied_from_data() for column in schema.columns)
    assert (schema["n"].decimals, schema["n"].nullable) == (0, True)
    assert (schema["x"].decimals, schema["x"].nullable) == (2, False)
    assert schema["code"].categories == ("01", "2", "NA")


def test_cells_come_back_as_they_were(bench):
    made(bench, "real")
    schema = bench.work / "toy" / "schema.json"
    frame = read_cells(train(bench), schema)
    assert set(frame["code"]) == {"01", "2", "NA"}
    assert read_json(schema)["columns"][1]["kind"] == "integer"


def test_the_digest_follows_the_library_and_not_the_benchmark(tmp_path, monkeypatch):
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "b.py").write_text("1")
    (tmp_path / "a.py").write_text("1")
    monkeypatch.setattr(fairveil, "__file__", str(tmp_path / "__init__.py"))
    before = ours.build()
    (tmp_path / "bench" / "b.py").write_text("2")
    assert ours.build() == before
    (tmp_path / "a.py").write_text("2")
    assert ours.build() != before
