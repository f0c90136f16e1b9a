"""``_shield.guarded``: a failure inside tells its kind, and holds no row."""

import gc
import traceback
import warnings
import weakref

import numpy as np
import pytest

from fairveil._shield import DEBUG, UnforeseenError, guarded
from fairveil.errors import FairveilError, TableError

WORD = "Quetzalcoatlus"


class Rows(list):
    """Rows whose life can be watched."""


def chain(error):
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def failing(fails, seen):
    """A guarded function that holds rows in its frames while something fails."""

    def inner(rows):
        seen.append(weakref.ref(rows))
        fails(rows)

    @guarded
    def outer(rows, *, progress=None):
        held = Rows(rows)
        seen.append(weakref.ref(held))
        if progress is not None:
            progress(1)
        inner(Rows(held))

    return outer


def caught(call):
    with pytest.raises(BaseException) as found:
        call()
    error = found.value
    del found
    return error


def quote(rows):
    float(rows[0])


def chained(rows):
    try:
        float(rows[0])
    except ValueError as error:
        raise TableError("a column is strange.") from error


def memory(rows):
    raise MemoryError(f"no room for an array of shape ({len(rows)}, {rows[0]})")


def stopped(rows):
    raise KeyboardInterrupt(rows[0])


CASES = {
    quote: (UnforeseenError, "ValueError"),
    chained: (TableError, "a column is strange."),
    memory: (MemoryError, ""),
    stopped: (KeyboardInterrupt, ""),
}


@pytest.mark.parametrize("fails", CASES)
def test_an_error_tells_its_kind_and_holds_no_row(fails):
    kind, text = CASES[fails]
    seen = []
    error = caught(lambda: failing(fails, seen)([WORD]))
    assert type(error) is kind
    assert text in str(error)
    printed = "".join(traceback.format_exception(error))
    assert WORD not in printed
    for one in chain(error):
        assert WORD not in repr(one) + repr(one.args) + repr(vars(one))
    gc.collect()
    assert len(seen) == 2
    assert [ref() for ref in seen] == [None, None]


def test_the_lines_of_our_own_errors_are_kept():
    error = caught(lambda: failing(chained, [])([WORD]))
    names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    assert names[-2:] == ["inner", "chained"]
    assert len(list(chain(error))) == 1


class MineError(Exception):
    """What a caller's callback raises."""


def test_what_the_callers_callback_raises_passes_as_it_is():
    seen = []
    mine = MineError("stop")

    def progress(_done):
        raise mine

    error = caught(lambda: failing(quote, seen)([WORD], progress=progress))
    assert error is mine
    names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    assert names[-1] == "progress"
    gc.collect()
    assert [ref() for ref in seen] == [None]
    assert not isinstance(error, FairveilError)


def test_the_same_kind_from_elsewhere_is_hidden():
    def fails(_rows):
        raise MineError(WORD)

    error = caught(lambda: failing(fails, [])([WORD], progress=print))
    assert type(error) is UnforeseenError
    assert "MineError" in str(error)


class PanicException(BaseException):
    """What Polars raises where it gives up: no ``Exception``."""


def test_a_panic_of_a_library_is_a_failure_and_hidden():
    def fails(rows):
        raise PanicException(f"called unwrap on {rows[0]}")

    error = caught(lambda: failing(fails, [])([WORD]))
    assert type(error) is UnforeseenError
    assert WORD not in "".join(traceback.format_exception(error))


def test_somebody_who_leaves_leaves():
    def fails(_rows):
        raise SystemExit(3)

    assert type(caught(lambda: failing(fails, [])([WORD]))) is SystemExit


def test_no_warning_gets_out_or_stops_a_fit():
    @guarded
    def warns(rows):
        warnings.warn(f"strange: {rows[0]}", RuntimeWarning, stacklevel=1)
        return float(np.float64(1e308) * np.float64(len(rows) + 9))

    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        assert warns([WORD]) == float("inf")
    assert shown == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert warns([WORD]) == float("inf")


def test_debugging_shows_everything(monkeypatch):
    monkeypatch.setenv(DEBUG, "1")
    error = caught(lambda: failing(quote, [])([WORD]))
    assert type(error) is ValueError
    assert WORD in str(error)


def test_a_result_and_a_name_pass():
    @guarded
    def works(a, *, progress=None):
        """Says so."""
        return a + 1

    assert works(1) == 2
    assert (works.__name__, works.__doc__) == ("works", "Says so.")
