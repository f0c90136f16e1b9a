"""Each noisy primitive by itself: worst-case neighbours, many draws, its sharpest test.

Public: all rows are made up here. Every audit runs the product's own function on two
neighbouring tables under one history (``transcript``), takes the exact answers, the
noise level that was really asked for and the noise source itself, and then draws the
release again and again. The score is the release projected on the direction in which
the unit moves it. What is found is held against the price in the ledger from both
sides: more is a leak, less than 80 % of it is noise that nobody needs.

``registry.MECHANISMS`` is the list of mechanisms.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fairveil._types import Codes, Floats
from fairveil.audit.attacks import fisher
from fairveil.audit.bounds import Counts, gaussian_epsilon, judged, mu_estimate, tuned
from fairveil.audit.results import Bound, Finding
from fairveil.audit.transcript import (
    TINY,
    Choice,
    LostError,
    Recorder,
    Release,
    Replayer,
    Sum,
    log_chances,
)
from fairveil.privacy.ledger import Ledger
from fairveil.privacy.noise import NoiseSource
from fairveil.private.measure import Counter
from fairveil.private.step import noisy_sum
from fairveil.private.view import Border, Sensitive

DELTA = 1e-5
_RESERVED = 0.1 * DELTA  # for mechanisms that spend delta themselves
_BATCH = 5_000
_PILOT = 0.2  # of the draws, to choose direction and threshold on
_CONTROL_DRAWS = 5_000
_REFERENCE_DRAWS = 100_000


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Where a mechanism is tried.

    Attributes:
        draws: releases of each table.
        seed: None for real noise.
        epsilon: of the ledger; infinity switches the noise off as the product does.
    """

    draws: int
    seed: int | None
    epsilon: float = 8.0  # room for each mechanism alone

    def ledger(self) -> Ledger:
        """A fresh ledger."""
        return Ledger(epsilon=self.epsilon, delta=DELTA, reserved_delta=_RESERVED)

    def source(self, place: int) -> NoiseSource:
        """A noise source of its own for each place."""
        if self.seed is None:
            return NoiseSource.secure()
        return NoiseSource.insecure(self.seed + place)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Releases of a mechanism as an attacker sees them.

    Attributes:
        outside, inside: features (draws, features) without and with the unit.
        mu: what the ledger was charged for them; infinite without noise.
        expected: mu that thresholding the likelihood ratio at 1 finds where all is as
            stated; None: ``mu``. Where it is given, there is one feature, the log of
            that ratio, and nothing is learnt.
        slack: delta that the mechanism spends beside mu. Where there is any, the one
            feature says whether the unit was seen for sure, and epsilon alone is held
            against the ledger.
    """

    outside: Floats
    inside: Floats
    mu: float
    expected: float | None = None
    slack: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Mechanism:
    """An entry of the list.

    Attributes:
        name: in the report.
        about: the neighbours, in words.
        sample: draws the releases.
    """

    name: str
    about: str
    sample: Callable[[Bench], Sample]


def audit_mechanism(mechanism: Mechanism, *, draws: int, seed: int | None) -> Finding:
    """Attack one mechanism with its noise and, as the control, without.

    Args:
        mechanism: an entry of ``MECHANISMS``.
        draws: releases of each table.
        seed: None for real noise; else a debugging seed.
    """
    few = min(draws, _CONTROL_DRAWS)
    try:
        sample = mechanism.sample(Bench(draws=draws, seed=seed))
        bare = mechanism.sample(Bench(draws=few, seed=seed, epsilon=math.inf))
    except LostError as error:
        return _finding(mechanism, draws, faults=(str(error),))
    bound = _bound(sample, sample.slack)
    control = _bound(bare, sample.slack)
    return _finding(mechanism, draws, sample, bound=bound, control=control)


def _finding(
    mechanism: Mechanism,
    draws: int,
    sample: Sample | None = None,
    *,
    bound: Bound | None = None,
    control: Bound | None = None,
    faults: tuple[str, ...] = (),
) -> Finding:
    mu, slack = (0.0, 0.0) if sample is None else (sample.mu, sample.slack)
    expected = mu if sample is None or sample.expected is None else sample.expected
    return Finding(
        group="mechanism",
        name=mechanism.name,
        about=mechanism.about,
        runs=draws,
        epsilon=gaussian_epsilon(mu, DELTA),
        delta=DELTA + slack,
        mu=mu,
        bound=bound or Bound.nothing(),
        control=control,
        expected=None if slack else expected,
        faults=faults,
        remarks=() if sample is None or not slack else (_shown(sample),),
    )


def _shown(sample: Sample) -> str:
    found = float(sample.inside.mean())
    return f"The unit was seen in {found:.1%} of the draws; {sample.slack:.1%} is paid."


def _bound(sample: Sample, slack: float) -> Bound:
    """What the sharpest score proves; by epsilon alone where delta was spent."""
    if not slack:
        return Bound.of(_counts(sample), delta=DELTA)
    counts = judged(sample.outside[:, 0], sample.inside[:, 0], 0.5)
    return Bound.of_epsilon(counts, delta=DELTA + slack)


def _counts(sample: Sample) -> Counts:
    if sample.expected is not None:
        return judged(sample.outside[:, 0], sample.inside[:, 0], 0.0)
    learn = max(5, int(_PILOT * len(sample.outside)))
    scores = fisher(sample.outside, sample.inside, learn)
    return tuned(*scores, learn=learn)


# (units more, ledger, noise) -> how many noisy numbers the product released, if known
Run = Callable[[int, Ledger, NoiseSource], int | None]


def heard(bench: Bench, run: Run, *, moved: float = 1.0) -> Sample:
    """Draw what one call of a product function releases, many times over.

    Args:
        bench: where.
        run: calls the product on the table with 0 or 1 units more.
        moved: share of the sums, the first ones, that the unit takes part in; it is
            held to have left the table before the rest.

    Raises:
        LostError: a number left without noise, or the releases depend on a row.
    """
    ledger, record = bench.ledger(), Recorder.of(bench.seed)
    expected = run(0, ledger, record)
    replay = Replayer.of(record)
    run(1, bench.ledger(), replay)
    pairs = list(zip(record.log, replay.finished().log, strict=True))
    noised = sum(a.exact.size if isinstance(a, Sum) else 1 for a, _ in pairs)
    if expected is not None and noised != expected:
        raise LostError(f"{expected} numbers left, {noised} of them with noise.")
    taking_part = round(moved * len(pairs))
    sides = []
    for units in (0, 1):
        there = [units * (i < taking_part) for i in range(len(pairs))]
        sides.append(_draw(bench.source(units), pairs, there, bench.draws))
    mu = math.sqrt(2 * moved * ledger.spent_rho)
    return Sample(outside=sides[0], inside=sides[1], mu=mu)


def _draw(
    source: NoiseSource,
    pairs: list[tuple[Release, Release]],
    there: list[int],
    draws: int,
) -> Floats:
    """Features (draws, releases): each one's part of the log-likelihood ratio."""
    out = np.empty((draws, len(pairs)))
    for start in range(0, draws, _BATCH):
        n = min(_BATCH, draws - start)
        for i, ((outside, inside), units) in enumerate(zip(pairs, there, strict=True)):
            if isinstance(outside, Sum) and isinstance(inside, Sum):
                drawn = _sums(source, outside, inside, units, n)
            elif isinstance(outside, Choice) and isinstance(inside, Choice):
                drawn = _choices(source, outside, inside, units, n)
            else:
                raise LostError("the kind of a release depends on a row.")
            out[start : start + n, i] = drawn
    return out


