"""Whole fits without a schema: what they promise, what they spend, what comes out."""

from __future__ import annotations

import json
import math
import re
import zipfile

import numpy as np
import pandas as pd
import pytest

from fairveil import config
from fairveil._wishes import discovers, provenance, public_facts
from fairveil.codec import Codec
from fairveil.errors import FairveilError, SchemaError, TableError, TooFewRowsError
from fairveil.privacy.noise import NoiseSource
from fairveil.privacy.statement import Statement
from fairveil.schema import Column, Schema
from fairveil.synthesizer import FairVeil
from fairveil.tables.frames import open_frame

ROWS, CANARY, RARE = 3217, "Quetzalcoatlus", 98765.4321


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(3)
    pay = np.round(rng.lognormal(3, 0.7, ROWS), 2)
    pay[rng.random(ROWS) < 0.2] = np.nan
    frame = pd.DataFrame(
        {
            "sex": pd.Series(rng.choice(["f", "m"], ROWS), dtype=object),
            "age": rng.integers(17, 91, ROWS),
            "pay": pay,
            "member": rng.random(ROWS) < 0.3,
            "who": np.arange(ROWS) // 2,
        }
    )
    frame.loc[5, "sex"] = CANARY
    frame.loc[6, "pay"] = RARE
    return frame


@pytest.fixture(scope="module")
def model(table, tiny_settings):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, "preset", lambda _name: tiny_settings)
        patch.setattr(NoiseSource, "secure", lambda: NoiseSource(b"same" * 8, None))
        return FairVeil(
            epsilon=3.0,
            sensitive=["sex"],
            fairness="redraw",
            generator="decoder",
            unit="who",
            max_rows_per_unit=1,
            random_state=1,
        ).fit(table)


@pytest.fixture(autouse=True)
def _no_luck(monkeypatch):
    """The same noise in every run of the tests."""
    monkeypatch.setattr(NoiseSource, "secure", lambda: NoiseSource(b"luck" * 8, None))


def test_a_fit_without_a_schema_is_private_and_says_what_discovery_cost(model):
    statement = model.statement_
    assert statement.is_private
    cap, stages = statement.rho_cap, statement.spent_by_stage()
    assert list(stages)[:3] == ["rows", "discovery", "one-way"]
    assert 0.08 * cap < stages["discovery"] < 0.1 * cap
    assert statement.rho_spent == pytest.approx(cap, rel=1e-5)  # nothing is left over
    assert 0 < statement.delta_spent <= 0.1 * statement.delta
    assert "discovery" in str(statement)
    events = [e for e in statement.events if e.stage == "discovery"]
    assert [e.what for e in events] == [
        "facts of sex",
        "facts of age",
        "facts of pay",
        "facts of member",
    ]
    assert Statement.from_dict(json.loads(json.dumps(statement.to_dict()))) == statement


def test_the_release_looks_like_the_table(model, table):
    made = model.sample(400, random_state=1)
    assert list(made) == ["sex", "age", "pay", "member"]
    assert set(made["sex"]) == {"f", "m"}
    assert [str(made[c].dtype) for c in ("age", "pay", "member")] == [
        "int64",
        "float64",
        "bool",
    ]
    assert made["age"].between(10, 105).all()
    assert abs(made["age"].mean() - table["age"].mean()) < 15
    assert 0 < made["pay"].isna().mean() < 0.6
    assert (made["pay"].dropna().round(2) == made["pay"].dropna()).all()


def test_facts_are_marked_and_tight(model):
    said = model.statement_.provenance
    assert {m for c in said["columns"].values() for m in c.values()} == {"dp"}
    assert set(said["columns"]["age"]) >= {"kind", "lower", "upper", "decimals"}
    assert "nobody" in said["declared_by"]
    age = model.schema_["age"]
    assert abs(age.lower - 17) <= 6
    assert 78 <= age.upper <= 112  # discovery alone says 127


