"""Nasty tables through the Python API: a release or a clear error, and no leak.

Each frame goes through the whole intake: facts copied, facts discovered, rows counted,
encoded and measured by column. What comes later sees codes alone; a few frames go
all the way to the end.
"""

import logging

import pandas as pd
import pytest
from nasty_frames import FRAMES, NUMBER, WORD

from fairveil import chain
from fairveil._shield import UnforeseenError
from fairveil.errors import FairveilError
from fairveil.schema import Column, Schema
from fairveil.synthesizer import FairVeil

LARGE = 1e3  # a budget that lets discovery find something in sixty rows
FIRST = Column(name="a", kind="categorical", categories=("x", "y"))
NUMBERS = Column(name="b", kind="numeric", lower=0.0, upper=9.0, decimals=1)
WORDS = Column(name="b", kind="categorical", categories=("x", "5"), other="x")
FLAGS = Column(name="b", kind="boolean", nullable=True)
KINDS = {
    "numbers": {"schema": Schema(columns=(FIRST, NUMBERS))},
    "words": {"schema": Schema(columns=(FIRST, WORDS))},
    "flags": {"schema": Schema(columns=(FIRST, FLAGS))},
    "units": {"schema": Schema(columns=(FIRST,)), "unit": "b"},
}
# Names and frames are the caller's and public, so these may fail as they do: hidden.
FOREIGN = {"hostile name", "a frame that fails"}


class ReachedError(FairveilError):
    """All that looks at cells has been done."""


@pytest.fixture
def intake_only(monkeypatch):
    def reached(*_, **__):
        raise ReachedError("reached")

    monkeypatch.setattr(chain, "measured", reached)


@pytest.fixture
def said(caplog, capfd, recwarn):
    """What was printed, logged or warned of so far."""
    caplog.set_level(logging.INFO)

    def read():
        printed = "".join(capfd.readouterr())
        warned = "".join(str(w.message) for w in recwarn)
        return printed + warned + caplog.text

    return read


def assert_silent(text):
    for secret in (WORD, str(NUMBER), f"{NUMBER:,}", str(float(NUMBER))):
        assert secret not in text


def error_of(call, name):
    """The error of a call, which is one of ours and tells nothing."""
    with pytest.raises(FairveilError) as caught:
        call()
    error = caught.value
    assert isinstance(error, UnforeseenError) <= (name in FOREIGN), error
    assert error.__cause__ is None
    assert error.__context__ is None
    assert_silent(str(error))
    return error


def decoder(**settings):
    return FairVeil(fairness=None, generator="decoder", random_state=1, **settings)


@pytest.mark.parametrize("name", FRAMES)
def test_facts_are_copied_or_refused(name, said):
    def copied():
        schema = Schema.infer(FRAMES[name]())
        assert Schema.from_dict(schema.to_dict()) == schema
        assert schema.copied_from_data()
        raise ReachedError("copied")

    error_of(copied, name)
    assert_silent(said())


@pytest.mark.parametrize("name", FRAMES)
def test_facts_are_discovered_or_refused(name, intake_only, said):
    model = decoder(epsilon=LARGE)
    error_of(lambda: model.fit(FRAMES[name]()), name)
    assert_silent(said() + repr(model))


@pytest.mark.parametrize("name", FRAMES)
def test_no_cell_decides_whether_a_fit_goes_on(name, intake_only, said):
    """With public facts, a table of the right names is always taken as it is."""
    made = FRAMES[name]()
    ours = isinstance(made, pd.DataFrame) and name not in FOREIGN
    ours = ours and list(made.columns) == ["a", "b"]
    for settings in KINDS.values():
        error = error_of(lambda settings=settings: decoder(**settings).fit(made), name)
        if ours:
            assert isinstance(error, ReachedError), error
    assert_silent(said())
