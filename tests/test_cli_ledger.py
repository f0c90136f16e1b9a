"""The commands over a ledger file: what they print, and their exit codes."""

import json
import math
import re

import pytest
import typer
from typer.testing import CliRunner

from fairveil import _console
from fairveil._cli_ledger import ledger_app
from fairveil.privacy import events as ev, gdp
from fairveil.privacy.book import Book

app = typer.Typer(cls=_console.Commands)
app.add_typer(ledger_app, name="ledger")


@app.callback()
def _root():
    pass


def run(*args):
    words = ["ledger", *(str(arg) for arg in args)]
    return CliRunner().invoke(app, words, prog_name="fairveil")


def worked(*args):
    result = run(*args)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    return result.stdout


def refused(*args):
    """The one line of a failed command."""
    result = run(*args)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    return line


@pytest.fixture
def path(tmp_path):
    return tmp_path / "patients.csv.ledger"


@pytest.fixture
def begun(path):
    """A ledger with a fit that ended and one that runs."""
    worked("cap", path, "--epsilon", "2", "--delta", "1e-5", "--name", "patients 2026")
    book = Book.open(path)
    rho = gdp.calibrate_rho(1.0, 1e-6)
    asked = {"unit": "row", "epsilon": 1.0, "target_delta": 1e-6}
    with book.begin(rho=rho, delta=0.0, label="spring", **asked) as entry:
        stddev = math.sqrt(0.5 / rho) * (1 + 1e-9)
        entry.record(
            ev.Gaussian(stage="s", what="w", sensitivity=1.0, noise_stddev=stddev)
        )
    running = book.begin(rho=0.5 * rho, delta=0.0, label="summer", **asked)
    yield path
    running.close()


def test_cap_begins_a_ledger_and_warns(path):
    said = worked("cap", path, "--epsilon", 3, "--delta", 1e-5, "--name", "patients")
    assert "Ledger:  patients (unit: row)" in said
    assert "Cap:     epsilon = 3, delta = 1e-05" in said
    assert "Spent:   epsilon = 0 at this delta, by 0 fits that ended" in said
    assert "under two names" in said
    assert Book.open(path).name == "patients"


def test_cap_begins_a_ledger_of_persons(path):
    args = ("cap", path, "--epsilon", 3, "--delta", 1e-5, "--name", "p")
    assert "(unit: patient)" in worked(*args, "--unit", "patient")
    assert Book.open(path).unit == "patient"


def test_cap_changes_the_cap_on_the_record(begun):
    args = ("cap", begun, "--epsilon", 4, "--delta", 1e-5)
    assert "epsilon = 4" in worked(*args, "--reason", "a second year")
    worked(*args, "--name", "patients 2026", "--unit", "row")
    caps = Book.open(begun).caps()
    assert [cap.epsilon for cap in caps] == [2.0, 4.0, 4.0]
    assert caps[1].reason == "a second year"


def test_cap_refuses_what_cannot_change_and_what_is_impossible(begun, tmp_path):
    args = ("cap", begun, "--epsilon", 4, "--delta", 1e-5)
    assert "of another name" in refused(*args, "--name", "others")
    assert "of another unit" in refused(*args, "--unit", "patient")
    assert "--name" in refused("cap", tmp_path / "x", "--epsilon", 4, "--delta", 1e-5)
    assert "epsilon" in refused("cap", begun, "--epsilon", "inf", "--delta", 1e-5)
    assert "delta" in refused("cap", begun, "--epsilon", 1, "--delta", 0)
    assert "Missing option" in refused("cap", begun, "--epsilon", 1)
    assert len(Book.open(begun).caps()) == 1


def test_show_tells_cap_spent_held_left_and_each_fit(begun):
    said = worked("show", begun)
    totals = Book.open(begun).totals()
    spent, held, left = (
        float(re.search(pattern, said).group(1))
        for pattern in (
            r"Spent: +epsilon = ([0-9.]+) at",
            r"with that, epsilon = ([0-9.]+)\n",
            r"Left: +epsilon = ([0-9.]+) for",
        )
    )
    assert totals.epsilon_spent <= spent <= totals.epsilon_spent * 1.001
    assert totals.epsilon <= held <= totals.epsilon * 1.001
    assert totals.epsilon_left * 0.999 <= left <= totals.epsilon_left
    assert re.search(r"1  \S+  closed +(1|0\.999\d+)  spring", said)
    assert re.search(r"2  \S+  running +0\.\d+  summer", said)
    assert totals.head in said
    assert "under two names" in said
    assert max(map(len, said.splitlines())) <= 80


