"""Leaks around the mechanism: nothing of the real rows in any word, file or memory.

Marked values (words, numbers, a category, the exact number of rows) are put into tables
and searched for in everything that leaves: errors with all that hangs on them,
warnings, logs, output, progress, reprs, pickles, files, and reachable memory.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import datetime as dt
import decimal
import errno
import gc
import gzip
import hashlib
import itertools
import json
import logging
import os
import pickle
import re
import secrets
import subprocess
import sys
import textwrap
import traceback
import types
import warnings
import weakref
import zipfile
from pathlib import Path

import jax
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from safetensors.numpy import load as load_tensors
from typer.testing import CliRunner

from fairveil import _release, artifact, chain, cli, config, demo, evaluate, synthesizer
from fairveil._shield import guarded
from fairveil.codec import ColumnCodec
from fairveil.errors import ArtifactError, FairveilError, SchemaError, TableError
from fairveil.nn import vae
from fairveil.nn.mixture import Mixture
from fairveil.post import calibrate, finish, generator, sample, teacher
from fairveil.privacy.ledger import Ledger
from fairveil.privacy.noise import NoiseSource
from fairveil.private import cluster, fit_vae, step
from fairveil.private.measure import Counter
from fairveil.private.view import Border, Sensitive
from fairveil.schema import Column, Schema
from fairveil.synthesizer import FairVeil
from fairveil.tables import scan
from fairveil.tables.files import read_table, write_table
from unsized import UNSIZED

ROWS = 1237
WORD, OTHER = "Quetzalcoatlus", "Zyxomma"
NUMBER, WHOLE = 98765.4321, 77_123_457
INFINITE = float("inf")
TINY = config.Fit(
    vae=config.VaeTraining(hidden=(4,), latent=2, steps=2, warm_steps=2, warm_batch=16),
    clustering=config.Clustering(clusters=2, lloyd_steps=1),
    measuring=config.Measuring(
        most_bins=4,
        rounds=2,
        least_rounds=2,
        most_rounds=2,
        pool=300,
        **UNSIZED,
    ),
    calibration=config.Calibration(pool=300, iterations=2, sweeps=1),
)
SCHEMA = Schema(
    columns=(
        Column(name="sex", kind="categorical", categories=("f", "m"), nullable=True),
        Column(
            name="job", kind="categorical", categories=("a", "b", "rest"), other="rest"
        ),
        Column(
            name="pay",
            kind="numeric",
            dtype="float64",
            lower=0.0,
            upper=50.0,
            decimals=1,
            nullable=True,
        ),
        Column(name="member", kind="boolean", dtype="bool"),
    ),
    declared_by="the code book",
)


def plain_table(n=ROWS, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "sex": rng.choice(["f", "m"], n, p=[0.3, 0.7]).astype(object),
            "job": rng.choice(["a", "b", "rest"], n, p=[0.6, 0.3, 0.1]).astype(object),
            "pay": rng.integers(0, 500, n) / 10,
            "member": rng.random(n) < 0.4,
        }
    )


def marked_table(n=ROWS, every=2):
    """Cells that the schema does not know, in every ``every``-th row."""
    table = plain_table(n).astype({"member": object})
    table.loc[::every, "sex"] = WORD
    table.loc[1::every, "job"] = OTHER
    table.loc[::every, "pay"] = NUMBER
    table.loc[1::every, "member"] = WHOLE
    return table


@pytest.fixture(autouse=True)
def _tiny(monkeypatch):
    real = config.preset

    def preset(name):
        real(name)
        return TINY

    monkeypatch.setattr(config, "preset", preset)
    monkeypatch.setattr(step, "CHUNK", 2048)
    monkeypatch.setattr(generator, "BATCH", 256)
    monkeypatch.setattr(teacher, "BATCH", 256)


class FlatSource(generator.RowSource):
    """Random codes in the place of a trained model's rows."""

    def __init__(self, model, seed, sizes):
        del model
        even = np.concatenate([np.full(s, -np.log(s), np.float32) for s in sizes])
        flat = np.broadcast_to(even, (generator.BATCH, len(even)))
        super().__init__(types.SimpleNamespace(step=lambda _rng: flat), seed, sizes)


def flat_teacher(border, rows, fit, n_hat, progress):
    """An untrained teacher: the tables are what counts, not the networks.

    The rows that a warm start would learn from are told in full, so that nothing which
    they betray stays hidden.
    """
    sizes, latent = border.rows.sizes, fit.vae.latent
    shape = vae.VaeShape(blocks=vae.Blocks(sizes), hidden=fit.vae.hidden, latent=latent)
    wide, hidden = shape.blocks.width, shape.hidden
    widths = {
        "enc": (wide, *hidden, 2 * latent),
        "dec": (latent, *hidden[::-1], wide),
    }
    layers = {
        f"{kind}{i}": {
            "w": np.zeros((a, b), np.float32),
            "b": np.zeros(b, np.float32),
        }
        for kind, sizes_ in widths.items()
        for i, (a, b) in enumerate(itertools.pairwise(sizes_))
    }
    prior = Mixture(np.ones(1), np.zeros((1, latent)), np.eye(latent)[None])
    told = np.frombuffer(hashlib.sha256(rows.tobytes()).digest(), np.uint8)
    layers["enc0"]["b"][:] = told[: hidden[0]] / 256
    progress("vae", 1, 1)
    return teacher.Teacher(layers, shape, prior)


