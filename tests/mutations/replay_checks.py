"""One history, two tables: what leaves must be the same, and moves must be paid for.

A fit is recorded on one table and played back on another one, so that every noisy
answer is the recorded one (``fairveil.audit.transcript``). Then

- everything that leaves the fit must be the same, whatever the other table holds: what
  differs was computed from rows beside the noise (``check_same``);
- every exact answer under the noise may move between *neighbouring* tables by what the
  event with that noise declares, and no more (``check_moves_are_paid``).

The first holds for any two tables, so it is tried on far ones too. Neither uses the
product's prices. They do not see whether the noise itself is what was asked for.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import math
import tempfile
import warnings
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from border_tools import SHAPE, SIZES, flat, random_codes, training

import test_leaks as leaks
from fairveil import chain, config
from fairveil._gaps import Gap, Plan
from fairveil.audit.transcript import (
    Choice,
    Recorder,
    Release,
    Replayer,
    Sum,
    log_chances,
)
from fairveil.post import finish, sample
from fairveil.privacy.events import Event, Exponential, Thresholding
from fairveil.privacy.ledger import Ledger
from fairveil.privacy.noise import NoiseSource
from fairveil.private import cluster, discover, fit_vae as fit_vae_module, intake
from fairveil.private.view import Border, Sensitive

_ROUNDING = 1e-5  # of a squared distance: float32 sums


@dataclass(frozen=True)
class Seen:
    """What one fit let out: pieces by name, and the events that it was charged."""

    pieces: dict[str, Any]
    events: tuple[Event, ...]


Fit = Callable[[Any, NoiseSource], Seen]  # (table, noise) -> what leaves


def check_replay(fit: Fit, table: Any, neighbour: Any, *far: Any) -> None:
    """Record a fit on a table, play it back on the others, and compare.

    Args:
        fit: a whole fit or a part of one.
        table: recorded.
        neighbour: the same with one unit more.
        far: other tables.
    """
    record = Recorder.of(3)
    seen = fit(table, record)
    for i, other in enumerate((neighbour, *far)):
        replay = Replayer.of(record)
        again = fit(other, replay)
        check_same(seen, again)
        moved = replay.finished().log
        if i == 0:
            check_moves_are_paid(record.log, moved, seen.events)


def check_same(one: Seen, other: Seen) -> None:
    """Nothing that leaves differs between fits which heard the same answers."""
    assert one.events == other.events, "the events depend on a row"
    assert one.pieces.keys() == other.pieces.keys()
    different = [k for k in one.pieces if one.pieces[k] != other.pieces[k]]
    assert not different, f"depends on a row beside the noise: {different}"


def check_moves_are_paid(
    before: list[Release], after: list[Release], events: tuple[Event, ...]
) -> None:
    """Exact answers move by what the events declare, event by event.

    Sums are told apart by the size of their noise: squared distances of all sums with
    the same noise against the squared sensitivities of all events with it.
    """
    moved, allowed = defaultdict(float), defaultdict(float)
    ranges = []
    for a, b in zip(before, after, strict=True):
        if isinstance(a, Sum) and isinstance(b, Sum):
            moved[a.stddev] += float(np.sum((b.exact.astype(float) - a.exact) ** 2))
        elif isinstance(a, Choice) and isinstance(b, Choice):
            ranges.append(float(np.ptp(log_chances(b) - log_chances(a))))
    for event in events:
        if isinstance(event, Exponential):
            continue
        rows = isinstance(event, Thresholding)
        most = event.rows_per_unit if rows else event.sensitivity
        allowed[event.noise_stddev] += most**2 * getattr(event, "count", 1)
    # the two parts of a thresholded histogram share one noise and one row
    for stddev, distance in moved.items():
        assert distance <= allowed[stddev] * (1 + _ROUNDING), (
            f"answers moved by {math.sqrt(distance):.3f} under noise {stddev:.3g}; "
            f"paid for {math.sqrt(allowed[stddev]):.3f}"
        )
    paid = [e.e for e in events if isinstance(e, Exponential) for _ in range(e.count)]
    assert len(ranges) == len(paid), f"{len(ranges)} choices, {len(paid)} paid for"
    for width, most in zip(ranges, paid, strict=True):
        assert width <= most * (1 + _ROUNDING), (
            f"a choice's chances moved by a range of {width:.3f}; paid for {most:.3f}"
        )


# A whole fit, without the networks ---------------------------------------------------


@contextlib.contextmanager
def quick_fits():
    """Fits of 20 ms: random rows stand for those of the released networks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, "preset", lambda _name: leaks.TINY)
        patch.setattr(chain, "_teacher", leaks.flat_teacher)
        for home in (finish, sample):
            patch.setattr(home, "RowSource", leaks.FlatSource)
        yield


