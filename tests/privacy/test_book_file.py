"""The bytes of a ledger file: durable, chained, locked, refused."""

import errno
import gc
import hashlib
import json
import os
import re
import threading
from pathlib import Path

import pytest
from book_tools import (
    CAP_RHO,
    DELTA,
    EPSILON,
    begin,
    die,
    fail,
    gaussian,
    lines,
    threshold,
)

from fairveil.errors import BudgetError, FairveilError, TableError
from fairveil.privacy import _book_file as file, _book_rules as rules
from fairveil.privacy.book import Book, verify
from fairveil.privacy.ledger import Ledger


@pytest.fixture
def path(tmp_path):
    return tmp_path / "patients.csv.ledger"


@pytest.fixture
def book(path):
    return Book.create(path, name="patients", epsilon=EPSILON, delta=DELTA)


# --- a line that a crash cut off ---


@pytest.mark.parametrize("part", [1, 40, -2])
def test_a_cut_line_is_ignored_told_and_removed_by_the_next_writer(book, path, part):
    entry = begin(book)
    entry.record(gaussian(1e-5))
    whole = path.read_bytes()
    entry.record(gaussian(1e-5))
    cut = path.read_bytes()[: len(whole)] + lines(path)[-1][:part]
    path.write_bytes(cut)
    again = Book.open(path)
    assert len(again.fits()[0].events) == 1
    report = verify(path)
    assert report.ok
    assert report.cut
    assert path.read_bytes() == cut  # reading changes nothing
    again.set_cap(epsilon=3.0, delta=DELTA)
    assert path.read_bytes().startswith(whole)
    assert not verify(path).cut


def test_a_line_that_lacks_only_its_end_counts(book, path):
    entry = begin(book)
    entry.record(gaussian(1e-5))
    path.write_bytes(path.read_bytes()[:-1])
    assert len(Book.open(path).fits()[0].events) == 1
    entry.record(gaussian(1e-5))
    entry.close()
    assert len(Book.open(path).fits()[0].events) == 2
    assert not verify(path).cut