@pytest.fixture
def quick(monkeypatch):
    """Fits in a twentieth of a second: all stages but the training."""
    monkeypatch.setattr(chain, "_teacher", flat_teacher)
    for home in (finish, sample):
        monkeypatch.setattr(home, "RowSource", FlatSource)


def model_of(**changes):
    facts = {"schema": SCHEMA, "random_state": 3, "generator": "decoder", **changes}
    return FairVeil(**facts)


fit = FairVeil.fit


def betrays(text, *, count=True):
    """Marked values, or the exact number of rows, in a text."""
    patterns = [WORD, OTHER, re.escape("98765.4"), rf"(?<!\d){WHOLE}", "77123457"]
    if count:
        patterns.append(rf"(?<![\d.]){ROWS}(?!\d)|1,237")
    return [p for p in patterns if re.search(p, text, re.IGNORECASE)]


def test_the_search_for_marks_finds_them():
    for text in (f"x{WORD.lower()}y", f"{NUMBER:.3f}", f"{ROWS} rows", f"({ROWS}, 4)"):
        assert betrays(text)
    for text in (f"{ROWS:,}", repr(np.float64(NUMBER)), str(float(WHOLE)), OTHER):
        assert betrays(text) or text == "77123457.0"
    assert not betrays("n_hat 12370, 0.1237, 112371")


# --- what a call says --------------------------------------------------------------


def chained(error):
    """An error and everything that hangs on it, shown or not."""
    seen, left = [], [error]
    while left:
        one = left.pop()
        if one is None or any(one is known for known in seen):
            continue
        seen.append(one)
        left += [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]
    return seen


def words_of(error):
    """All texts of an error: what Python prints, and what a handler may read."""
    printed = traceback.TracebackException.from_exception(error).format(chain=True)
    inner = [
        f"{one!r} {one.args!r} {vars(one)!r} {getattr(one, '__notes__', '')!r}"
        for one in chained(error)
    ]
    return "".join(printed) + "\n".join(inner)


def said_by(call, caplog, capsys):
    """What a call returns or raises, and all its words by their way out."""
    caplog.clear()
    caplog.set_level(logging.DEBUG)
    capsys.readouterr()
    found, error = None, None
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            found = call()
        except BaseException as raised:  # noqa: BLE001  (every kind is searched)
            error = raised
    shown = capsys.readouterr()
    texts = {
        "error": "" if error is None else words_of(error),
        "warnings": " ".join(f"{w.category} {w.message}" for w in warned),
        "logs": " ".join(r.getMessage() + str(r.exc_text) for r in caplog.records),
        "out": shown.out,
        "err": shown.err,
    }
    return found, error, texts


def leaks(texts, **options):
    return {way: betrays(text, **options) for way, text in texts.items() if
            betrays(text, **options)}  # fmt: skip


class Spiteful:
    """A cell that tells a secret in every way in which a cell can fail."""

    def _fail(self, *_):
        raise ValueError(f"{WORD} {NUMBER}")

    __float__ = __int__ = __index__ = __bool__ = __len__ = __iter__ = __hash__ = _fail
    __eq__ = __lt__ = __array__ = __getitem__ = _fail

    def __repr__(self):
        return WORD

    __str__ = __repr__


def spiteful_text():
    """A cell whose very text cannot be made."""
    return type("Mute", (Spiteful,), {"__str__": Spiteful._fail})()


def cells():
    """Cells of many kinds that hold a mark."""
    when = dt.datetime(1923, 7, 4, tzinfo=dt.UTC)
    return [
        WORD, f" {WORD}\n", WORD.encode(), "\ud800" + WORD, [WORD], {WORD: 1}, (OTHER,),
        frozenset({WORD}), NUMBER, str(NUMBER), WHOLE, 10**400, -(10**400),
        decimal.Decimal(str(NUMBER)), decimal.Decimal("sNaN"), complex(NUMBER, 1),
        float("nan"), INFINITE, None, pd.NA, pd.NaT, np.datetime64("NaT"), when,
        pd.Timestamp(when), pd.Timedelta(NUMBER, "s"), np.float32(NUMBER),
        np.array([NUMBER, 1.0]), np.array([]), pd.Series([WORD]), Spiteful(),
        spiteful_text(), pd.Interval(0, NUMBER), b"\xff", "", "f", "a", 1, True, 12.3,
        range(WHOLE), Ellipsis, type, "1e400", "0x1F", "١٢", "nan", "inf",
    ]  # fmt: skip


