"""Where public facts come from: a public table, a code book, dates that are typed."""

import json

import numpy as np
import pandas as pd
import pytest
from studio_desk import wait
from studio_programs import TINY

from fairveil.privacy.book import Book
from fairveil.schema import Column, Schema
from fairveil.studio import answers as given, commands, pages, work
from fairveil.studio.answers import AnswerError, Answers
from fairveil.studio.desk import Desk
from fairveil.studio.folder import Folder

BOOK = Schema(
    columns=(
        Column(name="sex", kind="categorical", categories=("xantha", "zebulon")),
        Column(name="age", kind="numeric", lower=0, upper=120, decimals=0),
        Column(name="seen", kind="date", lower="2020-01-01", upper="2030-12-31"),
    ),
    declared_by="the office's code book",
)


@pytest.fixture
def visits(tmp_path):
    """Three columns without an identifier, dates as text."""
    rng = np.random.default_rng(4)
    n = 400
    days = np.datetime64("2024-02-01") + rng.integers(0, 300, n)
    frame = pd.DataFrame(
        {
            "sex": rng.choice(["xantha", "zebulon"], n),
            "age": rng.integers(18, 90, n),
            "seen": days.astype(str),
        }
    )
    path = tmp_path / "visits.csv"
    frame.to_csv(path, index=False)
    return path


def begun(table):
    desk = Desk(TINY)
    desk.choose_table(str(table))
    desk.answer("unit", {"person": ["row"]})
    return desk


def fitted(desk):
    """The rest of the answers, and the fit; the facts of its certificate."""
    desk.answer("roles", {"role-0": ["sensitive"]})
    desk.answer("readers", {"readers": ["public"], "name": ["Visits"]})
    numbers = {"epsilon": ["4"], "delta": ["1e-5"], "cap": ["4"], "rows": ["400"]}
    desk.answer("budget", numbers)
    desk.spend(desk.confirmation(), agreed=True)
    wait(lambda: desk.state() not in ("working", "elsewhere"), 240)
    assert (desk.state(), desk.failed) == ("fitted", "")
    return desk.place.read(desk.place.facts)


@pytest.mark.slow
def test_facts_of_a_public_table_are_copied_and_the_certificate_says_by_whom(visits):
    desk = begun(visits)
    desk.answer("columns", {"facts": ["public"], "declared_by": ["The office"]})
    schema = Schema.load(desk.place.schema)
    assert schema.copied_from_data() == ()
    assert schema.declared_by.startswith("The office (")
    assert schema["sex"].categories == ("xantha", "zebulon")
    seen = pd.read_csv(visits)["seen"]
    ends = (schema["seen"].lower, schema["seen"].upper)
    assert (schema["seen"].kind, ends) == ("date", (seen.min(), seen.max()))
    words = commands.fit(desk.programs, desk.answers, desk.place, desk.ledger)
    assert "--no-discover" in words
    told = fitted(desk)
    kinds = {column["name"]: column["kind"] for column in told["columns"]}
    assert kinds == {"sex": "categorical", "age": "numeric", "seen": "date"}
    assert "The office" in json.dumps(told["certificate"])
    (fit,) = Book.open(desk.ledger).fits()
    assert "discovery" not in {event.stage for event in fit.events}


def test_a_code_book_says_the_facts_and_what_it_lacks_is_found(visits):
    desk = begun(visits)
    path = visits.with_name("book.json")
    BOOK.save(path)
    desk.answer("columns", {"facts": ["codebook"], "codebook": [str(path)]})
    assert Schema.load(desk.place.schema) == BOOK
    words = commands.fit(desk.programs, desk.answers, desk.place, desk.ledger)
    assert words[words.index("--schema") + 1] == str(desk.place.schema)
    assert "--no-discover" in words
    # a book that lacks a column leaves it to the budget
    BOOK.drop(["age"]).save(path)
    desk.answer("columns", {"facts": ["codebook"], "codebook": [str(path)]})
    words = commands.fit(desk.programs, desk.answers, desk.place, desk.ledger)
    assert "--discover" in words


