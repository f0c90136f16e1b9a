"""Where the steward is, and what may be done next: the studio without a page.

Secret: the draft of the table's columns (names, kinds, counts), which is held in memory
only. Guarantees:

- the budget is spent by one call, ``spend``, which needs the ticket of the confirmation
  that was shown; a ticket is good once, whatever the number of tabs;
- the answers cannot change while work goes on, nor after the budget was spent;
- releases are chosen by released and synthetic quantities; ``report`` comes after a
  release was chosen, is asked for apart, and both are put in the journal first.
"""

from __future__ import annotations

import hmac
import os
import secrets
import threading
from pathlib import Path
from typing import Any

from fairveil.errors import ConfigError, FairveilError, TableError, problem
from fairveil.privacy.book import Book, beside
from fairveil.studio import advice, answers as given, commands
from fairveil.studio.answers import AnswerError, Answers, Form
from fairveil.studio.folder import Folder
from fairveil.studio.jobs import INTERRUPTED, BusyError, Job, Programs, ask_to_stop
from fairveil.tables import files

STEPS = ("table", "unit", "columns", "roles", "readers", "budget", "confirm")
ASKED = STEPS[:-1]
_MOST_ROWS = 10_000_000


class Desk:
    """One steward's work on one table.

    Args:
        programs: how children are started.
    """

    def __init__(self, programs: Programs | None = None) -> None:
        self.programs: Programs = programs or Programs()
        self.answers: Answers = Answers()
        self.folder: Folder | None = None
        self.draft: dict[str, Any] = {}
        self.job: Job | None = None
        self.failed: str = ""
        self.ticket: str = ""
        self._latch = threading.RLock()

    @property
    def place(self) -> Folder:
        """The folder of the decision.

        Raises:
            ConfigError: no table was chosen yet.
        """
        if self.folder is None:
            raise ConfigError(problem("no table was chosen yet", try_="choosing one"))
        return self.folder

    @property
    def ledger(self) -> Path:
        """The ledger file: beside the table, or in the folder where that cannot be."""
        own = beside(self.answers.table)
        usable = own.exists() or os.access(own.parent, os.W_OK)
        return own if usable else self.place.path / own.name

    def account(self) -> advice.Account:
        """What the ledger says, now and with the planned fit."""
        return advice.account(self.ledger, self.answers)

    def state(self) -> str:
        """``asking``, ``working``, ``elsewhere``, ``paid``, ``stuck`` or ``fitted``.

        ``elsewhere``: a child of an earlier server still works. ``paid``: the budget is
        spent, and the model is still to be made of what it bought. ``stuck``: the model
        is there, and could not be read.
        """
        with self._latch:
            self._settle()
            if self.job is not None:
                return "working"
            found = "asking" if self.folder is None else self.folder.stage()
            if found != "made":
                return found
            if self.failed:
                return "stuck"
            self._describe()
            return "working"

    def step(self) -> str:
        """The first question that is still open."""
        done = self.answers.done
        return next((step for step in ASKED if step not in done), "confirm")

    def choose_table(self, table: str, folder: str = "") -> None:
        """Take a table, where it lies, and draft what its columns are.

        Raises:
            AnswerError: no such table, or a folder that cannot be made.
        """
        path = Path(table).expanduser().absolute()
        with self._latch:
            self._free()
            if not path.is_file():
                raise AnswerError(str(files.absent(path)), "table")
            try:
                files.check_suffix(path)
            except FairveilError as error:
                raise AnswerError(str(error), "table") from None
            named = Path(folder).expanduser().absolute() if folder else None
            place = Folder(named or Folder.beside(path))
            try:
                place.make()
            except TableError as error:
                raise AnswerError(str(error), "folder") from None
            kept = given.restored(place.answers())
            if kept.table and kept.table != str(path):
                what = "the folder holds the results of another table"
                raise AnswerError(
                    problem(what, got=str(place.path), try_="another folder"), "folder"
                )
            self._drafted(path, place)
            self.folder, self.failed = place, ""
            self._adopt(path, place, kept)

    def _drafted(self, path: Path, place: Folder) -> None:
        words = [*self.programs.work, "draft"]
        job = Job("draft", words, place.path, told={"table": str(path)})
        found = job.result()
        if job.code or "columns" not in found:
            raise AnswerError(
                job.said() or problem("the table cannot be read", got=str(path)),
                "table",
            )
        self.draft = found

    def _adopt(self, path: Path, place: Folder, kept: Answers) -> None:
        """Go on with answers that are kept, if they are of these very columns."""
        names = tuple(column["name"] for column in self.draft["columns"])
        spent = place.model.exists() or place.part.exists()
        if kept.table and (spent or kept.names == names):
            self.answers = kept
            return
        rows = self.draft["rows"]
        self.answers = Answers(
            table=str(path),
            folder=str(place.path),
            names=names,
            rows=rows,
            delta=advice.usual_delta(rows),
            name="",
            done=("table",),
            anew=tuple(
                c["name"] for c in self.draft["columns"] if advice.identifies(c)
            ),
        )
        place.keep(self.answers.model_dump())

    def answer(self, step: str, form: Form) -> None:
        """Answer one question.

        Raises:
            AnswerError: the answer cannot be.
            ConfigError: an earlier question is open, or the budget is spent.
            BusyError: work is going on.
        """
        with self._latch:
            self._open(step)
            now = self.answers
            if step == "unit":
                now = given.with_unit(now, form)
            elif step == "columns":
                personal = [c["name"] for c in self.draft["columns"] if c["personal"]]
                now = given.with_columns(now, form, personal)
                self._schema(now)
            elif step == "roles":
                now = given.with_roles(now, form)
            elif step == "readers":
                now = given.with_readers(now, form)
            elif step == "budget":
                exists = self.ledger.exists()
                now = given.with_budget(now, form, ledger=exists)
            self.place.keep(now.model_dump())
            self.answers = now

    def _schema(self, now: Answers) -> None:
        """Write the schema of what the steward declares, or none where it is nothing.

        Raises:
            AnswerError: a code book that does not go with the table.
        """
        kind, told = commands.schema(now, self.place)
        if not kind:
            self.place.schema.unlink(missing_ok=True)
            return
        if kind == "write":
            self.place.write(self.place.schema, told)
            return
        job = Job(kind, [*self.programs.work, kind], self.place.path, told=told)
        found = job.result()
        if job.code or "missing" not in found:
            field = "codebook" if kind == "adopt" else "declared_by"
            raise AnswerError(job.said() or "the schema cannot be made", field)

    def confirmation(self) -> str:
        """The ticket that ``spend`` asks for; one is made when it is shown."""
        with self._latch:
            self._open("confirm")
            if not self.ticket:
                self.ticket = secrets.token_urlsafe(16)
            return self.ticket

    def spend(self, ticket: str, *, agreed: bool) -> None:
        """Spend the budget: begin the fit, once for each ticket.

        Raises:
            ConfigError: it was not agreed to, the ticket was used, or no room is left.
            BusyError: a fit is going on.
            TableError: ledger, journal or lock cannot be written.
        """
        with self._latch:
            self._open("confirm")
            if not self.ticket or not hmac.compare_digest(ticket, self.ticket):
                raise BusyError(
                    problem(
                        "this confirmation was used already, or is out of date",
                        try_="looking at the page again; nothing was spent by this",
                    )
                )
            if not agreed:
                what = "the budget was not agreed to"
                raise AnswerError(problem(what, try_="ticking the box"), "agreed")
            account = self.account()
            if account.problem:
                raise ConfigError(account.problem)
            self.ticket, now = "", self.answers
            if not account.exists:
                Book.create(
                    self.ledger,
                    name=now.name,
                    epsilon=now.cap,
                    delta=account.cap_delta,
                    unit=now.unit or "row",
                )
            self.place.note("spending confirmed", epsilon=now.epsilon, delta=now.delta)
            words = commands.fit(self.programs, now, self.place, self.ledger)
            self._begin("fit", words)

    def resume(self) -> None:
        """Make the model of a checkpoint, or read it; that costs and reads nothing."""
        with self._latch:
            self._free()
            if self.place.model.exists():
                self._describe()
                return
            self._begin("fit", commands.resume(self.programs, self.place))

    def stop(self) -> None:
        """Ask the work that is going on to stop."""
        with self._latch:
            if self.job is not None:
                self.job.stop()
            elif self.folder is not None:
                ask_to_stop(self.folder.lock.holder() or 0)

    def explore(self, positive: str, *, fine: bool) -> None:
        """Measure releases of the fit by synthetic rows.

        Raises:
            AnswerError: the value to predict is missing.
            BusyError: work is going on.
        """
        with self._latch:
            self._free()
            told = commands.explore(
                self.answers, self.place, positive, self.columns(), fine=fine
            )
            self.place.note("releases compared")
            self._work("explore", told)

    def choose(self, choice: str, rows: str) -> None:
        """Make the one release that is to be given away.

        Raises:
            AnswerError: no such release, or no number of rows.
            BusyError: work is going on.
        """
        with self._latch:
            self._free()
            settings = self.settings(choice)
            number = given.whole({"rows": [rows]}, "rows", "the number of rows")
            if number > _MOST_ROWS:
                what = "the studio writes ten million rows at most"
                raise AnswerError(problem(what, try_="fairveil sample"), "rows")
            told = commands.choose(
                self.answers, self.place, self.ledger, settings, number
            )
            after = [e for e in self.place.journal() if e["what"] == "report opened"]
            self.place.note(
                "release chosen", number=told["number"], after_reports=len(after)
            )
            self._work("choose", told)

    def settings(self, choice: str) -> dict[str, Any] | None:
        """Settings of a release that was compared; None: the fit's own.

        Raises:
            AnswerError: there is no such release.
        """
        if choice == "fit":
            return None
        tried = self.place.read(self.place.frontier).get("candidates", [])
        if choice.isdecimal() and int(choice) < len(tried):
            return tried[int(choice)]["settings"]
        what = "no release was chosen"
        raise AnswerError(problem(what, try_="choosing one of them"), "choice")

    def report(self, number: int, *, agreed: bool, control: str = "") -> None:
        """Make the internal report of a chosen release; it is put in the journal first.

        Raises:
            AnswerError: it was not agreed to, or there are no such control rows.
            ConfigError: there is no such release.
            BusyError: work is going on.
        """
        with self._latch:
            self._free()
            if number not in self.place.releases():
                raise ConfigError(problem("there is no such release", got=number))
            if not agreed:
                what = "the report was not agreed to"
                raise AnswerError(problem(what, try_="ticking the box"), "agreed")
            rows = Path(control).expanduser().absolute() if control else None
            if rows is not None and not rows.is_file():
                raise AnswerError(str(files.absent(rows)), "control")
            told = commands.report(self.answers, self.place, number, rows)
            self.place.note("report opened", number=number)
            self._work("report", told)

    def columns(self) -> list[dict[str, Any]]:
        """Released facts of the columns of the model, with their values."""
        return self.place.read(self.place.facts).get("columns", [])

    def _open(self, step: str) -> None:
        """Raise where a question cannot be answered now."""
        self._free()
        place = self.place
        if place.model.exists() or place.part.exists():
            what = "the budget of this folder is spent, and its answers stand"
            raise ConfigError(problem(what, try_="a new folder for another fit"))
        before = ASKED[: ASKED.index(step)] if step in ASKED else ASKED
        left = [each for each in before if each not in self.answers.done]
        if left:
            what = "an earlier question is still open"
            raise ConfigError(problem(what, try_="answering them in their order"))

    def _free(self) -> None:
        self._settle()
        busy = self.job is not None
        if busy or (self.folder and self.folder.lock.holder() is not None):
            raise BusyError(
                problem("work is going on", try_="waiting for its end, or stopping it")
            )

    def _begin(self, kind: str, words: list[str]) -> None:
        self.failed = ""
        lock = self.place.lock
        self.job = Job(kind, words, self.place.path, lock=lock)

    def _work(self, kind: str, told: dict[str, Any]) -> None:
        self.failed = ""
        words = [*self.programs.work, kind]
        place = self.place
        self.job = Job(kind, words, place.path, told=told, lock=place.lock)

    def _describe(self) -> None:
        self._work("describe", {"model": str(self.place.model)})

    def _settle(self) -> None:
        """Put on record how work has ended."""
        job = self.job
        if job is None or job.running:
            return
        found, self.job = job.result(), None
        if job.code and not (job.code == INTERRUPTED and job.kind != "fit"):
            usual = "It was stopped." if job.stopping else "It ended without a word."
            self.failed = job.said() or usual
        self.place.ended(job.kind, job.code)
        if job.kind == "fit" and self.place.model.exists():
            self._describe()
        elif job.kind == "describe" and job.code == 0:
            self.place.write(self.place.facts, found)