def columns_of(n):
    """Columns of other dtypes than objects that hold a mark."""
    days = pd.date_range("1923-07-04", periods=n, tz="UTC")
    makers = (
        lambda: pd.Series([WORD] * n, dtype="category"),
        lambda: pd.Series([WORD] * n, dtype="string"),
        lambda: pd.Series([NUMBER, None] * n, dtype="Float64")[:n],
        lambda: pd.Series([WHOLE, None] * n, dtype="Int64")[:n],
        lambda: pd.Series(days),
        lambda: pd.Series(days - days[:1].repeat(n)) if n else pd.Series(days),
        lambda: pd.Series([complex(NUMBER)] * n, dtype=complex),
        lambda: pd.Series([NUMBER] * n, dtype=pd.SparseDtype("float64")),
        lambda: pd.Series(days.tz_localize(None).to_period("D")),
        lambda: pd.Series([True, None] * n, dtype="boolean")[:n],
        lambda: pd.Series(np.full(n, np.float32(NUMBER))),
        lambda: pd.Series(np.full(n, 250, dtype="uint8")),
        lambda: pd.Series(pd.interval_range(0, periods=n, freq=NUMBER)),
    )
    return [make().reset_index(drop=True) for make in makers]


@st.composite
def nasty_tables(draw):
    n = draw(st.integers(0, 40))
    pool, typed = cells(), columns_of(n)
    at = st.integers(0, len(pool) - 1)
    table = pd.DataFrame(index=range(n))
    for name in (*SCHEMA.names, "person"):
        kind = draw(st.integers(0, len(typed)))
        if kind < len(typed):
            table[name] = typed[kind]
            continue
        picked = np.empty(n, dtype=object)
        for i in range(n):
            picked[i] = pool[draw(at)]
        table[name] = pd.Series(picked, dtype=object)
    index = draw(st.sampled_from(["range", "marks", "same", "several"]))
    if index == "marks":
        table.index = pd.Index([f"{WORD}{i}" for i in range(n)], name=OTHER)
    elif index == "same":
        table.index = pd.Index([WORD] * n)
    elif index == "several" and n:
        table.index = pd.MultiIndex.from_arrays([[WORD] * n, range(n)])
    table.attrs["note"] = WORD
    return table


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(table=nasty_tables(), unit=st.booleans(), known=st.integers(0, 3))
@pytest.mark.usefixtures("quick")
def test_no_table_makes_a_fit_talk(table, unit, known, caplog, capsys):
    """Whatever its cells are, a fit works, or refuses it in our own words."""
    kept = table if unit else table.drop(columns="person")
    facts = SCHEMA if known else None
    model = model_of(schema=facts, unit="person" if unit else None)
    calls = []
    _, error, texts = said_by(
        lambda: fit(model, kept, progress=lambda *call: calls.append(call)),
        caplog,
        capsys,
    )
    assert leaks({**texts, "calls": repr(calls)}, count=False) == {}
    if known:
        assert error is None, error
    assert error is None or isinstance(error, FairveilError)
    if error is None:
        texts = {
            "repr": repr(model) + repr(vars(model)),
            "statement": str(model.statement_) + repr(model.statement_.to_dict()),
            "sample": model.sample(50, random_state=1).to_csv(),
        }
        assert leaks(texts, count=False) == {}


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(table=nasty_tables())
def test_no_table_makes_a_schema_talk_when_it_fails(table, caplog, capsys):
    infer = guarded(Schema.infer)
    _, error, texts = said_by(lambda: infer(table), caplog, capsys)
    assert leaks(texts, count=False) == {}
    assert error is None or isinstance(error, FairveilError)


@pytest.mark.usefixtures("quick")
def test_refusals_hold_no_value_and_hang_on_no_other_error(caplog, capsys):
    table = marked_table()
    copied = Schema.infer(table.astype(str))
    tries = {
        "facts from data": lambda: fit(model_of(schema=copied), table),
        "column missing": lambda: fit(model_of(), table.drop(columns="pay")),
        "column too many": lambda: fit(model_of(), table.assign(extra=WORD)),
        "no unit": lambda: fit(model_of(unit="person"), table),
        "unit in schema": lambda: fit(model_of(unit="sex"), table),
        "an array": lambda: fit(model_of(), table.to_numpy()),
        "a list": lambda: fit(model_of(), table.to_dict("records")),
        "a column": lambda: fit(model_of(), table["sex"]),
        "a name twice": lambda: fit(model_of(), table.set_axis(["a"] * 4, axis=1)),
        "names": lambda: fit(model_of(), table.set_axis(range(4), axis=1)),
        "no columns": lambda: fit(model_of(), table[[]]),
        "unknown sensitive": lambda: fit(model_of(sensitive=["race"]), table),
        "delta": lambda: fit(model_of(delta=0.0), table),
    }
    for name, wrong in tries.items():
        _, error, texts = said_by(wrong, caplog, capsys)
        assert isinstance(error, FairveilError), (name, error)
        assert leaks(texts) == {}, name
        assert chained(error) == [error], name


# --- failures at every stage -------------------------------------------------------


def failing(kind):
    def fails(*_, **__):
        raise kind(f"row {ROWS}: {WORD} {NUMBER}")

    return fails


