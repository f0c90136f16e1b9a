"""The peers' side of the protocol, with stand-ins for their libraries."""

from __future__ import annotations

import importlib.util
import re
import sys
import types
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from fairveil.bench import envs
from fairveil.bench.jobs import Job, lay_job, lay_table, read_cells
from fairveil.bench.methods import METHODS, OURS
from fairveil.bench.peers import peer_tables as own
from fairveil.bench.tables import code_book
from fairveil.errors import ConfigError

PEERS = [each for each in METHODS.values() if each.environment != OURS]
LIBRARIES = {
    "dpmm": "dpmm",
    "mbi": "mbi",
    "smartnoise": "smartnoise-synth",
    "mostlyai": "mostlyai-engine",
    "ctgan": "ctgan",
    "tabfairgan": "tabfairgan",
}
PIN = re.compile(r"([A-Za-z0-9._-]+)==(\d+(?:\.\d+)*(?:\.?(?:post|rc)\d+)?)")


def texts_and_book(rows=400, seed=3):
    """A table as text cells, every kind of column with gaps and without."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "label": rng.choice(["01", "NA", "b, c"], rows),
            "label_gap": rng.choice(["u", "v", None], rows),
            "few": rng.integers(-3, 5, rows),
            "few_gap": pd.array(rng.integers(0, 3, rows), dtype="Int64"),
            "whole": rng.integers(-500, 2000, rows),
            "whole_gap": pd.array(rng.integers(0, 900, rows), dtype="Int64"),
            "number": rng.normal(0, 10, rows).round(2),
            "number_gap": np.where(rng.random(rows) < 0.2, np.nan, rng.random(rows)),
        }
    )
    for name in ("few_gap", "whole_gap"):
        frame.loc[rng.random(rows) < 0.2, name] = pd.NA
    frame["number_gap"] = frame["number_gap"].round(3)
    texts = frame.apply(lambda c: c.map(lambda v: "" if pd.isna(v) else str(v)))
    return texts, code_book(frame)["columns"]


# ---------------------------------------------------------------- tables


def test_codes_keep_labels_and_gaps_and_move_numbers_within_their_bin():
    texts, book = texts_and_book()
    coded, sizes = own.codes(texts, book), own.sizes(book)
    back = own.from_codes(coded, book, np.random.default_rng(0))
    assert list(back) == list(texts)
    for column in book:
        name = column["name"]
        assert coded[name].between(0, sizes[name] - 1).all()
        assert ((texts[name] == "") == (back[name] == "")).all()
        if own.labels_of(column) is not None:
            assert (texts[name] == back[name]).all()
            continue
        known = texts[name] != ""
        real, made = texts[name][known].astype(float), back[name][known].astype(float)
        assert made.between(column["lower"], column["upper"]).all()
        assert (real - made).abs().max() <= (column["upper"] - column["lower"]) / 19
        assert real.corr(made) > 0.99
        if column["kind"] == "integer":
            assert not back[name].str.contains(".", regex=False).any()
    again = own.codes(back, book)
    whole = [c["name"] for c in book if c["kind"] != "number"]
    assert (again[whole] == coded[whole]).all().all()


def test_all_whole_numbers_of_a_bin_are_drawn_equally_often():
    column = {"name": "n", "kind": "integer", "lower": 1.0, "upper": 100.0}
    column |= {"missing": False, "categories": None}
    codes = pd.DataFrame({"n": np.repeat(np.arange(20), 5000)})
    drawn = own.from_codes(codes, [column], np.random.default_rng(1))["n"].astype(int)
    counts = np.bincount(drawn, minlength=101)[1:]
    assert len(counts) == 100
    assert abs(counts - 1000).max() < 150  # 5 standard deviations


@pytest.mark.parametrize("kind", ["integer", "number"])
def test_zero_as_the_lower_bound_has_a_bin_of_its_own(kind):
    column = {"name": "n", "kind": kind, "lower": 0.0, "upper": 9000.0, "decimals": 2}
    column |= {"missing": False, "categories": None}
    texts = pd.DataFrame({"n": ["0"] * 500 + ["1", "449", "451", "9000"]})
    coded = own.codes(texts, [column])
    assert list(coded["n"])[499:] == [0, 1, 1, 2, own.BINS]
    assert own.sizes([column])["n"] == own.BINS + 1
    drawn = own.from_codes(coded, [column], np.random.default_rng(0))["n"].astype(float)
    assert (drawn[:500] == 0).all()
    assert (drawn[500:] > 0).all()


def test_codes_come_from_the_code_book_alone():
    texts, book = texts_and_book()
    part = texts.iloc[7:9]
    found = own.codes(part, book).to_numpy()
    assert (found == own.codes(texts, book).to_numpy()[7:9]).all()
    assert own.sizes(book)["number"] == own.BINS
    assert own.sizes(book)["number_gap"] == own.BINS + 2  # zero, missing


def test_values_give_back_every_cell():
    texts, book = texts_and_book()
    rows = own.values(texts, book)
    assert not rows.isna().any().any()
    assert set(rows.select_dtypes("number")) == set(rows) - set(own.discrete(book))
    back = own.from_values(rows, book)
    for column in book:
        name = column["name"]
        if column["kind"] == "number":
            assert np.array_equal(
                pd.to_numeric(back[name]), pd.to_numeric(texts[name]), equal_nan=True
            )
        else:
            assert (back[name] == texts[name]).all()


def test_values_beyond_the_bounds_are_pulled_in():
    _, book = texts_and_book()
    column = next(each for each in book if each["name"] == "whole")
    assert list(own.written([-1e9, 3.4, np.nan, 1e9], column)) == [
        str(int(column["lower"])),
        "3",
        "",
        str(int(column["upper"])),
    ]


# ---------------------------------------------------------------- adapters


class Echo:
    """A stand-in for a model: it gives back the rows that it was fitted to."""

    made: ClassVar[list[Echo]] = []

    def __init__(self, *rows, **settings):
        self.settings, self.rows = settings, rows[0] if rows else None
        Echo.made.append(self)

    def fit(self, rows, *arguments, **settings):
        self.rows, self.fitted = rows.copy(), (arguments, settings)

    def train(self):
        pass

    def set_random_state(self, seed):
        self.seed = seed

    def generate(self, *, n_records, random_state):
        assert n_records == len(self.rows)
        self.seed = random_state
        return self.rows.copy()

    def sample(self, rows):
        assert rows == len(self.rows)
        return self.rows.copy()

    generate_fake_df = sample


def module(name, **facts):
    made = types.ModuleType(name)
    for key, value in facts.items():
        setattr(made, key, value)
    return made


STAND_INS = {
    "torch": module(
        "torch", set_num_threads=lambda _: None, manual_seed=lambda _: None
    ),
    "dpmm": module("dpmm"),
    "dpmm.pipelines": module(
        "dpmm.pipelines", AIMPipeline=Echo, MSTPipeline=Echo, PrivBayesPipeline=Echo
    ),
    "ctgan": module("ctgan", CTGAN=Echo, TVAE=Echo),
    "tabfairgan": module("tabfairgan", TFG=Echo),
}


@pytest.fixture
def run(bench, monkeypatch):
    """Run a method's script on the toy table; what it left."""
    for name, stand_in in STAND_INS.items():
        monkeypatch.setitem(sys.modules, name, stand_in)
    monkeypatch.setattr("importlib.metadata.version", lambda name: f"{name} 1")
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(Echo, "made", [])

    def go(method, epsilon):
        job = Job(table="toy", method=method, epsilon=epsilon, seed=4)
        lay_table("toy", work=bench.work, data=bench.data)
        job.folder(bench.work).mkdir()
        path = lay_job(job, work=bench.work, time_limit=9.0)
        script = METHODS[method].script
        spec = importlib.util.spec_from_file_location(script.stem, script)
        made = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(made)
        made.main(str(path))
        home = bench.work / "toy"
        real = read_cells(home / "train.csv", home / "schema.json")
        out = job.folder(bench.work) / "synthetic.csv"
        return real, read_cells(out, home / "schema.json"), bench.read(job, "done.json")

    return go


