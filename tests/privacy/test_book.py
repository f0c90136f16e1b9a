"""The ledger file: its rules, its chain, its locks, its refusals."""

import copy
import errno
import gc
import json
import math
import pickle
import re
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from book_tools import (
    CAP_RHO,
    DELTA,
    EPSILON,
    begin,
    die,
    gaussian,
    lines,
    statuses,
    threshold,
)
from hypothesis import given, settings, strategies as st

from fairveil.config import reserved_delta
from fairveil.errors import BudgetError, ConfigError
from fairveil.privacy import (
    _book_file as file,
    _book_history as told,
    _book_rules as rules,
    events as ev,
    gdp,
)
from fairveil.privacy.book import Book, Charge, beside, verify
from fairveil.privacy.ledger import Ledger


@pytest.fixture
def path(tmp_path):
    return tmp_path / "patients.csv.ledger"


@pytest.fixture
def book(path):
    return Book.create(path, name="patients", epsilon=EPSILON, delta=DELTA)


# --- what a fit meets ---


def test_a_fit_from_beginning_to_end(book, path):
    plan = Ledger(epsilon=1.0, delta=1e-6, reserved_delta=1e-7)
    with book.begin(
        rho=plan.rho_cap,
        delta=plan.reserved_delta,
        unit="row",
        epsilon=1.0,
        target_delta=1e-6,
        label="first",
    ) as entry:
        ledger = Ledger(epsilon=1.0, delta=1e-6, reserved_delta=1e-7, journal=entry)
        assert book.totals().held == pytest.approx((plan.rho_cap, 1e-7))
        ledger.spend(threshold(1e-7, ledger.share(0.25)))
        ledger.spend(gaussian(ledger.share(0.5)))
    (fit,) = Book.open(path).fits()
    assert (fit.number, fit.label, fit.status) == (1, "first", "closed")
    assert (fit.epsilon, fit.delta) == (1.0, 1e-6)
    assert fit.events == ledger.events
    totals = book.totals()
    assert totals.held == (0.0, 0.0)
    assert totals.spent.rho == pytest.approx(ledger.spent_rho, rel=1e-12)
    assert totals.spent.rho >= ledger.spent_rho
    assert 0 < totals.spent.delta <= 1e-7
    assert totals.epsilon_spent == pytest.approx(
        gdp.rho_to_epsilon(ledger.spent_rho, DELTA - totals.spent.delta), rel=1e-9
    )
    assert totals.within_cap
    assert list(path.parent.iterdir()) == [path]


def test_one_fit_may_use_the_whole_cap(path):
    kept = reserved_delta(1e-5, discovering=True)
    plan = Ledger(epsilon=1.0, delta=1e-5, reserved_delta=kept)
    book = Book.create(path, name="n", epsilon=1.0, delta=1e-5)
    entry = begin(book, plan.rho_cap, delta=kept)
    ledger = Ledger(epsilon=1.0, delta=1e-5, reserved_delta=kept, journal=entry)
    ledger.spend(gaussian(ledger.share(1.0)))
    while ledger.remaining_rho > 1e-18:
        ledger.spend(gaussian(ledger.remaining_rho * (1 - 1e-9)))
    entry.close()
    with pytest.raises(BudgetError):
        begin(book, 0.2 * plan.rho_cap)


def test_fits_together_cost_less_than_their_epsilons_added(path):
    book = Book.create(path, name="n", epsilon=2.0, delta=1e-5)
    rho = gdp.calibrate_rho(1.0, 1e-5)
    for _ in range(3):  # three of epsilon 1 stay within 2
        entry = begin(book, rho)
        entry.record(gaussian(rho * 0.999))
        entry.close()
    assert 1.7 < book.totals().epsilon_spent < 2.0
    with pytest.raises(BudgetError):
        begin(book, rho)


def test_the_refusal_says_what_still_fits(book):
    entry = begin(book, 0.7 * CAP_RHO)
    with pytest.raises(BudgetError) as caught:
        begin(book, 0.5 * CAP_RHO, target_delta=1e-5)
    said = str(caught.value)
    assert "'patients'" in said
    assert "its cap is 2" in said
    assert said.endswith(", or wait until running fits end.")
    left = float(re.search(r"an epsilon of at most ([0-9.]+),", said).group(1))
    assert gdp.calibrate_rho(left, 1e-5) <= 0.3 * CAP_RHO
    assert gdp.calibrate_rho(left * 1.002, 1e-5) > 0.2999 * CAP_RHO
    entry.close()


