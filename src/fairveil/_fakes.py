"""Plausible fakes in the place of personal data: made up by a package, from a seed.

Public: what kind of thing a column holds. Nothing here has seen a row. The package is
Faker, of the extra ``fakes``; it is loaded when a sample is drawn. Fakes can repeat.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np

from fairveil.errors import UnsupportedError, problem

# what a column can hold, and the provider of Faker that makes such things up
PROVIDERS = {
    "name": "name",
    "first name": "first_name",
    "last name": "last_name",
    "e-mail": "safe_email",
    "phone": "phone_number",
    "address": "address",
    "national number": "ssn",
    "passport": "passport_number",
    "bank account": "iban",
    "card": "credit_card_number",
    "user name": "user_name",
    "network address": "ipv4",
}
_PIECE = 1000  # rows of one place get the same fake however the sample is cut


def check_installed() -> None:
    """Raise unless fakes can be made up on this machine.

    Raises:
        UnsupportedError: Faker is not installed.
    """
    if find_spec("faker") is None:
        what = "plausible fakes need the package Faker, which is not installed"
        raise UnsupportedError(problem(what, try_="pip install 'fairveil[fakes]'"))


def fakes(what: str, *, start: int, n: int, seed: int) -> list[str]:
    """Made-up values for the rows ``start`` to ``start + n``.

    Args:
        what: one of ``PROVIDERS``.
        start, n: place of the first row, and number of rows.
        seed: of the column in this sample.

    Raises:
        UnsupportedError: Faker is not installed.
    """
    check_installed()
    from faker import Faker  # noqa: PLC0415  (an extra; takes long to load)

    maker = Faker()
    maker.seed_instance(seed)
    make: Any = getattr(maker, PROVIDERS[what])
    pool = np.array([str(make()).replace("\n", ", ") for _ in range(_PIECE)])
    pieces = range(start // _PIECE, (start + n + _PIECE - 1) // _PIECE)
    picks = [
        np.random.default_rng([seed, p]).integers(_PIECE, size=_PIECE) for p in pieces
    ]
    if not picks:
        return []
    first = start - (start // _PIECE) * _PIECE
    return pool[np.concatenate(picks)[first : first + n]].tolist()