@pytest.mark.parametrize(
    ("method", "epsilon"),
    [
        ("dpmm-aim", 2.0),
        ("dpmm-mst", 1.0),
        ("dpmm-privbayes", 3.0),
        ("ctgan", np.inf),
        ("tvae", np.inf),
        ("tabfairgan", np.inf),
    ],
)
def test_a_script_writes_what_its_model_made(run, method, epsilon):
    real, made, done = run(method, epsilon)
    pd.testing.assert_frame_equal(real, made, check_dtype=False)
    library = method.split("-")[0].replace("tvae", "ctgan")
    assert done["library"] == library
    assert done["version"] == f"{library} 1"
    assert done["epsilon_spent"] == (None if np.isinf(epsilon) else epsilon)
    assert done["settings"]
    assert isinstance(done["notes"], list)
    (model,) = Echo.made
    assert getattr(model, "seed", 4) == 4


def test_dpmm_has_the_whole_budget_and_no_more(run):
    run("dpmm-aim", 2.0)
    settings = Echo.made[0].settings
    assert settings["epsilon"] + settings["proc_epsilon"] == pytest.approx(2.0)
    assert settings["delta"] == 1e-5
    assert settings["gen_kwargs"] == {"rounds": 2 * 5}
    domain = Echo.made[0].fitted[1]["domain"]
    assert domain["s"] == {"categories": ["f", "m"]}
    assert domain["x"].keys() == {"lower", "upper"}