def test_show_of_a_new_ledger(path):
    worked("cap", path, "--epsilon", 3, "--delta", 1e-5, "--name", "p")
    assert "No fit yet." in worked("show", path)


def test_show_as_json_is_the_whole_truth(begun):
    facts = json.loads(worked("show", begun, "--json"))
    assert facts["name"] == "patients 2026"
    assert facts["cap"]["epsilon"] == 2.0
    assert [fit["status"] for fit in facts["fits"]] == ["closed", "running"]
    (event,) = facts["fits"][0]["events"]
    assert ev.from_dict(event).rho == pytest.approx(facts["spent"]["rho"])
    assert facts["held"]["rho"] == pytest.approx(facts["fits"][1]["reserved"]["rho"])
    assert facts["within_cap"] is True
    assert "two names" in facts["limits"]


def test_show_says_when_the_cap_is_passed(begun):
    worked("cap", begun, "--epsilon", 0.5, "--delta", 1e-5)
    assert "OVER THE CAP" in worked("show", begun)
    assert "Left:    epsilon = 0 " in worked("show", begun)


def test_verify_agrees_by_a_second_accountant(begun):
    said = worked("verify", begun)
    assert re.search(r"Second accountant: epsilon = 1\.\d+ \(dp-accounting", said)
    assert "Lines:   5, none changed." in said
    assert "\nVERIFIED\n" in said
    facts = json.loads(worked("verify", begun, "--json"))
    assert facts["ok"] is True
    assert facts["second_epsilon"] == pytest.approx(
        facts["totals"]["epsilon"], rel=1e-3
    )


def failed(*args):
    result = run(*args)
    assert result.exit_code == 1
    assert result.stderr == ""
    return result.stdout


def test_verify_finds_a_changed_line(begun):
    data = begun.read_bytes()
    begun.write_bytes(data.replace(b"spring", b"autumn"))
    said = failed("verify", begun)
    assert "line 2 of the ledger file" in said
    assert "NOT VERIFIED" in said
    assert json.loads(failed("verify", begun, "--json"))["intact"] is False
    assert "line 2 of the ledger file" in refused("show", begun)
    assert "line 2" in refused("cap", begun, "--epsilon", 9, "--delta", 1e-5)
    begun.write_bytes(data)


def test_verify_finds_a_cap_that_is_passed(begun):
    worked("cap", begun, "--epsilon", 0.5, "--delta", 1e-5)
    assert "NOT VERIFIED" in failed("verify", begun)
    facts = json.loads(failed("verify", begun, "--json"))
    assert (facts["intact"], facts["ok"]) == (True, False)


def test_verify_finds_a_missing_end_by_a_noted_hash(begun):
    head = Book.open(begun).totals().head
    worked("verify", begun, "--head", head)
    data = begun.read_bytes()
    begun.write_bytes(b"".join(data.splitlines(keepends=True)[:-1]))
    worked("verify", begun)
    assert f"Missing: the noted hash {head}" in " ".join(
        failed("verify", begun, "--head", head).split()
    )
    begun.write_bytes(data)


def test_verify_tells_of_a_cut_line(begun):
    data = begun.read_bytes()
    begun.write_bytes(data + b'{"kind":"ev')
    assert "cut off" in worked("verify", begun)
    assert json.loads(worked("verify", begun, "--json"))["cut"] is True
    begun.write_bytes(data)


def test_verify_tells_of_prices_that_rose(begun, monkeypatch):
    rho = ev.Gaussian.rho.fget
    monkeypatch.setattr(ev.Gaussian, "rho", property(lambda event: 1.5 * rho(event)))
    assert "Prices:  higher by now for 1 event, and" in worked("verify", begun)
    assert json.loads(worked("verify", begun, "--json"))["cheap"] == 1


def test_verify_without_the_second_accountant_says_so(begun, monkeypatch):
    monkeypatch.setattr("fairveil.privacy._book_verify.find_spec", lambda _name: None)
    assert "dp-accounting is not installed" in worked("verify", begun)


@pytest.mark.parametrize("command", ["show", "verify"])
def test_a_missing_file_is_one_line(command, tmp_path):
    assert "no such ledger file" in refused(command, tmp_path / "none")


@pytest.mark.parametrize("command", ["show", "cap", "verify"])
def test_each_command_has_help_with_an_example(command):
    said = worked(command, "--help")
    assert f"Example: fairveil ledger {command} patients.csv.ledger" in said
    assert max(map(len, said.splitlines())) <= 80


def test_the_group_alone_shows_its_commands():
    said = worked()
    assert all(f" {command} " in said for command in ("show", "cap", "verify"))