def test_a_write_that_fails_is_taken_back(book, path, monkeypatch):
    entry = begin(book)
    before = path.read_bytes()
    real = os.write

    def full(fd, data):
        real(fd, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(file.os, "write", full)
    with pytest.raises(TableError, match="No space"):
        entry.record(gaussian(1e-5))
    monkeypatch.undo()
    assert path.read_bytes() == before
    entry.record(gaussian(1e-5))
    entry.close()


def test_a_sync_that_fails_acknowledges_nothing(book, path, monkeypatch):
    entry = begin(book)
    before = path.read_bytes()
    monkeypatch.setattr(file.os, "fsync", fail(errno.EIO))
    with pytest.raises(TableError):
        entry.record(gaussian(1e-5))
    monkeypatch.undo()
    assert path.read_bytes() == before
    entry.close()


# --- durable before it returns ---


class Disk:
    """What a loss of power would leave: the files as they were last synced."""

    def __init__(self, monkeypatch, path, *, broken=False):
        self.kept = b""
        real = os.fsync

        def sync(fd):
            real(fd)
            if not broken and os.path.samestat(os.fstat(fd), path.stat()):
                self.kept = path.read_bytes()

        monkeypatch.setattr(file.os, "fsync", sync)


def everything_is_kept(disk, book):
    """Whether each step of a fit is on the disk when its call returns."""
    kept = []
    with begin(book) as entry:
        kept.append(b'"intent"' in disk.kept)
        for k in range(3):
            entry.record(gaussian(1e-6, what=f"event-{k}"))
            kept.append(f"event-{k}".encode() in disk.kept)
    kept.append(b'"closed"' in disk.kept)
    return all(kept)


def test_every_step_is_synced_before_its_call_returns(book, path, monkeypatch):
    assert everything_is_kept(Disk(monkeypatch, path), book)


def test_a_journal_that_does_not_sync_is_caught(book, path, monkeypatch):
    assert not everything_is_kept(Disk(monkeypatch, path, broken=True), book)


def test_creation_syncs_the_file_and_then_its_folder(path, monkeypatch):
    synced = []
    real = os.fsync
    monkeypatch.setattr(
        file.os, "fsync", lambda fd: (synced.append(os.fstat(fd).st_ino), real(fd))
    )
    Book.create(path, name="n", epsilon=1.0, delta=1e-5)
    assert synced == [path.stat().st_ino, path.parent.stat().st_ino]


class Noise:
    """A mechanism that answers only what its journal had on the disk before."""

    def __init__(self, path):
        self.path = path
        self.bare = 0

    def answer(self, what):
        self.bare += f'"{what}"'.encode() not in self.path.read_bytes()


@pytest.mark.parametrize(("late", "bare"), [(False, 0), (True, 3)])
def test_an_answer_before_its_journal_is_caught(book, path, late, bare):
    """The ledger's order, and the same with the two steps exchanged."""
    noise = Noise(path)
    entry = begin(book)
    ledger = Ledger(epsilon=1.0, delta=1e-6, journal=None if late else entry)
    for k in range(3):
        event = gaussian(1e-6, what=f"event-{k}")
        ledger.spend(event)
        noise.answer(event.what)
        if late:
            entry.record(event)
    entry.close()
    assert noise.bare == bare


# --- the chain ---


@pytest.fixture
def full(book, path):
    """A ledger of two fits, a changed cap and a running fit."""
    for k in range(2):
        with begin(book, 0.1 * CAP_RHO, delta=1e-7) as entry:
            entry.record(gaussian(0.04 * CAP_RHO, what=f"x{k}"))
            entry.record(threshold(1e-8, 0.04 * CAP_RHO))
    book.set_cap(epsilon=2.5, delta=DELTA, reason="a second year")
    yield begin(book, 0.1 * CAP_RHO)
    gc.collect()


def damage(kind, data, at):
    before, line, rest = data[:at], data[at], data[at + 1 :]
    place = line.index(b'":') + 3
    other = b"0" if line[-4:-3] != b"0" else b"1"
    middle = {
        "edit": [line[:place] + b"7" + line[place + 1 :]],
        "hash": [line[:-4] + other + line[-3:]],
        "drop": [],
        "repeat": [line, line],
        "swap": [*rest[:1], line],
        "empty": [b"\n", line],
        "cut": [line[: len(line) // 2] + b"\n"],
    }
    return [*before, *middle[kind], *rest[kind == "swap" :]]


@pytest.mark.parametrize(
    "kind", ["edit", "hash", "drop", "repeat", "swap", "empty", "cut"]
)
def test_a_line_that_was_tampered_with_is_found(full, path, kind):
    data = lines(path)
    last = len(data) - 1 if kind in ("drop", "swap") else len(data)
    for at in range(last):
        path.write_bytes(b"".join(damage(kind, data, at)))
        refuses_everything(path, full)
    path.write_bytes(b"".join(data))


def refuses_everything(path, entry):
    with pytest.raises(TableError):
        Book.open(path)
    with pytest.raises(TableError):
        entry.record(gaussian(1e-6))
    report = verify(path)
    assert not report.ok
    assert not report.intact
    assert report.problem


def test_the_line_is_named(full, path):
    data = lines(path)
    path.write_bytes(b"".join(damage("edit", data, 3)))
    with pytest.raises(TableError, match="line 4 of the ledger file"):
        Book.open(path)
    path.write_bytes(b"".join(data))


def resealed(records):
    head, out = "", b""
    for record in records:
        line, head = file.seal(head, record)
        out += line + b"\n"
    return out


@pytest.mark.parametrize(
    ("at", "change"),
    [
        (0, {"unit": "patient"}),
        (0, {"epsilon": -1.0}),
        (0, {"name": ""}),
        (0, {"name": "a\nb"}),
        (0, {"kind": "cap"}),
        (1, {"fit": 2}),
        (1, {"fit": True}),
        (1, {"fit": 1.0}),
        (1, {"more": 1}),
        (1, {"reserved_rho": "inf"}),
        (1, {"reserved_rho": 0.0}),
        (1, {"reserved_delta": -1e-9}),
        (1, {"label": 3}),
        (1, {"kind": "ledger"}),
        (1, {"kind": "unheard-of"}),
        (1, {"kind": ["event"]}),
        (2, {"fit": 2}),
        (2, {"fit": "1"}),
        (2, {"event": {}}),
        (2, {"event": None}),
        (4, {"kind": "event"}),
        (4, {"fit": 7}),
    ],
    ids=str,
)
def test_a_record_that_cannot_stand_there_is_refused(full, path, at, change):
    data = path.read_bytes()
    records = [json.loads(line) for line in lines(path)]
    for record in records:
        del record["hash"]
    assert resealed(records) == data  # the forger knows how
    records[at] |= change
    path.write_bytes(resealed(records))
    with pytest.raises(TableError):
        Book.open(path)
    assert not verify(path).ok
    path.write_bytes(data)


@pytest.mark.parametrize("change", [{"noise_stddev": 900.0}, {"rho": 1e-9}])
def test_a_forged_price_lowers_no_charge(full, path, change):
    """Noise that is said to be more, or a price that is said to be less."""
    spent = Book.open(path).totals().spent.rho
    records = [json.loads(line) for line in lines(path)]
    for record in records:
        del record["hash"]
    records[2]["event"] |= change
    path.write_bytes(resealed(records))
    assert Book.open(path).totals().spent.rho == pytest.approx(spent, rel=1e-12)
    assert verify(path).cheap == (1 if "rho" in change else 0)


def test_lines_missing_at_the_end_are_found_by_a_noted_hash_only(full, path):
    """What the chain cannot do, and what to do about it."""
    book = Book.open(path)
    head = book.totals().head
    assert verify(path, heads=[head]).ok
    path.write_bytes(b"".join(lines(path)[:-2]))
    assert verify(path).ok
    report = verify(path, heads=[head])
    assert report.intact
    assert not report.ok
    assert report.missing_heads == (head,)


def test_a_running_fit_notices_an_older_copy_put_back(book, path):
    older = path.read_bytes()
    entry = begin(book)
    entry.record(gaussian(1e-6))
    newer = path.read_bytes()
    path.write_bytes(older)
    with pytest.raises(BudgetError, match="replaced"):
        entry.record(gaussian(1e-6))
    with begin(Book.open(path)) as stranger:  # has the same number
        assert stranger.number == entry.number
        with pytest.raises(BudgetError, match="replaced"):
            entry.record(gaussian(1e-6))
    path.write_bytes(b"".join(newer.splitlines(keepends=True)[:-1]))
    with pytest.raises(BudgetError, match="replaced"):
        entry.record(gaussian(1e-6))
    die(entry)


def test_two_writers_without_a_lock_break_the_chain_rather_than_lose_a_line(
    book, path, monkeypatch
):
    """As on a network disk whose locks hold on one machine only."""
    one, other = begin(book), begin(book)
    real = os.write

    def meanwhile(fd, data):
        monkeypatch.undo()
        monkeypatch.setattr(file, "lock_descriptor", lambda *_, **__: True)
        other.record(gaussian(1e-6))
        return real(fd, data)

    monkeypatch.setattr(file.os, "write", meanwhile)
    with pytest.raises(TableError, match="despite its lock"):
        one.record(gaussian(1e-6))
    monkeypatch.undo()
    assert len(lines(path)) == 5  # both lines are there, and
    with pytest.raises(TableError, match="line 5"):
        Book.open(path)
    for entry in (one, other):
        die(entry)


# --- files that are no ledgers, and systems that refuse ---


def uses(path):
    yield lambda: Book.open(path)
    yield lambda: verify(path)


@pytest.mark.parametrize("content", [b"", b"\n", b"{", b"a,b\n1,2\n", b"null\n", b"\0"])
def test_a_file_that_is_no_ledger_says_so(path, content):
    path.write_bytes(content)
    with pytest.raises(TableError, match="not a ledger file"):
        Book.open(path)
    assert not verify(path).ok


def test_another_version_says_so(book, path):
    (line,) = lines(path)
    path.write_bytes(line.replace(b'"version":1', b'"version":2'))
    with pytest.raises(TableError, match=r"version is unknown.*version 1"):
        Book.open(path)


def test_an_existing_file_is_never_overwritten(path):
    path.write_text("mine")
    with pytest.raises(TableError, match="already a file"):
        Book.create(path, name="n", epsilon=1.0, delta=1e-5)
    assert path.read_text() == "mine"


def test_missing_places_are_named(tmp_path):
    for use in uses(tmp_path / "none"):
        with pytest.raises(TableError, match="no such ledger file"):
            use()
    with pytest.raises(TableError, match="folder of the ledger file does not exist"):
        Book.create(tmp_path / "no" / "b", name="n", epsilon=1.0, delta=1e-5)
    with pytest.raises(TableError, match="refused"):
        Book.open(tmp_path / "nul\0l")


def test_links_folders_and_pipes_are_refused(book, path, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(path)
    dangling = tmp_path / "dangling"
    dangling.symlink_to(tmp_path / "nowhere")
    folder, pipe = tmp_path / "folder", tmp_path / "pipe"
    folder.mkdir()
    os.mkfifo(pipe)
    for name, match in (
        (link, "symbolic link"),
        (dangling, "symbolic link"),
        (folder, "not a ledger"),
        (pipe, "not a ledger"),
    ):
        for use in uses(name):
            with pytest.raises(TableError, match=match):
                use()
        with pytest.raises(TableError):
            Book.create(name, name="n", epsilon=1.0, delta=1e-5)
    assert not (tmp_path / "nowhere").exists()


def test_a_huge_file_is_not_read(book, path, monkeypatch):
    with path.open("r+b") as stream:
        stream.truncate(file.MOST_BYTES + 1)  # sparse: no space is used
    for use in uses(path):
        with pytest.raises(TableError, match="64 MiB"):
            use()


def test_a_full_file_takes_no_line(book, path, monkeypatch):
    entry = begin(book)
    monkeypatch.setattr(file, "MOST_BYTES", path.stat().st_size + 10)
    with pytest.raises(TableError, match="at most"):
        entry.record(gaussian(1e-6))
    monkeypatch.undo()
    entry.close()


@pytest.mark.parametrize(
    ("number", "match"),
    [
        (errno.EACCES, "may not be opened"),
        (errno.EROFS, "read-only"),
        (errno.EIO, "Input/output"),
    ],
)
def test_a_refusal_of_the_system_is_one_clear_line(book, monkeypatch, number, match):
    monkeypatch.setattr(file.os, "open", fail(number))
    for act in (book.totals, lambda: begin(book)):
        with pytest.raises(TableError, match=match):
            act()


def test_a_fit_needs_a_folder_that_it_can_write_to(book, path, monkeypatch):
    real = os.open

    def no_new_file(name, flags, *mode):
        if flags & os.O_CREAT:
            raise PermissionError(errno.EACCES, "no")
        return real(name, flags, *mode)

    before = path.read_bytes()
    monkeypatch.setattr(file.os, "open", no_new_file)
    with pytest.raises(TableError, match="beside the ledger file"):
        begin(book)
    assert path.read_bytes() == before


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_without_locks_nothing_is_read_or_written(book, path, monkeypatch, number):
    entry = begin(book)
    before = path.read_bytes()
    monkeypatch.setattr(file, "lock_descriptor", fail(number))
    for act in (
        book.totals,
        lambda: begin(book),
        lambda: entry.record(gaussian(1e-6)),
        lambda: book.set_cap(epsilon=9.0, delta=DELTA),
        lambda: verify(path),
    ):
        with pytest.raises(TableError, match="cannot be locked"):
            act()
    assert path.read_bytes() == before
    monkeypatch.undo()
    entry.close()


def test_a_lock_that_nobody_gives_back_is_not_waited_for_for_ever(
    book, path, monkeypatch
):
    monkeypatch.setattr(file, "LOCK_SECONDS", 0.05)
    with (
        file.locked(path, write=False),
        pytest.raises(TableError, match="another process holds"),
    ):
        book.totals()
    book.totals()


def test_a_file_replaced_while_it_is_opened_is_refused(book, path, monkeypatch):
    real = file.lock_descriptor

    def swap(fd, **more):
        path.with_name("new").write_bytes(path.read_bytes())
        path.with_name("new").replace(path)
        return real(fd, **more)

    monkeypatch.setattr(file, "lock_descriptor", swap)
    with pytest.raises(TableError, match="replaced"):
        book.totals()


def test_threads_take_turns(book):
    entry = begin(book, 0.5 * CAP_RHO)
    failed = []

    def work():
        try:
            for _ in range(10):
                entry.record(gaussian(1e-6))
                Book.open(book.path).totals()
        except FairveilError as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entry.close()
    assert failed == []
    assert len(book.fits()[0].events) == 40
    assert verify(book.path).intact


def test_a_relative_path_survives_a_change_of_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    book = Book.create("b.ledger", name="n", epsilon=1.0, delta=1e-5)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    begin(book, 1e-3).close()
    assert list(Path.cwd().iterdir()) == []


def test_nothing_but_settings_and_events_is_in_the_file(full, path):
    records = [json.loads(line) for line in lines(path)]
    keys = {key for record in records for key in record}
    assert keys == {
        "kind", "hash", "format", "version", "name", "unit", "epsilon", "delta", "at",
        "reason", "fit", "token", "label", "reserved_rho", "reserved_delta", "event",
    }  # fmt: skip
    # ends have no time: how long a fit took may tell of its rows
    assert [r["kind"] for r in records if "at" in r] == [
        "ledger",
        *["intent"] * 2,
        "cap",
        "intent",
    ]


PAGE = (Path(__file__).parents[2] / "docs" / "ledger.md").read_text("utf-8")


def test_the_page_names_every_record_and_field():
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", PAGE, flags=re.MULTILINE)
    told = {kind: set(re.findall(r"`(\w+)`", fields)) for kind, fields in rows}
    assert told == {kind: set(fields) for kind, (fields, _) in rules._RULES.items()}


def test_the_python_of_the_page_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    exec(compile(block, "ledger.md", "exec"), {})
    assert 2.9 < float(capsys.readouterr().out) <= 3.0
    assert [p.name for p in tmp_path.iterdir()] == ["t.ledger"]


def test_the_page_tells_how_to_recompute_the_chain(full, path):
    """What an auditor does who has the page and nothing of ours."""
    head = ""
    for line in lines(path):
        body, said = line.rstrip(b"\n").rsplit(b',"hash":"', 1)
        head = hashlib.sha256(head.encode() + body + b"}").hexdigest()
        assert said == head.encode() + b'"}'
    assert head == Book.open(path).totals().head
