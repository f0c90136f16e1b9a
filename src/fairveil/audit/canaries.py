"""One fit with many canaries, each in the table by a fair coin of its own.

Public: the table is made up. Canary i is a row with a category that nobody else has, so
it owns a cell of each histogram that the fit measures, and a slice of the first and
last layer of every gradient. The attacker is white-box: he sees every noisy number, and
scores canary i by the noisy numbers that it owns, along the direction in which it would
move them. K-Means sums are seen as well, but no canary owns one: thousands of canaries
share a few clusters there, and hide each other better than the noise does.

Two kinds of bounds come out of one run: bounds that hold however the canaries' fates
hang together (``one_run``), and the sharper one that holds if the noise of different
numbers is independent, as the product says it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from fairveil import chain, config
from fairveil._types import Floats
from fairveil.audit import one_run
from fairveil.audit.bounds import Counts
from fairveil.audit.mechanisms import DELTA
from fairveil.audit.results import Bound, Finding
from fairveil.audit.tiny import WARM
from fairveil.audit.transcript import (
    TINY,
    LostError,
    Recorder,
    Release,
    Replayer,
    Sum,
)
from fairveil.privacy.ledger import Ledger
from fairveil.privacy.noise import NoiseSource
from fairveil.schema import Column, Schema
from fairveil.seeds import Seeds

_BACKGROUND = 1_000  # rows that are always there
# shares of the canaries that are guessed: they depend on public figures only
_GUESSED_FOR_EPSILON = 0.25
_GUESSED_FOR_MU = (0.05, 0.1, 0.2, 0.4)  # the first that can prove enough
_ENOUGH = 1.25  # times the stated mu
_SETTINGS = config.Fit(
    vae=config.VaeTraining(hidden=(4,), latent=2, steps=2, **WARM),
    clustering=config.Clustering(clusters=2, lloyd_steps=1),
    measuring=config.Measuring(
        rounds=1, least_rounds=1, most_rounds=1, pool=1_000, pair_cells=100_000
    ),
)


@dataclass(frozen=True, kw_only=True)
class Game:
    """One run's coins and what the attacker makes of it.

    Attributes:
        joined: the coins, (canaries,).
        scores: log-likelihood ratios of "it was in the table", (canaries,).
        mu: that the ledger was charged.
        owned: mu of what a canary owns, in the mean over canaries.
    """

    joined: np.ndarray
    scores: Floats
    mu: float
    owned: float

    def correct(self, guesses: int) -> int:
        """Right guesses among the coins that the attacker is surest of."""
        surest = np.argsort(-np.abs(self.scores), kind="stable")[:guesses]
        return int(((self.scores[surest] > 0) == self.joined[surest]).sum())


def play(epsilon: float, *, canaries: int, seed: int | None) -> Game:
    """Throw the coins, fit once, and score every canary.

    Args:
        epsilon: of the budget; infinity for the control.
        canaries: how many.
        seed: None for real noise and real coins.

    Raises:
        LostError: the releases depend on a row.
    """
    rng = Seeds.of(seed).generator("coins")
    joined = rng.random(canaries) < 0.5  # noqa: PLR2004  (a fair coin)
    ledger, record = Ledger(epsilon=epsilon, delta=DELTA), Recorder.of(seed)
    _fit(joined, ledger, record)
    logs = []
    for everyone in (False, True):
        replay = Replayer.of(record)
        spare = Ledger(epsilon=epsilon, delta=DELTA)
        _fit(np.full(canaries, everyone), spare, replay)
        logs.append(replay.finished().log)
    scores, owned = _scores(logs[0], logs[1], canaries)
    return Game(
        joined=joined,
        scores=scores,
        mu=math.sqrt(2 * ledger.spent_rho),
        owned=float(np.sqrt(np.mean(owned))),
    )


def control(canaries: int, seed: int | None) -> Game | None:
    """A run without noise; None where the audit cannot follow it."""
    try:
        return play(math.inf, canaries=canaries, seed=seed)
    except LostError:
        return None


def audit_canaries(
    epsilon: float, *, canaries: int, seed: int | None, control: Game | None
) -> tuple[Finding, ...]:
    """Both kinds of bounds from one run.

    Args:
        epsilon: of the budget.
        canaries: how many.
        seed: None for real noise.
        control: a run without noise.
    """
    faults: tuple[str, ...] = ()
    game, mu = None, 0.0
    try:
        game = play(epsilon, canaries=canaries, seed=seed)
        mu = game.mu
    except LostError as error:
        faults = (str(error),)
    said = () if game is None else (_told(game, epsilon),)
    kinds = (
        ("one run, any dependence", "guesses right, however coins hang together"),
        ("one run, independent noise", "guesses right, noise of numbers independent"),
    )
    return tuple(
        Finding(
            group="one run",
            name=name,
            about=about,
            runs=canaries,
            epsilon=epsilon,
            delta=DELTA,
            mu=mu,
            bound=Bound.nothing() if game is None else bound(game, mu),
            control=None if control is None else bound(control, mu),
            faults=faults,
            remarks=said if bound is _independent else (),
        )
        for (name, about), bound in zip(kinds, (_dependent, _independent), strict=True)
    )


def _told(game: Game, epsilon: float) -> str:
    share = game.owned / game.mu
    return (
        f"At epsilon {epsilon:g} a canary's own numbers carry {share:.0%} of the "
        "stated mu."
    )


def _dependent(game: Game, mu: float) -> Bound:
    m = len(game.joined)
    k, surest = int(_GUESSED_FOR_EPSILON * m), guesses_for_mu(m, mu)
    return Bound(
        epsilon=one_run.epsilon_bound(game.correct(k), k, m, delta=DELTA),
        epsilon_most=one_run.epsilon_bound(k, k, m, delta=DELTA),
        mu=one_run.mu_bound(game.correct(surest), surest, m),
        mu_most=one_run.mu_bound(surest, surest, m),
    )


def guesses_for_mu(canaries: int, mu: float) -> int:
    """How many coins to guess: few are guessed best, but more can prove more.

    Args:
        canaries: coins thrown, at least 20.
        mu: what is stated, and to be refuted.
    """
    counts = [int(share * canaries) for share in _GUESSED_FOR_MU]
    for k in counts:
        if one_run.mu_bound(k, k, canaries) > _ENOUGH * mu:
            return k
    return counts[-1]


def _independent(game: Game, mu: float) -> Bound:
    del mu
    guessed = game.scores > 0
    counts = Counts(
        hits=int((guessed & game.joined).sum()),
        inside=int(game.joined.sum()),
        alarms=int((guessed & ~game.joined).sum()),
        outside=int((~game.joined).sum()),
    )
    return Bound.of(counts, delta=DELTA)


def _fit(joined: np.ndarray, ledger: Ledger, noise: NoiseSource) -> None:
    names = [f"k{i}" for i in range(len(joined))]
    who = [name for name, there in zip(names, joined, strict=True) if there]
    table = pd.DataFrame(
        {
            "who": ["nobody"] * _BACKGROUND + who,
            "kind": ["0"] * _BACKGROUND + ["1"] * len(who),
        }
    )
    columns = (
        Column(name="who", kind="categorical", categories=("nobody", *names)),
        Column(name="kind", kind="categorical", categories=("0", "1")),
    )
    chain.measure_table(
        nw.from_native(table, eager_only=True),
        Schema(columns=columns, declared_by="the audit"),
        settings=_SETTINGS,
        ledger=ledger,
        noise=noise,
        unit=None,
        max_rows_per_unit=1,
        progress=lambda _stage, _done, _all: None,
    )


def _scores(
    nobody: Sequence[Release], everyone: Sequence[Release], canaries: int
) -> tuple[Floats, Floats]:
    """Log-likelihood ratios, and squared mu of what each canary owns: (canaries,).

    The others are there or not by coins: the middle between the answers with all and
    with none is what is expected without knowing of this one.
    """
    scores, owned = np.zeros(canaries), np.zeros(canaries)
    for none, full in zip(nobody, everyone, strict=True):
        if not (isinstance(none, Sum) and isinstance(full, Sum)):
            continue
        own = [_own(x, canaries) for x in (none.exact, full.exact, none.noisy)]
        if own[0] is None or own[1] is None or own[2] is None:
            continue
        shift = own[1] - own[0]
        scale = max(none.stddev, TINY) ** 2
        scores += ((own[2] - (own[0] + own[1]) / 2) * shift).sum(1) / scale
        owned += (shift**2).sum(1) / scale
    return scores, owned


def _own(numbers: np.ndarray, canaries: int) -> Any:
    """The numbers that belong to one canary each, (canaries, k); None: there are none.

    Recognised by their sizes: the histogram of ``who``, its pair with ``kind`` (of
    which canaries have the second code), and whatever has an axis as long as a wide
    row: the first and last layers.
    """
    who, wide = canaries + 1, canaries + 3
    values = numbers.astype(np.float64)
    if values.shape == (who,):
        return values[1:, None]
    if values.shape == (2 * who,):
        return values.reshape(who, 2)[1:, 1:]
    if wide in values.shape:
        at = values.shape.index(wide)
        return np.moveaxis(values, at, 0).reshape(wide, -1)[1:who]
    return None
