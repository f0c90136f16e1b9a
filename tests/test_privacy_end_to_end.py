"""Whole fits on marked tables: what leaves is released, declared, and nothing else."""

from __future__ import annotations

import dataclasses
import gc
import json
import logging
import re
import weakref
import zipfile

import jax
import numpy as np
import pandas as pd
import pytest

from fairveil import config, synthesizer
from fairveil.errors import FairveilError
from fairveil.post import generator
from fairveil.privacy.noise import NoiseSource
from fairveil.private import step
from fairveil.private.view import Sensitive
from fairveil.schema import Column, Schema
from fairveil.synthesizer import FairVeil
from unsized import UNSIZED

INFINITE = float("inf")
ROWS = 1237
WORD, NUMBER = "Quetzalcoatlus", 98765.4321
SETTINGS = config.Fit(
    vae=config.VaeTraining(hidden=(4,), latent=2, steps=3, warm_steps=2, warm_batch=16),
    clustering=config.Clustering(clusters=2, lloyd_steps=1),
    measuring=config.Measuring(
        most_bins=4,
        rounds=2,
        least_rounds=2,
        most_rounds=2,
        pool=300,
        **UNSIZED,
    ),
    gan=config.GanTraining(
        steps=2,
        critic_steps=1,
        batch=16,
        marginal_batch=16,
        noise=2,
        extra=2,
        critic=(4,),
        fair_critic=(4,),
    ),
    calibration=config.Calibration(pool=300, sweeps=2),
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
    ),
    declared_by="the code book",
)


def plain_table(n: int = ROWS, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "sex": rng.choice(["f", "m"], n).astype(object),
            "job": rng.choice(["a", "b", "rest"], n).astype(object),
            "pay": rng.integers(0, 500, n) / 10,
        }
    )


def marked_table() -> pd.DataFrame:
    """Many cells that the schema does not know."""
    table = plain_table()
    table.loc[::2, "sex"] = WORD
    table.loc[1::2, "job"] = WORD
    table.loc[::3, "pay"] = NUMBER
    return table


def wild_table() -> pd.DataFrame:
    """Nothing but cells that no schema foresees."""
    wild = [
        pd.NA,
        None,
        [1],
        {"a": 1},
        10**400,
        b"\xff",
        object(),
        1 + 1j,
        "\ud800",
        pd.NaT,
    ]
    return pd.DataFrame({name: pd.Series(wild, dtype=object) for name in SCHEMA.names})


@pytest.fixture(autouse=True)
def _tiny(monkeypatch):
    real = config.preset

    def preset(name):
        real(name)
        return SETTINGS

    monkeypatch.setattr(config, "preset", preset)
    monkeypatch.setattr(step, "CHUNK", 256)
    monkeypatch.setattr(generator, "BATCH", 256)
    with jax.disable_jit():  # tiny nets: compiling each fit anew is what costs
        yield


def steady_noise(monkeypatch, seed=0):
    """Repeatable privacy noise, without the stamp that a user would get."""
    made = iter(range(seed, seed + 1000))
    monkeypatch.setattr(
        synthesizer.NoiseSource, "secure", lambda: NoiseSource.insecure(next(made))
    )


def model_of(**changes) -> FairVeil:
    facts = {"schema": SCHEMA, "random_state": 3, "generator": "decoder", **changes}
    return FairVeil(**facts)


def betrays(text: str) -> list[str]:
    """Marked values, or the exact number of rows, in a text."""
    number = re.escape(str(NUMBER)[:7])
    patterns = (WORD, number, rf"(?<![\d.]){ROWS}(?![\d])")
    return [p for p in patterns if re.search(p, text, re.IGNORECASE)]


def test_the_search_for_marks_finds_them():
    assert betrays(f"got 'x{WORD.lower()}y'")
    assert betrays(f"{ROWS} rows")
    assert betrays(f"value {NUMBER:.3f}")
    assert not betrays("n_hat 12370, 0.1237, 112371")