STAGES = {
    "the table": (synthesizer, "open_table"),
    "encoding": (ColumnCodec, "encode"),
    "a histogram": (Counter, "_histogram"),
    "bins": (chain, "merge"),
    "training": (chain, "_teacher"),
    "selection": (Counter, "select"),
    "raking": (calibrate.Pool, "rake"),
    "a refresh of the pool": (calibrate.Pool, "refresh"),
    "the rounds": (chain, "measured"),
    "the finish": (_release, "finish"),
    "the statement": (Ledger, "statement"),
}


@pytest.fixture
def known_heap():
    """Collections in the test look at what the test made, not at all of the suite."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("quick", "known_heap")
@pytest.mark.parametrize("stage", STAGES)
def test_a_failure_at_any_stage_tells_nothing_and_holds_no_row(
    stage, monkeypatch, caplog, capsys
):
    home, name = STAGES[stage]
    live = watched_rows(monkeypatch)
    for kind in (ValueError, MemoryError, KeyboardInterrupt, FairveilError):
        monkeypatch.setattr(home, name, failing(kind))
        _, error, texts = said_by(
            lambda: fit(model_of(), marked_table()), caplog, capsys
        )
        if kind is not FairveilError:  # our own texts are ours to keep clean
            assert leaks(texts) == {}, kind
        assert chained(error) == [error]
        assert isinstance(error, kind)
        gc.collect()
        assert [ref for ref in live if ref() is not None] == [], (stage, kind)


def watched_rows(monkeypatch):
    """Weak references to every array of real rows that the border holds."""
    live = []
    real = Sensitive.__init__

    def watched(self, codes, **facts):
        live.append(weakref.ref(codes))
        real(self, codes, **facts)

    monkeypatch.setattr(Sensitive, "__init__", watched)
    return live


@pytest.mark.usefixtures("quick", "known_heap")
def test_an_interruption_in_the_middle_keeps_no_row(monkeypatch):
    live = watched_rows(monkeypatch)
    table = marked_table()
    gone = weakref.ref(table)
    for stage in ("vae", "marginals"):

        def stop(now, _done, _total, stage=stage):
            if now == stage:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt) as caught:
            fit(model_of(), table, progress=stop)
        error = caught.value
        del caught
        gc.collect()
        assert live
        assert [ref for ref in live if ref() is not None] == []
        assert betrays(words_of(error)) == []
    del table
    gc.collect()
    assert gone() is None


# --- the command line --------------------------------------------------------------


def run(*args):
    return CliRunner().invoke(cli.app, [str(a) for a in args], prog_name="fairveil")


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FAIRVEIL_DEBUG", raising=False)
    SCHEMA.save("s.json")
    write_table(marked_table(), "t.csv")
    write_table(plain_table(300), "release.csv")
    return tmp_path


def files_of(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


FIT = ("--schema", "s.json", "--generator", "decoder", "-o", "m.fairveil")


def spoilt():
    """Files that are no tables, or tables that nobody foresaw; each with marks."""
    text = marked_table(60).to_csv(index=False)
    lines = text.splitlines()
    data = text.encode()
    return {
        "ragged.csv": "\n".join([*lines, f"{WORD},1,2,3,4,5,{NUMBER}"]).encode(),
        "short.csv": "\n".join([*lines, f"{WORD}"]).encode(),
        "quotes.csv": "\n".join([*lines, f'"{WORD},{NUMBER}']).encode(),
        "latin.csv": "\n".join([*lines, f"{WORD}é,a,1,True"]).encode("latin-1"),
        "utf16.csv": text.encode("utf-16"),
        "utf32.csv": text.encode("utf-32"),
        "zeros.csv": data.replace(b",", b"\0"),
        "nul.csv": data + f"{WORD}\0{NUMBER},a,1,True\n".encode(),
        "headless.csv": "\n".join(lines[1:]).encode(),
        "twice.csv": f"{WORD},{WORD}\n1,2\n".encode(),
        "nameless.csv": f"{WORD},\n1,2\n".encode(),
        "tabs.csv": data.replace(b",", b"\t"),
        "huge.csv": data + b"9" * 500 + b",a,1,True\n",
        "long.csv": data + b'"' + WORD.encode() * 20_000 + b'",a,1,True\n',
        "mixed.csv": data + b"1,2,x,7\n" * 50 + f"{WORD},{NUMBER},,\n".encode(),
        "cut.csv.gz": gzip.compress(data)[:-20],
        "plain.csv.gz": data,
        "bomb.csv.gz": gzip.compress(WORD.encode() * 10)[:-4] + b"\xff" * 4,
        "empty.csv": b"",
        "no.parquet": data,
        "cut.parquet": b"PAR1" + data + b"PAR1",
        "odd.txt": data,
    }


@pytest.mark.usefixtures("quick")
def test_no_spoilt_file_makes_a_command_talk(place, caplog, capsys):
    before = None
    for name, data in spoilt().items():
        Path(name).write_bytes(data)
        before = files_of(place)
        commands = (
            ("fit", name, *FIT),
            ("schema", name, "-o", "x.json"),
            ("evaluate", name, "release.csv", "--sensitive", "sex"),
            ("evaluate", "release.csv", name, "--target", "sex"),
        )
        # without a header the first record counts as column names, which are public
        for command in commands[: 1 if name == "headless.csv" else None]:
            result, _, texts = said_by(lambda c=command: run(*c), caplog, capsys)
            words = {**texts, "all": result.output + str(result.exception)}
            shown = result.output
            assert "Traceback" not in shown, command
            if result.exit_code == 0:  # a table after all
                for made in ("m.fairveil", "x.json"):
                    Path(made).unlink(missing_ok=True)
                continue
            assert leaks(words, count=False) == {}, (command, leaks(words, count=False))
            assert result.exit_code == 2, shown  # foreseen, not a fault of ours
            assert len(result.stderr.splitlines()) <= 4, shown
            assert chained(result.exception) == [result.exception]
            assert files_of(place) == before, command


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("kind", [ValueError, OSError, MemoryError, KeyboardInterrupt])
def test_a_failure_inside_a_command_is_one_line_without_values(
    place, monkeypatch, caplog, capsys, kind
):
    stages = {
        **STAGES,
        "saving": (artifact, "save"),
        "reading": (scan.CsvSource, "count"),
        "the screen": (cli._console, "show_statement"),
    }
    before = files_of(place)
    for stage, (home, name) in stages.items():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(home, name, failing(kind))
            result, _, texts = said_by(
                lambda: run("fit", "t.csv", *FIT), caplog, capsys
            )
        words = {**texts, "all": result.output}
        assert leaks(words) == {}, (stage, leaks(words))
        assert result.exit_code in {1, 2, 130}, stage
        assert len(chained(result.exception)) == 1
        assert "Traceback" not in result.output
        Path("m.fairveil").unlink(missing_ok=True)
        part = Path("m.fairveil-part")  # what was paid for, until a model holds it
        if part.exists():
            with zipfile.ZipFile(part) as packed:
                held = {name: repr(packed.read(name)) for name in packed.namelist()}
            assert leaks(held, count=False) == {}
            part.unlink()
        assert files_of(place) == before, stage


@pytest.mark.usefixtures("quick")
def test_other_commands_fail_without_values(place, monkeypatch, caplog, capsys):
    assert run("fit", "t.csv", *FIT).exit_code == 0
    write_table(plain_table(40), "other.csv")
    write_table(plain_table(1), "one.csv")
    write_table(marked_table(40).drop(columns="pay"), "less.csv")
    Path("bad.fairveil").write_bytes(Path("m.fairveil").read_bytes()[:-9])
    commands = (
        ("sample", "bad.fairveil", "-n", 5, "-o", "x.csv"),
        ("sample", "t.csv", "-n", 5, "-o", "x.csv"),
        ("sample", "m.fairveil", "-n", -5, "-o", "x.csv"),
        ("sample", "m.fairveil", "-n", 5, "-o", "no/x.csv"),
        ("evaluate", "less.csv", "t.csv"),
        ("evaluate", "t.csv", "other.csv", "--target", "nobody"),
        ("evaluate", "t.csv", "other.csv", "--sensitive", "nobody"),
        ("evaluate", "t.csv", "other.csv", "--target", "pay"),
        ("evaluate", "t.csv", "other.csv", "--target", "sex", "--positive", "x"),
        ("evaluate", "t.csv", "other.csv", "--holdout", "less.csv"),
        ("evaluate", "one.csv", "other.csv"),
        ("evaluate", "one.csv", "other.csv", "--holdout", ".00001"),
        ("fit", "t.csv", "--schema", "t.csv", "-o", "y.fairveil"),
        ("fit", "less.csv", "--schema", "s.json", "-o", "y.fairveil"),
        ("fit", "t.csv", "--schema", "s.json", "-o", "y.fairveil", "--unit", "nobody"),
        ("schema", "t.csv", "-o", "no/x.json"),
        ("schema", "t.csv", "-o", "t.csv"),
    )
    before = files_of(place)
    for command in commands:
        result, _, texts = said_by(lambda c=command: run(*c), caplog, capsys)
        words = {**texts, "all": result.output}
        assert result.exit_code == 2, (command, result.output)
        assert leaks(words) == {}, (command, leaks(words))
        assert len(result.output.splitlines()) == 1
    assert files_of(place) == before
    for home, name in ((evaluate, "report"), (pd.DataFrame, "to_csv")):
        monkeypatch.setattr(home, name, failing(ValueError))
    for command in (
        ("evaluate", "t.csv", "other.csv"),
        ("sample", "m.fairveil", "-n", 5, "-o", "x.csv"),
    ):
        result, _, texts = said_by(lambda c=command: run(*c), caplog, capsys)
        assert result.exit_code == 1
        assert leaks({**texts, "all": result.output}) == {}
    assert files_of(place) == before


@pytest.mark.usefixtures("quick")
def test_a_command_that_works_shows_no_value(place, caplog, capsys):
    result, _, texts = said_by(lambda: run("fit", "t.csv", *FIT), caplog, capsys)
    assert result.exit_code == 0, result.output
    drafted, _, more = said_by(
        lambda: run("schema", "t.csv", "-o", "draft.json"), caplog, capsys
    )
    assert drafted.exit_code == 0, drafted.output
    assert leaks({**texts, "all": result.output + drafted.output}) == {}
    assert leaks(more) == {}
    draft = Path("draft.json")
    assert betrays(draft.read_text("utf-8"))  # the one file that is confidential,
    assert draft.stat().st_mode & 0o077 == 0  # for its owner only


# --- what a fitted model holds -----------------------------------------------------


@pytest.fixture(scope="module")
def trained():
    """A real fit of a marked table, and all that is secret in it, on a tape."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, "preset", lambda _: TINY)
        patch.setattr(step, "CHUNK", 2048)
        patch.setattr(generator, "BATCH", 256)
        patch.setattr(teacher, "BATCH", 256)
        patch.setattr(NoiseSource, "secure", lambda: NoiseSource(b"leak" * 8, None))
        jax.config.update("jax_disable_most_optimizations", True)
        try:
            yield recorded(patch, model_of(sensitive=["sex"], fairness="redraw"))
        finally:
            jax.config.update("jax_disable_most_optimizations", False)


