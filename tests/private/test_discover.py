"""Discovery: what it reads, what it pays, what it may show, and what it finds."""

from __future__ import annotations

import itertools
import math

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from border_tools import TapeLedger, TapeNoise, TapeTable
from hypothesis import given, settings, strategies as st
from scipy import stats

from fairveil import config
from fairveil._gaps import Gap, Plan, plan
from fairveil.errors import BudgetError, SchemaError, TooFewRowsError
from fairveil.privacy.events import Gaussian, NonPrivate, Thresholding
from fairveil.privacy.ledger import Ledger
from fairveil.privacy.noise import NoiseSource
from fairveil.private import discover as module
from fairveil.private.discover import Noise, discover, histogram
from fairveil.private.intake import admit
from fairveil.schema import Column, Schema

RULES = config.Discovery()
DELTA = 1e-5
RESERVED = config.reserved_delta(DELTA, discovering=True)
GAPS = [
    Gap(name="x"),
    Gap(name="x", kind="numeric"),
    Gap(name="x", kind="boolean"),
    Gap(name="x", kind="categorical"),
    Gap(name="x", kind="categorical", facts={"categories": ("a", "1")}),
]


def gate_of(
    frame, *, epsilon=1.0, unit=None, k=1, seed=0, mute=False, reserved=RESERVED
):
    """An admitted table, its noisy count, and the tape of all that happens."""
    tape = []
    ledger = TapeLedger(epsilon=epsilon, delta=DELTA, reserved_delta=reserved)
    ledger.tape = tape
    gate, counted = admit(
        TapeTable(frame, tape),
        unit=unit,
        max_rows_per_unit=k,
        ledger=ledger,
        noise=TapeNoise.make(tape, seed=seed, mute=mute),
        rho=ledger.share(config.Split().rows),
    )
    return gate, counted.value, tape


def found_in(frame, wanted=None, *, unit=None, share=0.1, **how):
    """The discovered schema, the gate and the tape."""
    gate, n_hat, tape = gate_of(frame, unit=unit, **how)
    if wanted is None:
        table = nw.from_native(frame, eager_only=True)
        wanted = plan(table, None, unit=unit, public_dtypes=False)
    schema = discover(
        gate,
        wanted,
        n_hat=n_hat,
        rules=RULES,
        rho=gate.ledger.share(share),
        delta=RULES.delta_share * DELTA,
    )
    return schema.value, gate, tape


def mixed_frame(n=4000, seed=0):
    rng = np.random.default_rng(seed)
    pay = np.round(rng.lognormal(3, 1, n), 2)
    return pd.DataFrame(
        {
            "sex": rng.choice(["f", "m"], n),
            "age": rng.integers(17, 91, n),
            "pay": np.where(rng.random(n) < 0.3, np.nan, pay),
            "member": rng.random(n) < 0.3,
            "year": rng.integers(1990, 2021, n),
            "children": rng.choice(["0", "1", "2", "3+"], n),
            "name": [f"person {i}" for i in range(n)],
            "rank": rng.choice(["low", "high", "unheard-of"], n, p=[0.6, 0.395, 0.005]),
        }
    )


# Sensitivity -------------------------------------------------------------------------

CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 300),
    st.floats(allow_nan=True),
    st.sampled_from(["a", "b", "1", "2.5", "007", "?", "zz"]),
)


def vector(counts, labels, names):
    return np.r_[counts, [labels.get(name, 0) for name in names]].astype(float)


@pytest.mark.parametrize("gap", GAPS)
@settings(max_examples=40)
@given(rows=st.lists(CELLS, max_size=8), own=st.lists(CELLS, min_size=1, max_size=3))
def test_a_unit_moves_each_histogram_by_its_rows_and_makes_no_more_cells(
    gap, rows, own
):
    k = len(own)
    answers = []
    for cells in (rows, [*rows, *own], own):
        frame = pd.DataFrame({"x": pd.Series(cells)})
        gate, _n, _tape = gate_of(frame, k=k)
        answers.append(histogram(gate.rows.cells("x"), gap))
    (before, old), (after, new), (alone, fresh) = answers
    names = sorted({*old, *new, *fresh})
    moved = vector(after, new, names) - vector(before, old, names)
    assert np.linalg.norm(moved) <= k
    assert moved.min(initial=0) >= 0
    assert moved.sum() <= k
    assert len(set(new) - set(old)) <= k
    assert (moved == vector(alone, fresh, names)).all()  # rows do not meet