def test_nothing_that_leaves_a_fit_holds_a_marked_value(
    monkeypatch, tmp_path, capsys, caplog, recwarn
):
    steady_noise(monkeypatch)
    caplog.set_level(logging.DEBUG)
    calls = []
    model = model_of(sensitive=["sex"], fairness="redraw")
    model.fit(marked_table(), progress=lambda *call: calls.append(call))
    model.save(tmp_path / "m.fairveil")
    sample = model.sample(200, random_state=1)
    with zipfile.ZipFile(tmp_path / "m.fairveil") as archive:
        names = archive.namelist()
        inside = [archive.read(name) for name in names]
    shown = capsys.readouterr()
    fairveil_logs = [
        r.getMessage() for r in caplog.records if r.name.startswith("fairveil")
    ]
    texts = {
        "repr": repr(model) + repr(model.__dict__),
        "statement": str(model.statement_) + json.dumps(model.statement_.to_dict()),
        "events": repr(model.statement_.events),
        "progress": repr(calls),
        "output": shown.out + shown.err,
        "logs": " ".join(fairveil_logs),
        "all logs": " ".join(
            r.getMessage() for r in caplog.records if WORD in r.getMessage()
        ),
        "warnings": " ".join(str(w.message) for w in recwarn),
        "model": inside[names.index("model.json")].decode(),
        "tensor names": str(inside[1 - names.index("model.json")][:20000]),
        "sample": sample.to_csv(index=False),
    }
    assert {name: betrays(text) for name, text in texts.items() if betrays(text)} == {}
    assert sorted(names) == ["model.json", "tensors.safetensors"]
    raw = b"".join(inside)
    for width in (np.float32, np.float64):
        assert np.array(NUMBER, width).tobytes() not in raw
    assert set(sample["sex"].dropna()) <= {"f", "m"}
    assert set(sample["job"]) <= {"a", "b", "rest"}
    assert sample["pay"].dropna().between(0, 50).all()


def test_errors_hold_no_value_of_the_table(monkeypatch):
    steady_noise(monkeypatch)
    table = marked_table()
    tries = {
        "no schema": lambda: model_of(schema=None, discover=False).fit(table),
        "too few rows": lambda: model_of(schema=None, epsilon=0.1).fit(table),
        "facts from data": lambda: model_of(schema=Schema.infer(table)).fit(table),
        "column missing": lambda: model_of().fit(table.drop(columns="pay")),
        "column too many": lambda: model_of().fit(table.assign(extra=WORD)),
        "no unit": lambda: model_of(unit="person").fit(table),
        "unit in schema": lambda: model_of(unit="sex").fit(table),
        "not a frame": lambda: model_of().fit(table.to_numpy()),
        "a list": lambda: model_of().fit(table.to_dict("records")),
        "unknown sensitive": lambda: model_of(sensitive=["race"]).fit(table),
        "delta": lambda: model_of(delta=0.0).fit(table),
        "strength": lambda: model_of(strength=2.0).fit(table),
        "names": lambda: model_of().fit(table.set_axis([1, 2, 3], axis=1)),
    }
    for name, wrong in tries.items():
        with pytest.raises(FairveilError) as caught:
            wrong()
        error = caught.value
        while error is not None:  # what it came from is printed too
            assert not betrays(str(error) + repr(error.args)), name
            error = (
                None
                if error.__suppress_context__
                else error.__cause__ or error.__context__
            )


def trace(table, monkeypatch, **changes):
    calls = []
    model = model_of(**changes)
    model.fit(table, progress=lambda *call: calls.append(call))
    events = [event.to_dict() for event in model.statement_.events]
    return calls, events


def test_progress_and_events_do_not_hang_on_the_rows(monkeypatch):
    """An empty table, a usual one and one of hostile cells look the same outside.

    All marginals have one price here: else the number of rounds would hang on which
    were chosen, and so on the noisy answers (``test_rounds`` has what holds then).
    """
    steady_noise(monkeypatch)
    even = dataclasses.replace(SETTINGS.measuring, cell_exponent=0.0)
    settings = dataclasses.replace(SETTINGS, measuring=even)
    monkeypatch.setattr(config, "preset", lambda _name: settings)
    tables = [plain_table(0), plain_table(600), wild_table()]
    traces = [trace(table, monkeypatch) for table in tables]
    for calls, events in traces[1:]:
        assert calls == traces[0][0]
        assert events == traces[0][1]
    stages = [call[0] for call in traces[0][0]]
    assert stages == ["marginals"] * 2 + ["warm start"] + ["vae"] * 3
    assert [e["kind"] for e in traces[0][1]].count("exponential") == 2


def test_sized_to_a_table_events_hang_on_its_noisy_row_count_alone(monkeypatch):
    """Shares and grids of small tables: the same for any rows of that number."""
    rows = 40
    sized = config.Measuring(
        rounds=2, least_rounds=2, most_rounds=2, pool=300, cell_exponent=0.0
    )
    settings = dataclasses.replace(SETTINGS, measuring=sized)
    monkeypatch.setattr(config, "preset", lambda _name: settings)
    wild = wild_table()
    wild = wild.iloc[np.arange(rows) % len(wild)]
    traces = []
    for table in (plain_table(rows), wild):
        steady_noise(monkeypatch)  # so the noisy row counts are the same
        traces.append(trace(table, monkeypatch))
    assert traces[0] == traces[1]
    usual = settings.split.single / len(SCHEMA.columns)
    cap = model_of().fit(plain_table(rows)).statement_.rho_cap
    one_ways = [e["rho"] for e in traces[0][1] if e["stage"] == "one-way"]
    assert max(one_ways) > 2.0 * usual * cap  # the table is small: shares were moved


