"""Conditions and shares as text: what is read, and what an error explains."""

import pytest

from fairveil._asked import conditions, shares
from fairveil.errors import ConfigError
from fairveil.schema import Column, Schema

SCHEMA = Schema(
    columns=(
        Column(name="sex", kind="categorical", categories=("f", "m")),
        Column(name="age", kind="numeric", lower=0, upper=90, decimals=0),
        Column(name="a=b", kind="categorical", categories=("1..2", "x|y")),
        Column(name="size", kind="categorical", categories=("s", "l"), ordered=True),
    )
)


@pytest.mark.parametrize(
    ("text", "name", "read"),
    [
        ("sex=f", "sex", ["f"]),
        (" sex=f | m", "sex", ["f", "m"]),
        ("age=0..18", "age", [("0", "18")]),
        ("age=60..", "age", [("60", None)]),
        ("age=..-1.5|40", "age", [(None, "-1.5"), "40"]),
        ("age=", "age", [None]),
        ("age=|3", "age", [None, "3"]),
        ("size=s..l", "size", [("s", "l")]),
        ("a=b=1..2", "a=b", ["1..2"]),
        ('a=b="x|y"', "a=b", ["x|y"]),
        ("sex=f=m", "sex", ["f=m"]),
    ],
)
def test_conditions(text, name, read):
    assert conditions([text], SCHEMA) == {name: read}


@pytest.mark.parametrize("text", ["sex", "Sex=f", "=f", "", "age>3"])
def test_the_grammar_is_explained(text):
    with pytest.raises(ConfigError, match=r"LOW\.\.HIGH.*columns: sex, age"):
        conditions([text], SCHEMA)


def test_two_conditions_on_one_column():
    with pytest.raises(ConfigError, match=r"try sex=A\|B"):
        conditions(["sex=f", "sex=m"], SCHEMA)


@pytest.mark.parametrize(
    ("texts", "read"),
    [
        (["sex"], {"sex": "equal"}),
        (["sex, size"], {"sex": "equal", "size": "equal"}),
        (["sex", "a=b"], {"sex": "equal", "a=b": "equal"}),
        (["sex:f=.5,m=.5"], {"sex": {"f": 0.5, "m": 0.5}}),
        (["age:..18=.5,19..=.5"], {"age": {(None, "18"): 0.5, ("19", None): 0.5}}),
    ],
)
def test_shares(texts, read):
    assert shares(texts, SCHEMA.names) == read


@pytest.mark.parametrize("text", ["nope", "sex:f", "sex:f=x", "sex,nope"])
def test_shares_that_cannot_be_read(text):
    with pytest.raises(ConfigError, match="COLUMN:VALUE=SHARE"):
        shares([text], SCHEMA.names)
