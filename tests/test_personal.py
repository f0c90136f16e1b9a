"""Personal data are known by the columns' names, and refused before a cell is read."""

import pandas as pd
import pytest

from fairveil import _fakes, _personal
from fairveil._fakes import PROVIDERS, fakes
from fairveil._personal import personal
from fairveil._wishes import public_facts
from fairveil.datasets import load_adult
from fairveil.errors import SchemaError, UnsupportedError
from fairveil.schema import Column, Schema
from fairveil.synthesizer import FairVeil
from fairveil.tables.frames import open_frame


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("name", "name"),
        ("First Name", "first name"),
        ("lastName", "last name"),
        ("patient_last_name", "last name"),
        ("E-Mail", "e-mail"),
        ("EMAIL_ADDRESS", "e-mail"),
        ("home_phone", "phone"),
        ("Phone2", "phone"),
        ("street-address", "address"),
        ("SSN", "national number"),
        ("Prénom", "first name"),
        ("Straße", "address"),
        ("Telefonnummer", "phone"),
        ("correo electrónico", "e-mail"),
        ("codice_fiscale", "national number"),
        ("Fødselsnummer", "national number"),
        ("BSN", "national number"),
        ("姓名", "name"),
        ("電話番号", "phone"),
        ("адрес", "address"),
        ("IBAN", "bank account"),
        ("ip_address", "network address"),
        ("ipv4", "network address"),
    ],
)
def test_names_in_many_forms_and_languages(name, what):
    assert personal(name) == what
    assert what in PROVIDERS


OTHERS = """
age sex race income address_type name_length cell_count phone_service has_email emailed
user education-num telomere dnipro patient_id country city zip birth_date marital cards
noma street_light handy mother_age work hours_per_week
"""


@pytest.mark.parametrize("name", OTHERS.split())
def test_other_names_are_none(name):
    assert personal(name) is None


def test_the_words_are_plain_and_lead_to_one_thing_each():
    words = [w for many in _personal._WORDS.values() for w in many.split()]
    assert len(words) == len(set(words))
    assert set(_personal._WORDS) == set(PROVIDERS)
    assert all(_personal._plain(word) == word for word in words if word.isascii())
    assert not _personal.personal_columns(load_adult().columns)


TABLE = pd.DataFrame({"coin": ["h", "t"] * 50, "email": ["secret@x.org"] * 100})
COIN = Column(name="coin", kind="categorical", categories=("h", "t"))


@pytest.mark.parametrize("schema", [None, "declared"])
def test_personal_data_are_refused_by_name(schema):
    mail = Column(name="email", kind="categorical", categories=("a",))
    declared = None if schema is None else Schema(columns=(COIN, mail))
    with pytest.raises(SchemaError, match=r"email \(e-mail\)") as caught:
        FairVeil(schema=declared).fit(TABLE)
    for way in ("leave_out=['email']", "identifier", "replace", "allow"):
        assert way in str(caught.value)
    assert "secret" not in str(caught.value)


def test_declared_as_an_identifier_it_is_made_anew(tiny_settings):
    mail = Column(name="email", kind="identifier", fake="e-mail")
    model = FairVeil(
        schema=Schema(columns=(COIN, mail)),
        preset=tiny_settings,
        generator="decoder",
        epsilon=8.0,
    ).fit(TABLE)
    made = model.sample(50, random_state=1)
    assert made["email"].str.contains("@").all()
    assert not made["email"].str.contains("secret").any()
    pd.testing.assert_frame_equal(made, model.sample(50, random_state=1))


def facts_of(rule):
    model = FairVeil(personal_data=rule)
    return public_facts(model, open_frame(TABLE))


def test_replace_and_allow_let_the_fit_go_on():
    facts = facts_of("replace")
    (mail,) = [c for c in facts.columns if isinstance(c, Column)]
    assert (mail.name, mail.kind, mail.fake) == ("email", "identifier", "e-mail")
    assert facts.learnt == ("coin",)
    assert facts_of("allow").learnt == ("coin", "email")


@pytest.mark.parametrize("what", PROVIDERS)
def test_fakes_repeat_and_can_be_made_in_pieces(what):
    whole = fakes(what, start=0, n=2500, seed=3)
    assert (
        fakes(what, start=0, n=900, seed=3) + fakes(what, start=900, n=1600, seed=3)
        == whole
    )
    assert fakes(what, start=0, n=2500, seed=4) != whole
    assert len(set(whole)) > 100
    assert not any("\n" in fake for fake in whole)
    assert fakes(what, start=5, n=0, seed=3) == []


def test_without_the_package_it_is_said_before_the_budget_is_spent(monkeypatch):
    monkeypatch.setattr(_fakes, "find_spec", lambda _name: None)
    with pytest.raises(UnsupportedError, match="fakes"):
        FairVeil(personal_data="replace").fit(TABLE)
