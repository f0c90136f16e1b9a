"""Attack a release: singling out, linkability, inference, membership.

NOT PRIVATE: reads real rows without noise. Promises: each attack stands beside a guess
that does not see the release and beside the same attack on rows that were never in the
training table; where the release depends on neither, the chance that any attack at all
is called a finding is at most ``LEVEL``; figures depend on tables and ``seed`` alone.

An attack that finds nothing proves nothing: a stronger one may. Only differential
privacy bounds every attack.

Sources: the three questions of the Article 29 Working Party (opinion 05/2014); beside a
baseline and a control, as Giomi et al. 2023 ask. The attacks are our own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from fairveil import _check
from fairveil._shield import guarded
from fairveil.errors import ConfigError, problem
from fairveil.evaluate._inference import inference
from fairveil.evaluate._linkability import linkability
from fairveil.evaluate._membership import membership
from fairveil.evaluate._nearness import places
from fairveil.evaluate._proportions import UNKNOWN, detectable, difference, holm
from fairveil.evaluate._records import nearest_records
from fairveil.evaluate._singling_out import singling_out
from fairveil.evaluate._tables import FEWEST, column, paired, require
from fairveil.evaluate._trials import Setting, Trial
from fairveil.evaluate._verbatim import verbatim
from fairveil.evaluate.fidelity import copies
from fairveil.evaluate.results_risks import (
    FINDING,
    INFERENCE,
    LINKABILITY,
    MEMBERSHIP,
    NO_CONTROL,
    PASS,
    SINGLING_OUT,
    WEAK,
    Attack,
    PrivacyRisks,
    Rate,
)

LEVEL = 0.05
MOST_SECRETS = 10  # that are inferred where none is named
_MOST_ROWS, _LEAST_ROWS = 20_000, 1000  # that the attacker sees, of itself
_WORK = 800_000_000  # cells compared in one pass, which those rows keep to
_COUNTED = 200_000  # rows among which equal ones are looked for
_OVERLAP = 0.1  # share of control rows, beyond what repeats in training rows
_NAN = float("nan")


@guarded
def privacy_risks(  # noqa: PLR0913  (tables, questions, limits)
    real_train: Any,
    synthetic: Any,
    real_control: Any = None,
    *,
    secrets: Sequence[str] | None = None,
    known: Sequence[str] | None = None,
    linked: tuple[Sequence[str], Sequence[str]] | None = None,
    max_targets: int = 2000,
    max_rows: int | None = None,
    seed: int = 0,
) -> PrivacyRisks:
    """Attack a release in the ways that the guidance of regulators asks for.

    Args:
        real_train: real rows that the synthesizer saw, all of them.
        synthetic: the release.
        real_control: real rows of the same population that it did not see. Without
            them attacks are made, but nothing can be said: the state is "no control".
        secrets: columns to infer; by default the first ten of more than one value.
        known: columns that an attacker knows who infers another; by default all. The
            column that is inferred is not looked at.
        linked: two lists of columns, each known to somebody else; by default every
            second column against the rest.
        max_targets: people that are attacked in each table at most, drawn at random.
        max_rows: rows that the attacker sees at most, drawn at random; by default
            20,000, and fewer of more than twenty columns, so that time is bounded.
        seed: of everything drawn at random.

    Raises:
        TableError: columns differ or are missing.
        ConfigError: a list names a column twice, or a number is not sensible.
    """
    _check.whole(FEWEST, max_targets=max_targets)
    _check.whole(0, seed=seed)
    train, release = paired(real_train, synthetic)
    control = None if real_control is None else paired(train, real_control)[1]
    names = list(train.columns)
    if max_rows is None:
        fitting = _WORK // (max_targets * len(names))
        max_rows = min(_MOST_ROWS, max(_LEAST_ROWS, fitting))
    _check.whole(FEWEST, max_rows=max_rows)
    hidden, seen, sides = _questions(train, secrets, known, linked)
    rng = np.random.default_rng([seed, 0])
    setting = _setting(train, release, control, max_targets, max_rows, rng, seed)
    trials = [
        *singling_out(setting),
        linkability(setting, *sides),
        *inference(setting, hidden, seen),
        *membership(setting),
        _equal_row(train, release, control, rng),
    ]
    notes = _overlap(train, control, rng)
    if secrets is None and len(_told_apart(train)) > MOST_SECRETS:
        notes.append(f"inferred are the first {MOST_SECRETS} columns; name others")
    if len(release) > max_rows:
        notes.append(f"the attacker sees {max_rows:,} synthetic rows, drawn at random")
    return PrivacyRisks(
        attacks=tuple(_judged(trials, control=control is not None)),
        nearest=nearest_records(train, release, control, rng, max_rows=max_targets),
        n_train=len(train),
        n_synthetic=len(release),
        n_control=0 if control is None else len(control),
        level=LEVEL,
        seed=seed,
        notes=tuple(notes),
    )


def _questions(
    train: pd.DataFrame,
    secrets: Sequence[str] | None,
    known: Sequence[str] | None,
    linked: tuple[Sequence[str], Sequence[str]] | None,
) -> tuple[list[str], list[str], tuple[list[str], list[str]]]:
    """Columns to infer, columns known, and both sides of a link, checked."""
    names = list(train.columns)
    hidden, seen = _told_apart(train)[:MOST_SECRETS], names
    sides = names[::2], names[1::2]
    if secrets is not None:
        _check.names(secrets=secrets)
        hidden = list(secrets)
    if known is not None:
        _check.names(known=known)
        seen = list(known)
    if linked is not None:
        if not isinstance(linked, (tuple, list)) or len(linked) != FEWEST:
            what = "linked must be two lists of names"
            raise ConfigError(problem(what, try_="(['a', 'b'], ['c'])"))
        one, two = linked
        _check.names(linked=one)
        _check.names(linked=two)
        sides = list(one), list(two)
    for asked in (hidden, seen, *sides):
        require(train, *asked)
    _check.distinct(secrets=hidden)
    _check.distinct(known=seen)
    if len({*sides[0], *sides[1]}) < len(sides[0]) + len(sides[1]):
        what = "the two lists of linked columns share a column"
        raise ConfigError(problem(what, try_="two lists without a common name"))
    return hidden, seen, sides


def _told_apart(train: pd.DataFrame) -> list[str]:
    """Columns of more than one value: of the others there is nothing to infer."""
    names = list(train.columns)
    return [n for n in names if column(train, n).nunique(dropna=False) >= FEWEST]


def _overlap(
    train: pd.DataFrame, control: pd.DataFrame | None, rng: np.random.Generator
) -> list[str]:
    """A note where control rows look as if they were training rows."""
    if control is None:
        return []
    train, control = (_drawn(frame, _COUNTED, rng) for frame in (train, control))
    share = copies(train, control).share
    if share - copies(train, train).within <= _OVERLAP:
        return []
    note = (
        f"{share:.0%} of the control rows equal a training row, more than training "
        "rows repeat: control rows must be of people who were not in the table"
    )
    return [note]


def _drawn(frame: pd.DataFrame, most: int, rng: np.random.Generator) -> pd.DataFrame:
    """At most so many rows, in random order."""
    return frame.iloc[rng.permutation(len(frame))[:most]].reset_index(drop=True)


def _equal_row(
    train: pd.DataFrame,
    release: pd.DataFrame,
    control: pd.DataFrame | None,
    rng: np.random.Generator,
) -> Trial:
    """The one attack that is cheap enough for (nearly) all rows."""
    real, made = (_drawn(frame, _COUNTED, rng) for frame in (train, release))
    others = None if control is None else _drawn(control, _COUNTED, rng)
    return verbatim(real, made, others, rng)


def _setting(  # noqa: PLR0917  (of one caller)
    train: pd.DataFrame,
    release: pd.DataFrame,
    control: pd.DataFrame | None,
    max_targets: int,
    max_rows: int,
    rng: np.random.Generator,
    seed: int,
) -> Setting:
    targets = _drawn(train, max_targets, rng)
    others = targets if control is None else _drawn(control, max_targets, rng)
    seen = _drawn(release, max_rows, rng)
    # as large as the release, so that it says what a leak of such a release would show
    copy = _drawn(train, len(seen), rng)
    size = min(max_rows, len(train), len(train if control is None else control))
    everyone = _drawn(train, size, rng)
    apart = everyone if control is None else _drawn(control, size, rng)
    tables = (targets, others, seen, copy, everyone, apart)
    grid = places(tables, spread_of=(4, 5))
    return Setting(grid, control is not None, seed)


def _judged(trials: Sequence[Trial], *, control: bool) -> list[Attack]:
    """Each attack with its state: all attacks are one family of tests."""
    if not control:
        return [_attack(trial, NO_CONTROL, 1.0) for trial in trials]
    adjusted = holm(np.array([trial.release.p_value for trial in trials]))
    strict = LEVEL / len(trials)
    return [
        _attack(trial, _state(trial, p, strict), strict)
        for trial, p in zip(trials, adjusted.tolist(), strict=True)
    ]


def _state(trial: Trial, adjusted: float, strict: float) -> str:
    if adjusted <= LEVEL:
        return FINDING
    planted = trial.planted
    able = (
        planted is not None
        and planted.p_value <= strict
        and planted.main.value > trial.naive.value
    )
    return PASS if able and trial.release.main.attempts else WEAK


def _attack(trial: Trial, state: str, strict: float) -> Attack:
    shot, planted = trial.release, trial.planted
    control = None if state == NO_CONTROL else shot.control
    known = control is not None and control.attempts > 0
    return Attack(
        name=trial.name,
        question=trial.question,
        target=trial.target,
        main=shot.main,
        naive=trial.naive,
        control=control,
        excess=difference(shot.main, control) if control is not None else UNKNOWN,
        p_value=shot.p_value if known else _NAN,
        planted=planted.main if planted else None,
        planted_control=planted.control if planted else None,
        detectable=detectable(control, shot.main.attempts, strict)
        if control is not None
        else _NAN,
        state=state,
        sentence=_sentence(trial, state, strict),
        ranking=shot.ranking,
        notes=trial.notes,
    )


_DONE = {
    SINGLING_OUT: "Of the {whom}, {main} fit one training row only",
    LINKABILITY: "Of the {whom}, {main} were linked rightly",
    INFERENCE: "Of the {whom}, {main} had their {target} guessed rightly",
    MEMBERSHIP: "Of the {whom}, {main} were claimed to be of the table",
}


def _sentence(trial: Trial, state: str, strict: float) -> str:
    """What was found, in words; every figure is one of the record."""
    shot = trial.release
    if not shot.main.attempts:
        if state == NO_CONTROL:
            return (
                "This attack could not be tried: it compares training rows with "
                "control rows, real rows that the fit did not see, and there are none."
            )
        return "Not tried: these tables give the attack nothing to try."
    said = {"whom": trial.whom, "main": _share(shot.main), "target": trial.target}
    done = _DONE[trial.question].format(**said)
    naive = f"without the release, {_share(trial.naive)}"
    if state == NO_CONTROL:
        return (
            f"{done}; {naive}. Whether the release or the population tells it "
            "cannot be said without control rows."
        )
    told = f"{done}; on control rows, {_share(shot.control)}; {naive}. "
    return told + _verdict(trial, state, strict)


def _verdict(trial: Trial, state: str, strict: float) -> str:
    shot, planted = trial.release, trial.planted
    if state == FINDING:
        return (
            "The release tells more of those in the training table than of others: "
            "find out why before it is published."
        )
    if state == WEAK:
        seen = _share(planted.main) if planted else "none"
        return (
            f"Even a copy of training rows would not have been noticed ({seen}): "
            "this says nothing."
        )
    least = detectable(shot.control, shot.main.attempts, strict)
    said = (
        "No more is told of those in the table than of others; an excess under about "
        f"{least:.1%} would not show."
    )
    if shot.p_value <= LEVEL:
        said += " Alone it would be beyond chance, among all attacks it is not."
    return said


def _share(rate: Rate) -> str:
    return f"{rate.value:.1%}"