@pytest.mark.parametrize("spent", [0.0, 0.3, 0.9])
def test_what_is_said_to_be_left_can_be_had_and_hardly_more(book, spent):
    if spent:
        with begin(book, spent * CAP_RHO) as entry:
            entry.record(gaussian(spent * CAP_RHO * (1 - 1e-9)))
    left = book.totals().epsilon_left
    with pytest.raises(BudgetError):
        begin(book, gdp.calibrate_rho(left * 1.001, DELTA))
    begin(book, gdp.calibrate_rho(left, DELTA)).close()


def test_deltas_spent_beside_rho_count(book):
    with begin(book, 1e-3, delta=0.1 * DELTA) as entry:
        entry.record(threshold(0.09 * DELTA, 5e-4))
    assert book.totals().spent.delta > 0.01 * DELTA
    with pytest.raises(BudgetError, match="events that spend delta themselves"):
        begin(book, 1e-3, delta=0.105 * DELTA)
    assert verify(book.path).ok


def test_rho_cannot_be_traded_for_delta_after_answers_were_seen(book):
    """Two limits: with one region of pairs the total delta could be twice the cap's."""
    with begin(book, 0.7 * CAP_RHO) as entry:
        entry.record(gaussian(0.7 * CAP_RHO * (1 - 1e-9)))
    assert begin(book, 0.29 * CAP_RHO).close() is None  # one way to go on
    for share in (0.12, 0.5, 0.9):  # the other, however little rho it takes
        with pytest.raises(BudgetError):
            begin(book, 1e-12, delta=share * DELTA)


def test_a_running_fit_holds_all_that_it_reserved(book):
    entry = begin(book, 0.6 * CAP_RHO)
    entry.record(gaussian(1e-6))
    with pytest.raises(BudgetError, match="running fits end"):
        begin(Book.open(book.path), 0.6 * CAP_RHO)
    entry.close()
    begin(Book.open(book.path), 0.6 * CAP_RHO).close()


def test_an_event_beyond_the_reservation_is_refused_and_leaves_no_trace(book, path):
    entry = begin(book, 0.1 * CAP_RHO)
    before = path.read_bytes()
    for event in (
        gaussian(0.1 * CAP_RHO * 1.001),
        threshold(1e-9, 1e-6),
        ev.NonPrivate(stage="s", what="w"),
    ):
        with pytest.raises(BudgetError, match="reserved"):
            entry.record(event)
    with pytest.raises(ConfigError, match="know"):
        entry.record("gaussian")
    assert path.read_bytes() == before
    entry.close()


def test_an_error_leaves_the_events_charged_and_frees_the_rest(book):
    with suppress(ZeroDivisionError), begin(book, 0.9 * CAP_RHO) as entry:
        entry.record(gaussian(0.2 * CAP_RHO))
        _ = 1 // 0
    assert statuses(book) == ["failed"]
    assert book.totals().spent.rho == pytest.approx(0.2 * CAP_RHO)
    begin(book, 0.7 * CAP_RHO).close()


def test_an_error_is_not_hidden_by_a_ledger_that_went_away(book, path):
    entry = begin(book)
    path.unlink()
    with pytest.raises(ZeroDivisionError), entry:
        _ = 1 // 0
    assert list(path.parent.iterdir()) == []
    with pytest.raises(BudgetError, match="ended"):
        entry.record(gaussian(1e-6))


def test_an_ended_fit_stays_ended(book):
    entry = begin(book)
    entry.close()
    entry.close()
    with pytest.raises(BudgetError, match="ended"):
        entry.record(gaussian(1e-6))
    assert statuses(book) == ["closed"]


def test_an_entry_is_no_value_to_copy(book):
    with begin(book) as entry:
        for act in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError):
                act(entry)
        assert repr(entry) == "Entry(fit 1, 0 events)"


def test_numbers_of_numpy_are_numbers(book):
    with begin(book, np.float64(0.01)) as entry:
        entry.record(
            ev.Gaussian(
                stage="s",
                what="w",
                sensitivity=np.float64(1.0),
                noise_stddev=100.0,
                count=np.int64(3),
            )
        )
    assert Book.open(book.path).fits()[0].events[0].count == 3


# --- death ---


