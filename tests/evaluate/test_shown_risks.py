"""What a screen shows of attacks: every rate, every state, in 80 columns."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from fairveil._console import show_evaluation
from fairveil.evaluate import privacy_risks, report, shown_risks
from fairveil.evaluate.results_risks import RISK_STATES


def _table(n, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    job = rng.choice(["a", "b", "c"], n)
    return pd.DataFrame({"x": x, "job": job, "a column of a long name": rng.random(n)})


TRAIN, CONTROL = _table(80, 0), _table(60, 1)


@pytest.fixture(scope="module")
def record():
    found = privacy_risks(TRAIN, TRAIN, CONTROL)
    return json.loads(json.dumps(found.to_dict(), allow_nan=False))


def test_each_cell_is_a_rate_of_the_record(record):
    heads, sections = shown_risks.table(record)
    assert len(heads) == 4
    assert [title.split(":")[0] for title, _ in sections] == [
        "Singling out",
        "Linkability",
        "Inference",
        "Membership",
    ]
    (name, _), (word, cells), (_, ends), (_, tries), (state, _) = sections[1][1]
    one = next(a for a in record["attacks"] if a["question"] == "linkability")
    assert name == one["name"]
    assert word == "  was right"
    keys = ("main", "control", "naive", "planted")
    assert cells == [f"{one[key]['value']:.3f}" for key in keys]
    assert float(ends[0].split("-")[0]) <= one["main"]["value"]
    assert tries == ["80", "60", "80", "80"]
    assert state == "  FINDING: beyond control"


def test_every_state_has_its_words_and_membership_its_own(record):
    assert set(shown_risks._STATES) == set(RISK_STATES)
    lines = dict(shown_risks.table(record)[1][3][1])
    assert "  claimed" in lines
    assert "attacks tell more" in shown_risks.words(record)[0]
    assert shown_risks.judged(record)


def test_without_control_the_screen_says_what_is_lacking():
    found = privacy_risks(TRAIN, TRAIN).to_dict()
    lines = shown_risks.table(found)[1][0][1]
    assert lines[1][1][1] == lines[1][1][3] == "-"
    told = " ".join(shown_risks.words(found))
    assert "--holdout" in told
    assert "Not even tried without them: membership." in told
    assert not shown_risks.judged(found)


def test_a_note_is_shown_and_all_fits_the_screen(record, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    whole = report(TRAIN, CONTROL, TRAIN)
    whole["privacy_risks"] = {**record, "notes": ["a thing to know"]}
    show_evaluation(whole)
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    assert "Note:" in text
    assert "a thing to know." in text
    assert "no guarantee" in text


def test_a_rate_of_one_and_of_nothing_are_shown():
    full = dataclasses.asdict(privacy_risks(TRAIN, TRAIN).attacks[0].main)
    one = {**full, "value": 1.0, "interval": {"low": 0.9, "high": 1.0}}
    assert shown_risks._share(one) == "1.000"
    assert shown_risks._between(one) == ".900-1.000"
    assert shown_risks._between(None) == shown_risks._attempts(None) == ""
