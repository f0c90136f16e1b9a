"""One line of text an error, and validators that name the caller's variable."""

import inspect
import math

import pytest

from fairveil import _check, errors
from fairveil.errors import ConfigError, problem


def test_a_problem_says_what_got_and_try():
    assert problem("it broke") == "it broke."
    assert problem("it broke", got="x", try_="y") == "it broke; got 'x'; try y."
    assert problem("it broke", got=0) == "it broke; got 0."
    assert problem("it broke", try_="y") == "it broke; try y."


def test_all_errors_are_one_family():
    kinds = [
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if kind.__module__ == errors.__name__
    ]
    assert len(kinds) == 10
    for kind in kinds:
        assert issubclass(kind, errors.FairveilError)
        assert issubclass(kind, ValueError)
    assert issubclass(errors.NotFittedError, AttributeError)


NOT_NUMBERS = [math.nan, "1", None, True, 1j, [1], 10**400]


@pytest.mark.parametrize("bad", [0, -1, -math.inf, *NOT_NUMBERS])
def test_positive(bad):
    _check.positive(a=1, b=0.1, c=math.inf)
    with pytest.raises(ConfigError, match=r"^b "):
        _check.positive(a=1, b=bad)


@pytest.mark.parametrize("bad", [math.inf, -math.inf, *NOT_NUMBERS])
def test_finite(bad):
    _check.finite(a=-1, b=0)
    with pytest.raises(ConfigError, match=r"^b "):
        _check.finite(a=1, b=bad)


@pytest.mark.parametrize("bad", [-0.1, 1.1, math.inf, *NOT_NUMBERS])
def test_in_range(bad):
    _check.in_range(0, 1, a=0, b=1, c=0.5)
    with pytest.raises(ConfigError, match=r"^b "):
        _check.in_range(0, 1, a=0, b=bad)


@pytest.mark.parametrize("bad", [0, 1.0, "1", None, True, math.nan])
def test_whole(bad):
    _check.whole(1, a=1, b=10**30)
    with pytest.raises(ConfigError, match=r"^b "):
        _check.whole(1, a=1, b=bad)


@pytest.mark.parametrize("bad", ["c", None, 1, []])
def test_one_of(bad):
    _check.one_of(("a", "b"), kind="a")
    with pytest.raises(ConfigError, match="one of 'a', 'b'"):
        _check.one_of(("a", "b"), kind=bad)


def test_distinct():
    _check.distinct(names=["a", "b"], others=())
    with pytest.raises(ConfigError, match=r"names.*'a, c'"):
        _check.distinct(names=["c", "a", "b", "a", "c"])


def test_a_long_thing_is_cut_off():
    told = problem("it broke", got="x" * 10_000, try_="y")
    assert len(told) < 400
    assert told.endswith("x...; try y.")


def test_a_long_hint_is_cut_off():
    """It may list the values of a column."""
    told = problem("it broke", try_="one of " + "value, " * 10_000)
    assert told.startswith("it broke; try one of value, value, ")
    assert told.endswith("....")
    assert len(told) < 700