def quick_fit(table: pd.DataFrame, **changes: Any) -> Any:
    """A fitted model with the schema of ``test_leaks``."""
    with quick_fits():
        return leaks.model_of(**changes).fit(table)


def whole_fit(**changes: Any) -> Fit:
    """Fit, save and sample, with all that a user, or the GAN, gets to see."""

    def fit(table: pd.DataFrame, noise: NoiseSource) -> Seen:
        calls: list[Any] = []
        handed: list[Any] = []

        def gan(teacher: Any, real: Any, targets: Any, **more: Any) -> Any:
            of_targets = [(t.columns, t.probs.tobytes(), t.stddev) for t in targets]
            handed.append((digest(teacher), real.tobytes(), of_targets))
            handed.append(sorted(k for k in more if k != "progress"))
            return teacher

        with pytest.MonkeyPatch.context() as patch, listening() as said, quick_fits():
            patch.setattr(NoiseSource, "secure", lambda: noise)
            patch.setattr(finish, "fit_gan", gan)
            # a budget at which numeric columns get bins, though the tables are tiny
            facts = {"epsilon": 30.0, "sensitive": ["sex"], "generator": "wgan"}
            facts |= changes
            model = leaks.model_of(**facts)
            model.fit(table, progress=lambda *call: calls.append(call))
            released = model.sample(100, random_state=1).to_csv()
            pieces = {
                "model file": file_of(model),
                "statement": str(model.statement_),
                "numbers of the statement": json.dumps(model.statement_.to_dict()),
                "repr": repr(model),
                "progress": repr(calls),
                "what the GAN is given": repr(handed),
                "sample": released,
                "arrays and numbers in memory": digest(model),
            }
        return Seen({**pieces, "said": said()}, model.statement_.events)

    return fit


@contextlib.contextmanager
def listening():
    """Everything that is printed or warned."""
    out = io.StringIO()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(out),
        warnings.catch_warnings(record=True) as warned,
    ):
        warnings.simplefilter("always")
        yield lambda: out.getvalue() + str([str(w.message) for w in warned])


def file_of(model: Any) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        model.save(path)
        return path.read_bytes()


def digest(thing: Any) -> str:
    """A hash of all arrays and numbers that hang on an object."""
    found = [
        f"{one.dtype}{one.shape}".encode() + np.ascontiguousarray(one).tobytes()
        if isinstance(one, (np.ndarray, jax.Array))
        else repr(one).encode()
        for one in leaks.reachable(thing)
        if isinstance(one, (np.ndarray, jax.Array, int, float))
        and not (isinstance(one, np.ndarray) and one.dtype == object)
    ]
    return hashlib.sha256(b"|".join(sorted(set(found)))).hexdigest()


ROW = {"sex": None, "job": "rest", "pay": 49.9, "member": True}  # in an empty cell


