"""``fairveil frontier`` end to end: files, words, and refusals of one line."""

import json
import xml.etree.ElementTree as ET
from functools import partial

import pytest

from fairveil import frontier as library
from fairveil.synthesizer import FairVeil
from test_cli import refused, run, worked

QUICK = ("--rows", "500", "--random-state", "0")
SMALL = ("--modes", "redraw", "--strengths", "0,1", *QUICK)

pytestmark = pytest.mark.usefixtures("quick_compile")


@pytest.fixture
def place(tmp_path, monkeypatch, tiny_model):
    """A folder with m.fairveil, which is the working folder; training is quick."""
    monkeypatch.chdir(tmp_path)
    quick = partial(library.frontier, generator="decoder")
    monkeypatch.setattr(library, "frontier", quick)
    tiny_model.save("m.fairveil")
    return tmp_path


def test_a_frontier_is_shown_drawn_and_written_and_its_best_saved(place, tiny_model):
    outputs = ("--plot", "f.svg", "--json", "f.json", "--save", "best.fairveil")
    roles = ("--target", "member", "--positive", "true", "--most-loss", ".5")
    result = worked("frontier", "m.fairveil", *SMALL, *roles, *outputs)
    shown = result.stdout
    assert "no privacy spent" in shown
    assert "Best with a loss of at most 0.5: redraw, strength" in " ".join(
        shown.split()
    )
    assert "fairveil sample best.fairveil" in shown
    assert all(name in shown for name in ("f.svg", "f.json", "AUROC"))
    assert max(map(len, shown.splitlines())) <= 80
    stages = result.stderr.splitlines()
    assert stages == ["... reference", "... baselines", "... candidates"]
    body = json.loads((place / "f.json").read_text(encoding="utf-8"))
    assert len(body["candidates"]) == 2
    assert body["fits"][0]["name"] == "m.fairveil"
    assert ET.parse("f.svg").getroot().tag.endswith("svg")
    best = FairVeil.load("best.fairveil")
    wanted = min(
        (c for c in body["candidates"] if c["loss"] <= 0.5),
        key=lambda c: (c["unfairness"], c["loss"]),
    )
    assert best.fairness == "redraw"
    assert best.strength == wanted["settings"]["strength"]
    before, after = (m.statement_.to_dict() for m in (tiny_model, best))
    for body in (before, after):
        body.pop("fairness", None)
    assert before == after
    assert len(best.sample(7)) == 7


def test_the_same_seed_shows_the_same(place):
    args = ("frontier", "m.fairveil", *SMALL)
    assert worked(*args).stdout == worked(*args).stdout


def test_without_a_good_one_it_says_so_and_saves_nothing(place):
    args = ("frontier", "m.fairveil", *SMALL, "--most-loss=-1")
    assert "No best release: every candidate loses more" in worked(*args).stdout
    told = _last(refused_late(*args, "--save", "b.fairveil"))
    assert told.startswith("Error: every candidate loses more than --most-loss; got -1")
    assert not (place / "b.fairveil").exists()


def refused_late(*args):
    """Standard error of a command that fails after it began."""
    result = run(*args)
    assert result.exit_code == 2
    return result.stderr


def _last(text):
    return text.splitlines()[-1]


def test_sobol_tries_so_many(place):
    args = ("--search", "sobol", "--trials", "3", "--modes", "redraw", *QUICK)
    worked("frontier", "m.fairveil", *args, "--json", "f.json")
    body = json.loads((place / "f.json").read_text(encoding="utf-8"))
    assert (body["search"], len(body["candidates"])) == ("sobol", 3)


def test_legitimate_columns_and_shares_go_through_and_the_best_is_named_by_its_measure(
    place,
):
    args = ("--modes", "redraw", "--strengths", "1", *QUICK, "--most-loss", "1")
    dials = ("--legitimate", "city", "--by", "hidden", "--json", "f.json")
    result = worked("frontier", "m.fairveil", *args, *dials)
    assert "beyond what legitimate ones tell" in " ".join(result.stdout.split())
    body = json.loads((place / "f.json").read_text(encoding="utf-8"))
    assert body["candidates"][0]["settings"]["legitimate"] == ["city"]
    shares = ("--shares", "sex:f=.9", "--json", "g.json")
    worked("frontier", "m.fairveil", *args, *shares)
    body = json.loads((place / "g.json").read_text(encoding="utf-8"))
    assert body["candidates"][0]["settings"]["shares"] == {"sex": {"f": 0.9}}


def test_help_has_an_example_and_names_no_table():
    text = worked("frontier", "--help").stdout
    assert "Example: fairveil frontier model.fairveil" in text
    assert "no privacy spent" in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 80
    assert "TABLE" not in text


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("nowhere.fairveil",), "the model file cannot be read"),
        (("m.fairveil", "--strengths", "a,b"), "--strengths must be numbers with"),
        (("m.fairveil", "--clusters", "2.5"), "--clusters must be numbers with"),
        (("m.fairveil", "--strengths", "3"), "--strengths must lie between 0 and 1"),
        (("m.fairveil", "--modes", "magic"), "--modes is unknown; got 'magic'"),
        (("m.fairveil", "--modes", "outcome"), "the mode outcome needs a target"),
        (("m.fairveil", "--target", "nobody"), "target is unknown; got 'nobody'"),
        (("m.fairveil", "--positive", "yes"), "positive needs a target"),
        (("m.fairveil", "--sensitive", "nobody"), "sensitive is unknown"),
        (("m.fairveil", "--search", "magic"), "'magic' is not one of"),
        (("m.fairveil", "--proxies", "a"), "--proxies must be numbers with"),
        (("m.fairveil", "--proxies", "2"), "proxies must lie between 0 and 1"),
        (("m.fairveil", "--legitimate", "nobody"), "legitimate is unknown"),
        (("m.fairveil", "--shares", "sex"), "shares cannot be read"),
        (("m.fairveil", "--by", "magic"), "'magic' is not one of"),
        (("m.fairveil", "--plot", "f.png"), "a plot is an SVG file"),
        (("m.fairveil", "--save", "m.fairveil"), "would overwrite an input"),
        (("m.fairveil", "--json", "a", "--plot", "a"), "would overwrite an input"),
        (("m.fairveil", "--json", "no/f.json"), "the folder of the output does not"),
        (("m.fairveil", "m.fairveil"), "each fit needs a name of its own"),
        (("t.csv",), "not a fairveil model"),
        ((), "Missing argument 'MODEL...'"),
    ],
)
def test_a_wrong_command_line_is_one_line(place, args, told):
    (place / "t.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    assert told in refused("frontier", *args)