def _sums(source: NoiseSource, outside: Sum, inside: Sum, units: int, n: int) -> Floats:
    """Log-likelihood ratios: releases projected on the unit's shift."""
    shift = (inside.exact - outside.exact).astype(np.float64).ravel()
    shift = shift[shift != 0]  # the other numbers tell nothing
    discrete = outside.kind == "discrete"
    draw = source.discrete_gaussian if discrete else source.gaussian
    beyond = draw((n, len(shift)), outside.stddev) + (units - 0.5) * shift
    return beyond @ shift / max(outside.stddev, TINY) ** 2


def _choices(
    source: NoiseSource, outside: Choice, inside: Choice, units: int, n: int
) -> Floats:
    """Log-likelihood ratios of what was chosen."""
    here = inside if units else outside
    ratios = log_chances(inside) - log_chances(outside)
    # the exponent is scale * score, whatever sensitivity and e it is made of
    e = 2.0 * here.scale
    picks = [source.exponential_mechanism(here.scores, 1.0, e) for _ in range(n)]
    return ratios[picks]


def copies(bench: Bench, *, sizes: tuple[int, ...], k: int, rho: float) -> Sample:
    """One marginal whose cells are independent copies of the worst case.

    A unit's k rows lie in one cell. As a cell's noise does not hang on the others, a
    marginal in which every cell gets k rows is as many draws as it has cells.

    Args:
        bench: where.
        sizes: of the columns; their product is at least the number of draws.
        k: rows of each unit.
        rho: budget of one marginal.
    """
    cells = np.stack(np.unravel_index(np.arange(math.prod(sizes)), sizes), axis=1)
    sides, ledger = [], bench.ledger()
    for units in (0, 1):
        ledger = bench.ledger()
        codes = np.repeat(cells, units * k, axis=0).astype(np.int32)
        border = border_of(codes, ledger, bench.source(units), sizes=sizes, k=k)
        released = Counter(border).marginal(
            tuple(range(len(sizes))), rho=rho, stage="audit", what="marginal"
        )
        sides.append(released.value.counts[: bench.draws, None])
    mu = math.sqrt(2 * ledger.spent_rho)
    return Sample(outside=sides[0], inside=sides[1], mu=mu)