def test_spending_sums_to_the_cap_and_never_over(monkeypatch):
    for epsilon in (0.3, 4.0):
        model = model_of(epsilon=epsilon).fit(plain_table(50))
        statement = model.statement_
        total = sum(event.rho for event in statement.events)
        assert total <= statement.rho_cap
        assert total == pytest.approx(statement.rho_cap, rel=1e-6)
        assert 0.999 * epsilon < statement.epsilon_spent <= epsilon
        assert statement.is_private
        stages = [event.stage for event in statement.events]
        assert stages[0] == "rows"
        split = dataclasses.asdict(SETTINGS.split)
        shares = {
            "rows": split["rows"],
            "one-way": split["single"],
            "vae": split["vae"],
            "marginals": split["selection"] + split["marginals"],
        }
        for stage, share in shares.items():
            found = sum(e.rho for e in statement.events if e.stage == stage)
            if stage != "vae":  # its centroid refreshes stand under k-means
                assert found == pytest.approx(share * statement.rho_cap, rel=1e-6)


def test_a_second_release_spends_nothing_and_needs_no_table(monkeypatch, tmp_path):
    model = model_of().fit(plain_table(50))
    model.save(tmp_path / "m.fairveil")
    other = FairVeil.load(tmp_path / "m.fairveil").refine(
        sensitive=["sex"], fairness="redraw", generator="decoder"
    )
    assert other.statement_.events == model.statement_.events
    assert other.statement_.rho_spent == model.statement_.rho_spent
    assert len(other.sample(30)) == 30


def test_the_seed_of_sampling_repeats_no_privacy_noise():
    counts = []
    for _ in range(2):
        model = model_of(random_state=5).fit(plain_table(200))
        counts.append(
            np.concatenate([m.counts for m in model._contents.bundle.marginals[:2]])
        )
    assert not np.array_equal(counts[0], counts[1])


def hidden_rows() -> set[int]:
    gc.collect()
    return {id(thing) for thing in gc.get_objects() if isinstance(thing, Sensitive)}


def test_a_fit_keeps_no_row():
    before = hidden_rows()
    table = plain_table(100)
    gone = weakref.ref(table)
    model = model_of().fit(table)
    del table
    assert hidden_rows() <= before
    assert gone() is None
    assert model.sample(3).shape == (3, 3)


def test_units_are_named_and_left_out_of_the_release():
    table = plain_table(90).assign(person=np.repeat(np.arange(30), 3))
    model = model_of(unit="person", max_rows_per_unit=2).fit(table)
    assert "person" not in model.sample(5).columns
    assert (model.statement_.unit, model.statement_.max_rows_per_unit) == ("person", 2)
    counts = [e for e in model.statement_.events if e.stage == "rows"]
    assert counts[0].sensitivity == 2


# NOT PRIVATE comes first -------------------------------------------------------------


def stamped(text: str) -> bool:
    return text.startswith("NOT PRIVATE")


@pytest.mark.parametrize("changes", [{"epsilon": INFINITE}, {"insecure_noise_seed": 1}])
def test_a_fit_that_is_not_private_says_so_first_and_for_ever(changes, tmp_path):
    model = model_of(**changes).fit(plain_table(60))
    model.save(tmp_path / "m.fairveil")
    loaded = FairVeil.load(tmp_path / "m.fairveil")
    refined = loaded.refine(fairness=None, generator="decoder")
    for one in (model, loaded, refined):
        assert stamped(repr(one))
        assert stamped(str(one.statement_))
        assert not one.statement_.is_private
    model.set_params(epsilon=0.5, insecure_noise_seed=None)
    assert stamped(repr(model))


def test_a_private_fit_cannot_be_relabelled():
    model = model_of(epsilon=2.0).fit(plain_table(60))
    assert not stamped(repr(model))
    model.set_params(epsilon=0.01)
    assert "epsilon=2.0" in repr(model)
    assert model.statement_.epsilon == 2.0
    assert not stamped(repr(model))


def test_insecure_noise_repeats_itself_and_secure_does_not():
    seeded = [
        model_of(insecure_noise_seed=4).fit(plain_table(60))._contents.bundle.n_hat
        for _ in range(2)
    ]
    assert seeded[0] == seeded[1]
