"""One seed, or the operating system's entropy, into named independent streams.

Public: these streams serve post-processing and sampling. Privacy noise never comes from
here (see ``privacy.noise``), so a published seed reveals nothing of the noise.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

import numpy as np

from fairveil import _check


@dataclass(frozen=True)
class Seeds:
    """Streams by name under one root.

    Attributes:
        root: 128 bits.
    """

    root: int

    @classmethod
    def of(cls, random_state: int | None) -> Seeds:
        """Streams of a seed; None takes the operating system's entropy.

        Raises:
            ConfigError: not an integer of at least 0.
        """
        if random_state is None:
            return cls(secrets.randbits(128))
        _check.whole(0, random_state=random_state)
        return cls(int(random_state))

    def number(self, name: str) -> int:
        """A 32-bit seed of this name; equal names give equal seeds."""
        text = f"fairveil:{self.root}:{name}".encode()
        return int.from_bytes(hashlib.sha256(text).digest()[:4], "big")

    def generator(self, name: str) -> np.random.Generator:
        """A NumPy generator of this name."""
        text = f"fairveil:{self.root}:{name}".encode()
        words = np.frombuffer(hashlib.sha256(text).digest(), dtype=np.uint32)
        return np.random.Generator(np.random.PCG64(words.tolist()))
