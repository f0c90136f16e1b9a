"""The facade from end to end on tiny tables: what goes in comes out, and what is said.

Most fits take the decoder, which saves the game's compilation and passes through the
same private stage; the shared model has the full path.
"""

import dataclasses
import gc
import inspect
import json
import math
import weakref

import jax
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from fairveil import config, synthesizer
from fairveil._sizing import advice
from fairveil.errors import (
    ConfigError,
    FairveilError,
    NotFittedError,
    SchemaError,
    TableError,
)
from fairveil.privacy.events import NonPrivate
from fairveil.schema import Column, Schema
from fairveil.synthesizer import FairVeil


def decoder(**settings):
    plain = {"generator": "decoder", "fairness": None, "random_state": 1}
    return FairVeil(**{**plain, **settings})


def cheap(**columns):
    """A schema of two-valued columns and the like: little to compile."""
    made = [Column(name=k, **v) for k, v in columns.items()]
    return Schema(columns=tuple(made), declared_by="the tests")


COIN = {"kind": "categorical", "categories": ("h", "t"), "dtype": "object"}
FLAG = {"kind": "boolean", "dtype": "bool"}
COINS = pd.DataFrame({"a": ["h", "?", None, "t"] * 20, "b": ["x", 1, None, 0] * 20})


@pytest.fixture(scope="module")
def sampled(tiny_model):
    return tiny_model.sample(2000, random_state=3)


# --- what comes out ----------------------------------------------------------------


def test_same_columns_order_and_dtypes(sampled, tiny_table):
    assert list(sampled.columns) == list(tiny_table.columns)
    pd.testing.assert_series_equal(sampled.dtypes, tiny_table.dtypes)
    assert sampled.index.equals(pd.RangeIndex(2000))


def test_values_are_the_schemas(sampled, tiny_schema):
    for column in tiny_schema.columns:
        values = sampled[column.name]
        assert values.isna().any() <= column.nullable
        known = values.dropna()
        if column.kind == "categorical":
            assert set(known) <= set(column.categories)
        elif column.kind == "numeric":
            assert known.between(column.lower, column.upper).all()
            rounded = known.astype(float).round(column.decimals)
            np.testing.assert_array_equal(rounded, known.astype(float))


def test_missing_values_come_back(sampled):
    assert sampled["pay"].isna().any()
    assert sampled["visits"].isna().any()


@pytest.mark.parametrize("n", [0, 1])
def test_any_number_of_rows(tiny_model, tiny_table, n):
    made = tiny_model.sample(n)
    assert len(made) == n
    assert list(made.columns) == list(tiny_table.columns)
    if n == 0:
        pd.testing.assert_series_equal(made.dtypes, tiny_table.dtypes)


@pytest.mark.parametrize("n", [-1, 1.5, "7", None, True])
def test_bad_numbers_of_rows(tiny_model, n):
    with pytest.raises(ConfigError, match=r"^n "):
        tiny_model.sample(n)


def test_numpys_numbers_are_numbers(tiny_model):
    made = tiny_model.sample(np.int64(3), random_state=np.int64(1))
    pd.testing.assert_frame_equal(made, tiny_model.sample(3, random_state=1))


def test_sampling_repeats_with_a_seed_only(tiny_model, sampled):
    pd.testing.assert_frame_equal(tiny_model.sample(2000, random_state=3), sampled)
    assert not tiny_model.sample(2000).equals(sampled)


def test_global_randomness_is_left_alone(tiny_model):
    before = np.random.get_state()[1].copy()  # noqa: NPY002  (watches the global state)
    tiny_model.sample(5)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002  (watches the global state)


# --- what is said ------------------------------------------------------------------


def test_fitted_attributes(tiny_model, tiny_table, tiny_schema):
    assert list(tiny_model.feature_names_in_) == list(tiny_table.columns)
    assert tiny_model.n_features_in_ == 6
    assert tiny_model.schema_.columns == tiny_schema.columns
    assert tiny_model.schema_.declared_by == tiny_schema.declared_by