def test_a_code_book_of_another_table_or_off_the_rows_is_refused(visits):
    desk = begun(visits)
    path = visits.with_name("book.json")
    form = {"facts": ["codebook"], "codebook": [str(path)]}
    extra = Column(name="height", kind="numeric", lower=0, upper=3, decimals=2)
    BOOK.model_copy(update={"columns": (*BOOK.columns, extra)}).save(path)
    with pytest.raises(AnswerError, match="height") as refused:
        desk.answer("columns", form)
    assert refused.value.field == "codebook"
    Schema.infer(pd.read_csv(visits)).save(path)
    with pytest.raises(AnswerError, match="copied from the data"):
        desk.answer("columns", form)
    assert desk.step() == "columns"


def test_text_that_is_dates_is_asked_about_and_typed_bounds_are_taken(visits):
    desk = begun(visits)
    shown = pages.render("columns", **pages.context(desk, "columns", {}, None))
    assert shown.count("Is it a date?") == 1
    assert "2024-0" not in shown  # no cell
    assert "seen" not in desk.answers.anew
    form = {"kind-2": ["date"], "lower-2": ["2020-01-01"], "upper-2": ["2030-12-31"]}
    desk.answer("columns", {"facts": ["budget"], **form})
    schema = Schema.load(desk.place.schema)
    assert schema.columns == BOOK.select(["seen"]).columns
    # shown again as it was typed
    again = pages.render("columns", **pages.context(desk, "columns", {}, None))
    assert 'value="date" selected' in again
    assert 'value="2020-01-01"' in again


@pytest.mark.parametrize(
    ("cells", "written"),
    [
        (["2024-01-31", "1999-12-01"], ("date", "")),
        (["31.01.2024", "01.12.1999"], ("date", "%d.%m.%Y")),
        (["31/01/2024", "01/12/1999"], ("date", "%d/%m/%Y")),
        (["01/31/2024", "12/01/1999"], ("date", "%m/%d/%Y")),
        (["2024-01-31T08:30", "1999-12-01 23:59:59"], ("datetime", "")),
        (["2024-01-31", "2024-02-30"], ("", "")),
        (["2024-01-31", "soon"], ("", "")),
        (["2024-01-31", 5], ("", "")),
        ([20240131], ("", "")),
        ([], ("", "")),
    ],
)
def test_text_is_taken_for_dates_only_where_every_cell_is_one(cells, written):
    assert work._written(pd.Series(cells, dtype=object)) == written


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({}, "kind-1"),
        ({"lower-1": ["2020-01-01"], "upper-1": ["soon"]}, "kind-1"),
        ({"lower-1": ["2020-01-01"], "upper-1": ["2019-01-01"]}, "kind-1"),
        (
            {
                "lower-1": ["2020-01-01"],
                "upper-1": ["2021-01-01"],
                "layout-1": ["%c"],
            },
            "layout-1",
        ),
    ],
)
def test_days_that_cannot_be_bounds_are_refused(form, field):
    now = Answers(table="/t.csv", names=("sex", "seen"), done=("table",))
    with pytest.raises(AnswerError) as refused:
        given.with_columns(now, {"facts": ["budget"], "kind-1": ["date"], **form}, ())
    assert refused.value.field == field


def test_a_typed_layout_stands_in_the_schema(tmp_path):
    now = Answers(table="/t.csv", names=("sex", "seen"), done=("table",))
    form = {"kind-1": ["date"], "lower-1": ["2020-01-01"], "upper-1": ["2021-12-31"]}
    form |= {"facts": ["budget"], "layout-1": ["%d.%m.%Y"]}
    after = given.with_columns(now, form, ())
    _kind, facts = commands.schema(after, Folder(tmp_path))
    assert Schema.from_dict(facts)["seen"].layout == "%d.%m.%Y"


def test_why_a_table_cannot_be_read_is_told_and_kept_in_no_file(visits):
    visits.write_text("sex,age\nxantha,30,quirkhollow\n", encoding="utf-8")
    with pytest.raises(AnswerError, match="rows do not fit its header") as refused:
        Desk(TINY).choose_table(str(visits))
    assert refused.value.field == "table"
    assert not str(refused.value).startswith("Error")
    place = Folder(Folder.beside(visits)).path
    assert not (place / "work.txt").exists()
