"""Constraints: what is declared, what is refused, and that every row meets them."""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from fairveil._enforce import enforced, met
from fairveil._wishes import check_wishes
from fairveil.codec import Codec
from fairveil.constraints import Combinations, Dependency, Order, Sum
from fairveil.errors import ConfigError, SchemaError
from fairveil.schema import Column, Schema
from fairveil.synthesizer import FairVeil


def number(name, upper=20, **facts):
    return Column(name=name, kind="numeric", lower=0, upper=upper, decimals=0, **facts)


COLUMNS = (
    number("in"),
    number("out", nullable=True),
    number("total", 60),
    Column(name="town", kind="categorical", categories=("a", "b", "c"), nullable=True),
    Column(name="land", kind="categorical", categories=("x", "y"), nullable=True),
    number("code", 9),
    Column(name="born", kind="date", lower="2000-01-01", upper="2000-12-31"),
    Column(name="died", kind="date", lower="2000-01-01", upper="2001-12-31"),
    Column(name="sex", kind="categorical", categories=("f", "m")),
)
ORDER = Order(low="in", high="out", strict=True)
DATES = Order(low="born", high="died")
CODE = Dependency(source="town", target="code", pairs={"a": 1, "b": 4, "c": 9, None: 0})
TOWNS = Combinations(
    columns=("town", "land"), allowed=(("a", "x"), ("b", "y"), (None, None))
)
BOUND = Sum(parts=("in", "out"), total="total")
EXACT = Sum(parts=("in", "out"), total="total", relation="equal")
RULES = {
    "order": (ORDER,),
    "dates": (DATES,),
    "dependency": (CODE,),
    "combinations": (TOWNS,),
    "sum at most": (BOUND,),
    "sum equal": (EXACT,),
    "several": (ORDER, TOWNS, CODE, EXACT, DATES),
}


def schema_of(*rules, columns=COLUMNS):
    return Schema(columns=columns, declared_by="the tests", constraints=rules)


def decoded(codec, n, seed):
    rng = np.random.default_rng(seed)
    codes = np.stack([rng.integers(0, size, n) for size in codec.sizes], axis=1)
    return codec.decode(codes.astype(np.int32), rng)


@pytest.mark.parametrize("name", RULES)
@settings(max_examples=15)
@given(n=st.sampled_from([1, 2, 7, 300]), seed=st.integers(0, 1000))
def test_every_row_meets_them(name, n, seed):
    codec = Codec.on_grid(schema_of(*RULES[name]))
    values = decoded(codec, n, seed)
    assert met(values, COLUMNS, RULES[name]).all()
    bare = decoded(dataclasses.replace(codec, constraints=()), n, seed)
    assert n < 300 or not met(bare, COLUMNS, RULES[name]).all()  # the test can tell
    for column in COLUMNS:
        cells = [c for c in values[column.name] if c is not None]
        assert len(values[column.name]) == n
        if column.kind == "numeric":
            assert all(column.lower <= c <= column.upper for c in cells)
            assert all(isinstance(c, int) for c in cells)


def test_rows_that_meet_them_stay_as_they_are():
    values = {
        "in": [1, 5, 3],
        "out": [2, 4, None],
        "town": ["a", "a", "b"],
        "land": ["x", "y", "y"],
    }
    columns = [c for c in COLUMNS if c.name in values]
    rng = np.random.default_rng(1)
    made = enforced(values, columns, (ORDER, TOWNS), rng)
    assert [made[name][0] for name in values] == [1, 2, "a", "x"]
    assert [made[name][2] for name in values] == [3, None, "b", "y"]
    assert made["town"][1] + made["land"][1] in ("ax", "by")
    assert values["in"] == [1, 5, 3]  # what came in is left alone


