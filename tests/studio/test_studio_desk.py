"""The desk: what may be done when, one act of spending, and what a death leaves."""

import csv
import json
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest
from studio_desk import posted, wait
from studio_programs import TINY

from fairveil.errors import ConfigError
from fairveil.privacy.book import Book
from fairveil.studio import commands, pages
from fairveil.studio.answers import AnswerError
from fairveil.studio.desk import ASKED, Desk
from fairveil.studio.folder import Folder
from fairveil.studio.jobs import BusyError, Job, Lock

HERE = Path(__file__).parent


def test_questions_come_in_their_order(table, desk):
    assert desk.step() == "confirm"
    new = Desk(desk.programs)
    with pytest.raises(ConfigError, match="no table"):
        new.answer("unit", {})
    new.choose_table(str(table), str(table.parent / "other"))
    assert new.step() == "unit"
    with pytest.raises(ConfigError, match="earlier question"):
        new.answer("budget", {})
    with pytest.raises(ConfigError, match="earlier question"):
        new.confirmation()


def test_an_answer_that_changes_opens_the_later_questions_again(desk):
    assert desk.answers.done == ASKED
    desk.answer("unit", {"person": ["column"], "unit": ["town"], "most_rows": ["3"]})
    assert desk.step() == "columns"
    assert desk.answers.epsilon == 1.0  # kept, to be confirmed


def test_columns_that_identify_are_proposed_and_never_learnt(desk):
    assert "email" in desk.answers.anew
    assert "email" not in desk.answers.learnt
    schema = json.loads(desk.place.schema.read_text(encoding="utf-8"))
    (column,) = schema["columns"]
    assert (column["name"], column["kind"]) == ("email", "identifier")
    assert stat.S_IMODE(desk.place.path.stat().st_mode) == 0o700
    assert stat.S_IMODE(desk.place.schema.stat().st_mode) == 0o600


def test_the_draft_is_not_kept_on_the_disk(desk):
    kept = "".join(p.read_text("utf-8") for p in desk.place.path.glob("*.json"))
    assert "different" not in kept
    assert "unique" not in kept


def test_the_fit_is_the_command_that_a_person_would_give(desk):
    words = commands.fit(desk.programs, desk.answers, desk.place, desk.ledger)
    own = words[len(desk.programs.fairveil) :]
    assert own[2:4] == ["fit", desk.answers.table]
    assert "--sensitive=sex" in own
    assert "--discover" in own
    assert own[own.index("--epsilon") + 1] == "1.0"
    assert "--ledger" not in own  # it lies beside the table


def test_names_with_commas_and_dashes_stay_one_word():
    joined = commands._joined(["a,b", "--c", 'd"e'])
    assert next(csv.reader([joined])) == ["a,b", "--c", 'd"e']


def test_the_budget_is_spent_once_whatever_the_number_of_tabs(desk):
    ticket = desk.confirmation()
    assert desk.confirmation() == ticket  # a second tab shows the same
    with pytest.raises(AnswerError, match="agreed"):
        desk.spend(ticket, agreed=False)
    outcomes = []

    def spend():
        try:
            desk.spend(ticket, agreed=True)
            outcomes.append("spent")
        except BusyError:
            outcomes.append("refused")

    tabs = [threading.Thread(target=spend) for _ in range(8)]
    for tab in tabs:
        tab.start()
    for tab in tabs:
        tab.join()
    assert sorted(outcomes) == ["refused"] * 7 + ["spent"]
    assert [e["what"] for e in desk.place.journal()] == ["spending confirmed"]
    with pytest.raises(BusyError):
        desk.answer("budget", {})


def test_two_tabs_of_one_server_spend_once(studio, desk):
    _server, address = studio
    with httpx.Client(base_url=address) as tab:
        form = {"ticket": desk.confirmation(), "agreed": "yes"}
        first, second = posted(tab, "confirm", form), posted(tab, "confirm", form)
    assert (first.status_code, first.headers["location"]) == (303, "work")
    assert second.status_code == 409
    assert "Work is going on" in second.text


def test_a_second_server_can_see_and_stop_but_not_spend(desk, table):
    desk.spend(desk.confirmation(), agreed=True)
    wait(lambda: desk.job.progress.part)
    other = Desk(desk.programs)
    other.folder = desk.folder
    with pytest.raises(BusyError):
        other.choose_table(str(table))
    assert other.state() == "elsewhere"
    other.stop()
    assert desk.job.wait(120) == 130
    assert other.state() == "asking"
    assert desk.state() == "asking"
    assert "Interrupted" in desk.failed
    assert {"what": "work ended", "kind": "fit", "code": 130} in desk.place.journal()


def test_progress_tells_stage_spending_and_time_left(desk):
    desk.spend(desk.confirmation(), agreed=True)
    wait(lambda: desk.job.progress.part)
    told = desk.job.progress
    assert (told.stage, told.part) == ("marginals", 0.5)
    shown = pages.render("work", **pages.context(desk, "work", {}, None))
    assert pages.STAGES["marginals"] in shown
    assert 'aria-current="step"><span class="label">Spend it' in shown
    assert told.spent == "epsilon 0.4 of 1"
    assert told.left.endswith("s")


