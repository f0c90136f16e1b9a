"""What a fit will cost and how blurred its answers will be, before any row is touched.

Public: everything here hangs on what the caller declares: a row count, which is rounded
to two digits at once, a schema or a number of columns, and the budget; no table.
Noise is computed as a fit computes it. Seconds and memory are forecasts, from work that
is counted and speeds that were set on fits of one table, Adult (``SPEEDS``): they tell
minutes from hours, no more.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from dataclasses import dataclass
from typing import Any

from fairveil import _check, config
from fairveil._sizing import advice, one_way_noise, rounds_of, sized
from fairveil.errors import ConfigError, problem
from fairveil.privacy import gdp, zcdp
from fairveil.schema import Schema

DIGITS = 2  # of a row count that are used
_WIDTH = 13  # codes of a column, where nothing else is known: Adult's mean
_BINS = 16  # codes of a numeric column: what is left of 32 after merging, as a rule
_EPSILONS = (1e-3, 1e3)  # that are searched for an accuracy
_WIDE = (1024, 256)  # width from which on ``post.fit_gan`` compares so many lines
_MEBI = 2.0**20
# bytes of a value: as text, and its code twice; the mapped code alone
_IN_MEMORY, _IN_PLACE = 60.0 + 4.0 + 4.0, 1.0


@dataclass(frozen=True, kw_only=True)
class Speeds:
    """Speeds of one core, set on fits of Adult; docs/speed.md has what one took.

    Attributes:
        start: CPU seconds of imports, compilation and what hangs on no size.
        flops: floating-point operations of network steps in a CPU second.
        count: seconds to count one row in one marginal.
        sweep: seconds to draw one row anew, for each code of its columns.
        sample: seconds to choose and decode one sampled row, for each column.
        base_mb: memory of the libraries and of compiled programs.
    """

    start: float = 12.0
    flops: float = 4.5e10
    count: float = 4e-9
    sweep: float = 1.2e-8
    sample: float = 1e-6
    base_mb: float = 600.0


SPEEDS = Speeds()


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What ``plan`` says of a fit.

    Attributes:
        rows: the row count that was used, of two digits.
        columns: number of columns.
        epsilon, delta, rho: the budget, and what it is in zCDP.
        rounds: marginals of several columns that will be measured, about.
        row_count_noise: standard deviation of the noisy row count.
        count_noise: the same of how often a value of one column occurs, in rows.
        joint_noise: the same of a cell of several columns, in rows.
        group_rows: rows of the smallest group.
        group_noise: noise of that group's own count, as a part of the group.
        effective_noise: noise of a joint cell as a part of the group: how far a share
            within the group is off.
        feasible_epsilon: least epsilon at which ``effective_noise`` is within the
            wanted accuracy; None where none was wanted, or none below 1000 is enough.
        cpu_seconds: by stage, on the machine of ``SPEEDS``.
        memory_mb: peak memory of a fit whose table is in memory.
        streamed_mb: the same where files are read in place, as the command line does;
            the codes of the rows lie in a temporary file besides.
        advice: a sentence where the table is small for its budget, else None.
    """

    rows: int
    columns: int
    epsilon: float
    delta: float
    rho: float
    rounds: int
    row_count_noise: float
    count_noise: float
    joint_noise: float
    group_rows: float
    group_noise: float
    effective_noise: float
    feasible_epsilon: float | None
    cpu_seconds: dict[str, float]
    memory_mb: float
    streamed_mb: float
    advice: str | None

    @property
    def total_seconds(self) -> float:
        """CPU seconds of all stages."""
        return sum(self.cpu_seconds.values())

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {**dataclasses.asdict(self), "total_seconds": self.total_seconds}