def test_columns_and_shares_stay_near_what_they_were():
    rng = np.random.default_rng(3)
    n = 20_000
    low = rng.integers(0, 15, n)
    high = np.where(rng.random(n) < 0.9, low + rng.integers(1, 6, n), 3)
    values = {"in": low.tolist(), "out": high.tolist()}
    made = enforced(values, COLUMNS[:2], (ORDER,), rng)
    kept = np.array(made["out"]) == high
    assert kept[low < high].all()
    np.testing.assert_array_equal(made["in"], low)
    assert set(made["out"]) <= set(high.tolist())


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ([Order(low="in", high="nope")], "names no column: 'nope'"),
        ([Order(low="in", high="in")], "names a column twice"),
        ([Order(low="in", high="sex")], "one kind, in numbers or time"),
        ([Order(low="in", high="born")], "one kind"),
        ([Dependency(source="sex", target="code", pairs={"f": 1})], "each category"),
        ([Dependency(source="sex", target="code", pairs={"f": 1, "m": 10})], "cannot"),
        (
            [Dependency(source="town", target="code", pairs={"a": 1, "b": 1, "c": 1})],
            "leave out a missing 'town'",
        ),
        ([CODE, CODE.model_copy(update={"source": "land"})], "each category"),
        ([CODE, CODE], "two constraints set the column 'code'"),
        ([Combinations(columns=("sex", "land"), allowed=(("f", "z"),))], "cannot be"),
        (
            [Combinations(columns=("sex", "land"), allowed=(("f",),))],
            "number of values",
        ),
        ([Combinations(columns=("sex", "in"), allowed=(("f", 1),))], "cannot be"),
        ([Sum(parts=("in", "sex"), total="total")], "columns of numbers"),
    ],
)
def test_what_the_columns_cannot_meet_is_refused(rules, said):
    facts = schema_of().to_dict()
    facts["constraints"] = [rule.model_dump(mode="json") for rule in rules]
    with pytest.raises(SchemaError, match=said):
        Schema.from_dict(facts)


def test_json_and_selection():
    schema = schema_of(*RULES["several"])
    assert Schema.from_dict(schema.to_dict()) == schema
    assert schema.select(["in", "out", "town"]).constraints == (ORDER,)
    assert schema.drop(["in", "born"]).constraints == (TOWNS, CODE)
    assert "constraints" not in schema_of().to_dict()  # as older files


def test_the_page_runs():
    page = Path(__file__).parents[1] / "docs" / "constraints.md"
    (block,) = re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    scope = {}
    exec(compile(block, "constraints.md", "exec"), scope)
    assert len(scope["schema"].constraints) == 2


# --- fits ---------------------------------------------------------------------------


def test_contradictions_are_refused_before_a_row_is_read():
    other = Combinations(columns=("town", "land"), allowed=(("c", "y"),))
    model = FairVeil(schema=schema_of(TOWNS, other))
    with pytest.raises(ConfigError, match="no row meets all constraints"):
        model.fit(lambda: pytest.fail("the table was read"))


@pytest.mark.parametrize(
    ("wish", "refused"),
    [
        ({"fairness": "independence", "sensitive": ["town"]}, True),
        ({"fairness": "redraw", "sensitive": ["town", "land"]}, False),
        ({"fairness": "outcome", "sensitive": ["sex"], "target": "land"}, True),
        ({"fairness": None, "sensitive": ["town"]}, False),
    ],
)
def test_what_contradicts_the_promise_is_refused(wish, refused):
    model = FairVeil(schema=schema_of(TOWNS), **wish)
    if not refused:
        check_wishes(model)
        return
    with pytest.raises(ConfigError, match="ties a column to others"):
        model.fit(lambda: pytest.fail("the table was read"))


@pytest.mark.usefixtures("tiny_fits")
def test_a_fit_with_rows_that_break_them(tiny_table, tiny_schema, tmp_path):
    levels = Column(
        name="level", kind="categorical", categories=("low", "high"), dtype="object"
    )
    rules = (
        Order(low="visits", high="age", strict=True),
        Dependency(source="sex", target="level", pairs={"f": "low", "m": "high"}),
    )
    schema = Schema(columns=(*tiny_schema.columns, levels), constraints=rules)
    table = tiny_table.assign(level="low")  # wrong for half of the rows
    model = FairVeil(
        schema=schema, fairness=None, generator="decoder", random_state=1
    ).fit(table)
    model.save(tmp_path / "m")
    for fitted in (model, FairVeil.load(tmp_path / "m")):
        made = fitted.sample(200, random_state=1)
        assert (made.level == made.sex.map({"f": "low", "m": "high"})).all()
        assert (made.visits.isna() | (made.visits < made.age)).all()
    some = model.sample(50, where={"sex": "f", "age": (20, 40)}, balance="member")
    assert (some.level == "low").all()
    assert some.age.between(20, 40).all()
    with pytest.raises(ConfigError, match="computes the column"):
        model.sample(5, where={"level": "low"})