def recorded(patch, model):
    """Fit while keeping what the border hides: true arrays, rows, tensors."""
    true, constants = [np.array([float(ROWS)])], []
    live, before = watched_rows(patch), {id(a) for a in jax.live_arrays()}
    real_histogram, real_sum = Counter._histogram, step.noisy_sum

    def histogram(self, columns):
        found = real_histogram(self, columns)
        true.append(np.array(found, float))
        return found

    def summed(border, chunk_sum, **noise):
        for codes, mask in step.chunks(border.rows.unwrap()):
            live.append(weakref.ref(codes))
            if chunk_sum.kind == cluster.MOMENTS:  # summed outside of what is compiled
                compiled, second = chunk_sum.compiled.args
                held = (*chunk_sum.held, np.bool_(second))
                traced = jax.make_jaxpr(compiled)(*held, codes)
            else:
                traced = jax.make_jaxpr(chunk_sum)(codes, mask)
            constants.extend(traced.consts)
            leaves = jax.tree.leaves(chunk_sum(codes, mask))
            true.extend(np.array(leaf, float) for leaf in leaves)
        return real_sum(border, chunk_sum, **noise)

    patch.setattr(Counter, "_histogram", histogram)
    for home in (fit_vae, cluster):
        patch.setattr(home, "noisy_sum", summed)
    model.fit(marked_table())
    gc.collect()
    tensors = [a for a in jax.live_arrays() if id(a) not in before]
    return types.SimpleNamespace(
        model=model, true=true, live=live, tensors=tensors, constants=constants
    )


