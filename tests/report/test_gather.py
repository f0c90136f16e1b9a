"""What a report gathers: the right rows in the right places; its note in a record."""

import hashlib
import json
import re
import shutil
from pathlib import Path

import pytest

from fairveil import certify
from fairveil.datasets import load_adult
from fairveil.errors import ConfigError, TableError
from fairveil.evaluate import tvd
from fairveil.publish.record import Record
from fairveil.report.gather import internal_report
from fairveil.report.result import read
from fairveil.tables.files import read_table


def _hash(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def quick(monkeypatch):
    """The slow parts are left out, where a test is about the others."""
    empty = {k: {} for k in ("utility", "outcome", "honesty", "group_fidelity")}
    empty["probe"] = {"synthetic": [], "real": []}
    report = "fairveil.evaluate.report"
    monkeypatch.setattr(report, lambda *_a, **roles: {**empty, **roles, "target": None})


def test_it_is_about_these_files_and_never_names_the_table(made, place):
    text = json.dumps(made.to_dict(), allow_nan=False)
    assert made.identity.model == _hash(place / "m.fairveil")
    assert made.identity.release == _hash(place / "s.csv")
    for name in ("real.csv", "control.csv"):
        assert _hash(place / name) not in text
    assert dict(made.identity.rows) == {"real": 400, "control": 300, "synthetic": 400}
    assert made.to_dict()["private"] is False


def test_figures_are_those_of_evaluate(made, place):
    real, release = (
        read_table(place / name, typed=True) for name in ("real.csv", "s.csv")
    )
    for one in made.errors:
        assert one.mean == pytest.approx(tvd(real, release, ways=one.ways).mean)
    assert [one.column for one in made.columns] == list(real.columns)
    utility = made.evaluation["utility"]
    assert utility["real"]["n_train"] == utility["synthetic"]["n_train"] == 400
    assert utility["synthetic"]["n_test"] == 300  # the control rows judge
    assert made.evaluation["sensitive"] == ["sex", "city"]
    assert made.evaluation["legitimate"] == ["visits"]
    assert (made.risks.n_train, made.risks.n_control) == (400, 300)
    assert {a.target for a in made.risks.of("inference")} == {"sex", "city", "member"}


def test_without_control_rows_it_says_so(place, quick):
    made = internal_report(
        place / "real.csv", place / "s.csv", place / "m.fairveil", attacks=False
    )
    assert made.risks is None
    assert made.identity.control is False
    assert any("No control rows" in text for text in made.warnings)
    assert "No attack was made." in made.warnings
    assert made.evaluation["sensitive"] == ["sex"]  # the model's


def test_it_is_noted_and_a_later_choice_is_seen(place, quick, tmp_path, tiny_model):
    record, other = tmp_path / "r.json", tmp_path / "other.csv"
    ask = {"attacks": False, "record": record}
    model = place / "m.fairveil"
    first = internal_report(place / "real.csv", place / "s.csv", model, **ask)
    assert first.identity.choice["state"] == "this release"
    (entry,) = Record.load(record).entries
    assert (entry.kind, entry.output) == ("report", _hash(place / "s.csv"))
    said = certify(model, output=place / "s.csv", record=record).facts["choice"]
    assert said["state"] == "this release"
    tiny_model.sample(100, random_state=9).to_csv(other, index=False)
    second = internal_report(place / "real.csv", other, model, **ask)
    assert any("earlier report was of another" in text for text in second.warnings)
    said = certify(model, output=other, record=record).facts["choice"]
    assert said["state"] == "another release"


@pytest.mark.parametrize(
    ("change", "kind", "said"),
    [
        ({"release": "real.csv"}, TableError, "release is the real table"),
        ({"release": "m.fairveil"}, Exception, "not supported"),
        ({"real": "lacking.csv"}, TableError, "lacks columns of the model"),
        ({"real": "n" * 1000 + ".csv"}, TableError, "table file cannot be read"),
        ({"positive": "x"}, ConfigError, "belongs to a target"),
        ({"sensitive": ["sex", "sex"]}, ConfigError, "sensitive"),
        ({"sensitive": ["x"]}, TableError, "no such column; got 'x'"),
        ({"target": "x"}, TableError, "no such column; got 'x'; try one of sex"),
        ({"secrets": ["x"]}, TableError, "no such column"),
        ({"target": "member", "positive": "x"}, ConfigError, "no value of the target"),
        ({"frontier": "s.csv"}, ConfigError, "not JSON"),
        ({"frontier": {"format": "fairveil-frontier"}}, ConfigError, "another fit"),
        ({"frontier": {"format": "else"}}, ConfigError, "no frontier"),
    ],
)
def test_what_cannot_be_reported_on(place, tmp_path, monkeypatch, change, kind, said):
    # a wrong word is told at once: nothing slow has run before
    monkeypatch.setattr("fairveil.evaluate.report", None)
    monkeypatch.setattr("fairveil.evaluate.associations", None)
    load_adult().head(20).to_csv(place / "lacking.csv", index=False)
    files = {"real": "real.csv", "release": "s.csv", "model": "m.fairveil", **change}
    on_disk = ("real", "release", "model", "frontier")
    names = {
        k: place / v if k in on_disk and isinstance(v, str) else v
        for k, v in files.items()
    }
    record = tmp_path / "r.json"
    with pytest.raises(kind, match=said):
        internal_report(**names, record=record)
    assert not record.exists()  # a report that was not made is not noted


def test_a_record_that_is_none_is_refused_before_the_work(place):
    names = [place / name for name in ("real.csv", "s.csv", "m.fairveil")]
    stages = []
    with pytest.raises(ConfigError, match="record file is not JSON"):
        internal_report(
            *names, record=place / "s.csv", progress=lambda *at: stages.append(at[0])
        )
    assert set(stages) == {"tables"}


def test_its_json_is_read_again(made, tmp_path):
    (path,) = made.save(tmp_path / "r.json")
    assert path.stat().st_mode & 0o077 == 0  # for its owner only
    assert read(path) == json.loads(json.dumps(made.to_dict()))
    path.write_text('{"format": "fairveil-report", "version": 99}')
    with pytest.raises(ConfigError, match="no report of this version"):
        read(path)
    with pytest.raises(ConfigError, match=r"\.html or \.json"):
        made.save(tmp_path / "r.pdf")


def test_the_block_of_the_page_runs(place, made, quick, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"real.csv": "table.csv", "s.csv": "synthetic.csv"}
    names |= {"control.csv": "kept-back.csv", "m.fairveil": "model.fairveil"}
    for file, name in names.items():
        shutil.copy(place / file, name)
    monkeypatch.setattr("fairveil.evaluate.privacy_risks", lambda *_a, **_k: made.risks)
    page = Path(__file__).parents[2] / "docs" / "report.md"
    text = page.read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    exec(compile(block.replace('"income"', '"member"'), "report.md", "exec"), {})
    assert Path("report.html").stat().st_size > 50_000
    assert read("report.json")["identity"]["rows"]["control"] == 300