@settings(max_examples=30)
@given(st.lists(st.one_of(st.none(), st.floats(-3000, 3000)), max_size=9))
def test_a_row_moves_a_closer_look_by_one(values):
    counts = []
    for i in (len(values), max(len(values) - 1, 0)):
        frame = pd.DataFrame({"x": pd.Series(values[:i], dtype=object)})
        gate, _n, _tape = gate_of(frame)
        column = gate.rows.cells("x")
        counts.append(
            [column.within(1024, 2048, 64), column.within(-2048.0, -512.0, 64)]
        )
    for one, other in zip(*counts, strict=True):
        assert np.abs(one - other).sum() <= 1
    assert sum(np.abs(a - b).sum() for a, b in zip(*counts, strict=True)) <= 1


def test_only_rows_within_the_bound_of_their_unit_are_counted():
    frame = pd.DataFrame({"who": [1] * 50 + [2] * 50, "x": ["a"] * 50 + ["b"] * 50})
    gate, _n, _tape = gate_of(frame, unit="who", k=3)
    _counts, labels = histogram(gate.rows.cells("x"), GAPS[0])
    assert labels == {"a": 3, "b": 3}
    assert gate.rows.rows_per_unit == 3


# The threshold -----------------------------------------------------------------------


def exact_tail(count, stddev, threshold):
    """P(count + discrete Gaussian > threshold), summed term by term."""
    reach = np.arange(-int(40 * stddev), int(40 * stddev) + 1)
    weights = np.exp(-(reach.astype(float) ** 2) / (2 * stddev**2))
    return weights[count + reach > threshold].sum() / weights.sum()


@pytest.mark.statistical
@pytest.mark.parametrize(
    ("labels", "rows"),
    [
        ({"a": 1}, 1),
        ({"a": 3}, 3),
        (dict.fromkeys("abc", 1), 3),
        ({"a": 2, "b": 1}, 3),
    ],
)
def test_a_lone_unit_is_shown_as_seldom_as_its_event_says(labels, rows):
    """Two-sided: as often as the noise makes it, and at most with the event's delta."""
    stddev, threshold, tries = 4.0, 11.0, 20_000
    gate, _n, _tape = gate_of(pd.DataFrame({"x": ["a"]}))
    many = {f"{i} {x}": n for i in range(tries) for x, n in labels.items()}
    kept = module._kept(gate, many, Noise(stddev, threshold))
    shown = len({label.split()[0] for label in kept})
    hidden = math.prod(1 - exact_tail(c, stddev, threshold) for c in labels.values())
    low, high = stats.binom.interval(1 - 1e-6, tries, 1 - hidden)
    assert low <= shown <= high
    event = Thresholding(
        stage="s",
        what="w",
        noise_stddev=stddev,
        threshold=threshold,
        rows_per_unit=rows,
    )
    assert 1 - hidden <= event.delta < 0.2
    assert shown > 0  # else this test could not fail


def test_a_rare_value_never_comes_out():
    rng = np.random.default_rng(1)
    n, canary = 2000, "canary"
    answers = rng.choice(["yes", "no"], n)
    frame = pd.DataFrame({"x": answers, "y": rng.integers(9, size=n)})
    frame.loc[0, "x"] = canary
    frame["y"] = frame["y"].astype(object)
    frame.loc[0, "y"] = canary
    wanted = Plan(columns=(Gap(name="x"), Gap(name="y", kind="categorical")))
    for _ in range(200):
        noise = NoiseSource.secure()
        ledger = Ledger(epsilon=1, delta=DELTA, reserved_delta=RESERVED)
        gate, counted = admit(
            nw.from_native(frame, eager_only=True),
            unit=None,
            max_rows_per_unit=1,
            ledger=ledger,
            noise=noise,
            rho=ledger.share(0.002),
        )
        schema = discover(
            gate,
            wanted,
            n_hat=counted.value,
            rules=RULES,
            rho=ledger.share(0.1),
            delta=RULES.delta_share * DELTA,
        ).value
        assert {"yes", "no"} <= set(schema["x"].categories)
        assert canary not in str(schema)


