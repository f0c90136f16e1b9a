"""What makes thousands of fits affordable: tiny sizes, and few steps of each kind.

Public: constants. All audits share their sizes, so that the product's functions are
compiled once.
"""

from __future__ import annotations

from typing import Any

from fairveil import config

SIZES = (2, 2, 2)
CLUSTERS = 2
WARM: dict[str, Any] = {"warm_steps": 2, "warm_batch": 16}  # costs no privacy
TRAINING = config.VaeTraining(
    hidden=(4,),
    latent=2,
    steps=2,
    l2_clip_norm=0.1,  # so low that the row's gradient is cut to it
    **WARM,
)