def test_nothing_of_a_rare_row_leaves(model, tmp_path):
    model.save(tmp_path / "m.fairveil")
    with zipfile.ZipFile(tmp_path / "m.fairveil") as archive:
        inside = {name: archive.read(name) for name in archive.namelist()}
    assert CANARY.encode() not in b"".join(inside.values())
    for text in (str(model.statement_), inside["model.json"].decode()):
        assert CANARY not in text
        assert not re.search(rf"(?<![\d.]){str(RARE)[:7]}", text)
        assert not re.search(rf"(?<![\d.])({ROWS}|{(ROWS + 1) // 2})(?!\d)", text)
    loaded = FairVeil.load(tmp_path / "m.fairveil")
    assert loaded.schema_ == model.schema_
    one, other = (m.sample(30, random_state=2) for m in (loaded, model))
    pd.testing.assert_frame_equal(one, other)


def test_a_schema_that_was_measured_can_be_used_again(model, table, tiny_fits):
    again = FairVeil(
        epsilon=2.0, schema=model.schema_, unit="who", generator="decoder"
    ).fit(table)
    assert "discovery" not in again.statement_.spent_by_stage()
    assert again.schema_.names == model.schema_.names
    assert "an earlier fit" in again.statement_.provenance["declared_by"]


def test_too_few_rows_are_told_before_the_budget_is_spent(table):
    with pytest.raises(TooFewRowsError, match="code book") as caught:
        FairVeil(epsilon=1.0).fit(table.head(299))
    assert CANARY not in str(caught.value)
    assert "299" not in str(caught.value)


def test_an_empty_table_is_told_the_same():
    with pytest.raises(TooFewRowsError):
        FairVeil(epsilon=1.0).fit(pd.DataFrame({"a": [], "b": []}))


# What is public, before a row is read ------------------------------------------------


def wished(schema=None, **changes):
    return FairVeil(**{"epsilon": 1.0, "schema": schema, **changes})


AGE = Column(name="age", kind="numeric", lower=0.0, upper=120.0, decimals=0)


def facts_of(table, schema=None, **changes):
    return public_facts(wished(schema, **changes), open_frame(table))


@pytest.mark.parametrize(
    ("schema", "discover", "epsilon", "expected"),
    [
        (False, None, 1.0, True),
        (False, True, 1.0, True),
        (False, False, 1.0, False),
        (True, None, 1.0, False),
        (True, True, 1.0, True),
        (False, None, math.inf, False),
        (True, True, math.inf, False),
    ],
)
def test_when_facts_are_measured(schema, discover, epsilon, expected):
    given = Schema(columns=(AGE,)) if schema else None
    assert discovers(wished(given, discover=discover, epsilon=epsilon)) is expected


def test_no_cell_is_read_to_learn_what_is_public(table):
    class Unreadable(pd.Series):
        def __iter__(self):
            raise AssertionError

    frame = pd.DataFrame({c: Unreadable(table[c].astype(object)) for c in table})
    found = facts_of(frame, unit="who")
    assert found.names == ("sex", "age", "pay", "member")


def test_a_partial_schema_is_completed_only_if_asked(table):
    schema = Schema(columns=(AGE,), declared_by="a code book")
    found = facts_of(table, schema, discover=True, unit="who")
    assert found.columns[1] == AGE
    assert found.names == ("sex", "age", "pay", "member")
    with pytest.raises(TableError, match="discover=True"):
        wished(schema, unit="who").fit(table)


def test_copied_facts_are_refused_or_measured_anew(table):
    schema = Schema.infer(table.drop(columns="who"))
    with pytest.raises(SchemaError, match="discover=True") as caught:
        facts_of(table, schema, unit="who")
    assert CANARY not in str(caught.value)
    found = facts_of(table, schema, discover=True, unit="who")
    assert len(found.gaps) == 4
    assert CANARY not in str(found)


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"discover": False}, SchemaError, "public facts"),
        ({"unit": "nobody"}, TableError, "unit column"),
        ({"sensitive": ["race"]}, SchemaError, "no such column"),
        ({"unit": "who", "sensitive": ["who"]}, SchemaError, "no such column"),
        (
            {"schema": Schema(columns=(AGE.model_copy(update={"name": "x"}),))},
            TableError,
            "lacks columns",
        ),
    ],
)
def test_refusals_before_a_cell_is_read(table, changes, error, text):
    with pytest.raises(error, match=text):
        facts_of(table, **{"discover": True, **changes})