# Events and noise --------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 2])
def test_each_look_is_authorised_before_a_cell_is_read_and_gets_its_noise(k):
    frame = mixed_frame()
    frame["who"] = np.arange(len(frame)) // k
    _schema, gate, tape = found_in(frame, unit="who", k=k, epsilon=3.0)
    start = 1 + next(
        i for i, e in enumerate(tape) if not isinstance(e, tuple) and i > 0
    )
    looks = tape[start:]
    kinds = [e[0] if isinstance(e, tuple) else "draw" for e in looks]
    for before, now in itertools.pairwise(["start", *kinds]):
        assert (before, now) in {
            ("start", "event"),
            ("event", "open"),
            ("open", "draw"),
            ("draw", "draw"),
            ("draw", "event"),
        }
    event = None
    for entry in looks:
        if isinstance(entry, tuple):
            event = entry[1] if entry[0] == "event" else event
            continue
        assert entry.kind == "discrete"
        assert entry.stddev == event.noise_stddev
    events = [e for e in gate.ledger.events if e.stage == "discovery"]
    assert {type(e) for e in events} == {Thresholding, Gaussian}
    for e in events:
        bound = e.sensitivity if isinstance(e, Gaussian) else e.rows_per_unit
        assert bound == k


def test_the_stage_stays_within_its_share_of_rho_and_delta():
    _schema, gate, _tape = found_in(mixed_frame(), epsilon=3.0)
    events = [e for e in gate.ledger.events if e.stage == "discovery"]
    rho, delta = math.fsum(e.rho for e in events), math.fsum(e.delta for e in events)
    cap = gate.ledger.rho_cap
    assert rho == pytest.approx(0.1 * cap, rel=1e-3)  # with both second looks
    assert rho <= 0.1 * cap
    assert 0.05 * DELTA < delta <= 0.1 * DELTA
    assert [e.what for e in events[8:]] == ["labels of children", "range of year"]


def test_what_no_second_look_needs_is_not_spent():
    frame = mixed_frame()[["sex", "age"]]
    _schema, gate, _tape = found_in(frame)
    events = [e for e in gate.ledger.events if e.stage == "discovery"]
    assert len(events) == 2
    spent = math.fsum(e.rho for e in events)
    share = 0.1 * (1 - RULES.second_look) * gate.ledger.rho_cap
    assert spent == pytest.approx(share, rel=1e-3)


def test_a_ledger_without_delta_for_it_refuses_before_a_cell_is_read():
    gate, n_hat, tape = gate_of(mixed_frame(), reserved=0.0)
    before = len(tape)
    with pytest.raises(BudgetError, match="delta"):
        discover(
            gate,
            Plan(columns=(Gap(name="sex"),)),
            n_hat=n_hat,
            rules=RULES,
            rho=gate.ledger.share(0.1),
            delta=RULES.delta_share * DELTA,
        )
    assert len(tape) == before


def test_without_a_budget_everything_is_found_and_stamped():
    frame = mixed_frame(200)
    schema, gate, _tape = found_in(frame, epsilon=math.inf)
    assert schema["rank"].categories == tuple(sorted(set(frame["rank"])))
    assert {type(e) for e in gate.ledger.events} == {NonPrivate}


# Too small ---------------------------------------------------------------------------


@pytest.mark.parametrize("n", [0, 1, 299])
def test_a_small_table_is_refused_when_only_its_count_is_paid(n):
    frame = mixed_frame(299).head(n).assign(sex="Quetzalcoatlus")
    gate, n_hat, tape = gate_of(frame)
    before, wanted = len(tape), Plan(columns=tuple(Gap(name=c) for c in frame))
    with pytest.raises(TooFewRowsError) as caught:
        discover(
            gate,
            wanted,
            n_hat=n_hat,
            rules=RULES,
            rho=gate.ledger.share(0.1),
            delta=RULES.delta_share * DELTA,
        )
    text = str(caught.value)
    assert len(tape) == before
    assert [e.stage for e in gate.ledger.events] == ["rows"]
    assert "code book" in text
    assert "larger epsilon" in text
    assert f"noisy count of its rows is {n_hat}" in text
    assert "Quetzal" not in text
    assert caught.value.__cause__ is caught.value.__context__ is None