def test_a_paid_fit_whose_model_is_missing_can_be_finished(desk, monkeypatch):
    monkeypatch.setenv("FAIRVEIL_STUB", "part")
    desk.spend(desk.confirmation(), agreed=True)
    wait(lambda: desk.state() == "paid")
    assert "the disk is full" in desk.failed
    with pytest.raises(ConfigError, match="spent"):
        desk.confirmation()
    monkeypatch.setenv("FAIRVEIL_STUB", "model")
    desk.resume()
    wait(lambda: desk.state() == "fitted")
    with pytest.raises(ConfigError, match="spent"):
        desk.answer("budget", {})


def test_a_cap_that_has_no_room_is_said_before_anything_is_begun(desk):
    Book.create(desk.ledger, name="x", epsilon=0.5, delta=1e-4)
    with pytest.raises(ConfigError, match="no room"):
        desk.spend(desk.confirmation(), agreed=True)
    assert Book.open(desk.ledger).fits() == ()
    assert desk.job is None


def test_a_report_has_to_be_agreed_to_and_is_put_on_record_first(desk):
    folder = desk.place.release(1)
    folder.mkdir()
    (folder / "certificate.json").write_text("{}", encoding="utf-8")
    with pytest.raises(AnswerError, match="agreed"):
        desk.report(1, agreed=False)
    with pytest.raises(ConfigError, match="no such release"):
        desk.report(2, agreed=True)
    assert desk.place.journal() == []
    desk.report(1, agreed=True)
    assert desk.place.journal()[0]["what"] == "report opened"


def test_ends_have_no_time_since_a_fit_takes_longer_with_more_rows(desk):
    desk.place.note("a")
    desk.place.ended("fit", 0)
    began, ended = desk.place.journal()
    assert set(began) == {"at", "what"}
    assert set(ended) == {"what", "kind", "code"}


def test_a_lock_is_held_by_the_child_alone(tmp_path):
    lock = Lock(tmp_path / "work.lock")
    words = [sys.executable, "-c", "import time; time.sleep(60)"]
    job = Job("fit", words, tmp_path, lock=lock)
    assert lock.holder() == job._process.pid
    with pytest.raises(BusyError):
        Job("fit", words, tmp_path, lock=lock)
    job.stop()
    job.wait(120)
    assert lock.holder() is None


SERVE = """
import sys
from fairveil.studio.desk import Desk
from fairveil.studio.jobs import Programs
program = sys.argv[2]
desk = Desk(Programs(*((sys.executable, program, w) for w in ("fairveil", "work"))))
sys.path.insert(0, sys.argv[3])
from studio_desk import answered
desk.choose_table(sys.argv[1])
answered(desk, "20")
desk.spend(desk.confirmation(), agreed=True)
print("spent", flush=True)
desk.job.wait()
"""


@pytest.mark.slow
def test_a_killed_server_leaves_ledger_and_files_consistent(table, monkeypatch):
    """The fit waits in its private stage; a new server finds it, and can stop it."""
    here = table.with_name("here")
    monkeypatch.setenv("FAIRVEIL_TEST_WAIT", f"marginals {here}")
    program = str(HERE / "studio_program.py")
    words = [sys.executable, "-c", SERVE, str(table), program, str(HERE)]
    server = subprocess.Popen(words, stdout=subprocess.PIPE)
    assert server.stdout.readline() == b"spent\n"
    wait(here.exists, 300)
    server.send_signal(signal.SIGKILL)
    server.communicate()
    desk = Desk(TINY)
    desk.folder = Folder(Folder.beside(table))
    assert desk.state() == "elsewhere"
    (running,) = Book.open(f"{table}.ledger").fits()
    assert running.status == "open"
    desk.stop()
    wait(lambda: desk.state() == "asking")
    book = Book.open(f"{table}.ledger")
    (fit,) = book.fits()
    assert fit.status == "failed"
    assert {event.stage for event in fit.events} >= {"rows", "discovery", "one-way"}
    assert 0 < float(book.totals().epsilon_spent) < 20
    assert not desk.place.model.exists()
    assert not desk.place.part.exists()
    # the next confirmation names what was spent
    desk.choose_table(str(table))
    assert desk.step() == "confirm"
    assert float(desk.account().spent) > 0


def test_answers_are_found_again_by_a_new_server(desk, table):
    new = Desk(desk.programs)
    new.choose_table(str(table))
    assert new.answers == desk.answers
    table.write_text("other,names\n1,2\n", encoding="utf-8")
    new.choose_table(str(table))
    assert new.answers.done == ("table",)  # another table: all is asked again


@pytest.mark.parametrize(
    ("path", "field"), [("nothing.csv", "table"), ("people.txt", "table")]
)
def test_a_table_that_cannot_be_read_is_said_so(table, path, field):
    (table.parent / "people.txt").write_text("a", encoding="utf-8")
    with pytest.raises(AnswerError) as refused:
        Desk(TINY).choose_table(str(table.parent / path))
    assert refused.value.field == field