def test_a_table_of_units_alone_has_nothing_to_release(table):
    with pytest.raises(TableError, match="no column beside the unit"):
        facts_of(table[["who"]], unit="who")


def test_without_privacy_gaps_are_copied(table):
    everything = facts_of(table, epsilon=math.inf, unit="who")
    assert everything["age"].lower == 17
    schema = Schema(columns=(AGE,), declared_by="a code book")
    part = facts_of(table, schema, epsilon=math.inf, discover=True, unit="who")
    assert part.names == ("sex", "age", "pay", "member")
    assert part["age"] == AGE
    assert CANARY in part["sex"].categories
    whole = facts_of(table[["age"]], schema, epsilon=math.inf, discover=True)
    assert whole == schema


def test_provenance_counts_declared_facts_too():
    said = provenance(Schema(columns=(AGE,), declared_by="me"))
    assert said["columns"] == {
        "age": dict.fromkeys(
            ("kind", "dtype", "nullable", "lower", "upper", "decimals"), "public"
        )
    }


# The budget --------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.0, 0.02, 0.1, 0.5])
def test_later_stages_share_out_what_discovery_leaves(share):
    split = config.Split().with_discovery(share)
    assert split.rows == config.Split().rows
    assert split.discovery == share
    whole = config.Split()
    assert split.vae / split.marginals == pytest.approx(whole.vae / whole.marginals)
    assert split.with_discovery(0.0).vae == pytest.approx(config.Split().vae)


def test_the_delta_kept_back():
    assert config.reserved_delta(1e-5, discovering=False) == pytest.approx(1e-7)
    assert config.reserved_delta(1e-5, discovering=True) == pytest.approx(1.1e-6)


def test_a_declared_dtype_saves_the_question(table, tiny_fits):
    frame = table[["age", "member"]]
    found = FairVeil(
        epsilon=1.0, public_dtypes=True, generator="decoder", fairness=None
    ).fit(frame)
    events = [e for e in found.statement_.events if e.stage == "discovery"]
    assert [(e.what, e.kind) for e in events] == [("facts of age", "gaussian")]
    said = found.statement_.provenance
    assert "dtypes declared by the caller" in said["declared_by"]
    assert said["columns"]["age"]["decimals"] == "public"
    assert said["columns"]["age"]["upper"] == "dp"
    assert found.statement_.delta_spent == 0


def test_wild_cells_are_discovered_without_a_word(tiny_fits):
    cells = [pd.NA, None, [1], {"a": 1}, 10**400, b"\xff", 1 + 1j, "\ud800", pd.NaT]
    wild = np.empty(2700, dtype=object)
    for i in range(len(wild)):
        wild[i] = cells[i % len(cells)]
    frame = pd.DataFrame({"x": wild, "y": wild[::-1]})
    found = FairVeil(epsilon=3.0, generator="decoder", fairness=None).fit(frame)
    column = found.schema_["x"]
    assert column.nullable
    assert "[1]" in column.categories
    codec = Codec.on_grid(found.schema_)
    assert codec.sizes[0] == len(column.categories) + 1


def test_every_refusal_is_ours():
    assert issubclass(TooFewRowsError, FairveilError)


def test_facts_found_under_repeatable_noise_enter_no_private_fit(table, tiny_settings):
    """A debugging fit has no budget, so what it found counts as copied."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, "preset", lambda _name: tiny_settings)
        debug = FairVeil(
            epsilon=3.0, insecure_noise_seed=1, generator="decoder", random_state=1
        ).fit(table[["sex", "age"]])
    marks = {m for c in debug.schema_.columns for m in c.provenance.values()}
    assert marks == {"from-data"}
    assert not debug.statement_.private
    with pytest.raises(SchemaError, match="copied from the data"):
        FairVeil(epsilon=1.0, schema=debug.schema_).fit(table[["sex", "age"]])


@pytest.mark.parametrize("unit", ["", "a\nb"])
def test_a_unit_that_cannot_be_printed_is_refused_before_anything_is_spent(table, unit):
    with pytest.raises(FairveilError, match="printable"):
        FairVeil(epsilon=1.0, unit=unit).fit(table)