# What is found -----------------------------------------------------------------------


def test_a_mixed_table_is_described_well():
    schema, _gate, _tape = found_in(mixed_frame(), epsilon=3.0)
    facts = {c.name: c for c in schema.columns}
    assert schema.names == tuple(mixed_frame(1))
    assert facts["sex"].categories == ("f", "m")
    assert (facts["age"].kind, facts["age"].decimals) == ("numeric", 0)
    assert facts["age"].lower <= 17
    assert 90 <= facts["age"].upper <= 127
    assert (facts["pay"].decimals, facts["pay"].nullable) == (2, True)
    assert facts["pay"].dtype == "float64"
    assert facts["member"].kind == "boolean"
    assert 1984 <= facts["year"].lower <= 1990
    assert 2020 <= facts["year"].upper <= 2031
    assert facts["children"].categories == ("0", "1", "2", "3+")
    assert facts["name"].categories == (facts["name"].other,) == ("other",)
    assert "unheard-of" not in facts["rank"].categories
    assert {m for c in schema.columns for m in c.provenance.values()} == {"dp"}
    assert "dp" in schema.declared_by


def test_the_order_of_rows_changes_nothing():
    frame = mixed_frame()
    shuffled = frame.sample(frac=1.0, random_state=5)
    one, other = (found_in(f, epsilon=3.0, seed=4)[0] for f in (frame, shuffled))
    assert one == other


@pytest.mark.parametrize(
    ("values", "facts"),
    [
        ([None], {"categories": (), "nullable": True, "other": None}),
        ([5], {"kind": "numeric", "lower": 4, "upper": 7, "dtype": "int64"}),
        ([-5.5, -7.25], {"lower": -7.31, "upper": -5.5, "decimals": 2}),
        ([0], {"lower": 0, "upper": 0, "decimals": 0}),
        ([0.0, 1.0, None], {"decimals": 0, "dtype": "Int64", "nullable": True}),
        ([1 / 3, 1e-9], {"decimals": None, "lower": 0, "upper": 0.5}),
        (["True", "False"], {"kind": "boolean", "dtype": "bool"}),
        ([True, None], {"kind": "boolean", "dtype": "boolean", "nullable": True}),
        (["007", "008"], {"categories": ("007", "008"), "dtype": "str"}),
        (["7", "7", "9", "N/A"], {"kind": "numeric", "upper": 15, "nullable": True}),
        (["other", "a"], {"categories": ("a", "other"), "other": None}),
        ([10**18, 3 * 10**18], {"kind": "categorical", "categories": ("other",)}),
        ([["list"], {"set"}], {"categories": ("['list']", "{'set'}")}),
        (["02139", "90210", "10001"], {"categories": ("02139", "10001", "90210")}),
        (["x", "y", "1", "True"], {"categories": ("1", "True", "x", "y")}),
        ([math.inf, 1.0, 1.0], {"kind": "numeric", "lower": 1, "upper": 1}),
    ],
)
def test_facts_of_a_column(values, facts):
    cells = np.empty(3000, dtype=object)
    for i in range(len(cells)):
        cells[i] = values[i % len(values)]
    schema, _gate, _tape = found_in(pd.DataFrame({"x": cells}), epsilon=8.0, mute=True)
    column = schema["x"]
    assert {name: getattr(column, name) for name in facts} == facts


def test_a_column_of_few_words_among_unique_ones_has_a_rest():
    words = [f"w{i}" if i % 3 else "often" for i in range(3000)]
    schema, _gate, _tape = found_in(pd.DataFrame({"x": words}), epsilon=8.0)
    assert schema["x"].categories == ("often", "other")
    assert schema["x"].other == "other"


