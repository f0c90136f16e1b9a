"""The table of planted bugs.

``tools/planted_bugs.py`` makes the page docs/planted-bugs.md of it.
"""

from __future__ import annotations

import bugs_in_accounts
import bugs_in_counts
import bugs_in_noise
import bugs_in_rounds
import bugs_in_sums
import bugs_that_leak
from mutation_kit import Mutation

GROUPS: dict[str, tuple[Mutation, ...]] = {
    "Sums and networks": bugs_in_sums.MUTATIONS,
    "Noise and choices": bugs_in_noise.MUTATIONS,
    "Counts, units, discovery and samples": bugs_in_counts.MUTATIONS,
    "Rounds and the warm start": bugs_in_rounds.MUTATIONS,
    "Accounts, order and ledger files": bugs_in_accounts.MUTATIONS,
    "Leaks and the border": bugs_that_leak.MUTATIONS,
}
MUTATIONS: tuple[Mutation, ...] = tuple(m for group in GROUPS.values() for m in group)