def reachable(root):
    """Everything that hangs on an object, but classes, modules and their globals."""
    seen, left = {}, [root]
    skipped = (type, types.ModuleType, types.BuiltinFunctionType)
    while left:
        one = left.pop()
        if id(one) in seen or isinstance(one, skipped):
            continue
        seen[id(one)] = one
        if isinstance(one, types.FunctionType):
            left += [one.__closure__, one.__defaults__, one.__kwdefaults__]
        elif isinstance(one, np.ndarray):
            left += [one.base, *(one.ravel().tolist() if one.dtype == object else ())]
        else:
            left += gc.get_referents(one)
    return list(seen.values())


def test_a_fitted_model_holds_nothing_of_the_border(trained):
    found = reachable(trained.model)
    assert len(found) > 100
    secret = (Sensitive, Border, Counter, Ledger, NoiseSource, pd.DataFrame, pd.Series)
    assert [type(one) for one in found if isinstance(one, secret)] == []
    words = [one for one in found if isinstance(one, (str, bytes))]
    assert [w for w in words if betrays(str(w))] == []
    numbers = [one for one in found if isinstance(one, (int, float))]
    assert not {ROWS, NUMBER, WHOLE} & set(numbers)


def test_every_repr_and_copy_of_a_fitted_model_is_clean(trained):
    for one in reachable(trained.model):
        with contextlib.suppress(Exception):  # a library's own objects may refuse
            assert betrays(repr(one)) == [], type(one)
    model = trained.model
    for copied in (pickle.dumps, copy.copy, copy.deepcopy):
        try:
            found = copied(model)
        except Exception as error:  # noqa: BLE001  (a safe refusal)
            found = words_of(error).encode()
        data = found if isinstance(found, bytes) else repr(vars(found)).encode()
        assert betrays(data.decode("latin-1")) == [], copied
    assert "Sensitive" not in repr(vars(model))


def test_no_row_outlives_a_fit(trained):
    assert len(trained.live) > 4
    gc.collect()
    assert [ref for ref in trained.live if ref() is not None] == []
    sizes = {size for tensor in trained.tensors for size in tensor.shape}
    assert not sizes & {ROWS, 2048}


def test_compiled_functions_hold_no_row(trained):
    """Rows are arguments; what is baked in as a constant is small and public."""
    assert trained.constants  # parameters, centroids and keys, all released or public
    assert all(constant.size < 256 for constant in trained.constants)
    assert not {d for c in trained.constants for d in c.shape} & {ROWS, 2048}