def test_the_label_for_the_rest_is_none_of_the_values():
    words = [f"w{i}" if i % 3 else "other" for i in range(3000)]
    schema, _gate, _tape = found_in(pd.DataFrame({"x": words}), epsilon=8.0)
    assert schema["x"].categories == ("other", "other (2)")
    assert schema["x"].other == "other (2)"


def test_numbers_beside_a_few_words_stay_numbers():
    rng = np.random.default_rng(0)
    cells = [str(v) for v in np.round(rng.lognormal(8, 1, 5000), 2)]
    cells[:400] = ["refused"] * 400
    schema, gate, _tape = found_in(pd.DataFrame({"x": cells}), epsilon=3.0)
    assert [e.what for e in gate.ledger.events][-1] == "labels of x"
    assert schema["x"].kind == "numeric"
    assert schema["x"].nullable


# Declared facts ----------------------------------------------------------------------


def test_public_columns_cost_nothing_and_come_back_as_they_are():
    frame = mixed_frame()[["sex", "age", "rank"]]
    known = Column(name="age", kind="numeric", lower=0.0, upper=120.0, decimals=0)
    wanted = Plan(columns=(Gap(name="sex"), known, Gap(name="rank")), declared_by="me")
    schema, gate, _tape = found_in(frame, wanted)
    assert schema["age"] == known
    assert schema.declared_by == "me"
    whats = [e.what for e in gate.ledger.events if e.stage == "discovery"]
    assert whats == ["facts of sex", "facts of rank"]


def test_declared_kinds_and_facts_stand():
    frame = mixed_frame()[["sex", "age", "year"]]
    gaps = (
        Gap(name="sex", kind="categorical", facts={"categories": ("f", "m", "x")}),
        Gap(name="age", kind="categorical"),
        Gap(
            name="year",
            kind="numeric",
            facts={"lower": 1950.0, "special": (9999.0,), "decimals": 0},
        ),
    )
    schema, gate, _tape = found_in(frame, Plan(columns=gaps), epsilon=8.0)
    assert schema["sex"].categories == ("f", "m", "x")
    assert schema["sex"].provenance["categories"] == "public"
    assert schema["sex"].provenance["nullable"] == "dp"
    ages = schema["age"].categories
    assert set(range(17, 91)) & set(ages) == set(ages) or schema["age"].other
    assert schema["age"].provenance["kind"] == "public"
    year = schema["year"]
    assert (year.lower, year.special) == (1950.0, (9999.0,))
    assert 2020 <= year.upper < 9999  # the code widens no range
    assert year.provenance["lower"] == "public"
    kinds = {e.what: e.kind for e in gate.ledger.events}
    assert kinds["facts of sex"] == kinds["facts of year"] == "gaussian"
    assert kinds["facts of age"] == "thresholding"


def test_integers_declared_as_categories_stay_integers():
    frame = pd.DataFrame({"x": [1, 2, 10] * 1500})
    gaps = (Gap(name="x", kind="categorical"),)
    schema, _gate, _tape = found_in(frame, Plan(columns=gaps), epsilon=8.0)
    assert schema["x"].categories == (1, 2, 10)
    assert schema["x"].dtype == "int64"


def test_integers_in_a_column_declared_text_stay_text():
    frame = pd.DataFrame({"x": pd.array(["1", "2"] * 2000, dtype="string")})
    table = nw.from_native(frame, eager_only=True)
    wanted = plan(table, None, unit=None, public_dtypes=True)
    schema, _gate, _tape = found_in(frame, wanted, epsilon=8.0)
    assert schema["x"].categories == ("1", "2")
    assert schema["x"].dtype == "string"


def test_facts_that_contradict_each_other_are_named_by_their_column():
    gap = Gap(name="x", kind="categorical", facts={"categories": ("a",), "other": "b"})
    with pytest.raises(SchemaError, match="'x'") as caught:
        found_in(pd.DataFrame({"x": ["secret"] * 4000}), Plan(columns=(gap,)))
    assert "secret" not in str(caught.value)


def test_a_discovered_schema_is_a_schema():
    schema, _gate, _tape = found_in(mixed_frame(), epsilon=3.0)
    assert Schema.from_dict(schema.to_dict()) == schema