def test_a_dead_fit_keeps_its_events_and_loses_its_reservation(book):
    entry = begin(book, 0.9 * CAP_RHO)
    entry.record(gaussian(0.3 * CAP_RHO))
    die(entry)
    assert statuses(book) == ["abandoned"]  # seen, not yet on record
    assert b"abandoned" not in book.path.read_bytes()
    assert book.totals().spent.rho == pytest.approx(0.3 * CAP_RHO)
    begin(book, 0.6 * CAP_RHO).close()
    assert b"abandoned" in book.path.read_bytes()
    assert statuses(book) == ["abandoned", "closed"]


def test_a_living_fit_that_was_taken_for_dead_gets_no_further_event(book):
    entry = begin(book, 0.9 * CAP_RHO)
    entry.record(gaussian(0.3 * CAP_RHO))
    (sign,) = book.path.parent.glob("*.live")
    sign.unlink()  # somebody cleaned up
    other = begin(book, 0.6 * CAP_RHO)
    with pytest.raises(BudgetError, match="abandoned"):
        entry.record(gaussian(1e-6))
    entry.close()
    assert statuses(book) == ["abandoned", "open"]
    other.close()


def test_a_forgotten_entry_is_a_dead_fit(book):
    begin(book).record(gaussian(1e-6))
    gc.collect()
    assert statuses(book) == ["abandoned"]
    assert list(book.path.parent.iterdir()) == [book.path]


def test_an_unknown_answer_counts_as_alive(book, monkeypatch):
    entry = begin(book)

    def refuse(fd, **_):
        raise OSError(errno.ENOLCK, "no locks")

    real = file.lock_descriptor
    monkeypatch.setattr(file, "lock_descriptor", refuse)
    assert file.is_live(book.path, entry.token)
    monkeypatch.setattr(file, "lock_descriptor", real)
    entry.close()


def test_signs_that_nobody_owns_are_swept_and_other_files_stay(book):
    folder = book.path.parent
    stale = folder / f"{book.path.name}.0123456789abcdef.live"
    others = [
        folder / f"{book.path.name}.mine.live",
        folder / f"{book.path.name}.0123456789abcdef",
        folder / "other.ledger.0123456789abcdef.live",
    ]
    for name in (stale, *others):
        name.touch()
    with begin(book), begin(book):
        assert len(list(folder.glob("*.live"))) == 4
    assert set(folder.iterdir()) == {book.path, *others}


# --- no sequence passes the cap ---

STEP = st.tuples(
    st.sampled_from(["begin", "record", "record", "close", "fail", "kill", "reopen"]),
    st.integers(0, 5),
    st.floats(0.05, 0.9),
    st.booleans(),
)


def charged(path):
    """Rho and delta that really left, recounted from the lines by hand."""
    records = [json.loads(line) for line in lines(path)]
    events = [r["event"] for r in records if r["kind"] == "event"]
    return [math.fsum(event[key] for event in events) for key in ("rho", "delta")]


class Walk:
    """Takes the steps and keeps the costs whose recording was acknowledged."""

    def __init__(self, book):
        self.book = book
        self.entries = []
        self.left = []

    def perform(self, steps):
        for act, which, share, with_delta in steps:
            if act in ("begin", "reopen"):
                chosen = ()
            elif self.entries:
                chosen = (self.entries[which % len(self.entries)],)
            else:
                continue
            with suppress(BudgetError):
                getattr(self, act)(*chosen, share=share, with_delta=with_delta)
        for entry in self.entries:
            die(entry)
        return Charge.total(self.left)

    def begin(self, *, share, with_delta):
        delta = share * 0.5 * DELTA if with_delta else 0.0
        self.entries.append(begin(self.book, share * CAP_RHO, delta=delta))

    def reopen(self, **_):
        self.book = Book.open(self.book.path)

    def record(self, entry, *, share, with_delta):
        rho = share * 0.5 * CAP_RHO
        event = threshold(share * 0.3 * DELTA, rho) if with_delta else gaussian(rho)
        entry.record(event)
        self.left.append(Charge(event.rho, event.delta))

    def close(self, entry, **_):
        entry.close()

    def fail(self, entry, **_):
        entry._end("failed")

    def kill(self, entry, **_):
        die(entry)


def passes_cap(book, steps):
    left = Walk(book).perform(steps)
    rho, delta = charged(book.path)
    assert rho == pytest.approx(left.rho, rel=1e-12)
    assert delta == pytest.approx(left.delta, rel=1e-12)
    return gdp.rho_to_delta(rho, EPSILON) + delta > DELTA * (1 + 1e-12)