def planted_in_memory():
    """A table with fresh marks, fitted and forgotten; the marks, spelled backwards."""
    word, number = secrets.token_hex(12), secrets.randbelow(10**12) + 10**12
    table = plain_table(300).astype({"member": object})
    table.loc[::3, "sex"] = word
    table["pay"] = table["pay"] + float(number)
    model = model_of()
    fit(model, table)
    return model, word[::-1], float(number)


@pytest.mark.usefixtures("quick")
def test_no_cell_stays_in_memory_after_a_fit():
    model, backwards, number = planted_in_memory()
    gc.collect()
    assert marked_in_memory(backwards, number) == []
    held = [{"row": [backwards[::-1], np.array([number + 0.5])]}]
    assert len(marked_in_memory(backwards, number)) == 2
    del held, model


def marked_in_memory(backwards, number):
    """Texts and arrays with a mark among all that the collector can reach."""
    word = backwards[::-1]
    seen, found = set(), []
    for holder in gc.get_objects():
        for one in gc.get_referents(holder):
            if id(one) in seen or one is word:
                continue
            if isinstance(one, str) and word in one:
                found.append(one)
            elif isinstance(one, np.ndarray):
                found += [one] if holds(one, word, number) else []
            else:
                continue
            seen.add(id(one))
    return found


def holds(array, word, number):
    if array.dtype == object:
        return any(isinstance(v, str) and word in v for v in array.ravel().tolist())
    if array.dtype.kind != "f" or array.size > 10**6:
        return False
    return bool((np.abs(array - number) < 1000).any())


# --- the model file ----------------------------------------------------------------


def saved(model, path):
    """Facts and tensors of the file that a model writes, and its bytes."""
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        text = archive.read("model.json").decode()
        data = archive.read("tensors.safetensors")
    return text, load_tensors(data), data


def encodings(value):
    """The bytes of a number in every type that a tensor may have."""
    kinds = ("f2", "f4", "f8", "i4", "i8", "u4", "u8")
    with np.errstate(all="ignore"):
        return {
            kind: np.array(value).astype(kind).tobytes()
            for kind in kinds
            if np.array(value).astype(kind).astype("f8") == np.array(value, "f8")
        }


def alike(tensor, secret):
    """Whether a tensor is a secret array, scaled or not."""
    a, b = np.ravel(tensor).astype(float), np.ravel(secret)
    if a.size != b.size or not a.size or not b.any() or not a.any():
        return False
    if a.size == 1:
        return bool(a[0] == b[0])
    scale = np.dot(a, b) / np.dot(b, b)
    near = 1e-6 * np.abs(a).max()  # of its own size: tiny numbers are no zeros
    return bool(np.allclose(a, scale * b, rtol=1e-4, atol=near))


def unnoised(tensors, true):
    """Names of tensors that are what the border hides, up to a factor."""
    return [
        name
        for name, tensor in tensors.items()
        if any(
            alike(tensor, secret) for secret in true if secret.std() or secret.size == 1
        )
    ]


def test_a_model_file_holds_nothing_unnoised(trained, tmp_path):
    text, tensors, data = saved(trained.model, tmp_path / "m")
    assert betrays(text) == []
    assert betrays(data.decode("latin-1")) == []
    for mark in (NUMBER, WHOLE, ROWS):
        wide = {k: v for k, v in encodings(mark).items() if len(v) == 8}
        assert [kind for kind, raw in wide.items() if raw in data] == []
        for tensor in tensors.values():
            assert not (tensor.astype("f8") == mark).any()
    assert unnoised(tensors, trained.true) == []
    facts = json.loads(text)
    assert facts["n_hat"] != ROWS
    assert coincidences(facts, tensors, trained.true) < 0.1


def coincidences(facts, tensors, true):
    """Share of a file's counts that equal the true count of their own cell."""
    same, cells_ = 0, 0
    for i in range(len(facts["marginals"])):
        counts = tensors[f"marginal/{i}"]
        rivals = [t for t in true if t.shape == counts.shape and t.sum() == ROWS]
        same += max([(counts == t).sum() for t in rivals], default=0)
        cells_ += counts.size
    return same / cells_


@pytest.mark.usefixtures("quick")
def test_the_comparison_finds_a_model_without_noise(monkeypatch, tmp_path):
    """Control: with an infinite budget the very same checks scream."""
    tape = recorded(monkeypatch, model_of(epsilon=INFINITE))
    text, tensors, _ = saved(tape.model, tmp_path / "m")
    facts = json.loads(text)
    assert len(unnoised(tensors, tape.true)) >= len(facts["marginals"]) - 1  # binned
    assert facts["n_hat"] == ROWS
    assert betrays(text)  # the exact number of rows
    assert coincidences(facts, tensors, tape.true) > 0.9


# --- the number of rows ------------------------------------------------------------


class Calls(list):
    """A progress callback that keeps its calls."""

    def __call__(self, *call):
        self.append(call)