def test_tabfairgan_is_told_who_is_behind(run):
    real, _, _ = run("tabfairgan", np.inf)
    fair = Echo.made[0].settings["fairness_config"]
    share = (real["y"] == "yes").groupby(real["s"]).mean()
    assert fair["S_under"] == share.idxmin()
    assert (fair["S"], fair["Y"], fair["Y_desire"]) == ("s", "y", "yes")


# ---------------------------------------------------------------- environments


@pytest.mark.parametrize("peer", PEERS, ids=lambda each: each.name)
def test_a_peer_has_a_script_that_says_it_stands_alone(peer):
    text = peer.script.read_text(encoding="utf-8")
    assert "Stands alone" in text.split('"""')[1]
    assert peer.private != peer.free


def test_every_environment_is_pinned_whole():
    assert set(envs.environments()) == set(LIBRARIES)
    for name, library in LIBRARIES.items():
        first, *lines = envs.pins(name).read_text(encoding="utf-8").splitlines()
        assert first.startswith("# ")
        found = [PIN.fullmatch(line) for line in lines]
        assert all(found), [line for line in lines if not PIN.fullmatch(line)]
        names = [match[1].lower() for match in found]
        assert len(set(names)) == len(names)
        assert library in names
        assert {"numpy", "pandas"} <= set(names)


def test_an_environment_is_made_with_its_pins(tmp_path, monkeypatch):
    ran = []
    monkeypatch.setattr(envs, "_run", lambda command, _: ran.append(command))
    python = envs.make("dpmm", tmp_path / "envs")
    assert python == envs.python_of("dpmm", tmp_path / "envs")
    made, installed = ran
    assert made[1:] == ["-m", "venv", str(tmp_path / "envs" / "dpmm")]
    assert installed[0] == str(python)
    assert installed[-1] == str(envs.pins("dpmm"))
    python.parent.mkdir(parents=True)
    python.touch()
    envs.make("dpmm", tmp_path / "envs")
    assert ran[2:] == [installed]  # made once, installed again


def test_failures_are_told():
    with pytest.raises(ConfigError, match="no such environment"):
        envs.pins("../dpmm")
    with pytest.raises(ConfigError, match="was not installed; got 'no luck'"):
        envs._run([sys.executable, "-c", "raise SystemExit('no luck')"], "dpmm")


def test_the_pins_need_their_python(monkeypatch):
    monkeypatch.setattr(envs, "PYTHON", (3, 0))
    monkeypatch.setattr(envs.shutil, "which", lambda _: None)
    with pytest.raises(ConfigError, match=re.escape("no python3.0")):
        envs._base()
    monkeypatch.setattr(envs.shutil, "which", lambda name: f"/bin/{name}")
    assert envs._base() == "/bin/python3.0"
