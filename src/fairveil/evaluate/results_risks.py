"""What the attacks on a release return; labelled not private, like all of ``results``.

Secret: every figure was computed from real rows without noise. A rate of an attack is
never alone: beside it stand the rate of a guess that does not see the release, and that
of the same attack on rows that were never in the training table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fairveil.evaluate.results import Interval, Result
from fairveil.evaluate.results_fairness import Estimate
from fairveil.evaluate.results_tables import NearestRows

# the three questions of the Article 29 Working Party (opinion 05/2014), and membership
SINGLING_OUT, LINKABILITY = "singling out", "linkability"
INFERENCE, MEMBERSHIP = "inference", "membership"
QUESTIONS: Mapping[str, str] = {
    SINGLING_OUT: "Do the synthetic rows tell what is true of one person only?",
    LINKABILITY: "Do they tell which two records belong to one person?",
    INFERENCE: "Do they tell one thing of a person whose others are known?",
    MEMBERSHIP: "Do they tell whether a person was in the training table?",
}

PASS = "no better than guessing"  # noqa: S105  (not a password)
WEAK = "attack too weak to tell"
FINDING = "better than on control rows"
NO_CONTROL = "no control"
RISK_STATES = (FINDING, WEAK, NO_CONTROL, PASS)  # the gravest first


@dataclass(frozen=True)
class Rate(Result):
    """How often an attack was right.

    Attributes:
        successes: attempts that were right.
        attempts: all of them.
        value: successes over attempts; NaN without an attempt.
        interval: of ``value``, 95 %, by Wilson's score.
    """

    successes: int
    attempts: int
    value: float
    interval: Interval


@dataclass(frozen=True)
class Attack(Result):
    """One attack on the rows of a release, beside what makes it readable.

    Attributes:
        name: of the attack.
        question: which of ``QUESTIONS`` it answers.
        target: the column that is inferred, or the two sets that are linked; empty
            where the attack is on whole rows.
        main: on training rows.
        naive: on training rows, by a guess that does not see the release.
        control: the same attack on rows that were never in the training table; None
            where there are none.
        excess: ``main`` minus ``control``, with a 95 % interval (Newcombe).
        p_value: chance of at least this excess where training and control rows are of
            one law and the release depends on neither; one-sided, of this attack alone.
        planted: the same attack on training rows, where the release is a copy of some;
            it says whether the attack could see a leak at all. None without control.
        planted_control: of ``planted``, on control rows.
        detectable: the smallest excess that so many attempts show in four of five
            tables, at the level that is used; about.
        state: one of ``RISK_STATES``.
        sentence: what was found, in words.
        ranking: of membership: AUROC of training against control rows; else None.
        notes: how the guess is made, and what was left out.
    """

    name: str
    question: str
    target: str
    main: Rate
    naive: Rate
    control: Rate | None
    excess: Estimate
    p_value: float
    planted: Rate | None
    planted_control: Rate | None
    detectable: float
    state: str
    sentence: str
    ranking: Estimate | None = None
    notes: tuple[str, ...] = ()

    @property
    def asked(self) -> str:
        """The question in words."""
        return QUESTIONS[self.question]

    @property
    def found(self) -> bool:
        """Whether the release tells more of training rows than of others."""
        return self.state == FINDING

    def to_dict(self) -> dict[str, Any]:
        """The fields, and the question in words."""
        return {**super().to_dict(), "asked": self.asked, "found": self.found}


@dataclass(frozen=True)
class NearestRecords(Result):
    """Copied rows and nearest records: a check of sanity, no guarantee of privacy.

    Attributes:
        identical_train: synthetic rows that equal a training row in every column; where
            there is control, one of as many training rows as ``identical_control`` has.
        identical_control: those that equal a control row; None without control.
        distance: of synthetic rows to the nearest training and control row; None
            without control.
        sentence: what was found, in words.
    """

    identical_train: Rate
    identical_control: Rate | None
    distance: NearestRows | None
    sentence: str


@dataclass(frozen=True)
class PrivacyRisks(Result):
    """All attacks on one release.

    Attributes:
        attacks: in the order of ``QUESTIONS``.
        nearest: the check of sanity.
        n_train, n_synthetic, n_control: rows of the tables.
        level: chance that any attack at all is a finding where there is nothing.
        seed: of everything drawn at random.
        notes: what was left out.
    """

    attacks: tuple[Attack, ...]
    nearest: NearestRecords
    n_train: int
    n_synthetic: int
    n_control: int
    level: float
    seed: int
    notes: tuple[str, ...] = ()

    def of(self, question: str) -> tuple[Attack, ...]:
        """The attacks that answer one question."""
        return tuple(a for a in self.attacks if a.question == question)

    @property
    def states(self) -> dict[str, str]:
        """The state by question; a question without an attack is left out.

        A finding of any attack stands. Else, of several attacks on one target the
        ablest counts, and of several targets the gravest.
        """
        out = {}
        for question in QUESTIONS:
            by_target: dict[str, set[str]] = {}
            for one in self.of(question):
                by_target.setdefault(one.target, set()).add(one.state)
            order = (FINDING, NO_CONTROL, PASS, WEAK)
            found = [min(states, key=order.index) for states in by_target.values()]
            if found:
                out[question] = min(found, key=RISK_STATES.index)
        return out

    @property
    def findings(self) -> tuple[Attack, ...]:
        """The attacks that do better on training rows than on others."""
        return tuple(a for a in self.attacks if a.found)

    def to_dict(self) -> dict[str, Any]:
        """The fields, with each attack's own record, and the states by question."""
        return {
            **super().to_dict(),
            "attacks": [one.to_dict() for one in self.attacks],
            "nearest": self.nearest.to_dict(),
            "states": self.states,
        }
