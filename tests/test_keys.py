"""Identifiers are unique, repeatable, and the same however a sample is cut."""

import re
import uuid

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from pydantic import ValidationError

from fairveil._keys import capacity, keys, permuted
from fairveil.codec import Codec
from fairveil.errors import ConfigError, SchemaError
from fairveil.schema import Column, Schema
from fairveil.synthesizer import FairVeil
from fairveil.tables.frames import to_frame

PLAIN = Column(name="id", kind="identifier")
CODED = Column(name="id", kind="identifier", pattern=r"P-##@\#")
RANGE = Column(name="id", kind="identifier", lower=1000, upper=1999)
UUID = Column(name="id", kind="identifier", pattern="uuid")


@given(st.integers(1, 3000), st.integers(0, 2**63 - 1))
def test_a_permutation_takes_every_number_once(room, seed):
    found = permuted(np.arange(room), room, seed)
    assert np.sort(found).tolist() == list(range(room))


def test_large_rooms_are_mixed_well():
    found = permuted(np.arange(20_000), 1 << 62, 5)
    assert len(np.unique(found)) == 20_000
    assert (
        np.abs(np.corrcoef(found[1:].astype(float), found[:-1].astype(float))[0, 1])
        < 0.05
    )
    assert (found > 1 << 61).mean() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("column", [PLAIN, CODED, RANGE, UUID], ids=str)
def test_pieces_of_a_sample_are_the_sample(column):
    whole = keys(column, start=0, n=1000, seed=7)
    parts = [
        keys(column, start=s, n=n, seed=7) for s, n in ((0, 1), (1, 600), (601, 399))
    ]
    assert [one for part in parts for one in part] == whole
    assert len(set(whole)) == 1000
    assert keys(column, start=0, n=0, seed=7) == []
    if column is not PLAIN:
        assert keys(column, start=0, n=1000, seed=8) != whole
        assert sorted(whole) != whole


def test_values_have_their_form():
    assert all(
        re.fullmatch(r"P-\d\d[A-Z]#", k) for k in keys(CODED, start=0, n=9, seed=1)
    )
    assert set(keys(RANGE, start=0, n=1000, seed=1)) == set(range(1000, 2000))
    assert keys(PLAIN, start=3, n=2, seed=1) == [4, 5]
    assert uuid.UUID(keys(UUID, start=0, n=1, seed=1)[0]).version == 4
    assert [capacity(c) for c in (CODED, RANGE)] == [2600, 1000]


def test_more_rows_than_identifiers_are_refused():
    with pytest.raises(ConfigError, match="1,000"):
        keys(RANGE, start=900, n=101, seed=1)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"pattern": "###", "lower": 1, "upper": 2}, "or bounds"),
        ({"lower": 1}, "missing"),
        ({"lower": 1.5, "upper": 3}, "whole"),
        ({"nullable": True}, "never missing"),
        ({"fake": "horoscope"}, "one of"),
        ({"kind": "boolean", "pattern": "#"}, "identifiers"),
    ],
)
def test_impossible_identifiers_are_refused(facts, said):
    with pytest.raises(ValidationError, match=said):
        Column(**{"name": "x", "kind": "identifier", **facts})


COIN = Column(name="coin", kind="categorical", categories=("h", "t"))
BOTH = Schema(columns=(CODED, COIN, RANGE.model_copy(update={"name": "number"})))


def test_a_codec_holds_identifiers_at_their_places_and_never_reads_them():
    codec = Codec.on_grid(BOTH)
    assert codec.names == ("coin",)
    assert codec.schema == BOTH
    assert codec.unprotected().schema.names == BOTH.names
    codes = codec.encode(nw.from_native(pd.DataFrame({"coin": ["t", "h"]})))
    rng = np.random.default_rng(0)
    made = to_frame(codec.decode(codes, rng, start=5, seed=3), BOTH)
    assert made.columns.tolist() == ["id", "coin", "number"]
    assert made["number"].dtype == "int64"
    again = to_frame(codec.decode(codes[1:], rng, start=6, seed=3), BOTH)
    assert again["id"].tolist() == made["id"].tolist()[1:]


@pytest.fixture(scope="module")
def model(tiny_settings):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "id": [f"real-{i}" for i in range(300)],
            "coin": rng.choice(["h", "t"], 300),
            "number": np.arange(300) + 7_000_000,
        }
    )
    fit = FairVeil(
        schema=BOTH, preset=tiny_settings, generator="decoder", epsilon=8.0, unit="id"
    )
    return fit.fit(table)


def test_a_release_has_new_keys_and_nothing_was_paid_for_them(model, tmp_path):
    made = model.sample(900, random_state=4)
    assert made.columns.tolist() == list(BOTH.names)
    for name in ("id", "number"):
        assert made[name].is_unique
    assert not made["id"].str.startswith("real").any()
    assert made["number"].between(1000, 1999).all()
    pd.testing.assert_frame_equal(made, model.sample(900, random_state=4))
    paid = {event.what for event in model._contents.statement.events}
    assert "coin" in paid
    assert not {"id", "number"} & paid
    model.save(tmp_path / "m.fairveil")
    loaded = FairVeil.load(tmp_path / "m.fairveil")
    pd.testing.assert_frame_equal(made, loaded.sample(900, random_state=4))
    with pytest.raises(ConfigError, match="fewer than the rows"):
        model.sample(1001)


def test_an_identifier_is_never_sensitive():
    table = pd.DataFrame({"coin": ["h", "t"]})
    with pytest.raises(SchemaError, match="id"):
        FairVeil(schema=BOTH, sensitive=["id"]).fit(table)
    alone = Schema(columns=(CODED,))
    with pytest.raises(SchemaError, match="identifiers"):
        FairVeil(schema=alone).fit(table)