@given(steps=st.lists(STEP, min_size=3, max_size=25))
@settings(max_examples=150, deadline=None)
def test_no_sequence_of_steps_passes_the_cap(tmp_path_factory, steps):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file.os, "fsync", lambda _fd: None)  # for speed only
        path = tmp_path_factory.mktemp("b") / "l"
        book = Book.create(path, name="n", epsilon=EPSILON, delta=DELTA)
        assert not passes_cap(book, steps)
        assert statuses(book) == [fit.status for fit in Book.open(path).fits()]
        assert verify(path).intact


TWO_AT_ONCE = [
    ("begin", 0, 0.8, False),
    ("begin", 1, 0.8, False),
    *[("record", k % 2, 0.7, False) for k in range(6)],
]


def test_a_ledger_without_reservations_is_caught(book, monkeypatch):
    assert not passes_cap(book, TWO_AT_ONCE)
    monkeypatch.setattr(told.Fit, "charge", told.Fit.spent)
    other = Book.create(
        book.path.with_name("other"), name="n", epsilon=EPSILON, delta=DELTA
    )
    assert passes_cap(other, TWO_AT_ONCE)


def test_a_ledger_that_lets_the_dead_go_on_is_caught(book, monkeypatch):
    steps = [
        ("begin", 0, 0.8, False),
        ("kill", 0, 0.5, False),
        ("begin", 1, 0.8, False),
        *[("record", k % 2, 0.7, False) for k in range(6)],
    ]
    assert not passes_cap(book, steps)
    monkeypatch.setattr(rules, "_running", lambda history, n: history.fits[n - 1])
    monkeypatch.setattr("fairveil.privacy.book._check_event", lambda *_: None)
    other = Book.create(
        book.path.with_name("other"), name="n", epsilon=EPSILON, delta=DELTA
    )
    assert passes_cap(other, steps)


# --- caps and units ---


def test_a_cap_can_be_changed_on_the_record(book):
    with begin(book, 0.9 * CAP_RHO) as entry:
        entry.record(gaussian(0.9 * CAP_RHO * (1 - 1e-9)))
    book.set_cap(epsilon=0.5, delta=DELTA, reason="the ethics board")
    totals = book.totals()
    assert not totals.within_cap
    assert totals.epsilon_left == 0.0
    assert not verify(book.path).ok
    with pytest.raises(BudgetError):
        begin(book, 1e-6)
    book.set_cap(epsilon=4.0, delta=DELTA)
    begin(book, 0.9 * CAP_RHO).close()
    assert [cap.epsilon for cap in book.caps()] == [EPSILON, 0.5, 4.0]
    assert [cap.reason for cap in book.caps()] == ["", "the ethics board", ""]


@pytest.mark.parametrize(
    "cap",
    [
        {"epsilon": 0.0, "delta": 1e-5},
        {"epsilon": -1.0, "delta": 1e-5},
        {"epsilon": math.inf, "delta": 1e-5},
        {"epsilon": math.nan, "delta": 1e-5},
        {"epsilon": "1", "delta": 1e-5},
        {"epsilon": 1.0, "delta": 0.0},
        {"epsilon": 1.0, "delta": 1.0},
        {"epsilon": 1.0, "delta": None},
    ],
    ids=str,
)
def test_impossible_caps_are_refused(book, path, tmp_path, cap):
    with pytest.raises(ConfigError):
        Book.create(tmp_path / "new", name="n", **cap)
    assert not (tmp_path / "new").exists()
    before = path.read_bytes()
    with pytest.raises(ConfigError):
        book.set_cap(**cap)
    assert path.read_bytes() == before


@pytest.mark.parametrize("names", [{"name": ""}, {"name": "a\x1b[2J"}, {"unit": ""}])
def test_names_are_printable(tmp_path, names):
    with pytest.raises(ConfigError):
        Book.create(tmp_path / "new", **{"name": "n", **names}, epsilon=1.0, delta=1e-5)