def sampled_copies(
    bench: Bench, *, steps: int, sampling_rate: float, k: int, rho: float
) -> Sample:
    """Noisy sums over Poisson samples, of which each coordinate is a draw.

    Every unit of k rows adds k to a coordinate of its own, in the steps for which it is
    sampled: as many independent worst cases as there are units. The attacker knows the
    rate and adds up the likelihood ratios of the steps.

    Args:
        bench: where.
        steps: sums, each over a fresh sample.
        sampling_rate: chance of a unit to be sampled.
        k: rows of each unit.
        rho: budget of all steps.
    """
    n, sides, ledger = bench.draws, [], bench.ledger()

    def chunk_sum(codes: Codes, mask: np.ndarray) -> dict[str, Floats]:
        sums = np.bincount(codes[:, 0], weights=mask, minlength=n)
        return {"sums": sums.astype(np.float64)}

    for units in (0, 1):
        ledger = bench.ledger()
        codes = np.repeat(np.arange(n * units, dtype=np.int32), k)[:, None]
        border = border_of(codes, ledger, bench.source(units), sizes=(n,), k=k)
        sampling = border.poisson(
            "audit",
            "sampled steps",
            bound=1.0,
            rho=rho,
            count=steps,
            sampling_rate=sampling_rate,
            slack=0.5 * _RESERVED,
        )
        game = _SampledGame(sampling_rate, k, max(sampling.event.noise_stddev, TINY))
        ratios = np.zeros(n)
        for _ in range(steps):
            noisy = noisy_sum(border, chunk_sum, sampling=sampling)["sums"]
            ratios += game.evidence(noisy)
        sides.append(ratios[:, None])
    return Sample(
        outside=sides[0],
        inside=sides[1],
        mu=math.sqrt(2 * ledger.spent_rho),
        expected=game.expected(steps) if ledger.private else math.inf,
    )


@dataclass(frozen=True)
class _SampledGame:
    """One step: N(0, stddev^2), or with chance ``rate`` that around ``shift``."""

    rate: float
    shift: float
    stddev: float

    def evidence(self, noisy: Floats) -> Floats:
        """Log-likelihood ratios of a step's answers."""
        there = (noisy - 0.5 * self.shift) * self.shift / self.stddev**2
        return np.logaddexp(math.log1p(-self.rate), math.log(self.rate) + there)

    def expected(self, steps: int) -> float:
        """Mu found by thresholding at 1, from draws that the product has no part in."""
        rng, sums = np.random.Generator(np.random.PCG64(0)), []
        for units in (0, 1):
            total = np.zeros(_REFERENCE_DRAWS)
            for _ in range(steps):
                there = units * (rng.random(_REFERENCE_DRAWS) < self.rate)
                noise = self.stddev * rng.standard_normal(_REFERENCE_DRAWS)
                total += self.evidence(noise + self.shift * there)
            sums.append(total)
        return mu_estimate(judged(sums[0], sums[1], 0.0)).value


def border_of(
    codes: Codes,
    ledger: Ledger,
    noise: NoiseSource,
    *,
    sizes: tuple[int, ...],
    k: int = 1,
) -> Border:
    """A border on made-up rows; with k above 1, k rows after each other are a unit."""
    units = None if k == 1 else np.arange(len(codes)) // k
    rows = Sensitive(codes, sizes=sizes, rows_per_unit=k, units=units)
    return Border(rows, ledger, noise)