def near_tables(rows: int = 1, **more: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A table, and the same with a unit of equal rows; ``more``: its other cells."""
    table = leaks.plain_table(60)
    unit = pd.DataFrame([ROW] * rows).astype({"sex": object})
    if more:
        table["person"] = np.arange(len(table)) % 40
        unit["person"] = more["person"]
    return table, pd.concat([unit, table], ignore_index=True)


def replay_whole_fit() -> None:
    far = leaks.plain_table(200, seed=9)
    far["pay"] = far["pay"] / 50
    check_replay(whole_fit(), *near_tables(), far, leaks.marked_table(31))


def replay_whole_fit_by_unit() -> None:
    fit = whole_fit(unit="person", max_rows_per_unit=3)
    check_replay(fit, *near_tables(9, person=999))


# The networks ------------------------------------------------------------------------


def networks(codes: np.ndarray, noise: NoiseSource) -> Seen:
    """The VAE and the mixture, at a budget at which the clusters stand out."""
    ledger, calls = Ledger(epsilon=60.0, delta=1e-5), []
    border = Border(Sensitive(codes, sizes=SIZES), ledger, noise)
    layers = fit_vae_module.fit_vae(
        border,
        shape=SHAPE,
        training=training(),
        clusters=3,
        rho=ledger.share(0.5),
        n_hat=40,
        key=jax.random.key(5),
        progress=lambda *call: calls.append(call),
    ).value
    mixture = cluster.fit_mixture(
        border,
        layers=layers,
        shape=SHAPE,
        clusters=3,
        lloyd_steps=2,
        rho=ledger.share(0.5),
        key=jax.random.key(7),
    ).value
    parts = (mixture.weights, mixture.means, mixture.covariances)
    pieces = {
        "weights of the network": flat(layers).tobytes(),
        "mixture": b"".join(np.asarray(x).tobytes() for x in parts),
        "progress": repr(calls),
    }
    return Seen(pieces, ledger.events)


def replay_networks() -> None:
    codes = random_codes(40)
    more = np.r_[[[2, 1, 3]], codes].astype(np.int32)  # all others change places
    check_replay(networks, codes, more, np.zeros((90, len(SIZES)), np.int32))


MODEL_ROWS = random_codes(60, seed=9)  # what the rounds hand over


def whole_teacher(codes: np.ndarray, noise: NoiseSource) -> Seen:
    """The chain's part from rows of the marginal model to VAE and mixture."""
    ledger, calls = Ledger(epsilon=60.0, delta=1e-5), []
    border = Border(Sensitive(codes, sizes=SIZES), ledger, noise)
    settings = config.Fit(
        split=config.Split(vae=0.3, clusters=0.5, selection=0.05, marginals=0.062),
        vae=training(warm_steps=3, warm_batch=16),
        clustering=config.Clustering(clusters=3, lloyd_steps=1),
    )

    def progress(*call: Any) -> None:
        calls.append(call)

    teacher = chain._teacher(border, MODEL_ROWS, settings, 40, progress)
    mixture = teacher.mixture
    parts = (mixture.weights, mixture.means, mixture.covariances)
    pieces = {
        "weights of the network": flat(teacher.layers).tobytes(),
        "mixture": b"".join(np.asarray(x).tobytes() for x in parts),
        "progress": repr(calls),
    }
    return Seen(pieces, ledger.events)


def replay_teacher() -> None:
    codes = random_codes(40)
    more = np.r_[[[2, 1, 3]], codes].astype(np.int32)
    check_replay(whole_teacher, codes, more, np.zeros((90, len(SIZES)), np.int32))


# Discovery ---------------------------------------------------------------------------


def found_facts(unit: str | None = None, rows_per_unit: int = 1) -> Fit:
    """Discovery of some columns, with the noisy counts of each look at them."""

    def fit(table: pd.DataFrame, noise: NoiseSource) -> Seen:
        looks = []
        look = discover._look

        def watched(*args: Any, **more: Any) -> Any:
            seen = look(*args, **more)
            looks.append((seen.counts.tobytes(), dict(seen.labels), seen.stddev))
            return seen

        ledger = Ledger(epsilon=20.0, delta=1e-5, reserved_delta=1e-6)
        gate, counted = intake.admit(
            nw.from_native(table, eager_only=True),
            unit=unit,
            max_rows_per_unit=rows_per_unit,
            ledger=ledger,
            noise=noise,
            rho=ledger.share(0.002),
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(discover, "_look", watched)
            schema = discover.discover(
                gate,
                Plan(columns=tuple(Gap(name=n) for n in ("word", "year", "pay"))),
                n_hat=counted.value,
                rules=config.Discovery(),
                rho=ledger.share(0.2),
                delta=1e-6,
            ).value
        pieces = {
            "row count": counted.value,
            "counts of each look": repr(looks),
            "schema": json.dumps(schema.to_dict()),
        }
        return Seen(pieces, ledger.events)

    return fit


def raw_table(n: int = 900, seed: int = 0, span: float = 1.0) -> pd.DataFrame:
    """Words, integers far from zero, and decimals with missing cells."""
    rng = np.random.default_rng(seed)
    pay = np.round(rng.lognormal(3, span, n), 2)
    return pd.DataFrame(
        {
            "word": rng.choice(["low", "high", "rare"], n, p=[0.5, 0.45, 0.05]),
            "year": rng.integers(1990, 1990 + int(30 * span), n),
            "pay": np.where(rng.random(n) < 0.3, np.nan, pay),
        }
    )


def replay_discovery() -> None:
    table = raw_table()
    extreme = pd.DataFrame([{"word": "rare", "year": 2047, "pay": np.nan}])
    more = pd.concat([table, extreme], ignore_index=True)
    check_replay(found_facts(), table, more, raw_table(500, seed=4, span=0.5))


def replay_discovering_fit() -> None:
    fit = whole_fit(schema=None, epsilon=20.0, sensitive=["word"])
    table = raw_table()
    extreme = pd.DataFrame([{"word": "rare", "year": 2047, "pay": np.nan}])
    more = pd.concat([extreme, table], ignore_index=True)
    check_replay(fit, table, more, raw_table(500, seed=4, span=0.5))
