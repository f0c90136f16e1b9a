"""An auditor that learns groups on real rows and is asked about released ones.

Secret: trained on real rows; the arithmetic of ``honesty``. Posteriors are those of
gradient boosting with default settings, which may be too sure of itself: figures of the
release are read beside those of real rows under the same auditor only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import nnls

from fairveil._types import Floats
from fairveil.evaluate._gaps import SMALLEST_GROUP
from fairveil.evaluate._groups import SMALL_GROUP, Sensitive, alike
from fairveil.evaluate._models import Task, boosted
from fairveil.evaluate._scores import RESAMPLES, auroc
from fairveil.evaluate._tables import FEWEST, MISSING, Ints, features
from fairveil.evaluate.results import Interval
from fairveil.evaluate.results_fairness import Estimate

_ONE = 1e3  # weight of the equation "shares sum to one"


@dataclass(frozen=True)
class Audit:
    """What the auditor says of released and of real rows.

    Attributes:
        labels: groups with enough real training rows.
        shares: (groups,) their shares among those rows.
        released: (groups,) their shares among the released rows.
        said: (released rows, groups) posterior.
        said_real: (real test rows, groups) posterior, rows of these groups only.
        truth: (real test rows,) their groups.
        notes: what was left out.
    """

    labels: tuple[str, ...]
    shares: Floats
    released: Floats
    said: Floats
    said_real: Floats
    truth: Ints
    notes: tuple[str, ...]

    @property
    def frequent(self) -> Ints:
        """Groups with enough real test rows to be judged on."""
        counts = np.bincount(self.truth, minlength=len(self.labels))
        return np.flatnonzero(counts >= SMALLEST_GROUP)


def audit(
    frames: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame],
    sensitive: Sensitive,
    names: Sequence[str],
    *,
    seed: int,
) -> Audit | None:
    """Train an auditor on real rows and ask it about the others.

    Args:
        frames: real training rows, released rows, real test rows.
        sensitive: what it names.
        names: the columns it sees.
        seed: of the model.

    Returns:
        None where there are fewer than two groups with enough rows to learn and judge.
    """
    codes, labels, notes = alike(frames, sensitive)
    counts = np.bincount(codes[0], minlength=len(labels))
    keep = np.flatnonzero(counts >= SMALL_GROUP)
    place = np.full(len(labels), MISSING)
    place[keep] = np.arange(len(keep))
    learn, free, judge = (place[part] for part in codes)
    train, test = np.flatnonzero(learn >= 0), np.flatnonzero(judge >= 0)
    judged = np.bincount(judge[test], minlength=len(keep)) >= SMALLEST_GROUP
    if judged.sum() < FEWEST:
        return None
    coding = features(frames, names)
    seen = np.vstack([coding.matrices[1], coding.matrices[2][test]])
    work = Task(
        train=coding.matrices[0][train],
        train_y=learn[train],
        test=seen,
        test_y=np.zeros(len(seen), dtype=np.int64),
        cardinality=coding.cardinality,
        classes=tuple(labels[i] for i in keep),
        test_rows=np.arange(len(seen)),
    )
    said = boosted(work, seed=seed)
    return Audit(
        labels=work.classes,
        shares=counts[keep] / counts[keep].sum(),
        released=np.bincount(free[free >= 0], minlength=len(keep)) / len(free),
        said=said[: len(free)],
        said_real=said[len(free) :],
        truth=judge[test],
        notes=notes,
    )


def lost(found: Audit) -> tuple[str, ...]:
    """Groups of which the release holds less than a twentieth of their real share.

    Groups of which 20 rows would not be expected in the release are passed over.
    """
    expected = found.shares * len(found.said) >= SMALL_GROUP
    few = expected & (found.released < found.shares / 20)
    return tuple(found.labels[i] for i in np.flatnonzero(few))


def skill(found: Audit, rng: np.random.Generator) -> Estimate:
    """AUROC of the auditor on real test rows, weighted by prevalence."""
    value, interval = auroc(found.truth, found.said_real, rng=rng, by_prevalence=True)
    return Estimate(value, interval)


def gain(said: Floats, shares: Floats) -> Floats:
    """(rows,) information gain of a posterior over the shares, in nats; at least 0."""
    odds = np.divide(said, shares, out=np.ones_like(said), where=said > 0)
    return (said * np.log(odds)).sum(axis=1)


def confidence(found: Audit, rng: np.random.Generator) -> tuple[float, float, Estimate]:
    """Mean gain on released and on real rows, and the interval of their ratio."""
    one, two = (gain(said, found.shares) for said in (found.said, found.said_real))
    if not two.mean() > 0:  # the auditor learnt nothing
        nan = float("nan")
        return float(one.mean()), 0.0, Estimate(nan, Interval(nan, nan))
    ratios = [_resampled(one, rng) / _resampled(two, rng) for _ in range(RESAMPLES)]
    low, high = np.quantile(ratios, (0.025, 0.975))
    ratio = float(one.mean() / two.mean())
    return (
        float(one.mean()),
        float(two.mean()),
        Estimate(ratio, Interval(float(low), float(high))),
    )


def _resampled(values: Floats, rng: np.random.Generator) -> float:
    return float(values[rng.integers(len(values), size=len(values))].mean())


def mixture(found: Audit, rng: np.random.Generator) -> dict[str, Estimate]:
    """The share of each real group in the mixture that the released rows look like.

    The auditor's mean posterior on the release is written as a mixture of its mean
    posteriors on the real test rows of each group (adjusted counting: Forman 2008, in
    the probabilistic form of Bella et al. 2010). So an auditor that is not sure of
    single rows still tells the shares of many. Intervals resample both tables.
    """
    groups = found.frequent
    rows = [np.flatnonzero(found.truth == g) for g in groups]
    shares = _mixed([found.said_real[part] for part in rows], found.said)
    drawn = [
        _mixed(
            [found.said_real[rng.choice(part, len(part))] for part in rows],
            found.said[rng.integers(len(found.said), size=len(found.said))],
        )
        for _ in range(RESAMPLES)
    ]
    ends = np.quantile(drawn, (0.025, 0.975), axis=0)
    return {
        found.labels[group]: Estimate(float(share), Interval(float(low), float(high)))
        for group, share, low, high in zip(groups, shares, *ends, strict=True)
    }


def _mixed(by_group: list[Floats], released: Floats) -> Floats:
    """(groups,) shares, none negative, whose mixture is nearest in least squares."""
    means = np.array([part.mean(axis=0) for part in by_group])
    left = np.vstack([means.T, np.full(len(means), _ONE)])
    found, _ = nnls(left, np.append(released.mean(axis=0), _ONE))
    return found / found.sum()
