"""Tiny sizes of networks and rounds for tests of the wiring, and for their programs."""

from fairveil import config
from unsized import UNSIZED

TINY = config.Fit(
    vae=config.VaeTraining(hidden=(8,), latent=2, steps=3, warm_steps=3, warm_batch=32),
    clustering=config.Clustering(clusters=3, lloyd_steps=1),
    measuring=config.Measuring(
        most_bins=6,
        rounds=3,
        least_rounds=3,
        most_rounds=3,
        pool=2000,
        **UNSIZED,
    ),
    gan=config.GanTraining(
        steps=6,
        critic_steps=1,
        batch=32,
        marginal_batch=64,
        noise=2,
        extra=4,
        critic=(8,),
        fair_critic=(8,),
    ),
    calibration=config.Calibration(pool=2000, iterations=4, sweeps=2),
)
