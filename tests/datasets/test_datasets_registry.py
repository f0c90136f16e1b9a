"""The registry names real columns and refuses unknown tables."""

import dataclasses

import pytest

from fairveil.datasets import TABLES, get
from fairveil.errors import ConfigError

ALL = pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))


def test_get_finds_each_table_by_its_own_name():
    assert list(TABLES) == ["adult", "actg175"]
    assert all(get(name).name == name for name in TABLES)


@pytest.mark.parametrize("name", ["", "Adult", "iris"])
def test_get_refuses_an_unknown_name(name):
    with pytest.raises(ConfigError, match="one of adult, actg175"):
        get(name)


@ALL
def test_roles_name_categorical_columns(table):
    schema = table.schema()
    for name in (*table.sensitive, table.target):
        assert schema[name].kind == "categorical"
    assert table.target not in table.sensitive
    assert table.positive in schema[table.target].categories


@ALL
def test_every_group_holds_both_outcomes(table):
    frame = table.load()
    event = frame[table.target] == table.positive
    for name in table.sensitive:
        rates = event.groupby(frame[name]).mean()
        assert len(rates) == len(table.schema()[name].categories)
        assert rates.between(0, 1, inclusive="neither").all()


def test_adult_shows_the_published_gap():
    table = get("adult")
    frame = table.load()
    rates = (frame["income"] == table.positive).groupby(frame["sex"]).mean()
    assert rates["Female"] == pytest.approx(1_179 / 10_771)
    assert rates["Male"] == pytest.approx(6_662 / 21_790)


@ALL
def test_source_and_licence_are_told(table):
    assert "https://doi.org/" in table.source
    assert table.licence.startswith("CC BY 4.0")


def test_the_registry_cannot_be_changed():
    with pytest.raises(TypeError):
        TABLES["adult"] = get("actg175")
    with pytest.raises(dataclasses.FrozenInstanceError):
        get("adult").target = "sex"
