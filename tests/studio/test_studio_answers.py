"""Answers of forms: what is taken, what is refused, and which field is to be mended."""

import pytest

from fairveil.errors import ConfigError
from fairveil.schema import Schema
from fairveil.studio import advice, answers as given, commands, dial
from fairveil.studio.answers import AnswerError, Answers
from fairveil.studio.folder import Folder

NAMES = ("email", "sex", "age", "income")
NOW = Answers(table="/t.csv", names=NAMES, done=("table",), anew=("email",))
TYPED = {"facts": ["budget"], "anew": ["email"]}


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({}, "person"),
        ({"person": ["both"]}, "person"),
        ({"person": ["column"]}, "unit"),
        ({"person": ["column"], "unit": ["nobody"]}, "unit"),
        ({"person": ["column"], "unit": ["email"], "most_rows": ["0"]}, "most_rows"),
        ({"person": ["column"], "unit": ["email"], "most_rows": ["1.5"]}, "most_rows"),
    ],
)
def test_who_is_protected_has_to_be_said(form, field):
    with pytest.raises(AnswerError) as refused:
        given.with_unit(NOW, form)
    assert refused.value.field == field


def test_a_row_needs_no_column():
    after = given.with_unit(NOW, {"person": ["row"], "unit": ["email"]})
    assert (after.unit, after.most_rows) == ("", 1)


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"facts": ["codebook"]}, "codebook"),
        ({"facts": ["public"]}, "declared_by"),
        ({"facts": ["rows"]}, "facts"),
        ({**TYPED, "anew": list(NAMES)}, "anew"),
        ({**TYPED, "kind-2": ["whole"]}, "lower-2"),
        ({**TYPED, "kind-2": ["whole"], "lower-2": ["9"], "upper-2": ["1"]}, "kind-2"),
        ({**TYPED, "kind-3": ["list"]}, "kind-3"),
        ({**TYPED, "kind-3": ["list"], "values-3": ["a, a"]}, "kind-3"),
        ({**TYPED, "kind-3": ["magic"]}, "kind-3"),
    ],
)
def test_facts_that_cannot_be_are_refused(form, field):
    with pytest.raises(AnswerError) as refused:
        given.with_columns(NOW, form, ())
    assert refused.value.field == field


def test_typed_facts_become_a_partial_schema_of_public_facts(tmp_path):
    form = {**TYPED, "kind-2": ["whole"], "lower-2": ["18"], "upper-2": ["90"]}
    form |= {"kind-3": ["list"], "values-3": ['low, "high, very"'], "missing-3": ["x"]}
    after = given.with_columns(NOW, form, ())
    kind, facts = commands.schema(after, Folder(tmp_path))
    schema = Schema.from_dict(facts)
    assert kind == "write"
    assert schema.names == ("email", "age", "income")
    assert (schema["age"].lower, schema["age"].upper) == (18.0, 90.0)
    assert schema["income"].categories == ("low", "high, very")
    assert schema["income"].nullable
    assert schema["email"].kind == "identifier"
    assert schema.copied_from_data() == ()


def test_nothing_declared_is_no_schema(tmp_path):
    after = given.with_columns(NOW, {"facts": ["budget"]}, ())
    assert commands.schema(after, Folder(tmp_path)) == ("", {})


def test_a_column_named_like_personal_data_that_is_learnt_is_remembered(tmp_path):
    after = given.with_columns(NOW, {"facts": ["budget"]}, ("email",))
    assert after.misnamed == ("email",)
    words = commands.fit(commands.Programs(), after, Folder(tmp_path), tmp_path)
    assert words[words.index("--personal-data") + 1] == "allow"


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"role-1": ["sensitive"], "target": ["sex"]}, "target"),
        ({"role-1": ["legitimate"]}, "roles"),
        ({f"role-{i}": ["sensitive"] for i in range(4)}, "roles"),
        ({"target": ["email"]}, "target"),
    ],
)
def test_roles_that_contradict_one_another_are_refused(form, field):
    with pytest.raises(AnswerError) as refused:
        given.with_roles(NOW, form)
    assert refused.value.field == field


def test_columns_that_are_made_anew_lose_their_roles():
    known = NOW.model_copy(update={"sensitive": ("sex",), "target": "income"})
    form = {"facts": ["budget"], "anew": ["email", "sex", "income"]}
    with pytest.raises(AnswerError):
        given.with_columns(known, form, ())
    after = given.with_columns(known, {**TYPED, "anew": ["email", "sex"]}, ())
    assert (after.sensitive, after.target) == ((), "income")