def test_the_statement_of_a_private_fit(tiny_model):
    statement = tiny_model.statement_
    assert statement.is_private
    assert str(statement).startswith("Differentially private: epsilon = 1,")
    assert 0.99 < statement.epsilon_spent <= 1.0
    assert statement.rho_spent <= statement.rho_cap
    stages = set(statement.spent_by_stage())
    assert stages == {"rows", "one-way", "vae", "k-means", "marginals"}
    assert tiny_model.promise_["mode"] == "independence"
    assert tiny_model.promise_["sensitive"] == ["sex"]
    assert statement.provenance["declared_by"] == "the tests"
    assert repr(tiny_model).startswith("FairVeil(epsilon=1")
    assert "fitted" in repr(tiny_model)


def test_the_statement_names_no_value(tiny_model, tiny_table):
    text = str(tiny_model.statement_) + repr(tiny_model)
    for secret in ("north", "south", "west", str(len(tiny_table))):
        assert secret not in text


# --- save, load, refine ------------------------------------------------------------


@pytest.fixture(scope="module")
def loaded(tiny_model, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "m.fairveil"
    tiny_model.save(path)
    return FairVeil.load(path)


def test_a_loaded_model_samples_the_same(loaded, tiny_model, sampled):
    pd.testing.assert_frame_equal(loaded.sample(2000, random_state=3), sampled)
    assert loaded.statement_ == tiny_model.statement_
    assert loaded.schema_ == tiny_model.schema_
    assert repr(loaded) == repr(tiny_model)
    assert list(loaded.feature_names_in_) == list(tiny_model.feature_names_in_)


def test_a_loaded_model_keeps_its_constructor_wishes(loaded, tiny_model):
    for name in ("epsilon", "delta", "fairness", "strength", "generator", "preset"):
        assert loaded.get_params()[name] == tiny_model.get_params()[name]
    assert list(loaded.sensitive) == list(tiny_model.sensitive)


REFINED = {"fairness": "redraw", "generator": "decoder", "random_state": 5}


@pytest.fixture(scope="module")
def refined(tiny_model):
    return tiny_model.refine(**REFINED)


def test_refining_costs_nothing(refined, tiny_model):
    old, new = tiny_model.statement_, refined.statement_
    assert json.dumps(new.to_dict()) == json.dumps(old.to_dict())
    assert new.is_private
    assert refined.promise_["mode"] == "redraw"
    assert tiny_model.promise_["mode"] == "independence"  # the first is not changed
    assert tiny_model.fairness == "independence"
    assert refined.fairness == "redraw"
    assert refined is not tiny_model


def test_refining_repeats_with_its_seed(refined, tiny_model, loaded):
    wanted = refined.sample(300, random_state=1)
    again = loaded.refine(**REFINED).sample(300, random_state=1)
    pd.testing.assert_frame_equal(again, wanted)
    other = tiny_model.refine(**{**REFINED, "random_state": 6})
    assert not other.sample(300, random_state=1).equals(wanted)


def test_a_refined_model_is_saved_and_loaded(refined, tmp_path):
    refined.save(tmp_path / "m")
    made = FairVeil.load(tmp_path / "m")
    assert made.fairness == "redraw"
    pd.testing.assert_frame_equal(
        made.sample(300, random_state=1), refined.sample(300, random_state=1)
    )


def test_refining_for_nobody(tiny_model):
    made = tiny_model.refine(sensitive=(), generator="decoder")
    assert "no promise of fairness" in made.promise_["promise"]
    assert made.promise_["mode"] is None
    assert len(made.sample(3)) == 3


def test_refining_for_two_columns(tiny_model):
    made = tiny_model.refine(sensitive=["pay", "sex"], generator="decoder")
    assert made.promise_["sensitive"] == ["pay", "sex"]
    assert len(made.sample(3)) == 3


@pytest.mark.parametrize(
    ("wish", "error"),
    [
        ({"fairness": "outcome"}, ConfigError),
        ({"fairness": "outcome", "target": "sex"}, ConfigError),
        ({"fairness": "outcome", "target": "wage"}, SchemaError),
        ({"legitimate": ["sex"]}, ConfigError),
        ({"shares": "even"}, ConfigError),
        ({"shares": {"sex": {"F": 0.9}}, "strength": 0.5}, ConfigError),
        ({"clusters": 0}, ConfigError),
        ({"fairness": "wish"}, ConfigError),
        ({"strength": 1.1}, ConfigError),
        ({"sensitive": "sex"}, ConfigError),
        ({"sensitive": ["sex", "sex"]}, ConfigError),
        ({"sensitive": ["race"]}, SchemaError),
        ({"generator": "vae"}, ConfigError),
        ({"random_state": -1}, ConfigError),
    ],
)
def test_refine_checks_its_wishes(tiny_model, wish, error):
    with pytest.raises(error):
        tiny_model.refine(**wish)


def test_no_row_is_needed_after_the_fit(tiny_fits, tmp_path):
    """Everything behind the private stage runs with the table deleted."""
    table = COINS.copy()
    gone = weakref.ref(table)
    model = decoder(schema=cheap(a=COIN, b=FLAG)).fit(table)
    del table
    gc.collect()
    assert gone() is None  # the model keeps no hold of it
    model.save(tmp_path / "m")
    read = FairVeil.load(tmp_path / "m").refine(sensitive=["a"], **REFINED)
    assert len(read.sample(4)) == 4


def test_nothing_of_the_length_of_the_table_is_kept(tiny_model, tiny_table):
    leaves = jax.tree.leaves(dataclasses.asdict(tiny_model._contents.bundle))
    shapes = [getattr(leaf, "shape", ()) for leaf in leaves]
    assert len(shapes) > 20
    assert not any(len(tiny_table) in shape for shape in shapes)


# --- stamps ------------------------------------------------------------------------


def test_an_insecure_fit_repeats_and_is_stamped(tiny_fits, tmp_path):
    table = pd.DataFrame({"a": ["h", "t"] * 40, "b": [True, False, False, True] * 20})
    model = decoder(schema=cheap(a=COIN, b=FLAG), insecure_noise_seed=3)
    assert repr(model).startswith("NOT PRIVATE")
    first = model.fit(table)
    second = clone(model).fit(table)
    pd.testing.assert_frame_equal(
        first.sample(200, random_state=1), second.sample(200, random_state=1)
    )
    assert not first.statement_.is_private
    first.save(tmp_path / "m")
    read = FairVeil.load(tmp_path / "m")
    for made in (first, read, read.refine(fairness=None, generator="decoder")):
        assert str(made.statement_).splitlines()[0].startswith("NOT PRIVATE")
        assert repr(made).startswith("NOT PRIVATE")
    first.set_params(insecure_noise_seed=None)  # what was done stays done
    assert repr(first).startswith("NOT PRIVATE")


def test_an_infinite_budget_is_stamped(tiny_fits, tmp_path):
    table = pd.DataFrame({"a": ["h", "t"] * 40, "b": [True, False, False, True] * 20})
    model = decoder(epsilon=math.inf).fit(table)  # and needs no schema
    assert str(model.statement_).splitlines()[0].startswith("NOT PRIVATE")
    assert model.statement_.epsilon_spent == math.inf
    assert all(isinstance(e, NonPrivate) for e in model.statement_.events)
    assert model._contents.bundle.n_hat == 80
    assert model._contents.bundle.marginals[0].counts.tolist() == [40, 40]
    model.save(tmp_path / "m")
    read = FairVeil.load(tmp_path / "m")
    for made in (model, read):
        assert repr(made).startswith("NOT PRIVATE")
    assert read.statement_ == model.statement_
    model.set_params(epsilon=1.0)
    assert repr(model).startswith("NOT PRIVATE")


STEPS = []


@pytest.fixture(scope="module")
def coins(tiny_settings):
    """A private fit on cells of which the schema does not know half."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, "preset", lambda _name: tiny_settings)
        return FairVeil(
            schema=cheap(a=COIN, b=FLAG), generator="decoder", random_state=9
        ).fit(COINS, progress=lambda *step: STEPS.append(step))


def test_the_seed_repeats_post_processing_only(tiny_fits, coins):
    first, second = coins._contents, clone(coins).fit(COINS)._contents
    a, b = (
        np.concatenate([m.counts for m in c.bundle.marginals]) for c in (first, second)
    )
    assert (a != b).any()  # the noise is fresh


def test_values_that_the_schema_does_not_know(coins):
    made = coins.sample(200)
    assert set(made["a"]) == {"h", "t"}
    assert made["b"].dtype == bool


def test_without_sensitive_columns_it_says_so(coins):
    assert coins.fairness == "independence"
    assert "no promise of fairness" in coins.promise_["promise"]


def test_progress_is_told(coins):
    assert {stage for stage, _, _ in STEPS} >= {"vae", "marginals"}
    assert all(0 < done <= total for _, done, total in STEPS)


# --- tables at the edge ------------------------------------------------------------


@pytest.mark.parametrize("n", [0, 5])
def test_tiny_tables_under_privacy(tiny_fits, n):
    table = pd.DataFrame(
        {
            "a": pd.Series(["h", "t", "t", "t", "h"], dtype="object"),
            "x": [1.5, np.nan, 0.25, 3.0, 2.0],
        }
    )
    schema = cheap(
        a=COIN,
        x={
            "kind": "numeric",
            "lower": 0,
            "upper": 4,
            "decimals": 2,
            "nullable": True,
            "dtype": "float64",
        },
    )
    model = decoder(schema=schema, sensitive=["a"], fairness="independence")
    made = model.fit(table.iloc[:n]).sample(300, random_state=1)
    assert model.statement_.is_private
    assert len(made) == 300
    pd.testing.assert_series_equal(made.dtypes, table.dtypes)
    assert set(made["a"]) <= {"h", "t"}
    assert made["x"].dropna().between(0, 4).all()


def test_one_valued_and_all_missing_columns(tiny_fits):
    table = pd.DataFrame(
        {
            "same": pd.Series(["only"] * 60, dtype="object"),
            "fixed": [7] * 60,
            "gone": [np.nan] * 60,
            "lost": pd.Series([None] * 60, dtype="object"),
        }
    )
    schema = cheap(
        same={"kind": "categorical", "categories": ("only",), "dtype": "object"},
        fixed={
            "kind": "numeric",
            "lower": 7,
            "upper": 7,
            "decimals": 0,
            "dtype": "int64",
        },
        gone={
            "kind": "numeric",
            "lower": 0,
            "upper": 1,
            "nullable": True,
            "dtype": "float64",
        },
        lost={**COIN, "nullable": True},
    )
    model = decoder(schema=schema, epsilon=100.0).fit(table)
    made = model.sample(300, random_state=1)
    assert set(made["same"]) == {"only"}
    assert set(made["fixed"]) == {7}
    pd.testing.assert_series_equal(made.dtypes, table.dtypes)
    assert made["gone"].isna().mean() > 0.5
    assert made["lost"].isna().mean() > 0.5


def test_a_single_column(tiny_fits):
    schema = cheap(a=COIN)
    model = decoder(schema=schema, epsilon=50.0).fit(pd.DataFrame({"a": ["t"] * 90}))
    made = model.sample(500, random_state=1)
    assert (made["a"] == "t").mean() > 0.8


def test_units_are_bounded_and_not_synthesised(tiny_fits):
    table = pd.DataFrame(
        {"a": ["h", "t"] * 40, "b": [True, False] * 40, "who": ["x"] * 79 + ["y"]}
    )
    model = decoder(
        schema=cheap(a=COIN, b=FLAG), unit="who", max_rows_per_unit=2, epsilon=math.inf
    ).fit(table)
    assert model._contents.bundle.n_hat == 3
    assert list(model.sample(2).columns) == ["a", "b"]
    assert model.statement_.unit == "who"
    assert model.statement_.max_rows_per_unit == 2


# --- scikit-learn's manners --------------------------------------------------------


def test_clone_copies_wishes_and_nothing_spent(tiny_model, tiny_schema):
    copy = clone(tiny_model)
    assert copy.get_params() == tiny_model.get_params()
    assert not hasattr(copy, "statement_")
    with pytest.raises(NotFittedError):
        copy.sample(1)


def test_parameters_go_in_and_out():
    names = list(inspect.signature(FairVeil).parameters)
    model = FairVeil(epsilon=2.0)
    assert list(model.get_params()) == names
    assert model.set_params(epsilon=3.0, sensitive=["a"]) is model
    assert (model.epsilon, model.sensitive) == (3.0, ["a"])
    with pytest.raises(ConfigError, match="parameter"):
        model.set_params(budget=1)


def test_the_constructor_only_stores():
    model = FairVeil(epsilon="abc", sensitive=5, fairness=object())
    assert model.epsilon == "abc"
    with pytest.raises(TypeError):
        FairVeil(1.0)


@pytest.mark.parametrize("call", ["sample", "save", "refine"])
def test_unfitted_models_refuse(call, tmp_path):
    arguments = {"sample": [3], "save": [tmp_path / "m"], "refine": []}[call]
    with pytest.raises(NotFittedError, match="not fitted"):
        getattr(FairVeil(), call)(*arguments)
    assert "not fitted" in repr(FairVeil())


# --- refusals before a row is read -------------------------------------------------

BAD = [
    ({"epsilon": 0}, ConfigError, "epsilon"),
    ({"epsilon": -1.0}, ConfigError, "epsilon"),
    ({"epsilon": math.nan}, ConfigError, "epsilon"),
    ({"epsilon": "abc"}, ConfigError, "epsilon"),
    ({"epsilon": None}, ConfigError, "epsilon"),
    ({"epsilon": True}, ConfigError, "epsilon"),
    ({"delta": 0}, ConfigError, "delta"),
    ({"delta": 1.0}, ConfigError, "delta"),
    ({"delta": -1e-5}, ConfigError, "delta"),
    ({"delta": math.nan}, ConfigError, "delta"),
    ({"delta": "abc"}, ConfigError, "delta"),
    ({"delta": None}, ConfigError, "delta"),
    ({"fairness": "parity"}, ConfigError, "fairness"),
    ({"fairness": "outcome", "sensitive": ["sex"]}, ConfigError, "target"),
    ({"fairness": "outcome", "target": "pay"}, ConfigError, "sensitive"),
    ({"sensitive": ["sex", "sex"]}, ConfigError, "sensitive"),
    ({"sensitive": ["race"]}, SchemaError, "race"),
    ({"sensitive": "sex"}, ConfigError, r"\['sex'\]"),
    ({"sensitive": 5}, ConfigError, "sensitive"),
    ({"sensitive": None}, ConfigError, "sensitive"),
    ({"sensitive": [["sex"]]}, FairveilError, "sex"),
    ({"strength": -0.1}, ConfigError, "strength"),
    ({"strength": 1.1}, ConfigError, "strength"),
    ({"strength": "all"}, ConfigError, "strength"),
    ({"target": "pay"}, ConfigError, "outcome"),
    ({"legitimate": ["age"], "fairness": None}, ConfigError, "legitimate"),
    ({"sensitive": ["sex"], "legitimate": ["race"]}, SchemaError, "race"),
    ({"blind": 2}, ConfigError, "blind"),
    ({"sensitive": ["sex"], "shares": {"age": {"1": 0.5}}}, ConfigError, "age"),
    ({"sensitive": ["sex"], "shares": {"sex": {"F": 2}}}, ConfigError, "share of F"),
    ({"ledger": "budget.json"}, TableError, "no such ledger file"),
    ({"unit": "row"}, ConfigError, "unit column"),
    ({"generator": "gan"}, ConfigError, "generator"),
    ({"preset": "fast"}, ConfigError, "preset"),
    ({"max_rows_per_unit": 0}, ConfigError, "max_rows_per_unit"),
    ({"max_rows_per_unit": 1.5}, ConfigError, "max_rows_per_unit"),
    ({"random_state": -1}, ConfigError, "random_state"),
    ({"random_state": "x"}, ConfigError, "random_state"),
    ({"insecure_noise_seed": -1}, ConfigError, "insecure_noise_seed"),
    ({"insecure_noise_seed": 1.5}, ConfigError, "insecure_noise_seed"),
    ({"schema": None, "discover": False}, SchemaError, "public facts"),
    ({"discover": "yes"}, ConfigError, "discover"),
    ({"discovery_share": 0.0}, ConfigError, "discovery_share"),
    ({"discovery_share": 0.6}, ConfigError, "discovery_share"),
    ({"public_dtypes": None}, ConfigError, "public_dtypes"),
    ({"schema": {"a": 1}}, FairveilError, "schema"),
    ({"unit": "who"}, TableError, "who"),
    ({"unit": "sex"}, SchemaError, "unit"),
    ({"unit": 5}, FairveilError, "unit"),
]


@pytest.mark.parametrize(("wish", "error", "text"), BAD, ids=str)
def test_bad_wishes_are_refused(wish, error, text, tiny_table, tiny_schema):
    with pytest.raises(error, match=text):
        FairVeil(**{"schema": tiny_schema, **wish}).fit(tiny_table)


def test_facts_copied_from_the_data_are_refused(tiny_table):
    with pytest.raises(SchemaError, match="copied from the data") as caught:
        FairVeil(schema=Schema.infer(tiny_table)).fit(tiny_table)
    assert "north" not in str(caught.value)


@pytest.mark.parametrize(
    "thing", [None, [[1]], pd.DataFrame(), pd.DataFrame({"other": [1]})], ids=repr
)
def test_bad_tables_are_refused(thing, tiny_schema):
    with pytest.raises(TableError):
        FairVeil(schema=tiny_schema).fit(thing)


def test_refusals_come_before_the_rows(tiny_schema):
    """A table whose cells must not be touched."""

    class Untouchable:
        def __float__(self):
            raise AssertionError

        __str__ = __repr__ = __eq__ = __ne__ = __hash__ = __float__

    cells = np.empty(2, dtype=object)
    cells[:] = [Untouchable(), Untouchable()]
    table = pd.DataFrame(dict.fromkeys(tiny_schema.names, cells))
    for wish, _, _ in BAD:
        with pytest.raises(Exception) as caught:
            FairVeil(**{"schema": tiny_schema, **wish}).fit(table)
        assert not isinstance(caught.value, AssertionError)


def test_presets_reach_the_fit(monkeypatch, tiny_table, tiny_schema):
    asked = []

    def preset(name):
        asked.append(name)
        raise ConfigError("stop")

    monkeypatch.setattr(config, "preset", preset)
    with pytest.raises(ConfigError, match="stop"):
        FairVeil(schema=tiny_schema, preset="paper").fit(tiny_table)
    assert asked == ["paper"]


def test_users_of_a_small_table_are_told(tiny_model):
    """As ``_sizing.advice`` says of the noisy row count (its own tests: when)."""
    told = tiny_model.advice_
    contents = tiny_model._contents
    bundle, statement = contents.bundle, tiny_model.statement_
    assert told == advice(
        contents.settings,
        n_hat=bundle.n_hat,
        rho=statement.rho_cap,
        columns=len(bundle.codec.columns),
    )
    with pytest.raises(NotFittedError):
        FairVeil().advice_  # noqa: B018  (reading it raises)


def test_constants_of_ones_own_reach_the_fit(monkeypatch, tiny_table, tiny_schema):
    own = dataclasses.replace(
        config.Fit(), calibration=config.Calibration(iterations=1, sweeps=1)
    )
    assert config.preset(own) is own
    given = []

    def fit(*_args, settings, **_more):
        given.append(settings)
        raise ConfigError("stop")

    monkeypatch.setattr(synthesizer, "measure_table", fit)
    with pytest.raises(ConfigError, match="stop"):
        FairVeil(schema=tiny_schema, preset=own, discover=False).fit(tiny_table)
    assert given[0].calibration == own.calibration
