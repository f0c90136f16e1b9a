"""Wrong command lines: each tells what it got and what to try, in options' words."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

import fairveil
from fairveil import _cli_names
from fairveil.cli import app
from fairveil.errors import problem
from fairveil.schema import Schema
from fairveil.synthesizer import FairVeil
from fairveil.tables.files import write_table

FIT = "fit t.csv --schema s.json -o out.fairveil"
SAMPLE = "sample m.fairveil -n 5 -o a.csv"
REFINE = "refine m.fairveil -o r.fairveil"
FRONTIER = "frontier m.fairveil"
EVALUATE = "evaluate t.csv t.csv"
PLAN = "plan --rows 100 --columns 3"
WRONG = (
    f"{FIT} --epsilon abc",
    f"{FIT} --epsilon 0",
    f"{FIT} --epsilon nan",
    f"{FIT} --delta 0",
    f"{FIT} --delta 2",
    f"{FIT} --strength 2",
    f"{FIT} --blind 2",
    f"{FIT} --proxies 3",
    f"{FIT} --fairness outcome",
    f"{FIT} --fairness outcome --sensitive sex",
    f"{FIT} --target sex",
    f"{FIT} --sensitive sex --target age",
    f"{FIT} --sensitive sex --fairness outcome --target sex",
    f"{FIT} --sensitive sex --legitimate sex",
    f"{FIT} --sensitive sex,sex",
    f"{FIT} --sensitive gender",
    f"{FIT} --legitimate sex",
    f"{FIT} --sensitive sex --fairness none --proxies .5",
    f"{FIT} --shares sex",
    f"{FIT} --shares equal --sensitive sex --strength .5",
    f"{FIT} --shares sex:f=.9,m=.9 --sensitive sex",
    f"{FIT} --shares sex:x=.9 --sensitive sex",
    f"{FIT} --shares city:west=.9 --sensitive sex",
    f"{FIT} --shares equal --sensitive age",
    f"{FIT} --shares sex:f=-1 --sensitive sex",
    f"{FIT} --unit row",
    f"{FIT} --unit patient",
    f"{FIT} --unit sex",
    f"{FIT} --max-rows-per-unit 0",
    f"{FIT} --max-rows-per-unit abc",
    f"{FIT} --group-budget 2",
    f"{FIT} --group-budget .5",
    f"{FIT} --discovery-share 0",
    f"{FIT} --discovery-share .9",
    f"{FIT} --random-state -1",
    f"{FIT} --insecure-noise-seed -1",
    f"{FIT} --ledger none.json",
    f"{FIT} --statement t.csv",
    f"{FIT} --checkpoint no/part",
    "fit none.csv -o o.fairveil",
    "fit p.csv -o o.fairveil",
    "fit less.csv --schema s.json -o o.fairveil",
    "fit t.csv --schema draft.json -o o.fairveil",
    "fit t.csv --schema part.json -o o.fairveil",
    "fit t.csv --schema none.json -o o.fairveil",
    "fit t.csv --schema t.csv -o o.fairveil",
    "schema -o x.json",
    "schema t.csv --from-sdv x -o x.json",
    "schema t.csv --sdv-table x -o x.json",
    "schema t.csv --declared-by x -o x.json",
    "schema --from-sdv s.json --declare-public -o x.json",
    "schema --from-sdv none.json -o x.json",
    "plan --rows x",
    "plan --rows 0 --columns 3",
    "plan --rows 100",
    f"{PLAN} --schema s.json",
    f"{PLAN} --group 2",
    f"{PLAN} --max-rows-per-unit 0",
    f"{PLAN} --epsilon inf",
    f"{PLAN} --delta 0",
    "sample m.fairveil -n x -o a.csv",
    "sample m.fairveil -n 1.5 -o a.csv",
    "sample m.fairveil -n -5 -o a.csv",
    "sample t.csv -n 5 -o a.csv",
    "sample none.fairveil -n 5 -o a.csv",
    "sample m.fairveil -n 5 -o a.txt",
    f"{SAMPLE} --random-state -1",
    f"{SAMPLE} --where x",
    f"{SAMPLE} --where sex=q",
    f"{SAMPLE} --where age=abc",
    f"{SAMPLE} --where age=5..3",
    f"{SAMPLE} --where age=500",
    f"{SAMPLE} --where age=",
    f"{SAMPLE} --where member=perhaps",
    f"{SAMPLE} --where sex=f --where sex=m",
    f"{SAMPLE} --balance x",
    f"{SAMPLE} --balance age",
    f"{SAMPLE} --balance sex:",
    f"{SAMPLE} --balance sex:f=2",
    f"{SAMPLE} --balance age:0..18=.5",
    f"{SAMPLE} --balance age:20..30=.5,25..40=.5",
    f"{SAMPLE} --balance sex:f=.4,m=.4",
    f"{SAMPLE} --balance sex --where sex=f",
    "complete m.fairveil t.csv -o a.csv --keep-missing x",
    "complete m.fairveil other.csv -o a.csv",
    f"{REFINE} --fairness outcome",
    f"{REFINE} --clusters 0",
    f"{REFINE} --clusters 99",
    f"{REFINE} --target age",
    f"{REFINE} --random-state -2",
    f"{FRONTIER} --modes magic",
    f"{FRONTIER} --best magic",
    f"{FRONTIER} --target nobody",
    f"{FRONTIER} --strengths x",
    f"{FRONTIER} --strengths 2",
    f"{FRONTIER} --rows 5",
    f"{FRONTIER} --trials 2",
    f"{FRONTIER} --plot x.png",
    f"{FRONTIER} --target sex",
    f"{FRONTIER} --target city --positive q",
    f"{FRONTIER} --target city",
    f"{FRONTIER} m.fairveil",
    f"{EVALUATE} --positive x",
    f"{EVALUATE} --sensitive x",
    f"{EVALUATE} --holdout 2",
    f"{EVALUATE} --holdout none.csv",
    f"{EVALUATE} --seed -1",
    f"{EVALUATE} --legitimate age",
    f"{EVALUATE} --sensitive sex --target city --positive q",
    f"{EVALUATE} --sensitive sex --target member --legitimate sex",
    "evaluate t.csv other.csv",
    "resume none.fairveil -o y",
    "verify none.json",
    "verify s.json",
    "certify m.fairveil",
    "certify m.fairveil --output t.csv -o c.txt",
    "certify m.fairveil --output none.csv -o c.html",
    "certify m.fairveil --json --output t.csv -o c.html",
    "ledger show none.ledger",
    "demo --rows 1",
    "demo --epsilon abc",
    "demo --seed -1",
)
# what says it all without: nothing was given, or one of two things is missing
GOT_NOTHING = (
    f"{FIT} --fairness outcome",
    "fit t.csv -o o.fairveil --no-discover",
    f"{FRONTIER} --positive f",
    f"{FRONTIER} --modes outcome",
    f"{FRONTIER} --sensitive=",
    "fit t.csv",
    f"{FIT} --epsilon",
)


@pytest.fixture(scope="module")
def place(tmp_path_factory, tiny_table, tiny_schema, tiny_model):
    """A folder with right and wrong files."""
    folder = tmp_path_factory.mktemp("wrong")
    tiny_model.save(folder / "m.fairveil")
    tiny_schema.save(folder / "s.json")
    tiny_schema.drop(["age"]).save(folder / "part.json")
    Schema.infer(tiny_table).save(folder / "draft.json")
    write_table(tiny_table, folder / "t.csv")
    write_table(tiny_table.drop(columns=["pay"]), folder / "less.csv")
    write_table(tiny_table.assign(phone=1), folder / "p.csv")
    write_table(tiny_table[["sex"]].set_axis(["zz"], axis=1), folder / "other.csv")
    return folder


def told(place, monkeypatch, line):
    """The error of a wrong command line."""
    monkeypatch.chdir(place)
    done = CliRunner().invoke(app, line.split(), prog_name="fairveil")
    assert done.exit_code == 2, done.output
    last = done.stderr.splitlines()[-1]
    assert last.startswith("Error: ")
    return last


def parser(*words):
    """The real parser of a command."""
    found: Any = typer.main.get_command(app)
    for word in words:
        found = found.commands[word]
    return found


def arguments(command):
    """Names of the arguments of a command."""
    return {param.name for param in command.params}


def python_names(text, command):
    """What only a program would say: ``name=value``, ``a_name``, ``f(x)``."""
    said = re.sub(r"; got .*?(?=; try |\.$)", "", text)
    names = "|".join(arguments(command))
    found = re.findall(rf"(?<![-\w.])(?:{names})=(?!=)\S+", said)
    found += re.findall(r"\b[a-z]+_[a-z_]+\b", said)
    return found + re.findall(r"\w+\((?![a-z-]+ )\S*\)|[\[{].*[\]}]", said)


@pytest.mark.parametrize("line", [*WRONG, *GOT_NOTHING])
def test_a_wrong_line_says_what_it_got_and_what_to_try(place, monkeypatch, line):
    said = told(place, monkeypatch, line)
    assert "; try " in said, said
    if line not in GOT_NOTHING:
        assert "; got " in said, said
    words = line.split()
    command = parser(*(words[:2] if words[0] == "ledger" else words[:1]))
    assert not python_names(said.replace("metadata.save_to_json", ""), command), said
    assert "----" not in said


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        (
            f"{FIT} --epsilon abc",
            "'--epsilon': it must be a number; got 'abc'; try 'fairveil fit --help'.",
        ),
        (f"{FIT} --epsilon", "try 'fairveil fit --help'."),
        (f"{FIT} --fairness outcome", "try --target income, --sensitive sex."),
        (f"{FIT} --sensitive sex --target age", "try --fairness outcome, or leaving"),
        ("fit p.csv -o o", "--personal-data replace (plausible fakes), or --personal"),
        ("fit t.csv -o o --no-discover", "try --discover to measure them"),
        ("fit t.csv -o o --no-discover", "'fairveil schema TABLE --declare-public'"),
        (f"{FRONTIER} --strengths 2", "--strengths must lie between 0 and 1"),
        (f"{FRONTIER} --trials 2", "fewer choices, or --search sobol."),
        (f"{SAMPLE} --where age=5..3", "got 5..3; try the lower end first."),
        (f"{SAMPLE} --balance age", "try age:0..18=0.5."),
        ("sample m.fairveil -n -5 -o a.csv", "--number must be an integer"),
    ],
)
def test_hints_can_be_typed(place, monkeypatch, line, hint):
    assert hint in told(place, monkeypatch, line)


def test_arguments_of_a_fit_and_their_options_are_called_alike():
    """The translation goes by names: each argument that is an option has its name."""
    options = {
        name: opts[0] for name, opts in _cli_names.options_of(parser("fit")).items()
    }
    own = set(FairVeil.__init__.__kwdefaults__ or ()) & set(options)
    assert {"epsilon", "target", "sensitive", "discover", "unit"} <= own
    assert {options[name] for name in own} == {
        "--" + name.replace("_", "-") for name in own
    }
    for name in own:
        said = _cli_names.said(
            problem(f"{name} must be so", try_=f"{name}='x'"), parser("fit")
        )
        assert said == f"{options[name]} must be so; try {options[name]} x."


def test_options_of_another_name_are_there():
    every = [parser("sample"), parser("frontier"), parser("schema")]
    known = set().union(*(_cli_names.options_of(command) for command in every))
    assert set(_cli_names.OTHER.values()) <= known


def test_phrases_are_still_said_by_the_library():
    root = Path(fairveil.__file__).parent
    texts = [
        p.read_text("utf-8") for p in root.rglob("*.py") if p.name != "_cli_names.py"
    ]
    source = re.sub(r'"\s*\n\s*f?"', "", "\n".join(texts))
    for phrase in _cli_names.PHRASES:
        assert phrase in source


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "target is unknown; got 'target=1'; try x.",
            "--target is unknown; got 'target=1'; try x.",
        ),
        ("no; got 'a_b'.", "no; got 'a_b'."),
        ("no; try discover=False.", "no; try --no-discover."),
        ("no; try sensitive=['a', 'b'].", "no; try --sensitive a,b."),
        ("no; try nothing='a'.", "no; try nothing='a'."),
    ],
)
def test_only_the_words_of_the_library_are_said_anew(text, said):
    assert _cli_names.said(text, parser("fit")) == said


def test_without_a_command_nothing_is_said_anew():
    assert _cli_names.said("no; try target='x'.", None) == "no; try target='x'."
