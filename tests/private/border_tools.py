"""Recording doubles of the border, and checks that a private stage must pass.

The checks raise ``AssertionError``; ``test_planted_bugs.py`` shows that each catches
the bug it is for.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import narwhals as nw
import numpy as np
import pandas as pd

from fairveil import config
from fairveil.codec import Codec
from fairveil.nn import vae
from fairveil.nn.blocks import Blocks
from fairveil.privacy.events import Gaussian, PoissonGaussian
from fairveil.privacy.ledger import Ledger
from fairveil.privacy.noise import NoiseSource
from fairveil.private import cluster, fit_vae as fit_vae_module, step
from fairveil.private.intake import open_border
from fairveil.private.view import Border, Sensitive
from fairveil.schema import Column, Schema

SIZES = (3, 2, 4)
SHAPE = vae.VaeShape(blocks=Blocks(SIZES), hidden=(6,), latent=3)


@dataclasses.dataclass
class Draw:
    """One request of noise."""

    kind: str
    shape: tuple[int, ...]
    stddev: float
    noise: np.ndarray


class TapeNoise(NoiseSource):
    """A repeatable source that records each request; ``mute`` adds zeros instead."""

    tape: list[Any]
    mute: bool

    @classmethod
    def make(
        cls, tape: list[Any] | None = None, *, seed: int = 0, mute: bool = False
    ) -> TapeNoise:
        source = cls.insecure(seed)
        source.tape, source.mute = ([] if tape is None else tape), mute
        return source

    def gaussian(self, shape: Any, stddev: float) -> np.ndarray:
        return self._kept("gaussian", super().gaussian(shape, stddev), stddev)

    def discrete_gaussian(self, shape: Any, stddev: float) -> np.ndarray:
        return self._kept("discrete", super().discrete_gaussian(shape, stddev), stddev)

    def exponential_mechanism(self, scores: Any, sensitivity: float, e: float) -> int:
        self.tape.append(("scores", np.array(scores), sensitivity, e))
        return super().exponential_mechanism(
            scores, sensitivity, math.inf if self.mute else e
        )

    def _kept(self, kind: str, values: np.ndarray, stddev: float) -> np.ndarray:
        values = np.zeros_like(values) if self.mute else values
        self.tape.append(Draw(kind, values.shape, stddev, values.copy()))
        return values


class TapeLedger(Ledger):
    """A ledger that records each authorisation on a tape shared with the others."""

    tape: list[Any]

    @classmethod
    def make(
        cls,
        tape: list[Any] | None = None,
        *,
        epsilon: float = 1.0,
        reserved_delta: float = 0.0,
    ) -> TapeLedger:
        ledger = cls(epsilon=epsilon, delta=1e-5, reserved_delta=reserved_delta)
        ledger.tape = [] if tape is None else tape
        return ledger

    def authorize(self, event: Any) -> None:
        super().authorize(event)
        self.tape.append(("event", event))

    spend = authorize


class TapeRows(Sensitive):
    """Rows that record each opening."""

    __slots__ = ("tape",)

    def unwrap(self) -> np.ndarray:
        self.tape.append(("open",))
        return super().unwrap()

    def unwrap_units(self) -> np.ndarray | None:
        self.tape.append(("open",))
        return super().unwrap_units()


def rows_of(
    codes: Any,
    sizes: tuple[int, ...] = SIZES,
    *,
    k: int = 1,
    units: Any = None,
    tape: Any = None,
) -> TapeRows:
    table = np.asarray(codes, dtype=np.int32).reshape(-1, len(sizes))
    owners = None if units is None else np.asarray(units, dtype=np.int64)
    rows = TapeRows(table, sizes=sizes, rows_per_unit=k, units=owners)
    rows.tape = [] if tape is None else tape
    return rows


def border_of(
    codes: Any,
    sizes: tuple[int, ...] = SIZES,
    *,
    k: int = 1,
    units: Any = None,
    epsilon: float = 1.0,
    reserved_delta: float = 0.0,
    seed: int = 0,
    mute: bool = False,
) -> tuple[Border, list[Any]]:
    """A border on these codes, and the tape of all that happens at it."""
    tape: list[Any] = []
    rows = rows_of(codes, sizes, k=k, units=units, tape=tape)
    ledger = TapeLedger.make(tape, epsilon=epsilon, reserved_delta=reserved_delta)
    return Border(rows, ledger, TapeNoise.make(tape, seed=seed, mute=mute)), tape


def random_codes(n: int, sizes: tuple[int, ...] = SIZES, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([rng.integers(0, s, n) for s in sizes], axis=1).astype(np.int32)


def big_layers(scale: float, seed: int = 0, shape: vae.VaeShape = SHAPE) -> Any:
    layers = vae.init(np.random.default_rng(seed), shape)
    return jax.tree.map(lambda a: (a + 0.1) * scale, layers)


def training(**changes: Any) -> config.VaeTraining:
    tiny = {"hidden": (6,), "latent": 3, "steps": 3, "learning_rate": 0.02}
    return config.VaeTraining(**{**tiny, "refreshes": 1, **changes})


def flat(tree: Any) -> np.ndarray:
    """All numbers of a pytree in one float64 vector."""
    return np.concatenate(
        [np.asarray(x, np.float64).ravel() for x in jax.tree.leaves(tree)]
    )


def gaussian_events(tape: list[Any]) -> list[Gaussian | PoissonGaussian]:
    return [
        e[1]
        for e in tape
        if isinstance(e, tuple)
        and e[0] == "event"
        and isinstance(e[1], Gaussian | PoissonGaussian)
    ]


def draws(tape: list[Any]) -> list[Draw]:
    return [entry for entry in tape if isinstance(entry, Draw)]


@contextlib.contextmanager
def noisy_sums() -> Iterator[list[np.ndarray]]:
    """Collects what ``noisy_sum`` returns to its callers, flat, in order."""
    seen: list[np.ndarray] = []
    homes = (fit_vae_module, cluster)
    kept = [home.noisy_sum for home in homes]

    def spy(original: Any) -> Any:
        def called(*args: Any, **kwargs: Any) -> Any:
            out = original(*args, **kwargs)
            seen.append(flat(out))
            return out

        return called

    try:
        for home, original in zip(homes, kept, strict=True):
            home.noisy_sum = spy(original)
        yield seen
    finally:
        for home, original in zip(homes, kept, strict=True):
            home.noisy_sum = original


def run_vae(
    border: Border, *, rho: float = 0.01, n_hat: int = 20, seed: int = 5, **changes: Any
) -> Any:
    return fit_vae_module.fit_vae(
        border,
        shape=SHAPE,
        training=training(**changes),
        clusters=3,
        rho=rho,
        n_hat=n_hat,
        key=jax.random.key(seed),
    ).value


def run_clusters(
    border: Border, *, layers: Any = None, rho: float = 0.01, steps: int = 2
) -> Any:
    return cluster.fit_mixture(
        border,
        layers=big_layers(1.0) if layers is None else layers,
        shape=SHAPE,
        clusters=3,
        lloyd_steps=steps,
        rho=rho,
        key=jax.random.key(7),
    ).value


# Checks ----------------------------------------------------------------------------


def check_within(before: np.ndarray, after: np.ndarray, sensitivity: float) -> None:
    """A pre-noise query moved by at most the sensitivity that the event declares."""
    assert before.shape == after.shape
    moved = float(np.linalg.norm(np.asarray(after, float) - np.asarray(before, float)))
    assert moved <= sensitivity, (moved, sensitivity)


def check_events_before_rows(tape: list[Any]) -> None:
    """No rows are opened before something was authorised, and no noise without it."""
    kinds = [entry[0] if isinstance(entry, tuple) else "draw" for entry in tape]
    opened = [i for i, kind in enumerate(kinds) if kind in ("open", "draw", "scores")]
    assert opened
    assert kinds[0] == "event", kinds[:4]


def check_noise_matches_events(
    tape: list[Any], *, discrete: bool | None = None
) -> None:
    """Each release drew the noise of its event, and as often as the event counts.

    A release is a run of draws without another opening of the rows in between: one
    discrete draw, or one Gaussian draw for each array of a sum.
    """
    charged: dict[float, int] = {}
    for event in gaussian_events(tape):
        charged[event.noise_stddev] = charged.get(event.noise_stddev, 0) + event.count
    drawn: dict[float, int] = {}
    fresh = True
    for entry in tape:
        if isinstance(entry, tuple):
            fresh = True
            continue
        if fresh or entry.kind == "discrete":
            drawn[entry.stddev] = drawn.get(entry.stddev, 0) + 1
        fresh = False
    assert drawn == charged, (drawn, charged)
    if discrete is not None:
        assert all((d.kind == "discrete") is discrete for d in draws(tape))
        events = gaussian_events(tape)
        assert all(getattr(e, "discrete", False) is discrete for e in events)


def check_noise_is_fresh(tape: list[Any]) -> None:
    """No two draws share their leading numbers (chance of an accident below 1e-9)."""
    heads = [
        d.noise.ravel()[:3].tobytes()
        for d in draws(tape)
        if d.kind == "gaussian" and d.noise.size >= 3
    ]
    assert len(heads) > 1
    assert len(set(heads)) == len(heads)
    for d in draws(tape):
        if d.kind == "gaussian" and d.noise.size > 1:
            assert len(np.unique(d.noise)) == d.noise.size


def check_scale(noise: np.ndarray, stddev: float) -> None:
    """Two-sided: 2/3 and 3/2 of the declared standard deviation are both refused."""
    noise = np.asarray(noise, float).ravel()
    assert noise.size >= 400
    ratio = float(np.sqrt(np.mean(noise**2))) / stddev
    assert 0.85 < ratio < 1.15, ratio
    assert abs(float(noise.mean())) < 5 * stddev / math.sqrt(noise.size)


def small_chunks(monkeypatch: Any, rows: int = 16) -> None:
    """Chunks of a few rows: cheap, and small tables cross their borders."""
    monkeypatch.setattr(step, "CHUNK", rows)


def forget_compiled() -> None:
    """Compile anew: a bug planted inside a compiled function is not seen before."""
    for compiled in (
        fit_vae_module.chunk_gradient,
        fit_vae_module._descent,
        cluster._latents,
    ):
        compiled.cache_clear()


def plant(monkeypatch: Any, home: Any, name: str, bug: Any) -> None:
    """Put a bug where compiled functions may have read the honest code already.

    The test must call ``forget_compiled`` when it ends, or the bug outlives it.
    """
    monkeypatch.setattr(home, name, bug)
    forget_compiled()


def centroids_of(seed: int = 0) -> Any:
    return jnp.asarray(
        np.random.default_rng(seed).normal(size=(3, SHAPE.latent)), jnp.float32
    )


# Tables ----------------------------------------------------------------------------


def schema_of(sizes: tuple[int, ...] = SIZES) -> Schema:
    """Text categories ``"0", "1", ...`` in columns ``c0, c1, ...``."""
    return Schema(
        columns=tuple(
            Column(
                name=f"c{j}", kind="categorical", categories=tuple(map(str, range(s)))
            )
            for j, s in enumerate(sizes)
        ),
        declared_by="a test",
    )


def frame_of(codes: Any, sizes: tuple[int, ...] = SIZES, **more: Any) -> pd.DataFrame:
    codes = np.asarray(codes).reshape(-1, len(sizes))
    columns = {
        f"c{j}": codes[:, j].astype(str).astype(object) for j in range(len(sizes))
    }
    return pd.DataFrame({**columns, **more})


class TapeTable:
    """A narwhals frame that records each look at its cells or its length."""

    def __init__(self, frame: pd.DataFrame, tape: list[Any]) -> None:
        self._frame, self.tape = nw.from_native(frame, eager_only=True), tape
        self.columns = self._frame.columns

    def __getitem__(self, name: str) -> Any:
        self.tape.append(("open",))
        return self._frame[name]

    def __len__(self) -> int:
        self.tape.append(("open",))
        return len(self._frame)


def count_rows(
    frame: pd.DataFrame,
    *,
    rho: float = 1e-3,
    unit: str | None = None,
    k: int = 1,
    epsilon: float = 1.0,
    seed: int = 0,
    mute: bool = False,
) -> tuple[Border, int, list[Any]]:
    """Border and noisy row count of a frame of ``schema_of()``, and the tape."""
    tape: list[Any] = []
    border, n_hat = open_border(
        TapeTable(frame, tape),
        Codec.on_grid(schema_of()),
        unit=unit,
        max_rows_per_unit=k,
        ledger=TapeLedger.make(tape, epsilon=epsilon),
        noise=TapeNoise.make(tape, seed=seed, mute=mute),
        rho=rho,
    )
    return border, n_hat.value, tape