def test_another_unit_is_refused(tmp_path):
    book = Book.create(
        tmp_path / "b", name="n", epsilon=1.0, delta=1e-5, unit="patient"
    )
    with pytest.raises(ConfigError, match="'patient'"):
        begin(book, 1e-3)
    begin(book, 1e-3, unit="patient").close()
    assert (book.name, book.unit) == ("n", "patient")


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"rho": math.inf}, BudgetError),
        ({"epsilon": math.inf}, BudgetError),
        ({"rho": 0.0}, ConfigError),
        ({"rho": -1.0}, ConfigError),
        ({"rho": math.nan}, ConfigError),
        ({"delta": -1e-9}, ConfigError),
        ({"delta": 2.0}, ConfigError),
        ({"delta": 1e-4}, BudgetError),
        ({"epsilon": 0.0}, ConfigError),
        ({"target_delta": 0.0}, ConfigError),
        ({"label": "a\nb"}, ConfigError),
        ({"label": "x" * 501}, ConfigError),
        ({"label": None}, ConfigError),
    ],
    ids=str,
)
def test_a_fit_that_cannot_be_entered_leaves_no_trace(book, path, more, error):
    before = path.read_bytes()
    with pytest.raises(error):
        begin(book, **more)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


# --- prices of another version ---


@pytest.fixture
def twice(monkeypatch):
    """A later version finds that Gaussian noise costs twice as much."""

    def later(factor):
        rho = ev.Gaussian.rho.fget
        monkeypatch.setattr(
            ev.Gaussian, "rho", property(lambda event: factor * rho(event))
        )

    return later


def test_a_later_version_with_a_higher_price_charges_it(book, twice):
    with begin(book, 0.4 * CAP_RHO) as entry:
        entry.record(gaussian(0.3 * CAP_RHO))
    twice(2.0)
    again = Book.open(book.path)
    assert again.totals().spent.rho == pytest.approx(0.6 * CAP_RHO)
    with pytest.raises(BudgetError):
        begin(again, 0.5 * CAP_RHO)
    report = verify(book.path)
    assert (report.cheap, report.ok) == (1, True)
    twice(2.0)
    assert not verify(book.path).ok


def test_a_later_version_with_a_lower_price_refunds_nothing(book, twice):
    with begin(book, 0.4 * CAP_RHO) as entry:
        entry.record(gaussian(0.3 * CAP_RHO))
    twice(0.5)
    assert Book.open(book.path).totals().spent.rho == pytest.approx(0.3 * CAP_RHO)
    assert verify(book.path).cheap == 0


def test_a_slow_price_is_taken_from_the_file_and_found_out_by_verify(
    book, twice, monkeypatch
):
    monkeypatch.setattr(rules, "_SLOW", ("gaussian",))
    with begin(book, 0.4 * CAP_RHO) as entry:
        entry.record(gaussian(0.3 * CAP_RHO))
    twice(4.0)
    again = Book.open(book.path)
    assert again.totals().spent.rho == pytest.approx(0.3 * CAP_RHO)
    report = verify(book.path)
    assert report.totals.spent.rho == pytest.approx(1.2 * CAP_RHO)
    assert (report.cheap, report.ok) == (1, False)


# --- the second accountant, the place ---


def test_the_second_accountant_agrees(book):
    for k in range(3):
        with begin(book, 0.2 * CAP_RHO, delta=1e-7) as entry:
            entry.record(gaussian((0.1 + 0.01 * k) * CAP_RHO))
            entry.record(threshold(1e-8, 0.02 * CAP_RHO))
            entry.record(ev.Exponential(stage="s", what="q", sensitivity=1.0, e=0.01))
    running = begin(book, 0.2 * CAP_RHO, delta=1e-6)
    report = verify(book.path)
    assert report.ok
    assert report.second_epsilon == pytest.approx(report.totals.epsilon, rel=5e-3)
    assert report.second_epsilon <= report.totals.epsilon * (1 + 1e-4)
    assert report.totals.epsilon > report.totals.epsilon_spent
    running.close()


def test_the_second_accountant_can_convict(book, monkeypatch):
    with begin(book, 0.5 * CAP_RHO) as entry:
        entry.record(gaussian(0.5 * CAP_RHO * (1 - 1e-9)))
    assert verify(book.path).ok
    monkeypatch.setattr(
        "fairveil.privacy._book_verify.recompute_epsilon", lambda _data: 2.01
    )
    assert not verify(book.path).ok


def test_a_full_ledger_passes_both_accountants(book):
    for _ in range(10):
        with begin(book, 0.0999 * CAP_RHO) as entry:
            for _ in range(5):
                entry.record(gaussian(0.0199 * CAP_RHO))
    report = verify(book.path)
    assert report.ok
    assert report.second_epsilon > 1.96


def test_the_place_beside_a_table():
    assert beside("d/patients.csv") == Path("d/patients.csv.ledger")
    assert beside(Path("t.parquet")) == Path("t.parquet.ledger")
