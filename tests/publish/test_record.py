"""The record of reports and certificates, and what it says of a choice."""

import json

import pytest

from fairveil import certify
from fairveil.errors import ConfigError, TableError
from fairveil.publish.record import CERTIFICATE, REPORT, UNKNOWN, Entry, Record

A, B, C = ("a" * 64, "b" * 64, "c" * 64)


@pytest.mark.parametrize(
    ("entries", "state"),
    [
        ((), "no report"),
        ((Entry(CERTIFICATE, B, C),), "no report"),
        ((Entry(REPORT, A, C),), "this release"),
        ((Entry(REPORT, A, C), Entry(CERTIFICATE, A, C)), "this release"),
        ((Entry(REPORT, A),), "this release"),  # a report of the model alone
        ((Entry(REPORT, B, C),), "another release"),
        ((Entry(REPORT, A, B),), "another release"),  # other rows of the same model
        ((Entry(REPORT, B, C), Entry(REPORT, A, C)), "another release"),
    ],
)
def test_a_choice_after_a_report_is_seen(entries, state):
    said = Record(entries).choice(A, C)
    assert said["state"] == state
    assert said["reports"] == sum(e.kind == REPORT for e in entries)
    assert said["sentence"].startswith("CHOSEN") == (state == "another release")


def test_without_a_release_the_model_is_compared():
    assert Record((Entry(REPORT, A, C),)).choice(A, "")["state"] == "this release"


def test_a_file_both_ways(tmp_path):
    record = Record().noting(Entry(REPORT, A, C)).noting(Entry(CERTIFICATE, A, C))
    record.save(tmp_path / "r.json")
    assert Record.load(tmp_path / "r.json") == record
    assert record.noting(Entry(CERTIFICATE, A, C)) == record
    assert Record.load(tmp_path / "none", missing=True) == Record()


def test_a_certificate_is_noted_and_tells(place, tmp_path):
    file = tmp_path / "r.json"
    first = certify(place / "m.fairveil", output=place / "s.csv", record=file)
    assert first.facts["choice"]["state"] == "no report"
    hashes = first.facts["hashes"]
    (entry,) = Record.load(file).entries
    assert entry == Entry(CERTIFICATE, hashes["model"], hashes["output"])
    Record.load(file).noting(Entry(REPORT, B, C)).save(file)
    second = certify(place / "m.fairveil", output=place / "s.csv", record=file)
    assert second.facts["choice"]["state"] == "another release"
    assert second.facts["choice"]["sentence"] in second.html()
    plain = certify(place / "m.fairveil", output=place / "s.csv")
    assert plain.facts["choice"] == UNKNOWN


@pytest.mark.parametrize(
    "content",
    [
        {},
        [],
        {"format": "fairveil-record", "version": 2, "entries": []},
        {"format": "fairveil-record", "version": 1, "entries": {}},
        {"format": "fairveil-record", "version": 1, "entries": [{"kind": "report"}]},
        {
            "format": "fairveil-record",
            "version": 1,
            "entries": [{"kind": "peek", "model": A, "output": ""}],
        },
        {
            "format": "fairveil-record",
            "version": 1,
            "entries": [{"kind": "report", "model": "x", "output": ""}],
        },
    ],
)
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "r.json").write_text(json.dumps(content))
    with pytest.raises(ConfigError):
        Record.load(tmp_path / "r.json")


def test_unreadable_places(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        Record.load(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(ConfigError, match="not JSON"):
        Record.load(tmp_path / "bad.json")
    with pytest.raises(TableError):
        Record().save(tmp_path / "no" / "r.json")
