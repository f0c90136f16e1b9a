"""Frozen settings of a release: nothing here can change the privacy of a fit.

Public constants; ``fairveil.config`` holds them beside those of the private stage.
"""

from __future__ import annotations

from dataclasses import dataclass

from fairveil import _check

# A model file may come from anybody, and its settings are used again by ``refine`` and
# ``sample``: so they are bounded where they are made, at 100 times the default work.
_MOST_ROW_STEPS = 2e8  # generator steps times the rows that each looks at
_WIDEST = 4096
_MOST_CHOICES = _MOST_SWEEPS = 100
_MOST_POOL = 2_000_000
_MOST_PAIRS = 10_000


@dataclass(frozen=True, kw_only=True)
class GanTraining:
    """The WGAN-GP and the fairness critic; nothing here can change privacy.

    Attributes:
        steps: generator steps.
        critic_steps: critic steps for each generator step.
        batch: rows in a critic batch.
        marginal_batch: rows in the batch of the marginal distance.
        learning_rate: of the generator; the critics use twice it.
        penalty: weight of the gradient penalty.
        wasserstein: weight of the WGAN term in the generator's loss.
        marginal: weight of the marginal distance in it.
        fairness: weight of the fairness critic in it, at strength 1.
        temperature: of the Gumbel-softmax.
        averaging: decay of the generator's weight average.
        noise, extra: dimensions of fresh noise; hidden units beyond the decoder's.
        critic: widths of the critic's hidden layers.
        fair_critic: widths of the fairness critic's hidden layers.
    """

    steps: int = 500
    critic_steps: int = 3
    batch: int = 256
    marginal_batch: int = 1024
    learning_rate: float = 2e-3
    penalty: float = 10.0
    wasserstein: float = 0.02
    marginal: float = 3.0
    fairness: float = 1.0
    temperature: float = 0.7
    averaging: float = 0.99
    noise: int = 8
    extra: int = 64
    critic: tuple[int, ...] = (128, 64)
    fair_critic: tuple[int, ...] = (128, 64)

    def __post_init__(self) -> None:
        _check.whole(1, steps=self.steps, critic_steps=self.critic_steps)
        _check.whole(2, batch=self.batch, marginal_batch=self.marginal_batch)
        _check.positive(learning_rate=self.learning_rate, temperature=self.temperature)
        for width in (self.noise, self.extra, *self.critic, *self.fair_critic):
            _check.in_range(0, _WIDEST, width=width)
        rows = self.critic_steps * self.batch + self.marginal_batch
        _check.in_range(1, _MOST_ROW_STEPS, row_steps=self.steps * rows)


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Weights fitted to the marginals; nothing here can change privacy.

    Attributes:
        pool: generated rows that the weights are fitted on.
        iterations: times the pool is swept anew and the weights follow; 0 leaves the
            generator uncalibrated.
        sweeps: Gibbs sweeps of each row, in the fit of the weights and in a release.
        softness: rows of prior belief in the generator; larger trusts noisy cells less.
        least_stddev: a cell's noise counts as at least this (a probability): with less
            noise the pool's own sampling error would be fitted.
        most_pairs: unmeasured pairs that are held to what the marginal model says.
        unmeasured_stddev: noise that each of their cells is held to have.
        choices: rows of which one is released, that which best balances the table;
            1 releases them as they come.
    """

    pool: int = 60_000
    iterations: int = 4
    sweeps: int = 2
    softness: float = 1000.0
    least_stddev: float = 3e-4
    most_pairs: int = 100
    unmeasured_stddev: float = 1e-3
    choices: int = 3

    def __post_init__(self) -> None:
        _check.whole(1, pool=self.pool, sweeps=self.sweeps, choices=self.choices)
        _check.in_range(1, _MOST_CHOICES, choices=self.choices)
        _check.in_range(1, _MOST_SWEEPS, sweeps=self.sweeps)
        _check.in_range(0, _MOST_SWEEPS, iterations=self.iterations)
        _check.in_range(1, _MOST_POOL, pool=self.pool)
        _check.in_range(0, _MOST_PAIRS, most_pairs=self.most_pairs)
        _check.whole(0, iterations=self.iterations)
        _check.positive(softness=self.softness)