def plan(  # noqa: PLR0913  (what a fit is told, all by keyword)
    *,
    rows: int,
    columns: int | None = None,
    schema: Schema | None = None,
    epsilon: float = 1.0,
    delta: float = 1e-5,
    group: float = 0.05,
    accuracy: float | None = None,
    max_rows_per_unit: int = 1,
    discovery_share: float = 0.1,
    preset: str | config.Fit | None = None,
) -> Forecast:
    """Forecast a fit from public facts alone.

    Args:
        rows: about how many rows there are: a number that may be known. It is rounded
            to two digits, so that an exact count says no more than that.
        columns: number of columns, where there is no schema.
        schema: public facts; None: they will be discovered under the budget.
        epsilon, delta: the budget; epsilon may not be infinite.
        group: part of the rows that the smallest group of interest has.
        accuracy: how far a share within that group may be off, as in .02.
        max_rows_per_unit: rows that one person may own.
        discovery_share: part of the budget for discovery, where there is no schema.
        preset: as in ``FairVeil``.

    Raises:
        ConfigError: a number lies outside its range, or neither or both of ``columns``
            and ``schema`` are given.
    """
    if (columns is None) is (schema is None):
        got = "neither" if schema is None else "both"
        what = "a plan needs the number of columns or a schema, not both"
        raise ConfigError(problem(what, got=got, try_="columns=14, or a schema"))
    _check.whole(1, rows=rows, max_rows_per_unit=max_rows_per_unit)
    if columns is not None:
        _check.whole(1, columns=columns)
    _check.positive(epsilon=epsilon, group=group)
    _check.finite(epsilon=epsilon)
    _check.in_range(0.0, 1.0, group=group)
    zcdp.open_probability(delta=delta)
    settings = config.preset(preset)
    if schema is None:
        _check.in_range(0.0, 0.5, discovery_share=discovery_share)
        split = settings.split.with_discovery(discovery_share)
        settings = dataclasses.replace(settings, split=split)
    widths = _widths(columns, schema)
    asked = _Asked(rounded(rows), widths, delta, max_rows_per_unit, schema is None)
    noise = _noise(settings, asked, epsilon, group)
    fitted = sized(
        settings, n_hat=asked.signal_rows, rho=noise["rho"], columns=len(widths)
    )
    return Forecast(
        rows=asked.rows,
        columns=len(widths),
        epsilon=epsilon,
        delta=delta,
        **noise,
        feasible_epsilon=_feasible(settings, asked, group, accuracy),
        cpu_seconds=_seconds(fitted, asked, noise["rounds"]),
        memory_mb=_memory(fitted, asked, cell=_IN_MEMORY),
        streamed_mb=_memory(fitted, asked, cell=_IN_PLACE),
        advice=advice(
            settings, n_hat=asked.signal_rows, rho=noise["rho"], columns=len(widths)
        ),
    )


def rounded(rows: int) -> int:
    """A row count with two digits left, at least 1."""
    scale = 10 ** max(len(str(rows)) - DIGITS, 0)
    return max(round(rows / scale) * scale, 1)


@dataclass(frozen=True)
class _Asked:
    """What is declared of the table.

    Attributes:
        rows: rounded row count.
        widths: codes of each column, about.
        delta: of the budget.
        per_unit: rows of a unit at most.
        discovering: whether facts are looked for under the budget.
    """

    rows: int
    widths: tuple[int, ...]
    delta: float
    per_unit: int
    discovering: bool

    @property
    def signal_rows(self) -> float:
        """Rows beside the noise of one row in a unit: sensitivities grow with units."""
        return self.rows / self.per_unit

    @property
    def width(self) -> int:
        return sum(self.widths)


def _widths(columns: int | None, schema: Schema | None) -> tuple[int, ...]:
    if schema is None:
        return (_WIDTH,) * (columns or 0)
    return tuple(
        (len(c.categories) or (2 if c.kind == "boolean" else _BINS)) + int(c.nullable)
        for c in schema.columns
    )


def _noise(
    settings: config.Fit, asked: _Asked, epsilon: float, group: float
) -> dict[str, Any]:
    """Noise of a fit, by the formulas that it uses itself; in rows where not said."""
    kept = config.reserved_delta(asked.delta, discovering=asked.discovering)
    rho = gdp.calibrate_rho(epsilon, asked.delta - kept)
    size = {"n_hat": asked.signal_rows, "rho": rho, "columns": len(asked.widths)}
    settings = sized(settings, **size)
    split = settings.split
    rounds = rounds_of(settings.measuring, rho, round(asked.signal_rows))
    rounds = min(
        rounds, math.comb(len(asked.widths), 2) + math.comb(len(asked.widths), 3)
    )
    count = one_way_noise(settings, **size) * asked.rows
    joint = _stddev(rho * split.marginals / max(rounds, 1), asked.per_unit)
    group_rows = group * asked.rows
    return {
        "rho": rho,
        "rounds": rounds,
        "row_count_noise": _stddev(rho * split.rows, asked.per_unit),
        "count_noise": count,
        "joint_noise": joint,
        "group_rows": group_rows,
        "group_noise": count / group_rows,
        "effective_noise": joint / group_rows,
    }