@pytest.mark.usefixtures("quick")
def test_what_is_shown_does_not_hang_on_the_number_of_rows(place, monkeypatch):
    """All marginals have one price here: else events hang on which were chosen.

    And no unmeasured pair becomes a target: their number hangs on the same choices.
    Shares, grids and the note for small tables follow the noisy row count, which is
    released; here they are as for a large table.
    """
    monkeypatch.setattr(synthesizer, "advice", lambda *_, **__: None)
    even = dataclasses.replace(TINY.measuring, cell_exponent=0.0)
    few = dataclasses.replace(TINY.calibration, most_pairs=0)
    settings = dataclasses.replace(TINY, measuring=even, calibration=few)
    monkeypatch.setattr(config, "preset", lambda _name: settings)
    seen = []
    for n in (0, 1, 50, 5000):
        monkeypatch.setattr(
            NoiseSource, "secure", lambda: NoiseSource(b"same" * 8, None)
        )
        write_table(plain_table(n), "t.csv")
        calls = Calls()
        model = model_of()
        fit(model, plain_table(n), progress=calls)
        result = run("fit", "t.csv", *FIT)
        assert result.exit_code == 0, result.output
        text, tensors, _ = saved(model, "m.fairveil")
        seen.append(
            {
                "calls": list(calls),
                "events": [event.to_dict() for event in model.statement_.events],
                "lines": len(result.output.splitlines()),
                "stages": result.stderr,
                "keys": sorted(json.loads(text)),
                "tensors": sorted(tensors),
                "sample": model.sample(70, random_state=1).shape,
                "release": len(model.sample(0)),
            }
        )
    for other in seen[1:]:
        assert other == seen[0]
    assert len(seen[0]["events"]) > 4


# --- files -------------------------------------------------------------------------


def full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.usefixtures("quick")
def test_a_full_disk_leaves_the_old_files_and_no_other(place, monkeypatch, trained):
    model = trained.model
    shown = demo.Demo(
        table=None, train_rows=1, test_rows=1, figures={}, model=model,
        release=plain_table(5),
    )  # fmt: skip
    writers = {
        "m.fairveil": (lambda: model.save("m.fairveil"), ArtifactError),
        "x.csv": (lambda: write_table(plain_table(9), "x.csv"), TableError),
        "x.csv.gz": (lambda: write_table(plain_table(9), "x.csv.gz"), TableError),
        "s.json": (lambda: SCHEMA.save("s.json"), SchemaError),
        demo.FILES[2]: (lambda: demo.write(shown, Path()), FairveilError),
    }
    for name, (write, kind) in writers.items():
        for old in (True, False):
            Path(name).write_bytes(b"old") if old else Path(name).unlink()
            before = files_of(place)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(os, "fsync", full)
                with pytest.raises(kind, match="cannot be written"):
                    write()
            assert files_of(place) == before, name
            assert not old or Path(name).read_bytes() == b"old"
        write()
        assert Path(name).stat().st_size > 3


OFFLINE = """
import os, sys, tempfile
from pathlib import Path

folder = Path(sys.argv[1]).resolve()
written = []
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

def watch(event, details):
    if event.startswith("socket."):
        raise SystemExit(f"network: {event}")
    if event == "open":
        path, mode, flags = details
        writes = any(c in (mode or "") for c in "wax+") or (flags or 0) & WRITES
        if writes and isinstance(path, (str, bytes)):
            written.append(os.fsdecode(path))
    if event in ("os.mkdir", "os.rename", "os.link", "tempfile.mkstemp"):
        paths = [d for d in details[:2] if isinstance(d, (str, bytes))]
        written.extend(map(os.fsdecode, paths))

sys.dont_write_bytecode = True
sys.addaudithook(watch)
import test_leaks
test_leaks.offline(folder)
allowed = (str(folder), "/proc", "/dev")
away = {p for p in written if not str(Path(p).resolve()).startswith(allowed)}
print(sorted(away))
print(sorted(p.name for p in folder.iterdir()))
"""


def offline(folder):
    """Fit, save, load and sample, by the library and by the command line."""
    config.preset = lambda _: TINY
    step.CHUNK = 2048
    generator.BATCH = teacher.BATCH = 256
    jax.config.update("jax_disable_most_optimizations", True)
    write_table(plain_table(200), folder / "t.csv")
    SCHEMA.save(folder / "s.json")
    model = model_of(sensitive=["sex"], fairness="redraw").fit(plain_table(200))
    model.save(folder / "m.fairveil")
    rows = FairVeil.load(folder / "m.fairveil").sample(20, random_state=1)
    write_table(rows, folder / "x.csv")
    again = run("sample", folder / "m.fairveil", "-n", 9, "-o", folder / "y.csv")
    assert again.exit_code == 0, again.output
    assert len(read_table(folder / "y.csv")) == 9


def test_nothing_goes_to_the_network_and_no_file_is_left_behind(tmp_path):
    more = {"PYTHONPATH": str(Path(__file__).parent), "JAX_PLATFORMS": "cpu"}
    more["JAX_ENABLE_COMPILATION_CACHE"] = "false"  # that of the tests writes files
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(OFFLINE), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, **more},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    away, left = done.stdout.splitlines()[-2:]
    assert away == "[]"
    assert left == str(["m.fairveil", "s.json", "t.csv", "x.csv", "y.csv"])
