"""A fit and its ledger file: reserved first, charged by events, told afterwards."""

import math

import pandas as pd
import pytest

from fairveil import synthesizer
from fairveil.errors import BudgetError, ConfigError, SchemaError, TableError
from fairveil.privacy.book import Book
from fairveil.privacy.verify import verify
from fairveil.synthesizer import FairVeil


@pytest.fixture
def place(tmp_path):
    """A ledger file with room for two fits at epsilon 1, not for three."""
    path = tmp_path / "t.ledger"
    Book.create(path, name="the survey", epsilon=1.6, delta=1e-5)
    return path


NAMES = ["sex", "member", "city"]  # no bins, so that every fit has the same shapes


@pytest.fixture
def fast(monkeypatch, tiny_settings):
    monkeypatch.setattr(synthesizer.config, "preset", lambda _name: tiny_settings)


@pytest.fixture
def schema(tiny_schema):
    return tiny_schema.select(NAMES)


@pytest.fixture
def table(tiny_table):
    return tiny_table[NAMES]


def model_of(schema, path, **changes):
    return FairVeil(**{"schema": schema, "ledger": path, "random_state": 1, **changes})


class Unread(pd.DataFrame):
    """A frame that nobody may look at."""

    def __getitem__(self, key):
        raise AssertionError("the table was read")

    def __len__(self):
        raise AssertionError("the table was read")


@pytest.mark.usefixtures("fast")
def test_fits_add_up_and_the_cap_refuses_before_the_table_is_read(place, table, schema):
    first = model_of(schema, place, generator="decoder").fit(table)
    told = first.statement_.ledger
    assert (told["name"], told["fit"]) == ("the survey", 1)
    assert told["epsilon_of_all_fits"] == pytest.approx(
        first.statement_.epsilon_spent, rel=0.01
    )
    second = model_of(schema, place, generator="decoder").fit(table)
    composed = second.statement_.ledger["epsilon_of_all_fits"]
    assert 1.3 < composed < 1.6  # Gaussian fits add in squares: about 1.45
    assert second.statement_.epsilon_spent <= 1.0
    assert verify(second.statement_.to_dict()).passed
    with pytest.raises(BudgetError, match="no room"):
        model_of(schema, place).fit(Unread({"a": [1]}))
    fits = Book.open(place).fits()
    assert [fit.status for fit in fits] == ["closed", "closed"]
    assert fits[0].events == first.statement_.events


@pytest.mark.usefixtures("fast")
def test_a_fit_that_fails_is_charged_what_it_did(monkeypatch, place, table, schema):
    def broken(*_args, **_more):
        raise KeyboardInterrupt

    monkeypatch.setattr("fairveil.chain.fit_vae", broken)
    with pytest.raises(KeyboardInterrupt):
        model_of(schema, place).fit(table)
    (fit,) = Book.open(place).fits()
    assert fit.status == "failed"
    assert {event.stage for event in fit.events} == {"rows", "one-way", "marginals"}
    assert Book.open(place).totals().held.rho == 0.0


def test_a_refusal_before_any_event_costs_nothing(place, table):
    with pytest.raises(SchemaError):
        model_of(None, place, discover=False).fit(table)
    (fit,) = Book.open(place).fits()
    assert (fit.status, fit.charge.rho) == ("failed", 0.0)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"epsilon": math.inf}, BudgetError, "not private"),
        ({"insecure_noise_seed": 1}, ConfigError, "debugging"),
        ({"unit": "sex"}, ConfigError, "units"),
        ({"epsilon": 5.0}, BudgetError, "no room"),
    ],
)
def test_what_a_ledger_cannot_hold_is_refused_first(
    place, schema, changes, error, words
):
    with pytest.raises(error, match=words):
        model_of(schema, place, **changes).fit(Unread({"a": [1]}))
    assert Book.open(place).fits() == ()


def test_a_ledger_that_is_not_there_is_never_made(tmp_path, schema):
    with pytest.raises(TableError, match="no such ledger"):
        model_of(schema, tmp_path / "none.ledger").fit(Unread({"a": [1]}))
    assert list(tmp_path.iterdir()) == []