def _stddev(rho: float, per_unit: int) -> float:
    return per_unit / math.sqrt(2.0 * rho)


def _feasible(
    settings: config.Fit, asked: _Asked, group: float, accuracy: float | None
) -> float | None:
    """The least epsilon that is accurate enough, rounded up to two digits."""
    if accuracy is None:
        return None
    _check.positive(accuracy=accuracy)

    def enough(epsilon: float) -> bool:
        return _noise(settings, asked, epsilon, group)["effective_noise"] <= accuracy

    low, high = _EPSILONS
    if not enough(high):
        return None
    if enough(low):
        return low
    while high / low > 1.001:  # noqa: PLR2004  (a tenth of the last digit shown)
        middle = math.sqrt(low * high)
        low, high = (low, middle) if enough(middle) else (middle, high)
    scale = 10.0 ** (1 - math.floor(math.log10(high)))
    return math.ceil(high * scale) / scale


def _seconds(settings: config.Fit, asked: _Asked, rounds: int) -> dict[str, float]:
    """CPU seconds by stage: counted work over measured speeds."""
    wish, vae, gan = settings.measuring, settings.vae, settings.gan
    width, columns, per = asked.width, len(asked.widths), SPEEDS
    pairs = math.comb(columns, 2)
    offered = min(min(pairs, wish.most_pairs) + wish.most_triples, wish.most_offered)
    counted = rounds * wish.pool * (offered + wish.inner * (columns + rounds / 2))
    marginals = counted * per.count + rounds * wish.pool * width * per.sweep
    marginals += offered * asked.rows * per.count
    network = _network(width, vae.hidden, vae.latent)
    steps = min(vae.steps * asked.rows, vae.most_row_steps)
    passes = steps + (vae.refreshes * 2 + 3) * asked.rows
    hidden = tuple(h + gan.extra for h in vae.hidden)
    generator = _network(width, hidden, vae.latent + gan.noise) / 2
    critic = _network(width, gan.critic, 1) / 2
    lines = _WIDE[1] if width > _WIDE[0] else width
    table = 2 * lines * width * gan.marginal_batch
    game = gan.critic_steps * gan.batch * (generator / 3 + 3 * critic)
    game += (gan.batch + gan.marginal_batch) * generator + 3 * table
    release = settings.calibration
    pool = release.pool * release.iterations
    raked = pool * release.sweeps * width * per.sweep
    raked += pool * 2 * (columns + rounds + release.most_pairs) * per.count
    return {
        "start and compilation": per.start,
        "marginals": marginals,
        "warm start": vae.warm_steps * vae.warm_batch * network / per.flops,
        "vae and clusters": passes * network / per.flops,
        "generator": gan.steps * game / per.flops,
        "calibration": raked,
        "sample of as many rows": asked.rows
        * (5 * width * per.sweep + columns * per.sample),
    }


def _network(width: int, hidden: tuple[int, ...], latent: int) -> float:
    """Operations of a step forth and back for one row, encoder and decoder."""
    sizes = (width, *hidden, latent)
    weights = sum(a * b for a, b in itertools.pairwise(sizes))
    return 6.0 * 2.0 * weights


def _memory(settings: config.Fit, asked: _Asked, *, cell: float) -> float:
    """Peak memory in MiB: the table and its codes, rows of the models, their tables."""
    width, columns = asked.width, len(asked.widths)
    table = asked.rows * columns * cell
    rows = 3.0 * 4.0 * min(settings.calibration.pool * width, 10**8)
    game = 8.0 * 4.0 * width * width
    return SPEEDS.base_mb + (table + rows + game) / _MEBI