@pytest.mark.parametrize("facts", ["budget", "public", "codebook"])
def test_columns_that_are_left_out_are_nowhere_but_in_the_command(facts, tmp_path):
    known = NOW.model_copy(update={"sensitive": ("sex",), "unit": ""})
    form = {"anew": ["email", "sex"], "left": ["sex", "nobody"], "kind-1": ["whole"]}
    form |= {"facts": [facts], "codebook": ["b.json"], "declared_by": ["me"]}
    after = given.with_columns(known, form, ("sex", "email"))
    assert (after.left, after.anew, after.misnamed) == (("sex",), ("email",), ())
    assert after.learnt == ("age", "income")
    assert (after.sensitive, after.declared) == ((), {})
    kind, told = commands.schema(after, Folder(tmp_path))
    if kind == "write":
        assert [column["name"] for column in told["columns"]] == ["email"]
    else:
        assert told["without"] == ["sex"]
        assert list(told["anew"]) == ["email"]
    words = commands.fit(commands.Programs(), after, Folder(tmp_path), tmp_path)
    assert "--leave-out=sex" in words
    assert given.restored(after.model_dump()) == after
    with pytest.raises(AnswerError, match="fewer than two"):
        given.with_columns(known, {**form, "left": ["sex", "age"]}, ())


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "21", "", "one", "1e400"])
def test_an_epsilon_is_a_number_in_its_range(text):
    form = {"epsilon": [text], "delta": ["1e-5"], "cap": ["1"], "rows": ["10"]}
    with pytest.raises(AnswerError) as refused:
        given.with_budget(NOW, form, ledger=False)
    assert refused.value.field == "epsilon"


def test_a_cap_is_at_least_this_fit():
    form = {"epsilon": ["2"], "delta": ["1e-5"], "cap": ["1"], "rows": ["10"]}
    with pytest.raises(AnswerError, match="cap"):
        given.with_budget(NOW, form, ledger=False)
    assert given.with_budget(NOW, form, ledger=True).epsilon == 2.0


def test_answers_survive_their_json_and_foreign_files_do_not():
    assert given.restored(NOW.model_dump()) == NOW
    with pytest.raises(ConfigError):
        given.restored({"table": "a", "surprise": 1})


def test_odds_are_those_of_the_concepts_page_but_for_what_a_ledger_keeps():
    (found,) = [o for o in advice.table_of_odds(1.0, 1e-5) if o.chosen]
    assert [prior for prior, _ in found.beliefs] == [0.01, 0.1, 0.5]
    # docs/concepts/epsilon.md has 2.5, 22.1 and 71.8 %
    assert [round(b, 3) for _, b in found.beliefs] == pytest.approx(
        [0.025, 0.221, 0.718], abs=0.002
    )


@pytest.mark.parametrize(
    ("rows", "delta"), [(2_000, 1e-5), (32_561, 1e-6), (10**5, 1e-6)]
)
def test_delta_is_far_below_one_in_the_rows(rows, delta):
    assert advice.usual_delta(rows) == pytest.approx(delta)
    assert advice.usual_delta(rows) * rows <= 0.1 + 1e-9


def candidate(mode, loss, unfair, pareto):
    measured = {"auroc": None, "distance": 0.1}
    settings = {"mode": mode, "strength": 1.0}
    return {
        "settings": settings,
        "loss": loss,
        "unfairness": unfair,
        "pareto": pareto,
        "measured": measured,
    }


def test_the_dial_goes_from_useful_to_fair_within_each_promise():
    tried = [
        candidate("independence", 0.03, 0.0, ["hidden"]),
        candidate("outcome", 0.01, 0.0, ["parity"]),
        candidate("independence", 0.0, 0.2, ["hidden"]),
        candidate("independence", 0.04, 0.3, []),
    ]
    found = dial.points({"candidates": tried})
    assert [point.number for point in found] == [2, 0, 3, 1]
    assert [point.best for point in found] == [True, True, False, True]
    first, second = dial.pictures(found)
    assert (first.promise, second.promise) == ("hidden", "parity")
    assert first.title != second.title
    for picture in (first, second):
        for _, x, y in picture.marks:
            assert dial.LEFT <= x <= dial.WIDTH
            assert 0 <= y <= dial.HEIGHT
    loss = [x for _, x, _ in first.marks]
    assert loss == sorted(loss)
